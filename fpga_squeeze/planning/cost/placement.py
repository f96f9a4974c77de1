"""Where the row buffers of a plan lie on a device: distributed RAM, block RAM or UltraRAM.

Every buffer starts in the RAM that is cheapest for it alone. Only where a device has too little of some kind are
buffers moved, and then all of them are placed anew by an exact search: of the placements that fit, the one that takes
the smallest shares of the device; if none fits, the one that is short of least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ...device.block_ram import STYLES, Memory, Style, with_style
from ...device.catalogue import Device
from ...errors import FpgaSqueezeError
from ..engine import EnginePlan
from ..kinds.add import AddPlan
from ..kinds.average import AveragePlan
from ..kinds.concat import ConcatPlan
from ..kinds.fork import ForkPlan
from ..kinds.image import InputPlan
from ..kinds.max_pool import PoolPlan
from ..kinds.store import StorePlan
from ..kinds.window import WindowPlan
from ..plan import KernelPlan, Plan
from .logic import logic_luts, shift_register_luts

ROWS = ("rows", "kept", "store")
"""Purposes of memories that hold rows of pixels."""

Cost = tuple[int, int, int]
"""RAMB18, URAM288, LUTs."""


def row_buffers(plan: Plan) -> list[Memory]:
    """The buffers that may lie in any kind of RAM: they hold activations and are read with one cycle of latency."""
    return [memory for kernel in plan.kernels for memory in kernel.memories if memory.purpose in ROWS]


def styles(plan: Plan) -> dict[str, Style]:
    """Where every row buffer of a plan lies, by name."""
    return {memory.name: memory.style for memory in row_buffers(plan)}


def with_styles(plan: Plan, chosen: Mapping[str, Style]) -> Plan:
    """The plan with the row buffers named in ``chosen`` moved; raises FpgaSqueezeError for one that cannot be."""
    unknown = sorted(chosen.keys() - styles(plan).keys())
    if unknown:
        raise FpgaSqueezeError(f"{unknown[0]}: no such row buffer; there are {', '.join(styles(plan))}")

    def moved(memory: Memory) -> Memory:
        style = chosen.get(memory.name, memory.style)
        if style not in STYLES:
            raise FpgaSqueezeError(
                f"{memory.name}: unknown kind of RAM {style!r}; there are {', '.join(STYLES)}"
            )
        new = with_style(memory, style)
        if new is None:
            raise FpgaSqueezeError(f"{memory.name}: {memory.depth} words are too deep for {style} RAM")
        return new

    def kernel(old: KernelPlan) -> KernelPlan:
        match old:
            case PoolPlan() | WindowPlan():
                return replace(old, kept=moved(old.kept))
            case StorePlan():
                return replace(old, memory=moved(old.memory))
            case EnginePlan():
                return replace(old, buffers=tuple(replace(b, memory=moved(b.memory)) for b in old.buffers))
            case InputPlan() | AveragePlan() | ForkPlan() | AddPlan() | ConcatPlan():
                return old
            case _:
                assert_never(old)

    return replace(plan, kernels=tuple(kernel(k) for k in plan.kernels))


def fits(plan: Plan, device: Device) -> bool:
    """Whether ``device`` has the memories and the LUTs of ``plan``."""
    used = _used(plan)
    logic = sum(logic_luts(kernel) for kernel in plan.kernels)
    have = (2 * device.ramb36, device.uram, device.lut_memory)
    return all(u <= h for u, h in zip(used, have, strict=True)) and logic + used[2] <= device.luts


def _used(plan: Plan) -> Cost:
    """What the memories of ``plan`` take, and the LUTs of shift registers."""
    costs = [_cost(memory) for kernel in plan.kernels for memory in kernel.memories]
    shifts = sum(shift_register_luts(kernel) for kernel in plan.kernels)
    return sum(c[0] for c in costs), sum(c[1] for c in costs), sum(c[2] for c in costs) + shifts


def parameters_fit(plan: Plan, device: Device) -> bool:
    """Whether the weights and tables alone, which can lie in block RAM only, leave ``device`` anything."""
    roms = [rom for e in plan.engines for rom in (*e.weights.roms, e.table)]
    return sum(_cost(rom)[0] for rom in roms) <= 2 * device.ramb36


def place(plan: Plan, device: Device) -> Plan:
    """The plan with its row buffers where ``device`` has room for them."""
    if fits(plan, device):
        return plan
    used, buffers = _used(plan), row_buffers(plan)
    have = (2 * device.ramb36, device.uram, device.lut_memory)
    rest = [
        h - u + sum(_cost(b)[i] for b in buffers) for i, (h, u) in enumerate(zip(have, used, strict=True))
    ]
    return with_styles(plan, _search(buffers, (rest[0], rest[1], rest[2]), device))


def _cost(memory: Memory) -> Cost:
    return 2 * memory.ramb36 + memory.ramb18, memory.uram, memory.lutram_luts


def _options(memory: Memory, device: Device) -> dict[Style, Cost]:
    """The cost of a buffer in every kind of RAM that it fits and that the device has."""
    kinds = STYLES if device.uram else STYLES[:2]
    return {style: _cost(new) for style in kinds if (new := with_style(memory, style))}


def _search(buffers: list[Memory], room: Cost, device: Device) -> dict[str, Style]:
    """The best placement: ``luts[b, u]`` is the least number of LUTs for the first buffers in b RAMB18 and u URAM288.

    Every measure of a placement (what it is short of, its shares of the device) rises with the LUTs, so that for given
    b and u only the least number of them can be best.
    """
    options = [_options(memory, device) for memory in buffers]
    most = [max(cost[i] for cost in option.values()) for option in options for i in range(2)]
    luts = np.full((1 + sum(most[0::2]), 1 + sum(most[1::2])), np.inf)
    luts[0, 0] = 0
    history: list[npt.NDArray[np.float64]] = []
    for option in options:
        history.append(luts)
        reached = np.full_like(luts, np.inf)
        for blocks, ultra, more in option.values():
            ends = luts.shape[0] - blocks, luts.shape[1] - ultra
            part = reached[blocks:, ultra:]
            np.minimum(part, luts[: ends[0], : ends[1]] + more, out=part)
        luts = reached
    used = (*np.ogrid[: luts.shape[0], : luts.shape[1]], luts)
    have = (2 * device.ramb36, max(1, device.uram), device.lut_memory)
    short, share = np.zeros_like(luts), np.zeros_like(luts)
    for amount, left, whole in zip(used, room, have, strict=True):
        short += np.maximum(amount - left, 0) / whole
        share += amount / whole
    best = np.lexsort((share.ravel(), short.ravel()))[0]
    blocks, ultra = (int(v) for v in np.unravel_index(best, luts.shape))
    chosen: dict[str, Style] = {}
    for memory, option, before in reversed(list(zip(buffers, options, history, strict=True))):
        here = luts[blocks, ultra]
        for style, (b, u, more) in option.items():
            if b <= blocks and u <= ultra and before[blocks - b, ultra - u] + more == here:
                chosen[memory.name] = style
                blocks, ultra, luts = blocks - b, ultra - u, before
                break
    return chosen
