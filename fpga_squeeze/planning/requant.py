"""How an engine requantises the sums of its stages: y = clip(zero + round_half_even(sum * scale * 2**-right)).

All stages share ``right`` and the binary places of their biases; a channel's scale is a power of two, which costs a
shifter, or, where any channel of the engine needs it, an integer, which costs a multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ..device.dsp_packing import ONE_PRODUCT, WIDE_PORT, Multipliers, pack
from ..device.lut_ram import ceil_div
from ..network.fixed_point import signed_bits
from ..network.integers import QConv
from ..network.scales import MAX_PRODUCT_BITS
from .latency import DRAIN_LATENCY, MULTIPLY_LATENCY, PAIR_LATENCY, TABLE_LATENCY
from .order import EngineLayer

Multiply = Literal["shift", "lut", "dsp"]
NARROW_PORT = 17
"""Unsigned bits of the narrow input of the multiplier in a DSP48E1 and a DSP48E2 (UG479, UG579: 18, signed)."""
TABLE_BITS = 8
"""The widest pixels that go through a table."""


@dataclass(frozen=True, eq=False)
class Requantiser:
    """The requantisers of an engine.

    multiply      "shift": scales are 2**left; "lut", "dsp": what multiplies sums by their scales
    wide          bits of a DSP slice's wide input, signed
    places        binary places of the biases below those of the lanes' sums
    right         places that every product moves right
    scales        of each stage, for every output channel: places to the left, or the multiplier
    sum_bits      of a sum that is multiplied, its bias included
    product_bits  of a product
    tabled        whether pixels of a stage go through a table
    paired        whether two lanes share a DSP slice
    """

    multiply: Multiply
    wide: int
    places: int
    right: int
    scales: tuple[tuple[int, ...], ...]
    sum_bits: int
    product_bits: int
    tabled: bool
    paired: bool

    @property
    def most(self) -> int:
        """The largest scale."""
        return max(max(some) for some in self.scales)

    @property
    def scale_bits(self) -> int:
        """Bits of a scale in the table."""
        return max(1, self.most.bit_length())

    @property
    def latency(self) -> int:
        """Cycles from the last term of a pass to the push of its first beat."""
        multiplies = self.multiply != "shift"
        more = PAIR_LATENCY * self.paired + MULTIPLY_LATENCY * multiplies + TABLE_LATENCY * self.tabled
        return DRAIN_LATENCY + more

    @property
    def dsp(self) -> int:
        """DSP slices of a requantiser: the sum in pieces for the wide input, the scale in pieces for the other one."""
        if self.multiply != "dsp":
            return 0
        return ceil_div(self.sum_bits - 1, self.wide - 1) * ceil_div(self.scale_bits, NARROW_PORT)


def _scales(conv: QConv) -> tuple[list[int], int]:
    """(multiplier of each channel, right) of a convolution, in steps of its own bias."""
    if not conv.scaled:
        shifts = [int(s) for s in conv.shift]
        right = max(0, *shifts)
        return [1 << (right - s) for s in shifts], right
    m, right = conv.multiplier
    # a sum that is not zero is cut off at the limits by a smaller multiplier, too
    enough = 1 << (right + conv.output.bits + 1)
    ranges = zip(m, *conv.sum_ranges, strict=True)
    return [min(int(v), enough) if low or high else 0 for v, low, high in ranges], right


def too_far_apart(layer: EngineLayer) -> bool:
    """Whether the scales of an engine's convolutions ask for wider products than there are."""
    return plan_requantiser(layer, ONE_PRODUCT).product_bits > MAX_PRODUCT_BITS


@lru_cache(maxsize=256)  # a search plans the same layers again and again
def plan_requantiser(layer: EngineLayer, multipliers: Multipliers) -> Requantiser:
    """The requantisers of an engine; where scales lie too far apart its convolutions have engines of their own."""
    convs = layer.convs
    places = max(conv.bias_places for conv in convs)
    tabled = any(work.table is not None for work in layer.work)
    paired = pack(convs, multipliers).products > 1
    wide = WIDE_PORT[multipliers.slice]
    if not any(conv.scaled for conv in convs):
        shifts = [[int(s) + places - conv.bias_places for s in conv.shift] for conv in convs]
        right = max(0, *(s for some in shifts for s in some))
        left = tuple(tuple(right - s for s in some) for some in shifts)
        return Requantiser("shift", wide, places, right, left, 0, 0, tabled, paired)
    own = [_scales(conv) for conv in convs]
    rights = [right + places - conv.bias_places for conv, (_, right) in zip(convs, own, strict=True)]
    right = max(rights)
    scales = tuple(tuple(m << (right - r) for m in some) for (some, _), r in zip(own, rights, strict=True))
    sum_bits = product_bits = 2
    for conv, some in zip(convs, scales, strict=True):
        more = places - conv.bias_places
        for m, low, high in zip(some, *conv.sum_ranges, strict=True):
            least, most = int(low) << more, int(high) << more
            sum_bits = max(sum_bits, signed_bits(least, most))
            product_bits = max(product_bits, signed_bits(least * m, most * m))
    multiply = multipliers.requant
    return Requantiser(multiply, wide, places, right, scales, sum_bits, product_bits, tabled, paired)
