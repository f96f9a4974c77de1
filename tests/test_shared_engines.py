"""Engines that run several modules one behind the other, in RTL and in C++: rows between them stay in the engine."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import check_equal, needs_tools, run_emitted
from designs import HEADER, RtlDesign, random_styles
from model_equality import differences
from random_graphs import _Grower, quantised_graph
from random_models import random_images

from fpga_squeeze import api, load_project
from fpga_squeeze.device.dsp_packing import ONE_PRODUCT, Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network.graph import IMAGE, AvgPool, Concat, FloatModel, Shape, Window
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.cost.placement import with_styles
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.fuse import followers, moving
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.kernels import engine_cost
from fpga_squeeze.planning.order import work_order
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search import planner
from fpga_squeeze.planning.search.folding import choose_foldings
from fpga_squeeze.planning.search.frugal import _options, _row_bits, _Tree
from fpga_squeeze.planning.search.sharing import FASTER, choose_sharing
from fpga_squeeze.planning.weight_memories import WeightFormat


@dataclass(frozen=True)
class Case:
    """A convolution, ``fires`` modules and a 3x3 convolution; all run on one engine but the first ``alone``, or with
    ``moved`` nothing but squeezes runs on the engine before."""

    size: tuple[int, int]
    folding: Folding
    fires: int = 2
    weights: WeightFormat = "dense"
    products: int = 1
    signed: float = 0
    alone: int = 1
    kernel: Window = (3, 3)
    moved: bool = False

    def model(self, rng: np.random.Generator) -> QModel:
        shape = Shape(3, *self.size)
        g = _Grower(rng, shape, 5, self.signed, False)
        at = g.conv(IMAGE, 4, (3, 3), pads=(1, 1, 1, 1))
        for number in range(self.fires):
            squeeze = g.conv(at, kernel=(1, 1))
            ends = g.conv(squeeze, kernel=(1, 1)), g.conv(squeeze, kernel=self.kernel)
            at = g.keep(Concat(f"fire{number}", ends))
        at = g.conv(at, 4, (3, 3), pads=(1, 1, 1, 1), relu=True)
        last = g.shapes[at]
        g.keep(AvgPool("average", (at,), (last.height, last.width), 1, (0, 0, 0, 0)))
        return quantised_graph(rng, FloatModel("shared", shape, tuple(g.layers)))

    def plan(self, rng: np.random.Generator) -> Plan:
        model = self.model(rng)
        names = [layer.name for layer in graph_of(model).engines]
        assert followers(model) == frozenset(names[1:])
        together = frozenset(moving(model) if self.moved else names[self.alone :])
        engines = graph_of(model, together).engines
        assert len(engines) == (len(names) if self.moved else self.alone)
        foldings = [self.folding if len(engine.work) > 1 else Folding(1, 1, 2) for engine in engines]
        formats = [self.weights] * len(engines)
        plan = build_plan(model, foldings, None, Multipliers(self.products), formats, together=together)
        return with_styles(plan, random_styles(rng, plan))


CASES = {
    "one by one": Case((7, 6), Folding(1, 1, 1)),
    "coded": Case((9, 7), Folding(2, 2, 3), weights="huffman"),
    "two products": Case((8, 9), Folding(3, 3, 2), fires=3, products=2, signed=0.6),
    "one row group": Case((3, 5), Folding(1, 3, 2), weights="sparse"),
    "two row groups": Case((4, 5), Folding(2, 2, 1), kernel=(5, 1)),
    "squeezes moved": Case((7, 6), Folding(1, 1, 1), moved=True),
    "coded squeezes moved": Case(
        (7, 7), Folding(2, 2, 2), weights="huffman", products=2, signed=0.6, moved=True
    ),
    "one row": Case((1, 4), Folding(1, 1, 2), kernel=(1, 3)),
}


def _case(name: str) -> tuple[Plan, np.ndarray]:
    rng = np.random.default_rng(5)
    plan = CASES[name].plan(rng)
    return plan, random_images(rng, plan.model, 3)


def _design(name: str, folder: Path) -> tuple[RtlDesign, np.ndarray]:
    plan, images = _case(name)
    emit_rtl(plan, folder / "rtl", HEADER)
    return RtlDesign(plan, folder / "rtl", folder / "build"), images


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_rtl(name: str, tmp_path: Path) -> None:
    design, images = _design(name, tmp_path)
    design.check(images, name, (1, 2))


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("name", ["coded", "two products", "coded squeezes moved", "one row"])
def test_csim(name: str, tmp_path: Path) -> None:
    plan, images = _case(name)
    emit_hls(plan, tmp_path / "hls", HEADER, DIALECTS[0])
    check_equal(run_emitted(plan, images, tmp_path), plan)


@pytest.mark.slow
def test_rows_of_the_wrong_module_are_seen(tmp_path: Path) -> None:
    design, images = _design("coded", tmp_path)
    design.edit("fsq_engine.sv", ": push[g])", ": |(push >> g))")
    comparison, timing = design.simulate(images)
    assert timing.error or not comparison.equal


@pytest.mark.parametrize("name", CASES)
def test_order_of_work(name: str) -> None:
    """No step is empty, and a stage finds the rows it needs stored by earlier work."""
    plan, _ = _case(name)
    engine = plan.engines[-1]
    stored: dict[int, int] = {}
    last = {stage.sink: number for number, stage in enumerate(engine.stages)}
    for number, group in work_order(engine.delays, engine.groups):
        stage = engine.stages[number]
        if stage.source:
            assert stored[stage.source] >= engine.rows_needed(number, group)
        if stage.sink and last[stage.sink] == number:
            height = stage.conv.output.shape.height
            stored[stage.sink] = min(height, (group + 1) * engine.folding.rows)
    steps = engine.groups + max(engine.delays)
    delays = set(engine.delays)
    assert all(any(0 <= step - delay < engine.groups for delay in delays) for step in range(steps))


def test_only_neighbours_share() -> None:
    model = CASES["one by one"].model(np.random.default_rng(5))
    with pytest.raises(FpgaSqueezeError, match="conv1: cannot share the engine of what it reads"):
        graph_of(model, frozenset(["conv1"]))


def _subsets(names: frozenset[str]) -> list[frozenset[str]]:
    some = sorted(names)
    return [frozenset(c) for n in range(len(some) + 1) for c in combinations(some, n)]


@pytest.mark.parametrize("weights", ["dense", "huffman"])
@pytest.mark.parametrize("budget", [9, 16, 30])
def test_sharing_is_chosen_where_it_is_faster(budget: int, weights: WeightFormat) -> None:
    model = Case((14, 11), Folding(1, 1, 1), fires=3).model(np.random.default_rng(5))

    def cycles(together: frozenset[str]) -> int:
        engines = graph_of(model, together).engines
        formats = [weights] * len(engines)
        foldings = choose_foldings(model, budget, ONE_PRODUCT, formats, together)
        costs = zip(engines, foldings, strict=True)
        return max(engine_cost(layer, folding, ONE_PRODUCT, weights)[1] for layer, folding in costs)

    every = {together: cycles(together) for together in _subsets(followers(model))}
    alone, best = every[frozenset()], min(every.values())
    formats = dict.fromkeys((layer.name for layer in graph_of(model).engines), weights)
    chosen = choose_sharing(model, budget, ONE_PRODUCT, formats)
    assert every[chosen] == (best if best <= FASTER * alone else alone)


def _all_cuts(model: QModel) -> list[frozenset[str]]:
    """Every set of names that makes engines of its own; a squeeze moves with its module or without it."""
    squeezes = moving(model)
    return [
        names
        for names in _subsets(followers(model) | squeezes.keys())
        if not any(squeezes.get(name) in names for name in names)
    ]


@pytest.mark.parametrize(("weights", "share"), [("dense", 1.0), ("huffman", 1.0), ("dense", 1.6)])
def test_no_way_to_cut_takes_less_memory(weights: WeightFormat, share: float) -> None:
    """Against every cut and all rows at once of its engines, one by one."""
    model = Case((9, 8), Folding(1, 1, 1), fires=2).model(np.random.default_rng(1))
    layers = graph_of(model).engines
    plan = build_plan(model, [Folding(2, 1, 1)] * len(layers), formats=[weights] * len(layers))
    target = int(share * max(kernel.work_cycles for kernel in plan.kernels))
    tree = _Tree(plan, None)
    found = tree.foldings(target, 10_000)
    assert found

    def bits(together: frozenset[str], rows: tuple[int, ...]) -> float:
        """Least bits of engines with so many rows at once; infinite where one misses the target."""
        total, before = 0.0, 1
        for layer, at_once in zip(graph_of(model, together).engines, rows, strict=True):
            (part,) = (
                part for some in tree.parts.values() for part in some if part.layer.convs == layer.convs
            )
            own = _options(part, part.choices, target, ONE_PRODUCT).get(at_once, [])
            total += min((option.bits for option in own), default=float("inf"))
            total += _row_bits(part.layer, at_once, before)
            before = at_once
        return total

    cuts = _all_cuts(model)
    least = {
        together: min(
            bits(together, rows)
            for rows in product(range(1, 5), repeat=len(graph_of(model, together).engines))
        )
        for together in cuts
    }
    assert sum(len(some) for some in tree.parts.values()) == len(
        {layer.convs for together in cuts for layer in graph_of(model, together).engines}
    )
    assert least[found.together] == min(least.values()) < float("inf")
    rows = [found.foldings[layer.name][0].rows for layer in graph_of(model, found.together).engines]
    assert bits(found.together, tuple(rows)) == least[found.together]


def test_a_project_remembers_what_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(model: QModel, *_: object) -> Plan:
        together = frozenset(moving(model))
        engines = graph_of(model, together).engines
        return build_plan(model, [Folding(1, 1, 1)] * len(engines), together=together)

    monkeypatch.setattr(planner, "_plan_with", moved)
    made = api.generate(output=tmp_path / "p", options=api.DesignOptions(lanes=8))
    monkeypatch.undo()
    assert made.plan.together == frozenset(moving(made.model)) != frozenset()
    again = load_project(made.path).plan
    assert again.together == made.plan.together
    assert differences(made.plan.kernels, again.kernels) == []
    formats = {engine.weights.format for engine in api.DesignOptions(lanes=8).replan(again, None).engines}
    assert formats == {"dense"}


def test_a_project_remembers_who_shares(tmp_path: Path) -> None:
    made = api.generate(output=tmp_path / "p", options=api.DesignOptions(lanes=8))
    assert made.plan.together
    again = load_project(made.path).plan
    assert again.together == made.plan.together
    assert differences(made.plan.kernels, again.kernels) == []
