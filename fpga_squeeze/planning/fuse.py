"""Which convolutions share an engine: from the layers of a network to the nodes of the accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from .order import EngineLayer, chain, module, single
from .requant import too_far_apart

Body = EngineLayer | QMaxPool | QAvgPool | QAdd | QConcat


@dataclass(frozen=True, eq=False)
class Node:
    """What one kernel computes: ``body`` of the streams named ``sources``; golden calls the result ``tensors``."""

    name: str
    tensors: tuple[str, ...]
    sources: tuple[str, ...]
    body: Body
    output: TensorType


def _squeeze_of(conv: QConv, convs: dict[str, QConv]) -> QConv | None:
    """The convolution whose rows ``conv`` may find within its own engine: what it reads, if maps keep their size."""
    before = convs.get(conv.inputs[0])
    if before is None or conv.stride != 1:
        return None
    maps = {(c.output.shape.height, c.output.shape.width) for c in (before, conv)}
    return before if len(maps) == 1 else None


class _Fusion:
    """The convolutions of a model that feed one concatenation each, as far as they can share engines."""

    def __init__(self, model: QModel) -> None:
        self.readers = model.readers
        self.convs = {conv.name: conv for conv in model.convs}

    def parts(self, concat: QConcat) -> list[EngineLayer | str]:
        """The operands of ``concat``, neighbours that share an engine as one; names of those that no engine takes."""
        own = [
            self.convs[name]
            if name in self.convs and self.readers[name] == [concat] and concat.inputs.count(name) == 1
            else name
            for name in concat.inputs
        ]
        parts: list[EngineLayer | str] = []
        for kind, run in groupby(own, key=lambda v: isinstance(v, QConv)):
            if kind:
                parts += self._engines(concat, [conv for conv in run if isinstance(conv, QConv)])
            else:
                parts += [name for name in run if isinstance(name, str)]
        return parts

    def _engines(self, concat: QConcat, run: Sequence[QConv]) -> list[EngineLayer]:
        """Engines for convolutions that stand side by side in ``concat``: as few as share their source, and can share
        their requantisers."""
        inner = {
            conv.name: before
            for conv in run
            if (before := _squeeze_of(conv, self.convs))
            and all(reader in run for reader in self.readers[before.name])
        }

        def root(conv: QConv) -> str:
            return inner[conv.name].inputs[0] if conv.name in inner else conv.inputs[0]

        engines = []
        for _, some in groupby(run, key=root):
            branches = list(some)
            squeezes = list(dict.fromkeys(inner[c.name] for c in branches if c.name in inner))
            if any(reader not in branches for squeeze in squeezes for reader in self.readers[squeeze.name]):
                engines += [single(conv) for conv in branches]
                continue
            whole = [conv.name for conv in branches] == list(concat.inputs)
            name = concat.name if whole else branches[0].name
            tables = [concat.tables[concat.inputs.index(conv.name)] for conv in branches]
            first = 0
            if whole or any(table is not None for table in tables):
                tensors: tuple[str, ...] = (concat.name,)
                ahead = concat.operands[: concat.inputs.index(branches[0].name)]
                first = sum(operand.shape.channels for operand in ahead)
            else:
                tensors = tuple(conv.name for conv in branches)
            channels = sum(conv.output.shape.channels for conv in branches)
            output = replace(concat.output, shape=replace(concat.output.shape, channels=channels))
            layer = module(name, tensors, squeezes, branches, output, tables, first)
            engines += [single(conv) for conv in branches] if too_far_apart(layer) else [layer]
        return engines


@lru_cache(maxsize=64)
def fuse(model: QModel, together: frozenset[str] = frozenset()) -> tuple[Node, ...]:
    """The nodes of the accelerator of ``model``, each after those it reads.

    Convolutions that meet in a concatenation and read the same rows, themselves or through a convolution that nothing
    else reads, share an engine; where it gives all of the concatenation, there is no other kernel for that. Engines
    named in ``together`` are one with the engine whose rows they read; a squeeze named there leaves its module for that
    engine, and the module reads squeezed rows. Raises FpgaSqueezeError where they cannot.
    """
    if unknown := sorted(together - followers(model) - moving(model).keys()):
        raise FpgaSqueezeError(f"{unknown[0]}: cannot share the engine of what it reads")
    nodes: dict[str, Node] = {}
    for node in _modules(model):
        for part in _parted(node, together):
            if part.name in together and isinstance(part.body, EngineLayer):
                before = nodes.pop(part.sources[0])
                assert isinstance(before.body, EngineLayer)
                body = _chained(before.body, part.body)
                part = replace(part, sources=before.sources, body=body)
            nodes[part.name] = part
    return tuple(nodes.values())


def _squeeze(body: Body) -> QConv | None:
    """The only convolution of a module that reads the rows that arrive, if it stores its own for all others."""
    if not isinstance(body, EngineLayer) or len(body.work) < 2:
        return None
    first, *others = body.work
    return first.conv if first.sink == 1 and all(work.source == 1 for work in others) else None


@lru_cache(maxsize=1024)  # a search plans the same layers again and again
def _without_squeeze(body: EngineLayer) -> EngineLayer:
    squeeze, *others = body.work
    work = tuple(replace(one, source=0, delay=0) for one in others)
    return EngineLayer(body.name, body.tensors, squeeze.conv.name, work, body.output, body.first)


def _parted(node: Node, together: frozenset[str]) -> tuple[Node, ...]:
    """A node, or its squeeze and what is left of it where ``together`` names that squeeze."""
    squeeze = _squeeze(node.body)
    if squeeze is None or squeeze.name not in together:
        return (node,)
    assert isinstance(node.body, EngineLayer)
    rest = _without_squeeze(node.body)
    return _engine(_alone(squeeze)), replace(node, sources=(squeeze.name,), body=rest)


@lru_cache(maxsize=1024)
def _alone(conv: QConv) -> EngineLayer:
    return single(conv)


@lru_cache(maxsize=16)
def moving(model: QModel) -> dict[str, str]:
    """Squeezes that may run on the lanes of the engine whose rows they read, each with the module it leaves."""
    found = followers(model)
    out = {}
    for node in _modules(model):
        squeeze = _squeeze(node.body)
        if node.name in found and squeeze is not None:
            out[squeeze.name] = node.name
    return out


@lru_cache(maxsize=1024)  # a search plans the same layers again and again
def _chained(first: EngineLayer, second: EngineLayer) -> EngineLayer:
    return chain(first, second)


@lru_cache(maxsize=16)
def followers(model: QModel) -> frozenset[str]:
    """Engines that may run on the lanes of the engine whose rows they read: nothing else reads these, and all of their
    maps have the same size."""
    found: dict[str, EngineLayer] = {}
    readers = [name for node in _modules(model) for name in node.sources]
    out = []
    for node in _modules(model):
        if isinstance(node.body, EngineLayer):
            before = found.get(node.sources[0])
            if before and readers.count(node.sources[0]) == 1 and _same_maps(before, node.body):
                out.append(node.name)
            found[node.name] = node.body
    return frozenset(out)


def _same_maps(first: EngineLayer, second: EngineLayer) -> bool:
    """Whether every convolution of two engines gives maps of one size, without a stride in the second."""
    sizes = {(c.output.shape.height, c.output.shape.width) for c in (*first.convs, *second.convs)}
    return len(sizes) == 1 and all(conv.stride == 1 for conv in second.convs)


@lru_cache(maxsize=16)
def _modules(model: QModel) -> tuple[Node, ...]:
    """The nodes with engines of one module or convolution each."""
    fusion = _Fusion(model)
    parts = {layer.name: fusion.parts(layer) for layer in model.layers if isinstance(layer, QConcat)}
    inside = {
        conv.name
        for some in parts.values()
        for part in some
        if isinstance(part, EngineLayer)
        for conv in part.convs
    }
    nodes: list[Node] = []
    for layer in model.layers:
        nodes += _nodes(layer, parts.get(layer.name, []), inside)
    return tuple(nodes)


def _engine(body: EngineLayer) -> Node:
    return Node(body.name, body.tensors, (body.source,), body, body.output)


def _nodes(layer: QLayer, parts: Sequence[EngineLayer | str], inside: set[str]) -> list[Node]:
    """What ``layer`` becomes; ``parts`` are the operands of a concatenation."""
    match layer:
        case QConv():
            return [] if layer.name in inside else [_engine(single(layer))]
        case QMaxPool() | QAvgPool() | QAdd():
            return [Node(layer.name, (layer.name,), layer.inputs, layer, layer.output)]
        case QConcat():
            nodes = [_engine(part) for part in parts if isinstance(part, EngineLayer)]
            sources = tuple(part if isinstance(part, str) else part.name for part in parts)
            if sources != (layer.name,):
                nodes.append(Node(layer.name, (layer.name,), sources, layer, layer.output))
            return nodes
        case _:
            assert_never(layer)
