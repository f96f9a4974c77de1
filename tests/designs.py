"""Designs for the simulation tests: random foldings, and a design on disk that can be broken on purpose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fpga_squeeze.device.block_ram import STYLES, Style, with_style
from fpga_squeeze.device.dsp_packing import ONE_PRODUCT, Multipliers
from fpga_squeeze.device.shell import ShellKind
from fpga_squeeze.emit.rtl import emit_rtl
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import IMAGE, AvgPool, Conv, FloatModel, Shape
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.planning.build import build_plan, emits_one_row_per_group
from fpga_squeeze.planning.cost.placement import row_buffers, with_styles
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.order import EngineLayer
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import tune_stores
from fpga_squeeze.planning.shell import plan_shell
from fpga_squeeze.planning.timing import schedule, simulate
from fpga_squeeze.planning.weight_memories import WeightFormat
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify.compare import Comparison, compare_run
from fpga_squeeze.verify.cosim import DEFAULT_FLAGS, CosimTiming, build_cosim, run_cosim_program
from fpga_squeeze.verify.terms import compare_terms

FAST_FLAGS = replace(DEFAULT_FLAGS, compiler=("-O0",), unit=1 << 30)
"""For designs that run for a moment: the compiler takes nearly all of the time."""
HEADER: dict[str, object] = {"line": "A design of the test suite.", "plan": "Random folding."}


def smallest() -> QModel:
    """A network of 3 logits, of frames of 105 bytes: one engine and a pool."""
    rng = np.random.default_rng(0)
    conv = Conv("conv1", (IMAGE,), rng.normal(size=(3, 3, 1, 1)), np.zeros(3), 1, (0, 0, 0, 0), True)
    pool = AvgPool("pool", ("conv1",), (7, 5), 1, (0, 0, 0, 0))
    images = rng.integers(0, 256, (4, 7, 5, 3), dtype=np.uint8)
    return quantize(FloatModel("smallest", Shape(3, 7, 5), (conv, pool)), images)


def allowed_rows(model: QModel, layer: EngineLayer, most: int = 4) -> list[int]:
    """Rows at once that an engine may have, up to ``most``: what every pool behind it accepts."""
    pools = graph_of(model).pools_behind(layer.name)
    rows = range(1, min(most, layer.output.shape.height) + 1)
    return [r for r in rows if all(emits_one_row_per_group(pool, r) for pool in pools)]


def random_foldings(rng: np.random.Generator, model: QModel, most: int = 4) -> list[Folding]:
    """Any folding that every engine of ``model`` allows, up to ``most`` in each direction."""
    foldings = []
    for layer in graph_of(model).engines:
        rows = allowed_rows(model, layer, most)
        k = int(rng.integers(1, min(most, layer.output.shape.width) + 1))
        foldings.append(Folding(k, int(rng.choice(rows)), int(rng.integers(1, most + 1))))
    return foldings


def random_styles(rng: np.random.Generator, plan: Plan) -> dict[str, Style]:
    """Any kind of RAM for every row buffer that is not too deep for it."""
    return {
        memory.name: _any(rng, [style for style in STYLES if with_style(memory, style)])
        for memory in row_buffers(plan)
    }


def _any(rng: np.random.Generator, allowed: list[Style]) -> Style:
    return allowed[int(rng.integers(len(allowed)))]


@dataclass
class RtlDesign:
    """RTL on disk with the plan it came from; ``simulate`` builds it anew where its files changed."""

    plan: Plan
    rtl: Path
    build: Path

    @staticmethod
    def emit(
        model: QModel,
        foldings: list[Folding],
        folder: Path,
        multipliers: Multipliers = ONE_PRODUCT,
        formats: list[WeightFormat] | None = None,
        rng: np.random.Generator | None = None,
    ) -> RtlDesign:
        """``rng`` lays the row buffers into any kind of RAM."""
        plan = tune_stores(build_plan(model, foldings, multipliers=multipliers, formats=formats))
        return RtlDesign.of_plan(plan, folder, rng)

    @staticmethod
    def of_plan(
        plan: Plan, folder: Path, rng: np.random.Generator | None = None, shell: ShellKind = "stream"
    ) -> RtlDesign:
        """The design of a plan; ``rng`` lays the row buffers into any kind of RAM."""
        if rng is not None:
            plan = with_styles(plan, random_styles(rng, plan))
        emit_rtl(plan, folder / "rtl", HEADER, plan_shell(plan, shell, "zynq-7000"))
        return RtlDesign(plan, folder / "rtl", folder / "build")

    def simulate(
        self, images: np.ndarray, stalls: int = 0, quiet_cycles: int = 200_000
    ) -> tuple[Comparison, CosimTiming]:
        program = build_cosim(self.rtl, self.build, flags=FAST_FLAGS)
        out = self.build.parent / f"run{stalls}"
        timing = run_cosim_program(program, self.rtl, self.plan, images, out, stalls, quiet_cycles)
        return compare_run(self.plan, out, golden.run(self.plan.model, images), images, compare_terms), timing

    def check(self, images: np.ndarray, what: str, stalls: tuple[int, ...]) -> None:
        """Golden's integers, every frame in exactly the planned cycle; with each seed of stalls the same integers."""
        comparison, timing = self.simulate(images)
        assert timing.error is None, f"{what}: {timing.error}"
        assert comparison.equal, f"{what}: {comparison.first}"
        planned = simulate(self.plan, len(images))
        measured = tuple(end - timing.first_beat for end in timing.frame_ends)
        assert measured == planned.outputs, f"{what}: frames end at {measured}, planned {planned.outputs}"
        assert timing.cycles_per_frame == schedule(self.plan).cycles_per_frame, what
        for seed in stalls:
            stalled, late = self.simulate(images, stalls=seed)
            assert late.error is None, f"{what}, stalls {seed}: {late.error}"
            assert stalled.equal, f"{what}, stalls {seed}: {stalled.first}"
            assert late.frame_ends != timing.frame_ends, f"{what}: stalls {seed} did not stall"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the design; the text must be there."""
        path = self.rtl / name
        text = path.read_text()
        assert old in text, f"{name} does not contain {old!r}"
        path.write_text(text.replace(old, new, 1))
