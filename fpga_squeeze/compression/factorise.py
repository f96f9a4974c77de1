"""Low-rank layers: one convolution as two, by singular values (E. Denton et al., arXiv:1404.0736, section 3).

A convolution [O, I, K, K] of rank R becomes R filters [R, I, K, K] without ReLU, and a 1x1 convolution [O, R, 1, 1]
that mixes them. The graph has a place for both where the layer stands in the chain by itself, and in front of a Fire
module, whose squeeze then mixes. It has none inside: the expand branches share one input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import assert_never

from ..network.graph import Conv, Fire, FloatModel, GlobalAvgPool, Layer, MaxPool

BASIS = "_basis"
"""Ends the name of the layer that holds the R filters."""
KERNELS = (1, 3)


@dataclass(frozen=True, eq=False)
class Factors:
    """The two convolutions that stand for ``original``, and the relative error of their product (Frobenius norm)."""

    original: Conv
    basis: Conv
    mix: Conv
    error: float

    @property
    def rank(self) -> int:
        return len(self.basis.bias)

    @property
    def product(self) -> Conv:
        """The one convolution that computes the same as both."""
        shape = self.original.weight.shape
        weight = self.mix.weight.reshape(shape[0], -1) @ self.basis.weight.reshape(self.rank, -1)
        return replace(self.original, weight=weight.reshape(shape))


def full_rank(conv: Conv) -> int:
    """The largest rank the weights [O, I*K*K] can have."""
    return min(int(conv.weight.shape[0]), int(conv.weight[0].size))


def factorise(conv: Conv, rank: int) -> Factors:
    """``conv`` as two convolutions of least squared error for that rank, the singular values shared evenly."""
    shape = conv.weight.shape
    left, values, right = np.linalg.svd(conv.weight.reshape(shape[0], -1), full_matrices=False)
    root = np.sqrt(values[:rank])
    # A 1x1 layer pads between the two: the border of its output depends on the bias alone either way, and the
    # first of them has less to compute.
    none = (0, 0, 0, 0)
    inside, around = (none, conv.pads) if conv.kernel == conv.stride == 1 else (conv.pads, none)
    basis = Conv(
        conv.name + BASIS,
        (root[:, None] * right[:rank]).reshape(rank, *shape[1:]),
        np.zeros(rank),
        conv.stride,
        inside,
        relu=False,
    )
    mix = replace(conv, weight=(left[:, :rank] * root).reshape(shape[0], rank, 1, 1), stride=1, pads=around)
    whole = float(np.square(values).sum())
    lost = float(np.square(values[rank:]).sum())
    return Factors(conv, basis, mix, np.sqrt(lost / whole) if whole else 0.0)


def unwritable(model: FloatModel, names: list[str]) -> list[str]:
    """Which of ``names`` are expand branches, for whose factors the graph has no place."""
    expands = {c.name for layer in model.layers if isinstance(layer, Fire) for c in layer.convs[1:]}
    return [name for name in names if name in expands]


def with_factors(model: FloatModel, factors: list[Factors]) -> FloatModel:
    """``model`` with both convolutions in place of each one factorised; an expand branch gets their product."""
    by_name = {f.original.name: f for f in factors}
    layers: list[Layer] = []
    for layer in model.layers:
        match layer:
            case Conv():
                split = by_name.get(layer.name)
                layers += [split.basis, split.mix] if split else [layer]
            case Fire():
                convs = [c if c.name not in by_name else by_name[c.name].product for c in layer.convs]
                if head := by_name.get(layer.squeeze.name):
                    layers.append(head.basis)
                    convs[0] = head.mix
                layers.append(Fire(layer.name, *convs))
            case MaxPool() | GlobalAvgPool():
                layers.append(layer)
            case _:
                assert_never(layer)
    return replace(model, layers=tuple(layers))
