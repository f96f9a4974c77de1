"""Engines of any scale in whole designs: C++ and RTL against golden, and what the plan makes of scales."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from csim_helpers import check_equal, needs_tools
from csim_helpers import simulate as simulate_csim
from designs import RtlDesign, random_foldings
from random_graphs import random_graph_qmodel
from random_models import random_images, random_qmodel
from rescaled_models import rescaled
from seeds import SEED

from fpga_squeeze import load_project
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.clock import Clock
from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.device.room import WHOLE_DEVICE
from fpga_squeeze.emit.contents import recoded, table_words
from fpga_squeeze.emit.rtl_engine import engine_parameters
from fpga_squeeze.emit.words import decode_words, stream_tensor, words_to_tensor
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import signed_bits
from fpga_squeeze.network.integers import QConcat, QConv, QModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.cost.estimate import estimate
from fpga_squeeze.planning.engine import EnginePlan, Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.kernels import engine_cost
from fpga_squeeze.planning.latency import DRAIN_LATENCY, MULTIPLY_LATENCY, PAIR_LATENCY, TABLE_LATENCY
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.planning.weight_memories import FORMATS
from fpga_squeeze.project.manifest import Source
from fpga_squeeze.project.project import create_project
from fpga_squeeze.verify.tools import find_verilator

FRAMES = 3
STYLES: tuple[Literal["lut", "dsp"], ...] = ("lut", "dsp")


def _draw(number: int) -> tuple[QModel, np.random.Generator]:
    """A network of any scale, chains and graphs by turns; some with weights of 9 bits."""
    rng = np.random.default_rng(SEED + number)
    while True:
        if number % 2:
            wide = (9,) if number % 3 == 0 else None
            drawn = random_qmodel(rng, signed_probability=0.4, weight_bits=wide, max_fires=2)
        else:
            drawn = random_graph_qmodel(rng, max_blocks=3)
        if (model := rescaled(rng, drawn)) and any(conv.scaled for conv in model.convs):
            return model, rng


def _plan(number: int) -> tuple[Plan, np.random.Generator]:
    model, rng = _draw(number)
    foldings = random_foldings(rng, model, 3)
    formats = [FORMATS[i] for i in rng.integers(0, len(FORMATS), len(foldings))]
    multipliers = Multipliers(1 + number // 2 % 2, requant=STYLES[number % 3 % 2])
    return build_plan(model, foldings, multipliers=multipliers, formats=formats), rng


def _check(number: int, folder: Path) -> None:
    plan, rng = _plan(number)
    formats = [engine.weights.format for engine in plan.engines]
    foldings = [engine.folding for engine in plan.engines]
    what = f"seed {SEED + number}, foldings {[str(f) for f in foldings]}, {formats}, {plan.multipliers}"
    print(what)  # shown where anything below fails
    design = RtlDesign.emit(plan.model, foldings, folder, plan.multipliers, formats, rng)
    design.check(random_images(rng, plan.model, FRAMES), what, (1 + number,))


@pytest.mark.slow
@pytest.mark.fuzz
def test_network_of_any_scale(tmp_path: Path) -> None:
    _check(1, tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(2, 5))
def test_networks_of_any_scale(number: int, tmp_path: Path) -> None:
    _check(number, tmp_path)


@needs_tools
@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.parametrize("number", [11, 12])
def test_networks_of_any_scale_in_cpp(number: int, tmp_path: Path) -> None:
    plan, rng = _plan(number)
    check_equal(simulate_csim(plan, random_images(rng, plan.model, FRAMES), tmp_path), plan)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(30, 33))
def test_random_design_lints(number: int, tmp_path: Path) -> None:
    plan, rng = _plan(number)
    design = RtlDesign.of_plan(plan, tmp_path, rng)
    options = ["--lint-only", "-Wall", "--no-timing", "lint_waivers.vlt", "--top-module", "fsq_cosim_top"]
    done = find_verilator().run([*options, "-f", "files.f", "fsq_cosim_top.sv"], design.rtl)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [21, 22])
def test_project_keeps_its_requantisers(number: int, tmp_path: Path) -> None:
    """A project read back has the plan that its files were written from."""
    plan, rng = _plan(number)
    create_project(
        tmp_path / "p",
        plan.model,
        plan,
        random_images(rng, plan.model, 2),
        None,
        dialect="vitis",
        device=None,
        clock=Clock(100.0, "asked for"),
        source=Source("random", ""),
    )
    again = load_project(tmp_path / "p").plan
    assert again.multipliers == plan.multipliers
    for old, new in zip(plan.engines, again.engines, strict=True):
        assert engine_parameters(new) == engine_parameters(old)
        assert table_words(new) == table_words(old)


# ---------------------------------------------------------------------------------------------- hard designs


def _fire(signed: bool) -> QModel:
    """Stages of three scales, places and zero points; a stored row with a pad; both branches go through tables."""
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        drawn = random_qmodel(rng, min_size=9, max_size=12, max_fires=1, weight_bits=(8,), activation_bits=8)
        model = rescaled(rng, drawn)
        if model is None or not isinstance(model.layers[-3], QConcat):
            continue
        squeeze, one, three = (
            layer for layer in model.layers if isinstance(layer, QConv) and layer.name.startswith("fire2")
        )
        some = squeeze, one, three
        results = golden.run(model, random_images(np.random.default_rng(0), model, 2))
        if (
            all(len(np.unique(results[conv.name])) > 20 for conv in some)
            and all(table is not None for table in model.layers[-3].tables)
            and squeeze.output.zero
            and squeeze.output.signed == signed
            and one.output.zero
            and len({conv.bias_places for conv in some}) > 1
            and len({conv.multiplier[1] for conv in some if conv.scaled}) > 1
        ):
            return model
    raise AssertionError("no such network")


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> tuple[RtlDesign, np.ndarray]:
    """Signed pixels with a pad, two products in a slice, several passes and beats per row."""
    model = _fire(signed=True)
    made = RtlDesign.emit(
        model,
        [Folding(2, 1, 2), Folding(2, 2, 2), Folding(1, 1, 2)],
        tmp_path_factory.mktemp("fire"),
        Multipliers(2),
    )
    return made, random_images(np.random.default_rng(0), model, 2)


def _engine(plan: Plan) -> EnginePlan:
    return next(engine for engine in plan.engines if engine.name == "fire2")


@pytest.mark.slow
def test_stages_of_many_scales(design: tuple[RtlDesign, np.ndarray]) -> None:
    made, images = design
    engine = _engine(made.plan)
    assert engine.flips[1] and engine.buffers[1].pad_value.any() and engine.products_per_dsp == 2
    assert engine.requant.latency == DRAIN_LATENCY + PAIR_LATENCY + MULTIPLY_LATENCY + TABLE_LATENCY
    made.check(images, "fire", (3,))


def _wrong(made: RtlDesign, images: np.ndarray) -> np.ndarray:
    """Where the words of the Fire module differ from golden's, bool [N, C, H, W]; nothing before it does."""
    comparison, _ = made.simulate(images)
    assert not comparison.equal
    assert [kernel.name for kernel in comparison.kernels if kernel.mismatches][0] == "fire2"
    stream = _engine(made.plan).output
    words = decode_words((made.build.parent / "run0" / "fire2.bin").read_bytes(), stream)
    expected = golden.run(made.plan.model, images)
    return np.asarray(
        words_to_tensor(words, stream, len(images))
        != stream_tensor(made.plan.model, stream, expected, images)
    )


def _edit(made: RtlDesign, name: str, change: Callable[[int], int]) -> None:
    """Change a parameter of the engine in the top level, as one number."""
    file = made.rtl / "fsq_top.sv"
    text = file.read_text()
    at = text.rindex(f".{name}(", 0, text.index(") u_fire2 (")) + len(name) + 2
    end = text.index("\n", at)
    fields = re.findall(r"(\d+)'([dh])([0-9a-f]+)", text[at:end])
    width = sum(int(bits) for bits, _, _ in fields)
    value = 0
    for bits, kind, digits in fields:
        value = (value << int(bits)) | int(digits, 16 if kind == "h" else 10)
    new = change(value)
    assert new != value
    file.write_text(f"{text[:at]}{width}'h{new:x}),{text[end:]}")


def _copy(made: RtlDesign, folder: Path) -> RtlDesign:
    shutil.copytree(made.rtl, folder / "rtl")
    if made.build.exists():  # it was simulated before
        shutil.copytree(made.build, folder / "build")
    return RtlDesign(made.plan, folder / "rtl", folder / "build")


@pytest.mark.slow
def test_broken_scale_is_seen(design: tuple[RtlDesign, np.ndarray], tmp_path: Path) -> None:
    """A bit of the multiplier of one channel: it is wrong there and nowhere else."""
    made, images = _copy(design[0], tmp_path), design[1]
    engine = _engine(made.plan)
    # the channel of the 3x3 expansion whose results differ most
    results = golden.run(made.plan.model, images)[engine.stages[2].conv.name]
    channel = int(np.argmax([len(np.unique(results[:, c])) for c in range(results.shape[1])]))
    place = engine.bases[2] + channel
    bit = engine.bias_bits + engine.requant.scales[2][channel].bit_length() - 4
    columns = sorted({tile.bit for tile in engine.table.tiles})
    (tile,) = [t for t in engine.table.tiles if t.bit <= bit < t.bit + t.width]
    file = made.rtl / "params" / f"fire2_table_c{columns.index(tile.bit)}_r0.mem"
    words = file.read_text().split("\n")
    words[place] = f"{int(words[place], 16) ^ (1 << (bit - tile.bit)):x}"
    file.write_text("\n".join(words))
    wrong = _wrong(made, images).any(axis=(0, 2, 3))
    assert list(np.flatnonzero(wrong)) == [len(engine.stages[1].conv.bias) + channel]


@pytest.mark.slow
def test_broken_pad_and_table_are_seen(design: tuple[RtlDesign, np.ndarray], tmp_path: Path) -> None:
    """The pad of a stored channel spoils borders of the 3x3 expansion, an entry of a table the branch it serves."""
    made, images = _copy(design[0], tmp_path), design[1]
    engine = _engine(made.plan)
    first = engine.buffers[0].type
    _edit(made, "PAD_VALUES", lambda v: v ^ (0x7F << (first.bits * first.shape.channels)))
    one = engine.stages[1].conv
    entry = (one.output.zero % 256) * engine.pixel_bits
    tables, numbers, _ = recoded(engine)
    assert numbers[1] == 1 and len(tables) == 2
    _edit(made, "RECODE", lambda v: v ^ (1 << entry))
    wrong = _wrong(made, images)
    channels = len(one.bias)
    assert wrong[:, :channels].any() and wrong[:, channels:].any()
    assert not wrong[:, channels:, 1:-1, 1:-1].any()


@pytest.mark.slow
def test_broken_zero_is_seen(design: tuple[RtlDesign, np.ndarray], tmp_path: Path) -> None:
    made, images = _copy(design[0], tmp_path), design[1]
    # of the way to the stored rows, which comes last
    shift = 32 * (len({(s.sink, s.table) for s in _engine(made.plan).stages}) - 1)
    _edit(made, "ZEROS", lambda v: v ^ (1 << shift))
    assert _wrong(made, images).any()


# --------------------------------------------------------------------------------------------------- the plan


@pytest.mark.parametrize("number", range(1, 7))
def test_scales_are_golden_s(number: int) -> None:
    """What a stage's sums are multiplied with is the model's multiplier, for all stages over one power of two."""
    model, _ = _draw(number)
    engines = build_plan(model, [Folding(1, 1, 1)] * len(graph_of(model).engines)).engines
    for engine in engines:
        requant = engine.requant
        assert (requant.multiply == "shift") == (not any(s.conv.scaled for s in engine.stages))
        if requant.multiply == "shift":
            continue
        for stage, scales in zip(engine.stages, requant.scales, strict=True):
            conv = stage.conv
            m, right = conv.multiplier if conv.scaled else (np.ones(len(conv.bias), dtype=np.int64), 0)
            low, high = conv.sum_ranges
            more = requant.places - conv.bias_places
            for o, scale in enumerate(scales):
                exact = Fraction(int(m[o]), 1 << right)
                if not conv.scaled:
                    exact = Fraction(2) ** -int(conv.shift[o])
                got = Fraction(scale << more, 1 << requant.right)
                ends = int(low[o]), int(high[o])
                if ends == (0, 0):
                    continue
                # a smaller one only where every sum but 0 is cut off
                assert got == exact or (got < exact and got * 1 > 1 << conv.output.bits)
                products = [v * scale << more for v in ends]
                assert signed_bits(min(products), max(products)) <= engine.product_bits


@pytest.mark.slow
def test_scales_too_far_apart_share_no_engine(tmp_path: Path) -> None:
    model = _fire(signed=False)
    layers = []
    for layer in model.layers:
        if isinstance(layer, QConv) and layer.name == "fire2_squeeze1x1":
            layer = replace(layer, weight_frac=layer.weight_frac - 20)  # all is cut off
        if isinstance(layer, QConv) and layer.name == "fire2_expand3x3":
            layer = replace(layer, bias=layer.bias << 16, bias_places=layer.bias_places + 16)
        layers.append(layer)
    apart = replace(model, layers=tuple(layers))
    assert [engine.name for engine in graph_of(model).engines] == ["conv1", "fire2", "conv10"]
    engines = [engine.name for engine in graph_of(apart).engines]
    assert engines == ["conv1", "fire2_squeeze1x1", "fire2_expand1x1", "fire2_expand3x3", "conv10"]
    rng = np.random.default_rng(SEED)
    design = RtlDesign.of_plan(build_plan(apart, [Folding(1, 1, 1)] * 5), tmp_path)
    design.check(random_images(rng, apart, FRAMES), "apart", (1,))


def test_table_of_wide_pixels_is_refused() -> None:
    model = _fire(signed=False)
    layers = []
    for layer in model.layers:
        if isinstance(layer, QConv) and layer.name.endswith("expand1x1"):
            layer = replace(layer, output=replace(layer.output, bits=9), ceiling=None)
        if isinstance(layer, QConcat):
            layer = replace(layer, operands=(replace(layer.operands[0], bits=9), *layer.operands[1:]))
        layers.append(layer)
    with pytest.raises(
        FpgaSqueezeError, match="fire2_expand1x1: a concatenation changes the scale of its 9 bits"
    ):
        build_plan(replace(model, layers=tuple(layers)), [Folding(1, 1, 1)] * 3)


def test_slices_of_requantisers_come_off_the_budget() -> None:
    model = _fire(signed=False)
    budget = 60
    plans = {s: plan_for_lanes(model, budget, Multipliers(2, requant=s)) for s in STYLES}
    for style, plan in plans.items():
        assert plan.dsp <= budget
        for engine in plan.engines:
            lanes = engine.packing.dsp(engine.lanes_per_row * engine.folding.rows, engine.folding.channels)
            assert engine.dsp - lanes == engine.units * engine.requant.dsp
            assert engine_cost(engine.layer, engine.folding, plan.multipliers) == (
                engine.dsp,
                engine.work_cycles,
            )
            assert (engine.requant.dsp > 0) == (style == "dsp")
    assert plans["dsp"].lanes < plans["lut"].lanes


def test_device_without_luts_multiplies_in_slices() -> None:
    """Multipliers lie in LUTs; in slices only where a device has too few LUTs."""
    model = _fire(signed=False)
    device = find_device("xc7z010")
    foldings = {layer.name: Folding(1, 1, 1) for layer in graph_of(model).engines}
    plan = make_plan(model, None, device, foldings, room=WHOLE_DEVICE)
    assert plan.multipliers.requant == "lut"
    luts = estimate(plan, None, device.planned_clock, schedule(plan)).luts
    small = replace(device, luts=(luts - 100) * 100 // 95)
    assert make_plan(model, None, small, foldings, room=WHOLE_DEVICE).multipliers.requant == "dsp"
    tiny = replace(device, luts=luts // 4)
    assert make_plan(model, None, tiny, foldings, room=WHOLE_DEVICE).multipliers.requant == "lut"
