"""Prefix codes whose decoder needs two small tables: the codes of compressed weight streams.

A codeword is a prefix of at most PREFIX bits and, where it has all of those, up to EXTRA further bits that are a
number: codewords of one prefix stand for consecutive symbols. So the first PREFIX bits of a stream tell the length of
the codeword and its first symbol, and the further bits are added to that. (The codes of lengths and distances in
DEFLATE are made so: RFC 1951, section 3.2.5.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..network.fixed_point import IntArray

PREFIX = 6
"""Bits that tell the length of a codeword: a LUT6 holds a bit of such a table."""
EXTRA = 6
"""Most bits behind them."""
SLOTS = 1 << PREFIX


@dataclass(frozen=True)
class Group:
    """2^extra consecutive symbols that share a prefix of ``prefix`` bits, PREFIX if ``extra`` is not 0."""

    symbol: int
    prefix: int
    extra: int

    @property
    def length(self) -> int:
        """Bits of its codewords."""
        return self.prefix + self.extra


def counted(symbols: IntArray) -> dict[int, int]:
    """How often each of int64 ``symbols`` occurs; of so few bits, that is cheaper to tally than to sort."""
    low = int(symbols.min(initial=0))
    counts = np.bincount(symbols.reshape(-1) - low)
    return {low + int(place): int(counts[place]) for place in np.flatnonzero(counts)}


@dataclass(frozen=True)
class PrefixCode:
    """A prefix code; shorter prefixes come first.

    groups  no symbol is in two of them. One symbol with a codeword of no bits is the code that costs nothing.
    """

    groups: tuple[Group, ...]

    @classmethod
    def of_groups(cls, groups: Sequence[Group]) -> PrefixCode:
        """Raises ValueError where no such code has these groups."""
        if any(group.prefix == 0 for group in groups) and len(groups) > 1:
            raise ValueError("a codeword of no bits must be the only one")
        if any(
            not 0 <= g.prefix <= PREFIX or not 0 <= g.extra <= EXTRA * (g.prefix == PREFIX) for g in groups
        ):
            raise ValueError(f"a codeword is at most {PREFIX} bits, or these and at most {EXTRA} more")
        if sum(SLOTS >> group.prefix for group in groups) > SLOTS:
            raise ValueError("the prefixes break Kraft's inequality")
        return cls(tuple(sorted(groups, key=lambda group: (group.prefix, group.symbol))))

    @classmethod
    def of_lengths(cls, lengths: Mapping[int, int]) -> PrefixCode:
        """Codewords of at most PREFIX bits for single symbols; raises ValueError where there are none."""
        return cls.of_groups([Group(symbol, length, 0) for symbol, length in lengths.items()])

    @classmethod
    def shortest(cls, counts: Mapping[int, int]) -> PrefixCode:
        """The code that takes the fewest bits for symbols that occur ``counts`` times.

        A single symbol takes no bits. Raises ValueError for no symbols, a count below 1, or more symbols than there are
        codewords.
        """
        if not counts or min(counts.values()) < 1:
            raise ValueError("a code needs symbols that occur at least once")
        if len(counts) == 1:
            return cls.of_lengths(dict.fromkeys(counts, 0))
        return cls.of_groups(_best_groups(counts))

    @classmethod
    def fixed(cls, symbols: Sequence[int]) -> PrefixCode:
        """Codewords of one length, the shortest that do for ``symbols``: plain numbers."""
        held = sorted(set(symbols))
        if len(held) <= SLOTS:
            return cls.of_lengths(dict.fromkeys(held, (len(held) - 1).bit_length()))
        for extra in range(1, EXTRA + 1):
            groups: list[Group] = []
            for symbol in held:
                if not groups or symbol >= groups[-1].symbol + (1 << extra):
                    groups.append(Group(symbol, PREFIX, extra))
            if len(groups) <= SLOTS:
                return cls.of_groups(groups)
        raise ValueError(f"{len(held)} symbols do not fit codes of {PREFIX + EXTRA} bits")

    @property
    def extra(self) -> int:
        """Most bits behind a prefix."""
        return max(group.extra for group in self.groups)

    @property
    def is_free(self) -> bool:
        """One symbol, which takes no bits."""
        return self.groups[0].prefix == 0

    @cached_property
    def codewords(self) -> dict[int, tuple[int, int]]:
        """Symbol -> (codeword, bits); the first bit sent is the lowest."""
        words: dict[int, tuple[int, int]] = {}
        for group, slots in zip(self.groups, self._slots, strict=True):
            for number in range(1 << group.extra):
                words[group.symbol + number] = (slots[0] | number << PREFIX, group.length)
        return words

    @cached_property
    def _slots(self) -> list[list[int]]:
        """For each group the values of the first PREFIX bits, the first bit lowest, that start its codewords."""
        found, first = [], 0
        for group in self.groups:
            size = SLOTS >> group.prefix
            found.append([int(f"{place:0{PREFIX}b}"[::-1], 2) for place in range(first, first + size)])
            first += size
        return found

    @cached_property
    def table(self) -> tuple[tuple[int, int], ...]:
        """For each value of the first PREFIX bits, the first bit lowest: bits of the codeword, first symbol.

        (0, 0) where none starts so.
        """
        table = [(0, 0)] * SLOTS
        for group, slots in zip(self.groups, self._slots, strict=True):
            for slot in slots:
                table[slot] = (group.length, group.symbol)
        return tuple(table)

    def size(self, symbols: IntArray) -> int:
        """Bits that encode ``symbols``."""
        return sum(self.codewords[symbol][1] * n for symbol, n in counted(symbols).items())

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
        for bit in range(PREFIX + EXTRA):
            chosen = lengths > bit
            out[starts[chosen] + bit] = (words[chosen] >> bit) & 1
        return out

    def decode(self, bits: Sequence[int] | IntArray, count: int) -> tuple[IntArray, int]:
        """The first ``count`` symbols of ``bits``, and how many bits they took.

        Reads bit by bit, unlike the decoders in hardware. Raises ValueError where the bits end early or start no
        codeword.
        """
        symbols = {(word, length): symbol for symbol, (word, length) in self.codewords.items()}
        place, out = 0, np.zeros(count, dtype=np.int64)
        for i in range(count):
            word = length = 0
            while (word, length) not in symbols:
                if place >= len(bits):
                    raise ValueError(f"the stream ends within symbol {i} of {count}")
                word, length, place = word | int(bits[place]) << length, length + 1, place + 1
                if length > PREFIX + EXTRA:
                    raise ValueError(f"symbol {i} of {count} is no codeword")
            out[i] = symbols[word, length]
        return out, place


_SHAPES = [
    *((prefix, 0) for prefix in range(1, PREFIX + 1)),
    *((PREFIX, extra) for extra in range(1, EXTRA + 1)),
]
"""(prefix, extra) of a group."""
_NEVER = 1 << 60
"""Cost of what is not possible."""


def _best_groups(counts: Mapping[int, int]) -> list[Group]:
    """Groups of the fewest bits: a shortest path from symbol to symbol in their order, for each number of slots left.

    Raises ValueError where there are more symbols than codewords.
    """
    symbols = np.array(sorted(counts), dtype=np.int64)
    total = np.concatenate([[0], np.cumsum([counts[int(s)] for s in symbols])])
    prefix, extra = np.array(_SHAPES, dtype=np.int64).T
    behind = np.searchsorted(
        symbols, symbols[:, None] + (1 << extra)
    )  # [symbols, shapes]: the symbol after a group
    cost = (prefix + extra) * (total[behind] - total[: len(symbols), None])
    # bits for the symbols from one on, with so many slots left; in front of them what takes more slots than are left
    front = SLOTS >> 1
    bits = np.full((len(symbols) + 1, front + SLOTS + 1), _NEVER, dtype=np.int64)
    bits[-1, front:] = 0
    left = front + np.arange(SLOTS + 1) - (SLOTS >> prefix)[:, None]  # [shapes, slots]
    places, flat = behind[:, :, None] * bits.shape[1] + left, bits.reshape(-1)
    for i in range(len(symbols) - 1, -1, -1):
        sums = flat.take(places[i])
        sums += cost[i][:, None]
        np.minimum(sums.min(axis=0), _NEVER, out=bits[i, front:])
    if bits[0, -1] == _NEVER:
        raise ValueError(f"{len(symbols)} symbols do not fit codes of at most {PREFIX + EXTRA} bits")
    groups, i, slots = [], 0, SLOTS
    while i < len(symbols):
        shape = int((bits[behind[i], left[:, slots]] + cost[i]).argmin())
        groups.append(Group(int(symbols[i]), *_SHAPES[shape]))
        slots -= SLOTS >> _SHAPES[shape][0]
        i = int(behind[i, shape])
    return groups
