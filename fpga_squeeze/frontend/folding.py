"""Computes nodes that read constants alone, with the reference that ``onnx`` ships."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from ..errors import FpgaSqueezeError

Array = npt.NDArray[Any]
MAX_CONSTANT = 1 << 28
"""Elements of the largest array that a node may make."""
MOVES = ("Transpose", "Reshape", "Unsqueeze", "Squeeze", "Flatten")
"""Operators that only move the elements of their first input."""
NOT_FOLDED = ("Bernoulli", "If", "Loop", "Multinomial", "RandomNormalLike", "RandomUniformLike", "Scan")
"""Operators whose result is random, or that hold graphs of their own."""


def evaluate(proto: onnx.NodeProto, opset: int, values: Sequence[Array | None]) -> list[Array]:
    """What ``proto`` makes of ``values``, one array for each of its inputs, None for one left out.

    Raises FpgaSqueezeError with the reason alone, in one line, where the node cannot be computed or would make more
    than MAX_CONSTANT elements.
    """
    if proto.op_type in NOT_FOLDED:
        raise FpgaSqueezeError("its result is random or depends on graphs within it")
    values = _one_float(values)
    if _elements(proto, values) > MAX_CONSTANT:
        raise FpgaSqueezeError(f"it makes more than {MAX_CONSTANT:,} elements")
    node = onnx.NodeProto()
    node.CopyFrom(proto)
    del node.input[:]
    node.input.extend("" if value is None else f"i{i}" for i, value in enumerate(values))
    feeds = {f"i{i}": value for i, value in enumerate(values) if value is not None}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = ReferenceEvaluator(_model(node, feeds, opset)).run(None, feeds)
    except Exception as error:  # the reference raises whatever NumPy raises, and types of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise FpgaSqueezeError(f"onnx cannot compute it ({reason})") from error
    return [np.asarray(value) for value in found]


def _model(node: onnx.NodeProto, feeds: dict[str, Array], opset: int) -> onnx.ModelProto:
    """``node`` alone, as ``opset`` means it: of a bare node the reference takes the newest meaning."""
    inputs = [onnx.helper.make_empty_tensor_value_info(name) for name in feeds]
    outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = onnx.helper.make_graph([node], "fold", inputs, outputs)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])


def moved_axis(
    proto: onnx.NodeProto, opset: int, values: Sequence[Array | None], shape: tuple[int, ...], axis: int
) -> int | None:
    """Where ``axis`` of an array of ``shape`` is behind ``proto``, one of MOVES; None where it is split or joined.

    ``values`` are the node's inputs behind the first.
    """
    steps = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    labels = evaluate(proto, opset, [np.array(np.broadcast_to(steps, shape)), *values])[0]
    for i, size in enumerate(labels.shape):
        along = np.arange(size).reshape([-1 if k == i else 1 for k in range(labels.ndim)])
        if size == shape[axis] and np.array_equal(labels, np.broadcast_to(along, labels.shape)):
            return i
    return None


def _one_float(values: Sequence[Array | None]) -> list[Array | None]:
    """``values`` with floats of several widths in the widest: casts between them were seen through."""
    floats = [v for v in values if v is not None and (v.dtype.kind == "f" or v.dtype.name == "bfloat16")]
    if len({v.dtype for v in floats}) < 2:
        return list(values)
    widest = np.result_type(*floats)
    return [v.astype(widest) if v is not None and any(v is f for f in floats) else v for v in values]


def _elements(proto: onnx.NodeProto, values: Sequence[Array | None]) -> int:
    """Bound of the elements that a node makes."""
    given = [v for v in values if v is not None]
    match proto.op_type:
        case "ConstantOfShape":
            return math.prod(int(v) for v in given[0].ravel())
        case "Expand":
            return math.prod(max(1, int(v)) for v in given[1].ravel()) * max(1, given[0].size)
        case "Tile":
            return math.prod(max(1, int(v)) for v in given[1].ravel()) * given[0].size
        case "Gather" | "MatMul" | "Gemm":
            return given[0].size * given[1].size
        case "Range":
            start, limit, delta = (float(v.ravel()[0]) for v in given)
            return int(abs((limit - start) / delta)) if delta else MAX_CONSTANT + 1
        case "Pad":
            return math.prod(s + int(np.abs(given[1]).sum()) for s in given[0].shape) if given[1:] else 0
    try:
        return math.prod(np.broadcast_shapes(*(v.shape for v in given)))
    except ValueError:  # they are not broadcast: what such operators make is no larger than what they read
        return 0
