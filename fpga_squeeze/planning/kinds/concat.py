"""Streams one behind the other by channels (``fsq_concat``)."""

from __future__ import annotations

from dataclasses import dataclass

from ...device.lut_ram import mux_luts
from ...network.fixed_point import index_bits
from ...network.graph import QConcat
from ..constants import Hls, Rtl, Vector, queue
from ..streams import Sender, Stream
from .control import queue_luts
from .max_pool import POOL_DEPTH

CONTROL = 12


@dataclass(frozen=True)
class ConcatPlan(Sender):
    """In every row group all words of the first input, then of the next.

    A group starts when ``direct`` offers a word, the input that no store holds back.
    """

    name: str
    layer: QConcat
    inputs: tuple[Stream, ...]
    output: Stream
    direct: int
    kind = "concat"
    turn = 0  # cycles from taking a word until it is sent

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits: its FIFO takes a word every other cycle."""
        return (1 if self.output.depth > 1 else 2) * self.output.words

    @property
    def luts(self) -> int:
        """A choice of words."""
        return self.output.word_bits * mux_luts(len(self.inputs)) + CONTROL + queue_luts(self.output.depth)

    @property
    def rtl(self) -> Rtl:
        channels = [stream.type.shape.channels for stream in self.inputs]
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
            {"BITS": output.word_bits, "GROUPS": output.groups},
            {
                "inputs_words": [n * output.rows for n in channels],
                "inputs_last_words": [n * last_rows for n in channels],
            },
        )


def plan_concat(layer: QConcat, sources: tuple[Stream, ...], direct: int) -> ConcatPlan:
    """Plan the concatenation of streams of equal row groups."""
    output = Stream(layer.name, layer.output, sources[direct].rows, POOL_DEPTH, (layer.name,))
    return ConcatPlan(layer.name, layer, sources, output, direct)
