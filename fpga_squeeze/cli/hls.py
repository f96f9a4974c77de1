"""The verb hls: an HLS tool over a project."""

from __future__ import annotations

import click

from .. import api
from ..api import HlsKernel, HlsRun
from ..verify.hls.results import Area
from ..verify.hls.tools import TOOL_NAMES
from ..verify.hls.tops import WHOLE
from . import options as opt
from .output import new_table, print_json, say, show, steps


@click.command()
@opt.project
@click.option(
    "--tool", metavar="TOOL", help="bambu or vitis; else the one that the project's HLS C++ is for."
)
@click.option(
    "--kernel", metavar="NAME", help="One kernel; fsq_top: the whole design; else every kernel by itself."
)
@click.option("--frames", type=int, default=1, show_default=True, metavar="N", help="Images to run.")
@click.option(
    "--yosys", "with_yosys", is_flag=True, help="Count the cells of the tool's RTL and of ours with Yosys."
)
@opt.as_json
def hls(
    project: str, tool: str | None, kernel: str | None, frames: int, with_yosys: bool, as_json: bool
) -> int:
    """Run Bambu or Vitis HLS, simulate its RTL, compare every kernel with golden, read its reports."""
    with steps() as on_step:
        run = api.hls(project, tool, kernel, frames, with_yosys=with_yosys, on_step=on_step)
    if as_json:
        print_json(run.to_json())
    else:
        print_hls(run)
    return int(not run.good)


def _pair(theirs: int | None, ours: int | None) -> str:
    return " / ".join("-" if value is None else f"{value:,}" for value in (theirs, ours))


def _cells(kernel: HlsKernel) -> list[str]:
    area: Area = kernel.mapped or kernel.area
    own = kernel.ours.area
    return [
        _pair(area.luts, own.luts),
        _pair(area.flip_flops, own.flip_flops),
        _pair(area.dsp, own.dsp),
        _pair(area.bram18, own.bram18),
    ]


def print_hls(run: HlsRun) -> None:
    """A row per kernel, the tool's figures before ours; the loops that miss their interval; the verdict."""
    name = TOOL_NAMES[run.tool]
    frames = f"{run.frames} frame{'s' if run.frames != 1 else ''}"
    columns = {"kernel": "left"} | dict.fromkeys(
        ["values", "differ", "cycles", "LUT", "FF", "DSP", "RAMB18", "seconds"], "right"
    )
    table = new_table(
        f"hls: RTL of {name} {run.version} against golden, {frames}; {name}'s figure / our RTL's", columns
    )
    for kernel in run.kernels:
        verdict = kernel.verdict
        table.add_row(
            kernel.name,
            f"{verdict.values:,}",
            f"{verdict.mismatches:,}",
            _pair(kernel.cycles, kernel.ours.cycles),
            *_cells(kernel),
            f"{kernel.synthesis_seconds + kernel.simulation_seconds:,.0f}",
            style=None if verdict.equal else "red",
        )
    show(table)
    _print_sources(run)
    for kernel in run.kernels:
        for loop in kernel.loops:
            if not loop.missed:
                say(f"{kernel.name}: {loop}")
    for text in run.problems:
        say(text)
    if run.first:
        say(str(run.first))
    if run.equal:
        say(f"hls: all {run.values_compared:,} values equal")
    else:
        say(f"hls: {run.mismatches:,} of {run.values_compared:,} values differ")


def _print_sources(run: HlsRun) -> None:
    """Where the figures come from."""
    mapped = any(kernel.mapped for kernel in run.kernels)
    cells = "both as mapped by Yosys" if mapped else f"{TOOL_NAMES[run.tool]}'s own estimate / ours"
    say(f"cells: {cells}; device {run.device}, clock {run.clock_ns:g} ns")
    if run.tool == "bambu":
        ours = "our planned latency" if run.kernels[0].name == WHOLE else "our planned cycles per frame"
        say(f"cycles: one frame from start to done; Bambu does not pipeline loops / {ours}")
