"""Training: images moved a little, AdamW, one cycle of the rate of learning, the best epoch kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..datasets.classes import Labelled
from ..datasets.images import ImageArray
from ..network.fixed_point import IntArray
from ..network.graph import FloatModel, Preprocess
from .network import Network, Tensor, need_torch

BATCH = 32
OnEpoch = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainOptions:
    """How to train; the defaults are those the embedded digits model was trained with, chosen by cross-validation.

    epochs   times that every image is seen
    rate     the highest rate of learning of the cycle (L. Smith, arXiv:1708.07120)
    decay    of weights
    dropout  share of what the last convolution reads that is left out
    moves    how far images are moved at most: rotation in degrees, scale in percent, shift in percent of the side
    seed     of the order of images, their moves and dropout
    """

    epochs: int = 200
    rate: float = 3e-3
    decay: float = 1e-2
    dropout: float = 0.3
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
    """
    net = Network(model, preprocess, ties, learn)
    torch = net.torch
    generator = torch.Generator().manual_seed(options.seed)
    torch.manual_seed(options.seed)  # dropout takes no generator
    x, y = net.pixels(data.images), torch.from_numpy(data.labels)
    val_x, val_y = net.pixels(validation.images), torch.from_numpy(validation.labels)
    wise = None if teacher is None else Network(teacher, preprocess)
    optimiser = torch.optim.AdamW(net.parameters, lr=options.rate, weight_decay=options.decay)
    steps = options.epochs * math.ceil(len(x) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=max(steps, 1))
    best = (0, *_validate(net, val_x, val_y), net.state())
    for epoch in range(1, options.epochs + 1):
        for index in torch.randperm(len(x), generator=generator).split(BATCH):
            moved = _move(torch, x[index], options.moves, generator)
            loss = _loss(
                torch, net.logits(moved, options.dropout), y[index], None if wise is None else (wise, moved)
            )
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


def fresh(model: FloatModel) -> FloatModel:
    """``model`` as training begins with it: its random weights, no biases, and every class alive.

    The last convolution starts with small weights and biases of 1: a ReLU behind it lets all classes learn.
    """
    *others, last = model.convs
    convs = {conv.name: replace(conv, bias=np.zeros_like(conv.bias)) for conv in others}
    small = last.weight * (0.01 / last.weight.std())
    convs[last.name] = replace(last, weight=small, bias=np.ones_like(last.bias))
    return model.with_convs(convs)


def _loss(torch: Any, scores: Tensor, labels: Tensor, wise: tuple[Network, Tensor] | None) -> Tensor:
    functional = torch.nn.functional
    loss = functional.cross_entropy(scores, labels)
    if wise is None:
        return loss
    with torch.no_grad():
        wanted = wise[0].logits(wise[1]).softmax(1)
    return (loss + functional.cross_entropy(scores, wanted)) / 2


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
    return _validate(net, net.pixels(data.images), net.torch.from_numpy(data.labels))[1]
