"""Equalisation and learned rounding: what they may change and what they may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_squeeze.datasets.images import embedded_calibration, embedded_model_path
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import int_range
from fpga_squeeze.network.graph import Conv, Fire, FloatModel, GlobalAvgPool, MaxPool, Shape
from fpga_squeeze.quantization.equalise import channel_steps, equalise
from fpga_squeeze.quantization.quantize import float_logits, quantize
from fpga_squeeze.quantization.rounding import Target, descend, fitted, make_target, nearest, with_feedback


def random_target(seed: int, outputs: int, inputs: int, zeros: float) -> Target:
    """A convolution on correlated, noisy inputs, some of its weights and inputs zero."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(inputs, inputs)) @ rng.normal(size=(inputs, 3 * inputs))
    real[rng.random(inputs) < 0.1] = 0
    seen = real + 0.05 * rng.normal(size=real.shape)
    weight = rng.normal(size=(outputs, inputs)) * (rng.random((outputs, inputs)) >= zeros)
    return make_target(weight, seen @ seen.T / seen.shape[1], real @ seen.T / seen.shape[1])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    outputs=st.integers(1, 6),
    inputs=st.integers(1, 24),
    zeros=st.sampled_from([0.0, 0.5, 1.0]),
    bits=st.integers(2, 8),
)
def test_learned_rounding_never_exceeds_nearest(
    seed: int, outputs: int, inputs: int, zeros: float, bits: int
) -> None:
    target = random_target(seed, outputs, inputs, zeros)
    frac = np.full(outputs, bits - 3, dtype=np.int32)
    scale = 2.0 ** -(bits - 3)
    plain = nearest(target.weight, frac, bits)
    learned = descend(target, plain, frac, bits)
    slack = 1e-9 * (1 + np.abs(target.error(plain * scale)))
    assert np.all(target.error(learned * scale) <= target.error(plain * scale) + slack)
    low, high = int_range(bits, True)
    for ints in (learned, with_feedback(target, fitted(target), frac, bits)):
        assert ints.min() >= low and ints.max() <= high
        assert not ints[target.weight == 0].any() and np.array_equal(ints, np.rint(ints))
    assert np.array_equal(learned, descend(target, plain, frac, bits))


def test_feedback_halves_the_error_of_correlated_inputs() -> None:
    target = random_target(1, 16, 48, 0.0)
    frac = np.full(16, 3, dtype=np.int32)
    floor = target.error(fitted(target))
    plain = target.error(nearest(target.weight, frac, 6) / 8) - floor
    learned = (
        target.error(descend(target, with_feedback(target, fitted(target), frac, 6), frac, 6) / 8) - floor
    )
    assert learned.sum() < plain.sum() / 2


def random_model(seed: int, relu: bool = True) -> FloatModel:
    rng = np.random.default_rng(seed)

    def conv(name: str, outputs: int, inputs: int, kernel: int, active: bool = True) -> Conv:
        pad = kernel // 2
        weight = rng.normal(size=(outputs, inputs, kernel, kernel)) * rng.lognormal(size=(outputs, 1, 1, 1))
        return Conv(name, weight, rng.normal(size=outputs), 1, (pad,) * 4, active)

    fire = Fire("fire2", conv("s", 3, 6, 1, relu), conv("e1", 4, 3, 1, relu), conv("e3", 5, 3, 3, relu))
    layers = (
        conv("conv1", 6, 3, 3),
        MaxPool("pool1", 3, 2, (0, 0, 0, 0), True),
        fire,
        conv("conv10", 4, 9, 1),
        GlobalAvgPool("average"),
    )
    return FloatModel("random", Shape(3, 11, 10), layers)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), relu=st.booleans())
def test_equalisation_leaves_the_function_unchanged(seed: int, relu: bool) -> None:
    model = random_model(seed, relu)
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (3, 11, 10, 3), dtype=np.uint8)
    maps = [image.transpose(2, 0, 1).astype(np.float32) for image in images]
    scaled = equalise(model, maps, np.zeros(3, dtype=np.int64), 8, 0.5)
    want = float_logits(model, images)
    np.testing.assert_allclose(float_logits(scaled, images), want, rtol=1e-3, atol=1e-5 * np.abs(want).max())
    assert not np.allclose(scaled.layers[0].weight, model.layers[0].weight)  # type: ignore[union-attr]


def test_steps_follow_the_peaks() -> None:
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(5, 16, 16)), 0).astype(np.float32)
    x[1] *= 0.25
    x[2] = 0
    steps = channel_steps([x], 8, 0.5)
    assert np.all(steps > 0) and steps[1] < 0.75 * steps[0]
    assert np.array_equal(channel_steps([x * 0], 8, 0.5), np.ones(5))
    np.testing.assert_allclose(channel_steps([x * 4], 8, 0.5), 4 * steps, rtol=1e-5)


def test_a_channel_may_be_scaled_away() -> None:
    """The same network written with other scales between its layers is quantised equally well."""
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    images = embedded_calibration()
    layers = list(model.layers)
    fire_at = next(i for i, layer in enumerate(layers) if isinstance(layer, Fire))
    fire = layers[fire_at]
    assert isinstance(fire, Fire)
    scale = np.random.default_rng(0).lognormal(sigma=1.5, size=len(fire.squeeze.bias))
    layers[fire_at] = replace(
        fire,
        squeeze=replace(
            fire.squeeze,
            weight=fire.squeeze.weight * scale[:, None, None, None],
            bias=fire.squeeze.bias * scale,
        ),
        expand1x1=replace(fire.expand1x1, weight=fire.expand1x1.weight / scale[None, :, None, None]),
        expand3x3=replace(fire.expand3x3, weight=fire.expand3x3.weight / scale[None, :, None, None]),
    )
    want = float_logits(model, images)
    for variant in (model, replace(model, layers=tuple(layers))):
        q = quantize(variant, images[:16])
        got = np.ldexp(golden.run(q, images, keep=False)["logits"].astype(float), -q.output.frac)
        assert np.sqrt(np.mean((got - want) ** 2)) < 0.05 * want.std()


def test_zero_weights_stay_zero() -> None:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    layers = list(model.layers)
    first = layers[0]
    assert isinstance(first, Conv)
    pruned = first.weight * (np.random.default_rng(2).random(first.weight.shape) < 0.5)
    layers[0] = replace(first, weight=pruned)
    q = quantize(replace(model, layers=tuple(layers)), embedded_calibration()[:8])
    assert not q.convs[0].weight[pruned == 0].any()
