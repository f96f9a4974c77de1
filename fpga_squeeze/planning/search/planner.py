"""From a model and a device to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from ...device.catalogue import DEFAULT_DEVICE, Device, find_device
from ...device.dsp_packing import Multipliers
from ...errors import DoesNotFitError, FpgaSqueezeError
from ...network.integers import QModel
from ..build import build_plan
from ..cost.placement import fits, place
from ..engine import Folding
from ..kernels import engine_weights
from ..order import EngineLayer
from ..plan import Plan
from ..timing import schedule
from ..weight_memories import FORMATS, WeightFormat, rom_bits
from .folding import choose_foldings, engine_layers, tune_buffers, tune_stores
from .frugal import fit_memory


def smallest_format(layer: EngineLayer) -> WeightFormat:
    """The weight format that takes least block RAM with one output channel at once; dense where that is no more."""
    return min(FORMATS, key=lambda weights: rom_bits(engine_weights(layer, Folding(1, 1, 1), weights)))


def cycles_without_limit(plan: Plan) -> int:
    """Cycles per frame that the DSP slices of ``plan`` would reach if memory had no limit."""
    formats = [engine.weights.format for engine in plan.engines]
    foldings = choose_foldings(plan.model, plan.lane_budget, plan.multipliers, formats)
    free = build_plan(plan.model, foldings, None, plan.multipliers, formats)
    return max(kernel.work_cycles for kernel in free.kernels)


def make_plan(
    model: QModel,
    lanes: int | None,
    device: Device | None,
    foldings: Mapping[str, Folding] | None = None,
    products_per_dsp: int | None = None,
    weights: WeightFormat | Literal["auto"] = "dense",
    formats: Mapping[str, WeightFormat] | None = None,
) -> Plan:
    """The fastest plan for ``lanes``, else for the DSPs of ``device``.

    ``lanes`` is a number of DSP slices: each is one lane, or two with ``products_per_dsp`` 2 (None: 1). ``weights`` is
    the format of the weights, or ``auto``: for each engine the one that takes least block RAM. ``foldings`` and
    ``formats`` override engines by name. Row buffers lie where ``device`` has room for them.

    Sums are multiplied by their scales in LUTs; in further DSP slices where that makes a plan fit ``device``, or a
    faster one.
    """
    multipliers = Multipliers.of(products_per_dsp, device)
    budget = lanes if lanes is not None else (device or find_device(DEFAULT_DEVICE)).dsp
    names = [layer.name for layer in engine_layers(model)]
    for option, given in (("field foldings", foldings or {}), ("field formats", formats or {})):
        if unknown := [name for name in given if name not in names]:
            raise FpgaSqueezeError(f"{option} {unknown[0]}: no such engine; there are {', '.join(names)}")
    held = [
        (formats or {}).get(layer.name) or (smallest_format(layer) if weights == "auto" else weights)
        for layer in engine_layers(model)
    ]

    def fastest(requant: Literal["lut", "dsp"]) -> tuple[Plan, Plan]:
        """The plan with multipliers of that kind, and as ``device`` holds it."""
        asked = replace(multipliers, requant=requant)
        chosen = choose_foldings(model, budget, asked, held)
        chosen = [(foldings or {}).get(name, folding) for name, folding in zip(names, chosen, strict=True)]
        plan = build_plan(model, chosen, budget, asked, held)
        # spare rows given by hand stay as they are
        plan = tune_stores(plan if any(f.spare != 1 for f in chosen) else tune_buffers(plan))
        by_hand = foldings or any(f.spare != 1 for f in chosen)
        if device is None:
            return plan, plan
        return plan, place(plan, device) if by_hand else fit_memory(plan, device)

    free, plan = fastest("lut")
    scaled = any(engine.requant.multiply != "shift" for engine in plan.engines)
    if device is None or not scaled or fits(place(free, device), device):
        return plan
    try:
        other = fastest("dsp")[1]
    except DoesNotFitError:
        return plan
    if not fits(other, device):
        return plan
    return min(plan, other, key=lambda p: schedule(p).cycles_per_frame) if fits(plan, device) else other
