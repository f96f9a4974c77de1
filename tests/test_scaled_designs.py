"""Designs with a table of pixels, and sums, averages and concatenations of any scale: C++ and RTL against golden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rescaled_models
from csim_helpers import check_equal, needs_tools, replaced, run_emitted, simulate
from designs import HEADER, RtlDesign, random_foldings
from random_graphs import graph_images, random_graph_qmodel
from random_models import random_images, random_qmodel
from random_scales import any_pixels, rescaled
from seeds import SEED

from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import Dialect
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import IMAGE, Shape
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConcat, QConv, QMaxPool, QModel, TensorType
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.kinds.average import check_average
from fpga_squeeze.planning.kinds.image import InputPlan, plan_input
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.verify.compare import Mismatch
from fpga_squeeze.verify.pragmas import check_folder

Images = npt.NDArray[np.uint8]


def small(
    rng: np.random.Generator, shape: Shape, image: TensorType, *, alike: bool = False, total: bool = False
) -> QModel:
    """Two convolutions, their sum; its max pool, its average and a convolution joined; another type; the average."""
    mid = TensorType(Shape(4, shape.height, shape.width), 8, False, 3)

    def conv(name: str, source: TensorType, channels: int, relu: bool) -> QConv:
        weight = rng.integers(-31, 32, (channels, source.shape.channels, 1, 1))
        out = replace(mid, shape=replace(mid.shape, channels=channels), signed=not relu)
        frac, zeros = np.full(channels, 8), np.zeros(source.shape.channels)
        bias = rng.integers(-2000, 2000, channels)
        return QConv(
            name, (IMAGE,), weight, 6, frac, bias, 1, (0, 0, 0, 0), relu, zeros.astype(np.int64), source, out
        )

    a, b = conv("a", image, 4, True), conv("b", image, 4, False)
    summed = TensorType.of_scale(mid.shape, 8, True, 0.173, -12)
    add = QAdd("sum", ("a", "b"), (a.output, b.output), False, summed)
    pool = QMaxPool("pool", ("sum",), (3, 3), 1, (1, 1, 1, 1), False, summed, summed)
    mean = QAvgPool(
        "mean", ("sum",), (3, 3), 1, (1, 1, 1, 1), summed, TensorType.of_scale(mid.shape, 8, False, 0.11, 31)
    )
    joined = TensorType.of_scale(replace(mid.shape, channels=12), 8, False, 0.12, 77)
    join = QConcat("join", ("pool", "mean", "a"), (summed, mean.output, a.output), joined)
    again = TensorType.of_scale(joined.shape, 7, True, 0.31, -9)
    alone = QConcat("alone", ("join",), (joined,), again)
    one = Shape(12, 1, 1)
    last = TensorType(one, 18, True, 0) if total else TensorType.of_scale(one, 8, True, 0.05, -100)
    kernel = (shape.height, shape.width)
    end = QAvgPool("end", ("alone",), kernel, 1, (0, 0, 0, 0), again, last, total)
    return QModel(
        "small", image, (a, b, add, pool, mean, join, alone, end), pixels=any_pixels(rng, image, alike)
    )


def planned(model: QModel, bytes_per_cycle: int) -> Plan:
    """The plan with so many bytes a cycle in front."""
    plan = build_plan(model, [Folding(1, 1, 1)] * len(graph_of(model).engines))
    first, *rest = plan.kernels
    assert isinstance(first, InputPlan)
    return replace(plan, kernels=(replace(first, bytes_per_cycle=bytes_per_cycle), *rest))


def random_case(seed: int) -> tuple[Plan, Images]:
    rng = np.random.default_rng(seed)
    model = rescaled(rng, random_graph_qmodel(rng, max_size=10, max_blocks=4, max_channels=4))
    plan = build_plan(model, [Folding(1, 1, 2)] * len(graph_of(model).engines))
    return plan, graph_images(rng, model.input.shape, 2)


def whole_case(seed: int) -> tuple[Plan, Images]:
    """A graph in which convolutions have any scale, too, where its draw gives one; one or two products per DSP."""
    rng = np.random.default_rng(seed)
    model = random_graph_qmodel(rng, max_size=10, max_blocks=4, max_channels=4)
    model = rescaled(rng, rescaled_models.rescaled(rng, model) or model)
    foldings = [Folding(1, 1, 2)] * len(graph_of(model).engines)
    return build_plan(model, foldings, multipliers=Multipliers(1 + seed % 2)), graph_images(
        rng, model.input.shape, 2
    )


def small_case(name: str) -> tuple[Plan, Images]:
    """Every byte count against rows it does not divide; tables of one kind for all channels and of each its own."""
    rng = np.random.default_rng(11)
    shape, bits, signed, alike, total, bytes_per_cycle = {
        "three_of_eight": (Shape(3, 5, 7), 8, True, False, False, 8),
        "three_of_four": (Shape(3, 4, 5), 5, False, False, True, 4),
        "three_alike": (Shape(3, 4, 6), 6, True, True, False, 2),
        "one": (Shape(1, 6, 5), 4, True, False, True, 1),
    }[name]
    model = small(rng, shape, TensorType(shape, bits, signed, 2), alike=alike, total=total)
    plan = planned(model, bytes_per_cycle)
    assert len(plan.kernels[0].tables) == (3 if shape.channels == 3 and not alike else 1)  # type: ignore[union-attr]
    images: Images = rng.integers(0, 256, (2, shape.height, shape.width, shape.channels), dtype=np.uint8)
    return plan, images


def case_of(name: str | int) -> tuple[Plan, Images]:
    return small_case(name) if isinstance(name, str) else random_case(name)


SMALL = ("three_of_eight", "three_of_four", "three_alike", "one")
DRAWN, WHOLE = (6, 11), 207
"""Graphs with tables of joined maps; with a sum, a table of each channel, and the average of all of it."""


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("name", [SMALL[0], DRAWN[1]])
def test_cpp(name: str | int, tmp_path: Path) -> None:
    plan, images = case_of(name)
    check_equal(simulate(plan, images, tmp_path), plan)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("name", [*SMALL, DRAWN[0]])
def test_rtl_in_the_planned_cycles(name: str | int, tmp_path: Path) -> None:
    plan, images = case_of(name)
    design = RtlDesign.of_plan(plan, tmp_path)
    design.check(images, str(name), stalls=(1,))


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(("name", "dialect"), [("three_of_four", "vitis"), ("three_alike", "bambu")])
def test_tables_of_pixels_as_tools_read_them(name: str, dialect: Dialect, tmp_path: Path) -> None:
    clang = pytest.importorskip("test_clang", reason="libclang is not here: it is in the test extras")
    emit_hls(small_case(name)[0], tmp_path, HEADER, dialect)
    for file in tmp_path.glob("*.cpp"):
        if file.stem != IMAGE:
            file.unlink()
    assert not check_folder(tmp_path, dialect).violations
    assert clang.diagnostics(tmp_path / f"{IMAGE}.cpp", *clang.vendor_headers()) == []


@needs_tools
@pytest.mark.slow
def test_convolutions_of_any_scale_among_them(tmp_path: Path) -> None:
    plan, images = whole_case(WHOLE)
    assert sum(conv.scaled for conv in plan.model.convs) == 3
    RtlDesign.of_plan(plan, tmp_path / "rtl").check(images, "whole", stalls=(1,))
    check_equal(simulate(plan, images, tmp_path / "cpp"), plan)


@needs_tools
@pytest.mark.slow
@pytest.mark.fuzz
def test_drawn_design(tmp_path: Path) -> None:
    plan, images = whole_case(SEED)
    RtlDesign.of_plan(plan, tmp_path).check(images, "drawn", stalls=(1,))


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(CW + 1)'(BYTES % CHANNELS)", "(CW + 1)'(1)"),
        ("CHANNELS + i - 32'(start_q)", "CHANNELS - 32'(start_q) + 0 * i"),
    ],
    ids=["channel of the next chunk", "of a row's first bytes"],
)
def test_a_wrong_channel_is_seen(old: str, new: str, tmp_path: Path) -> None:
    plan, images = small_case("three_of_eight")
    design = RtlDesign.of_plan(plan, tmp_path)
    design.edit("fsq_input.sv", old, new)
    comparison, _ = design.simulate(images[:1])
    assert isinstance(comparison.first, Mismatch) and comparison.first.kernel == IMAGE


@needs_tools
@pytest.mark.slow
def test_a_wrong_channel_of_the_cpp_is_seen(tmp_path: Path) -> None:
    plan, images = small_case("three_of_eight")
    emit_hls(plan, tmp_path / "hls", HEADER)
    path = tmp_path / "hls" / "fsq_input.hpp"
    path.write_text(replaced("first + P::BYTES % P::CHANNELS", "first")(path.read_text()))
    assert run_emitted(plan, images, tmp_path)[IMAGE] > 0


def test_pixels_that_the_gatherer_does_not_take() -> None:
    shape = Shape(3, 4, 4)
    bytes_as_they_are = np.repeat(np.arange(256)[None], 3, axis=0)
    assert plan_input(TensorType(shape, 8, False, 0), 2, bytes_as_they_are).tables == ()
    assert plan_input(TensorType(shape, 8, True, 0), 2, bytes_as_they_are - 128).tables != ()
    for bits, pixels in ((9, bytes_as_they_are), (7, bytes_as_they_are)):
        with pytest.raises(FpgaSqueezeError, match="from 0 to 255"):
            plan_input(TensorType(shape, bits, False, 0), 1, pixels)
    with pytest.raises(FpgaSqueezeError, match="another type"):
        plan_input(TensorType(shape, 8, True, 0), 1)


@pytest.mark.parametrize(
    ("out", "total", "reason"),
    [
        (TensorType(Shape(2, 1, 1), 10, False, 0), True, "go from 0 to 2295, beyond its output's 10 bits"),
        (TensorType(Shape(2, 1, 1), 32, False, 0), True, "beyond 2147483647"),
        (TensorType.of_scale(Shape(2, 1, 1), 8, False, 1e12), False, "always zero"),
    ],
)
def test_averages_that_no_kernel_takes(out: TensorType, total: bool, reason: str) -> None:
    side, bits = (16, 24) if out.bits == 32 else (3, 8)
    source = TensorType(Shape(2, side, side), bits, False, 0)
    pool = QAvgPool("pool", (IMAGE,), (side, side), 1, (0, 0, 0, 0), source, out, total)
    with pytest.raises(FpgaSqueezeError, match=reason):
        check_average(pool)


def nine_bit_weights() -> tuple[Plan, Images]:
    """Weights of 9 bits, two products in a DSP48E1: signed lanes, odd ones alone, read signed rows and the unsigned
    5 bits of a squeeze, with pads around the image and the squeeze."""
    rng = np.random.default_rng(113)
    model = random_qmodel(
        rng,
        min_size=7,
        max_size=10,
        max_fires=1,
        weight_bits=(9,),
        activation_bits=8,
        signed_probability=0.5,
    )
    foldings = random_foldings(rng, model, 3)
    squeeze = next(conv for conv in model.convs if conv.name == "fire2_squeeze1x1")
    narrow = replace(squeeze.output, bits=5, frac=squeeze.output.frac - 3)
    layers = [
        replace(layer, output=narrow)
        if layer is squeeze
        else replace(layer, input=narrow, bias=layer.bias >> 3)
        if isinstance(layer, QConv) and layer.inputs == (squeeze.name,)
        else layer
        for layer in model.layers
    ]
    plan = build_plan(replace(model, layers=tuple(layers)), foldings, multipliers=Multipliers(2))
    first, fire, last = plan.engines
    assert {engine.operand for engine in plan.engines} == {(8, True)} and first.products_per_dsp == 2
    assert (first.flips, fire.flips) == ((True,), (False, True)) and first.lines.pad_value.any()
    assert any(engine.lanes_per_row * engine.folding.rows % 2 for engine in (first, last))
    images: Images = random_images(rng, model, 2)
    squeezed = golden.run(plan.model, images)[squeeze.name]
    assert squeezed.min() < 16 <= squeezed.max()  # of either value of the top bit
    return plan, images


@needs_tools
@pytest.mark.slow
def test_nine_bit_weights_in_cpp(tmp_path: Path) -> None:
    """And pixels packed without a borrow are seen."""
    plan, images = nine_bit_weights()
    check_equal(simulate(plan, images, tmp_path, together=False), plan)
    file = tmp_path / "hls" / "fsq_lanes.hpp"
    file.write_text(replaced("P::X_SIGNED ? operand_t(high +", "false ? operand_t(high +")(file.read_text()))
    assert any(run_emitted(plan, images, tmp_path, together=False).values())


@needs_tools
@pytest.mark.slow
def test_nine_bit_weights_in_rtl(tmp_path: Path) -> None:
    """And an inverted pixel of few bits that is not widened by its new sign is seen."""
    plan, images = nine_bit_weights()
    design = RtlDesign.of_plan(plan, tmp_path)
    design.check(images, "nine bits", stalls=(1,))
    signs = "(SIGNED[g*32+:32] != 0)", "(FLIPS[g*32+:32] != 0)"
    design.edit("fsq_engine.sv", "({} != {})".format(*signs), "({} && !{})".format(*signs))
    comparison, _ = design.simulate(images)
    assert not comparison.equal and [k.name for k in comparison.kernels if k.mismatches][0] == "fire2"
