"""Weight units to memory words and back: the bit layout that HLS C++ and RTL read.

A *unit* holds one weight for each output channel of a group (the first channel in the lowest bits); channels that the
last group of a layer lacks have zeros. Units of a *segment* are packed without gaps, lowest bits first, into words; a
segment starts and ends with a word, padded with zeros before its first unit (RTL) or behind its last one (HLS C++).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..network.fixed_point import IntArray


def conv_units(weight: IntArray, channels: int) -> IntArray:
    """The weights [O, I, K, K] as the lanes see them -> [terms, channels]; zeros for channels past the last one.

    Groups of ``channels`` output channels; for each group the terms in the order input channel, kernel row, kernel
    column.
    """
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


def pack_segment(weights: IntArray, bits: int, word_bits: int, behind: bool = False) -> list[int]:
    """Pack weights [n] as fields of ``bits`` in two's complement into words of ``word_bits``.

    Zeros fill up the first word, or with ``behind`` the last one.
    """
    if weights.size and (weights.min() < -(1 << (bits - 1)) or weights.max() >= 1 << (bits - 1)):
        raise ValueError(f"a weight does not fit {bits} signed bits")
    fields = (weights & ((1 << bits) - 1)).astype(np.uint64)
    planes = (
        ((fields[:, None] >> np.arange(bits, dtype=np.uint64)) & np.uint64(1)).astype(np.uint8).reshape(-1)
    )
    pad = 0 if behind else -planes.size % word_bits
    return pack_bits(np.pad(planes, (pad, 0)), word_bits)


def unpack_segment(words: list[int], count: int, bits: int, word_bits: int) -> IntArray:
    """The inverse of :func:`pack_segment` with zeros in the first word: ``count`` weights, int64 [count]."""
    size = (word_bits + 7) // 8
    raw = np.frombuffer(b"".join(w.to_bytes(size, "little") for w in words), dtype=np.uint8).reshape(-1, size)
    planes = np.unpackbits(raw, axis=1, bitorder="little")[:, :word_bits].reshape(-1)
    fields: IntArray = (
        planes[planes.size - count * bits :].reshape(-1, bits).astype(np.int64) << np.arange(bits)
    ).sum(axis=1)
    signed: IntArray = fields - ((fields >> (bits - 1)) << bits)
    return signed
