"""Weights of one convolution as integers: a binary point per output channel, chosen by the error it
leaves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from . import golden
from .fixed_point import int_range
from .golden import FLOAT32_EXACT
from .graph import Conv, FloatArray, QConv, TensorType

GRAM_COLUMNS = 256
"""Patches per image that weigh the error: with inputs of 8 bits their products still sum exactly in
float32."""
FRAC_CANDIDATES = 4
"""Binary points tried per channel: from the one that saturates no weight to this many steps finer."""
FRAC_SPREAD = 6
"""A channel's binary point lies at most this far beyond the layer's median: finer weights would not be
seen."""
BIAS_LIMIT = FLOAT32_EXACT // 4


def input_statistics(
    maps: list[npt.NDArray[np.integer]], conv: QConv
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(Gram matrix [P, P], mean [P]) of the integer patches the convolution multiplies, P = I * K * K."""
    size = conv.weight[0].size
    gram, total, count = np.zeros((size, size)), np.zeros(size), 0
    for x in maps:
        columns = golden.conv_columns(x.astype(np.float32), conv)
        step = -(-columns.shape[1] // GRAM_COLUMNS)
        columns = np.ascontiguousarray(columns[:, ::step])
        gram += columns @ columns.T
        total += columns.sum(axis=1, dtype=np.float64)
        count += columns.shape[1]
    return gram / count, total / count


def quantise_weights(
    conv: Conv,
    bits: int,
    pad_value: npt.NDArray[np.int64],
    source: TensorType,
    output: TensorType,
    maps: list[npt.NDArray[np.integer]],
) -> QConv:
    """The convolution with integer weights and bias for an input of type ``source``.

    Each channel takes the binary point that leaves the least squared error in its sums over ``maps``; the
    mean of what is left goes into the bias. ``output.frac`` stays as given.
    """
    channels = conv.weight.shape[0]
    draft = QConv(
        conv.name,
        np.zeros(conv.weight.shape, dtype=np.int64),
        bits,
        np.zeros(channels, dtype=np.int64),
        np.zeros(channels, dtype=np.int64),
        conv.stride,
        conv.pads,
        conv.relu,
        pad_value,
        source,
        TensorType(output.shape, output.bits, output.signed, source.frac),
    )
    gram, mean = input_statistics(maps, draft)
    weight = conv.weight.reshape(channels, -1)
    base = _coarsest(weight, bits)
    real_bias = conv.bias
    best = np.full(channels, np.inf)
    fracs, ints = base.copy(), np.zeros(weight.shape)
    median = int(np.median(base[weight.any(axis=1)])) if weight.any() else 0
    for step in range(-1, FRAC_CANDIDATES):
        frac = np.minimum(base + step, median + FRAC_SPREAD)
        frac = _within_reach(weight, real_bias, frac, source, bits)
        q = _round(weight, frac, bits)
        left = weight - np.ldexp(q, -frac[:, None])
        error = np.einsum("op,pq,oq->o", left, gram, left, optimize=True)
        better = error < best
        best[better], fracs[better], ints[better] = error[better], frac[better], q[better]
    left = weight - np.ldexp(ints, -fracs[:, None])
    real_bias = real_bias + np.ldexp(left @ mean, -source.frac)
    bias = np.rint(np.ldexp(real_bias, (source.frac + fracs).astype(np.int32)))
    bias = np.clip(bias, -BIAS_LIMIT, BIAS_LIMIT)
    return QConv(
        conv.name,
        ints.reshape(conv.weight.shape).astype(np.int64),
        bits,
        fracs.astype(np.int64),
        bias.astype(np.int64),
        conv.stride,
        conv.pads,
        conv.relu,
        pad_value,
        source,
        output,
    )


def _coarsest(weight: FloatArray, bits: int) -> npt.NDArray[np.int32]:
    """The finest binary point per channel at which no weight saturates, int32 [O]; 0 where all are zero."""
    peak = np.abs(weight).max(axis=1)
    top = int_range(bits, True)[1]
    with np.errstate(divide="ignore"):
        frac = np.floor(np.log2(top / np.where(peak > 0, peak, top)))
    return np.asarray(frac, dtype=np.int32)


def _round(weight: FloatArray, frac: npt.NDArray[np.int32], bits: int) -> FloatArray:
    low, high = int_range(bits, True)
    return np.asarray(np.clip(np.rint(np.ldexp(weight, frac[:, None])), low, high))


def _within_reach(
    weight: FloatArray, bias: FloatArray, frac: npt.NDArray[np.int32], source: TensorType, bits: int
) -> npt.NDArray[np.int32]:
    """``frac``, lowered where a channel's bias or sums would leave the range in which float32 is exact."""
    out = frac.copy()
    reach = max(abs(v) for v in source.range)
    for _ in range(64):
        offset = np.abs(np.ldexp(bias, source.frac + out))
        sums = np.abs(_round(weight, out, bits)).sum(axis=1) * reach
        far = (offset > BIAS_LIMIT) | (sums + offset >= FLOAT32_EXACT - reach)
        if not far.any():
            break
        out[far] -= 1
    return out
