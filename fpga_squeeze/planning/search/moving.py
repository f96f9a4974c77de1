"""Which squeezes run on the engine in front of their module.

Where memory allows few foldings, the work of neighbours is balanced by where a chain is cut; what then goes from engine
to engine are squeezed rows, a fraction of those of a module.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from ...network.integers import QModel
from ..fuse import moving
from ..graph import graph_of
from ..kernels import engine_cost
from ..plan import Plan
from ..weight_memories import WeightFormat
from .sharing import FASTER, LONGEST


def _chains(model: QModel, formats: Mapping[str, WeightFormat]) -> list[list[str]]:
    """Squeezes that may move, each behind the first of a list in the module behind the one before."""
    source = {layer.name: layer.source for layer in graph_of(model).engines}
    modules = moving(model)
    chains: list[list[str]] = []
    for squeeze, name in modules.items():
        if formats[name] != formats[source[name]]:
            continue
        before = chains[-1] if chains else []
        if before and modules[before[-1]] == source[name] and len(before) < LONGEST:
            before.append(squeeze)
        else:
            chains.append([squeeze])
    return chains


def owners(model: QModel) -> dict[str, str]:
    """For each squeeze that may move the engine that then runs it, which takes its name."""
    source = {layer.name: layer.source for layer in graph_of(model).engines}
    return {squeeze: source[name] for squeeze, name in moving(model).items()}


def choose_moves(plan: Plan) -> frozenset[str]:
    """Squeezes to move so that the slowest engine of every chain of ``plan``, a module an engine, is faster by
    :data:`FASTER` with the foldings that it has; as few as do."""
    model = plan.model
    folded = {engine.name: (engine.folding, engine.weights.format) for engine in plan.engines}
    held, modules = owners(model), moving(model)
    chosen: frozenset[str] = frozenset()
    for chain in _chains(model, {name: weights for name, (_, weights) in folded.items()}):
        members = {held[chain[0]], *(modules[squeeze] for squeeze in chain)}

        def slowest(moved: frozenset[str], members: set[str] = members) -> int:
            cycles = []
            for layer in graph_of(model, moved).engines:
                name = held[layer.name] if layer.name in moved else layer.name
                if name in members:
                    folding, weights = folded[name]
                    cycles.append(engine_cost(layer, folding, plan.multipliers, weights)[1])
            return max(cycles)

        subsets = [frozenset(some) for count in range(len(chain) + 1) for some in combinations(chain, count)]
        best = min(subsets, key=slowest)  # of equals the first: as few as do
        if slowest(best) <= FASTER * slowest(frozenset()):
            chosen |= best
    return chosen
