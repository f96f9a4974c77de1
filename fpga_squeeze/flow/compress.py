"""``compress``: a float network made small, every step's size and accuracy, and a float ONNX of what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..compression.densities import densities_by_shape, find_densities
from ..compression.factorise import Factors
from ..compression.inputs import conv_inputs
from ..compression.ranks import find_ranks
from ..compression.report import ReportRow, report
from ..compression.steps import (
    EVERY_LAYER,
    LARGEST,
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
    wanted_ranks,
)
from ..datasets.images import ImageArray
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
    weighed    whether that error is of the outputs on calibration images, not of the weights
    macs       multiplications per frame, as read and after the layers were factorised
    excluded   images left out because ranks or densities were found on them
    """

    path: Path | None
    steps: tuple[Step, ...]
    report: tuple[ReportRow, ...]
    accuracy: tuple[Accuracy, ...]
    report_accuracy: tuple[Accuracy | None, ...]
    factors: tuple[tuple[str, int, float], ...]
    weighed: bool
    macs: tuple[int, int]
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
            "weighed_by_inputs": self.weighed,
            "macs": {"as_read": self.macs[0], "factorised": self.macs[1]},
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
    calibration   images that weigh low ranks by what the layers read, and find ranks and densities where ``options``
                  ask for that; and the preprocessing of all images
    images        run every step's network on these; ``labels`` (a CSV) tells their classes
    with_report   also the rows of SqueezeNet's paper, for the network as pruned (and trained on)
    finetune      train pruned weights on with their zeros kept, then shared ones with their codes kept; a density of
                  all layers is then what they keep together, small layers more of it than large ones

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
    ranks = wanted_ranks(source, options.ranks)
    drawn = _calibration(model, source, options, calibration)
    seen, calibrated = drawn if drawn else (None, [])
    factors = _factors(source, ranks, options, seen, calibration, on_step)
    steps, rows = [read_step(source)], list[ReportRow]()
    if factors:
        steps.append(rank_step(source, factors))
    base = steps[-1].model
    densities = options.densities
    if options.max_loss is not None and seen is not None:
        densities = find_densities(base, seen, calibration.preprocess, options.max_loss, on_step)
    if tuner and EVERY_LAYER in densities:
        densities = _shared_out(base, densities)
    multiplied = source.macs, base.macs
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
        any(f.weighed for f in factors),
        multiplied,
        excluded,
    )


def _shared_out(model: FloatModel, densities: Mapping[str, float]) -> dict[str, float]:
    """``densities`` with that of all layers shared out among those that have none of their own."""
    own = by_layer(model, "densities", {name: d for name, d in densities.items() if name != EVERY_LAYER})
    others = [conv.name for conv in model.convs if conv.name not in own]
    return own | densities_by_shape(model, others, densities[EVERY_LAYER])


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
    if not _uses_images(options) and (calibration.calibration is not None or exclude_calibration):
        raise FpgaSqueezeError(
            "calibration images are for low ranks and for field max_loss; give field ranks, field rank_loss, "
            "field rank_macs or field max_loss with them"
        )


def _uses_images(options: CompressOptions) -> bool:
    return bool(options.ranks) or options.finds_ranks or options.max_loss is not None


def onnx_output(path: Path, verb: str = "compress") -> Path:
    """``path``, or an error where no ONNX file should be written there."""
    if path.is_dir():
        raise FpgaSqueezeError(f"{path}: is a folder; give a file name such as {path / 'small.onnx'}")
    if not is_onnx(path):
        raise FpgaSqueezeError(f"{path}: {verb} writes float ONNX; give a name that ends in .onnx")
    if not path.parent.is_dir():
        raise FpgaSqueezeError(f"{path}: cannot be written: there is no folder {path.parent}; make it first")
    return path


def _calibration(
    model: Target | FloatModel, source: FloatModel, options: CompressOptions, calibration: QuantizeOptions
) -> tuple[ImageArray, list[str]] | None:
    """(calibration images, their names); None where none are used: low ranks are then those of the weights."""
    if not _uses_images(options):
        return None
    if calibration.calibration is None and (isinstance(model, FloatModel) or not is_embedded(model)):
        fields = (
            ("max_loss", options.max_loss),
            ("rank_loss", options.rank_loss),
            ("rank_macs", options.rank_macs),
        )
        asked = next((name for name, value in fields if value is not None), None)
        if asked:
            raise FpgaSqueezeError(
                f"field {asked} needs images to see the loss on; give them as field calibration"
            )
        return None
    images, names, _ = calibration_images(model, source, calibration)
    return images, names


def _factors(
    source: FloatModel,
    ranks: Mapping[str, int],
    options: CompressOptions,
    images: ImageArray | None,
    calibration: QuantizeOptions,
    on_step: OnStep | None,
) -> list[Factors]:
    """The layers to be replaced by two each."""
    names = list(by_layer(source, "ranks", {EVERY_LAYER: 1}, LARGEST)) if options.finds_ranks else list(ranks)
    if not names or images is None:
        return find_factors(source, ranks)
    inputs = conv_inputs(source, names, images, calibration.preprocess, on_step)
    if not options.finds_ranks:
        return find_factors(source, ranks, inputs)
    return find_ranks(
        source,
        names,
        images,
        calibration.preprocess,
        inputs,
        max_loss=options.rank_loss,
        budget=options.rank_macs,
        on_step=on_step,
    )
