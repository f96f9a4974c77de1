"""``network``: a SqueezeNet by the numbers of its paper, with random weights or trained on a user's images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..datasets.classes import read_dataset
from ..errors import FpgaSqueezeError
from ..export.float_onnx import write_float
from ..network.graph import FloatModel, Shape
from ..training.loop import TrainOptions, correct, fresh, train
from ..training.network import need_torch
from ..zoo.squeezenet import Numbers, squeezenet_of
from .compress import onnx_output
from .sources import OnStep

IMAGE = Shape(3, 224, 224)
CLASSES = 1000
EPOCHS = TrainOptions.epochs


@dataclass(frozen=True, eq=False)
class Built:
    """A network, and where it was written. ``scores``: (right, of all) images by part of the data set, if trained."""

    numbers: Numbers
    model: FloatModel
    path: Path | None
    scores: Mapping[str, tuple[int, int]] | None
    epochs: int

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.model.name,
            "numbers": vars(self.numbers),
            "parameters": self.model.parameters,
            "multiplications": self.model.macs,
            "output": None if self.path is None else str(self.path),
            "scores": self.scores and {part: list(score) for part, score in self.scores.items()},
            "epochs": self.epochs,
        }


def build_network(
    numbers: Numbers = Numbers(),  # noqa: B008  (frozen)
    output: str | Path | None = None,
    *,
    shape: Shape | None = None,
    classes: int | None = None,
    seed: int = 0,
    dataset: str | Path | None = None,
    epochs: int | None = None,
    on_step: OnStep | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Built:
    """The SqueezeNet of ``numbers`` for raw pixels, written as float ONNX to ``output`` if given.

    ``dataset``: train it on that (``digits``, or a folder that holds a folder of images per class), ``epochs`` times
    over; the epoch is chosen on a tenth of the images, and a fifth is kept to report. Raises FpgaSqueezeError for
    numbers that make no network, and where torch is missing.
    """
    numbers.check()
    path = None if output is None else onnx_output(Path(output), "network")
    if dataset is None:
        if epochs is not None:
            raise FpgaSqueezeError("field epochs says how long to train; give images to train on with it")
        model = squeezenet_of(numbers, shape or IMAGE, classes or CLASSES, seed)
        model.shapes()
        scores, epochs = None, 0
    else:
        epochs = EPOCHS if epochs is None else epochs
        if epochs < 1:
            raise FpgaSqueezeError(f"field epochs {epochs}: give at least one")
        need_torch()
        data = read_dataset(dataset, shape)
        if classes not in (None, len(data.classes)):
            raise FpgaSqueezeError(
                f"{dataset}: holds {len(data.classes)} classes, not {classes}; leave the number out"
            )
        made = squeezenet_of(numbers, data.shape, len(data.classes), seed)
        made.shapes()
        start = fresh(made, data.train.images)
        if on_step:
            on_step(f"train {start.name} on {len(data.train):,} images")
        done = train(start, data.train, data.val, TrainOptions(epochs, seed=seed), on_epoch=on_progress)
        model = done.model
        parts = {"validation": data.val, "test": data.test}
        scores = {name: (correct(model, part), len(part)) for name, part in parts.items()}
    if path is not None:
        write_float(model, path)
    return Built(numbers, model, path, scores, epochs)
