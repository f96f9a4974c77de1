"""SqueezeNet at full size: what the planner reaches on the budgets of common devices."""

from __future__ import annotations

import pytest

from bench.networks import squeezenet
from fpga_squeeze.device.block_ram import tile_bits
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.planning.timing import schedule


@pytest.mark.slow
@pytest.mark.parametrize(("version", "size"), [("1.1", 224), ("1.0", 227)])
@pytest.mark.parametrize(("budget", "least"), [(110, 0.92), (900, 0.92), (1800, 0.92), (2520, 0.89)])
def test_lanes_and_weight_memories_are_used(version: str, size: int, budget: int, least: float) -> None:
    plan = plan_for_lanes(squeezenet(version, size), budget)
    cycles = schedule(plan).cycles_per_frame
    assert plan.macs / (budget * cycles) >= least
    held = sum(tile_bits(rom.tiles) for engine in plan.engines for rom in engine.weights.roms)
    # words are as wide as cuts them for few LUTs, which leaves a little of some block RAMs empty
    assert plan.weight_bits / held >= 0.93
