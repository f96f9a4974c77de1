"""What of a device a design may take: LUTs up to a ceiling, with room for the shell that feeds it.

How full a device routes is experience, no figure of a data sheet: above WARN_CEILING percent of the LUTs a placer has
little freedom left and clocks suffer, above ROUTABLE hardly any design is routed. LUTs are counted before placement,
where two small ones may still share a place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..errors import FpgaSqueezeError
from .catalogue import Device

WARN_CEILING, ROUTABLE = 85.0, 95.0
"""Percent of the LUTs of a device."""


@dataclass(frozen=True)
class Shell:
    """What stands around the design: an AXI DMA with both channels and its interconnect, unless told otherwise.

    The two numbers are chosen, not measured; what a shell of one's own takes is in its utilisation report.
    """

    luts: int = 2500
    ramb36: int = 3

    def __post_init__(self) -> None:
        if self.luts < 0 or self.ramb36 < 0:
            raise FpgaSqueezeError(f"field shell {self}: a shell takes 0 or more of each")

    def __str__(self) -> str:
        return f"{self.luts},{self.ramb36}"


NO_SHELL = Shell(0, 0)


@dataclass(frozen=True)
class Room:
    """What a search may fill of a device: design and ``shell`` take ``lut_ceiling`` percent of its LUTs at most."""

    lut_ceiling: float = WARN_CEILING
    shell: Shell = Shell()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lut_ceiling) and 0 < self.lut_ceiling <= ROUTABLE):
            raise FpgaSqueezeError(
                f"field lut_ceiling {self.lut_ceiling:g}: give a percentage above 0 and up to {ROUTABLE:g}, above "
                "which designs do not route"
            )

    def __str__(self) -> str:
        beside = f", {self.shell.luts:,} LUTs and {self.shell.ramb36} RAMB36 kept for a shell"
        return f"up to {self.lut_ceiling:g} % of its LUTs{'' if self.shell == NO_SHELL else beside}"

    def of(self, device: Device) -> Device:
        """What of ``device`` the design may take, as a device."""
        return replace(
            device,
            luts=max(0, int(device.luts * self.lut_ceiling / 100) - self.shell.luts),
            ramb36=max(0, device.ramb36 - self.shell.ramb36),
        )


DEFAULT_ROOM = Room()
WHOLE_DEVICE = Room(ROUTABLE, NO_SHELL)
"""All that routes."""
