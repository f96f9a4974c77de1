"""Ports of an emitted top level, and the bus interfaces that they make up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["master", "slave"]
_PORT = re.compile(r"\s*(input|output)\s+logic\s+(?:\[([^\]]+):0\]\s+)?(\w+),?\s*// (.+)")
_HIGH = re.compile(r"(\d+)(?:/(\d+))?(-1)?")


@dataclass(frozen=True)
class Port:
    """A port of ``width`` bits; ``vector``: it has an index, even if its only bit is 0."""

    name: str
    direction: Literal["input", "output"]
    width: int
    vector: bool
    text: str


@dataclass(frozen=True)
class Bus:
    """A bus interface: ``ports`` are pairs of a logical name of the bus and a port.

    kind  name of the bus in the vendor's library: ``aximm``, ``axis``, ``clock``, ``reset``, ``interrupt``
    """

    name: str
    kind: str
    mode: Mode
    ports: tuple[tuple[str, Port], ...]

    def width(self, logical: str) -> int:
        """Bits of the port with that logical name; raises KeyError."""
        return dict(self.ports)[logical].width

    @property
    def library(self) -> str:
        """Where the vendor defines the bus."""
        return "interface" if self.kind in ("aximm", "axis") else "signal"


AXI: dict[str, tuple[str, Mode]] = {
    "s_axi": ("aximm", "slave"),
    "m_axi": ("aximm", "master"),
    "s_axis": ("axis", "slave"),
    "m_axis": ("axis", "master"),
}
"""Kind and mode of the interfaces of many ports, by the prefix of these."""
SIGNALS: dict[str, tuple[str, Mode, str]] = {
    "clk": ("clock", "slave", "CLK"),
    "rst_n": ("reset", "slave", "RST"),
    "irq": ("interrupt", "master", "INTERRUPT"),
}
"""Kind, mode and logical port of the interfaces of one port."""


def read_ports(path: Path) -> tuple[Port, ...]:
    """Ports of the module of that file, in order; it is one of ours, so that a line not understood is a mistake."""
    module = path.stem
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    while next(lines) != f"module {module} (":
        pass
    ports = []
    for line in lines:
        if line == ");":
            break
        if not line.strip() or line.strip().startswith("//"):
            continue
        port = _PORT.fullmatch(line)
        assert port, f"{path.name}: {line}"
        direction, high, name, text = port.groups()
        ports.append(
            Port(name, "input" if direction == "input" else "output", _width(high), bool(high), text)
        )
    return tuple(ports)


def _width(high: str | None) -> int:
    """Bits of a range from ``high``, a number as our templates write it, down to 0."""
    if high is None:
        return 1
    number = _HIGH.fullmatch(high)
    assert number, high
    whole, divisor, less = number.groups()
    return int(whole) // int(divisor or 1) + (0 if less else 1)


def buses(ports: tuple[Port, ...]) -> tuple[Bus, ...]:
    """Bus interfaces of a top level; a port that belongs to none stays by itself."""
    found = []
    for prefix, (kind, mode) in AXI.items():
        members = tuple(
            (port.name.removeprefix(prefix + "_").upper(), port)
            for port in ports
            if port.name.startswith(prefix + "_")
        )
        if members:
            found.append(Bus(prefix, kind, mode, members))
    for port in ports:
        if port.name in SIGNALS:
            kind, mode, logical = SIGNALS[port.name]
            found.append(Bus(port.name, kind, mode, ((logical, port),)))
    return tuple(found)
