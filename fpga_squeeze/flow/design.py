"""From a model that a user names to a plan for a device; weights are rounded to fewer bits where only that makes room.

Compressed weights of a float model may be had in fewer bits for nothing that shows: steps are made coarser where they
cost the network least (:mod:`.budget`). It is done where the memory of the device holds a plan back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ..device.block_ram import RAMB36_BITS
from ..device.catalogue import DEFAULT_DEVICE, Device, find_device
from ..device.clock import Clock
from ..device.room import DEFAULT_ROOM, WHOLE_DEVICE, Room
from ..errors import DoesNotFitError, FpgaSqueezeError
from ..network.borders import trimmed
from ..network.integers import QModel
from ..planning.cost.estimate import Estimate, Way, estimate
from ..planning.cost.placement import fits
from ..planning.engine import Folding
from ..planning.plan import Plan
from ..planning.search.folding import engine_layers
from ..planning.search.planner import cycles_without_limit, make_plan
from ..planning.timing import Schedule, schedule
from ..planning.weight_memories import WeightFormat
from ..quantization.budget import coded_size
from .sources import DEFAULTS as QUANTIZE_DEFAULTS
from .sources import Loaded, OnStep, QuantizeOptions, Target, load

HELD_BACK = 1.1
"""How much slower a plan is, than without a limit on memory or than with two products, when something is done."""
BUDGET_SHARE = 0.855
"""Share of their coded bits to which weights are rounded: measured to lose no accuracy that shows (bench/README.md)."""


@dataclass(frozen=True)
class DesignOptions:
    """What a design is to be like.

    lanes               DSP slices to spend on lanes; None: those of the device
    device              where it has to fit, by name; None: the default device, or with ``lanes`` anywhere
    room                how much of the device a search may fill; None: DEFAULT_ROOM, with foldings all that routes
    clock_mhz           clock in MHz; None: the one planned for the device
    foldings            of engines by name; the others are found
    products_per_dsp    products of a DSP slice per cycle, 1 or 2; None: a project's own, else 1, with compressed
                        weights that :func:`design` plans for a device whichever is faster
    weights             how all weights lie in memory; None: a project's own, else dense
    formats             and those of engines by name
    quantize            how a float model becomes integers
    """

    lanes: int | None = None
    device: str | Device | None = None
    room: Room | None = None
    clock_mhz: float | None = None
    foldings: Mapping[str, Folding] = field(default_factory=dict)
    products_per_dsp: int | None = None
    weights: WeightFormat | Literal["auto"] | None = None
    formats: Mapping[str, WeightFormat] = field(default_factory=dict)
    quantize: QuantizeOptions = QUANTIZE_DEFAULTS

    @property
    def target(self) -> Device | None:
        """The device named, else the default one unless ``lanes`` stands alone."""
        if self.device is None:
            return find_device(DEFAULT_DEVICE) if self.lanes is None else None
        return self.device if isinstance(self.device, Device) else find_device(self.device)

    @property
    def kept_room(self) -> Room:
        """How much of the device may be filled."""
        return self.room or (WHOLE_DEVICE if self.foldings else DEFAULT_ROOM)

    def clock(self, device: Device | None) -> Clock:
        """The clock on ``device``: asked for, or planned."""
        if self.clock_mhz is None:
            return (device or find_device(DEFAULT_DEVICE)).planned_clock
        if not 0 < self.clock_mhz < 10_000:
            raise FpgaSqueezeError(f"field clock_mhz {self.clock_mhz:g}: a clock is a positive number of MHz")
        return Clock(self.clock_mhz, "asked for")

    def going(self, way: Way) -> DesignOptions:
        """These options with the changes of ``way``."""
        new = replace(
            self,
            weights=way.weights or self.weights,
            products_per_dsp=way.products_per_dsp or self.products_per_dsp,
            lanes=way.lanes or self.lanes,
            room=way.room or self.room,
            foldings={} if way.without_foldings else self.foldings,
        )
        if way.weight_budget is None:
            return new
        return replace(new, quantize=replace(self.quantize, weight_budget=way.weight_budget))

    @property
    def plans_anew(self) -> bool:
        """Whether anything is asked for that a project's own plan does not answer."""
        given = (self.lanes, self.products_per_dsp, self.weights)
        return bool(self.foldings or self.formats) or any(value is not None for value in given)

    def plan(self, model: QModel) -> Plan:
        """The fastest plan for ``model``."""
        return make_plan(
            model,
            self.lanes,
            self.target,
            self.foldings,
            self.products_per_dsp,
            self.weights or "dense",
            self.formats,
            self.kept_room,
        )

    def estimate(self, plan: Plan, timed: Schedule) -> Estimate:
        """What ``plan``, whose exact schedule is ``timed``, costs on the device and in the room asked for."""
        return estimate(plan, self.target, self.clock(self.target), timed, self.kept_room)

    def replan(self, old: Plan, device: Device | None) -> Plan:
        """The fastest plan for the model of ``old`` on ``device``; what is not given here is as in ``old``."""
        runs = {conv.name: e.weights.format for e in old.engines for conv in e.layer.convs}
        layers = engine_layers(old.model) if self.weights is None else []
        held = {layer.name: runs[layer.convs[-1].name] for layer in layers}
        return make_plan(
            old.model,
            old.lane_budget if self.lanes is None else self.lanes,
            device,
            self.foldings,
            old.products_per_dsp if self.products_per_dsp is None else self.products_per_dsp,
            self.weights or "dense",
            held | dict(self.formats),
            self.kept_room,
        )


DEFAULTS = DesignOptions()


def holds(device: Device, coded_bits: int) -> bool:
    """Whether block RAM may hold weights of so many bits, and a tenth more: tables, and words that are not full."""
    return coded_bits <= 0.9 * device.ramb36 * RAMB36_BITS


@dataclass(frozen=True, eq=False)
class Design:
    """A model in integers with its plan, when its words move, and what the user should know."""

    loaded: Loaded
    plan: Plan
    schedule: Schedule
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Source:
    """A model that is read, and quantised, once for each budget of coded bits."""

    model: Target
    options: QuantizeOptions
    on_step: OnStep | None = None
    _made: dict[int | None, Loaded] = field(default_factory=dict)

    def _load(self, budget: int | None) -> Loaded:
        loaded = load(self.model, replace(self.options, weight_budget=budget), self.on_step)
        return replace(loaded, model=trimmed(loaded.model))

    def loaded(self, budget: int | None = None) -> Loaded:
        """The integer model; ``budget`` in place of the ``weight_budget`` of the options, None: theirs."""
        budget = self.options.weight_budget if budget is None else budget
        if budget not in self._made:
            self._made[budget] = self._load(budget)
        return self._made[budget]


def design(source: Source, options: DesignOptions = DEFAULTS) -> Design:
    """The design for a model: quantised if it is a float model, and planned; ``quantize`` of ``options`` is that of
    ``source``, but for its ``weight_budget``.

    Where weights are compressed and nothing says how many products a DSP slice makes, it makes two if that is a
    tenth faster on the device and fits (bench/README.md); or if one does not fit.
    """
    one = _design(source, options)
    coded = any(form not in (None, "dense") for form in (options.weights, *options.formats.values()))
    if options.products_per_dsp is not None or options.target is None or options.foldings or not coded:
        return one
    device = options.kept_room.of(options.target)
    try:
        two = _design(source, replace(options, products_per_dsp=2))
    except DoesNotFitError:
        return one
    cycles, before = two.schedule.cycles_per_frame, one.schedule.cycles_per_frame
    if not fits(two.plan, device) or (fits(one.plan, device) and before < HELD_BACK * cycles):
        return one
    note = (
        f"two products per DSP slice: {cycles:,} cycles per frame, {before:,} with one; field products_per_dsp "
        "says how many"
    )
    return replace(two, notes=(*two.notes, note))


def _design(source: Source, options: DesignOptions) -> Design:
    """The design with as many products per DSP slice as ``options`` say, one where they say nothing.

    Where the memory of the device holds the plan back, weights that are compressed and not quantised yet are rounded
    to BUDGET_SHARE of their bits, if that makes the plan faster; a ``weight_budget`` of the user's is left as it is.
    """
    loaded, on_step = source.loaded(options.quantize.weight_budget), source.on_step
    plan = options.plan(loaded.model)
    done = Design(loaded, plan, schedule(plan))
    if options.target is None or options.foldings:
        return done
    device = options.kept_room.of(options.target)
    cycles, free = done.schedule.cycles_per_frame, cycles_without_limit(plan)
    fitting = fits(plan, device)
    if fitting and cycles < HELD_BACK * free:
        return done
    coded = options.weights == "auto" or any(engine.weights.format != "dense" for engine in plan.engines)
    free_to_round = coded and loaded.calibrated and options.quantize.weight_budget is None
    size = sum(coded_size(conv.weight) for conv in loaded.model.convs) if free_to_round else 0
    budget = int(BUDGET_SHARE * size)
    if free_to_round and holds(device, budget):
        if on_step:
            on_step(f"weights take {size:,} coded bits, too many to be fast: again with {budget:,}")
        fewer = source.loaded(budget)
        smaller = options.plan(fewer.model)
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
    if not coded:
        advice = "field weights huffman makes them smaller"
    elif loaded.calibrated:
        advice = "field weight_budget, or a smaller field weight_bits, makes them smaller"
    else:
        advice = "zeros make them smaller: prune the float model before it is quantised"
    note = (
        f"the device's memory or LUTs hold the plan back: {cycles:,} cycles per frame, where its DSP slices would "
        f"reach {free:,}; weights take {plan.weight_bits:,} bits, {advice}"
    )
    return replace(done, notes=(note,))
