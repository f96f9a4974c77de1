"""The plan of an engine: its folding, stages, row buffers, memories and exact work.

HLS C++, RTL and the estimate are all written from these objects; none of them recomputes a size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ..device.block_ram import Memory
from ..device.dsp_packing import Packing
from ..network.fixed_point import IntArray
from ..network.graph import Pads, Window
from ..network.integers import QConv, TensorType
from .order import EngineLayer, joined_stages, work_order
from .requant import Requantiser
from .streams import Stream
from .weight_memories import Stage, Weights, pass_cycles


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
    def of(columns: int, left: int, stride: int, folding: Folding, lanes: int) -> Taps:
        """The cheaper way for windows of ``columns``, the first of which starts ``left`` of the row."""
        step = folding.phases * stride
        offsets = (folding.phases - 1) * stride + columns
        below = -(-left // step)
        near = (offsets - 1 - left + below * step) // step + 1
        at_once = lanes * ((offsets + 1) // 3)
        in_two = (lanes + near - 1) * ((step + 1) // 3) + lanes * ((near + 1) // 3)
        return Taps(step, near, below) if in_two < at_once else Taps(offsets, 1, 0)


@dataclass(frozen=True)
class LineBuffer:
    """Row buffer of an engine: ``folding.rows`` banks of ``slots * stride`` rows each.

    type         the tensor whose rows it holds
    in_rows      rows of a group in the order of arrival
    window       rows and columns of the window that all kernels over them lie in
    stride       from window to window
    pads         of the first and the last window
    pad_value    int64 [channels], the pixel outside the image
    reader       the last stage that reads them: it gives slots back
    flip         its pixels enter the lanes with their top bit inverted: signed ones 2**(bits-1) higher, as unsigned
                 ones, and unsigned ones as much lower, as signed ones
    taps         how lanes choose their pixels
    slots        row slots of ``span`` = rows * stride input rows
    frame_slots  slots that a frame fills
    free_first, free_stop, free_last   groups in ``[free_first, free_stop)`` give one slot back, the last ``free_last``
    """

    memory: Memory
    type: TensorType
    in_rows: int
    window: Window
    stride: int
    pads: Pads
    pad_value: IntArray
    reader: int
    flip: bool
    taps: Taps
    span: int
    slots: int
    frame_slots: int
    free_first: int
    free_stop: int
    free_last: int


def rows_needed(conv: QConv, height: int, rows: int, groups: int, group: int) -> int:
    """Of ``height`` rows those down to the window of a row group of ``rows`` rows; the last group waits for all."""
    first = max(1, min((rows - 1) * conv.stride + conv.kernel[0] - conv.pads[0], height))
    return height if group == groups - 1 else min(first + group * rows * conv.stride, height)


def lane_biases(conv: QConv, flip: bool, places: int) -> IntArray:
    """int64 [O]: the biases of ``conv`` with ``places`` binary places below its accumulator's.

    With ``flip`` its pixels x reach the lanes as x + z, z being 2**(bits-1) for signed ones and -2**(bits-1) for
    others: sum(w x) = sum(w (x + z)) - z sum(w), so that what the lanes compute too much is taken off the bias.
    """
    bias = conv.bias << (places - conv.bias_places)
    if not flip:
        return bias
    too_much = conv.weight.reshape(len(bias), -1).sum(axis=1) << (conv.input.bits - 1)
    if not conv.input.signed:
        too_much = -too_much
    return np.asarray(bias - (too_much << places), dtype=np.int64)


@dataclass(frozen=True)
class EnginePlan:
    """An engine: a row takes ``folding.phases`` passes over ``lanes_per_row`` lanes.

    ``buffers[0]`` holds the rows that arrive, further ones rows that a stage stores for later ones.
    """

    name: str
    layer: EngineLayer
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
    requant: Requantiser
    buffers: tuple[LineBuffer, ...]
    weight_bits: int
    weights: Weights
    table: Memory
    packing: Packing

    @property
    def kind(self) -> str:
        return "fire" if self.layer.is_module else "conv"

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (self.input,)

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (self.output,)

    @property
    def lines(self) -> LineBuffer:
        """The rows that arrive."""
        return self.buffers[0]

    @property
    def cursors(self) -> tuple[tuple[int, int], ...]:
        """(row buffer, stage): places at which rows are read, each moved on when that stage ends a row group.

        Stages of one delay read a buffer at the same place.
        """
        last: dict[tuple[int, int], int] = {}
        for number, stage in enumerate(self.stages):
            last[stage.source, stage.delay] = number
        return tuple((source, number) for (source, _), number in sorted(last.items()))

    @property
    def cursor_of(self) -> tuple[int, ...]:
        """The place at which each stage reads."""
        places = [(source, self.stages[number].delay) for source, number in self.cursors]
        return tuple(places.index((stage.source, stage.delay)) for stage in self.stages)

    @property
    def flips(self) -> tuple[bool, ...]:
        """Per row buffer: its pixels enter the lanes with their top bit inverted."""
        return tuple(buffer.flip for buffer in self.buffers)

    def biases(self, stage: int) -> IntArray:
        """int64 [O]: what is added to the sums of a stage, as the lanes compute them."""
        return lane_biases(
            self.stages[stage].conv, self.flips[self.stages[stage].source], self.requant.places
        )

    @property
    def sum_bits(self) -> int:
        """Bits of a sum with its bias."""
        if self.requant.multiply != "shift":
            return self.requant.sum_bits
        return max(self.acc_bits + self.requant.places, self.bias_bits) + 1

    @property
    def product_bits(self) -> int:
        """Bits of what is rounded: the sum times its scale."""
        return (
            self.requant.product_bits
            if self.requant.multiply != "shift"
            else self.sum_bits + self.requant.most
        )

    @property
    def pixel_bits(self) -> int:
        """Bits of the widest pixel that its requantisers give."""
        return max(self.output.type.bits, *(stage.conv.output.bits for stage in self.stages))

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
        """DSP slices of the lanes and of the requantisers."""
        lanes = self.packing.dsp(self.lanes_per_row * self.folding.rows, self.folding.channels)
        return lanes + self.units * self.requant.dsp

    @property
    def operand(self) -> tuple[int, bool]:
        """(bits, signed) of the pixels at the lanes."""
        return self.packing.operand

    @property
    def unit_bits(self) -> int:
        """Bits of weights read per cycle."""
        return self.folding.channels * self.weight_bits

    @property
    def beats(self) -> int:
        """Cycles in which the sums of a pass are requantised."""
        return self.folding.channels * self.folding.rows * self.parts

    @property
    def has_single_terms(self) -> bool:
        """Whether a sum has one term, so that passes may start in cycles that follow each other (fsq_sequencer)."""
        return min(min(stage.lengths) for stage in self.stages) == 1

    @property
    def memories(self) -> tuple[Memory, ...]:
        rows = (buffer.memory for buffer in self.buffers)
        return (*self.weights.memories, self.table, *rows, *self.early_pixels, *self.output.memories)

    @property
    def early_pixels(self) -> tuple[Memory, ...]:
        """Pixels that wait for the last phase of their row (fsq_row_words); those of a single word are in registers."""
        phases, words = self.folding.phases, self.folding.channels * self.folding.rows
        if phases == 1 or words == 1:
            return ()
        width = self.units * self.pixel_bits
        bits = (phases - 1) * self.beats * width
        return (
            Memory(f"{self.name}_phases", "phases", self.beats, width, bits, copies=phases - 1, single=1),
        )

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
