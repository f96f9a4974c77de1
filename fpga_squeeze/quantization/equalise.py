"""Scales moved between layers: activation steps that are no powers of two, at no cost in hardware.

Convolution, ReLU, pooling, sums and concatenation are positively homogeneous: a channel that is divided by
s > 0 where it is made and multiplied by s where it is read leaves the network's function as it was. Chosen
so that each channel fills its integers better, s makes finer steps of the same number of bits. Channels that are
added have one s; those of the image, of the network's output and of layers with a ceiling keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatArray, FloatModel, MaxPool
from ..network.reference import FloatMap, layer_float
from ..network.walk import walk
from .groups import Group, type_groups

SAMPLES = 256
"""Positions per image at which a tensor is looked at."""
CLIPPING = np.exp2(-np.arange(28) / 8)
"""Clipping points tried for a whole tensor, relative to its largest value."""
WIDEST = 16.0
"""No channel's step differs from the tensor's by more than this."""


Channels = npt.NDArray[np.int64]
"""Numbers of the channels [C] of a tensor: channels of one number have one scale."""


def channel_numbers(model: FloatModel) -> dict[str, Channels]:
    """The numbers of every tensor's channels, by the tensor's name; 0 for those whose scale must stay."""
    shapes, count = model.shapes(), 1
    out: dict[str, Channels] = {IMAGE: np.zeros(model.input_shape.channels, dtype=np.int64)}
    joined: list[tuple[Channels, Channels]] = []
    for layer in model.layers:
        match layer:
            case Conv():
                channels = shapes[layer.name].channels
                out[layer.name] = np.arange(count, count + channels)
                count += channels
            case MaxPool() | AvgPool():
                out[layer.name] = out[layer.inputs[0]]
            case Add():
                first, second = (out[name] for name in layer.inputs)
                joined.append((first, second))
                out[layer.name] = first
            case Concat():
                out[layer.name] = np.concatenate([out[name] for name in layer.inputs])
            case _:
                assert_never(layer)
    limited = [x.name for x in model.layers if isinstance(x, Conv | Add) and x.ceiling < np.inf]
    joined += [(out[name], np.zeros_like(out[name])) for name in (*limited, model.layers[-1].name)]
    lowest = np.arange(count)
    while True:
        before = lowest.copy()
        for a, b in joined:
            common = np.minimum(lowest[a], lowest[b])
            np.minimum.at(lowest, a, common)
            np.minimum.at(lowest, b, common)
        lowest = lowest[lowest]
        if np.array_equal(before, lowest):
            return {name: lowest[numbers] for name, numbers in out.items()}


def equalise(
    model: FloatModel,
    images: list[FloatMap],
    bits: Callable[[Group], int],
    balance: float,
    on_step: Callable[[str], None] | None = None,
) -> FloatModel:
    """``model`` with every inner channel rescaled so that unsigned ``bits`` of its type with step 1 suit ``images``.

    The function of the network is unchanged. ``balance`` is that of :class:`.method.Method`. Tensors of one type are
    looked at together, as other layers read them.
    """
    numbers, groups = channel_numbers(model), type_groups(model)
    wanted = {
        group: [name for name in group.consumed if numbers[name].any()]
        for group in groups.values()
        if group.makers and not group.is_image
    }
    waiting = {name: group for group, names in wanted.items() for name in names}
    seen: dict[str, Seen] = {}
    found: dict[int, list[float]] = {}
    start = {IMAGE: images}
    for layer, maps in walk(
        model.layers, start, lambda layer, x: [layer_float(layer, list(m)) for m in zip(*x, strict=True)]
    ):
        group = waiting.pop(layer.name, None)
        if group is not None:
            seen[layer.name] = Seen.of(maps)
            names = wanted[group]
            if all(name in seen for name in names):
                steps = channel_steps([seen.pop(name) for name in names], bits(group) - group.signed, balance)
                _note(found, [numbers[name] for name in names], steps)
        if on_step:
            on_step(f"equalise {layer.name}")
        if not waiting:
            break
    scale = np.ones(1 + max(int(n.max(initial=0)) for n in numbers.values()))
    for number, wishes in found.items():
        scale[number] = wishes[0] if len(wishes) == 1 else np.exp(np.mean(np.log(wishes)))
    scale[0] = 1
    return model.with_convs(
        {
            conv.name: rescaled(conv, scale[numbers[conv.inputs[0]]], scale[numbers[conv.name]])
            for conv in model.convs
        }
    )


def _note(found: dict[int, list[float]], numbers: list[Channels], steps: list[FloatArray]) -> None:
    """Add the steps that one type would like for its channels, one for each number."""
    own: dict[int, list[float]] = {}
    for places, values in zip(numbers, steps, strict=True):
        for number, step in zip(places.tolist(), values.tolist(), strict=True):
            own.setdefault(number, []).append(step)
    for number, wanted in own.items():
        found.setdefault(number, []).append(max(wanted))


def rescaled(conv: Conv, into: FloatArray, out: FloatArray) -> Conv:
    """``conv`` for inputs divided by ``into`` [I], with outputs divided by ``out`` [O]."""
    weight = conv.weight * into[None, :, None, None] / out[:, None, None, None]
    return replace(conv, weight=weight, bias=conv.bias / out)


@dataclass(frozen=True, eq=False)
class Seen:
    """A tensor over all images: the largest magnitude of each channel [C], and values at some positions [C, S]."""

    peak: FloatArray
    values: npt.NDArray[np.float32]

    @classmethod
    def of(cls, maps: list[FloatMap]) -> Seen:
        flat = [x.reshape(x.shape[0], -1) for x in maps]
        peak = np.max([np.abs(x).max(axis=1) for x in flat], axis=0).astype(np.float64)
        return cls(peak, np.concatenate([x[:, :: -(-x.shape[1] // SAMPLES)] for x in flat], axis=1))


def channel_steps(tensors: list[Seen], bits: int, balance: float) -> list[FloatArray]:
    """A positive step for each channel [C] of ``tensors``, which have one type: between their best common step and each
    channel's own.

    ``balance`` says how far: 0 is the common one, 1 the step at which the channel's peak just fits.
    """
    top = (1 << bits) - 1
    highest = max(float(x.peak.max(initial=0)) for x in tensors)
    if not highest:
        return [np.ones(len(x.peak)) for x in tensors]
    candidates = highest * CLIPPING / top
    sizes = [x.values.size / max(x.values.size for x in tensors) for x in tensors]
    errors = np.zeros(len(candidates))
    for x, size in zip(tensors, sizes, strict=True):
        errors += size * _errors(x.values, candidates.astype(np.float32), top)
    common = candidates[int(np.argmin(errors))]
    out = []
    for x in tensors:
        own = np.where(x.peak > 0, x.peak / top, common)
        out.append(np.asarray(common * np.clip(own / common, 1 / WIDEST, WIDEST) ** balance))
    return out


def _errors(values: npt.NDArray[np.float32], steps: npt.NDArray[np.float32], top: int) -> FloatArray:
    """Mean squared error of ``values`` in integers up to ``top`` times each step; signed ones by magnitude."""
    magnitude = np.abs(values)
    left = np.empty_like(magnitude)
    out = []
    for step in steps:
        np.divide(magnitude, step, out=left)
        np.minimum(np.rint(left, out=left), np.float32(top), out=left)
        left *= step
        left -= magnitude
        out.append(float(np.square(left, out=left).mean(dtype=np.float64)))
    return np.array(out)
