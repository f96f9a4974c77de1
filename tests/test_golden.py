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
from fpga_squeeze.network.graph import (
    FloatModel,
    QConv,
    QFire,
    QGlobalAvgPool,
    QMaxPool,
    QModel,
    Shape,
    TensorType,
    conv_output_size,
)
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
    assert_equal(golden.run(digits, images, inner=True), ort_integers(digits, images))


# Not parametrised by the seeds: names of tests that change from run to run help nobody.
@pytest.mark.fuzz
def test_random_models_equal_onnxruntime(tmp_path: Path) -> None:
    for seed in seeds(12):
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        model = random_qmodel(rng, signed_probability=0.2)
        images = random_images(rng, model, 3)
        assert not inexact(model), inexact(model)
        assert_equal(golden.run(model, images, inner=True), ort_integers(model, images))
        write_qdq(model, tmp_path / "q.onnx")
        assert not differences(model, read_model(tmp_path / "q.onnx"))


def test_kernel_of_5x5_equals_onnxruntime(tmp_path: Path) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        model = random_qmodel(rng, first_kernel=5, min_size=7, signed_probability=0.2)
        images = random_images(rng, model, 3)
        assert model.convs[0].kernel == 5 and not inexact(model)
        assert_equal(golden.run(model, images, inner=True), ort_integers(model, images))
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
    assert_equal(golden.run(q, images[3:], inner=True), ort_integers(q, images[3:]))
    write_qdq(q, tmp_path / "q.onnx")
    assert not differences(q, read_model(tmp_path / "q.onnx"))


def bend(model: QModel, change: str) -> QModel:
    """The model with one integer of one layer changed."""
    layers = list(model.layers)
    i = next(i for i, layer in enumerate(layers) if isinstance(layer, QFire))
    fire = layers[i]
    assert isinstance(fire, QFire)
    conv = fire.expand3x3
    if change == "weight bit":
        weight = conv.weight.copy()
        index = np.unravel_index(np.argmax(np.abs(weight)), weight.shape)
        weight[index] ^= 1 << (conv.weight_bits - 2)
        conv = replace(conv, weight=weight)
    elif change == "shift":
        conv = replace(conv, weight_frac=conv.weight_frac + 1)
    elif change == "bias":
        conv = replace(conv, bias=conv.bias + (np.int64(1) << np.maximum(conv.shift, 0)))
    layers[i] = replace(fire, expand3x3=conv)
    return replace(model, layers=tuple(layers))


@pytest.mark.parametrize("change", ["weight bit", "shift", "bias"])
def test_comparison_sees_a_broken_layer(digits: QModel, change: str) -> None:
    images, _ = embedded_images()
    bent = bend(digits, change)
    good, bad = ort_integers(digits, images[:4]), golden.run(bent, images[:4], inner=True)
    name = next(layer.name for layer in digits.layers if isinstance(layer, QFire))
    assert np.array_equal(good[f"{name}/squeeze"], bad[f"{name}/squeeze"])
    assert not np.array_equal(good[name], bad[name])
    with pytest.raises(AssertionError, match=f"{name}: [0-9]+ of"):
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


def test_oracle_refuses_an_average_too_long() -> None:
    t = TensorType(Shape(1, 16, 16), 16, False, 0)
    pool = QGlobalAvgPool("pool", t, replace(t, shape=Shape(1, 1, 1)))
    assert inexact(QModel("m", t, (pool,)))
    t = replace(t, shape=Shape(1, 15, 15))
    pool = QGlobalAvgPool("pool", t, replace(t, shape=Shape(1, 1, 1)))
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
        for i, ky, kx in np.ndindex(channels, conv.kernel, conv.kernel):
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
    kernel, stride = draw(st.sampled_from((1, 3, 7))), draw(st.sampled_from((1, 2)))
    height, width = (draw(st.integers(kernel, kernel + 5)) for _ in range(2))
    channels, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pads = tuple(draw(st.integers(0, max(1, kernel // 2))) for _ in range(4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    signed_in, relu = draw(st.booleans()), draw(st.booleans())
    bits, weight_bits = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    source = TensorType(Shape(channels, height, width), bits, signed_in, draw(st.integers(-3, 8)))
    shape = Shape(
        outputs,
        conv_output_size(height, kernel, stride, pads[0], pads[2]),
        conv_output_size(width, kernel, stride, pads[1], pads[3]),
    )
    output = TensorType(shape, draw(st.sampled_from((4, 8, 11, 16))), not relu, draw(st.integers(-3, 8)))
    half = 1 << (weight_bits - 1)
    shift = rng.integers(-4, 14, outputs)
    conv = QConv(
        "conv",
        rng.integers(-half, half, (outputs, channels, kernel, kernel))
        * rng.integers(0, 2, (outputs, 1, 1, 1)),
        weight_bits,
        shift + output.frac - source.frac,
        rng.integers(-(1 << 18), 1 << 18, outputs) >> rng.integers(0, 18, outputs),
        stride,
        (pads[0], pads[1], pads[2], pads[3]),
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
    average = QGlobalAvgPool(
        "pool", conv.output, replace(conv.output, shape=Shape(conv.output.shape.channels, 1, 1))
    )
    model = QModel("single", pixels, (conv, average))
    if inexact(model):
        return
    images = (x & 255).astype(np.uint8).transpose(1, 2, 0)[None]
    assert_equal(golden.run(model, images, inner=True), ort_integers(model, images))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_max_pool_equals_plain_loops(data: st.DataObject) -> None:
    kernel, stride = data.draw(st.sampled_from(((3, 2), (2, 2), (3, 3), (2, 1), (4, 3))))
    height, width = (data.draw(st.integers(kernel, 12)) for _ in range(2))
    pads = tuple(data.draw(st.integers(0, 1)) for _ in range(4))
    ceil, signed = data.draw(st.booleans()), data.draw(st.booleans())
    source = TensorType(Shape(2, height, width), 8, signed, 3)
    shape = Shape(
        2,
        conv_output_size(height, kernel, stride, pads[0], pads[2], ceil),
        conv_output_size(width, kernel, stride, pads[1], pads[3], ceil),
    )
    pool = QMaxPool(
        "pool",
        kernel,
        stride,
        (pads[0], pads[1], pads[2], pads[3]),
        ceil,
        source,
        replace(source, shape=shape),
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    x = rng.integers(source.range[0], 0 if signed else 255, (2, height, width))
    y = golden.pool_forward(x.astype(np.float32), pool)
    for c, oy, ox in np.ndindex(*y.shape):
        y0, x0 = oy * stride - pads[0], ox * stride - pads[1]
        window = x[c, max(y0, 0) : y0 + kernel, max(x0, 0) : x0 + kernel]
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
    conv = QConv("conv", weight, 4, zero, zero, 1, (0, 0, 0, 0), not signed, zero[:1], source, wide)
    pool = QGlobalAvgPool("pool", wide, TensorType(Shape(channels, 1, 1), 12, signed, extra))
    model = QModel("average", source, (conv, pool))
    count = h * w
    flat = np.zeros((4, count), dtype=np.uint8)
    for image in flat:
        total = int(rng.integers(0, 100)) * count + count // 2 + int(rng.integers(-1, 2))
        image[:] = max(total, 0) // count
        image[: max(total, 0) % count] += 1
    images = flat.reshape(4, h, w, 1)
    out = golden.run(model, images, inner=True)
    for n, c in np.ndindex(4, channels):
        total = int(images[n].sum()) * int(weight[c, 0, 0, 0])
        low, high = pool.output.range
        assert out["logits"][n, c] == min(max(round(Fraction(total << extra, count)), low), high)
    assert_equal(out, ort_integers(model, images))


def test_run_names_and_shapes(digits: QModel) -> None:
    images, _ = embedded_images()
    out = golden.run(digits, images[:2], inner=True)
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
