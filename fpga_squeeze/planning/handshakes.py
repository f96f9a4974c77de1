"""The words of one row group, one after the other through a whole link: when each of them moves.

The constants are pipeline lengths of the RTL modules named beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import assert_never

from .kinds.store import OFFER, RELEASE
from .latency import INPUT_LATENCY, OUTPUT_TURN, ROW_VISIBLE, VISIBLE
from .routes import Ended, Joined, Passed, Route, Split, Stored
from .tree import Branches, Join, Leaf, Pass, Tree

if TYPE_CHECKING:
    from .links import Link, State, Words


class Deadlock(RuntimeError):
    """A FIFO that cannot hold what is reserved at once."""

    def __init__(self) -> None:
        super().__init__("the plan deadlocks: no kernel can move a word")


class NotKnown(Exception):
    """A word waits for something of which it is not known when it is there."""


class Handshakes:
    """The words of a segment; times count from its first cycle.

    ``known`` are the times of what they wait for, in that order: when a slot is free, when the first word of a row
    group is offered. None: nothing is waited for.
    """

    def __init__(self, link: Link, state: State, wait: int, known: Sequence[int] | None) -> None:
        self.link, self.producer, self.depths = link, link.producer, link.depths
        self.last = state.last - wait
        self.pops = [[t - wait for t in some] for some in state.pops]
        self.busy = [tuple([t - wait for t in stages]) for stages in state.busy]
        self.known = None if known is None else list(known)[::-1]
        self.demands: list[tuple[bool, int]] = []
        self.place = {leaf.fifo: i for i, leaf in enumerate(link.leaves)}
        self.done: list[list[int]] = [[] for _ in link.leaves]
        self.freed: list[tuple[int, int]] = []
        self.stored: list[int] = []

    def run(self, words: Words) -> int:
        """Every word of the segment; the cycle in which the producer is free. Raises NotKnown."""
        producer = self.producer
        if producer.stages:
            now = self._lanes(words)
        elif producer.depth:
            now = self._gather(words)
        else:
            now = self._offer(words)
        for extra in words.extras:
            node = next(node for node in self.link.nodes if node.fifo == extra.fifo)
            assert isinstance(node, Pass)
            self._extra(node, extra.then)
        return now

    def _room(self, fifo: int, words: int = 1) -> int:
        """First cycle in which the next ``words`` words have places in a FIFO."""
        pops = self.pops[fifo]
        before = len(pops) + words - 1 - self.depths[fifo]
        if before < 0:
            return 0
        if before >= len(pops):
            raise Deadlock
        return pops[before] + VISIBLE

    def _await(self, gate: bool, number: int) -> int:
        """When the next row group of a store is there, or the next slot of a buffer."""
        if self.known is None:
            self.demands.append((gate, number))
            return 0
        if not self.known:
            raise NotKnown
        return self.known.pop()

    # ------------------------------------------------------------------------------------------- producers

    def _gather(self, words: Words) -> int:
        """fsq_input: a word per channel, once the bytes of a row are there."""
        t = words.gather
        for channel in range(self.producer.channels):
            t = max(t, self._room(0))
            self._carry(self.link.tree, t + INPUT_LATENCY, words.routes[0], channel)
            t += 1
        return t

    def _offer(self, words: Words) -> int:
        """fsq_row_store: a word is offered OFFER cycles after the one before was taken."""
        now, pops = 0, self.pops[0]
        for channel in range(self.producer.channels):
            for route in words.routes:
                self._carry(self.link.tree, now, route, channel)
                now = pops[-1] + OFFER - VISIBLE
        return now

    def _lanes(self, words: Words) -> int:
        """fsq_sequencer with fsq_drain: passes, and the words they complete."""
        producer = self.producer
        stage = producer.stages[words.stage]
        phases, parts, beats, at_once = producer.phases, producer.parts, producer.beats, producer.at_once
        offset = sum(s.channels for s in producer.stages[: words.stage] if s.sends)
        now, last = 0, self.last  # first cycle in which a term may be issued; last term of the pass before
        for group, length in enumerate(stage.lengths):
            first = group * at_once
            valid = min(at_once, stage.channels - first)
            if phases > 1:
                last = max(now + length - 1, last + beats) + (phases - 2) * max(length, beats)
                now = last + 1
            if stage.sends:
                now = max(now, self._room(0, at_once * producer.rows))
            last = max(now + length - 1, last + beats)
            now = last + 1
            drained = last + producer.latency + parts - 1
            if stage.sends:
                self._send(drained, offset + first, valid, words.routes)
            elif stage.last and first + valid == stage.channels:
                drained += (valid - 1) * producer.rows * parts
                self.stored += [drained + row * parts + ROW_VISIBLE for row in range(words.rows)]
        self.last = last
        return now

    def _send(self, drained: int, first: int, channels: int, routes: tuple[Route, ...]) -> None:
        """The words of a pass, the first of which leaves the requantisers at ``drained``."""
        parts, rows, tree = self.producer.parts, self.producer.rows, self.link.tree
        straight = isinstance(tree, Leaf) and tree.span > 0 and len(routes) == rows
        if straight and first and first + channels < self.producer.channels:
            pops, stop = self.pops[0], drained + channels * rows * parts
            if self.busy[0][0] <= drained + VISIBLE:  # nothing waits
                pops.extend(range(drained + VISIBLE, stop + VISIBLE, parts))
                self.busy[0] = (pops[-1] + 1,)
                return
        for channel in range(channels):
            for row, route in enumerate(routes):
                self._carry(tree, drained + (channel * rows + row) * parts, route, first + channel)

    # ---------------------------------------------------------------------------------------------- kernels

    def _carry(self, node: Tree, push: int, route: Route, channel: int) -> None:
        """A word that is pushed into the FIFO of ``node``, and where it goes from there."""
        fifo = node.fifo
        t = max(self.busy[fifo][0], push + VISIBLE)
        match node, route:
            case Leaf(), Stored():
                # fsq_line_buffer, fsq_row_store: takes a slot when the first word of a slot arrives
                if route.slot and channel == 0:
                    t = max(t, self._await(False, self.place[fifo]))
                self.pops[fifo].append(t)
                self.busy[fifo] = (t + (1 if node.span else OUTPUT_TURN),)
                if channel == node.channels - 1:
                    self.done[self.place[fifo]].append(t + ROW_VISIBLE)
            case Pass(), Passed() | Ended():
                self._pass(node, t, route, channel)
            case Branches(), Split():
                for child in node.children:
                    t = max(t, self._room(child.fifo))
                self.pops[fifo].append(t)
                self.busy[fifo] = (t + 1,)
                for child, way in zip(node.children, route.ways, strict=True):
                    self._carry(child, t, way, channel)
            case Join(), Joined():
                self._join(node, t, route, channel)
            case _:
                raise AssertionError(f"{route} does not lead through {node}")

    def _through(
        self, node: Pass | Join, t: int, stages: tuple[int, ...], then: Route | None, channel: int
    ) -> None:
        """A word taken in cycle ``t`` through stages (fsq_stages) with so many cycles, and on; None: it ends there."""
        free = list(self.busy[node.fifo])
        for i, cycles in enumerate(stages):
            t += cycles
            if i < len(stages) - 1:
                t = max(t, free[i + 1])
            elif then is not None:
                t = max(t, self._room(node.child.fifo))
            free[i] = t + 1
        self.busy[node.fifo] = tuple(free)
        if then is not None:
            self._carry(node.child, t, then, channel)

    def _pass(self, node: Pass, t: int, route: Passed | Ended, channel: int) -> None:
        """A pool."""
        pool = node.between
        self.pops[node.fifo].append(t + pool.hold)
        match route:
            case Ended():
                self._through(node, t, pool.ends, None, channel)
            case Passed():
                self._through(node, t, pool.sends, route.then, channel)
            case _:
                assert_never(route)

    def _extra(self, node: Pass, route: Route) -> None:
        """A row that a pool sends when it has taken the last one of a frame."""
        for channel in range(node.channels):
            self._through(node, self.busy[node.fifo][0], node.between.sends, route, channel)

    def _join(self, node: Join, t: int, route: Joined, channel: int) -> None:
        """fsq_add, fsq_concat: a word that goes straight, and rows out of stores before and behind it."""
        offset = sum(channels for _, channels in node.before)
        if route.starts and channel == 0:
            for gate in node.gates:
                t = max(t, self._await(True, gate))
            first = 0
            for store, channels in node.before:
                t = self._insert(node, t, store, route, first, channels)
                first += channels
        if node.stages:
            self._through(node, t, node.stages, route.then, offset + channel)
        else:  # taken and sent in one cycle
            t = max(t, self._room(node.child.fifo))
            self.busy[node.fifo] = (t + 1,)
            self._carry(node.child, t, route.then, offset + channel)
        self.pops[node.fifo].append(t)
        if route.ends and channel == node.channels - 1:
            self.freed += [(gate, t + RELEASE) for gate in node.gates]
            first = offset + node.channels
            t += 1
            for store, channels in node.after:
                t = self._insert(node, t, store, route, first, channels)
                first += channels
                self.busy[node.fifo] = (t,)

    def _insert(self, node: Join, t: int, store: int, route: Joined, first: int, channels: int) -> int:
        """The words of a row group out of a store, from cycle ``t`` on; the cycle after the last."""
        t = max(t, self._await(True, store))
        for channel in range(first, first + channels):
            for way in route.group:
                t = max(t, self._room(node.child.fifo))
                self._carry(node.child, t, way, channel)
                t += OFFER
        self.freed.append((store, t - OFFER + RELEASE))
        return t - OFFER + 1
