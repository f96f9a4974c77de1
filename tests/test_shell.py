"""The shell around stand-ins of the kernels, in Verilator against cocotbext-axi's memory and processor."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip("cocotbext.axi", reason="cocotb and cocotbext-axi are not installed")

from cocotb_tools.runner import get_runner

from fpga_squeeze.emit.render import write
from fpga_squeeze.emit.shell import shell_context
from fpga_squeeze.paths import resource_dir
from fpga_squeeze.planning.shell import ShellPlan
from fpga_squeeze.verify.tools import find_verilator

HEADER = {"line": "A shell of the test suite.", "plan": "Stand-ins of kernels."}
NAME = "shell test"
"""As in shell_checks.py, which only cocotb can import."""
RTL = resource_dir("templates") / "rtl"
Edit = tuple[str, str, str]


def build(folder: Path, shell: ShellPlan, edit: Edit | None = None) -> Path:
    """Build the simulator of ``shell``; with ``edit`` (file, old text, new text) of a broken one."""
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
    get_runner("verilator").build(
        sources=[*sources, folder / "fsq_top.sv", folder / "fsq_system.sv"],
        hdl_toplevel="fsq_system",
        build_dir=folder / "build",
        build_args=["--no-timing", "-Wno-fatal", "-CFLAGS", "-O0"],
        timescale=("1ns", "1ps"),
        log_file=folder / "build.log",
    )
    return folder


def run(folder: Path, shell: ShellPlan, checks: list[str] | None = None) -> dict[str, bool]:
    """Run ``checks`` of shell_checks.py, else all of them; whether each was passed."""
    results = get_runner("verilator").test(
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
    return {case.attrib["name"]: case.find("failure") is None and case.find("error") is None for case in cases}
