"""Few codes for many layers: those that cost least together share one.

A decoder looks its codeword's length up by the number of the code and the first bits of the stream, in one step: with
MOST_CODES codes that is a table of eight inputs, as many as two multiplexers behind four LUT6 of a slice take (UG474,
"Multiplexers").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from ..network.fixed_point import IntArray
from .prefix import PrefixCode

MOST_CODES = 4
"""Codes that a decoder tells apart."""

Counts = Mapping[int, int]
"""How often each symbol occurs."""


def _least_bits(often: IntArray) -> float:
    """Bits that symbols take at the least which occur so ``often`` (int64 [symbols]): their entropy."""
    used = often[often > 0]
    total = used.sum()
    return float(total * np.log2(total) - (used * np.log2(used)).sum())


def share_codes(
    counts: Sequence[Counts],
    codes: Sequence[PrefixCode],
    code_of: Callable[[dict[int, int]], PrefixCode],
    most: int = MOST_CODES,
) -> tuple[PrefixCode, ...]:
    """The code of each layer, at most ``most`` different ones.

    ``counts`` and ``codes`` are those of the layers by themselves; ``code_of`` makes a code for the symbols of several.
    Of all pairs that one is joined, again and again, whose entropy grows least: codes of all pairs would take a planner
    more time than all the rest, for v1.0's engines with the same result.
    """
    shared = list(codes)
    symbols = sorted(set().union(*counts))
    often = {code: np.zeros(len(symbols), dtype=np.int64) for code in shared}
    for code, own in zip(shared, counts, strict=True):
        often[code] += np.array([own.get(symbol, 0) for symbol in symbols])
    while len(often) > most:
        bits = {code: _least_bits(total) for code, total in often.items()}
        pairs = list(combinations(often, 2))
        added = [_least_bits(often[a] + often[b]) - bits[a] - bits[b] for a, b in pairs]
        pair = pairs[int(np.argmin(added))]
        total = often.pop(pair[0]) + often.pop(pair[1])
        joined = code_of({symbol: int(n) for symbol, n in zip(symbols, total, strict=True) if n})
        often[joined] = total + often.get(joined, 0)
        shared = [joined if code in pair else code for code in shared]
    return tuple(shared)
