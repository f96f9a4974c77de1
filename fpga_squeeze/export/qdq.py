"""Writes an integer network as QDQ ONNX (opset 21) that onnxruntime runs and our own reader takes back
unchanged.

The graph eats pixels as float [N, C, H, W] and ends in the dequantised logits, float [N, classes]. Where every
float in it is an integer times a power of two, onnxruntime gives our integers; :func:`inexact` tells where float32
could not hold a number exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.borders import padded
from ..network.fixed_point import int_name, int_range
from ..network.golden import FLOAT32_EXACT
from ..network.graph import IMAGE
from ..network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from ..network.metadata import METADATA_KEY, OwnMetadata, write_metadata
from ..network.walk import walk
from .writer import Writer, window, write_proto

OPSET, IR_VERSION = 21, 10
WIDEST = 16
"""Bits of the widest type that has a QuantizeLinear."""
FRAC_LIMIT = 126
"""2**-126 is the smallest normal float32; scales beyond that would be lost."""


def padded_bias(conv: QConv) -> npt.NDArray[np.int64]:
    """Bias [O] of the same convolution on ``x - pad_value`` padded with zeros."""
    outside = (conv.weight * conv.pad_value[None, :, None, None]).sum(axis=(1, 2, 3))
    return np.asarray(conv.bias + (outside << conv.bias_places))


def float_magnitude(conv: QConv) -> int:
    """Largest |partial sum|, in units of the accumulator, that a float runner of the exported graph can
    meet."""
    low, high = conv.input.range
    reach = np.maximum(np.abs(low - conv.pad_value), np.abs(high - conv.pad_value))
    sums = (np.abs(conv.weight) * reach[None, :, None, None]).sum(axis=(1, 2, 3))
    return int(((sums << conv.bias_places) + np.abs(padded_bias(conv))).max(initial=0))


def inexact(model: QModel) -> list[str]:
    """Why float32 might round in the exported graph, one sentence a layer; empty where equality is proven.

    A convolution is exact while no partial sum reaches 2**24. An average is exact while the sum does not, and
    its rounding is right while the quotient's own error stays below half the distance 1 / (2 N) that
    separates it from a tie: N * 2**(magnitude bits + extra) < 2**24 gives both.
    """
    reasons = []
    for layer in model.layers:
        if not layer.output.plain:
            reasons.append(f"{layer.name}: its scale is no power of two, or its zero point not 0")
            continue
        match layer:
            case QConv():
                reach = float_magnitude(layer)
            case QAvgPool():
                reach = layer.count << (layer.input.bits - layer.input.signed + layer.extra_frac)
            case QAdd():
                reach = sum(
                    max(-x.range[0], x.range[1]) * m
                    for x, m in zip(layer.operands, layer.terms[:2], strict=True)
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

    def scale(self, name: str, value: npt.ArrayLike) -> str:
        scales = np.asarray(value, dtype=np.float64)
        if np.any(np.abs(np.log2(scales)) > FRAC_LIMIT):
            raise FpgaSqueezeError(f"{name}: a binary point beyond +-{FRAC_LIMIT} has no float32 scale")
        return self.constant(name, scales.astype(np.float32))

    def quantise(self, name: str, x: str, t: TensorType, limits: tuple[int, int] | None = None) -> str:
        """Clip (for widths ONNX has no type for), QuantizeLinear to tensor ``NAME_q``, DequantizeLinear."""
        wide = 8 if t.bits <= 8 else 16
        low, high = limits or t.range
        if (low, high) != int_range(wide, t.signed):
            reals = [np.array((v - t.zero) * t.scale, dtype=np.float32) for v in (low, high)]
            bounds = [
                self.constant(f"{name}_{end}", v) for end, v in zip(("low", "high"), reals, strict=True)
            ]
            x = self.node("Clip", f"{name}_clip", [x, *bounds])
        scale, zero = self.meaning(name, t)
        self.nodes.append(
            helper.make_node("QuantizeLinear", [x, scale, zero], [f"{name}_q"], name=f"{name}_quantize")
        )
        return self.node("DequantizeLinear", f"{name}_dequantize", [f"{name}_q", scale, zero])

    def meaning(self, name: str, t: TensorType) -> tuple[str, str]:
        """Scale and zero point of a type."""
        zero = np.array(t.zero, dtype=int_name(8 if t.bits <= 8 else 16, t.signed))
        return self.scale(f"{name}_scale", t.scale), self.constant(f"{name}_zero", zero)

    def image(self, model: QModel) -> str:
        """The pixels, quantised; what they become by a table is looked up in it, channel by channel."""
        if model.pixels is None:
            return self.quantise(IMAGE, "pixels", model.input)
        channels = model.input.shape.channels
        kind = int_name(8 if model.input.bits <= 8 else 16, model.input.signed)
        table = self.constant(f"{IMAGE}_table", model.pixels.reshape(-1).astype(kind))
        starts = self.constant(f"{IMAGE}_starts", 256 * np.arange(channels).reshape(1, -1, 1, 1))
        at = self.node("Cast", f"{IMAGE}_ints", ["pixels"], to=onnx.TensorProto.INT64)
        at = self.node("Add", f"{IMAGE}_at", [at, starts])
        ints = self.node("Gather", f"{IMAGE}_q", [table, at])
        return self.node("DequantizeLinear", f"{IMAGE}_dequantize", [ints, *self.meaning(IMAGE, model.input)])

    def conv(self, conv: QConv, x: str) -> str:
        """Convolution and ReLU, not yet quantised."""
        name, bias = conv.name, padded_bias(conv)
        outside = conv.pad_value - conv.input.zero
        if outside.any():
            mean = (outside * conv.input.scale).astype(np.float32)
            x = self.node("Sub", f"{name}_mean", [x, self.constant(f"{name}_pad", mean.reshape(1, -1, 1, 1))])
        if np.abs(bias).max(initial=0) > np.iinfo(np.int32).max:
            raise FpgaSqueezeError(
                f"{name}: a bias does not fit the 32 bits of QDQ ONNX; use fewer weight bits"
            )
        weight = self.constant(
            f"{name}_weight_q", conv.weight.astype(np.int8 if conv.weight_bits <= 8 else np.int16)
        )
        scale = self.scale(f"{name}_weight_scale", conv.weight_scale)
        weight = self.node("DequantizeLinear", f"{name}_weight", [weight, scale], axis=0)
        ints = self.constant(f"{name}_bias_q", bias.astype(np.int32))
        step = np.float32(conv.input.scale) * conv.weight_scale.astype(np.float32)
        scale = self.scale(f"{name}_bias_scale", np.ldexp(step, -conv.bias_places))
        offset = self.node("DequantizeLinear", f"{name}_bias", [ints, scale], axis=0)
        y = self.node("Conv", name, [x, weight, offset], **window(conv))
        return self.node("Relu", f"{name}_relu", [y]) if conv.relu else y

    def average(self, pool: QAvgPool, x: str) -> str:
        """Sum, then divide: an average pool may multiply by a rounded reciprocal instead and break ties.

        What is not rounded again is left to a float pool.
        """
        if pool.total:
            return self.node("AveragePool", pool.name, [x], **window(pool), count_include_pad=1)
        if pool.is_global and pool.count > 1:  # a sum of one pixel is read as nothing at all
            axes = self.constant(f"{pool.name}_axes", np.array([2, 3], dtype=np.int64))
            total = self.node("ReduceSum", f"{pool.name}_sum", [x, axes], keepdims=1)
        else:
            channels = pool.input.shape.channels
            ones = self.constant(f"{pool.name}_ones", np.ones((channels, 1, *pool.kernel), dtype=np.float32))
            total = self.node("Conv", f"{pool.name}_sum", [x, ones], **window(pool), group=channels)
        return self.node(
            "Div", pool.name, [total, self.constant(f"{pool.name}_count", np.array(pool.count, np.float32))]
        )

    def add(self, add: QAdd, inputs: list[str]) -> str:
        y = self.node("Add", add.name, inputs)
        return self.node("Relu", f"{add.name}_relu", [y]) if add.relu else y

    def layer(self, layer: QLayer, inputs: list[str]) -> str:
        """Any layer, quantised."""
        limits = None
        match layer:
            case QConv():
                y, limits = self.conv(layer, inputs[0]), layer.output.limits(False, layer.ceiling)
            case QMaxPool():
                y = self.pool(layer, inputs[0])
            case QAvgPool():
                y = self.average(layer, inputs[0])
                if layer.total:
                    return y
            case QAdd():
                y, limits = self.add(layer, inputs), layer.output.limits(False, layer.ceiling)
            case QConcat():
                y = self.node("Concat", f"{layer.name}_concat", inputs, axis=1)
            case _:
                assert_never(layer)
        if layer.output.bits > WIDEST:  # sums that leave in float
            return y
        return self.quantise(layer.name, y, layer.output, limits)


def to_qdq(model: QModel) -> onnx.ModelProto:
    """The exported graph; tensor ``NAME_q`` holds the integers of layer NAME, those of a border among them."""
    model = padded(model)
    w, shape = _Writer(), model.input.shape
    x = w.image(model)
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
        tuple((t.bits, t.signed) for t in model.types.values()),
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
