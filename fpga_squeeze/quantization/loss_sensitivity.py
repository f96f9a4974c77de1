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

from ..network.graph import (
    IMAGE,
    Add,
    AvgPool,
    Concat,
    Conv,
    FloatArray,
    FloatModel,
    Layer,
    MaxPool,
    Pads,
    Shape,
    Window,
)
from ..network.parallel import FrameRunner
from ..network.reference import FloatMap, conv_columns_float, layer_float
from ..network.walk import walk
from .groups import last_convs

MEAN_IMAGES = 8
"""Images from which the mean of a convolution's inputs is taken."""
OWN_SHARE = 0.5
"""Weight of a channel's own value, the layer's mean has the rest: few images say little about one channel."""


@dataclass(frozen=True, eq=False)
class _Done:
    """A layer, what it read and what it gave for one image."""

    layer: Layer
    inputs: list[FloatMap]
    y: FloatMap


def weight_sensitivity(model: FloatModel, images: list[FloatMap]) -> dict[str, FloatArray]:
    """Per convolution by name, float64 [O]: divergence in nats per squared error of one weight of a channel.

    It is the mean over the channel's weights that are not zero, for errors whose mean goes into the bias, and drawn
    towards the layer's mean; outputs of the last convolutions, the classes, all get that mean. ``images`` are
    raw pixels [C, H, W]. Deterministic.
    """
    means: dict[str, FloatArray] = {}
    few = images[:MEAN_IMAGES]
    for x in few:
        for done in _forward(model, x):
            if isinstance(done.layer, Conv):
                columns = conv_columns_float(done.inputs[0], done.layer)
                mean = columns.mean(axis=1, dtype=np.float64) / len(few)
                means[done.layer.name] = means.get(done.layer.name, 0) + mean
    numbered = np.arange(len(images))

    def one(number: npt.NDArray[np.int64]) -> FloatArray:
        at = int(number[0])
        return _squared_gradients(model, images[at], means, np.random.default_rng(at))[None]

    with FrameRunner(one) as run:
        total = np.asarray(run(numbered), dtype=np.float64).mean(axis=0) / 2
    out, first = {}, 0
    last = last_convs(model)
    for conv in model.convs:
        own = total[first : first + len(conv.bias)]
        first += len(conv.bias)
        busy = conv.weight.any(axis=(1, 2, 3))
        common = float(own[busy].mean()) if busy.any() else 0.0
        share = 0.0 if conv.name in last else OWN_SHARE
        out[conv.name] = share * own + (1 - share) * common
    return out


def _forward(model: FloatModel, x: FloatMap) -> list[_Done]:
    """Every layer with its maps, in network order."""
    done: list[_Done] = []

    def run(layer: Layer, inputs: list[FloatMap]) -> FloatMap:
        done.append(_Done(layer, inputs, layer_float(layer, inputs)))
        return done[-1].y

    for _ in walk(model.layers, {IMAGE: x}, run):
        pass
    return done


def _squared_gradients(
    model: FloatModel, image: FloatMap, means: dict[str, FloatArray], rng: np.random.Generator
) -> FloatArray:
    """Squared gradient of each channel's weights, mean over those that are not zero, of all layers in order."""
    tape = _forward(model, image)
    logits = tape[-1].y
    flat = logits.astype(np.float64).reshape(-1)
    p = np.exp(flat - flat.max())
    p /= p.sum()
    signs = rng.choice([-1.0, 1.0], len(p)) * np.sqrt(p)
    g: FloatMap = (signs - p * signs.sum()).astype(np.float32).reshape(logits.shape)
    gradients, found = {tape[-1].layer.name: g}, dict[str, FloatArray]()
    for done in reversed(tape):
        layer = done.layer
        g = gradients.pop(layer.name)
        if isinstance(layer, Conv | Add) and layer.relu:
            g = g * (done.y > 0)
        if isinstance(layer, Conv):
            found[layer.name] = _of_weights(layer, done.inputs[0], g, means[layer.name])
        if layer.inputs == (IMAGE,):
            continue
        for name, below in zip(layer.inputs, backward(layer, done.inputs, done.y, g), strict=True):
            gradients[name] = gradients[name] + below if name in gradients else below
    return np.concatenate([found[conv.name] for conv in model.convs])


def _of_weights(conv: Conv, x: FloatMap, g: FloatMap, mean: FloatArray) -> FloatArray:
    """Squared gradient [O] of the weights, mean over those that are not zero, for gradient ``g`` of the sums."""
    rows = g.reshape(g.shape[0], -1)
    of_weights = (rows @ conv_columns_float(x, conv).T).astype(np.float64)
    of_weights -= np.outer(rows.sum(axis=1, dtype=np.float64), mean)
    used = conv.weight.reshape(of_weights.shape) != 0
    squares = np.square(of_weights).sum(axis=1, where=used)
    return np.asarray(squares / np.maximum(used.sum(axis=1), 1))


def backward(layer: Layer, inputs: list[FloatMap], y: FloatMap, g: FloatMap) -> list[FloatMap]:
    """Gradients at the inputs of a layer from that at its output ``y``, ReLU not counted."""
    match layer:
        case Conv():
            return [conv_backward(g, layer, Shape(*inputs[0].shape))]
        case MaxPool():
            return [pool_backward(g, inputs[0], y, layer)]
        case AvgPool():
            return [average_backward(g, layer, Shape(*inputs[0].shape))]
        case Add():
            return [g, g]
        case Concat():
            ends = np.cumsum([len(x) for x in inputs])
            return list(np.split(g, ends[:-1]))
        case _:
            assert_never(layer)


def spread(columns: FloatMap, kernel: Window, stride: int, pads: Pads, shape: Shape) -> FloatMap:
    """What windows hand back to the map [C, H, W] of ``shape`` they were taken from: ``columns`` [C, Kh, Kw, Ho, Wo]."""
    (kh, kw), (height, width) = kernel, columns.shape[3:]
    top, left, bottom, right = pads
    padded = np.zeros((shape.channels, shape.height + top + bottom, shape.width + left + right), np.float32)
    for y in range(kh):
        for x in range(kw):
            padded[
                :, y : y + (height - 1) * stride + 1 : stride, x : x + (width - 1) * stride + 1 : stride
            ] += columns[:, y, x]
    return padded[:, top : top + shape.height, left : left + shape.width]


def conv_backward(g: FloatMap, conv: Conv, shape: Shape) -> FloatMap:
    """Gradient at the input [I, H, W] of a convolution from that at its output, ReLU not counted."""
    out = conv.output_shape(shape)
    weight = conv.weight.reshape(out.channels, -1).astype(np.float32)
    columns = weight.T @ g.reshape(out.channels, -1)
    columns = columns.reshape(shape.channels, *conv.kernel, out.height, out.width)
    return spread(columns, conv.kernel, conv.stride, conv.pads, shape)


def average_backward(g: FloatMap, pool: AvgPool, shape: Shape) -> FloatMap:
    """Gradient at the input of an average: each output's, shared out evenly."""
    share = g / np.float32(pool.kernel[0] * pool.kernel[1])
    columns = np.broadcast_to(share[:, None, None], (shape.channels, *pool.kernel, *g.shape[1:]))
    return spread(columns, pool.kernel, pool.stride, pool.pads, shape)


def pool_backward(g: FloatMap, x: FloatMap, y: FloatMap, pool: MaxPool) -> FloatMap:
    """Gradient at the input of a max pool: each output's goes to the first place that holds its value."""
    shape, (kh, kw), s = Shape(*x.shape), pool.kernel, pool.stride
    out = pool.output_shape(shape)
    top, left = pool.pads[:2]
    size = (shape.channels, shape.height + top + kh + s, shape.width + left + kw + s)
    values, grads = np.full(size, -np.inf, np.float32), np.zeros(size, np.float32)
    values[:, top : top + shape.height, left : left + shape.width] = x
    open_ = np.ones(y.shape, dtype=bool)
    for dy in range(kh):
        for dx in range(kw):
            part = (
                slice(None),
                slice(dy, dy + (out.height - 1) * s + 1, s),
                slice(dx, dx + (out.width - 1) * s + 1, s),
            )
            hit = open_ & (values[part] == y)
            grads[part] += np.where(hit, g, 0)
            open_ &= ~hit
    return grads[:, top : top + shape.height, left : left + shape.width]
