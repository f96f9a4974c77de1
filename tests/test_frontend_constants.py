"""Constants that a file computes, and those that stand before and behind convolutions, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_builder import Net, ort_logits
from test_frontend import agrees
from test_frontend_errors import refused
from test_frontend_graphs import normalised

from fpga_squeeze.export.float_onnx import write_float
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import Conv, FloatModel
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import PRESETS, float_logits
from fpga_squeeze.quantization.quantize import quantize


def ints(net: Net, *values: int) -> str:
    return net.const(values, dtype=np.int64)


def ended(net: Net, path: Path, x: str, channels: int = 4, **options: Any) -> Path:
    """``x`` through a last convolution and an average."""
    x = net.relu(net.conv(net.relu(x), 3, channels, 1, "last"))
    return net.save(path / "n.onnx", net.node("GlobalAveragePool", [x]), **options)


# ------------------------------------------------------------------------------------------------- weights


def unsqueezed(net: Net, w: np.ndarray) -> str:
    return net.node("Unsqueeze", [net.const(w[..., 0]), ints(net, 3)])


def transposed_hwio(net: Net, w: np.ndarray) -> str:
    return net.node("Transpose", [net.const(w.transpose(2, 3, 1, 0))], perm=[3, 2, 0, 1])


def chain(net: Net, w: np.ndarray) -> str:
    """Transpose(Reshape(Mul(Cast)))."""
    whole = net.const(np.rint(w.transpose(1, 0, 2, 3) * 50).reshape(w.shape[1], -1), dtype=np.int8)
    x = net.node("Mul", [net.node("Cast", [whole], to=TensorProto.FLOAT), net.const(0.02)])
    x = net.node("Reshape", [x, ints(net, w.shape[1], w.shape[0], w.shape[2], -1)])
    return net.node("Transpose", [x], perm=[1, 0, 2, 3])


def from_shapes(net: Net, w: np.ndarray) -> str:
    """Reshape to what Shape, Gather, Unsqueeze and Concat say."""
    shape = net.node("Shape", [net.const(np.zeros(w.shape))])
    first = net.node("Unsqueeze", [net.node("Gather", [shape, net.const(0, dtype=np.int64)]), ints(net, 0)])
    rest = net.node("Slice", [shape, ints(net, 1), ints(net, 9)])
    target = net.node("Concat", [first, rest], axis=0)
    return net.node("Reshape", [net.const(w.reshape(-1)), target])


def arithmetic(net: Net, w: np.ndarray) -> str:
    x = net.node("Sub", [net.node("Div", [net.const(3 * w), net.const(3.0)]), net.const(0.25)])
    half = net.node("Constant", [], value_float=0.25)
    return net.node("Add", [net.node("Squeeze", [net.node("Identity", [x])]), half])


@pytest.mark.parametrize("make", [unsqueezed, transposed_hwio, chain, from_shapes, arithmetic])
def test_computed_weights(tmp_path: Path, make: Callable[[Net, np.ndarray], str]) -> None:
    net = Net(seed=31, size=(9, 8))
    w = net.weights(4, 3, 3)[:, :, :, : 1 if make is unsqueezed else 3]
    y = net.node("Conv", ["image", make(net, w), net.const(net.rng.normal(0, 1, 4))], "first")
    agrees(ended(net, tmp_path, y))


def test_computed_weights_before_opset_13(tmp_path: Path) -> None:
    net = Net(seed=32, size=(9, 8))
    w = net.node("Unsqueeze", [net.const(net.weights(4, 3, 3)[..., 0])], axes=[3])
    agrees(ended(net, tmp_path, net.node("Conv", ["image", w]), opset=9))


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16])
def test_weights_of_other_floats(tmp_path: Path, kind: int) -> None:
    net = Net(seed=33, size=(9, 8))
    single = net.weights(4, 3, 3).astype(np.float32)
    weight = helper.make_tensor("w", kind, single.shape, single.ravel().tolist())
    net.initializers.append(weight)
    w = net.node("Cast", ["w"], to=TensorProto.FLOAT)
    model = agrees(ended(net, tmp_path, net.node("Conv", ["image", w], "first")))
    assert np.array_equal(model.convs[0].weight, numpy_helper.to_array(weight).astype(np.float64))


def test_a_model_of_half_floats(tmp_path: Path) -> None:
    net = Net(seed=34, size=(9, 8))
    proto = net.model(net.squeezenet())
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name)
        )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(proto, tmp_path / "n.onnx")
    model = read_model(tmp_path / "n.onnx")
    assert isinstance(model, FloatModel)
    images = np.random.default_rng(5).integers(0, 256, (3, 9, 8, 3), dtype=np.uint8)
    session = ort.InferenceSession(str(tmp_path / "n.onnx"), providers=["CPUExecutionProvider"])
    halves = images.transpose(0, 3, 1, 2).astype(np.float16)
    want = np.concatenate([session.run(None, {"image": one[None]})[0].reshape(1, -1) for one in halves])
    np.testing.assert_allclose(float_logits(model, images), want, rtol=0.02, atol=0.02 * np.abs(want).max())


@pytest.mark.parametrize("move", ["transpose", "reshape", "unsqueeze", "twice"])
def test_dequantised_weights_stay_integers(tmp_path: Path, move: str) -> None:
    """A scale per output channel goes along with the weights that are moved behind their DequantizeLinear."""
    net = Net(seed=35, size=(6, 6))
    whole = net.rng.integers(-127, 128, (4, 3, 3, 3))
    scale = np.exp2([-7, -8, -9, -10])
    order, axis = {"transpose": ((2, 3, 1, 0), 3), "twice": ((1, 0, 2, 3), 1)}.get(move, ((0, 1, 2, 3), 0))
    given = whole.transpose(order)
    if move == "reshape":
        given = given.reshape(4, -1)
    if move == "unsqueeze":
        whole = whole[..., :1]
        given = whole[..., 0]
    q = net.const(given, dtype=np.int8)
    w = net.node("DequantizeLinear", [q, net.const(scale), net.const(np.zeros(4), dtype=np.int8)], axis=axis)
    if move == "transpose":
        w = net.node("Transpose", [w], perm=[3, 2, 0, 1])
    if move == "reshape":
        w = net.node("Reshape", [w, ints(net, 4, 3, 3, 3)])
    if move == "unsqueeze":
        w = net.node("Unsqueeze", [w, ints(net, -1)])
    if move == "twice":
        w = net.node("Transpose", [net.node("Identity", [w])], perm=[1, 0, 2, 3])
    one, zero = net.const(1.0), net.const(0, dtype=np.uint8)
    x = net.node("DequantizeLinear", [net.node("QuantizeLinear", ["image", one, zero]), one, zero])
    x = net.relu(net.node("Conv", [x, w], "first"))
    step = net.const(8.0)
    x = net.node("DequantizeLinear", [net.node("QuantizeLinear", [x, step, zero]), step, zero])
    model = read_model(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])))
    assert isinstance(model, QModel)
    conv = model.convs[0]
    assert np.array_equal(conv.weight, whole) and conv.weight_bits == 8
    real = np.asarray(conv.weight) * scale[:, None, None, None]
    assert np.array_equal(real, whole * scale[:, None, None, None])


def test_what_cannot_be_folded_is_told(tmp_path: Path) -> None:
    net = Net(seed=36, size=(6, 6))
    w = net.node("Bernoulli", [net.const(net.weights(4, 3, 3))], "dice")
    path = ended(net, tmp_path, net.node("Conv", ["image", w], "first"))
    refused(
        path,
        r"node first .*its weights \(\S+\) comes from node dice \(Bernoulli\), a constant that cannot be folded",
    )
    net = Net(seed=36, size=(6, 6))
    w = net.node("Reshape", [net.const(net.weights(4, 3, 3)), ints(net, 4, 5, 3, 3)], "wrong")
    refused(
        ended(net, tmp_path, net.node("Conv", ["image", w], "first")),
        "comes from node wrong .*onnx cannot compute it",
    )
    net = Net(seed=36, size=(6, 6))
    w = net.node("Tile", [net.const(net.weights(4, 3, 3)), ints(net, 1 << 20, 1 << 20, 1, 1)], "huge")
    refused(
        ended(net, tmp_path, net.node("Conv", ["image", w], "first")),
        "comes from node huge .*more than 268,435,456",
    )
    net = Net(seed=36, size=(6, 6))
    w = net.node("Reshape", [net.conv("image", 4, 3, 1, "other"), ints(net, 4, 3, 6, 2)], "late")
    text = refused(
        ended(net, tmp_path, net.node("Conv", ["image", w], "first")),
        "node first .*is computed from the image",
    )
    assert "late" in text


# ------------------------------------------------------------------------------- behind and in front of convolutions


def numbers(net: Net, channels: int, form: int, low: float = 0.5, high: float = 2) -> str:
    """A number per channel, in each form that exporters write."""
    values = net.rng.uniform(low, high, channels)
    return net.const([values[:, None, None], values[None, :, None, None], values[0]][form])


@pytest.mark.parametrize("form", [0, 1, 2])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_constants_behind_convolutions(tmp_path: Path, form: int, first: bool, bias: bool) -> None:
    """Add, Mul, Sub, Div and BatchNormalization behind one convolution, the constant on either side."""
    net = Net(seed=40 + form, size=(9, 8))
    x = net.conv("image", 4, 3, 3, "first", pads=[1, 1, 1, 1], bias=bias)
    for op in ("Add", "Mul", "Sub", "Mul"):
        pair = [x, numbers(net, 4, form)]
        x = net.node(op, pair[::-1] if first else pair)
    x = net.node("Div", [normalised(net, x, 4), numbers(net, 4, form)])
    model = agrees(ended(net, tmp_path, x))
    assert [layer.name for layer in model.convs] == ["first", "last"]


@pytest.mark.parametrize("form", [0, 1, 2])
@pytest.mark.parametrize("pad", ["none", "conv", "node"])
def test_constants_in_front_of_the_first_convolution(tmp_path: Path, form: int, pad: str) -> None:
    """(image - mean) / std in the graph: zeros around its result are the mean around the image."""
    net = Net(seed=50 + form, size=(9, 8))
    x = net.node(
        "Sub", [net.node("Mul", ["image", net.const(1 / 255)]), numbers(net, 3, form, 0.3, 0.7)], "mean"
    )
    x = net.node("Div", [x, numbers(net, 3, form)], "std")
    if pad == "node":
        x = net.node("Pad", [x, ints(net, 0, 0, 1, 2, 0, 0, 0, 1)])
    y = net.relu(net.conv(x, 4, 3, 3, "first", pads=[1, 1, 1, 1] if pad == "conv" else [0] * 4))
    beside = pad == "none"  # two convolutions read what stands in front
    z = net.node("Add", [y, net.relu(net.conv(x, 4, 3, 3, "beside", bias=False))]) if beside else y
    model = agrees(ended(net, tmp_path, z))
    assert model.convs[0].pad_value.any() == (pad != "none")
    write_float(model, tmp_path / "back.onnx")
    back = agrees(tmp_path / "back.onnx")
    images = np.random.default_rng(1).integers(0, 256, (8, 9, 8, 3), dtype=np.uint8)
    np.testing.assert_allclose(float_logits(back, images), float_logits(model, images), rtol=1e-4)
    q = quantize(model, images, PRESETS["none"])
    want, got = float_logits(model, images), golden.run(q, images)["logits"]
    error = np.ldexp(got.astype(float), -q.output.frac) - want
    assert np.sqrt(np.square(error).mean()) < 0.1 * want.std()
    pads = q.convs[0].pad_value
    exact = model.convs[0].pad_value
    assert np.array_equal(pads, np.clip(np.rint(exact), 0, 255) if exact.size else np.zeros(3))
    assert any("pads with pixels" in note for note in q.notes) == (pad != "none")


def test_padding_before_a_constant_is_refused(tmp_path: Path) -> None:
    net = Net(seed=60, size=(9, 8))
    x = net.node("Pad", ["image", ints(net, 0, 0, 1, 1, 0, 0, 1, 1)], "border")
    x = net.conv(net.node("Sub", [x, net.const(9.0)], "mean"), 4, 3, 3)
    refused(ended(net, tmp_path, x), r"node border .*leads to node mean \(Sub\)")


def test_constants_in_front_of_a_later_convolution(tmp_path: Path) -> None:
    """A normalisation behind ReLU, as DenseNet has it; with zeros around it only where it adds nothing."""
    net = Net(seed=61, size=(9, 8))
    x = net.relu(net.conv("image", 4, 3, 3, "first"))
    x = net.relu(net.conv(normalised(net, x, 4), 4, 4, 3, "second"))
    x = net.node("Mul", [x, numbers(net, 4, 0)])
    agrees(ended(net, tmp_path, net.conv(x, 4, 4, 3, "third", pads=[1, 1, 1, 1])))
    net = Net(seed=61, size=(9, 8))
    x = normalised(net, net.relu(net.conv("image", 4, 3, 3, "first")), 4)
    refused(
        ended(net, tmp_path, net.conv(x, 4, 4, 3, "second", pads=[1, 1, 1, 1])),
        r"node bn .*adds a constant in front of node second \(Conv\), which pads",
    )


def test_a_convolution_that_others_read_keeps_its_weights(tmp_path: Path) -> None:
    """What stands behind for one reader alone goes into that reader."""
    net = Net(seed=62, size=(9, 8))
    x = net.conv("image", 4, 3, 3, "first")
    y = net.conv(net.node("Mul", [x, numbers(net, 4, 1)]), 4, 4, 1, "second")
    agrees(ended(net, tmp_path, net.node("Add", [net.relu(y), net.relu(net.conv(x, 4, 4, 1, "third"))])))


@pytest.mark.parametrize(
    "add,pattern",
    [
        (lambda n, x: n.node("Mul", [n.relu(x), n.const(2.0)], "odd"), r"\(Mul\): leads to .*1x1 convolution"),
        (lambda n, x: n.node("Add", [x, n.const(np.arange(6.0))], "odd"), "not one number per channel of its 4x6x6"),
        (lambda n, x: n.node("Mul", [x, n.const(np.nan)], "odd"), r"its constant \S+ holds NaN"),
        (lambda n, x: n.node("Div", [n.const(2.0), x], "odd"), "divides a constant by a map"),
        (lambda n, x: n.node("Div", [x, n.const(0.0)], "odd"), "divides by zero"),
        (lambda n, x: n.node("Mul", [x, n.relu(n.conv(x, 4, 4, 1))], "odd"), "no kernel multiplies two maps"),
        (lambda n, x: n.node("Max", [x, n.relu(n.conv(x, 4, 4, 1))], "odd"), "no kernel takes the larger"),
    ],
)  # fmt: skip
def test_constants_elsewhere(tmp_path: Path, add: Callable[[Net, str], str], pattern: str) -> None:
    net = Net(seed=63, size=(8, 8))
    x = add(net, net.conv("image", 4, 3, 3, "stem"))
    refused(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])), f"node odd .*{pattern}")


def test_folding_must_change_what_comes_out(tmp_path: Path) -> None:
    """The comparison sees a constant that is another: without it, no test here could fail."""
    net = Net(seed=64, size=(8, 8))
    x = net.node("Mul", [net.conv("image", 4, 3, 3, "first"), numbers(net, 4, 0)])
    path = ended(net, tmp_path, x)
    model = agrees(path)
    images = np.random.default_rng(5).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    first = model.convs[0]
    wrong = Conv(first.name, first.inputs, first.weight * 1.01, first.bias, 1, first.pads, first.relu)
    changed = float_logits(model.with_convs({"first": wrong}), images)
    assert not np.allclose(changed, ort_logits(path, images.transpose(0, 3, 1, 2)), rtol=1e-4)


def test_functions_in_a_file_are_written_out(tmp_path: Path) -> None:
    net = Net(seed=65, size=(8, 8))
    x = net.conv("image", 4, 3, 3, "first")
    body = helper.make_node("Relu", ["a"], ["b"])
    function = helper.make_function("own", "Act", ["a"], ["b"], [body], [helper.make_opsetid("", 17)])
    y = net.node("Act", [x], domain="own")
    proto = net.model(net.node("GlobalAveragePool", [net.conv(y, 3, 4, 1, "last")]))
    proto.functions.append(function)
    proto.opset_import.append(helper.make_opsetid("own", 1))
    onnx.save(proto, tmp_path / "n.onnx")
    assert agrees(tmp_path / "n.onnx").convs[0].relu
