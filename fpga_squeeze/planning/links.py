"""What lies between row buffers, as a machine whose moves are computed once and looked up afterwards.

A link begins at the lanes of an engine (or at the line gatherer, or at a store), goes through the kernels behind it
that keep no rows and ends where row buffers take words: those of engines, stores, or the receiver of the results.
Within a link every word waits for others: a FIFO is full, a kernel is busy. Between links only whole rows count (rows
that have come, slots that are free), so that a link does a row group of a stage at a time: a :class:`Segment`.

When the words of a segment move depends on the segment, on what the link still has to do (:class:`State`), and on how
long rows and slots are awaited; all of it counted from the first cycle of the segment. The handshakes know sums and
maxima only, so that everything moves later by as much as the segment does: a :class:`Move` computed word by word for
one row group holds for each that finds the same state. Times that can no longer delay anything are left out of a state;
where nothing contends, there are therefore only a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from .handshakes import Handshakes, NotKnown
from .latency import INPUT_LATENCY, VISIBLE
from .order import OUTPUT
from .routes import Extra, Route, routes_of
from .tree import Leaf, Pass, Tree, nodes, stage_count
from .work import Producer, RowGroup

LINKS_KEPT = 512
"""Links whose moves are remembered: plans that a search compares differ in few of theirs."""

Demand = tuple[bool, int]
"""What a word waits for: the next row group of a store (True, its number), or the next slot of a leaf (False, ...)."""


@dataclass(frozen=True, eq=False)
class Words:
    """The words of a segment: which rows they are of; equal segments share one.

    routes    of each row of the group
    extras    rows that pools send behind the last row of a frame
    demands   what its words wait for, in the order in which they do
    frees     stores of which a row group is done, in that order
    earliest  no word of the segment gets there before this cycle, counted from the segment's first
    """

    number: int
    stage: int
    rows: int
    gather: int
    routes: tuple[Route, ...]
    extras: tuple[Extra, ...]
    earliest: int
    demands: list[Demand] = field(default_factory=list)
    frees: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Segment:
    """A row group of a stage, as scheduled: its words, and what it waits for and gives back (see :class:`RowGroup`)."""

    words: Words
    need: int
    source: int
    sink: int | None
    release: int


@dataclass(frozen=True, eq=False)
class State:
    """What a link has still to do, in cycles counted from the first one in which its producer is free.

    last     the last term
    pops     per FIFO the places that are not free yet
    busy     per FIFO when each stage of the kernel or buffer behind it can take a word
    horizon  none of it matters this many cycles later
    moves    by segment, cycles until the rows needed have come and cycles until what it waits for is there
    """

    last: int
    pops: tuple[tuple[int, ...], ...]
    busy: tuple[tuple[int, ...], ...]
    horizon: int
    moves: dict[tuple[int, int, tuple[int, ...]], Move] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Move:
    """What a segment does, in cycles counted from its first.

    state      of the link afterwards; None: it is not known when something is there that one of its words waits for
    now        when the producer is free
    done       per buffer at the end of the link: when rows count in it
    freed      when row groups of stores are done, as ``Words.frees`` tells
    stored     when the rows count that it stores in a further row buffer of its engine
    held       per FIFO from when until when what is behind it works on words of the segment; None: no word comes there
    """

    state: State | None
    now: int
    done: tuple[tuple[int, ...], ...]
    freed: tuple[int, ...]
    stored: tuple[int, ...]
    held: tuple[tuple[int, int] | None, ...] = ()


class Link:
    """A producer and the tree behind it. ``frames`` are the segments of the first frame and of any other."""

    def __init__(self, first: Producer, later: Producer, tree: Tree, depths: tuple[int, ...]) -> None:
        self.producer, self.tree, self.depths = first, tree, depths
        self.nodes = list(nodes(tree))
        self.leaves = [node for node in self.nodes if isinstance(node, Leaf)]
        self.hold = {node.fifo: node.between.hold for node in self.nodes if isinstance(node, Pass)}
        self._words: dict[object, Words] = {}
        self._states: dict[object, State] = {}
        idle = [(0,) * stage_count(node) for node in sorted(self.nodes, key=lambda node: node.fifo)]
        self.start = self.state(-first.beats - 1, [[] for _ in depths], idle)
        opening = self._segments(first)
        self.frames = opening, opening if later is first else self._segments(later)

    def state(self, last: int, pops: Sequence[Sequence[int]], busy: Sequence[tuple[int, ...]]) -> State:
        """The state without what cannot delay anything: there is one object for each that differs."""
        waiting = tuple(
            tuple(t for t in some[-depth:] if t >= 0) if depth else ()
            for some, depth in zip(pops, self.depths, strict=True)
        )
        occupied = tuple(tuple([max(t, 0) for t in stages]) for stages in busy)
        key = last, waiting, occupied
        known = self._states.get(key)
        if known is None:
            beats = self.producer.beats + 1 + last
            times = [t + VISIBLE for some in waiting for t in some] + [
                t for stages in occupied for t in stages
            ]
            known = self._states[key] = State(last, waiting, occupied, max([beats, *times]))
        return known

    def _segments(self, producer: Producer) -> tuple[Segment, ...]:
        """The work of a frame, with the way that every row takes."""
        sending = [i for i, stage in enumerate(producer.stages) if stage.sends] or [0]
        ways, extras = routes_of(self.tree, producer.height, producer.rows)
        sent = dict.fromkeys(sending, 0)
        segments = []
        for work in producer.work:
            some: tuple[Route, ...] = ()
            behind: tuple[Extra, ...] = ()
            if work.stage in sent:
                start = sent[work.stage]
                some = tuple(ways[start : start + work.rows])
                sent[work.stage] += work.rows
                if work.stage == sending[-1] and start + work.rows == producer.height:
                    behind = tuple(extras)
            words = self._intern(producer, work, some, behind)
            sink = producer.stages[work.stage].sink if producer.stages else OUTPUT
            segments.append(Segment(words, work.need, work.source, sink, work.release))
        return tuple(segments)

    def _intern(
        self, producer: Producer, work: RowGroup, routes: tuple[Route, ...], extras: tuple[Extra, ...]
    ) -> Words:
        key = work.stage, work.rows, work.gather, routes, extras
        if key not in self._words:
            earliest = VISIBLE + (work.gather + INPUT_LATENCY if producer.depth else 0)
            if producer.stages:
                terms = producer.phases * producer.stages[work.stage].lengths[0]
                earliest = terms - 1 + producer.latency + producer.parts - 1 + VISIBLE
            words = Words(len(self._words), work.stage, work.rows, work.gather, routes, extras, earliest)
            self._words[key] = words
            # what its words wait for does not depend on when it comes
            trial = Handshakes(self, self.start, 0, None)
            trial.run(words)
            words.demands.extend(trial.demands)
            words.frees.extend(side for side, _ in trial.freed)
        return self._words[key]

    def move(self, state: State, words: Words, wait: int, known: tuple[int, ...]) -> Move:
        """What a segment does that begins ``wait`` cycles after its producer is free.

        ``known`` are the cycles from its beginning until what its words wait for is there, as far as they are known.
        """
        wait = min(wait, state.horizon)
        known = tuple([max(time, words.earliest) for time in known])
        key = words.number, wait, known
        found = state.moves.get(key)
        if found is None:
            found = state.moves[key] = self._evaluate(state, words, wait, known)
        return found

    def _evaluate(self, state: State, words: Words, wait: int, known: tuple[int, ...]) -> Move:
        """Every word of the segment, as far as is known what they wait for."""
        shakes = Handshakes(self, state, wait, known)
        try:
            now = shakes.run(words)
        except NotKnown:
            now = None
        done = tuple(tuple(times) for times in shakes.done)
        freed = tuple(time for _, time in shakes.freed)
        if now is None:
            return Move(None, 0, done, freed, ())
        last = shakes.last - now if self.producer.stages else -self.producer.beats - 1
        pops = [[t - now for t in some] for some in shakes.pops]
        after = self.state(last, pops, [tuple([t - now for t in stages]) for stages in shakes.busy])
        return Move(after, now, done, freed, tuple(shakes.stored), self._held(state, shakes))

    def _held(self, state: State, shakes: Handshakes) -> tuple[tuple[int, int] | None, ...]:
        """From the first word taken out of each FIFO until the kernel or buffer behind it is done with the last."""
        out: list[tuple[int, int] | None] = []
        for fifo, (pops, before) in enumerate(zip(shakes.pops, state.pops, strict=True)):
            new = pops[len(before) :]
            out.append((new[0] - self.hold.get(fifo, 0), max(shakes.busy[fifo])) if new else None)
        return tuple(out)


@lru_cache(maxsize=LINKS_KEPT)
def find_link(first: Producer, later: Producer, tree: Tree, depths: tuple[int, ...]) -> Link:
    """The link, with the moves it has made in other plans; ``depths`` are those of its FIFOs."""
    return Link(first, later, tree, depths)
