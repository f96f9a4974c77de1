"""Weight units to memory words and back: the bit layout that HLS C++ and RTL read.

A *unit* holds one weight for each output channel of a group (the first channel in the lowest bits); the last group of a
layer may have fewer channels. Units of a *segment* are packed without gaps, lowest bits first, into words; a segment
starts at a word, its last word is padded with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..network.fixed_point import IntArray


def conv_order(weight: IntArray, channels: int) -> IntArray:
    """The weights [O, I, K, K] of a convolution as the engine reads them -> [O * I * K * K].

    Groups of ``channels`` output channels (the last one those that are left), for each group the terms in the order
    input channel, kernel row, kernel column, and for each term its channels.
    """
    flat = weight.reshape(weight.shape[0], -1)
    groups = [flat[first : first + channels].T.reshape(-1) for first in range(0, len(flat), channels)]
    return np.concatenate(groups)


def conv_units(weight: IntArray, channels: int) -> IntArray:
    """The weights [O, I, K, K] as the lanes see them -> [terms, channels]; zeros for channels past the last one."""
    groups = group_weights(weight, channels)
    return groups.reshape(-1, channels)


def group_weights(weight: IntArray, channels: int) -> IntArray:
    """Weights [O, I, K, K] as [groups, positions, channels]; zeros for channels past the last one."""
    out = weight.shape[0]
    groups = -(-out // channels)
    flat = np.zeros((groups * channels, int(np.prod(weight.shape[1:]))), dtype=np.int64)
    flat[:out] = weight.reshape(out, -1)
    return np.ascontiguousarray(flat.reshape(groups, channels, -1).transpose(0, 2, 1))


def pack_bits(bits: npt.NDArray[np.integer[Any]], word_bits: int) -> list[int]:
    """Words of ``word_bits`` from ``bits`` (0 or 1), lowest first; the last word is filled up with zeros."""
    words = -(-bits.size // word_bits)
    padded = np.zeros(words * word_bits, dtype=np.uint8)
    padded[: bits.size] = bits
    rows = np.packbits(padded.reshape(words, word_bits), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def pack_segment(weights: IntArray, bits: int, word_bits: int) -> list[int]:
    """Pack weights [n] as fields of ``bits`` in two's complement into words of ``word_bits``."""
    if weights.size and (weights.min() < -(1 << (bits - 1)) or weights.max() >= 1 << (bits - 1)):
        raise ValueError(f"a weight does not fit {bits} signed bits")
    fields = (weights & ((1 << bits) - 1)).astype(np.uint64)
    planes = (
        ((fields[:, None] >> np.arange(bits, dtype=np.uint64)) & np.uint64(1)).astype(np.uint8).reshape(-1)
    )
    return pack_bits(planes, word_bits)


def unpack_segment(words: list[int], count: int, bits: int, word_bits: int) -> IntArray:
    """The inverse of :func:`pack_segment`: the first ``count`` weights, int64 [count]."""
    size = (word_bits + 7) // 8
    raw = np.frombuffer(b"".join(w.to_bytes(size, "little") for w in words), dtype=np.uint8).reshape(-1, size)
    planes = np.unpackbits(raw, axis=1, bitorder="little")[:, :word_bits].reshape(-1)[: count * bits]
    fields: IntArray = (planes.reshape(-1, bits).astype(np.int64) << np.arange(bits)).sum(axis=1)
    signed: IntArray = fields - ((fields >> (bits - 1)) << bits)
    return signed
