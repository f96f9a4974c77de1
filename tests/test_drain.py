"""Lanes and their drain in RTL: every sum in its place of its row word, for foldings of every parity."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rtl_bench import TESTS, build_bench, vector

from fpga_squeeze.paths import source_files

SOURCES = (
    *(
        "fsq_mac_array",
        "fsq_mac_pair",
        "fsq_mac_lane",
        "fsq_ram_lut",
        "fsq_ram_single",
        "fsq_copy",
        "fsq_mux",
    ),
    *("fsq_mux4", "fsq_drain", "fsq_beat_sums", "fsq_unpair", "fsq_requant", "fsq_multiply", "fsq_add_pairs"),
    *("fsq_recode", "fsq_row_words"),
)
MOST, WIDEST, CHANNELS = 64, 40, 4
pytestmark = pytest.mark.slow
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A folding; ``units`` lanes are requantised at once, ``paired`` lanes share slices."""

    channels: int
    rows: int
    lanes: int
    units: int
    phases: int = 1
    paired: bool = True

    @property
    def parts(self) -> int:
        return -(-self.lanes // self.units)

    def expected(self, sums: Ints) -> Ints:
        """Row words [N, lanes * phases] of the sums [passes, CHANNELS, MOST] of passes, phase after phase."""
        count, used = len(sums) // self.phases, self.rows * self.lanes
        here = sums[: count * self.phases, : self.channels, :used]
        split = here.reshape(count, self.phases, self.channels, self.rows, self.lanes)
        return split.transpose(0, 2, 3, 4, 1).reshape(-1, self.lanes * self.phases)


CASES = {
    "pairs in every beat": Case(3, 1, 4, 2),
    "one row, one beat, an odd lane": Case(2, 1, 5, 5),
    "odd lanes of two rows": Case(1, 2, 5, 5),
    "odd lanes of last beats": Case(1, 2, 7, 4),
    "odd lanes of other beats": Case(1, 2, 8, 3, 2),
    "odd lanes of all beats": Case(2, 2, 7, 3),
    "one lane a beat": Case(2, 1, 5, 1, 2),
    "many beats": Case(1, 2, 19, 2),
    "two phases": Case(2, 2, 6, 3, 2),
    "a single word in two phases": Case(1, 1, 9, 4, 2),
    "no pairs": Case(2, 2, 7, 3, 2, paired=False),
    "no pairs, one beat": Case(1, 1, 6, 6, paired=False),
}


def _build(folder: Path, *edits: tuple[str, str, str]) -> Path:
    texts = {f"{name}.sv": source_files("rtl")[f"{name}.sv"].read_text() for name in SOURCES}
    texts["drain_bench.sv"] = (TESTS / "rtl" / "drain_bench.sv").read_text()
    for name, old, new in edits:
        assert old in texts[name]
        texts[name] = texts[name].replace(old, new)
    cases = CASES.values()
    parameters = {
        "COUNT": len(CASES),
        "MOST": MOST,
        "WIDEST": WIDEST,
        "CHANNELS": vector(c.channels for c in cases),
        "ROWS": vector(c.rows for c in cases),
        "LANES": vector(c.lanes for c in cases),
        "PARTS": vector(c.parts for c in cases),
        "UNITS": vector(c.units for c in cases),
        "PHASES": vector(c.phases for c in cases),
        "SHIFTS": vector(16 * c.paired for c in cases),
    }
    return build_bench(folder, "drain_bench", texts, "drain_bench.cpp", parameters)


def _wrong(program: Path, passes: int = 40) -> set[str]:
    """Cases in which a word is not what the terms add up to; passes are as short as the longest drain, with gaps."""
    rng, folder = np.random.default_rng(3), program.parent
    beats = max(c.channels * c.rows * c.parts for c in CASES.values())
    sums, file = [], []
    for number in range(passes):
        terms = beats if number % 4 else beats + int(rng.integers(100))
        flags = np.full(terms, 4 * (number % 2))
        flags[0] |= 1
        flags[-1] |= 2
        weights = rng.choice([-128, 127, *rng.integers(-128, 128, 2)], (terms, CHANNELS))
        pixels = rng.choice([0, 255, *rng.integers(0, 256, 2)], (terms, MOST))
        sums.append(weights.T @ pixels)
        block = np.concatenate([weights & 255, pixels, flags[:, None]], axis=1)
        gaps = np.sort(rng.integers(0, terms, number % 3))
        file.append(np.insert(block, gaps, [0] * (CHANNELS + MOST) + [8], axis=0))
    (folder / "terms.bin").write_bytes(np.concatenate(file).astype(np.uint8).tobytes())
    subprocess.run([str(program), "terms.bin", str(len(CASES))], cwd=folder, check=True)
    wrong = set()
    for number, (name, case) in enumerate(CASES.items()):
        got = np.fromfile(folder / f"{number}.bin", "<i4").reshape(-1, WIDEST)[:, : case.lanes * case.phases]
        if not np.array_equal(got, case.expected(np.array(sums))):
            wrong.add(name)
    return wrong


def test_every_sum_has_its_place(tmp_path: Path) -> None:
    assert _wrong(_build(tmp_path)) == set()


def test_broken_drains_are_seen(tmp_path: Path) -> None:
    """What a lower sum lends to the next beat is lost; the second choice among many beats is; words wait in one place."""
    program = _build(
        tmp_path,
        ("fsq_unpair.sv", "upper ? held_q : '0", "(upper && unit_upper_q && last_upper_q) ? held_q : '0"),
        ("fsq_beat_sums.sv", ".d_i(high_q),", ".d_i(high_q & ~HIGH_W'(4)),"),
        ("fsq_row_words.sv", ".addr_i (number_q),", ".addr_i (BW'(number_q[0])),"),
    )
    held = {name for name in CASES if name.startswith("odd lanes") or name == "one lane a beat"}
    waits = {"two phases", "odd lanes of other beats", "one lane a beat", "no pairs"}
    assert _wrong(program) == held | waits | {"many beats"}
