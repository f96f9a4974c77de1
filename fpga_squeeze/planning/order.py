"""What an engine does in which order: its convolutions, the rows they read and write, and when each row group runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..network.graph import QConv, QFire

OUTPUT = None
"""Sink of a stage whose rows leave the engine."""


@dataclass(frozen=True)
class Work:
    """A convolution as a stage of an engine.

    source  row buffer it reads: 0 the rows that arrive, else rows that an earlier stage stores
    sink    row buffer that takes its rows, or OUTPUT
    delay   row groups by which it runs behind the first stage
    tap     row and column of its source's window at which its kernel starts
    """

    conv: QConv
    source: int = 0
    sink: int | None = OUTPUT
    delay: int = 0
    tap: int = 0


def layer_work(layer: QConv | QFire) -> tuple[Work, ...]:
    """The stages of a layer's engine.

    The expansions of a Fire module run one row group behind its squeeze, so that the 3x3 windows find their lower rows;
    the 1x1 kernel looks at the centre of such a window.
    """
    if isinstance(layer, QConv):
        return (Work(layer),)
    squeeze, expand1x1, expand3x3 = layer.convs
    return (
        Work(squeeze, sink=1),
        Work(expand1x1, source=1, delay=1, tap=(expand3x3.kernel - expand1x1.kernel) // 2),
        Work(expand3x3, source=1, delay=1),
    )


def work_order(delays: Sequence[int], groups: int) -> Iterator[tuple[int, int]]:
    """(stage, row group) of a frame in the order of work: in each step every stage runs its group, if there is one."""
    for step in range(groups + max(delays)):
        for stage, delay in enumerate(delays):
            if 0 <= step - delay < groups:
                yield stage, step - delay


def joined_stages(delays: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Stages that always follow each other, as neighbours of one delay do: their weights lie in one segment."""
    segments: list[tuple[int, ...]] = []
    for stage, delay in enumerate(delays):
        if stage and delays[stage - 1] == delay:
            segments[-1] += (stage,)
        else:
            segments.append((stage,))
    return tuple(segments)
