"""The command line: exit codes, JSON, and one clear line for every mistake, with nothing half-written left."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_builder import Net, find, initializer, set_initializer
from PIL import Image

from fpga_squeeze import __version__, load_project
from fpga_squeeze.cli import main
from fpga_squeeze.cli.options import join_numbers
from fpga_squeeze.datasets.images import embedded_images, embedded_model_path
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.project.results import kept_result
from fpga_squeeze.quantization.budget import coded_size

Capture = pytest.CaptureFixture[str]


def fails(capsys: Capture, code: int, *arguments: object) -> str:
    """Run a command that must end in ``code`` with one line on stderr, which is returned."""
    assert main([str(a) for a in arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if not line.startswith("  ")]
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    return lines[0]


def works(capsys: Capture, *arguments: object) -> str:
    """Run a command that must succeed; its standard output."""
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "digits"
    assert main(["generate", "-o", str(folder), "--lanes", "24"]) == 0
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three real images as PNG files."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(embedded_images()[0][:3]):
        Image.fromarray(image[:, :, 0]).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def net(tmp_path: Path) -> onnx.ModelProto:
    builder = Net()
    return builder.model(builder.squeezenet())


# --------------------------------------------------------------------------------------------- what works


def test_version_and_help(capsys: Capture) -> None:
    assert works(capsys, "--version") == f"fpga-squeeze {__version__}\n"
    for verb in (
        "quantize",
        "generate",
        "csim",
        "cosim",
        "compare",
        "hls",
        "evaluate",
        "compress",
        "golden",
        "estimate",
        "report",
    ):
        assert verb in works(capsys, "--help")
        assert "--" in works(capsys, verb, "--help")
    assert main([]) == 2


def test_default_folder_and_module(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-m", "fpga_squeeze", "generate"]
    done = subprocess.run(command, cwd=tmp_path, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert load_project(tmp_path / "hls_out" / "digits_squeezenet").manifest.device == "XC7Z020"


def test_importing_needs_no_heavy_package() -> None:
    code = "import sys, fpga_squeeze, fpga_squeeze.cli; print(*{'torch', 'onnxruntime'} & set(sys.modules))"
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=env, text=True, capture_output=True, check=True)
    assert done.stdout == "\n"


def test_quantize_and_generate_from_it(capsys: Capture, tmp_path: Path, images: Path) -> None:
    q = tmp_path / "q.onnx"
    works(capsys, "quantize", embedded_model_path(), "--calibration", images, "-o", q, "--weight-bits", 6)
    works(capsys, "generate", q, "-o", tmp_path / "p", "--lanes", 16, "--hls-dialect", "bambu")
    again = load_project(tmp_path / "p")
    assert isinstance(again.model, QModel)
    assert {conv.weight_bits for conv in again.model.convs} == {6}
    assert again.manifest.device is None
    assert "random pixels" in again.manifest.source.images
    assert "already" in fails(capsys, 2, "quantize", q, "--calibration", images, "-o", tmp_path / "q2.onnx")
    told = fails(capsys, 2, "generate", q, "-o", tmp_path / "p2", "--preprocess", "caffe")
    assert "leave out --preprocess" in told


def test_weight_budget(capsys: Capture, tmp_path: Path, images: Path) -> None:
    q, given = tmp_path / "q.onnx", ("--calibration", images, "--calibration-count", 2)
    printed = works(capsys, "quantize", embedded_model_path(), *given, "-o", q, "--weight-budget", 70000)
    numbers = re.search(r"weights take ([\d,]+) bits as codes of huffman, of 70,000", printed)
    assert numbers and 60000 < int(numbers[1].replace(",", "")) <= 70000
    model = read_model(q)
    assert isinstance(model, QModel)
    assert sum(coded_size(conv.weight) for conv in model.convs) == int(numbers[1].replace(",", ""))
    assert "already" in fails(capsys, 2, "generate", q, "-o", tmp_path / "p", "--weight-budget", 70000)
    assert "--weight-budget -5" in fails(
        capsys, 2, "quantize", embedded_model_path(), *given, "-o", tmp_path / "n.onnx", "--weight-budget", -5
    )
    assert not (tmp_path / "n.onnx").exists()


def test_estimate_json(capsys: Capture, project: Path) -> None:
    data = json.loads(works(capsys, "estimate", project, "--device", "kv260", "--json"))
    assert data["device"] == "K26"
    assert data["clock_mhz"] == 200
    assert data["dsp"] == load_project(project).plan.dsp
    fresh = json.loads(works(capsys, "estimate", "--lanes", 24, "--json"))
    assert fresh["cycles_per_frame"] == data["cycles_per_frame"]
    assert fresh["device"] is None
    assert json.loads(works(capsys, "estimate", project, "--lanes", 64, "--json"))["lane_budget"] == 64


def test_estimate_of_a_device_too_small(capsys: Capture) -> None:
    assert main(["estimate", "--device", "xc7z007s", "--lanes", "100", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["fits"] is False
    assert data["short"][0]["missing"] > 0
    assert main(["estimate", "--device", "xc7z007s", "--lanes", "100"]) == 1
    assert "does not fit XC7Z007S: DSP slices: needs" in capsys.readouterr().out


def test_golden(capsys: Capture, tmp_path: Path, project: Path, images: Path) -> None:
    out = tmp_path / "g.npz"
    works(capsys, "golden", project, "--images", images, "-o", out)
    with np.load(out) as values:
        plan = load_project(project).plan
        layers = {layer.name for layer in plan.model.layers}
        assert {*values.files} == layers | {"logits", "logits_scale", "logits_zero"}
        assert all(np.issubdtype(values[name].dtype, np.integer) for name in layers | {"logits"})
        assert values["logits"].shape == (3, 10)
        assert values["logits_scale"] == plan.model.output.scale and values["logits_zero"] == 0
        assert values["logits"].argmax(axis=1).tolist() == embedded_images()[1][:3].tolist()
        logits = values["logits"].copy()
    works(capsys, "golden", embedded_model_path(), "--images", images / "0.png", "-o", out)
    with np.load(out) as values:
        assert np.array_equal(values["logits"], logits[:1])


def test_numbers_after_mean_and_std() -> None:
    assert join_numbers(["q", "--mean", "104", "117", "123", "m.onnx"]) == [
        "q",
        "--mean=104,117,123",
        "m.onnx",
    ]
    assert join_numbers(["--mean", "1,2,3", "--std=2", "-o", "5"]) == ["--mean=1,2,3", "--std=2", "-o", "5"]
    assert join_numbers(["--std", "-1.5e2", "4", "--bgr"]) == ["--std=-1.5e2,4", "--bgr"]


def test_preprocessing_is_folded(capsys: Capture, tmp_path: Path, net: onnx.ModelProto) -> None:
    model, calibration = tmp_path / "m.onnx", tmp_path / "c.npy"
    onnx.save(net, model)
    np.save(calibration, np.random.default_rng(0).integers(0, 256, (3, 17, 15, 3), dtype=np.uint8))
    base = ["quantize", model, "--calibration", calibration, "-o"]
    works(capsys, *base, tmp_path / "a.onnx", "--preprocess", "caffe")
    works(capsys, *base, tmp_path / "b.onnx", "--mean", 104, 117, 123, "--std", "1", "--bgr")
    works(capsys, "generate", tmp_path / "a.onnx", "-o", tmp_path / "a", "--lanes", 8)
    works(capsys, "generate", tmp_path / "b.onnx", "-o", tmp_path / "b", "--lanes", 8)
    a, b = load_project(tmp_path / "a").model, load_project(tmp_path / "b").model
    assert a.preprocess.mean == b.preprocess.mean == (104.0, 117.0, 123.0)
    assert all(np.array_equal(x.weight, y.weight) for x, y in zip(a.convs, b.convs, strict=True))


# ----------------------------------------------------------------------------------------- what is refused


def test_not_an_onnx_file(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("this is no model\n" * 20)
    text = fails(capsys, 2, "generate", tmp_path / "m.onnx", "-o", tmp_path / "p")
    assert str(tmp_path / "m.onnx") in text
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_truncated_file(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(embedded_model_path().read_bytes()[:-1000])
    assert "m.onnx" in fails(capsys, 2, "estimate", tmp_path / "m.onnx")


def test_missing_file(capsys: Capture, tmp_path: Path) -> None:
    assert "no such file" in fails(capsys, 2, "generate", tmp_path / "m.onnx", "-o", tmp_path / "p")


def test_unsupported_operator_is_named_with_its_node(
    capsys: Capture, tmp_path: Path, net: onnx.ModelProto
) -> None:
    find(net, "pool2").op_type = "LpPool"
    onnx.save(net, tmp_path / "m.onnx")
    text = fails(capsys, 2, "estimate", tmp_path / "m.onnx")
    assert "LpPool" in text
    assert "pool2" in text


def test_nan_weights(capsys: Capture, tmp_path: Path, net: onnx.ModelProto) -> None:
    name = find(net, "conv1").input[1]
    weight = initializer(net, name).copy()
    weight[0, 0, 0, 0] = np.nan
    onnx.save(set_initializer(net, name, weight), tmp_path / "m.onnx")
    assert "conv1" in fails(capsys, 2, "estimate", tmp_path / "m.onnx")


def test_batch_size(capsys: Capture, tmp_path: Path) -> None:
    builder = Net()
    builder.save(tmp_path / "m.onnx", builder.squeezenet(), batch=4)
    assert "batch" in fails(capsys, 2, "estimate", tmp_path / "m.onnx")


def test_float_model_without_images(capsys: Capture, tmp_path: Path, net: onnx.ModelProto) -> None:
    onnx.save(net, tmp_path / "m.onnx")
    for verb in (["generate", "-o", tmp_path / "p"], ["estimate"], ["golden", "-o", tmp_path / "g.npz"]):
        assert "--calibration" in fails(capsys, 2, *verb, tmp_path / "m.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_calibration_images(capsys: Capture, tmp_path: Path) -> None:
    empty, large = tmp_path / "empty", tmp_path / "large.png"
    empty.mkdir()
    Image.new("L", (40, 32)).save(large)
    base = ["generate", "-o", tmp_path / "p", "--calibration"]
    assert "holds no images" in fails(capsys, 2, *base, empty)
    assert "is 40x32" in fails(capsys, 2, *base, large)
    assert "no such file" in fails(capsys, 2, *base, tmp_path / "nowhere")
    assert not (tmp_path / "p").exists()


def test_devices_and_numbers(capsys: Capture, tmp_path: Path) -> None:
    base = ["generate", "-o", tmp_path / "p"]
    assert "unknown device 'zx81'" in fails(capsys, 2, *base, "--device", "zx81")
    assert "lane budget of 0" in fails(capsys, 2, *base, "--lanes", 0)
    assert "clock" in fails(capsys, 2, *base, "--clock-mhz", -5)
    assert "clock" in fails(capsys, 2, *base, "--clock-mhz", "nan")
    assert "--hls-dialect" in fails(capsys, 2, *base, "--hls-dialect", "catapult")
    assert "NAME=K,R,C" in fails(capsys, 2, *base, "--folding", "1,1,1")
    assert "--preprocess" in fails(capsys, 2, *base, "--preprocess", "keras")
    assert "one or the other" in fails(capsys, 2, *base, "--preprocess", "caffe", "--mean", "1")
    assert "--mean" in fails(capsys, 2, *base, "--mean", "grey")
    assert "weight bits" in fails(capsys, 2, *base, "--weight-bits", 1)
    assert "'many'" in fails(capsys, 2, *base, "--lanes", "many")
    assert "No such command" in fails(capsys, 2, "generat")
    assert "No such option" in fails(capsys, 2, "generate", "--lane", "5", "--clocks", 3)
    assert "short by" in fails(capsys, 1, *base, "--lanes", 1)
    assert not (tmp_path / "p").exists()


def test_no_permission_to_write(capsys: Capture, tmp_path: Path, images: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    below = tmp_path / "file" / "p"
    assert "cannot be written" in fails(capsys, 2, "generate", "-o", below, "--lanes", 16)
    assert "cannot be written" in fails(capsys, 2, "golden", "-o", below)
    calibrated = ["quantize", embedded_model_path(), "--calibration", images]
    assert "cannot be written" in fails(capsys, 2, *calibrated, "-o", below)
    assert "is a folder" in fails(capsys, 2, *calibrated, "-o", tmp_path)
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("verb", ["csim", "cosim"])
def test_no_compiler(
    capsys: Capture, tmp_path: Path, project: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project, tmp_path / "p")
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "no C++ compiler" in fails(capsys, 2, verb, tmp_path / "p")
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "g++" in fails(capsys, 2, verb, tmp_path / "p")
    assert not (tmp_path / "p" / "run").exists()


def test_simulating_what_is_no_project(capsys: Capture, tmp_path: Path, project: Path) -> None:
    for verb in ("csim", "cosim", "compare"):
        assert "no fpga-squeeze project" in fails(capsys, 2, verb, tmp_path)
        assert "no project folder" in fails(capsys, 2, verb, embedded_model_path())
    assert "nothing to compare yet" in fails(capsys, 2, "compare", project)
    assert "--frames 0" in fails(capsys, 2, "csim", project, "--frames", 0)
    assert "--stalls -1" in fails(capsys, 2, "cosim", project, "--stalls", -1)
    Image.new("L", (8, 8)).save(tmp_path / "small.png")
    assert "is 8x8" in fails(capsys, 2, "cosim", project, "--images", tmp_path / "small.png")


# --------------------------------------------------------------------------------------------- simulations


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object], dict[str, object]]:
    """A project after csim and cosim, and what these printed as JSON."""
    folder = tmp_path_factory.mktemp("simulated") / "p"
    assert main(["generate", "-o", str(folder), "--lanes", "20"]) == 0
    printed = []
    for verb in (["csim", "--frames", "2"], ["cosim", "--frames", "3"]):
        command = [sys.executable, "-m", "fpga_squeeze", verb[0], folder.name, *verb[1:], "--json"]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        # from the folder above: a relative path must do
        done = subprocess.run(
            command, cwd=folder.parent, env=env, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        printed.append(json.loads(done.stdout))
    return folder, printed[0], printed[1]


@pytest.mark.slow
def test_json_of_the_simulations(simulated: tuple[Path, dict[str, object], dict[str, object]]) -> None:
    folder, csim, cosim = simulated
    project = load_project(folder)
    plan, kept = project.plan, [kept_result(project, "csim"), kept_result(project, "cosim")]
    assert [one and (one.result, one.current) for one in kept] == [(csim, True), (cosim, True)]
    for data, frames in ((csim, 2), (cosim, 3)):
        assert data["frames"] == frames
        assert data["mismatches"] == 0
        kernels = data["kernels"]
        assert isinstance(kernels, list)
        assert [k["name"] for k in kernels] == [k.name for k in plan.kernels] + ["logits"]
        assert data["values_compared"] == sum(k["values_compared"] for k in kernels) > 0
    assert cosim["cycles_per_frame"] == cosim["planned_cycles_per_frame"]
    assert cosim["latency_cycles"] == cosim["planned_latency_cycles"]


@pytest.mark.slow
def test_compare_and_the_first_mismatch(
    capsys: Capture, simulated: tuple[Path, dict[str, object], dict[str, object]]
) -> None:
    folder = simulated[0]
    data = json.loads(works(capsys, "compare", folder, "--json"))
    assert data["mismatches"] == 0
    assert data["values_compared"] == data["csim"]["values_compared"] + data["cosim"]["values_compared"]
    words = folder / "run" / "cosim" / "fire2.bin"
    raw = bytearray(words.read_bytes())
    raw[3] ^= 1
    words.write_bytes(bytes(raw))
    assert main(["compare", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "first mismatch in kernel fire2: frame 0, channel 0, row 0, column 3: expected" in out
    assert main(["compare", str(folder), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["cosim"]["first_mismatch"]["kernel"] == "fire2"
    assert data["csim"]["mismatches"] == 0


@pytest.mark.slow
def test_one_image_in_several_frames_with_stalls(
    capsys: Capture, images: Path, simulated: tuple[Path, dict[str, object], dict[str, object]]
) -> None:
    folder = simulated[0]
    one = images / "1.png"
    out = works(capsys, "cosim", folder, "--images", one, "--frames", 2, "--stalls", 7, "--json")
    data = json.loads(out)
    assert (data["frames"], data["mismatches"], data["stalls"]) == (2, 0, 7)
    assert data["latency_cycles"] >= data["planned_latency_cycles"]
    single = json.loads(works(capsys, "cosim", folder, "--images", one, "--json"))
    assert single["cycles_per_frame"] is None
