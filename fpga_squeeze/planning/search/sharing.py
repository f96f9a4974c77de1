"""Which engines run several modules: one set of lanes, one stream of weights, one decoder, one drain for all of them.

Larger engines fill their lanes better, and pay for their control once; rows between their modules then stay in row
buffers of their own. Every way to cut a chain of modules into engines is weighed with exact cycles and DSP slices and
with the estimate of LUTs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from ...device.dsp_packing import Multipliers
from ...network.integers import QModel
from ..graph import graph_of
from ..kernels import plan_buffers
from ..order import EngineLayer
from ..weight_memories import WeightFormat
from .cuts import chains_of
from .folding import Choice, all_choices, pareto
from .frugal import LUT_BITS, logic_luts

FASTER, SMALLER = 0.99, 0.95
"""Engines are shared for so many of the cycles, or, with no more cycles, for so many of the LUTs that all engines take
with a module each."""


@dataclass(frozen=True)
class _Engine:
    """An engine with every folding that no other beats; ``shared`` are the modules in front of its last one."""

    layer: EngineLayer
    weights: WeightFormat
    multipliers: Multipliers
    front: tuple[Choice, ...]
    shared: frozenset[str]

    def cheapest(self, target: int) -> Choice | None:
        """The fewest slices that reach ``target`` cycles."""
        return next((choice for choice in self.front if choice.cycles <= target), None)

    def luts(self, choice: Choice) -> int:
        """LUTs of its logic and of its row buffers, were they distributed RAM."""
        logic = logic_luts(self.layer, choice.folding, self.multipliers, self.weights)
        rows = sum(buffer.memory.payload_bits for buffer in plan_buffers(self.layer, 1, choice.folding))
        return logic + rows // (2 * LUT_BITS)


Cut = tuple[_Engine, ...]
"""A chain cut into engines."""


def _cuts(
    model: QModel, chain: list[str], multipliers: Multipliers, formats: Mapping[str, WeightFormat]
) -> list[Cut]:
    """Every way to cut a chain into engines whose modules have one weight format."""
    cuts = []
    for joints in product((False, True), repeat=len(chain) - 1):
        together = frozenset(name for name, joined in zip(chain[1:], joints, strict=True) if joined)
        if any(
            joined and formats[a] != formats[b]
            for a, b, joined in zip(chain, chain[1:], joints, strict=False)
        ):
            continue
        graph = graph_of(model, together)
        engines = []
        for layer in graph.engines:
            if layer.name not in chain:
                continue
            weights = formats[layer.name]
            choices = all_choices(layer, graph.pools_behind(layer.name), multipliers, weights)
            engines.append(_Engine(layer, weights, multipliers, tuple(pareto(choices)), together))
        cuts.append(tuple(engines))
    return cuts


def _spend(cut: Cut, target: int) -> tuple[int, int] | None:
    """(DSP slices, LUTs) of a cut chain that reaches ``target`` cycles."""
    chosen = [(engine, engine.cheapest(target)) for engine in cut]
    if any(choice is None for _, choice in chosen):
        return None
    found = [(choice.dsp, engine.luts(choice)) for engine, choice in chosen if choice]
    return sum(dsp for dsp, _ in found), sum(luts for _, luts in found)


def _best(chains: list[list[Cut]], target: int, budget: int) -> tuple[int, tuple[Cut, ...]] | None:
    """(LUTs, a cut of every chain) of fewest LUTs with which ``budget`` slices reach ``target`` cycles."""
    ways: list[tuple[int, int, tuple[Cut, ...]]] = [(0, 0, ())]  # slices, LUTs, cuts: by rising slices
    for cuts in chains:
        spent = [(found, cut) for cut in cuts if (found := _spend(cut, target))]
        more = [
            (dsp + own[0], luts + own[1], (*chosen, cut))
            for dsp, luts, chosen in ways
            for own, cut in spent
            if dsp + own[0] <= budget
        ]
        ways = []
        for way in sorted(more, key=lambda v: v[:2]):
            if not ways or way[1] < ways[-1][1]:
                ways.append(way)
    return (ways[-1][1], ways[-1][2]) if ways else None


def _least_target(chains: list[list[Cut]], budget: int) -> int | None:
    """The fewest cycles that ``budget`` slices reach."""
    cycles = {c.cycles for cuts in chains for cut in cuts for engine in cut for c in engine.front}
    targets = sorted(cycles)

    def reached(target: int) -> bool:
        least = [
            min(
                (
                    sum(choice.dsp for choice in chosen if choice)
                    for cut in cuts
                    if all(chosen := [engine.cheapest(target) for engine in cut])
                ),
                default=None,
            )
            for cuts in chains
        ]
        return all(v is not None for v in least) and sum(v for v in least if v is not None) <= budget

    low, high = 0, len(targets)
    while low < high:
        middle = (low + high) // 2
        if reached(targets[middle]):
            high = middle
        else:
            low = middle + 1
    return targets[low] if low < len(targets) else None


def choose_sharing(
    model: QModel, budget: int, multipliers: Multipliers, formats: Mapping[str, WeightFormat]
) -> frozenset[str]:
    """Engines that also run what stands before them, for ``budget`` DSP slices; ``formats`` of each module's engine.

    Empty where sharing makes a design neither faster nor smaller by :data:`FASTER`, :data:`SMALLER`.
    """
    chains = [_cuts(model, chain, multipliers, formats) for chain in chains_of(model)]
    alone = [[min(cuts, key=lambda cut: -len(cut))] for cuts in chains]
    plain, shared = _least_target(alone, budget), _least_target(chains, budget)
    if plain is None or shared is None:
        return frozenset()
    target = shared if shared <= FASTER * plain else plain
    before, found = _best(alone, plain, budget), _best(chains, target, budget)
    if not before or not found or (target == plain and found[0] > SMALLER * before[0]):
        return frozenset()
    return frozenset().union(*(engine.shared for cut in found[1] for engine in cut))
