"""Simulators of single RTL modules: a module, parameters, and a C++ file that drives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from designs import FAST_FLAGS

from fpga_squeeze.verify.cosim import runtime_objects
from fpga_squeeze.verify.tools import compile_objects, find_compiler, find_verilator, link

TESTS = Path(__file__).parent


def build_bench(
    folder: Path,
    top: str,
    sources: Mapping[str, str],
    driver: str,
    parameters: Mapping[str, object] | None = None,
) -> Path:
    """The program of ``driver``, a file beside the tests, around module ``top``; ``sources`` are texts by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in sources.items():
        (folder / name).write_text(text)
    verilator, compiler = find_verilator(), find_compiler()
    values = [f"-G{name}={value}" for name, value in (parameters or {}).items()]
    done = verilator.run(["--cc", "-Wall", "--no-timing", *values, "-y", ".", f"{top}.sv"], folder)
    assert done.returncode == 0, done.stderr
    include, model = verilator.include_dir(), folder / "obj_dir"
    flags = [*FAST_FLAGS.compile, f"-I{include}", f"-I{include / 'vltstd'}", f"-I{model}"]
    parts = [*sorted(model.glob("*.cpp")), TESTS / driver]
    objects = compile_objects(compiler, parts, flags, folder / "objects", unit=FAST_FLAGS.unit)
    link(compiler, [*objects, *runtime_objects(compiler, include)], ("-pthread",), folder / "bench")
    return folder / "bench"


def vector(values: Iterable[int], width: int = 32) -> str:
    """Integers as one constant of ``width`` bits each, the first in the lowest, as -G takes it."""
    fields = list(values)
    return f"{len(fields) * width}'h{sum(value << (i * width) for i, value in enumerate(fields)):x}"
