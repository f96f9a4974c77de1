"""torchvision's SqueezeNets: the graphs of both exporters, and modules through torch itself where it is here."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_builder import ort_logits
from torch_squeezenet import exported, torch_branches, torch_squeezenet

from fpga_squeeze import FpgaSqueezeError
from fpga_squeeze.frontend import read_model, read_torch
from fpga_squeeze.network.graph import Conv, FloatModel, MaxPool, Shape
from fpga_squeeze.network.reference import PRESETS, channel_statistics, float_logits, network_input

SHAPES = {
    "1_0": "96x109x109 96x54x54 128x54x54 128x54x54 256x54x54 256x27x27 256x27x27 384x27x27 384x27x27 "
    "512x27x27 512x13x13 512x13x13 1000x13x13 1000x1x1",
    "1_1": "64x111x111 64x55x55 128x55x55 128x55x55 128x27x27 256x27x27 256x27x27 256x13x13 384x13x13 "
    "384x13x13 512x13x13 512x13x13 1000x13x13 1000x1x1",
}
NAMES = {
    "1_0": "conv1 pool1 fire2 fire3 fire4 pool4 fire5 fire6 fire7 fire8 pool8 fire9 conv10 pool10",
    "1_1": "conv1 pool1 fire2 fire3 pool3 fire4 fire5 pool5 fire6 fire7 fire8 fire9 conv10 pool10",
}
PARAMETERS = {"1_0": 1_248_424, "1_1": 1_235_496}
"""As torchvision states them for 1000 classes."""


def parameters(model: FloatModel) -> int:
    return sum(c.weight.size + c.bias.size for c in model.convs)


def kernels(model: FloatModel) -> list[str]:
    """Names of the layers, of a Fire module the Concat's alone."""
    return [x.name for x in model.layers if not x.name.endswith(("_squeeze1x1", "_expand1x1", "_expand3x3"))]


def kernel_shapes(model: FloatModel) -> list[str]:
    shapes = model.shapes()
    return [str(shapes[name]) for name in kernels(model)]


def is_squeezenet(model: object, version: str) -> FloatModel:
    assert isinstance(model, FloatModel)
    assert kernel_shapes(model) == SHAPES[version].split()
    assert parameters(model) == PARAMETERS[version]
    assert all(x.ceil for x in model.layers if isinstance(x, MaxPool))
    last = model.layers[-2]
    assert isinstance(last, Conv) and last.relu and not any(last.pads)
    return model


def same_logits(path: Path, model: FloatModel, preprocess: str = "torchvision") -> None:
    """Whether the NumPy reference gives what onnxruntime gives for the file, from raw pixels."""
    s, pre = model.input_shape, PRESETS[preprocess]
    images = np.random.default_rng(0).integers(0, 256, (1, s.height, s.width, 3), dtype=np.uint8)
    statistics = channel_statistics(pre, 3)
    want = ort_logits(path, np.stack([network_input(x, *statistics) for x in images]))
    np.testing.assert_allclose(float_logits(model, images, pre), want, rtol=1e-3, atol=1e-4 * np.ptp(want))


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("version", ["1_0", "1_1"])
def test_graphs_of_both_exporters(tmp_path: Path, version: str, dynamo: bool) -> None:
    proto = exported(version, dynamo)
    onnx.checker.check_model(proto)
    onnx.save(proto, tmp_path / "net.onnx")
    model = is_squeezenet(read_model(tmp_path / "net.onnx"), version)
    if dynamo:
        assert kernels(model) == NAMES[version].split()
    else:
        assert kernels(model)[:4] == ["features_0", "features_2", "features_3", "features_4"]
    same_logits(tmp_path / "net.onnx", model)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("preprocess", ["none", "caffe", "torchvision"])
def test_other_sizes_and_no_last_relu(tmp_path: Path, relu: bool, preprocess: str) -> None:
    onnx.save(exported("1_1", True, classes=10, size=(97, 131), relu=relu), tmp_path / "net.onnx")
    model = read_model(tmp_path / "net.onnx")
    assert isinstance(model, FloatModel)
    last = model.layers[-2]
    assert isinstance(last, Conv) and last.relu == relu
    same_logits(tmp_path / "net.onnx", model, preprocess)


def test_model_zoo_shapes() -> None:
    light = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
    if not light.is_file():
        pytest.skip("this onnx ships no light_squeezenet.onnx")
    model = read_model(light)
    assert isinstance(model, FloatModel)
    assert model.input_shape == Shape(3, 224, 224)
    assert kernel_shapes(model) == SHAPES["1_1"].split()  # floor and ceil agree at this size
    assert parameters(model) == PARAMETERS["1_1"]
    assert kernels(model) == NAMES["1_1"].split()


def test_torch_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FpgaSqueezeError, match=r"torch is missing; install it with: pip install"):
        read_torch(object(), (3, 224, 224))


def need(*packages: str) -> None:
    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not here: pip install {' '.join(missing)}")


@pytest.mark.slow
@pytest.mark.parametrize("dynamo", [None, False, True])
@pytest.mark.parametrize("version", ["1_0", "1_1"])
def test_modules(version: str, dynamo: bool | None) -> None:
    need("torch", *(["onnxscript"] if dynamo else []))
    import torch

    module = torch_squeezenet(version).train()
    model = is_squeezenet(read_torch(module, (3, 224, 224), dynamo), version)
    assert kernels(model) == NAMES[version].split()
    assert module.training and module.classifier[0].training
    assert (model.name, model.source) == ("squeezenet", "torch module SqueezeNet")
    images = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    statistics = channel_statistics(PRESETS["torchvision"], 3)
    x = torch.from_numpy(np.stack([network_input(image, *statistics) for image in images]))
    with torch.no_grad():
        want = module.eval()(x).numpy()
    got = float_logits(model, images, PRESETS["torchvision"])
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * np.ptp(want))


@pytest.mark.slow
def test_dynamo_fails_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    need("torch", "onnxscript")
    with pytest.raises(FpgaSqueezeError, match="torch cannot export it .*data-dependent") as caught:
        read_torch(torch_branches(), (3, 16, 16), dynamo=True)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_modules_that_are_refused() -> None:
    need("torch")
    from torch import nn

    with pytest.raises(FpgaSqueezeError, match="is no torch.nn.Module"):
        read_torch("squeezenet", (3, 224, 224))
    module = torch_squeezenet("1_1", 10)
    with pytest.raises(FpgaSqueezeError, match=r"input shape \[1, 3, 224, 224\]"):
        read_torch(module, (1, 3, 224, 224))
    with pytest.raises(FpgaSqueezeError, match="torch cannot export it for an input of 4x224x224"):
        read_torch(module, (4, 224, 224))
    module.features[1] = nn.Sigmoid()
    with pytest.raises(FpgaSqueezeError, match="^torch module SqueezeNet: .*Sigmoid") as caught:
        read_torch(module, Shape(3, 64, 64))
    assert "\n" not in str(caught.value) and tempfile.gettempdir() not in str(caught.value)
