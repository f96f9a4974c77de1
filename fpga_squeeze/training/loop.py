"""Training: images moved a little, AdamW, one cycle of the rate of learning, the best epoch kept."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..datasets.classes import Labelled
from ..datasets.images import ImageArray, evenly
from ..network.fixed_point import IntArray
from ..network.graph import IMAGE, Conv, FloatModel, Layer, Preprocess
from ..network.walk import walk
from .network import Network, Tensor, need_torch

BATCH = 32
SMALL = 20_000_000
"""Multiplications of an image up to which a network is trained on one thread: more cost more than they save, ten times
as much on a machine that is busy, and sums in another order make another network of the same seed."""
MEASURED = 256
"""Images on which the start of a training is measured."""
START = 0.3
"""Standard deviation of the scores of a network that has not learned anything yet."""
OnEpoch = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainOptions:
    """How to train; the defaults were chosen by the validation images of the digits, for networks of 10,000 weights.

    epochs   times that every image is seen
    rate     the highest rate of learning of the cycle (L. Smith, arXiv:1708.07120)
    decay    of weights
    dropout  share of what the last convolution reads that is left out
    softness of what a teacher says: its scores are divided by that before they become shares (the temperature of G.
             Hinton et al., arXiv:1503.02531): the larger, the more is seen of how alike it finds two classes
    moves    how far images are moved at most: rotation in degrees, scale in percent, shift in percent of the side
    seed     of the order of images, their moves and dropout
    """

    epochs: int = 200
    rate: float = 1e-2
    decay: float = 1e-2
    dropout: float = 0.1
    softness: float = 1.0
    moves: tuple[float, float, float] = (12.0, 12.0, 7.8)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Trained:
    """A network after training, as it was after the epoch with the lowest loss on the validation images."""

    model: FloatModel
    epoch: int
    loss: float
    correct: int
    images: int


def train(
    model: FloatModel,
    data: Labelled,
    validation: Labelled,
    options: TrainOptions = TrainOptions(),  # noqa: B008  (frozen)
    preprocess: Preprocess = Preprocess(),  # noqa: B008
    ties: Mapping[str, IntArray] | None = None,
    teacher: FloatModel | None = None,
    on_epoch: OnEpoch | None = None,
    learn: bool = True,
) -> Trained:
    """Train ``model`` on from its weights, with ``ties`` and ``learn`` as :class:`Network` has them.

    ``teacher``: a network whose classes, with how sure it is of each, count half beside the labels (G. Hinton et al.,
    arXiv:1503.02531). The epoch before any training counts as one, so that nothing gets worse on ``validation``.
    What comes out depends on all of this alone, for networks of up to SMALL multiplications.
    """
    with _threads(model):
        return _train(model, data, validation, options, preprocess, ties, teacher, on_epoch, learn)


def _train(
    model: FloatModel,
    data: Labelled,
    validation: Labelled,
    options: TrainOptions,
    preprocess: Preprocess,
    ties: Mapping[str, IntArray] | None,
    teacher: FloatModel | None,
    on_epoch: OnEpoch | None,
    learn: bool,
) -> Trained:
    net = Network(model, preprocess, ties, learn)
    torch = net.torch
    generator = torch.Generator().manual_seed(options.seed)
    torch.manual_seed(options.seed)  # dropout takes no generator
    x, y = net.pixels(data.images), torch.from_numpy(data.labels)
    val_x, val_y = net.pixels(validation.images), torch.from_numpy(validation.labels)
    wise = None if teacher is None else Network(teacher, preprocess)
    optimiser = torch.optim.AdamW(net.parameters, lr=options.rate, weight_decay=options.decay, fused=True)
    steps = options.epochs * math.ceil(len(x) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=max(steps, 1))
    best = (0, *_validate(net, val_x, val_y), net.state())
    for epoch in range(1, options.epochs + 1):
        for index in torch.randperm(len(x), generator=generator).split(BATCH):
            moved = _move(torch, x[index], options.moves, generator)
            scores = net.logits(moved, options.dropout)
            loss = torch.nn.functional.cross_entropy(scores, y[index])
            if wise is not None:
                loss = (loss + _taught(torch, scores, wise, moved, options.softness)) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        now = _validate(net, val_x, val_y)
        if now[0] < best[1]:
            best = (epoch, *now, net.state())
        if on_epoch:
            on_epoch(epoch, options.epochs)
    epoch, lowest, correct, state = best
    net.restore(state)
    return Trained(net.trained(), epoch, lowest, correct, len(val_y))


def fresh(model: FloatModel, images: ImageArray, preprocess: Preprocess = Preprocess()) -> FloatModel:  # noqa: B008
    """``model`` as training begins with it: its random weights, scaled and shifted so that on ``images`` every channel
    of every convolution has a mean of 0 and a deviation of 1 before its ReLU (P. Krähenbühl et al., arXiv:1511.06856).

    Without that, what tells images apart fades from one narrow layer to the next, and channels are dead from the start.
    Scores begin around 1 with a deviation of START: a ReLU behind the last convolution lets all classes learn.
    """
    net = Network(model, preprocess)
    torch, last = net.torch, model.convs[-1].name

    def run(layer: Layer, inputs: list[Tensor]) -> Tensor:
        if isinstance(layer, Conv):
            sums = net.layer(replace(layer, relu=False, ceiling=np.inf), inputs)
            is_last = layer.name == last
            spread = sums.mean((2, 3)).std(0) / START if is_last else sums.std((0, 2, 3))
            spread = torch.where(spread > 0, spread, torch.ones_like(spread))
            values, bias = net.values[layer.name], net.biases[layer.name]
            bias.copy_((bias - sums.mean((0, 2, 3))) / spread + float(is_last))
            values /= spread[:, None, None, None]
        return net.layer(layer, inputs)

    some = images[evenly(len(images), MEASURED)]
    with _threads(model), torch.no_grad():
        for _ in walk(model.layers, {IMAGE: net.pixels(some)}, run):
            pass
    return net.trained()


@contextlib.contextmanager
def _threads(model: FloatModel) -> Iterator[None]:
    """One thread of torch for a small network."""
    torch = need_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1 if model.macs <= SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _taught(torch: Any, scores: Tensor, wise: Network, x: Tensor, softness: float) -> Tensor:
    """How far ``scores`` are from what ``wise`` says of ``x``; as large, whatever the softness, as for labels."""
    with torch.no_grad():
        wanted = (wise.logits(x) / softness).softmax(1)
    return softness**2 * torch.nn.functional.cross_entropy(scores / softness, wanted)


def _validate(net: Network, x: Tensor, y: Tensor) -> tuple[float, int]:
    """(mean loss, images whose class is right)."""
    with net.torch.no_grad():
        scores = net.torch.cat([net.logits(part) for part in x.split(16 * BATCH)])
    loss = net.torch.nn.functional.cross_entropy(scores, y)
    return float(loss), int((scores.argmax(1) == y).sum())


def _move(torch: Any, x: Tensor, moves: tuple[float, float, float], generator: Any) -> Tensor:
    """Every image rotated, scaled and shifted at random; what comes in from outside is as its border."""
    if not any(moves):
        return x
    angle, scale, right, down = torch.rand(4, len(x), generator=generator) * 2 - 1
    angle, scale = angle * math.radians(moves[0]), 1 + scale * moves[1] / 100
    cos, sin, shift = torch.cos(angle) * scale, torch.sin(angle) * scale, 2 * moves[2] / 100
    rows = [torch.stack([cos, -sin, right * shift], 1), torch.stack([sin, cos, down * shift], 1)]
    functional = torch.nn.functional
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def moved(images: ImageArray, moves: tuple[float, float, float], seed: int) -> ImageArray:
    """Every image uint8 [N, H, W, C] moved at random, as in training."""
    torch = need_torch()
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32))
    y = _move(torch, x, moves, torch.Generator().manual_seed(seed)).numpy()
    return np.asarray(np.rint(y).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def correct(model: FloatModel, data: Labelled, preprocess: Preprocess = Preprocess()) -> int:  # noqa: B008
    """Images whose class the float network finds."""
    net = Network(model, preprocess)
    with _threads(model):
        return _validate(net, net.pixels(data.images), net.torch.from_numpy(data.labels))[1]
