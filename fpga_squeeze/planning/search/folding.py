"""Search for the folding: the budget of DSP slices is spent so that the slowest engine is as fast as it can be."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ...device.dsp_packing import ONE_PRODUCT, Multipliers
from ...device.lut_ram import ceil_div
from ...errors import DoesNotFitError, FpgaSqueezeError
from ...network.integers import QModel
from ..build import Formats, Pool, build_plan, emits_one_row_per_group
from ..engine import EnginePlan, Folding
from ..graph import graph_of
from ..handshakes import Deadlock
from ..kernels import engine_cost, parameter_cost, plan_buffers, row_cost, stream_cost
from ..kinds.store import StorePlan, least_slots, plan_store
from ..order import EngineLayer
from ..plan import KernelPlan, Plan
from ..timing import STEADY_FRAMES, schedule, simulate
from ..weight_memories import WeightFormat

MAX_ROWS = 4
MAX_CHANNELS = 64
MAX_CODED_CHANNELS = 4
"""Compressed channels at once: they share their runs, so that zeros of one are terms wherever another has a weight."""


@dataclass(frozen=True)
class Choice:
    """A folding with its cost."""

    dsp: int
    cycles: int
    folding: Folding


@lru_cache(maxsize=2048)  # a search plans the same layers again and again
def all_choices(
    layer: EngineLayer,
    pools: tuple[Pool, ...],
    multipliers: Multipliers = ONE_PRODUCT,
    weights: WeightFormat = "dense",
) -> tuple[Choice, ...]:
    """Every folding of an engine, by rising DSP slices, then cycles, then the simpler one first.

    ``pools`` are those that its row groups reach: a pool takes only groups that complete one output row at most.
    """
    out = layer.output.shape
    widest = max(conv.weight.shape[0] for conv in layer.convs)
    most = MAX_CHANNELS if weights == "dense" else MAX_CODED_CHANNELS
    phases, seen = [], set()
    for k in range(1, out.width + 1):
        if ceil_div(out.width, k) not in seen:
            seen.add(ceil_div(out.width, k))
            phases.append(k)
    rows = [
        r
        for r in range(1, min(MAX_ROWS, out.height) + 1)
        if all(emits_one_row_per_group(pool, r) for pool in pools)
    ]
    choices = []
    for k in phases:
        for r in rows:
            for c in range(1, min(most, widest) + 1):
                folding = Folding(k, r, c)
                choices.append(Choice(*engine_cost(layer, folding, multipliers, weights), folding))
    choices.sort(key=lambda v: (v.dsp, v.cycles, v.folding.rows, v.folding.phases, v.folding.channels))
    return tuple(choices)


def pareto(choices: Sequence[Choice]) -> list[Choice]:
    """The choices that no other beats in both DSP slices and cycles, by rising slices."""
    best: list[Choice] = []
    for choice in choices:
        if not best or choice.cycles < best[-1].cycles:
            best.append(choice)
    return best


def engine_layers(model: QModel) -> list[EngineLayer]:
    """What runs on lanes, in network order."""
    return graph_of(model).engines


def choose_foldings(
    model: QModel,
    budget: int,
    multipliers: Multipliers = ONE_PRODUCT,
    formats: Formats | None = None,
    together: frozenset[str] = frozenset(),
) -> list[Folding]:
    """One folding per engine, in network order, with at most ``budget`` DSP slices in all.

    With one product per slice a slice is a lane. Raises DoesNotFitError when even one lane per engine is more than the
    budget.
    """
    if budget < 1:
        raise FpgaSqueezeError(f"a lane budget of {budget} is no budget; use 1 or more")
    graph = graph_of(model, together)
    formats = formats or ["dense"] * len(graph.engines)
    every = [
        all_choices(layer, graph.pools_behind(layer.name), multipliers, weights)
        for layer, weights in zip(graph.engines, formats, strict=True)
    ]
    fronts = [pareto(choices) for choices in every]
    least = sum(front[0].dsp for front in fronts)
    if least > budget:
        raise DoesNotFitError(
            f"{model.name}: {len(fronts)} engines need at least {least} lanes, the budget is {budget}; "
            f"short by {least - budget}"
        )
    # For a target of cycles each engine takes its cheapest folding that reaches it; the least reachable target wins.
    targets = sorted({choice.cycles for front in fronts for choice in front})

    def pick(target: int) -> list[Choice] | None:
        out = []
        for front in fronts:
            fitting = [c for c in front if c.cycles <= target]
            if not fitting:
                return None
            out.append(fitting[0])
        return out if sum(c.dsp for c in out) <= budget else None

    index = bisect_left(range(len(targets)), True, key=lambda i: pick(targets[i]) is not None)
    target = targets[min(index, len(targets) - 1)]
    chosen = pick(target)
    if chosen is None:
        raise DoesNotFitError(f"{model.name}: no folding fits {budget} lanes")
    fast = [[c for c in choices if c.cycles <= target] for choices in every]
    return _save_memory(graph.engines, fast, budget, formats)


def _save_memory(
    layers: list[EngineLayer], fast: list[list[Choice]], budget: int, formats: Formats
) -> list[Folding]:
    """Among foldings that are fast enough, those whose memories cost least.

    Every engine first keeps to its fewest DSP slices; those left over go where one slice saves most memory.
    """
    costs: list[dict[Folding, float]] = []
    for layer, choices, weights in zip(layers, fast, formats, strict=True):
        parameters = {
            c: parameter_cost(layer, c, weights) for c in {choice.folding.channels for choice in choices}
        }
        rows = {r: row_cost(layer, r) for r in {choice.folding.rows for choice in choices}}
        foldings = (choice.folding for choice in choices)
        costs.append({f: parameters[f.channels] + rows[f.rows] + stream_cost(layer, f) for f in foldings})

    def best(engine: int, dsp: int) -> Choice:
        return min((c for c in fast[engine] if c.dsp <= dsp), key=lambda c: (costs[engine][c.folding], c.dsp))

    chosen = [best(i, min(c.dsp for c in choices)) for i, choices in enumerate(fast)]
    while True:
        spare = budget - sum(c.dsp for c in chosen)
        offers = []
        for i, now in enumerate(chosen):
            offer = best(i, now.dsp + spare)
            saved = costs[i][now.folding] - costs[i][offer.folding]
            if saved > 0:
                offers.append((saved / max(1, offer.dsp - now.dsp), i, offer))
        if not offers:
            return [c.folding for c in chosen]
        _, i, offer = max(offers, key=lambda o: o[:2])
        chosen[i] = offer


def plan_for_lanes(
    model: QModel, budget: int, multipliers: Multipliers = ONE_PRODUCT, formats: Formats | None = None
) -> Plan:
    """The fastest plan with at most ``budget`` DSP slices: so many lanes, or about twice as many with two products."""
    foldings = choose_foldings(model, budget, multipliers, formats)
    return tune_stores(tune_buffers(build_plan(model, foldings, budget, multipliers, formats)))


def with_spares(plan: Plan, spares: Sequence[int]) -> Plan:
    """The plan, before its buffers are placed, with other spare rows, one number per engine.

    As :func:`build_plan` makes it for such foldings: nothing but the row buffers depends on them.
    """
    kernels: list[KernelPlan] = []
    left = list(spares)[::-1]
    for kernel in plan.kernels:
        if isinstance(kernel, EnginePlan) and (spare := left.pop()) != kernel.folding.spare:
            folding = replace(kernel.folding, spare=spare)
            buffers = plan_buffers(kernel.layer, kernel.input.rows, folding, kernel.packing)
            kernel = replace(kernel, folding=folding, buffers=buffers)
        kernels.append(kernel)
    return replace(plan, kernels=tuple(kernels))


MOST_SPARE = 8
"""Spare groups of rows at which a plan that deadlocks is given up."""


def alive(plan: Plan) -> Plan:
    """The plan, with as many more spare rows as it takes to run.

    Where streams meet, an engine whose rows wait for those of another may have to hold what that one is still to read.
    """
    spares = [e.folding.spare for e in plan.engines]
    for more in range(MOST_SPARE):
        candidate = with_spares(plan, [s + more for s in spares]) if more else plan
        try:
            simulate(candidate, 1)
        except Deadlock:
            continue
        return candidate
    raise FpgaSqueezeError(
        f"{plan.model.name}: streams that meet again wait for each other; use fewer rows at once"
    )


def lean(plan: Plan, limit: int, frames: int = STEADY_FRAMES) -> Plan:
    """The plan, before its buffers are placed, without the spare rows that ``limit`` cycles per frame need not.

    Judged by the exact schedule of so many ``frames``; the largest buffer is tried first.
    """
    spares = [e.folding.spare for e in plan.engines]

    def keeps_pace() -> bool:
        try:
            return simulate(with_spares(plan, spares), frames).cycles_per_frame <= limit
        except Deadlock:
            return False

    sizes = [e.lines.memory.payload_bits for e in plan.engines]
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        while spares[i]:
            spares[i] -= 1
            if not keeps_pace():
                spares[i] += 1
                break
    return with_spares(plan, spares)


def tune_buffers(plan: Plan) -> Plan:
    """Give line buffers the spare rows that keep the slowest engine busy, and no more.

    Kernels that take turns unevenly (a Fire module reads two rows at the start of a frame, a pool sends every other
    row) make each other wait where a buffer is short.
    """
    plan = alive(plan)
    now = schedule(plan).cycles_per_frame
    if now > max(k.work_cycles for k in plan.kernels):
        more = with_spares(plan, [e.folding.spare + 1 for e in plan.engines])
        best = schedule(more).cycles_per_frame
        if best < now:
            return lean(more, best)
    return lean(plan, now)


def with_slots(plan: Plan, slots: Mapping[str, int]) -> Plan:
    """The plan, before its buffers are placed, with other numbers of rows in the stores so named."""

    def stored(kernel: KernelPlan) -> KernelPlan:
        if isinstance(kernel, StorePlan) and kernel.name in slots:
            return plan_store(kernel.name, kernel.input, kernel.output.rows, slots[kernel.name])
        return kernel

    return replace(plan, kernels=tuple(stored(kernel) for kernel in plan.kernels))


def tune_stores(plan: Plan) -> Plan:
    """Give every store the fewest rows with which frames follow each other as fast as with stores without limit.

    Judged by the exact schedule; the widest store is tried first.
    """
    plan = alive(plan)
    stores = sorted(plan.stores, key=lambda store: -store.input.word_bits * store.input.type.shape.channels)
    if not stores:
        return plan

    def keeps_pace(candidate: Plan) -> bool:
        try:
            return schedule(candidate).cycles_per_frame <= best
        except Deadlock:
            return False

    best = schedule(plan).cycles_per_frame
    for store in stores:
        sizes = range(least_slots(store.input, store.output.rows), store.slots)
        index = bisect_left(sizes, True, key=lambda n: keeps_pace(with_slots(plan, {store.name: n})))  # noqa: B023
        if index < len(sizes):
            plan = with_slots(plan, {store.name: sizes[index]})
    return plan
