"""Writes an integer network as QDQ ONNX (opset 21) that onnxruntime runs and our own reader takes back
unchanged.

The graph eats pixels as float [N, C, H, W] and ends in the dequantised logits, float [N, classes]. Every
float in it is an integer times a power of two; :func:`inexact` tells where float32 could not hold such a
number exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.golden import FLOAT32_EXACT
from ..network.graph import IMAGE, QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from ..network.metadata import METADATA_KEY, OwnMetadata, write_metadata
from ..network.walk import walk
from .writer import Writer, write_proto

OPSET, IR_VERSION = 21, 10
FRAC_LIMIT = 126
"""2**-126 is the smallest normal float32; scales beyond that would be lost."""


def padded_bias(conv: QConv) -> npt.NDArray[np.int64]:
    """Bias [O] of the same convolution on ``x - pad_value`` padded with zeros."""
    return np.asarray(conv.bias + (conv.weight * conv.pad_value[None, :, None, None]).sum(axis=(1, 2, 3)))


def float_magnitude(conv: QConv) -> int:
    """Largest |partial sum|, in units of the accumulator, that a float runner of the exported graph can
    meet."""
    low, high = conv.input.range
    reach = np.maximum(np.abs(low - conv.pad_value), np.abs(high - conv.pad_value))
    sums = (np.abs(conv.weight) * reach[None, :, None, None]).sum(axis=(1, 2, 3))
    return int((sums + np.abs(padded_bias(conv))).max(initial=0))


def inexact(model: QModel) -> list[str]:
    """Why float32 might round in the exported graph, one sentence a layer; empty where equality is proven.

    A convolution is exact while no partial sum reaches 2**24. An average is exact while the sum does not, and
    its rounding is right while the quotient's own error stays below half the distance 1 / (2 N) that
    separates it from a tie: N * 2**(magnitude bits + extra) < 2**24 gives both.
    """
    reasons = []
    for layer in model.layers:
        match layer:
            case QConv():
                reach = float_magnitude(layer)
            case QAvgPool():
                reach = layer.count << (layer.input.bits - layer.input.signed + layer.extra_frac)
            case QAdd():
                reach = sum(
                    max(-x.range[0], x.range[1]) << n
                    for x, n in zip(layer.operands, layer.lefts, strict=True)
                )
            case QMaxPool() | QConcat():
                continue
            case _:
                assert_never(layer)
        if reach >= FLOAT32_EXACT:
            what = "its sum reaches" if isinstance(layer, QAvgPool | QAdd) else "sums reach"
            reasons.append(f"{layer.name}: {what} {reach}, float32 is exact below {FLOAT32_EXACT}")
    return reasons


class _Writer(Writer):
    """The integer network's nodes; each method returns the name of the tensor it made."""

    def scale(self, name: str, frac: npt.ArrayLike) -> str:
        fracs = np.asarray(frac, dtype=np.int32)
        if np.any(np.abs(fracs) > FRAC_LIMIT):
            raise FpgaSqueezeError(f"{name}: a binary point beyond +-{FRAC_LIMIT} has no float32 scale")
        return self.constant(name, np.ldexp(np.float32(1), -fracs).astype(np.float32))

    def quantise(self, name: str, x: str, t: TensorType) -> str:
        """Clip (for widths ONNX has no type for), QuantizeLinear to tensor ``NAME_q``, DequantizeLinear."""
        wide = 8 if t.bits <= 8 else 16
        if t.bits not in (8, 16):
            low, high = (np.ldexp(np.float32(v), -t.frac).astype(np.float32) for v in t.range)
            bounds = [self.constant(f"{name}_low", low), self.constant(f"{name}_high", high)]
            x = self.node("Clip", f"{name}_clip", [x, *bounds])
        scale = self.scale(f"{name}_scale", t.frac)
        zero = self.constant(f"{name}_zero", np.zeros((), dtype=f"{'' if t.signed else 'u'}int{wide}"))
        self.nodes.append(
            helper.make_node("QuantizeLinear", [x, scale, zero], [f"{name}_q"], name=f"{name}_quantize")
        )
        return self.node("DequantizeLinear", f"{name}_dequantize", [f"{name}_q", scale, zero])

    def conv(self, conv: QConv, x: str) -> str:
        """Convolution and ReLU, not yet quantised."""
        name, bias = conv.name, conv.bias
        if conv.pad_value.any():
            mean = np.ldexp(conv.pad_value.astype(np.float32), -conv.input.frac).astype(np.float32)
            x = self.node("Sub", f"{name}_mean", [x, self.constant(f"{name}_pad", mean.reshape(1, -1, 1, 1))])
            bias = padded_bias(conv)
        if np.abs(bias).max(initial=0) > np.iinfo(np.int32).max:
            raise FpgaSqueezeError(
                f"{name}: a bias does not fit the 32 bits of QDQ ONNX; use fewer weight bits"
            )
        weight = self.constant(f"{name}_weight_q", conv.weight.astype(np.int8))
        scale = self.scale(f"{name}_weight_scale", conv.weight_frac)
        weight = self.node("DequantizeLinear", f"{name}_weight", [weight, scale], axis=0)
        ints = self.constant(f"{name}_bias_q", bias.astype(np.int32))
        scale = self.scale(f"{name}_bias_scale", conv.input.frac + conv.weight_frac)
        offset = self.node("DequantizeLinear", f"{name}_bias", [ints, scale], axis=0)
        y = self.node(
            "Conv",
            name,
            [x, weight, offset],
            kernel_shape=list(conv.kernel),
            strides=[conv.stride] * 2,
            pads=list(conv.pads),
        )
        return self.node("Relu", f"{name}_relu", [y]) if conv.relu else y

    def average(self, pool: QAvgPool, x: str) -> str:
        """Sum, then divide: an average pool may multiply by a rounded reciprocal instead and break ties."""
        if pool.is_global:
            axes = self.constant(f"{pool.name}_axes", np.array([2, 3], dtype=np.int64))
            total = self.node("ReduceSum", f"{pool.name}_sum", [x, axes], keepdims=1)
        else:
            channels = pool.input.shape.channels
            ones = self.constant(f"{pool.name}_ones", np.ones((channels, 1, *pool.kernel), dtype=np.float32))
            total = self.node(
                "Conv",
                f"{pool.name}_sum",
                [x, ones],
                kernel_shape=list(pool.kernel),
                strides=[pool.stride] * 2,
                pads=list(pool.pads),
                group=channels,
            )
        return self.node(
            "Div", pool.name, [total, self.constant(f"{pool.name}_count", np.array(pool.count, np.float32))]
        )

    def add(self, add: QAdd, inputs: list[str]) -> str:
        y = self.node("Add", add.name, inputs)
        return self.node("Relu", f"{add.name}_relu", [y]) if add.relu else y

    def layer(self, layer: QLayer, inputs: list[str]) -> str:
        """Any layer, quantised."""
        match layer:
            case QConv():
                y = self.conv(layer, inputs[0])
            case QMaxPool():
                y = self.pool(layer, inputs[0])
            case QAvgPool():
                y = self.average(layer, inputs[0])
            case QAdd():
                y = self.add(layer, inputs)
            case QConcat():
                y = self.node("Concat", f"{layer.name}_concat", inputs, axis=1)
            case _:
                assert_never(layer)
        return self.quantise(layer.name, y, layer.output)


def to_qdq(model: QModel) -> onnx.ModelProto:
    """The exported graph; tensor ``NAME_q`` holds the integers of layer NAME."""
    w, shape = _Writer(), model.input.shape
    x = w.quantise("pixels", "pixels", model.input)
    for _, y in walk(model.layers, {IMAGE: x}, w.layer):
        x = y
    proto = w.model(model.name, "pixels", shape, x, model.output.shape, OPSET, IR_VERSION)
    pre, reasons = model.preprocess, inexact(model)
    own = OwnMetadata(
        model.name,
        tuple(layer.name for layer in model.layers),
        tuple(conv.weight_bits for conv in model.convs),
        tuple(pre.mean),
        tuple(pre.std),
        pre.bgr,
        tuple(model.notes),
        tuple(model.calibration),
        tuple(reasons),
    )
    helper.set_model_props(proto, {METADATA_KEY: write_metadata(own)})
    return proto


def write_qdq(model: QModel, path: str | Path) -> list[str]:
    """Write ``model`` as QDQ ONNX; returns :func:`inexact`, the reasons why float32 might differ (empty: it
    cannot).

    Raises FpgaSqueezeError where the file cannot be written, or a bias or scale has no place in QDQ ONNX.
    """
    write_proto(to_qdq(model), Path(path))
    return inexact(model)
