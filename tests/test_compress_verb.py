"""The verb compress: its steps, the file it writes, the report, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from deep_compression_file import random_file, write
from model_equality import differences
from onnx_builder import Net
from test_cli import fails, works
from test_compress import digits
from test_evaluate import data  # noqa: F401  (fixture: digits with labels)

from fpga_squeeze import api
from fpga_squeeze.compression.factorise import factorise
from fpga_squeeze.compression.inputs import conv_inputs
from fpga_squeeze.compression.prune import density
from fpga_squeeze.compression.report import EIGHT, FLOAT, SIX, deep_compression_bytes, report
from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_calibration, embedded_model_path
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import FloatModel
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import PRESETS, float_logits

Capture = pytest.CaptureFixture[str]
REAL = Path(__file__).resolve().parents[2] / "shared" / "models"


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
    name = "fire3_expand3x3"
    inputs = conv_inputs(digits(), [name], embedded_calibration(), PRESETS["none"])
    factors = factorise(next(c for c in digits().convs if c.name == name), 4, inputs[name])
    assert f"rank 4, relative error {100 * factors.error:.2f} % of its outputs" in text
    result = json.loads(works(capsys, "compress", *work, "--json"))
    before, after = result["steps"][:2]
    saved = factors.original.weight.size - factors.basis.weight.size - factors.mix.weight.size
    assert before["weights"] - after["weights"] == saved
    works(capsys, "compress", *work, "-o", tmp_path / "m.onnx")
    back = read_model(tmp_path / "m.onnx")
    assert isinstance(back, FloatModel)
    assert "fire3" in {layer.name for layer in back.layers}
    assert [c.weight.shape for c in back.convs[5:8]] == [(16, 8, 1, 1), (4, 8, 3, 3), (16, 4, 1, 1)]


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


@pytest.mark.slow
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
        (["--exclude-calibration"], "for low ranks and for --max-loss"),
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


def test_seven_by_seven_is_factorised_where_named(capsys: Capture, tmp_path: Path) -> None:
    net = Net(seed=1, size=(19, 19))
    x = net.relu(net.conv("image", 6, 3, 7, "conv1", strides=[2, 2]))
    x = net.fire(x, 6, 3, 4, 5, "fire2")
    net.save(tmp_path / "m.onnx", net.node("GlobalAveragePool", [net.conv(x, 4, 9, 1, "conv10")]))
    assert "conv1: rank 2," in works(capsys, "compress", tmp_path / "m.onnx", "--rank", "conv1=2")
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
