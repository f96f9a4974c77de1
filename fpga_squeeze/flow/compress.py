"""``compress``: a float network made small, every step's size and accuracy, and a float ONNX of what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..compression.densities import find_densities
from ..compression.report import ReportRow, report
from ..compression.steps import (
    CompressOptions,
    Step,
    by_layer,
    code_layers,
    code_name,
    code_steps,
    find_factors,
    prune_step,
    rank_step,
    read_step,
    trained_step,
)
from ..errors import FpgaSqueezeError
from ..export.float_onnx import write_float
from ..frontend import is_onnx
from ..network.graph import FloatModel
from .accuracy import Accuracy, OnProgress, check_images, measure, select
from .finetune import FineTune, Tuner
from .sources import (
    DEFAULTS,
    OnStep,
    QuantizeOptions,
    Target,
    calibration_images,
    is_embedded,
    keep_sources,
    read,
)

__all__ = ["CompressOptions", "Compression", "FineTune", "compress"]


@dataclass(frozen=True, eq=False)
class Compression:
    """What :func:`compress` did.

    steps      one row each: float32 as read, then what was asked for; the last one's network was written
    factors    (layer, rank, relative error) of the layers factorised
    excluded   images left out because the densities were found on them
    """

    path: Path | None
    steps: tuple[Step, ...]
    report: tuple[ReportRow, ...]
    accuracy: tuple[Accuracy, ...]
    report_accuracy: tuple[Accuracy | None, ...]
    factors: tuple[tuple[str, int, float], ...]
    excluded: int

    def to_json(self) -> dict[str, object]:
        def counts(score: Accuracy | None) -> dict[str, object]:
            return {"accuracy": None if score is None else vars(score)}

        scores = self.accuracy or (None,) * len(self.steps)
        return {
            "output": None if self.path is None else str(self.path),
            "steps": [s.to_json() | counts(a) for s, a in zip(self.steps, scores, strict=True)],
            "report": [
                r.to_json() | counts(a) for r, a in zip(self.report, self.report_accuracy, strict=True)
            ],
            "factorised": [dict(zip(("layer", "rank", "error"), f, strict=True)) for f in self.factors],
            "excluded": self.excluded,
        }


def compress(
    model: Target | FloatModel = None,
    output: str | Path | None = None,
    *,
    options: CompressOptions = CompressOptions(),  # noqa: B008  (frozen)
    calibration: QuantizeOptions = DEFAULTS,
    images: str | Path | None = None,
    labels: str | Path | None = None,
    exclude_calibration: bool = False,
    with_report: bool = False,
    finetune: FineTune | None = None,
    on_step: OnStep | None = None,
    on_progress: OnProgress | None = None,
) -> Compression:
    """Factorise, prune and share the weights of a float ``model``, in this order, as ``options`` say.

    output        float ONNX to write, with zeros and shared values exact; None: only tell
    calibration   images for ``options.max_loss``, and the preprocessing of all images
    images        run every step's network on these; ``labels`` (a CSV) tells their classes
    with_report   also the rows of SqueezeNet's paper, for the network as pruned (and trained on)
    finetune      train pruned weights on with their zeros kept, then shared ones with their codes kept

    Raises FpgaSqueezeError for bad input or a quantised model.
    """
    options.check()
    _check(options, calibration, images, labels, exclude_calibration, finetune)
    source = read(model, calibration)
    if not isinstance(source, FloatModel):
        raise FpgaSqueezeError(f"{model}: is quantised already; compress the float model it came from")
    path = None if output is None else onnx_output(Path(output))
    if path is not None:
        keep_sources(path, model, *(x for x in (images, labels, calibration.calibration) if x))
    if images is not None:
        check_images(images, labels, source)  # before minutes are spent
    tuner = None if finetune is None else Tuner(finetune, source, calibration.preprocess, on_step)
    factors = find_factors(source, options.ranks)
    steps, rows, calibrated = [read_step(source)], list[ReportRow](), list[str]()
    if factors:
        steps.append(rank_step(source, factors))
    base = steps[-1].model
    densities, calibrated = _densities(model, base, options, calibration, on_step)
    steps.append(prune_step(base, densities))
    if tuner and densities:
        steps.append(trained_step(tuner.pruned(base, by_layer(base, "densities", densities))))
    base = steps[-1].model
    if on_step:
        on_step("code weights")
    coded = code_layers(base, options)
    if coded is not None:
        tuned = tuner.shared(coded, base, options.code_bits is None) if tuner else None
        steps += code_steps(base, coded, code_name(options), tuned)
    if with_report:
        rows = report(base, Path(model) if base is source and isinstance(model, str | Path) else None)
    accuracy, excluded = list[Accuracy](), 0
    if images is not None:
        every = [*steps, *(row.step for row in rows if row.step)]
        left_out = calibrated if exclude_calibration else []
        names, excluded = select(images, source, left_out)
        if on_step:
            on_step(f"run the network after each step on {len(names)} images")
        models = [step.model for step in every]
        accuracy = measure(models, calibration.preprocess, images, names, labels, on_progress)
    if path is not None:
        if on_step:
            on_step(f"write {path}")
        write_float(steps[-1].model, path)
    of_rows = iter(accuracy[len(steps) :])
    return Compression(
        path,
        tuple(steps),
        tuple(rows),
        tuple(accuracy[: len(steps)]),
        tuple(next(of_rows, None) if row.step else None for row in rows),
        tuple((f.original.name, f.rank, f.error) for f in factors),
        excluded,
    )


def _check(
    options: CompressOptions,
    calibration: QuantizeOptions,
    images: str | Path | None,
    labels: str | Path | None,
    exclude_calibration: bool,
    finetune: FineTune | None,
) -> None:
    """Raise FpgaSqueezeError for what would have no effect."""
    prunes = options.densities or options.max_loss is not None
    if finetune is not None and not prunes and options.codebook_bits is None and options.code_bits is None:
        raise FpgaSqueezeError(
            "field finetune trains pruned or shared weights on; give field densities, field max_loss, "
            "field codebook_bits or field code_bits with it"
        )
    if labels is not None and images is None:
        raise FpgaSqueezeError("field labels says the classes of images; give field images with it")
    if options.max_loss is None and (calibration.calibration is not None or exclude_calibration):
        raise FpgaSqueezeError("calibration images find the densities for field max_loss; give it with them")


def onnx_output(path: Path, verb: str = "compress") -> Path:
    """``path``, or an error where no ONNX file should be written there."""
    if path.is_dir():
        raise FpgaSqueezeError(f"{path}: is a folder; give a file name such as {path / 'small.onnx'}")
    if not is_onnx(path):
        raise FpgaSqueezeError(f"{path}: {verb} writes float ONNX; give a name that ends in .onnx")
    if not path.parent.is_dir():
        raise FpgaSqueezeError(f"{path}: cannot be written: there is no folder {path.parent}; make it first")
    return path


def _densities(
    model: Target | FloatModel,
    base: FloatModel,
    options: CompressOptions,
    calibration: QuantizeOptions,
    on_step: OnStep | None,
) -> tuple[Mapping[str, float], list[str]]:
    """(densities by layer, names of the images they were found on)."""
    if options.max_loss is None:
        return options.densities, []
    if calibration.calibration is None and (isinstance(model, FloatModel) or not is_embedded(model)):
        raise FpgaSqueezeError(
            "field max_loss needs images to see the loss on; give them as field calibration"
        )
    images, names, _ = calibration_images(model, base, calibration)
    found = find_densities(base, images, calibration.preprocess, options.max_loss, on_step)
    return found, names
