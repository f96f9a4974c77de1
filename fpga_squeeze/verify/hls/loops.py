"""The initiation intervals that the HLS C++ asks for, read from the sources themselves: FSQ_PIPELINE(n) in a loop."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import FpgaSqueezeError

_LOOP = re.compile(r"^\s*(?:\w+:\s*)?(?:for|while)\s*\(|^\s*do\s*\{")
_PIPELINE = re.compile(r"^\s*FSQ_PIPELINE\((\d+)\)")
_CALL = re.compile(r"\bfsq::(\w+)<")
_INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class PlannedLoop:
    """A loop that is to be pipelined: where it stands, and cycles from one turn to the next."""

    file: str
    line: int
    interval: int

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def _headers(files: Iterable[Path]) -> list[Path]:
    """The files and all that they include from their own folder."""
    seen: dict[Path, None] = {}
    waiting = list(files)
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen[path] = None
        names = _INCLUDE.findall(path.read_text(encoding="utf-8"))
        waiting += [path.parent / name for name in names]
    return list(seen)


def _in_file(path: Path) -> list[PlannedLoop]:
    found: list[PlannedLoop] = []
    last = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if _LOOP.match(line):
            last = number
        elif match := _PIPELINE.match(line):
            if not last:
                raise FpgaSqueezeError(f"{path}:{number}: FSQ_PIPELINE stands in no loop")
            found.append(PlannedLoop(path.name, last, int(match[1])))
    return found


def planned_loops(files: Iterable[Path]) -> list[PlannedLoop]:
    """The pipelined loops of C++ ``files``: those in headers with a function ``fsq::NAME<..>`` that the files call."""
    given = list(files)
    called = {name for path in given for name in _CALL.findall(path.read_text(encoding="utf-8"))}
    found = []
    for path in _headers(given):
        text = path.read_text(encoding="utf-8")
        if any(re.search(rf"\b{name}\(", text) for name in called):
            found += _in_file(path)
    return found
