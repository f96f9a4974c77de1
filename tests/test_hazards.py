"""The dependence pragmas say what is true: no turn reads a row that a turn shortly before it has written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from csim_helpers import FAST_BUILD, HEADER, check_equal, mismatches, needs_tools, random_plan, replaced
from random_models import random_images, random_qmodel

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.verify.csim import build_csim, run_csim_program

CHECKED = (*FAST_BUILD, "-DFSQ_CHECK_HAZARDS")


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 12])
def test_rows_settle_before_they_are_read(seed: int, tmp_path: Path) -> None:
    """Every read of every row buffer, over three frames; without the gate's wait one comes too soon."""
    rng = np.random.default_rng(seed)
    model = random_qmodel(rng, signed_probability=0.3)
    plan, images = random_plan(rng, model), random_images(rng, model, 3)
    emit_hls(plan, tmp_path / "hls", HEADER)
    program = build_csim(tmp_path / "hls", tmp_path / "build", optimise=CHECKED, together=True)
    run_csim_program(program, images, tmp_path / "out", timeout=120)
    check_equal(mismatches(plan, images, tmp_path / "out"), plan)

    gates = tmp_path / "hls" / "fsq_gates.hpp"
    hasty = replaced("return rows_in >= need && settle == 0;", "return rows_in >= need;")
    gates.write_text(hasty(gates.read_text()))
    program = build_csim(tmp_path / "hls", tmp_path / "hasty", optimise=CHECKED, together=True)
    with pytest.raises(FpgaSqueezeError, match="a row is read too soon after it was written"):
        run_csim_program(program, images, tmp_path / "out", timeout=120)
