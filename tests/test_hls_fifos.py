"""FIFOs between kernels of a graph are deep enough: every kernel a thread, every stream as deep as its pragma says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import FAST_BUILD, HEADER, needs_tools, random_foldings
from random_graphs import graph_images, random_graph_qmodel

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.words import write_test_data
from fpga_squeeze.network import golden
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import tune_stores
from fpga_squeeze.verify import tools
from fpga_squeeze.verify.csim import csim_flags

BOUNDED = Path(__file__).parent / "bounded"
STOPPED = 5
"""Exit code of a design in which every kernel waits for another one."""


def random_plan(seed: int) -> Plan:
    """A random graph whose stores are as small as the planner makes them."""
    rng = np.random.default_rng(seed)
    model = random_graph_qmodel(rng, max_size=12, max_blocks=4)
    return tune_stores(build_plan(model, random_foldings(rng, model)))


def in_threads(folder: Path, depth: int | None) -> None:
    """Changes the emitted top: kernels run in threads, streams have their depths, or ``depth``."""
    top = folder / "fsq_top.cpp"
    text = re.sub(r" *FSQ_TAP.*\n", "", top.read_text())
    text = re.sub(r"^    ((?:kernels|fsq)::.*\));$", r"    FSQ_START(\1)", text, flags=re.MULTILINE)
    if depth is not None:
        text = re.sub(r"(FSQ_FIFO\w*\(\w+_rows), \d+\)", rf"\1, {depth})", text)
    text = re.sub(r"\n\}\s*$", "\n    FSQ_JOIN\n}\n", text)
    top.write_text(text.replace("#include", '#include "fsq_threads.hpp"\n#include', 1))
    pragmas = folder / "fsq_pragmas.hpp"
    fifo = re.compile(r"^(#define FSQ_FIFO\w*\(name, words\))$", re.MULTILINE)
    text, count = fifo.subn(r"\1 name.set_depth(words);", pragmas.read_text())
    assert count == 3
    pragmas.write_text(text)


def run_threads(plan: Plan, seed: int, folder: Path, depth: int | None = None) -> int:
    """Two frames; the exit code is 0 where the logits are golden's."""
    images = graph_images(np.random.default_rng(seed), plan.model.input.shape, 2)
    emit_hls(plan, folder / "hls", HEADER, "bambu")
    in_threads(folder / "hls", depth)
    write_test_data(plan, golden.run(plan.model, images), images, folder / "data")
    compiler = tools.find_compiler()
    flags = [*FAST_BUILD, "-pthread", "-I", str(BOUNDED), *csim_flags(folder / "hls")]
    sources = [*sorted((folder / "hls").glob("*.cpp")), folder / "hls" / "tb" / "csim_main.cpp"]
    objects = tools.compile_objects(compiler, sources, flags, folder / "o")
    tools.link(compiler, objects, ["-pthread"], folder / "bounded")
    (folder / "out").mkdir()
    data, out = folder / "data", folder / "out"
    command: list[str | Path] = [folder / "bounded", data / "images.bin", "2", out, data]
    return subprocess.run(command, capture_output=True, check=False, timeout=300).returncode


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 7])
def test_no_kernel_waits_for_ever(seed: int, tmp_path: Path) -> None:
    plan = random_plan(seed)
    assert plan.stores
    assert run_threads(plan, seed, tmp_path) == 0


@needs_tools
@pytest.mark.slow
def test_shallow_fifos_stop(tmp_path: Path) -> None:
    """The same test finds FIFOs that are too small."""
    assert run_threads(random_plan(0), 0, tmp_path, depth=2) == STOPPED
