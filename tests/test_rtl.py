"""The RTL files alone: lint of every kernel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fpga_squeeze.paths import resource_dir
from fpga_squeeze.simulate.tools import find_verilator

RTL = resource_dir("templates") / "rtl"
MODULES = sorted(p.stem for p in RTL.glob("*.sv"))


@pytest.mark.parametrize("module", MODULES)
def test_module_lints_alone(module: str) -> None:
    done = find_verilator().run(
        ["--lint-only", "-Wall", "--top-module", module, "-y", ".", "lint_waivers.vlt", f"{module}.sv"], RTL
    )
    assert done.returncode == 0, done.stderr


def test_lint_sees_a_width_error(tmp_path: Path) -> None:
    """The lint can fail: a counter one bit too narrow."""
    text = (RTL / "fsq_output.sv").read_text()
    (tmp_path / "fsq_output.sv").write_text(text.replace("class_q + 1'b1", "class_q + 2'b1"))
    done = find_verilator().run(
        ["--lint-only", "-Wall", "--top-module", "fsq_output", "fsq_output.sv"], tmp_path
    )
    assert done.returncode != 0


def test_every_waiver_has_a_reason() -> None:
    lines = (RTL / "lint_waivers.vlt").read_text().splitlines()
    for before, line in zip(lines, lines[1:], strict=False):
        if line.startswith("lint_off"):
            assert before.startswith("//"), line
    for path in RTL.glob("*.sv"):
        assert "lint_off" not in path.read_text(), f"{path.name}: waivers belong into lint_waivers.vlt"


def test_file_name_is_module_name() -> None:
    for path in RTL.glob("*.sv"):
        assert re.findall(r"^module (\w+)", path.read_text(), re.M) == [path.stem]
        assert len(path.read_text().splitlines()) <= 500
