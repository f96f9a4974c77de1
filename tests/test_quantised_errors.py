"""Quantised files that are refused: one line that names the node, the reason and a way out; exit code 2."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_builder import Net, find, set_initializer
from test_quantised_patterns import I8, U8, Quantised

from fpga_squeeze.cli import main
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import Preprocess
from fpga_squeeze.network.integers import QModel


def two_layers(net: Quantised, **options: Any) -> str:
    """Two convolutions; the first is "stem"."""
    y = net.pair(net.qconv(net.image(), 5, 3, name="stem", **options), 4.3, 100)
    return net.end(y, 5)


def damaged(path: Path, damage: Callable[[onnx.ModelProto], None], **options: Any) -> Path:
    net = Quantised()
    net.save(path, two_layers(net, **options), opset=21)
    proto = onnx.load(path)
    damage(proto)
    onnx.save(proto, path)
    return path


def maker(proto: onnx.ModelProto, tensor: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(node for node in proto.graph.node if tensor in node.output)
    return found


def weights(proto: onnx.ModelProto) -> onnx.NodeProto:
    """The DequantizeLinear of the first convolution's weights."""
    return maker(proto, find(proto, "stem").input[1])


def replaced(index: int, value: np.ndarray, of: str = "weights") -> Callable[[onnx.ModelProto], None]:
    def damage(proto: onnx.ModelProto) -> None:
        if of == "weights":
            node = weights(proto)
        elif of == "bias":
            node = maker(proto, find(proto, "stem").input[2])
        else:
            node = next(n for n in proto.graph.node if n.op_type == of)
        set_initializer(proto, node.input[index], value)

    return damage


def axis_of_inputs(proto: onnx.ModelProto) -> None:
    node = weights(proto)
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("axis", 1))
    set_initializer(proto, node.input[1], np.full(3, 0.01, np.float32))
    set_initializer(proto, node.input[2], np.zeros(3, I8))


def other_domain(proto: onnx.ModelProto) -> None:
    find(proto, "stem").domain = "my.ops"
    proto.opset_import.append(helper.make_opsetid("my.ops", 1))


def float_weights(proto: onnx.ModelProto) -> None:
    find(proto, "stem").input[1] = "w"
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((5, 3, 1, 1), np.float32), "w"))


F = np.float32
BAD: list[tuple[Callable[[onnx.ModelProto], None], str]] = [
    (replaced(1, F(-0.5)), r"\(DequantizeLinear\): its scale -0.5 is not a positive number; quantise"),
    (replaced(1, F(0), "QuantizeLinear"), r"\(QuantizeLinear\): its scale 0 is not a positive number"),
    (replaced(1, F(np.nan), "QuantizeLinear"), r"\(QuantizeLinear\): its scale nan is not a positive"),
    (replaced(1, F(np.inf)), r"\(DequantizeLinear\): its scale inf is not a positive number"),
    (replaced(2, U8(0)), r"zero point is uint8, its integers are int8; both must have one type"),
    (
        replaced(2, np.zeros((), np.int32), "QuantizeLinear"),
        r"\(DequantizeLinear\): its scale, zero point or type is not that of node .*; give both the same",
    ),
    (replaced(2, np.zeros((), F), "QuantizeLinear"), r"\(QuantizeLinear\): quantises to float32; only"),
    (axis_of_inputs, r"\(DequantizeLinear\): has one scale per slice of axis 1; weights have one per output"),
    (replaced(1, np.full(3, 2, F), "QuantizeLinear"), r"quantises per channel; activations have one scale"),
    (replaced(1, F(0.0123), "bias"), r"node stem \(Conv\): its bias has a scale of 0.0123 where input times"),
    (other_domain, r"node stem \(my.ops::Conv\): this operator is not supported here"),
    (float_weights, r"node stem \(Conv\): its weights are not quantised; give them through a Deq"),
]


@pytest.mark.parametrize("damage,reason", BAD)
def test_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[onnx.ModelProto], None],
    reason: str,
) -> None:

    path = damaged(tmp_path / "m.onnx", damage)
    assert main(["generate", str(path), "-o", str(tmp_path / "p")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and re.search(reason, lines[0]) and ";" in lines[0], lines
    assert not (tmp_path / "p").exists()


def refused(path: Path, reason: str, **options: Any) -> None:
    with pytest.raises(FpgaSqueezeError, match=reason) as caught:
        read_model(path, **options)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


# --------------------------------------------------------------------------------------------------- QONNX


def quant(path: Path, *, weight: dict[str, Any] | None = None, map: dict[str, Any] | None = None) -> Path:
    """One convolution of QONNX's Quant nodes: "qw" on its weights, "qy" on what it gives."""
    net = Net(size=(4, 4))

    def quantised(
        x: str, name: str, bits: float = 4, scale: Any = 0.1, zero: float = 0, **changes: Any
    ) -> str:
        op, domain = changes.pop("op", "Quant"), changes.pop("domain", "qonnx.custom_op.general")
        attrs = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | changes
        inputs = [x, net.const(scale), net.const(zero), net.const(bits)]
        return net.node(op, inputs, name, domain=domain, **attrs)

    x = quantised("image", "qx", 8, 1.0, signed=0)
    w = quantised(net.const(net.weights(4, 3, 1)), "qw", **(weight or {}))
    y = net.node("Conv", [x, w, net.const(net.rng.normal(0, 0.3, 4))], "conv")
    y = quantised(net.relu(y), "qy", **({"bits": 6, "scale": 8.0, "signed": 0} | (map or {})))
    proto = net.model(net.node("GlobalAveragePool", [y]))
    proto.opset_import.append(helper.make_opsetid("qonnx.custom_op.general", 2))
    onnx.save(proto, path)
    return path


def test_quant_is_read(tmp_path: Path) -> None:
    model = read_model(quant(tmp_path / "m.onnx"))
    assert isinstance(model, QModel)
    conv, pool = model.layers
    assert model.convs[0].weight_bits <= 4 and conv.output.bits == 6 and not conv.output.signed
    assert "float biases of conv" in model.notes[0] and pool.output.scale == 8.0 / 16


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"weight": {"bits": 9}}, r"node qw .*: has a bit width of 9; 2 to 8 are supported for a weight"),
        (
            {"map": {"bits": 17}},
            r"node qy .*: has a bit width of 17; 2 to 16 are supported for an activation",
        ),
        ({"map": {"bits": 1}}, r"node qy .*: has a bit width of 1; 2 to 16"),
        ({"map": {"bits": 2.5}}, r"node qy .*: has a bit width of 2.5; 2 to 16"),
        ({"map": {"rounding_mode": "FLOOR"}}, r"node qy .*: has rounding_mode FLOOR; only ROUND"),
        ({"map": {"scale": -1.0}}, r"node qy .*: its scale -1 is not a positive number"),
        ({"map": {"scale": np.full((1, 4, 1, 1), 0.1)}}, r"node qy .*: quantises per channel; activations"),
        ({"map": {"zero": 0.5}}, r"node qy .*: its zero point 0.5 is none of the integers 0..255"),
        ({"weight": {"scale": np.full((1, 3, 1, 1), 0.1)}}, r"node qw .*: has one scale per slice of axis 1"),
        ({"weight": {"op": "BipolarQuant"}}, r"node qw .*BipolarQuant\): .*weights and activations of -1"),
        ({"map": {"op": "Trunc"}}, r"node qy .*Trunc\): .*bits that are cut off"),
        ({"map": {"op": "Other"}}, r"node qy .*Other\): .*of this domain only Quant is supported"),
        ({"map": {"domain": "my.ops"}}, r"node qy \(my.ops::Quant\): this operator is not supported here"),
    ],
)
def test_quant_that_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    refused(quant(tmp_path / "m.onnx", **change), reason)


# ---------------------------------------------------------------------------------------------- everything else


def test_operators_that_no_kernel_has(tmp_path: Path) -> None:
    for op in ("QLinearLeakyRelu", "QGemm", "DynamicQuantizeLinear", "QLinearMul"):
        net = Quantised()
        y = net.node(op, [net.q("image", 1.0, 0), net.const(1.0), net.const(0, dtype=U8)], "odd")
        net.nodes[-1].domain = "com.microsoft"
        proto = net.model(net.dq(y, 1.0, 0))
        proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        onnx.save(proto, tmp_path / "m.onnx")
        refused(
            tmp_path / "m.onnx", rf"node odd \(com.microsoft::{op}\): this operator is not supported here; "
        )


def test_two_scales_for_one_tensor(tmp_path: Path) -> None:
    net = Quantised()
    y = net.relu(net.qconv(net.image(), 5, 3))
    total = net.node("Add", [net.pair(y, 4.3), net.pair(y, 4.1)])
    refused(
        net.save(tmp_path / "m.onnx", net.end(net.pair(total, 9.0), 5), opset=21), "quantises the same tensor"
    )


def test_a_reader_of_what_is_not_quantised(tmp_path: Path) -> None:
    net = Quantised()
    y = net.relu(net.qconv(net.image(), 5, 3))
    total = net.node("Add", [net.pair(y, 4.3), y], "total")
    path = net.save(tmp_path / "m.onnx", net.end(net.pair(total, 9.0), 5), opset=21)
    refused(path, r"node total \(Add\) reads what it quantises without it; let both read the same")


def test_limit_between_integers_behind_a_pair(tmp_path: Path) -> None:
    net = Quantised()
    y = net.node(
        "Clip", [net.pair(net.qconv(net.image(), 5, 3), 4.3, 9), net.const(0.0), net.const(6.0)], "six"
    )
    path = net.save(tmp_path / "m.onnx", net.end(net.pair(y, 4.3, 9), 5), opset=21)
    refused(
        path, r"node six \(Clip\): clips to 0..6, which no integers of .* stand for; clip before it quant"
    )


def test_preprocessing_given_twice(tmp_path: Path) -> None:
    from fpga_squeeze.export.qdq import write_qdq

    net = Quantised()
    model = read_model(net.save(tmp_path / "m.onnx", two_layers(net), opset=21))
    assert isinstance(model, QModel)
    write_qdq(model, tmp_path / "own.onnx")
    refused(
        tmp_path / "own.onnx", "written by this tool with its preprocessing", preprocess=Preprocess((1.0,))
    )
