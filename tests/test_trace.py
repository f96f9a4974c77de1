"""Where accuracy is lost: golden beside the float network, tensor by tensor."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx_builder import Net
from test_cli import fails, works
from test_compress import digits
from test_rounding import random_model

from fpga_squeeze import FpgaSqueezeError, api
from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_calibration, embedded_model_path
from fpga_squeeze.flow import trace as module
from fpga_squeeze.flow.trace import traced
from fpga_squeeze.network import golden
from fpga_squeeze.network.integers import QConv, QModel
from fpga_squeeze.network.reference import float_logits
from fpga_squeeze.quantization.average_first import average_first
from fpga_squeeze.quantization.quantize import quantize

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def quantised() -> QModel:
    return quantize(digits(), embedded_calibration())


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return embedded_accuracy_set()[0][:12]


def test_the_last_tensor_is_the_logits(quantised: QModel, pixels: np.ndarray) -> None:
    result = traced(digits(), quantised, pixels)
    wanted = float_logits(digits(), pixels)
    ints = golden.run(quantised, pixels)["logits"]
    noise = np.square(wanted - ints * quantised.output.scale).sum()
    last = result.tensors[-1]
    assert last.snr == pytest.approx(10 * np.log10(np.square(wanted).sum() / noise), abs=0.01)
    assert [last.low, last.high] == pytest.approx([wanted.min(), wanted.max()])
    assert result.same_top1 == (wanted.argmax(axis=1) == ints.argmax(axis=1)).sum()
    assert [t.layer for t in result.tensors] == [layer.name for layer in quantised.layers]
    assert all(t.snr is not None and t.snr > 30 for t in result.tensors)
    exact = [t.layer for t in result.tensors if t.own_snr is None]
    assert exact == ["pool1", "fire2", "fire3", "pool3", "fire4", "fire5"]


def test_fewer_bits_are_seen(pixels: np.ndarray) -> None:
    """Six decibels for a bit, about."""
    wide, narrow = (
        traced(digits(), quantize(digits(), embedded_calibration(), activation_bits=bits), pixels)
        for bits in (8, 5)
    )
    for a, b in zip(wide.tensors[:-2], narrow.tensors[:-2], strict=True):
        assert a.snr is not None and b.snr is not None and 9 < a.snr - b.snr < 25, a.layer


@pytest.mark.parametrize("name", ["fire3_expand1x1", "fire5_squeeze1x1"])
def test_a_broken_layer_is_the_worst(quantised: QModel, pixels: np.ndarray, name: str) -> None:
    """And the first to lose more; those behind it may, too, for its scales are fitted (see :mod:`.flow.trace`)."""

    def broken(conv: QConv) -> QConv:
        noise = np.random.default_rng(0).integers(-12, 13, conv.weight.shape)
        return replace(conv, weight=np.clip(conv.weight + noise, -128, 127))

    layers = tuple(broken(x) if isinstance(x, QConv) and x.name == name else x for x in quantised.layers)
    before = traced(digits(), quantised, pixels)
    after = traced(digits(), replace(quantised, layers=layers), pixels)
    pairs = list(zip(before.tensors, after.tensors, strict=True))
    fallen = [b.layer for a, b in pairs if (b.own_snr or 0) < (a.own_snr or 0) - 6]
    assert fallen[0] == name and name in [t.layer for t in after.worst]
    place = [t.layer for t in after.tensors].index(name)
    assert all((a.snr, a.own_snr) == (b.snr, b.own_snr) for a, b in pairs[:place])
    assert (pairs[-1][1].snr or 0) < (pairs[-1][0].snr or 0) - 6


def test_what_the_types_cut_off_is_counted(pixels: np.ndarray) -> None:
    dark = quantize(digits(), embedded_calibration() // 4)
    bright = traced(digits(), dark, pixels)
    first = bright.tensors[0]
    assert first.clipped_share > 0.01 and first.largest == 1
    conv = dark.layers[0]
    assert isinstance(conv, QConv)
    count = sum(
        int((golden.conv_forward(golden.image_integers(dark, x), conv) == conv.limits[1]).sum())
        for x in pixels
    )
    assert 0 < first.clipped <= count  # the largest integer itself is not cut
    assert sum(t.clipped for t in traced(digits(), dark, pixels // 4).tensors) < first.clipped / 10


def test_scales_that_were_moved_are_no_error(
    quantised: QModel, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    source = digits()
    factor = rng.uniform(0.3, 3, 16)
    moved = []
    for conv in source.convs:
        if conv.name == "conv1":
            factor = factor[: len(conv.bias)]
            conv = replace(conv, weight=conv.weight * factor[:, None, None, None], bias=conv.bias * factor)
        if conv.name == "fire2_squeeze1x1":
            conv = replace(conv, weight=conv.weight / factor[None, :, None, None])
        moved.append(conv)
    other = source.with_convs({conv.name: conv for conv in moved})
    a, b = traced(source, quantised, pixels), traced(other, quantised, pixels)
    for x, y in zip(a.tensors, b.tensors, strict=True):
        assert x.snr == pytest.approx(y.snr, abs=3)
    monkeypatch.setattr(module, "_best_scale", lambda made, worth, moved: np.ones(len(moved)))
    plain = traced(other, quantised, pixels)
    assert (plain.tensors[0].snr or 0) < (b.tensors[0].snr or 0) - 20


def test_an_average_that_was_moved() -> None:
    model = random_model(5)
    open_ended = replace(model.convs[-1], relu=False)
    source = model.with_convs({open_ended.name: open_ended})
    images = np.random.default_rng(0).integers(0, 256, (6, 11, 10, 3), dtype=np.uint8)
    moved = average_first(source)[0]
    integers = quantize(source, images)
    assert (
        [x.name for x in moved.layers] == [x.name for x in integers.layers] != [x.name for x in source.layers]
    )
    assert module._matching(source, integers).layers[-1].name == moved.layers[-1].name
    result = traced(moved, integers, images)
    last = result.tensors[-1].snr
    assert last is not None and last > 30 and len(result.tensors) == len(integers.layers)


def test_verb(capsys: Capture, tmp_path: Path) -> None:
    works(capsys, "generate", "-o", tmp_path / "p", "--lanes", 40)
    text = works(capsys, "trace", tmp_path / "p", "--frames", 4)
    assert "same top-1: 4 of 4 images" in text and "most is lost by: " in text
    out = json.loads(works(capsys, "trace", tmp_path / "p", "--float", embedded_model_path(), "--json"))
    assert out["frames"] == 32 and len(out["worst"]) == 3
    assert {"layer", "float_range", "clipped", "snr_db", "own_snr_db"} <= set(out["tensors"][0])
    model = tmp_path / "p" / "model.onnx"
    net = Net(seed=1)
    net.save(tmp_path / "other.onnx", net.squeezenet())
    for words, message in (
        ([tmp_path / "p", "--frames", 0], "--frames 0: give at least one"),
        ([tmp_path / "p", "--float", tmp_path / "other.onnx"], "its layers are not those of"),
        ([tmp_path / "p", "--float", model], "is quantised; give the float model"),
        ([tmp_path / "p", "--preprocess", "caffe"], "is a project with its preprocessing in it"),
        ([model], "give the float one it came from as --float"),
        ([model, "--float", embedded_model_path()], "give some as --images"),
        ([embedded_model_path()], "is a float model"),
    ):
        assert message in fails(capsys, 2, "trace", *words), words
    with pytest.raises(FpgaSqueezeError, match="as field float_model"):
        api.trace(model)


def test_of_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", embedded_calibration()[:8])
    api.quantize(None, tmp_path / "q.onnx", api.QuantizeOptions(tmp_path / "c.npy"))
    done: list[tuple[int, int]] = []
    result = api.trace(
        tmp_path / "q.onnx",
        tmp_path / "c.npy",
        float_model=digits(),
        on_progress=lambda a, b: done.append((a, b)),
    )
    assert result.frames == 8 and done[-1] == (21, 21)
