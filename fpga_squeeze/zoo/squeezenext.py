"""SqueezeNext (A. Gholami et al., arXiv:1803.10615): residual blocks of 1x1, 3x1 and 1x3 convolutions, 23 of them deep.

BatchNorm is folded. The first block of a stage halves the map, but for the first stage, and has a 1x1 convolution on
its shortcut; ReLU follows every convolution inside a block and the sum, none the shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..network.graph import IMAGE, FloatModel, Shape
from .builder import Builder

BLOCKS = (6, 6, 8, 1)
"""Blocks of each stage in 1.0-SqNxt-23."""
CHANNELS = (32, 64, 128, 256)
"""Channels of each stage."""
STEM, HEAD = 64, 128


def squeezenext_block(b: Builder, name: str, at: str, channels: int, stride: int = 1) -> str:
    """1x1, 1x1, 3x1, 1x3, 1x1 and the shortcut around them."""
    half, quarter = max(1, channels // 2), max(1, channels // 4)
    y = b.conv(f"{name}_reduce1", at, half, 1, stride)
    y = b.conv(f"{name}_reduce2", y, quarter, 1)
    y = b.conv(f"{name}_3x1", y, half, (3, 1))
    y = b.conv(f"{name}_1x3", y, half, (1, 3))
    y = b.conv(f"{name}_expand", y, channels, 1)
    if stride != 1 or b.shapes[at].channels != channels:
        at = b.conv(f"{name}_shortcut", at, channels, 1, stride, relu=False)
    return b.add(name, at, y, relu=True)


def squeezenext(
    size: int = 227, classes: int = 1000, blocks: Sequence[int] = BLOCKS, seed: int = 0, width: int = 1
) -> FloatModel:
    """SqueezeNext with so many ``blocks`` a stage for ``size`` x ``size`` RGB images; ``width`` divides the channels of
    every layer but the last."""
    b = Builder(Shape(3, size, size), seed)
    at = b.conv("conv1", IMAGE, max(1, STEM // width), 7, stride=2, pads=(1, 1, 1, 1))
    at = b.max_pool("pool1", at)
    for stage, (count, channels) in enumerate(zip(blocks, CHANNELS, strict=False), 1):
        for block in range(1, count + 1):
            stride = 2 if block == 1 and stage > 1 else 1
            at = squeezenext_block(b, f"block{stage}_{block}", at, max(1, channels // width), stride)
    at = b.conv("conv_last", at, max(1, HEAD // width), 1)
    b.conv("fc", b.average("average", at), classes, 1, relu=False)
    return b.model(f"squeezenext_{size}")
