"""Every way to cut a network into engines: the parts of it that one engine may run.

Modules that follow each other with maps of one size may share an engine, and a squeeze may run as the last stage of the
engine whose rows it reads; what then goes from engine to engine are squeezed rows, a fraction of those of a module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ...device.dsp_packing import Multipliers
from ...network.integers import QModel
from ..fuse import followers, moving
from ..graph import graph_of
from ..order import EngineLayer
from ..weight_memories import WeightFormat
from .folding import Choice, all_choices

LONGEST = 6
"""Modules of a chain that are weighed together: there are 2^(n - 1) ways to cut it, 3^(n - 1) with its squeezes."""


@dataclass(frozen=True, eq=False)
class Part:
    """What one engine may run.

    choices  every folding, by rising DSP slices
    joined   names that make these modules one engine, see :func:`..fuse.fuse`
    behind   first convolutions of the engines that read its row groups
    """

    layer: EngineLayer
    weights: WeightFormat
    choices: tuple[Choice, ...]
    joined: frozenset[str]
    behind: tuple[str, ...]


def chains_of(model: QModel) -> list[list[str]]:
    """Names of engines, each behind the first of a list able to run on the lanes of the one before."""
    able = followers(model)
    chains: list[list[str]] = []
    for layer in graph_of(model).engines:
        before = chains[-1] if chains else []
        if layer.name in able and before[-1] == layer.source and len(before) < LONGEST:
            before.append(layer.name)
        else:
            chains.append([layer.name])
    return chains


@lru_cache(maxsize=16)
def _runs(model: QModel) -> tuple[tuple[EngineLayer, frozenset[str], frozenset[str]], ...]:
    """Every engine there might be; the names that join what it runs, and those with which the network has it."""
    squeezes = {module: squeeze for squeeze, module in moving(model).items()}
    last = {layer.name: layer.convs[-1] for layer in graph_of(model).engines}
    found = []
    for chain in chains_of(model):
        for first, name in enumerate(chain):
            for end in range(first, len(chain)):
                inner = frozenset(chain[first + 1 : end + 1])
                after = squeezes.get(chain[end + 1]) if end + 1 < len(chain) else None
                for own in {None, squeezes.get(name) if first else None}:
                    for more in {None, after}:
                        joined = inner | ({more} if more else set())
                        together = joined | ({own} if own else set())
                        engines = graph_of(model, together).engines
                        layer = next(one for one in engines if last[chain[end]] in one.convs)
                        found.append((layer, joined, together))
    return tuple(found)


def parts_of(
    model: QModel, multipliers: Multipliers, formats: Mapping[str, WeightFormat]
) -> tuple[dict[str, list[Part]], list[str]]:
    """The parts by their first convolution, and the first ones of the engines that are fed row by row.

    ``formats`` are those of the weights by convolution: engines have one.
    """
    parts: dict[str, list[Part]] = {}
    for layer, joined, together in _runs(model):
        held = {formats[conv.name] for conv in layer.convs}
        if len(held) == 1:
            (weights,) = held
            graph = graph_of(model, together)
            behind = tuple(_start(one) for one in graph.engines if graph.parent[one.name] == layer.name)
            choices = all_choices(layer, graph.pools_behind(layer.name), multipliers, weights)
            parts.setdefault(_start(layer), []).append(Part(layer, weights, choices, joined, behind))
    base = graph_of(model)
    return parts, [_start(layer) for layer in base.engines if base.parent[layer.name] is None]


def _start(layer: EngineLayer) -> str:
    return layer.work[0].conv.name
