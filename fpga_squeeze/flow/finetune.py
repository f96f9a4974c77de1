"""Pruned and shared weights trained on, as Deep Compression does (S. Han et al., arXiv:1510.00149)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..compression.prune import density, prune_model
from ..compression.sharing import Coded
from ..datasets.classes import read_dataset
from ..errors import FpgaSqueezeError
from ..network.fixed_point import IntArray
from ..network.graph import FloatModel, Preprocess
from ..training.loop import TrainOptions, train
from ..training.network import need_torch, own_codes
from .sources import OnStep

LAST = 2 / 3
"""Share of the epochs of pruned weights in which none is pruned any more. Of those before each prunes some, fewer and
fewer (M. Zhu, S. Gupta, arXiv:1710.01878): weights that go at once take accuracy along that no training brings back."""
GENTLE = 0.3
"""Share of the rate while weights are pruned, and of shared ones: these begin with a network that is nearly right."""
SOFTNESS = 3.0
"""Of what the teacher says: a network that learned its images by heart is too sure of them to teach much at 1."""


@dataclass(frozen=True)
class FineTune:
    """How weights are trained on.

    dataset   ``digits``, or a folder that holds a folder of images per class; see :func:`read_dataset`
    epochs    times that every image is seen, once for the pruned weights and once more for the shared ones
    rate      the highest rate of learning
    seed      of the order of images and their moves
    """

    dataset: str | Path
    epochs: int = 120
    rate: float = 1e-2
    seed: int = 0

    def check(self) -> None:
        """Raise FpgaSqueezeError for numbers out of range."""
        if self.epochs < 1:
            raise FpgaSqueezeError(f"field epochs {self.epochs}: give at least one")
        if not 0 < self.rate <= 1:
            raise FpgaSqueezeError(f"learning rate {self.rate:g}: give a number above 0, at most 1")


class Tuner:
    """Trains networks of one kind on: ``source`` is the network before anything was taken from it, and teaches.

    Raises FpgaSqueezeError where torch is missing, or the data set has other images or classes than the network.
    """

    def __init__(
        self, how: FineTune, source: FloatModel, preprocess: Preprocess, on_step: OnStep | None
    ) -> None:
        how.check()
        need_torch()
        self.how, self.source, self.preprocess, self.on_step = how, source, preprocess, on_step
        self.data = read_dataset(how.dataset, source.input_shape)
        classes, wanted = len(self.data.classes), source.output_shape.channels
        if classes != wanted:
            raise FpgaSqueezeError(
                f"{how.dataset}: holds {classes} classes, {source.source or source.name} tells {wanted} apart; "
                "give one folder per class of the network, in the order of its classes"
            )

    def pruned(self, model: FloatModel, densities: Mapping[str, float]) -> FloatModel:
        """``model`` pruned to ``densities`` by layer step by step, an epoch of training after each, and trained on with
        its zeros kept."""
        starts = {conv.name: density(conv.weight) for conv in model.convs}
        steps = max(1, round(self.how.epochs * (1 - LAST)))
        for i in range(1, steps + 1):
            gone = 1 - (1 - i / steps) ** 3
            shares = {
                name: starts[name] - gone * max(0.0, starts[name] - share)
                for name, share in densities.items()
            }
            model = prune_model(model, shares)
            ties = {conv.name: own_codes(conv.weight) for conv in model.convs}
            if self.on_step and (i == steps or i * 10 // steps > (i - 1) * 10 // steps):
                self.on_step(f"prune, step {i} of {steps}")
            if i < steps:
                model = self._train(model, "", 1, ties, GENTLE)
        return self._train(model, "pruned weights", max(1, self.how.epochs - steps), ties, 1.0)

    def shared(self, coded: Sequence[Coded], model: FloatModel, learn: bool) -> list[Coded]:
        """``coded`` layers of ``model`` with the numbers that codes stand for trained on; without ``learn`` biases
        alone, for codes that are integers."""
        ties = {c.conv.name: c.codes for c in coded}
        start = model.with_convs({c.conv.name: c.conv for c in coded})
        what = "shared weights" if learn else "biases"
        done = self._train(start, what, self.how.epochs, ties, GENTLE, learn)
        return [replace(old, conv=new) for old, new in zip(coded, done.convs, strict=True)]

    def _train(
        self,
        model: FloatModel,
        what: str,
        epochs: int,
        ties: Mapping[str, IntArray],
        rate: float,
        learn: bool = True,
    ) -> FloatModel:
        """``rate``: in shares of that asked for."""
        on_step, how = self.on_step, self.how
        options = TrainOptions(
            epochs, rate * how.rate, decay=0.0, dropout=0.0, softness=SOFTNESS, seed=how.seed
        )

        def tell(done: int, total: int) -> None:
            if on_step and what and done * 10 // total > (done - 1) * 10 // total:
                on_step(f"train {what}: epoch {done} of {total}")

        data = self.data
        return train(
            model, data.train, data.val, options, self.preprocess, ties, self.source, tell, learn
        ).model
