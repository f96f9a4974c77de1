"""A clock says where it comes from: asked for, planned, estimated by timing, or routed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from random_models import random_images, random_qmodel

from fpga_squeeze import api
from fpga_squeeze.cli.output import print_estimate, print_run
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.clock import Clock, Origin
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.project.manifest import Source
from fpga_squeeze.project.project import Project, create_project
from fpga_squeeze.project.results import kept_result
from fpga_squeeze.verify.compare import Comparison, KernelResult
from fpga_squeeze.verify.timing.kept import keep_clock

ZYNQ = find_device("XC7Z020")
Capture = pytest.CaptureFixture[str]


def _project(folder: Path, clock: Clock = ZYNQ.planned_clock) -> Project:
    rng = np.random.default_rng(2)
    model = random_qmodel(rng)
    images = random_images(rng, model, 1)
    plan = plan_for_lanes(model, 20)
    more = {"device": ZYNQ, "clock": clock, "source": Source("random", "")}
    return create_project(folder / "p", model, plan, images, None, dialect="vitis", **more)  # type: ignore[arg-type]


def _clock(project: Project, **options: object) -> Clock:
    return api.estimate(project.path, api.DesignOptions(**options)).clock  # type: ignore[arg-type]


def test_text() -> None:
    assert str(Clock(133.333, "asked for")) == "133.333 MHz (asked for)"
    assert str(Clock(100.0, "planned")) == "100 MHz (planned)"
    assert str(Clock(107.8912, "routed")) == "107.9 MHz (routed)"
    assert Clock(2.0, "planned").fps(1000) == 2000


def test_clock_of_a_model() -> None:
    planned, asked = api.estimate(), api.estimate(options=api.DesignOptions(clock_mhz=150))
    assert planned.clock == Clock(100.0, "planned") and asked.clock == Clock(150, "asked for")
    assert asked.fps == 1.5 * planned.fps
    assert (asked.to_json()["clock_mhz"], asked.to_json()["clock_origin"]) == (150, "asked for")


def test_clock_of_a_project(tmp_path: Path, capsys: Capture) -> None:
    """Routed before estimated, of the design as it is, on the device that is asked about."""
    project = _project(tmp_path)
    assert _clock(project) == ZYNQ.planned_clock
    keep_clock(project, ZYNQ, "estimated by timing", 87.65)
    assert _clock(project) == Clock(87.65, "estimated by timing")
    numbers = api.estimate(project.path)
    print_estimate(numbers)
    out = capsys.readouterr().out
    assert "at 87.7 MHz (estimated by timing)\n" in out
    assert f"{numbers.fps:,.1f} frames per second at 87.7 MHz (estimated by timing): " in out
    keep_clock(project, ZYNQ, "routed", 79.0)
    assert _clock(project) == Clock(79.0, "routed")
    assert _clock(project, clock_mhz=90) == Clock(90, "asked for")
    assert _clock(project, device="kv260") == Clock(200.0, "planned")
    assert _clock(project, lanes=12).origin == "planned"  # of another plan nothing is known
    memory = next(path for path in (project.rtl / "params").rglob("*") if path.is_file())
    memory.write_text(memory.read_text() + "\n")
    assert _clock(project) == ZYNQ.planned_clock


@pytest.mark.parametrize(
    ("asked", "found", "origin"), [(120.0, 110.0, "estimated by timing"), (100.0, 110.0, "asked for")]
)
def test_asked_clock_stays_where_it_is_met(
    tmp_path: Path, asked: float, found: float, origin: Origin
) -> None:
    project = _project(tmp_path, Clock(asked, "asked for"))
    assert "asked for" in (project.path / "README.md").read_text()
    keep_clock(project, ZYNQ, "estimated by timing", found)
    assert _clock(project) == Clock(min(asked, found), origin)


def test_verbs_keep_the_clock_of_the_whole_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = _project(tmp_path)
    found = SimpleNamespace(fmax_mhz=91.5, part="LFE5U-85F-6", to_json=lambda: {"fmax_mhz": 91.5})
    monkeypatch.setattr("fpga_squeeze.verify.timing.report.time_design", lambda *_: found)
    monkeypatch.setattr("fpga_squeeze.verify.timing.route.route", lambda *_: found)
    api.timing(project.path, "conv1")
    api.route(project.path)  # of another fabric
    assert _clock(project).origin == "planned" and kept_result(project, "timing") is None
    api.timing(project.path)
    kept = kept_result(project, "timing")
    assert kept and kept.current and kept.result == {"fmax_mhz": 91.5}
    assert _clock(project) == Clock(91.5, "estimated by timing")
    found.part = ZYNQ.part
    api.route(project.path, "conv1")
    assert _clock(project).origin == "estimated by timing"
    api.route(project.path)
    assert _clock(project) == Clock(91.5, "routed")


@pytest.mark.parametrize(
    ("interval", "stalls", "fps"), [(1000, 0, 90_000.0), (1000, 7, None), (None, 0, None)]
)
def test_cosim_names_its_clock(interval: int | None, stalls: int, fps: float | None, capsys: Capture) -> None:
    comparison = Comparison(1, (KernelResult("conv1", 5, 0),), None)
    cycles = api.Cycles(interval, 1000, 2000, 2000, stalls)
    run = api.CosimRun("cosim", comparison, cycles, Clock(90.0, "routed"))
    assert run.fps == run.to_json()["fps"] == fps and run.to_json()["clock_origin"] == "routed"
    print_run(run)
    assert ("90,000.0 frames per second at 90.0 MHz (routed)" in capsys.readouterr().out) == (fps is not None)
