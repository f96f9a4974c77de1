"""The verbs that prove designs: csim, cosim, compare, synth, timing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .. import api
from ..errors import FpgaSqueezeError
from . import options as opt
from .inspection import print_agreement
from .luts import print_luts
from .output import print_json, print_run, print_synthesis, progress, steps
from .timing import print_routed, print_timing


def _report(run: api.Run, as_json: bool) -> int:
    """Print a run; the exit code."""
    if as_json:
        print_json(run.to_json())
    else:
        print_run(run)
    return int(not run.equal)


@click.command()
@opt.project
@opt.images
@opt.frames
@opt.as_json
def csim(project: str, images: str | None, frames: int | None, as_json: bool) -> int:
    """Compile the HLS C++ with g++, run it, compare every kernel with golden."""
    with steps() as on_step:
        run = api.csim(project, images, frames, on_step)
    return _report(run, as_json)


@click.command()
@opt.project
@opt.images
@opt.frames
@click.option("--stalls", type=int, default=0, metavar="SEED", help="Stall both sides at random; 0: never.")
@opt.as_json
def cosim(project: str, images: str | None, frames: int | None, stalls: int, as_json: bool) -> int:
    """Build the RTL with Verilator, stream frames through it, compare every kernel with golden, count cycles."""
    with steps() as on_step:
        run = api.cosim(project, images, frames, stalls, on_step)
    return _report(run, as_json)


@click.command()
@click.argument("project", metavar="DIR_OR_MODEL")
@click.option("--images", metavar="PATH", help=f"Images to run a model on: {opt.IMAGES}.")
@click.option("--frames", type=int, metavar="N", help="Run at most N images.")
@opt.reading
@opt.as_json
def compare(project: str, images: str | None, frames: int | None, as_json: bool, **given: Any) -> int:
    """Compare the outputs of the last csim and cosim with a fresh golden run.

    Of a quantised MODEL: compare golden with onnxruntime, tensor by tensor, each layer on onnxruntime's own inputs.
    """
    if not Path(project).is_dir():
        return _agree(project, images, frames, as_json, given)
    if images is not None or frames is not None or any(given.values()):
        raise FpgaSqueezeError(
            f"{project}: is a project folder, whose last csim and cosim are compared as they are; leave out every "
            "option but --json"
        )
    with steps() as on_step:
        runs = api.compare(project, on_step)
    if as_json:
        totals: dict[str, object] = {
            "values_compared": sum(run.comparison.values_compared for run in runs),
            "mismatches": sum(run.mismatches for run in runs),
        }
        print_json(totals | {run.kind: run.to_json() for run in runs})
    else:
        for run in runs:
            print_run(run)
    return int(not all(run.equal for run in runs))


def _agree(
    model: str, images: str | None, frames: int | None, as_json: bool, given: Mapping[str, Any]
) -> int:
    """Golden and onnxruntime on a file; the exit code."""
    if images is None:
        raise FpgaSqueezeError(
            f"{model}: is no project folder; give one, or, to compare a quantised model with onnxruntime, images with "
            "--images"
        )
    with progress() as (on_step, on_progress):
        on_step("golden and onnxruntime")
        result = api.agree(model, images, frames, options=opt.read_options(given), on_progress=on_progress)
    if as_json:
        print_json(result.to_json())
    else:
        print_agreement(result)
    return int(not result.equal)


@click.command()
@opt.project
@opt.as_json
def synth(project: str, as_json: bool) -> int:
    """Synthesise the RTL with Yosys, kernel by kernel, and set what it maps beside the estimate."""
    with steps() as on_step:
        result = api.synth(project, on_step)
    if as_json:
        print_json(result.to_json())
    else:
        print_luts(result)
        print_synthesis(result)
    return int(bool(result.differences or result.short))


@click.command()
@opt.project
@click.option("--kernel", metavar="K", help="Only this kernel.")
@click.option("--device", metavar="NAME", help="Device or board to time for; the project's own if left out.")
@click.option(
    "--clock-mhz", type=float, metavar="F", help="Clock asked for, in MHz; the project's own if left out."
)
@click.option(
    "--route",
    "with_route",
    is_flag=True,
    help="Place and route as well: a nextpnr with the xilinx architecture and FSQ_CHIPDB, else nextpnr-ecp5.",
)
@opt.as_json
def timing(
    project: str,
    kernel: str | None,
    device: str | None,
    clock_mhz: float | None,
    with_route: bool,
    as_json: bool,
) -> int:
    """Map the RTL with Yosys and time it, kernel by kernel, before any placement: levels, slack, slowest paths."""
    with steps() as on_step:
        result = api.timing(project, kernel, device, clock_mhz, on_step)
        routed = api.route(project, kernel, device, clock_mhz, on_step) if with_route else None
    if as_json:
        print_json(result.to_json() | ({"routed": routed.to_json()} if routed else {}))
    else:
        print_timing(result)
        if routed:
            print_routed(routed)
    return int(not result.met)
