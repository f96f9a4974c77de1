"""Low-rank layers: one convolution as two, by singular values (E. Denton et al., arXiv:1404.0736, section 3).

A convolution [O, I, Kh, Kw] of rank R becomes R filters [R, I, Kh, Kw] without ReLU, and a 1x1 convolution
[O, R, 1, 1] that mixes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import FpgaSqueezeError
from ..network.graph import Conv, FloatModel, Layer

BASIS = "_basis"
"""Ends the name of the layer that holds the R filters."""


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
    """The largest rank the weights [O, I*Kh*Kw] can have."""
    return min(int(conv.weight.shape[0]), int(conv.weight[0].size))


def factorise(conv: Conv, rank: int) -> Factors:
    """``conv`` as two convolutions of least squared error for that rank, the singular values shared evenly."""
    shape = conv.weight.shape
    left, values, right = np.linalg.svd(conv.weight.reshape(shape[0], -1), full_matrices=False)
    root = np.sqrt(values[:rank])
    # A 1x1 layer pads between the two: the border of its output depends on the bias alone either way, and the
    # first of them has less to compute.
    none = (0, 0, 0, 0)
    inside, around = (none, conv.pads) if conv.kernel == (1, 1) and conv.stride == 1 else (conv.pads, none)
    basis = Conv(
        conv.name + BASIS,
        conv.inputs,
        (root[:, None] * right[:rank]).reshape(rank, *shape[1:]),
        np.zeros(rank),
        conv.stride,
        inside,
        False,
        conv.pad_value,
    )
    mix = replace(
        conv,
        inputs=(basis.name,),
        weight=(left[:, :rank] * root).reshape(shape[0], rank, 1, 1),
        stride=1,
        pads=around,
        pad_value=np.zeros(0),
    )
    whole = float(np.square(values).sum())
    lost = float(np.square(values[rank:]).sum())
    return Factors(conv, basis, mix, np.sqrt(lost / whole) if whole else 0.0)


def with_factors(model: FloatModel, factors: list[Factors]) -> FloatModel:
    """``model`` with both convolutions in place of each one factorised; raises FpgaSqueezeError for a name taken."""
    by_name = {f.original.name: f for f in factors}
    names = {layer.name.lower() for layer in model.layers}
    layers: list[Layer] = []
    for layer in model.layers:
        split = by_name.get(layer.name)
        if split and split.basis.name.lower() in names:
            raise FpgaSqueezeError(f"{layer.name}: another layer is called {split.basis.name}; rename it")
        layers += [split.basis, split.mix] if split else [layer]
    return replace(model, layers=tuple(layers))
