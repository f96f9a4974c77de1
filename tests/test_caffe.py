"""Caffe's networks against onnxruntime on the same in ONNX, its pooling against its own rule, and what is refused."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from caffe_files import INPUT, conv, layer, pool, write_weights
from onnx import numpy_helper
from onnx_builder import Net, ort_logits
from test_cli import fails, works

from fpga_squeeze import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import Add, FloatModel
from fpga_squeeze.network.reference import float_logits

Capture = pytest.CaptureFixture[str]


def squeezenet(old: bool = False, head: str = "", tail: str | None = None) -> str:
    """The network of ``Net.squeezenet`` as text."""

    def fire(name: str, bottom: str, s: int, e1: int, e3: int) -> str:
        parts = [
            conv(f"{name}/squeeze1x1", bottom, s, old=old),
            conv(f"{name}/expand1x1", f"{name}/squeeze1x1", e1, old=old),
            conv(f"{name}/expand3x3", f"{name}/squeeze1x1", e3, "kernel_size: 3 pad: 1", old=old),
            layer("Concat", f"{name}/concat", f"{name}/expand1x1 {name}/expand3x3", old=old),
        ]
        return "".join(parts)

    return (
        (head or INPUT.format(3, 17, 15))
        + conv("conv1", "data", 6, "kernel_size: 3 stride: 2 pad: 1", old=old)
        + pool("pool1", "conv1", "pool: MAX kernel_size: 3 stride: 2", old=old)
        + fire("fire2", "pool1", 3, 4, 5)
        + layer("Dropout", "drop", "fire2/concat", "fire2/concat", old=old)
        + pool("pool2", "fire2/concat", "kernel_size: 2 stride: 2", old=old)
        + fire("fire3", "pool2", 2, 3, 4)
        + conv("conv10", "fire3/concat", 5, old=old)
        + pool("pool10", "conv10", "pool: AVE global_pooling: true", old=old)
        + (layer("Softmax", "prob", "pool10", old=old) if tail is None else tail)
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[np.ndarray]]]:
    """The same network in ONNX (its second pool in ceil mode, as Caffe has it), and its weights by layer."""
    net = Net(seed=3)
    out = net.squeezenet()
    for node in net.nodes:
        if node.name == "pool2":
            node.attribute.append(onnx.helper.make_attribute("ceil_mode", 1))
    path = net.save(tmp_path_factory.mktemp("caffe") / "net.onnx", out)
    values = {t.name: numpy_helper.to_array(t) for t in net.initializers}
    return path, {n.name: [values[i] for i in n.input[1:]] for n in net.nodes if n.op_type == "Conv"}


def images(model: FloatModel, count: int = 3) -> np.ndarray:
    s = model.input_shape
    shape = (count, s.height, s.width, s.channels)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def read(path: Path) -> FloatModel:
    model = read_model(path)
    assert isinstance(model, FloatModel)
    return model


SIZE = "dim: 1 dim: 3 dim: 17 dim: 15"
HEADS = {
    "input_shape": INPUT.format(3, 17, 15),
    "input_dim": 'input: "data" input_dim: 1 input_dim: 3 input_dim: 17 input_dim: 15\n',
    "labels": 'input: "data" input: "label" input_dim: 1 input_dim: 3 input_dim: 17 input_dim: 15 '
    "input_dim: 1 input_dim: 1 input_dim: 1 input_dim: 1\n",
    "Input": f"input_param {{ shape {{ {SIZE} }} }}",
    "MemoryData": "memory_data_param { batch_size: 4 channels: 3 height: 17 width: 15 }",
    "DummyData": f"dummy_data_param {{ shape {{ {SIZE} }} shape {{ dim: 1 }} }}",
}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_squeezenet(
    tmp_path: Path, reference: tuple[Path, dict[str, list[np.ndarray]]], old: bool, head: str
) -> None:
    path, weights = reference
    text = HEADS[head]
    if head[0].isupper():
        text = layer(head, "d", "", "data label", text, old=old and head != "Input")
    write_weights(tmp_path / "net.caffemodel", weights, old=old, double=head == "Input")
    (tmp_path / "net.prototxt").write_text(squeezenet(old, text))
    if old and head == "Input":  # which is newer than the old format
        with pytest.raises(FpgaSqueezeError, match="layers of both formats"):
            read_model(tmp_path / "net.caffemodel")
        return
    model = read(tmp_path / "net.caffemodel")
    pixels = images(model)
    want = ort_logits(path, pixels.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(float_logits(model, pixels), want, rtol=1e-5, atol=1e-5)
    assert [x.name for x in model.layers] == [x.name for x in read(path).layers]
    assert (model.name, model.source) == ("net", str(tmp_path / "net.caffemodel"))


def test_phases_and_ends(tmp_path: Path, reference: tuple[Path, dict[str, list[np.ndarray]]]) -> None:
    """What is trained with: a cropped data layer for each phase, losses, rules of all kinds."""
    _, weights = reference
    crop = "transform_param {{ crop_size: {0} mirror: true mean_value: 104 }} include {{ phase: {1} }}"
    head = layer("Data", "d", "", "data label", crop.format(15, "TRAIN"))
    head += layer("Data", "d", "", "data label", crop.format(17, "TEST"))
    tail = layer("SoftmaxWithLoss", "loss", "pool10 label", "loss", "exclude { phase: TEST }")
    tail += layer("LRN", "norm", "pool10", "pool10", 'include { phase: TRAIN } include { stage: "deploy" }')
    tail += layer("LRN", "norm", "pool10", "pool10", "include { phase: TEST min_level: 1 }")
    tail += layer("Accuracy", "top1", "pool10 label", "top1", "include { phase: TEST }")
    tail += layer("EuclideanLoss", "l2", "pool10 label", "l2", "unknown_param { depth { a: 1 } } engine: NEW")
    write_weights(tmp_path / "net.caffemodel", weights)
    (tmp_path / "deploy.prototxt").write_text(squeezenet(head=head, tail=tail))
    (tmp_path / "solver.prototxt").write_text('net: "train_val.prototxt"')
    for name in ("net.caffemodel", "deploy.prototxt"):
        model = read(tmp_path / name)
        assert str(model.input_shape) == "3x17x17" and str(model.output_shape) == "5x1x1"


def test_bypass_batch_norm_and_spellings(tmp_path: Path) -> None:
    net = Net(seed=5, size=(12, 14))
    rng = net.rng
    first, second = net.weights(4, 3, 3), net.weights(4, 4, 3)
    wide, short = rng.normal(size=(4, 4, 1, 3)), rng.normal(size=(6, 8, 1, 1))
    mean, variance, gamma, beta, shift = rng.normal(size=(5, 4))
    variance, count = abs(variance) + 0.5, 3.0
    text = INPUT.format(3, 12, 14) + (
        conv("conv1", "data", 4, "kernel_h: 3 kernel_w: 3 pad_h: 1 pad_w: 1 bias_term: false", relu=False)
        + layer("BatchNorm", "bn1", "conv1", "bn1", "batch_norm_param { use_global_stats: true eps: 1e-3 }")
        + layer("Scale", "scale1", "bn1", "bn1", "scale_param { bias_term: true }")
        + layer("ReLU", "relu1", "bn1", "active")
        + layer("Split", "split", "active", "left right")
        + conv("conv2", "left", 4, "kernel_size: 3 kernel_size: 3 pad: 1 pad: 1 bias_term: false", relu=False)
        + layer("Bias", "bias2", "conv2", "conv2", "")
        + layer("Eltwise", "sum", "conv2 right", "", "eltwise_param { operation: SUM coeff: 1 coeff: 1 }")
        + layer("ReLU", "relu_sum", "sum", "sum")
        + conv("conv3", "sum", 4, "kernel_h: 1 kernel_w: 3 pad_h: 0 pad_w: 1 stride: 1 bias_term: false")
        + layer("Concat", "join", "conv3 sum", "", "concat_param { concat_dim: 1 }")
        + conv("conv4", "join", 6, "kernel_size: 1 bias_term: false", relu=False)
        + pool("pool", "conv4", "pool: AVE kernel_h: 12 kernel_w: 14")
        + layer("Flatten", "flat", "pool")
    )
    write_weights(
        tmp_path / "m.caffemodel",
        {
            "conv1": [first],
            "bn1": [mean * count, variance * count, np.array([count])],
            "scale1": [gamma, beta],
            "conv2": [second],
            "bias2": [shift],
            "conv3": [wide],
            "conv4": [short],
        },
    )
    (tmp_path / "m.prototxt").write_text(text)
    x = net.conv("image", 4, 3, 3, weight=first, bias=False, pads=[1] * 4)
    x = net.node("BatchNormalization", [x, *map(net.const, (gamma, beta, mean, variance))], epsilon=1e-3)
    x = net.relu(x)
    y = net.conv(x, 4, 4, 3, weight=second, bias=False, pads=[1] * 4)
    y = net.node("Add", [y, net.const(shift[:, None, None])])
    y = net.relu(net.node("Add", [y, x]))
    z = net.relu(net.conv(y, 4, 4, 3, weight=wide, bias=False, pads=[0, 1, 0, 1]))
    z = net.conv(net.node("Concat", [z, y], axis=1), 6, 8, 1, weight=short, bias=False)
    path = net.save(tmp_path / "m.onnx", net.node("GlobalAveragePool", [z]))
    model = read(tmp_path / "m.prototxt")
    pixels = images(model)
    want = ort_logits(path, pixels.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(float_logits(model, pixels), want, rtol=1e-5, atol=1e-4 * np.ptp(want))
    assert [x.name for x in model.layers if isinstance(x, Add)] == ["sum"]


@pytest.mark.parametrize("old", [False, True])
def test_inner_products(tmp_path: Path, old: bool) -> None:
    """Behind a map of several pixels and behind one, a matrix and its transpose."""
    net = Net(seed=2, size=(4, 5), channels=1)
    first, last = net.weights(3, 1, 1), net.weights(4, 6, 1)
    wide = net.rng.normal(size=(6, 3, 4, 5))
    bias = net.rng.normal(size=6)
    text = INPUT.format(1, 4, 5) + conv("c", "data", 3, "kernel_size: 1 bias_term: false", old=old)
    text += layer("InnerProduct", "fc1", "c", "", "inner_product_param { num_output: 6 }", old=old)
    text += layer("ReLU", "relu1", "fc1", "fc1", old=old)
    body = "inner_product_param { num_output: 4 bias_term: false transpose: true }"
    text += layer("InnerProduct", "fc2", "fc1", "", body, old=old)
    matrices = {"c": [first], "fc1": [wide.reshape(6, -1), bias], "fc2": [last.reshape(4, 6).T]}
    write_weights(tmp_path / "m.caffemodel", matrices, old=old)
    (tmp_path / "m.prototxt").write_text(text)
    x = net.relu(net.conv("image", 3, 1, 1, weight=first, bias=False))
    x = net.relu(net.node("Conv", [x, net.const(wide), net.const(bias)]))
    path = net.save(tmp_path / "m.onnx", net.conv(x, 4, 6, 1, weight=last, bias=False))
    model = read(tmp_path / "m.caffemodel")
    pixels = images(model)
    want = ort_logits(path, pixels.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(float_logits(model, pixels), want, rtol=1e-5, atol=1e-4 * np.ptp(want))
    (tmp_path / "m.prototxt").write_text(text.replace("transpose: true", ""))
    with pytest.raises(
        FpgaSqueezeError, match=r"fc2 .*: blob 0 in m.caffemodel has shape .*6, 4\], the network wants"
    ):
        read_model(tmp_path / "m.caffemodel")


def caffe_pool(x: np.ndarray, kind: str, k: int, s: int, p: int) -> np.ndarray | None:
    """Caffe's pooling of [C, H, W] as its loops have it; None where a window holds nothing."""
    sizes = []
    for size in x.shape[1:]:
        count = int(np.ceil((size + 2 * p - k) / s)) + 1
        sizes.append(count - 1 if p and (count - 1) * s >= size + p else count)
    out = np.zeros((len(x), *sizes))
    for i, j in itertools.product(*map(range, sizes)):
        top, left = i * s - p, j * s - p
        bottom, right = min(top + k, x.shape[1] + p), min(left + k, x.shape[2] + p)
        area = (bottom - top) * (right - left)
        window = x[:, max(top, 0) : min(bottom, x.shape[1]), max(left, 0) : min(right, x.shape[2])]
        if not window.size:
            return None
        out[:, i, j] = window.max(axis=(1, 2)) if kind == "MAX" else window.sum(axis=(1, 2)) / area
    return out


def test_pooling(tmp_path: Path) -> None:
    """Every window up to 4 pixels: what is read is what Caffe computes, and little is refused."""
    weight = np.abs(np.random.default_rng(0).normal(size=(2, 1, 1, 1)))
    write_weights(tmp_path / "m.caffemodel", {"c": [weight]})
    read_by = refused = 0
    for kind, size, k, s in itertools.product(("MAX", "AVE"), (7, 8), (1, 2, 3, 4), (1, 2, 3)):
        for p in range(0, min(k, 2)):
            text = INPUT.format(1, size, 7) + conv("c", "data", 2, "kernel_size: 1 bias_term: false")
            text += pool("p", "c", f"pool: {kind} kernel_size: {k} stride: {s} pad: {p}")
            text += pool("end", "p", "pool: AVE global_pooling: true")
            (tmp_path / "m.prototxt").write_text(text)
            pixels = np.random.default_rng(k).integers(0, 256, (1, size, 7, 1), dtype=np.uint8)
            want = caffe_pool(weight.reshape(2, 1, 1) * pixels[0, :, :, 0], kind, k, s, p)
            try:
                model = read(tmp_path / "m.prototxt")
            except FpgaSqueezeError as error:
                over = any((k - size - 2 * p) % s for size in (size, 7))
                assert want is None or (kind == "AVE" and over), str(error)
                refused += 1
                continue
            assert want is not None
            got = float_logits(model, pixels)[0]
            np.testing.assert_allclose(got, want.mean(axis=(1, 2)), rtol=1e-5, err_msg=text)
            read_by += 1
    assert read_by > 50 and refused > 10


def bad(tmp_path: Path, text: str, weights: dict[str, list[np.ndarray]], *patterns: str) -> None:
    write_weights(tmp_path / "m.caffemodel", weights)
    (tmp_path / "m.prototxt").write_text(text)
    with pytest.raises(FpgaSqueezeError) as caught:
        read_model(tmp_path / "m.caffemodel")
    assert "\n" not in str(caught.value) and str(tmp_path / "m.") in str(caught.value)
    for pattern in patterns:
        assert pattern in str(caught.value), str(caught.value)


ONE = {"c": [np.ones((2, 3, 1, 1)), np.zeros(2)]}


def small(body: str = "kernel_size: 1", behind: str = "", end: str = "c") -> str:
    text = INPUT.format(3, 8, 8) + conv("c", "data", 2, body) + behind
    return text + pool("end", end, "pool: AVE global_pooling: true")


def test_every_reason_at_once(tmp_path: Path) -> None:
    behind = layer("LRN", "norm1", "c") + layer("LRN", "norm2", "norm1") + layer("PReLU", "act", "norm2")
    behind += layer("ReLU", "leaky", "c", "", "relu_param { negative_slope: 0.1 }")
    behind += layer("Eltwise", "prod", "c c", "", "eltwise_param { operation: PROD }")
    behind += layer("Eltwise", "diff", "c c", "", "eltwise_param { coeff: 1 coeff: -1 }")
    behind += layer("Concat", "rows", "c c", "", "concat_param { axis: 2 }")
    behind += layer("Softmax", "soft", "c", "", "softmax_param { axis: 2 }")
    behind += pool("noise", "c", "pool: STOCHASTIC kernel_size: 2") + layer("ReLU", "lost", "nowhere")
    behind += layer("BatchNorm", "bn", "c", "", "batch_norm_param { use_global_stats: false }")
    behind += pool("over", "c", "pool: AVE kernel_size: 3 stride: 2")
    bad(
        tmp_path,
        small(behind=behind),
        ONE,
        "layer norm1 (LRN), layer norm2 (LRN), layer act (PReLU): this layer is not supported",
        "layer leaky (ReLU): has negative_slope 0.1",
        "layer prod (Eltwise): combines by PROD;",
        "layer diff (Eltwise): combines by SUM with coefficients [1.0, -1.0]",
        "layer rows (Concat): joins along axis 2",
        "layer soft (Softmax): is over axis 2",
        "layer noise (Pooling): pools by STOCHASTIC",
        "layer lost (ReLU): reads nowhere",
        "layer bn (BatchNorm): normalises by the batch",
        "layer over (Pooling): averages windows that reach over its input 2x8x8",
    )


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    shape = (
        "layer c (Convolution): blob 0 in m.caffemodel has shape [2, 3, 1, 1], the network wants [2, 3, 3, 3]"
    )
    bad(tmp_path, small("kernel_size: 3"), ONE, shape)
    bad(tmp_path, small(), {"other": ONE["c"]}, "layer c (Convolution): m.caffemodel holds no weights for it")
    bad(tmp_path, small(), {"c": ONE["c"][:1]}, "m.caffemodel holds 1 blobs for it, not 2")
    bad(
        tmp_path,
        small(),
        {"c": [ONE["c"][0], np.zeros(3)]},
        "blob 1 in m.caffemodel has shape [3]; 2 numbers",
    )
    bad(tmp_path, small("kernel_size: 1 group: 3"), ONE, "has 3 groups")
    bad(tmp_path, small("kernel_size: 1 dilation: 2"), ONE, "has dilation [2, 2]")
    bad(tmp_path, small("bias_term: true"), ONE, "layer c (Convolution): has 0 sizes of its kernel")
    bad(tmp_path, small("kernel_size: 1 stride: 5"), ONE, "node c (Conv)", "stride 5")
    bad(tmp_path, small(), {"c": [np.full((2, 3, 1, 1), np.nan), np.zeros(2)]}, "node c (Conv)", "NaN")
    bad(tmp_path, small(behind=layer("ReLU", "two", "c", "two")), ONE, "has 2 ends")
    data = layer("Data", "d", "", "data label")
    bad(tmp_path, data + small().partition("\n")[2], ONE, "says no size of its input")
    net = write_weights(tmp_path / "m.caffemodel", ONE).read_bytes()
    (tmp_path / "m.prototxt").write_text(small())
    (tmp_path / "m.caffemodel").write_bytes(net.replace(b"\x04\x02\x03\x01\x01", b"\x04\x02\x03\x01\x02"))
    with pytest.raises(
        FpgaSqueezeError, match=r"blob 0 in m.caffemodel holds 6 numbers of shape \[2, 3, 1, 2\]"
    ):
        read_model(tmp_path / "m.caffemodel")


def test_files(tmp_path: Path) -> None:
    def refused(path: Path, *patterns: str) -> None:
        with pytest.raises(FpgaSqueezeError) as caught:
            read_model(path)
        told = str(caught.value)
        assert told.startswith(str(path.parent)) and "\n" not in told
        assert all(pattern in told for pattern in patterns), told

    weights = write_weights(tmp_path / "m.caffemodel", ONE)
    refused(tmp_path / "none.caffemodel", "no such file")
    refused(weights, "there is no file with its network beside it", "m.prototxt")
    for name in ("a", "b"):
        (tmp_path / f"{name}.prototxt").write_text(small())
    refused(weights, "which of a.prototxt, b.prototxt is its network")
    assert read(tmp_path / "a.prototxt").convs[0].weight.shape == (2, 3, 1, 1)
    (tmp_path / "m.prototxt").write_text(small().replace("layer", "layers {", 1))
    refused(weights, "m.prototxt: cannot be read as a network of Caffe")
    (tmp_path / "m.prototxt").write_bytes(b"\xff\xfe\x00")
    refused(weights, "m.prototxt: cannot be read as a network of Caffe")
    (tmp_path / "m.prototxt").write_text('net: "train.prototxt" base_lr: 0.1')
    refused(weights, "m.prototxt: has no layers", "not the solver's")
    (tmp_path / "m.prototxt").write_text(
        'layers { layer { name: "c" type: "conv" } bottom: "data" top: "c" }'
    )
    refused(weights, "oldest format", "upgrade_net_proto_text")
    (tmp_path / "m.prototxt").write_text(small())
    whole = weights.read_bytes()
    for damaged in (whole[:-3], b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04 a zip"):
        weights.write_bytes(damaged)
        refused(weights, "m.caffemodel: holds no weights of Caffe, or is truncated")
    weights.write_bytes(b"")
    refused(weights, "m.caffemodel holds no weights for it")


@pytest.mark.parametrize("name", ["m.caffemodel", "m.prototxt"])
def test_damaged_files(tmp_path: Path, name: str) -> None:
    """Whatever bytes are changed: a network or one line."""
    write_weights(tmp_path / "m.caffemodel", ONE, old=name == "m.prototxt")
    (tmp_path / "m.prototxt").write_text(small("kernel_size: 1 stride: 1 pad: 0"))
    whole, rng, refused = (tmp_path / name).read_bytes(), np.random.default_rng(6), 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] = rng.integers(0, 256) if name == "m.caffemodel" else rng.choice(data)
        (tmp_path / name).write_bytes(data)
        try:
            read_model(tmp_path / name)
        except FpgaSqueezeError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_verbs(capsys: Capture, tmp_path: Path, reference: tuple[Path, dict[str, list[np.ndarray]]]) -> None:
    path, weights = reference
    model = write_weights(tmp_path / "net.caffemodel", weights)
    (tmp_path / "net.prototxt").write_text(squeezenet())
    np.save(tmp_path / "x.npy", images(read(model), 4))
    (tmp_path / "l.csv").write_text("".join(f"x[{i}],{i}\n" for i in range(4)))
    calibrated = ["--calibration", tmp_path / "x.npy"]
    works(capsys, "quantize", model, "-o", tmp_path / "a.onnx", *calibrated)
    works(capsys, "generate", tmp_path / "net.prototxt", "-o", tmp_path / "p", "--lanes", 12, *calibrated)
    works(capsys, "quantize", path, "-o", tmp_path / "b.onnx", *calibrated)
    works(capsys, "compress", model, "-o", tmp_path / "small.onnx", "--bits", 6)
    named = ["--images", tmp_path / "x.npy", "--labels", tmp_path / "l.csv", "--json"]
    counts = []
    for float_model in (model, path):
        out = json.loads(works(capsys, "evaluate", tmp_path / "a.onnx", *named, "--float", float_model))
        counts.append((out["float"]["top1_count"], out["golden"]["agreement_count"], out["float"]["runner"]))
    assert counts[0] == counts[1]
    for name in ("net.caffemodel", "net.prototxt"):
        assert "writes ONNX" in fails(capsys, 2, "quantize", model, "-o", tmp_path / name, *calibrated)
    assert read(model).convs
