"""Bits and rounding: the ground floor of the numeric contract.

Every value in the accelerator is an integer. This module holds their ranges and widths, and the two operations that
round: a shift to the right, by which sums and products become activations, and the exact average.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def int_range(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest integer of a ``bits`` wide two's complement or unsigned field."""
    if signed:
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def int_name(bits: int, signed: bool) -> str:
    """``uint8``, ``int4``, ...: the name of a type."""
    return f"{'int' if signed else 'uint'}{bits}"


def signed_bits(low: int, high: int) -> int:
    """Bits of the narrowest two's complement field that holds every integer of ``[low, high]``."""
    return max(int(low < 0) and (-low - 1).bit_length(), int(high > 0) and high.bit_length()) + 1


def round_half_even_shift(value: npt.ArrayLike, shift: npt.ArrayLike) -> IntArray:
    """``round_half_even(value * 2**-shift)`` on int64, exactly; a negative ``shift`` is a left shift.

    Every requantisation rounds so. ``value`` and ``shift`` broadcast. The caller keeps ``|value| * 2**max(-shift, 0)``
    below 2**62.
    """
    v = np.asarray(value, dtype=np.int64)
    s = np.asarray(shift, dtype=np.int64)
    # A right shift beyond 62 always rounds |value| < 2**62 to zero; 62 gives the same answer without
    # overflow.
    right = np.clip(s, 0, 62)
    left = np.clip(-s, 0, 62)
    quotient = v >> right
    remainder = v - (quotient << right)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), np.int64(1))
    up = (remainder > half) | ((remainder == half) & ((quotient & 1) == 1))
    return np.asarray(np.where(right > 0, quotient + up, v << left), dtype=np.int64)


def divide_half_even(total: npt.ArrayLike, count: int, extra_frac: int = 0) -> IntArray:
    """``round_half_even(total * 2**extra_frac / count)`` on int64, exactly: the global average pool.

    Symmetric under negation, so hardware divides the magnitude and restores the sign.
    """
    if count < 1 or extra_frac < 0:
        raise ValueError(
            f"divide_half_even needs count >= 1 and extra_frac >= 0, got {count} and {extra_frac}"
        )
    t = np.asarray(total, dtype=np.int64)
    magnitude = np.abs(t) << extra_frac
    quotient, remainder = np.divmod(magnitude, count)
    up = (2 * remainder > count) | ((2 * remainder == count) & ((quotient & 1) == 1))
    return np.asarray(np.sign(t) * (quotient + up), dtype=np.int64)


def index_bits(count: int) -> int:
    """Bits of an index below ``count``, at least one."""
    return max(1, (count - 1).bit_length())


def count_bits(count: int) -> int:
    """Bits of a number up to ``count``, at least one."""
    return max(1, count.bit_length())
