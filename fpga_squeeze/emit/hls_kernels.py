"""What the plans of the kernels that keep no weights tell their HLS C++, see templates/hls."""

from __future__ import annotations

from collections.abc import Iterable

from ..network.graph import QAvgPool, QMaxPool
from ..planning.kinds.add import AddPlan
from ..planning.kinds.average import AveragePlan
from ..planning.kinds.concat import ConcatPlan
from ..planning.kinds.fork import ForkPlan
from ..planning.kinds.image import InputPlan
from ..planning.kinds.max_pool import PoolPlan
from ..planning.kinds.store import StorePlan, least_slots
from ..planning.kinds.window import WindowPlan
from ..planning.streams import Stream
from .hls_memory import Constants, Context


def _flags(rows: Iterable[bool]) -> list[int]:
    return [int(flag) for flag in rows]


def _arriving(stream: Stream) -> Constants:
    """The words of a stream as a kernel takes them."""
    tensor = stream.type
    return {
        "CHANNELS": tensor.shape.channels,
        "HEIGHT": tensor.shape.height,
        "WIDTH": tensor.shape.width,
        "BITS": tensor.bits,
        "SIGNED": tensor.signed,
        "IN_ROWS": stream.rows,
    }


def input_context(plan: InputPlan) -> Context:
    """The line gatherer."""
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


def pool_context(pool: PoolPlan) -> Context:
    """A max pool with one open window."""
    rows, columns = pool.layer.kernel
    return {
        "template": "max_pool",
        "title": f"Max pool {pool.name}, {rows}x{columns}, stride {pool.layer.stride}.",
        "constants": {
            **_arriving(pool.input),
            "OUT_WIDTH": pool.output.type.shape.width,
            "KERNEL": columns,
            "STRIDE": pool.layer.stride,
            "PAD_LEFT": pool.layer.pads[1],
            "LOWEST": pool.input.type.range[0],
            "EXTRA": pool.extra,
        },
        "have": _flags(pool.have_rows),
        "start": _flags(pool.start_rows),
        "emit": _flags(pool.emit_rows),
        "style": pool.kept.style,
    }


def _average(pool: AveragePlan | WindowPlan, layer: QAvgPool) -> Constants:
    """What fsq_divide.hpp asks for."""
    low, high = pool.output.type.range
    return {
        "SUM_BITS": pool.sum_bits,
        "COUNT": layer.count,
        "EXTRA": layer.extra_frac,
        "QUOTIENT": pool.quotient_bits,
        "OUT_BITS": pool.output.type.bits,
        "LOW": low,
        "HIGH": high,
    }


def average_context(pool: AveragePlan) -> Context:
    """The global average pool."""
    return {
        "template": "avg_pool",
        "title": f"Global average pool {pool.name} over {pool.layer.count} pixels.",
        "constants": {
            **_arriving(pool.input),
            "ADD": pool.add,
            "STEPS": pool.steps,
            **_average(pool, pool.layer),
        },
    }


def window_context(pool: WindowPlan) -> Context:
    """A pool with any window."""
    rows, columns = pool.layer.kernel
    constants: Constants = {
        **_arriving(pool.input),
        "OUT_WIDTH": pool.output.type.shape.width,
        "COLUMNS": columns,
        "STRIDE": pool.layer.stride,
        "PAD_LEFT": pool.layer.pads[1],
        "KEPT": max(1, rows - 1),
        "AVERAGE": pool.average,
        "VALUE_BITS": pool.value_bits,
        "EXTRAS": len(pool.extras),
    }
    match pool.layer:
        case QMaxPool():
            what = "Max"
            constants |= {
                "VALUE_SIGNED": pool.input.type.signed,
                "WINDOW_BITS": pool.input.type.bits,
                "NEUTRAL": pool.input.type.range[0],
            }
        case QAvgPool():
            what, count = "Average", pool.layer.count
            constants |= {
                "VALUE_SIGNED": True,
                "WINDOW_BITS": pool.sum_bits,
                "NEUTRAL": 0,
                **_average(pool, pool.layer),
                "SHIFT": -1 if pool.division else count.bit_length() - 1,
            }
    return {
        "template": "window",
        "title": f"{what} pool {pool.name}, {rows}x{columns}, stride {pool.layer.stride}.",
        "function": "window_average" if pool.average else "window_max",
        "constants": constants,
        "emit": _flags(pool.emit_rows),
        "masks": list(pool.masks),
        "extras": list(pool.extras) or [0],
        "style": pool.kept.style,
    }


def fork_context(fork: ForkPlan) -> Context:
    """A fork."""
    return {
        "template": "fork",
        "title": f"Fork {fork.name}, {len(fork.outputs)} ways.",
        "constants": {"BITS": fork.input.word_bits, "WORDS": fork.input.words},
    }


def store_context(store: StorePlan) -> Context:
    """A row store."""
    constants = _arriving(store.input)
    del constants["SIGNED"]
    lines = least_slots(store.input, store.output.rows)
    return {
        "template": "store",
        "title": f"Row store {store.name}, groups of {store.input.rows} rows into groups of {store.output.rows}.",
        "constants": {
            **constants,
            "OUT_ROWS": store.output.rows,
            "GROUPS": store.output.groups,
            "LINES": lines,
        },
        "style": store.memory.style,
    }


def add_context(add: AddPlan) -> Context:
    """The sum of two streams."""
    layer, out = add.layer, add.output.type
    low, high = out.range
    operands: Constants = {}
    for name, tensor, left in zip("AB", layer.operands, layer.lefts, strict=True):
        operands |= {f"{name}_BITS": tensor.bits, f"{name}_SIGNED": tensor.signed, f"{name}_LEFT": left}
    return {
        "template": "add",
        "title": f"Sum {add.name} of {' and '.join(layer.inputs)}.",
        "constants": {
            "WORDS": add.output.words,
            "WIDTH": out.shape.width,
            **operands,
            "SUM_BITS": layer.sum_bits,
            "LEFT": max(0, -layer.shift),
            "RIGHT": max(0, layer.shift),
            "OUT_BITS": out.bits,
            "LOW": 0 if layer.relu else low,
            "HIGH": high,
        },
    }


def concat_context(concat: ConcatPlan) -> Context:
    """Streams one behind the other by channels."""
    output = concat.output
    height = output.type.shape.height
    channels = [stream.type.shape.channels for stream in concat.inputs]
    last_rows = height - (output.groups - 1) * output.rows
    return {
        "template": "concat",
        "title": f"Concatenation {concat.name} of {len(channels)} streams.",
        "constants": {"BITS": output.word_bits, "GROUPS": output.groups},
        "inputs_words": [n * output.rows for n in channels],
        "inputs_last_words": [n * last_rows for n in channels],
    }
