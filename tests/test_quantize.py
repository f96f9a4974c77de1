"""Post-training quantisation: accuracy, folding of preprocessing, choice of binary points, odd channels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_equality import differences
from onnx_builder import Net

from fpga_squeeze.datasets.images import embedded_accuracy_set, embedded_calibration, embedded_model_path
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.export.qdq import inexact, write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import int_range
from fpga_squeeze.network.graph import (
    IMAGE,
    AvgPool,
    Concat,
    Conv,
    FloatModel,
    Layer,
    MaxPool,
    Preprocess,
    Shape,
)
from fpga_squeeze.network.integers import QConcat, QConv, QMaxPool, QModel
from fpga_squeeze.quantization.average_first import average_first
from fpga_squeeze.quantization.equalise import equalise
from fpga_squeeze.quantization.quantize import PRESETS, float_logits, fold_preprocess, quantize
from fpga_squeeze.verify.oracle import ort_integers


def digits_float() -> FloatModel:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    return model


def small(tmp_path: Path, **options: Any) -> FloatModel:
    """A random float SqueezeNet for 17x15 RGB images."""
    net = Net(**options)
    model = read_model(net.save(tmp_path / "net.onnx", net.squeezenet()))
    assert isinstance(model, FloatModel)
    return model


def photos(n: int, shape: Shape, seed: int = 0) -> np.ndarray:
    """Smooth random images: neighbouring pixels resemble each other, channels differ in brightness."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0, 255, (n, shape.height + 4, shape.width + 4, shape.channels))
    smooth = np.mean([noise[:, i : i + shape.height, i : i + shape.width] for i in range(5)], axis=0)
    bright = np.clip(smooth + rng.uniform(-60, 60, (n, 1, 1, shape.channels)), 0, 255)
    return np.asarray(bright, dtype=np.uint8)


def real_logits(model: QModel, images: np.ndarray) -> np.ndarray:
    logits = golden.run(model, images, keep=False)["logits"]
    return np.asarray(np.ldexp(logits.astype(float), -model.output.frac))


def error(model: FloatModel, q: QModel, images: np.ndarray, preprocess: Preprocess) -> float:
    """Root mean square difference of the logits, relative to their spread."""
    want = float_logits(model, images, preprocess)
    return float(np.sqrt(np.mean((real_logits(q, images) - want) ** 2)) / want.std())


def test_digits_keep_their_accuracy() -> None:
    model = digits_float()
    images, labels = embedded_accuracy_set()
    q = quantize(model, embedded_calibration())
    in_float = (float_logits(model, images).argmax(1) == labels).mean()
    in_integers = (golden.run(q, images, keep=False)["logits"].argmax(1) == labels).mean()
    print(f"float {in_float:.4f}, int8 {in_integers:.4f} on {len(labels)} images")
    assert in_float >= 0.97 and in_integers >= in_float - 0.01


def test_deterministic_and_steps() -> None:
    model, images = digits_float(), embedded_calibration()[:8]
    steps: list[str] = []
    a = quantize(model, images, on_step=steps.append)
    assert not differences(a, quantize(model, images))
    names = [layer.name for layer in model.layers]
    assert [step for step in steps if not step.startswith("equalise ")] == names
    assert steps[-len(names) :] == names


def test_types_follow_the_contract() -> None:
    q = quantize(digits_float(), embedded_calibration()[:8])
    assert (q.input.bits, q.input.signed, q.input.frac) == (8, False, 0)
    types = q.types
    for layer in q.layers:
        if isinstance(layer, QConcat):
            assert layer.operands == tuple(types[name] for name in layer.inputs)
        elif isinstance(layer, QConv | QMaxPool):
            assert layer.input == types[layer.inputs[0]]
    for conv in q.convs:
        assert conv.relu == (not conv.output.signed)
        assert conv.output.bits == (16 if conv is q.convs[-1] else 8)
        assert conv.acc_magnitude < golden.FLOAT32_EXACT
    assert (q.output.bits, q.output.signed) == (16, q.convs[-1].output.signed)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets(tmp_path: Path, name: str) -> None:
    model = small(tmp_path, seed=11)
    first = model.layers[0]
    assert isinstance(first, Conv)
    # conv1 of a network made for normalised pixels expects larger weights than one for 0..255.
    scale = 60.0 if name == "torchvision" else 1.0
    model = replace(model, layers=(replace(first, weight=first.weight * scale), *model.layers[1:]))
    images = photos(24, model.input_shape)
    q = quantize(model, images[:16], PRESETS[name])
    assert error(model, q, images[:16], PRESETS[name]) < 0.1
    out, want = golden.run(q, images[16:]), ort_integers(q, images[16:])
    assert all(np.array_equal(out[key], want[key]) for key in want)
    write_qdq(q, tmp_path / "q.onnx")
    assert not differences(q, read_model(tmp_path / "q.onnx"))
    conv1 = q.layers[0]
    assert isinstance(conv1, QConv)
    pads = {"none": [0, 0, 0], "caffe": [123, 117, 104], "torchvision": [124, 116, 104]}[name]
    assert conv1.pad_value.tolist() == pads
    assert bool(q.notes) == (name == "torchvision")
    if q.notes:
        assert "conv1: pads with pixels [124, 116, 104], the mean (123.675, 116.28, 103.53)" in q.notes[0]


def average(at: str, height: int, width: int) -> AvgPool:
    """The average over a map of that size."""
    return AvgPool("pool", (at,), (height, width), 1, (0, 0, 0, 0))


def test_folding_is_exact_without_padding() -> None:
    rng = np.random.default_rng(3)
    conv = Conv("conv1", (IMAGE,), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4), 2, (0, 0, 0, 0), True)
    model = FloatModel("m", Shape(3, 9, 8), (conv, average("conv1", 4, 3)))
    images = photos(4, model.input_shape)
    for preprocess in (
        PRESETS["caffe"],
        PRESETS["torchvision"],
        Preprocess((3.0, 4.0, 5.5), (2.0, 3.0, 4.0), True),
    ):
        folded, notes = fold_preprocess(model, preprocess)
        want = float_logits(model, images, preprocess)
        np.testing.assert_allclose(float_logits(folded, images), want, rtol=1e-4, atol=1e-3)
        assert not folded.convs[0].pad_value.any() and not notes


def test_bgr_order_matters(tmp_path: Path) -> None:
    model = small(tmp_path, seed=12)
    images = photos(8, model.input_shape)
    q = quantize(model, images, PRESETS["caffe"])
    swapped = quantize(model, images, replace(PRESETS["caffe"], bgr=False))
    assert error(model, q, images, PRESETS["caffe"]) < 0.1 < error(model, swapped, images, PRESETS["caffe"])


@pytest.mark.parametrize("weight_bits,activation_bits", [(2, 8), (4, 8), (8, 4), (5, 6), (8, 2)])
def test_widths(tmp_path: Path, weight_bits: int, activation_bits: int) -> None:
    q = quantize(digits_float(), embedded_calibration()[:6], PRESETS["none"], weight_bits, activation_bits)
    for conv in q.convs:
        low, high = int_range(weight_bits, True)
        assert conv.weight_bits == weight_bits and low <= conv.weight.min() and conv.weight.max() <= high
    assert {c.output.bits for c in q.convs[:-1]} == {activation_bits}
    write_qdq(q, tmp_path / "q.onnx")
    assert not differences(q, read_model(tmp_path / "q.onnx"))


def activation_error(real: np.ndarray, frac: int) -> float:
    return float(
        ((np.clip(np.rint(np.ldexp(real, frac)), 0, 255) - np.ldexp(real, frac)) ** 2).sum() / 4.0**frac
    )


def test_activation_point_has_the_least_squared_error() -> None:
    images = embedded_calibration()[:8]
    conv = quantize(digits_float(), images).layers[0]
    assert isinstance(conv, QConv)
    real = []
    for image in images:
        acc = golden.conv_accumulate(image.transpose(2, 0, 1).astype(np.float32), conv).astype(np.float64)
        real.append(
            np.maximum(
                np.ldexp(acc, -(conv.input.frac + conv.weight_frac)[:, None, None].astype(np.int32)), 0
            )
        )
    errors = {
        f: activation_error(np.stack(real), f) for f in range(conv.output.frac - 4, conv.output.frac + 5)
    }
    assert min(errors, key=errors.__getitem__) == conv.output.frac


def test_odd_channels(tmp_path: Path) -> None:
    """All-zero channels, tiny weights beside large ones, large biases: defined, exact and close to float."""
    model = small(tmp_path, seed=13)
    convs = {c.name: c for c in model.convs}
    conv, dead = convs["conv1"], convs["fire2_expand1x1"]
    weight, bias = conv.weight.copy(), conv.bias.copy()
    weight[0], bias[0] = 0, 37.0
    weight[1], bias[1] = 0, -5.0
    weight[2], bias[2] = weight[2] * 1e-9, 12.5
    weight[3], bias[3] = weight[3] * 1e-3, 1e-3
    dead = replace(dead, weight=dead.weight * 0)
    model = model.with_convs({"conv1": replace(conv, weight=weight, bias=bias), dead.name: dead})
    images = photos(12, model.input_shape)
    q = quantize(model, images)
    assert not inexact(q)
    assert error(model, q, images, PRESETS["none"]) < 0.1
    out, want = golden.run(q, images), ort_integers(q, images)
    assert all(np.array_equal(out[key], want[key]) for key in want)
    for layer in q.convs:
        assert layer.shift.max() - layer.shift.min() <= 12 and layer.shift.min() >= -2
    maps = [image.transpose(2, 0, 1).astype(np.float32) for image in images]
    scaled = equalise(model, maps, lambda _: 8, 0.5).layers[0]
    assert isinstance(scaled, Conv)
    step = 2.0 ** -q.layers[0].output.frac
    for channel, value in ((0, 37.0), (1, 0.0), (2, 12.5)):
        wanted = value if value == 0 else scaled.bias[channel]
        assert np.all(np.abs(out["conv1"][:, channel] * step - wanted) <= step)


def test_everything_zero() -> None:
    conv = Conv("conv1", (IMAGE,), np.zeros((3, 1, 3, 3)), np.zeros(3), 1, (1, 1, 1, 1), True)
    model = FloatModel("zero", Shape(1, 6, 6), (conv, average("conv1", 6, 6)))
    q = quantize(model, np.zeros((2, 6, 6, 1), dtype=np.uint8))
    assert not golden.run(q, np.full((1, 6, 6, 1), 255, dtype=np.uint8))["logits"].any()


def test_images_that_are_all_alike() -> None:
    rng = np.random.default_rng(0)
    conv = Conv("conv1", (IMAGE,), rng.normal(size=(3, 1, 3, 3)), np.zeros(3), 1, (1, 1, 1, 1), False)
    model = FloatModel("m", Shape(1, 6, 6), (conv, average("conv1", 6, 6)))
    different = photos(3, model.input_shape)

    def notes(images: np.ndarray) -> str:
        return "; ".join(quantize(model, images).notes)

    assert "calibration" not in notes(different) and "calibration" not in notes(different[:1])
    assert "all 4 images are alike" in notes(np.repeat(different[:1], 4, axis=0))
    shades = np.broadcast_to(np.array([9, 200], np.uint8)[:, None, None, None], (2, 6, 6, 1))
    assert "each of 2 images is of one colour" in notes(np.ascontiguousarray(shades))
    with pytest.raises(FpgaSqueezeError, match="^m: every layer gives zero for the calibration images"):
        quantize(model, np.zeros((2, 6, 6, 1), np.uint8))


def test_long_average_narrows_the_last_convolution() -> None:
    rng = np.random.default_rng(0)
    conv = Conv("conv1", (IMAGE,), rng.normal(size=(3, 1, 3, 3)), np.zeros(3), 1, (1, 1, 1, 1), False)
    model = FloatModel("large", Shape(1, 40, 40), (conv, average("conv1", 40, 40)))
    q = quantize(model, photos(3, model.input_shape))
    assert 10 <= q.output.bits < 16 and not inexact(q)
    assert q.output == replace(q.convs[-1].output, shape=Shape(3, 1, 1))


# -------------------------------------------------------------------------------- the average in front


def halves(size: int, relu: bool = False, kernel: int = 1) -> FloatModel:
    """A convolution, two more that are concatenated, and the average."""
    rng = np.random.default_rng(4)

    def conv(name: str, at: str, outputs: int, inputs: int, k: int, active: bool) -> Conv:
        weight = rng.normal(size=(outputs, inputs, k, k)) / 64
        return Conv(name, (at,), weight, rng.normal(size=outputs), 1, (k // 2,) * 4, active)

    layers = (
        conv("conv1", IMAGE, 6, 3, 3, True),
        conv("a", "conv1", 3, 6, 1, False),
        conv("b", "conv1", 2, 6, kernel, relu),
        Concat("c", ("a", "b")),
        average("c", size, size),
    )
    return FloatModel("halves", Shape(3, size, size), layers)


def test_average_moves_in_front_of_convolutions_without_relu() -> None:
    model = halves(8)
    moved, notes = average_first(model)
    assert [layer.name for layer in moved.layers] == ["conv1", "pool", "a", "b", "c"]
    assert [layer.inputs for layer in moved.layers[1:4]] == [("conv1",), ("pool",), ("pool",)]
    assert "pool: the average stands in front of a, b" in notes[0]
    images = photos(4, model.input_shape)
    want = float_logits(model, images)
    np.testing.assert_allclose(float_logits(moved, images), want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    q = quantize(model, images)
    assert q.notes == notes and [layer.name for layer in q.layers] == [layer.name for layer in moved.layers]
    # 64 pixels of 8 bits: 6 more bits hold the average exactly
    before, after = q.types["conv1"], q.types["pool"]
    assert (after.bits, after.frac, after.signed) == (14, before.frac + 6, False)
    sums = golden.run(q, images)
    assert np.array_equal(sums["pool"][:, :, 0, 0], sums["conv1"].sum(axis=(2, 3)))
    assert error(model, q, images, PRESETS["none"]) < 0.03
    assert q.output.bits == 16


@pytest.mark.parametrize("size,bits", [(7, 16), (32, 16), (16, 16), (4, 12)])
def test_an_average_of_many_pixels_is_rounded_to_16_bits(tmp_path: Path, size: int, bits: int) -> None:
    model = halves(size)
    images = photos(3, model.input_shape)
    q = quantize(model, images)
    assert q.types["pool"].bits == bits
    exact = size in (4, 16)
    assert len(q.notes) == 2 - exact
    assert exact or f"pool: the average of {size * size} pixels is rounded to 16 bits" in q.notes[1]
    assert error(model, q, images, PRESETS["none"]) < 0.03
    write_qdq(q, tmp_path / "q.onnx")
    assert not differences(q, read_model(tmp_path / "q.onnx"))


def test_average_stays_behind_anything_else() -> None:
    for model in (halves(8, relu=True), halves(8, kernel=3)):
        assert average_first(model) == (model, ())
    model = halves(8)
    layers: list[Layer] = list(model.layers)
    layers[-1] = AvgPool("pool", ("c",), (8, 8), 1, (1, 1, 1, 1))
    padded = replace(model, layers=tuple(layers))
    assert average_first(padded) == (padded, ())
    pooled = replace(model, layers=(*model.layers[:-1], MaxPool("pool", ("c",), (8, 8), 1, (0,) * 4, False)))
    assert average_first(pooled) == (pooled, ())


def test_preprocessing_wants_convolutions_at_the_image() -> None:
    conv = Conv("conv1", ("pool0",), np.ones((2, 3, 1, 1)), np.zeros(2), 1, (0, 0, 0, 0), True)
    pool = MaxPool("pool0", (IMAGE,), (2, 2), 2, (0, 0, 0, 0), False)
    model = FloatModel("m", Shape(3, 8, 8), (pool, conv, average("conv1", 4, 4)))
    images = photos(2, model.input_shape)
    q = quantize(model, images)
    assert q.types["pool0"] == replace(q.input, shape=Shape(3, 4, 4))
    with pytest.raises(FpgaSqueezeError, match="pool0: preprocessing can only be folded"):
        quantize(model, images, PRESETS["caffe"])
    first = replace(conv, inputs=(IMAGE,), relu=False)
    layers = (first, Concat("both", (IMAGE, "conv1")), average("both", 8, 8))
    with pytest.raises(FpgaSqueezeError, match="conv1: may be negative and is joined with raw pixels"):
        quantize(replace(model, layers=layers), images)


@pytest.mark.parametrize(
    "images,options,pattern",
    [
        (np.zeros((0, 17, 15, 3), np.uint8), {}, "no calibration images"),
        (np.zeros((2, 15, 17, 3), np.uint8), {}, r"wants uint8 \[N, 17, 15, 3\]"),
        (np.zeros((2, 17, 15, 3), np.float32), {}, "images are float32"),
        (np.zeros((2, 17, 15, 3), np.uint8), {"weight_bits": 9}, "9 weight bits"),
        (np.zeros((2, 17, 15, 3), np.uint8), {"activation_bits": 1}, "1 activation bits"),
        (np.zeros((2, 17, 15, 3), np.uint8), {"preprocess": Preprocess(mean=(1.0, 2.0))}, "field mean"),
        (np.zeros((2, 17, 15, 3), np.uint8), {"preprocess": Preprocess(std=(0.0,))}, "field std .*positive"),
        (np.zeros((2, 17, 15, 3), np.uint8), {"preprocess": Preprocess(mean=(float("nan"),))}, "field mean"),
    ],
)
def test_refusals(tmp_path: Path, images: np.ndarray, options: dict[str, object], pattern: str) -> None:
    with pytest.raises(FpgaSqueezeError, match=pattern):
        quantize(small(tmp_path), images, **options)  # type: ignore[arg-type]


def test_bgr_needs_three_channels() -> None:
    with pytest.raises(FpgaSqueezeError, match="field bgr"):
        quantize(digits_float(), embedded_calibration()[:2], Preprocess(bgr=True))


def test_export_into_nowhere(tmp_path: Path) -> None:
    q = quantize(digits_float(), embedded_calibration()[:2])
    with pytest.raises(FpgaSqueezeError, match="cannot be written"):
        write_qdq(q, tmp_path / "no" / "such" / "q.onnx")
