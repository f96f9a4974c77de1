"""How fast a device is: its cells against :mod:`.cells`, and the wires between them by fan-out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...device.catalogue import Device


@dataclass(frozen=True)
class Speed:
    """A family in a speed grade.

    cells   what the delays of :mod:`.cells` are multiplied with
    hop     ns of a wire to a single load outside of the slice
    spread  ns more for every doubling of the loads
    """

    name: str
    cells: float
    hop: float
    spread: float

    def wire(self, loads: int) -> float:
        """Delay in ns of a net with so many loads."""
        return self.hop + self.spread * math.log2(max(1, loads))


SEVEN = Speed("7 series -1", 1.0, 0.55, 0.12)


def speed_of(device: Device) -> Speed:
    return SEVEN
