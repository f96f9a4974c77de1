"""Kernels without lanes between any scales and zero points, each alone in RTL: words, and cycle for cycle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hls_cases import SCALED, Case
from stream_bench import Bench, Edit, Fifo, Port, Sink, Source, Stages, build_bench, check, fields

from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.planning.constants import Vector
from fpga_squeeze.planning.engine import EnginePlan
from fpga_squeeze.planning.kinds.add import AddPlan
from fpga_squeeze.planning.kinds.average import AveragePlan
from fpga_squeeze.planning.kinds.concat import ConcatPlan
from fpga_squeeze.planning.kinds.max_pool import PoolPlan
from fpga_squeeze.planning.kinds.window import WindowPlan
from fpga_squeeze.planning.streams import Stream

pytestmark = [pytest.mark.slow]
FRAMES = 3


def build(case: Case, folder: Path, edit: Edit | None) -> Bench:
    """The module of a kernel with the parameters of its plan."""
    kernel = case.kernel
    assert not isinstance(kernel, EnginePlan)
    told = kernel.rtl
    parameters = {
        name: fields([v & ((1 << value.width) - 1) for v in value.values], value.width)
        if isinstance(value, Vector)
        else value
        for name, value in told.parameters.items()
    }
    ports = [
        [Port(s.type.shape.width, s.type.bits, s.type.signed) for s in some]
        for some in (kernel.inputs, kernel.outputs)
    ]
    return build_bench(folder, told.module, parameters, ports[0], ports[1], edit)


def in_order(stream: Stream, maps: IntArray, leave: Sequence[tuple[int, int]] | None = None) -> IntArray:
    """Words of a stream, of maps [N, C, H, W]."""
    order = list(stream.order()) if leave is None else leave
    return np.array([frame[place] for frame in maps for place in order], dtype=np.int64)


def times(case: Case, sources: Sequence[Source], period: int) -> Sequence[Sink]:
    """When the words of FRAMES frames move."""
    kernel = case.kernel
    [out] = kernel.outputs
    fifo = Fifo(period, depth=out.depth)
    match kernel:
        case AddPlan():
            stages = Stages(fifo, 3)
            for _ in range(FRAMES * out.words):
                t = max(stages.idle, *(source.offers for source in sources))
                for source in sources:
                    source.taken.append(t)
                stages.enter(t, (1, 1, 1))
        case ConcatPlan():
            now = 0
            for _ in range(FRAMES):
                for first in range(0, out.type.shape.height, out.rows):
                    rows = min(out.rows, out.type.shape.height - first)
                    now = max(now, sources[kernel.direct].offers)
                    for source, stream in zip(sources, kernel.inputs, strict=True):
                        for _word in range(stream.type.shape.channels * rows):
                            t = max(now, source.offers, fifo.room)
                            source.taken.append(t)
                            fifo.push(t)
                            now = t + 1
        case AveragePlan() | WindowPlan() | PoolPlan():
            between = kernel.between
            stages = Stages(fifo, len(between.sends))
            for _ in range(FRAMES):
                for _channel, y in kernel.input.order():
                    t = max(stages.idle, sources[0].offers)
                    sends = between.emits[y]
                    sources[0].taken.append(t + between.hold)
                    stages.enter(t, between.sends if sends else between.ends, sends)
                for _ in range(between.extras * kernel.input.type.shape.channels):
                    stages.enter(stages.idle, between.sends)
        case _:
            raise AssertionError(kernel.kind)
    return [fifo]


def leaving(case: Case) -> list[tuple[int, int]] | None:
    """Order of the words that leave where it is not that of their stream: rows behind the last one come in the end."""
    kernel = case.kernel
    if not isinstance(kernel, WindowPlan | PoolPlan):
        return None
    rows = np.cumsum(kernel.emit_rows) - 1
    found = [(c, int(rows[y])) for c, y in kernel.input.order() if kernel.emit_rows[y]]
    channels = range(kernel.input.type.shape.channels)
    return found + [(c, int(rows[-1]) + 1 + n) for n in range(kernel.between.extras) for c in channels]


def run(case: Case, folder: Path, edit: Edit | None = None) -> None:
    """The module of a kernel against what its plan promises and its reference gives."""
    bench = build(case, folder, edit)
    maps = case.maps(np.random.default_rng(3))
    words = [in_order(stream, x) for stream, x in zip(case.kernel.inputs, maps, strict=True)]
    expected = in_order(case.kernel.outputs[0], case.expected(maps), leaving(case))
    assert len(np.unique(expected)) > 3
    check(bench, words, [expected], lambda sources, period: times(case, sources, period), stalls=(1,))


@pytest.mark.parametrize("name", SCALED)
def test_exact(name: str, tmp_path: Path) -> None:
    run(SCALED[name](), tmp_path / "bench")


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (
            "add_far_apart",
            ("fsq_scale.sv", "parts[2*n*OUT_BITS+:OUT_BITS] + parts", "parts[2*n*OUT_BITS+:OUT_BITS] | parts"),
        ),
        ("add_one_scale", ("fsq_add.sv", "a + b + SUM_W'(OFFSET)", "a + b")),
        ("add_scales", ("fsq_round.sv", "(up ? Q_W'(ZERO + 1) : Q_W'(ZERO))", "Q_W'(up)")),
        ("concat_types", ("fsq_table.sv", "ENTRIES[{x_i,", "ENTRIES[{x_i ^ 1'b1,")),
        ("global_ties", ("fsq_round.sv", "(sticky | t[RIGHT])", "1'b1")),
        ("global_scales", ("fsq_avg_pool.sv", "SUM_W'(START)", "'0")),
        ("global_scales", ("fsq_mean_multiplier.sv", "{high[i][SUM_W-1], high[i]}", "{1'b0, high[i]}")),
        ("global_sums", ("fsq_mean.sv", "(SUM_W),\n          .ZERO    (ZERO)", "(SUM_W),\n          .ZERO    (0)")),
        ("window_scales", ("fsq_window_pool.sv", "-INSIDE * PIXEL_ZERO", "-KERNEL_COLUMNS * PIXEL_ZERO")),
    ],
    ids=["piece", "offset", "zero", "entry", "ties", "start", "sign", "sum", "border"],
)  # fmt: skip
def test_broken_kernels_are_seen(name: str, edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(SCALED[name](), tmp_path / "bench", edit)
