"""The shell around stand-ins of the kernels, in Verilator against cocotbext-axi's memory and processor."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import verilator_env
from designs import RtlDesign, smallest
from test_cli import Capture, works

from fpga_squeeze import api
from fpga_squeeze.api import DesignOptions, Way
from fpga_squeeze.cli.command import generate_command
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.room import WHOLE_DEVICE, Room, Shell
from fpga_squeeze.device.shell import BUS_BITS, INTERCONNECT_LUTS, ShellKind, shell_parts
from fpga_squeeze.emit.registers import markdown
from fpga_squeeze.emit.render import write
from fpga_squeeze.emit.shell import shell_context
from fpga_squeeze.paths import resource_dir
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.shell import ShellPlan, plan_shell
from fpga_squeeze.project.project import load_project
from fpga_squeeze.verify.synthesis import Resources, Synthesis, synthesise, totals
from fpga_squeeze.verify.timing.analysis import Arrivals, TimingGraph
from fpga_squeeze.verify.timing.mapping import map_design
from fpga_squeeze.verify.timing.netlist import build_netlist
from fpga_squeeze.verify.timing.report import time_design
from fpga_squeeze.verify.timing.speed import speed_of
from fpga_squeeze.verify.tools import find_verilator

pytest.importorskip("cocotbext.axi", reason="cocotb and cocotbext-axi are not installed")
runner = pytest.importorskip("cocotb_tools.runner", reason="cocotb and cocotbext-axi are not installed")

HEADER = {"line": "A shell of the test suite.", "plan": "Stand-ins of kernels."}
NAME = "shell test"
"""As in shell_checks.py, which only cocotb can import."""
ZYNQ = find_device("XC7Z020")
RTL = resource_dir("templates") / "rtl"
CORE = Path(__file__).parent / "rtl" / "fsq_top.sv"
Edit = tuple[str, str, str]

NARROW = ShellPlan(NAME, pixels=187, classes=75, bus_bits=64, address_bits=32)
"""Frames of 24 words, logits of 38, the last one half full: more than a burst of either."""
WIDE = ShellPlan(NAME, pixels=417, classes=7, bus_bits=128, address_bits=40)
"""Frames of 53 words, which are no whole beats."""
SMALL = ShellPlan(NAME, pixels=5, classes=1, bus_bits=128, address_bits=32)
"""A word in, half a word out."""


def sources() -> list[Path]:
    """RTL of a shell, and what it takes from others."""
    return [*sorted((RTL / "shell").glob("*.sv")), *sorted((RTL / "memory").glob("*.sv"))]


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
    files = sources()
    core = CORE.read_text().replace("WORDS   = 24", f"WORDS = {shell.frame_words}")
    (folder / "fsq_top.sv").write_text(core.replace("CLASSES = 10", f"CLASSES = {shell.classes}"))
    if edit:
        file, old, new = edit
        (at,) = (n for n, path in enumerate(files) if path.name == file)
        text = files[at].read_text()
        assert text.count(old) == 1, f"{file} holds {text.count(old)} times {old!r}"
        (folder / file).write_text(text.replace(old, new))
        files[at] = folder / file
    with pytest.MonkeyPatch.context() as patch:
        for name, value in verilator_env().items():
            patch.setenv(name, value)
        runner.get_runner("verilator").build(
            sources=[*files, folder / "fsq_top.sv", folder / "fsq_system.sv"],
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
    with contextlib.suppress(SystemExit):  # which says that a check was not passed
        runner.get_runner("verilator").test(
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
    cases = ElementTree.parse(folder / "results.xml").iter("testcase")
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
    (("fsq_job.sv", "= emptying_q;  // clear_q as well", "= stop_q;  //"), "reset_at_any_time"),
    # bursts begin where the frame does, and so cross 4 KB
    (("fsq_bursts.sv", "(WORDS_W + 1)'(word_q[BLOCK_LOG-1:0])", "'0"), "frames_anywhere"),
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


@pytest.fixture(scope="module")
def plan() -> Plan:
    return build_plan(smallest(), [Folding(1, 1, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", BUS_BITS)
def test_cosim_through_the_shell(plan: Plan, tmp_path: Path, kind: ShellKind) -> None:
    """The kernels in their planned cycles, behind a shell or behind none; the shell counts about as many."""
    images = np.random.default_rng(1).integers(0, 256, (3, 7, 5, 3), dtype=np.uint8)
    design = RtlDesign.of_plan(plan, tmp_path, shell=kind)
    design.check(images, kind, (7,))
    _, timing = design.simulate(images)
    assert timing.shell_job_cycles and timing.shell_frame_cycles and timing.cycles_per_frame
    assert abs(timing.shell_frame_cycles - timing.cycles_per_frame) < 20
    assert 0 < timing.shell_job_cycles - (timing.frame_ends[-1] - timing.first_beat) < 200
    if kind == "dma128":  # halves of beats in each other's place; logits a beat too far
        design.edit("fsq_reader.sv", "data_o = upper_q ?", "data_o = !upper_q ?")
        design.edit("fsq_writer.sv", "awaddr_q <= word;", "awaddr_q <= word + 2;")
        comparison, timing = design.simulate(images)
        assert comparison.mismatches > 0 and timing.error == "the shell writes elsewhere"


def test_parts_of_a_shell() -> None:
    """What is kept for a shell of ours is what its modules take, and what is allowed for the interconnect."""
    for kind, bits in BUS_BITS.items():
        shell = Shell.of(kind)
        assert shell.own_luts == sum(map(sum, shell_parts(kind).values())) > bits
        assert shell.luts - shell.own_luts == INTERCONNECT_LUTS > 0 == shell.ramb36 and str(shell) == kind
    for room, kept in ((Room(70), 0), (Room(70, Shell.of("dma")), 132)):
        assert ZYNQ.lut_memory - room.of(ZYNQ).lut_memory == kept
    assert Room(70, Shell.of("dma")).whole == Room(95, Shell.of("dma")) and Room(70).whole == WHOLE_DEVICE
    assert "3,246 LUTs kept for the shell dma: 847 of it" in str(Room(70, Shell.of("dma")))


def emitted(folder: Path, shell: ShellPlan) -> Path:
    """Folder of the RTL of a shell around a stand-in, as a project has it."""
    rtl = folder / "rtl"
    (rtl / "params").mkdir(parents=True)
    for path in (*sources(), CORE):
        shutil.copyfile(path, rtl / path.name)
    write(rtl / "fsq_system.sv", "rtl/system.sv.j2", {"header": HEADER, "shell": shell_context(shell)})
    (rtl / "files.f").write_text("\n".join(path.name for path in rtl.glob("*.sv")))
    return rtl


@pytest.mark.slow
def test_mapped_shell_is_as_estimated(tmp_path: Path) -> None:
    """LUT RAM exactly, and logic of no more than what is kept for it."""
    rtl = emitted(tmp_path, NARROW)
    mapped = totals(synthesise(rtl, tmp_path / "build", ZYNQ.family))
    assert set(mapped) == set(shell_parts("dma"))
    numbers = api.estimate(options=DesignOptions(lanes=16, room=Room(85, Shell.of("dma"))))
    rows = {row.name: row for row in Synthesis(numbers, mapped, ZYNQ).rows if row.name in mapped}
    for name, (luts, _) in shell_parts("dma").items():
        assert not rows[name].differences and 0.8 * luts < rows[name].mapped.luts <= luts, rows[name].mapped
    # a beat more or less would be told
    more = {"fsq_dma": replace(mapped["fsq_dma"], lut_ram=mapped["fsq_dma"].lut_ram + 4)}
    assert any("fsq_dma: LUT RAM" in text for text in Synthesis(numbers, mapped | more, ZYNQ).differences)


LEVELS = 4
"""Most LUT levels of a path of a shell, to its kernels too; docs/shell.md."""


@pytest.mark.slow
def test_paths_of_a_shell_are_short(tmp_path: Path) -> None:
    """For the widest one. Registers and DMA are parts of their own, joined with what is around them."""
    kind: ShellKind = "dma128"
    shell = ShellPlan(NAME, 150528, 1000, BUS_BITS[kind], 40)
    rtl, build = emitted(tmp_path, shell), tmp_path / "build"
    timing = time_design(rtl, build, ZYNQ, 100)
    assert {kernel.name for kernel in timing.kernels} == set(shell_parts(kind))
    design = map_design(rtl, build, ZYNQ.family)  # netlists are kept
    arrivals = Arrivals(TimingGraph(build_netlist(design, "shell"), "shell"), speed_of(ZYNQ), ports=True)
    deepest = arrivals.deepest()
    assert deepest
    path = arrivals.path(deepest, by_levels=True)
    assert max(kernel.most_levels for kernel in timing.kernels) <= path.levels <= LEVELS, path
    assert {"fsq_registers", "fsq_dma"} in [set(path.kernels) for path in timing.between]
    for instance in design.instances:  # and mapped flat its memories are those that the estimate counts
        cells = Counter(cell["type"] for cell in instance.module["cells"].values())
        assert Resources.of(cells).lut_ram == shell_parts(kind)[instance.kernel][1], instance.kernel


@pytest.mark.slow
def test_project_with_a_shell(capsys: Capture, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    made = works(capsys, "generate", "--lanes", 24, "--device", "xc7z020", "--shell", "dma", "-o", folder)
    assert "shell: fsq_system, registers over AXI4-Lite, memory over AXI4 with 64 bits" in made
    project = load_project(folder)
    assert project.manifest.room == Room(85, Shell.of("dma"))
    assert project.shell == plan_shell(project.plan, "dma", "zynq-7000")
    assert (folder / "sim" / "cosim_shell.hpp").is_file()
    files = (folder / "rtl" / "files.f").read_text().split()
    assert {"fsq_system.sv", "fsq_dma.sv", "fsq_registers.sv"} <= set(files)
    lint = ["--lint-only", "-Wall", "--no-timing", "lint_waivers.vlt", "--top-module"]
    for top, more in (("fsq_system", []), ("fsq_cosim_top", ["fsq_cosim_top.sv"])):
        done = find_verilator().run([*lint, top, "-f", "files.f", *more], folder / "rtl")
        assert done.returncode == 0, done.stderr
    told = works(capsys, "estimate", folder)
    assert "shell dma: 847 LUTs more, as Yosys maps it; 2,399 are allowed for" in told
    assert told.splitlines()[-1].startswith("fits XC7Z020 (up to 95 % of its LUTs, 3,246 LUTs")
    data = json.loads(works(capsys, "estimate", folder, "--json"))
    assert data["room"]["shell"] == {"luts": 3246, "ramb36": 0, "kind": "dma"}
    # one whose kernels stand alone has nothing of it
    works(capsys, "generate", "--lanes", 24, "--shell", "stream", "-o", folder)
    assert load_project(folder).shell is None
    assert not any(
        "system" in name or "dma" in name for name in (folder / "rtl" / "files.f").read_text().split()
    )


def test_way_out_keeps_the_shell() -> None:
    options = DesignOptions(device="xc7z007s", room=Room(5, Shell.of("dma")))
    way = Way(room=options.kept_room.whole)
    assert "--lut-ceiling 95 --shell dma" in generate_command(None, options, way)
