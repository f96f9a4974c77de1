"""fsq_stage_walk against the plan's order of work, with delays that no layer has yet."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rtl_bench import TESTS, build_bench, vector

from fpga_squeeze.paths import source_files
from fpga_squeeze.planning.order import work_order

DELAYS = (
    (0,),
    (0, 1, 1),
    (0, 0, 1, 2),
    (0, 2, 2),
    (0, 1, 1, 2, 3, 3),
    (0, 0, 0),
    (0, 1, 0),
    (0, 2, 1, 3),
    (0, 3, 1, 2, 2, 5, 4),
)
GROUPS = range(1, 8)
FRAMES = 3
SOURCE = source_files("rtl")["fsq_stage_walk.sv"].read_text()
Steps = npt.NDArray[np.uint8]


def every_step_has_work(delays: tuple[int, ...], groups: int) -> bool:
    """What fsq_stage_walk asks for: no delay is more than ``groups`` behind the one before it."""
    return all(any(0 <= step - delay < groups for delay in delays) for step in range(groups + max(delays)))


CASES = [(delays, groups) for delays in DELAYS for groups in GROUPS if every_step_has_work(delays, groups)]


def expected(delays: tuple[int, ...], groups: int, steps: int) -> Steps:
    """Stage, the stage after it, and whether the row group is the last, for ``steps`` steps of frame after frame."""
    frame = list(work_order(delays, groups))
    stages = np.array([stage for stage, _ in frame])
    lasts = np.array([group == groups - 1 for _, group in frame])
    at = np.arange(steps) % len(frame)
    return np.stack([stages[at], stages[(at + 1) % len(frame)], lasts[at]], axis=1).astype(np.uint8)


def walk(folder: Path, source: str) -> Steps:
    """What every walk of CASES does, [step, case, 3]."""
    most = max(len(delays) for delays, _ in CASES)
    parameters = {
        "CASES": len(CASES),
        "MOST": most,
        "STAGES": vector(len(delays) for delays, _ in CASES),
        "GROUPS": vector(groups for _, groups in CASES),
        "STEPS": vector(groups + max(delays) for delays, groups in CASES),
        "DELAYS": vector(v for delays, _ in CASES for v in (*delays, *[0] * (most - len(delays)))),
    }
    bench = (TESTS / "rtl" / "walk_bench.sv").read_text()
    sources = {"walk_bench.sv": bench, "fsq_stage_walk.sv": source}
    program = build_bench(folder, "walk_bench", sources, "walk_bench.cpp", parameters)
    steps = FRAMES * max(len(delays) * groups for delays, groups in CASES)
    subprocess.run([program, str(len(CASES)), str(steps), folder / "steps.bin"], check=True)
    return np.fromfile(folder / "steps.bin", dtype=np.uint8).reshape(steps, len(CASES), 4)[..., :3]


def wrong(found: Steps) -> set[tuple[tuple[int, ...], int]]:
    """The cases whose walk is not the plan's order of work."""
    return {
        case for i, case in enumerate(CASES) if not np.array_equal(found[:, i], expected(*case, len(found)))
    }


def test_only_walks_with_empty_steps_are_left_out() -> None:
    left = {(d, g) for d in DELAYS for g in GROUPS} - set(CASES)
    assert left == {((0, 2, 2), 1)}


@pytest.mark.slow
def test_walk_is_the_order_of_work(tmp_path: Path) -> None:
    assert wrong(walk(tmp_path, SOURCE)) == set()


BREAKS = {
    "start of a late stage": (
        "started = step_q >= TW'(FROM)",
        "started = step_q >= TW'(FROM) && step_q != TW'(FROM)",
    ),
    "end of a stage": ("goes_on = step_q <= TW'(STOP - 1)", "goes_on = step_q != TW'(STOP)"),
    "last row group": (
        "|(one & (empty_q ? coming_bottom_q : bottom_q))",
        "1'((empty_q ? coming_bottom_q : bottom_q) >> (one == '0))",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BREAKS)
def test_a_changed_line_is_seen(what: str, tmp_path: Path) -> None:
    """In walks of several delays; the line says nothing about stages that all run in every step."""
    old, new = BREAKS[what]
    assert SOURCE.count(old) == 1
    found = wrong(walk(tmp_path, SOURCE.replace(old, new)))
    assert found and all(max(delays) > 0 for delays, _ in found)
