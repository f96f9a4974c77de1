"""What the plan of an engine tells its HLS C++: constants, row buffers, stages, see templates/hls/engine."""

from __future__ import annotations

from ..network.integers import TensorType
from ..planning.constants import Constants
from ..planning.engine import EnginePlan, LineBuffer
from ..planning.order import OUTPUT
from .contents import recoded, table_words
from .hls_memory import Context, memory_context
from .hls_weights import walk_constants, weight_constants, weight_stages, weights_context

SETTLE = 32
"""Turns from the last word of a row to its first use: more than the pipeline of a turn is deep."""


def describe(tensor: TensorType) -> str:
    """Shape, type and scale in words."""
    return (
        f"{tensor.shape}, {'signed' if tensor.signed else 'unsigned'} {tensor.bits} bits, {tensor.scale_text}"
    )


def _buffer_name(number: int) -> str:
    """The rows that arrive, or the n-th of those that stages store for later ones."""
    return "lines" if number == 0 else "stored" if number == 1 else f"stored{number}"


def _cursors(engine: EnginePlan) -> tuple[list[int], list[int]]:
    """Per row buffer the number of places at which it is read; per stage its place among those of its buffer."""
    buffers = [buffer for buffer, _ in engine.cursors]
    counts = [buffers.count(number) for number in range(len(engine.buffers))]
    return counts, [place - buffers.index(buffers[place]) for place in engine.cursor_of]


def _buffer(engine: EnginePlan, lines: LineBuffer, number: int) -> Context:
    """A row buffer of an engine."""
    above = -lines.pads[0]
    place = above % lines.span
    pads = [int(v) for v in lines.pad_value]
    alike = len(set(pads)) == 1
    name = _buffer_name(number)
    return {
        "name": f"{engine.name}_{name}",
        "array": name,
        "style": lines.memory.style,
        "pad_values": pads[:1] if alike else pads,
        "text": f"{name}: rows of {describe(lines.type)}; {lines.slots} slots of {lines.span} rows",
        "constants": {
            "CHANNELS": lines.type.shape.channels,
            "HEIGHT": lines.type.shape.height,
            "WIDTH": lines.type.shape.width,
            "BITS": lines.type.bits,
            "SIGNED": lines.type.signed,
            "FLIP": lines.flip,
            "IN_ROWS": lines.in_rows,
            "ROWS": engine.folding.rows,
            "STRIDE": lines.stride,
            "SLOTS": lines.slots,
            "WINDOW_ROWS": lines.window[0],
            "WINDOW_COLUMNS": lines.window[1],
            "PAD_TOP": lines.pads[0],
            "PAD_LEFT": lines.pads[1],
            "PHASES": engine.folding.phases,
            "LANES": engine.lanes_per_row,
            "GROUPS": engine.groups,
            "CURSORS": _cursors(engine)[0][number],
            "TOP_SLOT": (above // lines.span) % lines.slots,
            "TOP_BANK": place // lines.stride,
            "TOP_SUB": place % lines.stride,
        },
    }


def _stages(engine: EnginePlan) -> dict[str, list[int]]:
    """What the plan of an engine tells of each stage, see fsq_engine.hpp."""
    numbers, second = range(len(engine.stages)), min(1, engine.groups - 1)
    sources = [engine.buffers[stage.source] for stage in engine.stages]
    limits = [stage.conv.limits for stage in engine.stages]
    moving = [stage for _, stage in engine.cursors]
    return {
        "delay": list(engine.delays),
        "source": [stage.source for stage in engine.stages],
        "sink": [0 if stage.sink is OUTPUT else stage.sink for stage in engine.stages],
        "frees": [int(engine.lines.reader == i) for i in numbers],
        "cursor": _cursors(engine)[1],
        "advances": [int(i in moving) for i in numbers],
        "tap_row": [stage.tap[0] for stage in engine.stages],
        "tap_column": [stage.tap[1] for stage in engine.stages],
        "height": [buffer.type.shape.height for buffer in sources],
        "rows_step": [buffer.span for buffer in sources],
        "need_first": [engine.rows_needed(i, 0) for i in numbers],
        "need_second": [engine.rows_needed(i, second) for i in numbers],
        "inputs": [stage.conv.weight.shape[1] for stage in engine.stages],
        "kernel_rows": [stage.conv.kernel[0] for stage in engine.stages],
        "kernel_columns": [stage.conv.kernel[1] for stage in engine.stages],
        "outs": [stage.outs for stage in engine.stages],
        "last_channels": list(engine.rests),
        "base": list(engine.bases),
        "low": [low for low, _ in limits],
        "high": [high for _, high in limits],
        "zero": [stage.conv.output.zero for stage in engine.stages],
        "recode": recoded(engine)[1],
        "joined": [int(joined) for joined in engine.joined],
        **weight_stages(engine),
    }


def engine_context(engine: EnginePlan) -> Context:
    """Template and names of an engine."""
    folding, lines, requant = engine.folding, engine.lines, engine.requant
    tables, _, index_bits = recoded(engine)
    x_bits, x_signed = engine.operand
    work = engine.work_cycles // engine.groups
    words = lines.span * lines.type.shape.channels
    constants: Constants = {
        "FREE_FIRST": lines.free_first,
        "FREE_STOP": lines.free_stop,
        "FREE_LAST": lines.free_last,
        "READ_EVERY": max(1, (work - SETTLE) // words),
        "WORK": engine.work_cycles,
        "KERNEL_ROWS": max(stage.conv.kernel[0] for stage in engine.stages),
        "KERNEL_COLUMNS": max(stage.conv.kernel[1] for stage in engine.stages),
        **walk_constants(engine.delays, engine.groups),
        "ROWS": folding.rows,
        "LAST_ROWS": engine.last_rows,
        "PHASES": folding.phases,
        "CHANNELS_C": folding.channels,
        "MOST_OUTS": max(stage.outs for stage in engine.stages),
        "LANES": engine.lanes_per_row,
        "TERMS": max(s.terms for s in engine.stages),
        "W_BITS": engine.weight_bits,
        "X_BITS": x_bits,
        "X_SIGNED": x_signed,
        "ACC_BITS": engine.acc_bits,
        "PAIR_SHIFT": engine.packing.shift,
        "BIAS_BITS": engine.bias_bits,
        "PLACES": requant.places,
        "MULTIPLIES": requant.multiply != "shift",
        "IN_DSP": requant.multiply == "dsp",
        "SCALE_BITS": requant.scale_bits,
        "SUM_BITS": engine.sum_bits,
        "PRODUCT_BITS": engine.product_bits,
        "RIGHT": requant.right,
        "Y_BITS": engine.pixel_bits,
        "TABLES": len(tables),
        "INDEX_BITS": index_bits,
        "PARTS": engine.parts,
        "UNITS": engine.units,
        "OUT_WIDTH": engine.output.type.shape.width,
        "OUT_BITS": engine.output.type.bits,
        "TABLE_ENTRIES": engine.table.depth,
        **weight_constants(engine),
    }
    what = "Engine of several convolutions" if engine.layer.is_module else "Convolution engine"
    return {
        "template": "engine",
        "title": f"{what} {engine.name}, folding k,r,c = "
        f"{folding.phases},{folding.rows},{folding.channels}: {engine.lanes} lanes in {engine.dsp} DSP slices.",
        "constants": constants,
        "stages": _stages(engine),
        "buffers": [_buffer(engine, lines, number) for number, lines in enumerate(engine.buffers)],
        **weights_context(engine),
        "table": memory_context(engine.table, table_words(engine)),
        "recode": tables,
    }
