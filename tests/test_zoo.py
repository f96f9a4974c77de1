"""The networks of the zoo: sizes as published, and small ones all the way to integers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import check_equal, simulate
from designs import HEADER, RtlDesign
from model_equality import differences
from random_graphs import graph_images

from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.export.float_onnx import write_float
from fpga_squeeze.export.qdq import inexact, write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import Add, Conv, FloatModel, Shape
from fpga_squeeze.network.reference import float_logits
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.weight_memories import FORMATS, WeightFormat
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.oracle import ort_integers
from fpga_squeeze.zoo import inception_net, squeezenet, squeezenext, vgg, zynqnet


def macs(model: FloatModel) -> int:
    """Multiplications of one frame."""
    shapes = model.shapes()
    return sum(c.weight.size * shapes[c.name].height * shapes[c.name].width for c in model.convs)


def parameters(model: FloatModel) -> int:
    return sum(conv.weight.size + conv.bias.size for conv in model.convs)


def test_squeezenet_is_that_of_the_paper() -> None:
    model = squeezenet("1.0", 224)
    assert parameters(model) == 1_248_424
    shapes = model.shapes()
    assert (shapes["fire2"], shapes["pool8"], shapes["conv10"]) == (
        Shape(128, 54, 54),
        Shape(512, 13, 13),
        Shape(1000, 13, 13),
    )
    assert parameters(squeezenet("1.1")) == 1_235_496 and round(macs(squeezenet("1.1")) / 1e6, 1) == 349.2


def test_v1_2_has_no_relu_behind_its_squeezes() -> None:
    one, two = squeezenet("1.1", 64), squeezenet("1.2", 64)
    for a, b in zip(one.convs, two.convs, strict=True):
        assert np.array_equal(a.weight, b.weight)
        assert a.relu and b.relu == ("squeeze" not in b.name)


def test_simple_bypass_adds_around_every_second_fire() -> None:
    model = squeezenet("1.0", 64, 10, bypass="simple")
    sums = {layer.inputs: layer for layer in model.layers if isinstance(layer, Add)}
    assert list(sums) == [("fire2", "fire3"), ("pool4", "fire5"), ("fire6", "fire7"), ("pool8", "fire9")]
    assert not any(layer.relu for layer in sums.values())
    assert parameters(model) == parameters(squeezenet("1.0", 64, 10))


def test_complex_bypass_has_convolutions_around_the_others() -> None:
    model = squeezenet("1.0", 64, 10, bypass="complex")
    around = [c.weight.shape[:2] for c in model.convs if c.name.startswith("bypass")]
    assert around == [(128, 96), (256, 128), (384, 256), (512, 384)]
    assert sum(isinstance(layer, Add) for layer in model.layers) == 8


def test_zynqnet_is_that_of_its_thesis() -> None:
    model = zynqnet()
    assert sum(conv.weight.size for conv in model.convs) == 2_524_352
    assert round(macs(model) / 1e6, 1) == 529.3
    assert model.shapes()["conv10"] == Shape(1024, 8, 8) and model.output_shape == Shape(1024, 1, 1)


def test_squeezenext_has_23_blocks_worth_of_names() -> None:
    model = squeezenext()
    assert len([layer for layer in model.layers if isinstance(layer, Add)]) == 21
    assert model.shapes()["block4_1"] == Shape(256, 7, 7)
    assert {c.kernel for c in model.convs} == {(1, 1), (3, 1), (1, 3), (7, 7)}


def test_inception_has_the_channels_of_3a() -> None:
    model = inception_net()
    assert model.shapes()["inception_3a"].channels == 256
    kernels = {c.name: c.kernel for c in model.convs}
    assert kernels["inception_3a_5x5"] == (5, 5)
    assert "inception_3a_5x5" not in {c.name for c in inception_net(largest=3).convs}


def test_vgg_has_so_many_convolutions() -> None:
    for depth in (11, 13, 16, 19):
        stacks = [c for c in vgg(depth, 32, 10, width=32).convs if c.kernel == (3, 3)]
        assert len(stacks) == depth - 3
    with pytest.raises(FpgaSqueezeError, match="VGG of depth 12"):
        vgg(12)
    with pytest.raises(FpgaSqueezeError, match=r"version 2.0"):
        squeezenet("2.0")


SMALL: dict[str, Callable[[], FloatModel]] = {
    "squeezenet 1.0": lambda: squeezenet("1.0", 40, 5, width=8),
    "squeezenet 1.2": lambda: squeezenet("1.2", 40, 5, width=8),
    "simple bypass": lambda: squeezenet("1.0", 40, 5, "simple", width=8),
    "complex bypass": lambda: squeezenet("1.1", 40, 5, "complex", width=8),
    "zynqnet": lambda: zynqnet(64, 6, width=8),
    "inception": lambda: inception_net(40, 5, width=8),
    "inception 3x3": lambda: inception_net(40, 5, 3, width=8),
    "squeezenext": lambda: squeezenext(48, 5, (2, 1, 2, 1), width=4),
    "vgg": lambda: vgg(11, 32, 5, width=16),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_small_ones_become_integers(tmp_path: Path, name: str) -> None:
    model = SMALL[name]()
    write_float(model, tmp_path / "f.onnx")
    back = read_model(tmp_path / "f.onnx")
    assert isinstance(back, FloatModel)
    assert [layer.name for layer in back.layers if isinstance(layer, Conv)] == [c.name for c in model.convs]
    images = graph_images(np.random.default_rng(0), model.input_shape, 6)
    want = float_logits(model, images)
    np.testing.assert_allclose(float_logits(back, images), want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    q = quantize(model, images)
    out = golden.run(q, images)
    error = np.ldexp(out["logits"].astype(float), -q.output.frac) - want
    assert np.sqrt(np.square(error).mean()) < 0.12 * want.std()
    write_qdq(q, tmp_path / "q.onnx")
    assert not differences(q, read_model(tmp_path / "q.onnx"))
    if name in ("zynqnet", "squeezenext"):  # the last convolution reads a wide average
        assert all("conv10" in reason or "fc" in reason for reason in inexact(q))
        return
    expected = ort_integers(q, images)
    assert list(out) == list(expected)
    assert all(np.array_equal(out[key], expected[key]) for key in out)


DESIGNS = [name for name in SMALL if name not in ("squeezenet 1.2", "inception 3x3")]
"""What differs in RTL: the two others have no layer that these have not."""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "name"), list(enumerate(DESIGNS)))
def test_small_ones_become_designs(tmp_path: Path, number: int, name: str) -> None:
    """RTL and HLS C++ equal golden, frames end in the planned cycle; one or two products, weights of any format."""
    model = SMALL[name]()
    images = graph_images(np.random.default_rng(number), model.input_shape, 3)
    weights: WeightFormat = FORMATS[number % len(FORMATS)]
    plan = make_plan(quantize(model, images), 70, None, products_per_dsp=1 + number // 2 % 2, weights=weights)
    emit_rtl(plan, tmp_path / "rtl", HEADER)
    RtlDesign(plan, tmp_path / "rtl", tmp_path / "build").check(images, name, (number + 1,))
    check_equal(simulate(plan, images[:2], tmp_path / "csim"), plan)
