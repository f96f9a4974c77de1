"""A FloatModel as torch computes it, with weights that can be learned and are given back as a FloatModel.

The one description of a network is the FloatModel; nothing is built a second time for torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from typing_extensions import assert_never

from ..datasets.images import ImageArray
from ..errors import FpgaSqueezeError
from ..network.fixed_point import IntArray
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool, Preprocess, Shape
from ..network.reference import channel_statistics
from ..network.walk import walk

Tensor = Any
"""A torch.Tensor; torch need not be there."""


def need_torch() -> Any:
    """The torch module; raises FpgaSqueezeError where it is missing."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise FpgaSqueezeError(
            "torch, which trains, is missing; install it with: pip install 'fpga-squeeze[torch]'"
        ) from error


class Network:
    """The weights of ``model`` as torch tensors, and what it computes of images.

    ties   by layer: int64 codes of its weights' shape. Weights of code 0 are zero and stay so; weights of one other
           code are one number, and its gradient is the sum of theirs (S. Han et al., arXiv:1510.00149, section 3)
    learn  False: weights stay as they are, only biases are learned
    full   the largest number that enters: weights that read the image are kept times this, so that all weights are
           of about one size and one rate of learning suits them
    """

    def __init__(
        self,
        model: FloatModel,
        preprocess: Preprocess,
        ties: Mapping[str, IntArray] | None = None,
        learn: bool = True,
    ) -> None:
        self.torch = need_torch()
        self.model, self.preprocess, self.learn = model, preprocess, learn
        self.ties = dict(ties or {}) if learn else {}
        self.values: dict[str, Tensor] = {}
        self.biases: dict[str, Tensor] = {}
        self._codes: dict[str, Tensor] = {}
        mean, std, _ = channel_statistics(preprocess, model.input_shape.channels)
        self.full = float(np.max(np.maximum(np.abs(mean), np.abs(255 - mean)) / std))
        for conv in model.convs:
            weight = conv.weight * self._scale(conv)
            if conv.name in self.ties:
                codes = self.ties[conv.name]
                self._codes[conv.name] = self.torch.from_numpy(codes)
                weight = tied_values(weight, codes)
            self.values[conv.name] = self._parameter(weight)
            self.biases[conv.name] = self._parameter(conv.bias)

    def _parameter(self, array: Any) -> Tensor:
        return self.torch.tensor(array, dtype=self.torch.float32, requires_grad=True)

    def _scale(self, conv: Conv) -> float:
        return self.full if conv.inputs == (IMAGE,) else 1.0

    @property
    def parameters(self) -> list[Tensor]:
        """All that is learned."""
        return [*(self.values.values() if self.learn else ()), *self.biases.values()]

    def weight(self, name: str) -> Tensor:
        """The weights [O, I, Kh, Kw] of a layer, as a function of what is learned."""
        values = self.values[name]
        if name not in self._codes:
            return values
        with_zero = self.torch.nn.functional.pad(values, (1, 0))
        return with_zero[self._codes[name]]

    def pixels(self, images: ImageArray) -> Tensor:
        """``images`` uint8 [N, H, W, C] as the network reads them, float32 [N, C, H, W]."""
        mean, std, order = channel_statistics(self.preprocess, self.model.input_shape.channels)
        x = images.transpose(0, 3, 1, 2)[:, order].astype(np.float32)
        x = (x - mean.astype(np.float32)[:, None, None]) / std.astype(np.float32)[:, None, None]
        return self.torch.from_numpy(np.ascontiguousarray(x))

    def logits(self, x: Tensor, dropout: float = 0.0) -> Tensor:
        """Logits [N, classes] for ``x`` [N, C, H, W]; ``dropout`` is the share left out of what the last convolution
        reads."""
        last = self.model.convs[-1].name

        def run(layer: Layer, inputs: list[Tensor]) -> Tensor:
            if dropout and layer.name == last:
                inputs = [self.torch.nn.functional.dropout(inputs[0], dropout)]
            return self.layer(layer, inputs)

        for _, x in walk(self.model.layers, {IMAGE: x}, run):  # noqa: B007, B020  (the last one's is the result)
            pass
        return x.flatten(1)

    def layer(self, layer: Layer, inputs: list[Tensor]) -> Tensor:
        """What ``layer`` gives for what it reads."""
        functional, x = self.torch.nn.functional, inputs[0]
        match layer:
            case Conv():
                scale = self._scale(layer)
                y = self._convolved(x if scale == 1 else x / scale, layer)
                return _limited(y, layer)
            case MaxPool():
                around = _window_pads(layer, x.shape)
                x = functional.pad(x, around, value=-np.inf) if any(around) else x
                return functional.max_pool2d(x, layer.kernel, layer.stride)
            case AvgPool():
                return functional.avg_pool2d(
                    functional.pad(x, _around(layer.pads)), layer.kernel, layer.stride
                )
            case Add():
                return _limited(inputs[0] + inputs[1], layer)
            case Concat():
                return self.torch.cat(inputs, 1)
            case _:
                assert_never(layer)

    def _convolved(self, x: Tensor, layer: Conv) -> Tensor:
        functional, (top, left, bottom, right) = self.torch.nn.functional, layer.pads
        outside = layer.pad_value[:, None, None] / self._scale(layer)
        weight, bias = self.weight(layer.name), self.biases[layer.name]
        if outside.any():
            around = self.torch.tensor(outside, dtype=self.torch.float32)
            x = functional.pad(x - around, _around(layer.pads)) + around
        elif (top, left) == (bottom, right):  # no copy of the map
            return functional.conv2d(x, weight, bias, layer.stride, (top, left))
        else:
            x = functional.pad(x, _around(layer.pads))
        return functional.conv2d(x, weight, bias, layer.stride)

    def state(self) -> list[Tensor]:
        """A copy of all that is learned, for :meth:`restore`."""
        return [p.detach().clone() for p in self.parameters]

    def restore(self, state: list[Tensor]) -> None:
        with self.torch.no_grad():
            for p, kept in zip(self.parameters, state, strict=True):
                p.copy_(kept)

    def trained(self) -> FloatModel:
        """The network with what was learned: float32 values, in float64 arrays as everywhere."""
        convs = {}
        for conv in self.model.convs:
            bias = self.biases[conv.name].detach().numpy().astype(np.float64)
            convs[conv.name] = replace(conv, bias=bias)
            if not self.learn:
                continue
            values = self.values[conv.name].detach().numpy().astype(np.float64) / self._scale(conv)
            codes = self.ties.get(conv.name)
            weight = values if codes is None else np.append(0.0, values)[codes]
            weight = weight.astype(np.float32).astype(np.float64)
            convs[conv.name] = replace(convs[conv.name], weight=weight)
        return self.model.with_convs(convs)


def tied_values(weight: Any, codes: IntArray) -> Any:
    """The number that each code from 1 on stands for: the mean of its weights, 0 of a code without any."""
    flat = codes.reshape(-1)
    count, total = (np.bincount(flat, w) for w in (None, weight.reshape(-1)))
    return (total / np.maximum(count, 1))[1:]


def keeps(codes: IntArray, weight: Any) -> bool:
    """Whether ``weight`` is zero where the codes are, and one number for each of the others."""
    values = tied_values(weight, codes)
    return bool(np.allclose(np.append(0.0, values)[codes], weight, rtol=1e-12, atol=0))


def own_codes(weight: Any) -> IntArray:
    """Codes that keep zeros as they are and give every other weight its own number."""
    kept = weight != 0
    return np.where(kept, np.cumsum(kept).reshape(kept.shape), 0).astype(np.int64)


def _around(pads: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) in torch's order."""
    top, left, bottom, right = pads
    return left, right, top, bottom


def _window_pads(pool: MaxPool, size: Any) -> tuple[int, int, int, int]:
    """What has to stand around a map so that its windows, in ceil mode or not, just fill it; negative: left out."""
    _, channels, height, width = size
    out = pool.output_shape(Shape(channels, height, width))
    rows, columns = (
        (n - 1) * pool.stride + k for n, k in zip((out.height, out.width), pool.kernel, strict=True)
    )
    top, left = pool.pads[:2]
    return left, columns - width - left, top, rows - height - top


def _limited(y: Tensor, layer: Conv | Add) -> Tensor:
    y = y.relu() if layer.relu else y
    return y.clamp(max=layer.ceiling) if np.isfinite(layer.ceiling) else y
