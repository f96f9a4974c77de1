"""What a simulation gives: the comparison with golden, and of the RTL its cycles."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ..device.clock import Clock
from ..errors import FpgaSqueezeError
from ..verify.compare import Comparison

Simulation = Literal["csim", "cosim"]


@dataclass(frozen=True)
class Run:
    """A simulation compared with golden, kernel by kernel."""

    kind: Simulation
    comparison: Comparison

    @property
    def mismatches(self) -> int:
        return self.comparison.mismatches

    @property
    def equal(self) -> bool:
        """Something was compared and nothing differs."""
        return self.comparison.equal

    def to_json(self) -> dict[str, object]:
        first = self.comparison.first
        return self.comparison.to_json() | {"first_mismatch": asdict(first) if first else None}


@dataclass(frozen=True)
class Cycles:
    """Cycles that the RTL took, and those planned.

    cycles_per_frame    steady interval between the last outputs of consecutive frames; None with one frame
    latency_cycles      first input word to last output of the first frame, both included
    stalls              seed of random stalls; 0: none, and only then are measured and planned cycles the same thing
    error               what stopped the simulation early (a deadlock, a protocol error), else None
    shell_frame_cycles  of the last frame, as the shell counts them: to its logits in memory; None without a shell
    shell_job_cycles    of all frames, from the start that the processor gives
    """

    cycles_per_frame: int | None
    planned_cycles_per_frame: int
    latency_cycles: int | None
    planned_latency_cycles: int
    stalls: int
    error: str | None = None
    shell_frame_cycles: int | None = None
    shell_job_cycles: int | None = None


@dataclass(frozen=True)
class CosimRun(Run):
    """An RTL simulation with its cycles, and the clock of the project."""

    cycles: Cycles
    clock: Clock

    @property
    def fps(self) -> float | None:
        """Frames per second at the measured interval; None with one frame, and where the sides were stalled."""
        cycles = self.cycles
        return (
            self.clock.fps(cycles.cycles_per_frame) if cycles.cycles_per_frame and not cycles.stalls else None
        )

    @property
    def equal(self) -> bool:
        return self.comparison.equal and self.cycles.error is None

    def to_json(self) -> dict[str, object]:
        clock = {"clock_mhz": self.clock.mhz, "clock_origin": self.clock.origin, "fps": self.fps}
        return super().to_json() | asdict(self.cycles) | clock


def read_cycles(path: Path) -> Cycles:
    """Cycles of a run as they are kept in it; raises FpgaSqueezeError."""
    try:
        return Cycles(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise FpgaSqueezeError(f"{path}: cannot be read ({error}); run cosim again") from error
