"""Streams one behind the other by channels (``fsq_concat``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...device.lut_ram import mux_luts
from ...network.fixed_point import IntArray, index_bits
from ...network.integers import QConcat
from ..constants import Hls, Parameters, Rtl, Vector, queue
from ..streams import Sender, Stream
from .control import queue_luts, slot, table_luts
from .max_pool import POOL_DEPTH

CONTROL = 25


@dataclass(frozen=True)
class ConcatPlan(Sender):
    """In every row group all words of the first input, then of the next.

    A group starts when ``direct`` offers a word, the input that no store holds back. Pixels of an input of another type
    than the output's go through a table.
    """

    name: str
    layer: QConcat
    inputs: tuple[Stream, ...]
    output: Stream
    direct: int
    kind = "concat"

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits: its FIFO takes a word every other cycle."""
        return (1 if self.output.depth > 1 else 2) * self.output.words

    @property
    def tables(self) -> tuple[IntArray | None, ...]:
        """For each input the integers that its own become, the lowest first; None where they stay."""
        return tuple(self.layer.table(stream.type) for stream in self.inputs)

    @property
    def _entries(self) -> list[list[int]]:
        """Of each input what the bits of a pixel become; empty where it has no table."""
        return [
            [] if t is None else [int(v) for v in _by_bits(t, s.type.signed)]
            for t, s in zip(self.tables, self.inputs, strict=True)
        ]

    @property
    def luts(self) -> int:
        """A choice of words, and a table for each pixel of an input of another type."""
        out = self.output.type
        tables = out.shape.width * sum(table_luts(len(t), out.bits) for t in self.tables if t is not None)
        choice = self.output.word_bits * mux_luts(len(self.inputs))
        return choice + tables + CONTROL + queue_luts(self.output.depth)

    @property
    def rtl(self) -> Rtl:
        channels = [stream.type.shape.channels for stream in self.inputs]
        out, entries = self.output.type, self._entries
        mapped: Parameters = {}
        if any(entries):
            bits = [stream.type.bits for stream in self.inputs]
            firsts = [sum(s.word_bits for s in self.inputs[:n]) for n in range(len(bits))]
            widest = max(len(table) for table in entries)
            slots = [v for table in entries for v in table + [0] * (widest - len(table))]
            mapped = {
                "IN_W": sum(s.word_bits for s in self.inputs),
                "MAPPED": Vector(tuple(int(bool(table)) for table in entries), 1),
                "BITS": Vector(tuple(bits)),
                "FIRSTS": Vector(tuple(firsts)),
                "OUT_BITS": out.bits,
                "TABLE_W": widest.bit_length() - 1,
                "SLOT": slot(out.bits),
                "ENTRIES": Vector(tuple(slots), slot(out.bits)),
            }
        return Rtl(
            "fsq_concat",
            {
                "COUNT": len(channels),
                "WORD_W": self.output.word_bits,
                "CHANNELS": Vector(tuple(channels)),
                "DIRECT": self.direct,
                "HEIGHT": self.output.type.shape.height,
                "ROWS": self.output.rows,
                "INDEX_W": index_bits(len(channels)),
                "WORDS_W": index_bits(max(channels) * self.output.rows),
                **mapped,
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        output = self.output
        height = output.type.shape.height
        channels = [stream.type.shape.channels for stream in self.inputs]
        last_rows = height - (output.groups - 1) * output.rows
        return Hls(
            "concat",
            f"Concatenation {self.name} of {len(channels)} streams.",
            {
                "BITS": output.word_bits,
                "GROUPS": output.groups,
                "WIDTH": output.type.shape.width,
                "OUT_BITS": output.type.bits,
            },
            {
                "mapped": [int(bool(table)) for table in self._entries],
                "tables": [
                    {"input": n, "entries": [v & ((1 << output.type.bits) - 1) for v in table]}
                    for n, table in enumerate(self._entries)
                    if table
                ],
                "inputs_words": [n * output.rows for n in channels],
                "inputs_last_words": [n * last_rows for n in channels],
            },
        )


def _by_bits(table: IntArray, signed: bool) -> IntArray:
    """Entries of integers, the lowest first, in the order of their bits: those below zero come last."""
    return np.roll(table, len(table) // 2) if signed else table


def plan_concat(layer: QConcat, sources: tuple[Stream, ...], direct: int) -> ConcatPlan:
    """Plan the concatenation of streams of equal row groups."""
    output = Stream(layer.name, layer.output, sources[direct].rows, POOL_DEPTH, (layer.name,))
    return ConcatPlan(layer.name, layer, sources, output, direct)
