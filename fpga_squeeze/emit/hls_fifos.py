"""Depths of the FIFOs between the kernels of HLS C++, where ways of the graph part and meet again.

Reads block, and an engine reads the rows of its next row group while it works on one: to send a group it may wait for
rows that it would not need yet. So what one way reads ahead must find room on the others, or all would wait for each
other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import assert_never

from ..device.block_ram import Style
from ..device.lut_ram import PAGE, ceil_div
from ..planning.engine import EnginePlan
from ..planning.kinds.add import AddPlan
from ..planning.kinds.average import AveragePlan
from ..planning.kinds.concat import ConcatPlan
from ..planning.kinds.fork import ForkPlan
from ..planning.kinds.image import InputPlan
from ..planning.kinds.max_pool import PoolPlan
from ..planning.kinds.store import StorePlan
from ..planning.kinds.window import WindowPlan
from ..planning.plan import KernelPlan, Plan
from ..planning.streams import Stream

LEAST_FIFO = 2
"""Words of the smallest FIFO that Vitis HLS builds."""
IN_FLIGHT = 16
"""Words that a stopped pipeline may keep from the kernel behind it; no FIFO of distributed RAM is smaller."""


@dataclass(frozen=True)
class Fifo:
    """Depth in words, and the kind of RAM."""

    depth: int
    style: Style = "lut"


def _region(plan: Plan, fork: ForkPlan) -> list[KernelPlan]:
    """The kernels between a fork and the one in which all of its ways have met."""
    inside: list[KernelPlan] = []
    ways = {stream.name for stream in fork.outputs}
    for kernel in plan.kernels:
        reads = ways & {stream.name for stream in kernel.inputs}
        if reads:
            ways -= reads
            if not ways:
                break
            inside.append(kernel)
            ways |= {stream.name for stream in kernel.outputs}
    return inside


def _reached(kernels: Iterable[KernelPlan], streams: Iterable[Stream]) -> list[KernelPlan]:
    """Those of ``kernels``, in their order, that words of ``streams`` reach."""
    names = {stream.name for stream in streams}
    found = []
    for kernel in kernels:
        if names & {stream.name for stream in kernel.inputs}:
            found.append(kernel)
            names |= {stream.name for stream in kernel.outputs}
    return found


def _ahead(kernels: Iterable[KernelPlan], stream: Stream) -> int:
    """Rows of ``stream`` that the engines among ``kernels`` read ahead, whole groups of them."""
    height = stream.type.shape.height
    rows = sum(
        ceil_div(kernel.lines.span * height, kernel.lines.type.shape.height)
        for kernel in kernels
        if isinstance(kernel, EnginePlan)
    )
    return min(height, ceil_div(rows, stream.rows) * stream.rows + stream.rows) if rows else 0


def _store_rows(plan: Plan, store: StorePlan) -> int:
    """Rows in front of a store: by so many its way runs ahead, and what the engines of other ways read ahead."""
    regions = [_region(plan, kernel) for kernel in plan.kernels if isinstance(kernel, ForkPlan)]
    around = min((region for region in regions if store in region), key=len, default=[])
    others = [kernel for kernel in around if store not in _reached(around, kernel.outputs)]
    return min(store.slots + _ahead(others, store.input), store.input.type.shape.height)


def fifos(plan: Plan) -> dict[str, Fifo]:
    """The FIFO of every stream, by its name."""
    found = {stream.name: Fifo(max(LEAST_FIFO, stream.depth)) for stream in plan.streams}

    def deepen(stream: Stream, rows: int, style: Style | None = None) -> None:
        depth = max(found[stream.name].depth, rows * stream.type.shape.channels)
        if rows:
            found[stream.name] = Fifo(depth, style or ("lut" if depth <= PAGE else "block"))

    for kernel in plan.kernels:
        match kernel:
            case ForkPlan():
                region = _region(plan, kernel)
                for stream in (*kernel.outputs, *(stream for inner in region for stream in inner.outputs)):
                    found[stream.name] = Fifo(
                        max(found[stream.name].depth, IN_FLIGHT), found[stream.name].style
                    )
                for branch in kernel.outputs:
                    others = [stream for stream in kernel.outputs if stream is not branch]
                    deepen(branch, _ahead(_reached(region, others), branch))
            case StorePlan():
                deepen(kernel.input, _store_rows(plan, kernel), kernel.memory.style)
            case (
                InputPlan()
                | EnginePlan()
                | PoolPlan()
                | WindowPlan()
                | AveragePlan()
                | AddPlan()
                | ConcatPlan()
            ):
                pass
            case _:
                assert_never(kernel)
    return found
