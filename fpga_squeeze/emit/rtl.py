"""SystemVerilog from a plan: parameters and wiring; the kernels themselves are the files in templates/rtl."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from ..device.block_ram import STYLES, Memory
from ..network.fixed_point import count_bits, index_bits, int_range, signed_bits
from ..network.graph import QConv, TensorType
from ..paths import resource_dir, source_files
from ..planning.plan import AveragePlan, EnginePlan, InputPlan, KernelPlan, LineBuffer, Plan, PoolPlan
from ..planning.weight_memories import CompressedWeights
from .contents import left_bits, position_bits, term_fields
from .parameters import table_context, weights_context
from .render import write

Parameters = dict[str, object]

SINGLE_STYLE = 3
"""STYLE of fsq_line_bank: distributed RAM with one address; the others are those of ``STYLES``."""


def _bit_table(rows: Iterable[bool]) -> str:
    """A table of flags as a sized constant, entry 0 in the lowest bit."""
    flags = list(rows)
    value = sum(1 << i for i, flag in enumerate(flags) if flag)
    return f"{len(flags)}'h{value:x}"


def _rows(memory: Memory, prefix: str = "") -> Parameters:
    """Kind of a row memory, see fsq_line_bank, and the width of a column of blocks."""
    style = SINGLE_STYLE if memory.single else STYLES.index(memory.style)
    width = memory.tiles[0].width if memory.tiles else memory.width
    return {f"{prefix}STYLE": style, f"{prefix}TILE_W": width}


def _limits(tensor: TensorType, relu: bool) -> tuple[int, int]:
    low, high = int_range(tensor.bits, tensor.signed)
    return (0 if relu else low), high


def _row_bits(height: int, lines: LineBuffer, groups: int, kernel: int) -> int:
    """Signed width of a row number: rows of the last window, and rows above the image."""
    return signed_bits(-kernel - lines.span, max(height, (groups + 1) * lines.span) + kernel + lines.span)


def _slot_bits(*buffers: LineBuffer) -> int:
    return max(count_bits(max(b.slots, b.free_last)) for b in buffers)


def _engine_common(engine: EnginePlan) -> Parameters:
    folding = engine.folding
    shape = engine.output.type.shape
    entries = engine.table.depth
    height = engine.input.type.shape.height
    held = engine.lines.slots * engine.lines.span
    convs = [stage.conv for stage in engine.stages]
    spread = max(v.output.bits for v in convs) + 2
    low, high = _limits(convs[-1].output, convs[-1].relu)
    return {
        "IN_CHANNELS": engine.input.type.shape.channels,
        "IN_BITS": engine.input.type.bits,
        "IN_SIGNED": int(engine.input.type.signed),
        "IN_ROWS": engine.input.rows,
        "SLOTS": engine.lines.slots,
        **_rows(engine.lines.memory),
        "FREE_LAST": engine.lines.free_last,
        "HAVE_W": count_bits(height + max(held, 3 * folding.rows) + engine.lines.span + 1),
        "OUT_BITS": engine.output.type.bits,
        "GROUPS": engine.groups,
        "ROWS": folding.rows,
        "LAST_ROWS": engine.last_rows,
        "PHASES": folding.phases,
        "CHANNELS_C": folding.channels,
        "LANES": engine.lanes_per_row,
        "TERMS": max(s.terms for s in engine.stages),
        "W_BITS": engine.weight_bits,
        "ACC_BITS": engine.acc_bits,
        "PAIR_SHIFT": engine.packing.shift,
        "BIAS_BITS": engine.bias_bits,
        "LEFT_MAX": engine.left_max,
        "LEFT_W": left_bits(engine),
        "RIGHT": engine.right,
        "LIMIT_W": spread,
        "LOW": low,
        "HIGH": high,
        "PARTS": engine.parts,
        "UNITS": engine.units,
        "SPARSE": int(isinstance(engine.weights, CompressedWeights)),
        "DEPTH": engine.output.depth,
        "COUNT_W": count_bits(engine.output.depth),
        "P_W": index_bits(folding.phases),
        "N_W": index_bits(max(s.terms for s in engine.stages)),
        "OUT_W": index_bits(entries + 1),
        "C_W": count_bits(folding.channels),
        "R_W": count_bits(folding.rows),
        "SLOT_W": _slot_bits(*engine.buffers),
        "_width": shape.width,
    }


def _conv_parameters(engine: EnginePlan, conv: QConv) -> Parameters:
    source = engine.input.type.shape
    out = engine.output.type.shape
    common = _engine_common(engine)
    common.pop("_width")
    return common | {
        "IN_HEIGHT": source.height,
        "IN_WIDTH": source.width,
        "FRAME_SLOTS": engine.lines.frame_slots,
        "FREE_FIRST": engine.lines.free_first,
        "FREE_STOP": engine.lines.free_stop,
        "GATE_FIRST": engine.rows_needed(0, 0),
        "PAD_VALUES": _pad_values(conv),
        "KERNEL": conv.kernel,
        "STRIDE": conv.stride,
        "PAD_TOP": conv.pads[0],
        "PAD_LEFT": conv.pads[1],
        "PADDED": int(conv.pads[0] > 0 or conv.pads[2] > 0),
        "OUT_CHANNELS": out.channels,
        "OUT_WIDTH": out.width,
        "OUTS": engine.stages[0].outs,
        "CI_W": position_bits(engine)[0],
        "K_W": position_bits(engine)[1],
        "Y_W": _row_bits(source.height, engine.lines, engine.groups, conv.kernel),
    }


def _pad_values(conv: QConv) -> str:
    bits = conv.input.bits
    value = sum((int(v) & ((1 << bits) - 1)) << (i * bits) for i, v in enumerate(conv.pad_value))
    return f"{bits * len(conv.pad_value)}'h{value:x}"


def _fire_parameters(engine: EnginePlan) -> Parameters:
    squeezed = engine.buffers[1]
    squeeze, expand1, expand3 = engine.stages
    source, middle = engine.input.type, squeeze.conv.output
    low_s, high_s = _limits(middle, squeeze.conv.relu)
    common = _engine_common(engine)
    common["WIDTH"] = common.pop("_width")
    x_bits, x_signed = engine.operand
    height = source.shape.height
    return common | {
        "HEIGHT": height,
        "SQ_CHANNELS": middle.shape.channels,
        "SQ_BITS": middle.bits,
        "SQ_SIGNED": int(middle.signed),
        **_rows(squeezed.memory, "SQ_"),
        "SQ_FREE_STOP": squeezed.free_stop,
        "SQ_FREE_LAST": squeezed.free_last,
        "SQ_OUTS": squeeze.outs,
        "A_CHANNELS": len(expand1.conv.bias),
        "A_OUTS": expand1.outs,
        "B_CHANNELS": len(expand3.conv.bias),
        "B_OUTS": expand3.outs,
        "X_BITS": x_bits,
        "X_SIGNED": int(x_signed),
        "Y_BITS": max(middle.bits, engine.output.type.bits),
        "LOW_S": low_s,
        "HIGH_S": high_s,
        "K_W": position_bits(engine)[1],
        "CI_W": position_bits(engine)[0],
        "Y_W": _row_bits(height, engine.lines, engine.groups, 3),
    }


def _pool_parameters(pool: PoolPlan) -> Parameters:
    source, out = pool.input.type, pool.output.type
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
        **_rows(pool.kept),
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
    if isinstance(kernel, InputPlan):
        return "fsq_input", _input_parameters(kernel)
    if isinstance(kernel, PoolPlan):
        return "fsq_max_pool_steps" if kernel.units else "fsq_max_pool", _pool_parameters(kernel)
    if isinstance(kernel, AveragePlan):
        return "fsq_avg_pool", _average_parameters(kernel)
    if isinstance(kernel.layer, QConv):
        return "fsq_conv_engine", _conv_parameters(kernel, kernel.layer)
    return "fsq_fire_engine", _fire_parameters(kernel)


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
            sizes = [stage.size for stage in kernel.stages]
            kernels[-1] |= {
                "table": table,
                "table_addr_w": parameters["OUT_W"],
                "unit_w": kernel.folding.channels * kernel.weight_bits,
                "term_bits": sum(bits for _, bits in term_fields(kernel)),
                "channels": kernel.folding.channels,
                "weight_bits": kernel.weight_bits,
                "fire": int(len(sizes) > 1),
                "stage_terms": sizes if len(sizes) > 1 else [0, *sizes, 0],
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
