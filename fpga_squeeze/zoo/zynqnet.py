"""ZynqNet (D. Gschwend, ZynqNet: An FPGA-Accelerated Embedded Convolutional Neural Network, ETH Zurich 2016).

A SqueezeNet without max pools: where the map gets smaller, a squeeze is a 3x3 convolution of stride 2. Its last
convolution is two halves side by side, and no ReLU stands between them and the average.
"""

from __future__ import annotations

from ..network.graph import IMAGE, FloatModel, Shape
from .builder import Builder

FIRES = {
    2: (16, 3, 64),
    3: (16, 1, 64),
    4: (32, 3, 128),
    5: (32, 1, 128),
    6: (64, 3, 256),
    7: (64, 1, 192),
    8: (112, 3, 256),
    9: (112, 1, 368),
}
"""Outputs of squeeze, its kernel (stride 2 where it is 3), outputs of each expand branch."""


def zynqnet(size: int = 256, classes: int = 1024, seed: int = 0, width: int = 1) -> FloatModel:
    """ZynqNet for ``size`` x ``size`` RGB images and an even number of ``classes``; ``width`` divides the channels of
    every layer but the last."""
    b = Builder(Shape(3, size, size), seed)
    at = b.conv("conv1", IMAGE, max(1, 64 // width), 3, stride=2)
    for number, (squeeze, kernel, expand) in FIRES.items():
        name = f"fire{number}"
        stride = 2 if kernel == 3 else 1
        y = b.conv(f"{name}_squeeze{kernel}x{kernel}", at, max(1, squeeze // width), kernel, stride)
        parts = [b.conv(f"{name}_expand{k}x{k}", y, max(1, expand // width), k) for k in (1, 3)]
        at = b.concat(name, *parts)
    halves = [b.conv(f"conv10_split{i}", at, classes // 2, 1, relu=False) for i in (1, 2)]
    b.average("pool10", b.concat("conv10", *halves))
    return b.model(f"zynqnet_{size}")
