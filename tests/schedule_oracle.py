"""When every word moves, word by word and frame by frame: the oracle of ``fpga_squeeze.planning.timing``.

Nothing is remembered, skipped or proved here, so that it is slow and easy to hold against the RTL.

Each kernel is a sequential process with a clock of its own; a FIFO is two lists of times. A process reads a word at the
time it becomes visible and writes one when a place is free, so that back-pressure works in both directions. The result
is the schedule that the RTL has when its source always offers a beat and its sink always takes one.

The constants are pipeline lengths of the RTL modules named beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from typing_extensions import assert_never

from fpga_squeeze.planning.engine import EnginePlan
from fpga_squeeze.planning.handshakes import Deadlock
from fpga_squeeze.planning.kinds.add import AddPlan
from fpga_squeeze.planning.kinds.average import AveragePlan
from fpga_squeeze.planning.kinds.concat import ConcatPlan
from fpga_squeeze.planning.kinds.fork import ForkPlan
from fpga_squeeze.planning.kinds.image import InputPlan
from fpga_squeeze.planning.kinds.max_pool import PoolPlan
from fpga_squeeze.planning.kinds.store import StorePlan
from fpga_squeeze.planning.kinds.window import WindowPlan
from fpga_squeeze.planning.latency import (
    INPUT_LATENCY,
    OUTPUT_LATENCY,
    OUTPUT_TURN,
    RELEASE_LATENCY,
    ROW_VISIBLE,
    VISIBLE,
)
from fpga_squeeze.planning.order import OUTPUT
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.streams import Stream
from fpga_squeeze.planning.timing import Schedule

Process = Iterator[None]


@dataclass
class Fifo:
    """Times at which words are pushed into and popped from the FIFO of a stream."""

    stream: Stream
    push: list[int] = field(default_factory=list)
    pop: list[int] = field(default_factory=list)

    def room_at(self, word: int) -> int | None:
        """First cycle in which word number ``word`` may be reserved; None while unknown."""
        before = word - self.stream.depth
        if before < 0:
            return 0
        return self.pop[before] + VISIBLE if before < len(self.pop) else None


def _input(plan: InputPlan, out: Fifo, frames: int) -> Process:
    """fsq_input: moves chunks of bytes into a row, the row down to its place, then sends a word per channel."""
    shape, chunk = plan.output.type.shape, plan.bytes_per_cycle
    row_bytes = shape.width * shape.channels
    beyond = max(
        (-row_bytes * y) % chunk for y in range(1, chunk + 1)
    )  # bytes of a chunk behind the end of a row
    t, word = 1, 0  # the first beat is taken in cycle 0
    for _ in range(frames):
        for y in range(shape.height):
            first, stop = y * row_bytes // chunk, -(-(y + 1) * row_bytes // chunk)
            t += stop - first
            t += beyond - (stop * chunk - (y + 1) * row_bytes)
            for _channel in range(shape.channels):
                while (room := out.room_at(word)) is None:
                    yield
                t = max(t, room)
                out.push.append(t + INPUT_LATENCY)
                word += 1
                t += 1


def _fill(
    height: int,
    rows: int,
    channels: int,
    span: int,
    source: Fifo,
    done: list[int],
    free: list[int],
    frames: int,
) -> Process:
    """fsq_line_buffer, writing side: pops words, takes a slot when the first word of a slot arrives.

    ``done`` receives the cycle from which a finished row counts; ``free`` holds the cycles at which slots became free.
    """
    t, word, slot = 0, 0, 0
    for _ in range(frames):
        for first in range(0, height, rows):
            group = range(first, min(first + rows, height))
            for channel in range(channels):
                for y in group:
                    while len(source.push) <= word:
                        yield
                    t = max(t, source.push[word] + VISIBLE)
                    if channel == 0 and y % span == 0:
                        while len(free) <= slot:
                            yield
                        t = max(t, free[slot])
                        slot += 1
                    source.pop.append(t)
                    word += 1
                    if channel == channels - 1:
                        done.append(t + ROW_VISIBLE)
                    t += 1


def _engine(plan: EnginePlan, done: list[int], free: list[int], out: Fifo, frames: int) -> Process:
    """fsq_sequencer with fsq_drain: passes, and the words they complete."""
    k, r, c = plan.folding.phases, plan.folding.rows, plan.folding.channels
    lines, groups = plan.lines, plan.groups
    complete = [done, *([] for _ in plan.buffers[1:])]  # cycles from which the rows of each buffer count
    word = 0
    last = -(1 << 60)  # last term of the pass before
    now = 0  # first cycle in which a term may be issued

    for frame in range(frames):
        for index, group in plan.order():
            stage = plan.stages[index]
            source, sink = complete[stage.source], stage.sink
            need = frame * plan.buffers[stage.source].type.shape.height + plan.rows_needed(index, group)
            while len(source) < need:
                yield
            now = max(now, source[need - 1])
            rows = plan.last_rows if group == groups - 1 else r
            channels = len(stage.conv.bias)
            for out_group in range(stage.outs):
                valid = min(c, channels - out_group * c)
                for phase in range(k):
                    ends_rows = phase == k - 1
                    if ends_rows and sink is OUTPUT:
                        while (room := out.room_at(word + c * r - 1)) is None:
                            yield
                        now = max(now, room)
                    last = max(now + stage.lengths[out_group] - 1, last + plan.beats)
                    now = last + 1
                    if not ends_rows:
                        continue
                    for channel in range(valid):
                        for row in range(rows):
                            t = (
                                last
                                + plan.requant.latency
                                + (channel * r + row) * plan.parts
                                + plan.parts
                                - 1
                            )
                            if sink is OUTPUT:
                                out.push.append(t)
                                word += 1
                            elif out_group * c + channel == channels - 1:
                                complete[sink].append(t + ROW_VISIBLE)
            if index == lines.reader:
                if group == groups - 1:
                    count = lines.free_last
                else:
                    count = int(lines.free_first <= group < lines.free_stop)
                free.extend([last + RELEASE_LATENCY] * count)


@dataclass
class Stages:
    """fsq_stages: a word leaves a stage after its cycles there, when the next one is empty; the last for the FIFO."""

    out: Fifo
    count: int

    def __post_init__(self) -> None:
        self.free = [0] * self.count  # first cycle in which each stage takes a word

    def pass_word(self, t: int, cycles: tuple[int, ...], sends: bool) -> Process:
        """A word that is taken in cycle ``t``."""
        for stage, spent in enumerate(cycles):
            t += spent
            if stage + 1 < len(cycles):
                t = max(t, self.free[stage + 1])
            elif sends:
                while (room := self.out.room_at(len(self.out.push))) is None:
                    yield
                t = max(t, room)
                self.out.push.append(t)
            self.free[stage] = t + 1


def _pool(plan: PoolPlan | WindowPlan, source: Fifo, out: Fifo, frames: int) -> Process:
    """Pools: a word is sent if its row completes a window; rows that follow the last one go the same way."""
    levels = (plan.layer.kernel[0] - 1).bit_length()
    hold = 0
    match plan:
        case PoolPlan() if plan.units:  # fsq_max_pool_steps
            steps = -(-plan.output.type.shape.width // plan.units)
            hold = steps - 1
            takes: tuple[int, ...] = (steps + max(1, levels),)
            sends = takes
        case PoolPlan():  # fsq_max_pool
            takes = sends = (1,) * (1 + levels)
        case WindowPlan():  # fsq_window_pool
            leaves = plan.layer.kernel[1] + (plan.average and plan.input.type.zero != 0)
            takes = (1,) * (1 + (leaves - 1).bit_length())
            if plan.layer.kernel[0] > 1:
                takes += (1,) * (1 + levels)
            if plan.average and not plan.division:
                takes += (1,)
            sends = (*takes, plan.division) if plan.division else takes
    stages, word = Stages(out, len(sends)), 0
    extras = int(plan.extra) if isinstance(plan, PoolPlan) else len(plan.extras)
    for _ in range(frames):
        for _channel, y in plan.input.order():
            while len(source.push) <= word:
                yield
            t = max(stages.free[0], source.push[word] + VISIBLE)
            source.pop.append(t + hold)
            word += 1
            yield from stages.pass_word(t, sends if plan.emit_rows[y] else takes, plan.emit_rows[y])
        for _ in range(extras * plan.input.type.shape.channels):
            yield from stages.pass_word(stages.free[0], sends, True)


def _average(plan: AveragePlan, source: Fifo, out: Fifo, frames: int) -> Process:
    """fsq_avg_pool: moves a word on while its pixels are added; on the last row waits for the divider."""
    height, word = plan.input.type.shape.height, 0
    steps = -(-plan.input.type.shape.width // plan.add)
    summed = steps + 1 + (plan.add - 1).bit_length()
    stages = Stages(out, 2)
    for _ in range(frames):
        for _channel, y in plan.input.order():
            while len(source.push) <= word:
                yield
            t = max(stages.free[0], source.push[word] + VISIBLE)
            source.pop.append(t)
            word += 1
            last = y == height - 1
            yield from stages.pass_word(t, (summed, plan.division) if last else (steps + 1,), last)


def _fork(source: Fifo, outs: list[Fifo], total: int) -> Process:
    """fsq_fork: takes a word when every branch has room."""
    t = 0
    for word in range(total):
        while len(source.push) <= word:
            yield
        t = max(t, source.push[word] + VISIBLE)
        for out in outs:
            while (room := out.room_at(word)) is None:
                yield
            t = max(t, room)
        source.pop.append(t)
        for out in outs:
            out.push.append(t)
        t += 1


def _store(plan: StorePlan, done: list[int], free: list[int], out: Fifo, frames: int) -> Process:
    """fsq_row_store, reading side: offers a word; when the last one of a row group is taken, its slots are free.

    A word is pushed, as it were, in the cycle before it is offered.
    """
    shape, rows = plan.output.type.shape, plan.output.rows
    t, word = 0, 0  # first cycle in which the next word may be read
    for frame in range(frames):
        for first in range(0, shape.height, rows):
            last = min(first + rows, shape.height)
            while len(done) < frame * shape.height + last:
                yield
            t = max(t, done[frame * shape.height + last - 1])
            for _ in range(shape.channels * (last - first)):
                out.push.append(t)
                while len(out.pop) <= word:
                    yield
                t = out.pop[word] + 1
                word += 1
            free.extend([out.pop[-1] + 2] * (last - first))


def _add(sources: list[Fifo], out: Fifo, total: int) -> Process:
    """fsq_add: takes a word of both; products, sum and rounding are stages."""
    stages = Stages(out, 3)
    for word in range(total):
        t = stages.free[0]
        for source in sources:
            while len(source.push) <= word:
                yield
            t = max(t, source.push[word] + VISIBLE)
        for source in sources:
            source.pop.append(t)
        yield from stages.pass_word(t, (1, 1, 1), True)


def _concat(plan: ConcatPlan, sources: list[Fifo], out: Fifo, frames: int) -> Process:
    """fsq_concat: row group by row group the words of one input after the other; the straight one opens the group."""
    height, rows = plan.output.type.shape.height, plan.output.rows
    read = [0] * len(sources)
    t, sent = 0, 0
    for _ in range(frames):
        for first in range(0, height, rows):
            count = min(rows, height - first)
            straight = sources[plan.direct]
            while len(straight.push) <= read[plan.direct]:
                yield
            t = max(t, straight.push[read[plan.direct]] + VISIBLE)
            for i, source in enumerate(sources):
                for _word in range(count * source.stream.type.shape.channels):
                    while len(source.push) <= read[i]:
                        yield
                    t = max(t, source.push[read[i]] + VISIBLE)
                    while (room := out.room_at(sent)) is None:
                        yield
                    t = max(t, room)
                    source.pop.append(t)
                    out.push.append(t)
                    read[i] += 1
                    sent += 1
                    t += 1


def _sink(source: Fifo, total: int) -> Process:
    """fsq_output takes a word as soon as it is visible, and the receiver takes it out of there."""
    t = 0
    while len(source.pop) < total:
        while len(source.push) <= len(source.pop):
            yield
        t = max(t, source.push[len(source.pop)] + VISIBLE)
        source.pop.append(t)
        t += OUTPUT_TURN


def simulate(plan: Plan, frames: int) -> Schedule:
    """Schedule of ``frames`` frames back to back; raises RuntimeError if the plan deadlocks."""
    return word_times(plan, frames)[0]


def word_times(plan: Plan, frames: int) -> tuple[Schedule, dict[str, Fifo]]:
    """The schedule, and by stream when each of its words moved."""
    fifos = {stream.name: Fifo(stream) for stream in plan.streams}
    processes: list[Process] = []
    counts: list[list[int]] = []  # rows that are complete, slots that are free
    for kernel in plan.kernels:
        ins = [fifos[stream.name] for stream in kernel.inputs]
        outs = [fifos[stream.name] for stream in kernel.outputs]
        match kernel:
            case InputPlan():
                processes.append(_input(kernel, outs[0], frames))
            case EnginePlan() | StorePlan():
                done: list[int] = []
                shape, rows = kernel.input.type.shape, kernel.input.rows
                if isinstance(kernel, StorePlan):
                    free, span = [0] * kernel.slots, 1
                    reader = _store(kernel, done, free, outs[0], frames)
                else:
                    free, span = [0] * kernel.lines.slots, kernel.lines.span
                    reader = _engine(kernel, done, free, outs[0], frames)
                processes.append(_fill(shape.height, rows, shape.channels, span, ins[0], done, free, frames))
                processes.append(reader)
                counts += [done, free]
            case PoolPlan() | WindowPlan():
                processes.append(_pool(kernel, ins[0], outs[0], frames))
            case AveragePlan():
                processes.append(_average(kernel, ins[0], outs[0], frames))
            case ForkPlan():
                processes.append(_fork(ins[0], outs, frames * kernel.input.words))
            case AddPlan():
                processes.append(_add(ins, outs[0], frames * kernel.output.words))
            case ConcatPlan():
                processes.append(_concat(kernel, ins, outs[0], frames))
            case _:
                assert_never(kernel)
    words = plan.output.words
    last = fifos[plan.output.name]
    processes.append(_sink(last, frames * words))

    def moved() -> int:
        return sum(len(f.push) + len(f.pop) for f in fifos.values()) + sum(map(len, counts))

    alive = processes
    while alive:
        before = moved(), len(alive)
        alive = [p for p in alive if next(p, StopIteration) is not StopIteration]
        if alive and (moved(), len(alive)) == before:
            raise Deadlock
    outputs = tuple(last.pop[(f + 1) * words - 1] + OUTPUT_LATENCY for f in range(frames))
    return Schedule(outputs), fifos


STEADY_FRAMES = 5
"""Frames simulated for the steady interval: the buffers between kernels hold less than a frame each."""


def schedule(plan: Plan) -> Schedule:
    """Schedule long enough for the interval to be steady."""
    return simulate(plan, STEADY_FRAMES)
