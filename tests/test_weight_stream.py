"""fsq_weight_stream against the plan's words: units of many widths, segments of any length, in the order of work."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rtl_bench import TESTS, build_bench, vector

from fpga_squeeze.coding.bits import pack_segment
from fpga_squeeze.device.block_ram import Memory
from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.paths import source_files
from fpga_squeeze.planning.latency import WORD_READ
from fpga_squeeze.planning.order import work_order
from fpga_squeeze.planning.weight_memories import DenseWeights, Segment

COUNT = 600
"""Units taken of each stream."""
WORDS = 5
"""32-bit words of the widest unit."""


@dataclass(frozen=True)
class Case:
    """Units of ``channels`` weights of ``bits`` in words of ``word_bits``: so many in each segment."""

    channels: int
    bits: int
    word_bits: int
    units: tuple[int, ...]
    delays: tuple[int, ...]
    groups: int

    @property
    def plan(self) -> DenseWeights:
        unit = self.channels * self.bits
        words = [-(-n * unit // self.word_bits) for n in self.units]
        segments = tuple(
            Segment(size, size * self.word_bits - n * unit, (place,))
            for place, (size, n) in enumerate(zip(words, self.units, strict=True))
        )
        memory = Memory("weights", "weights", sum(words), self.word_bits, 0)
        return DenseWeights(memory, self.word_bits, unit, segments, ())

    def weights(self, seed: int) -> list[IntArray]:
        """Weights of each segment, [units, channels]."""
        rng, most = np.random.default_rng(seed), 1 << (self.bits - 1)
        return [rng.integers(-most, most, (n, self.channels)) for n in self.units]

    def expected(self, seed: int) -> IntArray:
        """The first COUNT units in the order of work, [COUNT, channels]."""
        weights = self.weights(seed)
        frame = np.concatenate([weights[segment] for segment, _ in work_order(self.delays, self.groups)])
        return np.resize(frame, (COUNT, self.channels))


CASES = (
    # every way of choosing among places: one to eight, nine, more than four fours
    Case(4, 8, 32, (25,), (0,), 3),
    Case(1, 18, 36, (31,), (0,), 3),
    Case(3, 8, 36, (20, 7), (0, 1), 3),
    Case(1, 8, 32, (41, 5, 9), (0, 0, 1), 4),
    Case(1, 7, 35, (12, 33), (0, 1), 5),
    Case(5, 6, 36, (17, 8), (0, 1), 3),
    Case(1, 5, 35, (12, 33), (0, 1), 5),
    Case(1, 4, 32, (12, 33), (0, 1), 5),
    Case(1, 8, 36, (27, 40), (0, 1), 4),
    Case(5, 8, 72, (30, 19), (0, 1), 3),
    Case(16, 8, 144, (13, 22), (0, 1), 3),
    Case(1, 5, 36, (1, 50, 3), (0, 1, 2), 4),
    Case(2, 7, 36, (9, 22), (0, 1), 3),
    Case(9, 9, 108, (11, 4), (0, 1), 2),
    # segments of a word, of a unit, one behind the other; the first unit straddles two words
    Case(1, 8, 36, (1, 1), (0, 1), 3),
    Case(1, 4, 36, (2, 1, 3), (0, 0, 0), 2),
    Case(2, 8, 36, (3, 1), (0, 1), 7),
    Case(7, 5, 36, (1, 2), (0, 1), 3),
    Case(4, 9, 36, (1,), (0,), 1),
    Case(4, 9, 36, (2, 1), (0, 1), 2),
)
NAMES = ("fsq_weight_stream", "fsq_word_walk", "fsq_stage_walk", "fsq_mux", "fsq_mux4")


def taken(folder: Path, broken: tuple[str, str, str] | None = None) -> npt.NDArray[np.uint32]:
    """The units that the streams of CASES serve, [case, COUNT, WORDS]; ``broken``: module, old and new text."""
    sources = {f"{name}.sv": source_files("rtl")[f"{name}.sv"].read_text() for name in NAMES}
    if broken:
        name, old, new = broken
        assert sources[name].count(old) == 1
        sources[name] = sources[name].replace(old, new)
    sources["weight_bench.sv"] = (TESTS / "rtl" / "weight_bench.sv").read_text()
    plans = [case.plan for case in CASES]
    most = max(len(case.units) for case in CASES)
    lasts = [list(accumulate(s.words for s in plan.segments)) for plan in plans]

    def held(rows: Sequence[Sequence[int]]) -> str:
        return vector(v for row in rows for v in (*row, *[0] * (most - len(row))))

    parameters = {
        "CASES": len(CASES),
        "MOST": most,
        "UNIT": 32 * WORDS,
        "READ": WORD_READ,
        "UNITS": vector(plan.unit_bits for plan in plans),
        "WORDS": vector(plan.word_bits for plan in plans),
        "PLACES": vector(plan.places for plan in plans),
        "SEGMENTS": vector(len(case.units) for case in CASES),
        "GROUPS": vector(case.groups for case in CASES),
        "STEPS": vector(case.groups + max(case.delays) for case in CASES),
        "DELAYS": held([case.delays for case in CASES]),
        "FIRSTS": held([(0, *ends[:-1]) for ends in lasts]),
        "LASTS": held([[end - 1 for end in ends] for ends in lasts]),
        "STARTS": held([[plan.start(segment) for segment in plan.segments] for plan in plans]),
    }
    program = build_bench(folder, "weight_bench", sources, "weight_bench.cpp", parameters)
    for number, case in enumerate(CASES):
        words = [
            w
            for part in case.weights(number)
            for w in pack_segment(part.reshape(-1), case.bits, case.word_bits)
        ]
        (folder / f"case{number}.mem").write_text("\n".join(f"{word:x}" for word in words))
    subprocess.run(
        [program, str(len(CASES)), str(WORDS), str(COUNT), folder / "units.bin"], cwd=folder, check=True
    )
    return np.fromfile(folder / "units.bin", dtype="<u4").reshape(len(CASES), COUNT, WORDS)


def wrong(units: npt.NDArray[np.uint32]) -> list[Case]:
    """The cases whose units are not those of the plan."""
    found = []
    for number, case in enumerate(CASES):
        fields = case.expected(number) & ((1 << case.bits) - 1)
        bits = (fields[:, :, None] >> np.arange(case.bits)) & 1
        planes = np.zeros((COUNT, 32 * WORDS), dtype=np.uint8)
        planes[:, : case.channels * case.bits] = bits.reshape(COUNT, -1)
        packed = np.packbits(planes, axis=1, bitorder="little").view("<u4")
        if not np.array_equal(packed, units[number]):
            found.append(case)
    return found


@pytest.mark.slow
def test_units_come_in_the_order_of_work(tmp_path: Path) -> None:
    """All at once without a pause, then taken at random."""
    assert wrong(taken(tmp_path)) == []


BREAKS = {
    "a unit that waits": ("fsq_weight_stream.sv", "spare_next = valid_q && !take_i", "spare_next = 1'b0"),
    "start of a segment": ("fsq_weight_stream.sv", "if (first && segment", "if (!first && segment"),
    "a word alone": ("fsq_word_walk.sv", "= FIRSTS[s*32+:32] == LASTS[s*32+:32]", "= 1'b0"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BREAKS)
def test_a_changed_line_is_seen(what: str, tmp_path: Path) -> None:
    found = wrong(taken(tmp_path, BREAKS[what]))
    assert found
    if what == "a word alone":
        assert all(min(segment.words for segment in case.plan.segments) == 1 for case in found)
