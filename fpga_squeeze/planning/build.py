"""From foldings to a plan: every kernel of the accelerator, forks where a stream has several readers, stores where
streams meet again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import assert_never

from ..device.dsp_packing import ONE_PRODUCT, Multipliers
from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE
from ..network.integers import QAdd, QAvgPool, QConcat, QMaxPool, QModel
from .engine import Folding
from .fuse import Node, fuse
from .graph import Graph, graph_of
from .kernels import engine_cost, plan_engine, word_cycles
from .kinds.add import plan_add
from .kinds.average import AveragePlan, plan_average
from .kinds.concat import plan_concat
from .kinds.fork import plan_fork
from .kinds.image import InputPlan, plan_input
from .kinds.max_pool import PoolPlan, one_window_open, plan_pool, pool_rows
from .kinds.store import plan_store
from .kinds.window import WindowPlan, plan_window
from .order import EngineLayer
from .plan import KernelPlan, Plan
from .streams import Stream
from .weight_memories import WeightFormat

Formats = Sequence[WeightFormat]
"""How the weights of each engine lie in memory, in network order."""
FRAMES_STORED = 4
"""Frames that a store holds before its depth is tuned: more than any way through a network keeps."""
DIVIDE_BITS = (1, 2)
"""Quotient bits a cycle of an average pool, the smallest divider first."""
Pool = QMaxPool | QAvgPool


def emits_one_row_per_group(pool: Pool, rows: int) -> bool:
    """Whether no group of ``rows`` input rows completes two output rows (the pool sends rows in order)."""
    match pool:
        case QAvgPool() if pool.is_global:
            return True
        case QMaxPool() if one_window_open(pool):
            emit = pool_rows(pool)[2]
        case QAvgPool() | QMaxPool():
            shape = pool.input.shape
            emit = list(plan_window(pool, Stream(IMAGE, pool.input, 1, 1, ())).emit_rows)
            assert len(emit) == shape.height
    return all(sum(emit[y : y + rows]) <= 1 for y in range(0, len(emit), rows))


class _Builder:
    """The kernels of a model, one after the other."""

    def __init__(
        self,
        model: QModel,
        foldings: Sequence[Folding],
        multipliers: Multipliers,
        formats: Formats,
        slots: Mapping[str, int],
        together: frozenset[str],
    ) -> None:
        self.model, self.multipliers, self.slots = model, multipliers, slots
        engines = graph_of(model, together).engines
        rows = {layer.name: folding.rows for layer, folding in zip(engines, foldings, strict=True)}
        self.graph = Graph(fuse(model, together), model.input, rows)
        self.chosen = {
            layer.name: (folding, weights)
            for layer, folding, weights in zip(engines, foldings, formats, strict=True)
        }
        costs = [engine_cost(layer, *self._folded(layer)) for layer in engines]
        self.dsp = sum(dsp for dsp, _ in costs)
        self.slowest = max(cycles for _, cycles in costs)
        self.kernels: list[KernelPlan] = []
        self.streams: dict[tuple[str, str, int], Stream] = {}  # what a node reads as its n-th operand
        self.cycles: dict[str, int] = {}  # of the kernel that sends a stream
        self.pace: dict[str, float] = {}  # cycles between words, where an engine sends them

    def _folded(self, layer: EngineLayer) -> tuple[Folding, Multipliers, WeightFormat]:
        folding, weights = self.chosen[layer.name]
        return folding, self.multipliers, weights

    def build(self) -> list[KernelPlan]:
        """All kernels, the line gatherer first."""
        gather = next(
            (p for b in (1, 2, 4) if (p := self._gather(b)).work_cycles < self.slowest), self._gather(8)
        )
        self._add(gather)
        for node in self.graph.nodes:
            self._add(self._kernel(node))
        return self.kernels

    def _gather(self, bytes_per_cycle: int) -> InputPlan:
        return plan_input(self.model.input, bytes_per_cycle, self.model.pixels)

    def _add(self, kernel: KernelPlan) -> None:
        """A kernel with one output, and a fork behind it if that has several readers."""
        self.kernels.append(kernel)
        (stream,) = kernel.outputs
        self.cycles[stream.name] = kernel.work_cycles
        readers = self.graph.readers.get(stream.name, [])
        if len(readers) > 1:
            names = tuple(
                f"{stream.name}_to_{node.name}" + (f"_{operand}" if len(node.sources) > 1 else "")
                for node, operand in readers
            )
            fork = plan_fork(f"{stream.name}_fork", stream, names)
            self.kernels.append(fork)
            for (node, operand), branch in zip(readers, fork.outputs, strict=True):
                self.streams[stream.name, node.name, operand] = branch
        else:
            for node, operand in readers:
                self.streams[stream.name, node.name, operand] = stream

    def _source(self, node: Node, operand: int = 0) -> Stream:
        return self.streams[node.sources[operand], node.name, operand]

    def _joined(self, node: Node) -> tuple[tuple[Stream, ...], int]:
        """The operands of a join, behind stores where they wait, and which one goes straight."""
        direct, relayed = self.graph.direct[node.name], node.name in self.graph.relayed
        rows = 1 if relayed else self._source(node, direct).rows
        streams = []
        for operand in range(len(node.sources)):
            stream = self._source(node, operand)
            if operand != direct or relayed:
                name = f"{node.name}_store" + (f"{operand}" if len(node.sources) > 2 or relayed else "")
                slots = self.slots.get(name, FRAMES_STORED * stream.type.shape.height)
                store = plan_store(name, stream, rows, slots)
                self.kernels.append(store)
                stream = store.output
            streams.append(stream)
        return tuple(streams), direct

    def _kernel(self, node: Node) -> KernelPlan:
        match node.body:
            case EngineLayer():
                return self._engine(node.body, self._source(node))
            case QMaxPool() | QAvgPool():
                source = self._source(node)
                pace = self.pace.get(source.name, 0)
                return self._pool(node.body, source, self.cycles.get(node.sources[0], 0), pace)
            case QAdd():
                streams, direct = self._joined(node)
                return plan_add(node.body, (streams[0], streams[1]), direct)
            case QConcat():
                streams, direct = self._joined(node)
                return plan_concat(node.body, streams, direct)
            case _:
                assert_never(node.body)

    def _engine(self, layer: EngineLayer, source: Stream) -> KernelPlan:
        folding, weights = self.chosen[layer.name]
        for pool in self.graph.pools_behind(layer.name):
            if not emits_one_row_per_group(pool, folding.rows):
                raise FpgaSqueezeError(
                    f"{layer.name}: {folding.rows} rows at once complete two rows of {pool.name}; use fewer rows"
                )
        readers = self.graph.readers.get(layer.name, [])
        taken = (1, 2)  # forks, joins and windows take a word every other cycle
        if len(readers) == 1:
            body = readers[0][0].body
            match body:
                case QMaxPool() if one_window_open(body):
                    self.pace[layer.name] = pace = word_cycles(layer, folding, weights)
                    output = Stream(layer.name, layer.output, folding.rows, 1, layer.tensors)
                    least = _least_pool(body, output, pace)
                    taken = (least.steps, least.turn)
                case EngineLayer() | QAvgPool():
                    taken = (1, 1)
                case QMaxPool() | QAdd() | QConcat():
                    pass
                case _:
                    assert_never(body)
        elif not readers:
            taken = (1, 1)
        return plan_engine(layer, folding, source, self.multipliers, weights, taken)

    def _pool(
        self, pool: Pool, source: Stream, before: int, pace: float
    ) -> PoolPlan | WindowPlan | AveragePlan:
        match pool:
            case QMaxPool() if one_window_open(pool):
                return _least_pool(pool, source, pace)
            case QMaxPool():
                return plan_window(pool, source)
            case QAvgPool() if pool.is_global:
                return _keep_pace(pool, source, self.slowest, before)
            case QAvgPool():
                options = [plan_window(pool, source, bits) for bits in DIVIDE_BITS]
                return next((p for p in options if p.work_cycles < self.slowest), options[-1])


def _least_pool(pool: QMaxPool, source: Stream, pace: float) -> PoolPlan:
    """The smallest max pool that takes a word within ``pace`` cycles; else one that takes a row at once."""
    options = (plan_pool(pool, source, units) for units in range(1, pool.output.shape.width))
    return next((p for p in options if p.turn <= pace), plan_pool(pool, source))


def _keep_pace(pool: QAvgPool, source: Stream, slowest: int, before: int) -> AveragePlan:
    """The smallest average pool that no frame waits for.

    ``before`` are the cycles of the kernel before it, which sends all rows at the same pace: the last row, with its
    divisions, must not take longer than that either.
    """
    shape = pool.input.shape
    options = [
        plan_average(pool, source, add, divide_bits)
        for divide_bits in DIVIDE_BITS
        for add in range(1, shape.width + 1)
    ]
    enough = (p for p in options if p.work_cycles < slowest and p.last_row_cycles * shape.height <= before)
    return next(enough, options[-1])


def build_plan(
    model: QModel,
    foldings: Sequence[Folding],
    lane_budget: int | None = None,
    multipliers: Multipliers = ONE_PRODUCT,
    formats: Formats | None = None,
    slots: Mapping[str, int] | None = None,
    together: frozenset[str] = frozenset(),
) -> Plan:
    """Plan every kernel of ``model`` for the given foldings and weight formats (one per engine, in network order).

    ``slots`` are rows of stores by name; a store that is not named holds far more than it can need. ``together`` names
    engines that also run what stands before them.
    """
    engines = graph_of(model, together).engines
    if len(foldings) != len(engines):
        raise FpgaSqueezeError(f"{len(foldings)} foldings for {len(engines)} engines")
    for folding, engine in zip(foldings, engines, strict=True):
        shape = engine.output.shape
        suits = 1 <= folding.phases <= shape.width and 1 <= folding.rows <= shape.height
        if not suits or folding.channels < 1 or folding.spare < 0:
            raise FpgaSqueezeError(
                f"{engine.name}: folding k,r,c = {folding} does not suit an output of {shape}"
            )
    held = formats or ["dense"] * len(engines)
    builder = _Builder(model, foldings, multipliers, held, slots or {}, together)
    kernels = builder.build()
    return Plan(
        model, tuple(kernels), builder.dsp if lane_budget is None else lane_budget, multipliers, together
    )
