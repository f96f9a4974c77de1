"""Grows a FloatModel layer by layer, with random weights."""

from __future__ import annotations

import numpy as np

from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool, Pads, Shape, Window

PIXEL = 128.0
"""Magnitude of raw pixels, by which the weights of a first layer are smaller."""
BIAS = 0.1
"""Standard deviation of biases; that of activations is about one."""


def same(kernel: Window) -> Pads:
    """Padding with which a kernel of odd sides keeps the size of its map."""
    rows, columns = kernel[0] // 2, kernel[1] // 2
    return (rows, columns, rows, columns)


class Builder:
    """Every method adds a layer that reads the tensor named and returns the name of the one it gives.

    Weights are normal with variance 2 / (terms of a sum), which keeps the scale of activations through ReLU (K. He et
    al., arXiv:1502.01852).
    """

    def __init__(self, shape: Shape, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.input = shape
        self.layers: list[Layer] = []
        self.shapes = {IMAGE: shape}

    def _keep(self, layer: Layer) -> str:
        self.shapes[layer.name] = layer.output_shape(*(self.shapes[name] for name in layer.inputs))
        self.layers.append(layer)
        return layer.name

    def conv(
        self,
        name: str,
        at: str,
        channels: int,
        kernel: int | Window,
        stride: int = 1,
        pads: Pads | None = None,
        relu: bool = True,
    ) -> str:
        """A convolution; without ``pads`` it keeps the size of its map, but for the stride."""
        window = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (channels, self.shapes[at].channels, *window)
        scale = np.sqrt(2 / np.prod(shape[1:])) / (PIXEL if at == IMAGE else 1)
        weight = self.rng.normal(0, scale, shape)
        bias = self.rng.normal(0, BIAS, channels)
        around = same(window) if pads is None else pads
        return self._keep(Conv(name, (at,), weight, bias, stride, around, relu))

    def max_pool(
        self, name: str, at: str, kernel: int = 3, stride: int = 2, pad: int = 0, ceil: bool = True
    ) -> str:
        return self._keep(MaxPool(name, (at,), (kernel, kernel), stride, (pad, pad, pad, pad), ceil))

    def average(self, name: str, at: str) -> str:
        """The average over the whole map."""
        x = self.shapes[at]
        return self._keep(AvgPool(name, (at,), (x.height, x.width), 1, (0, 0, 0, 0)))

    def add(self, name: str, a: str, b: str, relu: bool = False) -> str:
        return self._keep(Add(name, (a, b), relu))

    def concat(self, name: str, *parts: str) -> str:
        return self._keep(Concat(name, parts))

    def model(self, name: str) -> FloatModel:
        return FloatModel(name, self.input, tuple(self.layers))
