"""Low rank that knows what a layer reads: its statistics, its error, ranks found by what they cost."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import fails, works
from test_compress import digits
from test_rounding import random_model

from fpga_squeeze import FpgaSqueezeError, api
from fpga_squeeze.compression import factorise as module
from fpga_squeeze.compression import inputs as inputs_module
from fpga_squeeze.compression.factorise import Factors, factorise, with_factors
from fpga_squeeze.compression.inputs import RIDGE, Inputs, conv_inputs
from fpga_squeeze.compression.ranks import Point, chosen, find_ranks, hull, macs
from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_calibration
from fpga_squeeze.network.graph import IMAGE, Conv, FloatModel, Shape
from fpga_squeeze.network.reference import PRESETS, float_logits

Capture = pytest.CaptureFixture[str]
NONE = PRESETS["none"]
OUT = "conv"


def smooth_images(count: int, seed: int) -> np.ndarray:
    """uint8 [N, 12, 11, 6]: channels of very different strength around 100, neighbours much alike."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 14, 13, 6))
    for axis in (1, 2):
        x = sum(np.take(x, range(i, x.shape[axis] - 2 + i), axis) for i in range(3))  # type: ignore[assignment]
    x[..., 5] = x[..., 0] + 0.3 * x[..., 5]
    return np.clip(100 + x * [12, 9, 1, 0.5, 0.3, 9], 0, 255).astype(np.uint8)


def one_conv(relu: bool = False, outputs: int = 24) -> FloatModel:
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(outputs, 6, 3, 3))
    bias = -100 * weight.sum(axis=(1, 2, 3))
    return FloatModel("one", Shape(6, 12, 11), (Conv(OUT, (IMAGE,), weight, bias, 1, (1, 1, 1, 1), relu),))


def errors(model: FloatModel, changed: Conv, images: np.ndarray) -> np.ndarray:
    """What ``changed`` gives beside what the model's convolution gives, float64 [N, O * Ho * Wo]."""
    return float_logits(replace(model, layers=(changed,)), images) - float_logits(model, images)


def squared(model: FloatModel, changed: Conv, images: np.ndarray) -> float:
    return float(np.square(errors(model, changed, images)).mean())


def read(model: FloatModel, images: np.ndarray) -> Inputs:
    return conv_inputs(model, [OUT], images, NONE)[OUT]


def test_statistics_are_those_of_the_patches() -> None:
    model = one_conv()
    images = smooth_images(5, 0)
    rows = []
    for image in images:
        padded = np.pad(image.astype(float), ((1, 1), (1, 1), (0, 0)))
        for y, x in itertools.product(range(12), range(11)):
            rows.append(padded[y : y + 3, x : x + 3].transpose(2, 0, 1).reshape(-1))  # [I, Kh, Kw]
    patches = np.array(rows)
    covariance = np.cov(patches.T, bias=True)
    seen = read(model, images)
    np.testing.assert_allclose(seen.mean, patches.mean(axis=0), rtol=1e-5)
    ridge = RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    np.testing.assert_allclose(seen.root @ seen.root.T, covariance + ridge, atol=1e-4 * covariance.max())
    np.testing.assert_allclose(seen.inverse @ seen.root @ seen.root.T, np.eye(54), atol=1e-6)
    assert {tuple(c) for c in seen.sample.T} == {tuple(r) for r in patches.astype(np.float32)}
    inner = random_model(1)
    wanted = conv_inputs(inner, ["s", "e3"], images[:3, :11, :10, :3], NONE)
    assert {name: len(x.mean) for name, x in wanted.items()} == {"s": 6, "e3": 27}


def test_inputs_that_are_alike_cost_less_rank() -> None:
    """On other images; with the covariance taken as [Kh, Kw, I] it is worse than without any."""
    model, images, others = one_conv(), smooth_images(20, 0), smooth_images(20, 1)
    conv, seen = model.convs[0], read(model, images)
    order = np.arange(54).reshape(6, 9).T.reshape(-1)
    wrong = Inputs.of(seen.sample[order])
    for rank in (4, 8, 12):
        weighed, astray = (squared(model, factorise(conv, rank, x).product, others) for x in (seen, wrong))
        # plain factors get the bias too: what is compared is the weights
        product = factorise(conv, rank).product
        lost = (conv.weight - product.weight).reshape(24, -1) @ seen.mean
        plain = squared(model, replace(product, bias=conv.bias + lost), others)
        assert weighed < 0.5 * plain < 0.5 * astray, rank


def test_no_other_weights_of_that_rank_err_less() -> None:
    model, images = one_conv(), smooth_images(20, 0)
    conv, seen = model.convs[0], read(model, images)
    factors = factorise(conv, 6, seen)
    left, rows = (x.weight.reshape(len(x.bias), -1) for x in (factors.mix, factors.basis))
    flat = conv.weight.reshape(24, -1)
    least = np.linalg.norm((flat - left @ rows) @ seen.root)
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            a = left + scale * left.std() * rng.normal(size=left.shape)
            b = rows + scale * rows.std() * rng.normal(size=rows.shape)
            assert np.linalg.norm((flat - a @ b) @ seen.root) > least


def test_the_mean_error_is_in_the_bias() -> None:
    model, images = one_conv(), smooth_images(20, 0)
    conv, seen = model.convs[0], read(model, images)
    factors = factorise(conv, 6, seen)
    off = errors(model, factors.product, images).reshape(20, 24, -1)
    without = errors(model, replace(factors.product, bias=conv.bias), images).reshape(20, 24, -1)
    spread = off.std()
    assert np.abs(off.mean(axis=(0, 2))).max() < 1e-3 * spread
    assert np.abs(without.mean(axis=(0, 2))).max() > spread
    assert np.square(without).mean() > 2 * np.square(off).mean()
    assert np.array_equal(factorise(conv, 6).mix.bias, conv.bias)


def test_what_a_relu_cuts_off_may_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, others = one_conv(relu=True), smooth_images(20, 0), smooth_images(20, 1)
    conv, seen = model.convs[0], read(model, images)
    aware = factorise(conv, 6, seen)
    monkeypatch.setattr(module, "ROUNDS", 1)
    linear = factorise(conv, 6, seen)
    assert aware.error < linear.error
    assert squared(model, aware.product, others) < 0.9 * squared(model, linear.product, others)
    wanted = float_logits(model, images).reshape(20, 24, -1)
    spread = np.square(wanted - wanted.mean(axis=(0, 2), keepdims=True)).mean()
    assert linear.error == pytest.approx(
        np.sqrt(squared(model, linear.product, images) / spread), rel=1e-3
    )  # every patch of 20 such images is in the sample


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 3]), st.booleans())
def test_the_border_is_that_of_the_product(seed: int, kernel: int, known: bool) -> None:
    """Padding with a value of its own, which a 1x1 layer hands on through its first convolution."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(5, 6, kernel, kernel))
    conv = Conv(OUT, (IMAGE,), weight, rng.normal(size=5), 1, (1, 2, 0, 1), True, rng.normal(size=6) * 50)
    model = FloatModel("one", Shape(6, 12, 11), (conv,))
    images = smooth_images(2, seed)
    factors = factorise(conv, 3, read(model, images) if known else None)
    both = with_factors(model, [factors])
    want = float_logits(replace(model, layers=(factors.product,)), images)
    np.testing.assert_allclose(float_logits(both, images), want, atol=1e-4 * np.abs(want).max())


def test_a_sample_of_the_patches_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few patches of each image, where every row of a map has its own values."""
    images, others = smooth_images(40, 0), smooth_images(20, 1)
    for x in (images, others):
        x[:, ::3] //= 3
    model = one_conv(relu=True)
    conv = model.convs[0]
    everything = squared(model, factorise(conv, 6, read(model, images)).product, others)
    monkeypatch.setattr(inputs_module, "SAMPLE", 1)
    monkeypatch.setattr(inputs_module, "LEAST", 12 * len(images))
    few = read(model, images)
    assert few.sample.shape == (54, 480)
    assert squared(model, factorise(conv, 6, few).product, others) < 1.3 * everything


def test_few_images_and_dead_inputs_are_no_trouble() -> None:
    model = one_conv(relu=True)
    black = np.zeros((1, 12, 11, 6), dtype=np.uint8)
    factors = factorise(model.convs[0], 5, read(model, black))
    assert np.isfinite(factors.product.weight).all() and np.isfinite(factors.product.bias).all()
    np.testing.assert_allclose(errors(model, factors.product, black), 0, atol=1e-3)


# ------------------------------------------------------------------------------------------------ which ranks


def point(name: str, rank: int, saved: int, divergence: float) -> Point:
    conv = Conv(name, (IMAGE,), np.zeros((1, 1, 1, 1)), np.zeros(1), 1, (0,) * 4, False)
    basis = replace(conv, bias=np.zeros(rank))
    return Point(Factors(conv, basis, conv, 0.0), saved, divergence)


POINTS = st.lists(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), max_size=4, unique_by=lambda p: p[0]),
    min_size=1,
    max_size=3,
)


@given(POINTS)
def test_no_choice_saves_as_much_for_less(layers: list[list[tuple[int, int]]]) -> None:
    own = [[point(f"l{i}", n + 1, *p) for n, p in enumerate(points)] for i, points in enumerate(layers)]
    steps = sorted((step for points in own for step in hull(points)), key=lambda step: step.price)
    every = list(itertools.product(*([None, *points] for points in own)))
    known = {(p.factors.original.name, p.factors.rank): p for points in own for p in points}
    for count in range(len(steps) + 1):
        taken = [known[f.original.name, f.rank] for f in chosen(steps[:count])]
        saved, cost = sum(p.saved for p in taken), sum(p.divergence for p in taken)
        assert saved == sum(step.saved for step in steps[:count])
        for choice in every:
            if sum(p.saved for p in choice if p) >= saved:
                assert sum(p.divergence for p in choice if p) >= cost - 1e-9


def test_budgets_are_kept() -> None:
    model, images = digits(), embedded_calibration()[:8]
    names = ["fire5_squeeze1x1", "fire5_expand3x3", "conv10"]
    inputs = conv_inputs(model, names, images, NONE)
    whole = macs(model)
    assert whole == sum(
        c.weight.size * s.height * s.width for c in model.convs for s in [model.shapes()[c.name]]
    )
    found = {}
    for budget in (97, 93):
        found[budget] = find_ranks(model, names, images, NONE, inputs, budget=budget)
        left = macs(with_factors(model, found[budget]))
        assert left <= budget / 100 * whole
        assert all(f.original.name in names and f.weighed for f in found[budget])
    assert macs(with_factors(model, found[93])) < macs(with_factors(model, found[97]))
    with pytest.raises(
        FpgaSqueezeError, match=r"rank_macs 20: the lowest ranks tried leave \d\d\.\d percent"
    ):
        find_ranks(model, names, images, NONE, inputs, budget=20)
    wanted = float_logits(model, images).argmax(axis=1)
    kept: list[int] = []
    for loss in (0, 20):
        after = with_factors(model, find_ranks(model, names, images, NONE, inputs, max_loss=loss))
        changed = 100 * (float_logits(after, images).argmax(axis=1) != wanted).mean()
        assert changed <= loss
        kept.append(macs(after))
    assert kept[1] <= kept[0] <= whole and kept[1] < whole


def test_held_out_digits_keep_their_class() -> None:
    """A narrow layer of the embedded network: with the images far more keep it than without."""
    model = digits()
    pixels, _ = embedded_accuracy_set()
    wanted = float_logits(model, pixels).argmax(axis=1)
    same = {}
    for known in (False, True):
        calibration = embedded_calibration()
        names = ["fire5_expand3x3", "conv10"]
        inputs = conv_inputs(model, names, calibration, NONE) if known else dict.fromkeys(names)
        factors = [factorise(c, 5, inputs[c.name]) for c in model.convs if c.name in names]
        found = float_logits(with_factors(model, factors), pixels).argmax(axis=1)
        same[known] = int((found == wanted).sum())
    assert same[True] > same[False] + len(pixels) // 20, same


# ------------------------------------------------------------------------------------------- the command line


def test_the_verb_weighs_and_finds(capsys: Capture) -> None:
    text = works(capsys, "compress", "--rank", "conv10=6")
    assert "of its outputs" in text and "multiplications per frame: " in text
    result = json.loads(works(capsys, "compress", "--rank-macs", 90, "--json"))
    assert result["weighed_by_inputs"]
    assert result["macs"]["factorised"] <= 0.9 * result["macs"]["as_read"]
    assert len(result["factorised"]) >= 1
    model = digits()
    done = api.compress(
        model, options=api.CompressOptions(ranks={"conv10": 6})
    )  # no images: a network, no file
    assert not done.weighed and done.macs[0] == macs(model)
    conv = model.convs[-1]
    assert done.factors == (("conv10", 6, factorise(conv, 6).error),)


def test_mistakes(capsys: Capture) -> None:
    for words, message in (
        (["--rank-loss", 100], "--rank-loss 100: give percent"),
        (["--rank-macs", 0], "--rank-macs 0: give percent"),
        (["--rank-macs", 90, "--rank-loss", 0], "--rank-loss and --rank-macs all say"),
        (["--rank", 4, "--rank-loss", 0], "--rank and --rank-loss all say"),
        (["--exclude-calibration"], "give --rank, --rank-loss, --rank-macs or --max-loss with them"),
    ):
        assert message in fails(capsys, 2, "compress", *words)
