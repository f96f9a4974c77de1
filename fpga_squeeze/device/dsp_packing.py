"""Two products per DSP: when two pixels that share a weight may share a multiplier, and how they are packed.

A slice multiplies ``x1 * 2**n + x0`` by one weight and accumulates ``P = S1 * 2**n + S0`` freely (n: the shift). With
``C = floor(S0 / 2**n)`` and ``L = P mod 2**n`` both sums come back exactly::

    S0 = C * 2**n + L          S1 = (P >> n) - C

``C`` is counted. Where no product is larger than half of the low field, ``|w * x0| <= 2**(n-1)``, adding it leads from
one half of the field to the other at most; so ``C`` has grown by one exactly when the top bit of ``L`` falls from 1 to
0 under a product >= 0, and shrunk by one exactly when it rises from 0 to 1 under a negative one. (A product of exactly
2**(n-1) moves the top bit always: it rises where nothing wraps, and falls where something does.)

What that asks for:

- pixels that are all unsigned, or all signed. Others get their top bit inverted, which makes x + 2**(bits-1) of a
  signed one and x - 2**(bits-1) of an unsigned one, and the bias takes what that does to the sum;
- unsigned: a product has the sign of its weight, the pixels are packed by placing them side by side, and
  ``weight_bits + pixel_bits <= n`` is the bound on products, 2**(weight_bits-1) * (2**pixel_bits - 1) <= 2**(n-1);
- signed: a product has the sign of its weight xor that of x0 (where a factor is 0 nothing wraps, and no sign matters),
  a negative x0 borrows one of x1, and the bound is 2**(weight_bits-1) * 2**(pixel_bits-1) <= 2**(n-1), that is
  ``weight_bits + pixel_bits <= n + 1``: one bit of weight more. As the borrow and the signs take logic, only engines
  that need this bit have signed pixels;
- ``n + pixel_bits + 1 <= port``: the packed pixels fit the wide input of the multiplier. The widest n is taken, 24 -
  pixel_bits in a DSP48E1 (25 x 18 bits, UG479) and 26 - pixel_bits in a DSP48E2 (27 x 18 bits, UG579): 16 and 18 for
  pixels of 8 bits. x1 - 1 takes the bit for which unsigned pixels have a sign of 0;
- ``n + acc_bits <= 48``: the accumulator of either slice holds S1 modulo 2**acc_bits above the low field.

So 8-bit pixels go with weights of up to 9 bits in a DSP48E1 and of up to 11 in a DSP48E2. The number of terms does not
matter; ``C`` is kept modulo 2**(acc_bits - n), and is only the sign of ``L`` where acc_bits <= n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import FpgaSqueezeError
from ..network.fixed_point import int_range, signed_bits
from ..network.integers import QConv, TensorType
from .catalogue import Device

SliceName = Literal["DSP48E1", "DSP48E2"]
WIDE_PORT: dict[str, int] = {"DSP48E1": 25, "DSP48E2": 27}
"""Signed bits of the wide input of the multiplier."""
ACCUMULATOR = 48


@dataclass(frozen=True)
class Multipliers:
    """What a plan asks of DSP slices: ``products`` per slice and cycle (1 or 2), and the kind of slice.

    requant  what multiplies sums by scales that are no powers of two: "lut", or "dsp", further slices
    """

    products: int = 1
    slice: str = "DSP48E1"
    requant: Literal["lut", "dsp"] = "lut"

    def __post_init__(self) -> None:
        if self.products not in (1, 2):
            raise FpgaSqueezeError(f"{self.products} products per DSP: give 1 or 2")
        if self.slice not in WIDE_PORT:
            raise FpgaSqueezeError(f"unknown DSP slice {self.slice}; there are {', '.join(WIDE_PORT)}")
        if self.requant not in ("lut", "dsp"):
            raise FpgaSqueezeError(f"requantisers in {self.requant!r}: give 'lut' or 'dsp'")

    @classmethod
    def of(cls, products: int | None, device: Device | None) -> Multipliers:
        """``products`` (None: 1) per slice of a device; without one, for the DSP48E1.

        A DSP48E2 holds what is packed for a DSP48E1, and both take the same engines up to 8 x 8 bits.
        """
        plus = device is not None and device.family == "zynq-ultrascale+"
        return cls(1 if products is None else products, "DSP48E2" if plus else "DSP48E1")


ONE_PRODUCT = Multipliers()


@dataclass(frozen=True)
class Packing:
    """Products per DSP slice of an engine.

    operand    (bits, signed) of the pixels at the lanes
    products   1 or 2
    shift      bits between the two pixels that share a slice; 0 with one product
    reason     why there is one product where two were asked for, else empty
    """

    operand: tuple[int, bool]
    products: int = 1
    shift: int = 0
    reason: str = ""

    def dsp(self, pixels: int, channels: int) -> int:
        """Slices for ``pixels`` lanes of each of ``channels`` weights; an odd lane has a slice of its own."""
        return channels * -(-pixels // self.products)


def operand_type(types: Sequence[TensorType]) -> tuple[int, bool]:
    """(bits, signed) of the pixels at lanes that read tensors of ``types``."""
    signed = any(t.signed for t in types)
    # an unsigned pixel among signed lanes needs one bit more
    return max(t.bits + int(signed and not t.signed) for t in types), signed


def acc_range(conv: QConv, flip: bool) -> tuple[int, int]:
    """Bounds of every partial sum of ``conv`` at the lanes, ``flip`` where its pixels arrive with the other sign.

    As :attr:`QConv.acc_range`: a partial sum lies between the sum of the negative terms and that of the positive ones.
    """
    if not flip:
        return conv.acc_range
    low, high = int_range(conv.input.bits, not conv.input.signed)
    weight = conv.weight.reshape(len(conv.bias), -1)
    over, under = weight.clip(min=0).sum(axis=1), weight.clip(max=0).sum(axis=1)
    least, most = under * high + over * low, over * high + under * low
    return int(least.min(initial=0)), int(most.max(initial=0))


def pack(convs: Sequence[QConv], multipliers: Multipliers) -> Packing:
    """How the lanes of an engine that runs ``convs`` use their slices; the module's text has the rules."""
    types = [conv.input for conv in convs]
    if multipliers.products == 1:
        return Packing(operand_type(types))
    bits = max(t.bits for t in types)
    weight_bits = max(conv.weight_bits for conv in convs)
    shift = WIDE_PORT[multipliers.slice] - 1 - bits
    signed = weight_bits + bits > shift
    if weight_bits + bits > shift + int(signed):
        return Packing(
            operand_type(types),
            reason=f"products of {weight_bits} x {bits} bits do not fit the field of {shift} bits that "
            f"a {multipliers.slice} has between two pixels",
        )
    acc_bits = max(signed_bits(*acc_range(conv, conv.input.signed != signed)) for conv in convs)
    if shift + acc_bits > ACCUMULATOR:
        return Packing(
            operand_type(types),
            reason=f"two sums of {acc_bits} bits exceed the accumulator of {ACCUMULATOR} bits",
        )
    return Packing((bits, signed), 2, shift)
