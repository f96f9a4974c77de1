"""Weight units to memory words and back: the bit layout that HLS C++ and RTL read.

A *unit* holds one weight for each output channel of a group (channel 0 in the lowest bits). Units of a *segment* are
packed without gaps, lowest bits first, into words; a segment starts at a word, its last word is padded with zeros.
"""

from __future__ import annotations

import numpy as np

from .fixed_point import IntArray


def conv_units(weight: IntArray, channels: int) -> IntArray:
    """Order the weights [O, I, K, K] of a convolution as the engine reads them -> [units, channels].

    Groups of ``channels`` output channels, and for each the terms in the order input channel, kernel row, kernel
    column. Channels past the last one hold zeros.
    """
    out = weight.shape[0]
    groups = -(-out // channels)
    flat = np.zeros((groups * channels, int(np.prod(weight.shape[1:]))), dtype=np.int64)
    flat[:out] = weight.reshape(out, -1)
    return np.ascontiguousarray(flat.reshape(groups, channels, -1).transpose(0, 2, 1)).reshape(-1, channels)


def pack_segment(units: IntArray, bits: int, word_bits: int) -> list[int]:
    """Pack units [n, channels] of ``bits`` wide two's complement weights into words of ``word_bits``."""
    if units.size and (units.min() < -(1 << (bits - 1)) or units.max() >= 1 << (bits - 1)):
        raise ValueError(f"a weight does not fit {bits} signed bits")
    fields = (units.reshape(-1) & ((1 << bits) - 1)).astype(np.uint64)
    planes = (
        ((fields[:, None] >> np.arange(bits, dtype=np.uint64)) & np.uint64(1)).astype(np.uint8).reshape(-1)
    )
    words = -(-planes.size // word_bits)
    padded = np.zeros(words * word_bits, dtype=np.uint8)
    padded[: planes.size] = planes
    rows = np.packbits(padded.reshape(words, word_bits), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def unpack_segment(words: list[int], count: int, channels: int, bits: int, word_bits: int) -> IntArray:
    """The inverse of :func:`pack_segment`: ``count`` units of ``channels`` weights -> int64 [count, channels]."""
    size = (word_bits + 7) // 8
    raw = np.frombuffer(b"".join(w.to_bytes(size, "little") for w in words), dtype=np.uint8).reshape(-1, size)
    planes = np.unpackbits(raw, axis=1, bitorder="little")[:, :word_bits].reshape(-1)[
        : count * channels * bits
    ]
    fields: IntArray = (planes.reshape(-1, bits).astype(np.int64) << np.arange(bits)).sum(axis=1)
    signed: IntArray = fields - ((fields >> (bits - 1)) << bits)
    return signed.reshape(count, channels)
