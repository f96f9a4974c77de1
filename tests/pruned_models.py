"""Random integer networks with zeros in their weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpga_squeeze.network.integers import QConv, QModel


def pruned(rng: np.random.Generator, model: QModel) -> QModel:
    """``model`` with zeros in its weights: dense, sparse and nearly empty layers, and channels without any weight."""

    def prune(conv: QConv) -> QConv:
        density = float(rng.choice([0.05, 0.3, 0.6, 0.95, 1.0]))
        keep = rng.random(conv.weight.shape) < density
        keep &= (rng.random(len(conv.bias)) > 0.1)[:, None, None, None]
        return replace(conv, weight=conv.weight * keep)

    layers = [prune(layer) if isinstance(layer, QConv) else layer for layer in model.layers]
    return replace(model, layers=tuple(layers))
