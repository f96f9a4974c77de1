"""Typed layers: a SqueezeNet as a chain of Conv, Fire, MaxPool and GlobalAvgPool, in float and in integers.

The float chain is what a frontend reads; the integer chain (``Q...``) is the one object from which golden,
plan, HLS C++, RTL and the estimate derive. Arrays are frozen after construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from .fixed_point import IntArray, int_range, signed_bits

FloatArray = npt.NDArray[np.float64]
Pads = tuple[int, int, int, int]
"""Padding as (top, left, bottom, right), in pixels."""

MAX_ACC_BITS = 48
"""Accumulator of a DSP48 slice (UG479 and UG579: 48-bit P register)."""

MAX_SHIFTED_BITS = 62
"""A shifted accumulator stays within int64 with room to round."""


@dataclass(frozen=True)
class Shape:
    """A feature map: channels, rows, columns."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


def conv_output_size(size: int, kernel: int, stride: int, before: int, after: int, ceil: bool = False) -> int:
    """Output length of a sliding window; ``ceil`` follows ONNX MaxPool: the last window starts inside the
    data."""
    span = size + before + after - kernel
    if span < 0:
        return 0
    out = (span + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (out - 1) * stride >= size + before:
        out -= 1
    return out


# ---------------------------------------------------------------------------------------------- float layers


@dataclass(frozen=True, eq=False)
class Conv:
    """A float convolution: weight [O, I, K, K], bias [O], square kernel and stride."""

    name: str
    weight: FloatArray
    bias: FloatArray
    stride: int
    pads: Pads
    relu: bool

    @property
    def kernel(self) -> int:
        return int(self.weight.shape[2])

    def output_shape(self, x: Shape) -> Shape:
        t, left, b, r = self.pads
        return Shape(
            int(self.weight.shape[0]),
            conv_output_size(x.height, self.kernel, self.stride, t, b),
            conv_output_size(x.width, self.kernel, self.stride, left, r),
        )


@dataclass(frozen=True, eq=False)
class Fire:
    """A Fire module: squeeze 1x1, then expand 1x1 and expand 3x3 concatenated in that channel order."""

    name: str
    squeeze: Conv
    expand1x1: Conv
    expand3x3: Conv

    @property
    def convs(self) -> tuple[Conv, Conv, Conv]:
        return (self.squeeze, self.expand1x1, self.expand3x3)

    def output_shape(self, x: Shape) -> Shape:
        return Shape(len(self.expand1x1.bias) + len(self.expand3x3.bias), x.height, x.width)


@dataclass(frozen=True)
class MaxPool:
    """Max pooling with a square window; padding never wins (ONNX pads with the smallest value)."""

    name: str
    kernel: int
    stride: int
    pads: Pads
    ceil: bool

    def output_shape(self, x: Shape) -> Shape:
        t, left, b, r = self.pads
        return Shape(
            x.channels,
            conv_output_size(x.height, self.kernel, self.stride, t, b, self.ceil),
            conv_output_size(x.width, self.kernel, self.stride, left, r, self.ceil),
        )


@dataclass(frozen=True)
class GlobalAvgPool:
    """Average over all rows and columns."""

    name: str

    def output_shape(self, x: Shape) -> Shape:
        return Shape(x.channels, 1, 1)


Layer = Conv | Fire | MaxPool | GlobalAvgPool


def convs_of(layer: Layer) -> tuple[Conv, ...]:
    """The convolutions of a layer: one, the three of a Fire module, or none."""
    match layer:
        case Conv():
            return (layer,)
        case Fire():
            return layer.convs
        case MaxPool() | GlobalAvgPool():
            return ()
        case _:
            assert_never(layer)


def with_convs(layer: Layer, convs: Mapping[str, Conv]) -> Layer:
    """``layer`` with the convolutions so named replaced."""
    match layer:
        case Conv():
            return convs.get(layer.name, layer)
        case Fire():
            return Fire(layer.name, *(convs.get(conv.name, conv) for conv in layer.convs))
        case MaxPool() | GlobalAvgPool():
            return layer
        case _:
            assert_never(layer)


@dataclass(frozen=True, eq=False)
class FloatModel:
    """A float network as its file gives it: ``layers`` applied in order to an input of ``input_shape``."""

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    source: str = ""

    @property
    def convs(self) -> list[Conv]:
        """Every convolution, in network order, those inside Fire modules included."""
        return [conv for layer in self.layers for conv in convs_of(layer)]

    def with_convs(self, convs: Mapping[str, Conv]) -> FloatModel:
        """The same network with the convolutions so named replaced."""
        return replace(self, layers=tuple(with_convs(layer, convs) for layer in self.layers))

    def shapes(self) -> list[Shape]:
        """Output shape of each layer, in order; raises FpgaSqueezeError where a layer leaves nothing."""
        out, x = [], self.input_shape
        for layer in self.layers:
            x = layer.output_shape(x)
            if min(x.channels, x.height, x.width) < 1:
                raise FpgaSqueezeError(
                    f"layer {layer.name}: its output would be {x}; the input {self.input_shape} is too small"
                )
            out.append(x)
        return out


# -------------------------------------------------------------------------------------------- integer layers


@dataclass(frozen=True)
class TensorType:
    """An integer tensor: value = integer * 2**-frac, ``bits`` wide, signed or not."""

    shape: Shape
    bits: int
    signed: bool
    frac: int

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        return int_range(self.bits, self.signed)


def _frozen(array: npt.ArrayLike) -> IntArray:
    out = np.array(array, dtype=np.int64)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, eq=False)
class QConv:
    """An integer convolution of the numeric contract.

    weight      int64 [O, I, K, K], each within ``weight_bits`` signed bits, value = integer *
                2**-weight_frac[o]
    bias        int64 [O], at the accumulator's binary point ``input.frac + weight_frac[o]``
    pad_value   int64 [I], the integer that stands outside the image (0 but for a first layer with a folded
                mean)
    """

    name: str
    weight: IntArray
    weight_bits: int
    weight_frac: IntArray
    bias: IntArray
    stride: int
    pads: Pads
    relu: bool
    pad_value: IntArray
    input: TensorType
    output: TensorType

    def __post_init__(self) -> None:
        for field_name in ("weight", "weight_frac", "bias", "pad_value"):
            object.__setattr__(self, field_name, _frozen(getattr(self, field_name)))
        low, high = int_range(self.weight_bits, True)
        if self.weight.size and (self.weight.min() < low or self.weight.max() > high):
            raise FpgaSqueezeError(f"{self.name}: a weight does not fit {self.weight_bits} signed bits")
        if self.acc_bits > MAX_ACC_BITS:
            raise FpgaSqueezeError(
                f"{self.name}: its accumulator needs {self.acc_bits} bits, a DSP48 has {MAX_ACC_BITS}; "
                "use fewer bits or a smaller bias"
            )
        left = -int(self.shift.min(initial=0))
        if self.acc_bits + left > MAX_SHIFTED_BITS:
            raise FpgaSqueezeError(
                f"{self.name}: a channel is shifted left by {left} bits; move its binary point"
            )

    @property
    def kernel(self) -> int:
        return int(self.weight.shape[2])

    @cached_property
    def shift(self) -> IntArray:
        """Right shift of each output channel's requantisation, int64 [O] (negative: left shift)."""
        return _frozen(self.input.frac + self.weight_frac - self.output.frac)

    @cached_property
    def acc_range(self) -> tuple[int, int]:
        """Bounds that no partial sum of the accumulation leaves, bias included or not.

        Each partial sum lies between the sum of the negative terms and the sum of the positive ones; this is
        the proof that the accumulator cannot overflow.
        """
        low, high = self.input.range
        w = self.weight.reshape(self.weight.shape[0], -1)
        pos = np.where(w > 0, w * high, w * low if low else 0).clip(min=0).sum(axis=1)
        neg = np.where(w < 0, w * high, w * low if low else 0).clip(max=0).sum(axis=1)
        return (
            int(np.minimum(neg, neg + self.bias).min(initial=0)),
            int(np.maximum(pos, pos + self.bias).max(initial=0)),
        )

    @cached_property
    def acc_bits(self) -> int:
        """Width of the two's complement accumulator, from ``acc_range``."""
        return signed_bits(*self.acc_range)

    @cached_property
    def acc_magnitude(self) -> int:
        """Largest |partial sum|: the contract's sum of abs(w) * max(x) + abs(bias), over all channels."""
        largest = max(abs(v) for v in self.input.range)
        w = np.abs(self.weight.reshape(self.weight.shape[0], -1)).sum(axis=1)
        return int((w * largest + np.abs(self.bias)).max(initial=0))


@dataclass(frozen=True, eq=False)
class QFire:
    """An integer Fire module; both expand branches share one output type, so that concat is wiring."""

    name: str
    squeeze: QConv
    expand1x1: QConv
    expand3x3: QConv
    output: TensorType

    @property
    def input(self) -> TensorType:
        return self.squeeze.input

    @property
    def convs(self) -> tuple[QConv, QConv, QConv]:
        return (self.squeeze, self.expand1x1, self.expand3x3)


@dataclass(frozen=True, eq=False)
class QMaxPool:
    """Integer max pooling: exact, the output keeps the input's binary point."""

    name: str
    kernel: int
    stride: int
    pads: Pads
    ceil: bool
    input: TensorType
    output: TensorType


@dataclass(frozen=True, eq=False)
class QGlobalAvgPool:
    """Integer global average pool: round_half_even(sum * 2**(output.frac - input.frac) / count)."""

    name: str
    input: TensorType
    output: TensorType

    @property
    def count(self) -> int:
        return self.input.shape.height * self.input.shape.width

    @property
    def extra_frac(self) -> int:
        return self.output.frac - self.input.frac


QLayer = QConv | QFire | QMaxPool | QGlobalAvgPool


@dataclass(frozen=True)
class Preprocess:
    """What the model's preprocessing was, already folded into the first convolution: (pixel - mean) / std.

    mean, std   one number per input channel of the model, in pixel units (0..255), in the order in which the
                model takes its channels: B, G, R where ``bgr``; empty means 0 and 1
    bgr         the model wants channels B, G, R; the accelerator always eats R, G, B
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    bgr: bool = False


@dataclass(frozen=True, eq=False)
class QModel:
    """An integer network: ``layers`` applied in order to raw uint8 pixels of type ``input``; ends in the
    logits. ``calibration`` names the images it was quantised on, where they are known."""

    name: str
    input: TensorType
    layers: tuple[QLayer, ...]
    preprocess: Preprocess = field(default_factory=Preprocess)
    notes: tuple[str, ...] = ()
    calibration: tuple[str, ...] = ()

    @property
    def output(self) -> TensorType:
        return self.layers[-1].output

    @property
    def convs(self) -> list[QConv]:
        """Every convolution, in network order, those inside Fire modules included."""
        out: list[QConv] = []
        for layer in self.layers:
            match layer:
                case QConv():
                    out.append(layer)
                case QFire():
                    out.extend(layer.convs)
                case QMaxPool() | QGlobalAvgPool():
                    pass
                case _:
                    assert_never(layer)
        return out
