"""Accuracy of an integer network on labelled images, and how often it agrees with the float network it came from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.images import ImageArray, iter_images, list_images
from ..datasets.labels import Names, read_labels
from ..errors import FpgaSqueezeError
from ..frontend.reasons import LEAVE_OUT
from ..network import golden
from ..network.graph import FloatModel, Preprocess, Shape
from ..network.integers import QModel
from ..network.parallel import FrameRunner
from ..network.reference import float_logits
from ..project.project import Project, load_project
from ..project.results import keep_result
from .runner import has_onnxruntime, onnx_runner, session_runner

BATCH = 32
"""Images in memory at a time, so that a large set needs no more than a small one."""
Logits = npt.NDArray[Any]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Score:
    """How one runner did on ``frames`` images; ``runner`` says what computed it."""

    runner: str
    frames: int
    top1_count: int
    top5_count: int
    seconds: float

    @property
    def top1(self) -> float:
        """Images whose label came out first, in percent."""
        return 100 * self.top1_count / self.frames

    @property
    def top5(self) -> float:
        """Images whose label was among the first five, in percent."""
        return 100 * self.top5_count / self.frames

    @property
    def frames_per_second(self) -> float:
        """Decoding of the image files is not counted."""
        return self.frames / self.seconds

    def to_json(self) -> dict[str, object]:
        return {
            "top1": self.top1,
            "top5": self.top5,
            "frames_per_second": round(self.frames_per_second, 2),
            "top1_count": self.top1_count,
            "top5_count": self.top5_count,
            "runner": self.runner,
        }


@dataclass(frozen=True)
class Evaluation:
    """Scores of golden and, where a float model was given, of float on the same images.

    agreement_count     images to which both give the same first class
    excluded            images left out because the model was calibrated on them
    calibration         how many images the model says it was calibrated on; 0 where it does not say
    """

    golden_score: Score
    float_score: Score | None
    agreement_count: int | None
    excluded: int
    calibration: int

    @property
    def frames(self) -> int:
        return self.golden_score.frames

    @property
    def agreement(self) -> float | None:
        """In percent."""
        return None if self.agreement_count is None else 100 * self.agreement_count / self.frames

    def to_json(self) -> dict[str, object]:
        return {
            "float": self.float_score.to_json() if self.float_score else None,
            "golden": self.golden_score.to_json()
            | {"agreement": self.agreement, "agreement_count": self.agreement_count},
            "frames": self.frames,
            "excluded": self.excluded,
            "calibration_images": self.calibration,
        }


def evaluate(
    target: str | Path,
    images: str | Path,
    labels: str | Path,
    *,
    float_model: str | Path | FloatModel | None = None,
    exclude_calibration: bool = False,
    skip: int = 0,
    frames: int | None = None,
    preprocess: Preprocess | None = None,
    on_step: Callable[[str], None] | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Run golden, and ``float_model`` if given, on labelled images.

    target                  a quantised ONNX file or a project folder
    float_model             a network, or a file of one; any ONNX file that onnxruntime runs, a quantised one, too
    labels                  CSV with columns file and label
    exclude_calibration     leave out the images that the quantised model names as those it was calibrated on
    skip, frames            of the rest, in the order of their names: leave out the first, take at most so many
    preprocess              what is done to a pixel before a quantised file that does not say so

    The float model gets the same pixels through the preprocessing that the quantised model has folded in.
    The result of a project is kept in it (:mod:`~..project.results`).
    Where two classes have the same logit, the lower number comes first. ``on_progress`` is called with
    frames done and frames in all. Raises FpgaSqueezeError for bad input.
    """
    project = load_project(target) if Path(target).is_dir() else None
    model = integer_model(target, project, preprocess)
    classes = model.output.shape.channels
    names, excluded = _selection(model, target, images, exclude_calibration, skip, frames)
    truth = read_labels(labels, names, classes)
    tallies: list[_Tally] = []
    with contextlib.ExitStack() as stack:
        runner = FrameRunner(lambda x: golden.run(model, x, keep=False)["logits"])
        tallies.append(_Tally("golden", stack.enter_context(runner)))
        if float_model is not None:
            kind, run = _float_runner(float_model, model)
            tallies.append(_Tally(kind, stack.enter_context(run)))
        if on_step:
            on_step(f"evaluate {' and '.join(t.runner for t in tallies)} on {len(names)} images")
        pixels, done = iter_images(images, model.input.shape, names), 0
        while batch := list(islice(pixels, BATCH)):
            expected = truth[done : done + len(batch)]
            for tally in tallies:
                tally.add(np.stack([image for _, image in batch]), [name for name, _ in batch], expected)
            done += len(batch)
            if on_progress:
                on_progress(done, len(names))
    integers, *floats = tallies
    agreed = None
    if floats:
        agreed = int(np.sum(np.concatenate(integers.first) == np.concatenate(floats[0].first)))
    scores = [tally.score() for tally in tallies]
    result = Evaluation(scores[0], scores[1] if floats else None, agreed, excluded, len(model.calibration))
    if project:
        given = {
            "images": str(images),
            "labels": str(labels),
            "float": str(float_model) if isinstance(float_model, str | Path) else None,
            "exclude_calibration": exclude_calibration,
            "skip": skip,
            "frames": frames,
        }
        with contextlib.suppress(FpgaSqueezeError):  # of a project that only may be read nothing is kept
            keep_result(project, "evaluate", given, result.to_json())
    return result


def integer_model(target: str | Path, project: Project | None, preprocess: Preprocess | None) -> QModel:
    """The integers of ``project``, or of the quantised file ``target``."""
    from ..frontend import read_model

    if project:
        if preprocess is not None:
            raise FpgaSqueezeError(f"{target}: is a project with its preprocessing in it; {LEAVE_OUT}")
        return project.model
    model = read_model(target, preprocess=preprocess)
    if isinstance(model, FloatModel):
        raise FpgaSqueezeError(
            f"{target}: is a float model; give a quantised one (fpga-squeeze quantize) or a project, "
            "and the float one as field float_model"
        )
    return model


def _selection(
    model: QModel, target: str | Path, images: str | Path, exclude: bool, skip: int, frames: int | None
) -> tuple[list[str], int]:
    """(names of the images to run, how many were left out as calibration images)."""
    if skip < 0:
        raise FpgaSqueezeError(f"field skip {skip}: give 0 or more")
    if frames is not None and frames < 1:
        raise FpgaSqueezeError(f"field frames {frames}: give at least one")
    names = list_images(images, model.input.shape)
    total, excluded = len(names), 0
    if exclude:
        if not model.calibration:
            raise FpgaSqueezeError(
                f"{target}: does not name the images it was calibrated on; quantise the float model again, "
                "or use field skip"
            )
        known = Names((name, True) for name in model.calibration)
        names = [name for name in names if not known.find(name)]
        excluded = total - len(names)
    names = names[skip:]
    if not names:
        left_out = f"{excluded} calibration images and the first {skip} others"
        raise FpgaSqueezeError(f"{images}: nothing is left of {total} images without {left_out}")
    return names[:frames], excluded


class _Tally:
    """Runs one network batch by batch and counts."""

    def __init__(self, runner: str, run: Callable[[ImageArray], Logits]) -> None:
        self.runner, self.run = runner, run
        self.frames = self.top1 = self.top5 = 0
        self.seconds = 0.0
        self.first: list[npt.NDArray[np.int64]] = []

    def add(self, images: ImageArray, names: list[str], labels: npt.NDArray[np.int64]) -> None:
        start = time.perf_counter()
        logits = self.run(images)
        self.seconds += time.perf_counter() - start
        broken = ~np.isfinite(logits).all(axis=1)
        if broken.any():
            raise FpgaSqueezeError(f"{self.runner}: no finite logits for {names[int(np.argmax(broken))]}")
        place = ranks(logits, labels)
        self.frames += len(images)
        self.top1 += int(np.sum(place == 0))
        self.top5 += int(np.sum(place < 5))
        self.first.append(logits.argmax(axis=1).astype(np.int64))

    def score(self) -> Score:
        return Score(self.runner, self.frames, self.top1, self.top5, max(self.seconds, 1e-9))


def ranks(logits: Logits, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Place of each label among its frame's classes, 0 for the first; of equal logits the lower class comes first."""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    before = np.arange(logits.shape[1])[None, :] < labels[:, None]
    return np.asarray(((logits > own) | ((logits == own) & before)).sum(axis=1))


# -------------------------------------------------------------------------------------------- the float model


def _float_runner(
    source: str | Path | FloatModel, quantised: QModel
) -> tuple[str, contextlib.AbstractContextManager[Callable[[ImageArray], Logits]]]:
    """(what runs the float model, its runner): onnxruntime where there is one, else the NumPy reference."""
    from ..frontend import is_onnx, read_model

    shape, classes = quantised.input.shape, quantised.output.shape.channels
    if not isinstance(source, FloatModel) and is_onnx(source) and has_onnxruntime():
        return onnx_runner(Path(source), shape, classes, quantised.preprocess)
    model = source if isinstance(source, FloatModel) else read_model(source)
    if isinstance(model, QModel):
        raise FpgaSqueezeError(
            f"{source}: is quantised; install onnxruntime to run it (pip install onnxruntime), or give the float model "
            "it came from as field float_model"
        )
    where = model.source or model.name
    _same(where, "input", model.input_shape, shape)
    _same(where, "output", model.output_shape, quantised.output.shape)
    return float_runner(model, quantised.preprocess)


def float_runner(
    model: FloatModel, preprocess: Preprocess
) -> tuple[str, contextlib.AbstractContextManager[Callable[[ImageArray], Logits]]]:
    """(what runs ``model``, its runner): onnxruntime on our own export where there is one, else the NumPy reference."""
    from ..export.float_onnx import to_onnx

    if not has_onnxruntime():
        return "float (NumPy)", FrameRunner(lambda x: float_logits(model, x, preprocess))
    where = model.source or model.name
    run = session_runner(
        to_onnx(model).SerializeToString(),
        where,
        model.input_shape,
        model.output_shape.channels,
        preprocess,
    )
    return "float (onnxruntime)", contextlib.nullcontext(run)


def _same(where: str, what: str, a: Shape, b: Shape) -> None:
    if a != b:
        raise FpgaSqueezeError(
            f"{where}: its {what} is {a}, that of the quantised model {b}; give the float model it came from"
        )
