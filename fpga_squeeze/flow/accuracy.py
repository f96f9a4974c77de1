"""Accuracy of several float networks on the same images: top-1 where there are labels, agreement with the first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..datasets.images import iter_images, list_images
from ..datasets.labels import Names, read_labels
from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Preprocess
from .evaluate import BATCH, float_runner

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Accuracy:
    """Counts over ``frames`` images: label first (None without labels), same first class as the network given."""

    frames: int
    top1_count: int | None
    agreement_count: int


def check_images(path: str | Path, labels: str | Path | None, model: FloatModel) -> None:
    """Raise FpgaSqueezeError where there are no images, or not a label of the model's classes for each."""
    names = list_images(path, model.input_shape)
    if labels is not None:
        read_labels(labels, names, model.output_shape.channels)


def select(path: str | Path, model: FloatModel, without: Collection[str]) -> tuple[list[str], int]:
    """(names of the images at ``path`` less those in ``without``, how many these were)."""
    known = Names((name, True) for name in without)
    names = list_images(path, model.input_shape)
    kept = [name for name in names if not known.find(name)]
    if not kept:
        raise FpgaSqueezeError(
            f"{path}: nothing is left of {len(names)} images without the calibration images"
        )
    return kept, len(names) - len(kept)


def measure(
    models: Sequence[FloatModel],
    preprocess: Preprocess,
    path: str | Path,
    names: Sequence[str],
    labels: str | Path | None,
    on_progress: OnProgress | None = None,
) -> list[Accuracy]:
    """Run every network on the images so named; agreement is with the first network."""
    truth = None if labels is None else read_labels(labels, names, models[0].output_shape.channels)
    runs = {
        id(model): model for model in models
    }  # steps that only write the same weights in another way share one
    first: dict[int, list[npt.NDArray[np.int64]]] = {key: [] for key in runs}
    with contextlib.ExitStack() as stack:
        runners = {key: stack.enter_context(float_runner(m, preprocess)[1]) for key, m in runs.items()}
        pixels, done = iter_images(path, models[0].input_shape, names), 0
        while batch := list(islice(pixels, BATCH)):
            images = np.stack([image for _, image in batch])
            for key, run in runners.items():
                first[key].append(run(images).argmax(axis=1))
            done += len(batch)
            if on_progress:
                on_progress(done, len(names))
    classes = {key: np.concatenate(found) for key, found in first.items()}
    given = classes[id(models[0])]
    return [
        Accuracy(
            len(names),
            None if truth is None else int((classes[id(model)] == truth).sum()),
            int((classes[id(model)] == given).sum()),
        )
        for model in models
    ]
