"""The plan: every kernel of the accelerator with its folding, streams, memories and exact work.

Golden tensors, HLS C++, RTL and the estimate are all written from these objects; none of them recomputes a size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from ..device.block_ram import Memory
from ..device.dsp_packing import ONE_PRODUCT, Multipliers, Packing, operand_type
from ..network.graph import QConv, QFire, QGlobalAvgPool, QMaxPool, QModel, TensorType
from .order import joined_stages, work_order
from .weight_memories import Stage, Weights, pass_cycles, payload_bits


@dataclass(frozen=True)
class Folding:
    """How an engine is folded onto lanes.

    phases (k)    passes per output row; a pass computes every k-th pixel, pixel x in lane x div k
    rows (r)      output rows at once
    channels (c)  output channels at once, c weights per cycle
    spare         groups of input rows that the line buffer holds beyond those a window needs: they let the producer
                  run on while the engine works, and take up its unevenness
    """

    phases: int
    rows: int
    channels: int
    spare: int = 1

    def __str__(self) -> str:
        return f"{self.phases},{self.rows},{self.channels}" + (f",{self.spare}" if self.spare != 1 else "")


@dataclass(frozen=True)
class Stream:
    """Row words between two kernels: all pixels of one row of one channel.

    Words come in groups of ``rows`` rows (the last group of a frame may have fewer): all channels of a group in order,
    and for each channel its rows.  ``depth`` is the depth of the FIFO, in words.
    """

    name: str
    type: TensorType
    rows: int
    depth: int

    @property
    def word_bits(self) -> int:
        return self.type.shape.width * self.type.bits

    @property
    def words(self) -> int:
        """Words per frame."""
        return self.type.shape.channels * self.type.shape.height

    @property
    def memory(self) -> Memory:
        return Memory(f"{self.name}_fifo", "fifo", self.depth, self.word_bits, self.depth * self.word_bits)

    def order(self) -> Iterator[tuple[int, int]]:
        """(channel, row) of every word of a frame, in order."""
        shape = self.type.shape
        for first in range(0, shape.height, self.rows):
            for channel in range(shape.channels):
                for row in range(first, min(first + self.rows, shape.height)):
                    yield channel, row


@dataclass(frozen=True)
class Taps:
    """How the lanes of a row choose their pixels of a word, whose offsets from lane to lane are ``step``.

    A lane chooses among ``choices`` pixels for every offset at once, or, where that takes fewer multiplexers, in two
    steps: one of ``choices`` for every lane and its neighbours, then its own or that of one of ``shifts`` neighbours.

    below  neighbours to the left among them
    """

    choices: int
    shifts: int
    below: int

    @staticmethod
    def of(conv: QConv, folding: Folding, lanes: int) -> Taps:
        """The cheaper way for windows of ``conv``."""
        step = folding.phases * conv.stride
        offsets = (folding.phases - 1) * conv.stride + conv.kernel
        below = -(-conv.pads[1] // step)
        near = (offsets - 1 - conv.pads[1] + below * step) // step + 1
        at_once = lanes * ((offsets + 1) // 3 + (folding.rows + 1) // 3)
        in_two = (lanes + near - 1) * ((step + 1) // 3) + lanes * ((folding.rows * near + 1) // 3)
        return Taps(step, near, below) if in_two < at_once else Taps(offsets, 1, 0)


@dataclass(frozen=True)
class LineBuffer:
    """Row buffer of an engine: ``folding.rows`` banks of ``slots * stride`` rows each.

    type         the tensor whose rows it holds
    in_rows      rows of a group in the order of arrival
    window       the convolution with the widest window over them
    reader       the last stage that reads them: it gives slots back
    taps         how lanes choose their pixels
    slots        row slots of ``span`` = rows * stride input rows
    frame_slots  slots that a frame fills
    free_first, free_stop, free_last   groups in ``[free_first, free_stop)`` give one slot back, the last ``free_last``
    """

    memory: Memory
    type: TensorType
    in_rows: int
    window: QConv
    reader: int
    taps: Taps
    span: int
    slots: int
    frame_slots: int
    free_first: int
    free_stop: int
    free_last: int


def rows_needed(conv: QConv, height: int, rows: int, groups: int, group: int) -> int:
    """Of ``height`` rows those down to the window of a row group of ``rows`` rows; the last group waits for all."""
    first = max(1, min((rows - 1) * conv.stride + conv.kernel - conv.pads[0], height))
    return height if group == groups - 1 else min(first + group * rows * conv.stride, height)


@dataclass(frozen=True)
class InputPlan:
    """Line gatherer: AXI4-Stream beats of 64 bits to row words, ``bytes_per_cycle`` bytes a cycle."""

    name: str
    output: Stream
    bytes_per_cycle: int

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (self.output.memory,)

    @property
    def dsp(self) -> int:
        return 0

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""
        shape = self.output.type.shape
        send = shape.channels if self.output.depth > 1 else 2 * shape.channels - 1
        return shape.height * (-(-shape.width * shape.channels // self.bytes_per_cycle) + send + 1)


@dataclass(frozen=True)
class EnginePlan:
    """The engine of a convolution or Fire module: a row takes ``folding.phases`` passes over ``lanes_per_row`` lanes.

    ``buffers[0]`` holds the rows that arrive, further ones rows that a stage stores for later ones.
    """

    name: str
    layer: QConv | QFire
    folding: Folding
    input: Stream
    output: Stream
    stages: tuple[Stage, ...]
    lanes_per_row: int
    groups: int
    last_rows: int
    parts: int
    units: int
    acc_bits: int
    bias_bits: int
    left_max: int
    right: int
    buffers: tuple[LineBuffer, ...]
    weight_bits: int
    weights: Weights
    table: Memory
    packing: Packing = Packing()

    @property
    def lines(self) -> LineBuffer:
        """The rows that arrive."""
        return self.buffers[0]

    @property
    def bases(self) -> tuple[int, ...]:
        """Entry of the table at which each stage starts: its channels come in whole groups."""
        outs = [stage.outs * self.folding.channels for stage in self.stages]
        return tuple(accumulate(outs[:-1], initial=0))

    @property
    def rests(self) -> tuple[int, ...]:
        """Output channels of the last group of each stage."""
        c = self.folding.channels
        return tuple(len(stage.conv.bias) - (stage.outs - 1) * c for stage in self.stages)

    @property
    def joined(self) -> tuple[bool, ...]:
        """Whether the weights of each stage follow those of the stage before in one segment."""
        return tuple(place > 0 for segment in joined_stages(self.delays) for place in range(len(segment)))

    @property
    def delays(self) -> tuple[int, ...]:
        """Row groups by which each stage runs behind the first one."""
        return tuple(stage.delay for stage in self.stages)

    def order(self) -> Iterator[tuple[int, int]]:
        """(stage, row group) of a frame in the order of work."""
        return work_order(self.delays, self.groups)

    def rows_needed(self, stage: int, group: int) -> int:
        """Rows of a stage's source that must be complete before it runs a row group; the last group waits for all."""
        work = self.stages[stage]
        buffer = self.buffers[work.source]
        return rows_needed(work.conv, buffer.type.shape.height, self.folding.rows, self.groups, group)

    @property
    def lanes(self) -> int:
        """Products per cycle."""
        return self.lanes_per_row * self.folding.rows * self.folding.channels

    @property
    def products_per_dsp(self) -> int:
        return self.packing.products

    @property
    def dsp(self) -> int:
        """DSP slices of the lanes."""
        return self.packing.dsp(self.lanes_per_row * self.folding.rows, self.folding.channels)

    @property
    def operand(self) -> tuple[int, bool]:
        """(bits, signed) of the pixels at the lanes."""
        return operand_type([stage.conv for stage in self.stages])

    @property
    def unit_bits(self) -> int:
        """Bits of weights read per cycle."""
        return self.folding.channels * self.weight_bits

    @property
    def beats(self) -> int:
        """Cycles in which the sums of a pass are requantised."""
        return self.folding.channels * self.folding.rows * self.parts

    @property
    def memories(self) -> tuple[Memory, ...]:
        rows = (buffer.memory for buffer in self.buffers)
        return (*self.weights.memories, self.table, *rows, self.output.memory)

    @property
    def work_cycles(self) -> int:
        """Cycles per frame of the lanes when nothing waits: a pass costs max(terms, beats)."""
        return self.groups * self.folding.phases * pass_cycles(self.stages, self.beats)

    @property
    def macs(self) -> int:
        """Useful multiplications per frame: where zeros are skipped, those by other weights."""
        total = 0
        for stage in self.stages:
            shape = stage.conv.output.shape
            total += shape.height * shape.width * stage.products
        return total


@dataclass(frozen=True)
class PoolPlan:
    """Max pool kernel; per input row: is a window open above it, does it open one, does it complete one.

    units   output pixels per cycle; 0: a row word at once, in two cycles
    """

    name: str
    layer: QMaxPool
    input: Stream
    output: Stream
    have_rows: tuple[bool, ...]
    start_rows: tuple[bool, ...]
    emit_rows: tuple[bool, ...]
    extra: bool
    kept: Memory
    units: int = 0

    @property
    def steps(self) -> int:
        """Cycles in which a word stays at the input."""
        return -(-self.output.type.shape.width // self.units) if self.units else 1

    @property
    def turn(self) -> int:
        """Cycles of a word: its steps, reduction along the row and with the kept row."""
        return self.steps + 2 if self.units else 2

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (self.kept, self.output.memory)

    @property
    def dsp(self) -> int:
        return 0

    @property
    def work_cycles(self) -> int:
        return self.turn * (self.input.words + (self.input.type.shape.channels if self.extra else 0))


@dataclass(frozen=True)
class AveragePlan:
    """Global average pool: ``add`` pixels a cycle; sums of the last row are divided, ``divide_bits`` a cycle.

    ``quotient_bits`` is a multiple of ``divide_bits``. A division goes on while the next sum is added up.
    """

    name: str
    layer: QGlobalAvgPool
    input: Stream
    output: Stream
    add: int
    sum_bits: int
    quotient_bits: int
    divide_bits: int
    sums: Memory

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (self.sums, self.output.memory)

    @property
    def dsp(self) -> int:
        return 0

    @property
    def steps(self) -> int:
        """Cycles in which the pixels of a word are added."""
        return -(-self.input.type.shape.width // self.add)

    @property
    def division(self) -> int:
        """Cycles of a division, and of sending its result."""
        return self.quotient_bits // self.divide_bits + 1

    @property
    def last_row_cycles(self) -> int:
        """Cycles for the last row of a frame, whose sums are divided."""
        return self.input.type.shape.channels * max(self.steps + 2, self.division + 1)

    @property
    def work_cycles(self) -> int:
        shape = self.input.type.shape
        return shape.channels * (shape.height - 1) * (self.steps + 2) + self.last_row_cycles


KernelPlan = InputPlan | EnginePlan | PoolPlan | AveragePlan


@dataclass(frozen=True)
class Plan:
    """The whole accelerator: a chain of kernels. ``kernels[0]`` gathers lines, the last one sends the logits.

    lane_budget   DSP slices that the lanes may use; each does ``multipliers.products`` products where widths allow it
    """

    model: QModel
    kernels: tuple[KernelPlan, ...]
    lane_budget: int
    multipliers: Multipliers = ONE_PRODUCT

    @property
    def products_per_dsp(self) -> int:
        """Products per DSP slice that were asked for; an engine may fall back to one."""
        return self.multipliers.products

    @property
    def engines(self) -> list[EnginePlan]:
        return [k for k in self.kernels if isinstance(k, EnginePlan)]

    @property
    def lanes(self) -> int:
        return sum(e.lanes for e in self.engines)

    @property
    def dsp(self) -> int:
        return sum(k.dsp for k in self.kernels)

    @property
    def macs(self) -> int:
        return sum(e.macs for e in self.engines)

    @property
    def weight_bits(self) -> int:
        """Bits of all weights as they lie in the memories, without any padding."""
        return sum(payload_bits(e.weights) for e in self.engines)
