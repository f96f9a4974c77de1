"""The fixed-point meaning of an integer network, in NumPy: the one truth every design is compared with.

Sums run through BLAS where that is provably exact: a float32 sum of integers is exact while every partial sum
stays below 2**24, a float64 one below 2**53 (IEEE 754 significands). The bound is the layer's own
``acc_magnitude``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from .fixed_point import IntArray, divide_half_even, round_half_even_shift
from .graph import IMAGE, Pads, Shape, Window
from .integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel
from .scales import FLOAT32_PLACES
from .walk import walk

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53
FloatInts = npt.NDArray[np.floating[Any]]
"""Integers carried in a float array, exactly."""


def sum_dtype(conv: QConv) -> type[np.float32] | type[np.float64]:
    """The narrowest float type in which every partial sum of ``conv`` is exact; raises where none is."""
    if conv.acc_magnitude < FLOAT32_EXACT:
        return np.float32
    if conv.acc_magnitude < FLOAT64_EXACT:
        return np.float64
    raise FpgaSqueezeError(f"{conv.name}: sums reach {conv.acc_magnitude}, beyond the exact range of float64")


def bordered(
    x: npt.NDArray[Any], kernel: Window, stride: int, pads: Pads, out: Shape, outside: npt.ArrayLike
) -> npt.NDArray[Any]:
    """One map [C, H, W] in the border that windows giving ``out`` reach over; ``outside`` [C] stands there."""
    top, left, _, _ = pads
    height, width = (out.height - 1) * stride + kernel[0], (out.width - 1) * stride + kernel[1]
    padded = np.empty((x.shape[0], height, width), dtype=x.dtype)
    padded[:] = np.asarray(outside, dtype=x.dtype).reshape(-1, 1, 1)
    rows, cols = min(x.shape[1], height - top), min(x.shape[2], width - left)
    padded[:, top : top + rows, left : left + cols] = x[:, :rows, :cols]
    return padded


def patches(
    x: FloatInts, kernel: Window, stride: int, pads: Pads, out: Shape, pad_value: npt.ArrayLike
) -> FloatInts:
    """Patches of one image [I, H, W] as columns [I * Kh * Kw, Ho * Wo]; ``pad_value`` [I] stands outside the
    image."""
    (kh, kw), s = kernel, stride
    if kernel == (1, 1) and s == 1 and not any(pads):
        return x.reshape(x.shape[0], -1)
    padded = bordered(x, kernel, stride, pads, out, pad_value)
    columns = np.empty((x.shape[0], kh, kw, out.height, out.width), dtype=x.dtype)
    for ky in range(kh):
        for kx in range(kw):
            columns[:, ky, kx] = padded[
                :, ky : ky + (out.height - 1) * s + 1 : s, kx : kx + (out.width - 1) * s + 1 : s
            ]
    return columns.reshape(x.shape[0] * kh * kw, -1)


def conv_columns(x: FloatInts, conv: QConv) -> FloatInts:
    """The patches of one image that ``conv`` multiplies."""
    return patches(x, conv.kernel, conv.stride, conv.pads, conv.output.shape, conv.pad_value)


def conv_accumulate(x: FloatInts, conv: QConv) -> FloatInts:
    """Exact accumulators, bias included, of one image [I, H, W] -> [O, Ho, Wo], in steps of the bias."""
    dtype = sum_dtype(conv)
    weight: FloatInts = conv.weight.reshape(conv.weight.shape[0], -1).astype(dtype)
    acc = weight @ conv_columns(x.astype(dtype, copy=False), conv)
    acc *= dtype(1 << conv.bias_places)
    bias: FloatInts = conv.bias.astype(dtype)
    acc += bias[:, None]
    return acc.reshape(-1, conv.output.shape.height, conv.output.shape.width)


def conv_forward(x: FloatInts, conv: QConv) -> FloatInts:
    """One image through a convolution and its requantisation.

    Scaling by a power of two is exact in binary floating point and ``rint`` rounds half to even, so this
    equals :func:`fpga_squeeze.network.fixed_point.round_half_even_shift` on the same integers; sums that are multiplied
    are rounded by that itself.
    """
    acc = conv_accumulate(x, conv)
    if conv.scaled:
        m, right = conv.multiplier
        rounded = round_half_even_shift(acc.astype(np.int64) * m[:, None, None], right)
        acc = rounded.astype(np.float32)
    else:
        acc *= np.ldexp(np.ones((), acc.dtype), -conv.shift).astype(acc.dtype)[:, None, None]
        np.rint(acc, out=acc)
    acc += conv.output.zero
    return np.clip(acc, *conv.limits, out=acc)


def max_pool(x: FloatInts, kernel: Window, stride: int, pads: Pads, out: Shape, lowest: float) -> FloatInts:
    """One image [C, H, W] through max pooling; positions outside the image hold ``lowest``."""
    (kh, kw), s = kernel, stride
    padded = bordered(x, kernel, stride, pads, out, lowest)
    # Separable: first along rows, then along columns.
    lines = padded[:, :, 0 : (out.width - 1) * s + 1 : s].copy()
    for kx in range(1, kw):
        np.maximum(lines, padded[:, :, kx : kx + (out.width - 1) * s + 1 : s], out=lines)
    result: FloatInts = lines[:, 0 : (out.height - 1) * s + 1 : s].copy()
    for ky in range(1, kh):
        np.maximum(result, lines[:, ky : ky + (out.height - 1) * s + 1 : s], out=result)
    return result


def window_sums(
    x: npt.NDArray[Any], kernel: Window, stride: int, pads: Pads, out: Shape, outside: npt.ArrayLike = 0
) -> npt.NDArray[Any]:
    """Sums [C, Ho, Wo] of windows over one map [C, H, W], in its own type; ``outside`` stands around the map."""
    if kernel == x.shape[1:] and not any(pads):
        return np.asarray(x.sum(axis=(1, 2), keepdims=True))
    (kh, kw), s = kernel, stride
    padded = bordered(x, kernel, stride, pads, out, outside)
    lines = sum(padded[:, :, kx : kx + (out.width - 1) * s + 1 : s] for kx in range(kw))
    assert not isinstance(lines, int)
    return np.asarray(sum(lines[:, ky : ky + (out.height - 1) * s + 1 : s] for ky in range(kh)))


def pool_forward(x: FloatInts, pool: QMaxPool) -> FloatInts:
    """One image [C, H, W] through a max pool; positions outside the image hold the smallest integer."""
    return max_pool(x, pool.kernel, pool.stride, pool.pads, pool.output.shape, pool.input.range[0])


def average_sums(x: npt.NDArray[Any], pool: QAvgPool) -> npt.NDArray[Any]:
    """The sums [C, Ho, Wo] of an average over one map [C, H, W], in its own type."""
    outside = pool.input.zero if pool.border is None else pool.border
    return window_sums(x, pool.kernel, pool.stride, pool.pads, pool.output.shape, outside)


def average_forward(x: FloatInts, pool: QAvgPool) -> FloatInts:
    """One image [C, H, W] through an exact average -> [C, Ho, Wo]."""
    zero = pool.input.zero
    total = average_sums(x.astype(np.int64), pool)
    if pool.total:
        return total.astype(np.float32 if pool.output.bits <= FLOAT32_PLACES else np.float64)
    if pool.scaled:
        m, right = pool.multiplier
        steps = round_half_even_shift((total - pool.count * zero) * m, right) + pool.output.zero
    else:
        steps = divide_half_even(total, pool.count, pool.extra_frac)
    return np.clip(steps, *pool.output.range).astype(np.float32)


def add_sums(a: FloatInts, b: FloatInts, add: QAdd) -> IntArray:
    """The exact sums int64 [C, H, W] of two maps, before their requantisation."""
    left, right, offset, _ = add.terms
    return a.astype(np.int64) * left + b.astype(np.int64) * right + offset


def add_forward(a: FloatInts, b: FloatInts, add: QAdd) -> FloatInts:
    """Two maps [C, H, W] through their sum and its requantisation."""
    y = round_half_even_shift(add_sums(a, b, add), add.shift) + add.output.zero
    return np.clip(y, *add.limits).astype(np.float32)


def concat_forward(inputs: list[FloatInts], concat: QConcat) -> FloatInts:
    """Maps one behind the other, those of another type through their tables."""
    maps = []
    for x, table, operand in zip(inputs, concat.tables, concat.operands, strict=True):
        ints = x if table is None else table[x.astype(np.int64) - operand.range[0]]
        maps.append(ints.astype(np.float32))
    return np.concatenate(maps)


def forward(layer: QLayer, inputs: list[FloatInts]) -> FloatInts:
    """What ``layer`` gives for one image's maps [C, H, W], integers in a float array."""
    match layer:
        case QConv():
            return conv_forward(inputs[0], layer)
        case QMaxPool():
            return pool_forward(inputs[0], layer)
        case QAvgPool():
            return average_forward(inputs[0], layer)
        case QAdd():
            return add_forward(inputs[0], inputs[1], layer)
        case QConcat():
            return concat_forward(inputs, layer)
        case _:
            assert_never(layer)


def check_images(model: QModel, images: npt.NDArray[Any]) -> None:
    """Raise FpgaSqueezeError unless ``images`` is uint8 [N, H, W, C] of the model's input size."""
    shape = model.input.shape
    want = (shape.height, shape.width, shape.channels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != want:
        raise FpgaSqueezeError(
            f"images are {images.dtype} {list(images.shape)}; "
            f"the model wants uint8 [N, {want[0]}, {want[1]}, {want[2]}]"
        )


def image_integers(model: QModel, image: npt.NDArray[np.uint8]) -> FloatInts:
    """The IMAGE [C, H, W] that raw pixels [H, W, C] become."""
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    if model.pixels is not None:
        planes = np.stack([table[plane] for table, plane in zip(model.pixels, planes, strict=True)])
    return planes.astype(np.float32)


def _kept(y: FloatInts, bits: int) -> npt.NDArray[np.int32] | IntArray:
    """Integers of ``bits`` in no more memory than they need."""
    return y.astype(np.int32) if bits < 32 else y.astype(np.int64)


def run(
    model: QModel,
    images: npt.NDArray[np.uint8],
    *,
    keep: bool = True,
    on_frame: Callable[[], None] | None = None,
) -> dict[str, IntArray]:
    """Integers of every tensor for uint8 images [N, H, W, C].

    Returns one int64 array [N, C, Ho, Wo] per layer by name, in network order; the last one's also, flattened to
    [N, classes], as ``logits``. Without ``keep`` only ``logits`` is kept. ``on_frame`` is called after each image, for
    progress.
    """
    check_images(model, images)
    frames: dict[str, list[npt.NDArray[np.int32] | IntArray]] = {}
    for image in images:
        x: FloatInts = image_integers(model, image)
        for layer, y in walk(model.layers, {IMAGE: x}, forward):
            x = y
            if keep:
                frames.setdefault(layer.name, []).append(_kept(y, layer.output.bits))
        frames.setdefault("logits", []).append(_kept(x, model.output.bits).reshape(-1))
        if on_frame:
            on_frame()
    return {name: np.stack(values).astype(np.int64) for name, values in frames.items()}
