"""The numbers under the names that FINN gives them, for scripts that read its reports.

Names of files and fields are those of FINN's ``step_generate_estimate_reports`` (build_dataflow_steps.py, 2025).
What FINN estimates is exact here where it is about cycles: ``critical_path_cycles`` is the latency of the schedule, not
a sum over the kernels, and ``estimated_throughput_fps`` rests on the interval between frames, which may be more than
the cycles of the slowest kernel.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ...errors import FpgaSqueezeError
from ...paths import write_whole
from .numbers import CAPACITY, MemoryUse, Report


def finn_reports(report: Report) -> dict[str, dict[str, object]]:
    """File names and what they hold."""
    n = report.estimate
    performance = {
        "critical_path_cycles": n.latency_cycles,
        "max_cycles": report.slowest.work,
        "max_cycles_node_name": report.slowest.kernel,
        "estimated_throughput_fps": n.fps,
        "estimated_latency_ns": n.latency_ms * 1e6,
        "cycles_per_frame": n.cycles_per_frame,
        "clock_mhz": n.clock.mhz,
        "clock_origin": n.clock.origin,
    }
    return {
        "estimate_layer_cycles.json": {one.kernel: one.work for one in report.occupancy},
        "estimate_layer_resources.json": _resources(report),
        "estimate_network_performance.json": performance,
    }


def _resources(report: Report) -> dict[str, object]:
    """Per kernel, and in ``total``: BRAM_18K, URAM, DSP and LUT (logic and memory), and how full the blocks are."""
    n = report.estimate
    out: dict[str, object] = {}
    for k in n.kernels:
        own = [memory for memory in report.memories if memory.kernel == k.name]
        luts = k.luts + k.lutram_luts + k.shift_luts
        out[k.name] = _entry(2 * k.ramb36 + k.ramb18, k.uram, k.dsp, luts, own)
    out["total"] = _entry(2 * n.ramb36 + n.ramb18, n.uram, n.dsp, n.luts, report.memories)
    return out


def _entry(blocks: int, uram: int, dsp: int, luts: int, own: Sequence[MemoryUse]) -> dict[str, object]:
    """FINN gives 1 where there is no block."""

    def fill(ultra: bool) -> float:
        lies = [memory for memory in own if memory.tiles and (memory.tiles[0].kind == "URAM288") == ultra]
        bits = sum(memory.copies * CAPACITY[tile.kind] for memory in lies for tile in memory.tiles)
        return sum(memory.payload_bits for memory in lies) / bits if bits else 1.0

    return {
        "BRAM_18K": blocks,
        "BRAM_efficiency": fill(False),
        "LUT": luts,
        "URAM": uram,
        "URAM_efficiency": fill(True),
        "DSP": dsp,
    }


def write_finn(report: Report, folder: str | Path) -> list[Path]:
    """Write them into ``folder``, which is made; raises FpgaSqueezeError where that cannot be done."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FpgaSqueezeError(f"{folder}: cannot be made: {error.strerror or error}") from error
    paths = []
    for name, data in finn_reports(report).items():
        text = json.dumps(data, indent=2) + "\n"
        write_whole(folder / name, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]
        paths.append(folder / name)
    return paths
