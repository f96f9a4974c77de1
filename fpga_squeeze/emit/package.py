"""Packages of a project for other tools: IP-XACT, FuseSoC, scripts of Vivado for boards, a list of files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..device.boards import CONTROL_BASE, HIGH_BASE, MEMORY_BASE, Board, boards_of
from ..device.catalogue import Device, Family, find_device
from ..device.clock import Clock
from ..planning.plan import Plan
from ..planning.shell import ShellPlan
from .ports import Bus, buses, read_ports
from .registers import ID, REGISTERS, VERSION, Access, name_hash
from .render import write
from .shell import config

VENDOR, LIBRARY = "fpga_squeeze", "accelerators"
IP_VERSION = "1.0"
"""Of the package; that of the registers is a register of its own."""
SPAN = 4096
"""Bytes that a slave takes at least (AMBA AXI protocol, Address structure: no burst crosses 4 KB)."""
DMA_BURST = 16
"""Beats of a burst of the vendor's DMA, which stands before the streams: what AXI3 ports take."""
DMA_LENGTH_BITS = 26
"""Bits of its register for the bytes of a transfer: the most there are (PG021, Width of Buffer Length Register)."""
ACCESS: dict[Access, tuple[str, str | None]] = {
    "read": ("read-only", None),
    "write": ("read-write", None),
    "pulse": ("write-only", None),
    "clear": ("read-write", "oneToClear"),
}
"""Access of a register in IP-XACT's words, and what a write does where that is more than to write."""
FAMILIES: dict[Family, str] = {"zynq-7000": "zynq", "artix-7": "artix7", "zynq-ultrascale+": "zynquplus"}
"""Vivado's names of families."""


@dataclass(frozen=True)
class Bench:
    """What FuseSoC simulates: ``frames`` frames of ``beats`` beats in, ``classes`` logits out of each."""

    frames: int
    beats: int
    classes: int


def component_name(network: str) -> str:
    """Name of the package of a network."""
    return "fsq_" + re.sub(r"\W", "_", network, flags=re.ASCII)


def package_name(network: str) -> str:
    """Vendor, library, name and version of the package of a network, as FuseSoC and Vivado write them."""
    return f"{VENDOR}:{LIBRARY}:{component_name(network)}:{IP_VERSION}"


def emit_package(
    plan: Plan,
    shell: ShellPlan | None,
    project: Path,
    header: dict[str, object],
    device: Device | None,
    clock: Clock,
    bench: Bench,
) -> None:
    """Write the packages of a ``project`` whose RTL and test data are there.

    ``component.xml`` and ``fsq.core`` lie in the project itself, since both name only files beneath them; a Verilog
    top level, scripts and ``files.f`` in ``package/``. Scripts are those of the boards that carry ``device``, without
    one of all boards.
    """
    top = "fsq_system" if shell else "fsq_top"
    rtl = project / "rtl"
    ports = read_ports(rtl / f"{top}.sv")
    interfaces = buses(ports)
    sources = [f"rtl/{name}" for name in (rtl / "files.f").read_text(encoding="ascii").split()]
    context: dict[str, object] = {
        "header": header,
        "vlnv": package_name(plan.model.name),
        "vendor": VENDOR,
        "library": LIBRARY,
        "name": component_name(plan.model.name),
        "version": IP_VERSION,
        "network": plan.model.name,
        "top": top,
        "shell": shell,
        "ports": ports,
        "buses": [_bus(bus, shell) for bus in interfaces],
        "interfaces": {
            port.name: f"xilinx.com:{bus.library}:{bus.kind}:1.0 {bus.name} {logical}"
            for bus in interfaces
            for logical, port in bus.ports
        },
        "axi": ":".join(bus.name for bus in interfaces if bus.library == "interface"),
        "registers": [_register(one.name, shell) for one in REGISTERS] if shell else [],
        "span": SPAN,
        "memory_bytes": 1 << shell.address_bits if shell else 0,
        "families": FAMILIES.values(),
        "sources": sources,
        "memories": [p.relative_to(project).as_posix() for p in sorted((rtl / "params").glob("*.mem"))],
        "headers": [p.relative_to(project).as_posix() for p in sorted((project / "sim").glob("cosim_*.hpp"))],
        "bench": bench,
    }
    write(project / "component.xml", "package/component.xml.j2", context)
    write(project / "fsq.core", "package/fsq.core.j2", context)
    package = project / "package"
    for file in ("fsq_ip.v", "files.f", "package_ip.tcl"):
        write(package / file, f"package/{file}.j2", context)
    for board in boards_of(device):
        more = {"board": board, **_board(board, shell, clock, bench)}
        write(package / f"{board.name}.tcl", "package/board.tcl.j2", context | more)
        if board.pins:
            write(package / f"{board.name}.xdc", "package/board.xdc.j2", context | more)


def _bus(bus: Bus, shell: ShellPlan | None) -> dict[str, object]:
    """A bus interface with its parameters, named as Vivado's bus definitions name them."""
    parameters: dict[str, object] = {}
    if bus.kind == "axis":
        parameters = {"TDATA_NUM_BYTES": bus.width("TDATA") // 8, "HAS_TREADY": 1, "HAS_TLAST": 1}
        parameters |= {"HAS_TKEEP": 0, "HAS_TSTRB": 0, "TID_WIDTH": 0, "TDEST_WIDTH": 0, "TUSER_WIDTH": 0}
    elif bus.kind == "aximm":
        lite = "AWLEN" not in dict(bus.ports)
        parameters = {
            "PROTOCOL": "AXI4LITE" if lite else "AXI4",
            "DATA_WIDTH": bus.width("WDATA"),
            "ADDR_WIDTH": bus.width("AWADDR"),
        }
        if shell and not lite:
            parameters |= {
                "ID_WIDTH": bus.width("AWID"),
                "MAX_BURST_LENGTH": shell.burst,
                "SUPPORTS_NARROW_BURST": 0,
            }
    elif bus.kind == "reset":
        parameters = {"POLARITY": "ACTIVE_LOW"}
    elif bus.kind == "interrupt":
        parameters = {"SENSITIVITY": "LEVEL_HIGH"}
    return {
        "bus": bus,
        "parameters": parameters,
        "memory_map": bus.name if bus.kind == "aximm" and bus.mode == "slave" else None,
        "address_space": bus.name if bus.kind == "aximm" and bus.mode == "master" else None,
    }


def _register(name: str, shell: ShellPlan | None) -> dict[str, object]:
    """A register, with what it reads after a reset where that is known."""
    assert shell
    known = {
        "id": ID,
        "version": VERSION,
        "network": name_hash(shell.network),
        "config": config(shell),
        "frame_bytes": shell.frame_bytes,
        "result_bytes": shell.result_bytes,
        "classes": shell.classes,
    }
    (one,) = (register for register in REGISTERS if register.name == name)
    access, modified = ACCESS[one.access]
    return {"register": one, "access": access, "modified": modified, "reset": known.get(name, 0)}


def _board(board: Board, shell: ShellPlan | None, clock: Clock, bench: Bench) -> dict[str, object]:
    """Numbers of a board's script."""
    family = find_device(board.device).family
    # without a processor frames and logits lie in block RAM: a power of two, as its controller takes
    needed = shell.frame_bytes + shell.result_bytes if shell else 8 * bench.beats + 4 * bench.classes
    memory = board.memory or max(SPAN, 1 << (needed - 1).bit_length())
    bus_bits = shell.bus_bits if shell else 64
    address_bits = 40 if family == "zynq-ultrascale+" else 32
    return {
        "family": family,
        "mhz": f"{clock.mhz:g}",
        "control_base": f"0x{CONTROL_BASE[family]:08X}",
        "span_hex": f"0x{SPAN:08X}",
        "memory_base": f"0x{MEMORY_BASE[family]:08X}",
        "memory_range": f"0x{memory:08X}",
        "memory_kib": memory >> 10,
        "high_base": f"0x{HIGH_BASE:09X}",
        # an accelerator planned for a Zynq-7000 has addresses of 32 bits
        "high_range": f"0x{board.high:08X}"
        if board.high and (not shell or shell.address_bits > 32)
        else None,
        "port_bits": 64 if family == "zynq-7000" else bus_bits,
        "masters": list(_masters(shell)),
        "dma": {"bits": address_bits, "burst": DMA_BURST, "length_bits": DMA_LENGTH_BITS},
    }


def _masters(shell: ShellPlan | None) -> Iterable[dict[str, str]]:
    """Interfaces that reach the memory, each with its address space, as Vivado calls them."""
    if shell:
        yield {"pin": "fsq/m_axi", "space": "fsq/m_axi"}
        return
    for side in ("MM2S", "S2MM"):
        yield {"pin": f"dma/M_AXI_{side}", "space": f"dma/Data_{side}"}
