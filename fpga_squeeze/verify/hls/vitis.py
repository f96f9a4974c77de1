"""Vitis HLS: C simulation, synthesis and C/RTL cosimulation of one top, each with our bench, and its reports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...emit.render import write
from ...errors import FpgaSqueezeError
from .bench import Verdict, read_verdict
from .job import Job, tool_failed
from .loops import PlannedLoop, planned_loops
from .process import run_logged
from .results import Loop
from .tools import find_vitis, vitis_command
from .vitis_reports import (
    Cosimulation,
    ReportedLoop,
    Synthesis,
    read_cosimulation,
    read_loop_table,
    read_synthesis,
)

SOLUTION = Path("fsq_hls") / "solution"
STEPS = {"csim": "C simulation", "csynth": "synthesis", "cosim": "cosimulation"}


@dataclass(frozen=True)
class VitisRun:
    """One top: the verdict on its RTL, what the reports say, its loops, seconds, its log."""

    verdict: Verdict
    synthesis: Synthesis
    cosimulation: Cosimulation
    loops: tuple[Loop, ...]
    synthesis_seconds: float
    simulation_seconds: float
    log: Path


def match_loops(planned: Sequence[PlannedLoop], reported: Sequence[ReportedLoop]) -> tuple[Loop, ...]:
    """Each planned loop with its line in the reports.

    Our loops have no labels: the tool calls them VITIS_LOOP_<line>_<number>, by the line where they start. A loop may
    stand in several modules, once per kernel that has it, and is then listed for each; one that the tool dissolved,
    because it has a single turn, is in no report.
    """
    found: list[Loop] = []
    for plan in planned:
        rows = [loop for loop in reported if f"VITIS_LOOP_{plan.line}_" in f"{loop.name}_"]
        if any(other.line == plan.line and other.file != plan.file for other in planned):
            # two headers have a loop on this line: the function's name in the module's tells them apart
            function = Path(plan.file).stem.removeprefix("fsq_")
            rows = [loop for loop in rows if function in loop.module]
        rows = [loop for loop in rows if loop.interval is not None] or rows
        if not rows:
            found.append(Loop(f"VITIS_LOOP_{plan.line}", plan.place, plan.interval, None))
        for row in rows:
            # a loop that is listed without an interval was not pipelined: its turns do not overlap
            reached = row.interval if row.interval is not None else row.iteration_latency
            found.append(
                Loop(
                    f"{row.module}/{row.name}",
                    plan.place,
                    plan.interval,
                    reached,
                    row.trip_count,
                    row.iteration_latency,
                )
            )
    return tuple(dict.fromkeys(found))


def _simulated(lines: Sequence[str], step: str, frames: int) -> list[str]:
    """Our bench's lines of a step, those of its last run: a cosimulation runs the bench before the RTL and after it."""
    start = max((i for i, line in enumerate(lines) if f"FSQ step={step}" in line), default=len(lines))
    rest = []
    for line in lines[start + 1 :]:
        if "FSQ step=" in line:
            break
        if "FSQ " in line:
            rest.append(line)
    frame_lines = [i for i, line in enumerate(rest) if "FSQ first" not in line]
    if len(frame_lines) <= frames:
        return rest
    # the line of the first difference stands before that of its frame
    return rest[frame_lines[-frames - 1] + 1 :]


def _reported(reports: Path, synthesis: Synthesis) -> list[ReportedLoop]:
    """Loops of ``csynth.xml``, with the asked interval of the text reports where they list the same loop."""
    targets: dict[str, int | None] = {}
    for path in sorted(reports.glob("*_csynth.rpt")):
        for loop in read_loop_table(path):
            targets.setdefault(loop.name, loop.target)
    return [replace(loop, target=targets.get(loop.name)) for loop in synthesis.loops]


def run_vitis(job: Job) -> VitisRun:
    """Run a top through all three steps; raises FpgaSqueezeError where one does not come to its end."""
    program = find_vitis()
    script = job.work / "run.tcl"
    context: dict[str, object] = {
        "top": job.top,
        "sources": job.sources,
        "files": [path.name for path in job.files],
        "bench": job.bench.name,
        "arguments": " ".join(job.arguments),
        "part": job.part,
        "period": f"{job.clock_ns:.3f}",
    }
    write(script, "verify/verify_hls.tcl.j2", context)
    log = job.work / "vitis_hls.log.txt"
    times: dict[str, float] = {}

    def on_line(line: str) -> None:
        _, mark, step = line.partition("FSQ step=")
        if mark:
            times[step.strip()] = time.monotonic()
            if step.strip() in STEPS:
                job.step(STEPS[step.strip()])

    start = time.monotonic()
    job.step("start")
    code = run_logged(vitis_command(program, script), job.work, log, on_line=on_line)
    end = time.monotonic()
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if "csynth" in times:
        early = read_verdict(_simulated(lines, "csim", job.frames), job.top, job.frames)
        if not early.equal:
            raise FpgaSqueezeError(
                f"{job.top.name}: C simulation already differs from golden: {early.first} (log: {log})"
            )
    solution = job.work / SOLUTION
    try:
        verdict = read_verdict(_simulated(lines, "cosim", job.frames), job.top, job.frames)
    except FpgaSqueezeError as error:
        if code:
            raise tool_failed(job, "Vitis HLS", code, log) from error
        raise FpgaSqueezeError(f"{error} (log: {log})") from error
    synthesis = read_synthesis(solution / "syn" / "report" / "csynth.xml")
    cosimulation = read_cosimulation(solution / "sim" / "report" / f"{job.top.function}_cosim.rpt")
    if verdict.equal and (code or not cosimulation.passed):
        raise tool_failed(job, "Vitis HLS", code, log)
    planned = planned_loops([*job.files])
    return VitisRun(
        verdict=verdict,
        synthesis=synthesis,
        cosimulation=cosimulation,
        loops=match_loops(planned, _reported(solution / "syn" / "report", synthesis)),
        synthesis_seconds=times.get("cosim", end) - start,
        simulation_seconds=end - times.get("cosim", end),
        log=log,
    )
