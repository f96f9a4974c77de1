"""inspect and compare MODEL: every node told, every reason at once, a picture, differences that are seen."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fpga_squeeze import api
from fpga_squeeze.cli import main
from fpga_squeeze.datasets.images import embedded_calibration, embedded_images, embedded_model_path
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.flow.agreement import agreement
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.integers import QConv, QModel
from fpga_squeeze.network.reference import PRESETS
from fpga_squeeze.zoo.squeezenet import squeezenet

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A network with three nodes that are not supported, each for a reason of its own."""
    rng, weights = np.random.default_rng(0), []

    def constant(name: str, *shape: int) -> str:
        weights.append(numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name))
        return name

    nodes = [
        helper.make_node("Conv", ["x", constant("w1", 8, 3, 3, 3)], ["a"], name="conv1", pads=[1] * 4),
        helper.make_node("LeakyRelu", ["a"], ["b"], name="act1"),
        helper.make_node(
            "Conv", ["b", constant("w2", 8, 1, 3, 3)], ["d"], name="deep", group=8, pads=[1] * 4
        ),
        helper.make_node("Concat", ["b", "d"], ["e"], name="cat", axis=2),
        helper.make_node("Conv", ["e", constant("w3", 5, 8, 1, 1)], ["f"], name="head"),
        helper.make_node("GlobalAveragePool", ["f"], ["g"], name="gap"),
        helper.make_node("Foo", ["g"], ["y"], name="custom", domain="my.ops"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        weights,
    )
    path = tmp_path / "refused.onnx"
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    return path


@pytest.fixture(scope="module")
def by_onnxruntime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded float network as onnxruntime quantises it: scales that are no powers of two."""
    from onnxruntime import quantization

    from fpga_squeeze.export.float_onnx import to_onnx

    folder = tmp_path_factory.mktemp("q")
    model = read_model(embedded_model_path())
    assert not isinstance(model, QModel)
    onnx.save(to_onnx(model), folder / "float.onnx")
    (name,) = [value.name for value in onnx.load(folder / "float.onnx").graph.input]
    images = iter(embedded_calibration()[:16].transpose(0, 3, 1, 2).astype(np.float32))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(images, None)
            return None if image is None else {name: image[None]}

    path = folder / "q.onnx"
    quantization.quantize_static(folder / "float.onnx", path, Reader(), per_channel=True)
    return path


def test_every_node_and_every_reason(refused: Path, capsys: Capture) -> None:
    assert main(["inspect", str(refused), "--json"]) == 2
    data = json.loads(capsys.readouterr().out)
    roles = {node["name"]: node["role"] for node in data["nodes"]}
    assert roles == {
        "conv1": "layer", "act1": "refused", "deep": "refused", "cat": "behind",
        "head": "behind", "gap": "behind", "custom": "refused",
    }  # fmt: skip
    assert [node.split()[1] for node, _ in data["reasons"]] == ["act1", "deep", "custom"]
    assert not data["supported"] and not data["layers"]
    with pytest.raises(FpgaSqueezeError) as error:
        read_model(refused)
    for _, reason in data["reasons"]:
        assert reason in str(error.value)


def test_picture_of_what_is_refused(refused: Path, tmp_path: Path, capsys: Capture) -> None:
    svg = tmp_path / "g.svg"
    assert main(["inspect", str(refused), "--svg", str(svg)]) == 2
    root = ElementTree.parse(svg).getroot()
    space = "{http://www.w3.org/2000/svg}"
    kinds = [rect.get("class") for rect in root.iter(f"{space}rect")]
    assert (kinds.count("refused"), kinds.count("behind"), kinds.count("box")) == (3, 3, 2)
    assert sum(1 for _ in root.iter(f"{space}path")) == 8
    assert "refused, for 3 reasons" in capsys.readouterr().out
    before = refused.read_bytes()
    assert main(["inspect", str(refused), "--svg", str(refused)]) == 2
    assert "choose another --svg" in capsys.readouterr().err and refused.read_bytes() == before
    assert main(["inspect", str(refused), "--svg", str(tmp_path / "no" / "g.svg")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_every_number_of_a_quantised_file(by_onnxruntime: Path, tmp_path: Path) -> None:
    result = api.inspect(by_onnxruntime)
    model = read_model(by_onnxruntime)
    assert isinstance(model, QModel) and result.kind == "quantised" and result.supported
    assert {node.role for node in result.nodes} <= {"layer", "part", "constant", "input"}
    assert {layer.name for layer in result.layers} == {layer.name for layer in model.layers}
    by_name = {layer.name: layer for layer in result.layers}
    for layer in model.layers:
        report = by_name[layer.name]
        assert (report.bits, report.scale, report.zero) == (
            layer.output.bits,
            layer.output.scale,
            layer.output.zero,
        )
        if isinstance(layer, QConv):
            assert report.weights is not None and report.weights.high == layer.weight.max()
            assert report.rounding.startswith("* ") and report.limits == layer.limits
    assert by_name["fire2_expand3x3"].kernel == "fire2" == by_name["fire2_squeeze1x1"].kernel
    root = ElementTree.fromstring(api.draw(result))
    kinds = [rect.get("class") for rect in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert kinds.count("box") == len(model.layers) + 1
    assert kinds.count("kernel") == sum(name.startswith("fire") and "_" not in name for name in by_name)


def test_float_networks_and_other_files(capsys: Capture, tmp_path: Path) -> None:
    result = api.inspect(embedded_model_path())
    assert result.kind == "float" and {node.role for node in result.nodes} <= {"layer", "part", "passed"}
    assert main(["inspect", str(embedded_model_path())]) == 0
    out = capsys.readouterr().out
    assert "a float network of" in out and "conv1" in out
    text = tmp_path / "t.onnx"
    text.write_text("no model")
    assert main(["inspect", str(text)]) == 2
    assert capsys.readouterr().err.count("error:") == 1


def test_golden_and_onnxruntime(by_onnxruntime: Path, tmp_path: Path, capsys: Capture) -> None:
    images = tmp_path / "i.npy"
    np.save(images, embedded_images()[0][:8])
    assert main(["compare", str(by_onnxruntime), "--images", str(images), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["frames"] == data["same_top1"] == 8 and data["values_compared"] > 100_000
    assert data["largest_step"] <= 1 and data["differ"] <= data["values_compared"] / 10_000
    assert main(["compare", str(by_onnxruntime), "--images", str(images), "--frames", "2"]) == 0
    assert "same top-1 from the pixels on: 2 of 2" in capsys.readouterr().out


def test_differences_are_seen(by_onnxruntime: Path) -> None:
    model, images = read_model(by_onnxruntime), embedded_images()[0][:1]
    assert isinstance(model, QModel) and agreement(model, by_onnxruntime, images).equal
    for layer in model.layers:
        if isinstance(layer, QConv):
            weight = layer.weight.copy()
            weight[0] += 1 - 2 * (weight[0] > 0)
            changed = replace(layer, weight=weight)
            layers = tuple(changed if each is layer else each for each in model.layers)
            found = agreement(replace(model, layers=layers), by_onnxruntime, images)
            wrong = [tensor.layer for tensor in found.tensors if tensor.largest > 1]
            assert wrong in ([layer.name], []) and any(
                t.differ for t in found.tensors if t.layer == layer.name
            )
            break


def test_swapped_channels_of_our_own_file(tmp_path: Path) -> None:
    """The file that quantize writes has red first, whatever the float network took."""
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    np.save(tmp_path / "i.npy", images)
    options = api.QuantizeOptions(tmp_path / "i.npy", PRESETS["caffe"])
    made = api.quantize(squeezenet(size=40, classes=5, width=8), tmp_path / "q.onnx", options)
    assert made.model.preprocess.bgr
    assert not api.agree(made.path, tmp_path / "i.npy").differ


def test_bad_input_of_compare(refused: Path, capsys: Capture) -> None:
    for arguments, text in (
        (["compare", str(embedded_model_path())], "no project folder"),
        (["compare", str(embedded_model_path()), "--images", str(refused)], "is a float model"),
        (["compare", str(refused.parent), "--frames", "2"], "leave out every option but --json"),
        (["compare", str(refused.parent), "--bgr"], "leave out every option but --json"),
    ):
        assert main(arguments) == 2
        assert text in capsys.readouterr().err
