"""SystemVerilog from a plan: parameters and wiring; the kernels themselves are the files in templates/rtl."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from typing_extensions import assert_never

from ..network.fixed_point import count_bits, index_bits
from ..network.graph import QAvgPool
from ..paths import resource_dir, source_files
from ..planning.engine import EnginePlan
from ..planning.kinds.add import AddPlan
from ..planning.kinds.average import AveragePlan
from ..planning.kinds.concat import ConcatPlan
from ..planning.kinds.fork import ForkPlan
from ..planning.kinds.image import InputPlan
from ..planning.kinds.max_pool import PoolPlan
from ..planning.kinds.store import StorePlan
from ..planning.kinds.window import WindowPlan
from ..planning.plan import KernelPlan, Plan
from ..planning.streams import Stream
from .contents import term_fields
from .parameters import Parameters, constant, packed, table_context, weights_context
from .render import write
from .rtl_engine import engine_parameters, row_style


def _flags(rows: Iterable[bool]) -> str:
    """A table of flags as a sized constant, entry 0 in the lowest bit."""
    return constant(map(int, rows), 1)


def _queue(stream: Stream) -> Parameters:
    """The FIFO at the kernel that sends a stream."""
    return {"DEPTH": stream.depth, "COUNT_W": count_bits(stream.depth)}


def _pool_parameters(pool: PoolPlan) -> Parameters:
    source, out = pool.input.type, pool.output.type
    style, width = row_style(pool.kept)
    return {
        "CHANNELS": source.shape.channels,
        "HEIGHT": source.shape.height,
        "WIDTH": source.shape.width,
        "OUT_WIDTH": out.shape.width,
        "BITS": source.bits,
        "SIGNED": int(source.signed),
        "IN_ROWS": pool.input.rows,
        "KERNEL": pool.layer.kernel[0],
        "STRIDE": pool.layer.stride,
        "PAD_LEFT": pool.layer.pads[1],
        "HAVE_ROWS": _flags(pool.have_rows),
        "START_ROWS": _flags(pool.start_rows),
        "EMIT_ROWS": _flags(pool.emit_rows),
        "EXTRA": int(pool.extra),
        "STYLE": style,
        "TILE_W": width,
        **({"UNITS": pool.units, "STEPS": pool.steps} if pool.units else {}),
        **_queue(pool.output),
    }


def _window_parameters(pool: WindowPlan) -> Parameters:
    source, out = pool.input.type, pool.output.type
    style, width = row_style(pool.kept)
    low, high = out.range
    rows, columns = pool.layer.kernel
    mask_bits = max(1, rows - 1)  # a row that follows the last one never has more of them than are kept
    average: Parameters = {}
    if isinstance(pool.layer, QAvgPool):
        average = {
            "AVERAGE": 1,
            "SUM_W": pool.sum_bits,
            "COUNT": pool.layer.count,
            "EXTRA": pool.layer.extra_frac,
            "QUOTIENT": pool.quotient_bits,
            "DIVIDE_BITS": pool.divide_bits,
            "LOW": low,
            "HIGH": high,
        }
    return {
        "CHANNELS": source.shape.channels,
        "HEIGHT": source.shape.height,
        "WIDTH": source.shape.width,
        "OUT_WIDTH": out.shape.width,
        "BITS": source.bits,
        "SIGNED": int(source.signed),
        "IN_ROWS": pool.input.rows,
        "KERNEL_ROWS": rows,
        "KERNEL_COLUMNS": columns,
        "STRIDE": pool.layer.stride,
        "PAD_LEFT": pool.layer.pads[1],
        "MASK_W": mask_bits,
        "EMIT_ROWS": _flags(pool.emit_rows),
        "MASKS": constant(pool.masks, mask_bits),
        "EXTRAS": len(pool.extras),
        "EXTRA_MASKS": constant(pool.extras or (0,), mask_bits),
        "STYLE": style,
        "TILE_W": width,
        "VALUE_BITS": pool.value_bits,
        **average,
        "OUT_BITS": out.bits,
        **_queue(pool.output),
    }


def _fork_parameters(fork: ForkPlan) -> Parameters:
    depths = [stream.depth for stream in fork.outputs]
    return {
        "COUNT": len(depths),
        "WORD_W": fork.input.word_bits,
        "DEPTHS": packed(depths),
        "COUNT_W": count_bits(max(depths)),
    }


def _store_parameters(store: StorePlan) -> Parameters:
    shape = store.input.type.shape
    style, width = row_style(store.memory)
    return {
        "CHANNELS": shape.channels,
        "HEIGHT": shape.height,
        "WORD_W": store.input.word_bits,
        "IN_ROWS": store.input.rows,
        "OUT_ROWS": store.output.rows,
        "SLOTS": store.slots,
        "STYLE": style,
        "TILE_W": width,
    }


def _add_parameters(add: AddPlan) -> Parameters:
    out, layer = add.output.type, add.layer
    low, high = out.range
    parameters: Parameters = {"WIDTH": out.shape.width}
    for letter, operand, left in zip("AB", layer.operands, layer.lefts, strict=True):
        parameters |= {
            f"BITS_{letter}": operand.bits,
            f"SIGNED_{letter}": int(operand.signed),
            f"LEFT_{letter}": left,
        }
    return parameters | {
        "SUM_W": layer.sum_bits,
        "RIGHT": max(layer.shift, 0),
        "LEFT": max(-layer.shift, 0),
        "OUT_BITS": out.bits,
        "LOW": max(low, 0) if layer.relu else low,
        "HIGH": high,
        **_queue(add.output),
    }


def _concat_parameters(concat: ConcatPlan) -> Parameters:
    channels = [stream.type.shape.channels for stream in concat.inputs]
    return {
        "COUNT": len(channels),
        "WORD_W": concat.output.word_bits,
        "CHANNELS": packed(channels),
        "DIRECT": concat.direct,
        "HEIGHT": concat.output.type.shape.height,
        "ROWS": concat.output.rows,
        "INDEX_W": index_bits(len(channels)),
        "WORDS_W": index_bits(max(channels) * concat.output.rows),
        **_queue(concat.output),
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
        **_queue(pool.output),
    }


def _input_parameters(plan: InputPlan) -> Parameters:
    shape = plan.output.type.shape
    return {
        "CHANNELS": shape.channels,
        "HEIGHT": shape.height,
        "WIDTH": shape.width,
        "BYTES": plan.bytes_per_cycle,
        **_queue(plan.output),
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
            return "fsq_engine", engine_parameters(kernel)
        case WindowPlan():
            return "fsq_window_pool", _window_parameters(kernel)
        case ForkPlan():
            return "fsq_fork", _fork_parameters(kernel)
        case StorePlan():
            return "fsq_row_store", _store_parameters(kernel)
        case AddPlan():
            return "fsq_add", _add_parameters(kernel)
        case ConcatPlan():
            return "fsq_concat", _concat_parameters(kernel)
        case _:
            assert_never(kernel)


def _order(engine: EnginePlan) -> str:
    """The stages of a frame in the order of work, a character for each: cosim_main.cpp counts them from '0' on."""
    return "".join(chr(ord("0") + stage) for stage, _ in engine.order())


def _ports(streams: Sequence[Stream]) -> dict[str, str]:
    """What the ports of a side of a kernel are connected to: the wires of its streams, the first in the low bits."""
    wires = {}
    for end in ("valid", "ready", "data"):
        names = [f"{stream.name}_{end}" for stream in reversed(streams)]
        wires[end] = names[0] if len(names) == 1 else "{" + ", ".join(names) + "}"
    return wires


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
                "in": _ports(kernel.inputs) if kernel.inputs else None,
                "out": _ports(kernel.outputs),
                "type": kernel.outputs[0].type,
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
                "order": _order(kernel),
            }
            write(
                folder / f"{kernel.name}_params.sv",
                "rtl/params.sv.j2",
                {"header": header, "kernel": kernels[-1], "weights": weights, "table": table},
            )
    output = plan.output.type
    context = {
        "header": header,
        "kernels": kernels,
        "streams": plan.streams,
        "logits": _ports([plan.output]),
        "classes": output.shape.channels,
        "logit_bits": output.bits,
        "logit_signed": int(output.signed),
    }
    write(folder / "fsq_top.sv", "rtl/top.sv.j2", context)
    write(folder / "fsq_cosim_top.sv", "rtl/cosim_top.sv.j2", context)
    write(folder / "fsq_taps.h", "rtl/taps.h.j2", context)
    files = sorted(p.name for p in folder.glob("*.sv") if p.name != "fsq_cosim_top.sv")
    (folder / "files.f").write_text("\n".join(files) + "\n", encoding="ascii")
