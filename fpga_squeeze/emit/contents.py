"""What the parameter memories hold: words of weights, and the table of biases and shifts."""

from __future__ import annotations

import numpy as np

from ..planning.plan import EnginePlan
from ..weight_stream import conv_units, pack_segment


def weight_words(engine: EnginePlan) -> list[int]:
    """Words of the weight memory, segment after segment."""
    words: list[int] = []
    for segment in engine.segments:
        units = [conv_units(engine.stages[s].conv.weight, engine.folding.channels) for s in segment.stages]
        words += pack_segment(np.concatenate(units), engine.weight_bits, engine.word_bits)
    return words


def table_entries(engine: EnginePlan) -> list[tuple[int, int]]:
    """(bias, left shift) of every output channel, stage after stage, each padded to whole groups of channels.

    The requantiser shifts left by ``left`` and then right by ``engine.right``: left = right - shift.
    """
    entries: list[tuple[int, int]] = []
    for stage in engine.stages:
        channels = len(stage.conv.bias)
        entries += [
            (int(b), engine.right - int(s)) for b, s in zip(stage.conv.bias, stage.conv.shift, strict=True)
        ]
        entries += [(0, 0)] * (stage.outs * engine.folding.channels - channels)
    return entries


def left_bits(engine: EnginePlan) -> int:
    """Width of the left shift in the table."""
    return max(1, engine.left_max.bit_length())


def table_words(engine: EnginePlan) -> list[int]:
    """The table as memory words: the bias in the low bits, the left shift above it."""
    mask = (1 << engine.bias_bits) - 1
    return [(left << engine.bias_bits) | (bias & mask) for bias, left in table_entries(engine)]
