"""Compression of float networks: pruning, shared values, low rank, sizes from streams, and the verb around them."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deep_compression_file import random_file, write
from hypothesis import given, settings
from hypothesis import strategies as st
from model_equality import differences
from onnx_builder import Net, ort_logits
from test_cli import fails, works
from test_evaluate import data  # noqa: F401  (fixture: digits with labels)
from test_rounding import random_model

from fpga_squeeze import FpgaSqueezeError, api
from fpga_squeeze.coding.huffman import PrefixCode
from fpga_squeeze.coding.terms import expand_terms, layer_stream, skip_zeros
from fpga_squeeze.compression import sizes
from fpga_squeeze.compression.densities import KEPT, densities, find_densities
from fpga_squeeze.compression.factorise import BASIS, factorise, full_rank, with_factors
from fpga_squeeze.compression.prune import density, prune_model, pruned
from fpga_squeeze.compression.report import EIGHT, FLOAT, SIX, deep_compression_bytes, report
from fpga_squeeze.compression.sharing import as_shared, share, uniform
from fpga_squeeze.compression.steps import by_layer
from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_calibration, embedded_model_path
from fpga_squeeze.export.float_onnx import to_onnx, write_float
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import Conv, FloatModel, QModel
from fpga_squeeze.network.reference import PRESETS, float_logits

Capture = pytest.CaptureFixture[str]
REAL = Path(__file__).resolve().parents[2] / "shared" / "models"


def conv_of(weight: np.ndarray, **changes: object) -> Conv:
    kernel = weight.shape[2]
    conv = Conv("layer", weight, np.zeros(weight.shape[0]), 1, (kernel // 2,) * 4, True)
    return replace(conv, **changes)  # type: ignore[arg-type]


def digits() -> FloatModel:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    return model


@st.composite
def layers(draw: st.DrawFn) -> np.ndarray:
    """Weights [O, I, K, K] in float32, some of them zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = draw(st.sampled_from([1, 3]))
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 12)), kernel, kernel)
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
    shares = by_layer(model, "--density", given, lambda _: True)
    assert list(shares) == [c.name for c in model.convs]
    picked = [
        shares[n] for n in ("conv1", "fire2_squeeze1x1", "fire2_expand3x3", "fire3_expand1x1", "conv10")
    ]
    assert picked == [0.5, 0.4, 0.3, 0.5, 0.2]
    out = prune_model(model, shares)
    for conv in out.convs:
        assert density(conv.weight) == pytest.approx(shares[conv.name], abs=0.5 / conv.weight.size)
    assert by_layer(model, "--density", {"fire3": 1.0}, lambda _: True).keys() == {
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
    model = random_model(0)
    alone = replace(model, layers=(replace(conv, name="conv1"), model.layers[-1]))
    channels = weight.shape[1]
    alone = replace(alone, input_shape=replace(model.input_shape, channels=channels))
    both = replace(alone, layers=(factors.basis, factors.mix, model.layers[-1]))
    assert alone.shapes()[-1] == both.shapes()[-1]
    one = replace(alone, layers=(factors.product, model.layers[-1]))
    images = rng.integers(0, 256, (2, 11, 10, channels), dtype=np.uint8)
    want = float_logits(one, images)
    np.testing.assert_allclose(float_logits(both, images), want, atol=1e-4 * np.abs(want).max() + 1e-12)


def test_factors_in_the_graph(tmp_path: Path) -> None:
    model = random_model(3)
    names = ("conv1", "s", "conv10")
    chosen = [factorise(c, 2) for c in model.convs if c.name in names]
    out = with_factors(model, chosen)
    order = [layer.name for layer in out.layers]
    assert order == [
        f"conv1{BASIS}",
        "conv1",
        "pool1",
        f"s{BASIS}",
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
def test_huffman_size_is_that_of_a_stream_that_decodes(weight: np.ndarray, bits: int) -> None:
    coded = uniform(conv_of(weight), bits)
    size = sizes.huffman(coded)
    stream = layer_stream(coded.codes, 1, "huffman")
    terms = stream.terms
    runs, codes = stream.run_code.encode(terms.run_symbols), stream.weight_code.encode(terms.weight)
    assert size.weight_bits == len(runs) + len(codes)
    decoded = replace(
        terms,
        weight=stream.weight_code.decode(codes, len(terms.run))[0].reshape(-1, 1),
        run=stream.run_code.decode(runs, len(terms.run))[0] // 2,
    )
    assert np.array_equal(expand_terms(decoded, coded.codes.shape, 1), coded.codes)
    assert size.weight_bits <= skip_zeros(coded.codes, 1, "sparse").bits
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
    code = PrefixCode.huffman({32: 1, 64: 1, 3: 9}, 12)
    assert sizes._code_table(code, 8) == 8 * 2 + 8 * 3


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


# --------------------------------------------------------------------------------------------------- the verb


def test_steps_and_file(capsys: Capture, data: Path, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "small.onnx"
    command = ["compress", embedded_model_path(), "-o", out, "--density", 0.5, "--density", "conv1=1"]
    images = ["--images", data / "digits", "--labels", data / "labels.csv"]
    result = json.loads(works(capsys, *command, "--codebook", 4, *images, "--json"))
    assert [s["name"] for s in result["steps"]] == [
        "float32",
        "pruned, zero runs",
        "4-bit codebook",
        "Huffman",
    ]
    small, model = read_model(out), digits()
    assert isinstance(small, FloatModel)
    for before, after in zip(model.convs, small.convs, strict=True):
        assert len(np.unique(after.weight[after.weight != 0])) <= 15
        assert after.name == before.name and np.array_equal(after.bias, before.bias)
        if before.name != "conv1":
            assert density(after.weight) == pytest.approx(0.5, abs=0.01)
    assert density(small.convs[0].weight) == density(model.convs[0].weight)
    all_pixels, all_truth = embedded_accuracy_set()
    pixels, truth = all_pixels[:40], all_truth[:40]
    given, found = (float_logits(m, pixels).argmax(axis=1) for m in (model, small))
    last = result["steps"][-1]
    assert last["accuracy"] == {
        "frames": 40,
        "top1_count": int((found == truth).sum()),
        "agreement_count": int((found == given).sum()),
    }
    assert result["steps"][0]["accuracy"]["agreement_count"] == 40
    sizes_in_order = [s["bytes"] for s in result["steps"]]
    assert sizes_in_order == sorted(sizes_in_order, reverse=True)
    assert last["weight_bits"] == sum(layer["weight_bits"] for layer in last["layers"])
    assert last["nonzero"] == sum(int(np.count_nonzero(c.weight)) for c in small.convs)
    text = works(capsys, *command, "--bits", 6, *images, "--layers")
    assert "6-bit integers" in text and "fire5_expand3x3" in text and f"wrote {out}" in text


def test_other_verbs_take_the_file(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "small.onnx"
    work = ["--rank", "conv10=9", "--rank", "fire4_squeeze1x1=0.9", "--density", 0.7, "--bits", 7]
    works(capsys, "compress", "-o", out, *work)
    np.save(tmp_path / "c.npy", embedded_calibration())
    works(capsys, "quantize", out, "--calibration", tmp_path / "c.npy", "-o", tmp_path / "q.onnx")
    model, source = read_model(tmp_path / "q.onnx"), read_model(out)
    assert isinstance(model, QModel) and isinstance(source, FloatModel)
    assert [c.name for c in model.convs] == [c.name for c in source.convs]
    assert {"conv10_basis", "fire4_squeeze1x1_basis"} <= {c.name for c in model.convs}
    assert all(not a.weight[b.weight == 0].any() for a, b in zip(model.convs, source.convs, strict=True))
    works(capsys, "generate", tmp_path / "q.onnx", "-o", tmp_path / "p", "--lanes", 40)
    images, labels = embedded_accuracy_set()
    assert (float_logits(source, images).argmax(axis=1) == labels).mean() > 0.8


def test_max_loss(capsys: Capture, data: Path, tmp_path: Path) -> None:  # noqa: F811
    drawn = ["--calibration", data / "digits", "--calibration-count", 8]
    images = ["--images", data / "digits", "--labels", data / "labels.csv", "--exclude-calibration"]
    out = tmp_path / "m.onnx"
    result = json.loads(works(capsys, "compress", "--max-loss", 5, *drawn, *images, "-o", out, "--json"))
    assert result["excluded"] == 8 and result["steps"][0]["accuracy"]["frames"] == 32
    model = read_model(out)
    assert isinstance(model, FloatModel)
    assert len({round(density(c.weight), 2) for c in model.convs}) > 2
    assert [s["name"] for s in result["steps"]] == ["float32", "pruned, zero runs"]


def test_low_rank_inside_a_fire_module(capsys: Capture, tmp_path: Path) -> None:
    work = ["--rank", "fire3_expand3x3=4"]
    text = works(capsys, "compress", *work)
    assert "fire3_expand3x3 of rank 4" in text
    assert "fire3_expand3x3: an expand branch of a Fire module has no place for two convolutions" in text
    factors = factorise(next(c for c in digits().convs if c.name == "fire3_expand3x3"), 4)
    assert f"rank 4, relative error {100 * factors.error:.2f} %" in text
    result = json.loads(works(capsys, "compress", *work, "--json"))
    before, after = result["steps"]
    saved = factors.original.weight.size - factors.basis.weight.size - factors.mix.weight.size
    assert before["weights"] - after["weights"] == saved and result["unwritten"] == ["fire3_expand3x3"]
    for more in (["-o", tmp_path / "m.onnx"], ["--density", 0.5], ["--bits", 8], ["--report"]):
        assert "fire3_expand3x3: the graph has no place" in fails(capsys, 2, "compress", *work, *more)
    assert not list(tmp_path.iterdir())


def test_report_is_computed(capsys: Capture) -> None:
    rows = json.loads(works(capsys, "compress", "--report", "--json"))["report"]
    assert [(r["paper"]["megabytes"], r["paper"]["times"]) for r in rows] == [
        (240, 1),
        (4.8, 50),
        (0.66, 363),
        (0.47, 510),
    ]
    model = digits()
    parameters = sum(c.weight.size + c.bias.size for c in model.convs)
    assert rows[1]["bytes"] == 4 * parameters and rows[0]["bytes"] is None
    assert rows[1]["times"] == 240e6 / (4 * parameters)
    fewer = json.loads(works(capsys, "compress", "--report", "--density", 0.3, "--json"))["report"]
    assert all(fewer[i]["bytes"] < rows[i]["bytes"] for i in (2, 3))
    assert "arXiv:1602.07360, table 2" in works(capsys, "compress", "--report")


def test_report_of_the_released_file() -> None:
    path = REAL / "compressed_SqueezeNet.net"
    if not path.is_file():
        pytest.skip("the Deep-Compression file is not at ../shared/models")
    model = read_model(path)
    assert isinstance(model, FloatModel)
    rows = report(model, path)
    assert [row.paper for row in rows[1:]] == [FLOAT, EIGHT, EIGHT, SIX]
    float32, stored, eight, six = (row.bytes or 0 for row in rows[1:])
    assert (float32, stored) == (4 * 1_248_424, 675_763)
    assert six < eight < 0.5e6 < stored
    # the streams come close to the entropy of their symbols and cannot go below it
    step = rows[3].step
    assert step is not None and 3.3e6 < step.weight_bits < 3.45e6


def test_report_after_pruning_is_not_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.net", random_file(0))
    done = api.compress(path, with_report=True)
    assert done.report[2].bytes == path.stat().st_size and done.report[2].ours == "the file itself"
    fewer = api.compress(path, with_report=True, options=api.CompressOptions(densities={"": 0.05}))
    assert fewer.report[2].bytes == deep_compression_bytes(fewer.steps[1].model) < path.stat().st_size  # type: ignore


def test_mistakes(capsys: Capture, data: Path, tmp_path: Path) -> None:  # noqa: F811
    compress = ["compress", embedded_model_path()]
    for more, message in (
        (["--density", 0], "--density 0: give a share above 0"),
        (["--density", "conv1=1.5"], "--density conv1=1.5: give a share"),
        (["--density", "conv99=0.5"], "--density conv99=0.5: .* has no such layer; it has conv1, fire2"),
        (["--density", "much"], "--density much: give a number, or NAME=NUMBER"),
        (["--density", "=0.5"], "--density =0.5: give a number, or NAME=NUMBER"),
        (["--density", 0.5, "--density", 0.4], "--density 0.4: is given twice"),
        (["--density", 0.5, "--max-loss", 1], "give one of them"),
        (["--max-loss", -1], "--max-loss -1: give percent"),
        (["--codebook", 4, "--bits", 8], "give one of them"),
        (["--codebook", 9], "--codebook 9: give 1 to 8 bits"),
        (["--bits", 1], "--bits 1: give 2 to 8 bits"),
        (["--per-channel"], "give --bits with it"),
        (["--rank", "conv10=0"], "--rank conv10=0: give a whole number from 1 to 10"),
        (["--rank", "conv10=2.5"], "--rank conv10=2.5: give a whole number"),
        (["--rank", "conv10=11"], "from 1 to 10"),
        (["--labels", tmp_path / "l.csv"], "give --images with it"),
        (["--exclude-calibration"], "for --max-loss"),
        (["-o", tmp_path], "is a folder"),
        (["-o", tmp_path / "small.net"], "ends in .onnx"),
        (["-o", tmp_path / "no" / "m.onnx"], "cannot be written"),
        (["--images", tmp_path], "holds no images"),
        (["--images", data / "digits", "--labels", tmp_path / "no.csv"], "no such file"),
    ):
        text = fails(capsys, 2, *compress, *more)
        assert re.search(message, text), (more, text)
    net = Net(seed=1)
    net.save(tmp_path / "m.onnx", net.squeezenet())
    assert "as --calibration" in fails(capsys, 2, "compress", tmp_path / "m.onnx", "--max-loss", 1)
    np.save(tmp_path / "c.npy", embedded_calibration()[:4])
    works(
        capsys,
        "quantize",
        embedded_model_path(),
        "--calibration",
        tmp_path / "c.npy",
        "-o",
        tmp_path / "q.onnx",
    )
    assert "is quantised already" in fails(capsys, 2, "compress", tmp_path / "q.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.npy", "m.onnx", "q.onnx"]


def test_seven_by_seven_is_not_factorised(capsys: Capture, tmp_path: Path) -> None:
    net = Net(seed=1, size=(19, 19))
    x = net.relu(net.conv("image", 6, 3, 7, "conv1", strides=[2, 2]))
    x = net.fire(x, 6, 3, 4, 5, "fire2")
    net.save(tmp_path / "m.onnx", net.node("GlobalAveragePool", [net.conv(x, 4, 9, 1, "conv10")]))
    assert "conv1 is 7x7; leave it out" in fails(
        capsys, 2, "compress", tmp_path / "m.onnx", "--rank", "conv1=2"
    )
    result = json.loads(works(capsys, "compress", tmp_path / "m.onnx", "--rank", 0.5, "--json"))
    assert [f["layer"] for f in result["factorised"]] == [
        "fire2_squeeze1x1",
        "fire2_expand1x1",
        "fire2_expand3x3",
        "conv10",
    ]


def test_from_python(tmp_path: Path) -> None:
    model = digits()
    done = api.compress(
        model, tmp_path / "m.onnx", options=api.CompressOptions(densities={"": 0.5}, code_bits=8)
    )
    assert done.path == tmp_path / "m.onnx" and done.steps[-1].name == "Huffman"
    back = read_model(tmp_path / "m.onnx")
    assert isinstance(back, FloatModel) and not differences(back.layers, done.steps[-1].model.layers)
