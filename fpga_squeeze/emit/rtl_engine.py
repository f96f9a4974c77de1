"""Parameters of an engine's instance in the RTL."""

from __future__ import annotations

from collections.abc import Sequence

from ..network.fixed_point import count_bits, index_bits, signed_bits
from ..planning.engine import EnginePlan, LineBuffer
from ..planning.latency import READ_LATENCY, RELEASE, SUM_LATENCY, TABLE_READ
from ..planning.weight_memories import CompressedWeights, Stage
from .contents import position_bits, recoded
from .parameters import Parameters, constant, packed, walk_parameters

Way = tuple[int, int, int, int, int]
"""Where row words go (0: out of the engine, else to that row buffer), the limits of their pixels, their zero point, and
the table that they go through."""


def _way(stage: Stage, table: int) -> Way:
    return stage.sink or 0, *stage.conv.limits, stage.conv.output.zero, table


def _row_bits(buffer: LineBuffer, groups: int) -> int:
    """Signed width of a row number: rows of the last window, and rows above the image."""
    reach = buffer.window[0] + buffer.span
    return signed_bits(-reach, max(buffer.type.shape.height, (groups + 1) * buffer.span) + reach)


def _stage_parameters(engine: EnginePlan) -> Parameters:
    """What each stage is."""
    stages = engine.stages
    tables, numbers, index_width = recoded(engine)
    way_of = [_way(stage, table) for stage, table in zip(stages, numbers, strict=True)]
    ways = sorted(set(way_of))
    shape_of = [(stage.conv.kernel, stage.tap) for stage in stages]
    shapes = sorted(set(shape_of))
    positions = [int(stage.conv.weight[0].size) for stage in stages]
    values = [v % (1 << engine.pixel_bits) for table in tables for v in table]
    return {
        "STAGES": len(stages),
        "STAGE_W": index_bits(len(stages)),
        **walk_parameters(engine.delays, engine.groups),
        "SOURCES": packed(stage.source for stage in stages),
        "SINKS": packed(stage.sink or 0 for stage in stages),
        "WAY_OF": packed(map(ways.index, way_of)),
        "CURSOR_OF": packed(engine.cursor_of),
        "NEEDS": packed(engine.rows_needed(i, 0) for i in range(len(stages))),
        "POSITIONS": packed(positions),
        "LEFT_W": index_bits(max(positions)),
        "SHAPE_OF": packed(shapes.index(shape) for shape in shape_of),
        "SHAPES": len(shapes),
        "SHAPE_W": index_bits(len(shapes)),
        "SHAPE_ROWS": packed(kernel[0] for kernel, _ in shapes),
        "SHAPE_COLUMNS": packed(kernel[1] for kernel, _ in shapes),
        "TAP_ROWS": packed(tap[0] for _, tap in shapes),
        "TAP_COLUMNS": packed(tap[1] for _, tap in shapes),
        "TAPS": max(rows * columns for (rows, columns), _ in shapes),
        "OUTS": packed(stage.outs for stage in stages),
        "RESTS": packed(engine.rests),
        "BASES": packed(engine.bases),
        "GROUP_W": index_bits(max(stage.outs for stage in stages)),
        "WAYS": len(ways),
        "WAY_W": index_bits(len(ways)),
        "WAY_SINKS": packed(sink for sink, *_ in ways),
        "LOWS": packed(low for _, low, *_ in ways),
        "HIGHS": packed(high for _, _, high, *_ in ways),
        "ZEROS": packed(zero for *_, zero, _ in ways),
        "TABLES": len(tables),
        "TABLE_OF": packed(table for *_, table in ways),
        "INDEX_W": index_width,
        "RECODE": constant(values or [0], engine.pixel_bits),
    }


def _buffer_parameters(engine: EnginePlan) -> Parameters:
    """What each row buffer is, and the places at which it is read."""
    buffers = engine.buffers
    return {
        "BUFFERS": len(buffers),
        "BUFFER_W": index_bits(len(buffers)),
        "CHANNELS": packed(b.type.shape.channels for b in buffers),
        "HEIGHTS": packed(b.type.shape.height for b in buffers),
        "WIDTHS": packed(b.type.shape.width for b in buffers),
        "BITS": packed(b.type.bits for b in buffers),
        "SIGNED": packed(int(b.type.signed) for b in buffers),
        "FLIPS": packed(int(b.flip) for b in buffers),
        "IN_ROWS": packed(b.in_rows for b in buffers),
        "STRIDES": packed(b.stride for b in buffers),
        "WINDOW_ROWS": packed(b.window[0] for b in buffers),
        "WINDOW_COLUMNS": packed(b.window[1] for b in buffers),
        "PAD_TOPS": packed(b.pads[0] for b in buffers),
        "PAD_LEFTS": packed(b.pads[1] for b in buffers),
        "PADDED": packed(int(b.pads[0] > 0 or b.pads[2] > 0) for b in buffers),
        **_pad_values(buffers),
        "CHOICES": packed(b.taps.choices for b in buffers),
        "SHIFTS": packed(b.taps.shifts for b in buffers),
        "MOST_SHIFTS": max(b.taps.shifts for b in buffers),
        "BELOWS": packed(b.taps.below for b in buffers),
        "STYLES": packed(b.memory.style_number for b in buffers),
        "TILE_WS": packed(b.memory.column_bits for b in buffers),
        "SLOTS": packed(b.slots for b in buffers),
        "FRAME_SLOTS": packed(b.frame_slots for b in buffers),
        "FREE_FIRSTS": packed(b.free_first for b in buffers),
        "FREE_STOPS": packed(b.free_stop for b in buffers),
        "FREE_LASTS": packed(b.free_last for b in buffers),
        "READERS": packed(b.reader for b in buffers),
        "CURSORS": len(engine.cursors),
        "CURSOR_BUFFERS": packed(buffer for buffer, _ in engine.cursors),
        "CURSOR_STAGES": packed(stage for _, stage in engine.cursors),
        "IN_W": engine.input.word_bits,
        "HAVE_W": max(count_bits(b.type.shape.height + (b.slots + 1) * b.span + 1) for b in buffers),
        "Y_W": max(_row_bits(b, engine.groups) for b in buffers),
        "SLOT_W": max(count_bits(max(b.slots, b.free_last)) for b in buffers),
    }


def _pad_values(buffers: Sequence[LineBuffer]) -> Parameters:
    """Pixels outside the image, buffer after buffer, channel after channel."""
    value, place, places = 0, 0, []
    for buffer in buffers:
        places.append(place)
        bits = buffer.type.bits
        for pixel in buffer.pad_value:
            value |= (int(pixel) % (1 << bits)) << place
            place += bits
    return {"PAD_VALUES": f"{place}'h{value:x}", "PAD_PLACES": packed(places)}


def engine_parameters(engine: EnginePlan) -> Parameters:
    """What an instance of fsq_engine asks for."""
    folding, requant = engine.folding, engine.requant
    x_bits, x_signed = engine.operand
    channel_bits, window_bits = position_bits(engine, window=True)
    run_bits, run_max = 1, 0
    if isinstance(engine.weights, CompressedWeights):
        run_bits = engine.weights.symbol_bits[0]
        run_max = engine.weights.largest_run if engine.weights.skips else 0
    terms = max(stage.terms for stage in engine.stages)
    return {
        **_stage_parameters(engine),
        **_buffer_parameters(engine),
        "GROUPS": engine.groups,
        "ROWS": folding.rows,
        "LAST_ROWS": engine.last_rows,
        "PHASES": folding.phases,
        "CHANNELS_C": folding.channels,
        "LANES": engine.lanes_per_row,
        "TERMS": terms,
        "X_BITS": x_bits,
        "X_SIGNED": int(x_signed),
        "W_BITS": engine.weight_bits,
        "ACC_BITS": engine.acc_bits,
        "PAIR_SHIFT": engine.packing.shift,
        "BIAS_BITS": engine.bias_bits,
        "PLACES": requant.places,
        "MULTIPLY": {"shift": 0, "lut": 1, "dsp": requant.wide}[requant.multiply],
        "SCALE_W": requant.scale_bits,
        "SUM_W": engine.sum_bits,
        "PRODUCT_W": engine.product_bits,
        "RIGHT": requant.right,
        "Y_BITS": engine.pixel_bits,
        "LIMIT_W": engine.pixel_bits + 2,
        "TABLE_READ": TABLE_READ,
        "LATENCY": requant.latency - SUM_LATENCY,
        "OUT_WIDTH": engine.output.type.shape.width,
        "OUT_BITS": engine.output.type.bits,
        "PARTS": engine.parts,
        "UNITS": engine.units,
        "READ": READ_LATENCY,
        "RELEASE": RELEASE,
        "SPARSE": int(isinstance(engine.weights, CompressedWeights)),
        "SINGLES": int(engine.has_single_terms),
        "RUN_W": run_bits,
        "RUN_MAX": run_max,
        "DEPTH": engine.output.depth,
        "COUNT_W": count_bits(engine.output.depth),
        "CI_W": channel_bits,
        "TAP_W": window_bits,
        "P_W": index_bits(folding.phases),
        "N_W": index_bits(terms),
        "OUT_W": index_bits(engine.table.depth + 1),
        "C_W": count_bits(folding.channels),
        "R_W": count_bits(folding.rows),
    }
