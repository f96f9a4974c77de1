"""Borders that a convolution leaves to the average behind it: the same logits, in golden, RTL and C++."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import check_equal, needs_tools, run_emitted
from designs import HEADER, RtlDesign
from model_equality import differences
from random_graphs import _Grower, quantised_graph
from random_models import random_images

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.borders import padded, trimmed
from fpga_squeeze.network.graph import IMAGE, AvgPool, FloatModel, Pads, Shape
from fpga_squeeze.network.integers import QAvgPool, QModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding


def _model(pads: Pads, relu: bool = True, kernel: int = 1) -> QModel:
    rng = np.random.default_rng(4)
    shape = Shape(3, 6, 5)
    g = _Grower(rng, shape, 5, 0, False)
    at = g.conv(IMAGE, 4, (3, 3), pads=(1, 1, 1, 1))
    at = g.conv(at, 7, (kernel, kernel), pads=pads, relu=relu)
    last = g.shapes[at]
    g.keep(AvgPool("average", (at,), (last.height, last.width), 1, (0, 0, 0, 0)))
    return quantised_graph(rng, FloatModel("border", shape, tuple(g.layers)))


CASES = {"all round": _model((1, 1, 1, 1)), "signed, two sides": _model((1, 0, 0, 1), relu=False)}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, tmp_path: Path) -> None:
    """The same logits from fewer pixels; the file holds the pads, and what is read from it is what it was."""
    model = CASES[name]
    inner = trimmed(model)
    conv, pool = inner.convs[-1], inner.layers[-1]
    assert isinstance(pool, QAvgPool)
    assert pool.border is not None and pool.border.any() and pool.is_global
    assert not any(conv.pads) and conv.output.shape == replace(conv.input.shape, channels=7)
    assert trimmed(inner) is inner
    images = random_images(np.random.default_rng(0), model, 4)
    logits = golden.run(model, images)["logits"]
    assert np.array_equal(golden.run(inner, images)["logits"], logits)
    assert not differences(padded(inner), model)
    write_qdq(inner, tmp_path / "inner.onnx")
    found = read_model(tmp_path / "inner.onnx")
    assert isinstance(found, QModel)
    assert np.array_equal(golden.run(trimmed(found), images)["logits"], logits)
    bent = replace(pool, border=pool.border + 1)
    assert not np.array_equal(
        golden.run(replace(inner, layers=(*inner.layers[:-1], bent)), images)["logits"], logits
    )


def test_what_keeps_its_border() -> None:
    plain, wide = _model((0, 0, 0, 0)), _model((1, 1, 1, 1), kernel=3)
    assert trimmed(plain) is plain and trimmed(wide) is wide and padded(plain) is plain


def _design(name: str, folder: Path) -> tuple[RtlDesign, np.ndarray]:
    plan = build_plan(trimmed(CASES[name]), [Folding(1, 1, 2), Folding(2, 1, 1)])
    emit_rtl(plan, folder / "rtl", HEADER)
    design = RtlDesign(plan, folder / "rtl", folder / "build")
    return design, random_images(np.random.default_rng(1), plan.model, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_rtl(name: str, tmp_path: Path) -> None:
    design, images = _design(name, tmp_path)
    design.check(images, name, (1, 2))


@pytest.mark.slow
def test_another_start_is_seen(tmp_path: Path) -> None:
    design, images = _design("all round", tmp_path)
    design.edit("fsq_avg_pool.sv", ".x_i(at)", ".x_i(~at)")
    comparison, timing = design.simulate(images)
    assert not timing.error and not comparison.equal


@pytest.mark.slow
@needs_tools
def test_csim(tmp_path: Path) -> None:
    plan = build_plan(trimmed(CASES["signed, two sides"]), [Folding(1, 1, 2), Folding(2, 1, 1)])
    images = random_images(np.random.default_rng(1), plan.model, 3)
    emit_hls(plan, tmp_path / "hls", HEADER, DIALECTS[0])
    check_equal(run_emitted(plan, images, tmp_path), plan)
