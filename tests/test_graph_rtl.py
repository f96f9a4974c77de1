"""Forks, stores, sums and joins, each alone in RTL: words, and cycle for cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from seeds import SEED
from stream_bench import Edit, Fifo, Port, Sink, Source, Stages, build_bench, check, order, packed

from fpga_squeeze.network.fixed_point import (
    count_bits,
    index_bits,
    int_range,
    round_half_even_shift,
    signed_bits,
)
from fpga_squeeze.planning.latency import ROW_VISIBLE

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]
FRAMES = 3


# ------------------------------------------------------------------------------------------------- fork


@pytest.mark.parametrize("depths", [(1, 1), (1, 3, 2), (4, 1)])
def test_fork(depths: tuple[int, ...], tmp_path: Path) -> None:
    check_fork(depths, tmp_path / "fork")


def check_fork(depths: tuple[int, ...], folder: Path, edit: Edit | None = None) -> None:
    port = Port(5, 3)
    parameters = {
        "COUNT": len(depths),
        "WORD_W": port.word_bits,
        "DEPTHS": packed(depths),
        "COUNT_W": count_bits(max(depths)),
    }
    bench = build_bench(folder, "fsq_fork", parameters, [port], [port] * len(depths), edit)
    words = port.random(np.random.default_rng(SEED), 60)

    def model(sources: Sequence[Source], period: int) -> Sequence[Sink]:
        fifos = [Fifo(period, depth=depth) for depth in depths]
        for _ in words:
            t = max(sources[0].offers, *(fifo.room for fifo in fifos))
            sources[0].taken.append(t)
            for fifo in fifos:
                fifo.push(t)
        return fifos

    check(bench, [words], [words] * len(depths), model)


def test_broken_fork_is_seen(tmp_path: Path) -> None:
    # a word is taken although one of the FIFOs is full
    edit = ("fsq_fork.sv", "assign in_ready_o = &room;", "assign in_ready_o = |room;")
    with pytest.raises(AssertionError):
        check_fork((1, 3), tmp_path / "fork", edit)


# ------------------------------------------------------------------------------------------------ store


@dataclass(frozen=True)
class Store:
    """Sizes of a store; ``spare`` slots beyond the least."""

    channels: int
    height: int
    in_rows: int
    out_rows: int
    spare: int = 0
    style: int = 0

    @property
    def groups(self) -> list[tuple[int, int]]:
        """First row of every group that leaves, and the rows that must be complete for it."""
        return [(y, min(y + self.out_rows, self.height)) for y in range(0, self.height, self.out_rows)]

    @property
    def slots(self) -> int:
        """The least: rows that arrive together with the last one that a group needs, less those given back before."""
        arrives = (
            (min(-(-need // self.in_rows) * self.in_rows, self.height), first) for first, need in self.groups
        )
        return max(rows - first for rows, first in arrives) + self.spare


STORES = [
    Store(3, 8, 1, 1),
    Store(3, 11, 4, 3),
    Store(2, 10, 4, 3, spare=2, style=1),
    Store(5, 7, 1, 4, style=1),
    Store(4, 9, 3, 1, spare=5),
    Store(1, 5, 2, 2),
    Store(7, 6, 2, 5, style=2),
    Store(40, 4, 4, 4),
    Store(3, 1, 1, 1),
]


def check_store(store: Store, folder: Path, edit: Edit | None = None) -> None:
    port = Port(4, 5)
    parameters = {
        "CHANNELS": store.channels,
        "HEIGHT": store.height,
        "WORD_W": port.word_bits,
        "IN_ROWS": store.in_rows,
        "OUT_ROWS": store.out_rows,
        "SLOTS": store.slots,
        "STYLE": store.style,
        "TILE_W": 18,
    }
    bench = build_bench(folder, "fsq_row_store", parameters, [port], [port], edit)
    rng = np.random.default_rng(SEED)
    maps = port.random(rng, FRAMES * store.channels * store.height)
    maps = maps.reshape(FRAMES, store.channels, store.height, port.width)
    arrive = order(store.channels, store.height, store.in_rows)
    leave = order(store.channels, store.height, store.out_rows)
    words, expected = (
        np.array([frame[place] for frame in maps for place in some], dtype=np.int64)
        for some in (arrive, leave)
    )

    def model(sources: Sequence[Source], period: int) -> Sequence[Sink]:
        sink = Sink(period)
        free, done = [0] * store.slots, []

        def writer() -> Iterator[None]:
            slot = 0
            for _ in range(FRAMES):
                for channel, _row in arrive:
                    t = sources[0].offers
                    if channel == 0:
                        while slot == len(free):
                            yield
                        t = max(t, free[slot])
                        slot += 1
                    sources[0].taken.append(t)
                    if channel == store.channels - 1:
                        done.append(t + ROW_VISIBLE)

        def reader() -> Iterator[None]:
            for frame in range(FRAMES):
                for first, need in store.groups:
                    while len(done) < frame * store.height + need:
                        yield
                    offered = done[frame * store.height + need - 1] + 1
                    for _ in range(store.channels * (need - first)):
                        t = sink.take(max(offered, sink.sent[-1] + 2 if sink.sent else 0))
                    free.extend([t + 2] * (need - first))

        runs = [writer(), reader()]
        while runs:
            runs = [run for run in runs if next(run, run) is None]
        return [sink]

    check(bench, [words], [expected], model)


@pytest.mark.parametrize("store", STORES, ids=str)
def test_store(store: Store, tmp_path: Path) -> None:
    check_store(store, tmp_path / "store")


@pytest.mark.parametrize(
    "edit",
    [
        # rows are read again for the next channel from one slot too far; a group is offered a row too early
        (
            "fsq_row_store.sv",
            "(last_row_q && !last_ch_q) ? raddr0_q : raddr)",
            "(last_row_q && !last_ch_q) ? raddr : raddr)",
        ),
        ("fsq_row_store.sv", ".STEP  (OUT_ROWS),", ".STEP  (OUT_ROWS - 1),"),
        # a slot is given back a word too early
        (
            "fsq_row_store.sv",
            "<= (leaves && last_row_q && last_ch_q)",
            "<= (leaves && row_q == '0 && last_ch_q)",
        ),
    ],
    ids=["line", "gate", "slot"],
)
def test_broken_store_is_seen(edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_store(Store(3, 11, 4, 3), tmp_path / "store", edit)


def test_store_with_a_slot_too_few_stands_still(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_store(Store(3, 11, 4, 3, spare=-1), tmp_path / "store")


# -------------------------------------------------------------------------------------------------- add


@dataclass(frozen=True)
class Sum:
    """Operands (bits, signed, places to the left), shift to the right of the sum, bits of the result."""

    a: tuple[int, bool, int]
    b: tuple[int, bool, int]
    shift: int
    out: tuple[int, bool]
    relu: bool = False
    depth: int = 1


SUMS = [
    Sum((8, False, 0), (8, False, 0), 0, (8, False)),
    Sum((8, True, 3), (8, False, 0), 4, (8, True)),
    Sum((5, False, 0), (7, True, 2), 1, (6, False), relu=True, depth=3),
    Sum((8, True, 0), (8, True, 0), 1, (8, True), relu=True),
    Sum((4, True, 1), (4, True, 0), -2, (8, True)),
    Sum((3, False, 0), (2, True, 0), 9, (4, True)),
    Sum((1, False, 0), (1, False, 0), 1, (1, False)),
]


def check_sum(case: Sum, folder: Path, edit: Edit | None = None) -> None:
    ports = [Port(3, bits, signed) for bits, signed, _ in (case.a, case.b)]
    out = Port(3, *case.out)
    lefts = [case.a[2], case.b[2]]
    ranges = [int_range(port.bits, port.signed) for port in ports]
    low, high = (sum(r[end] << left for r, left in zip(ranges, lefts, strict=True)) for end in (0, 1))
    least, most = int_range(*case.out)
    parameters = {
        "WIDTH": 3,
        "BITS_A": ports[0].bits,
        "SIGNED_A": int(ports[0].signed),
        "LEFT_A": lefts[0],
        "BITS_B": ports[1].bits,
        "SIGNED_B": int(ports[1].signed),
        "LEFT_B": lefts[1],
        "SUM_W": signed_bits(low, high),
        "RIGHT": max(case.shift, 0),
        "LEFT": max(-case.shift, 0),
        "OUT_BITS": out.bits,
        "LOW": 0 if case.relu else least,
        "HIGH": most,
        "DEPTH": case.depth,
        "COUNT_W": count_bits(case.depth),
    }
    bench = build_bench(folder, "fsq_add", parameters, ports, [out], edit)
    rng = np.random.default_rng(SEED)
    words = [port.random(rng, 400) for port in ports]
    total = (words[0] << lefts[0]) + (words[1] << lefts[1])
    expected = np.clip(round_half_even_shift(total, case.shift), *int_range(*case.out))
    if case.relu:
        expected = np.maximum(expected, 0)

    def model(sources: Sequence[Source], period: int) -> Sequence[Sink]:
        fifo = Fifo(period, depth=case.depth)
        stages = Stages(fifo, 3)
        for _ in expected:
            t = max(stages.idle, *(source.offers for source in sources))
            for source in sources:
                source.taken.append(t)
            stages.enter(t, (1, 1, 1))
        return [fifo]

    check(bench, words, [expected], model)


@pytest.mark.parametrize("case", SUMS, ids=str)
def test_sum(case: Sum, tmp_path: Path) -> None:
    check_sum(case, tmp_path / "add")


@pytest.mark.parametrize(
    "edit",
    [
        ("fsq_round.sv", "t[RIGHT-1] & (sticky | t[RIGHT])", "t[RIGHT-1]"),
        ("fsq_scale.sv", "assign y = x << LEFT", "assign y = x"),
        ("fsq_add.sv", ".leave_i(push)", ".leave_i(1'b1)"),
    ],
    ids=["ties", "binary point", "no room"],
)
def test_broken_sum_is_seen(edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_sum(Sum((7, False, 0), (8, True, 1), 2, (8, True)), tmp_path / "add", edit)


# ----------------------------------------------------------------------------------------------- concat


@dataclass(frozen=True)
class Join:
    """Channels of the maps, rows of a frame and of a group; the map that starts a group."""

    channels: tuple[int, ...]
    height: int
    rows: int
    direct: int = 0
    depth: int = 1


JOINS = [
    Join((2, 3), 4, 1),
    Join((1, 1), 5, 2, direct=1, depth=3),
    Join((3, 1, 2, 5), 7, 3, direct=2),
    Join((1, 4, 1), 1, 1),
]


def check_join(case: Join, folder: Path, edit: Edit | None = None) -> None:
    port = Port(3, 4)
    count = len(case.channels)
    parameters = {
        "COUNT": count,
        "WORD_W": port.word_bits,
        "CHANNELS": packed(case.channels),
        "DIRECT": case.direct,
        "HEIGHT": case.height,
        "ROWS": case.rows,
        "INDEX_W": index_bits(count),
        "WORDS_W": index_bits(max(case.channels) * case.rows),
        "DEPTH": case.depth,
        "COUNT_W": count_bits(case.depth),
    }
    bench = build_bench(folder, "fsq_concat", parameters, [port] * count, [port], edit)
    rng = np.random.default_rng(SEED)
    maps = [
        port.random(rng, FRAMES * n * case.height).reshape(FRAMES, n, case.height, port.width)
        for n in case.channels
    ]
    words = [
        np.array([frame[place] for frame in some for place in order(some.shape[1], case.height, case.rows)])
        for some in maps
    ]
    whole = np.concatenate(maps, axis=1)
    leave = order(sum(case.channels), case.height, case.rows)
    expected = np.array([frame[place] for frame in whole for place in leave])

    def model(sources: Sequence[Source], period: int) -> Sequence[Sink]:
        fifo, now = Fifo(period, depth=case.depth), 0
        for _ in range(FRAMES):
            for first in range(0, case.height, case.rows):
                rows = min(case.rows, case.height - first)
                now = max(now, sources[case.direct].offers)
                for source, n in zip(sources, case.channels, strict=True):
                    for _ in range(n * rows):
                        t = max(now, source.offers, fifo.room)
                        source.taken.append(t)
                        fifo.push(t)
                        now = t + 1
        return [fifo]

    check(bench, words, [expected], model)


@pytest.mark.parametrize("case", JOINS, ids=str)
def test_join(case: Join, tmp_path: Path) -> None:
    check_join(case, tmp_path / "concat")


@pytest.mark.parametrize(
    "edit",
    [
        # the last group of a frame is taken for a whole one; a group starts with whatever word comes first
        ("fsq_concat.sv", "(last ? LAST_ROWS : ROWS)", "(last ? ROWS : LAST_ROWS)"),
        ("fsq_concat.sv", "(!first_q || in_valid_i[DIRECT])", "(!first_q || in_valid_i[0])"),
    ],
    ids=["last group", "start"],
)
def test_broken_join_is_seen(edit: Edit, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_join(Join((2, 3), 5, 2, direct=1), tmp_path / "concat", edit)
