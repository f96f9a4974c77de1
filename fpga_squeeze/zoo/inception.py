"""The first inception module of GoogLeNet (C. Szegedy et al., arXiv:1409.4842, table 1) behind its stem."""

from __future__ import annotations

from typing import Literal

from ..network.graph import IMAGE, FloatModel, Shape
from .builder import Builder


def inception_module(
    b: Builder, name: str, at: str, channels: tuple[int, int, int, int, int, int], largest: int = 5
) -> str:
    """Four branches: 1x1; 1x1 and 3x3; 1x1 and ``largest``; max pool and 1x1. ``channels`` as the paper orders them."""
    one, reduce3, three, reduce5, five, pool = channels
    k = "5x5" if largest == 5 else "second_3x3"
    branches = [
        b.conv(f"{name}_1x1", at, one, 1),
        b.conv(f"{name}_3x3", b.conv(f"{name}_3x3_reduce", at, reduce3, 1), three, 3),
        b.conv(f"{name}_{k}", b.conv(f"{name}_{k}_reduce", at, reduce5, 1), five, largest),
    ]
    pooled = b.max_pool(f"{name}_pool", at, 3, 1, pad=1, ceil=False)
    branches.append(b.conv(f"{name}_pool_proj", pooled, pool, 1))
    return b.concat(name, *branches)


def inception_net(
    size: int = 112, classes: int = 100, largest: Literal[3, 5] = 5, seed: int = 0, width: int = 1
) -> FloatModel:
    """Stem, inception 3a and a 1x1 convolution for ``size`` x ``size`` RGB images.

    ``largest`` is the kernel of the third branch (3 in later versions of the module); ``width`` divides the channels of
    every layer but the last.
    """
    b = Builder(Shape(3, size, size), seed)

    def least(channels: int) -> int:
        return max(1, channels // width)

    at = b.conv("conv1_7x7_s2", IMAGE, least(64), 7, stride=2)
    at = b.max_pool("pool1_3x3_s2", at)
    at = b.conv("conv2_3x3_reduce", at, least(64), 1)
    at = b.conv("conv2_3x3", at, least(192), 3)
    at = b.max_pool("pool2_3x3_s2", at)
    module = (least(64), least(96), least(128), least(16), least(32), least(32))
    at = inception_module(b, "inception_3a", at, module, largest)
    b.average("average", b.conv("classifier", at, classes, 1))
    return b.model(f"inception{largest}_{size}")
