"""Networks that PyTorch quantised and exported: TorchScript's patterns as torch writes them, against onnxruntime."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from quantised_files import compare, float_input, ort_tensors
from random_graphs import graph_images

from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import Shape
from fpga_squeeze.network.integers import QModel

pytest.importorskip("torch", reason="torch not here: pip install torch")
import torch  # noqa: E402
from torch import nn  # noqa: E402

SHAPE = Shape(3, 20, 18)
IMAGES = graph_images(np.random.default_rng(0), SHAPE, 6)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.pool = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.MaxPool2d(3, 2, ceil_mode=True)
        self.squeeze, self.one = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 6, 1)
        self.three, self.last = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(12, 7, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.pool(torch.relu(self.conv1(x)))
        y = torch.relu(self.squeeze(y))
        y = torch.cat([torch.relu(self.one(y)), torch.relu(self.three(y))], 1)
        y = torch.relu(self.last(y))
        return torch.flatten(nn.functional.adaptive_avg_pool2d(y, 1), 1)


@pytest.mark.parametrize("engine", ["x86", "qnnpack"])
def test_torchscript(tmp_path: Path, engine: str) -> None:
    quantisation = pytest.importorskip("torch.ao.quantization.quantize_fx", reason="torch.ao has left torch")
    from torch.ao.quantization import get_default_qconfig_mapping

    if engine not in torch.backends.quantized.supported_engines:
        pytest.skip(f"this torch has no engine {engine}")
    path, x = tmp_path / "m.onnx", torch.from_numpy(float_input(IMAGES))
    torch.manual_seed(0)
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = engine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = quantisation.prepare_fx(Small().eval(), get_default_qconfig_mapping(engine), (x[:1],))
        net(x)
        torch.onnx.export(quantisation.convert_fx(net), (x[:1],), str(path), dynamo=False, opset_version=17)
    torch.backends.quantized.engine = before
    model = read_model(path)
    assert isinstance(model, QModel)
    found = compare(model, path, IMAGES)
    assert len(found.tensors) >= 8 and found.largest <= 1  # a Relu of another scale is a layer of its own
    assert found.differ <= 1e-3 * found.values, found
    ints = golden.run(model, IMAGES)["logits"]
    want = ort_tensors(path, [onnx.load(path).graph.output[0].name], float_input(IMAGES))[0]
    off = np.abs((ints - model.output.zero) * model.output.scale - want).max()
    assert off <= 1.01 * model.output.scale and len(np.unique(want)) > 4
