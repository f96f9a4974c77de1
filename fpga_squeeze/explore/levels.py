"""What pruning and narrow weights do to a float network: its layers' sensitivity, and the levels of pruning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..compression.densities import densities, sensitivity
from ..compression.prune import prune_model
from ..compression.sensitivity import divergence, log_softmax, scan
from ..datasets.images import ImageArray, evenly
from ..flow.evaluate import float_runner
from ..network.graph import FloatArray, FloatModel, Preprocess
from ..network.reference import float_logits
from ..quantization.rounding import coarsest, nearest

SCAN_IMAGES = 8
"""Calibration images on which the sensitivity of layers is seen."""
SCAN_BITS = (7, 6, 5, 4, 3)
"""Widths of a layer's weights whose effect is shown."""
FIRST_LEVELS = tuple(10.0**power for power in range(-2, -10, -1))
"""Divergences, in nats, that a layer may cause by itself at the first level of pruning."""
ALL_LAYERS = 0.01
"""Divergence, in nats, that all layers together may cause at the first level."""


def sensitivities(model: FloatModel, images: ImageArray, preprocess: Preprocess) -> dict[str, dict[str, Any]]:
    """Divergence of the output in nats by layer, ready for JSON: ``kept``, when it alone keeps fewer weights
    (:func:`..compression.densities.sensitivity`), and ``bits``, when it alone has weights of SCAN_BITS."""
    kept = sensitivity(model, images, preprocess, most=SCAN_IMAGES)
    trials = []
    for conv in model.convs:
        flat = conv.weight.reshape(len(conv.weight), -1)
        for bits in SCAN_BITS:
            frac = coarsest(flat, bits)
            rounded = np.ldexp(nearest(flat, frac, bits), -frac[:, None])
            trials.append(replace(conv, weight=rounded.reshape(conv.weight.shape)))
    widths = scan(model, images, preprocess, trials, most=SCAN_IMAGES).reshape(-1, len(SCAN_BITS))
    return {
        "kept": {name: row.tolist() for name, row in kept.items()},
        "bits": {c.name: row.tolist() for c, row in zip(model.convs, widths, strict=True)},
    }


def first_level(
    model: FloatModel, found: Mapping[str, FloatArray], images: ImageArray, preprocess: Preprocess
) -> float:
    """Divergence that a layer may cause by itself at level 1 of pruning: the largest of FIRST_LEVELS at which all of
    them together cause no more than ALL_LAYERS. ``found`` is what pruning each layer alone does."""
    few = images[evenly(len(images), SCAN_IMAGES)]
    wanted = float_logits(model, few, preprocess)
    for bound in FIRST_LEVELS:
        made = prune_model(model, densities(model, found, bound))
        away = map(divergence, wanted, float_logits(made, few, preprocess))
        if np.mean(list(away)) <= ALL_LAYERS:
            break
    return bound


def pruned_classes(
    model: FloatModel, kept: Mapping[str, float], images: ImageArray, wanted: Any, preprocess: Preprocess
) -> dict[str, Any]:
    """What ``model`` with densities ``kept`` makes of ``images``, ready for JSON: its ``classes``, and how ``unlikely``
    it takes those ``wanted`` to be, in units of what a network says that knows nothing."""
    with float_runner(prune_model(model, kept), preprocess)[1] as run:
        logits = np.asarray(run(np.asarray(images)), dtype=np.float64).reshape(len(images), -1)
    nats = -np.mean([log_softmax(row)[one] for row, one in zip(logits, wanted, strict=True)])
    return {
        "classes": [int(one) for one in logits.argmax(axis=1)],
        "unlikely": float(nats / np.log(max(2, logits.shape[1]))),
    }
