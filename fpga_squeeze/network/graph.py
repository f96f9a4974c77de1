"""Typed layers: a network as a graph of Conv, MaxPool, AvgPool, Add and Concat, in float and in integers.

The float graph is what a frontend reads; the integer graph (``Q...``) is the one object from which golden,
plan, HLS C++, RTL and the estimate derive. Arrays are frozen after construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import FpgaSqueezeError
from .fixed_point import IntArray, int_range, signed_bits

FloatArray = npt.NDArray[np.float64]
Pads = tuple[int, int, int, int]
"""Padding as (top, left, bottom, right), in pixels."""
Window = tuple[int, int]
"""Rows and columns of a kernel or of a pooling window."""

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


def window_output(
    channels: int, x: Shape, kernel: Window, stride: int, pads: Pads, ceil: bool = False
) -> Shape:
    """The map that windows over ``x`` give, of ``channels``."""
    top, left, bottom, right = pads
    return Shape(
        channels,
        conv_output_size(x.height, kernel[0], stride, top, bottom, ceil),
        conv_output_size(x.width, kernel[1], stride, left, right, ceil),
    )


# ---------------------------------------------------------------------------------------------- float layers

IMAGE = "image"
"""Name of the tensor that a network reads; every other tensor has the name of the layer that gives it."""


@dataclass(frozen=True, eq=False)
class Conv:
    """A float convolution: weight [O, I, Kh, Kw], bias [O], one stride for rows and columns.

    ``pad_value`` float64 [I] stands outside the map (empty: zeros); ``ceiling`` is the upper limit behind the ReLU.
    """

    name: str
    inputs: tuple[str]
    weight: FloatArray
    bias: FloatArray
    stride: int
    pads: Pads
    relu: bool
    pad_value: FloatArray = field(default_factory=lambda: np.zeros(0))
    ceiling: float = float("inf")

    @property
    def kernel(self) -> Window:
        return int(self.weight.shape[2]), int(self.weight.shape[3])

    def output_shape(self, x: Shape) -> Shape:
        return window_output(int(self.weight.shape[0]), x, self.kernel, self.stride, self.pads)


@dataclass(frozen=True)
class MaxPool:
    """Max pooling; padding never wins (ONNX pads with the smallest value)."""

    name: str
    inputs: tuple[str]
    kernel: Window
    stride: int
    pads: Pads
    ceil: bool

    def output_shape(self, x: Shape) -> Shape:
        return window_output(x.channels, x, self.kernel, self.stride, self.pads, self.ceil)


@dataclass(frozen=True)
class AvgPool:
    """Average over a window, zeros around the map counted (ONNX: count_include_pad=1); over all of it where it covers
    the map."""

    name: str
    inputs: tuple[str]
    kernel: Window
    stride: int
    pads: Pads

    def output_shape(self, x: Shape) -> Shape:
        return window_output(x.channels, x, self.kernel, self.stride, self.pads)


@dataclass(frozen=True)
class Add:
    """The sum of two maps of one shape, a ReLU where ``relu``, and the upper limit ``ceiling`` behind it."""

    name: str
    inputs: tuple[str, str]
    relu: bool
    ceiling: float = float("inf")

    def output_shape(self, x: Shape, y: Shape) -> Shape:
        if x != y:
            raise FpgaSqueezeError(f"layer {self.name}: adds {x} and {y}; both must have one shape")
        return x


@dataclass(frozen=True)
class Concat:
    """Maps of one height and width, one behind the other by channels."""

    name: str
    inputs: tuple[str, ...]

    def output_shape(self, *maps: Shape) -> Shape:
        if len({(x.height, x.width) for x in maps}) != 1:
            raise FpgaSqueezeError(
                f"layer {self.name}: joins {', '.join(map(str, maps))}; heights or widths differ"
            )
        return replace(maps[0], channels=sum(x.channels for x in maps))


Layer = Conv | MaxPool | AvgPool | Add | Concat


@dataclass(frozen=True, eq=False)
class FloatModel:
    """A float network as its file gives it: ``layers`` in an order in which each reads the IMAGE or layers before it.

    The last layer gives the result. ``notes`` tell what of the file was left out.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    source: str = ""
    notes: tuple[str, ...] = ()

    @property
    def convs(self) -> list[Conv]:
        """Every convolution, in network order."""
        return [layer for layer in self.layers if isinstance(layer, Conv)]

    @property
    def readers(self) -> dict[str, list[Layer]]:
        """The layers that read each tensor, in network order."""
        out: dict[str, list[Layer]] = {name: [] for name in (IMAGE, *(layer.name for layer in self.layers))}
        for layer in self.layers:
            for name in dict.fromkeys(layer.inputs):
                out[name].append(layer)
        return out

    @property
    def output_shape(self) -> Shape:
        """Shape of what the last layer gives."""
        return self.shapes()[self.layers[-1].name if self.layers else IMAGE]

    def with_convs(self, convs: Mapping[str, Conv]) -> FloatModel:
        """The same network with the convolutions so named replaced."""
        return replace(
            self,
            layers=tuple(
                convs.get(layer.name, layer) if isinstance(layer, Conv) else layer for layer in self.layers
            ),
        )

    def shapes(self) -> dict[str, Shape]:
        """Shape of every tensor, the IMAGE first; raises FpgaSqueezeError where a layer leaves nothing."""
        out = {IMAGE: self.input_shape}
        for layer in self.layers:
            if layer.name in out:
                raise FpgaSqueezeError(f"layer {layer.name}: another tensor has that name")
            x = layer.output_shape(*(out[name] for name in layer.inputs))
            if min(x.channels, x.height, x.width) < 1:
                raise FpgaSqueezeError(
                    f"layer {layer.name}: its output would be {x}; the input {self.input_shape} is too small"
                )
            out[layer.name] = x
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

    weight      int64 [O, I, Kh, Kw], each within ``weight_bits`` signed bits, value = integer *
                2**-weight_frac[o]
    bias        int64 [O], at the accumulator's binary point ``input.frac + weight_frac[o]``
    pad_value   int64 [I], the integer that stands outside the image (0 but for a first layer with a folded
                mean)
    """

    name: str
    inputs: tuple[str]
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
    def kernel(self) -> Window:
        return int(self.weight.shape[2]), int(self.weight.shape[3])

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
class QMaxPool:
    """Integer max pooling: exact, the output keeps the input's binary point."""

    name: str
    inputs: tuple[str]
    kernel: Window
    stride: int
    pads: Pads
    ceil: bool
    input: TensorType
    output: TensorType


@dataclass(frozen=True, eq=False)
class QAvgPool:
    """Integer average pool: round_half_even(sum * 2**(output.frac - input.frac) / count), zeros around the map."""

    name: str
    inputs: tuple[str]
    kernel: Window
    stride: int
    pads: Pads
    input: TensorType
    output: TensorType

    @property
    def count(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def extra_frac(self) -> int:
        return self.output.frac - self.input.frac

    @property
    def is_global(self) -> bool:
        """Whether its window is the whole map."""
        return self.kernel == (self.input.shape.height, self.input.shape.width) and not any(self.pads)


@dataclass(frozen=True, eq=False)
class QAdd:
    """Integer sum of two maps: binary points are aligned by shifts to the left, the sum is requantised.

    saturate(round_half_even((a * 2**(f - a.frac) + b * 2**(f - b.frac)) * 2**(output.frac - f))), f the larger of both
    ``frac``; where ``relu``, negative results become 0.
    """

    name: str
    inputs: tuple[str, str]
    operands: tuple[TensorType, TensorType]
    relu: bool
    output: TensorType

    def __post_init__(self) -> None:
        if self.sum_bits + max(0, -self.shift) > MAX_SHIFTED_BITS:
            raise FpgaSqueezeError(
                f"{self.name}: its operands lie {max(self.lefts)} bits apart; move a binary point"
            )

    @property
    def lefts(self) -> tuple[int, int]:
        """Places by which each operand moves left before they are added."""
        frac = max(x.frac for x in self.operands)
        return frac - self.operands[0].frac, frac - self.operands[1].frac

    @property
    def shift(self) -> int:
        """Right shift of the requantisation (negative: left shift)."""
        return max(x.frac for x in self.operands) - self.output.frac

    @property
    def sum_bits(self) -> int:
        """Width of the two's complement sum."""
        ranges = [
            (x.range[0] << left, x.range[1] << left)
            for x, left in zip(self.operands, self.lefts, strict=True)
        ]
        return signed_bits(sum(low for low, _ in ranges), sum(high for _, high in ranges))


@dataclass(frozen=True, eq=False)
class QConcat:
    """Maps one behind the other by channels; all have the output's bits, sign and binary point, so it is wiring."""

    name: str
    inputs: tuple[str, ...]
    operands: tuple[TensorType, ...]
    output: TensorType

    def __post_init__(self) -> None:
        for name, operand in zip(self.inputs, self.operands, strict=True):
            if replace(operand, shape=self.output.shape) != self.output:
                raise FpgaSqueezeError(f"{self.name}: {name} has another type than the concatenation")


QLayer = QConv | QMaxPool | QAvgPool | QAdd | QConcat


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
    """An integer network: ``layers`` in an order in which each reads the IMAGE (raw uint8 pixels of type ``input``) or
    layers before it; the last one gives the logits. ``calibration`` names the images it was quantised on, where they
    are known."""

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
        """Every convolution, in network order."""
        return [layer for layer in self.layers if isinstance(layer, QConv)]

    @property
    def types(self) -> dict[str, TensorType]:
        """Type of every tensor, the IMAGE first."""
        return {IMAGE: self.input} | {layer.name: layer.output for layer in self.layers}

    @property
    def readers(self) -> dict[str, list[QLayer]]:
        """The layers that read each tensor, in network order."""
        out: dict[str, list[QLayer]] = {name: [] for name in self.types}
        for layer in self.layers:
            for name in dict.fromkeys(layer.inputs):
                out[name].append(layer)
        return out
