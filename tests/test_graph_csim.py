"""Designs of graphs in C simulation: every value of every stream, with stages and row buffers of any number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from csim_helpers import (
    FAST_BUILD,
    HEADER,
    check_equal,
    mismatches,
    needs_ac,
    needs_tools,
    random_foldings,
    replaced,
    run_emitted,
)
from random_graphs import graph_images, random_graph_qmodel
from seeds import SEED

from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS, Dialect
from fpga_squeeze.network import golden
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.weight_memories import FORMATS
from fpga_squeeze.verify.compare import compare_run
from fpga_squeeze.verify.csim import Integers, build_csim, run_csim_program
from fpga_squeeze.verify.dataflow import check_dataflow
from fpga_squeeze.verify.pragmas import check_folder, read_source
from fpga_squeeze.verify.terms import compare_fed_terms

Images = npt.NDArray[np.uint8]
MODULES, PLACES = 9, 14
"""Seeds of graphs: an engine of four stages and three row buffers; one whose rows are read at two places."""


def random_case(seed: int) -> tuple[Plan, Images]:
    """A random graph with random foldings, formats and products per DSP, and two frames for it."""
    rng = np.random.default_rng(seed)
    model = random_graph_qmodel(rng, max_size=14)
    formats = [FORMATS[i] for i in rng.integers(0, len(FORMATS), len(graph_of(model).engines))]
    multipliers = Multipliers(1 + seed % 2)
    plan = build_plan(model, random_foldings(rng, model), multipliers=multipliers, formats=formats)
    return plan, graph_images(rng, model.input.shape, 2)


def check(plan: Plan, images: Images, folder: Path, dialect: Dialect, integers: Integers = "native") -> None:
    """Equal to golden in every stream and every term."""
    emit_hls(plan, folder / "hls", HEADER, dialect)
    check_equal(run_emitted(plan, images, folder, integers=integers), plan)
    reference = golden.run(plan.model, images)
    assert compare_run(plan, folder / "out", reference, images, compare_fed_terms).equal


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, MODULES, 13])
def test_random_graphs(seed: int, tmp_path: Path) -> None:
    plan, images = random_case(seed)
    check(plan, images, tmp_path, DIALECTS[seed % 2])


@needs_tools
@pytest.mark.slow
@pytest.mark.fuzz
def test_drawn_random_graph(tmp_path: Path) -> None:
    check(*random_case(SEED), tmp_path, "vitis")


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("integers", ["vendor", pytest.param("ac", marks=needs_ac)])
def test_other_integers_give_the_same(integers: Integers, tmp_path: Path) -> None:
    check(*random_case(15), tmp_path, "bambu", integers)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("seed", [MODULES, PLACES])
def test_rows_of_every_buffer_settle(seed: int, tmp_path: Path) -> None:
    """The dependence pragmas say what is true of engines with several places of reading, too."""
    plan, images = random_case(seed)
    if seed == MODULES:
        assert max(len(engine.buffers) for engine in plan.engines) == 3
        assert any(any(engine.flips) for engine in plan.engines)
    else:
        assert any(len(engine.cursors) > len(engine.buffers) for engine in plan.engines)
    emit_hls(plan, tmp_path / "hls", HEADER)
    checked = (*FAST_BUILD, "-DFSQ_CHECK_HAZARDS")
    program = build_csim(tmp_path / "hls", tmp_path / "build", optimise=checked)
    run_csim_program(program, images, tmp_path / "out", timeout=120)
    check_equal(mismatches(plan, images, tmp_path / "out"), plan)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_pragmas_and_dataflow(dialect: Dialect, tmp_path: Path) -> None:
    plan, _ = random_case(MODULES)
    emit_hls(plan, tmp_path, HEADER, dialect)
    report = check_folder(tmp_path, dialect)
    assert not report.violations, "\n".join(map(str, report.violations))
    if dialect == "vitis":
        assert report.seen["dependence"] >= 2 * sum(len(engine.buffers) > 1 for engine in plan.engines)
    assert [str(v) for v in check_dataflow(read_source(tmp_path / "fsq_top.cpp"))] == []


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda top: top.replace("_fork_kernel(conv1_rows, conv1_", "_fork_kernel(conv1_rows, image_"),
        replaced("    fsq::output<", "    kernels::conv1_kernel(image_rows, conv1_rows);\n    fsq::output<"),
    ],
    ids=["branch", "twice"],
)
def test_broken_dataflow_of_a_graph(change: Callable[[str], str], tmp_path: Path) -> None:
    plan, _ = random_case(0)
    emit_hls(plan, tmp_path, HEADER)
    path = tmp_path / "fsq_top.cpp"
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    found = [str(v) for v in check_dataflow(read_source(path))]
    assert found and any("producers" in text or "no stream" in text for text in found)


@needs_tools
@pytest.mark.slow
def test_clang_has_nothing_to_say(tmp_path: Path) -> None:
    clang = pytest.importorskip("test_clang", reason="libclang is not here: it is in the test extras")
    plan, _ = random_case(MODULES)
    emit_hls(plan, tmp_path, HEADER)
    vendor = clang.parsed_headers(tmp_path)
    for source in sorted(tmp_path.glob("*.cpp")):
        assert clang.diagnostics(source, *vendor) == []
