"""A small design behind its shell as a shared library that drivers are tested on, and their files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
from designs import FAST_FLAGS, HEADER
from pynq_stand_in import Board
from random_models import random_images, random_qmodel

from fpga_squeeze.emit.drivers import emit_drivers
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.paths import resource_dir
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.shell import ShellPlan
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.verify.cache import locked
from fpga_squeeze.verify.cosim import runtime_objects
from fpga_squeeze.verify.tools import compile_objects, find_compiler, find_verilator, link

TESTS = Path(__file__).parent
BASE = 0x8_4000_0000
"""Of the memory: beyond 32 bits."""
FRAMES = 5
C_FLAGS = ("-x", "c", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1")


@dataclass(frozen=True)
class Bench:
    """Drivers in ``folder/dma`` and ``folder/stream``; ``library`` is the board, ``logits`` golden's of ``images``."""

    folder: Path
    library: Path
    plan: Plan
    shell: ShellPlan
    images: np.ndarray
    logits: IntArray

    @property
    def bitfile(self) -> Path:
        return self.folder / "design.bit"

    def sources(self, kind: str) -> dict[str, str]:
        """Texts of a driver's Python by file name."""
        return {path.name: path.read_text() for path in sorted((self.folder / kind / "python").glob("*.py"))}

    @property
    def rtl(self) -> Path:
        return self.folder / "rtl"

    @contextmanager
    def beside_rtl(self) -> Iterator[None]:
        """In the folder from which the simulation reads its weights."""
        before = Path.cwd()
        os.chdir(self.rtl)
        try:
            yield
        finally:
            os.chdir(before)

    @contextmanager
    def python(self, kind: str, sources: dict[str, str] | None = None) -> Iterator[tuple[Any, Board]]:
        """The module ``accelerator`` of a driver, or of these sources, on a board of its own."""
        board = Board(self.library)
        texts = sources or self.sources(kind)
        with self.beside_rtl(), patch.dict(sys.modules, board.modules()):
            for name in ("fsq_network", "fsq_common", "accelerator"):
                sys.modules[name] = ModuleType(name)
                exec(compile(texts[f"{name}.py"], f"{name}.py", "exec"), vars(sys.modules[name]))
            yield sys.modules["accelerator"], board

    def compile_c(self, sources: list[Path], folder: Path) -> dict[str, Path]:
        """Objects of C files by name, without a warning; headers beside the first one count."""
        includes = [f"-I{sources[0].parent}", f"-I{TESTS / 'xil'}", f"-I{self.folder / 'dma' / 'c'}"]
        objects = compile_objects(find_compiler(), sources, [*C_FLAGS, *includes], folder)
        return {path.stem: path for path in objects}

    def link_c(self, objects: dict[str, Path], program: Path) -> Path:
        """The program of objects, with the board."""
        link(
            find_compiler(), [*objects.values(), self.library], [f"-Wl,-rpath,{self.library.parent}"], program
        )
        return program


def make_bench(folder: Path, shared: Path) -> Bench:
    """The bench of a design with an odd number of classes, frames of no whole beats; the board lies in ``shared``."""
    rng = np.random.default_rng(15)
    model = random_qmodel(
        rng,
        min_size=5,
        max_size=7,
        max_fires=1,
        max_channels=5,
        in_channels=3,
        asymmetric=False,
        first_kernel=3,
    )
    plan = build_plan(model, [Folding(1, 1, 1)] * len(graph_of(model).engines))
    shape = model.input.shape
    pixels = shape.channels * shape.height * shape.width
    shell = ShellPlan(model.name, pixels, model.output.shape.channels, 128, 40)
    assert shell.classes % 2 and pixels % 8 and shell.frame_bytes % 16, "not hard enough"
    emit_rtl(plan, folder / "rtl", HEADER, shell)
    cycles = schedule(plan).cycles_per_frame
    for kind, around in (("dma", shell), ("stream", None)):
        emit_drivers(plan, folder / kind, HEADER, around, cycles, 100.0)
    (folder / "design.bit").touch()
    images = random_images(rng, model, FRAMES)
    logits = golden.run(model, images)["logits"].reshape(FRAMES, -1)
    bench = Bench(folder, shared / "board.so", plan, shell, images, logits)
    with locked(shared):
        if not bench.library.exists():
            _build(bench)
    return bench


def _build(bench: Bench) -> None:
    models = bench.folder / "models"
    verilator, compiler = find_verilator(), find_compiler()
    include = verilator.include_dir()
    flags = (*FAST_FLAGS.compile, "-fPIC")
    tops = ("fsq_system", "fsq_top")
    folders = [include, include / "vltstd", resource_dir("sim"), *(models / top for top in tops)]
    options = [
        *flags,
        f"-DFSQ_BASE={BASE:#x}ull",
        f"-DFSQ_BUS_BYTES={bench.shell.bus_bits // 8}",
        *(f"-I{one}" for one in folders),
    ]
    models.mkdir()
    objects = runtime_objects(compiler, include, flags)
    for top in tops:
        arguments = ["--cc", "--no-timing", "--top-module", top, "--Mdir", str(models / top)]
        done = verilator.run([*arguments, "lint_waivers.vlt", "-f", "files.f"], bench.rtl)
        assert done.returncode == 0, done.stderr
        sources = sorted((models / top).glob("*.cpp"))
        objects += compile_objects(compiler, sources, options, models / top / "objects", unit=FAST_FLAGS.unit)
    objects += compile_objects(compiler, [TESTS / "driver_sim.cpp"], options, models / "objects")
    link(compiler, objects, ("-shared", "-pthread"), bench.library)
