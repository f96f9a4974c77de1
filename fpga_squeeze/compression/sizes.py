"""What a network takes: bits per layer, and bytes in all, for each way of writing its weights down.

All sizes are those of real tensors: streams are coded and their bits counted, never estimated from an entropy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..coding.huffman import code_lengths
from ..coding.terms import RUN_CHOICES, LayerStream, keep_zeros, layer_stream, skip_zeros
from ..network.fixed_point import IntArray
from ..network.graph import Conv
from .sharing import VALUE_BITS, Coded

LENGTH_LIMIT = 12
"""Bits of the longest codeword of a Huffman code."""
LENGTH_BITS = 8
"""A canonical code is given by how many codewords each length has, and the symbols in their order."""


@dataclass(frozen=True)
class LayerSize:
    """One convolution written down in some way.

    weight_bits   bits of its weights: the streams alone
    table_bits    bits of what decoding them needs: codebook or binary points, and prefix codes
    bias_bits     32 bits each
    """

    name: str
    weights: int
    nonzero: int
    weight_bits: int
    table_bits: int
    bias_bits: int

    @property
    def bits(self) -> int:
        return self.weight_bits + self.table_bits + self.bias_bits


def _layer(conv: Conv, weight_bits: int, table_bits: int = 0) -> LayerSize:
    return LayerSize(
        conv.name,
        int(conv.weight.size),
        int(np.count_nonzero(conv.weight)),
        weight_bits,
        table_bits,
        VALUE_BITS * len(conv.bias),
    )


def dense_float(conv: Conv) -> LayerSize:
    """Every weight in 32 bits."""
    return _layer(conv, VALUE_BITS * int(conv.weight.size))


def sparse_float(conv: Conv) -> LayerSize:
    """A zero run and 32 bits for each weight that is not zero, or every weight, whichever is smaller."""
    mask = (conv.weight != 0).astype(np.int64)

    def bits(stream: LayerStream) -> int:
        return stream.run_bits + VALUE_BITS * len(stream.terms.run)

    return min(
        (_layer(conv, bits(s)) for s in (skip_zeros(mask, 1, "sparse"), keep_zeros(mask, 1, "sparse"))),
        key=lambda size: size.bits,
    )


def plain_codes(layer: Coded) -> LayerSize:
    """A zero run and a plain code for each weight that is not zero, or a code for every weight."""

    def bits(stream: LayerStream) -> int:
        return stream.run_bits + layer.code_bits * len(stream.terms.run)

    return min(
        (
            _layer(layer.conv, bits(s), layer.table_bits)
            for s in (skip_zeros(layer.codes, 1, "sparse"), keep_zeros(layer.codes, 1, "sparse"))
        ),
        key=lambda size: size.bits,
    )


def huffman(layer: Coded) -> LayerSize:
    """Runs and codes each with their own canonical Huffman code; the accelerator's takes about a hundredth more."""
    stream = layer_stream(layer.codes, 1, "huffman")
    weights, tables = _huffman(stream.terms.weight, layer.code_bits)
    if not stream.run_code.is_free:
        runs, run_table = _huffman(stream.terms.run_symbols, 1 + max(RUN_CHOICES).bit_length())
        weights, tables = weights + runs, tables + run_table
    return _layer(layer.conv, weights, layer.table_bits + tables)


def _huffman(symbols: IntArray, symbol_bits: int) -> tuple[int, int]:
    """Bits of the codewords of ``symbols``, at least one each, and of what tells a decoder which codewords there are.

    The latter is nothing where they are plain numbers of one length.
    """
    values, counts = np.unique(symbols, return_counts=True)
    count_of = dict(zip(values.tolist(), counts.tolist(), strict=True))
    lengths = {symbol: max(1, bits) for symbol, bits in code_lengths(count_of, LENGTH_LIMIT).items()}
    bits = sum(length * count_of[symbol] for symbol, length in lengths.items())
    longest = max(lengths.values())
    return bits, 0 if longest == min(lengths.values()) else LENGTH_BITS * longest + symbol_bits * len(lengths)


Sizer = Callable[[Conv], LayerSize]
