"""Densities found by sensitivity: how much each layer can lose, seen on calibration images.

Each layer by itself is pruned to each of a few densities and the divergence of the network's output from the float
network's is noted (the scan of S. Han et al., arXiv:1506.02626, section 3.1). One bound on that divergence, common to
all layers, then gives every layer its density; the bound is raised as long as the whole network keeps within the loss
allowed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count

import numpy as np
import numpy.typing as npt

from ..datasets.images import ImageArray
from ..network.graph import IMAGE, Conv, FloatArray, FloatModel, Preprocess
from ..network.parallel import FrameRunner
from ..network.reference import FloatMap, channel_statistics, float_logits, layer_float, network_input
from ..network.walk import downstream, walk
from .prune import density, prune_model, pruned

KEPT = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Shares of a layer's weights other than zero that are tried."""
SCAN_IMAGES = 16
"""Images that rank the layers; all of them judge the whole network."""
OnStep = Callable[[str], None]


def find_densities(
    model: FloatModel,
    images: ImageArray,
    preprocess: Preprocess,
    max_loss: float,
    on_step: OnStep | None = None,
) -> dict[str, float]:
    """The density of each convolution, as sparse as ``max_loss`` allows on ``images`` [N, H, W, C].

    ``max_loss`` is the share of the images, in percent, whose first class may differ from the float network's.
    """
    scan = images[:: -(-len(images) // SCAN_IMAGES)]
    found = sensitivity(model, scan, preprocess, on_step)
    with FrameRunner(lambda x: float_logits(model, x, preprocess)) as run:
        wanted = run(images).argmax(axis=1)
    bounds = np.unique(np.concatenate([[0.0], *found.values()]))
    low, high = 0, len(bounds)  # bounds[low] is known to do, bounds[high] not to
    while high - low > 1:
        middle = (low + high) // 2
        candidate = prune_model(model, densities(model, found, bounds[middle]))
        with FrameRunner(lambda x, m=candidate: float_logits(m, x, preprocess)) as run:  # type: ignore[misc]
            loss = 100 * float((run(images).argmax(axis=1) != wanted).mean())
        if on_step:
            on_step(f"prune to {_share(candidate):.1%}: {loss:.2f} % of the images change their class")
        low, high = (middle, high) if loss <= max_loss else (low, middle)
    return densities(model, found, bounds[low])


def densities(model: FloatModel, found: Mapping[str, FloatArray], bound: float) -> dict[str, float]:
    """Per convolution the lowest density up to which its divergence [len(KEPT)] stays within ``bound``."""
    out = {}
    for conv in model.convs:
        within = np.concatenate([[True], found[conv.name] <= bound])
        kept = (1.0, *KEPT)[int(np.argmin(within)) - 1 if not within.all() else len(KEPT)]
        out[conv.name] = kept * density(conv.weight)
    return out


def _share(model: FloatModel) -> float:
    weights = sum(c.weight.size for c in model.convs)
    return sum(int(np.count_nonzero(c.weight)) for c in model.convs) / weights


def sensitivity(
    model: FloatModel, images: ImageArray, preprocess: Preprocess, on_step: OnStep | None = None
) -> dict[str, FloatArray]:
    """Mean divergence per convolution and share of ``KEPT`` [len(KEPT)] when it alone is pruned, on ``images``."""
    trials = [
        replace(conv, weight=pruned(conv.weight, kept * density(conv.weight)))
        for conv in model.convs
        for kept in KEPT
    ]
    mean = divergences(model, images, preprocess, trials, on_step).reshape(-1, len(KEPT))
    return {conv.name: row for conv, row in zip(model.convs, mean, strict=True)}


def divergences(
    model: FloatModel,
    images: ImageArray,
    preprocess: Preprocess,
    trials: list[Conv],
    on_step: OnStep | None = None,
) -> FloatArray:
    """Mean divergence [trials] of the output over ``images``, each trial in place of the layer so named."""
    done = count(1)

    def run(image: ImageArray) -> npt.NDArray[np.float64]:
        out = _divergences(model, image, preprocess, trials)
        if on_step:
            on_step(f"sensitivity of {len(model.convs)} layers: image {next(done)} of {len(images)}")
        return out

    with FrameRunner(run) as runner:
        return np.asarray(runner(images).mean(axis=0))


def _divergences(
    model: FloatModel, image: ImageArray, preprocess: Preprocess, trials: list[Conv]
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
    p, q = _log_softmax(wanted), _log_softmax(logits)
    return float((np.exp(p) * (p - q)).sum())


def _log_softmax(x: FloatMap) -> FloatArray:
    y = x.astype(np.float64) - float(x.max())
    return np.asarray(y - np.log(np.exp(y).sum()))
