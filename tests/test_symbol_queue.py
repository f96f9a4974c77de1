"""fsq_symbol_queue with a reader that decides from registers, as fsq_sequencer, and one that takes what it sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from rtl_bench import TESTS, build_bench

from fpga_squeeze.paths import source_files

CYCLES = 20_000
NAMES = ("fsq_symbol_queue.sv", "fsq_skid.sv", "fsq_ram_lut.sv")


def run(
    folder: Path, ahead: int, old: str = "", new: str = ""
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The bench, with ``new`` instead of ``old`` in the queue and what it is made of, and the file of symbols taken."""
    files = source_files("rtl")
    sources = {name: files[name].read_text() for name in NAMES}
    assert not old or sum(text.count(old) for text in sources.values()) == 1
    if old:
        sources = {name: text.replace(old, new) for name, text in sources.items()}
    sources["queue_bench.sv"] = (TESTS / "rtl" / "queue_bench.sv").read_text()
    program = build_bench(folder, "queue_bench", sources, "queue_bench.cpp", {"AHEAD": ahead})
    taken = folder / "taken.bin"
    return subprocess.run([program, str(CYCLES), taken], capture_output=True, text=True), taken


def in_order(taken: Path) -> bool:
    symbols = np.fromfile(taken, dtype=np.uint8)
    return np.array_equal(symbols, np.arange(len(symbols)).astype(np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize(("ahead", "least"), [(0, 97), (1, 100)])
def test_every_symbol_is_taken_once_and_one_a_cycle(ahead: int, least: int, tmp_path: Path) -> None:
    """Both are quick for 100 cycles; a reader that takes what it sees finds none in the first three of them."""
    done, taken = run(tmp_path, ahead)
    assert done.returncode == 0, done.stderr
    assert in_order(taken) and taken.stat().st_size > CYCLES / 3
    assert int(done.stdout) >= least


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ahead", "old", "new"),
    [
        (1, "count_q[DW:2] != '0", "count_q >= (DW + 1)'(3)"),  # one fewer than may have been taken
        (0, "free_q[DW:1] != '0", "free_q != '0"),
        (1, "free_q[DW:1] != '0", "free_q != '0"),
        (1, "(take_i || !here_q)", "take_i"),
        (0, "some && ready", "some || ready"),
        (0, "if (!full_q) waiting_q", "if (full_q) waiting_q"),
    ],
)
def test_a_changed_line_is_seen(ahead: int, old: str, new: str, tmp_path: Path) -> None:
    done, taken = run(tmp_path, ahead, old, new)
    assert done.returncode != 0 or not in_order(taken) or taken.stat().st_size < CYCLES / 3
