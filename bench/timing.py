"""Levels and clock of whole designs and of their kernels, before placement: ``python -m bench.timing [PROJECT ...]``.

The digits network on an XC7Z020 with all its lanes, with 8 and with Huffman-coded weights; then the projects named,
which ``generate`` has written (those of docs/devices.md, for example); with ``--large`` SqueezeNet v1.1 on 900 lanes
too, which takes more than ten minutes. Columns are those of docs/timing.md; all are timed as for a 7 series device of
speed grade -1.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fpga_squeeze import api
from fpga_squeeze.cli.output import new_table, show
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.project.project import load_project
from fpga_squeeze.verify.timing.report import time_design
from fpga_squeeze.verify.timing.results import Timing

from .networks import squeezenet

DEVICE = find_device("xc7z020")
CLOCK_MHZ = 200.0
DIGITS = {
    "digits": api.DesignOptions(),
    "digits, 8 lanes": api.DesignOptions(lanes=8),
    "digits, Huffman": api.DesignOptions(weights="huffman"),
}
LARGE_LANES = 900


def designs(scratch: Path, projects: list[str], large: bool) -> Iterator[tuple[str, Path, Path]]:
    """(name, folder of the RTL, folder for netlists) of every design."""
    for name, options in DIGITS.items():
        project = api.generate(None, scratch / name.replace(", ", "_"), options)
        yield f"{name} ({project.plan.lanes})", project.rtl, project.build("timing")
    for path in projects:
        project = load_project(path)
        yield f"{path} ({project.plan.lanes})", project.rtl, project.build("timing")
    if large:
        plan = make_plan(squeezenet("1.1", 224), LARGE_LANES, None)
        emit_rtl(plan, scratch / "large", {"line": "Benchmark of timing.", "plan": f"{plan.lanes} lanes."})
        yield f"v1.1 ({plan.lanes})", scratch / "large", scratch / "large_build"


def print_design(name: str, timing: Timing) -> None:
    """A row per kernel; the last row is the whole design, paths between kernels with it."""
    columns = {"kernel": "left"} | dict.fromkeys(
        ("levels", "most levels", "logic ns", "wires ns", "Fmax MHz"), "right"
    )
    table = new_table(f"timing of {name}", columns)
    for kernel in timing.kernels:
        if kernel.paths:
            slowest = kernel.paths[0]
            parts = (f"{slowest.logic_ns:.2f}", f"{slowest.route_ns:.2f}", f"{kernel.fmax_mhz:.1f}")
            table.add_row(kernel.name, str(kernel.levels), str(kernel.most_levels), *parts)
    paths = [path for kernel in timing.kernels for path in kernel.paths] + list(timing.between)
    slowest = max(paths, key=lambda path: path.delay_ns)
    most = max([path.levels for path in timing.between] + [kernel.most_levels for kernel in timing.kernels])
    parts = (f"{slowest.logic_ns:.2f}", f"{slowest.route_ns:.2f}", f"{timing.fmax_mhz:.1f}")
    table.add_row("whole", str(slowest.levels), str(most), *parts, style="bold")
    show(table)


def main() -> None:
    """Print a table for every design."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", nargs="*", metavar="PROJECT")
    parser.add_argument("--large", action="store_true", help=f"SqueezeNet v1.1 on {LARGE_LANES} lanes too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name, rtl, build in designs(Path(scratch), options.projects, options.large):
            print_design(name, time_design(rtl, build, DEVICE, CLOCK_MHZ))


if __name__ == "__main__":
    main()
