"""Post-training quantisation: a float network and some images become integers and binary points.

Layer by layer in network order, each fed by the layers already quantised, so that every choice sees the
integers the hardware will see. Binary points are chosen by squared error over the images, not by the largest
value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network import golden
from ..network.fixed_point import IntArray, int_range
from ..network.golden import FLOAT32_EXACT, FloatInts
from ..network.graph import (
    Conv,
    Fire,
    FloatModel,
    GlobalAvgPool,
    MaxPool,
    Preprocess,
    QConv,
    QFire,
    QGlobalAvgPool,
    QLayer,
    QMaxPool,
    QModel,
    Shape,
    TensorType,
)
from ..network.reference import (
    PRESETS,
    FloatMap,
    channel_statistics,
    check_size,
    conv_float,
    float_logits,
    pool_float,
)
from .budget import WeightBudget
from .equalise import equalise
from .loss_sensitivity import weight_sensitivity
from .method import DEFAULT, Method
from .weights import quantise_weights

__all__ = ["PRESETS", "fold_preprocess", "float_logits", "quantize"]

WIDE_BITS = 16
"""Width of the last convolution's output, where the sum over its map allows."""
WIDE_HEADROOM = 2
"""Bits kept free above the largest value seen in the last convolution."""
FRAC_CANDIDATES = 6
"""Binary points tried per tensor: from the one that saturates nothing to this many steps finer."""


def quantize(
    model: FloatModel,
    images: npt.NDArray[np.uint8],
    preprocess: Preprocess = PRESETS["none"],
    weight_bits: int = 8,
    activation_bits: int = 8,
    on_step: Callable[[str], None] | None = None,
    method: Method = DEFAULT,
    weight_budget: int | None = None,
) -> QModel:
    """Quantise ``model`` to the numeric contract, calibrated on uint8 ``images`` [N, H, W, C].

    The result eats raw pixels (R, G, B): ``preprocess`` is folded into the first convolution. ``on_step`` is
    called with each layer's name once it is done. ``weight_budget`` bounds the bits of the weights as Huffman
    codes. Deterministic. Raises FpgaSqueezeError for images of
    another size, no images, widths outside 2..8, or a preprocessing that does not fit the model.
    """
    for what, bits in (("weight", weight_bits), ("activation", activation_bits)):
        if not 2 <= bits <= 8:
            raise FpgaSqueezeError(f"{bits} {what} bits; 2 to 8 are supported")
    if weight_budget is not None and weight_budget < 1:
        raise FpgaSqueezeError(f"field weight_budget {weight_budget}: give the bits all weights may take")
    if not len(images):
        raise FpgaSqueezeError("no calibration images; give at least one")
    check_size(model, images)
    model, pad_value, notes = fold_preprocess(model, preprocess)
    source = TensorType(model.input_shape, 8, False, 0)
    maps = [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in images]
    real = [x.astype(np.float32) for x in maps]
    if method.balance is not None:
        model = equalise(model, real, pad_value, activation_bits, method.balance, on_step)
    budget = None
    if weight_budget is not None:
        sensitivity = weight_sensitivity(model, real, pad_value)
        if on_step:
            on_step("sensitivity of the weights")
        budget = WeightBudget(model.convs, sensitivity, weight_budget, weight_bits)
    work = _Work(maps, real, weight_bits, activation_bits, pad_value, method, budget)
    layers: list[QLayer] = []
    at, shapes = source, model.shapes()
    last = max((i for i, layer in enumerate(model.layers) if isinstance(layer, Conv | Fire)), default=-1)
    for i, (layer, shape) in enumerate(zip(model.layers, shapes, strict=True)):
        match layer:
            case Conv():
                layers.append(work.conv(layer, at, _wide_bits(model, layer) if i == last else None))
            case Fire():
                layers.append(work.fire(layer, at))
            case MaxPool():
                layers.append(work.pool(layer, at, shape))
            case GlobalAvgPool():
                layers.append(work.average(layer, at, shape))
            case _:
                assert_never(layer)
        at = layers[-1].output
        if on_step:
            on_step(layer.name)
    return QModel(model.name, source, tuple(layers), preprocess, notes)


def fold_preprocess(
    model: FloatModel, preprocess: Preprocess
) -> tuple[FloatModel, IntArray, tuple[str, ...]]:
    """(the model on raw R, G, B pixels, pad value int64 [C] of its first convolution, notes for the user).

    ``(pixel - mean) / std`` goes into the first convolution's weights and bias. Zero padding of the model's
    input becomes padding with the mean, rounded to a pixel.
    """
    channels = model.input_shape.channels
    mean, std, order = channel_statistics(preprocess, channels)
    zero = np.zeros(channels, dtype=np.int64)
    if not mean.any() and np.all(std == 1) and not preprocess.bgr:
        return model, zero, ()
    first = model.layers[0]
    conv = first.squeeze if isinstance(first, Fire) else first
    if not isinstance(conv, Conv):
        raise FpgaSqueezeError(
            f"{first.name}: preprocessing can only be folded into a convolution as first layer"
        )
    scaled = conv.weight / std[None, :, None, None]
    bias = conv.bias - (scaled * mean[None, :, None, None]).sum(axis=(1, 2, 3))
    weight = np.zeros_like(scaled)
    weight[:, order] = scaled
    pad_value, notes = zero, []
    if any(conv.pads):
        exact = np.zeros(channels)
        exact[order] = mean
        pad_value = np.clip(np.rint(exact), 0, 255).astype(np.int64)
        if np.any(pad_value != exact):
            given = ", ".join(f"{v:g}" for v in exact)
            notes.append(
                f"{conv.name}: pads with pixels {pad_value.tolist()}, the mean ({given}) is no pixel value"
            )
    folded = replace(conv, weight=weight, bias=bias)
    head = replace(first, squeeze=folded) if isinstance(first, Fire) else folded
    return replace(model, layers=(head, *model.layers[1:])), pad_value, tuple(notes)


def _wide_bits(model: FloatModel, conv: Conv) -> int:
    """Width of the last convolution's output: the sum over the map that is averaged stays below 2**24."""
    if len(model.layers) < 2 or not isinstance(model.layers[-1], GlobalAvgPool):
        return WIDE_BITS
    averaged = model.shapes()[-2]
    bits = WIDE_BITS
    while bits > 2 and (averaged.height * averaged.width) << (bits - (not conv.relu)) >= FLOAT32_EXACT:
        bits -= 1
    return bits


class _Work:
    """Carries the calibration images from layer to layer: their integers, and the float network's values."""

    def __init__(
        self,
        maps: list[npt.NDArray[np.uint8]],
        real: list[FloatMap],
        weight_bits: int,
        activation_bits: int,
        pad_value: IntArray,
        method: Method,
        budget: WeightBudget | None,
    ) -> None:
        self.maps: list[npt.NDArray[np.integer]] = list(maps)
        self.real = real
        self.method, self.budget = method, budget
        self.weight_bits, self.activation_bits = weight_bits, activation_bits
        self.pad_value: IntArray | None = pad_value

    def _weights(self, conv: Conv, source: TensorType) -> QConv:
        """The convolution in integers; its output type still lacks a binary point."""
        shape = conv.output_shape(source.shape)
        pad_value = np.zeros(source.shape.channels, dtype=np.int64)
        if self.pad_value is not None:
            pad_value, self.pad_value = self.pad_value, None
        output = TensorType(shape, self.activation_bits, not conv.relu, 0)
        return quantise_weights(
            conv, self.weight_bits, pad_value, source, output, self.maps, self.real, self.method, self.budget
        )

    def _set_frac(self, convs: list[QConv], wide: bool = False) -> list[QConv]:
        """Give ``convs`` the one output binary point of least squared error over the images."""
        peak = max(_peak(self.maps, conv) for conv in convs)
        top = convs[0].output.range[1]
        coarsest = int(np.floor(np.log2(top / peak))) if peak > 0 else 0
        if wide:  # bits to spare: keep some in hand for images that excite a class more than these
            fracs = [coarsest - WIDE_HEADROOM if peak > 0 else 0]
        else:
            fracs = [coarsest + i for i in range(FRAC_CANDIDATES)] if peak > 0 else [0]
        errors = np.zeros(len(fracs))
        if len(fracs) > 1:
            for conv in convs:
                for x in self.maps:
                    errors += _errors(_real(x, conv), conv.output, fracs)
        frac = fracs[int(np.argmin(errors))]
        return [_idle_channels(replace(c, output=replace(c.output, frac=frac))) for c in convs]

    def conv(self, conv: Conv, source: TensorType, wide: int | None) -> QConv:
        outside = self.pad_value
        q = self._weights(conv, source)
        if wide:
            q = replace(q, output=replace(q.output, bits=wide))
        (q,) = self._set_frac([q], wide is not None)
        self.maps = [_compact(golden.conv_forward(_float(x), q), q.output) for x in self.maps]
        self.real = [conv_float(x, conv, source.shape, outside) for x in self.real]
        return q

    def fire(self, fire: Fire, source: TensorType) -> QFire:
        squeeze = self.conv(fire.squeeze, source, None)
        expands = (fire.expand1x1, fire.expand3x3)
        branches = [self._weights(conv, squeeze.output) for conv in expands]
        if branches[0].relu != branches[1].relu:
            raise FpgaSqueezeError(
                f"{fire.name}: ReLU follows one expand branch only; give it to both or none"
            )
        one, three = self._set_frac(branches)
        out = replace(one.output, shape=fire.output_shape(source.shape))
        q = QFire(fire.name, squeeze, one, three, out)
        self.real = [
            np.concatenate([conv_float(x, c, squeeze.output.shape) for c in expands]) for x in self.real
        ]
        self.maps = [
            np.concatenate([_compact(golden.conv_forward(_float(x), c), c.output) for c in (one, three)])
            for x in self.maps
        ]
        return q

    def pool(self, pool: MaxPool, source: TensorType, shape: Shape) -> QMaxPool:
        out = replace(source, shape=shape)
        q = QMaxPool(pool.name, pool.kernel, pool.stride, pool.pads, pool.ceil, source, out)
        self.maps = [_compact(golden.pool_forward(_float(x), q), q.output) for x in self.maps]
        self.real = [pool_float(x, pool, source.shape) for x in self.real]
        return q

    def average(self, pool: GlobalAvgPool, source: TensorType, shape: Shape) -> QGlobalAvgPool:
        """The last layer: the images need not pass through it."""
        return QGlobalAvgPool(pool.name, source, replace(source, shape=shape))


def _float(x: npt.NDArray[np.integer]) -> FloatInts:
    return x.astype(np.float32)


def _compact(x: FloatInts, t: TensorType) -> npt.NDArray[np.integer]:
    """Integers in the smallest array type that holds the tensor: calibration keeps one map per image."""
    kind = ("int" if t.signed else "uint") + ("8" if t.bits <= 8 else "16")
    return np.asarray(x.astype(kind))


def _real(x: npt.NDArray[np.integer], conv: QConv) -> FloatInts:
    """The convolution's result before requantisation, as real numbers [O, Ho, Wo]."""
    acc = golden.conv_accumulate(_float(x), conv)
    scale = np.ldexp(np.ones((), acc.dtype), -(conv.input.frac + conv.weight_frac)).astype(acc.dtype)
    acc *= scale[:, None, None]
    return np.maximum(acc, 0, out=acc) if conv.relu else acc


def _peak(maps: list[npt.NDArray[np.integer]], conv: QConv) -> float:
    """Largest magnitude of the convolution's result over the images."""
    return max(float(np.abs(_real(x, conv)).max(initial=0)) for x in maps)


def _errors(real: FloatInts, t: TensorType, fracs: list[int]) -> npt.NDArray[np.float64]:
    """Squared error of ``real`` in type ``t`` for each candidate binary point."""
    low, high = int_range(t.bits, t.signed)
    flat = real.reshape(-1)
    out = []
    for frac in fracs:
        step = flat.dtype.type(2.0**-frac)
        q = np.clip(np.rint(flat * flat.dtype.type(2.0**frac)), low, high) * step
        out.append(float(np.square(q - flat, dtype=np.float64).sum()))
    return np.array(out)


def _idle_channels(conv: QConv) -> QConv:
    """Give channels without weights the output's own binary point plus nothing to shift: bias is all they
    emit."""
    idle = ~conv.weight.any(axis=(1, 2, 3))
    if not idle.any():
        return conv
    busy = conv.shift[~idle]
    # Shifting like the neighbours keeps the spread of shifts, and so the shifter, small.
    shift = int(np.clip(busy.min(), 0, 8)) if busy.size else 0
    frac = conv.weight_frac.copy()
    bias = conv.bias.copy()
    target = conv.output.frac - conv.input.frac + shift
    limit = float(FLOAT32_EXACT // 4)
    scaled = np.rint(np.ldexp(bias[idle].astype(np.float64), (target - frac[idle]).astype(np.int32)))
    bias[idle] = np.clip(scaled, -limit, limit).astype(np.int64)
    frac[idle] = target
    return replace(conv, weight_frac=frac, bias=bias)
