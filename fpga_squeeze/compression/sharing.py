"""Weights that share values: a k-means codebook per layer, or integers times a power of two."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..network.fixed_point import IntArray, int_range
from ..network.graph import Conv, FloatArray

SWEEPS = 300
"""Steps of k-means at most; it has settled long before on a layer of SqueezeNet."""
POINTS = 512
"""Points at most among which clusters are sought: fine enough for 255 of them, and quick."""
CODEBOOK_BITS = 8
"""A layer with no more values than such a codebook holds counts as one whose weights are shared already."""
FRAC_CANDIDATES = 2
"""Binary points tried: from the finest that saturates nothing to this many steps finer."""
VALUE_BITS, FRAC_BITS = 32, 8
"""What a codebook's entry and a binary point take beside the codes."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A convolution whose weights are named by codes.

    conv        its weights are exactly the float32 values that the codes stand for
    codes       int64 [O, I, K, K], zero where the weight is zero
    code_bits   bits of a plain code
    table_bits  bits of what turns codes into weights: a codebook, or binary points
    """

    conv: Conv
    codes: IntArray
    code_bits: int
    table_bits: int


def as_shared(conv: Conv) -> Coded | None:
    """The codes of a layer that has few values as it is; None where it has more than 256, zero included."""
    values, codes = _codes(conv.weight)
    if len(values) >= 1 << CODEBOOK_BITS:
        return None
    bits = max(1, int(len(values)).bit_length())
    return Coded(conv, codes, bits, VALUE_BITS * len(values))


def share(conv: Conv, bits: int) -> Coded:
    """Every weight replaced by the nearest of 2**bits - 1 values, or left zero (S. Han et al., arXiv:1510.00149).

    The values are those of k-means, each rounded to float32. Zero weights stay zero.
    """
    flat = conv.weight.reshape(-1)
    places = np.flatnonzero(flat)
    out = np.zeros_like(flat)
    if places.size:
        out[places] = _clustered(flat[places], (1 << bits) - 1)
    weight = out.astype(np.float32).astype(np.float64).reshape(conv.weight.shape)
    values, codes = _codes(weight)
    return Coded(replace(conv, weight=weight), codes, bits, VALUE_BITS * len(values))


def _clustered(weights: FloatArray, clusters: int) -> FloatArray:
    """Each of ``weights`` replaced by the mean of its cluster."""
    order = np.argsort(weights, kind="stable")
    x = weights[order]
    centres = np.unique(x)
    if len(centres) > clusters:
        centres = _best_centres(x, clusters)
    sums = np.concatenate([[0.0], np.cumsum(x)])
    ends = np.zeros(0, dtype=np.int64)
    for _ in range(SWEEPS):
        # On a line the cluster of a centre is an interval: k-means needs only the places where these meet.
        cuts = np.searchsorted(x, (centres[1:] + centres[:-1]) / 2)
        edges = np.unique(np.concatenate([[0], cuts, [len(x)]]))
        if np.array_equal(edges, ends):
            break
        ends = edges
        centres = (sums[edges[1:]] - sums[edges[:-1]]) / np.diff(edges)
    out = np.empty_like(x)
    out[order] = np.repeat(centres, np.diff(ends))
    return out


def _best_centres(x: FloatArray, clusters: int) -> FloatArray:
    """Centres of the clusters of sorted ``x`` with the least squared error there is.

    By dynamic programming over intervals (H. Wang, M. Song, Ckmeans.1d.dp, The R Journal 3/2, 2011); more than POINTS
    values are first gathered in so many bins.
    """
    place = np.unique(x, return_inverse=True)[1]
    if place[-1] >= POINTS:
        place = np.minimum((x - x[0]) * (POINTS / (x[-1] - x[0])), POINTS - 1).astype(np.int64)
    ends = np.append(np.flatnonzero(np.diff(place)) + 1, len(x))
    count, first, second = (
        np.concatenate([[0.0], np.cumsum(v)[ends - 1]]) for v in (np.ones_like(x), x, x * x)
    )
    n, total, squares = (v[None, :] - v[:, None] for v in (count, first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(n > 0, squares - total * total / n, np.inf)  # of one cluster from bin i up to bin j
    best, starts = cost[0], []
    for _ in range(min(clusters, len(ends)) - 1):
        sums = best[:, None] + cost
        starts.append(sums.argmin(axis=0))
        best = sums.min(axis=0)
    edges = [len(ends)]
    for start in reversed(starts):
        edges.append(int(start[edges[-1]]))
    cuts = np.array([0, *edges[::-1]])
    return np.asarray(np.diff(first[cuts]) / np.diff(count[cuts]))


def _codes(weight: FloatArray) -> tuple[FloatArray, IntArray]:
    """(the values other than zero, in order; which of them each weight is, from 1, or 0)."""
    values = np.unique(weight)
    values = values[values != 0]
    codes = np.searchsorted(values, weight) + 1
    return values, np.where(weight == 0, 0, codes).astype(np.int64)


def uniform(conv: Conv, bits: int, per_channel: bool = False) -> Coded:
    """Every weight replaced by the nearest signed integer of ``bits`` bits times a power of two.

    One binary point per layer, or per output channel, of least squared error. Zero weights stay zero.
    """
    low, high = int_range(bits, True)
    rows = conv.weight.reshape(conv.weight.shape[0] if per_channel else 1, -1)
    peak = np.abs(rows).max(axis=1)
    base = np.floor(np.log2(high / np.where(peak > 0, peak, high))).astype(np.int32)
    fracs, ints, best = base, np.zeros_like(rows), np.full(len(rows), np.inf)
    for step in range(FRAC_CANDIDATES):
        frac = (base + step)[:, None]
        q = np.clip(np.rint(np.ldexp(rows, frac)), low, high)
        error = np.square(np.ldexp(q, -frac) - rows).sum(axis=1)
        better = (error < best)[:, None]
        best = np.minimum(best, error)
        fracs, ints = np.where(better, frac, fracs[:, None])[:, 0], np.where(better, q, ints)
    weight = np.ldexp(ints, -fracs[:, None]).reshape(conv.weight.shape)
    codes = ints.reshape(conv.weight.shape).astype(np.int64)
    return Coded(replace(conv, weight=weight), codes, bits, FRAC_BITS * len(rows))
