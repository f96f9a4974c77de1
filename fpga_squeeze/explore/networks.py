"""``explore --network``: the numbers of a SqueezeNet searched, each network trained, quantised, planned and estimated.

What :mod:`.study` asks of a search. A network is estimated before it is trained: its speed does not
depend on its weights. Then it is trained in rounds, each longer than the one before, and goes on only as long as it may
still be on the front.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..datasets.classes import DataSet, Labelled, read_dataset
from ..datasets.images import ImageArray
from ..errors import FpgaSqueezeError
from ..export.float_onnx import write_float
from ..export.qdq import write_qdq
from ..flow.design import DesignOptions
from ..network import golden
from ..network.graph import FloatModel
from ..network.integers import QModel
from ..planning.cost.estimate import Estimate
from ..planning.cost.estimate import estimate as estimate_plan
from ..planning.timing import schedule
from ..quantization.method import DEFAULT, Method
from ..quantization.quantize import quantize
from ..training.loop import TrainOptions, correct, fresh, moved, train
from ..training.network import need_torch
from ..zoo.squeezenet import Numbers, squeezenet_of
from .accelerators import excess_of, numbers_of
from .objectives import KNOWN, Objective, objectives_of
from .outcome import Outcome
from .study import Promising

ROUNDS = (1, 2, 5)
"""How the epochs are shared out among the rounds of training."""
GAIN = (6.0, 2.0)
"""Percent of the images that a network may still win after each round but the last; it is given up if so much is not
enough for the front. On the digits, 10 of 80 epochs were never further from the final accuracy."""
COPIES = 7
"""Further copies of each validation image, moved as in training: few images alone tell good networks hardly apart."""
CALIBRATION = 64
"""Training images on which networks are quantised."""
CHOICES: Mapping[str, Sequence[Any]] = {
    "base_e": (8, 12, 16, 24, 32, 48, 64, 96, 128),
    "incr_e": (0, 4, 8, 16, 32, 64, 128),
    "freq": (1, 2, 3),
    "pct3x3": (0.25, 0.375, 0.5, 0.625, 0.75),
    "sr": (0.125, 0.25, 0.375, 0.5, 0.75),
    "fires": (2, 3, 4, 5, 6, 8),
    "stem": (4, 8, 12, 16, 24, 32, 64),
    "bypass": ("none", "simple"),
}
"""What is drawn from; the version is the user's, as its first convolution is made for a size of image."""
GRID = ("base_e", "sr", "fires", "stem")
"""What the sampler ``grid`` varies; the rest is as in the paper."""
SEEDS: tuple[Mapping[str, Any], ...] = (
    {
        "base_e": 32,
        "incr_e": 32,
        "freq": 2,
        "pct3x3": 0.5,
        "sr": 0.25,
        "fires": 4,
        "stem": 16,
        "bypass": "none",
    },
    {
        "base_e": 32,
        "incr_e": 16,
        "freq": 2,
        "pct3x3": 0.5,
        "sr": 0.25,
        "fires": 4,
        "stem": 16,
        "bypass": "none",
    },
    {
        "base_e": 24,
        "incr_e": 16,
        "freq": 2,
        "pct3x3": 0.5,
        "sr": 0.25,
        "fires": 4,
        "stem": 12,
        "bypass": "none",
    },
    {
        "base_e": 16,
        "incr_e": 16,
        "freq": 1,
        "pct3x3": 0.5,
        "sr": 0.375,
        "fires": 3,
        "stem": 8,
        "bypass": "none",
    },
)
"""Tried first: small networks, which train quickly and show soon what accuracy there is to beat."""


@dataclass(frozen=True)
class NetworkSearch:
    """What networks are searched for.

    dataset     ``digits``, or a folder that holds a folder of images per class
    folder      where trained networks are written: ``trial<number>.onnx``, quantised, and ``trial<number>_float.onnx``
    design      device, clock, formats and widths, as for any design; every network is planned so
    objectives  by name: fps, top1, bram36, luts, dsp, cycles, latency_ms, weight_bits; top1 is that of the integers
    epochs      of a network that is trained to the end
    version     of SqueezeNet: first convolution and pools
    seed        of weights, images' order and moves
    """

    dataset: str
    folder: str
    design: DesignOptions = DesignOptions()  # noqa: RUF009
    names: tuple[str, ...] = ("fps", "top1")
    epochs: int = 80
    version: str = "1.1"
    seed: int = 0
    _kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def check(self) -> None:
        """Raise FpgaSqueezeError for what cannot be searched, before any time is spent."""
        need_torch()
        if self.epochs < sum(ROUNDS):
            raise FpgaSqueezeError(f"field epochs {self.epochs}: give at least {sum(ROUNDS)}")
        if "agreement" in self.names:
            raise FpgaSqueezeError(
                "field objectives: agreement is with a given network, and there is none; give top1"
            )
        objectives_of(self.names)
        Numbers(version=self.version).check()
        if self.design.target is None:
            raise FpgaSqueezeError("field lanes: a network is searched for a device; give field device")
        assert self.data
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FpgaSqueezeError(f"{self.folder}: cannot be made: {error.strerror}") from error

    # ------------------------------------------------------------------------------- what a study asks for

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return objectives_of(self.names, KNOWN)

    def identity(self) -> Mapping[str, str]:
        """What a trial's numbers depend on, but for its choices."""
        options = self.design.quantize
        device = self.design.target
        return {
            "version": __version__,
            "model": f"SqueezeNet {self.version} on {self.data.name}",
            "data": self.data.digest,
            "device": device.name if device else "",
            "design": str((self.design.weights, self.design.products_per_dsp, self.design.clock_mhz)),
            "bits": f"{options.weight_bits}, {options.activation_bits}",
            "training": f"{self.epochs} epochs, seed {self.seed}",
        }

    def seeds(self) -> Sequence[Mapping[str, Any]]:
        return SEEDS

    def grid(self) -> Mapping[str, Sequence[Any]]:
        rest = {name: (SEEDS[0][name],) for name in CHOICES if name not in GRID}
        return {name: CHOICES[name] for name in GRID} | rest

    def layers(self) -> None:
        """Nothing is drawn of layers: each network has its own."""
        return None

    def evaluate(self, trial: Any, promising: Promising) -> Outcome:
        """One network: estimated, trained as long as it is promising, quantised and estimated again."""
        numbers = self._draw(trial)
        model = fresh(squeezenet_of(numbers, self.data.shape, len(self.data.classes), self.seed))
        facts: dict[str, object] = {
            "design": model.name,
            "parameters": sum(c.weight.size + c.bias.size for c in model.convs),
        }
        _, cost = self.estimated(model, quick=True)
        facts["clock"] = str(cost.clock)
        if cost.short:
            reasons = tuple(map(str, cost.short))
            return Outcome(numbers_of(cost), reasons, excess_of(cost), complete=False, facts=facts)
        if not promising(numbers_of(cost) | {"top1": 100.0}):
            return Outcome(numbers_of(cost) | {"top1": 0.0}, complete=False, facts=facts)
        for number, share in enumerate(ROUNDS):
            epochs = max(1, self.epochs * share // sum(ROUNDS))
            data = self.data
            done = train(model, data.train, data.val, TrainOptions(epochs, seed=self.seed + number))
            model = done.model
            top1 = 100 * correct(model, self.judged) / len(self.judged)
            facts |= {"rounds": number + 1, "float_top1": top1, "loss": done.loss}
            if number < len(GAIN) and not promising(
                numbers_of(cost) | {"top1": min(100.0, top1 + GAIN[number])}
            ):
                return Outcome(
                    numbers_of(cost) | {"top1": top1}, complete=False, images=len(self.judged), facts=facts
                )
        integers, cost = self.estimated(model)
        path = Path(self.folder) / f"trial{trial.number}.onnx"
        write_float(model, path.with_stem(f"{path.stem}_float"))
        write_qdq(integers, path)
        return self.outcome(integers, cost, facts | {"file": os.fspath(path)})

    # ------------------------------------------------------------------------------------------ its parts

    def outcome(self, integers: QModel, cost: Estimate, facts: Mapping[str, Any]) -> Outcome:
        """What is told of a network that was trained to the end. The test images only report: nothing is chosen by
        them."""
        right = right_classes(integers, self.judged)
        test = right_classes(integers, self.data.test)
        numbers = numbers_of(cost) | {"top1": 100 * right / len(self.judged)}
        return Outcome(
            numbers,
            tuple(map(str, cost.short)),
            excess_of(cost),
            images=len(self.judged),
            facts={**facts, "right": right, "test_right": test, "test_images": len(self.data.test)},
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    def estimated(self, model: FloatModel, quick: bool = False) -> tuple[QModel, Estimate]:
        """``model`` in integers, and what it costs on the device; ``quick``: weights may be any, the costs count."""
        options, design = self.design.quantize, self.design
        integers = quantize(
            model,
            self.calibration[:: CALIBRATION // 4] if quick else self.calibration,
            options.preprocess,
            method=Method(learned=False) if quick else DEFAULT,
            weight_bits=options.weight_bits,
            activation_bits=options.activation_bits,
        )
        plan = design.plan(integers)
        return integers, estimate_plan(
            plan, design.target, design.clock(design.target), schedule(plan), design.kept_room
        )

    @property
    def data(self) -> DataSet:
        if "data" not in self._kept:
            self._kept["data"] = read_dataset(self.dataset, self.design.quantize.input_shape)
        found: DataSet = self._kept["data"]
        return found

    @property
    def judged(self) -> Labelled:
        """The images by which networks are chosen: validation images, as they are and moved."""
        if "judged" not in self._kept:
            val = self.data.val
            copies = [val.images, *(moved(val.images, TrainOptions.moves, seed) for seed in range(COPIES))]
            self._kept["judged"] = Labelled(np.concatenate(copies), np.tile(val.labels, COPIES + 1))
        found: Labelled = self._kept["judged"]
        return found

    @property
    def calibration(self) -> ImageArray:
        images = self.data.train.images
        return images[:: max(1, len(images) // CALIBRATION)][:CALIBRATION]

    def _draw(self, trial: Any) -> Numbers:
        drawn = {name: trial.suggest_categorical(name, list(values)) for name, values in CHOICES.items()}
        drawn["bypass"] = None if drawn["bypass"] == "none" else drawn["bypass"]
        return Numbers(version=self.version, **drawn)


def right_classes(model: QModel, data: Labelled) -> int:
    """Images whose class the integers find."""
    found = golden.run(model, data.images, keep=False)["logits"].argmax(axis=1)
    return int((found == data.labels).sum())
