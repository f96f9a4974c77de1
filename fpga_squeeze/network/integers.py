"""An integer network: the one object from which golden, plan, HLS C++, RTL and the estimate derive.

Arrays are frozen after construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import FpgaSqueezeError
from .fixed_point import IntArray, int_range, signed_bits
from .graph import IMAGE, FloatArray, Pads, Preprocess, Shape, Window
from .scales import MAX_PRODUCT_BITS, as_multipliers, is_power_of_two, recode, split

MAX_ACC_BITS = 48
"""Accumulator of a DSP48 slice (UG479 and UG579: 48-bit P register)."""


@dataclass(frozen=True)
class TensorType:
    """An integer tensor of ``bits``, signed or not: value = (integer - zero) * factor * 2**-frac, 1 <= factor < 2."""

    shape: Shape
    bits: int
    signed: bool
    frac: int
    factor: float = 1.0
    zero: int = 0

    @classmethod
    def of_scale(cls, shape: Shape, bits: int, signed: bool, scale: float, zero: int = 0) -> TensorType:
        """The type whose integers are steps of ``scale``."""
        factor, frac = split(scale)
        return cls(shape, bits, signed, frac, factor, zero)

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        return int_range(self.bits, self.signed)

    @property
    def scale(self) -> float:
        """What a step of one is worth."""
        return float(np.ldexp(self.factor, -self.frac))

    @property
    def scale_text(self) -> str:
        """The scale in words, as a power of two where it is one; with the zero point unless that is 0."""
        scale = f"2^{-self.frac}" if self.factor == 1 else f"{self.scale:.9g}"
        return scale + (f" around {self.zero}" if self.zero else "")

    @property
    def plain(self) -> bool:
        """Whether a value is an integer times a power of two."""
        return self.factor == 1 and self.zero == 0

    def limits(self, relu: bool, ceiling: int | None) -> tuple[int, int]:
        """Smallest and largest integer of a result: nothing negative with ``relu``, nothing above ``ceiling``."""
        low, high = self.range
        return max(low, self.zero) if relu else low, high if ceiling is None else min(high, ceiling)


def _frozen(array: npt.ArrayLike) -> IntArray:
    out = np.array(array, dtype=np.int64)
    out.setflags(write=False)
    return out


def _saturating(ratio: FloatArray, output: TensorType) -> FloatArray:
    """``ratio``, or the least with which every sum but 0 is cut off, as it is with any larger one."""
    return np.minimum(ratio, np.ldexp(1.0, output.bits + 1))


@dataclass(frozen=True, eq=False)
class QConv:
    """An integer convolution of the numeric contract.

    weight          int64 [O, I, Kh, Kw], each within ``weight_bits`` signed bits, value = integer *
                    weight_factor[o] * 2**-weight_frac[o]
    bias            int64 [O], in steps of the accumulator, input scale times weight scale, or of 2**-bias_places
                    of it; an input's zero point is in it: sum w (x - z) = sum w x - z sum w
    pad_value       int64 [I], the integer that stands outside the image: the input's zero point, but for a first
                    layer with a folded mean
    ceiling         largest integer that leaves, where it is less than the type's
    weight_factor   float64 [O], 1 <= factor < 2; empty: ones
    """

    name: str
    inputs: tuple[str]
    weight: IntArray
    weight_bits: int
    weight_frac: IntArray
    bias: IntArray
    stride: int
    pads: Pads
    relu: bool
    pad_value: IntArray
    input: TensorType
    output: TensorType
    ceiling: int | None = None
    bias_places: int = 0
    weight_factor: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        for field_name in ("weight", "weight_frac", "bias", "pad_value"):
            object.__setattr__(self, field_name, _frozen(getattr(self, field_name)))
        factor = self.weight_factor if self.weight_factor.size else np.ones(len(self.bias))
        object.__setattr__(self, "weight_factor", factor)
        low, high = int_range(self.weight_bits, True)
        if self.weight.size and (self.weight.min() < low or self.weight.max() > high):
            raise FpgaSqueezeError(f"{self.name}: a weight does not fit {self.weight_bits} signed bits")
        if self.acc_bits > MAX_ACC_BITS:
            raise FpgaSqueezeError(
                f"{self.name}: its accumulator needs {self.acc_bits} bits, a DSP48 has {MAX_ACC_BITS}; "
                "use fewer bits or a smaller bias"
            )
        left = 0 if self.scaled else -int(self.shift.min(initial=0))
        if self.acc_bits + self.bias_places + left > MAX_PRODUCT_BITS:
            raise FpgaSqueezeError(
                f"{self.name}: a channel is shifted left by {left} bits; move its binary point"
            )

        if self.scaled and self.multiplier[1] < 0:
            raise FpgaSqueezeError(f"{self.name}: its scales lie too far apart; quantise it again")

    @property
    def kernel(self) -> Window:
        return int(self.weight.shape[2]), int(self.weight.shape[3])

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest integer of its result."""
        return self.output.limits(self.relu, self.ceiling)

    @property
    def weight_scale(self) -> FloatArray:
        """float64 [O]: what a step of each channel's weights is worth."""
        return np.asarray(np.ldexp(self.weight_factor, -self.weight_frac))

    @cached_property
    def ratio(self) -> FloatArray:
        """float64 [O]: steps of the output that a step of the accumulator is worth."""
        if self.input.factor == self.output.factor == 1 and np.all(self.weight_factor == 1):
            return np.ldexp(np.ones(len(self.bias)), self.output.frac - self.input.frac - self.weight_frac)
        step = np.float32(self.input.scale) * self.weight_scale.astype(np.float32)
        return np.asarray(step / np.float32(self.output.scale), dtype=np.float64)

    @cached_property
    def scaled(self) -> bool:
        """Whether its sums are multiplied by ``multiplier``; else they are shifted by ``shift``."""
        return not is_power_of_two(self.ratio)

    @cached_property
    def shift(self) -> IntArray:
        """Right shift of each output channel's requantisation, int64 [O] (negative: left shift), unless ``scaled``."""
        return _frozen(1 - np.frexp(self.ratio)[1] + self.bias_places)

    @cached_property
    def multiplier(self) -> tuple[IntArray, int]:
        """(m int64 [O], right): sums are multiplied by m[o] and shifted to the right, where ``scaled``."""
        ratio = np.ldexp(self.ratio, -self.bias_places)
        m, right = as_multipliers(_saturating(ratio, self.output), self.magnitudes, self.output.bits)
        return _frozen(m), right

    @cached_property
    def magnitudes(self) -> IntArray:
        """int64 [O]: sum of abs(w) * max(x) + abs(bias) of each channel, in steps of the bias."""
        largest = max(abs(v) for v in self.input.range)
        sums = np.abs(self.weight.reshape(self.weight.shape[0], -1)).sum(axis=1) * largest
        return _frozen((sums << self.bias_places) + np.abs(self.bias))

    @cached_property
    def sum_ranges(self) -> tuple[IntArray, IntArray]:
        """Smallest and largest sum of each channel, bias included, in steps of the bias: int64 [O] each."""
        low, high = self.input.range
        w = self.weight.reshape(self.weight.shape[0], -1)
        least, most = (np.where(w > 0, w * a, w * b).sum(axis=1) for a, b in ((low, high), (high, low)))
        return _frozen((least << self.bias_places) + self.bias), _frozen(
            (most << self.bias_places) + self.bias
        )

    @cached_property
    def acc_range(self) -> tuple[int, int]:
        """Bounds that no partial sum of the accumulation leaves, bias included or not.

        Each partial sum lies between the sum of the negative terms and the sum of the positive ones; this is
        the proof that the accumulator cannot overflow.
        """
        low, high = self.input.range
        w = self.weight.reshape(self.weight.shape[0], -1)
        pos = np.where(w > 0, w * high, w * low if low else 0).clip(min=0).sum(axis=1)
        neg = np.where(w < 0, w * high, w * low if low else 0).clip(max=0).sum(axis=1)
        down = self.bias >> self.bias_places
        up = -(-self.bias >> self.bias_places)
        return (
            int(np.minimum(neg, neg + down).min(initial=0)),
            int(np.maximum(pos, pos + up).max(initial=0)),
        )

    @cached_property
    def acc_bits(self) -> int:
        """Width of the two's complement accumulator, from ``acc_range``."""
        return signed_bits(*self.acc_range)

    @cached_property
    def acc_magnitude(self) -> int:
        """Largest |partial sum| in steps of the bias, over all channels: the contract's bound."""
        return int(self.magnitudes.max(initial=0))


@dataclass(frozen=True, eq=False)
class QMaxPool:
    """Integer max pooling: exact, the output keeps the input's scale and zero point."""

    name: str
    inputs: tuple[str]
    kernel: Window
    stride: int
    pads: Pads
    ceil: bool
    input: TensorType
    output: TensorType


@dataclass(frozen=True, eq=False)
class QAvgPool:
    """Integer average pool over windows, the input's zero point around the map, or ``border``, int64 [C].

    Plain types, the output no coarser or narrower: round_half_even(sum * 2**(output.frac - input.frac) / count).
    Others: output.zero + round_half_even((sum - count * input.zero) * multiplier * 2**-right). With ``total`` the sums
    leave as they are, in steps of input.scale / count around count * input.zero.
    """

    name: str
    inputs: tuple[str]
    kernel: Window
    stride: int
    pads: Pads
    input: TensorType
    output: TensorType
    total: bool = False
    border: IntArray | None = None

    @property
    def count(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def scaled(self) -> bool:
        """Whether sums are multiplied instead of divided."""
        a, y = self.input, self.output
        keeps = y.frac >= a.frac and y.bits >= a.bits and y.signed == a.signed
        return not (self.total or (a.plain and y.plain and keeps))

    @property
    def divides(self) -> bool:
        """Whether sums are divided by ``count``."""
        return not (self.total or self.scaled)

    @property
    def extra_frac(self) -> int:
        return self.output.frac - self.input.frac

    @cached_property
    def multiplier(self) -> tuple[int, int]:
        """(m, right), where ``scaled``."""
        whole = np.float32(self.output.scale) * np.float32(self.count)
        ratio = np.array([np.float32(self.input.scale) / whole], dtype=np.float64)
        reach = self.count * max(abs(v - self.input.zero) for v in self.input.range)
        m, right = as_multipliers(_saturating(ratio, self.output), reach, self.output.bits)
        return int(m[0]), right

    @property
    def is_global(self) -> bool:
        """Whether its window is the whole map, with a ``border`` of its own that around it as well."""
        top, left, bottom, right = self.pads
        whole = self.input.shape.height + top + bottom, self.input.shape.width + left + right
        return self.kernel == whole and (self.border is not None or not any(self.pads))


@dataclass(frozen=True, eq=False)
class QAdd:
    """Integer sum of two maps: clip(zero + round_half_even((a * ma + b * mb + offset) * 2**-shift)).

    Between powers of two the multipliers move binary points to the left until they meet; where ``relu``, negative
    results become 0, and nothing above ``ceiling`` leaves.
    """

    name: str
    inputs: tuple[str, str]
    operands: tuple[TensorType, TensorType]
    relu: bool
    output: TensorType
    ceiling: int | None = None

    def __post_init__(self) -> None:
        if self.sum_bits + max(0, -self.shift) > MAX_PRODUCT_BITS:
            fracs = [x.frac for x in self.operands]
            raise FpgaSqueezeError(
                f"{self.name}: its operands lie {max(fracs) - min(fracs)} bits apart; move a binary point"
            )

    @cached_property
    def terms(self) -> tuple[int, int, int, int]:
        """(ma, mb, offset, shift); a negative shift goes to the left."""
        a, b = self.operands
        ratio = np.array([np.float32(x.scale) / np.float32(self.output.scale) for x in (a, b)], np.float64)
        if is_power_of_two(ratio):
            frac = max(a.frac, b.frac)
            m, shift = np.array([1 << (frac - a.frac), 1 << (frac - b.frac)]), frac - self.output.frac
        else:
            reach = [2 * max(abs(v - x.zero) for v in x.range) for x in (a, b)]
            m, shift = as_multipliers(ratio, reach, self.output.bits)
        left, right = int(m[0]), int(m[1])
        return left, right, -left * a.zero - right * b.zero, shift

    @property
    def shift(self) -> int:
        """Right shift of the requantisation (negative: left shift)."""
        return self.terms[3]

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest integer of its result."""
        return self.output.limits(self.relu, self.ceiling)

    @property
    def sum_bits(self) -> int:
        """Width of the two's complement sum."""
        left, right, offset, _ = self.terms
        (a_low, a_high), (b_low, b_high) = (x.range for x in self.operands)
        low, high = a_low * left + b_low * right, a_high * left + b_high * right
        return signed_bits(min(low, low + offset), max(high, high + offset))


@dataclass(frozen=True, eq=False)
class QConcat:
    """Maps one behind the other by channels; one of another type than the output's goes through a table."""

    name: str
    inputs: tuple[str, ...]
    operands: tuple[TensorType, ...]
    output: TensorType

    @cached_property
    def tables(self) -> tuple[IntArray | None, ...]:
        """For each operand the integers that its own become, int64 [2**bits], the lowest first; None where they
        stay."""
        return tuple(self.table(operand) for operand in self.operands)

    def table(self, operand: TensorType) -> IntArray | None:
        """The table of one type, None where its integers stay."""
        output = self.output
        if replace(operand, shape=output.shape) == output:
            return None
        table = recode(operand.range, operand.scale, operand.zero, output.range, output.scale, output.zero)
        return _frozen(table)


QLayer = QConv | QMaxPool | QAvgPool | QAdd | QConcat


@dataclass(frozen=True, eq=False)
class QModel:
    """An integer network: ``layers`` in an order in which each reads the IMAGE or layers before it; the last one gives
    the logits.

    input         type of the IMAGE
    pixels        int64 [C, 256]: the integers of the IMAGE that raw uint8 pixels become, channel by channel; None: they
                  are the pixels
    calibration   the images it was quantised on, where they are known
    tensors       for each layer, and the IMAGE, the integer tensor of the file it came from, where it came from one
    """

    name: str
    input: TensorType
    layers: tuple[QLayer, ...]
    preprocess: Preprocess = field(default_factory=Preprocess)
    notes: tuple[str, ...] = ()
    calibration: tuple[str, ...] = ()
    pixels: IntArray | None = None
    tensors: Mapping[str, str] = field(default_factory=dict)

    @property
    def output(self) -> TensorType:
        return self.layers[-1].output

    @property
    def convs(self) -> list[QConv]:
        """Every convolution, in network order."""
        return [layer for layer in self.layers if isinstance(layer, QConv)]

    @property
    def types(self) -> dict[str, TensorType]:
        """Type of every tensor, the IMAGE first."""
        return {IMAGE: self.input} | {layer.name: layer.output for layer in self.layers}

    @property
    def readers(self) -> dict[str, list[QLayer]]:
        """The layers that read each tensor, in network order."""
        out: dict[str, list[QLayer]] = {name: [] for name in self.types}
        for layer in self.layers:
            for name in dict.fromkeys(layer.inputs):
                out[name].append(layer)
        return out
