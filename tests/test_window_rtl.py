"""Pools of any window, alone in RTL: words, and cycle for cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from seeds import SEED
from stream_bench import (
    Bench,
    Edit,
    Fifo,
    Pixels,
    Port,
    Sink,
    Source,
    Stages,
    build_bench,
    check,
    fields,
    order,
)

from fpga_squeeze.network.fixed_point import (
    count_bits,
    divide_half_even,
    int_range,
    round_half_even_shift,
    signed_bits,
)

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]
FRAMES = 3


@dataclass(frozen=True)
class Window:
    """A pool: kernel, stride, pads (top, left, bottom, right), and the map it reads."""

    kind: Literal["max", "average"]
    kernel: tuple[int, int]
    stride: int
    pads: tuple[int, int, int, int]
    shape: tuple[int, int, int]
    bits: int = 6
    signed: bool = False
    in_rows: int = 1
    extra_frac: int = 0
    divide_bits: int = 1
    out_bits: int = 6
    style: int = 0
    depth: int = 1

    @property
    def out_shape(self) -> tuple[int, int]:
        sizes = zip(self.shape[1:], self.pads[:2], self.pads[2:], self.kernel, strict=True)
        height, width = ((n + before + after - k) // self.stride + 1 for n, before, after, k in sizes)
        return height, width

    @property
    def count(self) -> int:
        return self.kernel[0] * self.kernel[1]

    def rows(self) -> tuple[list[bool], list[int], list[int]]:
        """Per input row whether it completes a window, and the kept rows of it; the same of rows that follow."""
        height, above = self.shape[1], self.kernel[0] - 1
        emit, masks, extras = [False] * height, [0] * height, []
        for y in range(self.out_shape[0]):
            first = max(0, y * self.stride - self.pads[0])
            last = min(y * self.stride - self.pads[0] + above, height - 1)
            if emit[last]:
                extras.append(sum(1 << (last - row) for row in range(first, last + 1)))
            else:
                emit[last] = True
                masks[last] = sum(1 << (last - 1 - row) for row in range(first, last))
        return emit, masks, extras

    def forward(self, x: Pixels) -> Pixels:
        """The output map of [channels, rows, columns]."""
        top, left, _, _ = self.pads
        height, width = self.out_shape
        out = np.zeros((len(x), height, width), dtype=np.int64)
        for y in range(height):
            for column in range(width):
                above, before = y * self.stride - top, column * self.stride - left
                part = x[:, max(above, 0) : above + self.kernel[0], max(before, 0) : before + self.kernel[1]]
                if self.kind == "max":
                    out[:, y, column] = part.max(axis=(1, 2))
                else:
                    out[:, y, column] = divide_half_even(part.sum(axis=(1, 2)), self.count, self.extra_frac)
        if self.kind == "average":
            out = np.clip(out, *int_range(self.out_bits, self.signed))
        return out


WINDOWS = [
    Window("max", (3, 3), 1, (1, 1, 1, 1), (3, 6, 7)),
    Window("max", (3, 3), 1, (1, 1, 1, 1), (2, 5, 4), signed=True, style=1, depth=3),
    Window("max", (3, 3), 2, (0, 1, 1, 0), (3, 8, 9)),
    Window("max", (3, 3), 2, (1, 0, 1, 1), (2, 7, 8), signed=True, in_rows=2),
    Window("max", (2, 2), 1, (0, 0, 1, 1), (1, 6, 5)),
    Window("max", (5, 5), 1, (2, 2, 2, 2), (3, 7, 6), style=2),
    Window("max", (5, 5), 1, (2, 2, 2, 2), (2, 3, 3), signed=True),
    Window("max", (2, 2), 3, (0, 0, 0, 0), (2, 9, 8)),
    Window("max", (1, 3), 1, (0, 1, 0, 1), (2, 4, 5)),
    Window("max", (3, 1), 2, (1, 0, 0, 0), (2, 6, 5)),
    Window("max", (7, 7), 1, (3, 3, 3, 3), (2, 4, 4)),
    Window("average", (3, 3), 2, (0, 0, 0, 0), (2, 9, 7), extra_frac=1, out_bits=8),
    Window("average", (3, 3), 2, (1, 1, 0, 0), (3, 7, 7), signed=True),
    Window("average", (3, 3), 1, (1, 1, 1, 1), (2, 5, 6), divide_bits=3),
    Window("average", (2, 2), 2, (0, 0, 0, 0), (3, 6, 8), signed=True),
    Window("average", (2, 2), 1, (1, 0, 0, 1), (2, 5, 5), extra_frac=3, out_bits=9, style=1),
    Window("average", (2, 2), 2, (0, 0, 0, 0), (2, 4, 4), extra_frac=2, out_bits=7),
    Window("average", (7, 7), 1, (3, 3, 3, 3), (2, 7, 7), signed=True, divide_bits=2, depth=2),
    Window("average", (7, 7), 7, (0, 0, 0, 0), (2, 14, 14), divide_bits=2),
    Window("average", (2, 3), 1, (0, 1, 0, 1), (3, 5, 6), signed=True),
    Window("average", (1, 5), 1, (0, 2, 0, 2), (2, 4, 5), extra_frac=1, out_bits=5),
    Window("average", (1, 1), 2, (0, 0, 0, 0), (2, 5, 5), signed=True, out_bits=4),
]


def build_window(case: Window, folder: Path, edit: Edit | None = None) -> tuple[Bench, int]:
    """The bench, and the cycles of a division; 0: there is none."""
    channels, height, width = case.shape
    out_width = case.out_shape[1]
    emit, masks, extras = case.rows()
    low, high = int_range(case.bits, case.signed)
    above = max(1, case.kernel[0] - 1)
    average = case.kind == "average"
    out_bits = case.out_bits if average else case.bits
    quotient = (max(-low, high) << (case.extra_frac + 1)).bit_length()
    quotient = -(-quotient // case.divide_bits) * case.divide_bits
    least, most = int_range(out_bits, case.signed)
    parameters = {
        "CHANNELS": channels,
        "HEIGHT": height,
        "WIDTH": width,
        "OUT_WIDTH": out_width,
        "BITS": case.bits,
        "SIGNED": int(case.signed),
        "IN_ROWS": case.in_rows,
        "KERNEL_ROWS": case.kernel[0],
        "KERNEL_COLUMNS": case.kernel[1],
        "STRIDE": case.stride,
        "PAD_LEFT": case.pads[1],
        "MASK_W": above,
        "EMIT_ROWS": fields([int(flag) for flag in emit], 1),
        "MASKS": fields(masks, above),
        "EXTRAS": len(extras),
        "EXTRA_MASKS": fields([mask & ((1 << above) - 1) for mask in extras] or [0], above),
        "STYLE": case.style,
        "TILE_W": 18,
        "VALUE_BITS": signed_bits(low * case.kernel[1], high * case.kernel[1]) if average else case.bits,
        "AVERAGE": int(average),
        "SUM_W": signed_bits(low * case.count, high * case.count),
        "COUNT": case.count,
        "EXTRA": case.extra_frac,
        "QUOTIENT": quotient,
        "DIVIDE_BITS": case.divide_bits,
        "OUT_BITS": out_bits,
        "LOW": least,
        "HIGH": most,
        "DEPTH": case.depth,
        "COUNT_W": count_bits(case.depth),
    }
    port, out = Port(width, case.bits, case.signed), Port(out_width, out_bits, case.signed)
    divides = average and case.count & (case.count - 1)
    bench = build_bench(folder, "fsq_window_pool", parameters, [port], [out], edit)
    return bench, quotient // case.divide_bits + 2 if divides else 0


def check_window(case: Window, folder: Path, edit: Edit | None = None) -> None:
    bench, division = build_window(case, folder, edit)
    channels, height, width = case.shape
    emit, _, extras = case.rows()
    maps = bench.inputs[0].random(np.random.default_rng(SEED), FRAMES * channels * height)
    maps = maps.reshape(FRAMES, channels, height, width)
    arrive = order(channels, height, case.in_rows)
    row_of = np.cumsum(emit) - 1  # output row that an input row completes
    leave = [(channel, int(row_of[y])) for channel, y in arrive if emit[y]]
    leave += [
        (channel, int(row_of[-1]) + 1 + extra) for extra in range(len(extras)) for channel in range(channels)
    ]
    results = [case.forward(frame) for frame in maps]
    words = np.array([frame[place] for frame in maps for place in arrive])
    expected = np.array([frame[place] for frame in results for place in leave])

    def model(sources: Sequence[Source], period: int) -> Sequence[Sink]:
        fifo = Fifo(period, depth=case.depth)
        rows, columns = case.kernel
        ends = (1,) * (1 + (columns - 1).bit_length() + (1 + (rows - 1).bit_length() if rows > 1 else 0))
        if case.kind == "average" and not division:
            ends += (1,)
        sends = (*ends, division) if division else ends
        stages = Stages(fifo, len(sends))
        for _ in range(FRAMES):
            for _channel, y in arrive:
                t = max(stages.idle, sources[0].offers)
                sources[0].taken.append(t)
                stages.enter(t, sends if emit[y] else ends, emit[y])
            for _ in range(len(extras) * channels):
                stages.enter(stages.idle, sends)
        return [fifo]

    check(bench, [words], [expected], model)


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_window(case: Window, tmp_path: Path) -> None:
    check_window(case, tmp_path / "pool")


@pytest.mark.parametrize(
    ("case", "edit"),
    [
        (WINDOWS[0], ("fsq_window_pool.sv", "mask[n] ? kept[n*LINE+:LINE] : '0", "kept[n*LINE+:LINE]")),
        (
            WINDOWS[1],
            (
                "fsq_window_pool.sv",
                "assign word[x*BITS+:BITS] = all ^ FLIP;",
                "assign word[x*BITS+:BITS] = all;",
            ),
        ),
        (WINDOWS[5], ("fsq_window_pool.sv", "&& empty[KEEP] && !over),", "&& empty[KEEP]),")),
        (WINDOWS[19], ("fsq_divider.sv", "(quo_q[1] || rest_q != '0)", "1'b1")),
        (WINDOWS[13], ("fsq_turns.sv", "W'(TURNS - 1)", "W'(TURNS)")),
        (WINDOWS[7], ("fsq_pool_walk.sv", "if (!last_ch_q) y_q <= y0_q;", "if (!last_ch_q) y_q <= y_q;")),
    ],
    ids=["mask", "sign", "extra row", "ties", "a cycle more", "walk"],
)
def test_broken_window_is_seen(case: Window, edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_window(case, tmp_path / "pool", edit)


def test_ties_of_averages_are_among_the_windows() -> None:
    """The reference meets what it is there for: sums half-way between two integers, both ways."""
    totals = np.arange(-20, 21)
    assert np.array_equal(divide_half_even(totals, 4), round_half_even_shift(totals, 2))
