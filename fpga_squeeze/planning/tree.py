"""Where the words of a producer go: a tree of kernels that keep no rows, down to the buffers that do.

The tree of a link holds numbers only, equal for equal kernels, so that links of other plans are found again. Every
kernel and every buffer has the number of the FIFO in front of it; number 0 is that of the producer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .streams import Between


@dataclass(frozen=True)
class Leaf:
    """A row buffer with slots of ``span`` rows; 0: the receiver of the results. ``channels`` words make a row."""

    fifo: int
    span: int
    channels: int


@dataclass(frozen=True)
class Pass:
    """A kernel that takes words and sends some of them on: a pool. ``channels`` words make a row."""

    fifo: int
    channels: int
    between: Between
    child: Tree


@dataclass(frozen=True)
class Branches:
    """A fork: a word goes on when all of its branches have room."""

    fifo: int
    children: tuple[Tree, ...]


@dataclass(frozen=True)
class Join:
    """A sum or a concatenation with rows out of stores.

    stages    cycles of a word in each stage (see :class:`~.streams.Between`); none: it is sent as it is taken
    channels  words per row of what goes straight
    gates     stores, by number, whose rows a sum waits for
    before    (store, its channels) whose words precede those that go straight in every row group
    after     those that follow them
    """

    fifo: int
    stages: tuple[int, ...]
    channels: int
    gates: tuple[int, ...]
    before: tuple[tuple[int, int], ...]
    after: tuple[tuple[int, int], ...]
    child: Tree

    @property
    def sides(self) -> tuple[int, ...]:
        """The stores whose rows a row group waits for, in the order in which it does."""
        return self.gates + tuple(store for store, _ in self.before + self.after)


Tree = Leaf | Pass | Branches | Join


def stage_count(node: Tree) -> int:
    """Words that a kernel holds, one behind the other; a buffer and a fork only take them."""
    match node:
        case Pass():
            return len(node.between.sends)
        case Join():
            return max(1, len(node.stages))
        case Leaf() | Branches():
            return 1


def nodes(tree: Tree) -> Iterator[Tree]:
    """Every kernel and buffer of a tree, each before those behind it."""
    yield tree
    match tree:
        case Leaf():
            return
        case Pass() | Join():
            yield from nodes(tree.child)
        case Branches():
            for child in tree.children:
                yield from nodes(child)
