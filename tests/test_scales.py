"""Real scales and zero points in integers: golden against exact fractions, onnxruntime's factors, and each bound."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import Shape
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConcat, QConv, TensorType
from fpga_squeeze.network.scales import as_multipliers, recode, split


def some_type(random: np.random.Generator, shape: Shape, bits: int = 8) -> TensorType:
    signed = bool(random.integers(2))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    scale = float(np.float32(random.uniform(0.001, 3)))
    return TensorType.of_scale(shape, bits, signed, scale, int(random.integers(low, high + 1)))


def some_conv(random: np.random.Generator, places: int = 0, relu: bool = False) -> QConv:
    """A convolution of two channels to three over a map of 4 x 5, with every kind of scale."""
    source, target = some_type(random, Shape(2, 4, 5)), some_type(random, Shape(3, 4, 5))
    weight = random.integers(-128, 128, size=(3, 2, 3, 3))
    factor, frac = zip(*(split(float(np.float32(random.uniform(1e-4, 1e-2)))) for _ in range(3)), strict=True)
    bias = random.integers(-3000, 3000, size=3) - ((source.zero * weight.sum(axis=(1, 2, 3))) << places)
    pads = (1, 1, 1, 1)
    return QConv(
        "conv", ("image",), weight, 8, np.array(frac), bias, 1, pads, relu, np.full(2, source.zero), source, target,
        bias_places=places, weight_factor=np.array(factor),
    )  # fmt: skip


def by_fractions(conv: QConv, x: np.ndarray) -> np.ndarray:
    """The convolution in exact rational numbers, rounded once; NaN where the value lies too near a tie to tell."""
    padded = np.pad(x - conv.input.zero, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((3, 4, 5))
    low, high = conv.limits
    for o, y, z in np.ndindex(3, 4, 5):
        offset = Fraction(int(conv.bias[o]), 1 << conv.bias_places)
        offset += conv.input.zero * int(conv.weight[o].sum())
        total = int((padded[:, y : y + 3, z : z + 3] * conv.weight[o]).sum()) + offset
        real = total * Fraction(float(conv.ratio[o]))
        near = abs((real % 1) - Fraction(1, 2)) < Fraction(1, 1 << 16)
        out[o, y, z] = np.nan if near else min(max(round(real) + conv.output.zero, low), high)
    return out


@pytest.mark.parametrize("seed", range(12))
def test_convolutions_of_any_scale(seed: int) -> None:
    random = np.random.default_rng(seed)
    conv = some_conv(random, places=seed % 3 * 4, relu=bool(seed % 2))
    low, high = conv.input.range
    x = random.integers(low, high + 1, size=(2, 4, 5))
    got, want = golden.conv_forward(x.astype(np.float32), conv), by_fractions(conv, x)
    assert conv.scaled and not np.isnan(want).all()
    assert np.array_equal(got[~np.isnan(want)], want[~np.isnan(want)])
    assert np.abs(got - want)[~np.isnan(want)].max() == 0
    changed = replace(conv, output=replace(conv.output, zero=conv.output.zero - 1 if conv.output.zero else 1))
    assert not np.array_equal(got, golden.conv_forward(x.astype(np.float32), changed))


def test_a_ratio_of_a_power_of_two_needs_no_multiplier() -> None:
    conv = some_conv(np.random.default_rng(3))
    factor, frac = split(conv.output.scale / conv.input.scale)
    plain = replace(
        conv,
        output=replace(conv.output, factor=conv.input.factor, frac=conv.input.frac - 6),
        weight_factor=np.ones(3),
        weight_frac=np.array([1, 2, 3]),
    )
    assert not plain.scaled and list(plain.shift) == [7, 8, 9]


@given(
    ratio=st.lists(st.floats(2.0**-20, 0.875, width=32), min_size=1, max_size=6),
    reach=st.integers(1, 1 << 28),
    bits=st.sampled_from([4, 8, 16]),
)
@settings(max_examples=200, deadline=None)
def test_a_product_is_never_worse_than_float32(ratio: list[float], reach: int, bits: int) -> None:
    exact = np.array(ratio, dtype=np.float64)
    m, shift = as_multipliers(exact, np.full(len(ratio), reach), bits)
    for value, r in zip(m, exact, strict=True):
        most = min(reach, int(2.0**bits / r) + 1)
        error = abs(Fraction(int(value), 1) / Fraction(2) ** shift - Fraction(float(r))) * most
        assert error <= Fraction(2) ** (bits - 25) * Fraction(most + 1, most)
        assert int(value) * reach < 1 << 62


def test_sums_of_two_scales() -> None:
    random, shape = np.random.default_rng(5), Shape(2, 3, 4)
    for _ in range(20):
        a, b, out = (some_type(random, shape) for _ in range(3))
        add = QAdd("add", ("a", "b"), (a, b), bool(random.integers(2)), out, ceiling=out.range[1] - 3)
        x, y = (random.integers(t.range[0], t.range[1] + 1, size=(2, 3, 4)) for t in (a, b))
        got = golden.forward(add, [x.astype(np.float32), y.astype(np.float32)])
        real = ((x - a.zero) * a.scale + (y - b.zero) * b.scale) / out.scale
        want = np.clip(np.rint(real) + out.zero, out.zero if add.relu else out.range[0], out.range[1] - 3)
        clear = np.abs(real % 1 - 0.5) > 1e-4
        assert np.array_equal(got[clear], want[clear])
        sums = golden.add_sums(x.astype(np.float32), y.astype(np.float32), add)
        assert np.abs(sums).max() < 1 << add.sum_bits - 1


@pytest.mark.parametrize("kernel", [(3, 4), (2, 2)])
def test_averages_of_any_scale(kernel: tuple[int, int]) -> None:
    random, shape = np.random.default_rng(6), Shape(3, 3, 4)
    for _ in range(20):
        source = some_type(random, shape)
        pads = (0, 0, 0, 0) if kernel == (3, 4) else (1, 1, 0, 0)
        height, width = (3 + pads[0] - kernel[0]) + 1, (4 + pads[1] - kernel[1]) + 1
        out = replace(some_type(random, Shape(3, height, width)), frac=source.frac + 1)
        pool = QAvgPool("pool", ("x",), kernel, 1, pads, source, out)
        x = random.integers(source.range[0], source.range[1] + 1, size=(3, 3, 4))
        got = golden.average_forward(x.astype(np.float32), pool)
        padded = np.pad(x - source.zero, ((0, 0), (pads[0], 0), (pads[1], 0)))
        for c, y, z in np.ndindex(*got.shape):
            total = padded[c, y : y + kernel[0], z : z + kernel[1]].sum()
            real = total * source.scale / out.scale / pool.count
            if abs(real % 1 - 0.5) > 1e-4:
                assert got[c, y, z] == np.clip(np.rint(real) + out.zero, *out.range)
        whole = replace(pool, total=True, output=replace(out, bits=16))
        sums = golden.average_forward(x.astype(np.float32), whole)
        assert sums[0, 0, 0] == padded[0, : kernel[0], : kernel[1]].sum() + pool.count * source.zero


def test_concatenation_through_tables() -> None:
    random, shape = np.random.default_rng(7), Shape(2, 3, 3)
    a, b = some_type(random, shape), some_type(random, shape)
    out = replace(b, shape=Shape(4, 3, 3))
    concat = QConcat("join", ("a", "b"), (a, b), out)
    x, y = (random.integers(t.range[0], t.range[1] + 1, size=(2, 3, 3)) for t in (a, b))
    got = golden.forward(concat, [x.astype(np.float32), y.astype(np.float32)])
    real = (x - a.zero) * a.scale / b.scale
    clear = np.abs(real % 1 - 0.5) > 1e-4
    assert np.array_equal(got[:2][clear], np.clip(np.rint(real) + b.zero, *b.range)[clear])
    assert np.array_equal(got[2:], y)
    first, second = concat.tables
    assert first is not None and len(first) == 256 and second is None


def test_a_table_is_what_quantising_again_gives() -> None:
    assert list(recode((0, 4), 0.5, 1, (-128, 127), 0.25, -3)) == [-5, -3, -1, 1, 3]
    assert list(recode((0, 4), 0.5, 0, (0, 255), 1.0, 0)) == [0, 0, 1, 2, 2]  # half to even
