"""The float network in NumPy: what quantisation is measured against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from .golden import max_pool, patches, window_sums
from .graph import (
    IMAGE,
    Add,
    AvgPool,
    Concat,
    Conv,
    FloatArray,
    FloatModel,
    Layer,
    MaxPool,
    Preprocess,
    Shape,
)
from .walk import walk

PRESETS: dict[str, Preprocess] = {
    "none": Preprocess(),
    "caffe": Preprocess(mean=(104.0, 117.0, 123.0), std=(1.0, 1.0, 1.0), bgr=True),
    "torchvision": Preprocess(
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255), std=(0.229 * 255, 0.224 * 255, 0.225 * 255)
    ),
}
"""Preprocessing by name: ``none`` feeds pixels 0..255 as they are; means stand in the model's channel
order."""


def channel_statistics(
    preprocess: Preprocess, channels: int
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
    """(mean [C], std [C], pixel channel [C]) in the model's channel order.

    The model's channel c is ``(pixel[pixel_channel[c]] - mean[c]) / std[c]``. Raises FpgaSqueezeError where
    the numbers do not fit the model.
    """
    out = []
    for what, values, default in (("mean", preprocess.mean, 0.0), ("std", preprocess.std, 1.0)):
        given = np.array(values or (default,), dtype=np.float64)
        if given.size not in (1, channels) or not np.all(np.isfinite(given)):
            raise FpgaSqueezeError(
                f"field {what} has {list(values)}; the model has {channels} channels: give 1 or {channels}"
            )
        out.append(np.array(np.broadcast_to(given, (channels,))))
    if np.any(out[1] <= 0):
        raise FpgaSqueezeError(f"field std has {list(preprocess.std)}; every number must be positive")
    if preprocess.bgr and channels != 3:
        raise FpgaSqueezeError(f"field bgr is for models of 3 input channels, this one has {channels}")
    order = np.arange(channels)
    return out[0], out[1], order[::-1].copy() if preprocess.bgr else order


FloatMap = npt.NDArray[np.float32]
"""A feature map [C, H, W] of the float network."""


def network_input(
    image: npt.NDArray[np.uint8], mean: FloatArray, std: FloatArray, order: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """What the float network eats of one image [H, W, C], float32 [C, H, W]; the numbers are those of
    :func:`channel_statistics`."""
    pixels = image.transpose(2, 0, 1)[order]
    scaled = (pixels - mean[:, None, None]) / std[:, None, None]
    return np.asarray(scaled, dtype=np.float32)


def shape_of(x: FloatMap) -> Shape:
    """Shape of one map [C, H, W]."""
    return Shape(*x.shape)


def conv_columns_float(x: FloatMap, conv: Conv) -> FloatMap:
    """The patches [I * Kh * Kw, Ho * Wo] of one map [I, H, W] that ``conv`` multiplies."""
    outside = conv.pad_value if conv.pad_value.size else np.zeros(x.shape[0])
    return np.asarray(
        patches(x, conv.kernel, conv.stride, conv.pads, conv.output_shape(shape_of(x)), outside),
        dtype=np.float32,
    )


def conv_float(x: FloatMap, conv: Conv) -> FloatMap:
    """One map [I, H, W] through a convolution, its ReLU and its upper limit, in float32."""
    out = conv.output_shape(shape_of(x))
    y = conv.weight.reshape(out.channels, -1).astype(np.float32) @ conv_columns_float(x, conv)
    y += conv.bias.astype(np.float32)[:, None]
    if conv.relu:
        np.maximum(y, 0, out=y)
    np.minimum(y, np.float32(conv.ceiling), out=y)
    return np.asarray(y.reshape(out.channels, out.height, out.width), dtype=np.float32)


def pool_float(x: FloatMap, pool: MaxPool) -> FloatMap:
    """One map [C, H, W] through max pooling."""
    out = pool.output_shape(shape_of(x))
    return np.asarray(max_pool(x, pool.kernel, pool.stride, pool.pads, out, -np.inf), dtype=np.float32)


def average_float(x: FloatMap, pool: AvgPool) -> FloatMap:
    """One map [C, H, W] through an average, summed in float64."""
    out = pool.output_shape(shape_of(x))
    total = window_sums(x.astype(np.float64), pool.kernel, pool.stride, pool.pads, out)
    return np.asarray((total / (pool.kernel[0] * pool.kernel[1])).astype(np.float32))


def layer_float(layer: Layer, inputs: list[FloatMap]) -> FloatMap:
    """What any layer gives for one image's maps [C, H, W]."""
    match layer:
        case Conv():
            return conv_float(inputs[0], layer)
        case MaxPool():
            return pool_float(inputs[0], layer)
        case AvgPool():
            return average_float(inputs[0], layer)
        case Add():
            total = inputs[0] + inputs[1]
            limited = np.maximum(total, 0) if layer.relu else total
            return np.asarray(np.minimum(limited, np.float32(layer.ceiling)), dtype=np.float32)
        case Concat():
            return np.concatenate(inputs)
        case _:
            assert_never(layer)


def float_logits(
    model: FloatModel,
    images: npt.NDArray[np.uint8],
    preprocess: Preprocess = PRESETS["none"],
    on_frame: Callable[[], None] | None = None,
) -> FloatArray:
    """Logits of the float network, float64 [N, classes], for uint8 images [N, H, W, C] (RGB where C = 3).

    Sums run in float32, as any float runner's; raises FpgaSqueezeError for images of another size.
    """
    check_size(model, images)
    model.shapes()
    mean, std, order = channel_statistics(preprocess, model.input_shape.channels)
    out = []
    for image in images:
        x = network_input(image, mean, std, order)
        for _, y in walk(model.layers, {IMAGE: x}, layer_float):
            x = y
        out.append(x.astype(np.float64).reshape(-1))
        if on_frame:
            on_frame()
    return np.stack(out)


def check_size(model: FloatModel, images: npt.NDArray[np.uint8]) -> None:
    """Raise FpgaSqueezeError unless ``images`` is uint8 [N >= 1, H, W, C] of the model's input size."""
    s = model.input_shape
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (s.height, s.width, s.channels):
        raise FpgaSqueezeError(
            f"images are {images.dtype} {list(images.shape)}; "
            f"{model.source or model.name} wants uint8 [N, {s.height}, {s.width}, {s.channels}]"
        )
    if not len(images):
        raise FpgaSqueezeError("no images; give at least one")
