"""Layers may have any name: words of C++ and Verilog, macros of the C library, names of our own sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from csim_helpers import check_equal, needs_tools, simulate
from designs import RtlDesign, random_foldings
from onnx_builder import Net
from random_models import random_images

from fpga_squeeze.emit.hls_dialect import DIALECTS
from fpga_squeeze.frontend import read_model
from fpga_squeeze.frontend.names import Namer, usable
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import FloatModel
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.weight_memories import WeightFormat
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.tools import find_verilator

KERNELS = ("conv1", "pool1", "fire2", "pool2", "fire3", "conv10", "pool10")


@dataclass(frozen=True)
class Case:
    names: tuple[str, ...]
    """In the order of KERNELS."""
    weights: WeightFormat
    given: tuple[str, ...] = ()
    """The kernels' names where they differ."""


CASES = [
    Case(("export", "assert", "explicit", "EOF", "NULL", "X", "errno"), "dense"),
    Case(("module", "logic", "always_ff", "endmodule", "table", "signed", "wire"), "huffman"),
    Case(("std", "hls", "ap_int", "main", "kernels", "fsq", "int"), "huffman"),
    Case(
        ("T", "file", "fsq_top", "image", "a", "a_terms", "logits"),
        "mask",
        ("T", "file_layer", "layer_fsq_top_layer", "image_layer", "a", "a_terms_layer", "logits_layer"),
    ),
]


def named_model(case: Case, path: Path) -> QModel:
    """A small SqueezeNet whose kernels are called as the case says."""
    net = Net(seed=5)
    proto = net.model(net.squeezenet())
    for node in proto.graph.node:
        stem, _, part = node.name.partition("/")
        if stem in KERNELS:
            node.name = case.names[KERNELS.index(stem)] + (f"/{part}" if part else "")
    onnx.save(proto, path)
    model = read_model(path)
    assert isinstance(model, FloatModel)
    inside = ("_squeeze1x1", "_expand1x1", "_expand3x3")
    kernels = tuple(layer.name for layer in model.layers if not layer.name.endswith(inside))
    assert kernels == (case.given or case.names)
    shape = model.input_shape
    images = np.random.default_rng(2).integers(
        0, 256, (4, shape.height, shape.width, shape.channels), np.uint8
    )
    return quantize(model, images)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.names[0])
def test_sources_compile_and_lint(case: Case, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    model = named_model(case, tmp_path / "m.onnx")
    foldings = random_foldings(rng, model)
    plan = build_plan(model, foldings, formats=[case.weights] * len(foldings))
    images = random_images(rng, model, 2)
    check_equal(simulate(plan, images, tmp_path, dialect=DIALECTS[CASES.index(case) % 2]), plan)
    design = RtlDesign.emit(
        model, foldings, tmp_path / "rtl", formats=[case.weights] * len(foldings), rng=rng
    )
    lint = ["--lint-only", "-Wall", "--no-timing", "lint_waivers.vlt", "--top-module", "fsq_cosim_top"]
    done = find_verilator().run([*lint, "-f", "files.f", "fsq_cosim_top.sv"], design.rtl)
    assert done.returncode == 0, done.stderr


def test_golden_arrays_can_be_written(tmp_path: Path) -> None:
    """numpy.savez takes arrays by name beside arguments of its own."""
    model = named_model(CASES[3], tmp_path / "m.onnx")
    values = golden.run(model, random_images(np.random.default_rng(0), model, 1))
    arrays: dict[str, Any] = dict(values)
    np.savez_compressed(tmp_path / "golden.npz", **arrays)
    assert set(np.load(tmp_path / "golden.npz")) == set(values)


def test_names_stay_unique() -> None:
    namer = Namer()
    taken = [
        namer.take(n, "conv1") for n in ("image", "Image_layer", "IMAGE", "fsq_x", "x terms", "7", "export")
    ]
    assert len({n.lower() for n in taken}) == len(taken) and all(usable(n) for n in taken)
    assert taken[-1] == "export"
