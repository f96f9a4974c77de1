"""Results of the verbs that take a tool or minutes, made by hand and kept in a project as the verbs keep them."""

from __future__ import annotations

from pathlib import Path

from fpga_squeeze import api, load_project
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.project.results import keep_result
from fpga_squeeze.verify.hls.bench import Verdict
from fpga_squeeze.verify.hls.results import Area, HlsRun, KernelRun, Ours
from fpga_squeeze.verify.synthesis import Resources, Synthesis
from fpga_squeeze.verify.timing.results import KernelTiming, Point, Timing
from fpga_squeeze.verify.timing.results import Path as Way
from fpga_squeeze.verify.timing.speed import speed_of


def mapped(path: Path, more_dsp: int = 0) -> Synthesis:
    """Every kernel mapped as it is estimated, but the first engine, with ``more_dsp``."""
    project = load_project(path)
    numbers = project.estimate()
    parts = {
        one.name: {
            "lanes": Resources(luts=one.luts, dsp=one.dsp + (more_dsp if one.name == "conv1" else 0)),
            "row memories": Resources(
                lut_ram=one.lutram_luts, shift_registers=one.shift_luts, ramb36=one.ramb36, ramb18=one.ramb18
            ),
        }
        for one in numbers.kernels
    }
    result = Synthesis.of(numbers, parts, project.device)
    keep_result(project, "synth", {}, result.to_json())
    return result


def timed(path: Path) -> Timing:
    """Two kernels, the second of which is slower, and a path between them."""
    device = find_device("XC7Z020")

    def way(start: str, end: str, levels: int, logic: float, wires: float) -> Way:
        kernels = tuple(dict.fromkeys((start.partition(".")[0], end.partition(".")[0])))
        return Way(Point(start, ""), Point(end, ""), "D", (), levels, 0, logic, wires, kernels, True)

    def kernel(name: str, levels: int, logic: float, wires: float) -> KernelTiming:
        one = way(f"{name}.a_q", f"{name}.b_q", levels, logic, wires)
        return KernelTiming(name, (one,), one, (), 0.0)

    between = (way("conv1.out_q", "fire2.in_q", 2, 0.5, 2.0),)
    kernels = (kernel("conv1", 4, 1.25, 4.0), kernel("fire2", 5, 1.5, 5.0))
    result = Timing(device, speed_of(device), 125.0, kernels, between)
    keep_result(load_project(path), "timing", {"device": None, "clock_mhz": 125.0}, result.to_json())
    return result


def by_tool(path: Path, mismatches: int = 0) -> HlsRun:
    """One kernel under Bambu."""
    area = Area(1234, 567, 8, None)
    kernel = KernelRun(
        "conv1", Verdict(1, 10, 640, mismatches, 0, None), 98765, None, area, None, None, (),
        Ours(4321, Area(999, None, 24, 2)), 1.0, 1.0, "log",
    )  # fmt: skip
    result = HlsRun("bambu", "9.9", "xc7z020-1clg484-VVD", 10.0, 1, (kernel,))
    given = {"tool": None, "kernel": "conv1", "frames": 1, "yosys": False}
    keep_result(load_project(path), "hls", given, result.to_json())
    return result


def everything(path: Path) -> None:
    """All of these, and a trace of two images."""
    mapped(path)
    timed(path)
    by_tool(path)
    api.trace(path, frames=2)
