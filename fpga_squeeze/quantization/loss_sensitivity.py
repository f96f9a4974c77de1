"""What an error in a convolution's weights costs the network: the Fisher information, by the chain rule.

To second order, weights that are off by d change the distribution over the classes by a Kullback-Leibler divergence
of d' F d / 2, with F the Fisher information (S. Amari, Natural gradient works efficiently in learning, 1998). Its
diagonal is the mean square, over images, of the gradient of a random sum of the logits whose covariance is that of
the classes: sums of sqrt(p) * sign - p * sum(sqrt(p) * sign) with random signs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..network.fixed_point import IntArray
from ..network.golden import patches
from ..network.graph import Conv, Fire, FloatArray, FloatModel, GlobalAvgPool, Layer, MaxPool, Shape
from ..network.parallel import FrameRunner
from ..network.reference import FloatMap, conv_float, pool_float

MEAN_IMAGES = 8
"""Images from which the mean of a convolution's inputs is taken."""
OWN_SHARE = 0.5
"""Weight of a channel's own value, the layer's mean has the rest: few images say little about one channel."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A convolution and what it read and gave for one image; ``pad_value`` stands outside its input."""

    conv: Conv
    x: FloatMap
    y: FloatMap
    shape: Shape
    pad_value: npt.ArrayLike

    def columns(self) -> FloatMap:
        conv, out = self.conv, self.conv.output_shape(self.shape)
        columns = patches(self.x, conv.kernel, conv.stride, conv.pads, out, self.pad_value)
        return np.asarray(columns, dtype=np.float32)

    def below_relu(self, g: FloatMap) -> FloatMap:
        return g * (self.y > 0) if self.conv.relu else g


def weight_sensitivity(
    model: FloatModel, images: list[FloatMap], pad_value: IntArray
) -> dict[str, FloatArray]:
    """Per convolution by name, float64 [O]: divergence in nats per squared error of one weight of a channel.

    It is the mean over the channel's weights that are not zero, for errors whose mean goes into the bias, and drawn
    towards the layer's mean; outputs of the last convolution, the classes, all get that mean. ``images`` are
    raw pixels [C, H, W], ``pad_value`` [C] stands outside them. Deterministic.
    """
    means: dict[str, FloatArray] = {}
    few = images[:MEAN_IMAGES]
    for x in few:
        for seen in _forward(model, x, pad_value)[0]:
            mean = seen.columns().mean(axis=1, dtype=np.float64) / len(few)
            means[seen.conv.name] = means.get(seen.conv.name, 0) + mean
    numbered = np.arange(len(images))

    def one(number: npt.NDArray[np.int64]) -> FloatArray:
        at = int(number[0])
        return _squared_gradients(model, images[at], pad_value, means, np.random.default_rng(at))[None]

    with FrameRunner(one) as run:
        total = np.asarray(run(numbered), dtype=np.float64).mean(axis=0) / 2
    out, first = {}, 0
    convs = model.convs
    for conv in convs:
        own = total[first : first + len(conv.bias)]
        first += len(conv.bias)
        busy = conv.weight.any(axis=(1, 2, 3))
        common = float(own[busy].mean()) if busy.any() else 0.0
        share = 0.0 if conv is convs[-1] else OWN_SHARE
        out[conv.name] = share * own + (1 - share) * common
    return out


def _forward(
    model: FloatModel, x: FloatMap, pad_value: IntArray
) -> tuple[list[_Seen], list[tuple[Layer, FloatMap, FloatMap, Shape]], FloatMap]:
    """(convolutions in network order, layers with input, output and input shape, what the network gives)."""
    shape, seen, tape = model.input_shape, [], []
    outside: npt.ArrayLike = pad_value
    for layer in model.layers:
        before = x
        match layer:
            case Conv():
                x = conv_float(before, layer, shape, outside)
                seen.append(_Seen(layer, before, x, shape, outside))
                outside = np.zeros(x.shape[0])
            case Fire():
                squeezed = conv_float(before, layer.squeeze, shape, outside)
                inner = layer.squeeze.output_shape(shape)
                seen.append(_Seen(layer.squeeze, before, squeezed, shape, outside))
                none = np.zeros(inner.channels)
                branches = [conv_float(squeezed, c, inner) for c in layer.convs[1:]]
                seen += [
                    _Seen(c, squeezed, y, inner, none) for c, y in zip(layer.convs[1:], branches, strict=True)
                ]
                x = np.concatenate(branches)
                outside = np.zeros(x.shape[0])
            case MaxPool():
                x = pool_float(before, layer, shape)
            case GlobalAvgPool():
                x = np.asarray(before.mean(axis=(1, 2), keepdims=True))
            case _:
                assert_never(layer)
        tape.append((layer, before, x, shape))
        shape = layer.output_shape(shape)
    return seen, tape, x


def _squared_gradients(
    model: FloatModel,
    image: FloatMap,
    pad_value: IntArray,
    means: dict[str, FloatArray],
    rng: np.random.Generator,
) -> FloatArray:
    """Squared gradient of each channel's weights, mean over those that are not zero, of all layers in order."""
    seen, tape, logits = _forward(model, image, pad_value)
    at = {s.conv.name: s for s in seen}
    flat = logits.astype(np.float64).reshape(-1)
    p = np.exp(flat - flat.max())
    p /= p.sum()
    signs = rng.choice([-1.0, 1.0], len(p)) * np.sqrt(p)
    g: FloatMap = (signs - p * signs.sum()).astype(np.float32).reshape(logits.shape)
    found: dict[str, FloatArray] = {}

    def through(conv: Conv, g: FloatMap) -> FloatMap:
        """Note the gradient of the weights; the gradient at the convolution's input."""
        here = at[conv.name]
        g = here.below_relu(g)
        rows = g.reshape(g.shape[0], -1)
        of_weights = (rows @ here.columns().T).astype(np.float64)
        of_weights -= np.outer(rows.sum(axis=1, dtype=np.float64), means[conv.name])
        used = conv.weight.reshape(of_weights.shape) != 0
        squares = np.square(of_weights).sum(axis=1, where=used)
        found[conv.name] = squares / np.maximum(used.sum(axis=1), 1)
        return g

    for layer, x, y, shape in reversed(tape):
        first = layer is model.layers[0]
        match layer:
            case GlobalAvgPool():
                g = np.broadcast_to(g / np.float32(shape.height * shape.width), x.shape)
            case MaxPool():
                g = pool_backward(g, x, y, layer, shape)
            case Conv():
                g = through(layer, g)
                if not first:
                    g = conv_backward(g, layer, shape)
            case Fire():
                inner, ones = layer.squeeze.output_shape(shape), len(layer.expand1x1.bias)
                parts = ((layer.expand1x1, g[:ones]), (layer.expand3x3, g[ones:]))
                below = [conv_backward(through(c, part), c, inner) for c, part in parts]
                g = through(layer.squeeze, sum_of(below))
                if not first:
                    g = conv_backward(g, layer.squeeze, shape)
            case _:
                assert_never(layer)
    return np.concatenate([found[s.conv.name] for s in seen])


def sum_of(maps: list[FloatMap]) -> FloatMap:
    return np.asarray(np.sum(maps, axis=0), dtype=np.float32)


def conv_backward(g: FloatMap, conv: Conv, shape: Shape) -> FloatMap:
    """Gradient at the input [I, H, W] of a convolution from that at its output, ReLU not counted."""
    out, k, s = conv.output_shape(shape), conv.kernel, conv.stride
    top, left, bottom, right = conv.pads
    weight = conv.weight.reshape(out.channels, -1).astype(np.float32)
    columns = (weight.T @ g.reshape(out.channels, -1)).reshape(shape.channels, k, k, out.height, out.width)
    padded = np.zeros((shape.channels, shape.height + top + bottom, shape.width + left + right), np.float32)
    for y in range(k):
        for x in range(k):
            padded[:, y : y + (out.height - 1) * s + 1 : s, x : x + (out.width - 1) * s + 1 : s] += columns[
                :, y, x
            ]
    return padded[:, top : top + shape.height, left : left + shape.width]


def pool_backward(g: FloatMap, x: FloatMap, y: FloatMap, pool: MaxPool, shape: Shape) -> FloatMap:
    """Gradient at the input of a max pool: each output's goes to the first place that holds its value."""
    out, k, s = pool.output_shape(shape), pool.kernel, pool.stride
    top, left = pool.pads[:2]
    size = (shape.channels, shape.height + top + k + s, shape.width + left + k + s)
    values, grads = np.full(size, -np.inf, np.float32), np.zeros(size, np.float32)
    values[:, top : top + shape.height, left : left + shape.width] = x
    open_ = np.ones(y.shape, dtype=bool)
    for dy in range(k):
        for dx in range(k):
            part = (
                slice(None),
                slice(dy, dy + (out.height - 1) * s + 1, s),
                slice(dx, dx + (out.width - 1) * s + 1, s),
            )
            hit = open_ & (values[part] == y)
            grads[part] += np.where(hit, g, 0)
            open_ &= ~hit
    return grads[:, top : top + shape.height, left : left + shape.width]
