"""Scales moved between layers: activation steps that are no powers of two, at no cost in hardware.

Convolution, ReLU, max pooling and concatenation are positively homogeneous: a channel that is divided by
s > 0 where it is made and multiplied by s where it is read leaves the network's function as it was. Chosen
so that each channel fills its integers better, s makes finer steps of the same number of bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..network.graph import Conv, Fire, FloatArray, FloatModel, GlobalAvgPool, Layer, MaxPool, Shape
from ..network.reference import FloatMap, conv_float, pool_float

SAMPLES = 256
"""Positions per image at which a tensor is looked at."""
CLIPPING = np.exp2(-np.arange(28) / 8)
"""Clipping points tried for a whole tensor, relative to its largest value."""
WIDEST = 16.0
"""No channel's step differs from the tensor's by more than this."""


def equalise(
    model: FloatModel,
    images: list[FloatMap],
    pad_value: npt.NDArray[np.int64],
    bits: int,
    balance: float,
    on_step: Callable[[str], None] | None = None,
) -> FloatModel:
    """``model`` with every inner channel rescaled so that ``bits`` unsigned bits of step 1 suit ``images``.

    The function of the network is unchanged. ``pad_value`` stands outside the image in the first
    convolution, ``balance`` is that of :class:`.method.Method`. Outputs of the last convolution
    keep their scale.
    """
    layers = list(model.layers)
    last = max((i for i, layer in enumerate(layers) if isinstance(layer, Conv | Fire)), default=-1)
    maps, shape, into = images, model.input_shape, np.ones(model.input_shape.channels)
    pads: npt.NDArray[np.int64] | None = pad_value
    for i, layer in enumerate(layers[: last + 1]):
        match layer:
            case MaxPool():
                maps = [pool_float(x, layer, shape) for x in maps]
            case GlobalAvgPool():
                maps = [x.mean(axis=(1, 2), keepdims=True) for x in maps]
            case Conv():
                if i == last:
                    layers[i] = rescaled(layer, into, None)
                    break
                maps = [conv_float(x, layer, shape, pads) for x in maps]
                after, wide = layer.output_shape(shape), bits - (not layer.relu)
                steps = _consumed_steps(layers, i, maps, after, wide, balance)
                layers[i], into, pads = rescaled(layer, into, steps), steps, None
            case Fire():
                squeezed = [conv_float(x, layer.squeeze, shape, pads) for x in maps]
                inner = layer.squeeze.output_shape(shape)
                middle = channel_steps(squeezed, bits - (not layer.squeeze.relu), balance)
                maps = [np.concatenate([conv_float(x, c, inner) for c in layer.convs[1:]]) for x in squeezed]
                after, wide = layer.output_shape(shape), bits - (not layer.expand1x1.relu)
                steps = np.ones(after.channels)
                if i != last:
                    steps = _consumed_steps(layers, i, maps, after, wide, balance)
                ones = len(layer.expand1x1.bias)
                layers[i] = replace(
                    layer,
                    squeeze=rescaled(layer.squeeze, into, middle),
                    expand1x1=rescaled(layer.expand1x1, middle, steps[:ones]),
                    expand3x3=rescaled(layer.expand3x3, middle, steps[ones:]),
                )
                into, pads = steps, None
            case _:
                assert_never(layer)
        shape = layer.output_shape(shape)
        if on_step:
            on_step(f"equalise {layer.name}")
    return replace(model, layers=tuple(layers))


def rescaled(conv: Conv, into: FloatArray, out: FloatArray | None) -> Conv:
    """``conv`` for inputs divided by ``into`` [I], with outputs divided by ``out`` [O]."""
    weight, bias = conv.weight * into[None, :, None, None], conv.bias
    if out is not None:
        weight, bias = weight / out[:, None, None, None], bias / out
    return replace(conv, weight=weight, bias=bias)


def channel_steps(maps: list[FloatMap], bits: int, balance: float) -> FloatArray:
    """A positive step per channel [C]: between the tensor's best common step and each channel's own.

    ``balance`` says how far: 0 is the common one, 1 the step at which the channel's peak just fits.
    """
    top = (1 << bits) - 1
    flat = [x.reshape(x.shape[0], -1) for x in maps]
    peak = np.max([np.abs(x).max(axis=1) for x in flat], axis=0).astype(np.float64)
    if not peak.any():
        return np.ones(len(peak))
    seen = np.concatenate([x[:, :: -(-x.shape[1] // SAMPLES)] for x in flat], axis=1)
    candidates = peak.max() * CLIPPING / top
    errors = [_error(seen, np.float32(step), top) for step in candidates]
    common = candidates[int(np.argmin(errors))]
    own = np.where(peak > 0, peak / top, common)
    return np.asarray(common * np.clip(own / common, 1 / WIDEST, WIDEST) ** balance)


def _consumed_steps(
    layers: list[Layer], i: int, maps: list[FloatMap], shape: Shape, bits: int, balance: float
) -> FloatArray:
    """Steps of layer ``i``'s output as its consumer sees it: behind a max pool, where one follows."""
    after = layers[i + 1]
    return channel_steps(
        [pool_float(x, after, shape) for x in maps] if isinstance(after, MaxPool) else maps,
        bits,
        balance,
    )


def _error(values: npt.NDArray[np.float32], step: np.float32, top: int) -> float:
    """Mean squared error of ``values`` in integers up to ``top`` times ``step``; signed ones by magnitude."""
    magnitude = np.abs(values)
    left = np.clip(np.rint(magnitude / step), 0, top) * step - magnitude
    return float(np.square(left).mean(dtype=np.float64))
