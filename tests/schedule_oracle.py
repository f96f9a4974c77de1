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
from fpga_squeeze.planning.kinds.add import AddPlan
from fpga_squeeze.planning.kinds.average import AveragePlan
from fpga_squeeze.planning.kinds.concat import ConcatPlan
from fpga_squeeze.planning.kinds.fork import ForkPlan
from fpga_squeeze.planning.kinds.image import InputPlan
from fpga_squeeze.planning.kinds.max_pool import PoolPlan
from fpga_squeeze.planning.kinds.store import StorePlan
from fpga_squeeze.planning.kinds.window import WindowPlan
from fpga_squeeze.planning.latency import RELEASE_LATENCY, ROW_VISIBLE, VISIBLE
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
    """fsq_input: moves bytes of a row, then sends a word per channel."""
    shape = plan.output.type.shape
    row_bytes = shape.width * shape.channels
    frame_beats = -(-shape.height * row_bytes // 8)
    t, left, word = 0, 0, 0
    beats = frames * frame_beats  # beats the source still offers
    for _ in range(frames):
        for y in range(shape.height):
            rest = row_bytes
            while rest:
                step = min(plan.bytes_per_cycle, left, rest)
                rest -= step
                left -= step
                if left == 0 and beats:
                    left, beats = 8, beats - 1
                elif y == shape.height - 1 and not rest:
                    left = 0
                t += 1
            for _channel in range(shape.channels):
                while (room := out.room_at(word)) is None:
                    yield
                t = max(t, room)
                out.push.append(t)
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


def _pool(plan: PoolPlan, source: Fifo, out: Fifo, frames: int) -> Process:
    """fsq_max_pool, fsq_max_pool_steps: a word's last cycle waits for room if the row completes a window."""
    shape = plan.input.type.shape
    t, word, sent = 0, 0, 0
    for _ in range(frames):
        for _channel, y in plan.input.order():
            while len(source.push) <= word:
                yield
            t = max(t, source.push[word] + VISIBLE)
            source.pop.append(t + plan.steps - 1)
            word += 1
            t += plan.turn - 1
            if plan.emit_rows[y]:
                while (room := out.room_at(sent)) is None:
                    yield
                t = max(t, room)
                out.push.append(t)
                sent += 1
            t += 1
        for _channel in range(shape.channels if plan.extra else 0):
            t += plan.turn - 1
            while (room := out.room_at(sent)) is None:
                yield
            t = max(t, room)
            out.push.append(t)
            sent += 1
            t += 1


def _average(plan: AveragePlan, source: Fifo, out: Fifo, frames: int) -> Process:
    """fsq_avg_pool: adds a word, stores the sum; on the last row gives it to the divider, which sends the result."""
    height = plan.input.type.shape.height
    t, word, sent, idle = 0, 0, 0, 0  # idle: first cycle in which the divider takes a sum
    for _ in range(frames):
        for _channel, y in plan.input.order():
            while len(source.push) <= word:
                yield
            t = max(t, source.push[word] + VISIBLE)
            source.pop.append(t)
            word += 1
            t += plan.steps + 1
            if y == height - 1:
                t = max(t, idle)
                while (room := out.room_at(sent)) is None:
                    yield
                idle = max(t + plan.division, room)
                out.push.append(idle)
                sent += 1
                idle += 1
            t += 1


def _window(plan: WindowPlan, source: Fifo, out: Fifo, frames: int) -> Process:
    """fsq_window_pool: reduces a word along the row, combines it with the rows kept, divides a sum, sends."""
    t, word, sent = 0, 0, 0
    for _ in range(frames):
        for _channel, y in plan.input.order():
            while len(source.push) <= word:
                yield
            t = max(t, source.push[word] + VISIBLE)
            source.pop.append(t)
            word += 1
            t += 1
            if plan.emit_rows[y]:
                t += plan.division
                while (room := out.room_at(sent)) is None:
                    yield
                t = max(t, room)
                out.push.append(t)
                sent += 1
            t += 1
        for _ in range(len(plan.extras) * plan.input.type.shape.channels):
            t += 1 + plan.division
            while (room := out.room_at(sent)) is None:
                yield
            t = max(t, room)
            out.push.append(t)
            sent += 1
            t += 1


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
            free.extend([t] * (last - first))


def _add(sources: list[Fifo], out: Fifo, total: int) -> Process:
    """fsq_add: takes a word of both, sends the sum a cycle later or when there is room."""
    t = 0
    for word in range(total):
        for source in sources:
            while len(source.push) <= word:
                yield
            t = max(t, source.push[word] + VISIBLE)
        for source in sources:
            source.pop.append(t)
        t += 1
        while (room := out.room_at(word)) is None:
            yield
        t = max(t, room)
        out.push.append(t)
        t += 1


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
    """The receiver takes every word as soon as it is visible."""
    t = 0
    while len(source.pop) < total:
        while len(source.push) <= len(source.pop):
            yield
        t = max(t, source.push[len(source.pop)] + VISIBLE)
        source.pop.append(t)
        t += 1


def simulate(plan: Plan, frames: int) -> Schedule:
    """Schedule of ``frames`` frames back to back; raises RuntimeError if the plan deadlocks."""
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
            case PoolPlan():
                processes.append(_pool(kernel, ins[0], outs[0], frames))
            case WindowPlan():
                processes.append(_window(kernel, ins[0], outs[0], frames))
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
            raise RuntimeError("the plan deadlocks: no kernel can move a word")
    return Schedule(tuple(last.pop[(f + 1) * words - 1] for f in range(frames)))


STEADY_FRAMES = 5
"""Frames simulated for the steady interval: the buffers between kernels hold less than a frame each."""


def schedule(plan: Plan) -> Schedule:
    """Schedule long enough for the interval to be steady."""
    return simulate(plan, STEADY_FRAMES)
