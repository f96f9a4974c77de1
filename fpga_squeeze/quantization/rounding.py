"""Learned rounding: which way each weight is rounded, decided by the error of the layer's sums.

The error of integer weights is a quadratic form in them, so the Gram matrix of the inputs is all that is
needed. Weights are first rounded in order, each one's error passed on to those still to come through the
inverse Gram matrix; then weights are moved one at a time while that lowers the error. A weight that is zero
in the float network stays zero: sparse networks stay sparse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..network.fixed_point import int_range
from ..network.graph import FloatArray

RIDGE = 0.01
"""Pull towards the float weights, relative to the inputs' mean variance: keeps the fit from fitting noise."""
NOISE = 1e-10
"""Variance, relative to an input's mean square, that a sum in float64 of squares of 16 bits surely tells from zero."""
FIT_SWEEPS = 3
ROUNDING_SWEEPS = 2
BLOCK = 48
"""Columns whose changes reach the columns behind them in one product of matrices."""

Fracs = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Price:
    """What a weight's value costs besides its error.

    per_bit  price of a coded bit for each output channel, in units of its squared error [O]
    bits     coded bits of each value from the smallest on [2^bits]
    """

    per_bit: FloatArray
    bits: FloatArray


@dataclass(frozen=True, eq=False)
class Target:
    """What the weights of one convolution are to do, over inputs of unit variance or any other.

    weight   float weights [O, P]; where they are zero, so is the result
    gram     covariance of the quantised inputs, ridge included [P, P]
    cross    covariance of the float outputs with the quantised inputs, ridge included [O, P]
    """

    weight: FloatArray
    gram: FloatArray
    cross: FloatArray

    def error(self, weight: FloatArray) -> FloatArray:
        """Squared error per output channel [O], less a constant that no weight changes."""
        return np.asarray(np.einsum("op,op->o", weight @ self.gram - 2 * self.cross, weight))


def make_target(weight: FloatArray, gram: FloatArray, cross: FloatArray, largest: float = 0.0) -> Target:
    """The target of ``weight`` [O, P] on inputs of covariance ``gram``, ``cross`` with their float twins.

    ``largest`` is the inputs' largest mean square: variances far below it are rounding errors of constant inputs.
    """
    ridge = max(RIDGE * float(np.diag(gram).mean()), NOISE * largest) or 1.0
    return Target(weight, gram + ridge * np.eye(len(gram)), weight @ cross + ridge * weight)


def fitted(target: Target) -> FloatArray:
    """Real weights [O, P] of nearly least error: they make up for errors the inputs already carry."""
    weight: FloatArray = target.weight.copy()
    left = target.cross - weight @ target.gram
    free = weight != 0
    for _ in range(FIT_SWEEPS):
        for block in _blocks(weight.shape[1]):
            near, gram = left[:, block].copy(), target.gram[block, block]
            steps = np.zeros_like(near)
            for j in range(near.shape[1]):
                steps[:, j] = np.where(free[:, block.start + j], near[:, j] / gram[j, j], 0)
                near[:, j + 1 :] -= np.outer(steps[:, j], gram[j, j + 1 :])
            weight[:, block] += steps
            left -= steps @ target.gram[block]
    return weight


def _blocks(columns: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, columns)) for start in range(0, columns, BLOCK)]


def nearest(weight: FloatArray, frac: Fracs, bits: int) -> FloatArray:
    """Each weight's nearest integer at its channel's binary point."""
    low, high = int_range(bits, True)
    return np.asarray(np.clip(np.rint(np.ldexp(weight, frac[:, None])), low, high))


def coarsest(weight: FloatArray, bits: int) -> Fracs:
    """The finest binary point per channel at which no weight saturates, int32 [O]; 0 where all are zero."""
    peak = np.abs(weight).max(axis=1)
    top = int_range(bits, True)[1]
    with np.errstate(divide="ignore"):
        frac = np.floor(np.log2(top / np.where(peak > 0, peak, top)))
    return np.asarray(frac, dtype=np.int32)


def with_feedback(target: Target, weight: FloatArray, frac: Fracs, bits: int) -> FloatArray:
    """Integers [O, P] for ``weight``, rounded in order of the inputs' variance, errors passed on."""
    low, high = int_range(bits, True)
    order = np.argsort(-np.diag(target.gram), kind="stable")
    factor = np.linalg.cholesky(np.linalg.inv(target.gram[np.ix_(order, order)])).T
    rest = np.ldexp(weight[:, order], frac[:, None])
    free = target.weight[:, order] != 0
    out = np.zeros_like(rest)
    for block in _blocks(rest.shape[1]):
        near, own = rest[:, block].copy(), factor[block, block]
        errors = np.empty_like(near)
        for j in range(near.shape[1]):
            at = block.start + j
            out[:, at] = np.where(free[:, at], np.clip(np.rint(near[:, j]), low, high), 0)
            errors[:, j] = (near[:, j] - out[:, at]) / own[j, j]
            near[:, j + 1 :] -= np.outer(errors[:, j], own[j, j + 1 :])
        rest[:, block.stop :] -= errors @ factor[block, block.stop :]
    result = np.empty_like(out)
    result[:, order] = out
    return result


def descend(
    target: Target, ints: FloatArray, frac: Fracs, bits: int, price: Price | None = None
) -> FloatArray:
    """``ints`` [O, P] after moving single weights to where the error is least; it never grows.

    With a ``price`` the same holds for the error and the price of all values together.
    """
    low, high = int_range(bits, True)
    out: FloatArray = ints.copy()
    free = target.weight != 0
    left = np.ldexp(target.cross, frac[:, None]) - out @ target.gram
    # Errors of integers are 4^frac times those of weights.
    per_bit = np.ldexp(price.per_bit, 2 * frac) if price else np.zeros(len(out))
    for _ in range(ROUNDING_SWEEPS):
        moved = False
        for j in range(out.shape[1]):
            wanted = out[:, j] + left[:, j] / target.gram[j, j]
            best = np.clip(np.rint(wanted), low, high)
            if price:
                best = _cheapest(wanted, best, out[:, j], price.bits, per_bit / target.gram[j, j], low)
            step = np.where(free[:, j], best - out[:, j], 0)
            rows = np.flatnonzero(step)
            if rows.size:
                left[rows] -= np.outer(step[rows], target.gram[j])
                out[rows, j] += step[rows]
                moved = True
        if not moved:
            break
    return out


def _cheapest(
    wanted: FloatArray, best: FloatArray, now: FloatArray, bits: FloatArray, per_bit: FloatArray, low: int
) -> FloatArray:
    """The cheapest of integers [O] around ``wanted``: ``best``, those nearer to zero, and where they are ``now``."""
    sign = np.sign(best)
    values = np.stack(
        [best, best - sign, best - 2 * sign * (np.abs(best) > 1), np.rint(best / 2), 0 * best, now]
    )
    cost = np.square(values - wanted) + per_bit * bits[values.astype(np.int64) - low]
    return np.asarray(np.take_along_axis(values, np.argmin(cost, axis=0)[None], axis=0)[0])
