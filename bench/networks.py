"""SqueezeNet v1.0 and v1.1 at full size as integer models with random weights.

Layer sizes follow the paper (v1.0, table 1) and the authors' repository (v1.1), as torchvision defines them: max
pools in ceil mode, conv10 without padding.
"""

from __future__ import annotations

import numpy as np

from fpga_squeeze.network.graph import (
    QConv,
    QFire,
    QGlobalAvgPool,
    QMaxPool,
    QModel,
    Shape,
    TensorType,
    conv_output_size,
)

POOL = "pool"
LAYERS: dict[str, tuple[tuple[int, int], list[tuple[int, int] | str]]] = {
    # version: (channels and kernel of conv1), then (squeeze, expand of either kind) or a pool
    "1.0": (
        (96, 7),
        [
            POOL,
            (16, 64),
            (16, 64),
            (32, 128),
            POOL,
            (32, 128),
            (48, 192),
            (48, 192),
            (64, 256),
            POOL,
            (64, 256),
        ],
    ),
    "1.1": (
        (64, 3),
        [
            POOL,
            (16, 64),
            (16, 64),
            POOL,
            (32, 128),
            (32, 128),
            POOL,
            (48, 192),
            (48, 192),
            (64, 256),
            (64, 256),
        ],
    ),
}


def _conv(
    rng: np.random.Generator,
    name: str,
    source: TensorType,
    channels: int,
    kernel: int,
    stride: int,
    pad: int,
    bits: int,
) -> QConv:
    """A convolution whose outputs spread over the output range for random inputs."""
    shape = source.shape
    weight = np.clip(np.rint(rng.normal(0, 30, (channels, shape.channels, kernel, kernel))), -127, 127)
    out = Shape(
        channels,
        conv_output_size(shape.height, kernel, stride, pad, pad),
        conv_output_size(shape.width, kernel, stride, pad, pad),
    )
    # standard deviation of a sum of `terms` products of weights (30) and pixels (about 80)
    spread = 30.0 * 80.0 * np.sqrt(shape.channels * kernel * kernel)
    shift = round(np.log2(spread)) - (bits - 2)
    target = TensorType(out, bits, False, source.frac + 7 - shift)
    bias = rng.integers(-int(spread), int(spread), channels)
    zeros = np.zeros(shape.channels, dtype=np.int64)
    pads = (pad, pad, pad, pad)
    return QConv(name, weight, 8, np.full(channels, 7), bias, stride, pads, True, zeros, source, target)


def squeezenet(version: str, size: int, classes: int = 1000, seed: int = 0) -> QModel:
    """SqueezeNet ``version`` ("1.0" or "1.1") for ``size`` x ``size`` RGB images."""
    rng = np.random.default_rng(seed)
    (channels, kernel), blocks = LAYERS[version]
    image = TensorType(Shape(3, size, size), 8, False, 0)
    first = _conv(rng, "conv1", image, channels, kernel, 2, 0, 8)
    layers: list[QConv | QFire | QMaxPool | QGlobalAvgPool] = [first]
    x, number = first.output, 1
    for block in blocks:
        if isinstance(block, str):
            height, width = (
                conv_output_size(n, 3, 2, 0, 0, ceil=True) for n in (x.shape.height, x.shape.width)
            )
            y = TensorType(Shape(x.shape.channels, height, width), x.bits, x.signed, x.frac)
            layers.append(QMaxPool(f"pool{number}", 3, 2, (0, 0, 0, 0), True, x, y))
        else:
            number += 1
            squeeze = _conv(rng, f"fire{number}_squeeze1x1", x, block[0], 1, 1, 0, 8)
            small = _conv(rng, f"fire{number}_expand1x1", squeeze.output, block[1], 1, 1, 0, 8)
            wide = _conv(rng, f"fire{number}_expand3x3", squeeze.output, block[1], 3, 1, 1, 8)
            y = TensorType(Shape(2 * block[1], x.shape.height, x.shape.width), 8, False, wide.output.frac)
            layers.append(QFire(f"fire{number}", squeeze, small, wide, y))
        x = layers[-1].output
    last = _conv(rng, "conv10", x, classes, 1, 1, 0, 16)
    layers.append(last)
    logits = TensorType(Shape(classes, 1, 1), 16, False, last.output.frac)
    layers.append(QGlobalAvgPool("pool10", last.output, logits))
    return QModel(f"squeezenet_v{version}_{size}", image, tuple(layers))
