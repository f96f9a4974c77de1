"""Accuracy on labelled images: counts against hand-made truth, labels from CSV, calibration images left out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_builder import Net
from PIL import Image
from test_cli import fails, works

from fpga_squeeze import FpgaSqueezeError, api
from fpga_squeeze.cli import main
from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_model_path, list_images
from fpga_squeeze.datasets.labels import Names, read_labels
from fpga_squeeze.flow.evaluate import ranks
from fpga_squeeze.flow.runner import onnx_runner
from fpga_squeeze.flow.sources import QuantizeOptions, choose
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import FloatModel, Preprocess, Shape
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.parallel import FrameRunner
from fpga_squeeze.network.reference import PRESETS, float_logits

REAL = Path(__file__).resolve().parents[2] / "shared" / "models"
Capture = pytest.CaptureFixture[str]
COUNT = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 held-out digits, their labels, and a model calibrated on 12 of them."""
    folder = tmp_path_factory.mktemp("evaluate")
    images, labels = embedded_accuracy_set()
    (folder / "digits").mkdir()
    lines = ["file,label,name"]
    for i in range(COUNT):
        Image.fromarray(images[i, :, :, 0]).save(folder / "digits" / f"{i:02}.png")
        lines.append(f'{i:02}.png,{labels[i]},"digit, {labels[i]}"')
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = QuantizeOptions(folder / "digits", calibration_count=12, seed=5)
    api.quantize(embedded_model_path(), folder / "q.onnx", options)
    return folder


def arguments(data: Path, *more: object) -> list[object]:
    where = ["--images", data / "digits", "--labels", data / "labels.csv"]
    return ["evaluate", data / "q.onnx", *where, *more]


# ---------------------------------------------------------------------------------------------- what it counts


def test_ranks() -> None:
    logits = np.array([[3, 1, 2], [1, 1, 1], [0, 5, 5]])
    assert ranks(logits, np.array([2, 2, 2])).tolist() == [1, 2, 1]
    assert ranks(logits, np.array([0, 0, 1])).tolist() == [0, 0, 0]


def test_json(capsys: Capture, data: Path) -> None:
    out = json.loads(works(capsys, *arguments(data, "--float", embedded_model_path(), "--json")))
    all_images, all_labels = embedded_accuracy_set()
    images, labels = all_images[:COUNT], all_labels[:COUNT]
    source, model = read_model(embedded_model_path()), read_model(data / "q.onnx")
    assert isinstance(source, FloatModel) and isinstance(model, QModel)
    floats, integers = float_logits(source, images), golden.run(model, images)["logits"]
    for key, logits in (("float", floats), ("golden", integers)):
        order = np.argsort(-logits, axis=1, kind="stable")
        hits = order == labels[:, None]
        assert out[key]["top1"] == 100 * hits[:, 0].mean()
        assert out[key]["top5"] == 100 * hits[:, :5].any(axis=1).mean()
        assert out[key]["top1_count"] == hits[:, 0].sum()
        assert out[key]["frames_per_second"] > 0
    same = floats.argmax(axis=1) == integers.argmax(axis=1)
    assert out["golden"]["agreement"] == 100 * same.mean()
    assert out["golden"]["agreement_count"] == same.sum()
    assert (out["frames"], out["excluded"], out["calibration_images"]) == (COUNT, 0, 12)
    assert out["float"]["runner"] == "float (onnxruntime)"


def test_without_float(capsys: Capture, data: Path) -> None:
    out = json.loads(works(capsys, *arguments(data, "--json")))
    assert out["float"] is None
    assert out["golden"]["agreement"] is None
    assert works(capsys, *arguments(data)).count("float") == 1  # in the heading alone


def test_wrong_labels_are_seen(capsys: Capture, data: Path, tmp_path: Path) -> None:
    model = read_model(data / "q.onnx")
    assert isinstance(model, QModel)
    logits = golden.run(model, embedded_accuracy_set()[0][:COUNT])["logits"]
    order = np.argsort(-logits, axis=1, kind="stable")
    # the best, the fifth, the sixth and the last class in turn, without a header
    lines = [f"{i:02}.png,{order[i, (0, 4, 5, 9)[i % 4]]}" for i in range(COUNT)]
    (tmp_path / "l.csv").write_text("\r\n".join(lines))
    base = ["evaluate", data / "q.onnx", "--images", data / "digits", "--labels", tmp_path / "l.csv"]
    out = json.loads(works(capsys, *base, "--json"))["golden"]
    assert (out["top1_count"], out["top5_count"]) == (COUNT // 4, COUNT // 2)


def test_numpy_where_there_is_no_onnxruntime(
    capsys: Capture, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["--float", embedded_model_path(), "--json"]
    with_ort = json.loads(works(capsys, *arguments(data, *more)))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    without = json.loads(works(capsys, *arguments(data, *more)))
    assert without["float"]["runner"] == "float (NumPy)"
    for key in ("top1", "top5"):
        assert without["float"][key] == with_ort["float"][key]


def test_preprocessing_reaches_the_float_model(tmp_path: Path) -> None:
    net = Net(seed=1)
    net.save(tmp_path / "m.onnx", net.squeezenet())
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.integers(0, 256, (6, 17, 15, 3), dtype=np.uint8))
    (tmp_path / "l.csv").write_text("".join(f"x[{i}],0\n" for i in range(6)))
    options = QuantizeOptions(tmp_path / "x.npy", PRESETS["caffe"])
    api.quantize(tmp_path / "m.onnx", tmp_path / "q.onnx", options)
    source = read_model(tmp_path / "m.onnx")
    assert isinstance(source, FloatModel)
    args = (tmp_path / "q.onnx", tmp_path / "x.npy", tmp_path / "l.csv")
    by_ort = api.evaluate(*args, float_model=tmp_path / "m.onnx")
    by_numpy = api.evaluate(*args, float_model=source)
    images = np.load(tmp_path / "x.npy")
    want = int((float_logits(source, images, PRESETS["caffe"]).argmax(axis=1) == 0).sum())
    assert by_ort.float_score and by_numpy.float_score
    assert by_ort.float_score.top1_count == by_numpy.float_score.top1_count == want
    assert by_ort.agreement_count == by_numpy.agreement_count


def test_progress_and_lines(capsys: Capture, data: Path) -> None:
    seen: list[tuple[int, int]] = []
    api.evaluate(
        data / "q.onnx",
        data / "digits",
        data / "labels.csv",
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(32, COUNT), (COUNT, COUNT)]
    assert main([str(a) for a in arguments(data)]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == f"  {COUNT} of {COUNT} frames"


def test_frames_side_by_side_keep_their_order() -> None:
    images = np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1)
    with FrameRunner(lambda x: x.reshape(len(x), 1).astype(np.int64), workers=4) as run:
        assert run(images).ravel().tolist() == list(range(200))


# ------------------------------------------------------------------------------ any file that onnxruntime runs


def retyped(path: Path, elem: int, *, last: bool = False) -> Path:
    """A copy of the embedded model whose input has another type, or its channels last."""
    proto = onnx.load(embedded_model_path())
    graph = proto.graph
    name = graph.input[0].name
    nodes = [helper.make_node("Cast", ["typed"], ["cast"], to=onnx.TensorProto.FLOAT)]
    nodes.append(helper.make_node("Transpose", ["cast"], [name], perm=[0, 3, 1, 2] if last else [0, 1, 2, 3]))
    shape = [1, 32, 32, 1] if last else [1, 1, 32, 32]
    del graph.input[0]
    graph.input.append(helper.make_tensor_value_info("typed", elem, shape))
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *kept])
    onnx.save(proto, path)
    return path


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE", "UINT8", "INT32", "FLOAT"])
def test_input_types(capsys: Capture, data: Path, tmp_path: Path, kind: str) -> None:
    want = json.loads(works(capsys, *arguments(data, "--float", embedded_model_path(), "--json")))["float"]
    model = retyped(tmp_path / "m.onnx", getattr(onnx.TensorProto, kind), last=kind == "FLOAT")
    got = json.loads(works(capsys, *arguments(data, "--float", model, "--json")))["float"]
    for key in ("top1_count", "top5_count", "runner"):
        assert got[key] == want[key]


def test_input_types_that_cannot_be_fed(capsys: Capture, data: Path, tmp_path: Path) -> None:
    model = retyped(tmp_path / "b.onnx", onnx.TensorProto.BOOL)
    assert "its input typed is tensor(bool)" in fails(capsys, 2, *arguments(data, "--float", model))
    model = retyped(tmp_path / "u.onnx", onnx.TensorProto.UINT8)
    halves = QuantizeOptions(data / "digits", Preprocess(mean=(33.3,), std=(60.0,)))
    api.quantize(embedded_model_path(), tmp_path / "q.onnx", halves)
    base = ["--images", data / "digits", "--labels", data / "labels.csv"]
    told = fails(capsys, 2, "evaluate", tmp_path / "q.onnx", *base, "--float", model)
    assert "its input typed is uint8" in told and "float32 input" in told


def test_quantised_files(capsys: Capture, data: Path, tmp_path: Path) -> None:
    """Our own file eats pixels, whatever was folded in; others are no float models."""
    images = embedded_accuracy_set()[0][:COUNT]
    for preprocess in (Preprocess(), Preprocess(mean=(20.0,), std=(0.5,))):
        api.quantize(embedded_model_path(), tmp_path / "q.onnx", QuantizeOptions(data / "digits", preprocess))
        base = ["--images", data / "digits", "--labels", data / "labels.csv", "--json"]
        out = json.loads(
            works(capsys, "evaluate", tmp_path / "q.onnx", *base, "--float", tmp_path / "q.onnx")
        )
        assert out["golden"]["agreement_count"] == COUNT and out["float"]["runner"] == "onnxruntime"
        assert out["golden"]["top1_count"] == out["float"]["top1_count"]
    # as the file is without our name on it, the preprocessing is the caller's
    proto = onnx.load(tmp_path / "q.onnx")
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "foreign.onnx")
    run = onnx_runner(tmp_path / "foreign.onnx", Shape(1, 32, 32), 10, Preprocess(mean=(20.0,)))[1]
    own = onnx_runner(tmp_path / "q.onnx", Shape(1, 32, 32), 10, Preprocess(mean=(20.0,)))[1]
    with run as foreign, own as ours:
        assert not np.array_equal(foreign(images[:4]), ours(images[:4]))


# ------------------------------------------------------------------------------------------ calibration images


def test_calibration_is_drawn_and_left_out(capsys: Capture, data: Path, tmp_path: Path) -> None:
    model = read_model(data / "q.onnx")
    assert isinstance(model, QModel)
    names = list_images(data / "digits", model.input.shape)
    assert list(model.calibration) == choose(names, 12, 5) == sorted(model.calibration)
    assert len(set(model.calibration)) == 12
    assert choose(names, 12, 6) != choose(names, 12, 5)
    out = json.loads(works(capsys, *arguments(data, "--exclude-calibration", "--json")))
    assert (out["frames"], out["excluded"]) == (COUNT - 12, 12)
    assert "left out: 12 of the 12" in works(capsys, *arguments(data, "--exclude-calibration"))
    more = ["--exclude-calibration", "--skip", 3, "--frames", 5, "--json"]
    assert json.loads(works(capsys, *arguments(data, *more)))["frames"] == 5
    # a project carries the list, and generate tells what was drawn
    drawn = ["--calibration", data / "digits", "--calibration-count", 12, "--seed", 5, "--lanes", 16]
    text = works(capsys, "generate", embedded_model_path(), "-o", tmp_path / "p", *drawn)
    assert f"12 images drawn with seed 5: {model.calibration[0]}, {model.calibration[1]}, ..." in text
    base = ["evaluate", tmp_path / "p", "--images", data / "digits", "--labels", data / "labels.csv"]
    assert json.loads(works(capsys, *base, "--exclude-calibration", "--json"))["excluded"] == 12


def test_a_model_in_memory_is_quantised_as_its_file(data: Path, tmp_path: Path) -> None:
    source = read_model(embedded_model_path())
    assert isinstance(source, FloatModel)
    options = QuantizeOptions(data / "digits", calibration_count=12, seed=5)
    api.quantize(source, tmp_path / "q.onnx", options)
    assert (tmp_path / "q.onnx").read_bytes() == (data / "q.onnx").read_bytes()
    with pytest.raises(FpgaSqueezeError, match="give images as field calibration"):
        api.quantize(source, tmp_path / "q.onnx")


def test_names_across_folders() -> None:
    names = Names([("val/a.jpg", 1), ("b.jpg", 2), ("test/c.jpg", 3), ("val/c.jpg", 4), ("./d.jpg", 5)])
    assert names.find("a.jpg") == [1]
    assert names.find("val/b.jpg") == [2]
    assert names.find("test\\c.jpg") == [3]
    assert names.find("c.jpg") == [3, 4]
    assert names.find("train/a.jpg") == []
    assert names.find("d.jpg") == [5]


# ------------------------------------------------------------------------------------------------ what is refused


def test_labels(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"

    def labels(text: str | bytes, names: tuple[str, ...] = ("a.png", "b.png")) -> list[int]:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return [int(label) for label in read_labels(path, names, 10)]

    assert labels("a.png,3\nb.png,4\n") == [3, 4]
    assert labels("\ufeffLabel,wnid,File\n4,n1,b.png\n3,n0,a.png\n99,n2,other.png\n\n") == [3, 4]
    assert labels("file,label\nb.png,1\na.png, 2 \nb.png,1\n") == [2, 1]
    for text, message in (
        ("", "is empty"),
        ("a.png,3\n", "no label for image b.png;"),
        ("c.png,3\n", "no label for image a.png and 1 more"),
        ("a.png,3\nb.png,10\n", r"line 2: label 10 of b.png is out of range; the model has classes 0 to 9"),
        ("a.png,-1\nb.png,1\n", "line 1: label -1 of a.png is out of range"),
        ("a.png,3\nb.png,cat\n", "line 2: label 'cat' is no class number"),
        ("a.png,3\nb.png\n", "line 2: holds no file and label"),
        ("name,class\na.png,3\n", "no columns file and label"),
        ("a.png,3,tench\n", "no columns file and label"),
        ("a.png,3\na.png,4\nb.png,1\n", "lines 1 and 2: labels 3 and 4 for a.png"),
        (b"\xff\xfe\x00,1\n", "cannot be read as CSV"),
        ('file,label\n"a.png,3\n', "cannot be read as CSV"),
    ):
        with pytest.raises(FpgaSqueezeError, match=message) as caught:
            labels(text)
        assert "\n" not in str(caught.value)


def test_mistakes(capsys: Capture, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such file" in fails(capsys, 2, *arguments(data, "--labels", tmp_path / "no.csv"))
    assert "cannot be read as CSV" in fails(capsys, 2, *arguments(data, "--labels", tmp_path))
    assert "no such file" in fails(capsys, 2, *arguments(data, "--images", tmp_path / "nowhere"))
    assert "holds no images" in fails(capsys, 2, *arguments(data, "--images", tmp_path))
    assert "--skip -1" in fails(capsys, 2, *arguments(data, "--skip", -1))
    assert "--frames 0" in fails(capsys, 2, *arguments(data, "--frames", 0))
    assert "nothing is left" in fails(capsys, 2, *arguments(data, "--skip", COUNT))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "is quantised; install onnxruntime" in fails(
        capsys, 2, *arguments(data, "--float", data / "q.onnx")
    )
    monkeypatch.undo()
    base = ["--images", data / "digits", "--labels", data / "labels.csv"]
    assert "is a float model" in fails(capsys, 2, "evaluate", embedded_model_path(), *base)
    net = Net(size=(32, 32))
    net.save(tmp_path / "m.onnx", net.squeezenet())
    assert "its input is 3x32x32" in fails(capsys, 2, *arguments(data, "--float", tmp_path / "m.onnx"))
    net = Net(size=(32, 32), channels=1)
    net.save(tmp_path / "m.onnx", net.squeezenet())
    assert "its output is 5x1x1" in fails(capsys, 2, *arguments(data, "--float", tmp_path / "m.onnx"))
    works(capsys, "generate", "-o", tmp_path / "p", "--lanes", 16)
    refused = fails(capsys, 2, "evaluate", tmp_path / "p", *base, "--exclude-calibration")
    assert "does not name the images" in refused
    calibrated = ["quantize", embedded_model_path(), "-o", tmp_path / "q.onnx", "--calibration-count"]
    assert "as --calibration" in fails(capsys, 2, *calibrated, 5)
    assert "holds 40 images" in fails(capsys, 2, *calibrated, 41, "--calibration", data / "digits")
    assert "give 1 to 40" in fails(capsys, 2, *calibrated, 0, "--calibration", data / "digits")
    assert not (tmp_path / "q.onnx").exists()


# ---------------------------------------------------------------------------------------------- the real network


@pytest.mark.slow
def test_imagenet(tmp_path: Path) -> None:
    source = REAL / "squeezenet_v1.0_deep_compression.onnx"
    images, labels = REAL / "imagenet_800_227.zip", REAL / "imagenet_800_labels.csv"
    if not all(path.is_file() for path in (source, images, labels)):
        pytest.skip("the ImageNet model and images are not at ../shared/models")
    options = QuantizeOptions(images, PRESETS["caffe"], calibration_count=16)
    api.quantize(source, tmp_path / "q.onnx", options)
    result = api.evaluate(
        tmp_path / "q.onnx", images, labels, float_model=source, exclude_calibration=True, frames=100
    )
    assert result.excluded == 16 and result.float_score and result.agreement is not None
    assert result.float_score.top1 > 50 and result.golden_score.top1 > 50
    assert result.agreement > 80
