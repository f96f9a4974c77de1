"""Writes a float network as ONNX that every reader of float models, ours included, takes back value for value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool, Shape
from ..network.walk import walk
from .writer import Writer, window, write_proto

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
            return w.node("AveragePool", layer.name, inputs, **window(layer), count_include_pad=1)
        case Add():
            return _limited(w, layer, w.node("Add", layer.name, inputs))
        case Concat():
            return w.node("Concat", f"{layer.name}_concat", inputs, axis=1)
        case _:
            assert_never(layer)


def _conv(w: Writer, conv: Conv, x: str) -> str:
    """``x`` through a convolution; of what it pads with it is freed first, so that zeros stand around."""
    tensors, bias = [], conv.bias
    if conv.pad_value.any():
        around = w.constant(f"{conv.name}_around", conv.pad_value.astype(np.float32)[None, :, None, None])
        x = w.node("Sub", f"{conv.name}_sub", [x, around])
        bias = bias + (conv.weight * conv.pad_value[None, :, None, None]).sum(axis=(1, 2, 3))
    for what, value in (("weight", conv.weight), ("bias", bias)):
        with np.errstate(over="ignore"):
            single = value.astype(np.float32)
        if not np.isfinite(single).all():
            raise FpgaSqueezeError(
                f"{conv.name}: its {what} has a value that float32 cannot hold; train it again"
            )
        tensors.append(w.constant(f"{conv.name}_{what}", single))
    y = w.node("Conv", conv.name, [x, *tensors], **window(conv))
    return _limited(w, conv, y)


def _limited(w: Writer, layer: Conv | Add, y: str) -> str:
    """``y`` behind the layer's ReLU and upper limit."""
    if not np.isfinite(layer.ceiling):
        return w.node("Relu", f"{layer.name}_relu", [y]) if layer.relu else y
    low = w.constant(f"{layer.name}_low", np.array(0 if layer.relu else -np.inf, dtype=np.float32))
    high = w.constant(f"{layer.name}_high", np.array(layer.ceiling, dtype=np.float32))
    return w.node("Clip", f"{layer.name}_clip", [y, low, high])


def write_float(model: FloatModel, path: str | Path) -> None:
    """Write ``model`` as float ONNX; raises FpgaSqueezeError where the file cannot be written."""
    write_proto(to_onnx(model), Path(path))
