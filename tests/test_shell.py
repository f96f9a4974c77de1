"""The shell around stand-ins of the kernels, in Verilator against cocotbext-axi's memory and processor."""

from __future__ import annotations

import os
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from fpga_squeeze.emit.registers import markdown
from fpga_squeeze.emit.render import write
from fpga_squeeze.emit.shell import shell_context
from fpga_squeeze.paths import resource_dir
from fpga_squeeze.planning.shell import ShellPlan
from fpga_squeeze.verify.tools import find_verilator

pytest.importorskip("cocotbext.axi", reason="cocotb and cocotbext-axi are not installed")
runner = pytest.importorskip("cocotb_tools.runner", reason="cocotb and cocotbext-axi are not installed")

HEADER = {"line": "A shell of the test suite.", "plan": "Stand-ins of kernels."}
NAME = "shell test"
"""As in shell_checks.py, which only cocotb can import."""
RTL = resource_dir("templates") / "rtl"
Edit = tuple[str, str, str]

NARROW = ShellPlan(NAME, pixels=187, classes=75, bus_bits=64, address_bits=32)
"""Frames of 24 words, logits of 38, the last one half full: more than a burst of either."""
WIDE = ShellPlan(NAME, pixels=417, classes=7, bus_bits=128, address_bits=40)
"""Frames of 53 words, which are no whole beats."""
SMALL = ShellPlan(NAME, pixels=5, classes=1, bus_bits=128, address_bits=32)
"""A word in, half a word out."""


def build(folder: Path, shell: ShellPlan, edit: Edit | None = None, like: Path | None = None) -> Path:
    """Build the simulator of ``shell``; with ``edit`` (file, old text, new text) of a broken one.

    ``like``: a folder where another one was built, whose objects of Verilator's and cocotb's own sources are taken.
    """
    folder.mkdir()
    if like:
        shutil.copytree(like / "build", folder / "build")
        for path in (folder / "build").glob(
            "verilated*.o"
        ):  # make takes them for older than its new makefile
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 3600))
    write(folder / "fsq_system.sv", "rtl/system.sv.j2", {"header": HEADER, "shell": shell_context(shell)})
    sources = [*sorted((RTL / "shell").glob("*.sv")), *sorted((RTL / "memory").glob("*.sv"))]
    core = (Path(__file__).parent / "rtl" / "shell_core.sv").read_text()
    core = core.replace("WORDS   = 24", f"WORDS = {shell.frame_words}")
    (folder / "fsq_top.sv").write_text(core.replace("CLASSES = 10", f"CLASSES = {shell.classes}"))
    if edit:
        file, old, new = edit
        (at,) = (n for n, path in enumerate(sources) if path.name == file)
        text = sources[at].read_text()
        assert text.count(old) == 1, f"{file} holds {text.count(old)} times {old!r}"
        (folder / file).write_text(text.replace(old, new))
        sources[at] = folder / file
    verilator = find_verilator()
    os.environ["PATH"] = f"{Path(verilator.binary).parent}{os.pathsep}{os.environ['PATH']}"
    if verilator.root:
        os.environ["VERILATOR_ROOT"] = str(verilator.root)
    runner.get_runner("verilator").build(
        sources=[*sources, folder / "fsq_top.sv", folder / "fsq_system.sv"],
        hdl_toplevel="fsq_system",
        build_dir=folder / "build",
        build_args=["--no-timing", "-Wno-fatal", "-CFLAGS", "-O0"],
        timescale=("1ns", "1ps"),
        log_file=folder / "build.log",
    )
    return folder


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shell") / "narrow", NARROW)


def run(folder: Path, shell: ShellPlan, checks: list[str] | None = None) -> dict[str, bool]:
    """Run ``checks`` of shell_checks.py, else all of them; whether each was passed."""
    results = runner.get_runner("verilator").test(
        hdl_toplevel_lang="verilog",
        hdl_toplevel="fsq_system",
        test_module="shell_checks",
        build_dir=folder / "build",
        test_dir=folder,
        testcase=checks,
        results_xml=str(folder / "results.xml"),
        log_file=folder / "test.log",
        extra_env={"FSQ_FRAME_BYTES": str(shell.frame_bytes), "FSQ_CLASSES": str(shell.classes)},
    )
    cases = ElementTree.parse(results).iter("testcase")
    return {
        case.attrib["name"]: case.find("failure") is None and case.find("error") is None for case in cases
    }


def passes(folder: Path, shell: ShellPlan, checks: list[str] | None = None) -> None:
    results = run(folder, shell, checks)
    failed = [name for name, passed in results.items() if not passed]
    assert not failed, f"{failed}: {(folder / 'test.log').read_text()[-3000:]}"
    assert len(results) == (len(checks) if checks else 11)


@pytest.mark.slow
def test_beats_of_64_bits(narrow: Path) -> None:
    passes(narrow, NARROW)


@pytest.mark.slow
def test_beats_of_128_bits(narrow: Path, tmp_path: Path) -> None:
    passes(build(tmp_path / "wide", WIDE, like=narrow), WIDE)


@pytest.mark.slow
def test_frames_of_less_than_a_beat(narrow: Path, tmp_path: Path) -> None:
    shell = build(tmp_path / "small", SMALL, like=narrow)
    passes(shell, SMALL, ["frames_anywhere", "everybody_waits_at_random", "reset_at_any_time"])


BROKEN: tuple[tuple[Edit, str], ...] = (
    # a burst may start between the answer to the last one and the reset
    (("fsq_job.sv", "= stop_q || clear_q;  //", "= stop_q;  //"), "reset_at_any_time"),
    # bursts begin where the frame does, and so cross 4 KB
    (("fsq_bursts.sv", "(WORDS_W + 1)'(word_q[BLOCK_LOG-1:0])", "'0"), "frames_anywhere"),
    # a burst of logits starts before its beats are there
    (("fsq_writer.sv", "whole_q >= COUNT_W'(beats)", "whole_q != '0"), "reset_at_any_time"),
    # the bytes behind the logits are written
    (("fsq_writer.sv", "{4{there[i]}}", "4'hf"), "frames_anywhere"),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "check"), BROKEN, ids=lambda value: value[0] if isinstance(value, tuple) else ""
)
def test_broken_shell_is_seen(narrow: Path, tmp_path: Path, edit: Edit, check: str) -> None:
    assert run(build(tmp_path / "broken", NARROW, edit, narrow), NARROW, [check]) == {check: False}


def test_docs_show_the_registers() -> None:
    docs = Path(__file__).parent.parent / "docs" / "shell.md"
    assert docs.read_text().endswith("\n" + markdown()), (
        "put markdown() of fpga_squeeze/emit/registers.py there"
    )
