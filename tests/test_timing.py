"""Static timing of RTL that Yosys maps: paths known by construction, a kernel of a project, and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fpga_squeeze import api
from fpga_squeeze.cli import main
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.project.project import Project
from fpga_squeeze.verify.timing.report import time_design
from fpga_squeeze.verify.timing.results import Timing
from fpga_squeeze.verify.timing.speed import speed_of

CHAIN = Path(__file__).parent / "rtl" / "timing_chain.sv"
HOP = 0.60
"""ns of a wire to one load (fpga_squeeze/verify/timing/speed.py)."""


def _design(folder: Path, *edits: tuple[str, str]) -> Path:
    """The chains as a design on disk, with text replaced."""
    text = CHAIN.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    rtl = folder / "rtl"
    rtl.mkdir(parents=True)
    (rtl / CHAIN.name).write_text(text)
    (rtl / "files.f").write_text(f"{CHAIN.name}\n")
    return rtl


def _time(rtl: Path, clock_mhz: float = 100, **more: object) -> Timing:
    steps: list[str] = []
    kernel = more.get("kernel")
    result = time_design(
        rtl,
        rtl.parent / "build",
        find_device("xc7z020"),
        clock_mhz,
        str(kernel) if kernel else None,
        steps.append,
    )
    assert steps == more.get("steps", steps)
    return result


@pytest.mark.slow
def test_paths_known_by_construction(tmp_path: Path) -> None:
    rtl = _design(tmp_path)
    result = _time(rtl, 310, steps=["elaborate", "map first", "map third"])
    first, second, third = result.kernels
    assert (first.name, second.name, third.name) == ("first", "second", "third")
    # four gates between registers: clock to output, four wires of one load, four LUTs by their fastest pin, but for the
    # first, both inputs of which come at the same time
    slowest = first.paths[0]
    assert (first.levels, first.most_levels, slowest.levels) == (4, 4, 4)
    assert slowest.start.word == "first.d_q" and slowest.end.signal == "first.last_q"
    assert slowest.start.module == slowest.end.module == "timing_chain"
    assert slowest.logic_ns == pytest.approx(0.303 + 0.238 + 3 * 0.127)
    assert slowest.route_ns == pytest.approx(4 * HOP)
    assert first.fmax_mhz == pytest.approx(1000 / slowest.delay_ns)
    # a register in the middle leaves two
    assert [second.levels, third.levels] == [2, 2] and second.delay_ns == third.delay_ns < first.delay_ns
    # from kernel to kernel: through one gate into six registers; to the port as many
    crossing = result.between[0]
    assert crossing.kernels == ("first", "second") and crossing.levels == 1
    assert crossing.delay_ns == pytest.approx(0.303 + HOP + 0.238 + speed_of(result.device).wire(6))
    assert any(not path.inside and path.end.signal == "q" for path in result.between)
    # the clock of all is that of the slowest kernel
    assert result.slowest is first and result.fmax_mhz == first.fmax_mhz
    assert not result.met and result.slack_ns(first.delay_ns) == pytest.approx(1000 / 310 - first.delay_ns)

    # nothing is mapped again where nothing changed; one kernel by itself is the same, without the others
    assert _time(rtl, 310, steps=[]) == result
    alone = _time(rtl, kernel="second", steps=[])
    assert alone.kernels == (second,) and alone.between == () and alone.met

    # with the register taken out the second kernel's path grows to four gates
    (grown,) = _time(_design(tmp_path / "grown", (".CUT(1)", ".CUT(0)")), kernel="second").kernels
    assert grown.levels == 4 and grown.delay_ns == pytest.approx(first.delay_ns)

    with pytest.raises(FpgaSqueezeError, match="there is no kernel fifth; there are first, second, third"):
        _time(rtl, kernel="fifth")


@pytest.mark.slow
def test_rtl_with_a_loop_is_told(tmp_path: Path) -> None:
    rtl = _design(tmp_path, (".a(d_q[0])", ".a(s4)"), ("CUT ? middle_q : s2", "s2"))
    with pytest.raises(FpgaSqueezeError, match="a loop of 4 cells without a register passes first.s"):
        _time(rtl, kernel="first")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return api.generate(
        output=tmp_path_factory.mktemp("timing") / "digits", options=api.DesignOptions(lanes=8)
    )


@pytest.mark.slow
def test_a_kernel_of_a_project(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(project.path)
    assert main(["timing", path, "--kernel", "pool10"]) == 0
    out = capsys.readouterr().out
    assert "XC7Z020 (7 series -1), 100 MHz asked for" in out and "pool10: slowest paths" in out
    assert "(fsq_" in out and "widest nets: pool10." in out and "meets 100 MHz" in out

    assert main(["timing", path, "--kernel", "pool10", "--clock-mhz", "400", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (kernel,) = told["kernels"]
    assert kernel["paths"][0]["delay_ns"] == kernel["delay_ns"] == pytest.approx(2.5 - kernel["slack_ns"])
    assert told["met"] is False and told["fmax_mhz"] == kernel["fmax_mhz"] < 400
    assert 1 <= kernel["levels"] <= kernel["most_levels"] and len(kernel["paths"]) == 5
    assert kernel["paths"] == sorted(kernel["paths"], key=lambda one: -one["delay_ns"])
    assert kernel["fan_outs"][0]["loads"] >= kernel["fan_outs"][-1]["loads"] > 1


def test_bad_input_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(project.path)
    for arguments, complaint in (
        (["--clock-mhz", "0"], "--clock-mhz 0: give a clock above 0 MHz, for example 100"),
        (["--device", "xc7z999"], "unknown device 'xc7z999'"),
    ):
        assert main(["timing", path, *arguments]) == 2
        err = capsys.readouterr().err.strip().splitlines()
        assert len(err) == 1 and complaint in err[0]


def test_grades_of_devices() -> None:
    grades = {name: speed_of(find_device(name)) for name in ("xc7z020", "xc7z045", "zu9eg", "zu3eg", "kv260")}
    assert [speed.name for speed in grades.values()] == [
        "7 series -1",
        "7 series -2",
        "UltraScale+ -2",
        "UltraScale+ -1, -2LV",
        "UltraScale+ -1, -2LV",
    ]
    delays = [speed.cells + speed.wire(4) for speed in grades.values()]
    assert delays[0] > delays[1] > delays[3] == delays[4] > delays[2]
