"""The line gatherer (``fsq_input``): AXI4-Stream beats of 64 bits to row words."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from ...device.lut_ram import ceil_div
from ...errors import FpgaSqueezeError
from ...network.fixed_point import IntArray
from ...network.graph import IMAGE
from ...network.integers import TensorType
from ..constants import Hls, Parameters, Rtl, Vector, queue
from ..latency import INPUT_LATENCY, VISIBLE
from ..streams import Sender, Stream
from .control import queue_luts, table_luts

INPUT_DEPTH = 1
"""Words of the FIFO behind the line gatherer: a register. The words of a row then leave every third cycle."""
CONTROL = 105


@dataclass(frozen=True)
class InputPlan(Sender):
    """Line gatherer: ``bytes_per_cycle`` bytes a cycle.

    tables  per channel, or once for all of them, the pixels that bytes 0 to 255 become; none: pixels are the bytes
    """

    name: str
    output: Stream
    bytes_per_cycle: int
    tables: tuple[tuple[int, ...], ...] = ()
    kind = "input"

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return ()

    @property
    def row_cycles(self) -> tuple[int, ...]:
        """Of each row of a frame the cycles before its words: chunks of bytes that it lies in, and moves by a byte.

        A row that does not end with a chunk ends up fewer bytes too high, by as many as the next one has of that.
        """
        shape, chunk = self.output.type.shape, self.bytes_per_cycle
        size, start, found = shape.width * shape.channels, 0, []
        for _ in range(shape.height):
            chunks = ceil_div(start + size, chunk)
            rest = chunks * chunk - start - size
            found.append(chunks + chunk - gcd(size, chunk) - rest)
            start = (start + size) % chunk
        return tuple(found)

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""
        shape = self.output.type.shape
        send = 1 + (shape.channels - 1) * (1 + INPUT_LATENCY + VISIBLE)
        return sum(self.row_cycles) + shape.height * send

    @property
    def luts(self) -> int:
        """A row moves on by a chunk or by a byte; a table for each byte that moves."""
        shape, bits = self.output.type.shape, self.output.type.bits
        row = 8 * shape.width * shape.channels if self.bytes_per_cycle > 1 else 0
        tables = self.bytes_per_cycle * table_luts(256 * len(self.tables), bits) if self.tables else 0
        return row + tables + CONTROL + queue_luts(self.output.depth)

    @property
    def rtl(self) -> Rtl:
        shape = self.output.type.shape
        tables: Parameters = {}
        if self.tables:
            entries = tuple(pixel for table in self.tables for pixel in table)
            tables = {
                "BITS": self.output.type.bits,
                "TABLES": len(self.tables),
                "ENTRIES": Vector(entries, 8),
            }
        return Rtl(
            "fsq_input",
            {
                "CHANNELS": shape.channels,
                "HEIGHT": shape.height,
                "WIDTH": shape.width,
                "BYTES": self.bytes_per_cycle,
                **tables,
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        shape, bits = self.output.type.shape, self.output.type.bits
        return Hls(
            "input",
            f"Line gatherer {self.name}, {self.bytes_per_cycle} bytes per turn.",
            {
                "CHANNELS": shape.channels,
                "HEIGHT": shape.height,
                "WIDTH": shape.width,
                "BYTES": self.bytes_per_cycle,
                "BITS": bits,
            },
            {"tables": [[pixel & ((1 << bits) - 1) for pixel in table] for table in self.tables]},
        )


def plan_input(tensor: TensorType, bytes_per_cycle: int, pixels: IntArray | None = None) -> InputPlan:
    """Plan the line gatherer for raw uint8 pixels, which become ``pixels`` int64 [C, 256] of ``tensor``."""
    output = Stream(IMAGE, tensor, 1, INPUT_DEPTH, (IMAGE,))
    if pixels is None:
        if tensor.bits != 8 or tensor.signed:
            raise FpgaSqueezeError(
                "the accelerator eats unsigned 8-bit pixels; this model's input has another type"
            )
        return InputPlan(IMAGE, output, bytes_per_cycle)
    low, high = tensor.range
    if tensor.bits > 8 or pixels.min() < low or pixels.max() > high:
        raise FpgaSqueezeError(
            f"the image's pixels become integers of {tensor.bits} bits from {pixels.min()} to {pixels.max()}; "
            "its type must have at most 8 bits and hold them"
        )
    tables = tuple(tuple(int(pixel) for pixel in table) for table in pixels)
    if not tensor.signed and set(tables) == {tuple(range(256))}:
        tables = ()
    return InputPlan(IMAGE, output, bytes_per_cycle, tables[:1] if len(set(tables)) == 1 else tables)
