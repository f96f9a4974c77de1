"""From one integer layer and a folding to its kernel plan: sizes, memories, numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

from ..device.block_ram import Memory, kept_memory, rom_tiles, row_memory
from ..device.dsp_packing import ONE_PRODUCT, Multipliers, Packing, pack
from ..device.lut_ram import ceil_div
from ..errors import FpgaSqueezeError
from ..network.fixed_point import signed_bits
from ..network.graph import QConv, QFire, QGlobalAvgPool, QMaxPool, Shape, TensorType
from .order import layer_work
from .plan import AveragePlan, EnginePlan, Folding, InputPlan, LineBuffer, PoolPlan, Stream, Taps, rows_needed
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

DRAIN_LATENCY = 11
"""Cycles from the last term of a pass to the push of its first beat (fsq_mac_array 5, fsq_drain 6)."""

ALIKE = 2 * DRAIN_LATENCY
"""More passes than can have words in an output FIFO at the same time."""

INPUT_DEPTH = 1
"""Words of the FIFO behind the line gatherer: a register. The words of a row then leave every other cycle."""
BUFFERS = ("rows", "squeezed")
"""Names of the row buffers of an engine: those that arrive, those that a squeeze stores."""
STORED_SLOTS = 3
"""Row groups of a buffer of stored rows: above, at and below the window."""
POOL_DEPTH = 1
"""Words of the FIFO behind a pool, which sends one every other cycle at most."""


# ------------------------------------------------------------------------------------------------- engines


def layer_convs(layer: QConv | QFire) -> tuple[QConv, ...]:
    """The convolutions an engine runs, in the order of its stages."""
    return tuple(work.conv for work in layer_work(layer))


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


def engine_packing(layer: QConv | QFire, multipliers: Multipliers) -> Packing:
    """How the lanes of an engine use their DSP slices."""
    return pack(layer_convs(layer), multipliers)


def engine_cost(
    layer: QConv | QFire, folding: Folding, packing: Packing, weights: WeightFormat = "dense"
) -> tuple[int, int]:
    """(DSP slices, cycles per frame) of an engine; equal to ``dsp`` and ``work_cycles`` of its plan."""
    out = layer.output.shape
    lanes_per_row = ceil_div(out.width, folding.phases)
    stages = engine_stages(layer, folding.channels, weights)
    beats = folding.channels * folding.rows * drain_parts(stages, folding, lanes_per_row, weights)
    cycles = ceil_div(out.height, folding.rows) * folding.phases * pass_cycles(stages, beats)
    return packing.dsp(lanes_per_row * folding.rows, folding.channels), cycles


def word_cycles(layer: QConv | QFire, folding: Folding, weights: WeightFormat) -> float:
    """Cycles between the words that an engine sends, on average in its fastest stage."""
    stages = engine_stages(layer, folding.channels, weights)
    words = folding.channels * folding.rows
    beats = words * drain_parts(stages, folding, ceil_div(layer.output.shape.width, folding.phases), weights)
    passes = (pass_cycles([stage], beats) / stage.outs for stage in stages[-2:])
    return folding.phases * min(passes) / words


def engine_stages(layer: QConv | QFire, channels: int, weights: WeightFormat) -> tuple[Stage, ...]:
    """The stages of an engine with ``channels`` output channels at once."""
    return tuple(engine_stage(work, channels, weights) for work in layer_work(layer))


def engine_weights(layer: QConv | QFire, folding: Folding, weights: WeightFormat) -> Weights:
    """The weight memories of an engine."""
    stages = engine_stages(layer, folding.channels, weights)
    if weights == "dense":
        return plan_dense(layer.name, stages, folding.channels, folding.phases)
    inputs = max(conv.weight.shape[1] for conv in layer_convs(layer))
    kernel = max(conv.kernel for conv in layer_convs(layer))
    position = max(1, (inputs - 1).bit_length()) + 2 * max(1, (kernel - 1).bit_length())
    return plan_compressed(layer.name, stages, folding.channels, folding.phases, weights, position)


@lru_cache(maxsize=4096)
def parameter_cost(layer: QConv | QFire, channels: int, weights: WeightFormat) -> float:
    """Cost of the weight memories of an engine with ``channels`` output channels at once, in RAMB18."""
    return rom_cost(engine_weights(layer, Folding(1, 1, channels), weights))


def row_cost(layer: QConv | QFire, rows: int) -> float:
    """Cost of the row buffers of an engine with ``rows`` rows at once, in RAMB18, were they distributed RAM.

    The producer is taken to send one row at a time.
    """
    buffers = plan_buffers(layer, 1, Folding(1, rows, 1))
    return sum(buffer.memory.payload_bits for buffer in buffers) / LUTRAM_PER_BLOCK


def stream_cost(layer: QConv | QFire, folding: Folding) -> float:
    """Cost of the memory that replays weights, were they dense, and of the output FIFO, in RAMB18."""
    bits = max(conv.weight_bits for conv in layer_convs(layer))
    terms = max(int(conv.weight[0].size) for conv in layer_convs(layer))
    replay = terms * folding.channels * bits if folding.phases > 1 else 0
    fifo = folding.channels * folding.rows * layer.output.shape.width * layer.output.bits
    return (replay + fifo) / LUTRAM_PER_BLOCK


def plan_buffers(layer: QConv | QFire, in_rows: int, folding: Folding) -> tuple[LineBuffer, ...]:
    """The row buffers of an engine whose input rows come ``in_rows`` at a time."""
    stages = layer_work(layer)
    buffers = []
    for number in range(1 + max(work.sink or 0 for work in stages)):
        readers = [i for i, work in enumerate(stages) if work.source == number]
        conv = max((stages[i].conv for i in readers), key=lambda conv: conv.kernel)
        name = f"{layer.name}_{BUFFERS[number]}"
        arrives = (in_rows, folding.spare, 2) if number == 0 else (folding.rows, 0, STORED_SLOTS)
        buffers.append(_plan_lines(name, conv, layer.output.shape, folding, readers[-1], *arrives))
    return tuple(buffers)


def _plan_lines(
    name: str, conv: QConv, out: Shape, folding: Folding, reader: int, in_rows: int, spare: int, least: int
) -> LineBuffer:
    """Size a row buffer of an engine with windows of ``conv``, at ``least`` slots.

    The window of a row group, and the producer group that brings its last row, must fit at once; ``spare`` producer
    groups more let the producer run on while the engine works.
    """
    tensor, stride, rows = conv.input, conv.stride, folding.rows
    groups = ceil_div(out.height, rows)
    height, channels = tensor.shape.height, tensor.shape.channels
    span = rows * stride
    frame_slots = ceil_div(height, span)
    above = ceil_div(conv.pads[0], span)  # slots that the next group still reaches up

    def released(group: int) -> int:
        """Slots given back before a group runs."""
        return min(max(0, group - above), frame_slots)

    slots = 1
    for group in range(groups):
        need = rows_needed(conv, height, rows, groups, group)
        arrives = min(ceil_div(need, in_rows) * in_rows, height) - 1
        slots = max(slots, arrives // span - released(group) + 1)
    slots = max(least, slots + spare * ceil_div(in_rows, span))
    memory = row_memory(
        name,
        slots * stride * channels,
        tensor.shape.width * tensor.bits,
        copies=rows,
        lines=slots * stride,
    )
    return LineBuffer(
        memory=memory,
        type=tensor,
        in_rows=in_rows,
        window=conv,
        reader=reader,
        taps=Taps.of(conv, folding, ceil_div(out.width, folding.phases)),
        span=span,
        slots=slots,
        frame_slots=frame_slots,
        free_first=above,
        free_stop=min(groups - 1, frame_slots + above),
        free_last=frame_slots - (released(groups - 1) if groups > 1 else 0),
    )


def fifo_depth(stages: Sequence[Stage], folding: Folding, parts: int, taken: tuple[int, int] = (1, 1)) -> int:
    """Least depth of an engine's output FIFO at which a receiver that takes every word never makes it wait.

    The words of a pass are reserved when its last phase starts. One is free again two cycles after it was pushed, if
    the receiver takes it at once, and it is pushed DRAIN_LATENCY cycles and its beats after the last term. A pass
    therefore finds words of earlier passes still there. ``stages`` are those that feed the FIFO; ``parts`` are the
    beats of a row; ``taken`` are the cycles for which the receiver leaves a word in the FIFO, and those it spends on
    it.
    """
    words = folding.channels * folding.rows
    depth = words
    after = []  # cycles from the last term until a word is free
    start = 0
    for word in range(words):
        start = max(start, DRAIN_LATENCY + (word + 1) * parts)
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
    layer: QConv | QFire,
    folding: Folding,
    source: Stream,
    multipliers: Multipliers = ONE_PRODUCT,
    weights: WeightFormat = "dense",
    taken: tuple[int, int] = (1, 1),
) -> EnginePlan:
    """Plan a convolution or Fire engine for a folding; raises FpgaSqueezeError for what the engine cannot do.

    ``taken`` tells how the kernel behind it takes words, see :func:`fifo_depth`.
    """
    convs = layer_convs(layer)
    out = layer.output.shape
    if isinstance(layer, QConv) and layer.stride not in (1, 2):
        raise FpgaSqueezeError(f"{layer.name}: stride {layer.stride} is not supported; use 1 or 2")
    lanes_per_row = ceil_div(out.width, folding.phases)
    c, r = folding.channels, folding.rows
    stages = engine_stages(layer, c, weights)
    parts = drain_parts(stages, folding, lanes_per_row, weights)

    shifts = [int(s) for v in convs for s in v.shift]
    right = max(0, *shifts)
    left_max = right - min(shifts)
    bias_bits = max(signed_bits(int(v.bias.min()), int(v.bias.max())) for v in convs)
    entries = sum(s.outs for s in stages) * c
    table_width = bias_bits + max(1, left_max.bit_length())
    table = Memory(
        f"{layer.name}_table",
        "table",
        entries,
        table_width,
        sum(len(v.bias) for v in convs) * table_width,
        rom_tiles(entries, table_width),
    )
    return EnginePlan(
        name=layer.name,
        layer=layer,
        folding=folding,
        input=source,
        output=Stream(layer.name, layer.output, r, fifo_depth(stages[-2:], folding, parts, taken)),
        stages=stages,
        lanes_per_row=lanes_per_row,
        groups=ceil_div(out.height, r),
        last_rows=out.height - (ceil_div(out.height, r) - 1) * r,
        parts=parts,
        units=ceil_div(lanes_per_row, parts),
        acc_bits=max(v.acc_bits for v in convs),
        bias_bits=bias_bits,
        left_max=left_max,
        right=right,
        buffers=plan_buffers(layer, source.rows, folding),
        weight_bits=max(v.weight_bits for v in convs),
        weights=engine_weights(layer, folding, weights),
        table=table,
        packing=engine_packing(layer, multipliers),
    )


# --------------------------------------------------------------------------------------------------- pools


def pool_rows(pool: QMaxPool) -> tuple[list[bool], list[bool], list[bool], bool]:
    """Per input row (have, start, emit) and whether one more output row follows the last input row.

    One window is open at a time, which holds for kernels of the stride or one more; others are refused.
    """
    k, s, top = pool.kernel, pool.stride, pool.pads[0]
    height, out = pool.input.shape.height, pool.output.shape.height
    if k not in (s, s + 1):
        raise FpgaSqueezeError(
            f"{pool.name}: max pool {k}x{k} stride {s}; the kernel must be the stride or one more"
        )
    windows = [(max(0, y * s - top), min(y * s - top + k - 1, height - 1)) for y in range(out)]
    have, start, emit = [False] * height, [False] * height, [False] * height
    extra = False
    for first, last in windows:
        start[first] = True
        for row in range(first + 1, last + 1):
            have[row] = True
        extra = extra or emit[last]
        emit[last] = True
    return have, start, emit, extra


def emits_one_row_per_group(pool: QMaxPool, rows: int) -> bool:
    """Whether no group of ``rows`` input rows completes two output rows (the pool sends rows in order)."""
    emit = pool_rows(pool)[2]
    return all(sum(emit[y : y + rows]) <= 1 for y in range(0, len(emit), rows))


def plan_pool(pool: QMaxPool, source: Stream, units: int = 0) -> PoolPlan:
    """Plan a max pool kernel of ``units`` output pixels per cycle; 0: a row at once."""
    have, start, emit, extra = pool_rows(pool)
    shape = pool.output.shape
    return PoolPlan(
        name=pool.name,
        layer=pool,
        input=source,
        output=Stream(pool.name, pool.output, 1, POOL_DEPTH),
        have_rows=tuple(have),
        start_rows=tuple(start),
        emit_rows=tuple(emit),
        extra=extra,
        kept=kept_memory(f"{pool.name}_kept", shape.channels, shape.width * pool.output.bits),
        units=units,
    )


def plan_average(pool: QGlobalAvgPool, source: Stream, add: int, divide_bits: int = 1) -> AveragePlan:
    """Plan the global average pool with ``add`` pixels and ``divide_bits`` quotient bits per cycle."""
    if pool.input.bits > 16 or pool.output.bits > 32:
        raise FpgaSqueezeError(f"{pool.name}: the average pool takes at most 16 bits and gives at most 32")
    low, high = pool.input.range
    sum_bits = signed_bits(low * pool.count, high * pool.count)
    quotient = (max(-low, high) << pool.extra_frac).bit_length()
    channels = pool.input.shape.channels
    return AveragePlan(
        name=pool.name,
        layer=pool,
        input=source,
        output=Stream(pool.name, pool.output, 1, POOL_DEPTH),
        add=add,
        sum_bits=sum_bits,
        quotient_bits=divide_bits * ceil_div(quotient, divide_bits),
        divide_bits=divide_bits,
        sums=Memory(f"{pool.name}_sums", "sums", channels, sum_bits, channels * sum_bits, single=1),
    )


def plan_input(tensor: TensorType, bytes_per_cycle: int) -> InputPlan:
    """Plan the line gatherer for raw uint8 pixels."""
    if tensor.bits != 8 or tensor.signed:
        raise FpgaSqueezeError(
            "the accelerator eats unsigned 8-bit pixels; this model's input has another type"
        )
    return InputPlan("image", Stream("image", tensor, 1, INPUT_DEPTH), bytes_per_cycle)
