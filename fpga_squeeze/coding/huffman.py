"""Canonical prefix codes of limited length: the codes of compressed weight streams.

Canonical: codewords of one length are consecutive numbers in the order of their symbols, and shorter codewords are
smaller when both are filled up with zeros (D. Salomon, Variable-length Codes for Data Compression, section 4.1). A
decoder then needs, per length, one bound to compare with and one offset into a table of symbols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..network.fixed_point import IntArray


def code_lengths(counts: Mapping[int, int], limit: int) -> dict[int, int]:
    """Lengths of an optimal prefix code of at most ``limit`` bits for symbols that occur ``counts`` times.

    Package-merge (L. Larmore, D. Hirschberg, A fast algorithm for optimal length-limited Huffman codes, J. ACM 37,
    1990). A single symbol gets length 0: nothing needs to be sent. Raises ValueError for no symbols, a count below 1,
    or more symbols than ``limit`` bits can name.
    """
    symbols = sorted(counts)
    if not symbols or min(counts.values()) < 1:
        raise ValueError("a code needs symbols that occur at least once")
    if len(symbols) > 1 << limit:
        raise ValueError(f"{len(symbols)} symbols do not fit codes of at most {limit} bits")
    if len(symbols) == 1:
        return {symbols[0]: 0}
    leaves = sorted((counts[s], (s,)) for s in symbols)
    packages: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(limit):
        merged = sorted([*leaves, *packages])
        packages = [
            (merged[i][0] + merged[i + 1][0], merged[i][1] + merged[i + 1][1])
            for i in range(0, len(merged) - 1, 2)
        ]
    lengths = dict.fromkeys(symbols, 0)
    for _, members in packages[: len(symbols) - 1]:
        for symbol in members:
            lengths[symbol] += 1
    return lengths


@dataclass(frozen=True)
class PrefixCode:
    """A canonical prefix code.

    lengths  (symbol, bits of its codeword), in the order of the codewords: by length, then by symbol. One symbol of
             length 0 is the code that costs nothing.
    """

    lengths: tuple[tuple[int, int], ...]

    @classmethod
    def of_lengths(cls, lengths: Mapping[int, int]) -> PrefixCode:
        """Raises ValueError where no prefix code has these lengths."""
        ordered = sorted(lengths.items(), key=lambda item: (item[1], item[0]))
        if any(length == 0 for _, length in ordered) and len(ordered) > 1:
            raise ValueError("a codeword of no bits must be the only one")
        if sum(2.0**-length for _, length in ordered) > 1:
            raise ValueError("the lengths break Kraft's inequality")
        return cls(tuple(ordered))

    @classmethod
    def huffman(cls, counts: Mapping[int, int], limit: int) -> PrefixCode:
        """The shortest code for symbols that occur ``counts`` times."""
        return cls.of_lengths(code_lengths(counts, limit))

    @classmethod
    def fixed(cls, symbols: Sequence[int]) -> PrefixCode:
        """Codewords of one length: plain numbers."""
        bits = (len(set(symbols)) - 1).bit_length()
        return cls.of_lengths(dict.fromkeys(symbols, bits))

    @property
    def symbols(self) -> tuple[int, ...]:
        """Symbols in the order of their codewords."""
        return tuple(symbol for symbol, _ in self.lengths)

    @property
    def longest(self) -> int:
        return self.lengths[-1][1]

    @cached_property
    def codewords(self) -> dict[int, tuple[int, int]]:
        """Symbol -> (codeword, bits); the first bit sent is the highest."""
        words: dict[int, tuple[int, int]] = {}
        word, before = 0, self.lengths[0][1]
        for symbol, length in self.lengths:
            word <<= length - before
            words[symbol] = (word, length)
            word, before = word + 1, length
        return words

    def bounds(self, limit: int) -> list[int]:
        """For each length 1..limit: windows of ``limit`` bits below it start with a codeword of at most that length."""
        out, bound = [], 0
        for length in range(1, limit + 1):
            for word, bits in self.codewords.values():
                if bits == length:
                    bound = max(bound, (word + 1) << (limit - length))
            out.append(bound)
        return out

    def offsets(self, limit: int) -> list[int]:
        """For each length 1..limit: place of its first symbol in ``symbols`` less its first codeword, or 0."""
        out = [0] * limit
        for place, (symbol, length) in reversed(list(enumerate(self.lengths))):
            if length:
                out[length - 1] = place - self.codewords[symbol][0]
        return out

    def size(self, symbols: IntArray) -> int:
        """Bits that encode ``symbols``."""
        values, counts = np.unique(symbols, return_counts=True)
        return sum(self.codewords[int(v)][1] * int(n) for v, n in zip(values, counts, strict=True))

    def encode(self, symbols: IntArray) -> IntArray:
        """Bits (0 or 1) of the codewords of int64 ``symbols`` [n], in the order in which a decoder reads them.

        Raises KeyError for a symbol without a codeword.
        """
        flat = np.asarray(symbols, dtype=np.int64).reshape(-1)
        values, places = np.unique(flat, return_inverse=True)
        table = [self.codewords[int(v)] for v in values]
        lengths = np.array([bits for _, bits in table], dtype=np.int64)[places]
        words = np.array([word for word, _ in table], dtype=np.int64)[places]
        starts = np.cumsum(lengths) - lengths
        out = np.zeros(int(lengths.sum()), dtype=np.int64)
        for bit in range(self.longest):
            chosen = lengths > bit
            out[starts[chosen] + bit] = (words[chosen] >> (lengths[chosen] - 1 - bit)) & 1
        return out

    def decode(self, bits: Sequence[int] | IntArray, count: int) -> tuple[IntArray, int]:
        """The first ``count`` symbols of ``bits``, and how many bits they took.

        Reads bit by bit, unlike the decoders in hardware. Raises ValueError where the bits end early or start no
        codeword.
        """
        symbols = {(word, length): symbol for symbol, (word, length) in self.codewords.items()}
        longest, place, out = self.longest, 0, np.zeros(count, dtype=np.int64)
        for i in range(count):
            word = length = 0
            while (word, length) not in symbols:
                if place >= len(bits):
                    raise ValueError(f"the stream ends within symbol {i} of {count}")
                word, length, place = word << 1 | int(bits[place]), length + 1, place + 1
                if length > longest:
                    raise ValueError(f"symbol {i} of {count} is no codeword")
            out[i] = symbols[word, length]
        return out, place
