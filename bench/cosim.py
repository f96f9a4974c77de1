"""Whole frames through the RTL and the HLS C++ at full size.

For example ``python -m bench.cosim --network 1.1 --size 224 --lanes 900``.

Prints build time and simulation time per frame (by the clock, and the processor time of all processes started), peak
memory, values compared, cycles planned and measured, and the frames per second that follow at a planned 200 MHz.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.network import golden
from fpga_squeeze.planning.cost.estimate import estimate
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule, simulate
from fpga_squeeze.planning.weight_memories import FORMATS
from fpga_squeeze.verify.compare import compare_run
from fpga_squeeze.verify.cosim import build_cosim, run_cosim_program
from fpga_squeeze.verify.csim import build_csim, run_csim_program

from .networks import NETWORKS, random_integers


def _now() -> tuple[float, float]:
    """Clock, and processor time of all processes that were started and have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def _took(start: tuple[float, float], end: tuple[float, float], frames: int = 1) -> str:
    return f"{(end[0] - start[0]) / frames:.1f} s ({(end[1] - start[1]) / frames:.1f} s of processors)"


def main() -> None:
    """Build, run and compare; exit code 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=tuple(NETWORKS), default="1.1")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--lanes", type=int, default=900, help="DSP slices, where no device is given")
    parser.add_argument("--device", help="plan for a device")
    parser.add_argument("--weights", choices=(*FORMATS, "auto"), default="dense")
    parser.add_argument("--density", type=float, default=1.0, help="share of weights that are not zero")
    parser.add_argument("--products-per-dsp", type=int, default=1)
    parser.add_argument("--frames", type=int, default=1)
    options = parser.parse_args()
    model = random_integers(NETWORKS[options.network](options.size), density=options.density)
    images = np.random.default_rng(1).integers(
        0, 256, (options.frames, options.size, options.size, 3), dtype=np.uint8
    )
    device = find_device(options.device) if options.device else None
    lanes = None if device else options.lanes
    plan = make_plan(model, lanes, device, products_per_dsp=options.products_per_dsp, weights=options.weights)
    if device:
        fit = estimate(plan, device, device.planned_clock, schedule(plan))
        short = "; ".join(map(str, fit.short)) or "fits"
        print(f"{device.name}: {short}; {fit.bram36:g} RAMB36, {fit.luts:,} LUTs, {fit.uram} UltraRAM")
    planned = simulate(plan, options.frames)
    reference = golden.run(model, images)
    header: dict[str, object] = {"line": f"Benchmark of {model.name}.", "plan": f"{plan.lanes} lanes."}
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        emit_rtl(plan, folder / "rtl", header)
        start = _now()
        program = build_cosim(folder / "rtl", folder / "build_rtl")
        built = _now()
        timing = run_cosim_program(program, folder / "rtl", plan, images, folder / "run_rtl")
        done = _now()
        result = compare_run(plan, folder / "run_rtl", reference, images)
        ends = tuple(end - timing.first_beat for end in timing.frame_ends)
        wrong += result.mismatches + (ends != planned.outputs)
        print(
            f"cosim {model.name}, {plan.lanes} lanes in {plan.dsp} DSP: build {_took(start, built)}, "
            f"{_took(built, done, len(images))} a frame"
        )
        print(f"  {result.values_compared:,} values compared, {result.mismatches} mismatches")
        print(f"  last logit of every frame, planned {planned.outputs}, measured {ends}")
        if timing.cycles_per_frame:
            fps = 200e6 / timing.cycles_per_frame
            print(f"  {timing.cycles_per_frame:,} cycles per frame: {fps:.1f} FPS at 200 MHz (planned)")
        emit_hls(plan, folder / "hls", header)
        start = _now()
        program = build_csim(folder / "hls", folder / "build_hls")
        built = _now()
        run_csim_program(program, images, folder / "run_hls")
        done = _now()
        result = compare_run(plan, folder / "run_hls", reference, images)
        wrong += result.mismatches
        print(f"csim: build {_took(start, built)}, {_took(built, done, len(images))} a frame")
        print(f"  {result.values_compared:,} values compared, {result.mismatches} mismatches")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process started: {peak:,.0f} MiB; load {os.getloadavg()[0]:.1f}")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
