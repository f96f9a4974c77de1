"""What an engine does in which order: its convolutions, the rows they read and write, and when each row group runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..network.fixed_point import IntArray
from ..network.integers import QConv, TensorType

OUTPUT = None
"""Sink of a stage whose rows leave the engine."""


@dataclass(frozen=True)
class Work:
    """A convolution as a stage of an engine.

    source  row buffer it reads: 0 the rows that arrive, else rows that an earlier stage stores
    sink    row buffer that takes its rows, or OUTPUT
    delay   row groups by which it runs behind the first stage
    before  of every module before its own in the same engine: rows by which its output runs behind its first stage,
            and rows of that output that the next module needs beyond its own
    tap     row and column of its source's window at which its kernel starts
    table   integers that its own become before they leave, the lowest first; None: they stay
    """

    conv: QConv
    source: int = 0
    sink: int | None = OUTPUT
    delay: int = 0
    tap: tuple[int, int] = (0, 0)
    table: tuple[int, ...] | None = None
    before: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class EngineLayer:
    """Convolutions that share one set of lanes: those of a Fire or Inception module, or of several, or a single one.

    name     of the stream that leaves it
    tensors  what that stream carries, by channels: names of golden's tensors
    first    the channel of these at which it starts
    source   name of the stream that arrives
    work     its stages, with row groups of one row; all give maps of one height and width
    output   type of what leaves it
    """

    name: str
    tensors: tuple[str, ...]
    source: str
    work: tuple[Work, ...]
    output: TensorType
    first: int = 0

    @property
    def input(self) -> TensorType:
        """Type of the rows that arrive."""
        return self.work[0].conv.input

    @property
    def convs(self) -> tuple[QConv, ...]:
        """Its convolutions, in the order of its stages."""
        return tuple(work.conv for work in self.work)

    @lru_cache(maxsize=4096)  # noqa: B019 - a search plans the same layers again and again
    def work_at(self, rows: int) -> tuple[Work, ...]:
        """Its stages with row groups of ``rows`` rows: a delay of so many rows is one of fewer groups.

        A module starts a row group after the rows that it needs of the one before are issued, so that no drain is
        waited for. No stage runs later than those before it have ended, so that no step of a frame is empty.
        """
        groups = -(-self.output.shape.height // rows)

        def delay(work: Work) -> int:
            own = min(-(-work.delay // rows), groups)
            for late, reach in work.before:
                output = min(-(-late // rows), groups)
                own += min(-(-(late + reach) // rows) + 1, output + groups)
            return own

        return tuple(replace(work, delay=delay(work), before=()) for work in self.work)

    @property
    def is_module(self) -> bool:
        """Whether it stores rows between its convolutions, as a Fire module does."""
        return any(work.sink is not OUTPUT for work in self.work)


def single(conv: QConv) -> EngineLayer:
    """A convolution on lanes of its own."""
    return EngineLayer(conv.name, (conv.name,), conv.inputs[0], (Work(conv),), conv.output)


def module(
    name: str,
    tensors: tuple[str, ...],
    squeezes: Sequence[QConv],
    branches: Sequence[QConv],
    output: TensorType,
    tables: Sequence[IntArray | None] = (),
    first: int = 0,
) -> EngineLayer:
    """The engine of ``branches``, whose rows leave it in this order; each reads one of ``squeezes`` or what they read.

    Branches run so many rows behind the squeezes that the lowest row of every window has been stored; all by the same
    number, so that their rows leave together. A kernel starts within the window of its
    row buffer, which is made of all kernels that read it, so that both look at the same pixel. ``tables`` are those of
    the branches; empty: none has one.
    """
    stored = {conv.name: number for number, conv in enumerate(squeezes, 1)}
    source = (squeezes or branches)[0].inputs[0]
    reads = [stored.get(conv.inputs[0], 0) for conv in branches]
    delay = max((below(conv) for conv, number in zip(branches, reads, strict=True) if number), default=0)

    def tap(conv: QConv, number: int) -> tuple[int, int]:
        near = [b for b, n in zip(branches, reads, strict=True) if n == number]
        near += squeezes if number == 0 else []
        top, left = (max(other.pads[side] for other in near) for side in (0, 1))
        return top - conv.pads[0], left - conv.pads[1]

    work = [Work(conv, sink=number, tap=tap(conv, 0)) for number, conv in enumerate(squeezes, 1)]
    work += [
        Work(
            conv,
            source=number,
            delay=delay,
            tap=tap(conv, number),
            table=None if table is None else tuple(int(v) for v in table),
        )
        for conv, number, table in zip(branches, reads, tables or [None] * len(branches), strict=True)
    ]
    return EngineLayer(name, tensors, source, tuple(work), output, first)


def chain(first: EngineLayer, second: EngineLayer) -> EngineLayer:
    """The engine of two layers, the second of which reads the rows of the first and nothing else does.

    These rows go into a further row buffer.
    """
    number = 1 + max(work.sink or 0 for work in first.work)
    sender = next(work for work in first.work if work.sink is OUTPUT)
    reach = max(max(0, below(work.conv) - work.delay) for work in second.work if work.source == 0)
    before = (*sender.before, (sender.delay, reach))
    work = [replace(work, sink=number) if work.sink is OUTPUT else work for work in first.work]
    work += [
        replace(
            work,
            source=work.source + number,
            sink=OUTPUT if work.sink is OUTPUT else work.sink + number,
            before=before + work.before,
        )
        for work in second.work
    ]
    return EngineLayer(second.name, second.tensors, first.source, tuple(work), second.output, second.first)


def below(conv: QConv) -> int:
    """Rows below the first row of a window's centre that a window of stride 1 reaches."""
    return max(0, conv.kernel[0] - 1 - conv.pads[0])


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
