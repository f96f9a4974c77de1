"""Real scales in integers: a factor becomes a multiplier and a shift, a change of scale a table.

The factors are those of onnxruntime's integer kernels, formed in float32 as they form them (``QLinearConv``:
``x_scale * w_scale / y_scale``; ``QLinearGlobalAveragePool``: ``x_scale / (y_scale * count)``); what the float32
product of such a factor and a sum then loses, an integer product does not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .fixed_point import IntArray

Reals = npt.NDArray[np.float64]

FLOAT32_PLACES = 24
"""Significand of an IEEE 754 single: a product in [2**(b-1), 2**b) has a unit of 2**(b - 24) in its last place."""
MAX_PRODUCT_BITS = 62
"""A product stays within int64 with room to round."""


def split(scale: float) -> tuple[float, int]:
    """(factor, frac) with ``scale == factor * 2**-frac`` and 1 <= factor < 2."""
    mantissa, exponent = np.frexp(scale)
    return float(2 * mantissa), int(1 - exponent)


def is_power_of_two(values: npt.ArrayLike) -> bool:
    """Whether every number is a power of two."""
    return bool(np.all(np.frexp(np.asarray(values, dtype=np.float64))[0] == 0.5))


def as_multipliers(ratio: Reals, reach: npt.ArrayLike, bits: int) -> tuple[IntArray, int]:
    """(m int64 [O], shift): ``m * 2**-shift`` stands for ``ratio`` float64 [O], positive.

    ``reach`` [O] are the largest magnitudes that are multiplied, ``bits`` the width of the result. The shift is the
    least with which no product that is not cut off is wrong by more than half a unit in the last place that float32
    has there: |x| * 2**-(shift + 1) <= 2**(bits - 25) for every |x| <= min(reach, 2**bits / ratio).
    """
    span = np.minimum(np.asarray(reach, dtype=np.float64), np.ldexp(1.0, bits) / ratio)
    shift = int(np.ceil(np.log2(np.maximum(span, 1))).max(initial=0)) + FLOAT32_PLACES - bits
    widest = float(np.log2(np.maximum(np.asarray(reach, dtype=np.float64) * ratio, 1)).max(initial=0))
    shift = min(shift, int(MAX_PRODUCT_BITS - 1 - np.ceil(widest)))
    m = np.rint(np.ldexp(ratio, shift)).astype(np.int64)
    while m.any() and shift > 0 and not (m & 1).any():
        m, shift = m >> 1, shift - 1
    return np.asarray(m, dtype=np.int64), shift


def recode(
    source: tuple[int, int], scale: float, zero: int, target: tuple[int, int], to_scale: float, to_zero: int
) -> IntArray:
    """The integers of ``target`` (lowest, highest), int64, that those of ``source`` become, lowest first.

    As DequantizeLinear and QuantizeLinear compute it, in float32: rint((i - zero) * scale / to_scale) + to_zero.
    """
    real = (np.arange(source[0], source[1] + 1) - zero).astype(np.float32) * np.float32(scale)
    steps = np.rint(real / np.float32(to_scale)).astype(np.float64) + to_zero
    return np.asarray(np.clip(steps, *target), dtype=np.int64)
