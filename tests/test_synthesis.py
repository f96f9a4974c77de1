"""What Yosys maps the RTL to, against the estimate."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from designs import HEADER
from pruned_models import pruned
from random_models import random_qmodel
from rescaled_models import rescaled

from fpga_squeeze import api
from fpga_squeeze.cli import main
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.emit.rtl_engine import engine_parameters
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.export.qdq import write_qdq
from fpga_squeeze.network.graph import IMAGE, AvgPool, Conv, FloatModel, Shape
from fpga_squeeze.network.integers import QConv
from fpga_squeeze.paths import source_files
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.cost.estimate import estimate_kernel
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.search.folding import plan_for_lanes
from fpga_squeeze.planning.weight_memories import CompressedWeights
from fpga_squeeze.project.project import Project
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.parts import OTHERS
from fpga_squeeze.verify.synthesis import Resources, Synthesis, map_kernels
from fpga_squeeze.verify.yosys import find_yosys

LOGIC_ERROR = 0.4
"""How far the estimate of a kernel's logic may be off, where it is no trifle: small decoders are overestimated."""
TRIFLE = 250


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three engines and two pools; several phases, rows and channels at once; weights dense and compressed."""
    folder = tmp_path_factory.mktemp("synthesis")
    rng = np.random.default_rng(5)
    write_qdq(
        random_qmodel(rng, min_size=20, max_fires=1, weight_bits=(8,), asymmetric=False), folder / "q.onnx"
    )
    return api.generate(
        folder / "q.onnx",
        folder / "project",
        options=api.DesignOptions(
            device="xc7z010",
            foldings={"conv1": Folding(2, 1, 2), "fire2": Folding(2, 2, 1), "conv10": Folding(1, 1, 2)},
            formats={"fire2": "huffman"},
        ),
    )


def _check_parts(project: Project, result: Synthesis) -> None:
    """Every LUT is of one part, and those of memories are of the part that the plan has them for."""
    assert sum(sum(kernels.values()) for kernels in result.part_luts.values()) == result.total.all_luts
    for kernel in project.plan.kernels:
        parts = result.parts[kernel.name]
        assert set(parts) - {OTHERS} and parts.get(OTHERS, Resources()).all_luts == 0, kernel.name
        planned: Counter[str] = Counter()
        for memory in kernel.memories:
            planned["rows" if memory.purpose == "rows" else "other"] += memory.lutram_luts
        rows = parts.get("row memories", Resources()).lut_ram
        assert rows == planned["rows"], kernel.name
        assert sum(part.lut_ram for part in parts.values()) - rows == planned["other"], kernel.name
    assert [name for name, parts in result.parts.items() if "decoders" in parts] == ["fire2"]


@pytest.mark.slow
def test_estimate_and_yosys_agree_in_every_kernel(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    result = api.synth(project.path)
    assert result.differences == [] and result.short == ()
    for row in result.rows:
        if row.estimate.luts + row.mapped.luts > 2 * TRIFLE:
            assert row.estimate.luts == pytest.approx(row.mapped.luts, rel=LOGIC_ERROR), row.name
    total = result.total_row
    assert total.estimate.luts == pytest.approx(total.mapped.luts, rel=0.2)
    assert total.mapped.dsp == project.plan.dsp > 0
    _check_parts(project, result)

    # the result of an unchanged design is kept, and the command line prints it
    assert main(["synth", str(project.path)]) == 0
    out = capsys.readouterr().out
    assert "as estimated in every kernel" in out and f"{total.mapped.luts:,}" in out


def test_synthesis_names_what_differs(project: Project) -> None:
    """A row that is not as estimated is named, and so is a device that is too small for what was mapped."""
    numbers = project.estimate()
    mapped = {
        kernel.name: Resources(
            luts=kernel.luts,
            lut_ram=kernel.lutram_luts,
            ramb36=kernel.ramb36,
            ramb18=kernel.ramb18,
            dsp=kernel.dsp,
        )
        for kernel in numbers.kernels
    }
    device = find_device("xc7z010")
    assert Synthesis(numbers, mapped, device).differences == []
    first = numbers.kernels[1]
    more = mapped[first.name] + Resources(dsp=1)
    assert Synthesis(numbers, mapped | {first.name: more}, device).differences == [
        f"{first.name}: DSP: estimated {first.dsp}, mapped {first.dsp + 1}"
    ]
    many = Synthesis(numbers, mapped | {"image": Resources(luts=device.luts)}, device)
    assert [s.resource for s in many.short] == ["LUTs"]


def test_runs_are_kept_for_further_phases_only_where_zeros_are_skipped(tmp_path: Path) -> None:
    """As the plan counts them: weights that are all terms have no memory of runs."""
    kept = {}
    some = random_qmodel(np.random.default_rng(5), min_size=20, max_fires=1, weight_bits=(8,))
    layers = [
        replace(layer, weight=layer.weight + (layer.weight == 0)) if isinstance(layer, QConv) else layer
        for layer in some.layers
    ]
    for model in (replace(some, layers=tuple(layers)), pruned(np.random.default_rng(5), some)):
        foldings = [Folding(2, 1, 1) for _ in graph_of(model).engines]
        for engine in build_plan(model, foldings, formats=["huffman"] * len(foldings)).engines:
            parameters = engine_parameters(engine)
            assert isinstance(engine.weights, CompressedWeights)
            kept[engine.weights.skips] = {name: parameters[name] for name in ("SPARSE", "RUN_W", "RUN_MAX")}
            assert len(engine.weights.replays) == 1 + engine.weights.skips
    names = ("fsq_term_walk.sv", "fsq_stage_walk.sv", "fsq_ram_lut.sv", "fsq_mux.sv", "fsq_mux4.sv")
    for name in names:
        (tmp_path / name).write_text(source_files("rtl")[name].read_text())
    for skips, parameters in kept.items():
        sizes = " ".join(f"-set {name} {value}" for name, value in parameters.items())
        script = (
            f"read_verilog -sv {' '.join(names)}; chparam -set PHASES 2 -set TERMS 9 {sizes} fsq_term_walk; "
            f"hierarchy -top fsq_term_walk; select -assert-count {int(skips)} fsq_term_walk/c:*u_replay*"
        )
        done = subprocess.run(
            [*find_yosys(), "-q", "-p", script], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert kept.keys() == {False, True}


@pytest.mark.slow
def test_two_products_in_one_dsp(tmp_path: Path) -> None:
    """Slices as planned, and nearly half as many as the same foldings take with one product."""
    model = random_qmodel(np.random.default_rng(1), min_size=8, max_size=12, max_fires=1, weight_bits=(8,))
    plan = plan_for_lanes(model, 12, Multipliers(2))
    single = build_plan(model, [e.folding for e in plan.engines])
    emit_rtl(plan, tmp_path / "rtl", HEADER)
    mapped = map_kernels(tmp_path / "rtl", tmp_path, luts=False)
    for kernel in plan.kernels:
        assert mapped[kernel.name]["DSP48E1"] == kernel.dsp, f"{kernel.name}: {dict(mapped[kernel.name])}"
    assert [e.lanes for e in plan.engines] == [e.lanes for e in single.engines]
    assert plan.dsp <= 12 and plan.lanes == single.dsp > 1.5 * plan.dsp


@pytest.mark.slow
@pytest.mark.parametrize("port", [25, 26])
def test_signed_pairs_take_one_slice(port: int, tmp_path: Path) -> None:
    """Weights of 9 bits: packed pixels with their borrow have the 25 bits that a slice takes; one bit more, and the
    multiplier does not fit."""
    names = ("fsq_mac_array.sv", "fsq_mac_pair.sv", "fsq_mac_lane.sv", "fsq_copy.sv")
    for name in names:
        text = source_files("rtl")[name].read_text()
        (tmp_path / name).write_text(
            text.replace("? X_BITS : X_BITS + 1", f"? X_BITS + {port - 25} : X_BITS + 1")
        )
    sizes = "-set CHANNELS 3 -set LANES 5 -set UNITS 5 -set X_SIGNED 1 -set W_BITS 9 -set PAIR_SHIFT 16"
    script = (
        f"read_verilog -sv {' '.join(names)}; chparam {sizes} fsq_mac_array; "
        "synth_xilinx -family xc7 -flatten -top fsq_mac_array -run :map_ffram; select -assert-count 9 t:DSP48E1"
    )
    done = subprocess.run([*find_yosys(), "-q", "-p", script], cwd=tmp_path, capture_output=True, text=True)
    fits = done.returncode == 0
    assert fits or "Assertion failed: selection" in done.stdout + done.stderr
    assert fits == (port == 25)


@pytest.mark.slow
def test_multipliers_of_requantisers(tmp_path: Path) -> None:
    """Scales that are no powers of two: slices and memories as estimated, none for what an engine has in LUTs."""
    rng = np.random.default_rng(5)
    ends = (8, 8)
    layers = (
        Conv("conv1", (IMAGE,), rng.normal(0, 1 / 64, (9, 1, 3, 3)), np.zeros(9), 1, (1, 1, 1, 1), True),
        Conv("conv2", ("conv1",), rng.normal(0, 1 / 2, (9, 9, 1, 1)), np.zeros(9), 1, (0, 0, 0, 0), True),
        AvgPool("pool", ("conv2",), ends, 1, (0, 0, 0, 0)),
    )
    images = rng.integers(0, 256, (2, *ends, 1), dtype=np.uint8)
    model = rescaled(rng, quantize(FloatModel("scaled", Shape(1, *ends), layers), images))
    assert model is not None
    plan = build_plan(model, [Folding(2, 1, 1)] * 2, multipliers=Multipliers(1, requant="dsp"))
    first = plan.engines[0]
    in_luts = replace(first, requant=replace(first.requant, multiply="lut"))
    plan = replace(plan, kernels=tuple(in_luts if k is first else k for k in plan.kernels))
    assert [engine.dsp > engine.lanes for engine in plan.engines] == [False, True]
    emit_rtl(plan, tmp_path / "rtl", HEADER)
    mapped = map_kernels(tmp_path / "rtl", tmp_path, luts=False)
    for kernel in plan.kernels:
        numbers, cells = estimate_kernel(kernel), Resources.of(mapped[kernel.name])
        assert cells.dsp == kernel.dsp, kernel.name
        assert (cells.ramb36, cells.ramb18) == (numbers.ramb36, numbers.ramb18), kernel.name
        assert cells.lut_ram == numbers.lutram_luts, kernel.name


def test_yosys_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOSYS", "/nowhere/yosys")
    with pytest.raises(FpgaSqueezeError, match="YOSYS=/nowhere/yosys is no program"):
        find_yosys()


@pytest.mark.slow
def test_rtl_that_yosys_refuses_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    broken = project.rtl / "fsq_fifo.sv"
    text = broken.read_text()
    try:
        broken.write_text(text.replace("endmodule", "endmodul"))
        assert main(["synth", str(project.path)]) == 2
    finally:
        broken.write_text(text)
    assert "Yosys refuses the RTL" in capsys.readouterr().err
