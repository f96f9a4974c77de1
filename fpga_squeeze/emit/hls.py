"""HLS C++ from a plan: parameters, weights and wiring; the kernels themselves are the headers in templates/hls."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import FpgaSqueezeError
from ..network.fixed_point import int_range
from ..network.graph import TensorType
from ..paths import resource_dir, source_files
from ..planning.plan import AveragePlan, EnginePlan, InputPlan, KernelPlan, LineBuffer, Plan, PoolPlan
from ..planning.weight_memories import Stage
from .contents import left_bits, table_words
from .hls_dialect import DIALECTS, Dialect, top_pragmas
from .hls_memory import Constants, Context, memory_context
from .hls_weights import weight_constants, weights_context, widest_weights
from .render import write

DEFAULT_PART = "xc7z020clg400-1"
MAX_WORD_BITS = 1 << 15
"""Widest integer of the vendor's ap_int."""
SETTLE = 32
"""Turns from the last word of a row to its first use: more than the pipeline of a turn is deep."""
LEAST_FIFO = 2
"""Words of the smallest FIFO that Vitis HLS builds."""


def _limits(tensor: TensorType, relu: bool) -> tuple[int, int]:
    low, high = int_range(tensor.bits, tensor.signed)
    return (0 if relu else low), high


def _describe(tensor: TensorType) -> str:
    return f"{tensor.shape}, {'signed' if tensor.signed else 'unsigned'} {tensor.bits} bits, 2^{-tensor.frac}"


def _buffer(engine: EnginePlan, lines: LineBuffer, role: str) -> Context:
    """A row buffer of an engine, ``role`` in its template."""
    window, name = lines.window, role.lower()
    above = -window.pads[0]
    place = above % lines.span
    pads = [int(v) for v in window.pad_value]
    return {
        "name": f"{engine.name}_{name}",
        "role": role,
        "array": name,
        "style": lines.memory.style,
        "pad_values": pads if any(pads) else [],
        "text": f"{name}: rows of {_describe(lines.type)}; {lines.slots} slots of {lines.span} rows",
        "constants": {
            "CHANNELS": lines.type.shape.channels,
            "HEIGHT": lines.type.shape.height,
            "WIDTH": lines.type.shape.width,
            "BITS": lines.type.bits,
            "SIGNED": lines.type.signed,
            "IN_ROWS": lines.in_rows,
            "ROWS": engine.folding.rows,
            "STRIDE": window.stride,
            "SLOTS": lines.slots,
            "KERNEL": window.kernel,
            "PAD_TOP": window.pads[0],
            "PAD_LEFT": window.pads[1],
            "PHASES": engine.folding.phases,
            "LANES": engine.lanes_per_row,
            "GROUPS": engine.groups,
            "TOP_SLOT": (above // lines.span) % lines.slots,
            "TOP_BANK": place // window.stride,
            "TOP_SUB": place % window.stride,
        },
    }


def _last_channels(stage: Stage, channels: int) -> int:
    """Output channels of the last group of a stage."""
    return len(stage.conv.bias) - (stage.outs - 1) * channels


def _engine(engine: EnginePlan) -> Context:
    folding, lines = engine.folding, engine.lines
    first, last = engine.stages[0], engine.stages[-1]
    fire = len(engine.stages) > 1
    x_bits, x_signed = engine.operand
    squeezed = first.conv.output if fire else engine.output.type
    low_s, high_s = _limits(first.conv.output, first.conv.relu)
    low, high = _limits(last.conv.output, last.conv.relu)
    work = engine.work_cycles // engine.groups
    words = lines.span * lines.type.shape.channels
    constants: Constants = {
        "NEED_FIRST": engine.rows_needed(0, 0),
        "NEED_SECOND": engine.rows_needed(0, min(1, engine.groups - 1)),
        "FREE_FIRST": lines.free_first,
        "FREE_STOP": lines.free_stop,
        "FREE_LAST": lines.free_last,
        "READ_EVERY": max(1, (work - SETTLE) // words),
        "WORK": engine.work_cycles,
        "KERNEL": last.conv.kernel,
        "GROUPS": engine.groups,
        "ROWS": folding.rows,
        "LAST_ROWS": engine.last_rows,
        "PHASES": folding.phases,
        "CHANNELS_C": folding.channels,
        "LANES": engine.lanes_per_row,
        "TERMS": max(s.terms for s in engine.stages),
        "W_BITS": engine.weight_bits,
        "X_BITS": x_bits,
        "X_SIGNED": x_signed,
        "ACC_BITS": engine.acc_bits,
        "PAIR_SHIFT": engine.packing.shift,
        "BIAS_BITS": engine.bias_bits,
        "LEFT_BITS": left_bits(engine),
        "LEFT_MAX": engine.left_max,
        "RIGHT": engine.right,
        "Y_BITS": max(squeezed.bits, engine.output.type.bits),
        "LOW": low,
        "HIGH": high,
        "LOW_S": low_s,
        "HIGH_S": high_s,
        "PARTS": engine.parts,
        "UNITS": engine.units,
        "OUT_WIDTH": engine.output.type.shape.width,
        "OUT_BITS": engine.output.type.bits,
        "TABLE_ENTRIES": engine.table.depth,
        **weight_constants(engine),
    }
    buffers = [
        _buffer(engine, b, role) for b, role in zip(engine.buffers, ("Lines", "Squeezed"), strict=False)
    ]
    if fire:
        squeeze, expand1, expand3 = engine.stages
        constants |= {
            "S_OUTS": squeeze.outs,
            "S_LAST": _last_channels(squeeze, folding.channels),
            "A_OUTS": expand1.outs,
            "A_LAST": _last_channels(expand1, folding.channels),
            "B_OUTS": expand3.outs,
            "B_LAST": _last_channels(expand3, folding.channels),
            "MAX_OUTS": max(s.outs for s in engine.stages),
        }
    else:
        constants |= {"OUTS": first.outs, "LAST_CHANNELS": _last_channels(first, folding.channels)}
    return {
        "template": "engine",
        "include": "fsq_fire_engine.hpp" if fire else "fsq_conv_engine.hpp",
        "function": "fire_engine" if fire else "conv_engine",
        "title": f"{'Fire' if fire else 'Convolution'} engine {engine.name}, folding k,r,c = "
        f"{folding.phases},{folding.rows},{folding.channels}: {engine.lanes} lanes in {engine.dsp} DSP slices.",
        "constants": constants,
        "buffers": buffers,
        **weights_context(engine),
        "table": memory_context(engine.table, table_words(engine)),
    }


def _flags(rows: Iterable[bool]) -> list[int]:
    return [int(flag) for flag in rows]


def _pool(pool: PoolPlan) -> Context:
    source = pool.input.type
    return {
        "template": "max_pool",
        "title": f"Max pool {pool.name}, {pool.layer.kernel}x{pool.layer.kernel}, stride {pool.layer.stride}.",
        "constants": {
            "CHANNELS": source.shape.channels,
            "HEIGHT": source.shape.height,
            "WIDTH": source.shape.width,
            "OUT_WIDTH": pool.output.type.shape.width,
            "BITS": source.bits,
            "SIGNED": source.signed,
            "IN_ROWS": pool.input.rows,
            "KERNEL": pool.layer.kernel,
            "STRIDE": pool.layer.stride,
            "PAD_LEFT": pool.layer.pads[1],
            "LOWEST": source.range[0],
            "EXTRA": pool.extra,
        },
        "have": _flags(pool.have_rows),
        "start": _flags(pool.start_rows),
        "emit": _flags(pool.emit_rows),
        "style": pool.kept.style,
    }


def _average(pool: AveragePlan) -> Context:
    source, out = pool.input.type, pool.output.type
    low, high = out.range
    return {
        "template": "avg_pool",
        "title": f"Global average pool {pool.name} over {pool.layer.count} pixels.",
        "constants": {
            "CHANNELS": source.shape.channels,
            "HEIGHT": source.shape.height,
            "WIDTH": source.shape.width,
            "BITS": source.bits,
            "SIGNED": source.signed,
            "IN_ROWS": pool.input.rows,
            "ADD": pool.add,
            "STEPS": pool.steps,
            "SUM_BITS": pool.sum_bits,
            "COUNT": pool.layer.count,
            "EXTRA": pool.layer.extra_frac,
            "QUOTIENT": pool.quotient_bits,
            "OUT_BITS": out.bits,
            "LOW": low,
            "HIGH": high,
        },
    }


def _input(plan: InputPlan) -> Context:
    shape = plan.output.type.shape
    return {
        "template": "input",
        "title": f"Line gatherer {plan.name}, {plan.bytes_per_cycle} bytes per turn.",
        "constants": {
            "CHANNELS": shape.channels,
            "HEIGHT": shape.height,
            "WIDTH": shape.width,
            "BYTES": plan.bytes_per_cycle,
        },
    }


def _kernel(kernel: KernelPlan) -> Context:
    if isinstance(kernel, InputPlan):
        return _input(kernel)
    if isinstance(kernel, PoolPlan):
        return _pool(kernel)
    if isinstance(kernel, AveragePlan):
        return _average(kernel)
    return _engine(kernel)


def _widest(plan: Plan) -> int:
    """Bits of the widest integer of the C++: a row word, or what the weights need."""
    words = [k.output.word_bits for k in plan.kernels] + [widest_weights(e) for e in plan.engines]
    widest = max(words)
    if widest > MAX_WORD_BITS:
        raise FpgaSqueezeError(
            f"HLS C++ holds integers of at most {MAX_WORD_BITS} bits; this design needs {widest}: "
            "use a smaller image or fewer channels at once"
        )
    return -(-widest // 1024) * 1024


def emit_hls(
    plan: Plan,
    folder: Path,
    header: Context,
    dialect: Dialect = "vitis",
    part: str = DEFAULT_PART,
    clock_mhz: float = 100.0,
) -> None:
    """Write the HLS C++ of ``plan`` into ``folder``: kernels, top level, tool script, and a test bench in ``tb/``.

    ``header`` has ``line`` and ``plan``, which stand at the head of every generated file. ``dialect`` is the HLS tool
    that is to read it. Raises FpgaSqueezeError where C++ integers cannot hold a row word of the plan.
    """
    max_bits = _widest(plan)
    (folder / "tb").mkdir(parents=True, exist_ok=True)
    headers = source_files("hls")
    for other in DIALECTS:
        pragmas = headers.pop(f"fsq_pragmas_{other}.hpp")
        if other == dialect:
            headers["fsq_pragmas.hpp"] = pragmas
    for name, file in headers.items():
        shutil.copyfile(file, folder / name)
    shutil.copyfile(resource_dir("sim") / "csim_main.cpp", folder / "tb" / "csim_main.cpp")

    kernels: list[Context] = []
    for kernel in plan.kernels:
        context = (
            {"feed": None}
            | _kernel(kernel)
            | {
                "name": kernel.name,
                "source": kernels[-1]["name"] if kernels else "",
                "word_bits": kernel.output.word_bits,
                "words": kernel.output.words,
                "depth": max(LEAST_FIFO, kernel.output.depth),
                "stream": _describe(kernel.output.type),
            }
        )
        kernels.append(context)
        write(
            folder / f"{kernel.name}.cpp",
            f"hls/{context['template']}.cpp.j2",
            {"header": header, "kernel": context},
        )
    shape, output = plan.model.input.shape, plan.kernels[-1].output.type
    frame_beats = -(-shape.channels * shape.height * shape.width // 8)
    top: Context = {
        "header": header,
        "kernels": kernels,
        "frame_beats": frame_beats,
        "classes": output.shape.channels,
        "logit_bits": output.bits,
        "logit_signed": str(output.signed).lower(),
        "max_bits": max_bits,
        "settle": SETTLE,
        "pragmas": top_pragmas(dialect, {"s_axis": frame_beats, "m_axis": output.shape.channels}),
        "part": part,
        "period_ns": f"{1000 / clock_mhz:.3f}",
        "files": [f"{k['name']}.cpp" for k in kernels] + ["fsq_top.cpp"],
    }
    write(folder / "fsq_widths.hpp", "hls/fsq_widths.hpp.j2", top)
    write(folder / "fsq_top.hpp", "hls/fsq_top.hpp.j2", top)
    write(folder / "fsq_top.cpp", "hls/fsq_top.cpp.j2", top)
    write(folder / "tb" / "fsq_streams.hpp", "hls/fsq_streams.hpp.j2", top)
    if dialect == "vitis":
        write(folder / "run_hls.tcl", "hls/run_hls.tcl.j2", top)
