"""Few codes for many layers: those that cost least together share one.

A decoder looks its codeword's length up by the number of the code and the first bits of the stream, in one step: with
MOST_CODES codes that is a table of eight inputs, as many as two multiplexers behind four LUT6 of a slice take (UG474,
"Multiplexers").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from .prefix import PrefixCode

MOST_CODES = 4
"""Codes that a decoder tells apart."""

Counts = Mapping[int, int]
"""How often each symbol occurs."""


def code_bits(code: PrefixCode, counts: Counts) -> int:
    """Bits that ``counts`` symbols take."""
    return sum(code.codewords[symbol][1] * n for symbol, n in counts.items())


def _totals(codes: Sequence[PrefixCode], counts: Sequence[Counts]) -> dict[PrefixCode, Counter[int]]:
    """The different codes, in the order of their first use, with the symbols of all layers that have them."""
    totals: dict[PrefixCode, Counter[int]] = {}
    for code, own in zip(codes, counts, strict=True):
        totals.setdefault(code, Counter()).update(own)
    return totals


def share_codes(
    counts: Sequence[Counts],
    codes: Sequence[PrefixCode],
    code_of: Callable[[dict[int, int]], PrefixCode],
    most: int = MOST_CODES,
) -> tuple[PrefixCode, ...]:
    """The code of each layer, at most ``most`` different ones.

    ``counts`` and ``codes`` are those of the layers by themselves; ``code_of`` makes a code for the symbols of several.
    Of all pairs that one is joined, again and again, which adds the fewest bits.
    """
    shared = list(codes)
    while len(totals := _totals(shared, counts)) > most:
        ways = []
        for first, second in combinations(totals, 2):
            both = totals[first] + totals[second]
            joined = code_of(dict(both))
            before = code_bits(first, totals[first]) + code_bits(second, totals[second])
            ways.append((code_bits(joined, both) - before, joined, (first, second)))
        _, joined, pair = min(ways, key=lambda way: way[0])
        shared = [joined if code in pair else code for code in shared]
    return tuple(shared)
