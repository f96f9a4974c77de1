"""Weights and bias of a quantised file's convolution as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..network.fixed_point import IntArray, signed_bits
from ..network.graph import FloatArray
from ..network.scales import is_power_of_two
from .onnx_file import OnnxGraph
from .steps import ConvStep

MAX_WEIGHT_BITS = 9
"""Eight bits less a zero point."""
MAX_PLACES = 24
"""Most binary places that a bias has below the accumulator's step."""
BIAS_ERROR = -17
"""A bias that has no exact place is wrong by less than 2**BIAS_ERROR steps of the output."""
SAME = 2.0**-22
"""Scales that differ by less are one: products in float32, in one order or another."""


@dataclass(frozen=True)
class Weights:
    """ints int64 [O, I, Kh, Kw], less their zero point; scale float64 [O]; bits that they fit, signed."""

    ints: IntArray
    scale: FloatArray
    bits: int


@dataclass(frozen=True)
class Bias:
    """ints int64 [O], in steps of 2**-places of the accumulator's; ``exact``: as the file says."""

    ints: IntArray
    places: int
    exact: bool


def weights(graph: OnnxGraph, step: ConvStep, bits: int | None) -> Weights:
    """The weights of ``step``; ``bits`` where our own metadata tell them."""
    constant = step.weight
    if constant.ints is None or constant.scale is None:
        graph.fail(step.node, "its weights are not quantised; give them through a DequantizeLinear")
    scale, ints = constant.scale, constant.ints
    channels = ints.shape[0]
    for what, numbers in (("scale", scale.scale), ("zero point", scale.zero_point)):
        if numbers.size != 1 and (scale.axis % 4 != 0 or numbers.size != channels):
            graph.fail(
                scale.node,
                f"has one {what} per slice of axis {scale.axis}; weights have one per output channel",
            )
    zero = np.broadcast_to(scale.zero_point.reshape(-1), (channels,)).astype(np.int64)
    ints = ints - zero[:, None, None, None]
    need = max(2, signed_bits(int(ints.min(initial=0)), int(ints.max(initial=0))))
    if need > MAX_WEIGHT_BITS or (bits is not None and need > bits):
        graph.fail(step.node, f"has weights beyond {bits or 8} signed bits; quantise them to 8 or fewer")
    steps = np.array(np.broadcast_to(scale.scale.reshape(-1), (channels,)))
    return Weights(ints, steps, bits or need)


def bias(graph: OnnxGraph, step: ConvStep, unit: FloatArray, ratio: FloatArray | None) -> Bias:
    """The bias of ``step``.

    ``unit`` float64 [O] is what a step of the accumulator is worth, ``ratio`` [O] how many steps of the output; None:
    the sums leave as they are.
    """
    given = graph.constants.get(step.node.inputs[2]) if len(step.node.inputs) > 2 else None
    if (
        given is not None
        and given.ints is not None
        and given.scale is not None
        and np.array_equal(given.value.reshape(-1), step.bias)
    ):
        scale = given.scale
        return _quantised(graph, step, given.ints.reshape(-1), scale.scale, scale.zero_point, unit)
    return _real(graph, step, unit, ratio)


def _quantised(
    graph: OnnxGraph, step: ConvStep, ints: IntArray, scale: FloatArray, zero: FloatArray, unit: FloatArray
) -> Bias:
    """Integers of a scale that is the accumulator's, or a power of two apart."""
    ints = ints - zero.reshape(-1).astype(np.int64)
    ratio = np.broadcast_to(scale.reshape(-1), unit.shape) / unit
    powers = np.rint(np.log2(ratio))
    if (
        np.any(np.abs(ratio / np.exp2(powers) - 1) > SAME)
        or np.any(powers < -MAX_PLACES)
        or np.any(powers > 30)
    ):
        worst = int(np.argmax(np.abs(ratio / np.exp2(powers) - 1)))
        graph.fail(
            step.node,
            f"its bias has a scale of {float(np.ravel(scale)[worst % scale.size]):g} where input times weight scale "
            f"is {unit[worst]:g}; quantise it with that, or leave it in float",
        )
    places = int(max(0, -powers.min(initial=0)))
    return Bias(ints << (powers.astype(np.int64) + places), places, True)


def _real(graph: OnnxGraph, step: ConvStep, unit: FloatArray, ratio: FloatArray | None) -> Bias:
    """A float bias: exact where it can be, else as near as BIAS_ERROR."""
    steps = step.bias / unit
    if not np.all(np.isfinite(steps)) or np.any(np.abs(steps) >= 2.0**46):
        graph.fail(step.node, "has a bias that is no number, or beyond every sum; train it again")
    ints = np.rint(steps)
    if np.array_equal((ints * unit).astype(np.float32), step.bias.astype(np.float32)):
        return Bias(ints.astype(np.int64), 0, True)
    if is_power_of_two(unit):
        for places in range(1, MAX_PLACES + 1):
            moved = np.ldexp(steps, places)
            if np.array_equal(moved, np.rint(moved)):
                return Bias(moved.astype(np.int64), places, True)
    places = 0
    if ratio is not None:
        places = int(np.floor(np.log2(ratio.max()))) - BIAS_ERROR
        places = min(max(places, 0), MAX_PLACES)
    return Bias(np.rint(np.ldexp(steps, places)).astype(np.int64), places, False)


def outside(graph: OnnxGraph, step: ConvStep, scale: float, zero: int, span: tuple[int, int]) -> IntArray:
    """int64 [I]: the integers that stand outside the map for zeros, behind a Sub for what that takes away."""
    channels = step.weight.value.shape[1]
    real = np.zeros(channels) if step.pad_value is None else step.pad_value
    ints = np.rint(real / scale)
    if not np.array_equal((ints * scale).astype(np.float32), real.astype(np.float32)):
        graph.fail(
            step.node, f"subtracts {real.tolist()}, no whole steps of {scale:g}; quantise behind the Sub"
        )
    ints = ints.astype(np.int64) + zero
    if any(step.pads) and (ints.min() < span[0] or ints.max() > span[1]):
        graph.fail(
            step.node, f"pads with {ints.tolist()}, which are none of the integers {span[0]}..{span[1]}"
        )
    return np.asarray(ints)
