"""Reports of Vitis HLS (UG1399, "Synthesis Report" and "Simulation Report").

``syn/report/csynth.xml`` has the top and, under ModuleInformation, every module: latency in cycles, clock in
nanoseconds, cells, and the loops of each. ``syn/report/<module>_csynth.rpt`` lists the same loops with the interval
that was asked for; ``sim/report/<top>_cosim.rpt`` the cycles of the RTL simulation. Numbers that the tool could not
work out stand there as ``?``, ``undef``, ``NA`` or ``-``: None here.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from ...errors import FpgaSqueezeError
from .results import Area, Timing

_UNKNOWN = {"?", "undef", "NA", "N/A", "-", "", "inf"}


@dataclass(frozen=True)
class ReportedLoop:
    """A loop in a report: cycles of an iteration and between iterations (interval; None: not pipelined), turns.

    target  interval that was asked for; only the text reports have it
    """

    module: str
    name: str
    interval: int | None
    target: int | None
    trip_count: int | None
    iteration_latency: int | None


@dataclass(frozen=True)
class Synthesis:
    """``csynth.xml``: cycles (least, most) of a call and between calls, cells, clock, loops of all modules."""

    version: str
    part: str
    latency: tuple[int, int] | None
    interval: tuple[int, int] | None
    timing: Timing
    area: Area
    loops: tuple[ReportedLoop, ...]


@dataclass(frozen=True)
class Cosimulation:
    """``<top>_cosim.rpt``: did it pass; cycles (least, most) of a call and between calls."""

    passed: bool
    latency: tuple[int, int] | None
    interval: tuple[int, int] | None


def _damaged(path: Path, what: str) -> FpgaSqueezeError:
    return FpgaSqueezeError(f"{path}: {what}; the report is cut short or of another format")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FpgaSqueezeError(f"{path}: no such report; the tool stopped before it") from error


def _number(text: str | None, path: Path, name: str) -> int | None:
    """A whole number or None where the tool knows none; ranges (``3 ~ 9``) give their end."""
    if text is None:
        return None
    last = text.split("~")[-1].strip()
    if last in _UNKNOWN:
        return None
    try:
        return int(float(last))
    except ValueError as error:
        raise _damaged(path, f"{name} is {text!r}") from error


# ------------------------------------------------------------------------------------------------- csynth.xml


def _range(node: ElementTree.Element, least: str, most: str, path: Path) -> tuple[int, int] | None:
    low, high = (_number(node.findtext(name), path, name) for name in (least, most))
    return None if low is None or high is None else (low, high)


def _loops(node: ElementTree.Element | None, module: str, path: Path) -> list[ReportedLoop]:
    """Loops below ``SummaryOfLoopLatency``; loops within loops stand within their elements."""
    found: list[ReportedLoop] = []
    for loop in node if node is not None else ():
        if loop.find("TripCount") is None and loop.find("Latency") is None:
            continue
        depth = loop.findtext("PipelineDepth") or loop.findtext("IterationLatency")
        found.append(
            ReportedLoop(
                module,
                loop.findtext("Name") or loop.tag,
                _number(loop.findtext("PipelineII"), path, "PipelineII"),
                None,
                _number(loop.findtext("TripCount"), path, "TripCount"),
                _number(depth, path, "PipelineDepth"),
            )
        )
        found += _loops(loop, module, path)
    return found


def read_synthesis(path: Path) -> Synthesis:
    """Read ``csynth.xml``; raises FpgaSqueezeError, naming the file, where it is missing or damaged."""
    try:
        root = ElementTree.fromstring(_read(path))
    except ElementTree.ParseError as error:
        raise _damaged(path, f"is no XML ({error})") from error

    def text(name: str) -> str:
        value = root.findtext(name)
        if value is None or not value.strip():
            raise _damaged(path, f"{name} is missing")
        return value.strip()

    def period(name: str) -> float:
        try:
            return float(text(name).removesuffix("ns"))
        except ValueError as error:
            raise _damaged(path, f"{name} is no number") from error

    overall = root.find("PerformanceEstimates/SummaryOfOverallLatency")
    cells = root.find("AreaEstimates/Resources")
    if overall is None or cells is None:
        raise _damaged(
            path, f"{'AreaEstimates' if overall is not None else 'PerformanceEstimates'} is missing"
        )
    uncertainty = "UserAssignments/ClockUncertainty"
    top = text("UserAssignments/TopModelName")
    modules = [(top, root.find("PerformanceEstimates/SummaryOfLoopLatency"))]
    modules += [
        (module.findtext("Name") or "?", module.find("PerformanceEstimates/SummaryOfLoopLatency"))
        for module in root.iterfind("ModuleInformation/Module")
        if module.findtext("Name") != top
    ]
    return Synthesis(
        version=text("ReportVersion/Version"),
        part=text("UserAssignments/Part"),
        latency=_range(overall, "Best-caseLatency", "Worst-caseLatency", path),
        interval=_range(overall, "Interval-min", "Interval-max", path),
        timing=Timing(
            period("UserAssignments/TargetClockPeriod"),
            period("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
            period(uncertainty) if root.find(uncertainty) is not None else 0.0,
        ),
        area=Area(
            luts=_number(cells.findtext("LUT"), path, "LUT"),
            flip_flops=_number(cells.findtext("FF"), path, "FF"),
            dsp=_number(cells.findtext("DSP") or cells.findtext("DSP48E"), path, "DSP"),
            bram18=_number(cells.findtext("BRAM_18K"), path, "BRAM_18K"),
            uram=_number(cells.findtext("URAM"), path, "URAM"),
        ),
        loops=tuple(loop for name, node in modules for loop in _loops(node, name, path)),
    )


# ------------------------------------------------------------------------------------------------- text reports


def _rows(text: str) -> list[list[str]]:
    """Cells of every line that is a row of a table."""
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.strip().startswith("|")
    ]


def read_loop_table(path: Path) -> list[ReportedLoop]:
    """The loop table of ``<module>_csynth.rpt``, with the intervals that were asked for.

    Columns: name behind ``-`` or ``+`` by depth, latency least and most, latency of an iteration, interval achieved and
    target, turns, pipelined. Raises FpgaSqueezeError, naming the file, where it is missing or damaged.
    """
    text = _read(path)
    head = re.search(r"Report for '(\w+)'", text)
    if not head:
        raise _damaged(path, "has no heading of a synthesis report")
    _, mark, rest = text.partition("* Loop:")
    if not mark:
        raise _damaged(path, "has no loop section")
    table, ended, _ = rest.partition("\n==")
    found = []
    for cells in _rows(table):
        if not re.match(r"[-+]+ ?\w", cells[0]):
            continue
        if len(cells) != 8:
            raise _damaged(path, f"a row of the loop table has {len(cells)} columns, not 8")
        _, _, depth, achieved, target, turns = (_number(cell, path, "loop table") for cell in cells[1:7])
        name = cells[0].lstrip("-+ ")
        found.append(ReportedLoop(head[1], name, achieved, target, turns, depth))
    if not ended:
        raise _damaged(path, "ends within its loop section")
    return found


def read_cosimulation(path: Path) -> Cosimulation:
    """Read ``<top>_cosim.rpt``: the row of the language that was simulated.

    Columns: language, status, latency least, average and most, interval the same, and from 2022.2 on the total. Raises
    FpgaSqueezeError, naming the file, where it is missing or damaged.
    """
    for cells in _rows(_read(path)):
        if cells[0] in ("Verilog", "VHDL") and len(cells) > 1 and cells[1] not in ("NA", ""):
            if len(cells) < 8:
                raise _damaged(path, f"the row {cells[0]} has {len(cells)} columns, not 8 or more")
            low, _, high, every, _, at_most = (_number(cell, path, "cosim table") for cell in cells[2:8])
            return Cosimulation(
                passed=cells[1].lower() == "pass",
                latency=None if low is None or high is None else (low, high),
                interval=None if every is None or at_most is None else (every, at_most),
            )
    raise _damaged(path, "lists no simulation")
