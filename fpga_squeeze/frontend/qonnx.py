"""QONNX's Quant nodes, as Brevitas exports them, as Q/DQ pairs.

What they compute: QONNX, docs/qonnx-custom-ops (intquant_op.md); the integers are round(x / scale + zero), clipped.
"""

from __future__ import annotations

import numpy as np

from ..network.fixed_point import int_name, int_range
from .onnx_file import Constant, Node, OnnxGraph, Scale, checked_scale

DOMAINS = (
    "qonnx.custom_op.general",
    "finn.custom_op.general",
    "onnx.brevitas",
    "brevitas",
)
WEIGHT_BITS, ACTIVATION_BITS, BIAS_BITS = 8, 16, 32
REFUSED = {
    "BipolarQuant": "weights and activations of -1 and 1 are not supported; use a Quant of 2 bits or more",
    "Trunc": "bits that are cut off are not supported; leave the average to the end, or put a Quant behind it",
    "FloatQuant": "only integers are supported; use a Quant",
    "MultiThreshold": "thresholds are not supported; export the model before it is streamlined",
}


def as_qdq(graph: OnnxGraph, node: Node) -> list[Node] | None:
    """The nodes that stand for ``node``, none for a constant; None where it is no Quant."""
    if node.domain not in DOMAINS:
        return None
    if node.op not in ("Quant", "IntQuant"):
        reason = REFUSED.get(node.op, "of this domain only Quant is supported")
        graph.fail(node, f"this operator is not supported here; {reason}")
    constant = graph.constants.get(node.inputs[0])
    scale, low, high = _meaning(graph, node, constant)
    if constant is not None:
        _constant(graph, node, constant, scale, (low, high))
        return []
    return _pair(graph, node, scale, (low, high))


def _number(graph: OnnxGraph, node: Node, index: int, what: str) -> np.ndarray:
    constant = graph.constant(node, index, what)
    if constant is None:
        graph.fail(node, f"has no {what}; export the model again")
    return np.asarray(constant.value, dtype=np.float64)


def _meaning(graph: OnnxGraph, node: Node, x: Constant | None) -> tuple[Scale, int, int]:
    """(scale of an integer type of ONNX, lowest, highest integer) of a Quant on the constant ``x``, or on a map."""
    mode = node.attrs.get("rounding_mode", b"ROUND")
    mode = mode.decode() if isinstance(mode, bytes) else str(mode)
    if mode.upper() not in ("ROUND", "HALF_EVEN"):
        graph.fail(
            node, f"has rounding_mode {mode}; only ROUND (half to even) is supported: train it with that"
        )
    width = _number(graph, node, 3, "bit width")
    bits = float(width.ravel()[0]) if width.size == 1 else 0.0
    what, most = "an activation", ACTIVATION_BITS
    if x is not None:
        what, most = ("a bias", BIAS_BITS) if x.value.ndim < 2 else ("a weight", WEIGHT_BITS)
    if bits != int(bits) or not 2 <= bits <= most:
        graph.fail(node, f"has a bit width of {bits:g}; 2 to {most} are supported for {what}")
    signed, narrow = bool(node.attrs.get("signed", 1)), bool(node.attrs.get("narrow", 1))
    low, high = int_range(int(bits), signed)
    low, high = low + (narrow and signed), high - (narrow and not signed)
    steps, zero = _number(graph, node, 1, "scale"), _number(graph, node, 2, "zero point")
    axis = next((i for i, size in enumerate(steps.shape) if size > 1), 0)
    if steps.size > 1 and steps.shape[axis] != steps.size:
        graph.fail(node, "has blocked scales; use one scale per tensor or per output channel")
    kind = next(size for size in (8, 16, 32) if bits <= size)
    return (
        checked_scale(graph, Scale(node, steps.reshape(-1), zero.reshape(-1), kind, signed, axis)),
        int(low),
        int(high),
    )


def _constant(graph: OnnxGraph, node: Node, x: Constant, scale: Scale, limits: tuple[int, int]) -> None:
    """Record what a Quant makes of constants."""
    if scale.scale.size > 1 and x.value.shape[scale.axis] != scale.scale.size:
        graph.fail(node, f"has {scale.scale.size} scales for {x.value.shape}; use one per output channel")
    shape = [-1 if i == scale.axis else 1 for i in range(x.value.ndim)] if scale.scale.size > 1 else [1]
    step, zero = scale.scale.reshape(shape), scale.zero_point
    zero = zero.reshape(shape) if zero.size > 1 else zero.reshape(())
    real = np.asarray(x.value, dtype=np.float32) / step.astype(np.float32) + zero.astype(np.float32)
    ints = np.rint(np.clip(real, *limits)).astype(np.int64).reshape(x.value.shape)
    graph.constants[node.outputs[0]] = Constant((ints - zero) * step, ints, scale)


def _pair(graph: OnnxGraph, node: Node, scale: Scale, limits: tuple[int, int]) -> list[Node]:
    """QuantizeLinear, a Clip of its integers where the type is wider, DequantizeLinear."""
    if scale.scale.size > 1 or scale.zero_point.size > 1:
        graph.fail(node, "quantises per channel; activations have one scale per tensor")
    out = node.outputs[0]
    kind = int_name(scale.bits, scale.signed)

    def keep(part: str, value: np.ndarray) -> str:
        graph.constants[f"{out} {part}"] = Constant(value)
        return f"{out} {part}"

    meaning = [
        keep("scale", scale.scale.reshape(()).astype(np.float32)),
        keep("zero", scale.zero_point.reshape(()).astype(kind)),
    ]
    x = f"{out} integers"
    made = [Node(node.name, "QuantizeLinear", [node.inputs[0], *meaning], [x], {})]
    if limits != int_range(scale.bits, scale.signed):
        ends = [keep(end, np.array(v, kind)) for end, v in zip(("low", "high"), limits, strict=True)]
        made.append(Node(node.name, "Clip", [x, *ends], [f"{out} clipped"], {}))
        x = f"{out} clipped"
    return [*made, Node(node.name, "DequantizeLinear", [x, *meaning], [out], {})]
