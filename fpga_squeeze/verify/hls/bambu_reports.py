"""What Bambu (PandA 2024.10) leaves: its log, the times of a simulation, ``bambu_results_<n>.xml`` of an evaluation.

``results.txt``, written by the generated Verilog bench, has on its first line start and end of every call as
``start|end,`` in units of half a clock period (an ``X`` instead of the end: the cycle limit, an ``A``: aborted), on its
second the exit code of our bench. The log names, per function of the design, flip-flops of the bound registers,
estimated cells and estimated DSPs; Bambu lists a function once however often it is instantiated.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from ...errors import FpgaSqueezeError
from .results import Area

HALF_PERIODS = 2
"""Units of time of the generated bench in a clock cycle."""
_FLIP_FLOPS = re.compile(r"Total number of flip-flops in function [^:]*: (\d+)")
_BINDING = re.compile(
    r"Module binding information for function (?P<name>\S+):"
    r".*?Total estimated area: (?P<cells>[\d.e+]+)\s+Estimated number of DSPs: (?P<dsp>[\d.e+]+)",
    re.DOTALL,
)
_VERSION = re.compile(r"Version: PandA ([^\s]+(?: - Revision [0-9a-f]+)?)")
_OBJECTIVES = {
    "SLICE_LUTS": "luts",
    "REGISTERS": "flip_flops",
    "DSPS": "dsp",
    "BRAMS": "bram18",
    "URAMS": "uram",
}


def read_cycles(path: Path) -> list[int]:
    """Clock cycles of every call, from ``results.txt``; raises FpgaSqueezeError where a call did not end."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise FpgaSqueezeError(f"{path}: no such file; the simulation did not end") from error
    calls = [part for part in (lines[0] if lines else "").split(",") if part.strip()]
    if not calls:
        raise FpgaSqueezeError(f"{path}: lists no call; the simulation did not end")
    cycles = []
    for call in calls:
        if call.strip().endswith("X"):
            raise FpgaSqueezeError(f"{path}: a call did not end within the simulation's cycles")
        if call.strip().endswith("A"):
            raise FpgaSqueezeError(f"{path}: the simulation was aborted")
        try:
            start, end = (int(part) for part in call.split("|"))
        except ValueError as error:
            raise FpgaSqueezeError(f"{path}: {call!r} is no start and end of a call") from error
        cycles.append(-(-(end - start) // HALF_PERIODS))
    return cycles


def read_area(log: str, top: str) -> Area:
    """Bambu's own estimate, summed over the functions below ``top``, from its log.

    The top itself only calls them; Bambu counts 2,000 cells for each call there.
    """
    parts = [part for part in _BINDING.finditer(log) if top not in part["name"]]
    registers = [int(text) for text in _FLIP_FLOPS.findall(log)]
    return Area(
        luts=round(sum(float(part["cells"]) for part in parts)) if parts else None,
        flip_flops=sum(registers) if registers else None,
        dsp=round(sum(float(part["dsp"]) for part in parts)) if parts else None,
    )


def read_version(log: str) -> str:
    """Bambu's version and revision as its log tells them; empty: it does not."""
    found = _VERSION.search(log)
    return found[1] if found else ""


def read_evaluation(path: Path) -> Area:
    """``bambu_results_<n>.xml``, which Bambu writes after ``--evaluation`` with a vendor's synthesis installed.

    Every objective is an element with an attribute ``value``. Raises FpgaSqueezeError for a damaged file.
    """
    try:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    except (OSError, ElementTree.ParseError) as error:
        raise FpgaSqueezeError(f"{path}: is no report of Bambu ({error})") from error
    if root.tag != "bambu_results":
        raise FpgaSqueezeError(f"{path}: is no report of Bambu (its root is {root.tag})")
    cells: dict[str, int] = {}
    for element in root:
        if field := _OBJECTIVES.get(element.tag):
            try:
                cells[field] = round(float(element.attrib["value"]))
            except (KeyError, ValueError) as error:
                raise FpgaSqueezeError(f"{path}: {element.tag} has no number") from error
    return Area(**cells)
