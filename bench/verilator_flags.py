"""Flags of Verilator and of the C++ compiler, measured: ``python -m bench.verilator_flags``.

One design is built with each set of flags and one frame is run: seconds for both, and whether the recorded words are
those of the first set. Seconds are processor time of all processes started, which other work on the machine changes
least: a build spreads over the cores, a frame has one (or ``--threads``).
"""

from __future__ import annotations

import argparse
import filecmp
import os
import resource
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.verify.cosim import Flags, build_cosim, run_cosim_program

from .networks import squeezenet

BASE = Flags()


def _without(*names: str) -> Flags:
    """The default flags of Verilator without some, each with its value."""
    kept, skip = [], False
    for flag in BASE.verilator:
        if flag.startswith("-"):
            skip = flag in names
        if not skip:
            kept.append(flag)
    return replace(BASE, verilator=tuple(kept))


def _more(*flags: str) -> Flags:
    return replace(BASE, verilator=(*BASE.verilator, *flags))


def _cxx(*flags: str) -> Flags:
    return replace(BASE, compiler=flags)


VARIANTS: dict[str, Flags] = {
    "default": BASE,
    "no Verilator -O3": _without("-O3"),
    "no --x-assign, --x-initial": _without("--x-assign", "--x-initial"),
    "no --output-split": _without("--output-split"),
    "--output-split 2000": replace(
        _without("--output-split"),
        verilator=(*_without("--output-split").verilator, "--output-split", "2000"),
    ),
    "--output-split 20000": replace(
        _without("--output-split"),
        verilator=(*_without("--output-split").verilator, "--output-split", "20000"),
    ),
    "--output-split-cfuncs 500": _more("--output-split-cfuncs", "500"),
    "--noassert": _more("--no-assert"),
    "--inline-mult 0": _more("--inline-mult", "0"),
    "--threads 2": _more("--threads", "2"),
    "C++ -O1": _cxx("-O1", "-fno-math-errno"),
    "C++ -Os": _cxx("-Os", "-fno-math-errno"),
    "C++ -O3": _cxx("-O3", "-fno-math-errno"),
    "C++ -O1 -ftree-vectorize": _cxx("-O1", "-ftree-vectorize"),
    "C++ -O2 -march=native": _cxx("-O2", "-march=native"),
    "C++ -O3 -march=native": _cxx("-O3", "-march=native"),
    "C++ -O2 -fno-tree-vrp -fno-gcse": _cxx("-O2", "-fno-tree-vrp", "-fno-gcse"),
    "C++ -O2 -fno-plt -fno-semantic-interposition": _cxx("-O2", "-fno-plt", "-fno-semantic-interposition"),
}


def _seconds() -> float:
    """Processor time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print one row per set of flags, in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", choices=("1.0", "1.1"), default="1.1")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--lanes", type=int, default=220)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    options = parser.parse_args()
    model = squeezenet(options.version, options.size)
    images = np.random.default_rng(1).integers(0, 256, (1, options.size, options.size, 3), dtype=np.uint8)
    plan = plan_for_lanes(model, options.lanes)
    print(f"{model.name}, {plan.lanes} lanes\n")
    print("| flags | build, s | frame, s | program, MiB | same words | load |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        emit_rtl(
            plan, folder / "rtl", {"line": f"Benchmark of {model.name}.", "plan": f"{plan.lanes} lanes."}
        )
        first: Path | None = None
        for number, name in enumerate(options.only):
            out = folder / f"run{number}"
            start = _seconds()
            program = build_cosim(folder / "rtl", folder / "build", flags=VARIANTS[name])
            built = _seconds()
            timing = run_cosim_program(program, folder / "rtl", plan, images, out)
            done = _seconds()
            first = first or out
            words = sorted(path.name for path in first.iterdir())
            _, differ, lost = filecmp.cmpfiles(first, out, words, shallow=False)
            same = timing.error is None and not differ and not lost
            size = program.stat().st_size / 2**20
            print(
                f"| {name} | {built - start:.1f} | {done - built:.1f} | {size:.1f} | {'yes' if same else 'NO'} "
                f"| {os.getloadavg()[0]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
