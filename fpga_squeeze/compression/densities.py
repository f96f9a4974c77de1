"""Densities found by sensitivity: how much each layer can lose, seen on calibration images.

Each layer by itself is pruned to each of a few densities and the divergence of the network's output from the float
network's is noted (the scan of S. Han et al., arXiv:1506.02626, section 3.1). One bound on that divergence, common to
all layers, then gives every layer its density; the bound is raised as long as the whole network keeps within the loss
allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np

from ..datasets.images import ImageArray
from ..network.graph import FloatArray, FloatModel, Preprocess
from .prune import density, prune_model, pruned
from .sensitivity import SCAN_IMAGES, furthest, scan

KEPT = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Shares of a layer's weights other than zero that are tried."""
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
    found = sensitivity(model, images, preprocess, on_step)
    bounds = np.unique(np.concatenate([[0.0], *found.values()]))

    def candidate(place: int) -> FloatModel:
        return prune_model(model, densities(model, found, bounds[place]))

    def tell(made: FloatModel, loss: float) -> None:
        if on_step:
            on_step(f"prune to {_share(made):.1%}: {loss:.2f} % of the images change their class")

    last = furthest(model, images, preprocess, (0, len(bounds)), candidate, max_loss, tell)
    return densities(model, found, bounds[last])


def densities(model: FloatModel, found: Mapping[str, FloatArray], bound: float) -> dict[str, float]:
    """Per convolution the lowest density up to which its divergence [len(KEPT)] stays within ``bound``."""
    out = {}
    for conv in model.convs:
        within = np.concatenate([[True], found[conv.name] <= bound])
        kept = (1.0, *KEPT)[int(np.argmin(within)) - 1 if not within.all() else len(KEPT)]
        out[conv.name] = kept * density(conv.weight)
    return out


def densities_by_shape(model: FloatModel, layers: Collection[str], share: float) -> dict[str, float]:
    """The densities with which ``layers`` together keep ``share`` of their weights, small layers more than large ones:
    in proportion to (O + I + Kh + Kw) / (O I Kh Kw), at most all (U. Evci et al., arXiv:1911.11134, section 3).

    That is what is left of each input and output about alike; it is for weights that are trained on.
    """
    convs = [conv for conv in model.convs if conv.name in layers]
    wanted = share * sum(conv.weight.size for conv in convs)

    def chosen(factor: float) -> list[float]:
        return [min(1.0, factor * sum(conv.weight.shape) / conv.weight.size) for conv in convs]

    low, high = 0.0, float(max((conv.weight.size for conv in convs), default=1))
    for _ in range(60):
        middle = (low + high) / 2
        kept = sum(d * conv.weight.size for d, conv in zip(chosen(middle), convs, strict=True))
        low, high = (middle, high) if kept < wanted else (low, middle)
    return {conv.name: d for conv, d in zip(convs, chosen(high), strict=True)}


def _share(model: FloatModel) -> float:
    weights = sum(c.weight.size for c in model.convs)
    return sum(int(np.count_nonzero(c.weight)) for c in model.convs) / weights


def sensitivity(
    model: FloatModel,
    images: ImageArray,
    preprocess: Preprocess,
    on_step: OnStep | None = None,
    most: int = SCAN_IMAGES,
) -> dict[str, FloatArray]:
    """Mean divergence per convolution and share of ``KEPT`` [len(KEPT)] when it alone is pruned, as
    :func:`.sensitivity.scan` finds it on ``most`` of ``images``."""
    trials = [
        replace(conv, weight=pruned(conv.weight, kept * density(conv.weight)))
        for conv in model.convs
        for kept in KEPT
    ]
    mean = scan(model, images, preprocess, trials, on_step, most).reshape(-1, len(KEPT))
    return {conv.name: row for conv, row in zip(model.convs, mean, strict=True)}
