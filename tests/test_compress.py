"""Compression of float networks: pruning, shared values, low rank, sizes from streams."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huffman_bits import plain_huffman_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from model_equality import differences
from onnx_builder import Net, ort_logits
from test_evaluate import data  # noqa: F401  (fixture: digits with labels)
from test_rounding import random_model

from fpga_squeeze import FpgaSqueezeError
from fpga_squeeze.coding.terms import expand_terms, layer_stream
from fpga_squeeze.compression import sizes
from fpga_squeeze.compression.densities import KEPT, densities, find_densities
from fpga_squeeze.compression.factorise import BASIS, factorise, full_rank, with_factors
from fpga_squeeze.compression.prune import density, prune_model, pruned
from fpga_squeeze.compression.report import deep_compression_bytes
from fpga_squeeze.compression.sharing import as_shared, share, uniform
from fpga_squeeze.compression.steps import by_layer
from fpga_squeeze.datasets.images import embedded_calibration, embedded_model_path
from fpga_squeeze.export.float_onnx import to_onnx, write_float
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import IMAGE, AvgPool, Conv, FloatModel
from fpga_squeeze.network.reference import PRESETS, float_logits

Capture = pytest.CaptureFixture[str]


def conv_of(weight: np.ndarray, **changes: object) -> Conv:
    rows, columns = weight.shape[2] // 2, weight.shape[3] // 2
    conv = Conv("layer", (IMAGE,), weight, np.zeros(weight.shape[0]), 1, (rows, columns, rows, columns), True)
    return replace(conv, **changes)  # type: ignore[arg-type]


def digits() -> FloatModel:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    return model


@st.composite
def layers(draw: st.DrawFn) -> np.ndarray:
    """Weights [O, I, Kh, Kw] in float32, some of them zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 1), (1, 3)]))
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 12)), *kernel)
    weight = rng.normal(0, 10.0 ** draw(st.integers(-6, 3)), shape)
    return (
        (weight * (rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))))
        .astype(np.float32)
        .astype(float)
    )


# ------------------------------------------------------------------------------------------------- pruning


@given(layers(), st.floats(0.01, 1))
def test_the_largest_stay(weight: np.ndarray, share_kept: float) -> None:
    out = pruned(weight, share_kept)
    keep = max(1, round(share_kept * weight.size))
    assert np.count_nonzero(out) == min(np.count_nonzero(weight), keep)
    kept = out != 0
    assert np.array_equal(out[kept], weight[kept])
    if kept.any() and not kept.all():
        assert np.abs(weight[kept]).min() >= np.abs(weight[~kept]).max()


def test_densities_by_layer_and_module() -> None:
    model = digits()
    given = {"": 0.5, "fire2": 0.4, "fire2_expand3x3": 0.3, "conv10": 0.2}
    shares = by_layer(model, "--density", given)
    assert list(shares) == [c.name for c in model.convs]
    picked = [
        shares[n] for n in ("conv1", "fire2_squeeze1x1", "fire2_expand3x3", "fire3_expand1x1", "conv10")
    ]
    assert picked == [0.5, 0.4, 0.3, 0.5, 0.2]
    out = prune_model(model, shares)
    for conv in out.convs:
        assert density(conv.weight) == pytest.approx(shares[conv.name], abs=0.5 / conv.weight.size)
    assert by_layer(model, "--density", {"fire3": 1.0}).keys() == {
        f"fire3_{part}" for part in ("squeeze1x1", "expand1x1", "expand3x3")
    }


# ------------------------------------------------------------------------------------------- shared weights


@given(layers(), st.integers(1, 8))
def test_codebook(weight: np.ndarray, bits: int) -> None:
    coded = share(conv_of(weight), bits)
    out = coded.conv.weight
    assert not out[weight == 0].any() and np.array_equal(out, out.astype(np.float32))
    values = np.unique(out[out != 0])
    assert len(values) <= (1 << bits) - 1 and coded.table_bits == 32 * len(values)
    assert np.array_equal(coded.codes == 0, out == 0)
    assert all(np.unique(out[coded.codes == code]).size == 1 for code in np.unique(coded.codes))
    if len(np.unique(weight[weight != 0])) <= (1 << bits) - 1:
        assert np.array_equal(out, weight)


def test_codebook_is_settled_and_beats_even_steps() -> None:
    weight = np.random.default_rng(0).normal(size=(64, 64, 3, 3))
    out = share(conv_of(weight), 4).conv.weight
    values = np.unique(out)
    nearest = values[np.abs(weight.reshape(-1, 1) - values).argmin(axis=1)].reshape(weight.shape)
    np.testing.assert_allclose(nearest, out, atol=1e-6)
    for value in values:
        assert weight[out == value].mean() == pytest.approx(value, abs=1e-6)
    steps = np.linspace(weight.min(), weight.max(), 15)
    even = steps[np.abs(weight.reshape(-1, 1) - steps).argmin(axis=1)].reshape(weight.shape)
    # Lloyd and Max: 15 levels leave about 1.3 % of the variance of normal weights
    assert np.square(out - weight).mean() < 0.014 < np.square(even - weight).mean()


@given(st.lists(st.integers(-40, 40).filter(bool), min_size=1, max_size=9), st.integers(1, 3))
def test_codebook_is_the_best_there_is(values: list[int], bits: int) -> None:
    """Against every way to cut the sorted weights into clusters."""
    weight = np.array(values, dtype=float)
    x, clusters = np.sort(weight), min((1 << bits) - 1, len(values))
    ways = itertools.combinations(range(1, len(x)), clusters - 1)
    least = min(sum(part.size * part.var() for part in np.split(x, list(way))) for way in ways)
    out = share(conv_of(weight.reshape(1, -1, 1, 1)), bits).conv.weight.reshape(-1)
    assert np.square(out - weight).sum() == pytest.approx(least, abs=1e-3)


@given(layers(), st.integers(2, 8), st.booleans())
def test_integers(weight: np.ndarray, bits: int, per_channel: bool) -> None:
    coded = uniform(conv_of(weight), bits, per_channel)
    out, codes = coded.conv.weight, coded.codes
    assert not codes[weight == 0].any() and np.array_equal(out, out.astype(np.float32))
    assert -(1 << bits - 1) <= codes.min() and codes.max() < 1 << bits - 1
    assert coded.table_bits == 8 * (len(weight) if per_channel else 1)
    for row in [slice(i, i + 1) for i in range(len(weight))] if per_channel else [slice(None)]:
        used = codes[row] != 0
        if used.any():
            step = np.unique(out[row][used] / codes[row][used])
            assert step.size == 1 and np.frexp(step)[0] == 0.5
        if weight[row].any():  # no worse than the finest step that saturates nothing
            step = 2.0 ** np.ceil(np.log2(np.abs(weight[row]).max() / ((1 << bits - 1) - 1)))
            plain = np.square(np.rint(weight[row] / step) * step - weight[row]).sum()
            assert np.square(out[row] - weight[row]).sum() <= plain * (1 + 1e-9)


def test_shared_values_are_found() -> None:
    values = np.random.default_rng(1).normal(size=255)
    weight = np.concatenate([values, [0.0], values[:74]]).reshape(11, 30, 1, 1)
    coded = as_shared(conv_of(weight))
    assert coded is not None and coded.code_bits == 8 and coded.codes.max() == 255
    assert as_shared(conv_of(np.append(weight, np.full(11, 9.0)).reshape(11, 31, 1, 1))) is None


# ------------------------------------------------------------------------------------------------ low rank


@settings(deadline=None)
@given(layers(), st.integers(1, 12), st.sampled_from([1, 2]), st.booleans())
def test_factors(weight: np.ndarray, rank: int, stride: int, padded: bool) -> None:
    rng = np.random.default_rng(0)
    conv = conv_of(weight, stride=stride, pads=(int(padded),) * 4, bias=rng.normal(size=len(weight)))
    rank = min(rank, full_rank(conv))
    factors = factorise(conv, rank)
    assert factors.basis.weight.shape == (rank, *weight.shape[1:]) and not factors.basis.relu
    assert factors.mix.weight.shape == (len(weight), rank, 1, 1) and factors.mix.relu
    norm = np.linalg.norm(weight)
    lost = np.linalg.norm(factors.product.weight - weight)
    assert lost == pytest.approx(factors.error * norm, abs=1e-6 * norm)
    if rank == full_rank(conv):
        assert lost <= 1e-9 * norm
    channels = weight.shape[1]
    alone = FloatModel("alone", replace(random_model(0).input_shape, channels=channels), (conv,))
    whole = alone.output_shape
    average = AvgPool("average", (conv.name,), (whole.height, whole.width), 1, (0, 0, 0, 0))
    both = replace(alone, layers=(factors.basis, factors.mix, average))
    assert both.shapes()[conv.name] == whole
    one = replace(alone, layers=(factors.product, average))
    images = rng.integers(0, 256, (2, 11, 10, channels), dtype=np.uint8)
    want = float_logits(one, images)
    np.testing.assert_allclose(float_logits(both, images), want, atol=1e-4 * np.abs(want).max() + 1e-12)


def test_factors_in_the_graph(tmp_path: Path) -> None:
    model = random_model(3)
    names = ("conv1", "s", "e3", "conv10")
    chosen = [factorise(c, 2) for c in model.convs if c.name in names]
    out = with_factors(model, chosen)
    order = [layer.name for layer in out.layers]
    assert order == [
        f"conv1{BASIS}",
        "conv1",
        "pool1",
        f"s{BASIS}",
        "s",
        "e1",
        f"e3{BASIS}",
        "e3",
        "fire2",
        f"conv10{BASIS}",
        "conv10",
        "average",
    ]
    products = model.with_convs({f.original.name: f.product for f in chosen})
    images = np.random.default_rng(0).integers(0, 256, (3, 11, 10, 3), dtype=np.uint8)
    want = float_logits(products, images)
    np.testing.assert_allclose(float_logits(out, images), want, rtol=1e-3, atol=1e-4 * np.abs(want).max())
    write_float(out, tmp_path / "m.onnx")
    back = read_model(tmp_path / "m.onnx")
    assert isinstance(back, FloatModel) and len(back.layers) == len(out.layers)
    np.testing.assert_allclose(float_logits(back, images), want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


# --------------------------------------------------------------------------------------------------- sizes


@given(layers(), st.integers(2, 8))
def test_huffman_size_is_that_of_the_terms(weight: np.ndarray, bits: int) -> None:
    coded = uniform(conv_of(weight), bits)
    size = sizes.huffman(coded)
    stream = layer_stream(coded.codes, 1, "huffman")
    assert np.array_equal(expand_terms(stream.terms, coded.codes.shape, 1), coded.codes)
    kinds = [stream.terms.weight] + [stream.terms.run_symbols] * (not stream.run_code.is_free)
    plain = 0
    for symbols in kinds:
        counts = np.unique(symbols, return_counts=True)[1].tolist()
        plain += plain_huffman_bits(counts) if len(counts) > 1 else counts[0]
    assert size.weight_bits == plain <= stream.bits
    assert (size.weights, size.nonzero) == (weight.size, int(np.count_nonzero(coded.codes)))
    assert size.bias_bits == 32 * len(weight)


def test_sizes_of_a_layer_by_hand() -> None:
    weight = np.zeros((1, 4, 1, 1))
    weight[0, [1, 2], 0, 0] = 0.5, 0.25
    assert sizes.dense_float(conv_of(weight)).bits == 4 * 32 + 32
    # two terms: (run 1), (run 0, the last): two symbols of 1 bit, 32 bits each
    assert sizes.sparse_float(conv_of(weight)).weight_bits == 2 * (1 + 32)
    coded = uniform(conv_of(weight), 8)
    assert coded.codes.ravel().tolist() == [0, 64, 32, 0]
    assert sizes.plain_codes(coded).weight_bits == 2 * (1 + 8)
    assert sizes.huffman(coded).weight_bits == 2 * (1 + 1)
    # codewords of 1, 2 and 2 bits: how many there are of each length, and the symbols
    assert sizes._huffman(np.array([32, 64, *[3] * 9]), 8) == (9 + 2 * 2, 8 * 2 + 8 * 3)


def test_deep_compression_size() -> None:
    model = digits()
    assert deep_compression_bytes(model) is None  # more values than a codebook holds
    coded = model.with_convs({c.name: share(c, 8).conv for c in model.convs})
    # dense: a byte for each code, half a byte for each run
    sized = sum(4 + 1024 + 4 * len(c.bias) + c.weight.size + (c.weight.size + 1) // 2 for c in model.convs)
    assert deep_compression_bytes(coded) == sized


# ------------------------------------------------------------------------------------------------ the export


def test_float_export_comes_back(tmp_path: Path) -> None:
    net = Net(seed=3)
    net.save(tmp_path / "net.onnx", net.squeezenet())
    for path in (tmp_path / "net.onnx", embedded_model_path()):
        model = read_model(path)
        assert isinstance(model, FloatModel)
        write_float(model, tmp_path / "again.onnx")
        back = read_model(tmp_path / "again.onnx")
        assert isinstance(back, FloatModel)
        assert not differences(back.layers, model.layers) and back.input_shape == model.input_shape
        shape = model.input_shape
        x = np.random.default_rng(0).uniform(0, 255, (2, shape.channels, shape.height, shape.width))
        want = ort_logits(path, x)
        np.testing.assert_allclose(ort_logits(tmp_path / "again.onnx", x), want, rtol=1e-4, atol=1e-4)


def test_what_float32_cannot_hold_is_refused() -> None:
    model = digits()
    huge = replace(model.convs[0], weight=model.convs[0].weight * 1e45)
    with pytest.raises(FpgaSqueezeError, match="conv1: its weight has a value that float32 cannot hold"):
        to_onnx(model.with_convs({"conv1": huge}))


# ----------------------------------------------------------------------------------------------- sensitivity


def test_a_bound_gives_every_layer_its_density() -> None:
    model = digits()
    found = {c.name: np.arange(1, len(KEPT) + 1) / 8 for c in model.convs}
    found["conv1"] = np.full(len(KEPT), 9.0)
    found["conv10"] = np.array([0.1, 0.2, 5.0, *[0.3] * (len(KEPT) - 3)])
    out = densities(model, found, 0.375)
    assert out["conv1"] == density(model.convs[0].weight)
    assert out["fire2_squeeze1x1"] == KEPT[2] and out["conv10"] == KEPT[1]  # not beyond a density that hurts
    assert densities(model, found, 9.0)["conv10"] == KEPT[-1]


def test_densities_keep_within_the_loss() -> None:
    model, images = digits(), embedded_calibration()
    wanted = float_logits(model, images).argmax(axis=1)
    kept = []
    for max_loss in (0.0, 5.0):
        shares = find_densities(model, images, PRESETS["none"], max_loss)
        out = prune_model(model, shares)
        changed = float_logits(out, images).argmax(axis=1) != wanted
        assert 100 * changed.mean() <= max_loss
        kept.append(sum(int(np.count_nonzero(c.weight)) for c in out.convs))
    assert kept[1] <= kept[0] < 12_880
    # pruning all layers alike to as few weights costs more of the logits' accuracy
    spread = prune_model(model, {c.name: kept[1] / 12_880 for c in model.convs})
    want = float_logits(model, images)
    errors = [np.square(float_logits(m, images) - want).mean() for m in (out, spread)]
    assert errors[0] < errors[1]
