"""Max pools of one open window and global averages, alone in RTL: words, and cycle for cycle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hls_cases import Case, pooled, stream, tensor
from stream_bench import Edit
from test_scaled_rtl import run

from fpga_squeeze.network.graph import window_output
from fpga_squeeze.network.integers import QAvgPool, QMaxPool
from fpga_squeeze.planning.kinds.average import plan_average
from fpga_squeeze.planning.kinds.max_pool import plan_pool

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Max:
    """Kernel, stride, pads at top and left; the map; output pixels a cycle, 0: a row at once."""

    kernel: int
    stride: int
    pads: tuple[int, int]
    shape: tuple[int, int, int]
    units: int
    bits: int = 6
    signed: bool = False
    rows: int = 1

    def case(self) -> Case:
        of = tensor(*self.shape, self.bits, self.signed)
        kernel, pads = (self.kernel, self.kernel), (*self.pads, 0, 0)
        shape = window_output(of.shape.channels, of.shape, kernel, self.stride, pads, ceil=True)
        pool = QMaxPool("pool", ("in0",), kernel, self.stride, pads, True, of, replace(of, shape=shape))
        plan = plan_pool(pool, stream("in0", of, self.rows), self.units)
        return Case(plan, lambda maps: pooled(maps[0], pool))


MAXIMA = [
    Max(3, 2, (0, 0), (3, 7, 9), 0),
    Max(3, 2, (1, 1), (2, 8, 8), 0, signed=True, rows=2),
    Max(2, 2, (0, 0), (1, 6, 5), 0, rows=3),
    Max(5, 4, (0, 2), (2, 9, 13), 0),
    Max(1, 1, (0, 0), (2, 3, 4), 0),
    Max(3, 2, (0, 0), (3, 7, 9), 1),
    Max(3, 2, (1, 1), (2, 8, 12), 2, signed=True, rows=2),
    Max(2, 2, (0, 0), (1, 6, 9), 2, rows=3),
    Max(3, 3, (0, 1), (2, 6, 10), 3, signed=True),
    Max(5, 4, (0, 2), (2, 9, 13), 2),
]


@pytest.mark.parametrize("pool", MAXIMA, ids=str)
def test_max_pool(pool: Max, tmp_path: Path) -> None:
    run(pool.case(), tmp_path / "pool")


@dataclass(frozen=True)
class Mean:
    """The map; pixels and quotient bits a cycle."""

    shape: tuple[int, int, int]
    add: int
    divide_bits: int
    bits: int = 6
    signed: bool = False
    rows: int = 1
    extra_frac: int = 0

    def case(self) -> Case:
        of = tensor(*self.shape, self.bits, self.signed)
        out = tensor(self.shape[0], 1, 1, self.bits + self.extra_frac, self.signed, self.extra_frac)
        pool = QAvgPool("pool", ("in0",), self.shape[1:], 1, (0, 0, 0, 0), of, out)
        plan = plan_average(pool, stream("in0", of, self.rows), self.add, self.divide_bits)
        return Case(plan, lambda maps: pooled(maps[0], pool))


MEANS = [
    Mean((5, 3, 4), 1, 1),
    Mean((4, 4, 7), 2, 2, signed=True, rows=2),
    Mean((3, 5, 5), 5, 1, rows=3, extra_frac=2),
    Mean((4, 2, 9), 3, 2, signed=True, extra_frac=1),
    Mean((2, 1, 1), 1, 1, signed=True),
    Mean((6, 1, 8), 8, 2, bits=8),
]


@pytest.mark.parametrize("pool", MEANS, ids=str)
def test_global_average(pool: Mean, tmp_path: Path) -> None:
    run(pool.case(), tmp_path / "pool")


@pytest.mark.parametrize(
    ("pool", "edit"),
    [
        (MAXIMA[1], ("fsq_max_pool.sv", "empty[STAGES-1] ? at_next : at", "at_next")),
        (MAXIMA[1], ("fsq_max_pool.sv", "start ? now : both", "both")),
        (
            MAXIMA[0],
            ("fsq_stages.sv", "goes  = {leave_i, empty_q[STAGES-1:1]}", "goes  = {leave_i, {(STAGES - 1) {1'b1}}}"),
        ),
        (MAXIMA[5], ("fsq_max_pool_steps.sv", "if (!since_q[LAST]) above_q", "above_q")),
        (MAXIMA[6], ("fsq_max_pool_steps.sv", "en = {!since_q[LAST],", "en = {1'b1,")),
        (MEANS[1], ("fsq_avg_pool.sv", "(last_q && !bottom_q) || divide", "last_q || divide")),
        (MEANS[2], ("fsq_avg_pool.sv", "store_q && bottom && !divide", "1'b0")),
        (MEANS[1], ("fsq_divider.sv", "up ^ negative_q", "up")),
    ],
    ids=["address", "window", "stage", "kept row waits", "row waits", "divider waits", "sum waits", "sign"],
)  # fmt: skip
def test_broken_pool_is_seen(pool: Max | Mean, edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(pool.case(), tmp_path / "pool", edit)
