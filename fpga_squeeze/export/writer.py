"""What both ONNX exports share: collecting nodes, one graph from images to logits, writing it whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from .. import __version__
from ..network.graph import AvgPool, Conv, MaxPool, Shape
from ..network.integers import QAvgPool, QConv, QMaxPool
from ..paths import write_whole

LOGITS = "logits"


class Writer:
    """Collects nodes and initializers; each method returns the name of the tensor it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op: str, name: str, inputs: list[str], **attrs: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [f"{name}_out"], name=name, **attrs))
        return f"{name}_out"

    def pool(self, pool: MaxPool | QMaxPool, x: str) -> str:
        """Max pooling."""
        return self.node("MaxPool", pool.name, [x], **window(pool), ceil_mode=int(pool.ceil))

    def model(
        self, name: str, source: str, shape: Shape, x: str, output: Shape, opset: int, ir_version: int
    ) -> onnx.ModelProto:
        """The graph from float input ``source``, [N, C, H, W] of ``shape``, to ``x``, flattened to [N, classes]."""
        self.nodes.append(helper.make_node("Flatten", [x], [LOGITS], name="flatten", axis=1))
        inputs: list[str | int | None] = ["N", shape.channels, shape.height, shape.width]
        classes = output.channels * output.height * output.width
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(source, TensorProto.FLOAT, inputs)],
            [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["N", classes])],
            self.initializers,
        )
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=ir_version,
            producer_name="fpga-squeeze",
            producer_version=__version__,
        )


def window(layer: Conv | MaxPool | AvgPool | QConv | QMaxPool | QAvgPool) -> dict[str, Any]:
    """The attributes of a node with windows: rows and columns, strides, padding."""
    return {
        "kernel_shape": list(layer.kernel),
        "strides": [layer.stride] * 2,
        "pads": list(layer.pads),
    }


def write_proto(proto: onnx.ModelProto, path: Path) -> None:
    """Write ``proto`` under exactly this name, whole or not at all; raises FpgaSqueezeError where that fails."""
    data = proto.SerializeToString(deterministic=True)
    write_whole(path, lambda file: file.write(data))
