"""From one integer layer and a folding to its kernel plan: sizes, memories, numbers."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import FpgaSqueezeError
from ..fixed_point import signed_bits
from ..graph import QConv, QFire, QGlobalAvgPool, QMaxPool, TensorType
from .memory import Memory, rom_tiles, row_memory, tile_bits
from .packing import ONE_PRODUCT, Multipliers, Packing, pack
from .plan import AveragePlan, EnginePlan, Folding, InputPlan, LineBuffer, PoolPlan, Segment, Stage, Stream

DRAIN_LATENCY = 11
"""Cycles from the last term of a pass to the push of its first beat (fsq_mac_array 5, fsq_drain 6)."""

INPUT_DEPTH = 4
POOL_DEPTH = 4


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


# ------------------------------------------------------------------------------------------------- engines


def layer_convs(layer: QConv | QFire) -> tuple[QConv, ...]:
    """The convolutions an engine runs, in the order of its stages."""
    return layer.convs if isinstance(layer, QFire) else (layer,)


def drain_parts(layer: QConv | QFire, folding: Folding, lanes_per_row: int) -> int:
    """Beats per row when sums are requantised: as many as the shortest sum of the layer leaves time for.

    More beats mean fewer requantisers; ``channels * rows * parts`` never exceeds the shortest sum if it can be helped.
    """
    shortest = min(int(conv.weight[0].size) for conv in layer_convs(layer))
    return max(1, min(lanes_per_row, shortest // (folding.channels * folding.rows)))


def engine_packing(layer: QConv | QFire, multipliers: Multipliers) -> Packing:
    """How the lanes of an engine use their DSP slices."""
    return pack(layer_convs(layer), multipliers)


def engine_cost(layer: QConv | QFire, folding: Folding, packing: Packing) -> tuple[int, int]:
    """(DSP slices, cycles per frame) of an engine; equal to ``dsp`` and ``work_cycles`` of its plan."""
    out = layer.output.shape
    lanes_per_row = ceil_div(out.width, folding.phases)
    beats = folding.channels * folding.rows * drain_parts(layer, folding, lanes_per_row)
    passes = sum(
        ceil_div(conv.weight.shape[0], folding.channels) * max(int(conv.weight[0].size), beats)
        for conv in layer_convs(layer)
    )
    cycles = ceil_div(out.height, folding.rows) * folding.phases * passes
    return packing.dsp(lanes_per_row * folding.rows, folding.channels), cycles


def weight_segments(stages: Sequence[Stage], channels: int, bits: int) -> tuple[int, tuple[Segment, ...]]:
    """(bits of a memory word, segments) of the weights: the squeeze apart from what follows it in a Fire module."""
    unit = channels * bits
    word = 36 * ceil_div(unit, 36)
    segments = []
    for members in ((0,), (1, 2)) if len(stages) == 3 else ((0,),):
        size = sum(stages[m].outs * stages[m].terms for m in members) * unit
        segments.append(Segment(ceil_div(size, word), -size % word, members))
    return word, tuple(segments)


def engine_stages(layer: QConv | QFire, channels: int) -> tuple[Stage, ...]:
    """The stages of an engine with ``channels`` output channels at once."""
    return tuple(
        Stage(conv, ceil_div(conv.weight.shape[0], channels), int(conv.weight[0].size))
        for conv in layer_convs(layer)
    )


def parameter_memory(layer: QConv | QFire, folding: Folding) -> tuple[int, int]:
    """(bits of block RAM for the weights, bits of the replay memory) of an engine."""
    stages = engine_stages(layer, folding.channels)
    bits = max(conv.weight_bits for conv in layer_convs(layer))
    word, segments = weight_segments(stages, folding.channels, bits)
    blocks = tile_bits(rom_tiles(sum(s.words for s in segments), word))
    replay = max(s.terms for s in stages) * folding.channels * bits if folding.phases > 1 else 0
    return blocks, replay


def plan_lines(
    name: str,
    tensor: TensorType,
    in_rows: int,
    folding: Folding,
    kernel: int,
    stride: int,
    top: int,
    out_rows: int,
) -> LineBuffer:
    """Size the row buffer of an engine.

    The window of a row group, and the producer group that brings its last row, must fit at once; ``folding.spare``
    producer groups more let the producer run on while the engine works.
    """
    rows, height, channels = folding.rows, tensor.shape.height, tensor.shape.channels
    span = rows * stride
    groups = ceil_div(out_rows, rows)
    frame_slots = ceil_div(height, span)
    above = ceil_div(top, span)  # slots that the next group still reaches up
    gate_first = height if groups == 1 else max(1, min((rows - 1) * stride + kernel - top, height))

    def released(group: int) -> int:
        """Slots given back before a group runs."""
        return min(max(0, group - above), frame_slots)

    slots = 1
    for group in range(groups):
        need = height if group == groups - 1 else min(gate_first + group * span, height)
        arrives = min(ceil_div(need, in_rows) * in_rows, height) - 1
        slots = max(slots, arrives // span - released(group) + 1)
    slots += folding.spare * ceil_div(in_rows, span)
    memory = row_memory(
        f"{name}_rows", slots * stride * channels, tensor.shape.width * tensor.bits, copies=rows
    )
    return LineBuffer(
        memory=memory,
        span=span,
        slots=max(2, slots),
        frame_slots=frame_slots,
        free_first=above,
        free_stop=min(groups - 1, frame_slots + above),
        free_last=frame_slots - (released(groups - 1) if groups > 1 else 0),
        gate_first=gate_first,
    )


def plan_squeezed(name: str, fire: QFire, folding: Folding) -> LineBuffer:
    """Size the buffer of squeezed rows: the row groups above, at and below the window."""
    tensor = fire.squeeze.output
    groups = ceil_div(tensor.shape.height, folding.rows)
    slots = 3
    memory = row_memory(
        f"{name}_squeezed",
        slots * tensor.shape.channels,
        tensor.shape.width * tensor.bits,
        copies=folding.rows,
    )
    return LineBuffer(
        memory=memory,
        span=folding.rows,
        slots=slots,
        frame_slots=groups,
        free_first=1,
        free_stop=groups - 1,
        free_last=groups - max(0, groups - 2),
        gate_first=min(folding.rows + 1, tensor.shape.height),
    )


def fifo_depth(stages: Sequence[Stage], folding: Folding, parts: int) -> int:
    """Least depth of an engine's output FIFO at which a receiver that takes every word never makes it wait.

    The words of a pass are reserved when its last phase starts. One is free again two cycles after it was pushed, and
    it is pushed DRAIN_LATENCY cycles and its beats after the last term. A pass therefore finds words of earlier passes
    still there. ``stages`` are those that feed the FIFO; ``parts`` are the beats of a row.
    """
    words = folding.channels * folding.rows
    depth = words
    for stage in stages:
        length = max(stage.terms, words * parts)
        freed = [length - 1 + DRAIN_LATENCY + (word + 1) * parts - 1 + 2 for word in range(words)]
        lags = range(length * folding.phases, freed[-1], length * folding.phases)
        depth = max(depth, words + sum(time > lag for lag in lags for time in freed))
    return depth


def plan_engine(
    layer: QConv | QFire, folding: Folding, source: Stream, multipliers: Multipliers = ONE_PRODUCT
) -> EnginePlan:
    """Plan a convolution or Fire engine for a folding; raises FpgaSqueezeError for what the engine cannot do."""
    convs = layer_convs(layer)
    out = layer.output.shape
    if isinstance(layer, QConv) and layer.stride not in (1, 2):
        raise FpgaSqueezeError(f"{layer.name}: stride {layer.stride} is not supported; use 1 or 2")
    lanes_per_row = ceil_div(out.width, folding.phases)
    parts = drain_parts(layer, folding, lanes_per_row)
    c, r = folding.channels, folding.rows
    stages = engine_stages(layer, c)

    bits = max(v.weight_bits for v in convs)
    unit = c * bits
    word, segments = weight_segments(stages, c, bits)
    depth = sum(s.words for s in segments)
    payload = sum(v.weight.size for v in convs) * bits
    weights = Memory(f"{layer.name}_weights", "weights", depth, word, payload, rom_tiles(depth, word))

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
    if isinstance(layer, QFire):
        lines = plan_lines(layer.name, layer.input, source.rows, folding, 1, 1, 0, out.height)
    else:
        lines = plan_lines(
            layer.name,
            layer.input,
            source.rows,
            folding,
            layer.kernel,
            layer.stride,
            layer.pads[0],
            out.height,
        )
    longest = max(s.terms for s in stages)
    replay = (
        Memory(f"{layer.name}_replay", "replay", longest, unit, longest * unit)
        if folding.phases > 1
        else None
    )
    return EnginePlan(
        name=layer.name,
        layer=layer,
        folding=folding,
        input=source,
        output=Stream(layer.name, layer.output, r, fifo_depth(stages[-2:], folding, parts)),
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
        lines=lines,
        squeezed=plan_squeezed(layer.name, layer, folding) if isinstance(layer, QFire) else None,
        segments=segments,
        weight_bits=bits,
        word_bits=word,
        weights=weights,
        table=table,
        replay=replay,
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


def plan_pool(pool: QMaxPool, source: Stream) -> PoolPlan:
    """Plan a max pool kernel."""
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
        kept=row_memory(f"{pool.name}_kept", shape.channels, shape.width * pool.output.bits),
    )


def plan_average(pool: QGlobalAvgPool, source: Stream, add: int) -> AveragePlan:
    """Plan the global average pool with ``add`` pixels per cycle."""
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
        quotient_bits=quotient,
        sums=Memory(f"{pool.name}_sums", "sums", channels, sum_bits, channels * sum_bits),
    )


def plan_input(tensor: TensorType, bytes_per_cycle: int) -> InputPlan:
    """Plan the line gatherer for raw uint8 pixels."""
    if tensor.bits != 8 or tensor.signed:
        raise FpgaSqueezeError(
            "the accelerator eats unsigned 8-bit pixels; this model's input has another type"
        )
    return InputPlan("image", Stream("image", tensor, 1, INPUT_DEPTH), bytes_per_cycle)
