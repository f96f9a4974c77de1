"""Two products per DSP: the arithmetic, the RTL of a pair, and what the plan makes of it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from designs import random_foldings
from hypothesis import given
from hypothesis import strategies as st
from random_models import random_qmodel
from rtl_bench import build_bench

from fpga_squeeze import api, load_project
from fpga_squeeze.cli import main
from fpga_squeeze.cli.output import print_estimate
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.clock import Clock
from fpga_squeeze.device.dsp_packing import ACCUMULATOR, WIDE_PORT, Multipliers, Packing, pack
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network.fixed_point import int_range, signed_bits
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.paths import source_files
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.cost.estimate import estimate
from fpga_squeeze.planning.kernels import engine_cost
from fpga_squeeze.planning.search.folding import choose_foldings, plan_for_lanes
from fpga_squeeze.planning.timing import schedule

TWO = Multipliers(2)
Terms = npt.NDArray[np.int64]
"""Weight, x1, x0 per term."""


def _model(seed: int) -> QModel:
    return random_qmodel(np.random.default_rng(seed))


def _wrapped(value: int, bits: int) -> int:
    """The low ``bits`` of a value as a signed integer."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _pair(
    terms: list[tuple[int, int, int]], shift: int, acc_bits: int, port: int | None = None
) -> tuple[int, int]:
    """What a slice and its counter do, register by register, in registers of their true widths.

    ``port``  bits of the slice's wide input, signed; None: enough
    """
    total = count = 0
    for weight, x1, x0 in terms:
        packed = (x1 << shift) + x0
        assert port is None or packed == _wrapped(packed, port)
        after = _wrapped(total + weight * packed, shift + acc_bits)
        fell = (total >> (shift - 1)) & 1 and not (after >> (shift - 1)) & 1
        rose = not (total >> (shift - 1)) & 1 and (after >> (shift - 1)) & 1
        negative = (weight < 0) != (x0 < 0)  # of what is not 0
        count += int(bool(fell and not negative)) - int(bool(rose and negative))
        total = after
    if acc_bits > shift:
        count = _wrapped(count, acc_bits - shift)
    else:
        count = -((total >> (shift - 1)) & 1)
    low = total & ((1 << shift) - 1)
    return _wrapped((total >> shift) - count, acc_bits), _wrapped((count << shift) + low, acc_bits)


@st.composite
def _sequences(draw: st.DrawFn) -> tuple[list[tuple[int, int, int]], int]:
    """Terms, many of them extreme, and a shift that the rules allow for their widths."""
    signed = draw(st.booleans())
    x_bits, w_bits = draw(st.integers(1 + signed, 8)), draw(st.integers(2, 8 + signed))
    shift = WIDE_PORT[draw(st.sampled_from(sorted(WIDE_PORT)))] - 1 - x_bits
    if draw(st.booleans()):
        shift = x_bits + w_bits - signed  # the narrowest that the rules allow
    weight = st.sampled_from((-(1 << (w_bits - 1)), (1 << (w_bits - 1)) - 1, -1, 0)) | st.integers(
        -(1 << (w_bits - 1)), (1 << (w_bits - 1)) - 1
    )
    low, high = int_range(x_bits, signed)
    pixel = st.sampled_from((0, low, high)) | st.integers(low, high)
    block = st.tuples(st.tuples(weight, pixel, pixel), st.integers(1, 120))
    blocks = draw(st.lists(block, min_size=1, max_size=12))
    return [term for term, times in blocks for _ in range(times)], shift


def _bits(values: list[int]) -> int:
    """Bits of a signed field that holds all ``values``."""
    return max(v.bit_length() if v >= 0 else (-v - 1).bit_length() for v in values) + 1


@given(_sequences(), st.integers(0, 3))
def test_pair_gives_both_sums(case: tuple[list[tuple[int, int, int]], int], spare: int) -> None:
    terms, shift = case
    s1, s0 = sum(w * a for w, a, _ in terms), sum(w * b for w, _, b in terms)
    acc_bits = _bits([s1, s0]) + spare  # only the final sums have to fit
    assert _pair(terms, shift, acc_bits) == (s1, s0)


@pytest.mark.parametrize("terms", [1, 2, 700, 4608])
@pytest.mark.parametrize("weight", [-128, -127, -1, 0, 1, 127])
@pytest.mark.parametrize("pixels", [(0, 0), (255, 0), (0, 255), (255, 255)])
def test_extremes(terms: int, weight: int, pixels: tuple[int, int]) -> None:
    sums = tuple(weight * x * terms for x in pixels)
    for shift in (16, 18):
        assert _pair([(weight, *pixels)] * terms, shift, _bits(list(sums))) == sums


@pytest.mark.parametrize("weight", [-256, -255, -1, 0, 1, 255])
@pytest.mark.parametrize("pixels", [(-128, -128), (127, -128), (-128, 127), (127, 127), (0, -1), (-128, 0)])
def test_extremes_of_signed_pixels(weight: int, pixels: tuple[int, int]) -> None:
    """Weights of 9 bits in the 25 bits that a DSP48E1 takes."""
    for terms in (1, 2, 700):
        sums = tuple(weight * x * terms for x in pixels)
        assert _pair([(weight, *pixels)] * terms, 16, _bits(list(sums)), WIDE_PORT["DSP48E1"]) == sums


def test_a_field_too_narrow_fails() -> None:
    """The bounds are needed: with 15 bits the products 128 * 255 and 256 * 128 are more than half of the field."""
    assert _pair([(-128, 0, 255)] * 3, 15, 24) != (0, -128 * 255 * 3)
    assert _pair([(-256, 0, -128)] * 3, 15, 24) != (0, 256 * 128 * 3)


def test_any_step_of_the_low_field() -> None:
    """Weights of 9 bits, signed pixels of 8: the top bit tells of every wrap, wherever in its field the sum stands."""
    weight, pixel = np.meshgrid(np.arange(-256, 256), np.arange(-128, 128))
    product, negative = weight * pixel, (weight < 0) != (pixel < 0)
    for low in (0, 1, 127, 1 << 14, (1 << 15) - 1, 1 << 15, (1 << 15) + 1, 3 << 14, (1 << 16) - 1):
        wraps = (low + product) >> 16
        top = (low + product) >> 15 & 1
        fell, rose = low >> 15 > top, low >> 15 < top
        assert np.array_equal(wraps, (fell & ~negative).astype(int) - (rose & negative))


# ------------------------------------------------------------------------------------------------- the RTL


@dataclass(frozen=True)
class Widths:
    """Two lanes of fsq_mac_array in one slice."""

    x_bits: int
    w_bits: int
    acc_bits: int
    shift: int
    signed: bool = False


def _build(folder: Path, widths: Widths, *edits: tuple[str, str, str]) -> Path:
    """The bench around one parameterisation; ``edits`` replace a text of a file by another."""
    parameters = {
        "PHASES": 2,
        "LANES": 2,
        "UNITS": 2,
        "X_BITS": widths.x_bits,
        "X_SIGNED": int(widths.signed),
        "W_BITS": widths.w_bits,
        "ACC_BITS": widths.acc_bits,
        "PAIR_SHIFT": widths.shift,
    }
    names = ("fsq_mac_array.sv", "fsq_mac_pair.sv", "fsq_mac_lane.sv", "fsq_copy.sv", "fsq_ram_lut.sv")
    sources = {name: source_files("rtl")[name].read_text() for name in names}
    for name, old, new in edits:
        assert old in sources[name]
        sources[name] = sources[name].replace(old, new)
    return build_bench(folder, "fsq_mac_array", sources, "pair_bench.cpp", parameters)


def _terms(rng: np.random.Generator, widths: Widths) -> Terms:
    """One sequence of up to 700 terms: random, or made of extremes."""
    length = int(rng.integers(1, 701)) if rng.random() < 0.5 else int(rng.integers(1, 20))
    low, high = int_range(widths.w_bits, True)
    bottom, top = int_range(widths.x_bits, widths.signed)
    kind = rng.integers(4)
    if kind == 0:
        weight = rng.integers(low, high + 1, length)
    elif kind == 1:
        weight = np.full(length, rng.choice((low, high)))
    else:
        weight = np.where(rng.random(length) < rng.random(), low, high)
    x = rng.integers(bottom, top + 1, (length, 2)) if kind != 2 else rng.choice((bottom, 0, top), (length, 2))
    if rng.random() < 0.3:
        x[:] = rng.choice((bottom, top))
    return np.column_stack((weight, x))


def _longest(terms: Terms, acc_bits: int) -> Terms:
    """The longest beginning of a sequence whose sums fit their field; sums on the way may leave it."""
    sums = np.cumsum(terms[:, :1] * terms[:, 1:], axis=0)
    limit = 1 << (acc_bits - 1)
    return terms[: np.flatnonzero(((sums >= -limit) & (sums < limit)).all(axis=1))[-1] + 1]


def _run(program: Path, cases: list[Terms], widths: Widths) -> Terms:
    """Both sums [N, 2] that the RTL gives for every sequence; gaps stand between terms at random.

    What fsq_unpair takes off the upper one comes off here.
    """
    rng = np.random.default_rng(1)
    rows = []
    for terms in cases:
        flags = np.ones(len(terms), dtype=np.int64)
        flags[0] += 2
        flags[-1] += 4
        block = np.column_stack((terms, flags))
        gaps = np.sort(rng.integers(0, len(terms), len(terms) // 8))
        filler = np.column_stack(
            (terms[rng.integers(0, len(terms), len(gaps))], np.zeros(len(gaps), np.int64))
        )
        rows.append(np.insert(block, gaps, filler, axis=0))
    np.concatenate(rows).astype("<i4").tofile(program.parent / "terms.bin")
    command = [str(program), "terms.bin", "sums.bin", str(widths.x_bits), str(widths.w_bits)]
    subprocess.run(command, cwd=program.parent, check=True)
    raw = np.fromfile(program.parent / "sums.bin", dtype="<u8").astype(object)
    bits = widths.acc_bits
    sums = np.array([[_wrapped(v >> bits, bits), _wrapped(v, bits)] for v in raw], dtype=np.int64)
    upper = sums[:, 0] - (sums[:, 1] >> min(widths.shift, bits - 1))
    return np.column_stack(([_wrapped(int(v), bits) for v in upper], sums[:, 1]))


def _exact(cases: list[Terms]) -> Terms:
    return np.array([(terms[:, :1] * terms[:, 1:]).sum(axis=0) for terms in cases])


def _every_step(widths: Widths) -> list[Terms]:
    """All weights with the extremes of pixels, one by one and many times, behind a term that moves the field."""
    low, high = int_range(widths.w_bits, True)
    bottom, top = int_range(widths.x_bits, widths.signed)
    return [
        np.array([[start, bottom, top]] + [[weight, x1, x0]] * times)
        for weight in range(low, high + 1)
        for x1, x0 in ((bottom, bottom), (top, bottom), (bottom, top), (0, bottom), (top, top))
        for start, times in ((low, 1), (high, 3), (1, 2))
    ]


NINE = Widths(8, 9, 28, 16, signed=True)
"""Weights of 9 bits in a DSP48E1."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "widths",
    [
        Widths(8, 8, 26, 16),
        Widths(8, 8, 26, 18),
        Widths(8, 8, 17, 16),
        Widths(4, 4, 18, 20),
        Widths(8, 5, 16, 16),
        Widths(2, 8, 20, 22),
        NINE,
        Widths(5, 3, 8, 8, signed=True),
    ],
    ids=lambda widths: "-".join(map(str, astuple(widths))),
)
def test_rtl_pair_gives_both_sums(widths: Widths, tmp_path: Path) -> None:
    rng = np.random.default_rng(widths.x_bits * 1000 + widths.w_bits * 100 + widths.acc_bits)
    program = _build(tmp_path / "pair", widths)
    drawn = [_terms(rng, widths) for _ in range(3500)]
    steps = _every_step(widths) if widths == NINE else []
    cases = [_longest(terms, widths.acc_bits) for terms in drawn + steps]
    got = _run(program, cases, widths)
    assert got.shape == (len(cases), 2)
    assert np.array_equal(got, _exact(cases))


COUNTER = (
    "fsq_mac_pair.sv",
    "assign down  = ~top_q & top & negative_i;",
    "assign down  = ~top_q & top & 1'b0;",
)
UNUSED = (
    "fsq_mac_pair.sv",
    "logic top, top_q",
    "logic unused;\n      assign unused = negative_i;\n      logic top, top_q",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("widths", "edits", "term"),
    [
        (Widths(8, 8, 26, 16), (COUNTER, UNUSED), [-128, 255, 255]),
        # the borrow; the sign of the lower pixel; its extension in the packed operand
        (
            NINE,
            (("fsq_mac_array.sv", "{(X_BITS + 1) {x0[X_BITS-1]}}", "(X_BITS + 1)'(0)"),),
            [-256, 127, -128],
        ),
        (NINE, (("fsq_mac_array.sv", "sign_q <= pixels_q[X_BITS-1]", "sign_q <= 1'b0"),), [255, 127, -128]),
        (NINE, (("fsq_mac_pair.sv", "{(X_SIGNED != 0) & x_i[X_BITS-1]}", "{1'b0}"),), [255, 127, -1]),
    ],
    ids=["counter", "borrow", "sign", "extension"],
)
def test_broken_rtl_pair_is_seen(
    widths: Widths, edits: tuple[tuple[str, str, str], ...], term: list[int], tmp_path: Path
) -> None:
    program = _build(tmp_path / "pair", widths, *edits)
    cases = [np.array([term] * n) for n in (1, 2, 3, 700)]
    assert not np.array_equal(_run(program, cases, widths), _exact(cases))


# ------------------------------------------------------------------------------------------------ the plan


@pytest.mark.parametrize("seed", range(6))
def test_cost_is_the_plan(seed: int) -> None:
    """The search and the plan agree on DSP slices; odd lanes have a slice of their own."""
    model = _model(seed)
    foldings = random_foldings(np.random.default_rng(seed), model)
    plan, single = build_plan(model, foldings, multipliers=TWO), build_plan(model, foldings)
    assert plan.products_per_dsp == 2 and single.products_per_dsp == 1
    for engine, one, folding in zip(plan.engines, single.engines, foldings, strict=True):
        assert engine_cost(engine.layer, folding, TWO) == (engine.dsp, engine.work_cycles)
        assert engine.lanes == one.lanes == one.dsp
        assert engine.work_cycles == one.work_cycles
        pixels = engine.lanes_per_row * folding.rows
        assert engine.products_per_dsp == 2 and engine.dsp == folding.channels * ((pixels + 1) // 2)
    assert plan.lane_budget == plan.dsp


@pytest.mark.parametrize("budget", [16, 24, 40, 60])
def test_two_products_nearly_double_the_lanes(budget: int) -> None:
    model = _model(3)
    one, two = plan_for_lanes(model, budget), plan_for_lanes(model, budget, TWO)
    assert one.dsp <= budget and two.dsp <= budget
    assert two.lanes <= 2 * two.dsp
    slowest = [max(e.work_cycles for e in plan.engines) for plan in (one, two)]
    assert slowest[1] < slowest[0]


def test_widths_that_do_not_allow_it() -> None:
    conv = _model(0).convs[0]
    assert pack([conv], Multipliers(1)).reason == ""
    wide = replace(conv, weight_bits=8, input=replace(conv.input, bits=8, signed=False))
    assert (pack([wide], TWO).shift, pack([wide], Multipliers(2, "DSP48E2")).shift) == (16, 18)
    nine, ten = replace(wide, weight_bits=9), replace(wide, weight_bits=10)
    assert pack([nine], TWO) == Packing((8, True), 2, 16)  # pixels become signed ones
    assert pack([nine], Multipliers(2, "DSP48E2")) == Packing((8, False), 2, 18)
    assert pack([ten], TWO).products == 1
    assert "10 x 8 bits do not fit the field of 16 bits" in pack([ten], TWO).reason
    assert pack([ten], Multipliers(2, "DSP48E2")).products == 2
    signed = replace(wide, input=replace(wide.input, signed=True))
    assert pack([signed], TWO) == Packing((8, False), 2, 16)  # they come as unsigned ones
    deep = replace(wide, input=replace(wide.input, bits=14))
    assert "8 x 14 bits do not fit the field of 10 bits" in pack([deep], TWO).reason
    huge = replace(wide, bias=np.full_like(wide.bias, 1 << 34))
    assert f"accumulator of {ACCUMULATOR} bits" in pack([huge], TWO).reason
    with pytest.raises(FpgaSqueezeError, match="3 products per DSP: give 1 or 2"):
        Multipliers(3)


@pytest.mark.parametrize("weight_bits", [8, 9])
def test_pixels_of_either_sign_keep_two_products(weight_bits: int) -> None:
    """Their top bit is inverted where lanes want the other sign, and the biases take off what that adds to the sums."""
    rng = np.random.default_rng(2)
    model = random_qmodel(rng, weight_bits=(weight_bits,), activation_bits=8, signed_probability=0.5)
    plan = build_plan(model, choose_foldings(model, 40, TWO), 40, TWO)
    assert [engine.products_per_dsp for engine in plan.engines] == [2] * len(plan.engines)
    flips = [flip for engine in plan.engines for flip in engine.flips]
    assert any(flips) and not all(flips)
    for engine in plan.engines:
        bits = max(buffer.type.bits for buffer in engine.buffers)
        signed = engine.weight_bits + bits > 24 - bits
        assert engine.operand == (bits, signed)
        for number, stage in enumerate(engine.stages):
            conv, flip = stage.conv, engine.flips[stage.source]
            assert flip == (conv.input.signed != signed)
            offset = (1 << (conv.input.bits - 1)) * int(flip) * (1 if conv.input.signed else -1)
            rng = np.random.default_rng(number)
            low, high = conv.input.range
            x = rng.integers(low, high + 1, conv.weight[0].size)
            weight = conv.weight.reshape(len(conv.bias), -1)
            assert np.array_equal(weight @ x + conv.bias, weight @ (x + offset) + engine.biases(number))
            products = weight * (np.array([low, high]) + offset)[:, None, None]
            least, most = products.min(0).clip(max=0).sum(1).min(), products.max(0).clip(min=0).sum(1).max()
            assert signed_bits(int(least), int(most)) <= engine.acc_bits


def test_engines_with_one_product_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    model = _model(0)
    plan = build_plan(model, choose_foldings(model, 40, TWO), 40, TWO)
    last = plan.kernels.index(plan.engines[-1])
    wide = replace(plan.engines[-1], packing=Packing((14, False), reason="its pixels are wide"))
    plan = replace(plan, kernels=(*plan.kernels[:last], wide, *plan.kernels[last + 1 :]))
    print_estimate(estimate(plan, None, Clock(100.0, "planned"), schedule(plan)))
    out = capsys.readouterr().out
    assert f"2 products per DSP: {plan.lanes} lanes in {plan.dsp} DSP slices" in out
    assert f"one product per DSP in {wide.name}: its pixels are wide" in out


def test_device_chooses_the_slice() -> None:
    assert Multipliers.of(2, find_device("ZU9EG")).slice == "DSP48E2"
    assert Multipliers.of(2, find_device("XC7Z045")).slice == "DSP48E1"
    assert Multipliers.of(None, None) == Multipliers(1, "DSP48E1")


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "p")
    assert main(["generate", "-o", folder, "--lanes", "16", "--products-per-dsp", "2"]) == 0
    plan = load_project(folder).plan
    assert f"{plan.lanes} lanes in {plan.dsp} DSP slices" in capsys.readouterr().out
    assert main(["estimate", folder, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["products_per_dsp"], data["lanes"], data["dsp"]) == (2, plan.lanes, plan.dsp)
    assert main(["estimate", "--lanes", "16", "--products-per-dsp", "3"]) == 2
    assert "3 products per DSP: give 1 or 2" in capsys.readouterr().err


def test_project_rebuilds_the_plan(tmp_path: Path) -> None:
    made = api.generate(output=tmp_path / "p", options=api.DesignOptions(lanes=40, products_per_dsp=2))
    again = load_project(tmp_path / "p")
    assert again.plan.multipliers == made.plan.multipliers == TWO
    assert [e.packing for e in again.plan.engines] == [e.packing for e in made.plan.engines]
    numbers = api.estimate(tmp_path / "p")
    assert numbers.products_per_dsp == 2
    assert numbers.dsp <= 40 < numbers.lanes
    assert api.estimate(tmp_path / "p", options=api.DesignOptions(products_per_dsp=1)).dsp <= 40
    assert api.estimate(tmp_path / "p", options=api.DesignOptions(lanes=20)).products_per_dsp == 2
