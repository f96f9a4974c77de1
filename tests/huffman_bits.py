"""Huffman's algorithm, the number of bits alone: an oracle for codes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable


def plain_huffman_bits(counts: Iterable[int]) -> int:
    """Bits of an unlimited Huffman code: the sum of all merged weights."""
    heap = list(counts)
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total
