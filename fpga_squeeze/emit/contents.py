"""What the parameter memories hold: words of weights, and the table of biases and scales."""

from __future__ import annotations

import numpy as np

from ..coding.bits import conv_units, pack_bits, pack_segment
from ..network.fixed_point import IntArray, index_bits
from ..planning.engine import EnginePlan
from ..planning.weight_memories import CodedStream, CompressedWeights, DenseWeights


def dense_words(engine: EnginePlan, weights: DenseWeights, behind: bool = False) -> list[int]:
    """Words of a dense weight memory, segment after segment, each padded before its weights or ``behind`` them."""
    words: list[int] = []
    for segment in weights.segments:
        convs = [engine.stages[stage].conv for stage in segment.stages]
        units = np.concatenate([conv_units(conv.weight, engine.folding.channels) for conv in convs])
        words += pack_segment(units.reshape(-1), engine.weight_bits, weights.word_bits, behind)
    return words


def coded_words(weights: CompressedWeights, stream: CodedStream) -> list[int]:
    """Words of a compressed stream, the first bit lowest; padded at both ends of each segment."""
    bits = []
    for segment in stream.segments:
        bits.append(np.zeros(segment.start, dtype=np.int64))
        for stage in segment.stages:
            terms = weights.layers[stage].terms
            symbols = terms.run_symbols if stream.channel is None else terms.weight[:, stream.channel]
            bits.append(stream.codes[stage].encode(symbols))
        bits.append(np.zeros(segment.pad - segment.start, dtype=np.int64))
    return pack_bits(np.concatenate(bits), stream.memory.width)


def weight_words(engine: EnginePlan) -> list[list[int]]:
    """Words of each weight memory of an engine, in the order of its ``weights.roms``."""
    weights = engine.weights
    if isinstance(weights, DenseWeights):
        return [dense_words(engine, weights)]
    return [coded_words(weights, stream) for stream in weights.streams]


def table_entries(engine: EnginePlan) -> list[tuple[int, int]]:
    """(bias, scale) of every output channel, stage after stage, each padded to whole groups of channels.

    A scale is a number of places to the left, or a multiplier: see :class:`~..planning.requant.Requantiser`.
    """
    entries: list[tuple[int, int]] = []
    for number, (stage, scales) in enumerate(zip(engine.stages, engine.requant.scales, strict=True)):
        biases = engine.biases(number)
        entries += [(int(b), scale) for b, scale in zip(biases, scales, strict=True)]
        entries += [(0, 0)] * (stage.outs * engine.folding.channels - len(biases))
    return entries


def recoded(engine: EnginePlan) -> tuple[list[tuple[int, ...]], list[int], int]:
    """The tables that pixels of an engine's stages go through, and of each stage which: 0 none, else the n-th.

    A table has an entry for each pattern of so many bits (the third result) as a pixel's low ones.
    """
    bits = max((stage.conv.output.bits for stage in engine.stages if stage.table is not None), default=1)
    tables: list[tuple[int, ...]] = []
    numbers = []
    for stage in engine.stages:
        if stage.table is None:
            numbers.append(0)
            continue
        low, high = stage.conv.output.range
        values = [0] * (1 << bits)
        for value in range(low, high + 1):
            values[value % (1 << bits)] = stage.table[value - low]
        if tuple(values) not in tables:
            tables.append(tuple(values))
        numbers.append(tables.index(tuple(values)) + 1)
    return tables, numbers, bits


def position_bits(engine: EnginePlan, window: bool = False) -> tuple[int, int]:
    """Widths of an input channel and of a row or column of a kernel, or of the ``window`` that it lies in."""
    convs = [stage.conv for stage in engine.stages]
    sizes = [b.window for b in engine.buffers] if window else [conv.kernel for conv in convs]
    return index_bits(max(v.weight.shape[1] for v in convs)), index_bits(
        max(v for size in sizes for v in size)
    )


def term_fields(engine: EnginePlan, window: bool = False) -> list[tuple[str, int]]:
    """Fields of a term at the lanes and their widths, lowest first: weights, and where zeros are skipped the place.

    The place is one of the kernel, or of the ``window`` of its row buffer (RTL).
    """
    channel, place = position_bits(engine, window)
    fields = [("weight", engine.weight_bits)] * engine.folding.channels
    if isinstance(engine.weights, DenseWeights):
        return fields
    return [*fields, ("last", 1), ("kx", place), ("ky", place), ("channel", channel)]


def expected_terms(engine: EnginePlan, window: bool = False) -> list[IntArray]:
    """The terms of each stage in one row group, int64 [terms, fields], from the weights of golden.

    ``window``: see :func:`term_fields`.
    """
    tables = []
    for i, stage in enumerate(engine.stages):
        units = conv_units(stage.conv.weight, engine.folding.channels)
        if isinstance(engine.weights, DenseWeights):
            tables.append(units)
            continue
        terms = engine.weights.layers[i].terms
        last = np.cumsum(terms.lengths) - 1
        ends = np.zeros(len(terms.run), dtype=np.int64)
        ends[last] = 1
        steps = np.cumsum(terms.run + 1)
        first = np.repeat(np.concatenate([[0], steps[last[:-1]]]), terms.lengths)
        position = steps - first - 1
        (rows, columns), positions = stage.conv.kernel, int(stage.conv.weight[0].size)
        group = np.repeat(np.arange(len(terms.lengths)), terms.lengths)
        top, left = stage.tap if window else (0, 0)
        place = [
            ends,
            position % columns + left,
            position // columns % rows + top,
            position // (rows * columns),
        ]
        tables.append(np.column_stack([units[group * positions + position], *place]))
    return tables


def table_words(engine: EnginePlan) -> list[int]:
    """The table as memory words: the bias in the low bits, the scale above it."""
    mask = (1 << engine.bias_bits) - 1
    return [(scale << engine.bias_bits) | (bias & mask) for bias, scale in table_entries(engine)]
