"""Cosimulation: the RTL built with Verilator, fed with frames over AXI4-Stream, every stream recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..emit.words import frame_beats, write_beats
from ..errors import FpgaSqueezeError
from ..paths import resource_dir
from ..planning.plan import Plan
from .cache import cache_dir, content_key, is_fresh, locked, mark_fresh
from .tools import Verilator, compile_objects, find_compiler, find_verilator, first_error, link

REQUIRED = ("--cc", "--top-module", "fsq_cosim_top", "-Wall", "--no-timing")


@dataclass(frozen=True)
class Flags:
    """Flags of Verilator and of the C++ compiler; the defaults are the best of the table in bench/README.md."""

    verilator: tuple[str, ...] = (
        "-O3",
        "--x-assign",
        "fast",
        "--x-initial",
        "fast",
        "--output-split",
        "8000",
    )
    compiler: tuple[str, ...] = ("-O2", "-fno-math-errno")
    unit: int = 250_000
    """Bytes of C++ that are compiled as one."""

    @property
    def compile(self) -> tuple[str, ...]:
        return ("-std=gnu++17", *self.compiler)


DEFAULT_FLAGS = Flags()
QUIET_CYCLES = 2_000_000


@dataclass(frozen=True)
class CosimTiming:
    """Cycles counted by the simulation.

    first_beat          cycle in which the kernels took the first input beat
    frame_ends          cycle in which the last logit of each frame was taken from them
    error               what stopped the simulation, or what its ports did not do as they should
    shell_frame_cycles  of the last frame, as the shell counts them; None without a shell
    shell_job_cycles    of all frames, from its start to their logits in memory
    """

    first_beat: int
    frame_ends: tuple[int, ...]
    error: str | None = None
    shell_frame_cycles: int | None = None
    shell_job_cycles: int | None = None

    @property
    def latency_cycles(self) -> int | None:
        """From the first input beat to the last output of the first frame, both included."""
        return self.frame_ends[0] - self.first_beat + 1 if self.frame_ends else None

    @property
    def cycles_per_frame(self) -> int | None:
        """Interval between the last outputs of the last two frames; None with one frame."""
        return self.frame_ends[-1] - self.frame_ends[-2] if len(self.frame_ends) > 1 else None


def build_cosim(
    rtl: Path, build: Path, on_step: Callable[[str], None] | None = None, flags: Flags = DEFAULT_FLAGS
) -> Path:
    """Build the simulator of the RTL in folder ``rtl``; an unchanged design is not built again.

    Returns the program. Raises FpgaSqueezeError where a tool is missing or the RTL does not pass ``-Wall``.
    """
    compiler, verilator = find_compiler(), find_verilator()
    main = resource_dir("sim") / "cosim_main.cpp"
    inputs = [
        *sorted(rtl.glob("*.sv")),
        *sorted(rtl.glob("*.vlt")),
        rtl / "fsq_taps.h",
        rtl / "files.f",
        main,
        *sorted(main.parent.glob("*.hpp")),
    ]
    missing = [p for p in inputs if not p.is_file()]
    if missing:
        raise FpgaSqueezeError(f"{missing[0]} is missing; generate the project again")
    key = content_key(inputs, verilator.binary, compiler, *REQUIRED, *flags.verilator, *flags.compile)
    program = build / "cosim"
    with locked(build):
        if not is_fresh(program, key):
            shutil.rmtree(build, ignore_errors=True)
            _build(rtl, build, program, compiler, verilator, main, flags, on_step)
            mark_fresh(program, key)
    return program


def _build(
    rtl: Path,
    build: Path,
    program: Path,
    compiler: str,
    verilator: Verilator,
    main: Path,
    flags: Flags,
    on_step: Callable[[str], None] | None,
) -> None:
    """Verilate the RTL in ``rtl``, compile in ``build``, link ``program``."""
    build.mkdir(parents=True)
    model = build / "model"
    if on_step:
        on_step("verilator")
    done = verilator.run(
        [
            *REQUIRED,
            *flags.verilator,
            "--Mdir",
            str(model),
            "lint_waivers.vlt",
            "-f",
            "files.f",
            "fsq_cosim_top.sv",
        ],
        rtl,
    )
    if done.returncode:
        raise FpgaSqueezeError(f"{rtl}: Verilator refuses the RTL: {first_error(done.stderr)}")
    include = verilator.include_dir()
    folders = [include, include / "vltstd", model, rtl, main.parent]
    options = [*flags.compile, *(f"-I{folder}" for folder in folders)]
    objects = compile_objects(
        compiler, [*sorted(model.glob("*.cpp")), main], options, build / "objects", on_step, flags.unit
    )
    objects += runtime_objects(compiler, include, flags.compile, on_step)
    link(compiler, objects, ("-pthread",), program)
    shutil.rmtree(build / "objects")


def runtime_objects(
    compiler: str,
    include: Path,
    flags: tuple[str, ...] = DEFAULT_FLAGS.compile,
    on_step: Callable[[str], None] | None = None,
) -> list[Path]:
    """Objects of Verilator's own runtime in ``include``, compiled once for all designs."""
    sources = [include / "verilated.cpp", include / "verilated_threads.cpp"]
    folder = cache_dir() / f"verilated-{content_key([*sources, include / 'verilated.h'], compiler, *flags)}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            options = [*flags, f"-I{include}", f"-I{include / 'vltstd'}"]
            compile_objects(compiler, sources, options, Path(scratch) / "objects", on_step)
            try:
                os.replace(Path(scratch) / "objects", folder)
            except OSError:  # another process was faster
                if not folder.is_dir():
                    raise
    return [folder / f"{source.stem}.o" for source in sources]


def _read_report(path: Path) -> CosimTiming:
    ends: list[int] = []
    found: dict[str, str] = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        key, _, value = line.partition(" ")
        if key == "frame_end":
            ends.append(int(value))
        found[key] = value

    def shell(key: str) -> int | None:
        return int(found[key]) if key in found else None

    return CosimTiming(
        int(found.get("first_beat", 0)),
        tuple(ends),
        found.get("error"),
        shell("shell_frame_cycles"),
        shell("shell_job_cycles"),
    )


def run_cosim_program(
    program: Path,
    rtl: Path,
    plan: Plan,
    images: npt.NDArray[np.uint8],
    folder: Path,
    stalls: int = 0,
    quiet_cycles: int = QUIET_CYCLES,
) -> CosimTiming:
    """Stream uint8 images [N, H, W, C] through the simulator; leaves one file per stream in ``folder``.

    ``stalls`` seeds random stalls on both AXI4-Streams, 0 means none. A deadlock or a protocol error stands in the
    result's ``error``; raises FpgaSqueezeError where the simulator itself fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        beats = Path(scratch) / "beats.bin"
        write_beats(images, beats)
        command = [
            str(program.resolve()),
            str(beats),
            str(len(images)),
            str(frame_beats(images)),
            str(plan.model.output.shape.channels),
            str(stalls),
            str(quiet_cycles),
            str(folder.resolve()),
        ]
        # the parameter memories are read from files beside the RTL when the simulator starts
        done = subprocess.run(command, cwd=rtl, text=True, capture_output=True, check=False)
    if done.returncode not in (0, 3):
        reason = first_error(done.stderr + done.stdout)
        return CosimTiming(0, (), f"the simulator stopped with code {done.returncode}: {reason}")
    return _read_report(folder / "report.txt")
