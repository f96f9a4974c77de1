"""Plans for devices with little memory: as fast as fits.

Rows at once multiply row buffers, and so do the rows a producer sends at once; passes per row and channels at once do
not. For a target of cycles the engines and their foldings with the least memory are found exactly (up to the trade of
DSP slices against memory): every way to cut the network is weighed (:mod:`.cuts`), engines form trees in which a buffer
depends on the rows of its own engine and of the one before. Spare rows that let a producer run ahead are given up where
the exact schedule allows it. The least target is taken with which all fits.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, product

from ...device.catalogue import Device
from ...device.dsp_packing import Multipliers
from ...network.integers import QModel
from ..build import build_plan
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
from .cuts import Part, parts_of
from .folding import Choice, lean, tune_stores, with_spares

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


@cache
def _held_bits(layer: EngineLayer, folding: Folding, multipliers: Multipliers, weights: WeightFormat) -> int:
    """Bits of the memories of an engine apart from the rows that arrive, and of its logic at LUT_BITS."""
    held = engine_weights(layer, folding, weights)
    bits = rom_bits(held) + sum(memory.payload_bits for memory in held.replays)
    bits += LUT_BITS * logic_luts(layer, folding, multipliers, weights)
    return bits + sum(buffer.memory.payload_bits for buffer in plan_buffers(layer, 1, folding)[1:])


def _options(
    part: Part, choices: Sequence[Choice], target: int, multipliers: Multipliers
) -> dict[int, list[Option]]:
    """Per number of rows at once: foldings that reach the target, fewer DSP slices for more memory."""
    cheapest: dict[tuple[int, int], Choice] = {}
    for choice in choices:  # by rising DSP slices
        if choice.cycles <= target:
            cheapest.setdefault((choice.folding.rows, choice.folding.channels), choice)
    out: dict[int, list[Option]] = {}
    for (rows, _), choice in cheapest.items():
        bits = _held_bits(part.layer, choice.folding, multipliers, part.weights)
        out.setdefault(rows, []).append(Option(choice, bits))
    return out


def _skips(layer: EngineLayer, weights: WeightFormat) -> bool:
    """Whether the engine skips zeros: channels at once then share their runs, and have terms that only one needs."""
    held = engine_weights(layer, Folding(1, 1, 1), weights)
    return isinstance(held, CompressedWeights) and any(stream.channel is None for stream in held.streams)


@dataclass(frozen=True)
class _Engines:
    """A network cut into engines, each with its folding and weight format by name."""

    together: frozenset[str]
    foldings: dict[str, tuple[Folding, WeightFormat]]

    def build(self, model: QModel, budget: int, multipliers: Multipliers) -> Plan | None:
        """The plan; None where the engines are not those of the network."""
        names = [layer.name for layer in graph_of(model, self.together).engines]
        if self.foldings.keys() != set(names):
            return None
        foldings, formats = zip(*(self.foldings[name] for name in names), strict=True)
        return build_plan(model, foldings, budget, multipliers, formats, together=self.together)


class _Tree:
    """Every engine that a plan might have, with every folding; ``most`` channels at once where zeros are skipped."""

    def __init__(self, plan: Plan, most: int | None) -> None:
        self.multipliers = plan.multipliers
        formats = {conv.name: e.weights.format for e in plan.engines for conv in e.layer.convs}
        self.parts, self.roots = parts_of(plan.model, plan.multipliers, formats)
        self.choices: dict[Part, Sequence[Choice]] = {}
        for part in chain.from_iterable(self.parts.values()):
            if most is None or not _skips(part.layer, part.weights):
                self.choices[part] = part.choices
            else:
                self.choices[part] = [c for c in part.choices if c.folding.channels <= most]

    @property
    def cycles(self) -> list[int]:
        """Cycles that some engine takes with some folding, rising."""
        return sorted({choice.cycles for some in self.choices.values() for choice in some})

    def foldings(self, target: int, budget: int) -> _Engines | None:
        """Engines of least memory that reach ``target`` cycles with ``budget`` DSP slices; None where none do."""
        options = {
            part: _options(part, choices, target, self.multipliers) for part, choices in self.choices.items()
        }
        low, high, best = 0.0, 1.0, None
        for _ in range(PRICE_STEPS):  # bits that a DSP slice is worth
            price = high if best is None else (low + high) / 2
            path = self._cheapest(options, price)
            if path is None:
                return None
            if sum(option.choice.dsp for _, option in path) <= budget:
                best, high = path, price
            elif best is None:
                low, high = high, high * 4
            else:
                low = price
        if best is None:
            return None
        together = frozenset().union(*(part.joined for part, _ in best))
        return _Engines(together, {p.layer.name: (o.choice.folding, p.weights) for p, o in best})

    def _cheapest(
        self, options: dict[Part, dict[int, list[Option]]], price: float
    ) -> list[tuple[Part, Option]] | None:
        """The engines of least cost in all; None where no option is left for some convolution."""
        # per first convolution and rows that it is fed at once: cost with all engines behind it, its engine and rows
        found: dict[tuple[str, int], tuple[float, Part, int]] = {}
        # per engine and rows at once: that cost without the rows that arrive, and its option
        best: dict[tuple[Part, int], tuple[float, Option]] = {}

        def with_rows(part: Part, rows: int) -> float:
            if (part, rows) not in best:
                option = min(options[part][rows], key=lambda o: o.bits + price * o.choice.dsp)
                behind = sum(least(start, rows) for start in part.behind)
                best[part, rows] = option.bits + price * option.choice.dsp + behind, option
            return best[part, rows][0]

        def least(start: str, in_rows: int) -> float:
            if (start, in_rows) not in found:
                ways = (
                    (with_rows(part, rows) + _row_bits(part.layer, rows, in_rows), part, rows)
                    for part in self.parts[start]
                    for rows in options[part]
                )
                nothing = float("inf"), self.parts[start][0], 0
                found[start, in_rows] = min(ways, key=lambda way: way[0], default=nothing)
            return found[start, in_rows][0]

        if sum(least(start, 1) for start in self.roots) == float("inf"):
            return None
        path, ahead = [], [(start, 1) for start in self.roots]
        for start, in_rows in ahead:  # which grows
            _, part, rows = found[start, in_rows]
            path.append((part, best[part, rows][1]))
            ahead += [(behind, rows) for behind in part.behind]
        return path


def _shrink(plan: Plan, limit: int, device: Device) -> Plan | None:
    """``plan`` with the spare rows that its pace needs; where that does not fit, with those that ``limit`` needs."""
    if not fits(place(with_spares(plan, [0] * len(plan.engines)), device), device):
        return None
    for pace in (simulate(plan, SEARCH_FRAMES).cycles_per_frame, limit):
        plan = lean(plan, pace, SEARCH_FRAMES)
        if fits(placed := place(plan, device), device):
            return placed
    return None


def _hopeless(plan: Plan, trees: Sequence[_Tree], target: int, device: Device) -> bool:
    """Whether plans of least memory for ``target`` cycles, without spare rows, miss ``device`` by far."""
    for tree in trees:
        engines = tree.foldings(target, plan.lane_budget)
        candidate = engines and engines.build(plan.model, plan.lane_budget, plan.multipliers)
        if not candidate:
            continue
        used = used_by(place(with_spares(candidate, [0] * len(candidate.engines)), device))
        pairs = ((used.bram36, device.ramb36), (used.luts, device.luts), (used.lut_memory, device.lut_memory))
        if all(taken <= HOPELESS * have for taken, have in pairs):
            return False
    return True


def fit_memory(plan: Plan, device: Device) -> Plan:
    """The fastest plan found that ``device`` holds, starting from ``plan``, the fastest one of all.

    Keeps the DSP budget, products per slice and weight formats of ``plan``; engines may be cut otherwise. Where nothing
    fits, ``plan`` itself is returned, with its buffers where they miss least.
    """
    placed = place(plan, device)
    if fits(placed, device) or not parameters_fit(plan, device):
        return placed
    trees = [_Tree(plan, most) for most in (None, 1)]
    fastest = max(k.work_cycles for k in plan.kernels)
    if _hopeless(plan, trees, int(fastest * SLACKS[-1]), device):
        return placed
    tried: list[_Engines] = []

    def attempt(tree: _Tree, target: int) -> Plan | None:
        engines = tree.foldings(target, plan.lane_budget)
        if engines is None or engines in tried:
            return None
        tried.append(engines)
        candidate = engines.build(plan.model, plan.lane_budget, plan.multipliers)
        if candidate is None:
            return None
        candidate = tune_stores(candidate)
        return _shrink(candidate, max(target, *(k.work_cycles for k in candidate.kernels)), device)

    missed = 0
    for slack, tree in product(SLACKS, trees):
        target = int(fastest * slack)
        if found := attempt(tree, target):
            break
        missed = target if tree is trees[-1] else missed
    else:
        return placed
    # between the last step and this one there are targets at which an engine just gets along with less
    reached = simulate(found, SEARCH_FRAMES).cycles_per_frame
    targets = [cycles for cycles in tree.cycles if missed < cycles < reached]
    best = [found]

    def fits_at(target: int) -> bool:
        better = attempt(tree, target)
        if better:
            best.append(better)
        return better is not None

    bisect_left(targets, True, key=fits_at)
    return best[-1]
