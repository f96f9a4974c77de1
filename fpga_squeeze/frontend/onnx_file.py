"""An ONNX file as nodes, consumers and folded constants; nothing in here knows what a SqueezeNet is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from ..errors import FpgaSqueezeError
from ..network.fixed_point import IntArray, int_name, int_range
from ..network.graph import FloatArray
from .folding import MAX_CONSTANT, MOVES, evaluate, moved_axis
from .onnx_load import OWN_DOMAINS, load_proto, opset_of
from .order import ordered
from .outputs import choose_output, image_input, keep_live

DROPPED = ("Identity", "Dropout")
SAME_AS_ONNX = {"com.microsoft": ("DequantizeLinear", "QuantizeLinear")}
"""Operators of other domains that mean what ONNX's own of that name do (onnxruntime, docs/ContribOperators.md)."""


@dataclass(eq=False)
class Node:
    """One ONNX node: ``inputs`` with dropped nodes seen through, ``attrs`` as Python values; ``domain`` is empty for
    ONNX's own operators, ``proto`` what the file says."""

    name: str
    op: str
    inputs: list[str]
    outputs: list[str]
    attrs: dict[str, Any]
    domain: str = ""
    proto: onnx.NodeProto | None = None

    def __str__(self) -> str:
        domain = f"{self.domain}::" if self.domain else ""
        return f"node {self.name or self.outputs[0]} ({domain}{self.op})"


@dataclass(eq=False)
class Scale:
    """Scale and zero point of a QuantizeLinear or DequantizeLinear node, and the integer type beside them."""

    node: Node
    scale: FloatArray
    zero_point: FloatArray
    bits: int
    signed: bool
    axis: int


@dataclass(eq=False)
class Constant:
    """A constant tensor; ``ints`` and ``scale`` are there when it came through a DequantizeLinear."""

    value: npt.NDArray[Any]
    ints: IntArray | None = None
    scale: Scale | None = None


@dataclass(eq=False)
class OnnxGraph:
    """A parsed file: the nodes that lead to ``output``.

    users       the nodes that read each tensor
    constants   everything known beforehand
    alias       tensors that are others, a node that changes nothing between them
    unfolded    tensors that are constant but were not folded, with the reason
    looped      nodes, by ``id``, that wait for what they give
    """

    path: Path
    name: str
    opset: int
    input: onnx.ValueInfoProto
    output: str
    nodes: list[Node]
    constants: dict[str, Constant]
    metadata: dict[str, str]
    users: dict[str, list[Node]] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    unfolded: dict[str, str] = field(default_factory=dict)
    looped: set[int] = field(default_factory=set)

    def fail(self, where: Node | None, reason: str) -> NoReturn:
        """Raise the one-line error that names file, node and reason."""
        place = f"{self.path}: {where}" if where else str(self.path)
        raise FpgaSqueezeError(" ".join(f"{place}: {reason}".split()))

    def find_users(self) -> None:
        """Fill ``users`` anew."""
        self.users.clear()
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                self.users.setdefault(name, []).append(node)

    def constant(self, node: Node, index: int, what: str) -> Constant | None:
        """Input ``index`` of ``node`` as a constant; None where it is left out; an error where it is
        computed."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        name = node.inputs[index]
        if name in self.constants:
            return self.constants[name]
        makers = [str(other) for other in self.nodes if name in other.outputs]
        if name in self.unfolded:
            self.fail(
                node, f"its {what} ({name}) comes from {self.unfolded[name]}; store it as an initializer"
            )
        if makers or name == self.input.name:
            source = f" by {makers[0]}" if makers else ""
            self.fail(node, f"its {what} ({name}) is computed from the image{source}; it has to be constant")
        self.fail(node, f"its {what} ({name}) is given by no node and no initializer; export the model again")

    def integers(self, node: Node, index: int, what: str) -> list[int] | None:
        """Input ``index`` of ``node`` as a list of integers, or None."""
        constant = self.constant(node, index, what)
        return None if constant is None else [int(v) for v in np.ravel(constant.value)]


def read_graph(path: Path, output: str | None = None) -> OnnxGraph:
    """Load ``path`` and fold what is constant; ``output`` names one of several outputs.

    Raises FpgaSqueezeError for several inputs, and for several outputs where none is named.
    """
    proto = load_proto(path)
    graph = proto.graph
    constants: dict[str, Constant] = {}
    for tensor in graph.initializer:
        try:
            constants[tensor.name] = Constant(numpy_helper.to_array(tensor))
        except Exception as error:  # a size that does not match, an unknown type, data cut short
            raise FpgaSqueezeError(
                f"{path}: initializer {tensor.name} is damaged; export the model again"
            ) from error
    inputs = [value for value in graph.input if value.name not in constants]
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    nothing = onnx.ValueInfoProto()
    out = OnnxGraph(path, graph.name, opset_of(path, proto), nothing, "", [], constants, metadata)
    _collect(out, list(graph.node))
    out.output = choose_output(out, [value.name for value in graph.output], output)
    keep_live(out)
    for node in out.nodes:
        if id(node) in out.looped:
            out.fail(node, "is part of a loop; export the model again")
    out.input = image_input(out, inputs)
    out.find_users()
    return out


def _collect(graph: OnnxGraph, protos: list[onnx.NodeProto]) -> None:
    """Fill ``graph.nodes``, in order: constants folded, dropped nodes seen through, equal DequantizeLinear nodes
    merged."""
    alias = graph.alias
    merged: dict[tuple[str | bytes, ...], str] = {}
    order, stuck = ordered([p.input for p in protos], [p.output for p in protos])
    for place in [*order, *stuck]:
        proto = protos[place]
        try:
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        except ValueError as error:
            raise FpgaSqueezeError(
                f"{graph.path}: node {proto.name} has an attribute that cannot be read"
            ) from error
        same = proto.domain in OWN_DOMAINS or proto.op_type in SAME_AS_ONNX.get(proto.domain, ())
        node = Node(
            proto.name,
            proto.op_type,
            [alias.get(i, i) for i in proto.input],
            list(proto.output),
            attrs,
            "" if same else proto.domain,
            proto,
        )
        if not node.outputs:
            graph.fail(node if node.name else None, "a node without outputs; export the model again")
        if place in stuck:
            graph.looped.add(id(node))
        if not node.domain and fold(graph, node):
            continue
        if not node.domain and _seen_through(graph, node):
            if not node.inputs:
                graph.fail(node, "has no input; export the model again")
            alias[node.outputs[0]] = node.inputs[0]
            continue
        if node.op == "DequantizeLinear" and not node.domain:
            known = [graph.constants.get(name) for name in node.inputs[1:]]
            key = (
                node.inputs[0],
                *(k.value.tobytes() if k else n for k, n in zip(known, node.inputs[1:], strict=True)),
            )
            if key in merged:
                alias[node.outputs[0]] = merged[key]
                continue
            merged[key] = node.outputs[0]
        graph.nodes.append(node)


def _seen_through(graph: OnnxGraph, node: Node) -> bool:
    """Whether ``node`` gives what it reads."""
    training = graph.constants.get(node.inputs[2]) if node.op == "Dropout" and node.inputs[2:] else None
    if training is not None and np.any(training.value):
        graph.fail(node, "drops at random (training_mode); export the model for inference")
    return node.op in DROPPED or (node.op == "Cast" and _is_float(node.attrs.get("to")))


def _is_float(elem_type: object) -> bool:
    types = onnx.TensorProto
    return elem_type in (types.FLOAT, types.FLOAT16, types.DOUBLE, types.BFLOAT16)


def fold(graph: OnnxGraph, node: Node) -> bool:
    """Record the outputs of a node whose inputs are all constant; False where it has to stay."""
    constants = graph.constants
    out = node.outputs[0]
    if node.op == "Constant":
        constants[out] = Constant(_constant_value(graph, node))
        return True
    if not node.inputs or node.inputs[0] not in constants:
        return False
    x = constants[node.inputs[0]]
    if node.op in DROPPED or (node.op == "Cast" and x.scale is not None and _is_float(node.attrs.get("to"))):
        constants[out] = x
    elif node.op == "ConstantOfShape":
        shape = [int(v) for v in np.ravel(x.value)]
        if any(v < 0 for v in shape) or int(np.prod(shape, dtype=object)) > MAX_CONSTANT:
            graph.fail(node, f"makes a tensor of shape {shape}; that is no weight")
        value = node.attrs.get("value")
        fill = numpy_helper.to_array(value).ravel()[0] if value is not None else np.float32(0)
        constants[out] = Constant(np.full(shape, fill))
    elif node.op == "DequantizeLinear":
        ints = x.ints if x.ints is not None else np.asarray(x.value).astype(np.int64)
        scale = read_scale(graph, node, x.value)
        constants[out] = Constant(_scaled(graph, ints, scale), ints, scale)
    elif node.op == "QuantizeLinear":
        scale = read_scale(graph, node, None)
        step, zero = _along(graph, x.value, scale)
        real = np.asarray(x.value, dtype=np.float32) / step.astype(np.float32)
        ints = np.clip(np.rint(real) + zero, *int_range(scale.bits, scale.signed)).astype(np.int64)
        dtype = int_name(max(8, scale.bits), scale.signed)
        constants[out] = Constant(ints.astype(dtype), ints)
    else:
        return all(name in constants or not name for name in node.inputs) and _evaluated(graph, node)
    return True


def _evaluated(graph: OnnxGraph, node: Node) -> bool:
    """Record what ``onnx`` computes of constants; where it cannot, why, and False.

    Integers and scale of a dequantised constant stay with it where it is only moved.
    """
    given = [graph.constants[name] if name else None for name in node.inputs]
    values = [
        None if c is None else c.value if c.scale is None else c.value.astype(np.float32) for c in given
    ]
    x = given[0]
    assert x is not None and node.proto is not None
    try:
        found = [Constant(value) for value in evaluate(node.proto, graph.opset, values)]
        if node.op in MOVES and x.ints is not None:
            ints = evaluate(node.proto, graph.opset, [x.ints, *values[1:]])[0]
            scale = _moved(graph, node, x, values[1:])
            if x.scale is None:
                found[0] = Constant(found[0].value, ints)
            elif scale is not None:
                found[0] = Constant(_scaled(graph, ints, scale), ints, scale)
    except FpgaSqueezeError as error:
        graph.unfolded |= dict.fromkeys(node.outputs, f"{node}, a constant that cannot be folded: {error}")
        return False
    graph.constants |= {name: value for name, value in zip(node.outputs, found, strict=False) if name}
    return True


def _moved(graph: OnnxGraph, node: Node, x: Constant, rest: list[npt.NDArray[Any] | None]) -> Scale | None:
    """The scale of ``x`` behind ``node``, which moves its elements; None where it no longer goes along an axis."""
    if x.scale is None or x.ints is None or x.scale.scale.size == 1:
        return x.scale
    assert node.proto is not None
    axis = moved_axis(node.proto, graph.opset, rest, x.ints.shape, x.scale.axis % x.ints.ndim)
    return None if axis is None else replace(x.scale, axis=axis)


def _constant_value(graph: OnnxGraph, node: Node) -> npt.NDArray[Any]:
    for key in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if key in node.attrs:
            value = node.attrs[key]
            if key == "value":
                return numpy_helper.to_array(value)
            return np.asarray(value, dtype=np.float32 if "float" in key else np.int64)
    graph.fail(node, f"holds {', '.join(node.attrs) or 'nothing'}; only dense numbers are supported")


def _along(graph: OnnxGraph, value: npt.NDArray[Any], scale: Scale) -> tuple[FloatArray, FloatArray]:
    """Scale and zero point shaped to broadcast against ``value``."""
    if scale.scale.size == 1:
        return scale.scale.reshape(()), scale.zero_point.reshape(-1)[:1].reshape(())
    axis = scale.axis % max(value.ndim, 1)
    if scale.scale.ndim != 1 or value.ndim < 1 or value.shape[axis] != scale.scale.size:
        graph.fail(
            scale.node, "has blocked scales, or not one per channel; use one scale per tensor or per channel"
        )
    shape = [-1 if i == axis else 1 for i in range(value.ndim)]
    return scale.scale.reshape(shape), np.broadcast_to(scale.zero_point, scale.scale.shape).reshape(shape)


def _scaled(graph: OnnxGraph, ints: IntArray, scale: Scale) -> FloatArray:
    step, zero = _along(graph, ints, scale)
    return np.asarray((ints - zero) * step, dtype=np.float64)


def read_scale(graph: OnnxGraph, node: Node, quantised: npt.NDArray[Any] | None) -> Scale:
    """Scale, zero point and integer type of a Q or DQ node; ``quantised`` is DQ's constant input where there
    is one."""
    scale = graph.constant(node, 1, "scale")
    if scale is None:
        graph.fail(node, "has no scale; export the model again")
    zero = graph.constant(node, 2, "zero point")
    if quantised is not None:
        kind = quantised.dtype.name
    elif zero is not None:
        kind = zero.value.dtype.name
    else:
        elem = int(node.attrs.get("output_dtype", 0)) or onnx.TensorProto.UINT8
        kind = onnx.TensorProto.DataType.Name(elem).lower()
    if not re.fullmatch(r"u?int\d+", kind):
        graph.fail(node, f"quantises to {kind}; only integers are supported")
    if zero is not None and zero.value.dtype.name != kind:
        graph.fail(
            node,
            f"its zero point is {zero.value.dtype.name}, its integers are {kind}; both must have one type",
        )
    zeros = np.zeros(()) if zero is None else np.asarray(zero.value).astype(np.float64)
    bits, signed = int(kind.lstrip("uint")), not kind.startswith("u")
    return checked_scale(
        graph, Scale(node, _reals(scale), zeros, bits, signed, int(node.attrs.get("axis", 1)))
    )


def _reals(constant: Constant) -> FloatArray:
    return np.asarray(constant.value).astype(np.float64)


def checked_scale(graph: OnnxGraph, scale: Scale) -> Scale:
    """``scale``; an error where a number in it is no scale or no zero point of its integers."""
    steps, zeros = scale.scale.ravel(), scale.zero_point.ravel()
    bad = steps[~(np.isfinite(steps) & (steps > 0))]
    if bad.size:
        graph.fail(
            scale.node, f"its scale {bad[0]:g} is not a positive number; quantise the float model again"
        )
    if zeros.size not in (1, steps.size):
        graph.fail(scale.node, f"has {steps.size} scales and {zeros.size} zero points; give as many of both")
    low, high = int_range(scale.bits, scale.signed)
    bad = zeros[~((zeros >= low) & (zeros <= high) & (zeros == np.rint(zeros)))]
    if bad.size:
        graph.fail(
            scale.node, f"its zero point {bad[0]:g} is none of the integers {low}..{high}; quantise again"
        )
    return scale
