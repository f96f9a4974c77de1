"""``explore --network``: the numbers of a SqueezeNet searched, each network trained, quantised, planned and estimated.

What :mod:`.study` asks of a search. A network is estimated before it is trained: its speed does not
depend on its weights. Then it is trained in rounds, each longer than the one before, and goes on only as long as it may
still be on the front.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..datasets.classes import DIGITS, DataSet, Labelled, read_dataset
from ..datasets.images import ImageArray, evenly
from ..errors import FpgaSqueezeError
from ..export.float_onnx import write_float
from ..export.qdq import write_qdq
from ..flow.design import DesignOptions
from ..network import golden
from ..network.graph import FloatModel
from ..network.integers import QModel
from ..planning.cost.estimate import Estimate
from ..planning.timing import schedule
from ..quantization.method import DEFAULT, Method
from ..quantization.quantize import quantize
from ..training.loop import TrainOptions, correct, fresh, moved, train
from ..training.network import need_torch
from ..zoo.squeezenet import Numbers, squeezenet_of
from .accelerators import digest_of, excess_of, numbers_of
from .cache import ROOMS, value_key, version
from .objectives import KNOWN, Objective, beyond, check_limits, objectives_of
from .outcome import Outcome
from .study import OPTIONS, Promising

ROUNDS = (1, 2, 5)
"""How the epochs are shared out among the rounds of training."""
GAIN = (8.0, 3.0)
"""Percent of the images that a network may still win after each round but the last; it is given up if so much is not
enough for the front. On the digits, networks of 80 epochs were never further from their final accuracy."""
COPIES = 7
"""Further copies of each validation image, moved as in training: few images alone tell good networks hardly apart."""
CALIBRATION = 64
"""Training images on which networks are quantised."""
DATASET = "dataset"
"""Where the data set lies, among the options that a study keeps."""
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
_USUAL: Mapping[str, Any] = {"freq": 2, "pct3x3": 0.5, "sr": 0.25, "fires": 4, "stem": 16, "bypass": "none"}
SEEDS: tuple[Mapping[str, Any], ...] = (
    {"base_e": 32, "incr_e": 32, **_USUAL},
    {"base_e": 32, "incr_e": 16, **_USUAL},
    {"base_e": 24, "incr_e": 16, **_USUAL, "stem": 12},
    {"base_e": 16, "incr_e": 16, **_USUAL, "freq": 1, "sr": 0.375, "fires": 3, "stem": 8},
)
"""Tried first: small networks, which train quickly and show soon what accuracy there is to beat."""


@dataclass(frozen=True)
class NetworkSearch:
    """What networks are searched for.

    dataset     ``digits``, or a folder that holds a folder of images per class
    folder      where trained networks are written: ``trial<number>.onnx``, quantised, and ``trial<number>_float.onnx``
    design      device, clock, formats and widths, as for any design; every network is planned so
    objectives  by name: fps, top1, bram36, luts, dsp, cycles, latency_ms, weight_bits; top1 is that of the integers
    limits      by name: the least that a number has to be that is to be large, the most of one that is to be small; a
                network beyond one counts as one that does not fit, and is not trained on
    epochs      of a network that is trained to the end
    version     of SqueezeNet: first convolution and pools
    seed        of weights, images' order and moves
    """

    dataset: str
    folder: str
    design: DesignOptions = DesignOptions()  # noqa: RUF009
    names: tuple[str, ...] = ("fps", "top1")
    limits: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 80
    version: str = "1.1"
    seed: int = 0

    def check(self) -> None:
        """Raise FpgaSqueezeError for what cannot be searched, before any time is spent."""
        need_torch()
        if self.epochs < sum(ROUNDS):
            raise FpgaSqueezeError(f"field epochs {self.epochs}: give at least {sum(ROUNDS)}")
        if "agreement" in {*self.names, *self.limits}:
            raise FpgaSqueezeError(
                "agreement is with a given network, and there is none; give top1 as field objectives and field limits"
            )
        objectives_of(self.names)
        check_limits(self.limits)
        if self.design.quantize.calibration is not None or self.design.quantize.calibration_count is not None:
            raise FpgaSqueezeError(
                "field calibration: networks are quantised on the images they are trained on; leave it out"
            )
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
        device, room, options = self.design.target, self.design.kept_room, self.design.quantize
        assert device is not None
        design = {
            "device": device.name,
            "room": asdict(room),
            "clock_mhz": self.design.clock_mhz,
            "products_per_dsp": self.design.products_per_dsp,
            "weights": self.design.weights,
        }
        dataset = self.dataset if self.data.name == DIGITS else str(Path(self.dataset).resolve())
        search = (ROUNDS, GAIN, COPIES, CALIBRATION, CHOICES, TrainOptions())
        return {
            "version": version((*ROOMS, "training", "zoo")),
            "model": f"SqueezeNet {self.version} on {self.data.name}",
            "data": self.data.digest,
            "device": device.name,
            "design": json.dumps(design),
            "limits": ",".join(f"{name}={limit:g}" for name, limit in sorted(self.limits.items())),
            "bits": f"{options.weight_bits}, {options.activation_bits}",
            "preprocessing": str(options.preprocess),
            "training": f"{self.epochs} epochs, seed {self.seed}, search {value_key(search)[:12]}",
            OPTIONS: json.dumps({DATASET: dataset, "design": design}),
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
        made = squeezenet_of(numbers, self.data.shape, len(self.data.classes), self.seed)
        made.shapes()
        pre = self.design.quantize.preprocess
        model = fresh(made, self.data.train.images, pre)
        facts: dict[str, object] = {
            "design": model.name,
            "parameters": model.parameters,
        }
        _, cost = self.estimated(model, quick=True)
        facts["clock"] = str(cost.clock)
        slow, far = beyond(numbers_of(cost), self.limits)
        if reasons := (*map(str, cost.short), *slow):
            return Outcome(numbers_of(cost), reasons, max(excess_of(cost), far), complete=False, facts=facts)
        if not promising(numbers_of(cost) | {"top1": 100.0}):
            return Outcome(numbers_of(cost) | {"top1": 0.0}, complete=False, facts=facts)
        for number, share in enumerate(ROUNDS):
            epochs = max(1, self.epochs * share // sum(ROUNDS))
            data, options = self.data, TrainOptions(epochs, seed=self.seed + number)
            done = train(model, data.train, data.val, options, pre)
            model = done.model
            top1 = 100 * correct(model, self.judged, pre) / len(self.judged)
            facts |= {"rounds": number + 1, "float_top1": top1, "loss": done.loss}
            if number == len(GAIN):
                break
            now, best = (
                numbers_of(cost) | {"top1": each} for each in (top1, min(100.0, top1 + GAIN[number]))
            )
            low, far = beyond(now, self.limits) if beyond(best, self.limits)[0] else ((), 0.0)
            if low or not promising(best):
                return Outcome(now, low, far, complete=False, images=len(self.judged), facts=facts)
        integers, cost = self.estimated(model)
        path = Path(self.folder) / f"trial{trial.number}.onnx"
        write_float(model, path.with_stem(f"{path.stem}_float"))
        write_qdq(integers, path)
        return self.outcome(integers, cost, facts | {"file": os.fspath(path), "digest": digest_of(integers)})

    # ------------------------------------------------------------------------------------------ its parts

    def outcome(self, integers: QModel, cost: Estimate, facts: Mapping[str, Any]) -> Outcome:
        """What is told of a network that was trained to the end. The test images only report: nothing is chosen by
        them."""
        right = right_classes(integers, self.judged)
        test = right_classes(integers, self.data.test)
        numbers = numbers_of(cost) | {"top1": 100 * right / len(self.judged)}
        low, far = beyond(numbers, self.limits)
        return Outcome(
            numbers,
            (*map(str, cost.short), *low),
            max(excess_of(cost), far),
            images=len(self.judged),
            facts={**facts, "right": right, "test_right": test, "test_images": len(self.data.test)},
        )

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}  # images are read again

    def estimated(self, model: FloatModel, quick: bool = False) -> tuple[QModel, Estimate]:
        """``model`` in integers, and what it costs on the device; ``quick``: weights may be any, the costs count."""
        options, design = self.design.quantize, self.design
        with threadpool_limits(1, user_api="blas"):  # sums in another order might make other integers
            integers = quantize(
                model,
                self.calibration[:: CALIBRATION // 4] if quick else self.calibration,
                options.preprocess,
                method=Method(learned=False) if quick else DEFAULT,
                weight_bits=options.weight_bits,
                activation_bits=options.activation_bits,
            )
        plan = design.plan(integers)
        return integers, design.estimate(plan, schedule(plan))

    @cached_property
    def data(self) -> DataSet:
        return read_dataset(self.dataset, self.design.quantize.input_shape)

    @cached_property
    def judged(self) -> Labelled:
        """The images by which networks are chosen: validation images, as they are and moved."""
        val = self.data.val
        copies = [val.images, *(moved(val.images, TrainOptions.moves, seed) for seed in range(COPIES))]
        return Labelled(np.concatenate(copies), np.tile(val.labels, COPIES + 1))

    @property
    def calibration(self) -> ImageArray:
        images = self.data.train.images
        return images[evenly(len(images), CALIBRATION)]

    def _draw(self, trial: Any) -> Numbers:
        drawn = {name: trial.suggest_categorical(name, list(values)) for name, values in CHOICES.items()}
        drawn["bypass"] = None if drawn["bypass"] == "none" else drawn["bypass"]
        return Numbers(version=self.version, **drawn)


def right_classes(model: QModel, data: Labelled) -> int:
    """Images whose class the integers find."""
    found = golden.run(model, data.images, keep=False)["logits"].argmax(axis=1)
    return int((found == data.labels).sum())
