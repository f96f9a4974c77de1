"""The schedule against its oracle, which moves every word of every frame by itself: the same cycles, always."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import schedule_oracle
from designs import random_foldings
from random_graphs import random_graph_qmodel
from random_models import random_qmodel

from bench.networks import squeezenet
from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.network.graph import IMAGE, Pads, Shape
from fpga_squeeze.network.integers import QConv, QMaxPool, QModel
from fpga_squeeze.planning import links, timing
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import EnginePlan, Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.handshakes import Deadlock
from fpga_squeeze.planning.kinds.fork import ForkPlan
from fpga_squeeze.planning.kinds.max_pool import PoolPlan
from fpga_squeeze.planning.kinds.store import StorePlan
from fpga_squeeze.planning.plan import KernelPlan, Plan
from fpga_squeeze.planning.search import folding
from fpga_squeeze.planning.search.folding import (
    alive,
    plan_for_lanes,
    tune_buffers,
    tune_stores,
    with_slots,
    with_spares,
)
from fpga_squeeze.planning.timing import schedule, simulate
from fpga_squeeze.planning.weight_memories import FORMATS

FRAMES = 5
DEADLOCK = "deadlock"


def _outcome(module: object, plan: Plan, frames: int) -> tuple[int, ...] | str:
    """Last outputs of every frame, or that the plan deadlocks."""
    try:
        outputs = module.simulate(plan, frames).outputs  # type: ignore[attr-defined]
    except RuntimeError as error:
        assert str(error) == "the plan deadlocks: no kernel can move a word"
        return DEADLOCK
    assert isinstance(outputs, tuple)
    return outputs


def _same(plan: Plan, told: str, frames: int = FRAMES) -> tuple[int, ...] | str:
    expected = _outcome(schedule_oracle, plan, frames)
    assert _outcome(timing, plan, frames) == expected, told
    return expected


def _depth(kernel: KernelPlan, depth: int) -> KernelPlan:
    if isinstance(kernel, ForkPlan):
        return replace(kernel, outputs=tuple(replace(s, depth=max(1, depth)) for s in kernel.outputs))
    if isinstance(kernel, StorePlan):
        return kernel
    return replace(kernel, output=replace(kernel.output, depth=max(1, depth)))


@cache
def _random_plan(seed: int) -> Plan:
    """Any network and any folding: dense and compressed, flat maps, single channels, pools behind pools."""
    rng = np.random.default_rng(seed)
    model = random_qmodel(
        rng,
        min_size=3 if seed % 4 == 0 else 5,
        max_size=9 if seed % 4 == 0 else 24,
        max_channels=2 if seed % 5 == 0 else 9,
        in_channels=2 if seed % 7 == 0 else None,
    )
    foldings = [
        replace(f, spare=int(rng.choice((0, 1, 1, 1, 2)))) for f in random_foldings(rng, model, 2 + seed % 3)
    ]
    formats = [FORMATS[i] for i in rng.integers(0, len(FORMATS), len(foldings))]
    return build_plan(model, foldings, multipliers=Multipliers(1 + seed % 2), formats=formats)


def _disturbed(plan: Plan, rng: np.random.Generator) -> Plan:
    """The plan with buffers of other depths: FIFOs one word short of tight, or of any depth, slots more or fewer."""

    def kernel(old: KernelPlan) -> KernelPlan:
        change = rng.integers(4)
        if isinstance(old, EnginePlan):
            least = old.folding.channels * old.folding.rows
            if change == 1:
                lines = replace(old.lines, slots=old.lines.slots + int(rng.integers(-1, 3)))
                old = replace(old, buffers=(lines, *old.buffers[1:]))
            depth = int(rng.integers(least, old.output.depth + 1)) if change == 2 else old.output.depth - 1
            return _depth(old, max(depth, least if rng.random() < 0.95 else 1)) if change > 1 else old
        return _depth(old, int(rng.integers(1, 6))) if change else old

    return replace(plan, kernels=tuple(kernel(k) for k in plan.kernels))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_random_plans_move_as_the_oracle_says(part: int) -> None:
    for seed in range(40 * part, 40 * part + 40):
        plan = _random_plan(seed)
        assert _same(plan, f"seed {seed}") != DEADLOCK
        for number in range(2):
            rng = np.random.default_rng([seed, number])
            _same(_disturbed(plan, rng), f"seed {seed}, disturbed {number}", int(rng.integers(1, 7)))


def test_disturbed_plans_are_of_every_kind() -> None:
    """The random plans above have what they claim, and some deadlock, some are slower, some neither."""
    found: set[str] = set()
    for seed in range(80):
        plan = _random_plan(seed)
        other = _disturbed(plan, np.random.default_rng([seed, 0]))
        cycles, later = _outcome(timing, plan, 3), _outcome(timing, other, 3)
        found.add(DEADLOCK if later == DEADLOCK else "same" if later == cycles else "moved")
        for before, kernel in zip((None, *plan.kernels), plan.kernels, strict=False):
            if isinstance(kernel, PoolPlan):
                found |= {"extra"} if kernel.extra else set()
                found |= {"padded"} if any(kernel.layer.pads) else set()
                found |= {"steps"} if kernel.units else set()
                found |= {f"pool behind {type(before).__name__}"}
            if isinstance(kernel, EnginePlan):
                found |= {kernel.weights.format, "fire" if len(kernel.stages) > 1 else "conv"}
                found |= {"one row"} if kernel.input.type.shape.height == 1 else set()
                found |= {"one group"} if kernel.groups == 1 else set()
                found |= {"one channel"} if kernel.output.type.shape.channels == 1 else set()
    assert found >= {DEADLOCK, "moved", "same", "extra", "padded", "steps", "fire", "conv", *FORMATS}
    assert found >= {"one row", "one group", "one channel", "pool behind EnginePlan"}


def _pools_first(model: QModel, rng: np.random.Generator) -> QModel:
    """The network behind two pools that read the image, one or both of which send a row more than they complete."""
    last = model.input
    pools: list[QMaxPool] = []
    for name, read in (("second", "first"), ("first", IMAGE)):
        kernel, stride = ((2, 1), (3, 2), (3, 3))[rng.integers(3)]
        pads: Pads = (0, 0, kernel - 1, kernel - 1) if rng.random() < 0.7 else (0, 0, 0, 0)
        height, width = ((n - 1) * stride + kernel - pads[2] for n in (last.shape.height, last.shape.width))
        source = replace(last, shape=Shape(last.shape.channels, height, width))
        pools.insert(0, QMaxPool(name, (read,), (kernel, kernel), stride, pads, False, source, last))
        last = source
    behind = [
        replace(layer, inputs=("second",)) if isinstance(layer, QConv) and layer.inputs == (IMAGE,) else layer
        for layer in model.layers
    ]
    return QModel(model.name, last, (*pools, *behind))


@pytest.mark.slow
def test_pools_behind_the_input_and_behind_pools() -> None:
    extras = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        model = random_qmodel(rng, max_size=12)
        plan = build_plan(_pools_first(model, rng), random_foldings(rng, model))
        extras += sum(isinstance(k, PoolPlan) and k.extra for k in plan.kernels[:3])
        _same(plan, f"seed {seed}")
        _same(_disturbed(plan, rng), f"seed {seed}, disturbed")
    assert extras > 30


@cache
def _random_graph_plan(seed: int) -> Plan:
    """Any graph and any folding, with stores as deep as they need be, or far deeper."""
    rng = np.random.default_rng(seed)
    model = random_graph_qmodel(rng)
    foldings = random_foldings(rng, model, 2 + seed % 3)
    formats = [FORMATS[i] for i in rng.integers(0, len(FORMATS), len(foldings))]
    plan = build_plan(model, foldings, multipliers=Multipliers(1 + seed % 2), formats=formats)
    return tune_stores(plan) if seed % 3 else alive(plan)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_random_graphs_move_as_the_oracle_says(part: int) -> None:
    for seed in range(12 * part, 12 * part + 12):
        plan = _random_graph_plan(seed)
        assert _same(plan, f"seed {seed}") != DEADLOCK
        assert _same(tune_buffers(plan), f"seed {seed}, tuned", 3) != DEADLOCK


@pytest.mark.slow
def test_graphs_have_every_kind_of_kernel() -> None:
    kinds = {kernel.kind for seed in range(60) for kernel in _random_graph_plan(seed).kernels}
    assert kinds == {"input", "conv", "fire", "max_pool", "average_pool", "fork", "store", "add", "concat"}


@pytest.mark.slow
def test_a_store_one_row_short_is_slower_or_stops() -> None:
    """Stores of a tuned plan are as shallow as can be: one row less costs cycles, or no kernel can move a word."""
    tried = 0
    for seed in range(1, 40):
        plan = _random_graph_plan(seed)
        if seed % 3 == 0 or not plan.stores:
            continue
        cycles = timing.schedule(plan).cycles_per_frame
        for store in plan.stores:
            if store.slots == 1:
                continue
            short = with_slots(plan, {store.name: store.slots - 1})
            outcome = _outcome(timing, short, FRAMES)
            assert isinstance(outcome, str) or outcome[-1] - outcome[-2] > cycles, (
                f"seed {seed}, {store.name}"
            )
            tried += 1
    assert tried > 20


@pytest.mark.parametrize("seed", [27, 48])
def test_a_divider_that_is_still_busy_with_the_frame_before(seed: int) -> None:
    """A map of one row: results of a frame are divided while the next one comes."""
    model = random_qmodel(np.random.default_rng(seed), min_size=3, max_size=5, max_fires=1)
    engines = len(graph_of(model).engines)
    assert model.types[model.layers[-1].inputs[0]].shape.height == 1
    _same(build_plan(model, [Folding(1, 1, 4)] * engines), "divider")


@pytest.mark.parametrize("seed", range(6))
def test_buffers_are_tuned_as_by_the_oracle(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_qmodel(np.random.default_rng(seed), min_size=14)
    foldings = random_foldings(np.random.default_rng(seed), model)
    plan = build_plan(model, foldings)
    tuned = tune_buffers(plan)
    monkeypatch.setattr(folding, "schedule", schedule_oracle.schedule)
    monkeypatch.setattr(folding, "simulate", schedule_oracle.simulate)
    assert [e.folding for e in tune_buffers(plan).engines] == [e.folding for e in tuned.engines]


@pytest.mark.parametrize("seed", range(6))
def test_no_spare_row_is_needless(seed: int) -> None:
    """With one fewer in any buffer a tuned plan is slower; one slot is enough for some."""
    model = random_qmodel(np.random.default_rng(seed), min_size=14)
    tuned = tune_buffers(build_plan(model, random_foldings(np.random.default_rng(seed), model)))
    spares = [e.folding.spare for e in tuned.engines]
    best = schedule(tuned).cycles_per_frame
    for i, spare in enumerate(spares):
        if spare:
            try:
                fewer = schedule(with_spares(tuned, [*spares[:i], spare - 1, *spares[i + 1 :]]))
            except Deadlock:
                continue
            assert fewer.cycles_per_frame > best
    assert not all(spares)


@pytest.mark.parametrize("seed", range(4))
def test_other_spare_rows_make_the_plan_that_is_built_with_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_qmodel(rng)
    foldings = random_foldings(rng, model)
    plan = build_plan(model, foldings)
    spares = [int(v) for v in rng.integers(0, 4, len(foldings))]
    built = build_plan(model, [replace(f, spare=s) for f, s in zip(foldings, spares, strict=True)])
    assert with_spares(plan, spares) == built


def test_moves_are_kept_and_change_nothing() -> None:
    """What a link remembers of one plan holds in another: the second time the same cycles, and no move is computed."""
    plan = _random_plan(3)
    links.find_link.cache_clear()
    first = simulate(plan, FRAMES)
    made = links.find_link.cache_info().misses
    assert simulate(plan, FRAMES) == first
    assert links.find_link.cache_info().misses == made


def test_frames_repeat_exactly() -> None:
    """Outputs of frames that are not run follow from those that are."""
    for seed in range(20):
        plan = _random_plan(seed)
        many = simulate(plan, 12)
        assert many.outputs == schedule_oracle.simulate(plan, 12).outputs
        assert many.outputs[:3] == simulate(plan, 3).outputs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "size", "budget", "products"),
    [("1.0", 227, 900, 2), ("1.0", 227, 2520, 1), ("1.1", 224, 900, 1), ("1.0", 224, 55, 1)],
)
def test_full_size_moves_as_the_oracle_says(version: str, size: int, budget: int, products: int) -> None:
    """As planned, with every FIFO that can be one word short of tight, and without spare rows."""
    plan = plan_for_lanes(squeezenet(version, size), budget, Multipliers(products))
    assert _same(plan, "as planned") != DEADLOCK
    short = [
        _depth(k, max(k.output.depth - 1, k.folding.channels * k.folding.rows))
        if isinstance(k, EnginePlan)
        else k
        for k in plan.kernels
    ]
    assert _same(replace(plan, kernels=tuple(short)), "one word short", 3) != DEADLOCK
    assert _same(with_spares(plan, [0] * len(plan.engines)), "no spare rows") != DEADLOCK
