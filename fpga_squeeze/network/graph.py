"""A float network as a graph of Conv, MaxPool, AvgPool, Add and Concat: what a frontend reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..errors import FpgaSqueezeError

FloatArray = npt.NDArray[np.float64]
Pads = tuple[int, int, int, int]
"""Padding as (top, left, bottom, right), in pixels."""
Window = tuple[int, int]
"""Rows and columns of a kernel or of a pooling window."""


@dataclass(frozen=True)
class Shape:
    """A feature map: channels, rows, columns."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"

    @property
    def area(self) -> int:
        """Pixels of a channel."""
        return self.height * self.width

    @property
    def size(self) -> int:
        """Pixels of all channels."""
        return self.channels * self.area


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

    ``pad_value`` float64 [I] stands outside the map (empty: zeros); nothing above ``ceiling`` leaves (ReLU6: 6).
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
    """The sum of two maps of one shape, and a ReLU where ``relu``; nothing above ``ceiling`` leaves."""

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

    @property
    def parameters(self) -> int:
        """Weights and biases of all convolutions."""
        return sum(conv.weight.size + conv.bias.size for conv in self.convs)

    @property
    def macs(self) -> int:
        """Multiplications of all convolutions per frame, those by zeros and by padding counted."""
        shapes = self.shapes()
        return sum(shapes[conv.name].area * conv.weight.size for conv in self.convs)

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
