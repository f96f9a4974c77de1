"""Nodes in an order in which each stands behind those that it reads."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def ordered(reads: Sequence[Sequence[str]], gives: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
    """(places of the nodes in order, places of those in a loop or behind one).

    Node i reads the tensors ``reads[i]`` and gives ``gives[i]``; otherwise the order is the given one.
    """
    maker = {name: i for i, names in enumerate(gives) for name in names if name}
    sources = [{maker[name] for name in names if name in maker} for names in reads]
    readers: dict[int, list[int]] = {}
    for i, each in enumerate(sources):
        for source in each:
            readers.setdefault(source, []).append(i)
    missing = [len(each) for each in sources]
    ready = [i for i, count in enumerate(missing) if not count]
    out: list[int] = []
    while ready:
        i = heapq.heappop(ready)
        out.append(i)
        for reader in readers.get(i, []):
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    return out, [i for i, count in enumerate(missing) if count]
