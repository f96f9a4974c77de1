"""Networks that Brevitas exports, as QONNX against qonnx's own execution, as QCDQ against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from quantised_files import compare, float_input, ort_tensors
from random_graphs import graph_images

from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import Preprocess, Shape
from fpga_squeeze.network.integers import QModel

pytest.importorskip("brevitas", reason="brevitas not here: pip install fpga-squeeze[brevitas]")
pytest.importorskip("onnxscript", reason="onnxscript not here: pip install onnxscript")
pytest.importorskip("onnxoptimizer", reason="onnxoptimizer not here: pip install onnxoptimizer")
import torch  # noqa: E402
from brevitas.export import export_onnx_qcdq, export_qonnx  # noqa: E402
from brevitas_net import calibrated  # noqa: E402

PREPROCESS = Preprocess(mean=(128.0,), std=(64.0,))
SHAPE = Shape(3, 20, 18)
IMAGES = graph_images(np.random.default_rng(0), SHAPE, 6)


def exported(path: Path, *, qonnx: bool, seed: int = 0, **options: bool) -> QModel:
    x = torch.from_numpy(float_input(IMAGES, PREPROCESS))
    net = calibrated(seed, x, **options)
    export = export_qonnx if qonnx else export_onnx_qcdq
    export(net, x[:1], export_path=str(path))
    model = read_model(path, preprocess=PREPROCESS)
    assert isinstance(model, QModel)
    assert {t.bits for t in list(model.types.values())[1:-1]} == {6}
    assert {conv.weight_bits for conv in model.convs} == {4}
    return model


def logits(model: QModel) -> np.ndarray:
    ints = golden.run(model, IMAGES)["logits"]
    return np.asarray((ints - model.output.zero) * model.output.scale)


@pytest.mark.parametrize("options", [{}, {"per_channel": True}, {"bias": False}], ids=str)
def test_qonnx_is_qonnx(tmp_path: Path, options: dict[str, bool]) -> None:
    """Bit for bit: every Quant of a map gives our integers, and the logits are theirs."""
    pytest.importorskip("qonnx", reason="qonnx not here: pip install fpga-squeeze[qonnx]")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    path = tmp_path / "m.onnx"
    model = exported(path, qonnx=True, **options)
    values = golden.run(model, IMAGES)
    wrapped = ModelWrapper(str(path))
    quants = [
        n for n in wrapped.graph.node if n.op_type == "Quant" and wrapped.get_initializer(n.input[0]) is None
    ]
    quants = quants[1:]  # behind the image's
    layers = [layer for layer in model.layers if layer.name in {conv.name for conv in model.convs}]
    assert len(quants) == len(layers)
    source, end = wrapped.graph.input[0].name, wrapped.graph.output[0].name
    x = float_input(IMAGES, PREPROCESS)
    for i, one in enumerate(x):
        found = execute_onnx(wrapped, {source: one[None]}, return_full_exec_context=True)
        for node, layer in zip(quants, layers, strict=True):
            t = layer.output
            theirs = np.rint(found[node.output[0]][0] / t.scale).astype(np.int64) + t.zero
            assert np.array_equal(values[layer.name][i], theirs), layer.name
        real = (values["logits"][i] - model.output.zero) * model.output.scale
        assert np.allclose(real, found[end].reshape(-1), rtol=1e-6, atol=1e-6)
    assert len(np.unique(values["logits"])) > 8


@pytest.mark.parametrize("options", [{}, {"per_channel": True}], ids=str)
def test_qcdq_is_onnxruntime(tmp_path: Path, options: dict[str, bool]) -> None:
    path = tmp_path / "m.onnx"
    model = exported(path, qonnx=False, **options)
    found = compare(model, path, IMAGES, PREPROCESS)
    assert len(found.tensors) == len(model.convs) and not found.differ
    end = onnx.load(path).graph.output[0].name
    want = ort_tensors(path, [end], float_input(IMAGES, PREPROCESS))[0].reshape(len(IMAGES), -1)
    assert np.allclose(logits(model), want, rtol=1e-6, atol=1e-6)


def test_both_exports_are_one_network(tmp_path: Path) -> None:
    a = exported(tmp_path / "a.onnx", qonnx=True)
    b = exported(tmp_path / "b.onnx", qonnx=False)
    assert np.array_equal(golden.run(a, IMAGES)["logits"], golden.run(b, IMAGES)["logits"])
