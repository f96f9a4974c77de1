"""From a model that a user names to a plan for a device; weights are rounded to fewer bits where only that makes room.

Compressed weights of a float model may be had in fewer bits for nothing that shows: steps are made coarser where they
cost the network least (:mod:`.budget`). It is done where the memory of the device holds a plan back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ..device.catalogue import Device
from ..network.graph import QModel
from ..planning.cost.placement import fits
from ..planning.plan import Folding, Plan
from ..planning.search.planner import cycles_without_limit, make_plan
from ..planning.timing import Schedule, schedule
from ..planning.weight_memories import WeightFormat
from ..quantization.budget import coded_size
from .sources import Loaded, OnStep, QuantizeOptions, Target, load

HELD_BACK = 1.1
"""How much slower than without a limit on memory a plan is when something is done about it."""
BUDGET_SHARE = 0.855
"""Share of their coded bits to which weights are rounded: measured to lose no accuracy that shows (bench/README.md)."""


@dataclass(frozen=True, eq=False)
class PlanOptions:
    """What a plan is to be like.

    lanes      DSP slices to spend; None: those of the device
    device     where the row buffers have to fit; None: anywhere
    foldings, formats   of engines by name
    products_per_dsp    None: one
    """

    lanes: int | None = None
    device: Device | None = None
    foldings: Mapping[str, Folding] | None = None
    products_per_dsp: int | None = None
    weights: WeightFormat | Literal["auto"] = "dense"
    formats: Mapping[str, WeightFormat] | None = None

    def plan(self, model: QModel) -> Plan:
        """The fastest plan for ``model``."""
        return make_plan(
            model,
            self.lanes,
            self.device,
            self.foldings,
            self.products_per_dsp,
            self.weights,
            self.formats,
        )


@dataclass(frozen=True, eq=False)
class Design:
    """A model in integers with its plan, when its words move, and what the user should know."""

    loaded: Loaded
    plan: Plan
    schedule: Schedule
    notes: tuple[str, ...] = ()


def design(
    model: Target, options: QuantizeOptions, wanted: PlanOptions, on_step: OnStep | None = None
) -> Design:
    """The design for the model in a file: quantised if it is a float model, and planned.

    Where the memory of the device holds the plan back, weights that are compressed and not quantised yet are rounded
    to BUDGET_SHARE of their bits, if that makes the plan faster; a ``weight_budget`` in ``options`` is left as it is.
    """
    loaded = load(model, options, on_step)
    plan = wanted.plan(loaded.model)
    done = Design(loaded, plan, schedule(plan))
    device = wanted.device
    if device is None or wanted.foldings:
        return done
    cycles, free = done.schedule.cycles_per_frame, cycles_without_limit(plan)
    fitting = fits(plan, device)
    if fitting and cycles < HELD_BACK * free:
        return done
    coded = any(engine.weights.format != "dense" for engine in plan.engines)
    if coded and loaded.calibrated and options.weight_budget is None:
        size = sum(coded_size(conv.weight) for conv in loaded.model.convs)
        budget = int(BUDGET_SHARE * size)
        if on_step:
            on_step(f"weights take {size:,} coded bits, too many to be fast: again with {budget:,}")
        fewer = load(model, replace(options, weight_budget=budget), on_step)
        smaller = wanted.plan(fewer.model)
        timed = schedule(smaller)
        if fits(smaller, device) and (not fitting or timed.cycles_per_frame < cycles):
            before = f"{cycles:,} cycles per frame without" if fitting else "does not fit without"
            note = (
                f"weights were rounded to {budget:,} coded bits instead of {size:,}, for the memory of the device: "
                f"{timed.cycles_per_frame:,} cycles per frame, {before}; field weight_budget sets another number"
            )
            return Design(fewer, smaller, timed, (note,))
    if not fitting:
        return done
    advice = (
        "field weight_budget, or a smaller field weight_bits, makes"
        if coded
        else "field weights huffman makes"
    )
    note = (
        f"the device's memory holds the plan back: {cycles:,} cycles per frame, where its DSP slices would reach "
        f"{free:,}; weights take {plan.weight_bits:,} bits, {advice} them smaller"
    )
    return replace(done, notes=(note,))
