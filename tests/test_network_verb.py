"""SqueezeNets by the numbers of the paper: their parameters and forms, and the verb network."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from test_cli import fails, works

from fpga_squeeze import api
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import Add, FloatModel, Shape
from fpga_squeeze.zoo import Numbers, squeezenet, squeezenet_of
from fpga_squeeze.zoo.squeezenet import FIRES

Capture = pytest.CaptureFixture[str]


def refused(capsys: Capture, message: str, *arguments: object) -> None:
    assert re.search(message, fails(capsys, 2, *arguments))


def parameters(model: FloatModel) -> int:
    return sum(conv.weight.size + conv.bias.size for conv in model.convs)


@pytest.mark.parametrize(("sr", "count"), [(0.125, 1_248_424), (0.5, 3_404_392), (0.75, 4_841_704)])
def test_parameters_of_the_paper(sr: float, count: int) -> None:
    assert parameters(squeezenet("1.0", sr=sr)) == count
    assert parameters(squeezenet("1.0", sr=sr, pct3x3=0.5, freq=2, base_e=128, incr_e=128)) == count
    assert parameters(squeezenet("1.0", sr=sr + 1 / 128)) != count


def test_filters_by_the_formulas() -> None:
    """e_i = base_e + incr_e * floor(i / freq), of which pct3x3 are 3x3; s_i = SR * e_i."""
    assert list(FIRES.values()) == [
        (16, 64),
        (16, 64),
        (32, 128),
        (32, 128),
        (48, 192),
        (48, 192),
        (64, 256),
        (64, 256),
    ]
    numbers = Numbers(base_e=40, incr_e=20, pct3x3=0.25, freq=3, sr=0.2)
    assert [numbers.fire(i) for i in (0, 2, 3, 6)] == [(8, 30, 10), (8, 30, 10), (12, 45, 15), (16, 60, 20)]
    assert Numbers(base_e=8, incr_e=0, pct3x3=0.01, sr=0.01).fire(0) == (1, 7, 1)
    assert Numbers(base_e=8, incr_e=0, pct3x3=1, sr=0.01).fire(0) == (1, 1, 7)


def test_few_fires_on_small_grey_images() -> None:
    numbers = Numbers(version="1.1", base_e=32, incr_e=32, sr=0.25, fires=4, stem=16, bypass="simple")
    model = squeezenet_of(numbers, Shape(1, 32, 32), 10)
    shapes = model.shapes()
    assert (shapes["conv1"], shapes["fire3"], shapes["fire5"]) == (
        Shape(16, 15, 15),
        Shape(32, 7, 7),
        Shape(64, 3, 3),
    )
    assert "pool5" not in shapes and [x.inputs for x in model.layers if isinstance(x, Add)] == [
        ("fire2", "fire3"),
        ("fire4", "fire5"),
    ]
    assert model.name == "squeezenet_v1.1_simple_bypass_basee32_incre32_sr0.25_fires4_stem16_32"
    assert parameters(squeezenet_of(Numbers(version="1.1"), Shape(3, 224, 224))) == 1_235_496


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sr": 0.0}, "field sr 0: give a share above 0"),
        ({"pct3x3": 1.5}, "field pct3x3 1.5"),
        ({"base_e": 1}, "field base_e 1: give a whole number from 2 on"),
        ({"freq": 0}, "field freq 0"),
        ({"fires": 0}, "field fires 0"),
        ({"version": "2.0"}, "version 2.0"),
    ],
)
def test_numbers_that_make_no_network(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(FpgaSqueezeError, match=message):
        squeezenet(**wrong)  # type: ignore[arg-type]


def test_network_verb(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "n.onnx"
    small = [
        "--version",
        "1.1",
        "--base-e",
        24,
        "--incr-e",
        8,
        "--fires",
        3,
        "--input-shape",
        "1,32,32",
        "--classes",
        4,
    ]
    text = works(capsys, "network", *small, "-o", out)
    assert "4 classes" in text and f"wrote {out}: float ONNX, random weights" in text
    model, told = read_model(out), json.loads(works(capsys, "network", *small, "--json"))
    assert isinstance(model, FloatModel)
    assert (model.input_shape, parameters(model)) == (Shape(1, 32, 32), told["parameters"])
    assert told["numbers"]["base_e"] == 24 and told["scores"] is None
    assert f"{told['multiplications']:,} multiplications per image of 1x32x32" in text
    refused(capsys, r"--sr 2: give a share", "network", "--sr", 2)
    refused(capsys, r"pool1: its output would be 96x0x0", "network", "--input-shape", "1,8,8")
    refused(capsys, r"network writes float ONNX", "network", "-o", tmp_path / "n.net")
    refused(capsys, r"--epochs says how long to train", "network", "--epochs", 3)


def test_training_needs_torch(monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    message = r"torch, which trains, is missing; install it with: pip install 'fpga-squeeze\[torch\]'"
    refused(capsys, message, "network", "--train", "digits")
    refused(capsys, message, "compress", "--density", 0.5, "--finetune", "digits", "-o", tmp_path / "s.onnx")
    with pytest.raises(FpgaSqueezeError, match=message):
        api.build_network(dataset="digits")
