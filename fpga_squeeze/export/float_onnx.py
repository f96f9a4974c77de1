"""Writes a float network as ONNX that every reader of float models, ours included, takes back value for value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool, Shape
from ..network.walk import walk
from .writer import Writer, write_proto

OPSET, IR_VERSION = 17, 8
INPUT = "data"


def to_onnx(model: FloatModel) -> onnx.ModelProto:
    """``model`` with float32 weights: input ``data`` [N, C, H, W], output ``logits`` [N, classes]."""
    w, x, shapes = Writer(), INPUT, model.shapes()

    def write(layer: Layer, inputs: list[str]) -> str:
        return _layer(w, layer, inputs, shapes[layer.inputs[0]])

    for _, y in walk(model.layers, {IMAGE: INPUT}, write):
        x = y
    return w.model(model.name, INPUT, model.input_shape, x, model.output_shape, OPSET, IR_VERSION)


def _layer(w: Writer, layer: Layer, inputs: list[str], shape: Shape) -> str:
    """The nodes of ``layer``, whose first input has ``shape``; the tensor they give."""
    match layer:
        case Conv():
            return _conv(w, layer, inputs[0])
        case MaxPool():
            return w.pool(layer, inputs[0])
        case AvgPool():
            if layer.kernel == (shape.height, shape.width) and not any(layer.pads):
                return w.node("GlobalAveragePool", layer.name, inputs)
            return w.node(
                "AveragePool",
                layer.name,
                inputs,
                kernel_shape=list(layer.kernel),
                strides=[layer.stride] * 2,
                pads=list(layer.pads),
                count_include_pad=1,
            )
        case Add():
            y = w.node("Add", layer.name, inputs)
            return w.node("Relu", f"{layer.name}_relu", [y]) if layer.relu else y
        case Concat():
            return w.node("Concat", f"{layer.name}_concat", inputs, axis=1)
        case _:
            assert_never(layer)


def _conv(w: Writer, conv: Conv, x: str) -> str:
    tensors = []
    if conv.pad_value.any():
        raise FpgaSqueezeError(f"{conv.name}: pads with other values than zero, which float ONNX cannot say")
    for what, value in (("weight", conv.weight), ("bias", conv.bias)):
        with np.errstate(over="ignore"):
            single = value.astype(np.float32)
        if not np.isfinite(single).all():
            raise FpgaSqueezeError(
                f"{conv.name}: its {what} has a value that float32 cannot hold; train it again"
            )
        tensors.append(w.constant(f"{conv.name}_{what}", single))
    y = w.node(
        "Conv",
        conv.name,
        [x, *tensors],
        kernel_shape=list(conv.kernel),
        strides=[conv.stride] * 2,
        pads=list(conv.pads),
    )
    return w.node("Relu", f"{conv.name}_relu", [y]) if conv.relu else y


def write_float(model: FloatModel, path: str | Path) -> None:
    """Write ``model`` as float ONNX; raises FpgaSqueezeError where the file cannot be written."""
    write_proto(to_onnx(model), Path(path))
