"""Tensors whose axes lie in other orders, and every way in which a network ends, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnx_builder import Net
from random_graphs import random_graph
from restated import Restated
from seeds import seeds
from test_frontend import agrees
from test_frontend_errors import refused

from fpga_squeeze.export.float_onnx import to_onnx
from fpga_squeeze.frontend import read_model
from fpga_squeeze.frontend.layout import NCHW, NHWC, reshaped, same
from fpga_squeeze.network.graph import AvgPool, FloatModel, Shape
from fpga_squeeze.network.reference import float_logits

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def ints(net: Net, *values: int) -> str:
    return net.const(values, dtype=np.int64)


def agrees_nhwc(path: Path) -> FloatModel:
    """The model read from ``path``, whose input is [N, H, W, C], once its logits are those of onnxruntime."""
    model = read_model(path)
    assert isinstance(model, FloatModel)
    s = model.input_shape
    images = np.random.default_rng(5).integers(0, 256, (3, s.height, s.width, s.channels), dtype=np.uint8)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = [session.run(None, {name: one[None].astype(np.float32)})[0].reshape(1, -1) for one in images]
    want = np.concatenate(rows)
    np.testing.assert_allclose(float_logits(model, images), want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    return model


# ---------------------------------------------------------------------------------------------------- NHWC


def shape_tail(net: Net, x: str) -> str:
    """Reshape to [batch, 5], the batch taken from a shape at run time."""
    batch = net.node("Gather", [net.node("Shape", [x]), ints(net, 0)])
    return net.node("Reshape", [x, net.node("Concat", [batch, ints(net, -1)], axis=0)])


@pytest.mark.parametrize("tail", ["mean", "mean twice", "shape", "squeeze", "view"])
def test_nhwc_as_tf2onnx_writes_it(tmp_path: Path, tail: str) -> None:
    """[N, H, W, C] in, a ReLU and a Concat on it in the middle, averages over axes 1 and 2, a dynamic batch."""
    net = Net(seed=71, size=(10, 9))
    x = net.node("Mul", ["image", net.const(np.array([1 / 128, 1 / 127, 1 / 126]))], "scale")
    x = net.node("Sub", [x, net.const(np.ones((1, 1, 1, 3)))], "mean")
    if tail == "mean":
        x = net.node("Pad", [x, ints(net, 0, 1, 2, 0, 0, 0, 1, 0)])
    pads = [0, 0, 1, 0] if tail == "mean" else [1, 1, 1, 1]
    x = net.conv(net.node("Transpose", [x], perm=TO_NCHW), 4, 3, 3, "first", pads=pads)
    x = net.node("Transpose", [x], perm=TO_NHWC)
    x = net.relu(net.node("Add", [x, net.const(net.rng.normal(0, 1, 4))]))
    x = net.node("Transpose", [x], perm=TO_NCHW)
    a = net.node("Transpose", [net.relu(net.conv(x, 2, 4, 1, "a"))], perm=TO_NHWC)
    b = net.node("Transpose", [net.relu(net.conv(x, 3, 4, 3, "b", pads=[1, 1, 1, 1]))], perm=TO_NHWC)
    x = net.node("Concat", [a, b], axis=3)
    if tail == "shape":
        x = net.node("Transpose", [x], perm=TO_NCHW)
        x = shape_tail(net, net.node("Transpose", [net.node("GlobalAveragePool", [x])], perm=TO_NHWC))
    if tail == "mean":
        x = net.node("ReduceMean", [x], axes=[1, 2], keepdims=0)
    if tail == "mean twice":
        x = net.node("ReduceMean", [net.node("ReduceMean", [x], axes=[2], keepdims=0)], axes=[1], keepdims=0)
    if tail == "squeeze":
        x = net.node("Squeeze", [net.node("ReduceMean", [x], axes=[1, 2]), ints(net, 1, 2)])
    if tail == "view":
        x = net.node("ReduceMean", [net.node("Reshape", [x, ints(net, 0, -1, 5)])], axes=[-2], keepdims=0)
    path = net.save(tmp_path / "n.onnx", x, shape=["n", 10, 9, 3])
    model = agrees_nhwc(path)
    assert model.input_shape == Shape(3, 10, 9) and model.output_shape == Shape(5, 1, 1)
    assert model.convs[0].pad_value.any()


def test_a_square_image_of_three_rows_is_told_by_its_transpose(tmp_path: Path) -> None:
    net = Net(seed=72, size=(3, 4))
    x = net.conv(net.node("Transpose", ["image"], perm=TO_NCHW), 4, 3, 3, "first")
    path = net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x]), shape=[1, 3, 4, 3])
    assert agrees_nhwc(path).input_shape == Shape(3, 3, 4)


def test_a_relu_behind_a_transpose_is_not_given_to_other_readers(tmp_path: Path) -> None:
    """The convolution is read also without the ReLU, by another way: one form of it cannot serve both."""
    net = Net(seed=73, size=(8, 8))
    x = net.conv("image", 4, 3, 3, "first")
    late = net.node("Relu", [net.node("Transpose", [x], perm=TO_NHWC)], "late")
    y = net.node("Add", [net.node("Transpose", [late], perm=TO_NCHW), x])
    refused(
        net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [y])),
        r"node late \(Relu\): node \S+ \(Add\) reads",
    )


@pytest.mark.fuzz
def test_random_graphs_said_otherwise(tmp_path: Path) -> None:
    """Constants around convolutions, transposes, means and limits in any spelling, all in one network."""
    for seed in seeds(12):
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        model = random_graph(rng)
        restated = Restated(to_onnx(model), rng)
        onnx.save(restated.model(), tmp_path / "n.onnx")
        (agrees_nhwc if restated.last else agrees)(tmp_path / "n.onnx")


@pytest.mark.parametrize(
    "add,pattern",
    [
        (lambda n, x: n.conv(n.node("Transpose", [x], perm=TO_NHWC), 4, 6, 1, "odd"), r"reads a tensor \[N, H, W, C\]"),
        (
            lambda n, x: n.node("Add", [x, n.node("Transpose", [x], perm=[0, 1, 3, 2])], "odd"),
            r"joins tensors \[N, C, H, W\] and \[N, C, W, H\]",
        ),
        (lambda n, x: n.node("Concat", [x, x], "odd", axis=0), r"joins along axis 0 of \[N, C, H, W\]"),
        (lambda n, x: n.node("ReduceMean", [x], "odd", axes=[1, 2]), r"reduces axes \[1, 2\] of \[N, C, H, W\]"),
        (lambda n, x: n.node("ReduceMean", [x], "odd"), r"reduces axes \[0, 1, 2, 3\]"),
        (lambda n, x: n.node("Reshape", [x, ints(n, 0, 2, 2, 36)], "odd"), r"joins or splits axes of \[N, C, H, W\]"),
        (lambda n, x: n.node("Transpose", [x], "odd", perm=[0, 1]), r"has perm \[0, 1\]"),
    ],
)  # fmt: skip
def test_axes_that_do_not_fit(tmp_path: Path, add: Callable[[Net, str], str], pattern: str) -> None:
    net = Net(seed=74, size=(8, 8))
    x = add(net, net.conv("image", 4, 3, 3, "stem"))
    refused(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])), rf"node odd .*{pattern}")


def test_reshapes() -> None:
    x = Shape(6, 4, 5)
    assert reshaped(NCHW, x, [1, 6, 20]) == ((0,), (1,), (2, 3))
    assert reshaped(NHWC, x, [20, 6]) == ((0, 2, 3), (1,))
    for target in ([1, 120], [1, 3, 2, 20], [1, 24, 5], [1, 6, 10, 2], [1, 6, 4, 4]):
        assert reshaped(NCHW, x, target) is None
    flat = reshaped(NCHW, Shape(6, 1, 1), [6])
    assert flat is not None and not same(flat, NCHW, Shape(6, 1, 1))
    assert same(NCHW, NHWC, Shape(6, 1, 1)) is False
    assert same(NCHW, ((0,), (1,), (3,), (2,)), Shape(6, 1, 5)) is False
    assert same(NCHW, ((0,), (1,), (3,), (2,)), Shape(6, 1, 1))


# ---------------------------------------------------------------------------------------------------- ends


def ended(net: Net, x: str, kind: str) -> str:
    if kind == "mean twice":
        return net.node(
            "ReduceMean", [net.node("ReduceMean", [x], axes=[3], keepdims=0)], axes=[2], keepdims=0
        )
    if kind == "mean twice, columns kept":
        return net.node(
            "Flatten", [net.node("ReduceMean", [net.node("ReduceMean", [x], axes=[2])], axes=[-1])]
        )
    if kind == "view":
        return net.node("ReduceMean", [net.node("Reshape", [x, ints(net, 0, 4, -1)])], axes=[2], keepdims=0)
    if kind == "sum times":
        total = net.node("ReduceSum", [x, ints(net, 2, 3)], keepdims=0)
        return net.node("Mul", [net.const(np.float32(1 / 30)), total])
    if kind == "sums, flat, over":
        total = net.node("ReduceSum", [net.node("ReduceSum", [x, ints(net, 3)]), ints(net, 2)])
        return net.node("Div", [net.node("Flatten", [total]), net.const([30.0])])
    if kind == "sum of a mean":
        total = net.node("ReduceSum", [net.node("ReduceMean", [x], axes=[3]), ints(net, 2)])
        return net.node("Mul", [total, net.const(1 / 6)])
    x = net.node("GlobalAveragePool", [x])
    if kind == "squeezes":
        return net.node("Squeeze", [net.node("Squeeze", [x, ints(net, 3)]), ints(net, -1)])
    if kind == "all squeezed":
        return net.node("Squeeze", [net.node("Identity", [x])])
    if kind == "there and back":
        x = net.node(
            "Unsqueeze", [net.node("Unsqueeze", [net.node("Flatten", [x]), ints(net, 2)]), ints(net, 3)]
        )
        return net.node("Reshape", [net.conv(x, 3, 4, 1, "classes"), ints(net, 1, -1)])
    return net.node("Reshape", [x, ints(net, 1, 4)])


ENDS = (
    *("mean twice", "mean twice, columns kept", "view", "sum times", "sums, flat, over", "sum of a mean"),
    *("squeezes", "all squeezed", "there and back", "reshape"),
)


@pytest.mark.parametrize("kind", ENDS)
def test_ends(tmp_path: Path, kind: str) -> None:
    net = Net(seed=75, size=(6, 5))
    x = net.relu(net.conv("image", 4, 3, 1, "first"))
    model = agrees(net.save(tmp_path / "n.onnx", ended(net, x, kind), batch=1))
    assert [x.kernel for x in model.layers if isinstance(x, AvgPool)] == [(6, 5)]


def test_an_average_of_columns_alone(tmp_path: Path) -> None:
    """Another layer reads what the first mean gives: it stays a pool of its own."""
    net = Net(seed=76, size=(6, 5))
    x = net.node("ReduceMean", [net.relu(net.conv("image", 4, 3, 1, "first"))], axes=[3])
    y = net.node("Add", [net.relu(net.conv(x, 4, 4, 1, "second")), x])
    y = net.node("Add", [net.node("ReduceMean", [y], axes=[2]), net.node("ReduceMean", [x], axes=[2])])
    model = agrees(net.save(tmp_path / "n.onnx", y))
    assert [x.kernel for x in model.layers if isinstance(x, AvgPool)] == [(1, 5), (6, 1), (6, 1)]


@pytest.mark.parametrize("divisor", [29.0, 1.0])
def test_a_sum_is_no_average(tmp_path: Path, divisor: float) -> None:
    net = Net(seed=77, size=(6, 5))
    x = net.node("ReduceSum", [net.conv("image", 4, 3, 1), ints(net, 2, 3)], "sum")
    path = net.save(tmp_path / "n.onnx", net.node("Div", [x, net.const(divisor)]))
    refused(path, rf"node sum \(ReduceSum\): sums the map; .*divide by {30 / divisor:g} next")


def last(
    tmp_path: Path, op: str, opset: int = 17, flat: bool = False, classes: int = 4, **attrs: Any
) -> Path:
    net = Net(seed=78, size=(6, 5))
    x = net.node("GlobalAveragePool", [net.conv("image", classes, 3, 1)])
    x = net.node("Flatten", [x]) if flat else x
    return net.save(tmp_path / "n.onnx", net.node(op, [x], "last", **attrs), opset=opset)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "ArgMax"])
def test_softmax_and_argmax_are_left_out_with_a_note(tmp_path: Path, op: str) -> None:
    for path in (last(tmp_path, op, axis=1), last(tmp_path, op, flat=True, axis=-1)):
        model = read_model(path)
        assert isinstance(model, FloatModel) and len(model.layers) == 2
        assert model.notes == (
            f"node last ({op}) is left out: the accelerator gives the logits that it reads",
        )


@pytest.mark.parametrize("op,always", [("Softmax", 1), ("LogSoftmax", 0), ("ArgMax", 0)])
def test_softmax_over_one_element(tmp_path: Path, op: str, always: int) -> None:
    along = r"works along axis 3 of \[N, C, H, W\], which has one element"
    refused(last(tmp_path, op, axis=-1), rf"node last \({op}\): {along}, and gives nothing but {always}")
    refused(last(tmp_path, op, classes=1, flat=True, axis=1), "which has one element")
    if op != "ArgMax":  # whose result is no float, as Net says of every output
        session = ort.InferenceSession(str(last(tmp_path, op, axis=-1)), providers=["CPUExecutionProvider"])
        assert np.all(session.run(None, {"image": np.ones((1, 3, 6, 5), np.float32)})[0] == always)


def test_softmax_by_default(tmp_path: Path) -> None:
    """Before opset 13 over all axes from the second on, since then over the last."""
    assert isinstance(read_model(last(tmp_path, "Softmax", 11)), FloatModel)
    refused(last(tmp_path, "Softmax", 13), "axis 3")
    assert isinstance(read_model(last(tmp_path, "Softmax", 13, flat=True)), FloatModel)
    refused(last(tmp_path, "Softmax", 17, flat=True, axis=2), "axis 2 of")


def test_nothing_is_computed_behind_a_softmax(tmp_path: Path) -> None:
    net = Net(seed=79, size=(6, 5))
    x = net.node("Softmax", [net.node("GlobalAveragePool", [net.conv("image", 4, 3, 1)])], axis=1)
    path = net.save(tmp_path / "n.onnx", net.conv(x, 3, 4, 1, "odd"))
    refused(path, "node odd .*stands behind a softmax")


# -------------------------------------------------------------------------------------------------- outputs


def several(tmp_path: Path, kind: str) -> Path:
    net = Net(seed=80, size=(6, 5))
    y = net.relu(net.conv("image", 4, 3, 1, "first"))
    x = net.node("Flatten", [net.node("GlobalAveragePool", [y])])
    probabilities = net.node("Softmax", [x])
    more = {
        "ends": [net.node("ArgMax", [probabilities], axis=1), x],
        "heads": [net.node("Flatten", [net.node("GlobalAveragePool", [net.conv(y, 3, 4, 1, "side")])])],
    }[kind]
    proto = net.model(probabilities)
    proto.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in more
    )
    for output in list(proto.graph.output)[1:]:
        output.ClearField("type")
    onnx.save(proto, tmp_path / "n.onnx")
    return tmp_path / "n.onnx"


def test_outputs_that_differ_by_their_ends_are_one(tmp_path: Path) -> None:
    model = read_model(several(tmp_path, "ends"))
    assert isinstance(model, FloatModel) and len(model.layers) == 2 and not model.notes


def test_one_of_several_outputs(tmp_path: Path) -> None:
    path = several(tmp_path, "heads")
    refused(path, r"has 2 outputs \(t\d+, t\d+\); give the one with the logits as field output_tensor")
    first, second = (value.name for value in onnx.load(path).graph.output)
    model = read_model(path, output_tensor=first)
    assert isinstance(model, FloatModel) and [x.name for x in model.convs] == ["first"]
    model = read_model(path, output_tensor=second)
    assert isinstance(model, FloatModel) and [x.name for x in model.convs] == ["first", "side"]
    with pytest.raises(Exception, match="field output_tensor none: its outputs are"):
        read_model(path, output_tensor="none")
