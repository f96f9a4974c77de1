"""SqueezeNet (F. Iandola et al., arXiv:1602.07360): v1.0 of the paper, v1.1 and v1.2, and its bypass variants.

v1.0 is table 1 of the paper, v1.1 the authors' later network (github.com/forresti/SqueezeNet); max pools in ceil mode
and a last convolution without padding, as torchvision has both. v1.2 is v1.1 without ReLU behind the squeezes.
Bypasses are those of the paper's section 6: a sum of what a Fire module reads and gives, behind both ReLUs and without
one of its own; simple ones where the two have as many channels, complex ones with a 1x1 convolution also where they
have not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, FloatModel, Shape
from .builder import Builder

Bypass = Literal["simple", "complex"]
STEM = {"1.0": (96, 7), "1.1": (64, 3), "1.2": (64, 3)}
"""Outputs and kernel of the first convolution."""
POOLED = {"1.0": (4, 8), "1.1": (3, 5), "1.2": (3, 5)}
"""Fire modules behind which a max pool stands, if another follows; one more stands behind the first convolution."""
FIRST = 2
"""Number of the first Fire module."""
LAST = "conv10"
"""Name of the classifier, whatever the number of Fire modules."""


@dataclass(frozen=True)
class Numbers:
    """The numbers that make a SqueezeNet (section 5 of the paper); by default its own.

    Fire module i, counted from 0, has e_i = base_e + incr_e * floor(i / freq) expand filters, of which pct3x3 * e_i are
    3x3, and sr * e_i squeeze filters; each at least one.

    fires   Fire modules
    stem    filters of the first convolution; None: the version's own
    bypass  sums around Fire modules
    """

    base_e: int = 128
    incr_e: int = 128
    pct3x3: float = 0.5
    freq: int = 2
    sr: float = 0.125
    version: str = "1.1"
    bypass: Bypass | None = None
    fires: int = 8
    stem: int | None = None

    def check(self) -> None:
        """Raise FpgaSqueezeError for a number that makes no network."""
        if self.version not in STEM or self.bypass not in (None, "simple", "complex"):
            raise FpgaSqueezeError(
                f"SqueezeNet version {self.version}, bypass {self.bypass}: give version {', '.join(STEM)}, "
                "bypass simple or complex"
            )
        low = {"base_e": 2, "incr_e": 0, "freq": 1, "fires": 1, "stem": 1}
        for name, least in low.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise FpgaSqueezeError(f"field {name} {value}: give a whole number from {least} on")
        for name in ("pct3x3", "sr"):
            if not 0 < getattr(self, name) <= 1:
                raise FpgaSqueezeError(
                    f"field {name} {getattr(self, name):g}: give a share above 0, at most 1"
                )

    def fire(self, i: int) -> tuple[int, int, int]:
        """Filters of Fire module ``i``, counted from 0: squeeze, expand 1x1, expand 3x3."""
        expand = self.base_e + self.incr_e * (i // self.freq)
        large = min(max(1, round(self.pct3x3 * expand)), expand - 1)
        return max(1, round(self.sr * expand)), expand - large, large

    @property
    def name(self) -> str:
        """What a network of these numbers is called: its version, and what differs from the paper's numbers."""
        plain = Numbers(version=self.version)
        words = [f"squeezenet_v{self.version}"] + ([f"{self.bypass}_bypass"] if self.bypass else [])
        for field in ("base_e", "incr_e", "pct3x3", "freq", "sr", "fires", "stem"):
            value = getattr(self, field)
            words += [] if value == getattr(plain, field) else [f"{field.replace('_', '')}{value:g}"]
        return "_".join(words)


FIRES = {FIRST + i: Numbers().fire(i)[:2] for i in range(Numbers().fires)}
"""Outputs of squeeze and of each expand branch of the paper's Fire modules (table 1)."""


def squeezenet(
    version: str = "1.1",
    size: int = 224,
    classes: int = 1000,
    bypass: Bypass | None = None,
    seed: int = 0,
    width: int = 1,
    **numbers: float | int | None,
) -> FloatModel:
    """SqueezeNet ``version`` for ``size`` x ``size`` RGB images; ``width`` divides the channels of every layer but the
    last. ``numbers``: other fields of :class:`Numbers`."""
    asked = replace(Numbers(version=version, bypass=bypass), **numbers)  # type: ignore[arg-type]
    return squeezenet_of(asked, Shape(3, size, size), classes, seed, width)


def squeezenet_of(
    numbers: Numbers, image: Shape, classes: int = 1000, seed: int = 0, width: int = 1
) -> FloatModel:
    """The SqueezeNet of ``numbers`` for images of that shape; ``width`` divides the channels of every layer but the
    last. Raises FpgaSqueezeError for numbers that make none, or an image too small for it."""
    numbers.check()
    b = Builder(image, seed)

    def least(channels: int) -> int:
        return max(1, channels // width)

    version, bypass = numbers.version, numbers.bypass
    channels, kernel = STEM[version]
    at = b.conv("conv1", IMAGE, least(numbers.stem or channels), kernel, stride=2, pads=(0, 0, 0, 0))
    at = b.max_pool("pool1", at)
    for i in range(numbers.fires):
        number = FIRST + i
        before, name = at, f"fire{number}"
        squeeze, *expands = (least(filters) for filters in numbers.fire(i))
        y = b.conv(f"{name}_squeeze1x1", at, squeeze, 1, relu=version != "1.2")
        parts = [
            b.conv(f"{name}_expand{k}x{k}", y, filters, k) for k, filters in zip((1, 3), expands, strict=True)
        ]
        at = b.concat(name, *parts)
        if bypass and b.shapes[before] == b.shapes[at]:
            at = b.add(f"bypass_{number - 1}{number}", before, at)
        elif bypass == "complex":
            around = b.conv(f"bypass{number}_conv1x1", before, b.shapes[at].channels, 1, relu=False)
            at = b.add(f"bypass_{number}", around, at)
        if number in POOLED[version] and i + 1 < numbers.fires:
            at = b.max_pool(f"pool{number}", at)
    b.average("pool10", b.conv(LAST, at, classes, 1))
    size = str(image.height) if image.height == image.width else f"{image.height}x{image.width}"
    return b.model(f"{numbers.name}_{size}")
