"""What exporters write around integers, one pattern a network, against onnxruntime on the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from model_equality import differences
from onnx import TensorProto
from onnx_builder import Net
from quantised_files import compare, float_input, ort_tensors
from random_graphs import graph_images
from test_frontend import foreign

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import IMAGE
from fpga_squeeze.network.integers import QAvgPool, QConcat, QConv, QMaxPool, QModel
from fpga_squeeze.network.reference import PRESETS

U8, I8 = np.uint8, np.int8


class Quantised(Net):
    """Networks of integers of any scale; the first convolution reads uint8 pixels with scale 1."""

    def __init__(self, seed: int = 0, size: tuple[int, int] = (9, 8)) -> None:
        super().__init__(seed, size)
        self.scales: dict[str, float] = {}

    def q(self, x: str, scale: float, zero: int, kind: Any = U8) -> str:
        y = self.node("QuantizeLinear", [x, self.const(scale), self.const(zero, dtype=kind)])
        self.scales[y] = scale
        return y

    def dq(self, x: str, scale: float, zero: int, kind: Any = U8) -> str:
        y = self.node("DequantizeLinear", [x, self.const(scale), self.const(zero, dtype=kind)])
        self.scales[y] = scale
        return y

    def pair(self, x: str, scale: float, zero: int = 0, kind: Any = U8) -> str:
        return self.dq(self.q(x, scale, zero, kind), scale, zero, kind)

    def image(self, scale: float = 1.0, zero: int = 0, kind: Any = U8) -> str:
        return self.pair("image", scale, zero, kind)

    def qconv(self, x: str, outputs: int, inputs: int, kernel: int = 1, **attrs: Any) -> str:
        """Weights of one scale, or of one per channel with ``per_channel``; ``float_bias`` leaves the bias real."""
        name, per_channel = attrs.pop("name", ""), attrs.pop("per_channel", False)
        ints = self.rng.integers(-127, 128, (outputs, inputs, kernel, kernel))
        scale = 0.7 / (73 * kernel * np.sqrt(inputs)) * np.ones(outputs if per_channel else ())
        scale = np.asarray(scale * self.rng.uniform(0.5, 1.5, scale.shape), dtype=np.float32)
        zeros = self.const(np.zeros(scale.shape), dtype=I8)
        w = self.node("DequantizeLinear", [self.const(ints, dtype=I8), self.const(scale), zeros], axis=0)
        step = (np.float32(self.scales[x]) * scale).astype(np.float32)
        bias = self.rng.integers(-4000, 4000, outputs)
        if attrs.pop("float_bias", False):
            b = self.const(bias * step * 1.0137)
        else:
            b = self.node("DequantizeLinear", [self.const(bias, dtype=np.int32), self.const(step)], axis=0)
        return self.node("Conv", [x, w, b], name, **attrs)

    def end(self, x: str, channels: int) -> str:
        """A last convolution and its average, quantised."""
        y = self.pair(self.qconv(x, 4, channels, name="last"), 3.1, 117)
        return self.pair(self.node("GlobalAveragePool", [y]), 1.7, 120)


def check(path: Path, *, layers: int, steps: int = 0, preprocess: Any = None, distinct: int = 3) -> QModel:
    """Read ``path`` and compare: ``layers`` at least by their integers, all but ``steps`` of them equal; the output as
    real numbers."""
    model = read_model(path, preprocess=preprocess)
    assert isinstance(model, QModel)
    shape = model.input.shape
    images = graph_images(np.random.default_rng(1), shape, 3)
    found = compare(model, path, images, preprocess)
    assert len(found.tensors) >= layers and found.differ <= steps and found.largest <= 1, found
    ints = golden.run(model, images)["logits"]
    real = (ints - model.output.zero) * model.output.scale
    output = onnx.load(path).graph.output[0].name
    want = ort_tensors(path, [output], float_input(images, preprocess))[0].reshape(len(images), -1)
    assert len(np.unique(want)) > distinct
    assert np.abs(real - want).max() <= max(
        1e-5 * np.abs(want).max(), model.output.scale * 1.01 * bool(steps)
    )
    return model


def relu_between_pairs(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3), 4.3, 100)
    return net.end(net.pair(net.relu(y), 4.3, 100), 5)


def relu_for_one_reader(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3), 4.3, 100)
    a = net.pair(net.relu(y), 4.3, 100)
    total = net.pair(net.node("Add", [a, y], "total"), 6.1, 90)
    return net.end(total, 5)


def relu_behind_joined(net: Quantised) -> str:
    x = net.image()
    a = net.pair(net.qconv(x, 3, 3), 4.3, 100)
    b = net.pair(net.qconv(x, 4, 3), 5.9, 0, I8)
    return net.end(net.pair(net.relu(net.node("Concat", [a, b], axis=1)), 3.3, 0), 7)


def equal_pairs_twice(net: Quantised) -> str:
    y = net.pair(net.pair(net.relu(net.qconv(net.image(), 5, 3, 3)), 4.3, 7), 4.3, 7)
    return net.end(y, 5)


def one_pair_for_each_reader(net: Quantised) -> str:
    y = net.relu(net.qconv(net.image(), 5, 3))
    a, b = (net.pair(y, 4.3, 0) for _ in range(2))
    a = net.pair(net.qconv(a, 5, 5), 4.7, 130)
    return net.end(net.pair(net.node("Add", [a, b]), 6.1, 90), 5)


def two_scales_on_an_edge(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3), 4.3, 100)
    a = net.pair(net.qconv(net.pair(y, 5.7, 90), 6, 5), 5.0, 128)
    b = net.pair(net.qconv(y, 6, 5), 5.0, 128)
    return net.end(net.pair(net.node("Add", [a, b]), 8.1, 128), 6)


def pool_of_another_scale(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3), 4.3, 100)
    y = net.node("MaxPool", [y], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    return net.end(net.pair(y, 3.9, 80), 5)


def quantised_behind_the_pool(net: Quantised) -> str:
    y = net.node("MaxPool", [net.relu(net.qconv(net.image(), 5, 3))], kernel_shape=[2, 2], strides=[2, 2])
    return net.end(net.pair(y, 4.3, 0), 5)


def quantised_behind_the_join(net: Quantised) -> str:
    x = net.image()
    y = net.node("Concat", [net.relu(net.qconv(x, 3, 3)), net.qconv(x, 4, 3)], axis=1)
    return net.end(net.pair(y, 6.3, 100), 7)


def joined_of_three_scales(net: Quantised) -> str:
    x = net.image()
    a = net.pair(net.relu(net.qconv(x, 3, 3)), 4.3, -128, I8)
    b = net.pair(net.qconv(x, 4, 3, 3, pads=[1, 1, 1, 1]), 3.1, 9, I8)
    return net.end(net.pair(net.node("Concat", [a, b], axis=1), 3.7, -20, I8), 7)


def padded_with_the_zero_point(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(1.03, 121), 5, 3, 3, pads=[1, 1, 1, 1]), 4.3, 5, I8)
    return net.end(net.pair(net.qconv(y, 5, 5, 3, pads=[2, 0, 1, 1]), 3.0, -3, I8), 5)


def signed_without_a_zero_point(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(2.0, 0, I8), 5, 3, 3, pads=[1, 1, 1, 1]), 4.3, 0, I8)
    return net.end(net.pair(net.relu(net.qconv(y, 5, 5)), 4.0, 0, I8), 5)


def clip_of_integers(net: Quantised) -> str:
    y = net.q(net.qconv(net.image(), 5, 3, 3), 20.3, 3, I8)
    y = net.node("Clip", [y, net.const(-7, dtype=I8), net.const(7, dtype=I8)])
    y = net.q(net.relu(net.qconv(net.dq(y, 20.3, 3, I8), 5, 5)), 9.3, 0)
    y = net.node("Clip", [y, net.const(0, dtype=U8), net.const(15, dtype=U8)])
    return net.end(net.dq(y, 9.3, 0), 5)


def clips_between_integers(net: Quantised) -> str:
    y = net.node("Clip", [net.qconv(net.image(), 5, 3, 3), net.const(-103.1), net.const(199.7)])
    y = net.node("Clip", [net.qconv(net.pair(y, 4.3, 100), 5, 5), net.const(0.0), net.const(123.4)])
    return net.end(net.pair(y, 2.3, 11), 5)


def clip_of_real_values(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3), 4.0, 100)
    y = net.node("Clip", [y, net.const(-40.0), net.const(200.0)])
    return net.end(net.pair(y, 4.0, 100), 5)


def average_left_in_float(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3), 4.3, 100)
    return net.node("Flatten", [net.node("GlobalAveragePool", [y])])


def two_averages_left_in_float(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 2, strides=[1, 1]), 4.3, 100)
    y = net.node("AveragePool", [y], kernel_shape=[2, 2], strides=[2, 2])
    return net.node("Flatten", [net.node("GlobalAveragePool", [y])])


def convolution_left_in_float(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3), 4.3, 100)
    return net.node("GlobalAveragePool", [net.relu(net.qconv(y, 6, 5))])


def channels_left_in_float(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3), 4.3, 100)
    return net.node("GlobalAveragePool", [net.qconv(y, 6, 5, per_channel=True)])


def per_channel(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3, 3, per_channel=True), 4.3, 100)
    return net.end(y, 5)


def windowed_average(net: Quantised) -> str:
    y = net.pair(net.qconv(net.image(), 5, 3), 4.3, 100)
    y = net.node("AveragePool", [y], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    return net.end(net.pair(y, 3.3, 110), 5)


def preprocessing_in_front(net: Quantised) -> str:
    x = net.node("Sub", ["image", net.const(np.array([104.0, 117.0, 123.0]).reshape(1, 3, 1, 1))])
    x = net.node("Mul", [net.node("Add", [net.const(3.3), x]), net.const(0.017)])
    x = net.node("Div", [x, net.const(np.array([0.9, 1.1, 1.3]).reshape(3, 1, 1))])
    y = net.pair(net.qconv(net.pair(x, 0.02, 119), 5, 3, 3, pads=[1, 1, 1, 1]), 1.3, 100)
    return net.end(y, 5)


def pixels_without_a_scale(net: Quantised) -> str:
    net.scales["image"] = 1.0
    return net.end(net.pair(net.relu(net.qconv("image", 5, 3, 3)), 4.3, 0), 5)


def as_dynamo_writes_it(net: Quantised) -> str:
    """PyTorch's newer exporter: weights of one scale per channel, biases in float, a mean, a view."""
    x = net.image()
    y = net.pair(net.relu(net.qconv(x, 5, 3, 3, per_channel=True, float_bias=True)), 4.3, 0)
    y = net.pair(net.relu(net.qconv(y, 4, 5, per_channel=True, float_bias=True)), 3.1, 0)
    y = net.pair(net.node("ReduceMean", [y, net.const([-1, -2], dtype=np.int64)], keepdims=1), 1.7, 0)
    return net.pair(net.node("Reshape", [y, net.const([1, 4], dtype=np.int64)]), 1.7, 0)


def image_of_six_bits(net: Quantised) -> str:
    x = net.q(net.node("Sub", ["image", net.const(128.0)]), 4.0, 0, I8)
    x = net.node("Clip", [x, net.const(-31, dtype=I8), net.const(31, dtype=I8)])
    return net.end(net.pair(net.qconv(net.dq(x, 4.0, 0, I8), 5, 3, 3, pads=[1, 1, 1, 1]), 2.3, 100), 5)


def moved_weights(net: Quantised) -> str:
    """Weights quantised and dequantised in the file, then transposed and reshaped."""
    x = net.image()
    real = net.const(net.rng.normal(0, 0.2, (27, 5)))
    scale, zero = net.const(np.linspace(0.004, 0.006, 5)), net.const(np.zeros(5), dtype=I8)
    q = net.node("QuantizeLinear", [real, scale, zero], axis=1)
    w = net.node("DequantizeLinear", [q, scale, zero], axis=1)
    w = net.node("Reshape", [w, net.const([3, 3, 3, 5], dtype=np.int64)])
    w = net.node("Transpose", [w], perm=[3, 0, 1, 2])
    return net.end(net.pair(net.node("Conv", [x, w]), 2.3, 100), 5)


PATTERNS: list[tuple[Callable[[Quantised], str], int]] = [
    (relu_between_pairs, 3),
    (relu_for_one_reader, 4),
    (relu_behind_joined, 5),
    (equal_pairs_twice, 3),
    (one_pair_for_each_reader, 5),
    (two_scales_on_an_edge, 7),
    (pool_of_another_scale, 4),
    (quantised_behind_the_pool, 3),
    (quantised_behind_the_join, 3),
    (joined_of_three_scales, 5),
    (padded_with_the_zero_point, 4),
    (signed_without_a_zero_point, 4),
    (clip_of_integers, 3),
    (clips_between_integers, 3),
    (clip_of_real_values, 2),
    (average_left_in_float, 1),
    (two_averages_left_in_float, 1),
    (convolution_left_in_float, 1),
    (channels_left_in_float, 1),
    (per_channel, 3),
    (windowed_average, 4),
    (preprocessing_in_front, 3),
    (pixels_without_a_scale, 3),
    (as_dynamo_writes_it, 3),
    (moved_weights, 3),
    (image_of_six_bits, 3),
]


@pytest.mark.parametrize("pattern,layers", PATTERNS, ids=lambda p: getattr(p, "__name__", ""))
def test_pattern(tmp_path: Path, pattern: Callable[[Quantised], str], layers: int) -> None:
    net = Quantised()
    check(net.save(tmp_path / "m.onnx", pattern(net), opset=21), layers=layers)


@pytest.mark.parametrize("change", [{"branch_frac": 0}, {"stem_frac": -3}, {"extra": -1}])
def test_powers_of_two_of_other_scales(tmp_path: Path, change: dict[str, int]) -> None:
    check(foreign(tmp_path / "m.onnx", **change), layers=6, distinct=1)


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.INT8])
def test_integers_as_input(tmp_path: Path, kind: int) -> None:
    """An input of uint8 that is dequantised at once is a wire; int8 is refused."""
    net = Quantised()
    x = net.dq("image", 0.5, 7, U8 if kind == TensorProto.UINT8 else I8)
    path = net.save(tmp_path / "m.onnx", net.end(net.pair(net.qconv(x, 5, 3, 3), 2.3, 100), 5), opset=21)
    proto = onnx.load(path)
    proto.graph.input[0].type.tensor_type.elem_type = kind
    onnx.save(proto, path)
    if kind == TensorProto.INT8:
        with pytest.raises(FpgaSqueezeError, match="input image is no float or uint8 tensor"):
            read_model(path)
        return
    model = read_model(path)
    assert isinstance(model, QModel) and model.pixels is None and model.input.zero == 7
    with pytest.raises(FpgaSqueezeError, match="takes integers as its image"):
        read_model(path, preprocess=PRESETS["caffe"])
    images = graph_images(np.random.default_rng(1), model.input.shape, 2)
    names = [name for name in model.tensors if name != IMAGE]
    planes = images.transpose(0, 3, 1, 2)
    found = ort_tensors(path, [model.tensors[name] for name in names], planes)
    values = golden.run(model, images)
    for name, ints in zip(names, found, strict=True):
        assert np.array_equal(values[name], ints), name


@pytest.mark.parametrize("preset", ["caffe", "torchvision"])
def test_preprocessing_given(tmp_path: Path, preset: str) -> None:
    """The first convolution reads its channels swapped, where asked, and what stands around them is theirs."""
    net = Quantised()
    scale = 1.1 if preset == "caffe" else 0.02
    x = net.pair(net.qconv(net.image(scale, 120), 5, 3, 3, pads=[1, 1, 1, 1]), 4.3 * scale, 100)
    path = net.save(tmp_path / "m.onnx", net.end(x, 5), opset=21)
    model = check(path, layers=3, preprocess=PRESETS[preset], distinct=0)
    assert model.pixels is not None and model.preprocess == PRESETS[preset]
    write_qdq(model, tmp_path / "own.onnx")
    assert not differences(model, read_model(tmp_path / "own.onnx"))


def kinds(model: QModel) -> list[type]:
    return [type(layer) for layer in model.layers]


def test_a_second_scale_is_a_layer_and_equal_ones_are_none(tmp_path: Path) -> None:
    net = Quantised()
    two = read_model(net.save(tmp_path / "a.onnx", two_scales_on_an_edge(net), opset=21))
    net = Quantised()
    one = read_model(net.save(tmp_path / "b.onnx", equal_pairs_twice(net), opset=21))
    assert isinstance(two, QModel) and isinstance(one, QModel)
    assert [layer.name for layer in two.layers if isinstance(layer, QConcat)] == ["conv1_requant"]
    assert kinds(one) == [QConv, QConv, QAvgPool]


def test_sums_left_in_float_are_exact_and_wide(tmp_path: Path) -> None:
    net = Quantised()
    model = read_model(net.save(tmp_path / "m.onnx", convolution_left_in_float(net), opset=21))
    assert isinstance(model, QModel)
    conv, pool = model.layers[-2:]
    assert isinstance(conv, QConv) and isinstance(pool, QAvgPool) and pool.total
    assert not conv.scaled and not conv.shift.any() and conv.output.bits >= 16 and conv.relu
    assert pool.output.bits > conv.output.bits and QMaxPool not in kinds(model)
    write_qdq(model, tmp_path / "own.onnx")
    assert not differences(model, read_model(tmp_path / "own.onnx"))
