"""What of a device a design may take: LUTs up to a ceiling, with room for the shell that feeds it.

How full a device routes is experience, no figure of a data sheet: above WARN_CEILING percent of the LUTs a placer has
little freedom left and clocks suffer, above ROUTABLE hardly any design is routed. LUTs are counted before placement,
where two small ones may still share a place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import FpgaSqueezeError
from .catalogue import Device
from .shell import INTERCONNECT_LUTS, ShellKind, shell_luts, shell_parts

WARN_CEILING, ROUTABLE = 85.0, 95.0
"""Percent of the LUTs of a device."""
KEPT_LUTS, KEPT_RAMB36 = 2500, 3
"""Kept for a shell that is not ours. Chosen: the vendor's ``axi_dma`` takes 1,073 to 1,466 LUTs and up to 2.5 RAMB36
(docs/shell.md), the interconnect of :data:`~.shell.INTERCONNECT_LUTS` not counted."""


@dataclass(frozen=True)
class Shell:
    """Room for what stands around the design and feeds it.

    kind    ``dma``: a shell of ours, with beats of 64 bits, or ``dma128``; ``stream``: one of the user's
    luts, ramb36    what it takes with its interconnect
    """

    luts: int = KEPT_LUTS
    ramb36: int = KEPT_RAMB36
    kind: ShellKind = "stream"

    def __post_init__(self) -> None:
        if self.luts < 0 or self.ramb36 < 0:
            raise FpgaSqueezeError(f"field shell {self}: a shell takes 0 or more of each")

    @classmethod
    def of(cls, kind: ShellKind) -> Shell:
        """A shell of that kind, with the allowance for the interconnect."""
        return cls(shell_luts(kind) + INTERCONNECT_LUTS, 0, kind)

    @property
    def own_luts(self) -> int:
        """LUTs of ``fsq_system`` beside its kernels; the others are those of the interconnect."""
        return shell_luts(self.kind)

    @property
    def own_memory(self) -> int:
        """Of these used as memory."""
        return sum(memory for _, memory in shell_parts(self.kind).values())

    def __str__(self) -> str:
        return f"{self.luts},{self.ramb36}" if self.kind == "stream" else self.kind


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
        shell = self.shell
        beside = f", {shell.luts:,} LUTs and {shell.ramb36} RAMB36 kept for a shell"
        if shell.own_luts:
            beside = (
                f", {shell.luts:,} LUTs kept for the shell {shell.kind}: {shell.own_luts:,} of it, the others of its "
                "interconnect"
            )
        return f"up to {self.lut_ceiling:g} % of its LUTs{'' if shell == NO_SHELL else beside}"

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Room:
        """The inverse of ``dataclasses.asdict``."""
        return cls(float(given["lut_ceiling"]), Shell(**given["shell"]))

    @property
    def whole(self) -> Room:
        """All that routes, beside a shell of ours where there is one."""
        return Room(ROUTABLE, NO_SHELL if self.shell.kind == "stream" else self.shell)

    def of(self, device: Device) -> Device:
        """What of ``device`` the design may take, as a device."""
        return replace(
            device,
            luts=max(0, int(device.luts * self.lut_ceiling / 100) - self.shell.luts),
            lut_memory=max(0, device.lut_memory - self.shell.own_memory),
            ramb36=max(0, device.ramb36 - self.shell.ramb36),
        )


DEFAULT_ROOM = Room()
WHOLE_DEVICE = Room(ROUTABLE, NO_SHELL)
"""All that routes."""
