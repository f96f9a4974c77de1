"""From the convolutions of an engine and a folding to its plan: sizes, memories, numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from ..device.block_ram import Memory, rom_tiles, row_memory
from ..device.dsp_packing import ONE_PRODUCT, Multipliers, Packing, acc_range, pack
from ..device.lut_ram import ceil_div
from ..errors import FpgaSqueezeError
from ..network.fixed_point import signed_bits
from ..network.graph import Pads, Window
from ..network.integers import QConv
from .engine import EnginePlan, Folding, LineBuffer, Taps, lane_biases, rows_needed
from .latency import DRAIN_LATENCY, MULTIPLY_LATENCY, PAIR_LATENCY, TABLE_LATENCY
from .order import OUTPUT, EngineLayer, Work, work_order
from .requant import TABLE_BITS, plan_requantiser
from .streams import Stream
from .weight_memories import (
    LUTRAM_PER_BLOCK,
    Stage,
    WeightFormat,
    Weights,
    engine_stage,
    pass_cycles,
    plan_compressed,
    plan_dense,
    rom_cost,
)

ALIKE = 2 * (DRAIN_LATENCY + PAIR_LATENCY + MULTIPLY_LATENCY + TABLE_LATENCY)
"""More passes than can have words in an output FIFO at the same time."""

STRIDES = (1, 2)
"""Strides of a convolution that a row buffer has phases for."""


# ------------------------------------------------------------------------------------------------- engines


DRAIN_SLACK = 1 / 200
"""Share of cycles that compressed sums may lose to their drain: a few channels with hardly any weight do not set the
number of requantisers."""


def drain_parts(stages: Sequence[Stage], folding: Folding, lanes_per_row: int, weights: WeightFormat) -> int:
    """Beats per row when sums are requantised: as many as the sums leave time for.

    More beats mean fewer requantisers. Dense sums lose no cycle to their drain if it can be helped.
    """
    words = folding.channels * folding.rows
    if weights == "dense":
        shortest = min(min(stage.lengths) for stage in stages)
        most = max(1, min(lanes_per_row, shortest // words))
    else:
        limit = int(pass_cycles(stages, words) * (1 + DRAIN_SLACK))
        beats = range(2, lanes_per_row + 1)
        most = bisect_right(beats, limit, key=lambda v: pass_cycles(stages, words * v)) + 1
    # no more beats than that number of requantisers needs: each is an input of the multiplexer in front of them
    return ceil_div(lanes_per_row, ceil_div(lanes_per_row, most))


@lru_cache(maxsize=256)
def engine_packing(layer: EngineLayer, multipliers: Multipliers) -> Packing:
    """How the lanes of an engine use their DSP slices."""
    return pack(layer.convs, multipliers)


def engine_cost(
    layer: EngineLayer, folding: Folding, multipliers: Multipliers, weights: WeightFormat = "dense"
) -> tuple[int, int]:
    """(DSP slices, cycles per frame) of an engine; equal to ``dsp`` and ``work_cycles`` of its plan."""
    out = layer.output.shape
    lanes_per_row = ceil_div(out.width, folding.phases)
    stages = engine_stages(layer, folding, weights)
    parts = drain_parts(stages, folding, lanes_per_row, weights)
    beats = folding.channels * folding.rows * parts
    cycles = ceil_div(out.height, folding.rows) * folding.phases * pass_cycles(stages, beats)
    lanes = engine_packing(layer, multipliers).dsp(lanes_per_row * folding.rows, folding.channels)
    requantisers = ceil_div(lanes_per_row, parts) * plan_requantiser(layer, multipliers).dsp
    return lanes + requantisers, cycles


def word_cycles(layer: EngineLayer, folding: Folding, weights: WeightFormat) -> float:
    """Cycles between the words that an engine sends, on average in its fastest stage."""
    stages = engine_stages(layer, folding, weights)
    words = folding.channels * folding.rows
    beats = words * drain_parts(stages, folding, ceil_div(layer.output.shape.width, folding.phases), weights)
    passes = (pass_cycles([stage], beats) / stage.outs for stage in stages if stage.sink is OUTPUT)
    return folding.phases * min(passes) / words


def engine_stages(layer: EngineLayer, folding: Folding, weights: WeightFormat) -> tuple[Stage, ...]:
    """The stages of an engine with ``channels`` output channels at once."""
    return _stages(layer, folding.rows, folding.channels, weights)


@lru_cache(maxsize=4096)  # a search plans the same layers again and again
def _stages(layer: EngineLayer, rows: int, channels: int, weights: WeightFormat) -> tuple[Stage, ...]:
    return tuple(engine_stage(work, channels, weights) for work in layer.work_at(rows))


def engine_weights(layer: EngineLayer, folding: Folding, weights: WeightFormat) -> Weights:
    """The weight memories of an engine."""
    stages = engine_stages(layer, folding, weights)
    if weights == "dense":
        return plan_dense(layer.name, stages, folding.channels, folding.phases)
    return plan_compressed(layer.name, stages, folding.channels, folding.phases, weights)


@lru_cache(maxsize=4096)
def parameter_cost(layer: EngineLayer, channels: int, weights: WeightFormat) -> float:
    """Cost of the weight memories of an engine with ``channels`` output channels at once, in RAMB18."""
    return rom_cost(engine_weights(layer, Folding(1, 1, channels), weights))


def row_cost(layer: EngineLayer, rows: int) -> float:
    """Cost of the row buffers of an engine with ``rows`` rows at once, in RAMB18, were they distributed RAM.

    The producer is taken to send one row at a time.
    """
    buffers = plan_buffers(layer, 1, Folding(1, rows, 1))
    return sum(buffer.memory.payload_bits for buffer in buffers) / LUTRAM_PER_BLOCK


def stream_cost(layer: EngineLayer, folding: Folding) -> float:
    """Cost of the memory that replays weights, were they dense, and of the output FIFO, in RAMB18."""
    bits = max(conv.weight_bits for conv in layer.convs)
    terms = max(int(conv.weight[0].size) for conv in layer.convs)
    replay = terms * folding.channels * bits if folding.phases > 1 else 0
    fifo = folding.channels * folding.rows * layer.output.shape.width * layer.output.bits
    return (replay + fifo) / LUTRAM_PER_BLOCK


def buffer_name(number: int) -> str:
    """Name of a row buffer of an engine: the rows that arrive, or those that a squeeze stores."""
    return "rows" if number == 0 else "squeezed" if number == 1 else f"squeezed{number}"


def plan_buffers(
    layer: EngineLayer, in_rows: int, folding: Folding, packing: Packing | None = None
) -> tuple[LineBuffer, ...]:
    """The row buffers of an engine whose input rows come ``in_rows`` at a time."""
    return _buffers(layer, in_rows, replace(folding, channels=1), packing)


@lru_cache(maxsize=4096)  # a search plans the same layers again and again
def _buffers(
    layer: EngineLayer, in_rows: int, folding: Folding, packing: Packing | None
) -> tuple[LineBuffer, ...]:
    """The row buffers, for which channels at once do not count."""
    return tuple(
        _plan_lines(layer, number, in_rows, folding, packing)
        for number in range(1 + max(work.sink or 0 for work in layer.work))
    )


def _stored_slots(layer: EngineLayer, number: int, folding: Folding) -> int:
    """Row groups of a buffer of stored rows that are in use at once: above, at and below the windows."""
    out, rows = layer.output.shape, folding.rows
    groups = ceil_div(out.height, rows)
    stages = layer.work_at(rows)
    readers = [(i, work) for i, work in enumerate(stages) if work.source == number]
    last = max(i for i, _ in readers)
    most = stored = ended = 0
    for stage, group in work_order([work.delay for work in stages], groups):
        if stages[stage].sink == number:
            stored = group + 1
            kept = [max(0, ended - ceil_div(work.conv.pads[0], rows)) for _, work in readers]
            most = max(most, stored - min(kept))
        if stage == last:
            ended = group + 1
    return most


def _plan_lines(
    layer: EngineLayer, number: int, in_rows: int, folding: Folding, packing: Packing | None
) -> LineBuffer:
    """Size a row buffer of an engine: the window of all kernels that read it, and slots.

    The windows of the row groups that its readers work on at once, and the producer group that brings the last row,
    must fit; for rows that arrive, ``folding.spare`` producer groups more let the producer run on while the engine
    works.
    """
    readers = [(i, work) for i, work in enumerate(layer.work_at(folding.rows)) if work.source == number]
    convs = [work.conv for _, work in readers]
    name, out, rows, stride = (
        f"{layer.name}_{buffer_name(number)}",
        layer.output.shape,
        folding.rows,
        convs[0].stride,
    )
    tensor = convs[0].input
    pads = _window_pads(convs)
    window = _window(readers)
    groups, span = ceil_div(out.height, rows), rows * stride
    height, channels = tensor.shape.height, tensor.shape.channels
    frame_slots = ceil_div(height, span)
    above = ceil_div(pads[0], span)  # slots that the next group still reaches up
    arrive_rows, spare, slots = (
        (in_rows, folding.spare, 1) if number == 0 else (rows, 0, _stored_slots(layer, number, folding))
    )

    def released(group: int) -> int:
        """Slots given back before a group runs."""
        return min(max(0, group - above), frame_slots)

    behind = max(work.delay for _, work in readers)
    for _, work in readers:
        for group in range(groups):
            need = rows_needed(work.conv, height, rows, groups, group)
            arrives = min(ceil_div(need, arrive_rows) * arrive_rows, height) - 1
            # the last reader is still at a group before this one
            slots = max(slots, arrives // span - released(max(0, group - (behind - work.delay))) + 1)
    slots += spare * ceil_div(arrive_rows, span)
    memory = row_memory(
        name, slots * stride * channels, tensor.shape.width * tensor.bits, copies=rows, lines=slots * stride
    )
    lanes = ceil_div(out.width, folding.phases)
    return LineBuffer(
        memory=memory,
        type=tensor,
        in_rows=arrive_rows,
        window=window,
        stride=stride,
        pads=pads,
        pad_value=convs[0].pad_value,
        reader=max(i for i, work in readers if work.delay == behind),
        flip=packing is not None and packing.products > 1 and tensor.signed != packing.operand[1],
        taps=Taps.of(window[1], pads[1], stride, folding, lanes),
        span=span,
        slots=slots,
        frame_slots=frame_slots,
        free_first=above,
        free_stop=min(groups - 1, frame_slots + above),
        free_last=frame_slots - (released(groups - 1) if groups > 1 else 0),
    )


def _window_pads(convs: Sequence[QConv]) -> Pads:
    top, left, bottom, right = (max(conv.pads[side] for conv in convs) for side in range(4))
    return top, left, bottom, right


def _window(readers: Sequence[tuple[int, Work]]) -> Window:
    """Rows and columns of the window that holds every kernel, each from its tap on."""
    sizes = [tuple(work.tap[axis] + work.conv.kernel[axis] for axis in (0, 1)) for _, work in readers]
    return max(size[0] for size in sizes), max(size[1] for size in sizes)


def fifo_depth(
    stages: Sequence[Stage], folding: Folding, parts: int, latency: int, taken: tuple[int, int] = (1, 1)
) -> int:
    """Least depth of an engine's output FIFO at which a receiver that takes every word never makes it wait.

    The words of a pass are reserved when its last phase starts. One is free again two cycles after it was pushed, if
    the receiver takes it at once, and it is pushed ``latency`` cycles and its beats after the last term. A pass
    therefore finds words of earlier passes still there. ``stages`` are those that feed the FIFO; ``parts`` are the
    beats of a row; ``taken`` are the cycles for which the receiver leaves a word in the FIFO, and those it spends on
    it.
    """
    words = folding.channels * folding.rows
    depth = words
    after = []  # cycles from the last term until a word is free
    start = 0
    for word in range(words):
        start = max(start, latency + (word + 1) * parts)
        after.append(start + taken[0])
        start += taken[1]
    freed: list[int] = []  # words of earlier passes that are still there
    now = 0
    # a row group follows the next one without a pause where no squeeze comes between them
    for length in [v for stage in stages for v in _unlike(stage.lengths)] * 2:
        cycles = max(length, words * parts)
        now += cycles * (folding.phases - 1)
        freed = [time for time in freed if time > now]
        depth = max(depth, words + len(freed))
        now += cycles
        freed += [now - 1 + time for time in after]
    return depth


def _unlike(lengths: Sequence[int]) -> Sequence[int]:
    """``lengths``, but equal ones cut to as many as can meet in a FIFO."""
    return lengths[:ALIKE] if len(set(lengths[:ALIKE])) == 1 and min(lengths) == max(lengths) else lengths


def plan_engine(
    layer: EngineLayer,
    folding: Folding,
    source: Stream,
    multipliers: Multipliers = ONE_PRODUCT,
    weights: WeightFormat = "dense",
    taken: tuple[int, int] = (1, 1),
) -> EnginePlan:
    """Plan a convolution or Fire engine for a folding; raises FpgaSqueezeError for what the engine cannot do.

    ``taken`` tells how the kernel behind it takes words, see :func:`fifo_depth`.
    """
    convs = layer.convs
    out = layer.output.shape
    for conv in convs:
        if conv.stride not in STRIDES:
            raise FpgaSqueezeError(f"{conv.name}: stride {conv.stride} is not supported; use 1 or 2")
    lanes_per_row = ceil_div(out.width, folding.phases)
    c, r = folding.channels, folding.rows
    stages = engine_stages(layer, folding, weights)
    parts = drain_parts(stages, folding, lanes_per_row, weights)
    sending = [stage for stage in stages if stage.sink is OUTPUT]

    requant = plan_requantiser(layer, multipliers)
    for work in layer.work:
        if work.table is not None and work.conv.output.bits > TABLE_BITS:
            raise FpgaSqueezeError(
                f"{work.conv.name}: a concatenation changes the scale of its {work.conv.output.bits} bits; "
                f"{TABLE_BITS} are supported: give both one scale, or fewer bits"
            )
    packing = engine_packing(layer, multipliers)
    buffers = plan_buffers(layer, source.rows, folding, packing)
    flips = [buffers[work.source].flip for work in layer.work]
    biases = [lane_biases(conv, flip, requant.places) for conv, flip in zip(convs, flips, strict=True)]
    bias_bits = max(signed_bits(int(v.min()), int(v.max())) for v in biases)
    entries = sum(s.outs for s in stages) * c
    table_width = bias_bits + requant.scale_bits
    table = Memory(
        f"{layer.name}_table",
        "table",
        entries,
        table_width,
        sum(len(v.bias) for v in convs) * table_width,
        rom_tiles(entries, table_width),
    )
    depth = fifo_depth(sending, folding, parts, requant.latency, taken)
    return EnginePlan(
        name=layer.name,
        layer=layer,
        folding=folding,
        input=source,
        output=Stream(layer.name, layer.output, r, depth, layer.tensors, layer.first),
        stages=stages,
        lanes_per_row=lanes_per_row,
        groups=ceil_div(out.height, r),
        last_rows=out.height - (ceil_div(out.height, r) - 1) * r,
        parts=parts,
        units=ceil_div(lanes_per_row, parts),
        acc_bits=max(signed_bits(*acc_range(v, flip)) for v, flip in zip(convs, flips, strict=True)),
        bias_bits=bias_bits,
        requant=requant,
        buffers=buffers,
        weight_bits=max(v.weight_bits for v in convs),
        weights=engine_weights(layer, folding, weights),
        table=table,
        packing=packing,
    )
