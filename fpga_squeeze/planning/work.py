"""What the kernels of a plan do in a frame, as far as it takes time: numbers only, equal for equal kernels.

The order of the work and the cycles of it are those of the RTL modules named beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .engine import EnginePlan
from .kinds.image import InputPlan
from .kinds.store import OFFER, RELEASE, StorePlan
from .latency import RELEASE_LATENCY
from .order import OUTPUT


class RowGroup(NamedTuple):
    """A row group of a stage of an engine; for the line gatherer a row, and ``gather`` the cycles before its words.

    need      rows of the frame that must be complete in the row buffer ``source`` of the engine, or in the store
    release   slots of the first row buffer, or of the store, that are free afterwards
    """

    stage: int
    rows: int
    need: int = 0
    source: int = 0
    release: int = 0
    gather: int = 0


@dataclass(frozen=True)
class LaneStage:
    """Terms per pass of a stage, its channels, and the row buffer of the engine that takes its rows.

    last  no later stage has channels for the same rows
    """

    lengths: tuple[int, ...]
    channels: int
    sink: int | None
    last: bool = True

    @property
    def sends(self) -> bool:
        """Its rows leave the engine."""
        return self.sink is OUTPUT


@dataclass(frozen=True)
class Producer:
    """What sends words into a link: an engine (see :class:`~.engine.EnginePlan`), or, without stages, the line gatherer
    or a store.

    depth    words of its FIFO; 0: a store offers one word at a time, so many cycles after the one before was taken
    latency  of an engine: cycles from the last term of a pass to the push of its first beat
    release  cycles from the last cycle of a row group until the slots that it gives back can be taken
    """

    height: int
    channels: int
    depth: int
    work: tuple[RowGroup, ...]
    stages: tuple[LaneStage, ...] = ()
    phases: int = 1
    rows: int = 1
    at_once: int = 1
    parts: int = 1
    latency: int = 0
    release: int = RELEASE_LATENCY

    @property
    def beats(self) -> int:
        """Cycles in which the sums of a pass are requantised."""
        return self.at_once * self.rows * self.parts


def _row_group(plan: EnginePlan, stage: int, group: int) -> RowGroup:
    lines, last = plan.lines, group == plan.groups - 1
    release = lines.free_last if last else int(lines.free_first <= group < lines.free_stop)
    return RowGroup(
        stage,
        plan.last_rows if last else plan.folding.rows,
        plan.rows_needed(stage, group),
        plan.stages[stage].source,
        release if stage == lines.reader else 0,
    )


def engine_producer(plan: EnginePlan) -> Producer:
    """The engine as the beginning of a link."""
    last = {stage.sink: number for number, stage in enumerate(plan.stages)}
    stages = tuple(
        LaneStage(stage.lengths, len(stage.conv.bias), stage.sink, last[stage.sink] == number)
        for number, stage in enumerate(plan.stages)
    )
    shape = plan.output.type.shape
    return Producer(
        height=shape.height,
        channels=shape.channels,
        depth=plan.output.depth,
        work=tuple(_row_group(plan, stage, group) for stage, group in plan.order()),
        stages=stages,
        phases=plan.folding.phases,
        rows=plan.folding.rows,
        at_once=plan.folding.channels,
        parts=plan.parts,
        latency=plan.requant.latency,
    )


def store_producer(plan: StorePlan) -> Producer:
    """A store whose words go straight on."""
    shape, rows = plan.output.type.shape, plan.output.rows
    work = []
    for first in range(0, shape.height, rows):
        last = min(first + rows, shape.height)
        work.append(RowGroup(0, last - first, need=last, release=last - first))
    return Producer(shape.height, shape.channels, 0, tuple(work), rows=rows, parts=OFFER, release=RELEASE)


def input_producers(plan: InputPlan) -> tuple[Producer, Producer]:
    """The line gatherer (fsq_input) in the first frame and in those after it.

    A beat of 64 bits is fetched when the one before is used up, so that the first frame finds none.
    """
    shape = plan.output.type.shape

    def frame(wait: int) -> Producer:
        first, *others = plan.row_cycles
        work = [RowGroup(0, 1, gather=cycles) for cycles in (wait + first, *others)]
        return Producer(shape.height, shape.channels, plan.output.depth, tuple(work))

    return frame(1), frame(0)
