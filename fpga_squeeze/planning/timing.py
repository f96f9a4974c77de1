"""When every word moves: an exact model of the handshakes of the RTL, without simulating its logic.

Each kernel is a sequential process with a clock of its own. It reads a word at the time it becomes visible and writes
one when a place is free, so that back-pressure works in both directions. The result is the schedule that the RTL has
when its source always offers a beat and its sink always takes one.

Kernels wait for each other word by word within a link, and by whole rows from link to link (:mod:`.links`). Here
links run side by side, frame after frame; once a frame leaves all of them as it found them, but later, every frame
after it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from typing_extensions import assert_never

from .engine import EnginePlan
from .handshakes import Deadlock
from .kinds.add import AddPlan
from .kinds.average import AveragePlan
from .kinds.concat import ConcatPlan
from .kinds.fork import ForkPlan
from .kinds.image import InputPlan
from .kinds.max_pool import PoolPlan
from .kinds.store import StorePlan
from .kinds.window import WindowPlan
from .latency import OUTPUT_LATENCY, ROW_VISIBLE, VISIBLE
from .links import Link, State, find_link
from .order import OUTPUT
from .plan import KernelPlan, Plan
from .streams import Stream
from .tree import Branches, Join, Leaf, Pass, Tree
from .work import Producer, engine_producer, input_producers, store_producer


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
    """A row buffer between two links, or the receiver of the results: ``height`` rows per frame; cycles from which its
    rows count and its slots are free.

    group   rows that leave a store at once
    taken   slots taken so far; ``read``: rows that a join has waited for
    """

    height: int
    free: list[int]
    group: int = 1
    done: list[int] = field(default_factory=list)
    taken: int = 0
    read: int = 0

    def next_group(self, first: int) -> int:
        """Rows of the row group that starts with row number ``first``, counted over all frames."""
        return min(self.group, self.height - first % self.height)

    @property
    def moves(self) -> int:
        return len(self.done) + len(self.free)


class Span(NamedTuple):
    """Cycles ``[start, stop)``, counted from the first input beat, in which a kernel is at a row group of a frame.

    An engine is at a row group of one of its stages from its first term until it could start the next, waits for room
    behind it included; another kernel from the first word of the group that it takes until it has sent the last.
    """

    kernel: str
    frame: int
    stage: int
    start: int
    stop: int


@dataclass(frozen=True)
class Rest:
    """A link that has finished a frame: its state, counted from ``now``."""

    now: int
    state: State


@dataclass
class Way:
    """A link, the buffer whose rows it works on, those at its ends, and the stores that joins in it read, by number.

    kernel    the one that it begins at; ``takers``: per FIFO the kernel that works on what it takes there, else ""
    """

    kernel: str
    takers: Sequence[str]
    link: Link
    source: Buffer | None
    leaves: list[Buffer]
    stores: list[Buffer]

    def known(
        self, words_demands: Sequence[tuple[bool, int]], begin: int
    ) -> tuple[list[int], tuple[bool, int] | None]:
        """Cycles from ``begin`` until each thing waited for is there, up to the first that is not known, and that."""
        times: list[int] = []
        slots = [leaf.taken for leaf in self.leaves]
        rows = [store.read for store in self.stores]
        for demand in words_demands:
            gate, number = demand
            if gate:
                store = self.stores[number]
                rows[number] += store.next_group(rows[number])
                if len(store.done) < rows[number]:
                    return times, demand
                # the first word of a group is offered a cycle after its last row counts
                times.append(store.done[rows[number] - 1] + VISIBLE - begin)
            else:
                free = self.leaves[number].free
                if len(free) <= slots[number]:
                    return times, demand
                times.append(free[slots[number]] - begin)
                slots[number] += 1
        return times, None

    def take(self, demands: Sequence[tuple[bool, int]]) -> None:
        """What the words of a segment waited for is theirs."""
        for gate, number in demands:
            if gate:
                self.stores[number].read += self.stores[number].next_group(self.stores[number].read)
            else:
                self.leaves[number].taken += 1


def _run(way: Way, spans: list[Span] | None) -> Iterator[Rest | None]:
    """A link, from frame to frame: yields None where it has to wait for another one, and a Rest behind each frame.

    ``spans`` are what its kernels were at, if that is asked for.
    """
    link, source = way.link, way.source
    now, state, frame = 0, link.start, 0
    segments, later = link.frames
    stored: dict[int, list[int]] = {}  # rows of this frame in further row buffers of the engine
    come: list[int] = source.done if source else []
    came = 0  # rows of earlier frames
    freed_rows = [0] * len(way.stores)
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
            reported, freed = [0] * len(way.leaves), 0
            while True:
                times, missing = way.known(words.demands, begin)
                move = link.move(state, words, begin - now, tuple(times))
                # rows that need nothing that is not known may be what the rest is waiting for
                for i, leaf in enumerate(way.leaves):
                    leaf.done += [begin + t for t in move.done[i][reported[i] :]]
                    reported[i] = len(move.done[i])
                for number, t in zip(words.frees[freed : len(move.freed)], move.freed[freed:], strict=True):
                    store = way.stores[number]
                    rows = store.next_group(freed_rows[number])
                    freed_rows[number] += rows
                    store.free += [begin + t] * rows
                freed = len(move.freed)
                if move.state:
                    break
                while way.known(words.demands, begin) == (times, missing):
                    yield None
            state = move.state
            way.take(words.demands)
            if segment.sink is not OUTPUT:
                stored.setdefault(segment.sink, []).extend(begin + t for t in move.stored)
            now = begin + move.now
            if spans is not None:
                spans.append(Span(way.kernel, frame, words.stage, begin, now))
                for taker, held in zip(way.takers, move.held, strict=True):
                    if taker and held:
                        spans.append(Span(taker, frame, 0, begin + held[0], begin + held[1]))
            if segment.release and source:
                source.free += [now - 1 + link.producer.release] * segment.release
        segments = later
        stored.clear()
        came += source.height if source else 0
        frame += 1
        yield Rest(now, state)


class _Ways:
    """The links of a plan: from every producer the tree of kernels that its words pass."""

    def __init__(self, plan: Plan) -> None:
        self.readers: dict[str, tuple[KernelPlan, int]] = {}
        for kernel in plan.kernels:
            for operand, stream in enumerate(kernel.inputs):
                self.readers[stream.name] = kernel, operand
        self.buffers: dict[str, Buffer] = {}
        for kernel in plan.kernels:
            match kernel:
                case EnginePlan():
                    height = kernel.input.type.shape.height
                    self.buffers[kernel.name] = Buffer(height, [0] * kernel.lines.slots)
                case StorePlan():
                    height = kernel.input.type.shape.height
                    self.buffers[kernel.name] = Buffer(height, [0] * kernel.slots, kernel.output.rows)
                case (
                    InputPlan()
                    | PoolPlan()
                    | WindowPlan()
                    | AveragePlan()
                    | ForkPlan()
                    | AddPlan()
                    | ConcatPlan()
                ):
                    pass
                case _:
                    assert_never(kernel)
        self.result = Buffer(plan.output.type.shape.height, [])
        self.ways = [way for kernel in plan.kernels if (way := self._way(kernel))]

    def _way(self, kernel: KernelPlan) -> Way | None:
        """The link that begins at a kernel, if one does."""
        producers: tuple[Producer, Producer]
        match kernel:
            case EnginePlan():
                producer = engine_producer(kernel)
                producers = producer, producer
            case InputPlan():
                producers = input_producers(kernel)
            case StorePlan():
                if self._waits(kernel.output):
                    return None
                producer = store_producer(kernel)
                producers = producer, producer
            case PoolPlan() | WindowPlan() | AveragePlan() | ForkPlan() | AddPlan() | ConcatPlan():
                return None
            case _:
                assert_never(kernel)
        self.depths: list[int] = []
        self.takers: list[str] = []
        self.leaves: list[Buffer] = []
        self.stores: list[Buffer] = []
        tree = self._tree(kernel.output)
        link = find_link(*producers, tree, tuple(self.depths))
        return Way(kernel.name, self.takers, link, self.buffers.get(kernel.name), self.leaves, self.stores)

    def _waits(self, stream: Stream) -> bool:
        """Whether a stream is that of a store whose rows wait for another way."""
        reader, operand = self.readers[stream.name]
        return isinstance(reader, AddPlan | ConcatPlan) and reader.direct != operand

    def _tree(self, stream: Stream) -> Tree:
        """What reads a stream."""
        fifo, channels = len(self.depths), stream.type.shape.channels
        self.depths.append(stream.depth)
        if stream.name not in self.readers:
            self.takers.append("")
            self.leaves.append(self.result)
            return Leaf(fifo, 0, channels)
        kernel, _ = self.readers[stream.name]
        # rows only come to an engine here; it works on them in its own link
        self.takers.append("" if isinstance(kernel, EnginePlan) else kernel.name)
        match kernel:
            case EnginePlan():
                self.leaves.append(self.buffers[kernel.name])
                return Leaf(fifo, kernel.lines.span, channels)
            case StorePlan():
                self.leaves.append(self.buffers[kernel.name])
                return Leaf(fifo, 1, channels)
            case PoolPlan() | WindowPlan() | AveragePlan():
                return Pass(fifo, channels, kernel.between, self._tree(kernel.output))
            case ForkPlan():
                return Branches(fifo, tuple(self._tree(branch) for branch in kernel.outputs))
            case AddPlan():
                gates = [self._store(kernel.inputs[1 - kernel.direct])]
                return Join(fifo, kernel.stages, channels, tuple(gates), (), (), self._tree(kernel.output))
            case ConcatPlan():
                sides = [
                    (i, (self._store(side), side.type.shape.channels))
                    for i, side in enumerate(kernel.inputs)
                    if i != kernel.direct
                ]
                before = tuple(side for i, side in sides if i < kernel.direct)
                after = tuple(side for i, side in sides if i > kernel.direct)
                return Join(fifo, (), channels, (), before, after, self._tree(kernel.output))
            case InputPlan():
                raise AssertionError(f"{kernel.name} reads no stream")
            case _:
                assert_never(kernel)

    def _store(self, stream: Stream) -> int:
        """The number of the store that a stream comes from."""
        self.stores.append(self.buffers[stream.name])
        return len(self.stores) - 1


Picture = tuple[tuple[State, int, tuple[int, ...]], ...]
"""Behind a frame, counted from when the first link is free: of each link its state, when it is free, and when slots of
the buffers at its ends are."""


def _frame(runs: list[Iterator[Rest | None]], ways: _Ways) -> tuple[int, Picture]:
    """Run every link to the end of its frame; raises Deadlock if none can go on."""
    rests: list[Rest | None] = [None] * len(runs)
    moved = -1
    while not all(rests):
        buffers = [*ways.buffers.values(), ways.result]
        before, moved = moved, sum(buffer.moves for buffer in buffers) + sum(map(bool, rests))
        if moved == before:
            raise Deadlock
        for i, run in enumerate(runs):
            if rests[i] is None:
                rests[i] = next(run)
    found = [rest for rest in rests if rest]
    start = found[0].now
    picture = []
    for rest, way in zip(found, ways.ways, strict=True):
        slots = [max(t, rest.now) - start for leaf in way.leaves for t in leaf.free[leaf.taken :]]
        picture.append((rest.state, rest.now - start, tuple(slots)))
    return start, tuple(picture)


def simulate(plan: Plan, frames: int, spans: list[Span] | None = None) -> Schedule:
    """Schedule of ``frames`` frames back to back; raises RuntimeError if the plan deadlocks.

    ``spans`` gets what every kernel is at and when, in no order; frames after the steady state then take time, too.
    """
    ways = _Ways(plan)
    runs = [_run(way, spans) for way in ways.ways]
    result = ways.result
    rows = result.height
    outputs: list[int] = []
    start, picture = _frame(runs, ways) if frames else (0, ())
    for frame in range(frames):
        outputs.append(result.done[(frame + 1) * rows - 1] - ROW_VISIBLE + OUTPUT_LATENCY)
        if len(outputs) == frames:
            break
        before, seen = start, picture
        start, picture = _frame(runs, ways)
        if picture == seen and spans is None:
            # the same states, slots and waits, ``start - before`` cycles later: so are all frames from here on
            last = result.done[(frame + 2) * rows - 1] - ROW_VISIBLE + OUTPUT_LATENCY
            outputs += [last + i * (start - before) for i in range(frames - len(outputs))]
            break
    return Schedule(tuple(outputs))


STEADY_FRAMES = 5
"""Frames simulated for the steady interval: the buffers between kernels hold less than a frame each."""


def schedule(plan: Plan) -> Schedule:
    """Schedule long enough for the interval to be steady."""
    return simulate(plan, STEADY_FRAMES)
