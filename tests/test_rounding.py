"""Equalisation and learned rounding: what they may change and what they may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import graph_images, random_graph

from fpga_squeeze.datasets.images import embedded_calibration, embedded_model_path
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import int_range
from fpga_squeeze.network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, MaxPool, Shape
from fpga_squeeze.network.reference import layer_float
from fpga_squeeze.network.walk import walk
from fpga_squeeze.quantization.equalise import Seen, channel_numbers, channel_steps, equalise
from fpga_squeeze.quantization.groups import last_convs, type_groups
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
    """conv1, pool1, a Fire module s, e1, e3, fire2, then conv10 and average."""
    rng = np.random.default_rng(seed)

    def conv(name: str, at: str, outputs: int, inputs: int, kernel: int, active: bool = True) -> Conv:
        pad = kernel // 2
        weight = rng.normal(size=(outputs, inputs, kernel, kernel)) * rng.lognormal(size=(outputs, 1, 1, 1))
        return Conv(name, (at,), weight, rng.normal(size=outputs), 1, (pad,) * 4, active)

    fire = (
        conv("s", "pool1", 3, 6, 1, relu),
        conv("e1", "s", 4, 3, 1, relu),
        conv("e3", "s", 5, 3, 3, relu),
        Concat("fire2", ("e1", "e3")),
    )
    layers = (
        conv("conv1", IMAGE, 6, 3, 3),
        MaxPool("pool1", ("conv1",), (3, 3), 2, (0, 0, 0, 0), True),
        *fire,
        conv("conv10", "fire2", 4, 9, 1),
        AvgPool("average", ("conv10",), (5, 5), 1, (0, 0, 0, 0)),
    )
    return FloatModel("random", Shape(3, 11, 10), layers)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), relu=st.booleans())
def test_equalisation_leaves_the_function_unchanged(seed: int, relu: bool) -> None:
    model = random_model(seed, relu)
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (3, 11, 10, 3), dtype=np.uint8)
    maps = [image.transpose(2, 0, 1).astype(np.float32) for image in images]
    scaled = equalise(model, maps, lambda _: 8, 0.5)
    want = float_logits(model, images)
    np.testing.assert_allclose(float_logits(scaled, images), want, rtol=1e-3, atol=1e-5 * np.abs(want).max())
    assert not np.allclose(scaled.layers[0].weight, model.layers[0].weight)  # type: ignore[union-attr]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_equalisation_of_any_graph(seed: int) -> None:
    """The function stays; channels that are added are scaled alike, those of the output not at all."""
    rng = np.random.default_rng(seed)
    model = random_graph(rng, averages_first=True)
    images = graph_images(rng, model.input_shape, 3)
    maps = [image.transpose(2, 0, 1).astype(np.float32) for image in images]
    scaled = equalise(model, maps, lambda _: 8, 0.5)
    want, found = dict[str, np.ndarray](), dict[str, np.ndarray]()
    for values, each in ((want, model), (found, scaled)):
        for layer, y in walk(each.layers, {IMAGE: maps[0]}, layer_float):
            values[layer.name] = y
    last = model.layers[-1].name
    numbers = channel_numbers(model)
    assert not numbers[last].any() and not numbers[IMAGE].any()
    steps: dict[int, float] = {0: 1.0}
    for name, before in want.items():
        peak = np.abs(before).max(initial=0)
        for number, a, b in zip(numbers[name].tolist(), before, found[name], strict=True):
            if np.abs(a).max() < 1e-3 * peak or not peak:
                continue  # rounding errors of float32
            at = np.unravel_index(np.abs(a).argmax(), a.shape)
            step = steps.setdefault(number, float(a[at] / b[at]))
            np.testing.assert_allclose(b * step, a, rtol=2e-2, atol=2e-3 * np.abs(a).max())
            assert step > 0


def test_channels_that_are_added_have_one_number() -> None:
    rng = np.random.default_rng(0)

    def conv(name: str, at: str, outputs: int, inputs: int) -> Conv:
        return Conv(
            name, (at,), rng.normal(size=(outputs, inputs, 1, 1)), np.zeros(outputs), 1, (0,) * 4, True
        )

    layers = (
        conv("a", IMAGE, 2, 3),
        conv("b", "a", 3, 2),
        Concat("c", ("a", "b")),
        conv("d", "c", 5, 5),
        Add("e", ("c", "d"), True),
        conv("f", "e", 4, 5),
        AvgPool("g", ("f",), (6, 6), 1, (0, 0, 0, 0)),
    )
    model = FloatModel("m", Shape(3, 6, 6), layers)
    n = channel_numbers(model)
    assert np.array_equal(n["c"], n["d"]) and np.array_equal(n["c"], n["e"])
    assert np.array_equal(n["c"], np.concatenate([n["a"], n["b"]])) and len(set(n["c"].tolist())) == 5
    assert not n["f"].any()
    groups = type_groups(model)
    assert groups["a"] is groups["b"] and groups["a"].makers == ("a", "b") and groups["d"] is not groups["c"]
    assert groups["g"].output and groups["g"].averaged == 36 and not groups["e"].output
    assert last_convs(model) == {"f"}
    images = graph_images(rng, model.input_shape, 4)
    q = quantize(model, images)  # the type of a and b is needed before b is there
    types = q.types
    assert replace(types["a"], shape=types["b"].shape) == types["b"]
    want = float_logits(model, images)
    got = np.ldexp(golden.run(q, images)["logits"].astype(float), -q.output.frac)
    assert np.sqrt(np.mean((got - want) ** 2)) < 0.05 * want.std()


def test_steps_follow_the_peaks() -> None:
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(5, 16, 16)), 0).astype(np.float32)
    x[1] *= 0.25
    x[2] = 0

    def steps_of(x: np.ndarray) -> np.ndarray:
        return channel_steps([Seen.of([x])], 8, 0.5)[0]

    steps = steps_of(x)
    assert np.all(steps > 0) and steps[1] < 0.75 * steps[0]
    assert np.array_equal(steps_of(x * 0), np.ones(5))
    np.testing.assert_allclose(steps_of(x * 4), 4 * steps, rtol=1e-5)
    both = channel_steps([Seen.of([x[:3]]), Seen.of([x[3:]])], 8, 0.5)
    np.testing.assert_allclose(np.concatenate(both), steps, rtol=1e-5)


def test_a_channel_may_be_scaled_away() -> None:
    """The same network written with other scales between its layers is quantised equally well."""
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    images = embedded_calibration()
    convs = {conv.name: conv for conv in model.convs}
    squeeze, *expands = (convs[f"fire2_{part}"] for part in ("squeeze1x1", "expand1x1", "expand3x3"))
    scale = np.random.default_rng(0).lognormal(sigma=1.5, size=len(squeeze.bias))
    scaled = replace(squeeze, weight=squeeze.weight * scale[:, None, None, None], bias=squeeze.bias * scale)
    others = [replace(conv, weight=conv.weight / scale[None, :, None, None]) for conv in expands]
    changed = model.with_convs({conv.name: conv for conv in (scaled, *others)})
    want = float_logits(model, images)
    for variant in (model, changed):
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
