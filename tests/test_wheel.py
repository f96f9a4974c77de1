"""The wheel works alone: built, installed elsewhere, run from another folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(arguments: list[str], cwd: Path, path: Path | None = None) -> str:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if path:
        env["PYTHONPATH"] = str(path)
    done = subprocess.run(arguments, cwd=cwd, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not here: it is in the test extras")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], folder)
    (wheel,) = folder.glob("fpga_squeeze-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    parts = [
        "templates/generated/rtl/top.sv.j2",
        "templates/generated/hls/engine.cpp.j2",
        "templates/generated/report/page.html.j2",
        "templates/drivers/python/dma/accelerator.py",
        "templates/drivers/c/fsq.h",
        "sim/cosim_main.cpp",
        "sim/ac_types/ap_int.h",
    ]
    for part in parts:
        assert f"fpga_squeeze/_resources/{part}" in names
    assert {"fpga_squeeze/datasets/data/digits_squeezenet.onnx", "fpga_squeeze/py.typed"} <= set(names)
    assert not [n for n in names if "__pycache__" in n or n.startswith(("tests", "hls_out"))]
    run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], folder)
    return folder / "site"


@pytest.mark.slow
def test_generates_elsewhere(installed: Path, tmp_path: Path) -> None:
    out = run([sys.executable, "-m", "fpga_squeeze", "generate", "--lanes", "24"], tmp_path, installed)
    assert "wrote hls_out" in out
    project = tmp_path / "hls_out" / "digits_squeezenet"
    assert (project / "rtl" / "fsq_top.sv").is_file()
    assert (project / "hls" / "fsq_top.cpp").is_file()
    code = "import fpga_squeeze; print(fpga_squeeze.__file__)"
    assert str(installed) in run([sys.executable, "-c", code], tmp_path, installed)
    run([sys.executable, "-m", "fpga_squeeze", "estimate", str(project)], tmp_path, installed)
