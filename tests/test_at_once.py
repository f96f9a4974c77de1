"""Two processes at work on one project, and files that are read and must not be written over."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from onnx_builder import Net
from test_cli import fails, works

from fpga_squeeze.datasets.images import embedded_model_path
from fpga_squeeze.verify.cache import locked

Capture = pytest.CaptureFixture[str]


def hold(folder: Path, seconds: float) -> None:
    with locked(folder):
        (folder.parent / "held").touch()
        time.sleep(seconds)
        (folder.parent / "done").touch()


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    other = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path / "sub" / "build", 0.5))
    other.start()
    while not (tmp_path / "sub" / "held").exists():
        assert other.is_alive()
        time.sleep(0.01)
    with locked(tmp_path / "sub" / "build"):
        assert (tmp_path / "sub" / "done").exists()
    other.join()


def test_no_lock_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with locked(tmp_path / "file" / "build"):
        pass


@pytest.mark.slow
def test_runs_at_once(tmp_path: Path, capsys: Capture) -> None:
    """Each of four processes builds, runs and compares as if it were alone, and so does a fifth that compares."""
    net = Net()
    net.save(tmp_path / "m.onnx", net.squeezenet())
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.integers(0, 256, (3, 17, 15, 3), dtype=np.uint8))
    works(
        capsys,
        "generate",
        tmp_path / "m.onnx",
        "-o",
        tmp_path / "p",
        "--lanes",
        12,
        "--calibration",
        tmp_path / "x.npy",
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}

    def started(*verb: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "fpga_squeeze", verb[0], str(tmp_path / "p"), *verb[1:]]
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    for verbs in ([["csim"], ["csim"], ["cosim"], ["cosim"]], [["csim"], ["csim"], ["csim"], ["compare"]]):
        runs = [started(*verb) for verb in verbs]
        for run in runs:
            out, _ = run.communicate()
            assert run.returncode == 0, out
    assert sorted(path.name for path in (tmp_path / "p" / "run").iterdir() if path.is_dir()) == [
        "cosim",
        "csim",
    ]


def test_what_is_read_is_not_written_over(capsys: Capture, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(embedded_model_path().read_bytes())
    (tmp_path / "link.onnx").symlink_to(model)
    os.link(model, tmp_path / "hard.onnx")
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    np.save(tmp_path / "x.npy", images)
    calibrated = ["--calibration", tmp_path / "x.npy"]
    for output in (model, tmp_path / "link.onnx", tmp_path / "hard.onnx", f"{tmp_path}/./m.onnx"):
        told = fails(capsys, 2, "quantize", model, "-o", output, *calibrated)
        assert "is the file that is read" in told and "another -o" in told
        assert "is the file" in fails(capsys, 2, "compress", model, "-o", output, "--bits", 4)
        assert "is the file" in fails(capsys, 2, "golden", model, "-o", output, *calibrated)
    assert "is the file" in fails(capsys, 2, "quantize", model, "-o", tmp_path / "x.npy", *calibrated)
    assert model.read_bytes() == embedded_model_path().read_bytes()
    works(capsys, "quantize", model, "-o", tmp_path / "q.onnx", *calibrated)
    works(
        capsys, "quantize", model, "-o", tmp_path / "q.onnx", *calibrated
    )  # another's result may be replaced
