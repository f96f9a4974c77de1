"""When every word moves: an exact model of the handshakes of the RTL, without simulating its logic.

Each kernel is a sequential process with a clock of its own. It reads a word at the time it becomes visible and writes
one when a place is free, so that back-pressure works in both directions. The result is the schedule that the RTL has
when its source always offers a beat and its sink always takes one.

Kernels wait for each other word by word within a link, and by whole rows from link to link (:mod:`.links`). Here
links run side by side, frame after frame; once a frame leaves all of them as it found them, but later, every frame
after it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from typing_extensions import assert_never

from .links import RELEASE_LATENCY, VISIBLE, Deadlock, Link, State, find_link
from .order import OUTPUT
from .plan import AveragePlan, EnginePlan, InputPlan, Plan, PoolPlan
from .work import Between, Producer, between, engine_producer, input_producers


@dataclass(frozen=True)
class Schedule:
    """Cycles, counted from the first input beat.

    outputs          cycle of the last output word of each simulated frame
    latency          cycles from the first input beat to the last output of the first frame, both included
    cycles_per_frame steady interval between the last outputs of consecutive frames
    """

    outputs: tuple[int, ...]

    @property
    def latency(self) -> int:
        return self.outputs[0] + 1

    @property
    def intervals(self) -> tuple[int, ...]:
        return tuple(b - a for a, b in zip(self.outputs, self.outputs[1:], strict=False))

    @property
    def cycles_per_frame(self) -> int:
        return self.intervals[-1]


@dataclass
class Buffer:
    """A row buffer between two links: ``height`` rows per frame; cycles from which its rows count and slots are free.

    ``taken`` is the number of slots taken so far.
    """

    height: int
    free: list[int]
    done: list[int] = field(default_factory=list)
    taken: int = 0


@dataclass(frozen=True)
class Rest:
    """A link that has finished a frame: its state, counted from ``now``."""

    now: int
    state: State


def _run(link: Link, source: Buffer | None, target: Buffer) -> Iterator[Rest | None]:
    """A link, from frame to frame: yields None where it has to wait for another one, and a Rest behind each frame."""
    now, state = 0, link.start
    segments, later = link.frames
    stored: dict[int, list[int]] = {}  # rows of this frame in further row buffers of the engine
    done, free = target.done, target.free
    come: list[int] = source.done if source else []
    came = 0  # rows of earlier frames
    while True:
        for segment in segments:
            begin = now
            if segment.source:
                begin = max(now, stored[segment.source][segment.need - 1])
            elif segment.need:
                while len(come) < came + segment.need:
                    yield None
                begin = max(now, come[came + segment.need - 1])
            words = segment.words
            count, reported = words.slots, 0
            while True:
                known = free[target.taken : target.taken + count]
                move = link.move(state, words, begin - now, tuple([t - begin for t in known]))
                if move.state:
                    break
                # rows that need no slot which is not known may be what that slot is waiting for
                done += [begin + t for t in move.done[reported:]]
                reported = len(move.done)
                while len(free) < target.taken + len(known) + 1:
                    yield None
            state = move.state
            target.taken += count
            done += [begin + t for t in move.done[reported:]]
            if segment.sink is not OUTPUT:
                stored.setdefault(segment.sink, []).extend(begin + t for t in move.stored)
            now = begin + move.now
            if segment.release and source:
                source.free += [now - 1 + RELEASE_LATENCY] * segment.release
        segments = later
        stored.clear()
        came += source.height if source else 0
        yield Rest(now, state)


def _links(plan: Plan) -> tuple[list[Link], list[Buffer]]:
    """The links of a plan, and the buffer at the end of each."""
    links: list[Link] = []
    buffers: list[Buffer] = []
    beginning: tuple[Producer, Producer] | None = None
    pools: list[Between] = []
    for kernel in plan.kernels:
        match kernel:
            case EnginePlan():
                assert beginning is not None
                links.append(find_link(*beginning, tuple(pools), kernel.lines.span))
                buffers.append(Buffer(kernel.input.type.shape.height, [0] * kernel.lines.slots))
                producer = engine_producer(kernel)
                beginning, pools = (producer, producer), []
            case InputPlan():
                beginning = input_producers(kernel)
            case PoolPlan() | AveragePlan():
                pools.append(between(kernel))
            case _:
                assert_never(kernel)
    assert beginning is not None
    links.append(find_link(*beginning, tuple(pools), 0))
    buffers.append(Buffer(plan.kernels[-1].output.type.shape.height, []))
    return links, buffers


Picture = tuple[tuple[State, int, tuple[int, ...]], ...]
"""Behind a frame, counted from when the first link is free: of each link its state, when it is free, and its slots."""


def _frame(runs: list[Iterator[Rest | None]], buffers: list[Buffer]) -> tuple[int, Picture]:
    """Run every link to the end of its frame; raises RuntimeError if none can go on."""
    rests: list[Rest | None] = [None] * len(runs)
    moved = -1
    while not all(rests):
        before, moved = moved, sum(len(b.done) + len(b.free) for b in buffers) + sum(map(bool, rests))
        if moved == before:
            raise Deadlock
        for i, run in enumerate(runs):
            if rests[i] is None:
                rests[i] = next(run)
    found = [rest for rest in rests if rest]
    start = found[0].now
    return start, tuple(
        (rest.state, rest.now - start, tuple(max(t, rest.now) - start for t in buffer.free[buffer.taken :]))
        for rest, buffer in zip(found, buffers, strict=True)
    )


def simulate(plan: Plan, frames: int) -> Schedule:
    """Schedule of ``frames`` frames back to back; raises RuntimeError if the plan deadlocks."""
    links, buffers = _links(plan)
    sources = [None, *buffers]
    runs = [_run(link, source, target) for link, source, target in zip(links, sources, buffers, strict=False)]
    rows = buffers[-1].height
    outputs: list[int] = []
    start, picture = _frame(runs, buffers) if frames else (0, ())
    for frame in range(frames):
        outputs.append(buffers[-1].done[(frame + 1) * rows - 1] - VISIBLE)
        if len(outputs) == frames:
            break
        before, seen = start, picture
        start, picture = _frame(runs, buffers)
        if picture == seen:
            # the same states, slots and waits, ``start - before`` cycles later: so are all frames from here on
            last = buffers[-1].done[(frame + 2) * rows - 1] - VISIBLE
            outputs += [last + i * (start - before) for i in range(frames - len(outputs))]
            break
    return Schedule(tuple(outputs))


STEADY_FRAMES = 5
"""Frames simulated for the steady interval: the buffers between kernels hold less than a frame each."""


def schedule(plan: Plan) -> Schedule:
    """Schedule long enough for the interval to be steady."""
    return simulate(plan, STEADY_FRAMES)
