"""VGG (K. Simonyan and A. Zisserman, arXiv:1409.1556, table 1): stacks of 3x3 convolutions between max pools.

A 1x1 convolution and an average stand in place of the fully connected layers, as in the network's other successors.
"""

from __future__ import annotations

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, FloatModel, Shape
from .builder import Builder

STACKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stack, by the network's depth."""
CHANNELS = (64, 128, 256, 512, 512)


def vgg(depth: int = 16, size: int = 224, classes: int = 1000, seed: int = 0, width: int = 1) -> FloatModel:
    """VGG for ``size`` x ``size`` RGB images; ``width`` divides the channels of every layer but the last."""
    if depth not in STACKS:
        raise FpgaSqueezeError(f"VGG of depth {depth}: give {', '.join(map(str, STACKS))}")
    b = Builder(Shape(3, size, size), seed)
    at = IMAGE
    for stack, (count, channels) in enumerate(zip(STACKS[depth], CHANNELS, strict=True), 1):
        for number in range(1, count + 1):
            at = b.conv(f"conv{stack}_{number}", at, max(1, channels // width), 3)
        at = b.max_pool(f"pool{stack}", at, 2, 2, ceil=False)
    b.average("average", b.conv("conv6", at, classes, 1))
    return b.model(f"vgg{depth}_{size}")
