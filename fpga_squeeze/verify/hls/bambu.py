"""Bambu (PandA): synthesis of one top, then its RTL under Verilator with our bench.

Bambu compares the RTL with its own run of the C++ by the bytes of the words in memory, unused bits among them, and its
exit code is 0 even where values differ: neither is used. It only writes the simulation (``simulate_<top>.sh``); we run
that ourselves, and what counts is our bench.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ...emit.hls import BAMBU_FIFOS
from ...errors import FpgaSqueezeError
from .bambu_reports import read_area, read_cycles, read_evaluation, read_version
from .bench import Verdict, read_verdict
from .job import Job, tool_failed
from .process import run_logged
from .results import Area
from .tools import bambu_environment, find_bambu

DEVICES = {
    "zynq-7000": "xc7z020-1clg484-VVD",
    "artix-7": "xc7a100t-1csg324-VVD",
    "zynq-ultrascale+": "xcu280-2Lfsvh2892-VVD",
}
"""A device that Bambu knows the delays of (etc/devices), by our device's family."""
SCRIPTS = "simulate_*.sh"
"""The simulation script, named after the top module: a mangled C++ function."""
OPTIONS = (
    "--generate-interface=INFER",
    "--compiler=I386_CLANG16",
    "--std=c++14",
    # from -O2 on, Bambu 2024.10 makes RTL of a Fire engine that differs from its C++: with -O1 all is equal
    "-O1",
    "--simulator=VERILATOR",
    # the tool's own comparison trips over unused bits; ours counts
    "-DCUSTOM_VERIFICATION",
)


@dataclass(frozen=True)
class BambuRun:
    """One top: the verdict, cycles of every frame, Bambu's estimate of cells, seconds of both steps, its Verilog."""

    verdict: Verdict
    cycles: tuple[int, ...]
    area: Area
    version: str
    synthesis_seconds: float
    simulation_seconds: float
    verilog: Path
    log: Path


def synthesis_command(program: str, job: Job) -> list[str]:
    """How Bambu is called for a job (``bambu --help``)."""
    fifos = job.sources / BAMBU_FIFOS
    return [
        program,
        *([str(fifos)] if fifos.is_file() else []),
        *map(str, job.files),
        f"-I{job.sources}",
        f"--top-fname={job.top.function}",
        *OPTIONS,
        f"--generate-tb={job.bench}",
        f"--device-name={job.part}",
        f"--clock-period={job.clock_ns:g}",
    ]


def _only(job: Job, pattern: str, what: str, log: Path) -> Path:
    found = sorted(job.work.glob(pattern))
    if not found:
        raise FpgaSqueezeError(
            f"{job.top.name}: Bambu wrote no {what} ({pattern}) in {job.work} (log: {log})"
        )
    return found[0]


def run_bambu(job: Job) -> BambuRun:
    """Synthesise and simulate a top; raises FpgaSqueezeError where either does not come to its end."""
    program = find_bambu()
    env = bambu_environment(job.work)
    log = job.work / "synthesis.log"
    start = time.monotonic()
    job.step("synthesis")
    code = run_logged(synthesis_command(program, job), job.work, log, env)
    if code:
        raise tool_failed(job, "Bambu", code, log)
    script = _only(job, SCRIPTS, "simulation script", log)
    verilog = _only(job, "*.v", "Verilog", log)
    between = time.monotonic()

    job.step("simulation")
    simulation = job.work / "simulation.log"
    code = run_logged(["bash", str(script), *job.arguments], job.work, simulation, env)
    end = time.monotonic()
    lines = simulation.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        verdict = read_verdict(lines, job.top, job.frames)
    except FpgaSqueezeError as error:
        if code:
            raise tool_failed(job, "the simulation of Bambu's RTL", code, simulation) from error
        raise FpgaSqueezeError(f"{error} (log: {simulation})") from error
    text = log.read_text(encoding="utf-8", errors="replace")
    results = sorted(job.work.glob("bambu_results_*.xml"))
    return BambuRun(
        verdict=verdict,
        cycles=tuple(read_cycles(job.work / "results.txt")),
        area=read_evaluation(results[-1]) if results else read_area(text, job.top.function),
        version=read_version(text),
        synthesis_seconds=between - start,
        simulation_seconds=end - between,
        verilog=verilog,
        log=log,
    )
