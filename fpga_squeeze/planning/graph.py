"""How the nodes of an accelerator hang together: who reads what, and which way of several that meet needs no store.

Where streams meet, one comes straight from its kernels and the others wait in stores for whole row groups. The straight
one is the one that comes last: its words may then wait at the join for rows of the others, which never wait for it. For
this every *link* (what the words of an engine, of the line gatherer or of a store pass before they are stored again) has
a rank that grows along every way, and at a join the link of the highest rank goes straight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from typing_extensions import assert_never

from ..network.graph import IMAGE, QAdd, QAvgPool, QConcat, QMaxPool, QModel
from .fuse import Node, fuse
from .order import EngineLayer

Rank = tuple[int, int]
"""Rows by which a link lags behind the image, about, and its number: later ones are higher."""


@dataclass
class Graph:
    """Nodes, each after those it reads.

    readers  per stream: the nodes that read it, and as which of their operands
    direct   per join: the operand that goes straight
    relayed  joins whose straight operand comes out of a store as well, since another one has the same link
    parent   per engine: the engine whose row groups it reads, None where its rows come one by one
    """

    nodes: tuple[Node, ...]
    readers: dict[str, list[tuple[Node, int]]] = field(default_factory=dict)
    direct: dict[str, int] = field(default_factory=dict)
    relayed: set[str] = field(default_factory=set)
    parent: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ranks: dict[str, Rank] = {IMAGE: (0, 0)}
        sender: dict[str, str | None] = {IMAGE: None}  # whose row groups a stream has
        for number, node in enumerate(self.nodes, 1):
            for operand, name in enumerate(node.sources):
                self.readers.setdefault(name, []).append((node, operand))
            self._rank(node, number, ranks, sender)

    def _rank(self, node: Node, number: int, ranks: dict[str, Rank], sender: dict[str, str | None]) -> None:
        sources = [ranks[name] for name in node.sources]
        match node.body:
            case EngineLayer():
                ranks[node.name] = sources[0][0] + 1 + _lag(node.body), number
                self.parent[node.name] = sender[node.sources[0]]
                sender[node.name] = node.name
            case QMaxPool() | QAvgPool():
                ranks[node.name] = sources[0]
                sender[node.name] = None
            case QAdd() | QConcat():
                last = max(sources)
                self.direct[node.name] = sources.index(last)
                ranks[node.name] = last
                sender[node.name] = sender[node.sources[sources.index(last)]]
                if sources.count(last) > 1:
                    self.relayed.add(node.name)
                    ranks[node.name] = last[0] + 1, number
                    sender[node.name] = None
            case _:
                assert_never(node.body)

    @property
    def engines(self) -> list[EngineLayer]:
        """Those that run on lanes, in order."""
        return [node.body for node in self.nodes if isinstance(node.body, EngineLayer)]

    def pools_behind(self, name: str) -> tuple[QMaxPool | QAvgPool, ...]:
        """The pools that the row groups of a stream reach: straight, or through joins."""
        found: list[QMaxPool | QAvgPool] = []
        for node, operand in self.readers.get(name, []):
            match node.body:
                case QMaxPool() | QAvgPool():
                    found.append(node.body)
                case QAdd() | QConcat():
                    if self.direct[node.name] == operand and node.name not in self.relayed:
                        found += self.pools_behind(node.name)
                case EngineLayer():
                    pass
                case _:
                    assert_never(node.body)
        return tuple(found)


def _lag(engine: EngineLayer) -> int:
    """Rows of its input that an engine waits for beyond those at the height of its output."""
    return max(max(0, work.conv.kernel[0] - 1 - work.conv.pads[0]) + work.delay for work in engine.work)


@lru_cache(maxsize=16)
def graph_of(model: QModel) -> Graph:
    """The graph of the accelerator of ``model``."""
    return Graph(fuse(model))
