"""From a model and a device to a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from ...device.catalogue import DEFAULT_DEVICE, Device, find_device
from ...device.dsp_packing import Multipliers
from ...device.room import DEFAULT_ROOM, Room
from ...errors import DoesNotFitError, FpgaSqueezeError
from ...network.integers import QModel
from ..build import Formats, build_plan
from ..cost.estimate import shortages, used_by
from ..cost.placement import fits, place
from ..engine import Folding
from ..graph import graph_of
from ..kernels import engine_weights
from ..order import EngineLayer
from ..plan import Plan
from ..timing import schedule
from ..weight_memories import FORMATS, WeightFormat, rom_bits
from .folding import choose_foldings, engine_layers, tune_buffers, tune_stores
from .frugal import fit_memory
from .sharing import FASTER, SMALLER, choose_sharing


def smallest_format(layer: EngineLayer) -> WeightFormat:
    """The weight format that takes least block RAM with one output channel at once; dense where that is no more."""
    return min(FORMATS, key=lambda weights: rom_bits(engine_weights(layer, Folding(1, 1, 1), weights)))


def cycles_without_limit(plan: Plan) -> int:
    """Cycles per frame that the DSP slices of ``plan`` would reach if memory had no limit."""
    formats = [engine.weights.format for engine in plan.engines]
    return _least_cycles(plan.model, plan.lane_budget, plan.multipliers, formats, plan.together)


def _least_cycles(
    model: QModel,
    budget: int,
    multipliers: Multipliers,
    formats: Formats,
    together: frozenset[str] = frozenset(),
) -> int:
    foldings = choose_foldings(model, budget, multipliers, formats, together)
    free = build_plan(model, foldings, None, multipliers, formats, together=together)
    return max(kernel.work_cycles for kernel in free.kernels)


def make_plan(
    model: QModel,
    lanes: int | None,
    device: Device | None,
    foldings: Mapping[str, Folding] | None = None,
    products_per_dsp: int | None = None,
    weights: WeightFormat | Literal["auto"] = "dense",
    formats: Mapping[str, WeightFormat] | None = None,
    room: Room = DEFAULT_ROOM,
) -> Plan:
    """The fastest plan for ``lanes``, else for the DSPs of ``device``, of which it fills no more than ``room``.

    ``lanes`` is a number of DSP slices: each is one lane, or two with ``products_per_dsp`` 2 (None: 1). ``weights`` is
    the format of the weights, or ``auto``: with a device the one with which the plan that fits is fastest, of equally
    fast ones that with fewest LUTs; else, and where none fits, for each engine the one that takes least block RAM.
    ``foldings`` and ``formats`` override engines by name. Row buffers lie where there is room for them.

    Sums are multiplied by their scales in LUTs; in further DSP slices where that makes a plan fit ``device``, or a
    faster one.
    """
    multipliers = Multipliers.of(products_per_dsp, device)
    left = room.of(device) if device else None
    budget = lanes if lanes is not None else (device or find_device(DEFAULT_DEVICE)).dsp
    layers = engine_layers(model)
    names = [layer.name for layer in layers]
    for option, given in (("field foldings", foldings or {}), ("field formats", formats or {})):
        if unknown := [name for name in given if name not in names]:
            raise FpgaSqueezeError(f"{option} {unknown[0]}: no such engine; there are {', '.join(names)}")

    def held(common: Sequence[WeightFormat]) -> list[WeightFormat]:
        """``common``, one per engine, but for the engines named in ``formats``."""
        return [(formats or {}).get(name) or one for name, one in zip(names, common, strict=True)]

    def plan_with(held: Formats) -> Plan:
        return _plan_with(model, budget, multipliers, held, left, dict(foldings or {}))

    if weights != "auto":
        return plan_with(held([weights] * len(names)))
    smallest = held([smallest_format(layer) for layer in layers])
    if left is None:
        return plan_with(smallest)
    every = [smallest, *(held([one] * len(names)) for one in FORMATS)]
    bounds = {tuple(one): _least_cycles(model, budget, multipliers, one) for one in every}
    best: tuple[int, int, Plan] | None = None
    for formats_held, bound in sorted(bounds.items(), key=lambda entry: entry[1]):
        if best and best[0] < bound and not foldings:
            break
        plan = plan_with(formats_held)
        used = used_by(plan)
        if device and not shortages(used, device, room):
            found = schedule(plan).cycles_per_frame, used.luts, plan
            best = min(best or found, found, key=lambda one: one[:2])
    return best[2] if best else plan_with(smallest)


def _plan_with(
    model: QModel,
    budget: int,
    multipliers: Multipliers,
    formats: Formats,
    device: Device | None,
    foldings: Mapping[str, Folding],
) -> Plan:
    """The fastest plan with weight ``formats``, one per engine of a module, that ``device`` holds whole.

    Engines run several modules, or the squeeze of the next one, where that wins, unless foldings are given by hand.
    """
    by_name = dict(zip([layer.name for layer in engine_layers(model)], formats, strict=True))
    alone, searched = _plan_sharing(model, budget, multipliers, by_name, device, foldings, frozenset())
    if foldings or searched:
        return alone
    together = choose_sharing(model, budget, multipliers, by_name)
    if not together:
        return alone
    shared, _ = _plan_sharing(model, budget, multipliers, by_name, device, foldings, together)

    def quality(plan: Plan) -> tuple[bool, int]:
        return device is not None and not fits(plan, device), schedule(plan).cycles_per_frame

    cycles, before = quality(shared), quality(alone)
    if cycles[0] == before[0] and before[1] * FASTER < cycles[1] <= before[1] / FASTER:
        return shared if used_by(shared).luts < SMALLER * used_by(alone).luts else alone
    return shared if cycles < before else alone


def _plan_sharing(
    model: QModel,
    budget: int,
    multipliers: Multipliers,
    by_name: Mapping[str, WeightFormat],
    device: Device | None,
    foldings: Mapping[str, Folding],
    together: frozenset[str],
) -> tuple[Plan, bool]:
    """The fastest plan with the engines ``together``; whether ``device`` holds only slower ones, for which every way to
    cut the network has been weighed."""
    names = [layer.name for layer in graph_of(model, together).engines]
    formats = [by_name[name] for name in names]

    def fastest(requant: Literal["lut", "dsp"]) -> tuple[Plan, Plan]:
        """The plan with multipliers of that kind, and as ``device`` holds it."""
        asked = replace(multipliers, requant=requant)
        chosen = choose_foldings(model, budget, asked, formats, together)
        chosen = [foldings.get(name, folding) for name, folding in zip(names, chosen, strict=True)]
        plan = build_plan(model, chosen, budget, asked, formats, together=together)
        # spare rows given by hand stay as they are
        plan = tune_stores(plan if any(f.spare != 1 for f in chosen) else tune_buffers(plan))
        by_hand = foldings or any(f.spare != 1 for f in chosen)
        if device is None:
            return plan, plan
        return plan, place(plan, device) if by_hand else fit_memory(plan, device)

    free, plan = fastest("lut")
    scaled = any(engine.requant.multiply != "shift" for engine in plan.engines)
    searched = device is not None and not fits(place(free, device), device)
    if device is None or not scaled or not searched:
        return plan, searched
    try:
        other = fastest("dsp")[1]
    except DoesNotFitError:
        return plan, searched
    if fits(plan, device) and fits(other, device):
        return min(plan, other, key=lambda p: schedule(p).cycles_per_frame), searched
    return other if fits(other, device) else plan, searched
