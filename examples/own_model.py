"""A network of one's own: a tiny SqueezeNet of random weights as ONNX, quantised, generated, run and compared.

python examples/own_model.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fpga_squeeze import api

RNG = np.random.default_rng(1)


def squeezenet() -> onnx.ModelProto:
    """conv1, a max pool, one Fire module, conv10 and a global average pool, for pictures of 16 x 16 pixels."""
    nodes: list[onnx.NodeProto] = []
    tensors: list[onnx.TensorProto] = []

    def conv(x: str, name: str, inputs: int, outputs: int, size: int, **geometry: Any) -> str:
        weight = RNG.normal(0, 1 / (size * inputs**0.5), (outputs, inputs, size, size))
        tensors.append(numpy_helper.from_array(weight.astype(np.float32), f"{name}_w"))
        nodes.append(helper.make_node("Conv", [x, f"{name}_w"], [f"{name}_sum"], name, **geometry))
        nodes.append(helper.make_node("Relu", [f"{name}_sum"], [name]))
        return name

    x = conv("image", "conv1", 3, 8, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    nodes.append(helper.make_node("MaxPool", [x], ["pool1"], "pool1", kernel_shape=[2, 2], strides=[2, 2]))
    x = conv("pool1", "fire2/squeeze", 8, 4, 1)
    branches = [conv(x, "fire2/expand1x1", 4, 8, 1), conv(x, "fire2/expand3x3", 4, 8, 3, pads=[1, 1, 1, 1])]
    nodes.append(helper.make_node("Concat", branches, ["fire2"], "fire2", axis=1))
    x = conv("fire2", "conv10", 16, 5, 1)
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["logits"], "pool10"))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 16, 16])
    logits = helper.make_empty_tensor_value_info("logits")
    graph = helper.make_graph(nodes, "tiny", [image], [logits], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(folder: Path) -> None:
    """Write the network and everything made of it into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(squeezenet(), folder / "tiny.onnx")
    np.save(folder / "images.npy", RNG.integers(0, 256, (16, 16, 16, 3), dtype=np.uint8))
    options = api.QuantizeOptions(calibration=folder / "images.npy")
    made = api.quantize(folder / "tiny.onnx", folder / "q.onnx", options)
    project = api.generate(made.path, folder / "design", api.DesignOptions(lanes=16))
    for run in (api.csim(project.path, folder / "images.npy"), api.cosim(project.path, frames=3)):
        print(f"{run.kind}: {run.comparison.values_compared:,} values compared, {run.mismatches} mismatches")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "tiny"))
