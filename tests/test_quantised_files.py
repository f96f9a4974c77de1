"""Files of onnxruntime's quantiser, in every form it has, against onnxruntime's own integers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from model_equality import differences
from quantised_files import (
    QOPERATOR,
    S4,
    S8,
    S16,
    U4,
    U8,
    U16,
    compare,
    float_input,
    ort_tensors,
    quantised_file,
)
from random_graphs import graph_images, random_graph
from seeds import seeds

from fpga_squeeze.cli import main
from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_calibration, embedded_model_path
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import FloatModel, Preprocess
from fpga_squeeze.network.integers import QModel

PREPROCESS = Preprocess(std=(2.0,))
SYMMETRIC = {"extra_options": {"ActivationSymmetric": True}}
STYLES: dict[str, dict[str, Any]] = {
    "u8s8": {},
    "u8s8-per-channel": {"per_channel": True},
    "u8u8": {"weights": U8},
    "s8s8": {"activations": S8},
    "s8s8-per-channel": {"activations": S8, "per_channel": True},
    "s8s8-symmetric": {"activations": S8, **SYMMETRIC},
    "u8s8-symmetric": SYMMETRIC,
    "reduce-range": {"reduce_range": True},
    "u16s8": {"activations": U16, "extra_options": {"UseQDQContribOps": True}},
    "s16s8": {"activations": S16, "extra_options": {"UseQDQContribOps": True}},
    "u8u8-asymmetric-weights": {"weights": U8, "extra_options": {"WeightSymmetric": False}},
    "u8s8-weights-in-pairs": {"extra_options": {"AddQDQPairToWeight": True}},
    "s8s8-dedicated-pairs": {"activations": S8, "extra_options": {"DedicatedQDQPair": True}},
    "u8s8-float-bias": {"extra_options": {"QuantizeBias": False}},
    "u8s4-per-channel": {"weights": S4, "per_channel": True},
    "u8u4": {"weights": U4},
    "qop-u8u8": {"form": QOPERATOR, "weights": U8},
    "qop-u8s8": {"form": QOPERATOR},
    "qop-s8s8-per-channel": {"form": QOPERATOR, "activations": S8, "per_channel": True},
}


def network(seed: int) -> tuple[FloatModel, np.ndarray]:
    """A random network with images to calibrate it on."""
    rng = np.random.default_rng(seed)
    model = random_graph(rng, max_blocks=4)
    return model, graph_images(rng, model.input_shape, 4)


@pytest.mark.parametrize("style", STYLES)
def test_integers_are_those_of_onnxruntime(tmp_path: Path, style: str) -> None:
    values = differing = 0
    for seed in range(100, 104):
        model, images = network(seed)
        path = quantised_file(tmp_path / f"{seed}.onnx", model, images, **STYLES[style])
        q = read_model(path)
        assert isinstance(q, QModel)
        found = compare(q, path, images)
        assert len(found.tensors) >= len(model.layers) - 1 and found.largest <= 1, (seed, found)
        values, differing = values + found.values, differing + found.differ
    assert differing <= 1e-3 * values, (values, differing)


@pytest.mark.fuzz
def test_random_files_come_back(tmp_path: Path) -> None:
    """What was read from a foreign file and exported is read back as it was."""
    styles = list(STYLES.values())
    for i, seed in enumerate(seeds(8)):
        model, images = network(seed)
        path = quantised_file(tmp_path / "m.onnx", model, images, **styles[seed % len(styles)])
        q = read_model(path)
        assert isinstance(q, QModel)
        write_qdq(q, tmp_path / f"{i}.onnx")
        assert not differences(q, read_model(tmp_path / f"{i}.onnx")), seed


@pytest.mark.parametrize("style", ["s8s8-per-channel", "qop-u8u8"])
def test_embedded_network(tmp_path: Path, capsys: pytest.CaptureFixture[str], style: str) -> None:
    """What evaluate counts on the file is what onnxruntime's own integer kernels count, but for a tie."""
    path, proto = tmp_path / "m.onnx", onnx.load(embedded_model_path())
    quantised_file(path, proto, embedded_calibration(), preprocess=PREPROCESS, **STYLES[style])
    images, labels = embedded_accuracy_set()
    np.save(tmp_path / "images.npy", images)
    rows = [f"images[{i}],{label}" for i, label in enumerate(labels)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    model = read_model(path, preprocess=PREPROCESS)
    assert isinstance(model, QModel)
    found = compare(model, path, images[:8], PREPROCESS, fused=True)
    assert len(found.tensors) == len(model.layers) and found.differ <= 1e-4 * found.values
    logits = ort_tensors(path, [proto.graph.output[0].name], float_input(images, PREPROCESS), fused=True)[0]
    right = int(np.sum(logits.reshape(len(labels), -1).argmax(axis=1) == labels))
    files = ["--images", str(tmp_path / "images.npy"), "--labels", str(tmp_path / "labels.csv")]
    assert main(["evaluate", str(path), *files, "--std", "2", "--json"]) == 0
    score = json.loads(capsys.readouterr().out)["golden"]
    assert abs(score["top1_count"] - right) <= 1 and right > 0.9 * len(labels), (score, right)


def test_comparison_sees_one_step(tmp_path: Path) -> None:
    model, images = network(100)
    path = quantised_file(tmp_path / "m.onnx", model, images)
    q = read_model(path)
    assert isinstance(q, QModel)
    conv = q.convs[0]
    conv.bias.setflags(write=True)
    conv.bias[0] += int(2 / conv.ratio[0])
    assert compare(q, path, images).differ > 0
