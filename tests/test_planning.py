"""Folding search, memories, the layout of weights, and the schedule."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from designs import random_foldings
from hypothesis import given
from hypothesis import strategies as st
from random_models import random_qmodel

from fpga_squeeze.coding.bits import conv_units, pack_segment, unpack_segment
from fpga_squeeze.device.block_ram import ram_tiles, rom_tiles, row_memory
from fpga_squeeze.emit.contents import table_entries, weight_words
from fpga_squeeze.errors import DoesNotFitError, FpgaSqueezeError
from fpga_squeeze.network.graph import IMAGE, Shape
from fpga_squeeze.network.integers import QConv, QMaxPool, QModel, TensorType
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.kernels import engine_cost
from fpga_squeeze.planning.kinds.max_pool import pool_rows
from fpga_squeeze.planning.kinds.window import plan_window
from fpga_squeeze.planning.order import joined_stages, module, work_order
from fpga_squeeze.planning.search.folding import all_choices, choose_foldings, pareto, plan_for_lanes
from fpga_squeeze.planning.streams import Stream
from fpga_squeeze.planning.timing import schedule, simulate
from fpga_squeeze.planning.weight_memories import DenseWeights


def _model(seed: int) -> QModel:
    return random_qmodel(np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(6))
def test_cost_is_the_plan(seed: int) -> None:
    """The search and the plan agree on lanes and cycles, and the plan keeps the budget."""
    model = _model(seed)
    foldings = random_foldings(np.random.default_rng(seed), model)
    plan = build_plan(model, foldings)
    for engine, folding in zip(plan.engines, foldings, strict=True):
        assert engine_cost(engine.layer, folding, plan.multipliers) == (engine.lanes, engine.work_cycles)
    for budget in (20, 60, 200):
        assert plan_for_lanes(model, budget).lanes <= budget


@pytest.mark.parametrize("seed", range(3))
def test_search_finds_the_best(seed: int) -> None:
    """No choice of foldings within the budget has a faster slowest engine: all that no other dominates are tried."""
    model = _model(seed)
    graph = graph_of(model)
    fronts = [pareto(all_choices(layer, graph.pools_behind(layer.name))) for layer in graph.engines]
    budget = sum(front[len(front) // 2].dsp for front in fronts)
    best = min(
        max(c.cycles for c in combination)
        for combination in product(*fronts)
        if sum(c.dsp for c in combination) <= budget
    )
    assert max(e.work_cycles for e in plan_for_lanes(model, budget).engines) == best


def test_budget_too_small() -> None:
    model = _model(0)
    engines = len(graph_of(model).engines)
    assert len(choose_foldings(model, engines)) == engines
    with pytest.raises(
        DoesNotFitError, match=f"need at least {engines} lanes, the budget is {engines - 1}; short by 1"
    ):
        plan_for_lanes(model, engines - 1)
    with pytest.raises(FpgaSqueezeError, match="no budget"):
        plan_for_lanes(model, 0)


def test_folding_that_does_not_suit() -> None:
    model = _model(1)
    foldings = random_foldings(np.random.default_rng(0), model)
    with pytest.raises(FpgaSqueezeError, match="does not suit"):
        build_plan(model, [Folding(999, 1, 1), *foldings[1:]])
    with pytest.raises(FpgaSqueezeError, match="foldings for"):
        build_plan(model, foldings[1:])


def test_window_outside_the_map_is_refused() -> None:
    source = TensorType(Shape(4, 8, 8), 8, False, 0)
    pool = QMaxPool(
        "pool9", (IMAGE,), (2, 2), 1, (3, 0, 0, 0), False, source, replace(source, shape=Shape(4, 10, 7))
    )
    with pytest.raises(FpgaSqueezeError, match="pool9: row 0 of its output has no row of the map"):
        plan_window(pool, Stream("x", source, 1, 4, ("x",)))


@given(
    st.integers(2, 40), st.integers(1, 4), st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 3)
)
def test_pool_tables(height: int, stride: int, wide: bool, ceil: bool, top: int, bottom: int) -> None:
    """The tables of the pool kernel give, for random rows, the maximum of every window."""
    kernel = stride + wide
    top, bottom = min(top, kernel - 1), min(bottom, kernel - 1)
    span = height + top + bottom - kernel
    if span < 0:
        return
    out = (span + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (out - 1) * stride >= height + top:
        out -= 1
    source = TensorType(Shape(1, height, 1), 8, False, 0)
    pads = (top, 0, bottom, 0)
    pool = QMaxPool(
        "p", (IMAGE,), (kernel, kernel), stride, pads, ceil, source, replace(source, shape=Shape(1, out, 1))
    )
    have, start, emit, extra = pool_rows(pool)
    rows = np.random.default_rng(height).integers(0, 256, height)
    kept, sent = 0, []
    for y, row in enumerate(rows):
        both = max(kept, row) if have[y] else row
        if emit[y]:
            sent.append(both)
        kept = row if start[y] else both
    if extra:
        sent.append(kept)
    windows = [rows[max(0, y * stride - top) : y * stride - top + kernel] for y in range(out)]
    assert sent == [w.max() for w in windows]


@given(st.integers(2, 30), st.integers(1, 6), st.integers(1, 3), st.integers(0, 4), st.integers(0, 4))
def test_window_tables(height: int, kernel: int, stride: int, top: int, bottom: int) -> None:
    """The masks of the window kernel name, for random rows, the rows of every window."""
    top, bottom = min(top, kernel - 1), min(bottom, kernel - 1)
    if height + top + bottom < kernel:
        return
    out = (height + top + bottom - kernel) // stride + 1
    source = TensorType(Shape(1, height, 1), 8, False, 0)
    pads = (top, 0, bottom, 0)
    pool = QMaxPool(
        "p", (IMAGE,), (kernel, 1), stride, pads, False, source, replace(source, shape=Shape(1, out, 1))
    )
    plan = plan_window(pool, Stream("x", source, 1, 1, ("x",)))
    rows = np.random.default_rng(height).integers(0, 256, height)
    kept: list[int] = []  # the newest first
    sent = []
    for y, row in enumerate(rows):
        if plan.emit_rows[y]:
            sent.append(max([row, *(v for i, v in enumerate(kept) if plan.masks[y] >> i & 1)]))
        kept = [row, *kept][: kernel - 1]
    last = [rows[-1], *rows[-2::-1]]
    sent += [max(v for i, v in enumerate(last) if mask >> i & 1) for mask in plan.extras]
    assert sent == [rows[max(0, y * stride - top) : y * stride - top + kernel].max() for y in range(out)]


@pytest.mark.parametrize("seed", range(4))
def test_parameter_memories_hold_the_model(seed: int) -> None:
    """Words and tables, taken apart again, give every weight, bias and shift of every layer."""
    model = _model(seed)
    plan = build_plan(model, random_foldings(np.random.default_rng(seed), model))
    for engine in plan.engines:
        (words,), c = weight_words(engine), engine.folding.channels
        weights = engine.weights
        assert isinstance(weights, DenseWeights)
        assert len(words) == weights.memory.depth
        entries = table_entries(engine)
        assert len(entries) == engine.table.depth
        for segment in weights.segments:
            count = sum(engine.stages[s].size for s in segment.stages)
            part, words = words[: segment.words], words[segment.words :]
            flat = unpack_segment(part, count * c, engine.weight_bits, weights.word_bits)
            assert segment.pad == len(part) * weights.word_bits - count * weights.unit_bits
            for s in segment.stages:
                stage = engine.stages[s]
                weight = stage.conv.weight
                assert np.array_equal(flat[: stage.size * c], conv_units(weight, c).reshape(-1))
                flat = flat[stage.size * c :]
                bias = [b for b, _ in entries[: len(stage.conv.bias)]]
                shift = [engine.requant.right - left for _, left in entries[: len(stage.conv.bias)]]
                assert bias == stage.conv.bias.tolist() and shift == stage.conv.shift.tolist()
                entries = entries[stage.outs * c :]


@pytest.mark.parametrize("groups", range(1, 40))
def test_order_of_work(groups: int) -> None:
    """A Fire engine squeezes one row group ahead: S0, S1, A0, B0, S2, A1, B1, ..., A(G-1), B(G-1)."""
    fire = [(0, 0)]
    for group in range(groups):
        fire += ([(0, group + 1)] if group + 1 < groups else []) + [(1, group), (2, group)]
    assert list(work_order((0, 1, 1), groups)) == fire
    assert list(work_order((0,), groups)) == [(0, group) for group in range(groups)]


def test_joined_stages() -> None:
    assert joined_stages((0,)) == ((0,),)
    assert joined_stages((0, 1, 1)) == ((0,), (1, 2))
    assert joined_stages((0, 0, 2, 1)) == ((0, 1), (2,), (3,))


def test_order_of_weights() -> None:
    """Three output channels, two at once: pairs term by term, then the third channel beside zeros."""
    weight = np.arange(6).reshape(3, 2, 1, 1)
    assert conv_units(weight, 2).tolist() == [[0, 2], [1, 3], [4, 0], [5, 0]]


@given(st.integers(2, 8), st.integers(1, 300), st.integers(1, 9), st.integers(0, 1 << 30))
def test_pack_and_unpack(bits: int, count: int, columns: int, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(-(1 << (bits - 1)), 1 << (bits - 1), count)
    word = 36 * columns
    words = pack_segment(weights, bits, word)
    assert all(0 <= w < 1 << word for w in words)
    assert len(words) == -(-count * bits // word)
    assert np.array_equal(unpack_segment(words, count, bits, word), weights)
    # the other way of padding holds the same bits, further down
    behind = pack_segment(weights, bits, word, behind=True)
    pad = len(words) * word - count * bits
    both = [sum(w << (i * word) for i, w in enumerate(held)) for held in (words, behind)]
    assert both[0] == both[1] << pad


def test_pack_refuses_a_wide_weight() -> None:
    with pytest.raises(ValueError, match="does not fit 4"):
        pack_segment(np.array([8]), 4, 36)


@given(st.integers(1, 5000), st.integers(1, 300))
def test_tiles_cover_a_rom(depth: int, width: int) -> None:
    """Every bit lies in exactly one tile, and no tile is larger than its block."""
    for tiles in (rom_tiles(depth, width), ram_tiles(depth, width)):
        assert sum(t.depth * t.width for t in tiles) == depth * width
        for t in tiles:
            assert t.depth * t.width <= (36864 if t.kind == "RAMB36" else 18432)
            assert t.row + t.depth <= depth and t.bit + t.width <= width


def test_shallow_rows_go_to_distributed_ram() -> None:
    assert row_memory("a", 16, 440).lutram_bits == 16 * 440
    assert row_memory("b", 512, 72).ramb36 == 1
    assert row_memory("c", 512, 36, copies=2).ramb18 == 2


def test_stream_order_names_every_word_once() -> None:
    stream = Stream("s", TensorType(Shape(3, 7, 5), 8, False, 0), 2, 4, ("s",))
    order = list(stream.order())
    assert order[:6] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert len(set(order)) == len(order) == stream.words


@pytest.mark.parametrize("seed", range(4))
def test_schedule_is_steady_and_no_faster_than_the_work(seed: int) -> None:
    plan = plan_for_lanes(_model(seed), 50)
    steady = schedule(plan)
    assert len(set(steady.intervals[-2:])) == 1
    assert steady.cycles_per_frame >= max(e.work_cycles for e in plan.engines)
    assert simulate(plan, 2).outputs == steady.outputs[:2]


@pytest.mark.parametrize("rows", range(1, 5))
@pytest.mark.parametrize("height", range(1, 8))
def test_no_step_of_a_module_is_empty(rows: int, height: int) -> None:
    """Branches with 5x5 windows run two rows behind their squeezes, in fewer groups where these have more rows."""
    shape = Shape(2, height, 6)
    types = TensorType(shape, 8, False, 4)

    def conv(name: str, source: str, kernel: int) -> QConv:
        pad = kernel // 2
        weight, zeros = np.ones((2, 2, kernel, kernel), dtype=np.int64), np.zeros(2, dtype=np.int64)
        pads = (pad, pad, pad, pad)
        return QConv(name, (source,), weight, 8, zeros + 4, zeros, 1, pads, True, zeros, types, types)

    squeeze = conv("squeeze", "x", 1)
    branches = [conv("a", "squeeze", 5), conv("b", "squeeze", 1)]
    engine = module("m", ("m",), [squeeze], branches, replace(types, shape=replace(shape, channels=4)))
    delays = [work.delay for work in engine.work_at(rows)]
    groups = -(-height // rows)
    assert delays == [0, *[min(-(-2 // rows), groups)] * 2]
    steps = {group + delays[stage] for stage, group in work_order(delays, groups)}
    assert steps == set(range(groups + max(delays)))
