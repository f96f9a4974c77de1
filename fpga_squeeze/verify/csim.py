"""C simulation: compile the emitted HLS C++ with the C++ compiler of the machine, run frames through it."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..emit.words import write_beats
from ..errors import FpgaSqueezeError
from ..paths import resource_dir
from .cache import content_key, is_fresh, locked, mark_fresh
from .tools import compile_objects, find_ac_headers, find_compiler, find_hls_headers, first_error, link

OPTIMISE = ("-O2",)
UNDERRUN = "read while empty"
"""What the HLS headers say on standard output when a kernel reads a word that was never written."""
LEFTOVER = "contains leftover data"
"""And when a stream ends with words that no kernel has read."""


Integers = Literal["native", "vendor", "ac"]
"""What stands for ap_int: native integers that wrap to their width, the vendor's classes, or Algorithmic C's."""


def csim_flags(hls_folder: Path, integers: Integers = "native") -> list[str]:
    """Compiler flags of a C simulation; raises FpgaSqueezeError where the headers of the integers are missing."""
    return [*_options(integers), "-I", str(hls_folder), "-I", str(hls_folder / "tb")]


def _options(integers: Integers) -> list[str]:
    flags = ["-std=c++14", "-Wall", "-Wextra", "-DFSQ_CSIM"]
    match integers:
        case "native":
            return [*flags, "-DFSQ_CSIM_NATIVE", "-isystem", str(find_hls_headers())]
        case "vendor":
            return [*flags, "-isystem", str(find_hls_headers())]
        case "ac":
            return [*flags, "-I", str(_ac_adapter()), "-isystem", str(find_ac_headers())]
        case _:
            assert_never(integers)


def _ac_adapter() -> Path:
    """Folder of ap_int.h and hls_stream.h over Algorithmic C."""
    return resource_dir("sim") / "ac_types"


def build_csim(
    hls_folder: Path,
    build_folder: Path,
    on_step: Callable[[str], None] | None = None,
    *,
    optimise: tuple[str, ...] = OPTIMISE,
    integers: Integers = "native",
    together: bool = False,
) -> Path:
    """Compile and link the HLS C++ of ``hls_folder``; returns the program. Sources that did not change are not rebuilt.

    ``integers`` are the same values by three libraries; native ones are about ten times as fast as the vendor's.
    ``together`` compiles all sources as one, a quarter of the work where they are compiled once. ``on_step`` gets the
    name of each compiled file.
    """
    sources = [*sorted(hls_folder.glob("*.cpp")), hls_folder / "tb" / "csim_main.cpp"]
    if len(sources) < 2 or not sources[-1].is_file():
        raise FpgaSqueezeError(
            f"{hls_folder}: no HLS C++ of fpga-squeeze is there; generate the project first"
        )
    compiler = find_compiler()
    flags = [*optimise, *csim_flags(hls_folder, integers)]
    headers = [*hls_folder.glob("*.hpp"), *(hls_folder / "tb").glob("*.hpp"), *_ac_adapter().glob("*.h")]
    # the folder itself does not count: a copied design is not built again
    common = content_key(headers, compiler, *optimise, *_options(integers))
    keys = [content_key([source], common) for source in sources]
    program = build_folder / "csim"
    whole = content_key([], *keys)
    with locked(build_folder):
        if is_fresh(program, whole):
            return program
        if together:
            everything = sum(source.stat().st_size for source in sources)
            objects = compile_objects(compiler, sources, flags, build_folder, on_step, everything)
        else:
            objects = [build_folder / f"{source.stem}.o" for source in sources]
            stale = [(s, o, k) for s, o, k in zip(sources, objects, keys, strict=True) if not is_fresh(o, k)]
            compile_objects(compiler, [source for source, _, _ in stale], flags, build_folder, on_step)
            for _, target, key in stale:
                mark_fresh(target, key)
        link(compiler, objects, [], program)
        mark_fresh(program, whole)
    return program


def run_csim_program(
    program: Path, images: npt.NDArray[np.uint8], out_folder: Path, timeout: float | None = None
) -> None:
    """Run images [N, H, W, C] through a built simulation.

    Leaves one file of words per kernel and ``logits.bin`` (int32) in ``out_folder``. Raises FpgaSqueezeError where the
    program fails, does not end within ``timeout`` seconds, or a kernel reads a word that was never written.
    """
    out_folder.mkdir(parents=True, exist_ok=True)
    beats = out_folder / "images.beats"
    write_beats(images, beats)
    command = [str(program), str(beats), str(len(images)), str(out_folder)]
    leftover = False
    with tempfile.TemporaryFile("w+") as errors:
        try:
            run = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=errors)
        except OSError as error:
            raise FpgaSqueezeError(f"csim: {program} does not start: {error.strerror}") from error
        late = threading.Event()

        def stop() -> None:
            late.set()
            run.kill()

        clock = threading.Timer(timeout, stop) if timeout else None
        if clock:
            clock.start()
        with run:
            for line in run.stdout or ():
                if UNDERRUN in line:  # such a kernel may go on reading for ever
                    run.kill()
                    raise FpgaSqueezeError(
                        "csim: a kernel read a word that was never written; in hardware it would wait forever"
                    )
                leftover |= LEFTOVER in line
        if clock:
            clock.cancel()
        if late.is_set():
            raise FpgaSqueezeError(f"csim: the program did not end within {timeout:g} s")
        if run.returncode < 0:
            raise FpgaSqueezeError(f"csim: the program was stopped by signal {-run.returncode}")
        if run.returncode:
            errors.seek(0)
            raise FpgaSqueezeError(f"csim: {first_error(errors.read())}")
    if leftover:
        raise FpgaSqueezeError(
            "csim: a kernel left words unread; in hardware they would stay for the next frame"
        )
