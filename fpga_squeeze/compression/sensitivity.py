"""What a changed layer costs a network: how far its output moves on calibration images."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

from ..datasets.images import ImageArray
from ..network.graph import IMAGE, Conv, FloatArray, FloatModel, Preprocess
from ..network.parallel import FrameRunner
from ..network.reference import FloatMap, channel_statistics, float_logits, layer_float, network_input
from ..network.walk import downstream, walk

SCAN_IMAGES = 16
"""Images that rank the layers; all of them judge the whole network."""
OnStep = Callable[[str], None]
Classes = npt.NDArray[np.int64]


def first_classes(model: FloatModel, images: ImageArray, preprocess: Preprocess) -> Classes:
    """The class [N] that each of ``images`` [N, H, W, C] gets."""
    with FrameRunner(lambda x: float_logits(model, x, preprocess)) as run:
        return np.asarray(run(images).argmax(axis=1))


def furthest(
    model: FloatModel,
    images: ImageArray,
    preprocess: Preprocess,
    ends: tuple[int, int],
    candidate: Callable[[int], FloatModel],
    max_loss: float,
    tell: Callable[[FloatModel, float], None],
) -> int:
    """How far ``candidate`` may go from ``ends[0]``, which is known to do, to below ``ends[1]``: by halves.

    It does where at most ``max_loss`` percent of ``images`` [N, H, W, C] get another first class than from ``model``;
    ``tell`` is called with each candidate and its loss.
    """
    wanted = first_classes(model, images, preprocess)
    low, high = ends
    while high - low > 1:
        middle = (low + high) // 2
        made = candidate(middle)
        loss = 100 * float((first_classes(made, images, preprocess) != wanted).mean())
        tell(made, loss)
        low, high = (middle, high) if loss <= max_loss else (low, middle)
    return low


def scan(
    model: FloatModel,
    images: ImageArray,
    preprocess: Preprocess,
    trials: Sequence[Conv],
    on_step: OnStep | None = None,
    most: int = SCAN_IMAGES,
) -> FloatArray:
    """Mean divergence [trials] of the output when a trial alone stands for the layer so named, on ``most`` of
    ``images`` [N, H, W, C]."""
    some = images[:: -(-len(images) // most)]
    layers, done = len({trial.name for trial in trials}), count(1)

    def run(image: ImageArray) -> npt.NDArray[np.float64]:
        out = _divergences(model, image, preprocess, trials)
        if on_step:
            on_step(f"sensitivity of {layers} layers: image {next(done)} of {len(some)}")
        return out

    with FrameRunner(run) as runner:
        return np.asarray(runner(some).mean(axis=0))


def _divergences(
    model: FloatModel, image: ImageArray, preprocess: Preprocess, trials: Sequence[Conv]
) -> npt.NDArray[np.float64]:
    """Divergence [1, trials] of the output for ``image`` [1, H, W, C], each trial in place of the layer so named."""
    statistics = channel_statistics(preprocess, model.input_shape.channels)
    maps = {IMAGE: network_input(image[0], *statistics)}
    wanted = maps[IMAGE]
    for layer, wanted in walk(model.layers, maps, layer_float):
        maps[layer.name] = wanted
    out = []
    for trial in trials:
        changed = walk([trial, *downstream(model.layers, trial.name)], maps, layer_float)
        out.append(divergence(wanted, deque(changed, maxlen=1)[0][1]))
    return np.array([out])


def divergence(wanted: FloatMap, logits: FloatMap) -> float:
    """Kullback-Leibler divergence of softmax(``logits``) from softmax(``wanted``), in nats."""
    p, q = log_softmax(wanted), log_softmax(logits)
    return float((np.exp(p) * (p - q)).sum())


def log_softmax(x: FloatMap | FloatArray) -> FloatArray:
    """Logarithms of the shares of all of ``x``."""
    y = x.astype(np.float64) - float(x.max())
    return np.asarray(y - np.log(np.exp(y).sum()))
