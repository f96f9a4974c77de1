"""Golden against onnxruntime and against plain Python integers, element by element, on every layer's
output."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_equality import differences
from random_graphs import random_graph, random_graph_qmodel
from random_models import random_images, random_qmodel
from seeds import seeds

from fpga_squeeze.datasets.images import (
    embedded_calibration,
    embedded_images,
    embedded_model_path,
    load_images,
)
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.export.qdq import inexact, write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import IMAGE, FloatModel, Shape, window_output
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConv, QMaxPool, QModel, TensorType
from fpga_squeeze.quantization.quantize import PRESETS, quantize
from fpga_squeeze.verify.oracle import ort_integers

REAL = Path(__file__).resolve().parents[2] / "shared" / "models"


def assert_equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    """Same keys in the same order, same shapes, same integers."""
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype == np.int64
        assert a[name].shape == b[name].shape, name
        wrong = int((a[name] != b[name]).sum())
        assert not wrong, f"{name}: {wrong} of {a[name].size} values differ"


@pytest.fixture(scope="module")
def digits() -> QModel:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    return quantize(model, embedded_calibration())


# ------------------------------------------------------------------------------------------ onnxruntime


def test_embedded_model_equals_onnxruntime(digits: QModel) -> None:
    images, _ = embedded_images()
    assert_equal(golden.run(digits, images), ort_integers(digits, images))


# Not parametrised by the seeds: names of tests that change from run to run help nobody.
@pytest.mark.fuzz
def test_random_models_equal_onnxruntime(tmp_path: Path) -> None:
    for seed in seeds(12):
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        model = random_qmodel(rng, signed_probability=0.2)
        images = random_images(rng, model, 3)
        assert not inexact(model), inexact(model)
        assert_equal(golden.run(model, images), ort_integers(model, images))
        write_qdq(model, tmp_path / "q.onnx")
        assert not differences(model, read_model(tmp_path / "q.onnx"))


def test_kernel_of_5x5_equals_onnxruntime(tmp_path: Path) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        model = random_qmodel(rng, first_kernel=5, min_size=7, signed_probability=0.2)
        images = random_images(rng, model, 3)
        assert model.convs[0].kernel == (5, 5) and not inexact(model)
        assert_equal(golden.run(model, images), ort_integers(model, images))
        write_qdq(model, tmp_path / "q.onnx")
        assert not differences(model, read_model(tmp_path / "q.onnx"))


@pytest.mark.slow
def test_imagenet_model_equals_onnxruntime(tmp_path: Path) -> None:
    onnx_file = REAL / "squeezenet_v1.0_deep_compression.onnx"
    if not onnx_file.is_file():
        pytest.skip("the ImageNet model is not at ../shared/models")
    model = read_model(onnx_file)
    assert isinstance(model, FloatModel)
    images, _ = load_images(REAL / "imagenet_800_227.zip", model.input_shape, 4)
    q = quantize(model, images[:3], PRESETS["caffe"])
    assert max(conv.acc_magnitude for conv in q.convs) < golden.FLOAT32_EXACT
    assert_equal(golden.run(q, images[3:]), ort_integers(q, images[3:]))
    write_qdq(q, tmp_path / "q.onnx")
    assert not differences(q, read_model(tmp_path / "q.onnx"))


def bend(model: QModel, change: str) -> QModel:
    """The model with one integer of one layer changed."""
    layers = list(model.layers)
    i = next(i for i, layer in enumerate(layers) if layer.name == "fire2_expand3x3")
    conv = layers[i]
    assert isinstance(conv, QConv)
    if change == "weight bit":
        weight = conv.weight.copy()
        index = np.unravel_index(np.argmax(np.abs(weight)), weight.shape)
        weight[index] ^= 1 << (conv.weight_bits - 2)
        conv = replace(conv, weight=weight)
    elif change == "shift":
        conv = replace(conv, weight_frac=conv.weight_frac + 1)
    elif change == "bias":
        conv = replace(conv, bias=conv.bias + (np.int64(1) << np.maximum(conv.shift, 0)))
    layers[i] = conv
    return replace(model, layers=tuple(layers))


@pytest.mark.parametrize("change", ["weight bit", "shift", "bias"])
def test_comparison_sees_a_broken_layer(digits: QModel, change: str) -> None:
    images, _ = embedded_images()
    bent = bend(digits, change)
    good, bad = ort_integers(digits, images[:4]), golden.run(bent, images[:4])
    for name in ("fire2_squeeze1x1", "fire2_expand1x1"):
        assert np.array_equal(good[name], bad[name])
    for name in ("fire2_expand3x3", "fire2"):
        assert not np.array_equal(good[name], bad[name])
    with pytest.raises(AssertionError, match="fire2_expand3x3: [0-9]+ of"):
        assert_equal(bad, good)


def test_oracle_refuses_what_float32_cannot_hold() -> None:
    rng = np.random.default_rng(1)
    model = random_qmodel(rng, weight_bits=(8,), min_size=9)
    conv = model.layers[0]
    assert isinstance(conv, QConv)
    heavy = replace(conv, bias=conv.bias + (1 << 24))
    model = replace(model, layers=(heavy, *model.layers[1:]))
    assert inexact(model) and "conv1" in inexact(model)[0]
    with pytest.raises(FpgaSqueezeError, match="no exact oracle.*conv1"):
        ort_integers(model, random_images(rng, model, 1))
    golden.run(model, random_images(rng, model, 1))  # golden itself goes on in float64


def whole_average(at: str, t: TensorType, extra: int = 0) -> QAvgPool:
    """The average of all of a tensor of type ``t``."""
    out = replace(t, shape=Shape(t.shape.channels, 1, 1), frac=t.frac + extra)
    return QAvgPool("pool", (at,), (t.shape.height, t.shape.width), 1, (0, 0, 0, 0), t, out)


def test_oracle_refuses_an_average_too_long() -> None:
    t = TensorType(Shape(1, 16, 16), 16, False, 0)
    assert inexact(QModel("m", t, (whole_average(IMAGE, t),)))
    t = replace(t, shape=Shape(1, 15, 15))
    pool = whole_average(IMAGE, t)
    assert not inexact(QModel("m", t, (pool,)))


# ------------------------------------------------------------------------------------ plain Python integers


def naive_conv(x: np.ndarray, conv: QConv) -> np.ndarray:
    """The contract written down once more, with Python's unbounded integers and fractions only."""
    top, left, _, _ = conv.pads
    channels, height, width = x.shape
    out = np.zeros((len(conv.bias), conv.output.shape.height, conv.output.shape.width), dtype=np.int64)
    low, high = conv.output.range
    for o, oy, ox in np.ndindex(*out.shape):
        acc = int(conv.bias[o])
        for i, ky, kx in np.ndindex(channels, *conv.kernel):
            y, xx = oy * conv.stride + ky - top, ox * conv.stride + kx - left
            inside = 0 <= y < height and 0 <= xx < width
            pixel = int(x[i, y, xx]) if inside else int(conv.pad_value[i])
            acc += pixel * int(conv.weight[o, i, ky, kx])
        shift = conv.input.frac + int(conv.weight_frac[o]) - conv.output.frac
        value = round(Fraction(acc) / Fraction(2) ** shift)
        out[o, oy, ox] = min(max(value, 0 if conv.relu else low), high)
    return out


@st.composite
def single_convs(draw: st.DrawFn) -> tuple[QConv, np.ndarray]:
    """A random convolution of every geometry, and integers for it that reach the ends of their range."""
    kernel = draw(st.sampled_from(((1, 1), (3, 3), (7, 7), (5, 5), (3, 1), (1, 3), (2, 4))))
    stride = draw(st.sampled_from((1, 2)))
    height, width = (draw(st.integers(side, side + 5)) for side in kernel)
    channels, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pads = tuple(draw(st.integers(0, max(1, side // 2))) for side in (*kernel, *kernel))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    signed_in, relu = draw(st.booleans()), draw(st.booleans())
    bits, weight_bits = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    source = TensorType(Shape(channels, height, width), bits, signed_in, draw(st.integers(-3, 8)))
    around = (pads[0], pads[1], pads[2], pads[3])
    shape = window_output(outputs, source.shape, kernel, stride, around)
    output = TensorType(shape, draw(st.sampled_from((4, 8, 11, 16))), not relu, draw(st.integers(-3, 8)))
    half = 1 << (weight_bits - 1)
    shift = rng.integers(-4, 14, outputs)
    conv = QConv(
        "conv",
        (IMAGE,),
        rng.integers(-half, half, (outputs, channels, *kernel)) * rng.integers(0, 2, (outputs, 1, 1, 1)),
        weight_bits,
        shift + output.frac - source.frac,
        rng.integers(-(1 << 18), 1 << 18, outputs) >> rng.integers(0, 18, outputs),
        stride,
        around,
        relu,
        rng.integers(source.range[0], source.range[1] + 1, channels),
        source,
        output,
    )
    x = rng.integers(source.range[0], source.range[1] + 1, (channels, height, width))
    x.reshape(-1)[: 1 + x.size // 4] = source.range[int(rng.integers(2))]
    return conv, x


@settings(max_examples=60, deadline=None)
@given(single_convs())
def test_conv_equals_python_integers(case: tuple[QConv, np.ndarray]) -> None:
    conv, x = case
    assert np.array_equal(golden.conv_forward(x.astype(np.float32), conv), naive_conv(x, conv))
    low, high = conv.acc_range
    acc = golden.conv_accumulate(x.astype(np.float32), conv)
    assert low <= acc.min() and acc.max() <= high
    assert max(-low, high) <= conv.acc_magnitude


@settings(max_examples=20, deadline=None)
@given(single_convs())
def test_float64_path_equals_float32_path(case: tuple[QConv, np.ndarray]) -> None:
    conv, x = case
    heavy = replace(conv, bias=conv.bias + (1 << 25))
    assert golden.sum_dtype(heavy) is np.float64
    assert np.array_equal(golden.conv_forward(x.astype(np.float32), heavy), naive_conv(x, heavy))


@settings(max_examples=40, deadline=None)
@given(single_convs())
def test_single_conv_equals_onnxruntime(case: tuple[QConv, np.ndarray]) -> None:
    conv, x = case
    pixels = TensorType(Shape(conv.input.shape.channels, *x.shape[1:]), 8, False, conv.input.frac)
    pad_value = conv.pad_value & 255 if any(conv.pads) else conv.pad_value * 0
    conv = replace(conv, input=pixels, pad_value=pad_value)
    model = QModel("single", pixels, (conv, whole_average("conv", conv.output)))
    if inexact(model):
        return
    images = (x & 255).astype(np.uint8).transpose(1, 2, 0)[None]
    assert_equal(golden.run(model, images), ort_integers(model, images))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_max_pool_equals_plain_loops(data: st.DataObject) -> None:
    kernel, stride = data.draw(
        st.sampled_from(
            (((3, 3), 2), ((2, 2), 2), ((3, 3), 3), ((2, 2), 1), ((4, 4), 3), ((3, 3), 1), ((2, 3), 2))
        )
    )
    height, width = (data.draw(st.integers(side, 12)) for side in kernel)
    pads = tuple(data.draw(st.integers(0, 1)) for _ in range(4))
    ceil, signed = data.draw(st.booleans()), data.draw(st.booleans())
    source = TensorType(Shape(2, height, width), 8, signed, 3)
    around = (pads[0], pads[1], pads[2], pads[3])
    shape = window_output(2, source.shape, kernel, stride, around, ceil)
    out = replace(source, shape=shape)
    pool = QMaxPool("pool", (IMAGE,), kernel, stride, around, ceil, source, out)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    x = rng.integers(source.range[0], 0 if signed else 255, (2, height, width))
    y = golden.pool_forward(x.astype(np.float32), pool)
    for c, oy, ox in np.ndindex(*y.shape):
        y0, x0 = oy * stride - pads[0], ox * stride - pads[1]
        window = x[c, max(y0, 0) : y0 + kernel[0], max(x0, 0) : x0 + kernel[1]]
        assert window.size and y[c, oy, ox] == window.max()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 15), st.integers(1, 15), st.integers(0, 1), st.booleans(), st.integers(0, 2**32))
def test_average_ties_survive_in_onnxruntime(h: int, w: int, extra: int, signed: bool, seed: int) -> None:
    """Sums steered onto exact ties and their neighbours, through a pass-through convolution."""
    rng, channels = np.random.default_rng(seed), 7
    source = TensorType(Shape(1, h, w), 8, False, 0)
    wide = TensorType(Shape(channels, h, w), 12, signed, 0)
    weight = np.array([1, 2, 3, 4, 5, 6, 7]).reshape(-1, 1, 1, 1) * (rng.choice((-1, 1)) if signed else 1)
    zero = np.zeros(channels, dtype=np.int64)
    conv = QConv("conv", (IMAGE,), weight, 4, zero, zero, 1, (0, 0, 0, 0), not signed, zero[:1], source, wide)
    pool = whole_average("conv", wide, extra)
    model = QModel("average", source, (conv, pool))
    count = h * w
    flat = np.zeros((4, count), dtype=np.uint8)
    for image in flat:
        total = int(rng.integers(0, 100)) * count + count // 2 + int(rng.integers(-1, 2))
        image[:] = max(total, 0) // count
        image[: max(total, 0) % count] += 1
    images = flat.reshape(4, h, w, 1)
    out = golden.run(model, images)
    for n, c in np.ndindex(4, channels):
        total = int(images[n].sum()) * int(weight[c, 0, 0, 0])
        low, high = pool.output.range
        assert out["logits"][n, c] == min(max(round(Fraction(total << extra, count)), low), high)
    assert_equal(out, ort_integers(model, images))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_windowed_average_equals_fractions(data: st.DataObject) -> None:
    """Against fractions, zeros around the map counted, and against onnxruntime on the export."""
    kernel = data.draw(st.sampled_from(((3, 3), (2, 2), (2, 3), (3, 1), (1, 1), (5, 5))))
    stride, extra = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 3))
    height, width = (data.draw(st.integers(side, 9)) for side in kernel)
    around = tuple(data.draw(st.integers(0, side // 2)) for side in (*kernel, *kernel))
    pads = (around[0], around[1], around[2], around[3])
    source = TensorType(Shape(2, height, width), 8, False, 2)
    shape = window_output(2, source.shape, kernel, stride, pads)
    bits = data.draw(st.sampled_from((8, 8 + extra)))
    pool = QAvgPool("pool", (IMAGE,), kernel, stride, pads, source, TensorType(shape, bits, False, 2 + extra))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    images = rng.integers(0, 256, (2, height, width, 2), dtype=np.uint8)
    model = QModel("m", source, (pool,))
    out = golden.run(model, images)
    for n, c, oy, ox in np.ndindex(*out["pool"].shape):
        y0, x0 = oy * stride - pads[0], ox * stride - pads[1]
        window = images[n, max(y0, 0) : y0 + kernel[0], max(x0, 0) : x0 + kernel[1], c]
        value = round(Fraction(int(window.sum()) << extra, kernel[0] * kernel[1]))
        assert out["pool"][n, c, oy, ox] == min(value, pool.output.range[1])
    assert_equal(out, ort_integers(model, images))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sum_equals_fractions(data: st.DataObject) -> None:
    signs = [data.draw(st.booleans()) for _ in range(2)]
    a, b = (
        TensorType(Shape(2, 3, 4), data.draw(st.integers(2, 16)), s, data.draw(st.integers(-4, 9)))
        for s in signs
    )
    relu = data.draw(st.booleans())
    signed = any(signs) and not relu
    out = TensorType(a.shape, data.draw(st.integers(2, 16)), signed, data.draw(st.integers(-6, 12)))
    add = QAdd("add", ("a", "b"), (a, b), relu, out)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    x, y = (rng.integers(t.range[0], t.range[1] + 1, (2, 3, 4)) for t in (a, b))
    for map_, t in ((x, a), (y, b)):
        map_.reshape(-1)[:2] = t.range
    got = golden.forward(add, [x.astype(np.float32), y.astype(np.float32)])
    for at in np.ndindex(*x.shape):
        real = Fraction(int(x[at])) / Fraction(2) ** a.frac + Fraction(int(y[at])) / Fraction(2) ** b.frac
        value = round(real * Fraction(2) ** out.frac)
        assert got[at] == min(max(value, 0 if relu else out.range[0]), out.range[1])
    low, high = (sum(t.range[i] * m for t, m in zip((a, b), add.terms, strict=False)) for i in (0, 1))
    assert -(1 << add.sum_bits - 1) <= low and high < 1 << add.sum_bits - 1


@pytest.mark.slow
@pytest.mark.fuzz
def test_random_graphs_equal_onnxruntime(tmp_path: Path) -> None:
    for seed in seeds(20):
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        model = random_graph_qmodel(rng)
        images = random_images(rng, model, 2)
        assert not inexact(model), inexact(model)
        assert_equal(golden.run(model, images), ort_integers(model, images))
        write_qdq(model, tmp_path / "q.onnx")
        assert not differences(model, read_model(tmp_path / "q.onnx"))


def test_random_graphs_have_everything() -> None:
    found: set[str] = set()
    for seed in range(60):
        model = random_graph(np.random.default_rng(seed), averages_first=True, same_inputs=False)
        found |= {type(layer).__name__ for layer in model.layers}
        found |= {f"{c.kernel}" for c in model.convs} | {f"stride {c.stride}" for c in model.convs}
        found |= {"signed" for c in model.convs if not c.relu}
        found |= {"fork" for readers in model.readers.values() if len(readers) > 1}
        for layer in model.layers:
            assert len(set(layer.inputs)) == len(layer.inputs)
    wanted = {"Conv", "MaxPool", "AvgPool", "Add", "Concat", "fork", "signed", "stride 1", "stride 2"}
    assert wanted | {"(3, 1)", "(1, 3)", "(5, 5)", "(7, 7)"} <= found


def test_run_names_and_shapes(digits: QModel) -> None:
    images, _ = embedded_images()
    out = golden.run(digits, images[:2])
    for layer in digits.layers:
        s = layer.output.shape
        assert out[layer.name].shape == (2, s.channels, s.height, s.width)
        low, high = layer.output.range
        assert low <= out[layer.name].min() and out[layer.name].max() <= high
    assert list(golden.run(digits, images[:2], keep=False)) == ["logits"]


@pytest.mark.parametrize("shape", [(1, 31, 32, 1), (1, 32, 32, 3), (32, 32, 1)])
def test_run_refuses_other_sizes(digits: QModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(FpgaSqueezeError, match=r"the model wants uint8 \[N, 32, 32, 1\]"):
        golden.run(digits, np.zeros(shape, dtype=np.uint8))
