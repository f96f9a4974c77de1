"""SystemVerilog from a plan: parameters and wiring; the kernels themselves are the files in templates/rtl."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from typing_extensions import assert_never

from ..device.block_ram import STYLES, Memory
from ..network.fixed_point import count_bits, index_bits, int_range, signed_bits
from ..network.graph import QConv, TensorType
from ..paths import resource_dir, source_files
from ..planning.plan import AveragePlan, EnginePlan, InputPlan, KernelPlan, LineBuffer, Plan, PoolPlan
from ..planning.weight_memories import CompressedWeights
from .contents import left_bits, position_bits, term_fields
from .parameters import packed, table_context, walk_parameters, weights_context
from .render import write

Parameters = dict[str, object]

SINGLE_STYLE = 3
"""STYLE of fsq_line_bank: distributed RAM with one address; the others are those of ``STYLES``."""


def _bit_table(rows: Iterable[bool]) -> str:
    """A table of flags as a sized constant, entry 0 in the lowest bit."""
    flags = list(rows)
    value = sum(1 << i for i, flag in enumerate(flags) if flag)
    return f"{len(flags)}'h{value:x}"


def _rows(memory: Memory) -> tuple[int, int]:
    """Kind of a row memory, see fsq_line_bank, and the width of a column of blocks."""
    style = SINGLE_STYLE if memory.single else STYLES.index(memory.style)
    width = memory.tiles[0].width if memory.tiles else memory.width
    return style, width


def _limits(tensor: TensorType, relu: bool) -> tuple[int, int]:
    low, high = int_range(tensor.bits, tensor.signed)
    return (0 if relu else low), high


def _row_bits(buffer: LineBuffer, groups: int) -> int:
    """Signed width of a row number: rows of the last window, and rows above the image."""
    reach = buffer.window.kernel + buffer.span
    return signed_bits(-reach, max(buffer.type.shape.height, (groups + 1) * buffer.span) + reach)


def _stage_parameters(engine: EnginePlan) -> Parameters:
    """What each stage is."""
    stages = engine.stages
    return {
        "STAGES": len(stages),
        "STAGE_W": index_bits(len(stages)),
        **walk_parameters(engine.delays, engine.groups),
        "SOURCES": packed(stage.source for stage in stages),
        "SINKS": packed(stage.sink or 0 for stage in stages),
        "TAPS": packed(stage.tap for stage in stages),
        "NEEDS": packed(engine.rows_needed(i, 0) for i in range(len(stages))),
        "INPUTS": packed(stage.conv.weight.shape[1] for stage in stages),
        "KERNELS": packed(stage.conv.kernel for stage in stages),
        "OUTS": packed(stage.outs for stage in stages),
        "RESTS": packed(engine.rests),
        "BASES": packed(engine.bases),
        "GROUP_W": index_bits(max(stage.outs for stage in stages)),
    }


def _buffer_parameters(engine: EnginePlan) -> Parameters:
    """What each row buffer is, and the limits of the pixels that go to it, or with number 0 to the output."""
    buffers = engine.buffers
    windows = [buffer.window for buffer in buffers]
    sinks = {stage.sink or 0: stage.conv for stage in engine.stages}
    limits = [_limits(sinks[i].output, sinks[i].relu) for i in range(len(buffers))]
    styles = [_rows(buffer.memory) for buffer in buffers]
    return {
        "BUFFERS": len(buffers),
        "BUFFER_W": index_bits(len(buffers)),
        "CHANNELS": packed(b.type.shape.channels for b in buffers),
        "HEIGHTS": packed(b.type.shape.height for b in buffers),
        "WIDTHS": packed(b.type.shape.width for b in buffers),
        "BITS": packed(b.type.bits for b in buffers),
        "SIGNED": packed(int(b.type.signed) for b in buffers),
        "IN_ROWS": packed(b.in_rows for b in buffers),
        "STRIDES": packed(w.stride for w in windows),
        "WINDOWS": packed(w.kernel for w in windows),
        "PAD_TOPS": packed(w.pads[0] for w in windows),
        "PAD_LEFTS": packed(w.pads[1] for w in windows),
        "PADDED": packed(int(w.pads[0] > 0 or w.pads[2] > 0) for w in windows),
        "PAD_VALUES": _pad_values(windows[0]),
        "CHOICES": packed(b.taps.choices for b in buffers),
        "SHIFTS": packed(b.taps.shifts for b in buffers),
        "BELOWS": packed(b.taps.below for b in buffers),
        "STYLES": packed(style for style, _ in styles),
        "TILE_WS": packed(width for _, width in styles),
        "SLOTS": packed(b.slots for b in buffers),
        "FRAME_SLOTS": packed(b.frame_slots for b in buffers),
        "FREE_FIRSTS": packed(b.free_first for b in buffers),
        "FREE_STOPS": packed(b.free_stop for b in buffers),
        "FREE_LASTS": packed(b.free_last for b in buffers),
        "READERS": packed(b.reader for b in buffers),
        "IN_W": engine.input.word_bits,
        "HAVE_W": max(count_bits(b.type.shape.height + (b.slots + 1) * b.span + 1) for b in buffers),
        "LOWS": packed(low for low, _ in limits),
        "HIGHS": packed(high for _, high in limits),
        "Y_W": max(_row_bits(b, engine.groups) for b in buffers),
        "SLOT_W": max(count_bits(max(b.slots, b.free_last)) for b in buffers),
    }


def _engine_parameters(engine: EnginePlan) -> Parameters:
    folding = engine.folding
    x_bits, x_signed = engine.operand
    channel_bits, kernel_bits = position_bits(engine)
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
        "LEFT_MAX": engine.left_max,
        "LEFT_W": left_bits(engine),
        "RIGHT": engine.right,
        "Y_BITS": max(stage.conv.output.bits for stage in engine.stages),
        "LIMIT_W": max(stage.conv.output.bits for stage in engine.stages) + 2,
        "OUT_WIDTH": engine.output.type.shape.width,
        "OUT_BITS": engine.output.type.bits,
        "PARTS": engine.parts,
        "UNITS": engine.units,
        "SPARSE": int(isinstance(engine.weights, CompressedWeights)),
        "DEPTH": engine.output.depth,
        "COUNT_W": count_bits(engine.output.depth),
        "CI_W": channel_bits,
        "K_W": kernel_bits,
        "P_W": index_bits(folding.phases),
        "N_W": index_bits(terms),
        "OUT_W": index_bits(engine.table.depth + 1),
        "C_W": count_bits(folding.channels),
        "R_W": count_bits(folding.rows),
    }


def _pad_values(conv: QConv) -> str:
    bits = conv.input.bits
    value = sum((int(v) & ((1 << bits) - 1)) << (i * bits) for i, v in enumerate(conv.pad_value))
    return f"{bits * len(conv.pad_value)}'h{value:x}"


def _pool_parameters(pool: PoolPlan) -> Parameters:
    source, out = pool.input.type, pool.output.type
    style, width = _rows(pool.kept)
    return {
        "CHANNELS": source.shape.channels,
        "HEIGHT": source.shape.height,
        "WIDTH": source.shape.width,
        "OUT_WIDTH": out.shape.width,
        "BITS": source.bits,
        "SIGNED": int(source.signed),
        "IN_ROWS": pool.input.rows,
        "KERNEL": pool.layer.kernel,
        "STRIDE": pool.layer.stride,
        "PAD_LEFT": pool.layer.pads[1],
        "HAVE_ROWS": _bit_table(pool.have_rows),
        "START_ROWS": _bit_table(pool.start_rows),
        "EMIT_ROWS": _bit_table(pool.emit_rows),
        "EXTRA": int(pool.extra),
        "STYLE": style,
        "TILE_W": width,
        **({"UNITS": pool.units, "STEPS": pool.steps} if pool.units else {}),
        "DEPTH": pool.output.depth,
        "COUNT_W": count_bits(pool.output.depth),
    }


def _average_parameters(pool: AveragePlan) -> Parameters:
    source, out = pool.input.type, pool.output.type
    low, high = out.range
    return {
        "CHANNELS": source.shape.channels,
        "HEIGHT": source.shape.height,
        "WIDTH": source.shape.width,
        "BITS": source.bits,
        "SIGNED": int(source.signed),
        "IN_ROWS": pool.input.rows,
        "ADD": pool.add,
        "SUM_W": pool.sum_bits,
        "COUNT": pool.layer.count,
        "EXTRA": pool.layer.extra_frac,
        "QUOTIENT": pool.quotient_bits,
        "DIVIDE_BITS": pool.divide_bits,
        "OUT_BITS": out.bits,
        "LOW": low,
        "HIGH": high,
        "DEPTH": pool.output.depth,
        "COUNT_W": count_bits(pool.output.depth),
    }


def _input_parameters(plan: InputPlan) -> Parameters:
    shape = plan.output.type.shape
    return {
        "CHANNELS": shape.channels,
        "HEIGHT": shape.height,
        "WIDTH": shape.width,
        "BYTES": plan.bytes_per_cycle,
        "DEPTH": plan.output.depth,
        "COUNT_W": count_bits(plan.output.depth),
    }


def kernel_module(kernel: KernelPlan) -> tuple[str, Parameters]:
    """RTL module of a kernel and the parameters of its instance."""
    match kernel:
        case InputPlan():
            return "fsq_input", _input_parameters(kernel)
        case PoolPlan():
            return "fsq_max_pool_steps" if kernel.units else "fsq_max_pool", _pool_parameters(kernel)
        case AveragePlan():
            return "fsq_avg_pool", _average_parameters(kernel)
        case EnginePlan():
            return "fsq_engine", _engine_parameters(kernel)
        case _:
            assert_never(kernel)


def emit_rtl(plan: Plan, folder: Path, header: dict[str, object]) -> None:
    """Write the RTL of ``plan`` into ``folder``: kernel modules, parameter memories, top level, cosimulation top."""
    params = folder / "params"
    params.mkdir(parents=True, exist_ok=True)
    for name, file in source_files("rtl").items():
        shutil.copyfile(file, folder / name)
    shutil.copyfile(resource_dir("templates") / "rtl" / "lint_waivers.vlt", folder / "lint_waivers.vlt")
    kernels = []
    for kernel in plan.kernels:
        module, parameters = kernel_module(kernel)
        kernels.append(
            {
                "name": kernel.name,
                "module": module,
                "parameters": parameters,
                "engine": isinstance(kernel, EnginePlan),
                "out_bits": kernel.output.word_bits,
                "output": kernel.output,
            }
        )
        if isinstance(kernel, EnginePlan):
            weights = weights_context(kernel, parameters, params)
            table = table_context(kernel, params)
            kernels[-1] |= {
                "table": table,
                "table_addr_w": parameters["OUT_W"],
                "unit_w": kernel.folding.channels * kernel.weight_bits,
                "term_bits": sum(bits for _, bits in term_fields(kernel)),
                "channels": kernel.folding.channels,
                "weight_bits": kernel.weight_bits,
                "stage_terms": [stage.size for stage in kernel.stages],
                "order": "".join(str(stage) for stage, _ in kernel.order()),
            }
            write(
                folder / f"{kernel.name}_params.sv",
                "rtl/params.sv.j2",
                {"header": header, "kernel": kernels[-1], "weights": weights, "table": table},
            )
    output = plan.kernels[-1].output.type
    context = {
        "header": header,
        "kernels": kernels,
        "classes": output.shape.channels,
        "logit_bits": output.bits,
        "logit_signed": int(output.signed),
    }
    write(folder / "fsq_top.sv", "rtl/top.sv.j2", context)
    write(folder / "fsq_cosim_top.sv", "rtl/cosim_top.sv.j2", context)
    write(folder / "fsq_taps.h", "rtl/taps.h.j2", context)
    files = sorted(p.name for p in folder.glob("*.sv") if p.name != "fsq_cosim_top.sv")
    (folder / "files.f").write_text("\n".join(files) + "\n", encoding="ascii")
