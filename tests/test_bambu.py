"""The real Bambu over one tiny kernel, where it is installed: right, and broken on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_models import random_qmodel

from fpga_squeeze import api
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.verify.hls.tools import find_bambu


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

    source = project.hls / "fsq_avg_pool.hpp"
    right = source.read_text()
    source.write_text(right.replace("result(up ? 1 : 0)", "result(up ? 2 : 1)"))
    assert source.read_text() != right
    run = api.hls(project.path, kernel="pool10", frames=2)
    assert not run.equal and run.mismatches > 0 and run.first is not None and run.first.kernel == "pool10"
