"""Buffers are as deep as derived, and no deeper than they must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from designs import HEADER, RtlDesign, random_foldings
from random_graphs import random_graph_qmodel
from random_models import random_images, random_qmodel

from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import EnginePlan, Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import tune_stores, with_slots
from fpga_squeeze.planning.timing import schedule, simulate


def _design(folding: Folding) -> tuple[QModel, Plan]:
    """A network with a Fire module that allows ``folding`` everywhere."""
    for seed in range(200):
        model = random_qmodel(np.random.default_rng(seed))
        engines = graph_of(model).engines
        shapes = [engine.output.shape for engine in engines]
        if any(engine.is_module for engine in engines) and all(
            s.width >= folding.phases and s.height >= 3 * folding.rows and s.channels >= folding.channels
            for s in shapes
        ):
            return model, build_plan(model, [folding] * len(shapes))
    raise AssertionError("no suitable network")


def _with(plan: Plan, index: int, kernel: EnginePlan) -> Plan:
    """The plan with one kernel exchanged, and no check."""
    return replace(plan, kernels=(*plan.kernels[:index], kernel, *plan.kernels[index + 1 :]))


def _engines(plan: Plan) -> list[tuple[int, EnginePlan]]:
    return [(i, k) for i, k in enumerate(plan.kernels) if isinstance(k, EnginePlan)]


@pytest.mark.parametrize("folding", [Folding(1, 1, 1), Folding(1, 1, 2), Folding(2, 1, 3)])
def test_fifo_of_derived_depth_costs_nothing(folding: Folding) -> None:
    """A receiver that never waits finds no slower engine than one behind an endless FIFO."""
    _, plan = _design(folding)
    deep = plan
    for i, engine in _engines(plan):
        deep = _with(deep, i, replace(engine, output=replace(engine.output, depth=10_000)))
    assert schedule(plan).cycles_per_frame == schedule(deep).cycles_per_frame


def test_row_buffer_one_slot_short_deadlocks() -> None:
    """With no spare slot a design still runs; one slot less and no kernel can move a word."""
    _, plan = _design(Folding(1, 1, 1, spare=0))
    simulate(plan, 2)
    stuck = 0
    for i, engine in _engines(plan):
        fewer = replace(engine.lines, slots=engine.lines.slots - 1)
        short = _with(plan, i, replace(engine, buffers=(fewer, *engine.buffers[1:])))
        try:
            simulate(short, 2)
        except RuntimeError:
            stuck += 1
    assert stuck > 0


def _run(plan: Plan, model: QModel, folder: Path) -> tuple[str | None, bool, tuple[int, ...]]:
    emit_rtl(plan, folder / "rtl", HEADER)
    design = RtlDesign(plan, folder / "rtl", folder / "build")
    images = random_images(np.random.default_rng(3), model, 3)
    comparison, timing = design.simulate(images, quiet_cycles=20_000)
    return timing.error, comparison.equal, tuple(end - timing.first_beat for end in timing.frame_ends)


@pytest.mark.slow
def test_fifo_one_word_short_loses_cycles_in_the_rtl(tmp_path: Path) -> None:
    """The RTL agrees with the model about a FIFO that is too shallow: the same integers, the same later cycles."""
    model, plan = _design(Folding(1, 1, 2))
    error, equal, ends = _run(plan, model, tmp_path / "derived")
    assert error is None and equal and ends == simulate(plan, 3).outputs
    slower = []
    for i, engine in _engines(plan):
        short = _with(plan, i, replace(engine, output=replace(engine.output, depth=engine.output.depth - 1)))
        if simulate(short, 3).outputs > ends:
            slower.append(short)
    assert slower, "no FIFO is tight"
    error, equal, later = _run(slower[0], model, tmp_path / "short")
    assert error is None and equal
    assert later == simulate(slower[0], 3).outputs > ends


@pytest.mark.slow
def test_fifo_below_a_pass_deadlocks_in_the_rtl(tmp_path: Path) -> None:
    """A FIFO that cannot hold the words of one pass never lets it start."""
    model, plan = _design(Folding(1, 1, 3))
    i, engine = _engines(plan)[0]
    short = _with(plan, i, replace(engine, output=replace(engine.output, depth=2)))
    with pytest.raises(RuntimeError, match="deadlock"):
        simulate(short, 1)
    error, equal, _ = _run(short, model, tmp_path)
    assert error is not None and error.startswith("deadlock")
    assert not equal


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "name", "stops"), [(25, "add4_store", False), (11, "add2_store0", True)])
def test_store_one_row_short_in_the_rtl(seed: int, name: str, stops: bool, tmp_path: Path) -> None:
    """Where streams meet again: the RTL agrees with the model about a store that is too shallow, or it stops."""
    rng = np.random.default_rng(seed)
    model = random_graph_qmodel(rng)
    plan = tune_stores(build_plan(model, random_foldings(rng, model, 2)))
    slots = next(store.slots for store in plan.stores if store.name == name)
    short = with_slots(plan, {name: slots - 1})
    if stops:
        with pytest.raises(RuntimeError, match="deadlock"):
            simulate(short, 1)
    error, equal, ends = _run(short, model, tmp_path)
    if stops:
        assert error is not None and error.startswith("deadlock") and not equal
    else:
        assert error is None and equal
        assert ends == simulate(short, 3).outputs > simulate(plan, 3).outputs
