"""Kernels mapped flat, one netlist a module, kept as long as the design is unchanged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from ...device.catalogue import Family
from ..cache import is_fresh, locked, mark_fresh
from ..yosys import WIRES, YOSYS_FAMILY, Elaborated, check_kernel, design_key, elaborated, kernel_of
from .netlist import Design, Instance, Json, read_module

FORMAT = "2"
"""Of the files that are kept; another one makes them anew."""
_FLATTEN = "setattr -mod -unset keep_hierarchy *; flatten; opt_clean"
"""What lies in modules of its own on purpose (a multiplexer that is to be mapped as it stands) is dissolved last."""


def map_design(
    rtl: Path,
    build: Path,
    family: Family,
    kernel: str | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Design:
    """Mapped instances of ``fsq_top`` and of a shell: all, or those of one kernel, which then has no outputs.

    Instances of one module are mapped once. The design is flat within a kernel, as placers take it, so that logic is
    joined across the modules of the RTL.
    Raises FpgaSqueezeError where Yosys is missing or refuses the RTL, and for a kernel that is not there.
    """
    with locked(build):
        return _map_design(rtl, build, family, kernel, on_step)


def _map_design(
    rtl: Path, build: Path, family: Family, kernel: str | None, on_step: Callable[[str], None] | None
) -> Design:
    synth = synth_xilinx(family)
    key = design_key(rtl, synth, _FLATTEN, FORMAT)
    kept = build / "top.json"
    with ExitStack() as stack:

        @cache
        def design() -> Elaborated:
            return stack.enter_context(elaborated(rtl, build, on_step))

        if not is_fresh(kept, key):
            _keep_top(design(), kept)
            mark_fresh(kept, key)
        top = json.loads(kept.read_text(encoding="utf-8"))
        check_kernel(rtl, kernel, top["modules"])
        wanted = {
            name: module for name, module in top["modules"].items() if kernel in (None, kernel_of(name))
        }
        names = {module: kernel_of(name) for name, module in wanted.items()}
        netlists: dict[str, Json] = {}
        for module, name in names.items():
            file = build / f"{hashlib.sha256(module.encode()).hexdigest()[:16]}.json"
            if not is_fresh(file, key):
                if on_step:
                    on_step(f"map {name}")
                map_flat(design(), module, synth, file)
                mark_fresh(file, key)
            netlists[module] = read_module(file)
    instances = [
        Instance(kernel_of(name), netlists[module], top["cells"][name]) for name, module in wanted.items()
    ]
    return Design(instances, top["outputs"] if kernel is None else {})


def _keep_top(design: Elaborated, target: Path) -> None:
    """What the levels above the kernels hold: module and nets of every instance, and the nets of their outputs."""
    ports = design.whole["ports"]
    outputs = {port: ports[port]["bits"] for port in ports if ports[port]["direction"] == "output"}
    found = {"modules": design.parts, "cells": design.connections(), "outputs": outputs}
    target.write_text(json.dumps(found), encoding="utf-8")


def synth_xilinx(family: Family, clock_buffers: bool = False) -> str:
    """Command of Yosys that maps flat for a family, without pads."""
    buffers = "" if clock_buffers else " -noclkbuf"
    return f"{WIRES}synth_xilinx -flatten -family {YOSYS_FAMILY[family]} -noiopad{buffers}"


def map_flat(design: Elaborated, module: str, synth: str, target: Path, before: str = "") -> None:
    """Map a module with command ``synth`` to one flat netlist, without the black boxes of the library.

    ``before``: commands that change the module first.
    """
    name = "mapped"
    write = f"select {name}; write_json -selected flat.json"
    design.run(module, f"{before}rename -top {name}; {synth} -top {name}; {_FLATTEN}; {write}")
    (design.work / "flat.json").replace(target)
