"""Reading ONNX networks that fork and join, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from model_equality import differences
from onnx_builder import Net
from random_graphs import graph_images, random_graph
from seeds import seeds
from test_frontend import agrees, kernels
from test_frontend_errors import refused

from fpga_squeeze.export.float_onnx import write_float
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import Add, AvgPool, Conv, FloatModel
from fpga_squeeze.network.reference import PRESETS, float_logits
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.oracle import ort_integers


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [(3, 1), (1, 3), (2, 4), (11, 1), (11, 11)])
def test_kernels_of_any_shape(tmp_path: Path, kernel: tuple[int, int], stride: int) -> None:
    net = Net(seed=13, size=(21, 18))
    weight = net.rng.normal(0, 0.1, (4, 3, *kernel))
    pads = [kernel[0] // 2, kernel[1] // 2, (kernel[0] - 1) // 2, 0]
    x = net.relu(net.conv("image", 4, 3, 3, weight=weight, pads=pads, strides=[stride] * 2))
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])))
    assert model.convs[0].kernel == kernel and model.convs[0].pads == tuple(pads)


def test_sums_and_forks(tmp_path: Path) -> None:
    """A residual block, ReLU behind its sum; Sum spelt both ways; a sum with itself."""
    net = Net(seed=14, size=(9, 8))
    x = net.relu(net.conv("image", 4, 3, 3, "stem", pads=[1, 1, 1, 1]))
    y = net.relu(net.conv(x, 4, 4, 3, "inner", pads=[1, 1, 1, 1]))
    y = net.relu(net.node("Add", [net.conv(y, 4, 4, 1, "outer"), x], "block"))
    z = net.node("Sum", [y, net.node("Sum", [y])])
    z = net.node("Add", [net.node("Identity", [z]), net.node("Dropout", [x])], "last")
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [z])))
    sums = [layer for layer in model.layers if isinstance(layer, Add)]
    assert [layer.name for layer in sums] == ["block", "add3", "last"]
    assert [layer.inputs for layer in sums] == [("outer", "stem"), ("block", "block"), ("add3", "stem")]
    assert [layer.relu for layer in sums] == [True, False, False]


def test_nested_concats_of_any_branches(tmp_path: Path) -> None:
    net = Net(seed=15, size=(9, 8))
    x = net.relu(net.conv("image", 4, 3, 3, "stem", pads=[1, 1, 1, 1]))
    pool = net.node("MaxPool", [x], "mod/pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    branches = [
        net.relu(net.conv(x, 3, 4, 1, "mod/1x1")),
        net.relu(net.conv(net.relu(net.conv(x, 2, 4, 1, "mod/reduce")), 5, 2, 5, "mod/5x5", pads=[2] * 4)),
        pool,
    ]
    inner = net.node("Concat", branches, "mod/concat", axis=1)
    outer = net.relu(net.node("Concat", [net.conv(x, 2, 4, 1, "side"), inner], "outer", axis=-3))
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [outer], "end")))
    layers = {layer.name: layer for layer in model.layers}
    assert layers["mod"].inputs == ("mod_1x1", "mod_5x5", "mod_pool")
    assert layers["outer"].inputs == ("side", "mod")
    side = layers["side"]
    assert isinstance(side, Conv) and side.relu  # the ReLU behind both concatenations


def test_nodes_in_any_order(tmp_path: Path) -> None:
    net = Net(seed=16)
    proto = net.model(net.squeezenet())
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    onnx.save(proto, tmp_path / "n.onnx")
    model = read_model(tmp_path / "n.onnx")
    assert isinstance(model, FloatModel) and kernels(model)[-1] == "pool10"


def test_what_leads_nowhere_is_left_out(tmp_path: Path) -> None:
    net = Net(seed=17)
    x = net.squeezenet()
    net.node("Sigmoid", ["image"], "dead")
    assert len(agrees(net.save(tmp_path / "n.onnx", x)).layers) == 13


@pytest.mark.parametrize(
    "attrs",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 2], "strides": [1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1},
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "VALID"},
        {"kernel_shape": [4, 4], "strides": [2, 2], "ceil_mode": 1},
    ],
)
def test_windowed_averages(tmp_path: Path, attrs: dict[str, Any]) -> None:
    net = Net(seed=18, size=(12, 10))
    x = net.node("AveragePool", [net.relu(net.conv("image", 4, 3, 1))], "down", **attrs)
    x = net.conv(x, 5, 4, 1)
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])))
    pool = model.layers[1]
    assert isinstance(pool, AvgPool) and pool.name == "down" and list(pool.kernel) == attrs["kernel_shape"]


def test_convolutions_behind_the_average(tmp_path: Path) -> None:
    net = Net(seed=19, size=(6, 5))
    x = net.node("GlobalAveragePool", [net.relu(net.conv("image", 4, 3, 3))])
    x = net.conv(net.relu(net.conv(x, 6, 4, 1, "hidden")), 3, 6, 1, "classes")
    model = agrees(net.save(tmp_path / "n.onnx", net.node("Flatten", [x])))
    assert [layer.name for layer in model.layers][-2:] == ["hidden", "classes"]


@pytest.mark.fuzz
def test_random_graphs_come_back(tmp_path: Path) -> None:
    for seed in seeds(15):
        print(f"seed {seed}")
        model = random_graph(np.random.default_rng(seed), averages_first=True)
        write_float(model, tmp_path / "n.onnx")
        back = agrees(tmp_path / "n.onnx")
        kinds = [(type(layer), len(layer.inputs)) for layer in model.layers]
        assert [(type(layer), len(layer.inputs)) for layer in back.layers] == kinds


@pytest.mark.parametrize("preset", ["none", "caffe", "torchvision"])
def test_an_image_that_forks(tmp_path: Path, preset: str) -> None:
    """Two convolutions at the image, padded both: preprocessing is folded into each."""
    net = Net(seed=20, size=(10, 9))
    scale = 60.0 if preset == "torchvision" else 1.0
    a = net.relu(net.conv("image", 3, 3, 3, "a", pads=[1, 1, 1, 1], weight=scale * net.weights(3, 3, 3)))
    b = net.relu(net.conv("image", 3, 3, 5, "b", pads=[2, 2, 2, 2], weight=scale * net.weights(3, 3, 5)))
    x = net.relu(net.conv(net.node("Add", [a, b]), 4, 3, 1, "last"))
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])))
    images = graph_images(np.random.default_rng(0), model.input_shape, 6)
    q = quantize(model, images, PRESETS[preset])
    assert [conv.pad_value.any() for conv in q.convs] == [preset != "none"] * 2 + [False]
    want = float_logits(model, images, PRESETS[preset])
    got = np.ldexp(golden.run(q, images)["logits"].astype(float), -q.output.frac)
    assert np.sqrt(np.square(got - want).mean()) < 0.1 * want.std()
    expected = ort_integers(q, images)
    assert all(np.array_equal(value, expected[name]) for name, value in golden.run(q, images).items())
    write_qdq(q, tmp_path / "q.onnx")
    assert not differences(q, read_model(tmp_path / "q.onnx"))


def normalised(net: Net, x: str, channels: int, name: str = "bn", **attrs: object) -> str:
    """A batch normalisation of random numbers behind ``x``."""
    rng = net.rng
    numbers = [rng.normal(1, 0.3, channels), rng.normal(0, 0.5, channels), rng.normal(0, 0.5, channels)]
    inputs = [x, *(net.const(v) for v in numbers), net.const(rng.uniform(0.2, 2, channels))]
    return net.node("BatchNormalization", inputs, name, **attrs)


def test_batch_normalisation_is_folded(tmp_path: Path) -> None:
    """Behind convolutions with and without bias, with ReLU and without, on either side of a sum."""
    net = Net()
    x = net.relu(normalised(net, net.conv("image", 6, 3, 3, "conv1", bias=False), 6, "bn1", epsilon=1e-3))
    y = normalised(net, net.conv(x, 6, 6, 3, "conv2", pads=[1, 1, 1, 1]), 6, "bn2")
    x = net.relu(net.node("Add", [x, y], "sum"))
    x = net.relu(normalised(net, net.conv(x, 5, 6, 1, "conv3"), 5, "bn3"))
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])))
    assert [type(layer).__name__ for layer in model.layers] == ["Conv", "Conv", "Add", "Conv", "AvgPool"]


def test_batch_normalisation_elsewhere_is_refused(tmp_path: Path) -> None:
    def single(change: Callable[[Net, str], str]) -> Path:
        net = Net(size=(8, 8))
        x = change(net, net.conv("image", 4, 3, 3, "stem"))
        return net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x]))

    refused(
        single(lambda n, x: normalised(n, n.relu(x), 4)), r"node bn .*leads to node \S+ \(GlobalAveragePool\)"
    )
    refused(single(lambda n, x: normalised(n, x, 4, training_mode=1)), r"node bn .*training_mode 1")
    refused(single(lambda n, x: normalised(n, x, 3)), r"node bn .*are not 4 constants each")
    refused(
        single(lambda n, x: normalised(n, x, 4, epsilon=-9.0)), r"node bn .*variance that is not positive"
    )
