"""Weights of one convolution as integers: a binary point per output channel, chosen by the error it
leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..network import golden
from ..network.golden import FLOAT32_EXACT
from ..network.graph import Conv, FloatArray
from ..network.integers import QConv, TensorType
from ..network.reference import FloatMap
from .budget import WeightBudget
from .method import DEFAULT, Method
from .rounding import Fracs, Target, coarsest, descend, fitted, make_target, nearest, with_feedback

GRAM_COLUMNS = 256
"""Patches per image that weigh the error: with inputs of 8 bits their products still sum exactly in
float32."""
FRAC_CANDIDATES = 2
"""Binary points tried per channel: from the one that saturates no weight to this many steps finer."""
FRAC_SPREAD = 6
"""A channel's binary point lies at most this far beyond the layer's median: finer weights would not be
seen."""
PRICE_ROUNDS = 2
"""Times that weights are rounded by the price of the code which follows from the last rounding."""
NARROW_BITS = 8
"""Up to this width of a layer's inputs, its sums stay where float32 is exact; those of a wide average need more."""
WIDE_EXACT = 1 << 31
"""Bound of the sums of wider inputs: float64 holds them, and a bias fits the 32 bits of QDQ ONNX."""


def exact_limit(source: TensorType) -> int:
    """What the sums of a layer that reads ``source`` stay below."""
    return FLOAT32_EXACT if source.bits <= NARROW_BITS else WIDE_EXACT


def bias_limit(source: TensorType) -> int:
    """Largest magnitude of a bias."""
    return exact_limit(source) // 4


@dataclass(frozen=True, eq=False)
class Statistics:
    """Second moments of the patches a convolution multiplies, P = I * Kh * Kw, in real units.

    gram    covariance of the quantised patches [P, P]
    cross   covariance of the float network's patches with them [P, P]
    mean, float_mean   of the quantised and of the float patches [P]
    """

    gram: FloatArray
    cross: FloatArray
    mean: FloatArray
    float_mean: FloatArray


def input_statistics(
    maps: list[npt.NDArray[np.integer]], float_maps: list[FloatMap], conv: QConv
) -> Statistics:
    """Statistics of ``conv``'s patches over the same images in integers and in float."""
    size = conv.weight[0].size
    gram, cross = np.zeros((size, size)), np.zeros((size, size))
    mean, float_mean, count = np.zeros(size), np.zeros(size), 0
    dtype = np.float32 if conv.input.bits <= NARROW_BITS else np.float64
    for x, real in zip(maps, float_maps, strict=True):
        columns = golden.conv_columns(x.astype(dtype), conv)
        wanted = golden.conv_columns(real.astype(dtype, copy=False), conv)
        step = -(-columns.shape[1] // GRAM_COLUMNS)
        columns = np.ascontiguousarray(columns[:, ::step])
        wanted = np.ascontiguousarray(wanted[:, ::step])
        gram += columns @ columns.T
        cross += wanted @ columns.T
        mean += columns.sum(axis=1, dtype=np.float64)
        float_mean += wanted.sum(axis=1, dtype=np.float64)
        count += columns.shape[1]
    scale = 2.0**-conv.input.frac
    mean, float_mean = mean * (scale / count), float_mean / count
    return Statistics(
        gram * (scale * scale / count) - np.outer(mean, mean),
        cross * (scale / count) - np.outer(float_mean, mean),
        mean,
        float_mean,
    )


def quantise_weights(
    conv: Conv,
    bits: int,
    source: TensorType,
    output: TensorType,
    maps: list[npt.NDArray[np.integer]],
    float_maps: list[FloatMap],
    method: Method = DEFAULT,
    budget: WeightBudget | None = None,
) -> QConv:
    """The convolution with integer weights and bias for an input of type ``source``.

    Weights and binary points are those that come closest, over ``maps``, to the sums the float network has
    over ``float_maps``; the mean of what is left goes into the bias. ``output.frac`` stays as given. With a
    ``budget`` they also depend on the bits they take; raises FpgaSqueezeError where it cannot be kept.
    """
    channels = conv.weight.shape[0]
    draft = QConv(
        conv.name,
        conv.inputs,
        np.zeros(conv.weight.shape, dtype=np.int64),
        bits,
        np.zeros(channels, dtype=np.int64),
        np.zeros(channels, dtype=np.int64),
        conv.stride,
        conv.pads,
        conv.relu,
        np.rint(conv.pad_value if conv.pad_value.size else np.zeros(conv.weight.shape[1])).astype(np.int64),
        source,
        replace(output, frac=source.frac),
    )
    seen = input_statistics(maps, float_maps, draft)
    weight = conv.weight.reshape(channels, -1)
    correction = method.correction if method.learned else 0.0
    gram, largest = seen.gram, float(np.square(seen.mean).max(initial=0))
    target = make_target(weight, gram, gram + correction * (seen.cross - gram), largest)
    fit = fitted(target) if correction else weight
    if budget:
        fracs, ints = _within_budget(conv, target, fit, source, bits, budget)
    else:
        fracs, ints = _least_error(conv, target, fit, source, bits, method.learned)
    real_bias = conv.bias + weight @ seen.float_mean - np.ldexp(ints, -fracs[:, None]) @ seen.mean
    bias = np.rint(np.ldexp(real_bias, (source.frac + fracs).astype(np.int32)))
    bias = np.clip(bias, -bias_limit(source), bias_limit(source))
    return replace(
        draft,
        weight=ints.reshape(conv.weight.shape).astype(np.int64),
        weight_frac=fracs.astype(np.int64),
        bias=bias.astype(np.int64),
        output=output,
    )


def _least_error(
    conv: Conv, target: Target, fit: FloatArray, source: TensorType, bits: int, learned: bool
) -> tuple[Fracs, FloatArray]:
    """(binary points [O], integers [O, P]) of least error, whatever they cost."""
    weight = target.weight
    base = coarsest(fit, bits)
    median = int(np.median(base[weight.any(axis=1)])) if weight.any() else 0
    best = np.full(len(weight), np.inf)
    fracs, ints = base.copy(), np.zeros(weight.shape)
    for step in range(FRAC_CANDIDATES):
        frac = np.minimum(base + step, median + FRAC_SPREAD)
        frac = _within_reach(fit, conv.bias, frac, source, bits)
        candidates = [nearest(weight, frac, bits)]
        if learned:
            candidates.append(with_feedback(target, fit, frac, bits))
        for q in candidates:
            error = target.error(np.ldexp(q, -frac[:, None]))
            better = (error < best) & _exact(q, conv.bias, frac, source)
            best[better], fracs[better], ints[better] = error[better], frac[better], q[better]
    if learned:
        moved = descend(target, ints, fracs, bits)
        kept = _exact(moved, conv.bias, fracs, source)
        ints[kept] = moved[kept]
    return fracs, ints


def _within_budget(
    conv: Conv, target: Target, fit: FloatArray, source: TensorType, bits: int, budget: WeightBudget
) -> tuple[Fracs, FloatArray]:
    """(binary points [O], integers [O, P]) of little error for the bits they take."""
    for rate in budget.rates(conv.name):
        fracs = _within_reach(fit, conv.bias, budget.fracs(conv.name, rate), source, bits)
        ints = with_feedback(target, fit, fracs, bits)
        for _ in range(PRICE_ROUNDS):
            price = budget.price(conv.name, rate, ints, target.gram)
            ints = descend(target, ints, fracs, bits, price)
        ints = np.where(
            _exact(ints, conv.bias, fracs, source)[:, None], ints, nearest(target.weight, fracs, bits)
        )
        whole = ints.reshape(conv.weight.shape).astype(np.int64)
        if budget.spend(conv.name, whole):
            return fracs, ints
    raise budget.refuse(whole)


def _within_reach(
    weight: FloatArray, bias: FloatArray, frac: npt.NDArray[np.int32], source: TensorType, bits: int
) -> npt.NDArray[np.int32]:
    """``frac``, lowered where a channel's bias or sums would leave the range in which they are exact."""
    out: npt.NDArray[np.int32] = frac.copy()
    reach = max(abs(v) for v in source.range)
    for _ in range(64):
        offset = np.abs(np.ldexp(bias, source.frac + out))
        sums = np.abs(nearest(weight, out, bits)).sum(axis=1) * reach
        far = (offset > bias_limit(source)) | (sums + offset >= exact_limit(source) - reach)
        if not far.any():
            break
        out[far] -= 1
    return out


def _exact(
    ints: FloatArray, bias: FloatArray, frac: npt.NDArray[np.int32], source: TensorType
) -> npt.NDArray[np.bool_]:
    """Channels [O] whose sums stay where they are exact."""
    reach = max(abs(v) for v in source.range)
    sums = np.abs(ints).sum(axis=1) * reach + np.abs(np.ldexp(bias, source.frac + frac))
    return np.asarray(sums < exact_limit(source) - reach)
