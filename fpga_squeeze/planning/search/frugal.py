"""Plans for devices with little memory: as fast as fits.

Rows at once multiply row buffers, and so do the rows a producer sends at once; passes per row and channels at once do
not. For a target of cycles the foldings with the least memory are found exactly (up to the trade of DSP slices against
memory): engines form trees in which a buffer depends on the rows of its own engine and of the one before. Spare rows
that let a producer run ahead are given up where the exact schedule allows it. The target is raised until all fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from ...device.catalogue import Device
from ...device.dsp_packing import Multipliers
from ..build import Formats, build_plan
from ..cost.estimate import used_by
from ..cost.logic import engine_luts
from ..cost.placement import fits, parameters_fit, place
from ..engine import Folding
from ..graph import graph_of
from ..kernels import engine_weights, plan_buffers, plan_engine
from ..order import EngineLayer
from ..plan import Plan
from ..streams import Stream
from ..timing import simulate
from ..weight_memories import CompressedWeights, WeightFormat, rom_bits
from .folding import Choice, all_choices, tune_stores, with_spares

SLACKS = (1.0, 1.02, 1.04, 1.06, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0, 3.0, 4.0)
"""Targets of cycles to try, as multiples of those of the fastest plan."""
HOPELESS = 1.25
"""Share of a device that the slowest plans may take for faster ones to be tried: of 168 searches with devices between
the fastest and the slowest plan of random networks 145 found one that fits, 2 of them where the slowest just missed."""
SEARCH_FRAMES = 3
"""Frames of a schedule during the search: enough for the interval between the last two to be steady."""
PRICE_STEPS = 40
LUT_BITS = 32
"""Bits of memory that a LUT of logic is worth: half of what it holds as distributed RAM with one address."""


@dataclass(frozen=True)
class Option:
    """A folding of an engine; ``bits`` of its memory apart from the rows that arrive, and of its logic at LUT_BITS."""

    choice: Choice
    bits: int


@cache
def _row_bits(layer: EngineLayer, rows: int, in_rows: int) -> int:
    """Bits of the row buffer of an engine with ``rows`` output rows at once, fed ``in_rows`` at once."""
    return plan_buffers(layer, in_rows, Folding(1, rows, 1))[0].memory.payload_bits


@cache
def logic_luts(layer: EngineLayer, folding: Folding, multipliers: Multipliers, weights: WeightFormat) -> int:
    """Logic LUTs of an engine that is fed row by row."""
    source = Stream(layer.name, layer.input, 1, 1, ())
    return engine_luts(plan_engine(layer, folding, source, multipliers, weights))


def _options(
    layer: EngineLayer,
    choices: Sequence[Choice],
    target: int,
    multipliers: Multipliers,
    weights: WeightFormat,
) -> dict[int, list[Option]]:
    """Per number of rows at once: foldings that reach the target, fewer DSP slices for more memory."""
    cheapest: dict[tuple[int, int], Choice] = {}
    for choice in choices:  # by rising DSP slices
        if choice.cycles <= target:
            cheapest.setdefault((choice.folding.rows, choice.folding.channels), choice)
    out: dict[int, list[Option]] = {}
    for (rows, _), choice in cheapest.items():
        held = engine_weights(layer, choice.folding, weights)
        bits = rom_bits(held) + sum(memory.payload_bits for memory in held.replays)
        bits += LUT_BITS * logic_luts(layer, choice.folding, multipliers, weights)
        bits += sum(buffer.memory.payload_bits for buffer in plan_buffers(layer, 1, choice.folding)[1:])
        out.setdefault(rows, []).append(Option(choice, bits))
    return out


def _skips(layer: EngineLayer, weights: WeightFormat) -> bool:
    """Whether the engine skips zeros: channels at once then share their runs, and have terms that only one needs."""
    held = engine_weights(layer, Folding(1, 1, 1), weights)
    return isinstance(held, CompressedWeights) and any(stream.channel is None for stream in held.streams)


class _Tree:
    """The engines of a plan with every folding they allow; ``most`` channels at once where zeros are skipped."""

    def __init__(self, plan: Plan, formats: Formats, most: int | None) -> None:
        multipliers, graph = plan.multipliers, graph_of(plan.model, plan.together)
        self.layers, self.formats, self.multipliers = graph.engines, formats, multipliers
        self.choices: list[Sequence[Choice]] = [
            all_choices(layer, graph.pools_behind(layer.name), multipliers, weights)
            for layer, weights in zip(self.layers, formats, strict=True)
        ]
        numbers = {layer.name: number for number, layer in enumerate(self.layers)}
        self.parents = [numbers.get(graph.parent[layer.name] or "") for layer in self.layers]
        if most is not None:
            self.choices = [
                [c for c in some if c.folding.channels <= most or not _skips(layer, weights)]
                for layer, some, weights in zip(self.layers, self.choices, formats, strict=True)
            ]

    def foldings(self, target: int, budget: int) -> list[Folding] | None:
        """Foldings of least memory that reach ``target`` cycles with ``budget`` DSP slices; None where none do."""
        options = [
            _options(layer, choices, target, self.multipliers, weights)
            for layer, choices, weights in zip(self.layers, self.choices, self.formats, strict=True)
        ]
        if not all(options):
            return None
        low, high, best = 0.0, 1.0, None
        for _ in range(PRICE_STEPS):  # bits that a DSP slice is worth
            price = high if best is None else (low + high) / 2
            path = self._cheapest(options, price)
            if sum(o.choice.dsp for o in path) <= budget:
                best, high = path, price
            elif best is None:
                low, high = high, high * 4
            else:
                low = price
        return [o.choice.folding for o in best] if best else None

    def _cheapest(self, options: list[dict[int, list[Option]]], price: float) -> list[Option]:
        """The options of least cost in all, one per engine."""
        # per engine and rows at once: cost with all engines behind it, and its option
        best: dict[int, dict[int, tuple[float, Option]]] = {}
        # per engine and rows that it is fed at once: that cost with the rows that arrive, and its own rows
        fed: dict[tuple[int, int], tuple[float, int]] = {}

        def least(number: int, in_rows: int) -> tuple[float, int]:
            if (number, in_rows) not in fed:
                layer, some = self.layers[number], best[number]
                fed[number, in_rows] = min(
                    (cost + _row_bits(layer, rows, in_rows), rows) for rows, (cost, _) in some.items()
                )
            return fed[number, in_rows]

        for number in range(len(self.layers) - 1, -1, -1):  # readers come first
            found = {}
            for rows, some in options[number].items():
                option = min(some, key=lambda o: o.bits + price * o.choice.dsp)
                behind = sum(
                    least(child, rows)[0] for child, parent in enumerate(self.parents) if parent == number
                )
                found[rows] = option.bits + price * option.choice.dsp + behind, option
            best[number] = found
        chosen: list[Option] = []
        for number in range(len(self.layers)):
            parent = self.parents[number]
            rows = least(number, 1 if parent is None else chosen[parent].choice.folding.rows)[1]
            chosen.append(best[number][rows][1])
        return chosen


def _shrink(plan: Plan, limit: int, device: Device) -> Plan | None:
    """``plan`` without spare rows where it keeps to ``limit`` cycles, the largest buffers first, until it fits."""
    spares = [1] * len(plan.engines)
    if not fits(place(with_spares(plan, [0] * len(spares)), device), device):
        return None
    now = place(with_spares(plan, spares), device)
    sizes = [e.lines.memory.payload_bits for e in plan.engines]
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        if fits(now, device):
            return now
        fewer = [*spares[:i], 0, *spares[i + 1 :]]
        candidate = with_spares(plan, fewer)
        if simulate(candidate, SEARCH_FRAMES).cycles_per_frame <= limit:
            spares, now = fewer, place(candidate, device)
    return now if fits(now, device) else None


def build_like(plan: Plan, foldings: Sequence[Folding]) -> Plan:
    """The plan with other foldings."""
    formats = [engine.weights.format for engine in plan.engines]
    return build_plan(
        plan.model, foldings, plan.lane_budget, plan.multipliers, formats, together=plan.together
    )


def _hopeless(plan: Plan, trees: Sequence[_Tree], target: int, device: Device) -> bool:
    """Whether plans of least memory for ``target`` cycles, without spare rows, miss ``device`` by far."""
    least = [0] * len(plan.engines)
    for tree in trees:
        foldings = tree.foldings(target, plan.lane_budget)
        if foldings is None:
            continue
        candidate = build_like(plan, foldings)
        used = used_by(place(with_spares(candidate, least), device))
        pairs = ((used.bram36, device.ramb36), (used.luts, device.luts), (used.lut_memory, device.lut_memory))
        if all(taken <= HOPELESS * have for taken, have in pairs):
            return False
    return True


def fit_memory(plan: Plan, device: Device) -> Plan:
    """The fastest plan found that ``device`` holds, starting from ``plan``, the fastest one of all.

    Keeps the DSP budget, products per slice and weight formats of ``plan``. Where nothing fits, ``plan`` itself is
    returned, with its buffers where they miss least.
    """
    placed = place(plan, device)
    if fits(placed, device) or not parameters_fit(plan, device):
        return placed
    formats = [e.weights.format for e in plan.engines]
    trees = [_Tree(plan, formats, most) for most in (None, 1)]
    fastest = max(k.work_cycles for k in plan.kernels)
    if _hopeless(plan, trees, int(fastest * SLACKS[-1]), device):
        return placed
    tried: list[list[Folding]] = []
    for slack, tree in product(SLACKS, trees):
        foldings = tree.foldings(int(fastest * slack), plan.lane_budget)
        if foldings is None or foldings in tried:
            continue
        tried.append(foldings)
        candidate = tune_stores(build_like(plan, foldings))
        limit = max(int(fastest * slack), max(k.work_cycles for k in candidate.kernels))
        if found := _shrink(candidate, limit, device):
            return found
    return placed
