"""The verbs as Python functions with typed results; the command line calls these and prints what they return.

    from fpga_squeeze import api
    project = api.generate(output="my_design", options=api.DesignOptions(lanes=64))
    assert api.csim(project.path).mismatches == 0

Every function raises FpgaSqueezeError for bad input or a missing tool, DoesNotFitError where a device is too small.
``on_step`` is called with a short text as the work goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from typing_extensions import assert_never

from .datasets.download import download
from .datasets.images import ImageArray, load_images
from .device.catalogue import find_device
from .device.clock import Clock
from .device.room import Room, Shell
from .emit.hls_dialect import Dialect
from .errors import FpgaSqueezeError
from .explore.accelerators import Accelerators, ExploreOptions
from .explore.networks import NetworkSearch
from .explore.outcome import Outcome, Trial
from .explore.report import as_json as study_json
from .explore.report import save as save_study
from .explore.study import Exploration, SearchOptions
from .flow.agreement import Agreement, agree
from .flow.build import EPOCHS, Built, build_network
from .flow.compress import Compression, CompressOptions, FineTune, compress
from .flow.design import DEFAULTS as DESIGN_DEFAULTS
from .flow.design import DesignOptions, Source
from .flow.drawing import draw
from .flow.estimate import estimate_design, fitting, project_clock
from .flow.evaluate import Evaluation, Score, evaluate
from .flow.inspection import Inspection, LayerReport, inspect
from .flow.report.numbers import Report
from .flow.report.numbers import gather as report
from .flow.report.write import write_report
from .flow.runs import CosimRun, Cycles, Run, Simulation, read_cycles
from .flow.sources import DEFAULTS, OnStep, QuantizeOptions, Target, keep_sources, load, quantized
from .flow.trace import Trace, trace
from .network import golden as golden_model
from .network.fixed_point import IntArray
from .network.graph import FloatModel
from .network.integers import QModel
from .paths import write_whole
from .planning.cost.estimate import Estimate, Way
from .planning.search.planner import make_plan
from .planning.timing import schedule
from .project.project import Project, create_project, load_project, read_images
from .project.results import keep_result
from .verify.cache import locked
from .verify.compare import compare_run
from .verify.hls.results import HlsRun
from .verify.hls.results import KernelRun as HlsKernel
from .verify.synthesis import Synthesis, synthesise
from .verify.terms import compare_fed_terms, compare_terms
from .verify.timing.kept import keep_clock
from .verify.timing.results import Routed, Timing
from .verify.timing.speed import asked_of
from .zoo.squeezenet import Numbers

__all__ = [
    "Agreement",
    "Built",
    "Clock",
    "CompressOptions",
    "Compression",
    "Cycles",
    "CosimRun",
    "DEFAULTS",
    "DesignOptions",
    "EPOCHS",
    "Evaluation",
    "Exploration",
    "ExploreOptions",
    "FineTune",
    "HlsKernel",
    "Inspection",
    "LayerReport",
    "NetworkSearch",
    "HlsRun",
    "Numbers",
    "OnStep",
    "Outcome",
    "Project",
    "Quantized",
    "QuantizeOptions",
    "Report",
    "Room",
    "Routed",
    "Run",
    "Score",
    "SearchOptions",
    "Shell",
    "Synthesis",
    "Target",
    "Timing",
    "Trace",
    "Trial",
    "Way",
    "agree",
    "build_network",
    "compare",
    "compress",
    "cosim",
    "csim",
    "download",
    "draw",
    "estimate",
    "evaluate",
    "explore",
    "explore_networks",
    "generate",
    "generate_trial",
    "golden",
    "hls",
    "inspect",
    "make_plan",
    "quantize",
    "read_study",
    "report",
    "route",
    "save_study",
    "study_json",
    "synth",
    "timing",
    "trace",
    "write_report",
]

DEFAULT_FOLDER = Path("hls_out")
TERMS = {"csim": compare_fed_terms, "cosim": compare_terms}
"""How the weights that a run saw are compared with golden."""


@dataclass(frozen=True)
class Quantized:
    """A quantised model; ``inexact`` tells where float32 runners might round differently (empty: nowhere)."""

    path: Path
    model: QModel
    inexact: tuple[str, ...]


# ------------------------------------------------------------------------------------------------- verbs


def quantize(
    model: Target | FloatModel,
    output: str | Path,
    options: QuantizeOptions = DEFAULTS,
    on_step: OnStep | None = None,
) -> Quantized:
    """Quantise a float ``model`` and write it as QDQ ONNX to ``output``."""
    from .export.qdq import write_qdq
    from .frontend import is_onnx

    path = Path(output)
    if path.is_dir():
        raise FpgaSqueezeError(f"{path}: is a folder; give a file name such as {path / 'q.onnx'}")
    if not is_onnx(path):
        raise FpgaSqueezeError(f"{path}: quantize writes ONNX; give a name that ends in .onnx")
    keep_sources(path, model, *([options.calibration] if options.calibration else []))
    integers, calibration = quantized(model, options, on_step)
    if calibration is None:
        raise FpgaSqueezeError(f"{model}: is quantised already; generate takes it as it is")
    if on_step:
        on_step(f"write {path}")
    return Quantized(path, integers, tuple(write_qdq(integers, path)))


def generate(
    model: Target = None,
    output: str | Path | None = None,
    options: DesignOptions = DESIGN_DEFAULTS,
    *,
    dialect: Dialect = "vitis",
    force: bool = False,
    command: str = "",
    on_step: OnStep | None = None,
) -> Project:
    """Write a project: HLS C++, RTL, model and test images. ``output`` defaults to hls_out/<model name>.

    ``dialect`` is the HLS tool whose pragmas the C++ carries; ``force`` replaces a folder that is no project;
    ``command`` is kept in the project as what makes it again. Raises DoesNotFitError, and writes nothing, where the
    plan does not fit the device.
    """
    made, numbers = fitting(Source(model, options.quantize, on_step), options)
    loaded, plan, target = made.loaded, made.plan, options.target
    if on_step:
        on_step(f"plan {plan.lanes} lanes for {target.name if target else f'a budget of {options.lanes}'}")
    return create_project(
        DEFAULT_FOLDER / loaded.model.name if output is None else output,
        loaded.model,
        plan,
        loaded.images,
        loaded.labels,
        dialect=dialect,
        device=target,
        clock=numbers.clock,
        room=numbers.room,
        source=loaded.source,
        notes=[*made.notes, *numbers.warnings],
        command=command,
        force=force,
        on_step=(lambda text: on_step(f"write {text}")) if on_step else None,
    )


def estimate(
    target: Target = None, options: DesignOptions = DESIGN_DEFAULTS, on_step: OnStep | None = None
) -> Estimate:
    """Cost and speed of a project's own plan, or of the best plan for a model, on a device.

    For a project, ``device``, ``room`` and ``clock_mhz`` only change what its plan is held against; ``lanes``,
    ``foldings``, ``products_per_dsp``, ``weights`` or ``formats`` make a new plan for its model. Its clock is what was
    asked for, or what :func:`timing` and :func:`route` found for the design as it is. Where a design does not fit,
    other options are tried, and ``fits_with`` says which do.
    """
    return estimate_design(target, options, on_step)


def golden(
    target: Target = None,
    images: str | Path | None = None,
    output: str | Path | None = None,
    *,
    options: QuantizeOptions = DEFAULTS,
    on_step: OnStep | None = None,
) -> dict[str, IntArray]:
    """Integers of every kernel ([N, C, H, W]) and ``logits`` ([N, classes]); written to ``output`` (.npz) if given.

    The file also holds ``logits_scale`` and ``logits_zero``: the logits' value is (integer - zero) * scale.
    """
    if output is not None:
        keep_sources(output, target, *([images] if images else []))
    if target is not None and Path(target).is_dir():
        project = load_project(target)
        model, pixels = project.model, project.images
    else:
        loaded = load(target, options, on_step)
        model, pixels = loaded.model, loaded.images
    if images is not None:
        pixels, _ = load_images(images, model.input.shape)
    if on_step:
        on_step(f"golden model on {len(pixels)} images")
    values = golden_model.run(model, pixels)
    if output is not None:
        meaning = {
            "logits_scale": np.array(model.output.scale),
            "logits_zero": np.array(model.output.zero, dtype=np.int64),
        }
        arrays: dict[str, Any] = values | meaning
        write_whole(Path(output), lambda file: np.savez_compressed(file, **arrays))
    return values


# -------------------------------------------------------------------------------------------- exploration


def explore(
    options: ExploreOptions,
    search: SearchOptions,
    *,
    on_trial: Callable[[Trial, tuple[Trial, ...], tuple[Trial, ...]], None] | None = None,
    on_step: OnStep | None = None,
) -> Exploration:
    """Search devices, widths, sparsity, weight formats and clocks for the designs that no other one beats.

    ``search`` says where the study is kept, and how many trials it is to have in the end; one that is there goes on.
    ``on_trial`` is called with each trial that ended, all trials and the front. Raises FpgaSqueezeError for bad
    options, and for a study of another version, model or other options.
    """
    from .explore.samplers import check_sampler
    from .explore.search import search as run
    from .explore.study import open_study

    search.check()
    check_sampler(search.sampler)
    work = Accelerators.for_jobs(options, search.jobs)
    if on_step:
        on_step("read model and images, see how sensitive its layers are")
    # one of something else is refused before anything is computed
    open_study(work, search.storage, search.trials)
    work.prepare(on_step)
    return run(work, search, on_trial)


def explore_networks(
    work: NetworkSearch,
    search: SearchOptions,
    *,
    on_trial: Callable[[Trial, tuple[Trial, ...], tuple[Trial, ...]], None] | None = None,
    on_step: OnStep | None = None,
) -> Exploration:
    """Search the numbers of a SqueezeNet: each network trained, as long as it is promising, quantised and planned.

    Raises FpgaSqueezeError as :func:`explore` does, and where torch is missing.
    """
    from .explore.search import search as run

    if on_step:
        on_step("read images")
    work.check()
    return run(work, search, on_trial)


def read_study(storage: str) -> Exploration:
    """A study as it stands; raises FpgaSqueezeError where there is none."""
    from .explore.objectives import KNOWN
    from .explore.study import read_study as read

    return read(storage, KNOWN)


def generate_trial(
    storage: str,
    trial: int,
    output: str | Path | None = None,
    *,
    model: str | Path | None = None,
    calibration: str | Path | None = None,
    dialect: Dialect = "vitis",
    force: bool = False,
    on_step: OnStep | None = None,
) -> Project:
    """Write the project of a trial of a study: the integers and the plan that it was judged by.

    ``model`` and ``calibration`` are where these files lie now, if not where the study was made. Raises
    FpgaSqueezeError where anything differs from what the study says, DoesNotFitError where the design does not fit.
    """
    from .explore.again import design_of

    again = design_of(storage, trial, model, calibration, on_step)
    numbers, plan = again.made.estimate, again.made.plan
    return create_project(
        DEFAULT_FOLDER / f"{again.made.model.name}_trial{trial}" if output is None else output,
        again.made.model,
        plan,
        again.loaded.images,
        again.loaded.labels,
        dialect=dialect,
        device=find_device(numbers.device) if numbers.device else None,
        clock=numbers.clock,
        room=numbers.room,
        source=again.loaded.source,
        notes=[f"trial {trial} of a study: {again.trial.outcome.facts['design']}", *numbers.warnings]
        if again.trial.outcome
        else [],
        force=force,
        on_step=(lambda text: on_step(f"write {text}")) if on_step else None,
    )


# -------------------------------------------------------------------------------------------- simulation


def _frames(project: Project, images: str | Path | None, frames: int | None) -> ImageArray:
    """The images to run: the user's or the project's; ``frames`` takes the first, repeating them if there are fewer."""
    if frames is not None and frames < 1:
        raise FpgaSqueezeError(f"field frames {frames}: give at least one")
    if images is None:
        pixels = project.images
    else:
        pixels, _ = load_images(images, project.model.input.shape, frames)
    return pixels if frames is None else pixels[np.arange(frames) % len(pixels)]


def _given(images: str | Path | None, frames: int | None) -> dict[str, object]:
    """What a simulation was asked for, ready for JSON."""
    return {"images": None if images is None else str(images), "frames": frames}


@contextmanager
def _running(project: Project, kind: Simulation, images: ImageArray) -> Iterator[Path]:
    """A folder of its own for a run, with the images; becomes ``run/<kind>`` at the end, and on an error goes."""
    target = project.run(kind)
    try:
        target.parent.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{kind}.", dir=target.parent))
        np.savez_compressed(folder / "images.npz", images=images)
    except OSError as error:
        raise FpgaSqueezeError(f"{project.path}: cannot be written: {error.strerror or error}") from error
    try:
        yield folder
        with locked(target):
            shutil.rmtree(target, ignore_errors=True)
            os.replace(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def csim(
    target: str | Path,
    images: str | Path | None = None,
    frames: int | None = None,
    on_step: OnStep | None = None,
) -> Run:
    """Compile a project's HLS C++, run it on images and compare every kernel with golden."""
    from .verify.csim import build_csim, run_csim_program

    project = load_project(target)
    pixels = _frames(project, images, frames)
    program = build_csim(project.hls, project.build("csim"), on_step)
    if on_step:
        on_step(f"run {len(pixels)} frames")
    with _running(project, "csim", pixels) as folder:
        run_csim_program(program, pixels, folder)
        run = _compare(project, "csim", folder, on_step)
        keep_result(project, "csim", _given(images, frames), run.to_json(), folder)
    return run


def cosim(
    target: str | Path,
    images: str | Path | None = None,
    frames: int | None = None,
    stalls: int = 0,
    on_step: OnStep | None = None,
) -> CosimRun:
    """Build a project's RTL with Verilator, stream frames through it and compare every kernel with golden.

    ``stalls`` other than 0 is the seed of random stalls on both sides.
    """
    from .verify.cosim import build_cosim, run_cosim_program

    if stalls < 0:
        raise FpgaSqueezeError(f"field stalls {stalls}: give a seed of 1 or more, or 0 for no stalls")
    project = load_project(target)
    pixels = _frames(project, images, frames)
    program = build_cosim(project.rtl, project.build("cosim"), on_step)
    if on_step:
        on_step(f"run {len(pixels)} frames")
    with _running(project, "cosim", pixels) as folder:
        timing = run_cosim_program(program, project.rtl, project.plan, pixels, folder, stalls)
        planned = schedule(project.plan)
        cycles = Cycles(
            cycles_per_frame=timing.cycles_per_frame,
            planned_cycles_per_frame=planned.cycles_per_frame,
            latency_cycles=timing.latency_cycles,
            planned_latency_cycles=planned.latency,
            stalls=stalls,
            error=timing.error,
            shell_frame_cycles=timing.shell_frame_cycles,
            shell_job_cycles=timing.shell_job_cycles,
        )
        (folder / "cycles.json").write_text(json.dumps(asdict(cycles)), encoding="utf-8")
        run = _compare(project, "cosim", folder, on_step)
        keep_result(project, "cosim", _given(images, frames) | {"stalls": stalls}, run.to_json(), folder)
    assert isinstance(run, CosimRun)
    return run


def _compare(project: Project, kind: Simulation, folder: Path, on_step: OnStep | None) -> Run:
    """Compare the words of the run in ``folder`` with a fresh golden run on the images stored beside them."""
    images, _ = read_images(folder / "images.npz")
    if on_step:
        on_step(f"compare {kind} with golden, {len(images)} frames")
    reference = golden_model.run(project.model, images)
    comparison = compare_run(project.plan, folder, reference, images, TERMS[kind])
    match kind:
        case "csim":
            return Run(kind, comparison)
        case "cosim":
            clock = project_clock(project, project.device, DESIGN_DEFAULTS)
            return CosimRun(kind, comparison, read_cycles(folder / "cycles.json"), clock)
        case _:
            assert_never(kind)


def compare(target: str | Path, on_step: OnStep | None = None) -> list[Run]:
    """Compare the stored outputs of the last csim and cosim with a fresh golden run, whichever of them exist."""
    project = load_project(target)
    done = [kind for kind in get_args(Simulation) if project.run(kind).is_dir()]
    if not done:
        raise FpgaSqueezeError(f"{project.path}: nothing to compare yet; run csim or cosim first")
    runs = []
    for kind in done:
        with locked(project.run(kind)):
            runs.append(_compare(project, kind, project.run(kind), on_step))
    return runs


# ------------------------------------------------------------------------------------------------- synthesis


def synth(target: str | Path, on_step: OnStep | None = None) -> Synthesis:
    """Synthesise a project's RTL with Yosys, kernel by kernel, for its device's family (7 series without a device)."""
    project = load_project(target)
    family = project.device.family if project.device else "zynq-7000"
    mapped = synthesise(project.rtl, project.build("synth"), family, on_step)
    result = Synthesis.of(project.estimate(), mapped, project.device)
    keep_result(project, "synth", {}, result.to_json())
    return result


def timing(
    target: str | Path,
    kernel: str | None = None,
    device: str | None = None,
    clock_mhz: float | None = None,
    on_step: OnStep | None = None,
) -> Timing:
    """Static timing of a project's RTL as Yosys maps it, or of one kernel of it, before any placement.

    Device and clock are the project's own unless given; XC7Z020 where it has none. Netlists are kept in the project,
    and so is the result for the whole design: :func:`estimate` takes its clock as long as the design stays as it is.
    """
    from .verify.timing.report import time_design

    project = load_project(target)
    part, clock = asked_of(project, device, clock_mhz)
    result = time_design(project.rtl, project.build("timing"), part, clock, kernel, on_step)
    if kernel is None:
        keep_clock(project, part, "estimated by timing", result.fmax_mhz)
        keep_result(project, "timing", {"device": device, "clock_mhz": clock_mhz}, result.to_json())
    return result


def route(
    target: str | Path,
    kernel: str | None = None,
    device: str | None = None,
    clock_mhz: float | None = None,
    on_step: OnStep | None = None,
) -> Routed:
    """Place and route a project's RTL, or one kernel of it, with a nextpnr; arguments as of :func:`timing`.

    The clock of a whole design on its own device is kept as :func:`timing` keeps its.
    """
    from .verify.timing.route import route as place_and_route

    project = load_project(target)
    part, clock = asked_of(project, device, clock_mhz)
    result = place_and_route(project.rtl, project.build("route"), part, clock, kernel, on_step)
    if kernel is None and result.part == part.part:
        keep_clock(project, part, "routed", result.fmax_mhz)
    return result


# ------------------------------------------------------------------------------------------------- HLS tools


def hls(
    target: str | Path,
    tool: str | None = None,
    kernel: str | None = None,
    frames: int = 1,
    *,
    with_yosys: bool = False,
    on_step: OnStep | None = None,
) -> HlsRun:
    """Run Bambu or Vitis HLS over a project's HLS C++, simulate its RTL and compare it with golden.

    ``tool`` is the project's own dialect unless given; ``kernel`` None: every kernel by itself, ``fsq_top``: the whole
    design. ``with_yosys`` counts the cells of the tool's Verilog and of our RTL with Yosys.
    """
    from .verify.hls.run import verify_hls

    project = load_project(target)
    return verify_hls(project, tool, kernel, _frames(project, None, frames), with_yosys, on_step)
