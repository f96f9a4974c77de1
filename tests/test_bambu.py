"""The real Bambu over tiny designs, where it is installed: right, and broken on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from csim_helpers import HEADER
from random_graphs import graph_images, random_graph_qmodel
from random_models import random_qmodel

from fpga_squeeze import api
from fpga_squeeze.emit.hls import BAMBU_FIFOS, emit_hls
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import tune_stores
from fpga_squeeze.verify.hls.bambu import DEVICES, run_bambu
from fpga_squeeze.verify.hls.job import Job
from fpga_squeeze.verify.hls.tools import find_bambu
from fpga_squeeze.verify.hls.tops import WHOLE, find_tops, write_sources, write_words


def _missing() -> str:
    try:
        find_bambu()
    except FpgaSqueezeError as error:
        return str(error)
    return ""


MISSING = _missing()


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=MISSING or "-")
def test_bambu_makes_golden_rtl_of_a_kernel(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    write_qdq(random_qmodel(rng, min_size=8, max_size=10, max_fires=1, asymmetric=False), tmp_path / "q.onnx")
    project = api.generate(
        tmp_path / "q.onnx", tmp_path / "p", options=api.DesignOptions(lanes=8), dialect="bambu"
    )
    run = api.hls(project.path, kernel="pool10", frames=2)
    [kernel] = run.kernels
    last = project.plan.kernels[-1]
    assert run.good and kernel.verdict.values == 2 * last.outputs[0].words
    assert kernel.cycles and kernel.cycles >= last.inputs[0].words
    assert kernel.area.luts and kernel.area.flip_flops and "2024" in run.version

    source = project.hls / "fsq_divide.hpp"
    right = source.read_text()
    source.write_text(right.replace("result(up ? 1 : 0)", "result(up ? 2 : 1)"))
    assert source.read_text() != right
    run = api.hls(project.path, kernel="pool10", frames=2)
    assert not run.equal and run.mismatches > 0 and run.first is not None and run.first.kernel == "pool10"


def graph_plan() -> tuple[Plan, np.ndarray]:
    """A fork, stores, a sum, a concatenation and an average pool over 6x6 pixels, and two frames."""
    rng = np.random.default_rng(352)
    model = random_graph_qmodel(rng, min_size=6, max_size=7, max_blocks=3, max_channels=3)
    plan = tune_stores(build_plan(model, [Folding(2, 1, 1)] * len(graph_of(model).engines)))
    assert {"fork", "store", "add", "concat", "average_pool"} <= {kernel.kind for kernel in plan.kernels}
    return plan, graph_images(rng, model.input.shape, 2)


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=MISSING or "-")
def test_bambu_makes_golden_rtl_of_a_graph(tmp_path: Path) -> None:
    """All of it, with the FIFOs that stand beside the sources."""
    plan, images = graph_plan()
    emit_hls(plan, tmp_path / "hls", HEADER, "bambu")
    assert (tmp_path / "hls" / BAMBU_FIFOS).is_file()
    write_words(plan, images, tmp_path / "words")
    [top] = find_tops(plan, WHOLE)
    files = write_sources(top, tmp_path / "hls", "bambu", tmp_path / "work" / "src")
    device = DEVICES["zynq-7000"]
    job = Job(top, tmp_path / "work", tuple(files), tmp_path / "words", 2, device, 10.0, lambda _: None)
    verdict = run_bambu(job).verdict
    assert verdict.equal and verdict.values == 2 * plan.output.words
