"""How the nodes of an accelerator hang together: who reads what, and which way of several that meet needs no store.

Where streams meet, one comes straight from its kernels and the others wait in stores for whole row groups. The
straight one is the one that comes last: its words may then wait at the join for rows of the others, which never wait
for it. For this every *link* (what the words of an engine, of the line gatherer or of a store pass before they are
stored again) has a rank that grows along every way: rows of the image by which it lags behind. At a join the highest
rank goes straight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from typing_extensions import assert_never

from ..device.lut_ram import ceil_div
from ..network.graph import IMAGE
from ..network.integers import QAdd, QAvgPool, QConcat, QMaxPool, QModel, TensorType
from .engine import rows_needed
from .fuse import Node, fuse
from .order import EngineLayer

Rank = tuple[float, int]
"""Rows of the image by which a link lags behind it, and its number: later ones are higher."""


@dataclass
class Graph:
    """Nodes, each after those it reads; ``rows`` are the rows at once of engines, 1 where nothing is said.

    readers  per stream: the nodes that read it, and as which of their operands
    direct   per join: the operand that goes straight
    relayed  joins whose straight operand comes out of a store as well, since another one has the same link
    parent   per engine: the engine whose row groups it reads, None where its rows come one by one
    """

    nodes: tuple[Node, ...]
    image: TensorType
    rows: Mapping[str, int] = field(default_factory=dict)
    readers: dict[str, list[tuple[Node, int]]] = field(default_factory=dict)
    direct: dict[str, int] = field(default_factory=dict)
    relayed: set[str] = field(default_factory=set)
    parent: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ranks: dict[str, Rank] = {IMAGE: (0, 0)}
        sender: dict[str, str | None] = {IMAGE: None}  # whose row groups a stream has
        self._nodes = {node.name: node for node in self.nodes}
        for number, node in enumerate(self.nodes, 1):
            for operand, name in enumerate(node.sources):
                self.readers.setdefault(name, []).append((node, operand))
            self._rank(node, number, ranks, sender)

    def _rank(self, node: Node, number: int, ranks: dict[str, Rank], sender: dict[str, str | None]) -> None:
        sources = [ranks[name] for name in node.sources]
        match node.body:
            case EngineLayer():
                ranks[node.name] = max(sources[0][0], self._lag(node)), number
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
                    ranks[node.name] = max(last[0], self._lag(node)), number
                    sender[node.name] = None
            case _:
                assert_never(node.body)

    def _lag(self, node: Node) -> float:
        """Rows of the image by which the middle row of a stream lags behind its own height."""
        height = node.output.shape.height
        middle = max(1, height // 2)
        return self._image_rows(node.name, middle) - middle * self.image.shape.height / height

    def _image_rows(self, name: str, rows: int) -> int:
        """Rows of the image that the first ``rows`` rows of a stream need."""
        if name == IMAGE:
            return rows
        node = self._nodes[name]
        match node.body:
            case EngineLayer():
                at_once, height = self.rows.get(name, 1), node.output.shape.height
                groups = ceil_div(height, at_once)
                delay = max(work.delay for work in node.body.work_at(at_once))
                group = min(ceil_div(rows, at_once) - 1 + delay, groups - 1)
                first = node.body.work[0].conv
                need = rows_needed(first, node.body.input.shape.height, at_once, groups, group)
                return self._image_rows(node.sources[0], need)
            case QMaxPool() | QAvgPool():
                pool = node.body
                below = (rows - 1) * pool.stride - pool.pads[0] + pool.kernel[0]
                return self._image_rows(node.sources[0], max(1, min(below, pool.input.shape.height)))
            case QAdd() | QConcat():
                return max(self._image_rows(source, rows) for source in node.sources)
            case _:
                assert_never(node.body)

    @property
    def engines(self) -> list[EngineLayer]:
        """Those that run on lanes, in order."""
        return [node.body for node in self.nodes if isinstance(node.body, EngineLayer)]

    def pools_behind(self, name: str) -> tuple[QMaxPool | QAvgPool, ...]:
        """The pools that the row groups of a stream may reach: straight, or through joins."""
        found: list[QMaxPool | QAvgPool] = []
        for node, _ in self.readers.get(name, []):
            match node.body:
                case QMaxPool() | QAvgPool():
                    found.append(node.body)
                case QAdd() | QConcat():
                    found += self.pools_behind(node.name)
                case EngineLayer():
                    pass
                case _:
                    assert_never(node.body)
        return tuple(found)


@lru_cache(maxsize=64)
def graph_of(model: QModel, together: frozenset[str] = frozenset()) -> Graph:
    """The graph of the accelerator of ``model``; ``together`` as :func:`.fuse.fuse` takes it."""
    return Graph(fuse(model, together), model.input)
