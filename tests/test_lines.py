"""Row buffers in short steps: levels and fan-out of what Yosys maps, and how early a slot can be given back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from designs import RtlDesign
from mapped_modules import deepest_path, mapped_graph

from fpga_squeeze.network.graph import IMAGE, AvgPool, Conv, FloatModel, Shape
from fpga_squeeze.paths import source_files
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.timing.analysis import TimingGraph

LEVELS = 4
LOADS = 100
"""Of a signal that 96 bits share: those, and a few."""
ROWS = {
    "CHANNELS": 24,
    "HEIGHT": 9,
    "WIDTH": 15,
    "LANES": 15,
    "POSITIONS": 15,
    "KERNEL_ROWS": 3,
    "KERNEL_COLUMNS": 3,
}
ROWS |= {
    "PAD_TOP": 1,
    "PAD_LEFT": 1,
    "CI_W": 5,
    "KY_W": 2,
    "KX_W": 2,
    "SLOT_W": 2,
    "Y_W": 6,
    "SLOTS": 3,
    "ALONE": 0,
}
ROWS |= {"ROWS": 2, "STYLE": 3}
"""A buffer of words of 120 bits in distributed RAM with one address, two rows of the window read at once."""


def _graph(folder: Path, unkept: bool = False) -> TimingGraph:
    """A row buffer by itself; ``unkept``: its copies are no modules of their own."""
    changed = {}
    if unkept:
        text = source_files("rtl")["fsq_copy.sv"].read_text()
        assert "(* keep_hierarchy" in text
        changed["fsq_copy.sv"] = text.replace('(* keep_hierarchy = "yes" *)', "")
    return mapped_graph(folder, "fsq_line_buffer", ROWS, changed)


@pytest.mark.slow
def test_steps_are_short(tmp_path: Path) -> None:
    graph = _graph(tmp_path / "rtl")
    assert deepest_path(graph).levels <= LEVELS, deepest_path(graph)
    assert max(graph.loads) <= LOADS
    # where copies become one, all bits share it
    assert max(_graph(tmp_path / "unkept", unkept=True).loads) > LOADS


@pytest.mark.slow
def test_slot_given_back_a_cycle_too_early_is_caught(tmp_path: Path) -> None:
    """Distributed RAM with one address: a row that arrives takes the address of the last word before it is read."""
    rng = np.random.default_rng(0)
    convs = tuple(
        Conv(name, (source,), rng.normal(size=(outs, ins, 1, 1)), np.full(outs, bias), 1, (0, 0, 0, 0), True)
        for name, source, outs, ins, bias in (("conv1", IMAGE, 64, 1, 0.0), ("conv2", "conv1", 4, 64, 5e3))
    )
    images = rng.integers(0, 256, (3, 12, 6, 1), dtype=np.uint8)
    pool = AvgPool("pool", ("conv2",), (12, 6), 1, (0, 0, 0, 0))
    model = quantize(FloatModel("rows", Shape(1, 12, 6), (*convs, pool)), images)
    design = RtlDesign.emit(model, [Folding(1, 1, 4), Folding(1, 1, 1, 0)], tmp_path)
    assert design.plan.engines[1].lines.memory.single
    design.check(images, "before", ())
    design.edit(
        "fsq_row_cursor.sv",
        "assign release_o = release_q[(RELEASE-2)*SLOT_W+:SLOT_W];",
        "assign release_o = release_n;",
    )
    assert design.simulate(images, quiet_cycles=20_000)[0].mismatches > 0
