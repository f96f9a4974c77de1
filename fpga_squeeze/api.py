"""The verbs as Python functions with typed results; the command line calls these and prints what they return.

    from fpga_squeeze import api
    project = api.generate(lanes=64, output="my_design")
    assert api.csim(project.path).mismatches == 0

Every function raises FpgaSqueezeError for bad input or a missing tool, DoesNotFitError where a device is too small.
``on_step`` is called with a short text as the work goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from . import golden as golden_model
from .errors import DoesNotFitError, FpgaSqueezeError
from .estimate import Estimate
from .estimate import estimate as estimate_plan
from .fixed_point import IntArray
from .graph import FloatModel, Preprocess, QModel
from .images import ImageArray, embedded_calibration, embedded_images, embedded_model_path, load_images
from .planning.devices import DEFAULT_DEVICE, Device, find_device
from .planning.folding import build_plan, choose_foldings, tune_buffers
from .planning.plan import Folding, Plan
from .planning.timing import schedule
from .project import Labels, Project, Source, create_project, load_project, read_images
from .reference import PRESETS
from .simulate.compare import Comparison, compare_run

OnStep = Callable[[str], None]
Target = str | Path | None
DEFAULT_FOLDER = Path("hls_out")
CALIBRATION_KEPT = 16
"""Calibration images that become the test images of a project whose model brings none."""
RANDOM_KEPT = 4


@dataclass(frozen=True)
class QuantizeOptions:
    """How a float model becomes integers. ``calibration`` None: the embedded images, for the embedded model only."""

    calibration: str | Path | None = None
    preprocess: Preprocess = PRESETS["none"]
    weight_bits: int = 8
    activation_bits: int = 8


DEFAULTS = QuantizeOptions()


@dataclass(frozen=True)
class Quantized:
    """A quantised model; ``inexact`` tells where float32 runners might round differently (empty: nowhere)."""

    path: Path
    model: QModel
    inexact: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A simulation compared with golden, kernel by kernel."""

    kind: str
    comparison: Comparison

    @property
    def mismatches(self) -> int:
        return self.comparison.mismatches

    @property
    def equal(self) -> bool:
        """Something was compared and nothing differs."""
        return self.comparison.equal

    def to_json(self) -> dict[str, object]:
        first = self.comparison.first
        return self.comparison.to_json() | {"first_mismatch": asdict(first) if first else None}


@dataclass(frozen=True)
class Cycles:
    """Cycles that the RTL took, and those planned.

    cycles_per_frame    steady interval between the last outputs of consecutive frames; None with one frame
    latency_cycles      first input word to last output of the first frame, both included
    stalls              seed of random stalls; 0: none, and only then are measured and planned cycles the same thing
    error               what stopped the simulation early (a deadlock, a protocol error), else None
    """

    cycles_per_frame: int | None
    planned_cycles_per_frame: int
    latency_cycles: int | None
    planned_latency_cycles: int
    stalls: int
    error: str | None = None


@dataclass(frozen=True)
class CosimRun(Run):
    """An RTL simulation with its cycles."""

    cycles: Cycles

    @property
    def equal(self) -> bool:
        return self.comparison.equal and self.cycles.error is None

    def to_json(self) -> dict[str, object]:
        return super().to_json() | asdict(self.cycles)


# ------------------------------------------------------------------------------------------------ models


@dataclass(frozen=True, eq=False)
class _Loaded:
    """An integer model with what is known about it."""

    model: QModel
    source: Source
    images: ImageArray
    labels: Labels | None


def is_embedded(model: Target) -> bool:
    """Whether ``model`` means the model shipped with the package."""
    if model is None:
        return True
    path = Path(model)
    return path.is_file() and path.samefile(embedded_model_path())


def _read(model: Target) -> FloatModel | QModel:
    from .frontend import read_model

    return read_model(embedded_model_path() if model is None else model)


def _calibration(model: Target, source: FloatModel, options: QuantizeOptions) -> ImageArray:
    if options.calibration is not None:
        return load_images(options.calibration, source.input_shape)[0]
    if is_embedded(model):
        return embedded_calibration()
    raise FpgaSqueezeError(
        f"{model}: is a float model and needs images to be quantised with; "
        "give --calibration IMAGES, or a model that is quantised already"
    )


def _quantized(
    model: Target, options: QuantizeOptions, on_step: OnStep | None
) -> tuple[QModel, ImageArray | None]:
    """The integer model, and the images it was calibrated on (None: it was quantised before)."""
    source = _read(model)
    if isinstance(source, QModel):
        if replace(options, calibration=None) != DEFAULTS:
            raise FpgaSqueezeError(
                f"{model}: is quantised already; its preprocessing and widths cannot be changed any more"
            )
        return source, None
    from .quantize import quantize as quantize_model

    images = _calibration(model, source, options)
    if on_step:
        on_step(f"quantise {source.name} on {len(images)} images")
    return quantize_model(
        source,
        images,
        options.preprocess,
        weight_bits=options.weight_bits,
        activation_bits=options.activation_bits,
        on_step=on_step,
    ), images


def _random_images(model: QModel) -> ImageArray:
    shape = model.input.shape
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (RANDOM_KEPT, shape.height, shape.width, shape.channels), dtype=np.uint8)


def _load(model: Target, options: QuantizeOptions, on_step: OnStep | None) -> _Loaded:
    quantized, calibration = _quantized(model, options, on_step)
    path = embedded_model_path() if model is None else Path(model)
    if is_embedded(model):
        images, labels = embedded_images()
        return _Loaded(quantized, Source.of_file(path, "held out from training"), images, labels)
    if calibration is None and options.calibration is not None:
        calibration = load_images(options.calibration, quantized.input.shape, CALIBRATION_KEPT)[0]
    if calibration is not None:
        source = Source.of_file(path, "the first calibration images")
        return _Loaded(quantized, source, calibration[:CALIBRATION_KEPT], None)
    return _Loaded(quantized, Source.of_file(path, "random pixels (seed 0)"), _random_images(quantized), None)


def make_plan(
    model: QModel, lanes: int | None, device: Device | None, foldings: Mapping[str, Folding] | None = None
) -> Plan:
    """The fastest plan for ``lanes``, else for the DSPs of ``device``; ``foldings`` overrides engines by name."""
    budget = lanes if lanes is not None else (device or find_device(DEFAULT_DEVICE)).dsp
    if budget < 1:
        raise FpgaSqueezeError(f"a lane budget of {budget} is no budget; use 1 or more")
    names = [layer.name for layer in model.layers if hasattr(layer, "convs") or hasattr(layer, "weight")]
    unknown = [name for name in foldings or {} if name not in names]
    if unknown:
        raise FpgaSqueezeError(f"--folding {unknown[0]}: no such engine; there are {', '.join(names)}")
    chosen = choose_foldings(model, budget)
    chosen = [(foldings or {}).get(name, folding) for name, folding in zip(names, chosen, strict=True)]
    plan = build_plan(model, chosen, budget)
    # spare rows given by hand stay as they are
    return plan if any(f.spare != 1 for f in chosen) else tune_buffers(plan)


def _device(name: str | None, lanes: int | None) -> Device | None:
    """The device named, else the default one unless a lane budget alone was given."""
    if name is not None:
        return find_device(name)
    return find_device(DEFAULT_DEVICE) if lanes is None else None


def _clock(clock_mhz: float | None, device: Device | None) -> float:
    value = clock_mhz if clock_mhz is not None else (device or find_device(DEFAULT_DEVICE)).default_clock_mhz
    if not 0 < value < 10_000:
        raise FpgaSqueezeError(f"a clock of {value:g} MHz; give a positive number of MHz")
    return value


# ------------------------------------------------------------------------------------------------- verbs


def quantize(
    model: Target, output: str | Path, options: QuantizeOptions = DEFAULTS, on_step: OnStep | None = None
) -> Quantized:
    """Quantise a float ``model`` and write it as QDQ ONNX to ``output``."""
    from .qdq import write_qdq

    path = Path(output)
    if path.is_dir():
        raise FpgaSqueezeError(f"{path}: is a folder; give a file name such as {path / 'q.onnx'}")
    quantized, calibration = _quantized(model, options, on_step)
    if calibration is None:
        raise FpgaSqueezeError(f"{model}: is quantised already")
    if on_step:
        on_step(f"write {path}")
    return Quantized(path, quantized, tuple(write_qdq(quantized, path)))


def generate(
    model: Target = None,
    output: str | Path | None = None,
    *,
    lanes: int | None = None,
    device: str | None = None,
    clock_mhz: float | None = None,
    options: QuantizeOptions = DEFAULTS,
    foldings: Mapping[str, Folding] | None = None,
    dialect: str = "vitis",
    force: bool = False,
    on_step: OnStep | None = None,
) -> Project:
    """Write a project: HLS C++, RTL, model and test images. ``output`` defaults to hls_out/<model name>.

    Raises DoesNotFitError, and writes nothing, where the plan does not fit ``device``.
    """
    target = _device(device, lanes)
    clock = _clock(clock_mhz, target)
    loaded = _load(model, options, on_step)
    plan = make_plan(loaded.model, lanes, target, foldings)
    if on_step:
        on_step(f"plan {plan.lanes} lanes for {target.name if target else f'a budget of {lanes}'}")
    if target:
        numbers = estimate_plan(plan, target, clock, schedule(plan))
        if numbers.short:
            raise DoesNotFitError(
                f"{loaded.model.name} does not fit {target.name}: {'; '.join(map(str, numbers.short))}"
            )
    return create_project(
        DEFAULT_FOLDER / loaded.model.name if output is None else output,
        loaded.model,
        plan,
        loaded.images,
        loaded.labels,
        dialect=dialect,
        device=target,
        clock_mhz=clock,
        source=loaded.source,
        force=force,
        on_step=(lambda text: on_step(f"write {text}")) if on_step else None,
    )


def estimate(
    target: Target = None,
    *,
    lanes: int | None = None,
    device: str | None = None,
    clock_mhz: float | None = None,
    options: QuantizeOptions = DEFAULTS,
    foldings: Mapping[str, Folding] | None = None,
    on_step: OnStep | None = None,
) -> Estimate:
    """Cost and speed of a project's own plan, or of the best plan for a model, on a device.

    For a project, ``device`` and ``clock_mhz`` only change what its plan is held against; ``lanes`` or ``foldings``
    make a new plan for its model.
    """
    if target is not None and Path(target).is_dir():
        project = load_project(target)
        at = find_device(device) if device else project.device
        clock = (
            project.manifest.clock_mhz
            if clock_mhz is None and at == project.device
            else _clock(clock_mhz, at)
        )
        plan = project.plan
        if lanes is not None or foldings:
            plan = make_plan(project.model, lanes if lanes is not None else plan.lane_budget, at, foldings)
        return estimate_plan(plan, at, clock, schedule(plan))
    at = _device(device, lanes)
    clock = _clock(clock_mhz, at)
    model, _ = _quantized(target, options, on_step)
    plan = make_plan(model, lanes, at, foldings)
    return estimate_plan(plan, at, clock, schedule(plan))


def golden(
    target: Target = None,
    images: str | Path | None = None,
    output: str | Path | None = None,
    *,
    options: QuantizeOptions = DEFAULTS,
    on_step: OnStep | None = None,
) -> dict[str, IntArray]:
    """Integers of every kernel ([N, C, H, W]) and ``logits`` ([N, classes]); written to ``output`` (.npz) if given.

    The file also holds ``logits_frac``: the logits' value is integer * 2**-logits_frac.
    """
    if target is not None and Path(target).is_dir():
        project = load_project(target)
        model, pixels = project.model, project.images
    else:
        loaded = _load(target, options, on_step)
        model, pixels = loaded.model, loaded.images
    if images is not None:
        pixels, _ = load_images(images, model.input.shape)
    if on_step:
        on_step(f"golden model on {len(pixels)} images")
    values = golden_model.run(model, pixels)
    if output is not None:
        _save(Path(output), values | {"logits_frac": np.array(model.output.frac, dtype=np.int64)})
    return values


def _save(path: Path, arrays: Mapping[str, IntArray]) -> None:
    """Write an .npz under exactly this name, whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        part.replace(path)
    except OSError as error:
        if part.is_file():
            part.unlink()
        raise FpgaSqueezeError(f"{path}: cannot be written: {error.strerror or error}") from error


# -------------------------------------------------------------------------------------------- simulation


def _frames(project: Project, images: str | Path | None, frames: int | None) -> ImageArray:
    """The images to run: the user's or the project's; ``frames`` takes the first, repeating them if there are fewer."""
    if frames is not None and frames < 1:
        raise FpgaSqueezeError(f"--frames {frames}: give at least one")
    if images is None:
        pixels = project.images
    else:
        pixels, _ = load_images(images, project.model.input.shape, frames)
    return pixels if frames is None else pixels[np.arange(frames) % len(pixels)]


def _start_run(project: Project, kind: str, images: ImageArray) -> Path:
    """An empty folder that becomes ``run/<kind>`` when the run is done; it holds the images."""
    try:
        project.run(kind).parent.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{kind}.", dir=project.run(kind).parent))
        np.savez_compressed(folder / "images.npz", images=images)
    except OSError as error:
        raise FpgaSqueezeError(f"{project.path}: cannot be written: {error.strerror or error}") from error
    return folder


def _finish_run(project: Project, kind: str, folder: Path) -> None:
    target = project.run(kind)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(folder, target)


def csim(
    target: str | Path,
    images: str | Path | None = None,
    frames: int | None = None,
    on_step: OnStep | None = None,
) -> Run:
    """Compile a project's HLS C++, run it on images and compare every kernel with golden."""
    from .simulate.csim import build_csim, run_csim_program

    project = load_project(target)
    pixels = _frames(project, images, frames)
    program = build_csim(project.hls, project.build("csim"), on_step)
    if on_step:
        on_step(f"run {len(pixels)} frames")
    folder = _start_run(project, "csim", pixels)
    try:
        run_csim_program(program, pixels, folder)
        _finish_run(project, "csim", folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _compare(project, "csim", on_step)


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
    from .simulate.cosim import build_cosim, run_cosim_program

    if stalls < 0:
        raise FpgaSqueezeError(f"--stalls {stalls}: give a seed of 1 or more, or 0 for no stalls")
    project = load_project(target)
    pixels = _frames(project, images, frames)
    program = build_cosim(project.rtl, project.build("cosim"), on_step)
    if on_step:
        on_step(f"run {len(pixels)} frames")
    folder = _start_run(project, "cosim", pixels)
    try:
        timing = run_cosim_program(program, project.rtl, project.plan, pixels, folder, stalls)
        planned = schedule(project.plan)
        cycles = Cycles(
            cycles_per_frame=timing.cycles_per_frame,
            planned_cycles_per_frame=planned.cycles_per_frame,
            latency_cycles=timing.latency_cycles,
            planned_latency_cycles=planned.latency,
            stalls=stalls,
            error=timing.error,
        )
        (folder / "cycles.json").write_text(json.dumps(asdict(cycles)), encoding="utf-8")
        _finish_run(project, "cosim", folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    run = _compare(project, "cosim", on_step)
    assert isinstance(run, CosimRun)
    return run


def _compare(project: Project, kind: str, on_step: OnStep | None) -> Run:
    """Compare the stored words of a run with a fresh golden run on the images stored beside them."""
    folder = project.run(kind)
    images, _ = read_images(folder / "images.npz")
    if on_step:
        on_step(f"compare {kind} with golden, {len(images)} frames")
    comparison = compare_run(project.plan, folder, golden_model.run(project.model, images), images)
    if kind == "csim":
        return Run(kind, comparison)
    try:
        cycles = Cycles(**json.loads((folder / "cycles.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise FpgaSqueezeError(
            f"{folder / 'cycles.json'}: cannot be read ({error}); run cosim again"
        ) from error
    return CosimRun(kind, comparison, cycles)


def compare(target: str | Path, on_step: OnStep | None = None) -> list[Run]:
    """Compare the stored outputs of the last csim and cosim with a fresh golden run, whichever of them exist."""
    project = load_project(target)
    done = [kind for kind in ("csim", "cosim") if project.run(kind).is_dir()]
    if not done:
        raise FpgaSqueezeError(f"{project.path}: nothing to compare yet; run csim or cosim first")
    return [_compare(project, kind, on_step) for kind in done]
