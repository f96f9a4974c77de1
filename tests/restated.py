"""Says a float network's ONNX otherwise, without changing what it computes, as other exporters might."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NHWC, NCHW = [0, 2, 3, 1], [0, 3, 1, 2]


class Restated:
    """Copies the nodes of ``to_onnx``'s model, each in a spelling drawn from ``rng``."""

    def __init__(self, proto: onnx.ModelProto, rng: np.random.Generator) -> None:
        self.graph, self.rng = proto.graph, rng
        self.weights = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        for node in proto.graph.node:
            kept = getattr(self, f"_{node.op_type.lower()}", None)
            if kept is None or not kept(node):
                self.nodes.append(node)
        self.last = bool(rng.integers(2))
        """Whether the image is [N, H, W, C]."""

    def model(self) -> onnx.ModelProto:
        graph, inputs = self.graph, self.graph.input[0]
        dims = [d.dim_value or d.dim_param for d in inputs.type.tensor_type.shape.dim]
        nodes = self.nodes
        if self.last:
            nodes = [helper.make_node("Transpose", ["pixels"], [inputs.name], perm=NCHW), *nodes]
            inputs = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [dims[i] for i in NHWC])
        used = {name for node in nodes for name in node.input}
        constants = [t for t in (*graph.initializer, *self.constants) if t.name in used]
        made = helper.make_graph(nodes, "restated", [inputs], list(graph.output), constants)
        return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), f"k{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, op: str, inputs: list[str], output: str = "", **attrs: Any) -> str:
        number = len(self.nodes)
        output = output or f"y{number}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"n{number}", **attrs))
        return output

    def channels(self, value: np.ndarray, last: bool) -> str:
        forms = [value, value[None, None, None], value[None, None]]
        if not last:
            forms = [value[:, None, None], value[None, :, None, None]]
        return self.const(forms[self.rng.integers(len(forms))])

    def affine(self, x: str, channels: int, output: str = "", last: bool = False) -> str:
        """Four nodes with constants that undo each other."""
        scale, offset = self.rng.uniform(0.5, 2, channels), self.rng.normal(0, 1, channels)
        there, back = [("Mul", scale), ("Add", offset)], [("Sub", offset), ("Div", scale)]
        steps = there + back if self.rng.integers(2) else back + there
        for i, (op, value) in enumerate(steps):
            pair = [x, self.channels(value, last)]
            if op in ("Mul", "Add") and self.rng.integers(2):
                pair.reverse()
            x = self.node(op, pair, output if i == 3 else "")
        return x

    def _conv(self, node: onnx.NodeProto) -> bool:
        weight, bias, (result,) = self.weights[node.input[1]], self.weights[node.input[2]], node.output
        inputs, channels = list(node.input), weight.shape[0]
        match self.rng.integers(4):
            case 0:
                inputs[1] = self.node(
                    "Transpose", [self.const(weight.transpose(2, 3, 1, 0))], perm=[3, 2, 0, 1]
                )
            case 1:
                double = self.node("Mul", [self.const(2 * weight.reshape(channels, -1)), self.const(0.5)])
                inputs[1] = self.node("Reshape", [double, self.const(weight.shape, np.int64)])
            case 2:
                inputs[1] = self.node("Cast", [self.const(weight, np.float64)], to=TensorProto.FLOAT)
        if inputs[0] == self.graph.input[0].name and self.rng.integers(2):
            inputs[0] = self.affine(inputs[0], weight.shape[1])
        kind = self.rng.integers(4)
        middle = result if kind == 3 else f"{result} as it was"
        attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self.node("Conv", inputs[: 2 if kind == 0 else 3], middle, **attrs)
        match kind:
            case 0:
                self.node("Add", [middle, self.channels(bias, False)], result)
            case 1:
                self.affine(middle, channels, result)
            case 2:
                turned = self.affine(self.node("Transpose", [middle], perm=NHWC), channels, last=True)
                self.node("Transpose", [turned], result, perm=NCHW)
        return True

    def _relu(self, node: onnx.NodeProto) -> bool:
        (x,), (result,) = node.input, node.output
        match self.rng.integers(5):
            case 0:
                self.node("Max", [x, self.const(0.0)], result)
            case 1:
                self.node("Clip", [x, self.const(0.0)], result)
            case 2:
                turned = self.node("Relu", [self.node("Transpose", [x], perm=NHWC)])
                self.node("Transpose", [turned], result, perm=NCHW)
            case 3:
                self.node("Min", [self.node("Relu", [x]), self.const(200.0)], result)
            case _:
                return False
        return True

    def _concat(self, node: onnx.NodeProto) -> bool:
        if self.rng.integers(2):
            return False
        turned = [self.node("Transpose", [x], perm=NHWC) for x in node.input]
        joined = self.node("Concat", turned, axis=int(self.rng.choice([3, -1])))
        self.node("Transpose", [joined], node.output[0], perm=NCHW)
        return True

    def _globalaveragepool(self, node: onnx.NodeProto) -> bool:
        (x,), (result,) = node.input, node.output
        match self.rng.integers(3):
            case 0:
                self.node("ReduceMean", [self.node("ReduceMean", [x], axes=[3])], result, axes=[2])
            case 1:
                mean = self.node("ReduceMean", [self.node("Transpose", [x], perm=NHWC)], axes=[1, 2])
                self.node("Transpose", [mean], result, perm=NCHW)
            case _:
                return False
        return True

    def _flatten(self, node: onnx.NodeProto) -> bool:
        (x,), (result,) = node.input, node.output
        match self.rng.integers(3):
            case 0:
                ends = [self.const([i], np.int64) for i in (0, 1)]
                batch = self.node("Slice", [self.node("Shape", [x]), *ends])
                shape = self.node("Concat", [batch, self.const([-1], np.int64)], axis=0)
                self.node("Reshape", [x, shape], result)
            case 1:
                self.node("Squeeze", [x, self.const([2, 3], np.int64)], result)
            case _:
                return False
        return True
