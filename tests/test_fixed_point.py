"""Rounding, widths and exact division against Python's own integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_squeeze.network.fixed_point import (
    divide_half_even,
    int_range,
    round_half_even_shift,
    signed_bits,
)

VALUES = st.integers(-(1 << 47), 1 << 47)


@given(VALUES, st.integers(-14, 80))
def test_shift_rounds_half_to_even(value: int, shift: int) -> None:
    # Python's round() on a Fraction rounds half to even, exactly.
    assert int(round_half_even_shift(value, shift)) == round(Fraction(value) / Fraction(2) ** shift)


@given(st.integers(-(1 << 30), 1 << 30), st.integers(1, 20))
def test_shift_decides_ties(half: int, shift: int) -> None:
    tie = (2 * half + 1) << (shift - 1)
    assert int(round_half_even_shift(tie, shift)) % 2 == 0
    assert int(round_half_even_shift(tie + 1, shift)) == (
        half + 1 if shift > 1 else round(Fraction(tie + 1, 2))
    )


@given(st.integers(-(1 << 34), 1 << 34), st.integers(1, 5000), st.integers(0, 3))
def test_divide_rounds_half_to_even(total: int, count: int, extra: int) -> None:
    assert int(divide_half_even(total, count, extra)) == round(Fraction(total << extra, count))


@pytest.mark.parametrize("count", [2, 4, 36, 100, 196])
def test_divide_decides_ties(count: int) -> None:
    totals = np.array([count // 2 + count * k for k in range(-9, 10)])
    assert (divide_half_even(totals, count) % 2 == 0).all()


@given(st.integers(-(1 << 40), 1 << 40), st.integers(-(1 << 40), 1 << 40))
def test_signed_bits_is_narrowest(a: int, b: int) -> None:
    low, high = min(a, b, 0), max(a, b, 0)
    bits = signed_bits(low, high)
    fits = int_range(bits, True)
    assert fits[0] <= low and high <= fits[1]
    if bits > 1:
        tight = int_range(bits - 1, True)
        assert low < tight[0] or high > tight[1]


def test_shift_broadcasts_over_channels() -> None:
    acc = np.array([[5, 6, 7], [5, -6, 700]])
    out = round_half_even_shift(acc, np.array([[1], [-1]]))
    assert out.tolist() == [[2, 3, 4], [10, -12, 1400]]


def test_divide_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="count >= 1"):
        divide_half_even(1, 0)
