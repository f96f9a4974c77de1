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

from fpga_squeeze.planning.kernels import DRAIN_LATENCY
from fpga_squeeze.planning.order import OUTPUT
from fpga_squeeze.planning.plan import AveragePlan, EnginePlan, InputPlan, Plan, PoolPlan, Stream
from fpga_squeeze.planning.timing import Schedule

RELEASE_LATENCY = 4  # fsq_row_cursor and fsq_line_buffer: last term issued -> the slot can be taken
VISIBLE = 1  # a pushed word, a popped place and a finished row are seen one cycle later

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
                        done.append(t + VISIBLE)
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
                        while (room := out.room_at(word + valid * rows - 1)) is None:
                            yield
                        now = max(now, room)
                    last = max(now + stage.lengths[out_group] - 1, last + plan.beats)
                    now = last + 1
                    if not ends_rows:
                        continue
                    for channel in range(valid):
                        for row in range(rows):
                            t = last + DRAIN_LATENCY + (channel * r + row) * plan.parts + plan.parts - 1
                            if sink is OUTPUT:
                                out.push.append(t)
                                word += 1
                            elif out_group * c + channel == channels - 1:
                                complete[sink].append(t + VISIBLE)
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
    fifos = [Fifo(kernel.output) for kernel in plan.kernels]
    processes: list[Process] = []
    for i, kernel in enumerate(plan.kernels):
        if isinstance(kernel, InputPlan):
            processes.append(_input(kernel, fifos[i], frames))
        elif isinstance(kernel, EnginePlan):
            done: list[int] = []
            free = [0] * kernel.lines.slots
            shape = kernel.input.type.shape
            span = kernel.lines.span
            processes.append(
                _fill(shape.height, kernel.input.rows, shape.channels, span, fifos[i - 1], done, free, frames)
            )
            processes.append(_engine(kernel, done, free, fifos[i], frames))
        elif isinstance(kernel, PoolPlan):
            processes.append(_pool(kernel, fifos[i - 1], fifos[i], frames))
        else:
            processes.append(_average(kernel, fifos[i - 1], fifos[i], frames))
    words = plan.kernels[-1].output.words
    processes.append(_sink(fifos[-1], frames * words))

    def moved() -> int:
        return sum(len(f.push) + len(f.pop) for f in fifos)

    alive = processes
    while alive:
        before = moved(), len(alive)
        alive = [p for p in alive if next(p, StopIteration) is not StopIteration]
        if alive and (moved(), len(alive)) == before:
            raise RuntimeError("the plan deadlocks: no kernel can move a word")
    return Schedule(tuple(fifos[-1].pop[(f + 1) * words - 1] for f in range(frames)))


STEADY_FRAMES = 5
"""Frames simulated for the steady interval: the buffers between kernels hold less than a frame each."""


def schedule(plan: Plan) -> Schedule:
    """Schedule long enough for the interval to be steady."""
    return simulate(plan, STEADY_FRAMES)
