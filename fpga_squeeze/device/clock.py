"""A clock, and where it comes from: frames per second are cycles, which are exact, times this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["asked for", "planned", "estimated by timing", "routed"]
"""asked for: the user's; planned: what the catalogue assumes, no claim; the others: of that very design."""


@dataclass(frozen=True)
class Clock:
    """A clock in MHz."""

    mhz: float
    origin: Origin

    def __str__(self) -> str:
        settled = self.origin in ("asked for", "planned")
        return f"{f'{self.mhz:g}' if settled else f'{self.mhz:.1f}'} MHz ({self.origin})"

    def fps(self, cycles: int) -> float:
        """Frames per second with so many cycles per frame."""
        return self.mhz * 1e6 / cycles
