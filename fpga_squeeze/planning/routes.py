"""Which way the rows of a producer take through the tree behind it, worked out once for all channels."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import assert_never

from .tree import Branches, Join, Leaf, Pass, Tree


@dataclass(frozen=True)
class Stored:
    """Into a row buffer; ``slot``: its first word takes one."""

    slot: bool


@dataclass(frozen=True)
class Ended:
    """Taken by a pool that sends nothing for it."""


@dataclass(frozen=True)
class Passed:
    """Through a pool, which sends a row that takes the way ``then``."""

    then: Route


@dataclass(frozen=True)
class Split:
    """Through a fork: the ways of its branches."""

    ways: tuple[Route, ...]


@dataclass(frozen=True)
class Joined:
    """Through a join, and on by the way ``then``.

    group  the ways of all rows of its row group; ``starts`` and ``ends``: it is the first of them, the last
    """

    then: Route
    group: tuple[Route, ...]
    starts: bool
    ends: bool


Route = Stored | Ended | Passed | Split | Joined


@dataclass(frozen=True)
class Extra:
    """A row that the pool with the FIFO ``fifo`` sends behind the last row of a frame."""

    fifo: int
    then: Route


def routes_of(tree: Tree, rows: int, group: int) -> tuple[list[Route], list[Extra]]:
    """The ways of ``rows`` rows that come to ``tree`` in groups of ``group``, and rows that pools send behind them."""
    match tree:
        case Leaf():
            return [Stored(tree.span > 0 and y % tree.span == 0) for y in range(rows)], []
        case Pass():
            emits, more = tree.between.emits, tree.between.extras
            behind, extras = routes_of(tree.child, sum(emits) + more, 1)
            sent = iter(behind)
            ways: list[Route] = [Passed(next(sent)) if emit else Ended() for emit in emits]
            return ways, [Extra(tree.fifo, way) for way in sent] + extras
        case Branches():
            every = [routes_of(child, rows, group) for child in tree.children]
            ways = [Split(some) for some in zip(*(found for found, _ in every), strict=True)]
            return ways, [extra for _, found in every for extra in found]
        case Join():
            behind, extras = routes_of(tree.child, rows, group)
            ways = []
            for first in range(0, rows, group):
                some = tuple(behind[first : first + group])
                for place, way in enumerate(some):
                    ways.append(Joined(way, some, place == 0, place == len(some) - 1))
            return ways, extras
        case _:
            assert_never(tree)
