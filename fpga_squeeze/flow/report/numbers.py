"""Every number of the page, read from the plan, its exact schedule, its estimate and the results a project keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ...device.block_ram import RAMB36_BITS, URAM_DEPTH, URAM_WIDTH, Memory, TileKind
from ...device.clock import Clock
from ...network.fixed_point import int_name
from ...planning.cost.estimate import Estimate, estimate
from ...planning.engine import EnginePlan
from ...planning.order import OUTPUT
from ...planning.plan import KernelPlan, Plan
from ...planning.timing import Schedule, Span, simulate
from ...project.manifest import Manifest
from ...project.project import Project, load_project
from ...project.results import Kept, Kind, kept_result
from ...verify.timing.kept import kept_clocks
from ..design import DEFAULTS
from ..estimate import project_clock
from ..inspection import LayerReport, layers_of

CAPACITY: dict[TileKind, int] = {
    "RAMB36": RAMB36_BITS,
    "RAMB18": RAMB36_BITS // 2,
    "URAM288": URAM_DEPTH * URAM_WIDTH,
}
"""Bits of a block, parity bits included."""
STEADY_FRAMES = 5
"""Frames until the interval between frames is steady, at the least."""
MOST_FRAMES = 64


@dataclass(frozen=True)
class TileUse:
    """A block RAM: what part of its memory lies in it (``row``, ``depth``, ``bit``, ``width``) and the share in use."""

    kind: TileKind
    row: int
    depth: int
    bit: int
    width: int
    fill: float


@dataclass(frozen=True)
class MemoryUse:
    """A memory of a kernel: ``copies`` arrays of ``depth`` words of ``width`` bits; ``tiles`` of one of them.

    fill    payload / bits of its blocks; None where it lies in distributed RAM
    """

    kernel: str
    name: str
    purpose: str
    depth: int
    width: int
    copies: int
    payload_bits: int
    lutram_luts: int
    tiles: tuple[TileUse, ...]
    fill: float | None

    @classmethod
    def of(cls, kernel: str, memory: Memory) -> MemoryUse:
        tiles = tuple(
            TileUse(t.kind, t.row, t.depth, t.bit, t.width, t.depth * t.width / CAPACITY[t.kind])
            for t in memory.tiles
        )
        bits = memory.copies * sum(CAPACITY[t.kind] for t in memory.tiles)
        return cls(
            kernel, memory.name, memory.purpose, memory.depth, memory.width, memory.copies, memory.payload_bits,
            memory.lutram_luts, tiles, memory.payload_bits / bits if bits else None,
        )  # fmt: skip


@dataclass(frozen=True)
class Occupancy:
    """What a kernel does in the interval of a steady frame, in cycles.

    work      at work, if nothing waits: the kernel's cycles of the estimate
    held      an engine: that it waits for room behind it, within its row groups; None for other kernels, whose words
              come and go one by one
    """

    kernel: str
    work: int
    held: int | None
    interval: int

    @property
    def idle(self) -> int:
        """The rest: it waits for rows, or for the next frame."""
        return max(0, self.interval - self.work - (self.held or 0))


@dataclass(frozen=True)
class WeightUse:
    """The integer weights of a convolution: how often each of ``low`` to ``low + len(counts) - 1`` occurs."""

    layer: str
    kernel: str
    bits: int
    format: str
    low: int
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def zeros(self) -> int:
        return self.counts[-self.low] if 0 <= -self.low < len(self.counts) else 0


@dataclass(frozen=True)
class KernelUse:
    """A kernel in the graph: those that it reads, and the stream that it sends."""

    name: str
    kind: str
    sources: tuple[str, ...]
    layers: tuple[str, ...]
    sends: str
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    path        the project as the user named it; ``images``: test images in it
    clocks      those known of the design: routed, estimated, and the one it was made with
    spans       what kernels are at in the frames that the timeline shows, ``window`` cycles of them
    results     of csim, cosim and evaluate, where they ran
    """

    path: str
    manifest: Manifest
    images: int
    input: str
    output: str
    estimate: Estimate
    clocks: tuple[Clock, ...]
    kernels: tuple[KernelUse, ...]
    occupancy: tuple[Occupancy, ...]
    schedule: Schedule
    window: int
    spans: tuple[Span, ...]
    memories: tuple[MemoryUse, ...]
    layers: tuple[LayerReport, ...]
    weights: tuple[WeightUse, ...]
    results: tuple[Kept, ...]

    @property
    def slowest(self) -> Occupancy:
        """The kernel with most work."""
        return max(self.occupancy, key=lambda one: one.work)

    def result(self, kind: Kind) -> Kept | None:
        return next((one for one in self.results if one.kind == kind), None)

    def to_json(self) -> dict[str, Any]:
        """Everything but the spans, ready for JSON."""
        manifest = json.loads(self.manifest.to_json())
        names = ("model", "generator", "source", "dialect", "command", "notes")
        return {name: manifest[name] for name in names} | {
            "path": self.path,
            "images": self.images,
            "input": self.input,
            "output": self.output,
            "estimate": self.estimate.to_json(),
            "clocks": [asdict(clock) for clock in self.clocks],
            "kernels": [asdict(kernel) for kernel in self.kernels],
            "occupancy": [asdict(one) | {"idle": one.idle} for one in self.occupancy],
            "slowest": self.slowest.kernel,
            "outputs": list(self.schedule.outputs),
            "memories": [asdict(memory) for memory in self.memories],
            "layers": [asdict(layer) for layer in self.layers],
            "weights": [asdict(weight) | {"zeros": weight.zeros} for weight in self.weights],
            "results": [asdict(result) for result in self.results],
        }


def gather(target: str | Path) -> Report:
    """The numbers of the project in folder ``target``; raises FpgaSqueezeError where it cannot be read."""
    project = load_project(target)
    plan, manifest = project.plan, project.manifest
    timed, window, spans = _timeline(plan)
    clock = project_clock(project, project.device, DEFAULTS)
    numbers = estimate(plan, project.device, clock, timed, manifest.room)
    known = dict.fromkeys([clock, *kept_clocks(project, project.device), manifest.clock])
    results = [kept_result(project, kind) for kind in get_args(Kind)]
    t = project.model.output
    return Report(
        path=str(target),
        manifest=manifest,
        images=len(project.images),
        input=str(project.model.input.shape),
        output=f"{t.shape.channels} logits, {int_name(t.bits, t.signed)} * {t.scale_text}",
        estimate=numbers,
        clocks=tuple(known),
        kernels=_kernels(plan),
        occupancy=_occupancy(plan, timed.cycles_per_frame, spans),
        schedule=timed,
        window=window,
        spans=tuple(span for span in spans if span.start < window),
        memories=tuple(MemoryUse.of(kernel.name, m) for kernel in plan.kernels for m in kernel.memories),
        layers=layers_of(project.model),
        weights=_weights(project),
        results=tuple(result for result in results if result),
    )


def _timeline(plan: Plan) -> tuple[Schedule, int, list[Span]]:
    """The schedule, cycles until the second frame is out, and what kernels are at in as many frames as that takes."""
    timed = simulate(plan, STEADY_FRAMES)
    window = timed.outputs[1] + 1
    frames = min(MOST_FRAMES, max(STEADY_FRAMES, 2 + window // timed.cycles_per_frame))
    spans: list[Span] = []
    return simulate(plan, frames, spans), window, spans


def _occupancy(plan: Plan, interval: int, spans: Sequence[Span]) -> tuple[Occupancy, ...]:
    last = max(span.frame for span in spans)
    at: dict[str, int] = {}
    for span in spans:
        if span.frame == last:
            at[span.kernel] = at.get(span.kernel, 0) + span.stop - span.start
    return tuple(
        Occupancy(
            kernel.name,
            kernel.work_cycles,
            max(0, at[kernel.name] - kernel.work_cycles) if isinstance(kernel, EnginePlan) else None,
            interval,
        )
        for kernel in plan.kernels
    )


def _kernels(plan: Plan) -> tuple[KernelUse, ...]:
    sender = {stream.name: kernel.name for kernel in plan.kernels for stream in kernel.outputs}
    return tuple(
        KernelUse(
            kernel.name,
            kernel.kind,
            tuple(sender[stream.name] for stream in kernel.inputs),
            tuple(conv.name for conv in kernel.layer.convs) if isinstance(kernel, EnginePlan) else (),
            f"{kernel.outputs[0].type.shape}, {int_name(kernel.outputs[0].type.bits, kernel.outputs[0].type.signed)}",
            _stages(kernel),
        )
        for kernel in plan.kernels
    )


def _stages(kernel: KernelPlan) -> tuple[str, ...]:
    """What a kernel does in each of its stages: a key of :data:`.palette.STAGES`."""
    if not isinstance(kernel, EnginePlan):
        return ("other",)
    return tuple(
        "kept" if stage.sink is not OUTPUT else "point" if stage.conv.kernel == (1, 1) else "window"
        for stage in kernel.stages
    )


def _weights(project: Project) -> tuple[WeightUse, ...]:
    out = []
    for engine in project.plan.engines:
        for conv in engine.layer.convs:
            low, high = int(conv.weight.min()), int(conv.weight.max())
            counts = np.bincount((conv.weight - low).ravel(), minlength=high - low + 1)
            found = tuple(int(count) for count in counts)
            out.append(WeightUse(conv.name, engine.name, conv.weight_bits, engine.weights.format, low, found))
    return tuple(out)
