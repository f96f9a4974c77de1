"""Writes a float network as ONNX that every reader of float models, ours included, takes back value for value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.graph import Conv, Fire, FloatModel, GlobalAvgPool, MaxPool
from .writer import Writer, write_proto

OPSET, IR_VERSION = 17, 8
INPUT = "data"


def to_onnx(model: FloatModel) -> onnx.ModelProto:
    """``model`` with float32 weights: input ``data`` [N, C, H, W], output ``logits`` [N, classes]."""
    w, x = Writer(), INPUT
    for layer in model.layers:
        match layer:
            case Conv():
                x = _conv(w, layer, x)
            case Fire():
                squeezed = _conv(w, layer.squeeze, x)
                branches = [_conv(w, conv, squeezed) for conv in (layer.expand1x1, layer.expand3x3)]
                x = w.node("Concat", f"{layer.name}_concat", branches, axis=1)
            case MaxPool():
                x = w.pool(layer, x)
            case GlobalAvgPool():
                x = w.node("GlobalAveragePool", layer.name, [x])
            case _:
                assert_never(layer)
    return w.model(model.name, INPUT, model.input_shape, x, model.shapes()[-1], OPSET, IR_VERSION)


def _conv(w: Writer, conv: Conv, x: str) -> str:
    k = conv.kernel
    tensors = []
    for what, value in (("weight", conv.weight), ("bias", conv.bias)):
        with np.errstate(over="ignore"):
            single = value.astype(np.float32)
        if not np.isfinite(single).all():
            raise FpgaSqueezeError(
                f"{conv.name}: its {what} has a value that float32 cannot hold; train it again"
            )
        tensors.append(w.constant(f"{conv.name}_{what}", single))
    y = w.node(
        "Conv", conv.name, [x, *tensors], kernel_shape=[k, k], strides=[conv.stride] * 2, pads=list(conv.pads)
    )
    return w.node("Relu", f"{conv.name}_relu", [y]) if conv.relu else y


def write_float(model: FloatModel, path: str | Path) -> None:
    """Write ``model`` as float ONNX; raises FpgaSqueezeError where the file cannot be written."""
    write_proto(to_onnx(model), Path(path))
