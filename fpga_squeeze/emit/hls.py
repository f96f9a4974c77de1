"""HLS C++ from a plan: parameters, weights and wiring; the kernels themselves are the headers in templates/hls."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.fixed_point import int_range
from ..network.graph import QFire, TensorType
from ..paths import resource_dir, source_files
from ..planning.order import OUTPUT
from ..planning.plan import AveragePlan, EnginePlan, InputPlan, KernelPlan, LineBuffer, Plan, PoolPlan
from .contents import left_bits, table_words
from .hls_dialect import DIALECTS, Dialect, top_pragmas
from .hls_memory import Constants, Context, memory_context
from .hls_weights import walk_constants, weight_constants, weight_stages, weights_context, widest_weights
from .render import write

DEFAULT_PART = "xc7z020clg400-1"
MAX_WORD_BITS = 1 << 15
"""Widest integer of the vendor's ap_int."""
SETTLE = 32
"""Turns from the last word of a row to its first use: more than the pipeline of a turn is deep."""
BUFFERS = ("lines", "stored")
"""Names of the row buffers of an engine: the rows that arrive, and those that a stage stores for later ones."""
LEAST_FIFO = 2
"""Words of the smallest FIFO that Vitis HLS builds."""


def _limits(tensor: TensorType, relu: bool) -> tuple[int, int]:
    low, high = int_range(tensor.bits, tensor.signed)
    return (0 if relu else low), high


def _describe(tensor: TensorType) -> str:
    return f"{tensor.shape}, {'signed' if tensor.signed else 'unsigned'} {tensor.bits} bits, 2^{-tensor.frac}"


def _buffer(engine: EnginePlan, lines: LineBuffer, name: str) -> Context:
    """A row buffer of an engine."""
    window = lines.window
    above = -window.pads[0]
    place = above % lines.span
    pads = [int(v) for v in window.pad_value]
    return {
        "name": f"{engine.name}_{name}",
        "role": name.capitalize(),
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


def _stages(engine: EnginePlan) -> dict[str, list[int]]:
    """What the plan of an engine tells of each stage, see fsq_engine.hpp."""
    numbers, second = range(len(engine.stages)), min(1, engine.groups - 1)
    return {
        "delay": list(engine.delays),
        "source": [stage.source for stage in engine.stages],
        "stores": [int(stage.sink is not OUTPUT) for stage in engine.stages],
        "reads_last": [int(engine.buffers[v.source].reader == i) for i, v in enumerate(engine.stages)],
        "tap": [stage.tap for stage in engine.stages],
        "need_first": [engine.rows_needed(i, 0) for i in numbers],
        "need_second": [engine.rows_needed(i, second) for i in numbers],
        "inputs": [stage.conv.weight.shape[1] for stage in engine.stages],
        "kernel": [stage.conv.kernel for stage in engine.stages],
        "outs": [stage.outs for stage in engine.stages],
        "last_channels": list(engine.rests),
        "base": list(engine.bases),
        "joined": [int(joined) for joined in engine.joined],
        **weight_stages(engine),
    }


def _engine(engine: EnginePlan) -> Context:
    folding, lines = engine.folding, engine.lines
    outputs = [stage.conv for stage in engine.stages if stage.sink is OUTPUT]
    stored = [stage.conv for stage in engine.stages if stage.sink is not OUTPUT]
    low, high = _limits(outputs[-1].output, outputs[-1].relu)
    stored_low, stored_high = _limits(stored[-1].output, stored[-1].relu) if stored else (low, high)
    x_bits, x_signed = engine.operand
    work = engine.work_cycles // engine.groups
    words = lines.span * lines.type.shape.channels
    constants: Constants = {
        "FREE_FIRST": lines.free_first,
        "FREE_STOP": lines.free_stop,
        "FREE_LAST": lines.free_last,
        "READ_EVERY": max(1, (work - SETTLE) // words),
        "WORK": engine.work_cycles,
        "KERNEL": max(stage.conv.kernel for stage in engine.stages),
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
        "LEFT_BITS": left_bits(engine),
        "LEFT_MAX": engine.left_max,
        "RIGHT": engine.right,
        "Y_BITS": max(stage.conv.output.bits for stage in engine.stages),
        "LOW": low,
        "HIGH": high,
        "STORED_LOW": stored_low,
        "STORED_HIGH": stored_high,
        "PARTS": engine.parts,
        "UNITS": engine.units,
        "OUT_WIDTH": engine.output.type.shape.width,
        "OUT_BITS": engine.output.type.bits,
        "TABLE_ENTRIES": engine.table.depth,
        **weight_constants(engine),
    }
    kind = "Fire" if isinstance(engine.layer, QFire) else "Convolution"
    return {
        "template": "engine",
        "title": f"{kind} engine {engine.name}, folding k,r,c = "
        f"{folding.phases},{folding.rows},{folding.channels}: {engine.lanes} lanes in {engine.dsp} DSP slices.",
        "constants": constants,
        "stages": _stages(engine),
        "buffers": [
            _buffer(engine, lines, name) for lines, name in zip(engine.buffers, BUFFERS, strict=False)
        ],
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
    match kernel:
        case InputPlan():
            return _input(kernel)
        case PoolPlan():
            return _pool(kernel)
        case AveragePlan():
            return _average(kernel)
        case EnginePlan():
            return _engine(kernel)
        case _:
            assert_never(kernel)


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
