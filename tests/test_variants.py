"""Networks that are SqueezeNet in shape but not in size, all the way: generate, csim, cosim, compare, estimate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from csim_helpers import needs_tools
from torch_squeezenet import POOL, exported

from fpga_squeeze import api
from fpga_squeeze.network.reference import PRESETS
from fpga_squeeze.planning.timing import simulate

ODD: list[tuple[int, ...] | str] = [
    (5, 13, 9),
    (7, 11),
    POOL,
    (6, 21),
    (11, 19, 30),
    POOL,
    (9, 25),
    (13, 23),
    (3, 37),
]
"""Fire modules of squeeze and expand channels, in one of two branches of different size; no powers of two."""


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "dynamo", "size", "relu", "lanes", "products"),
    [
        ("1_1", False, (64, 47), False, 61, 2),
        ("1_0", True, (83, 59), True, 70, 1),
    ],
)
def test_odd_variant(
    version: str,
    dynamo: bool,
    size: tuple[int, int],
    relu: bool,
    lanes: int,
    products: int,
    tmp_path: Path,
) -> None:
    onnx.save(exported(version, dynamo, 10, size, relu, ODD), tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (6, *size, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    options = api.QuantizeOptions(str(tmp_path / "images.npy"), PRESETS["torchvision"])
    project = api.generate(
        tmp_path / "net.onnx",
        tmp_path / "p",
        options=api.DesignOptions(lanes=lanes, device="xc7z020", products_per_dsp=products, quantize=options),
    )
    kernels = len(project.plan.kernels) + 1  # and the logits
    for run in (api.csim(project.path, frames=2), api.cosim(project.path, frames=2)):
        assert run.equal and run.mismatches == 0, run.comparison.first
        assert len(run.comparison.kernels) == kernels
        if isinstance(run, api.CosimRun):
            cycles = run.cycles
            assert cycles.latency_cycles == cycles.planned_latency_cycles
            assert cycles.cycles_per_frame == simulate(project.plan, 2).cycles_per_frame
    assert [run.equal for run in api.compare(project.path)] == [True, True]
    numbers = api.estimate(project.path)
    assert numbers.fits and numbers.dsp <= lanes
    assert numbers.cycles_per_frame == cycles.planned_cycles_per_frame
