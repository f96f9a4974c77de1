"""An ONNX file as nodes, consumers and folded constants; nothing in here knows what a SqueezeNet is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from ..errors import FpgaSqueezeError
from ..network.fixed_point import IntArray, int_range
from ..network.graph import FloatArray

DROPPED = ("Identity", "Dropout")
MAX_CONSTANT = 1 << 28
"""Elements of the largest array a ConstantOfShape node may make."""


@dataclass(eq=False)
class Node:
    """One ONNX node: ``inputs`` with dropped nodes seen through, ``attrs`` as Python values."""

    name: str
    op: str
    inputs: list[str]
    outputs: list[str]
    attrs: dict[str, Any]

    def __str__(self) -> str:
        return f"node {self.name or self.outputs[0]} ({self.op})"


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
    """A parsed file. ``users[t]`` are the nodes that read tensor ``t``, ``constants`` everything known
    beforehand."""

    path: Path
    name: str
    input: onnx.ValueInfoProto
    output: str
    nodes: list[Node]
    constants: dict[str, Constant]
    metadata: dict[str, str]
    users: dict[str, list[Node]] = field(default_factory=dict)

    def fail(self, where: Node | None, reason: str) -> NoReturn:
        """Raise the one-line error that names file, node and reason."""
        place = f"{self.path}: {where}" if where else str(self.path)
        raise FpgaSqueezeError(" ".join(f"{place}: {reason}".split()))

    def constant(self, node: Node, index: int, what: str) -> Constant | None:
        """Input ``index`` of ``node`` as a constant; None where it is left out; an error where it is
        computed."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        name = node.inputs[index]
        if name not in self.constants:
            self.fail(
                node, f"its {what} ({name}) is missing or computed at run time; store it as an initializer"
            )
        return self.constants[name]

    def integers(self, node: Node, index: int, what: str) -> list[int] | None:
        """Input ``index`` of ``node`` as a list of integers, or None."""
        constant = self.constant(node, index, what)
        return None if constant is None else [int(v) for v in np.ravel(constant.value)]


def load_proto(path: Path) -> onnx.ModelProto:
    """Parse the file, or say in one line what it is instead of an ONNX model."""
    advice = "give a model exported to ONNX"
    try:
        if path.is_dir():
            raise FpgaSqueezeError(f"{path}: is a folder; {advice}")
        if path.stat().st_size == 0:
            raise FpgaSqueezeError(f"{path}: the file is empty; {advice}")
        proto = onnx.load(path)
    except FileNotFoundError as error:
        if path.exists():
            raise FpgaSqueezeError(f"{path}: its external data file {error.filename} is missing") from error
        raise FpgaSqueezeError(f"{path}: no such file; {advice}") from error
    except PermissionError as error:
        raise FpgaSqueezeError(f"{path}: no permission to read it") from error
    except FpgaSqueezeError:
        raise
    except Exception as error:  # onnx raises many kinds for damaged files and external data
        if type(error).__name__ == "DecodeError":  # protobuf ships no types to import it by
            raise FpgaSqueezeError(
                f"{path}: not an ONNX file, or a truncated one; export or copy it again"
            ) from error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FpgaSqueezeError(f"{path}: cannot be read: {reason}; export it again") from error
    if not proto.graph.node:
        raise FpgaSqueezeError(f"{path}: not an ONNX file, or one without nodes; {advice}")
    return proto


def read_graph(path: Path) -> OnnxGraph:
    """Load ``path`` and fold what is constant; raises FpgaSqueezeError for several inputs or outputs."""
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
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise FpgaSqueezeError(f"{path}: has {len(inputs)} inputs ({names}); one image input is supported")
    if len(graph.output) != 1:
        names = ", ".join(value.name for value in graph.output) or "none"
        raise FpgaSqueezeError(f"{path}: has {len(graph.output)} outputs ({names}); leave only the logits")
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    out = OnnxGraph(path, graph.name, inputs[0], graph.output[0].name, [], constants, metadata)
    _collect(out, list(graph.node))
    for node in out.nodes:
        for name in node.inputs:
            out.users.setdefault(name, []).append(node)
    for users in out.users.values():
        users[:] = list({id(n): n for n in users}.values())
    return out


def _collect(graph: OnnxGraph, protos: list[onnx.NodeProto]) -> None:
    """Fill ``graph.nodes``: constants folded, dropped nodes seen through, equal DequantizeLinear nodes
    merged."""
    alias: dict[str, str] = {}
    merged: dict[tuple[str | bytes, ...], str] = {}
    for proto in protos:
        try:
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        except ValueError as error:
            raise FpgaSqueezeError(
                f"{graph.path}: node {proto.name} has an attribute that cannot be read"
            ) from error
        node = Node(
            proto.name, proto.op_type, [alias.get(i, i) for i in proto.input], list(proto.output), attrs
        )
        if not node.outputs:
            graph.fail(node if node.name else None, "a node without outputs; export the model again")
        if _fold(graph, node):
            continue
        if node.op in DROPPED or (node.op == "Cast" and _is_float(attrs.get("to"))):
            if not node.inputs:
                graph.fail(node, "has no input; export the model again")
            alias[node.outputs[0]] = node.inputs[0]
            continue
        if node.op == "DequantizeLinear":
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
    graph.output = alias.get(graph.output, graph.output)


def _is_float(elem_type: object) -> bool:
    types = onnx.TensorProto
    return elem_type in (types.FLOAT, types.FLOAT16, types.DOUBLE, types.BFLOAT16)


def _fold(graph: OnnxGraph, node: Node) -> bool:
    """Record the outputs of a node whose inputs are all constant; False where it has to stay."""
    constants = graph.constants
    out = node.outputs[0]
    if node.op == "Constant":
        constants[out] = Constant(_constant_value(graph, node))
        return True
    if not node.inputs or node.inputs[0] not in constants:
        return False
    x = constants[node.inputs[0]]
    if node.op in DROPPED or node.op == "Cast":
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
        ints = np.clip(np.rint(x.value / step) + zero, *int_range(scale.bits, scale.signed)).astype(np.int64)
        dtype = f"{'' if scale.signed else 'u'}int{scale.bits if scale.bits > 4 else 8}"
        constants[out] = Constant(ints.astype(dtype), ints)
    else:
        return False
    return True


def _constant_value(graph: OnnxGraph, node: Node) -> npt.NDArray[Any]:
    for key in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if key in node.attrs:
            value = node.attrs[key]
            return numpy_helper.to_array(value) if key == "value" else np.asarray(value)
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
    match = re.fullmatch(r"(u?)int(\d+)", kind)
    if not match:
        graph.fail(node, f"quantises to {kind}; only integers are supported")
    values = np.asarray(scale.value, dtype=np.float64)
    zeros = np.zeros(()) if zero is None else np.asarray(zero.value).astype(np.float64)
    return Scale(node, values, zeros, int(match[2]), not match[1], int(node.attrs.get("axis", 1)))


def binary_points(graph: OnnxGraph, scale: Scale) -> IntArray:
    """The fracs of power-of-two scales, int64 of the scale's shape; an error for any other scale or zero
    point."""
    if np.any(scale.zero_point != 0):
        graph.fail(
            scale.node, "its zero point is not 0; quantise symmetrically (signed) or after ReLU (unsigned)"
        )
    mantissa, exponent = np.frexp(scale.scale)
    if not np.all(np.isfinite(scale.scale)) or np.any(mantissa != 0.5):
        odd = float(np.ravel(scale.scale)[np.argmax(np.ravel(mantissa != 0.5))])
        graph.fail(
            scale.node, f"its scale {odd:g} is not a power of two; quantise the float model with this tool"
        )
    return np.asarray(1 - exponent, dtype=np.int64)
