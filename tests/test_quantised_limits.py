"""Limits on integers where layers have no place for them, and scales far apart, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_builder import Net
from quantised_files import compare
from random_graphs import graph_images
from test_quantised_patterns import I8, Quantised, check

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import float_logits


def stem(net: Quantised) -> str:
    return net.pair(net.qconv(net.image(), 5, 3, 3), 4.3, 100)


def average(net: Quantised, x: str) -> str:
    return net.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])


def relu_behind_an_average(net: Quantised) -> str:
    return net.end(net.pair(net.relu(average(net, stem(net))), 2.9, 100), 5)


def clip_behind_an_average(net: Quantised) -> str:
    y = net.node("Clip", [average(net, stem(net)), net.const(-20.0), net.const(35.0)])
    return net.end(net.pair(y, 2.9, 100), 5)


def relu_behind_the_last_average(net: Quantised) -> str:
    y = net.relu(net.node("GlobalAveragePool", [stem(net)]))
    return net.pair(y, 1.3, 85 - 128, I8)


def a_branch_that_is_cut_off(net: Quantised) -> str:
    y = stem(net)
    cut = net.pair(net.relu(y), 4.3, 100)
    return net.end(net.pair(net.node("Concat", [y, y, cut], axis=1), 4.3, 100), 15)


def relu_on_integers_at_the_end(net: Quantised) -> str:
    y = net.pair(net.node("GlobalAveragePool", [stem(net)]), 1.3, -43, I8)
    return net.pair(net.relu(y), 1.3, -43, I8)


@pytest.mark.parametrize(
    "pattern",
    [
        relu_behind_an_average,
        relu_behind_the_last_average,
        a_branch_that_is_cut_off,
        relu_on_integers_at_the_end,
    ],
    ids=lambda p: p.__name__,
)
def test_limits(tmp_path: Path, pattern: Callable[[Quantised], str]) -> None:
    net = Quantised()
    check(net.save(tmp_path / "m.onnx", pattern(net), opset=21), layers=1, steps=2)


def test_limits_without_a_place_are_refused(tmp_path: Path) -> None:
    net = Quantised()
    path = net.save(tmp_path / "m.onnx", clip_behind_an_average(net), opset=21)
    with pytest.raises(FpgaSqueezeError, match=r"leaves the integers 93..112.*only convolutions and sums"):
        read_model(path)


@pytest.mark.parametrize("scale", [1e-20, 1e-30])
def test_everything_is_cut_off(tmp_path: Path, scale: float) -> None:
    """A factor beyond all integers: every sum but the zero point saturates, and nothing overflows."""
    net = Quantised()
    y = net.pair(net.relu(net.qconv(net.image(), 5, 3, 3)), scale, 0)
    path = net.save(tmp_path / "m.onnx", net.end(y, 5), opset=21)
    model = read_model(path)
    assert isinstance(model, QModel)
    m, right = model.convs[0].multiplier
    assert right >= 0 and m.min() > 0
    found = compare(model, path, graph_images(np.random.default_rng(1), model.input.shape, 3))
    assert found.values > 500 and found.differ == 0


def test_average_over_the_whole_map_with_automatic_padding(tmp_path: Path) -> None:
    net = Net(0, (8, 8))
    y = net.relu(net.conv("image", 4, 3, 1))
    y = net.node(
        "AveragePool", [y], kernel_shape=[8, 8], strides=[4, 4], auto_pad="SAME_UPPER", count_include_pad=1
    )
    path = net.save(tmp_path / "m.onnx", net.node("GlobalAveragePool", [net.conv(y, 3, 4, 1)]))
    model = read_model(path)
    assert not isinstance(model, QModel)
    images = graph_images(np.random.default_rng(0), model.input_shape, 2)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    want = [session.run(None, {"image": i.transpose(2, 0, 1)[None].astype(np.float32)})[0] for i in images]
    assert np.allclose(float_logits(model, images), np.concatenate(want).reshape(2, -1), rtol=1e-4)


def test_scales_of_another_number_than_channels(tmp_path: Path) -> None:
    net = Quantised()
    x = net.q("image", 1.0, 0)
    w = net.const(net.rng.integers(-9, 9, (5, 3, 1, 1)), dtype=I8)
    scales, zeros = net.const(np.full(2, 0.01)), net.const(np.zeros(2), dtype=I8)
    bias = net.const(np.zeros(5), dtype=np.int32)
    head = [x, net.const(1.0), net.const(0, dtype=np.uint8), w, scales, zeros]
    y = net.node("QLinearConv", [*head, net.const(4.0), net.const(0, dtype=np.uint8), bias], "odd one")
    out = net.node("GlobalAveragePool", [net.dq(y, 4.0, 0)])
    with pytest.raises(
        FpgaSqueezeError, match=r"node odd one \(QLinearConv\): has 2 scales for 5 output channels"
    ):
        read_model(net.save(tmp_path / "m.onnx", out))
