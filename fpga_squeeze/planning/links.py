"""What lies between two row buffers, as a machine whose moves are computed once and looked up afterwards.

A link begins at the lanes of an engine (or at the line gatherer), goes through the pools behind it and ends where the
next engine's row buffer (or the receiver of the results) takes words. Within a link every word waits for others: a FIFO
is full, a kernel is busy. Between links only whole rows count (rows that have come, slots that are free), so that a
link does a row group of a stage at a time: a :class:`Segment`.

When the words of a segment move depends on the segment, on what the link still has to do (:class:`State`), and on how
long rows and slots are awaited; all of it counted from the first cycle of the segment. The handshakes know sums and
maxima only, so that everything moves later by as much as the segment does: a :class:`Move` computed word by word for
one row group holds for each that finds the same state. Times that can no longer delay anything are left out of a state;
where nothing contends, there are therefore only a few.

The constants are pipeline lengths of the RTL modules named beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from .kernels import DRAIN_LATENCY
from .work import Between, Producer, Work

RELEASE_LATENCY = 4  # fsq_row_cursor and fsq_line_buffer: last term issued -> the slot can be taken
VISIBLE = 1  # a pushed word, a popped place and a finished row are seen one cycle later
LINKS_KEPT = 256
"""Links whose moves are remembered: plans that a search compares differ in few of theirs."""

Route = tuple[int, bool]
"""How far the words of a row get (the pool that sends nothing for it, or behind all pools), and whether it takes a
slot of the row buffer."""


class Deadlock(RuntimeError):
    """A FIFO that cannot hold what is reserved at once."""

    def __init__(self) -> None:
        super().__init__("the plan deadlocks: no kernel can move a word")


@dataclass(frozen=True, eq=False)
class Words:
    """The words of a segment: which rows they are of; equal segments share one.

    routes    of each row of the group
    extras    (pool, route) of the rows that pools send behind the last row of a frame
    slots     slots of the row buffer at the end of the link that these words take
    earliest  no word of the segment gets there before this cycle, counted from the segment's first
    """

    number: int
    stage: int
    rows: int
    gather: int
    routes: tuple[Route, ...]
    extras: tuple[tuple[int, Route], ...]
    slots: int
    earliest: int


@dataclass(frozen=True, eq=False)
class Segment:
    """A row group of a stage, as scheduled: its words, and what it waits for and gives back (see :class:`Work`)."""

    words: Words
    need: int
    squeezed: bool
    release: int


@dataclass(frozen=True, eq=False)
class State:
    """What a link has still to do, in cycles counted from the first one in which its producer is free.

    last     the last term
    pops     per FIFO the places that are not free yet
    pools    per pool when it is free, and when its divider is
    end      when the row buffer can take a word
    horizon  none of it matters this many cycles later
    moves    by segment, cycles until the rows needed have come and cycles until slots are free
    """

    last: int
    pops: tuple[tuple[int, ...], ...]
    pools: tuple[tuple[int, int], ...]
    end: int
    horizon: int
    moves: dict[tuple[int, int, tuple[int, ...]], Move] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Move:
    """What a segment does, in cycles counted from its first.

    state      of the link afterwards; None: a slot is missing that one of its words takes
    now        when the producer is free
    done       when its rows count in the row buffer
    squeezed   when its squeezed rows count
    """

    state: State | None
    now: int
    done: tuple[int, ...]
    squeezed: tuple[int, ...]


class Link:
    """A producer, the pools behind it, and a row buffer with slots of ``span`` rows (0: the receiver of the results).

    ``frames`` are the segments of the first frame and of any other.
    """

    def __init__(self, first: Producer, later: Producer, pools: tuple[Between, ...], span: int) -> None:
        self.producer, self.pools = first, pools
        self.depths = (first.depth, *(pool.depth for pool in pools))
        self._span = span
        self._words: dict[object, Words] = {}
        self._states: dict[object, State] = {}
        self.start = self.state(-first.beats - 1, [[] for _ in self.depths], [(0, 0)] * len(pools), 0)
        opening = self._segments(first)
        self.frames = opening, opening if later is first else self._segments(later)

    def state(
        self, last: int, pops: Sequence[Sequence[int]], pools: Sequence[tuple[int, int]], end: int
    ) -> State:
        """The state without what cannot delay anything: there is one object for each that differs."""
        waiting = tuple(
            tuple(t for t in some[-depth:] if t >= 0) for some, depth in zip(pops, self.depths, strict=True)
        )
        busy = tuple((max(t, 0), max(idle, 0)) for t, idle in pools)
        key = last, waiting, busy, max(end, 0)
        known = self._states.get(key)
        if known is None:
            beats = self.producer.beats + 1 + last
            times = [t + VISIBLE for some in waiting for t in some] + [t for pair in busy for t in pair]
            known = self._states[key] = State(last, waiting, busy, key[3], max([beats, key[3], *times]))
        return known

    def _segments(self, producer: Producer) -> tuple[Segment, ...]:
        """The work of a frame, with the way that every row takes."""
        sending = [i for i, stage in enumerate(producer.stages) if stage.sends] or [0]
        seen = [0] * (len(self.pools) + 1)

        def follow(level: int) -> Route:
            """The next row of FIFO ``level``."""
            for pool in self.pools[level:]:
                y = seen[level]
                seen[level] += 1
                if not pool.emits[y]:
                    return level, False
                level += 1
            y = seen[level]
            seen[level] += 1
            return level, self._span > 0 and y % self._span == 0

        routes: dict[int, list[Route]] = {stage: [] for stage in sending}
        ways = [follow(0) for _ in range(producer.height)]
        extras = [(i, follow(i + 1)) for i, pool in enumerate(self.pools) if pool.extra]
        segments = []
        for work in producer.work:
            some: tuple[Route, ...] = ()
            behind: tuple[tuple[int, Route], ...] = ()
            if work.stage in routes:
                start = len(routes[work.stage])
                # the first channel of a row takes its slot
                some = tuple(
                    (level, slot and work.stage == sending[0])
                    for level, slot in ways[start : start + work.rows]
                )
                routes[work.stage] += some
                if work.stage == sending[-1] and start + work.rows == producer.height:
                    behind = tuple(extras)
            words = self._intern(producer, work, some, behind)
            segments.append(Segment(words, work.need, work.squeezed, work.release))
        return tuple(segments)

    def _intern(
        self, producer: Producer, work: Work, routes: tuple[Route, ...], extras: tuple[tuple[int, Route], ...]
    ) -> Words:
        key = work.stage, work.rows, work.gather, routes, extras
        if key not in self._words:
            earliest = work.gather + VISIBLE
            if producer.stages:
                terms = producer.phases * producer.stages[work.stage].lengths[0]
                earliest = terms - 1 + DRAIN_LATENCY + producer.parts - 1 + VISIBLE
            slots = sum(slot for _, slot in routes) + sum(slot for _, (_, slot) in extras)
            self._words[key] = Words(
                len(self._words), work.stage, work.rows, work.gather, routes, extras, slots, earliest
            )
        return self._words[key]

    def move(self, state: State, words: Words, wait: int, slots: tuple[int, ...]) -> Move:
        """What a segment does that begins ``wait`` cycles after its producer is free.

        ``slots`` are the cycles from its beginning until the slots that it takes are free, as far as they are known.
        """
        wait = min(wait, state.horizon)
        slots = tuple([max(slot, words.earliest) for slot in slots])
        key = words.number, wait, slots
        found = state.moves.get(key)
        if found is None:
            found = state.moves[key] = _Handshakes(self, state, wait, slots).run(words)
        return found


@lru_cache(maxsize=LINKS_KEPT)
def find_link(first: Producer, later: Producer, pools: tuple[Between, ...], span: int) -> Link:
    """The link, with the moves it has made in other plans."""
    return Link(first, later, pools, span)


class _NoSlot(Exception):
    """A word takes a slot of which it is not known when it is free."""


class _Handshakes:
    """The words of one segment, one after the other through the whole link; times count from its first cycle."""

    def __init__(self, link: Link, state: State, wait: int, slots: tuple[int, ...]) -> None:
        self.link, self.producer, self.pools, self.depths = link, link.producer, link.pools, link.depths
        self.last = state.last - wait
        self.pops = [[t - wait for t in some] for some in state.pops]
        self.busy = [(t - wait, idle - wait) for t, idle in state.pools]
        self.end = state.end - wait
        self.slots = list(slots)[::-1]
        self.done: list[int] = []
        self.squeezed: list[int] = []

    def run(self, words: Words) -> Move:
        """Every word of the segment, as far as slots are known."""
        try:
            now = self._lanes(words) if self.producer.stages else self._gather(words)
            for pool, route in words.extras:
                self._extra(pool, route)
        except _NoSlot:
            return Move(None, 0, tuple(self.done), ())
        last = self.last - now if self.producer.stages else -self.producer.beats - 1
        pops = [[t - now for t in some] for some in self.pops]
        state = self.link.state(last, pops, [(t - now, idle - now) for t, idle in self.busy], self.end - now)
        return Move(state, now, tuple(self.done), tuple(self.squeezed))

    def _room(self, level: int, words: int = 1) -> int:
        """First cycle in which the next ``words`` words have places in a FIFO."""
        pops = self.pops[level]
        before = len(pops) + words - 1 - self.depths[level]
        if before < 0:
            return 0
        if before >= len(pops):
            raise Deadlock
        return pops[before] + VISIBLE

    def _gather(self, words: Words) -> int:
        """fsq_input: a word per channel, once the bytes of a row are there."""
        t = words.gather
        for channel in range(self.producer.channels):
            t = max(t, self._room(0))
            self._carry(0, t, words.routes[0], channel)
            t += 1
        return t

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
                now = max(now, self._room(0, valid * words.rows))
            last = max(now + length - 1, last + beats)
            now = last + 1
            drained = last + DRAIN_LATENCY + parts - 1
            if stage.sends:
                self._send(drained, offset + first, valid, words.routes)
            elif first + valid == stage.channels:
                drained += (valid - 1) * producer.rows * parts
                self.squeezed += [drained + row * parts + VISIBLE for row in range(words.rows)]
        self.last = last
        return now

    def _send(self, drained: int, first: int, channels: int, routes: tuple[Route, ...]) -> None:
        """The words of a pass, the first of which leaves the requantisers at ``drained``."""
        parts, rows = self.producer.parts, self.producer.rows
        if not self.pools and first and first + channels < self.producer.channels and len(routes) == rows:
            pops, stop = self.pops[0], drained + channels * rows * parts
            if self.end <= drained + VISIBLE:  # nothing waits
                pops.extend(range(drained + VISIBLE, stop + VISIBLE, parts))
                self.end = pops[-1] + 1
                return
        for channel in range(channels):
            for row, route in enumerate(routes):
                self._carry(0, drained + (channel * rows + row) * parts, route, first + channel)

    def _carry(self, level: int, push: int, route: Route, channel: int) -> None:
        """A word that is pushed into FIFO ``level``: pools take it and send one on, the row buffer keeps it."""
        reach, takes_slot = route
        while level < len(self.pools):
            pool = self.pools[level]
            t, idle = self.busy[level]
            t = max(t, push + VISIBLE)
            self.pops[level].append(t + pool.hold)
            t += pool.turn
            if level < reach:
                room = self._room(level + 1)
                if pool.divides is None:
                    push = t = max(t, room)
                else:
                    t = max(t, idle)
                    push = max(t + pool.divides, room)
                    idle = push + 1
            self.busy[level] = t + 1, idle
            if level == reach:
                return
            level += 1
        # fsq_line_buffer: takes a slot when the first word of a slot arrives
        t = max(self.end, push + VISIBLE)
        if takes_slot and channel == 0:
            if not self.slots:
                raise _NoSlot
            t = max(t, self.slots.pop())
        self.pops[level].append(t)
        self.end = t + 1
        if channel == self.producer.channels - 1:
            self.done.append(t + VISIBLE)

    def _extra(self, level: int, route: Route) -> None:
        """A row that a max pool sends when it has taken the last one of a frame."""
        pool = self.pools[level]
        for channel in range(self.producer.channels):
            t, idle = self.busy[level]
            t = max(t + pool.turn, self._room(level + 1))
            self.busy[level] = t + 1, idle
            self._carry(level + 1, t, route, channel)
