"""ReLU and upper limits in every spelling, behind whatever they may stand, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx_builder import Net, ort_logits
from test_frontend import agrees
from test_frontend_errors import refused

from fpga_squeeze.export.float_onnx import write_float
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import Add, Conv
from fpga_squeeze.network.reference import float_logits
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.oracle import ort_integers

Spelt = Callable[[Net, str], str]


def number(net: Net, value: float) -> str:
    return net.const(value)


SPELT: dict[str, tuple[Spelt, bool, float]] = {
    "relu": (lambda n, x: n.node("Relu", [x]), True, np.inf),
    "clip from 0": (lambda n, x: n.node("Clip", [x, n.const(0.0)]), True, np.inf),
    "clip to the largest float": (lambda n, x: n.node("Clip", [x, n.const(0.0), n.const(3.4e38)]), True, np.inf),
    "max": (lambda n, x: n.node("Max", [x, n.const(0.0)]), True, np.inf),
    "max, constant first": (lambda n, x: n.node("Max", [n.const([[[0.0]]]), x]), True, np.inf),
    "relu6": (lambda n, x: n.node("Clip", [x, n.const(0.0), n.const(60.0)]), True, 60),
    "min of relu": (lambda n, x: n.node("Min", [n.const(60.0), n.node("Relu", [x])]), True, 60),
    "relu of min": (lambda n, x: n.node("Relu", [n.node("Min", [x, n.const(60.0)])]), True, 60),
    "clips": (
        lambda n, x: n.node("Clip", [n.node("Clip", [x, "", n.const(60.0)]), n.const(0.0), n.const(99.0)]),
        True,
        60,
    ),
    "from -1 and relu": (lambda n, x: n.node("Relu", [n.node("Clip", [x, n.const(-1.0), n.const(60.0)])]), True, 60),
    "no lower limit": (lambda n, x: n.node("Clip", [x, "", n.const(60.0)]), False, 60),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPELT)
def test_limits_behind_a_convolution_and_a_sum(tmp_path: Path, kind: str) -> None:
    spelt, relu, ceiling = SPELT[kind]
    net = Net(seed=81, size=(8, 7))
    x = spelt(net, net.conv("image", 4, 3, 3, "first"))
    y = spelt(net, net.node("Add", [spelt(net, net.conv(x, 4, 4, 1, "second")), x], "sum"))
    path = net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [y]))
    model = agrees(path)
    limited = [layer for layer in model.layers if isinstance(layer, Conv | Add)]
    assert [(layer.relu, layer.ceiling) for layer in limited] == [(relu, ceiling)] * 3
    images = np.random.default_rng(5).integers(0, 256, (3, 8, 7, 3), dtype=np.uint8)
    free = replace(
        model, layers=tuple(replace(x, ceiling=np.inf) if x in limited else x for x in model.layers)
    )
    same = np.allclose(float_logits(free, images), ort_logits(path, images.transpose(0, 3, 1, 2)), rtol=1e-4)
    assert same == (ceiling == np.inf)  # the images reach the limits
    write_float(model, tmp_path / "back.onnx")
    back = agrees(tmp_path / "back.onnx")
    assert [(x.relu, x.ceiling) for x in back.layers if isinstance(x, Conv | Add)] == [(relu, ceiling)] * 3


def test_limits_before_opset_11(tmp_path: Path) -> None:
    net = Net(seed=82, size=(8, 7))
    x = net.node("Clip", [net.conv("image", 4, 3, 3, "first")], min=0.0, max=50.0)
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x]), opset=8))
    assert model.convs[0].ceiling == 50


@pytest.mark.parametrize("kind", ["relu", "relu6"])
def test_limits_behind_pools_and_joins(tmp_path: Path, kind: str) -> None:
    """A maximum of what was clipped is the maximum clipped: limits move into the convolutions in front."""
    spelt, relu, ceiling = SPELT[kind]
    net = Net(seed=83, size=(12, 11))
    a = net.conv("image", 4, 3, 3, "a", pads=[1, 1, 1, 1])
    b = net.node(
        "MaxPool", [net.conv("image", 3, 3, 3, "b", pads=[1, 1, 1, 1])], kernel_shape=[3, 3], pads=[1] * 4
    )
    x = net.node("Concat", [a, b], axis=1)
    x = spelt(net, net.node("MaxPool", [x], "down", kernel_shape=[3, 3], strides=[2, 2]))
    x = net.node("AveragePool", [x], "smooth", kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    x = spelt(net, x)  # nothing outside the limits arrives here
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [spelt(net, x)])))
    assert [(conv.name, conv.relu, conv.ceiling) for conv in model.convs] == [
        ("a", relu, ceiling),
        ("b", relu, ceiling),
    ]


@pytest.mark.parametrize(
    "add,pattern",
    [
        (
            lambda n, x: n.relu(n.node("AveragePool", [x], "mean", kernel_shape=[2, 2])),
            r"behind node mean \(AveragePool\)",
        ),
        (
            lambda n, x: n.node("Concat", [n.relu(n.node("MaxPool", [x], "top", kernel_shape=[1, 1])), x], axis=1),
            r"behind node top \(MaxPool\)",
        ),
        (lambda n, x: n.node("Max", [x, n.const([[0.0], [1.0]])], "odd"), "its constant is not one number"),
        (
            lambda n, x: n.node("Clip", [n.node("Clip", [x, "", n.const(2.0)]), n.const(3.0)], "odd"),
            "what was clipped to",
        ),
        (lambda n, x: n.node("Clip", [x, n.const(1.0)], "odd"), "clips to 1..inf; a lower limit of 0"),
        (lambda n, x: n.node("Clip", [x, n.const(0.0), n.const(np.nan)], "odd"), "clips to 0..nan"),
        (lambda n, x: n.node("Min", [x, n.const(-1.0)], "odd"), "leaves nothing positive"),
    ],
)  # fmt: skip
def test_limits_that_have_no_place(tmp_path: Path, add: Spelt, pattern: str) -> None:
    net = Net(seed=84, size=(8, 8))
    x = add(net, net.conv("image", 4, 3, 3, "stem"))
    refused(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])), pattern)


def test_the_way_out_works(tmp_path: Path) -> None:
    """What the message says of a Relu behind an average: the identity in front of it, and it is read."""
    net = Net(seed=85, size=(8, 8))
    x = net.node("AveragePool", [net.conv("image", 4, 3, 3, "stem")], "mean", kernel_shape=[2, 2])
    x = net.node("Conv", [x, net.const(np.eye(4).reshape(4, 4, 1, 1))], "same")
    agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [net.relu(x)])))


def test_a_limited_network_in_integers(tmp_path: Path) -> None:
    """Quantised, a network with ReLU6 stays near the float one, and onnxruntime gives its integers."""
    net = Net(seed=86, size=(10, 9))
    spelt = SPELT["relu6"][0]
    x = spelt(net, net.conv("image", 6, 3, 3, "first", pads=[1, 1, 1, 1]))
    y = spelt(net, net.conv(x, 6, 6, 3, "second", pads=[1, 1, 1, 1]))
    y = spelt(net, net.node("Add", [y, x], "sum"))
    model = agrees(
        net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [net.conv(y, 4, 6, 1, "last")]))
    )
    images = np.random.default_rng(6).integers(0, 256, (8, 10, 9, 3), dtype=np.uint8)
    q = quantize(model, images, weight_bits=6)  # few enough for sums that float32 holds
    got = golden.run(q, images)
    want = float_logits(model, images)
    error = np.ldexp(got["logits"].astype(float), -q.output.frac) - want
    assert np.sqrt(np.square(error).mean()) < 0.1 * want.std()
    expected = ort_integers(q, images)
    assert all(np.array_equal(value, expected[name]) for name, value in got.items())
