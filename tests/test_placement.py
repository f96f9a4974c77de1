"""Where row buffers lie: the search against all placements, and designs with UltraRAM."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from designs import HEADER, RtlDesign, random_foldings
from model_equality import differences
from random_models import random_images, random_qmodel

from bench.networks import squeezenet
from fpga_squeeze.device.block_ram import STYLES, URAM_DEPTH, row_memory, with_style
from fpga_squeeze.device.catalogue import Device, find_device
from fpga_squeeze.device.clock import Clock
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS, Dialect
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.cost.estimate import estimate
from fpga_squeeze.planning.cost.logic import shift_register_luts
from fpga_squeeze.planning.cost.placement import place, row_buffers, styles, with_styles
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.project.manifest import Source
from fpga_squeeze.project.project import create_project, load_project
from fpga_squeeze.verify.synthesis import map_kernels

CLOCK = Clock(100.0, "planned")
BIG = Device("BIG", "x", "zynq-ultrascale+", 10_000, 10_000, 1_000_000, 500_000, "made up", 10_000)


def _plan(seed: int, most: int = 4) -> Plan:
    rng = np.random.default_rng(seed)
    model = random_qmodel(rng)
    return build_plan(model, random_foldings(rng, model, most))


def _use(plan: Plan) -> tuple[int, int, int]:
    """RAMB18, URAM288 and LUTs of a plan."""
    memories = [memory for kernel in plan.kernels for memory in kernel.memories]
    return (
        sum(2 * m.ramb36 + m.ramb18 for m in memories),
        sum(m.uram for m in memories),
        sum(m.lutram_luts for m in memories) + sum(shift_register_luts(kernel) for kernel in plan.kernels),
    )


def _measure(plan: Plan, device: Device) -> tuple[float, float]:
    """(what the plan is short of, what it takes), both in shares of the device."""
    have = (2 * device.ramb36, device.uram, device.lut_memory)
    use = _use(plan)
    short = sum(max(0, u - h) / max(1, h) for u, h in zip(use, have, strict=True))
    return short, sum(u / max(1, h) for u, h in zip(use, have, strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_search_is_exact(seed: int) -> None:
    """On devices that are too small for the first placement no other placement is better."""
    plan = _plan(seed)
    rng = np.random.default_rng(100 + seed)
    blocks, _, luts = _use(plan)
    device = replace(
        BIG,
        ramb36=max(1, int(blocks * rng.uniform(0.3, 1.2) / 2)),
        lut_memory=max(1, int(luts * rng.uniform(0.3, 0.99))),
        uram=int(rng.integers(0, 12)),
    )
    kinds = STYLES if device.uram else STYLES[:2]
    buffers = row_buffers(plan)[:6]  # all of more buffers are too many to try; the others stay
    choices = [[s for s in kinds if with_style(b, s)] for b in buffers]
    names = [b.name for b in buffers]
    every = [with_styles(plan, dict(zip(names, chosen, strict=True))) for chosen in product(*choices)]
    best = min(_measure(p, device) for p in every)
    found = _measure(place(plan, device), device)
    if len(buffers) == len(row_buffers(plan)):
        assert found == pytest.approx(best)
    assert found <= best or found == pytest.approx(best)


def test_nothing_moves_where_there_is_room() -> None:
    plan = _plan(1)
    assert place(plan, BIG) == plan


def test_buffers_move_until_the_device_holds_them() -> None:
    """Without LUTs for memory all rows go to block RAM; with UltraRAM instead of block RAM all go there."""
    plan = _plan(2)
    names = styles(plan)
    fixed = _use(with_styles(plan, dict.fromkeys(names, "block")))
    moved = place(plan, replace(BIG, lut_memory=fixed[2], uram=0))
    assert set(styles(moved).values()) == {"block"}
    ultra = with_styles(plan, dict.fromkeys(names, "ultra"))
    least = replace(BIG, lut_memory=_use(ultra)[2], ramb36=-(-_use(ultra)[0] // 2), uram=_use(ultra)[1])
    assert set(styles(place(plan, least)).values()) == {"ultra"}
    # one block less, and the estimate says so
    less = replace(least, uram=least.uram - 1)
    assert _measure(place(plan, less), less)[0] > 0
    numbers = estimate(ultra, less, CLOCK, schedule(plan))
    assert [(s.resource, s.missing) for s in numbers.short] == [("URAM288", 1)]
    assert numbers.uram == sum(k.uram for k in numbers.kernels) == _use(ultra)[1]
    assert estimate(ultra, least, CLOCK, schedule(plan)).fits


def test_ultra_ram_has_one_shape() -> None:
    memory = with_style(row_memory("a", 1000, 440, copies=2), "ultra")
    assert memory is not None and memory.uram == 14 and memory.lutram_bits == memory.ramb36 == 0
    assert with_style(row_memory("b", URAM_DEPTH + 1, 8), "ultra") is None


def test_unknown_buffer_or_ram_is_refused() -> None:
    plan = _plan(3)
    with pytest.raises(FpgaSqueezeError, match="fire99_lines: no such row buffer"):
        with_styles(plan, {"fire99_lines": "lut"})
    name = next(iter(styles(plan)))
    with pytest.raises(FpgaSqueezeError, match=f"{name}: unknown kind of RAM 'tape'"):
        with_styles(plan, {name: "tape"})  # type: ignore[dict-item]


def test_dense_weights_are_too_many_for_a_zu5ev() -> None:
    """SqueezeNet v1.1 on a KV260: all rows leave block RAM, and what the weights need beyond it is named."""
    device = find_device("kv260")
    plan = make_plan(squeezenet("1.1", 224), None, device)
    assert "block" not in styles(plan).values()
    numbers = estimate(plan, device, CLOCK, schedule(plan))
    assert [s.resource.split()[0] for s in numbers.short] == ["RAMB36"]
    assert numbers.short[0].missing == numbers.parameter_bram36 - 144 > 100
    assert numbers.uram <= 64


def test_project_keeps_the_placement(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    model = random_qmodel(rng)
    plan = plan_for_lanes(model, 30)
    plan = with_styles(plan, dict.fromkeys(styles(plan), "ultra"))
    images = random_images(rng, model, 1)
    source = Source("model.onnx", "0")
    create_project(
        tmp_path / "p",
        model,
        plan,
        images,
        None,
        dialect="vitis",
        device=None,
        clock=CLOCK,
        source=source,
    )
    assert differences(plan.kernels, load_project(tmp_path / "p").plan.kernels) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hls_binds_every_row_buffer(dialect: Dialect, tmp_path: Path) -> None:
    plan = _plan(2)
    for style in STYLES:
        emit_hls(with_styles(plan, dict.fromkeys(styles(plan), style)), tmp_path / style, HEADER, dialect)
        texts = [(tmp_path / style / f"{kernel.name}.cpp").read_text() for kernel in plan.kernels]
        bound = re.findall(rf"FSQ_RAM_{style.upper()}\((?:lines|stored|kept)\)", "".join(texts))
        assert len(bound) == len(row_buffers(plan))
        assert f"#define FSQ_RAM_{style.upper()}(name)" in (tmp_path / style / "fsq_pragmas.hpp").read_text()


@pytest.mark.slow
def test_design_in_ultra_ram(tmp_path: Path) -> None:
    """Every row buffer in UltraRAM: same integers, same cycles; a lost write is seen."""
    rng = np.random.default_rng(6)
    model = random_qmodel(rng)
    foldings = random_foldings(rng, model, 2)
    design = RtlDesign.emit(model, foldings, tmp_path)
    plain, timing = design.simulate(random_images(np.random.default_rng(0), model, 2))
    design.plan = with_styles(design.plan, dict.fromkeys(styles(design.plan), "ultra"))
    emit_rtl(design.plan, design.rtl, HEADER)
    ultra, ultra_timing = design.simulate(random_images(np.random.default_rng(0), model, 2))
    assert plain.equal and ultra.equal and ultra_timing == timing and ultra_timing.error is None
    design.edit("fsq_ram_block.sv", "if (we_i) mem[waddr_i]", "if (we_i && waddr_i != '0) mem[waddr_i]")
    assert design.simulate(random_images(np.random.default_rng(0), model, 2))[0].mismatches > 0


@pytest.mark.slow
def test_yosys_maps_rows_to_ultra_ram(tmp_path: Path) -> None:
    plan = _plan(12, most=1)
    plan = with_styles(plan, dict.fromkeys(styles(plan), "ultra"))
    emit_rtl(plan, tmp_path / "rtl", HEADER)
    mapped = map_kernels(tmp_path / "rtl", tmp_path, "zynq-ultrascale+", luts=False)
    for kernel in plan.kernels:
        assert mapped[kernel.name]["URAM288"] == sum(m.uram for m in kernel.memories), kernel.name
    assert sum(cells["URAM288"] for cells in mapped.values()) > 0
