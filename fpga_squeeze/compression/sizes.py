"""What a network takes: bits per layer, and bytes in all, for each way of writing its weights down.

All sizes are those of real tensors: streams are coded and their bits counted, never estimated from an entropy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..coding.huffman import PrefixCode
from ..coding.terms import RUN_CHOICES, LayerStream, keep_zeros, layer_stream, skip_zeros
from ..network.graph import Conv
from .sharing import VALUE_BITS, Coded

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
        (
            _layer(conv, bits(s), _run_table(s))
            for s in (skip_zeros(mask, 1, "sparse"), keep_zeros(mask, 1, "sparse"))
        ),
        key=lambda size: size.bits,
    )


def plain_codes(layer: Coded) -> LayerSize:
    """A zero run and a plain code for each weight that is not zero, or a code for every weight."""

    def bits(stream: LayerStream) -> int:
        return stream.run_bits + layer.code_bits * len(stream.terms.run)

    return min(
        (
            _layer(layer.conv, bits(s), layer.table_bits + _run_table(s))
            for s in (skip_zeros(layer.codes, 1, "sparse"), keep_zeros(layer.codes, 1, "sparse"))
        ),
        key=lambda size: size.bits,
    )


def huffman(layer: Coded) -> LayerSize:
    """Runs and codes each with their own canonical Huffman code: the streams that the accelerator decodes."""
    stream = layer_stream(layer.codes, 1, "huffman")
    tables = _run_table(stream) + _code_table(stream.weight_code, layer.code_bits)
    return _layer(layer.conv, stream.bits, layer.table_bits + tables)


def _run_table(stream: LayerStream) -> int:
    return _code_table(stream.run_code, 1 + max(RUN_CHOICES).bit_length())


def _code_table(code: PrefixCode, symbol_bits: int) -> int:
    """Bits that tell a decoder which codewords there are; none where they are plain numbers of one length."""
    lengths = {length for _, length in code.lengths}
    return 0 if len(lengths) == 1 else LENGTH_BITS * code.longest + symbol_bits * len(code.lengths)


Sizer = Callable[[Conv], LayerSize]
