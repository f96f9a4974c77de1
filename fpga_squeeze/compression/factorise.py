"""Low-rank layers: one convolution as two, by singular values (E. Denton et al., arXiv:1404.0736, section 3).

A convolution [O, I, Kh, Kw] of rank R becomes R filters [R, I, Kh, Kw] without ReLU, and a 1x1 convolution
[O, R, 1, 1] that mixes them. Where it is known what the layer reads, the singular values are those of its outputs
(X. Zhang et al., arXiv:1505.06798, section 3.1), otherwise those of its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import FpgaSqueezeError
from ..network.graph import Conv, FloatArray, FloatModel, Layer
from .inputs import Inputs

BASIS = "_basis"
"""Ends the name of the layer that holds the R filters."""
ROUNDS = 7
"""Fits of a layer with ReLU; most is won by the fourth."""


@dataclass(frozen=True, eq=False)
class Factors:
    """The two convolutions that stand for ``original``, and the relative error of their product.

    Where ``weighed`` it is that of the outputs behind ReLU, around their mean, else of the weights (root of squares).
    """

    original: Conv
    basis: Conv
    mix: Conv
    error: float
    weighed: bool = False

    @property
    def rank(self) -> int:
        return len(self.basis.bias)

    @property
    def product(self) -> Conv:
        """The one convolution that computes the same as both."""
        shape = self.original.weight.shape
        weight = self.mix.weight.reshape(shape[0], -1) @ self.basis.weight.reshape(self.rank, -1)
        return replace(self.original, weight=weight.reshape(shape), bias=self.mix.bias)


def full_rank(conv: Conv) -> int:
    """The largest rank the weights [O, I*Kh*Kw] can have."""
    return min(int(conv.weight.shape[0]), int(conv.weight[0].size))


def factorise(conv: Conv, rank: int, inputs: Inputs | None = None) -> Factors:
    """``conv`` as two convolutions of least squared error for that rank, the singular values shared evenly.

    The error is that of the outputs for ``inputs``, whose mean error goes into the bias; without them, of the weights.
    """
    if inputs is None:
        flat = conv.weight.reshape(len(conv.bias), -1)
        left, values, _ = np.linalg.svd(flat, full_matrices=False)
        basis, mix = _both(conv, left[:, :rank], left[:, :rank].T @ flat, values[:rank], conv.bias)
        whole, lost = float(np.square(values).sum()), float(np.square(values[rank:]).sum())
        return Factors(conv, basis, mix, float(np.sqrt(lost / whole)) if whole else 0.0)
    left, rows, values, bias, error = _fitted(conv, rank, inputs)
    return Factors(conv, *_both(conv, left, rows, values, bias), error, True)


def _fitted(
    conv: Conv, rank: int, inputs: Inputs
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]:
    """(left [O, rank], rows [rank, P], their singular values, bias [O], relative error) of least error for ``inputs``.

    Of weights W and inputs of covariance R R', the product of that rank nearest by |(W - product) R| is W projected
    onto the first left singular vectors of W R. Behind a ReLU one negative sum is as good as another: each round takes
    such sums as right and fits again.
    """
    flat = conv.weight.reshape(len(conv.bias), -1)
    x = inputs.sample
    centred = x - inputs.mean[:, None].astype(np.float32)
    low, high = np.float32(0 if conv.relu else -np.inf), np.float32(conv.ceiling)
    wanted = flat.astype(np.float32) @ x + conv.bias[:, None].astype(np.float32)
    clipped = np.clip(wanted, low, high)
    full, shift = flat, np.zeros(len(conv.bias))
    for left_over in reversed(range(ROUNDS if np.isfinite(high) or conv.relu else 1)):
        left, values, _ = np.linalg.svd(full @ inputs.root, full_matrices=False)
        left = left[:, :rank]
        rows = left.T @ full
        bias = conv.bias + shift + flat @ inputs.mean - left @ (rows @ inputs.mean)
        made = left.astype(np.float32) @ (rows.astype(np.float32) @ x) + bias[:, None].astype(np.float32)
        if left_over:
            off = np.where(
                wanted <= low, np.minimum(made, low), np.where(wanted >= high, np.maximum(made, high), wanted)
            )
            off -= wanted
            shift = off.mean(axis=1, dtype=np.float64)
            full = flat + (off @ centred.T).astype(np.float64) / x.shape[1] @ inputs.inverse
    lost = np.square(np.clip(made, low, high) - clipped).sum(dtype=np.float64)
    whole = np.square(clipped - clipped.mean(axis=1, keepdims=True)).sum(dtype=np.float64)
    return left, rows, values[:rank], bias, float(np.sqrt(lost / whole)) if whole else 0.0


def _both(
    conv: Conv, left: FloatArray, rows: FloatArray, values: FloatArray, bias: FloatArray
) -> tuple[Conv, Conv]:
    """Basis and mix with the product ``left`` [O, R] @ ``rows`` [R, P], the singular values shared evenly."""
    shape, rank, root = conv.weight.shape, len(rows), np.sqrt(values)
    scaled = np.zeros(rows.shape)
    np.divide(rows, root[:, None], out=scaled, where=root[:, None] > 0)
    # A 1x1 layer pads between the two: the border of its output depends on the bias alone either way, and the
    # first of them has less to compute.
    none = (0, 0, 0, 0)
    inner = conv.kernel == (1, 1) and conv.stride == 1
    inside, around = (none, conv.pads) if inner else (conv.pads, none)
    basis = Conv(
        conv.name + BASIS,
        conv.inputs,
        scaled.reshape(rank, *shape[1:]),
        np.zeros(rank),
        conv.stride,
        inside,
        False,
        np.zeros(0) if inner else conv.pad_value,
    )
    mix = replace(
        conv,
        inputs=(basis.name,),
        weight=(left * root).reshape(shape[0], rank, 1, 1),
        bias=bias,
        stride=1,
        pads=around,
        pad_value=scaled @ conv.pad_value if inner and conv.pad_value.size else np.zeros(0),
    )
    return basis, mix


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
