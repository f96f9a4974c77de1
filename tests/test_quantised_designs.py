"""Networks that onnxruntime quantised, as designs: C++ and RTL against golden; SqueezeNet v1.0 at full size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from csim_helpers import check_equal, needs_tools, simulate
from designs import RtlDesign, random_foldings
from quantised_files import quantised_file
from random_graphs import graph_images, random_graph
from seeds import SEED
from test_quantised_files import STYLES

from fpga_squeeze.datasets.images import load_images
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.flow.agreement import agreement
from fpga_squeeze.flow.inspection import structure
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import Preprocess
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import PRESETS
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.planner import make_plan
from fpga_squeeze.planning.timing import schedule
from fpga_squeeze.planning.weight_memories import FORMATS

DRAWN = ["u8s8-per-channel", "s8s8", "qop-u8u8", "s8s8-symmetric", "qop-s8s8-per-channel", "u8s8-float-bias"]
"""Styles in which the networks of the tests are quantised, one after the other."""
PIXELS = Preprocess(mean=(100.0,), std=(40.0,))
MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"


def drawn(number: int, folder: Path) -> tuple[Plan, np.ndarray]:
    """A random network in the style of its number, planned at random, and images for it."""
    rng = np.random.default_rng(SEED + number)
    float_model = random_graph(rng, max_blocks=3)
    images = graph_images(rng, float_model.input_shape, 3)
    style = STYLES[DRAWN[number % len(DRAWN)]]
    path = quantised_file(folder / "q.onnx", float_model, images, preprocess=PIXELS, **style)
    model = read_model(path, preprocess=PIXELS)
    assert isinstance(model, QModel) and model.pixels is not None and any(conv.scaled for conv in model.convs)
    foldings = random_foldings(rng, model, 3)
    formats = [FORMATS[i] for i in rng.integers(0, len(FORMATS), len(foldings))]
    return build_plan(model, foldings, multipliers=Multipliers(1 + number % 2), formats=formats), images


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(3))
def test_random_files_in_rtl(number: int, tmp_path: Path) -> None:
    plan, images = drawn(number, tmp_path)
    design = RtlDesign.of_plan(plan, tmp_path)
    design.check(images, f"seed {SEED + number}, {DRAWN[number % len(DRAWN)]}", (1 + number,))


@needs_tools
@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("number", [3, 5])
def test_random_files_in_cpp(number: int, tmp_path: Path) -> None:
    plan, images = drawn(number, tmp_path)
    check_equal(simulate(plan, images, tmp_path), plan)


# ------------------------------------------------------------------------------------------- SqueezeNet v1.0


@pytest.mark.slow
@pytest.mark.skipif(not MODELS.is_dir(), reason="the released SqueezeNet v1.0 and photographs are not here")
def test_squeezenet_of_imagenet(tmp_path: Path) -> None:
    """Less than one value in 10,000 differs from onnxruntime, by one step; cycles are those of our own integers."""
    source, caffe = MODELS / "squeezenet_v1.0_deep_compression.onnx", PRESETS["caffe"]
    float_model = read_model(source)
    assert not isinstance(float_model, QModel)
    images, _ = load_images(MODELS / "imagenet_800_227.zip", float_model.input_shape, 6)
    device = find_device("XC7Z045")
    own = schedule(make_plan(structure(float_model), None, device, products_per_dsp=2))
    for style in ("u8s8", "u8s8-per-channel", "s8s8-per-channel", "qop-u8u8"):
        path = quantised_file(
            tmp_path / f"{style}.onnx", onnx.load(source), images[:5], preprocess=caffe, **STYLES[style]
        )
        model = read_model(path, preprocess=caffe)
        assert isinstance(model, QModel) and len(model.tensors) == len(model.layers) + 1
        found = agreement(model, path, images[5:])
        assert found.values > 7_000_000 and found.largest <= 1
        assert found.differ <= found.values / 10_000, (style, found.differ)
        plan = make_plan(model, None, device, products_per_dsp=2)
        assert schedule(plan).cycles_per_frame <= 1.05 * own.cycles_per_frame, style
