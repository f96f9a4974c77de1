"""The cocotb test that every project carries: it passes on the design and fails on a broken one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import needs_tools
from designs import smallest
from random_models import random_images, random_qmodel

from fpga_squeeze.device.clock import Clock
from fpga_squeeze.device.room import WHOLE_DEVICE, Room, Shell
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.project.manifest import Source
from fpga_squeeze.project.project import create_project

pytest.importorskip("cocotbext.axi", reason="cocotbext-axi is not here: it is in the test extras")
pytestmark = [needs_tools, pytest.mark.slow]


def make(folder: Path, model: QModel, room: Room = WHOLE_DEVICE) -> Path:
    created = create_project(
        folder,
        model,
        plan_for_lanes(model, 16),
        random_images(np.random.default_rng(11), model, 2),
        None,
        dialect="vitis",
        device=None,
        clock=Clock(100.0, "planned"),
        source=Source("random", "0" * 64, "random pixels"),
        room=room,
    )
    return created.path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, built and run once."""
    model = random_qmodel(np.random.default_rng(11), min_size=8, max_size=9, max_fires=1)
    return make(tmp_path_factory.mktemp("cocotb") / "p", model)


def run(project: Path) -> tuple[int, str]:
    # cocotb's runner ends a test of pytest by itself; a user runs it outside
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    done = subprocess.run(
        [sys.executable, project / "cocotb" / "run.py", "7"],
        env=env,
        text=True,
        capture_output=True,
        check=False,
        timeout=600,
    )
    return done.returncode, done.stdout + done.stderr


def changed(file: Path, old: str, new: str) -> str:
    """Replace what stands once in a file; the text it had."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    return text


def test_passes_on_the_design_and_fails_on_a_broken_one(project: Path) -> None:
    """One simulator for all: weights are read when it starts."""
    code, text = run(project)
    assert code == 0 and "2 passed, 0 failed" in text, text[-2000:]
    assert text.count("logits of 2 frames compared, 0 mismatches") == 2

    weights = project / "rtl" / "params" / "conv10_weights_c0_r0.mem"
    kept = weights.read_text()
    width = kept.index("\n")
    weights.write_text(f"{0:0{width}x}{kept[width:]}")  # the first word: one weight a lane
    code, text = run(project)
    weights.write_text(kept)
    assert code == 1 and "0 passed, 2 failed" in text
    assert re.search(r"frame 0, logit \d+: expected -?\d+, got -?\d+", text)

    # TLAST a beat too early: the design's flag says so, or the logits never come
    test = project / "cocotb" / "test_frames.py"
    kept = changed(test, "AxiStreamFrame(bytes(pixels))", "AxiStreamFrame(bytes(pixels)[:-8])")
    code, text = run(project)
    test.write_text(kept)
    assert code == 1 and "0 passed, 2 failed" in text


def test_through_the_shell(tmp_path: Path) -> None:
    """From memory to memory, with a reset on the way; a wrong logit is seen."""
    project = make(tmp_path / "p", smallest(), Room(95, Shell.of("dma128")))
    code, text = run(project)
    assert code == 0 and "3 passed, 0 failed" in text, text[-2000:]
    assert text.count("logits of 2 frames compared, 0 mismatches; ") == 3

    test = project / "cocotb" / "test_frames.py"
    kept = changed(test, ".reshape(-1, CLASSES)", ".reshape(-1, CLASSES) + 1")
    code, text = run(project)
    test.write_text(kept)
    assert code == 1 and "0 passed, 3 failed" in text
    assert re.search(r"frame 0, logit \d+: expected -?\d+, got -?\d+", text)
