"""Rows that wait for those of another way (``fsq_row_store``), where streams that parted meet again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...device.block_ram import Memory, store_memory
from ...device.lut_ram import PAGE, ceil_div, mux_luts
from ..constants import Hls, Rtl, arriving
from ..streams import OneToOne, Stream

CONTROL = 80
"""Writer, reader and their count of rows."""
RELEASE = 2
"""Cycles from taking the last word of a row group until its rows can be written."""
OFFER = 2
"""Cycles from taking a word until the next one is offered."""


@dataclass(frozen=True)
class StorePlan(OneToOne):
    """A buffer of ``slots`` rows: words come in groups of ``input.rows`` rows and leave in groups of ``output.rows``.

    A row takes its slot with its first word; a group leaves when all of its rows are complete, and gives their slots
    back with its last word.
    """

    name: str
    input: Stream
    output: Stream
    slots: int
    memory: Memory
    kind = "store"

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (self.memory,)

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""
        return OFFER * self.input.words

    @property
    def luts(self) -> int:
        """Control, and what joins pages of distributed RAM."""
        pages = ceil_div(self.memory.depth, PAGE) if self.memory.style == "lut" else 1
        return CONTROL + self.memory.width * mux_luts(pages)

    @property
    def rtl(self) -> Rtl:
        shape = self.input.type.shape
        style, width = self.memory.style_number, self.memory.column_bits
        return Rtl(
            "fsq_row_store",
            {
                "CHANNELS": shape.channels,
                "HEIGHT": shape.height,
                "WORD_W": self.input.word_bits,
                "IN_ROWS": self.input.rows,
                "OUT_ROWS": self.output.rows,
                "SLOTS": self.slots,
                "STYLE": style,
                "TILE_W": width,
            },
        )

    @property
    def hls(self) -> Hls:
        constants = arriving(self.input)
        del constants["SIGNED"]
        lines = least_slots(self.input, self.output.rows)
        return Hls(
            "store",
            f"Row store {self.name}, groups of {self.input.rows} rows into groups of {self.output.rows}.",
            {
                **constants,
                "OUT_ROWS": self.output.rows,
                "GROUPS": self.output.groups,
                "LINES": lines,
            },
            {"style": self.memory.style},
        )


def plan_store(name: str, source: Stream, rows: int, slots: int) -> StorePlan:
    """Plan a store of ``slots`` rows that sends groups of ``rows``."""
    memory = store_memory(f"{name}_rows", slots * source.type.shape.channels, source.word_bits)
    return StorePlan(name, source, replace(source, name=name, rows=rows, depth=0), slots, memory)


def least_slots(source: Stream, rows: int) -> int:
    """Fewest slots with which a store of groups of ``rows`` does not stop: a group of either side must fit."""
    height = source.type.shape.height
    least, first = 1, 0
    for last in range(rows, height + rows, rows):
        come = min(ceil_div(min(last, height), source.rows) * source.rows, height)
        least = max(least, come - first)
        first = last
    return least
