"""Everything that cannot be represented is refused in one line that names the file, the node and the
reason."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_builder import Net, find, initializer, set_attr, set_initializer
from seeds import SEED
from test_frontend import I8, QNet, foreign

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import FloatModel


def refused(path: Path, pattern: str) -> str:
    """The message with which ``path`` is refused: one line that starts with the file and matches
    ``pattern``."""
    with pytest.raises(FpgaSqueezeError) as caught:
        read_model(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400, text
    assert str(path) in text, text
    assert re.search(pattern, text), text
    return text


@pytest.fixture
def proto() -> onnx.ModelProto:
    net = Net()
    return net.model(net.squeezenet())


def save(proto: onnx.ModelProto, tmp_path: Path) -> Path:
    onnx.save(proto, tmp_path / "bad.onnx")
    return tmp_path / "bad.onnx"


# ------------------------------------------------------------------------------------------------- the file


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", "no such file")


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").touch()
    refused(tmp_path / "a.onnx", "the file is empty")


@pytest.mark.parametrize(
    "data", [b"hello world, this is text\n" * 9, b"\x89PNG\r\n\x1a\n" + bytes(99), b"\x00" * 64]
)
def test_not_onnx(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    refused(tmp_path / "a.onnx", "not an ONNX file")


def test_truncated_anywhere(tmp_path: Path, proto: onnx.ModelProto) -> None:
    data = proto.SerializeToString()
    path = tmp_path / "a.onnx"
    for cut in [*range(1, 60), *range(60, len(data), 211), len(data) - 1]:
        path.write_bytes(data[:cut])
        refused(path, ":")


@pytest.mark.fuzz
def test_flipped_bytes_never_crash(tmp_path: Path, proto: onnx.ModelProto) -> None:
    data = proto.SerializeToString()
    path = tmp_path / "a.onnx"
    rng = np.random.default_rng(SEED)
    for _ in range(150):
        bent = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            bent[at] = rng.integers(256)
        path.write_bytes(bytes(bent))
        try:
            read_model(path)  # a changed weight is still a model
        except FpgaSqueezeError as error:
            assert "\n" not in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_no_permission(tmp_path: Path, proto: onnx.ModelProto) -> None:
    path = save(proto, tmp_path)
    path.chmod(0)
    refused(path, "no permission")


def test_initializer_too_short(tmp_path: Path, proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.raw_data = tensor.raw_data[:-4]
    refused(save(proto, tmp_path), f"initializer {tensor.name} is damaged")


# ------------------------------------------------------------------------------------------------ the input


@pytest.mark.parametrize(
    "shape,pattern",
    [
        ([2, 3, 17, 15], "fixed batch of 2"),
        ([1, 3, "H", "W"], r"shape \[1, 3, H, W\], which leaves H, W free; .*field input_shape"),
        ([1, 3, None, 15], r"shape \[1, 3, \?, 15\], which leaves \? free"),
        ([1, 3, 17], "one image"),
        ([1, 128], "one image"),
        ([1, 4, 17, 15], "4 channels"),
    ],
)
def test_inputs(tmp_path: Path, shape: list[Any], pattern: str) -> None:
    net = Net()
    refused(net.save(tmp_path / "n.onnx", net.squeezenet(), shape=shape), f"input image.*{pattern}")


def test_input_type(tmp_path: Path, proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    refused(save(proto, tmp_path), "no float or uint8")


def test_two_inputs_and_two_outputs(tmp_path: Path, proto: onnx.ModelProto) -> None:
    proto.graph.output.append(
        helper.make_tensor_value_info(find(proto, "pool1").output[0], TensorProto.FLOAT, None)
    )
    refused(save(proto, tmp_path), r"2 outputs \(t37, t5\); give .* field output_tensor")
    proto.graph.output.pop()
    proto.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    assert isinstance(read_model(save(proto, tmp_path)), FloatModel)  # nothing reads it
    find(proto, "fire2/concat").input[1] = "more"
    refused(save(proto, tmp_path), r"2 inputs \(image, more\)")


def test_image_too_small(tmp_path: Path) -> None:
    net = Net(size=(4, 4))
    refused(net.save(tmp_path / "n.onnx", net.squeezenet()), "node pool1 .*leaves nothing")


# ------------------------------------------------------------------------------------------------ the nodes


@pytest.mark.parametrize(
    "node,attrs,pattern",
    [
        ("conv1", {"dilations": [2, 2]}, r"node conv1 \(Conv\): has dilations"),
        ("conv1", {"strides": [3, 3]}, "has stride 3"),
        ("conv1", {"strides": [1, 2]}, r"strides \[1, 2\]"),
        ("conv1", {"group": 3}, "3 groups"),
        ("conv1", {"kernel_shape": [5, 5]}, "kernel_shape"),
        ("conv1", {"pads": [-1, 0, 0, 0]}, "pads"),
        ("conv1", {"pads": [9, 9, 9, 9]}, "padded by 9"),
        ("conv1", {"auto_pad": "SOME"}, "auto_pad SOME"),
        ("pool1", {"strides": [2, 1]}, r"node pool1 \(MaxPool\): has strides \[2, 1\]"),
        ("pool1", {"kernel_shape": [3]}, "kernel_shape"),
        ("pool1", {"dilations": [2, 2]}, "dilations"),
        ("pool1", {"pads": [3, 3, 3, 3]}, "padded by 3"),
        ("fire2/concat", {"axis": 2}, r"node fire2/concat \(Concat\): joins along axis 2"),
        (
            "fire2/expand3x3",
            {"pads": [0, 0, 0, 0]},
            "fire2/concat .*joins 4x4x4 and 5x2x2; heights or widths",
        ),
        ("fire2/expand1x1", {"strides": [2, 2]}, "fire2/concat .*joins 4x2x2 and 5x4x4; heights or widths"),
    ],
)
def test_geometry(
    tmp_path: Path, proto: onnx.ModelProto, node: str, attrs: dict[str, Any], pattern: str
) -> None:
    refused(save(set_attr(proto, node, **attrs), tmp_path), pattern)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("index", [1, 2])
def test_nan_and_infinity(tmp_path: Path, proto: onnx.ModelProto, value: float, index: int) -> None:
    name = find(proto, "fire3/expand3x3").input[index]
    weight = initializer(proto, name).copy()
    weight.reshape(-1)[3] = value
    what = "weights" if index == 1 else "bias"
    refused(
        save(set_initializer(proto, name, weight), tmp_path),
        f"fire3/expand3x3 .*its {what} hold NaN or infinity",
    )


def test_missing_weights(tmp_path: Path, proto: onnx.ModelProto) -> None:
    find(proto, "conv10").input[1] = "nowhere"
    refused(save(proto, tmp_path), r"node conv10 \(Conv\): its weights \(nowhere\) is given by no node")


def test_weights_of_another_size(tmp_path: Path, proto: onnx.ModelProto) -> None:
    name = find(proto, "conv10").input[1]
    refused(
        save(set_initializer(proto, name, np.zeros((5, 9, 1, 1), np.float32)), tmp_path), "9 input channels"
    )
    refused(save(set_initializer(proto, name, np.zeros((5, 7, 12, 1), np.float32)), tmp_path), "12x1 kernel")
    refused(save(set_initializer(proto, name, np.zeros((5, 7, 1), np.float32)), tmp_path), "two-dimensional")


def single(tmp_path: Path, add: Callable[[Net, str], str], size: tuple[int, int] = (8, 8)) -> Path:
    net = Net(size=size)
    return net.save(tmp_path / "n.onnx", add(net, net.conv("image", 4, 3, 3, "stem")))


@pytest.mark.parametrize(
    "op,advice",
    [
        ("LeakyRelu", "only Relu"),
        ("Sigmoid", "only Relu"),
        ("Gemm", "fully connected"),
        ("HardSwish", "only Relu and Clip"),
    ],
)
def test_unsupported_operators_are_named(tmp_path: Path, op: str, advice: str) -> None:
    path = single(tmp_path, lambda n, x: n.node("GlobalAveragePool", [n.node(op, [x], "odd one")]))
    refused(path, rf"node odd one \({op}\): this operator is not supported here; .*{advice}")


def test_every_reason_is_told(tmp_path: Path) -> None:
    net = Net(size=(12, 12))
    x = net.relu(net.conv("image", 4, 3, 3, "stem"))
    x = net.node("Sigmoid", [x], "first")
    x = net.relu(net.conv(x, 4, 4, 3, "wide", dilations=[2, 2]))
    x = net.node("HardSwish", [x], "behind")
    path = net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x]))
    text = refused(
        path, r"node first \(Sigmoid\), node behind \(HardSwish\): .*; node wide \(Conv\): has dilations"
    )
    assert "node behind (HardSwish)" in text and text.count(str(path)) == 1


def test_of_many_reasons_some_are_counted(tmp_path: Path) -> None:
    net = Net(size=(12, 12))
    x = net.conv("image", 4, 3, 3, "stem")
    for i in range(11):
        x = net.node("Tanh", [x], f"t{i}")
    path = net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x]))
    with pytest.raises(FpgaSqueezeError, match=r": node t0 \(Tanh\), .*node t7 \(Tanh\) and 3 more: this"):
        read_model(path)


@pytest.mark.parametrize(
    "add,pattern",
    [
        (
            lambda n, x: n.node("Sum", [x, n.conv(x, 4, 4, 1), n.const(np.ones((1, 4, 1, 1)))], "j"),
            "joins maps with a constant",
        ),
        (
            lambda n, x: n.node("Add", [x, n.conv(x, 4, 4, 3)], "j"),
            "adds 4x6x6 and 4x4x4; both must have one",
        ),
        (lambda n, x: n.node("Sum", [x, x, n.conv(x, 4, 4, 1)], "j"), "adds 3 maps; add two at a time"),
        (
            lambda n, x: n.node("Concat", [x, n.conv(x, 4, 4, 3)], "j", axis=1),
            "joins 4x6x6 and 4x4x4; heights",
        ),
        (lambda n, x: n.node("Mul", [x, n.relu(n.conv(x, 4, 4, 1))], "j"), r"\(Mul\): this operator is not"),
        (
            lambda n, x: n.node("Add", [n.node("Relu", [x], "j"), x]),
            r"node t\S+ \(Add\) reads tensor t\S+ without it",
        ),
    ],
)
def test_joins(tmp_path: Path, add: Callable[[Net, str], str], pattern: str) -> None:
    refused(single(tmp_path, lambda n, x: n.node("GlobalAveragePool", [add(n, x)])), f"node j .*{pattern}")


def test_relu_behind_an_average(tmp_path: Path) -> None:
    def add(n: Net, x: str) -> str:
        late = n.node("Relu", [n.node("AveragePool", [x], "mean", kernel_shape=[2, 2])], "late")
        return n.node("GlobalAveragePool", [late])

    refused(
        single(tmp_path, add), r"node late .*stands behind node mean \(AveragePool\).*; put a 1x1 convolution"
    )


def test_relu_behind_a_concat_that_shares_a_branch(tmp_path: Path) -> None:
    def add(n: Net, x: str) -> str:
        y = n.conv(x, 4, 4, 1)
        late = n.node("Relu", [n.node("Concat", [x, y], axis=1)], "late")
        return n.node("GlobalAveragePool", [n.node("Concat", [late, x], axis=1)])

    refused(single(tmp_path, add), r"node late .*stands behind node \S+ \(Concat\)")


def test_a_loop_is_seen(tmp_path: Path) -> None:
    net = Net(size=(8, 8))
    x = net.conv("image", 4, 3, 1, "stem")
    y = net.node("Add", [x, x], "turn")
    proto = net.model(net.node("GlobalAveragePool", [y]))
    find(proto, "turn").input[1] = find(proto, "turn").output[0]
    refused(save(proto, tmp_path), "node turn .*is part of a loop")


def test_a_tensor_from_nowhere(tmp_path: Path) -> None:
    net = Net(size=(8, 8))
    proto = net.model(net.node("GlobalAveragePool", [net.conv("image", 4, 3, 1, "stem")]))
    find(proto, "stem").input[0] = "elsewhere"
    refused(save(proto, tmp_path), "node stem .*reads tensor elsewhere, which no node gives")


@pytest.mark.parametrize(
    "add,pattern",
    [
        (
            lambda n, x: n.node("AveragePool", [x], "avg", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            "node avg .*without counting the padding",
        ),
        (
            lambda n, x: n.node("AveragePool", [x], "avg", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
            "node avg .*ceil_mode",
        ),
        (lambda n, x: n.node("AveragePool", [x], "avg", kernel_shape=[2, 2]), "ends in a 4x5x5 map"),
        (lambda n, x: n.node("ReduceMean", [x], "avg", axes=[1]), "node avg .*reduces axes"),
        (
            lambda n, x: n.node("ReduceSum", [x, n.const([2, 3], dtype=np.int64)], "sum"),
            r"node sum \(ReduceSum\): sums the map; .*divide by 36",
        ),
        (lambda n, x: n.node("Flatten", [x], "flat"), "node flat .*before the global average pool"),
        (lambda n, x: n.relu(x), "ends in a 4x6x6 map"),
    ],
)
def test_ends(tmp_path: Path, add: Callable[[Net, str], str], pattern: str) -> None:
    refused(single(tmp_path, add), pattern)


@pytest.mark.parametrize(
    "low,high,pattern", [(-1.0, 6.0, "clips to -1..6; a lower limit"), (0.0, 0.0, "nothing positive")]
)
def test_clips(tmp_path: Path, low: float, high: float, pattern: str) -> None:
    def add(n: Net, x: str) -> str:
        return n.node("GlobalAveragePool", [n.node("Clip", [x, n.const(low), n.const(high)], "odd")])

    refused(single(tmp_path, add), rf"node odd \(Clip\): .*{pattern}")


@pytest.mark.parametrize(
    "make,pattern",
    [
        (lambda n, x: ([0, 0, 1, 1, 0, 0, 1, 1], 1.0), "pads with 1"),
        (lambda n, x: ([0, 1, 0, 0, 0, 0, 0, 0], 0.0), "pads images or channels"),
        (lambda n, x: ([0, 0, -1, 0, 0, 0, 0, 0], 0.0), "two values of 0 or more"),
        (lambda n, x: ([0, 0, 1, 1, 0, 0, 1, 1], 0.0), "may be negative"),
    ],
)
def test_pads(tmp_path: Path, make: Callable[..., Any], pattern: str) -> None:
    def add(n: Net, x: str) -> str:
        pads, value = make(n, x)
        x = n.node("Pad", [x, n.const(pads, dtype=np.int64), n.const(value)], "border")
        x = n.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])
        return n.node("GlobalAveragePool", [n.conv(x, 3, 4, 1)])

    refused(single(tmp_path, add), pattern)


# ---------------------------------------------------------------------------------------------------- QDQ


def quantised(tmp_path: Path, **change: Any) -> Path:
    net = QNet(size=(4, 4))
    if change.get("plain_weights"):
        y = net.conv("image", 4, 3, 1, "stem")
    else:
        y, _ = net.qconv("image", 4, 3, 1, "stem")
    scale, zero = net.const(change.get("scale", 64.0)), net.const(*change.get("zero", (0, "", np.uint8)))
    if not change.get("unquantised"):
        y = net.node("QuantizeLinear", [net.relu(y), scale, zero], "q")
        back = net.const(change.get("back", 64.0)) if "back" in change else scale
        y = net.node("DequantizeLinear", [y, back, zero], "dq")
    y, _ = net.qconv(y, 3, 4, 1, "last", -6)
    y = net.pair(y, -9, I8)
    return net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [y]))


@pytest.mark.parametrize(
    "change,pattern",
    [
        ({"scale": 0.0}, r"node q \(QuantizeLinear\): its scale 0 is not a positive number"),
        ({"scale": np.nan}, "its scale nan is not a positive number"),
        ({"scale": np.inf}, "its scale inf is not a positive number"),
        ({"scale": -64.0}, "its scale -64 is not a positive number"),
        ({"scale": [64.0] * 4}, r"node q \(QuantizeLinear\): quantises per channel; activations have one"),
        ({"zero": ([0] * 4, "", np.uint8)}, r"node q \(QuantizeLinear\): has 1 scales and 4 zero points"),
        ({"zero": (0, "", np.float32)}, r"node q \(QuantizeLinear\): quantises to float32; only integers"),
        ({"zero": (0, "", np.int32)}, r"node q \(QuantizeLinear\): quantises to 32 bits; at most 16"),
        ({"back": 32.0}, r"node dq \(DequantizeLinear\): its scale, zero point or type is not that of"),
        ({"unquantised": True}, r"node stem \(Conv\): its output is not quantised"),
        ({"plain_weights": True}, r"node stem \(Conv\): its weights are not quantised"),
    ],
)
def test_quantisation_that_is_not_ours(tmp_path: Path, change: dict[str, Any], pattern: str) -> None:
    refused(quantised(tmp_path, **change), pattern)


def test_quantised_behind_the_average(tmp_path: Path) -> None:
    net = QNet(size=(4, 4))
    y, _ = net.qconv("image", 4, 3, 1, "stem")
    y = net.pair(net.node("GlobalAveragePool", [net.pair(y, 2, I8)]), 3, I8)
    y = net.pair(net.node("Softmax", [net.pair(net.node("Flatten", [y]), 3, I8)]), 7, I8)
    path = net.save(tmp_path / "n.onnx", y)
    assert read_model(path).layers[-1].output.frac == 3  # type: ignore[union-attr]


def test_damaged_metadata(tmp_path: Path) -> None:
    path = foreign(tmp_path / "f.onnx")
    proto = onnx.load(path)
    helper.set_model_props(proto, {"fpga_squeeze": '{"name": 1}'})
    onnx.save(proto, path)
    refused(path, "metadata entry fpga_squeeze is damaged")
