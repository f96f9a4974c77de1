"""What Yosys maps the RTL to, kernel by kernel: the check on the estimate that needs no licence.

Every instance of ``fsq_top`` is synthesised by itself with ``synth_xilinx``, hierarchy kept, so that the instances run
in parallel and nothing is optimised across the border of a kernel. LUTs are counted before placement: one for each
LUT1 to LUT6 cell, although two small ones may share a site.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..device.catalogue import Device, Family
from ..device.shell import shell_parts
from ..planning.cost.estimate import Estimate, KernelEstimate, Shortage, Used, crowding, shortages
from .cache import is_fresh, locked, mark_fresh
from .parts import module_name, part_of
from .tools import jobs
from .yosys import WIRES, YOSYS_FAMILY, Modules, design_key, elaborated, kernel_of, read_modules

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
FORMAT = "2"
"""Of the file that is kept; another one makes it anew."""
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

    @property
    def all_luts(self) -> int:
        """LUTs of logic and of memory."""
        return self.luts + self.lut_memory

    def __add__(self, other: Resources) -> Resources:
        mine, theirs = asdict(self), asdict(other)
        return Resources(**{key: mine[key] + theirs[key] for key in mine})


Cells = dict[str, Counter[str]]
"""Primitives by the path of modules that they lie in, as :func:`~.parts.part_of` takes it."""


def _cells(modules: Modules, top: str) -> Cells:
    """Primitives of ``top`` and of all below it."""
    own = {name for name, module in modules.items() if "blackbox" not in module["attributes"]}
    out: Cells = {}

    def walk(module: str, path: str) -> None:
        here = out.setdefault(path, Counter())
        for cell in modules[module]["cells"].values():
            if cell["type"] in own:
                walk(cell["type"], f"{path}/{module_name(cell['type'])}")
            else:
                here[cell["type"]] += 1

    walk(top, module_name(top))
    return out


def map_modules(
    rtl: Path,
    build: Path,
    family: Family,
    on_step: Callable[[str], None] | None = None,
    luts: bool = True,
) -> dict[str, Cells]:
    """Primitives of every instance of ``fsq_top`` in folder ``rtl``, a kernel and its parameters under one name, and of
    the modules of a shell.

    Without ``luts`` it stops when block RAMs, UltraRAMs and DSPs are mapped, which takes a fraction of the time.
    Instances of the same module with the same parameters are mapped once. Raises FpgaSqueezeError where Yosys is
    missing or refuses the RTL.
    """
    with elaborated(rtl, build, on_step) as design:
        # before the end there are vendor cells with processes, which cannot be written
        rest = "; write_json" if luts else " -run :map_ffram; write_json -selected"
        instances = design.parts
        modules = list(dict.fromkeys(instances.values()))

        def one(number: int) -> Cells:
            top, file = modules[number], f"cells{number}.json"
            synth = f"{WIRES}synth_xilinx -family {YOSYS_FAMILY[family]} -top {top} -noiopad -noclkbuf"
            design.run(top, f"{synth}{rest} {file}")
            if on_step:
                names = [kernel_of(name) for name, module in instances.items() if module == top]
                on_step(f"mapped {', '.join(dict.fromkeys(names))}")
            return _cells(read_modules(design.work / file), top)

        with ThreadPoolExecutor(jobs()) as pool:
            mapped = dict(zip(modules, pool.map(one, range(len(modules))), strict=True))
    out: dict[str, Cells] = {}
    for name, module in instances.items():
        kernel = out.setdefault(kernel_of(name), {})
        for path, cells in mapped[module].items():
            kernel.setdefault(path, Counter()).update(cells)
    return out


def map_kernels(
    rtl: Path, build: Path, family: Family = "zynq-7000", luts: bool = True
) -> dict[str, Counter[str]]:
    """:func:`map_modules`, all cells of a kernel together."""
    mapped = map_modules(rtl, build, family, luts=luts)
    return {name: sum(cells.values(), Counter()) for name, cells in mapped.items()}


def synthesise(
    rtl: Path, build: Path, family: Family, on_step: Callable[[str], None] | None = None
) -> dict[str, dict[str, Resources]]:
    """:func:`map_modules`, counted by part; the result of an unchanged design is kept in folder ``build``."""
    key = design_key(rtl, family, FORMAT, WIRES)
    kept = build / "cells.json"
    with locked(build):
        if not is_fresh(kept, key):
            found = map_modules(rtl, build, family, on_step)
            kept.write_text(json.dumps(found, indent=1), encoding="utf-8")
            mark_fresh(kept, key)
        mapped = json.loads(kept.read_text(encoding="utf-8"))
    out: dict[str, dict[str, Resources]] = {}
    for name, modules in mapped.items():
        parts = out.setdefault(name, {})
        for path, cells in modules.items():
            part = part_of(path)
            parts[part] = parts.get(part, Resources()) + Resources.of(cells)
    return out


def totals(parts: Mapping[str, Mapping[str, Resources]]) -> dict[str, Resources]:
    """All parts of a kernel together."""
    return {name: sum(of_kernel.values(), Resources()) for name, of_kernel in parts.items()}


CELLS = {
    "logic LUTs": "luts",
    "LUT RAM": "lut_ram",
    "shift registers": "shift_registers",
    "RAMB36": "ramb36",
    "RAMB18": "ramb18",
    "URAM": "uram",
    "DSP": "dsp",
}
"""Fields of what Yosys counts, by their headings."""


@dataclass(frozen=True)
class Row:
    """A kernel, or the sum of all: what the estimate says, and what was mapped."""

    name: str
    estimate: Resources
    mapped: Resources

    def pairs(self, ultra: bool) -> dict[str, tuple[int, int]]:
        """(estimated, mapped) by resource."""
        return {
            text: (getattr(self.estimate, name), getattr(self.mapped, name))
            for text, name in CELLS.items()
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


@dataclass(frozen=True)
class EngineLuts:
    """LUTs of an engine, all kinds, beside its lanes.

    used  useful products per lane and cycle of the interval between frames
    """

    name: str
    luts: int
    lanes: int
    used: float

    @property
    def per_lane(self) -> float:
        return self.luts / self.lanes


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

    mapped  by name of the kernel; names that no kernel has are of what is around them: the AXI4-Stream output, a shell
    parts   the same by part of the kernel (see :mod:`.parts`)
    """

    estimate: Estimate
    mapped: Mapping[str, Resources]
    device: Device | None
    parts: Mapping[str, Mapping[str, Resources]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, estimate: Estimate, parts: Mapping[str, Mapping[str, Resources]], device: Device | None
    ) -> Synthesis:
        """From what was mapped by kernel and part."""
        return cls(estimate, totals(parts), device, parts)

    @property
    def rows(self) -> list[Row]:
        """A row per kernel, and one for each of the others."""
        estimated = {kernel.name: _estimated(kernel) for kernel in self.estimate.kernels}
        shell = shell_parts(self.estimate.room.shell.kind)
        estimated |= {name: Resources(luts=luts, lut_ram=memory) for name, (luts, memory) in shell.items()}
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
        return shortages(self._used, self.device) if self.device else ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the device holds, but may not clock."""
        return crowding(self._used, self.device) if self.device and not self.short else ()

    @property
    def _used(self) -> Used:
        t = self.total
        return Used(t.ramb36 + t.ramb18 / 2, t.uram, t.dsp, t.lut_memory, t.luts + t.lut_memory)

    @property
    def engines(self) -> list[EngineLuts]:
        """LUTs of every kernel that has lanes."""
        interval = self.estimate.cycles_per_frame
        return [
            EngineLuts(
                kernel.name,
                self.mapped[kernel.name].all_luts,
                kernel.lanes,
                kernel.lane_efficiency * kernel.cycles / interval,
            )
            for kernel in self.estimate.kernels
            if kernel.lane_efficiency is not None and kernel.name in self.mapped
        ]

    @property
    def part_luts(self) -> dict[str, dict[str, int]]:
        """LUTs, those used as memory with them, by part and kernel; the part that has most goes first."""
        found: dict[str, dict[str, int]] = {}
        for kernel, parts in self.parts.items():
            for part, resources in parts.items():
                if resources.all_luts:
                    found.setdefault(part, {})[kernel] = resources.all_luts
        return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))

    def to_json(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        engines = {engine.name: engine for engine in self.engines}
        luts = self.total.all_luts
        return {
            "device": self.device.name if self.device else None,
            "fits": None if self.device is None else not self.short,
            "short": [asdict(s) for s in self.short],
            "warnings": list(self.warnings),
            "differences": self.differences,
            "total": {"estimate": asdict(self.total_row.estimate), "mapped": asdict(self.total)},
            "kernels": [
                {
                    "name": row.name,
                    "estimate": asdict(row.estimate),
                    "mapped": asdict(row.mapped),
                    "luts_by_part": {
                        part: by_kernel[row.name]
                        for part, by_kernel in self.part_luts.items()
                        if row.name in by_kernel
                    },
                    "lanes": engines[row.name].lanes if row.name in engines else None,
                    "luts_per_lane": engines[row.name].per_lane if row.name in engines else None,
                    "lanes_used": engines[row.name].used if row.name in engines else None,
                }
                for row in self.rows
            ],
            "luts_by_part": {part: sum(kernels.values()) for part, kernels in self.part_luts.items()},
            "lanes": self.estimate.lanes,
            "luts_per_lane": luts / self.estimate.lanes if self.estimate.lanes else None,
            "lanes_used": self.estimate.lane_efficiency,
        }
