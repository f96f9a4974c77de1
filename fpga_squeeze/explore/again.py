"""The design of a trial, made again: held against what the study says of it, number by number and bit by bit.

A trained network is not trained again: its file is read, and has to hold the integers that the study tells of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..datasets.classes import read_dataset
from ..datasets.images import evenly
from ..device.room import Room
from ..errors import DoesNotFitError, FpgaSqueezeError
from ..flow.design import DesignOptions
from ..flow.sources import CALIBRATION_KEPT, Loaded, OnStep, QuantizeOptions, load, read, with_images
from ..network.borders import trimmed
from ..network.integers import QModel
from ..planning.timing import schedule
from ..project.manifest import Source
from .accelerators import Accelerators, Made, digest_of, numbers_of, options_from_json
from .judging import Judge
from .networks import DATASET
from .objectives import KNOWN
from .outcome import Trial
from .study import OPTIONS, Exploration, read_study, refuse_other, shown


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
    if DATASET in json.loads(study.identity[OPTIONS]):
        return _of_networks(study, number, model, calibration, on_step)
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
    _fits(trial)
    assert trial.outcome is not None
    point = work.space.point(trial.params)
    if on_step:
        on_step(f"trial {number}: {trial.outcome.facts.get('design', '')}")
    made = work.make(point)
    numbers = numbers_of(made.estimate)
    if trial.outcome.images:
        judge = Judge(made.model, made.digest, work.judged, work.cache, work.threads)
        numbers |= work.judged.counts(judge.classes(trial.outcome.images))
    _hold(
        storage,
        trial,
        {**numbers, "digest": made.digest},
        "made on a machine whose BLAS sums in another order",
    )
    loaded = with_images(options.model, made.model, work.calibration_images, work.quantize_options(point))
    return Again(trial, made, loaded)


def _of_networks(
    study: Exploration,
    number: int,
    model: str | Path | None,
    calibration: str | Path | None,
    on_step: OnStep | None,
) -> Again:
    """:func:`design_of` for a study of networks; ``calibration`` are then images to run the design on, in place of
    the data set's own that are held out."""
    trial, kept = study.of(number), json.loads(study.identity[OPTIONS])
    _fits(trial)
    facts = trial.outcome.facts if trial.outcome else {}
    if "file" not in facts:
        raise FpgaSqueezeError(f"field trial {number}: was not trained to its end; choose one that was")
    path = Path(facts["file"] if model is None else model)
    if not path.is_file():
        raise FpgaSqueezeError(
            f"{path}: is not there; give the file that trial {number}'s network lies in now as the model"
        )
    if on_step:
        on_step(f"trial {number}: {facts['design']}")
    integers = read(path)
    if not isinstance(integers, QModel):
        raise FpgaSqueezeError(f"{path}: is a float model; trial {number}'s network is quantised")
    design = kept["design"]
    options = DesignOptions(**design | {"room": Room.from_json(design["room"])})
    plan = options.plan(trimmed(integers))
    made = Made(plan.model, plan, options.estimate(plan, schedule(plan)), digest_of(integers))
    _hold(
        study.storage,
        trial,
        {**numbers_of(made.estimate), "digest": made.digest},
        f"made by another version than this ({study.identity['version']}), or {path} is another network; generate "
        f"takes {path} as it is, too",
    )
    if calibration is not None:
        loaded = load(path, QuantizeOptions(calibration=calibration), on_step)
    else:
        test = read_dataset(kept[DATASET], integers.input.shape).test
        # of a folder they stand class by class
        some = evenly(len(test), CALIBRATION_KEPT)
        source = Source.of_file(path, "held out from training")
        loaded = Loaded(integers, source, test.images[some], test.labels[some], calibrated=False)
    return Again(trial, made, loaded)


def _fits(trial: Trial) -> None:
    """Raise DoesNotFitError for a trial that does not."""
    if trial.outcome is not None and trial.outcome.reasons:
        raise DoesNotFitError(f"field trial {trial.number}: does not fit: {'; '.join(trial.outcome.reasons)}")


def _hold(storage: str, trial: Trial, found: Mapping[str, object], otherwise: str) -> None:
    """Raise FpgaSqueezeError where what was ``found`` is not what the study says."""
    assert trial.outcome is not None
    told = {**trial.outcome.numbers, "digest": trial.outcome.facts.get("digest")}
    for name, value in found.items():
        if told.get(name) != value:
            raise FpgaSqueezeError(
                f"field trial {trial.number}: {shown(storage)} says {name} {told.get(name)}, the design has {value}; "
                f"the study was changed, or {otherwise}"
            )
