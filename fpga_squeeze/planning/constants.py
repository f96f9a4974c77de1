"""What the plan of a kernel tells the files made of it: numbers by name, as RTL module and C++ header take them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..network.fixed_point import count_bits
from .streams import Stream


@dataclass(frozen=True)
class Vector:
    """Fields of ``width`` bits side by side, the first in the lowest."""

    values: tuple[int, ...]
    width: int = 32


Parameters = dict[str, int | Vector]
"""Parameters of an instance in the RTL."""
Constants = dict[str, int | bool]
"""Constants of a plan in C++."""


@dataclass(frozen=True)
class Rtl:
    """The module of a kernel, and the parameters of its instance."""

    module: str
    parameters: Parameters


@dataclass(frozen=True)
class Hls:
    """The template of a kernel's C++ file and what it tells there, by the names it has for it."""

    template: str
    title: str
    constants: Constants
    tables: dict[str, object] = field(default_factory=dict)


def flags(rows: Iterable[bool]) -> Vector:
    """A bit per row, row 0 in the lowest."""
    return Vector(tuple(map(int, rows)), 1)


def queue(stream: Stream) -> Parameters:
    """The FIFO at the kernel that sends a stream."""
    return {"DEPTH": stream.depth, "COUNT_W": count_bits(stream.depth)}


def arriving(stream: Stream) -> Constants:
    """The words of a stream as a kernel takes them."""
    tensor = stream.type
    return {
        "CHANNELS": tensor.shape.channels,
        "HEIGHT": tensor.shape.height,
        "WIDTH": tensor.shape.width,
        "BITS": tensor.bits,
        "SIGNED": tensor.signed,
        "IN_ROWS": stream.rows,
    }
