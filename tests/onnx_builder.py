"""Builds small ONNX files for the frontend's tests: a working SqueezeNet first, then whatever a test bends in
it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """Collects nodes; every method returns the name of the tensor it made."""

    def __init__(self, seed: int = 0, size: tuple[int, int] = (17, 15), channels: int = 3) -> None:
        self.rng = np.random.default_rng(seed)
        self.size, self.channels = size, channels
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.count = 0

    def const(self, value: Any, name: str = "", dtype: Any = np.float32) -> str:
        self.count += 1
        name = name or f"c{self.count}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def node(self, op: str, inputs: list[str], name: str = "", **attrs: Any) -> str:
        self.count += 1
        out = f"t{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [out], name=name, **attrs))
        return out

    def weights(self, outputs: int, inputs: int, kernel: int) -> np.ndarray:
        return self.rng.normal(0, 1 / (kernel * np.sqrt(inputs)), (outputs, inputs, kernel, kernel))

    def conv(self, x: str, outputs: int, inputs: int, kernel: int, name: str = "", **attrs: Any) -> str:
        bias = attrs.pop("bias", True)
        ins = [x, self.const(attrs.pop("weight", self.weights(outputs, inputs, kernel)))]
        if bias:
            ins.append(self.const(self.rng.normal(0, 0.3, outputs)))
        return self.node("Conv", ins, name, **attrs)

    def relu(self, x: str) -> str:
        return self.node("Relu", [x])

    def fire(self, x: str, inputs: int, s: int, e1: int, e3: int, name: str = "", swap: bool = False) -> str:
        def title(part: str) -> str:
            return f"{name}/{part}" if name else ""

        y = self.relu(self.conv(x, s, inputs, 1, title("squeeze1x1")))
        a = self.relu(self.conv(y, e1, s, 1, title("expand1x1")))
        b = self.relu(self.conv(y, e3, s, 3, title("expand3x3"), pads=[1, 1, 1, 1]))
        return self.node("Concat", [b, a] if swap else [a, b], title("concat"), axis=1)

    def squeezenet(self, swap: bool = False, named: bool = True) -> str:
        """conv1 pool1 fire2 fire3 pool3 conv10 pool10; returns the pooled tensor [N, 5, 1, 1]."""

        def title(text: str) -> str:
            return text if named else ""

        x = self.relu(
            self.conv("image", 6, self.channels, 3, title("conv1"), strides=[2, 2], pads=[1, 1, 1, 1])
        )
        x = self.node("MaxPool", [x], title("pool1"), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
        x = self.fire(x, 6, 3, 4, 5, title("fire2"), swap)
        x = self.node("MaxPool", [x], title("pool2"), kernel_shape=[2, 2], strides=[2, 2])
        x = self.fire(x, 9, 2, 3, 4, title("fire3"), swap)
        x = self.relu(self.conv(x, 5, 7, 1, title("conv10")))
        return self.node("GlobalAveragePool", [x], title("pool10"))

    def model(
        self, output: str, *, batch: int | str = "N", opset: int = 17, shape: Any = None
    ) -> onnx.ModelProto:
        dims = [batch, self.channels, *self.size] if shape is None else shape
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, dims)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self.initializers,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)

    def save(self, path: Path, output: str, **options: Any) -> Path:
        onnx.save(self.model(output, **options), path)
        return path


def find(proto: onnx.ModelProto, name: str) -> onnx.NodeProto:
    """The node called ``name``."""
    found: onnx.NodeProto = next(node for node in proto.graph.node if node.name == name)
    return found


def set_attr(proto: onnx.ModelProto, node: str, **attrs: Any) -> onnx.ModelProto:
    """Replace attributes of one node."""
    target = find(proto, node)
    kept = [a for a in target.attribute if a.name not in attrs]
    del target.attribute[:]
    target.attribute.extend(kept + [helper.make_attribute(k, v) for k, v in attrs.items()])
    return proto


def set_initializer(proto: onnx.ModelProto, name: str, value: np.ndarray) -> onnx.ModelProto:
    """Replace the values of one initializer."""
    target = next(t for t in proto.graph.initializer if t.name == name)
    target.CopyFrom(numpy_helper.from_array(value, name))
    return proto


def initializer(proto: onnx.ModelProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(next(t for t in proto.graph.initializer if t.name == name))


def ort_logits(path: Path, x: np.ndarray) -> np.ndarray:
    """Float logits [N, classes] of onnxruntime for a float input [N, C, H, W]."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate(
        [session.run(None, {name: one[None].astype(np.float32)})[0].reshape(1, -1) for one in x]
    )
