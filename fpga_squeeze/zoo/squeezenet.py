"""SqueezeNet (F. Iandola et al., arXiv:1602.07360): v1.0 of the paper, v1.1 and v1.2, and its bypass variants.

v1.0 is table 1 of the paper, v1.1 the authors' later network (github.com/forresti/SqueezeNet); max pools in ceil mode
and a last convolution without padding, as torchvision has both. v1.2 is v1.1 without ReLU behind the squeezes.
Bypasses are those of the paper's section 6: a sum of what a Fire module reads and gives, behind both ReLUs and without
one of its own; simple ones where the two have as many channels, complex ones with a 1x1 convolution also where they
have not.
"""

from __future__ import annotations

from typing import Literal

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, FloatModel, Shape
from .builder import Builder

Bypass = Literal["simple", "complex"]
FIRES = {
    2: (16, 64),
    3: (16, 64),
    4: (32, 128),
    5: (32, 128),
    6: (48, 192),
    7: (48, 192),
    8: (64, 256),
    9: (64, 256),
}
"""Outputs of squeeze and of each expand branch (table 1)."""
STEM = {"1.0": (96, 7), "1.1": (64, 3), "1.2": (64, 3)}
"""Outputs and kernel of the first convolution."""
POOLED = {"1.0": (4, 8), "1.1": (3, 5), "1.2": (3, 5)}
"""Fire modules behind which a max pool stands; one more stands behind the first convolution."""
SUMS = (3, 5, 7, 9)
"""Fire modules with a simple bypass."""


def squeezenet(
    version: str = "1.1",
    size: int = 224,
    classes: int = 1000,
    bypass: Bypass | None = None,
    seed: int = 0,
    width: int = 1,
) -> FloatModel:
    """SqueezeNet ``version`` for ``size`` x ``size`` RGB images; ``width`` divides the channels of every layer but the
    last."""
    if version not in STEM or bypass not in (None, "simple", "complex"):
        raise FpgaSqueezeError(
            f"SqueezeNet version {version}, bypass {bypass}: give version {', '.join(STEM)}, bypass simple or complex"
        )
    b = Builder(Shape(3, size, size), seed)

    def least(channels: int) -> int:
        return max(1, channels // width)

    channels, kernel = STEM[version]
    at = b.conv("conv1", IMAGE, least(channels), kernel, stride=2, pads=(0, 0, 0, 0))
    at = b.max_pool("pool1", at)
    for number, (squeeze, expand) in FIRES.items():
        before, name = at, f"fire{number}"
        y = b.conv(f"{name}_squeeze1x1", at, least(squeeze), 1, relu=version != "1.2")
        parts = [b.conv(f"{name}_expand{k}x{k}", y, least(expand), k) for k in (1, 3)]
        at = b.concat(name, *parts)
        if bypass and number in SUMS:
            at = b.add(f"bypass_{number - 1}{number}", before, at)
        elif bypass == "complex":
            around = b.conv(f"bypass{number}_conv1x1", before, 2 * least(expand), 1, relu=False)
            at = b.add(f"bypass_{number}", around, at)
        if number in POOLED[version]:
            at = b.max_pool(f"pool{number}", at)
    b.average("pool10", b.conv("conv10", at, classes, 1))
    kind = f"_{bypass}_bypass" if bypass else ""
    return b.model(f"squeezenet_v{version}{kind}_{size}")
