"""Passes of one term, which may start a cycle apart: their starts are counted at once (fsq_sequencer)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from designs import RtlDesign
from random_graphs import _Grower, quantised_graph
from random_models import random_images

from fpga_squeeze.network.graph import IMAGE, AvgPool, FloatModel, Shape
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.weight_memories import WeightFormat

pytestmark = pytest.mark.slow
CASES: dict[str, tuple[Folding, WeightFormat]] = {
    "a cycle a row": (Folding(1, 1, 1), "dense"),
    "rows and channels": (Folding(2, 2, 3), "dense"),
    "phases": (Folding(3, 1, 2), "dense"),
    "zeros skipped": (Folding(1, 1, 2), "huffman"),
}


def _model(rng: np.random.Generator) -> QModel:
    """A convolution of one pixel of one channel, then one of its channels; the second has sums of two to four terms."""
    shape = Shape(1, 9, 7)
    g = _Grower(rng, shape, 5, 0, False)
    at = g.conv(IMAGE, 4, (1, 1), relu=True)
    at = g.conv(at, 3, (1, 1), relu=True)
    last = g.shapes[at]
    g.keep(AvgPool("average", (at,), (last.height, last.width), 1, (0, 0, 0, 0)))
    return quantised_graph(rng, FloatModel("single terms", shape, tuple(g.layers)))


def _design(name: str, folder: Path) -> tuple[RtlDesign, np.ndarray]:
    rng = np.random.default_rng(3)
    model, (folding, weights) = _model(rng), CASES[name]
    count = len(graph_of(model).engines)
    design = RtlDesign.emit(model, [folding] * count, folder, formats=[weights] * count)
    assert design.plan.engines[0].has_single_terms
    return design, random_images(rng, model, 3)


@pytest.mark.parametrize("name", CASES)
def test_single_terms(name: str, tmp_path: Path) -> None:
    design, images = _design(name, tmp_path)
    design.check(images, name, (1, 2))


def test_a_start_that_is_counted_late_is_seen(tmp_path: Path) -> None:
    design, images = _design("a cycle a row", tmp_path)
    design.edit("fsq_top.sv", ".SINGLES(1)", ".SINGLES(0)")
    comparison, timing = design.simulate(images, stalls=1)
    assert timing.error or not comparison.equal
