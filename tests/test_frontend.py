"""Reading ONNX: float networks against onnxruntime, QDQ networks integer by integer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from model_equality import differences
from onnx import TensorProto, helper, numpy_helper
from onnx_builder import Net, ort_logits
from random_graphs import random_graph_qmodel
from random_models import random_images, random_qmodel
from seeds import seeds

from fpga_squeeze.datasets.images import embedded_images, embedded_model_path
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import AvgPool, Concat, Conv, FloatModel, MaxPool, Shape
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConv, QMaxPool, QModel, TensorType
from fpga_squeeze.network.reference import float_logits

REAL = Path(__file__).resolve().parents[2] / "shared" / "models"


def agrees(path: Path) -> FloatModel:
    """The model read from ``path``, once its float logits are those of onnxruntime on the file."""
    model = read_model(path)
    assert isinstance(model, FloatModel)
    s = model.input_shape
    images = np.random.default_rng(5).integers(0, 256, (3, s.height, s.width, s.channels), dtype=np.uint8)
    want = ort_logits(path, images.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(float_logits(model, images), want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    return model


def kernels(model: FloatModel | QModel) -> list[str]:
    """Names of the layers, of a Fire module the Concat's alone."""
    return [x.name for x in model.layers if not x.name.endswith(("_squeeze1x1", "_expand1x1", "_expand3x3"))]


def test_reads_a_squeezenet(tmp_path: Path) -> None:
    net = Net()
    model = agrees(net.save(tmp_path / "net.onnx", net.squeezenet()))
    kinds = [type(layer) for layer in model.layers]
    fire = [Conv, Conv, Conv, Concat]
    assert kinds == [Conv, MaxPool, *fire, MaxPool, *fire, Conv, AvgPool]
    assert kernels(model) == ["conv1", "pool1", "fire2", "pool2", "fire3", "conv10", "pool10"]
    names = ["fire2_squeeze1x1", "fire2_expand1x1", "fire2_expand3x3", "fire2"]
    assert [layer.name for layer in model.layers[2:6]] == names
    assert [layer.inputs for layer in model.layers[2:6]] == [
        ("pool1",), (names[0],), (names[0],), (names[1], names[2])
    ]  # fmt: skip
    assert model.input_shape == Shape(3, 17, 15) and model.name == "net"


def test_names_fall_back_to_network_order(tmp_path: Path) -> None:
    net = Net()
    model = agrees(net.save(tmp_path / "n.onnx", net.squeezenet(named=False)))
    assert kernels(model) == ["conv1", "pool1", "fire2", "pool2", "fire3", "conv4", "pool4"]


def test_names_become_identifiers(tmp_path: Path) -> None:
    net = Net()
    proto = net.model(net.squeezenet())
    names = {
        "conv1": "/features/features.0/Conv",
        "pool1": "logits",
        "conv10": "Pool 10",
        "pool10": "pool-10",
    }
    for node in proto.graph.node:
        node.name = names.get(node.name, node.name.replace("fire2/", "/features/features.3/"))
    onnx.save(proto, tmp_path / "2nd model.onnx")
    model = agrees(tmp_path / "2nd model.onnx")
    assert kernels(model) == [
        "features_0", "logits_layer", "features_3", "pool2", "fire3", "Pool_10", "pool_10_2"
    ]  # fmt: skip
    assert model.name == "model_2nd_model"


def test_concat_of_3x3_before_1x1_keeps_its_order(tmp_path: Path) -> None:
    net = Net(seed=3)
    model = agrees(net.save(tmp_path / "swap.onnx", net.squeezenet(swap=True)))
    fire = next(layer for layer in model.layers if layer.name == "fire2")
    assert isinstance(fire, Concat) and fire.inputs == ("fire2_expand3x3", "fire2_expand1x1")


@pytest.mark.parametrize("size", [(8, 8), (9, 23), (31, 14), (24, 17)])
@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_auto_pad_and_sizes(tmp_path: Path, size: tuple[int, int], mode: str) -> None:
    net = Net(seed=4, size=size, channels=1)
    x = net.relu(net.conv("image", 4, 1, 7, strides=[2, 2], auto_pad=mode))
    agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    "more", [{}, {"pads": [2, 2, 2, 2]}, {"pads": [0, 1, 2, 1]}, {"auto_pad": "SAME_UPPER"}]
)
def test_kernel_of_5x5(tmp_path: Path, stride: int, more: dict[str, Any]) -> None:
    """As the first layer and as one behind it."""
    net = Net(seed=5, size=(19, 14))
    x = net.relu(net.conv("image", 4, 3, 5, strides=[stride] * 2, **more))
    x = net.relu(net.conv(x, 6, 4, 5, pads=[2, 2, 2, 2]))
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x])))
    assert [conv.kernel for conv in model.convs] == [(5, 5), (5, 5)]


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("kernel,stride", [(3, 2), (2, 2), (3, 3), (2, 1), (3, 1)])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]])
def test_max_pools(tmp_path: Path, ceil: int, kernel: int, stride: int, pads: list[int]) -> None:
    net = Net(seed=6, size=(14, 11))
    x = net.conv("image", 4, 3, 3, bias=False)
    x = net.node("MaxPool", [x], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, ceil_mode=ceil)
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [net.conv(x, 5, 4, 1)])))
    pool = model.layers[1]
    assert isinstance(pool, MaxPool) and pool.ceil == bool(ceil)


def averages(net: Net, x: str, kind: str) -> str:
    """Every spelling of a global average over a 6x5 map, and what may follow it."""
    if kind == "average":
        x = net.node("AveragePool", [x], kernel_shape=[6, 5])
        return net.node("Flatten", [x])
    if kind == "mean axes input":
        axes = net.const([2, 3], dtype=np.int64)
        return net.node("ReduceMean", [x, axes], keepdims=0)
    if kind == "mean axes attribute":
        return net.node("Softmax", [net.node("Flatten", [net.node("ReduceMean", [x], axes=[-2, -1])])])
    if kind == "sum":
        total = net.node("ReduceSum", [x, net.const([2, 3], dtype=np.int64)])
        return net.node("Div", [total, net.const(30.0)])
    x = net.node("GlobalAveragePool", [x])
    if kind == "shape and reshape":
        shape = net.node("Shape", [x])
        first = net.node("Gather", [shape, net.const(0, dtype=np.int64)])
        parts = [
            net.node("Unsqueeze", [first, net.const([0], dtype=np.int64)]),
            net.const([-1], dtype=np.int64),
        ]
        return net.node("Reshape", [x, net.node("Concat", parts, axis=0)])
    return net.node("Squeeze", [x, net.const([2, 3], dtype=np.int64)])


@pytest.mark.parametrize(
    "kind,opset",
    [
        ("average", 17),
        ("mean axes input", 18),
        ("mean axes attribute", 17),
        ("sum", 17),
        ("shape and reshape", 17),
        ("squeeze", 17),
    ],
)
def test_ends(tmp_path: Path, kind: str, opset: int) -> None:
    net = Net(seed=7, size=(6, 5))
    x = net.node("Dropout", [net.node("Identity", [net.conv("image", 4, 3, 1)])])
    path = net.save(tmp_path / "n.onnx", averages(net, x, kind), opset=opset)
    if "attribute" in kind:
        assert isinstance(read_model(path), FloatModel)  # ends in a softmax, which the reader leaves out
    else:
        agrees(path)


def test_pad_nodes_fold(tmp_path: Path) -> None:
    net = Net(seed=8, size=(9, 9))
    x = net.node("Pad", ["image", net.const([0, 0, 1, 0, 0, 0, 1, 1], dtype=np.int64)])
    x = net.relu(net.conv(x, 4, 3, 3, pads=[0, 1, 0, 0]))
    x = net.node("Pad", [x, net.const([1, 1, 0, 0], dtype=np.int64), "", net.const([2, 3], dtype=np.int64)])
    x = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])
    model = agrees(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [x]), opset=18))
    conv, pool = model.layers[:2]
    assert isinstance(conv, Conv) and conv.pads == (1, 1, 1, 1)
    assert isinstance(pool, MaxPool) and pool.pads == (1, 1, 0, 0)


def test_weights_from_nodes_and_inputs(tmp_path: Path) -> None:
    net = Net(seed=9)
    weight = numpy_helper.from_array(net.weights(4, 3, 3).astype(np.float32))
    w = net.node("Constant", [], value=weight)
    x = net.node("Conv", ["image", w])
    shape = net.const([5, 4, 1, 1], dtype=np.int64)
    w = net.node("ConstantOfShape", [shape], value=helper.make_tensor("v", TensorProto.FLOAT, [1], [0.25]))
    x = net.node("Conv", [x, w, net.const(np.arange(5))])
    proto = net.model(net.node("GlobalAveragePool", [x]))
    tensor = proto.graph.initializer[-1]
    proto.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, [5]))
    onnx.save(proto, tmp_path / "n.onnx")
    model = agrees(tmp_path / "n.onnx")
    conv = model.layers[1]
    assert isinstance(conv, Conv) and (conv.weight == 0.25).all() and conv.bias.tolist() == [0, 1, 2, 3, 4]


def test_one_pixel_map_needs_no_average(tmp_path: Path) -> None:
    net = Net(size=(3, 3))
    model = agrees(net.save(tmp_path / "n.onnx", net.node("Flatten", [net.conv("image", 4, 3, 3)])))
    assert [type(layer) for layer in model.layers] == [Conv]


def test_embedded_model(tmp_path: Path) -> None:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    assert sum(isinstance(layer, Concat) for layer in model.layers) >= 4
    images, _ = embedded_images()
    want = ort_logits(embedded_model_path(), images.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(float_logits(model, images), want, rtol=1e-4, atol=1e-4)


def test_model_zoo_graph() -> None:
    light = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
    if not light.is_file():
        pytest.skip("this onnx ships no light_squeezenet.onnx")
    model = read_model(light)
    assert isinstance(model, FloatModel)
    assert sum(isinstance(layer, Concat) for layer in model.layers) == 8
    assert model.output_shape == Shape(1000, 1, 1)


def test_imagenet_model() -> None:
    path = REAL / "squeezenet_v1.0_deep_compression.onnx"
    if not path.is_file():
        pytest.skip("the ImageNet model is not at ../shared/models")
    model = read_model(path)
    assert isinstance(model, FloatModel)
    assert [str(s) for s in model.shapes().values()][-2:] == ["1000x15x15", "1000x1x1"]
    assert sum(c.weight.size for c in model.convs if c.name.startswith("fire")) == 718336


# ------------------------------------------------------------------------------------------------- QDQ files


@pytest.mark.fuzz
def test_own_export_comes_back(tmp_path: Path) -> None:
    for seed in seeds(10):
        print(f"seed {seed}")
        model = random_qmodel(np.random.default_rng(seed), signed_probability=0.3)
        write_qdq(model, tmp_path / "q.onnx")
        back = read_model(tmp_path / "q.onnx")
        assert isinstance(back, QModel)
        assert not differences(model, back)


@pytest.mark.fuzz
def test_own_export_of_graphs_comes_back(tmp_path: Path) -> None:
    for seed in seeds(12):
        print(f"seed {seed}")
        model = random_graph_qmodel(np.random.default_rng(seed), averages_first=True, signed_probability=0.4)
        write_qdq(model, tmp_path / "q.onnx")
        assert not differences(model, read_model(tmp_path / "q.onnx"))


def test_differences_are_seen() -> None:
    rng = np.random.default_rng(0)
    a, b = random_qmodel(rng), random_qmodel(rng)
    assert differences(a, b) and not differences(a, a)


class QNet(Net):
    """QDQ as other tools write it: a DequantizeLinear for every reader, one pair after each node."""

    def pair(self, x: str, frac: int, zero: Any) -> str:
        scale, point = self.const(2.0**-frac), self.const(zero, dtype=zero.dtype)
        q = self.node("QuantizeLinear", [x, scale, point])
        return self.node("DequantizeLinear", [q, scale, point])

    def qconv(
        self, x: str, outputs: int, inputs: int, kernel: int, name: str, frac: int = 0, **attrs: Any
    ) -> tuple[str, np.ndarray]:
        ints = self.rng.integers(-128, 128, (outputs, inputs, kernel, kernel)).astype(np.int8)
        q = self.const(ints, dtype=np.int8)
        scale, zero = self.const(2.0**-9), self.const(0, dtype=np.int8)
        w = self.node("DequantizeLinear", [q, scale, zero])
        bias = self.const(self.rng.integers(-900, 900, outputs) * 2.0 ** -(9 + frac))
        return self.node("Conv", [x, w, bias], name, **attrs), ints


U8, I8 = np.uint8(0), np.int8(0)


def foreign(path: Path, **change: Any) -> Path:
    """A small QDQ network with branch-wise quantisation; ``change`` bends it."""
    net = QNet(seed=2, size=(9, 8))
    x = net.pair("image", 0, U8)
    y, _ = net.qconv(x, 4, 3, 3, "stem", strides=[2, 2])
    y = net.pair(net.relu(y), change.get("stem_frac", -2), U8)
    y = net.pair(net.node("MaxPool", [y], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), -2, U8)
    y, _ = net.qconv(y, 3, 4, 1, "m/squeeze", -2)
    y = net.pair(net.relu(y), 0, U8)
    a, _ = net.qconv(y, 5, 3, 1, "m/a", 0)
    b, _ = net.qconv(y, 2, 3, 3, "m/b", 0, pads=[1, 1, 1, 1])
    a = net.pair(net.relu(a), 1, U8)
    b = net.pair(net.relu(b), change.get("branch_frac", 1), U8)
    y = net.pair(net.node("Concat", [a, b], axis=1), 1, U8)
    y, _ = net.qconv(y, 6, 7, 1, "last", 1)
    y = net.pair(y, 1, I8)
    y = net.pair(net.node("GlobalAveragePool", [y]), 2 + change.get("extra", 0), I8)
    return net.save(path, net.node("Flatten", [y]), opset=17)


def test_foreign_qdq_is_exact(tmp_path: Path) -> None:
    path = foreign(tmp_path / "f.onnx")
    model = read_model(path)
    assert isinstance(model, QModel)
    assert kernels(model) == ["stem", "pool1", "m", "last", "pool3"]
    images = random_images(np.random.default_rng(0), model, 4)
    logits = np.ldexp(golden.run(model, images)["logits"].astype(float), -model.output.frac)
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    want = session.run(None, {"image": images.transpose(0, 3, 1, 2).astype(np.float32)})[0]
    assert np.array_equal(logits, want)
    assert len(np.unique(want)) > 4


def run_foreign(path: Path, images: np.ndarray) -> np.ndarray:
    """The file's float output by onnxruntime, without its own optimisations."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = images.transpose(0, 3, 1, 2).astype(np.float32)
    return np.concatenate([session.run(None, {"image": one[None]})[0].reshape(1, -1) for one in x])


def test_foreign_qdq_with_a_sum_and_a_join(tmp_path: Path) -> None:
    """Operands of different scales; a ReLU in front of a signed type that a signed tensor shares."""
    net = QNet(seed=3, size=(7, 6))
    x = net.pair("image", 0, U8)
    a, _ = net.qconv(x, 4, 3, 1, "a")
    a = net.pair(net.relu(a), -3, U8)
    b, _ = net.qconv(x, 4, 3, 3, "b", pads=[1, 1, 1, 1])
    b = net.pair(b, -4, I8)
    total = net.pair(net.relu(net.node("Add", [a, b], "total")), -5, I8)
    other, _ = net.qconv(total, 3, 4, 1, "other", -5)
    other = net.pair(other, -5, I8)
    both = net.pair(net.node("Concat", [total, other], "both", axis=1), -5, I8)
    y, _ = net.qconv(both, 3, 7, 1, "last", -5)
    y = net.pair(net.relu(y), -1, U8)
    y = net.pair(net.node("GlobalAveragePool", [y]), 1, U8)
    path = net.save(tmp_path / "f.onnx", y)
    model = read_model(path)
    assert isinstance(model, QModel)
    types, layers = model.types, {layer.name: layer for layer in model.layers}
    assert types["total"] == TensorType(Shape(4, 7, 6), 8, True, -5)  # not narrowed: "other" may be negative
    add = layers["total"]
    assert isinstance(add, QAdd) and add.relu and [t.frac for t in add.operands] == [-3, -4]
    images = random_images(np.random.default_rng(1), model, 4)
    logits = np.ldexp(golden.run(model, images)["logits"].astype(float), -model.output.frac)
    want = run_foreign(path, images)
    assert np.array_equal(logits, want) and len(np.unique(want)) > 4


def test_signed_type_after_relu_is_one_bit_narrower(tmp_path: Path) -> None:
    net = QNet(size=(4, 4))
    y, ints = net.qconv("image", 4, 3, 1, "c")
    y = net.pair(net.relu(y), -6, I8)
    model = read_model(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [y])))
    assert isinstance(model, QModel)
    conv, pool = model.layers
    assert isinstance(conv, QConv) and isinstance(pool, QAvgPool)
    assert conv.output == TensorType(Shape(4, 4, 4), 7, False, -6) and conv.relu
    assert np.array_equal(conv.weight, ints) and conv.weight_frac.tolist() == [9] * 4
    assert pool.total and pool.output == TensorType.of_scale(
        Shape(4, 1, 1), 11, False, 4.0
    )  # 16 * 127 * 64 / 16
    assert model.notes == ()


def test_clip_gives_the_width(tmp_path: Path) -> None:
    net = QNet(size=(4, 4))
    y, _ = net.qconv("image", 4, 3, 1, "c")
    y = net.node("Clip", [y, net.const(0.0), net.const(31 * 64.0)])
    y = net.pair(y, -6, U8)
    y = net.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
    model = read_model(net.save(tmp_path / "n.onnx", net.node("GlobalAveragePool", [y])))
    assert isinstance(model, QModel)
    assert isinstance(model.layers[1], QMaxPool) and model.layers[1].output.bits == 5
