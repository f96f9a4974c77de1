"""A top that a tool is to run: its folder, its words, and what both tools share when they run it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import FpgaSqueezeError
from .tops import BENCH, Top

OnStep = Callable[[str], None]
_COMPILER = re.compile(r"\berror: |\bERROR: ")
_ERROR = re.compile(r"\berror\b|\bERROR\b|\bError\b|FATAL|Segmentation fault|terminate called")


@dataclass(frozen=True)
class Job:
    """One top in a folder of its own.

    work      empty folder that the tool may fill; the sources lie in ``work / "src"``
    files     the design's C++ files
    words     folder of golden's words
    part      device, as the tool names it
    clock_ns  clock period asked for
    """

    top: Top
    work: Path
    files: tuple[Path, ...]
    words: Path
    frames: int
    part: str
    clock_ns: float
    on_step: OnStep

    @property
    def sources(self) -> Path:
        return self.work / "src"

    @property
    def bench(self) -> Path:
        return self.sources / BENCH

    @property
    def arguments(self) -> list[str]:
        """What our bench is called with."""
        return [str(self.frames), *(str(self.words / port.file) for port in self.top.ports)]

    def step(self, what: str) -> None:
        self.on_step(f"{self.top.name}: {what}")


def first_log_error(log: Path) -> str:
    """The first line of a log that names an error, one of a compiler if there is one, else its last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line]
    errors = [line for pattern in (_COMPILER, _ERROR) for line in lines if pattern.search(line)]
    return (errors or lines[-1:] or ["no message"])[0]


def tool_failed(job: Job, what: str, code: int, log: Path) -> FpgaSqueezeError:
    """The error for a tool that ended with ``code``."""
    how = f"was stopped by signal {-code}" if code < 0 else f"failed with exit code {code}"
    return FpgaSqueezeError(f"{job.top.name}: {what} {how}: {first_log_error(log)} (log: {log})")
