"""What a file says around its nodes: data beside it, opsets, domains, sizes left free, names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_builder import Net, find
from test_frontend import agrees
from test_frontend_errors import refused

from fpga_squeeze.cli import main
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import FloatModel, Shape
from fpga_squeeze.network.integers import QModel


def proto(**options: object) -> onnx.ModelProto:
    net = Net(seed=91)
    return net.model(net.squeezenet(), **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------- external data


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    onnx.save(
        proto(), tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    return tmp_path / "m.onnx"


def test_weights_in_a_file_beside(outside: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    agrees(outside)
    monkeypatch.chdir(tmp_path)
    assert isinstance(read_model("m.onnx"), FloatModel)


def test_weights_that_were_not_copied_along(outside: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(outside, other / "m.onnx")
    refused(
        other / "m.onnx",
        rf"its external data file weights.bin is missing; copy it into {other} beside the model",
    )
    shutil.copy(tmp_path / "weights.bin", other)
    agrees(other / "m.onnx")  # the way out


@pytest.mark.parametrize("location", ["../weights.bin", "/tmp/weights.bin", ""])
def test_weights_elsewhere(outside: Path, location: str) -> None:
    model = onnx.load(outside, load_external_data=False)
    entry = next(e for e in model.graph.initializer[2].external_data if e.key == "location")
    entry.value = location
    onnx.save(model, outside)
    refused(outside, rf"initializer \S+ says that its data lie in {location or 'no file'}")


def test_weights_cut_short(outside: Path, tmp_path: Path) -> None:
    data = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "weights.bin").write_bytes(data[: len(data) // 2])
    with pytest.raises(FpgaSqueezeError) as caught:
        read_model(outside)
    assert str(caught.value).startswith(f"{outside}: ") and "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------ opsets, domains


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21, 22, 23])
def test_opsets(tmp_path: Path, opset: int) -> None:
    """The network in each opset; a ceil mode, which came with opset 10, is left out."""
    model = proto(opset=opset)
    pool = find(model, "pool1")
    del pool.attribute[[a.name for a in pool.attribute].index("ceil_mode")]
    model.ir_version = 11 if opset > 21 else 8
    onnx.save(model, tmp_path / "n.onnx")
    agrees(tmp_path / "n.onnx")


@pytest.mark.parametrize("opset", [0, 6, 99])
def test_opsets_that_are_not_read(tmp_path: Path, opset: int) -> None:
    model = proto()
    del model.opset_import[:]
    if opset:
        model.opset_import.append(helper.make_opsetid("", opset))
    onnx.save(model, tmp_path / "n.onnx")
    refused(tmp_path / "n.onnx", rf"is written in opset {opset}; opsets 7 to" if opset else "names no opset")


@pytest.mark.parametrize("op", ["Relu", "Conv", "Identity", "Shape", "Cast", "Softmax"])
def test_operators_of_another_domain(tmp_path: Path, op: str) -> None:
    net = Net(seed=92, size=(6, 5))
    x = net.conv("image", 4, 3, 1, "first")
    inputs = [x, net.const(net.weights(4, 4, 1))] if op == "Conv" else [x]
    x = net.node(op, inputs, "odd", domain="com.acme", **({"to": 1} if op == "Cast" else {}))
    x = net.node("Sigmoid", [x], "behind")
    model = net.model(net.node("GlobalAveragePool", [x]))
    onnx.save(model, tmp_path / "n.onnx")
    text = refused(
        tmp_path / "n.onnx", rf"node odd \(com.acme::{op}\): .*not supported here; of domain com.acme"
    )
    assert "behind (Sigmoid)" in text
    find(model, "odd").domain = "ai.onnx"
    onnx.save(model, tmp_path / "n.onnx")
    with pytest.raises(FpgaSqueezeError) as caught:  # the Sigmoid behind it is refused all the same
        read_model(tmp_path / "n.onnx")
    assert "domain" not in str(caught.value)


def test_constants_of_another_domain(tmp_path: Path) -> None:
    net = Net(seed=93, size=(6, 5))
    w = net.node("Identity", [net.const(net.weights(4, 3, 1))], "odd", domain="com.acme")
    path = net.save(
        tmp_path / "n.onnx", net.node("GlobalAveragePool", [net.node("Conv", ["image", w], "first")])
    )
    refused(path, r"node first .*node odd \(com.acme::Identity\)")


def test_dropout_that_trains(tmp_path: Path) -> None:
    net = Net(seed=94, size=(6, 5))
    x = net.conv("image", 4, 3, 1)
    y = net.node("Dropout", [x, net.const(0.5), net.const(True, dtype=np.bool_)], "drop")
    refused(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [y])), "node drop .*drops at random")
    net.initializers[-1].CopyFrom(onnx.numpy_helper.from_array(np.array(False), net.initializers[-1].name))
    agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [y])))


# --------------------------------------------------------------------------------------------- sizes, names


def free(tmp_path: Path) -> Path:
    net = Net(seed=95)
    return net.save(tmp_path / "free.onnx", net.squeezenet(), shape=["N", 3, "H", None])


def test_sizes_left_free(tmp_path: Path) -> None:
    path = free(tmp_path)
    refused(
        path, r"shape \[N, 3, H, \?\], which leaves H, \? free; .* field input_shape, for example 3,224,224"
    )
    model = read_model(path, input_shape=Shape(3, 17, 15))
    net = Net(seed=95)
    fixed = read_model(net.save(tmp_path / "fixed.onnx", net.squeezenet()))
    assert isinstance(model, FloatModel) and isinstance(fixed, FloatModel)
    assert model.input_shape == fixed.input_shape
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(model.convs, fixed.convs, strict=True))
    with pytest.raises(FpgaSqueezeError, match=r"field input_shape 1x17x15: input image has shape"):
        read_model(path, input_shape=Shape(1, 17, 15))


def test_the_command_line_fixes_sizes_and_names_outputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "im.npy"
    np.save(images, np.random.default_rng(0).integers(0, 256, (4, 17, 15, 3), dtype=np.uint8))
    model = onnx.load(free(tmp_path))
    model.graph.output.append(helper.make_tensor_value_info(find(model, "pool1").output[0], 1, None))
    onnx.save(model, tmp_path / "two.onnx")
    wanted = model.graph.output[0].name

    def run(*more: str) -> tuple[int, str]:
        command = [
            "quantize",
            str(tmp_path / "two.onnx"),
            "--calibration",
            str(images),
            "-o",
            str(tmp_path / "q.onnx"),
        ]
        code = main([*command, *more])
        return code, capsys.readouterr().err

    code, text = run()
    assert code == 2 and "--output-tensor" in text and text.count("\n") == 1
    code, text = run("--output-tensor", wanted)
    assert code == 2 and "--input-shape" in text and text.count("\n") == 1
    code, text = run("--output-tensor", wanted, "--input-shape", "3,17")
    assert code == 2 and "--input-shape 3,17: give channels, height and width" in text
    code, text = run("--output-tensor", wanted, "--input-shape", "3,17,15")
    assert code == 0, text
    done = read_model(tmp_path / "q.onnx")
    assert isinstance(done, QModel) and done.input.shape == Shape(3, 17, 15)


WORDS = ("assert", "eof", "explicit", "module", "wire", "int", "main", "NULL", "image", "fsq_a", "a_terms")
ODD = ("1x1", "größe", "名", "a b;c", "__init__", "$x", "x$", ".")


@pytest.mark.parametrize("name", [*WORDS, *ODD])
def test_any_name_is_an_identifier(tmp_path: Path, name: str) -> None:
    net = Net(seed=96, size=(6, 5))
    x = net.relu(net.conv("image", 4, 3, 1, name))
    x = net.conv(x, 4, 4, 1, name + "/Conv")
    model = read_model(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x], name + "_2")))
    assert isinstance(model, FloatModel)
    names = [layer.name for layer in model.layers]
    assert len({n.lower() for n in names}) == 3 and all(n.isascii() and n.isidentifier() for n in names), (
        names
    )
    assert all(n[0].isalpha() and "__" not in n for n in names), names


def test_notes_go_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = Net(seed=97, size=(6, 5))
    x = net.node("GlobalAveragePool", [net.relu(net.conv("image", 4, 3, 1, "first"))])
    net.save(tmp_path / "n.onnx", net.node("Softmax", [x], "prob", axis=1))
    np.save(tmp_path / "im.npy", np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8))
    command = ["quantize", str(tmp_path / "n.onnx"), "--calibration", str(tmp_path / "im.npy")]
    assert main([*command, "-o", str(tmp_path / "q.onnx")]) == 0
    assert "node prob (Softmax) is left out" in "".join(capsys.readouterr())
    model = read_model(tmp_path / "q.onnx")
    assert isinstance(model, QModel) and any("prob (Softmax)" in note for note in model.notes)


def test_sizes_and_outputs_are_of_onnx_files(tmp_path: Path) -> None:
    (tmp_path / "a.caffemodel").touch()
    with pytest.raises(FpgaSqueezeError, match="a.caffemodel: is no ONNX file, whose fields"):
        read_model(tmp_path / "a.caffemodel", input_shape=Shape(3, 9, 9))
