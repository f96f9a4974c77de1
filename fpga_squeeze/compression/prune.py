"""Magnitude pruning: the smallest weights of a layer become zero (S. Han et al., arXiv:1506.02626)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..network.graph import FloatArray, FloatModel


def density(weight: FloatArray) -> float:
    """Share of the weights that are not zero."""
    return float(np.count_nonzero(weight)) / weight.size


def pruned(weight: FloatArray, share: float) -> FloatArray:
    """``weight`` with all but ``share`` of its elements, the largest in magnitude, set to zero.

    Of equal magnitudes the first are kept. At least one weight stays; a layer that is sparser already stays as it is.
    """
    keep = max(1, round(share * weight.size))
    if np.count_nonzero(weight) <= keep:
        return weight
    order = np.argsort(-np.abs(weight).reshape(-1), kind="stable")
    out: FloatArray = weight.copy()
    out.reshape(-1)[order[keep:]] = 0
    return out


def prune_model(model: FloatModel, shares: Mapping[str, float]) -> FloatModel:
    """``model`` with the convolutions in ``shares`` pruned to that density."""
    convs = {c.name: c for c in model.convs}
    return model.with_convs(
        {
            name: replace(convs[name], weight=pruned(convs[name].weight, share))
            for name, share in shares.items()
        }
    )
