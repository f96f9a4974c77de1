"""fsq_symbol_queue with a reader that decides from registers, as fsq_sequencer does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from rtl_bench import TESTS, build_bench

from fpga_squeeze.paths import source_files

CYCLES = 20_000
NAMES = ("fsq_symbol_queue.sv", "fsq_ram_lut.sv")


def run(folder: Path, old: str = "", new: str = "") -> tuple[subprocess.CompletedProcess[str], Path]:
    """The bench, with ``new`` instead of ``old`` in the queue, and the file of symbols that it took."""
    files = source_files("rtl")
    sources = {name: files[name].read_text() for name in NAMES}
    assert not old or sources[NAMES[0]].count(old) == 1
    sources[NAMES[0]] = sources[NAMES[0]].replace(old, new) if old else sources[NAMES[0]]
    sources["queue_bench.sv"] = (TESTS / "rtl" / "queue_bench.sv").read_text()
    program = build_bench(folder, "queue_bench", sources, "queue_bench.cpp")
    taken = folder / "taken.bin"
    return subprocess.run([program, str(CYCLES), taken], capture_output=True, text=True), taken


def in_order(taken: Path) -> bool:
    symbols = np.fromfile(taken, dtype=np.uint8)
    return np.array_equal(symbols, np.arange(len(symbols)).astype(np.uint8))


@pytest.mark.slow
def test_every_symbol_is_taken_once_and_one_a_cycle(tmp_path: Path) -> None:
    done, taken = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert in_order(taken) and taken.stat().st_size > CYCLES / 3
    assert int(done.stdout) >= 100  # both quick for 100 cycles: nothing waits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("count_q[DW:2] != '0", "count_q >= (DW + 1)'(3)"),  # a symbol fewer than may have been taken since
        ("free_q[DW:1] != '0", "free_q != '0"),
        ("(take_i || !here_q)", "take_i"),
    ],
)
def test_a_changed_line_is_seen(old: str, new: str, tmp_path: Path) -> None:
    done, taken = run(tmp_path, old, new)
    assert done.returncode != 0 or not in_order(taken) or taken.stat().st_size < CYCLES / 3
