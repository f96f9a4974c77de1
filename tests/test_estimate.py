"""The estimate says what the plan's own objects say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from random_models import random_qmodel

from fpga_squeeze import api
from fpga_squeeze.device.block_ram import RAMB36_BITS, Memory
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.clock import Clock
from fpga_squeeze.device.room import WHOLE_DEVICE
from fpga_squeeze.planning.cost.estimate import Estimate, estimate
from fpga_squeeze.planning.cost.placement import fits
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.planning.timing import schedule

KEYS = {
    "device", "fits", "ramb36", "ramb18", "lutram_bits", "dsp", "weight_bits",
    "cycles_per_frame", "latency_cycles", "fps", "kernels",
}  # fmt: skip

CLOCK = Clock(100.0, "planned")


def _plan(seed: int, lanes: int = 24) -> Plan:
    return plan_for_lanes(random_qmodel(np.random.default_rng(seed)), lanes)


def _estimate(plan: Plan, device: str | None = "XC7Z020", clock: Clock = CLOCK) -> Estimate:
    return estimate(plan, find_device(device) if device else None, clock, schedule(plan))


@pytest.mark.parametrize("seed", range(6))
def test_totals_are_the_sums_over_the_plan(seed: int) -> None:
    plan = _plan(seed)
    numbers = _estimate(plan)
    memories = [m for k in plan.kernels for m in k.memories]
    assert numbers.ramb36 == sum(m.ramb36 for m in memories) == sum(k.ramb36 for k in numbers.kernels)
    assert numbers.ramb18 == sum(m.ramb18 for m in memories) == sum(k.ramb18 for k in numbers.kernels)
    assert numbers.lutram_bits == sum(m.lutram_bits for m in memories)
    assert numbers.dsp == numbers.lanes == plan.lanes
    tables = [m for e in plan.engines for m in (*e.weights.roms, e.table)]
    assert numbers.parameter_bram36 == sum(m.ramb36 + m.ramb18 / 2 for m in tables)
    weights = sum(c.weight.size * e.weight_bits for e in plan.engines for c in [s.conv for s in e.stages])
    assert numbers.weight_bits == weights
    times = schedule(plan)
    assert (numbers.cycles_per_frame, numbers.latency_cycles) == (times.cycles_per_frame, times.latency)
    assert numbers.fps == pytest.approx(100e6 / numbers.cycles_per_frame)
    assert max(k.cycles for k in numbers.kernels) <= numbers.cycles_per_frame


@pytest.mark.parametrize("seed", range(4))
def test_efficiencies_are_shares(seed: int) -> None:
    numbers = _estimate(_plan(seed))
    assert numbers.lane_efficiency is not None
    assert 0 < numbers.lane_efficiency <= 1
    assert numbers.weight_efficiency is not None
    assert 0 < numbers.weight_efficiency <= 1
    for kernel in numbers.kernels:
        assert (kernel.lane_efficiency is None) == (kernel.lanes == 0)
        assert kernel.weight_bits <= kernel.weight_capacity_bits
        assert kernel.weight_capacity_bits <= (kernel.ramb36 + kernel.ramb18 / 2) * RAMB36_BITS


def test_json_has_the_agreed_keys_and_is_json() -> None:
    data = json.loads(json.dumps(_estimate(_plan(1)).to_json()))
    assert data.keys() >= KEYS
    assert data["device"] == "XC7Z020"
    assert data["fits"] is True
    assert data["short"] == []
    assert data["kernels"][0]["name"] == "image"


def test_without_a_device_nothing_fits_or_not() -> None:
    numbers = _estimate(_plan(1), None)
    assert numbers.device is None
    assert numbers.fits is None
    assert numbers.short == ()


def test_small_device_tells_what_is_short_and_by_how_much() -> None:
    numbers = api.estimate(options=api.DesignOptions(device="XC7Z007S", lanes=200))
    assert numbers.fits is False
    (dsp,) = [s for s in numbers.short if s.resource == "DSP slices"]
    assert dsp.missing == numbers.dsp - 66
    assert "short by" in str(dsp)


def test_two_ramb18_are_one_ramb36() -> None:
    plan = _plan(2)
    numbers = _estimate(plan)
    device = find_device("XC7Z020")
    half = numbers.ramb36 + numbers.ramb18 / 2
    exact = replace(device, ramb36=int(np.ceil(half)))
    assert estimate(plan, exact, CLOCK, schedule(plan)).fits
    less = estimate(plan, replace(exact, ramb36=exact.ramb36 - 1), CLOCK, schedule(plan))
    assert [s.resource.split()[0] for s in less.short] == ["RAMB36"]
    assert less.short[0].missing == half - (exact.ramb36 - 1)


def test_one_lut_less_does_not_fit() -> None:
    plan = _plan(3)
    numbers = _estimate(plan)
    assert numbers.luts == sum(k.luts + k.lutram_luts + k.shift_luts for k in numbers.kernels)
    assert numbers.lut_memory < numbers.luts
    least = -(-numbers.luts * 100 // 95)  # of which 95 % route
    exact = replace(find_device("XC7Z020"), luts=least, lut_memory=numbers.lut_memory)
    assert estimate(plan, exact, CLOCK, schedule(plan)).fits and fits(plan, WHOLE_DEVICE.of(exact))
    for less in (replace(exact, luts=exact.luts - 1), replace(exact, lut_memory=exact.lut_memory - 1)):
        short = estimate(plan, less, CLOCK, schedule(plan)).short
        assert [s.missing for s in short] == [1] and short[0].resource.startswith("LUTs")
        assert not fits(plan, WHOLE_DEVICE.of(less))


@pytest.mark.parametrize(
    ("depth", "width", "copies", "luts"),
    [(4, 6, 1, 4), (32, 7, 1, 8), (33, 3, 1, 4), (65, 9, 2, 40), (96, 8, 1, 20)],
)
def test_luts_of_distributed_memory(depth: int, width: int, copies: int, luts: int) -> None:
    assert Memory("m", "fifo", depth, width, depth * width, (), copies).lutram_luts == luts


@pytest.mark.slow
def test_more_lanes_are_not_slower() -> None:
    speeds = [
        api.estimate(options=api.DesignOptions(lanes=lanes)).cycles_per_frame for lanes in (16, 32, 64, 128)
    ]
    assert speeds == sorted(speeds, reverse=True)
