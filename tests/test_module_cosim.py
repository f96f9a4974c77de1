"""Engines of whole modules in RTL: several squeezes, kernels of any shape, places of readers, signed pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from designs import HEADER, RtlDesign, random_styles
from random_graphs import _Grower, quantised_graph
from random_models import random_images

from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.network.graph import IMAGE, AvgPool, Concat, FloatModel, Shape, Window
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.cost.placement import with_styles
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.weight_memories import WeightFormat

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Module:
    """A module between two convolutions: a 1x1 branch of what arrives, and for every kernel a squeeze and a branch.

    stride   of squeezes of 3x3; with another one than 1 there is no 1x1 branch
    shared   all kernels read one squeeze, and there is no 1x1 branch beside it
    signed   share of convolutions without ReLU
    """

    kernels: tuple[Window, ...]
    size: tuple[int, int]
    folding: Folding
    weights: WeightFormat = "dense"
    products: int = 1
    stride: int = 1
    shared: bool = False
    signed: float = 0

    def model(self, rng: np.random.Generator) -> QModel:
        shape = Shape(3, *self.size)
        g = _Grower(rng, shape, 5, self.signed, False)
        at = g.conv(IMAGE, 4, (3, 3))
        ends = [g.conv(at, kernel=(1, 1))] if self.stride == 1 and not self.shared else []
        for number, kernel in enumerate(self.kernels):
            if self.shared and number:
                pass
            elif self.stride == 1:
                squeeze = g.conv(at, kernel=(1, 1))
            else:
                squeeze = g.conv(at, kernel=(3, 3), stride=self.stride, pads=(1, 1, 1, 1))
            ends.append(g.conv(squeeze, kernel=kernel))
        at = g.keep(Concat("module", tuple(ends)))
        at = g.conv(at, 4, (1, 1), relu=True)
        last = g.shapes[at]
        g.keep(AvgPool("average", (at,), (last.height, last.width), 1, (0, 0, 0, 0)))
        return quantised_graph(rng, FloatModel("module", shape, tuple(g.layers)))


MODULES = {
    "inception": Module(((3, 3), (5, 5)), (11, 10), Folding(3, 2, 4), "huffman", products=2),
    "long kernels": Module(((1, 7), (7, 1)), (10, 9), Folding(2, 3, 2), "sparse"),
    "signed": Module(((3, 3), (5, 5)), (9, 8), Folding(3, 4, 2), products=2, signed=0.7),
    "strided": Module(((1, 1), (3, 3)), (12, 11), Folding(2, 1, 4), "mask", stride=2),
    "one row group": Module(((3, 3), (5, 5)), (4, 6), Folding(2, 4, 1), "huffman"),
    "one squeeze": Module(((1, 1), (3, 3), (5, 1)), (9, 8), Folding(2, 3, 2), "huffman", shared=True),
    "crosses": Module(((3, 1), (1, 3), (3, 3)), (8, 8), Folding(1, 2, 3), signed=0.5),
}


def _design(case: Module, folder: Path) -> tuple[RtlDesign, np.ndarray]:
    rng = np.random.default_rng(11)
    model = case.model(rng)
    engines = graph_of(model).engines
    foldings = [case.folding if len(engine.work) > 1 else Folding(2, 1, 2) for engine in engines]
    assert foldings.count(case.folding) == 1
    plan = build_plan(model, foldings, None, Multipliers(case.products), [case.weights] * len(foldings))
    plan = with_styles(plan, random_styles(rng, plan))
    emit_rtl(plan, folder / "rtl", HEADER)
    return RtlDesign(plan, folder / "rtl", folder / "build"), random_images(rng, model, 3)


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str, tmp_path: Path) -> None:
    design, images = _design(MODULES[name], tmp_path)
    design.check(images, name, (1, 2))


def test_signed_pixels_share_a_slice(tmp_path: Path) -> None:
    design, _ = _design(MODULES["signed"], tmp_path)
    engine = max(design.plan.engines, key=lambda engine: len(engine.stages))
    assert any(engine.flips) and not all(engine.flips) and engine.products_per_dsp == 2


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        # a stage reads at the place of another one, a row of the window too high, pixels as they are stored
        ("inception", ("fsq_engine.sv", "stage == STAGE_W'(i))\n", "stage == STAGE_W'(i + 1))\n")),
        ("one squeeze", ("fsq_term_place.sv", "n / COLUMNS + TAP_ROWS[g*32+:32]", "n / COLUMNS")),
        ("signed", ("fsq_extend.sv", "(FLIP != 0) ? x_i ^ (IN_BITS'(1) << (IN_BITS - 1)) : x_i", "x_i")),
        ("long kernels", ("fsq_term_place.sv", "n % COLUMNS + TAP_COLUMNS", "n % (COLUMNS + 1) + TAP_COLUMNS")),
    ],
    ids=["place", "tap", "flip", "shape"],
)
def test_broken_module_is_seen(name: str, edit: tuple[str, str, str], tmp_path: Path) -> None:
    design, images = _design(MODULES[name], tmp_path)
    design.edit(*edit)
    comparison, timing = design.simulate(images)
    assert timing.error or not comparison.equal
