"""Search for the folding: the budget of DSP slices is spent so that the slowest engine is as fast as it can be."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import DoesNotFitError, FpgaSqueezeError
from ..graph import QConv, QFire, QLayer, QMaxPool, QModel
from .devices import DEFAULT_DEVICE, Device, find_device
from .kernels import (
    ceil_div,
    emits_one_row_per_group,
    engine_cost,
    engine_packing,
    parameter_memory,
    plan_average,
    plan_engine,
    plan_input,
    plan_pool,
)
from .packing import ONE_PRODUCT, Multipliers
from .plan import Folding, KernelPlan, Plan, Stream
from .timing import schedule

MAX_ROWS = 4
MAX_CHANNELS = 32


@dataclass(frozen=True)
class Choice:
    """A folding with its cost."""

    dsp: int
    cycles: int
    folding: Folding


def all_choices(
    layer: QConv | QFire, follower: QLayer | None, multipliers: Multipliers = ONE_PRODUCT
) -> list[Choice]:
    """Every folding of an engine, by rising DSP slices, then cycles, then the simpler one first.

    ``follower`` is the kernel after it: a max pool takes only row groups that complete one output row at most.
    """
    out, packing = layer.output.shape, engine_packing(layer, multipliers)
    widest = max(conv.weight.shape[0] for conv in (layer.convs if isinstance(layer, QFire) else (layer,)))
    phases, seen = [], set()
    for k in range(1, out.width + 1):
        if ceil_div(out.width, k) not in seen:
            seen.add(ceil_div(out.width, k))
            phases.append(k)
    rows = [
        r
        for r in range(1, min(MAX_ROWS, out.height) + 1)
        if not isinstance(follower, QMaxPool) or emits_one_row_per_group(follower, r)
    ]
    choices = []
    for k in phases:
        for r in rows:
            for c in range(1, min(MAX_CHANNELS, widest) + 1):
                folding = Folding(k, r, c)
                choices.append(Choice(*engine_cost(layer, folding, packing), folding))
    choices.sort(key=lambda v: (v.dsp, v.cycles, v.folding.rows, v.folding.phases, v.folding.channels))
    return choices


def pareto(choices: list[Choice]) -> list[Choice]:
    """The choices that no other beats in both DSP slices and cycles, by rising slices."""
    best: list[Choice] = []
    for choice in choices:
        if not best or choice.cycles < best[-1].cycles:
            best.append(choice)
    return best


def choose_foldings(model: QModel, budget: int, multipliers: Multipliers = ONE_PRODUCT) -> list[Folding]:
    """One folding per engine, in network order, with at most ``budget`` DSP slices in all.

    With one product per slice a slice is a lane. Raises DoesNotFitError when even one lane per engine is more than the
    budget.
    """
    if budget < 1:
        raise FpgaSqueezeError(f"a lane budget of {budget} is no budget; use 1 or more")
    layers = list(model.layers)
    engines = [(i, layer) for i, layer in enumerate(layers) if isinstance(layer, QConv | QFire)]
    every = [
        all_choices(layer, layers[i + 1] if i + 1 < len(layers) else None, multipliers)
        for i, layer in engines
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
    return _save_memory([layer for _, layer in engines], fast, budget)


def _save_memory(layers: list[QConv | QFire], fast: list[list[Choice]], budget: int) -> list[Folding]:
    """Among foldings that are fast enough, those whose parameter memories waste least.

    Every engine first keeps to its fewest DSP slices; those left over go where one slice saves most block RAM.
    """
    memory = [
        {c.folding: parameter_memory(layer, c.folding) for c in choices}
        for layer, choices in zip(layers, fast, strict=True)
    ]

    def best(engine: int, dsp: int) -> Choice:
        return min(
            (c for c in fast[engine] if c.dsp <= dsp), key=lambda c: (memory[engine][c.folding], c.dsp)
        )

    chosen = [best(i, min(c.dsp for c in choices)) for i, choices in enumerate(fast)]
    while True:
        spare = budget - sum(c.dsp for c in chosen)
        offers = []
        for i, now in enumerate(chosen):
            offer = best(i, now.dsp + spare)
            saved = memory[i][now.folding][0] - memory[i][offer.folding][0]
            if saved > 0:
                offers.append((saved / max(1, offer.dsp - now.dsp), i, offer))
        if not offers:
            return [c.folding for c in chosen]
        _, i, offer = max(offers, key=lambda o: o[:2])
        chosen[i] = offer


def build_plan(
    model: QModel,
    foldings: list[Folding],
    lane_budget: int | None = None,
    multipliers: Multipliers = ONE_PRODUCT,
) -> Plan:
    """Plan every kernel of ``model`` for the given foldings (one per engine, in network order)."""
    engines = [layer for layer in model.layers if isinstance(layer, QConv | QFire)]
    if len(foldings) != len(engines):
        raise FpgaSqueezeError(f"{len(foldings)} foldings for {len(engines)} engines")
    for folding, engine in zip(foldings, engines, strict=True):
        shape = engine.output.shape
        suits = 1 <= folding.phases <= shape.width and 1 <= folding.rows <= shape.height
        if not suits or folding.channels < 1 or folding.spare < 0:
            raise FpgaSqueezeError(
                f"{engine.name}: folding k,r,c = {folding} does not suit an output of {shape}"
            )
    costs = [
        engine_cost(layer, folding, engine_packing(layer, multipliers))
        for layer, folding in zip(engines, foldings, strict=True)
    ]
    slowest = max(cycles for _, cycles in costs)

    gather = next(
        (p for b in (1, 2, 4) if (p := plan_input(model.input, b)).work_cycles < slowest),
        plan_input(model.input, 8),
    )
    kernels: list[KernelPlan] = [gather]
    source: Stream = gather.output
    queue = list(foldings)
    for i, layer in enumerate(model.layers):
        kernel: KernelPlan
        if isinstance(layer, QConv | QFire):
            follower = model.layers[i + 1] if i + 1 < len(model.layers) else None
            folding = queue.pop(0)
            if isinstance(follower, QMaxPool) and not emits_one_row_per_group(follower, folding.rows):
                raise FpgaSqueezeError(
                    f"{layer.name}: {folding.rows} rows at once complete two rows of {follower.name}; use fewer rows"
                )
            kernel = plan_engine(layer, folding, source, multipliers)
        elif isinstance(layer, QMaxPool):
            kernel = plan_pool(layer, source)
        else:
            width = layer.input.shape.width
            options = (plan_average(layer, source, add) for add in range(1, width + 1))
            kernel = next((p for p in options if p.work_cycles < slowest), plan_average(layer, source, width))
        kernels.append(kernel)
        source = kernel.output
    budget = lane_budget if lane_budget is not None else sum(dsp for dsp, _ in costs)
    return Plan(model, tuple(kernels), budget, multipliers)


def plan_for_lanes(model: QModel, budget: int, multipliers: Multipliers = ONE_PRODUCT) -> Plan:
    """The fastest plan with at most ``budget`` DSP slices: so many lanes, or about twice as many with two products."""
    return tune_buffers(build_plan(model, choose_foldings(model, budget, multipliers), budget, multipliers))


def make_plan(
    model: QModel,
    lanes: int | None,
    device: Device | None,
    foldings: Mapping[str, Folding] | None = None,
    products_per_dsp: int | None = None,
) -> Plan:
    """The fastest plan for ``lanes``, else for the DSPs of ``device``; ``foldings`` overrides engines by name.

    ``lanes`` is a number of DSP slices: each is one lane, or two with ``products_per_dsp`` 2 (None: 1).
    """
    multipliers = Multipliers.of(products_per_dsp, device)
    budget = lanes if lanes is not None else (device or find_device(DEFAULT_DEVICE)).dsp
    names = [layer.name for layer in model.layers if hasattr(layer, "convs") or hasattr(layer, "weight")]
    unknown = [name for name in foldings or {} if name not in names]
    if unknown:
        raise FpgaSqueezeError(f"--folding {unknown[0]}: no such engine; there are {', '.join(names)}")
    chosen = choose_foldings(model, budget, multipliers)
    chosen = [(foldings or {}).get(name, folding) for name, folding in zip(names, chosen, strict=True)]
    plan = build_plan(model, chosen, budget, multipliers)
    # spare rows given by hand stay as they are
    return plan if any(f.spare != 1 for f in chosen) else tune_buffers(plan)


def tune_buffers(plan: Plan) -> Plan:
    """Give line buffers the spare rows that keep the slowest engine busy, and no more.

    Kernels that take turns unevenly (a Fire module reads two rows at the start of a frame, a pool sends every other
    row) make each other wait where a buffer is short. Judged by the exact schedule; the largest buffer is tried first.
    """

    def respared(spares: list[int]) -> Plan:
        foldings = [replace(e.folding, spare=s) for e, s in zip(plan.engines, spares, strict=True)]
        return build_plan(plan.model, foldings, plan.lane_budget, plan.multipliers)

    def interval(candidate: Plan) -> int:
        return schedule(candidate).cycles_per_frame

    spares = [e.folding.spare for e in plan.engines]
    now = interval(plan)
    if now == max(k.work_cycles for k in plan.kernels):
        return plan
    more = [s + 1 for s in spares]
    best = interval(respared(more))
    if best == now:
        return plan
    sizes = [e.lines.memory.payload_bits for e in plan.engines]
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        fewer = [*more[:i], more[i] - 1, *more[i + 1 :]]
        if interval(respared(fewer)) == best:
            more = fewer
    return respared(more)
