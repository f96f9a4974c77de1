"""Huffman codes of limited length: what symbols take at the least, and what is reported of compressed networks.

The accelerator's decoders take another code, a little longer (:mod:`.prefix`).
"""

from __future__ import annotations

from collections.abc import Mapping


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
