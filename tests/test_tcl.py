"""run_hls.tcl, run by a Tcl interpreter with stand-ins for the commands of Vitis HLS; what it asks for is then done."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import test_compressed_csim as compressed
from csim_helpers import HEADER, needs_tools, replaced

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.words import write_test_data
from fpga_squeeze.network import golden
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.verify.tools import find_compiler, find_hls_headers, link

STUBS = Path(__file__).parent / "vitis_hls_stubs.tcl"
NASTY = Path("a b [c] $d") / "[exec touch pwned]" / "{x;y \"z'"
PART = "xc7z045ffg900-2"
TKINTER = """
import os, sys, tkinter
tcl = tkinter.Tcl()  # takes the command exit away
tcl.createcommand("exit", lambda code="0": os._exit(int(code)))
tcl.call("set", "argv", tcl.call("list", *sys.argv[2:]))
tcl.evalfile(sys.argv[1])
"""


def interpreters() -> dict[str, list[str]]:
    """Commands that run a Tcl script: tclsh, and the Tcl inside Python's tkinter."""
    found = {}
    if tclsh := shutil.which("tclsh"):
        found["tclsh"] = [tclsh]
    if importlib.util.find_spec("_tkinter"):
        found["tkinter"] = [sys.executable, "-c", TKINTER]
    return found


INTERPRETERS = interpreters()
pytestmark = pytest.mark.skipif(
    not INTERPRETERS, reason="no Tcl: install tclsh (Debian: apt-get install tcl) or Python's tkinter"
)


@dataclass(frozen=True)
class Emitted:
    """HLS C++ of a small design with its tool script and test data."""

    plan: Plan
    frames: int
    folder: Path


@dataclass(frozen=True)
class Run:
    """A run of the script: commands in order, as words."""

    code: int
    errors: str
    calls: list[list[str]]

    def of(self, command: str) -> list[list[str]]:
        return [call[1:] for call in self.calls if call[0] == command]


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    plan, images = compressed.small_case(("dense", "huffman", "dense"))
    folder = tmp_path_factory.mktemp("tcl") / NASTY / "hls"
    emit_hls(plan, folder, HEADER, "vitis", PART, 125.0)
    write_test_data(plan, golden.run(plan.model, images), images, folder / "tb" / "data")
    return Emitted(plan, len(images), folder)


def run_script(
    script: Path,
    work: Path,
    *arguments: str,
    failing: str = "-",
    interpreter: str = next(iter(INTERPRETERS), ""),
) -> Run:
    """Run ``script`` from the folder ``work``, as a user of the tool would."""
    record = work / "record.txt"
    record.unlink(missing_ok=True)
    command = [*INTERPRETERS[interpreter], str(STUBS), str(record), failing, str(script), *arguments]
    done = subprocess.run(command, cwd=work, text=True, capture_output=True, check=False)
    lines = record.read_text().splitlines() if record.exists() else []
    calls = [[bytes.fromhex(word).decode() for word in line.split(" ")] for line in lines]
    return Run(done.returncode, done.stderr, calls)


@pytest.mark.parametrize("interpreter", list(INTERPRETERS))
@pytest.mark.parametrize("cosim", [False, True])
def test_calls(emitted: Emitted, interpreter: str, cosim: bool, tmp_path: Path) -> None:
    run = run_script(
        emitted.folder / "run_hls.tcl", tmp_path, *(["cosim"] if cosim else []), interpreter=interpreter
    )
    assert (run.code, run.errors) == (0, "")
    bench = ["-O", "-argv", f"data/images.bin {emitted.frames} . data"]
    design = [f"{kernel.name}.cpp" for kernel in emitted.plan.kernels]
    flags = ["-cflags", "-std=c++14", "-csimflags", "-std=c++14 -DFSQ_CSIM"]
    assert run.calls == [
        ["open_project", "-reset", "fsq_hls"],
        ["set_top", "fsq_top"],
        *(["add_files", file, *flags] for file in [*design, "fsq_top.cpp"]),
        ["add_files", "-tb", "tb/csim_main.cpp", "-cflags", "-std=c++14 -DFSQ_CSIM"],
        ["add_files", "-tb", "tb/data"],
        ["open_solution", "-reset", "solution", "-flow_target", "vivado"],
        ["set_part", PART],
        ["create_clock", "-period", "8.000", "-name", "default"],
        ["csim_design", *bench],
        ["csynth_design"],
        *([["cosim_design", *bench]] if cosim else []),
        ["exit", str(emitted.folder)],
    ]
    assert {file.name for file in emitted.folder.glob("*.cpp")} == {*design, "fsq_top.cpp"}
    assert [file.name for file in tmp_path.iterdir()] == ["record.txt"]
    assert not list(emitted.folder.rglob("pwned"))


@pytest.mark.parametrize("failing", ["csim_design", "csynth_design", "cosim_design"])
def test_failure_ends_the_script(emitted: Emitted, failing: str, tmp_path: Path) -> None:
    run = run_script(emitted.folder / "run_hls.tcl", tmp_path, "cosim", failing=failing)
    assert run.code == 1 and f"'{failing}' failed" in run.errors
    assert run.calls[-1][0] == failing


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("set_top fsq_top", "set_top", "set_top: 0 names"),
        ("csynth_design\n", "csynth_design -flatten\n", "UG1399 knows no option -flatten"),
        ("-tb tb/data", "-tb tb/date", "there is no tb/date"),
        ("-flow_target vivado", "-flow_target vivid", "-flow_target vivid"),
        ("create_clock", "create_clocks", 'invalid command name "create_clocks"'),
    ],
)
def test_wrong_script_is_seen(emitted: Emitted, old: str, new: str, message: str, tmp_path: Path) -> None:
    folder = shutil.copytree(emitted.folder, tmp_path / "hls")
    script = folder / "run_hls.tcl"
    script.write_text(replaced(old, new)(script.read_text()))
    run = run_script(script, tmp_path)
    assert run.code == 1 and message in run.errors
    assert run.calls[-1][0] != "exit"


def test_project_without_test_data(emitted: Emitted, tmp_path: Path) -> None:
    folder = shutil.copytree(emitted.folder, tmp_path / "hls")
    shutil.rmtree(folder / "tb" / "data")
    run = run_script(folder / "run_hls.tcl", tmp_path)
    assert run.code == 1 and "there is no tb/data" in run.errors


# --------------------------------------------------------------------------- what the script asks for, done by g++


def compile_added(emitted: Emitted, run: Run, objects: Path, design_flags: str) -> list[Path]:
    """Objects of every file that the script adds; its design files with the option ``design_flags``."""
    objects.mkdir()
    built = []
    for arguments in run.of("add_files"):
        bench = arguments[0] == "-tb"
        (name, *options) = arguments[1:] if bench else arguments
        source = emitted.folder / name
        if source.is_dir():
            continue
        flags = dict(zip(options[::2], options[1::2], strict=True))["-cflags" if bench else design_flags]
        target = objects / f"{source.stem}.o"
        command = [find_compiler(), *shlex.split(flags), "-isystem", str(find_hls_headers())]
        subprocess.run([*command, "-c", name, "-o", str(target)], cwd=emitted.folder, check=True)
        built.append(target)
    return built


def run_bench(emitted: Emitted, program: Path, argv: str, build: Path) -> tuple[int, list[str]]:
    """Exit code and lines of the test bench; UG1399, Output of C Simulation: it runs beside copies of its files."""
    build.mkdir()
    shutil.copytree(emitted.folder / "tb" / "data", build / "data")
    done = subprocess.run(
        [program, *shlex.split(argv)], cwd=build, text=True, capture_output=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def flip_bit(file: Path) -> None:
    data = np.fromfile(file, np.uint8)
    data[-1] ^= 1
    data.tofile(file)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "design_flags"),
    [("csim_design", "-csimflags"), ("cosim_design", "-cflags")],
    ids=["csim", "cosim"],
)
def test_bench_passes_and_fails(emitted: Emitted, command: str, design_flags: str, tmp_path: Path) -> None:
    """C simulation compares every stream; a design without taps, as cosimulation may have it, its logits."""
    run = run_script(emitted.folder / "run_hls.tcl", tmp_path, "cosim")
    program = tmp_path / "csim.exe"
    link(find_compiler(), compile_added(emitted, run, tmp_path / "objects", design_flags), (), program)
    ((*_, argv),) = run.of(command)
    kernels = [kernel.name for kernel in emitted.plan.kernels]
    names = [*(kernels if command == "csim_design" else []), "logits"]

    code, lines = run_bench(emitted, program, argv, tmp_path / "build")
    assert (code, lines) == (0, [*(f"{name:24} equal" for name in names), "PASS"])

    wrong = Emitted(emitted.plan, emitted.frames, shutil.copytree(emitted.folder, tmp_path / "wrong"))
    for name in {names[0], "logits"}:
        flip_bit(wrong.folder / "tb" / "data" / f"{name}.bin")
    code, lines = run_bench(wrong, program, argv, tmp_path / "wrong_build")
    assert (code, lines[0], lines[-2:]) == (1, f"{names[0]:24} DIFFERS", [f"{'logits':24} DIFFERS", "FAIL"])
