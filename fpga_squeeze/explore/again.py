"""The design of a trial, made again: held against what the study says of it, number by number and bit by bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import DoesNotFitError, FpgaSqueezeError
from ..flow.sources import Loaded, OnStep, with_images
from .accelerators import Accelerators, Made, numbers_of, options_from_json
from .judging import Judge
from .objectives import KNOWN
from .outcome import Trial
from .study import OPTIONS, read_study, refuse_other, shown


@dataclass(frozen=True, eq=False)
class Again:
    """A trial with its design, and images to run it on."""

    trial: Trial
    made: Made
    loaded: Loaded


def design_of(
    storage: str,
    number: int,
    model: str | Path | None = None,
    calibration: str | Path | None = None,
    on_step: OnStep | None = None,
) -> Again:
    """The design of trial ``number``; ``model`` and ``calibration`` in place of the paths that the study remembers.

    Raises FpgaSqueezeError where the study was made by another version or of other files, where the trial is not what
    the study says of it, and DoesNotFitError where it does not fit its device.
    """
    study = read_study(storage, KNOWN)
    if OPTIONS not in study.identity:
        outcome = study.of(number).outcome
        file = outcome.facts.get("file") if outcome else None
        way = f"generate takes its trial as {file}" if file else "choose a trial that was trained to its end"
        raise FpgaSqueezeError(f"{shown(storage)}: is a study of networks; {way}")
    options = options_from_json(study.identity[OPTIONS])
    if model is not None:
        options = replace(options, model=model)
    if calibration is not None:
        options = replace(options, quantize=replace(options.quantize, calibration=calibration))
    work = Accelerators(options)
    trial = study.of(number)
    refuse_other(
        storage,
        study.identity,
        dict(work.identity()) | {"objectives": ",".join(o.name for o in work.objectives)},
    )
    assert trial.outcome is not None
    if trial.outcome.reasons:
        raise DoesNotFitError(f"field trial {number}: does not fit: {'; '.join(trial.outcome.reasons)}")
    point = work.space.point(trial.params)
    if on_step:
        on_step(f"trial {number}: {trial.outcome.facts.get('design', '')}")
    made = work.make(point)
    numbers = numbers_of(made.estimate)
    if trial.outcome.images:
        judge = Judge(made.model, made.digest, work.judged, work.cache, work.threads)
        numbers |= work.judged.counts(judge.classes(trial.outcome.images))
    told = {**trial.outcome.numbers, "digest": trial.outcome.facts.get("digest")}
    for name, value in {**numbers, "digest": made.digest}.items():
        if told.get(name) != value:
            raise FpgaSqueezeError(
                f"field trial {number}: {shown(storage)} says {name} {told.get(name)}, the design has {value}; the "
                "study was changed, or made on a machine whose BLAS sums in another order"
            )
    loaded = with_images(options.model, made.model, work.calibration_images, work.quantize_options(point))
    return Again(trial, made, loaded)
