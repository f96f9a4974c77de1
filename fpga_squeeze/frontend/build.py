"""Steps of the walk become named float layers."""

from __future__ import annotations

import math
import re

import numpy as np
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool
from ..network.metadata import METADATA_KEY, OwnMetadata, read_metadata
from .names import Namer, clean, common_stem, usable
from .onnx_file import OnnxGraph
from .operators import IDENTITY
from .steps import (
    AddStep,
    AverageStep,
    ConcatStep,
    ConvStep,
    InputStep,
    LayerStep,
    PoolStep,
    Step,
    find_fires,
    readers,
)

SQUEEZE, EXPAND1X1, EXPAND3X3 = "_squeeze1x1", "_expand1x1", "_expand3x3"


def own_metadata(graph: OnnxGraph) -> OwnMetadata:
    """The metadata of our own export; an error where it is damaged."""
    if METADATA_KEY not in graph.metadata:
        return OwnMetadata()
    try:
        return read_metadata(graph.metadata[METADATA_KEY])
    except (ValueError, KeyError, TypeError) as error:
        graph.fail(
            None, f"its metadata entry {METADATA_KEY} is damaged ({error}); quantise the float model again"
        )


def layer_names(steps: list[LayerStep], kept: tuple[str, ...] = ()) -> list[str]:
    """An identifier for each step: ``kept`` where they fit, else from node names, else conv1, pool1, fire2,
    ..."""
    fits = len(kept) == len(steps) and len({n.lower() for n in kept}) == len(kept)
    if fits and all(usable(n) for n in kept):
        return list(kept)
    fires = {id(fire.squeeze): fire for fire in find_fires(steps)}
    namer, stage = Namer(), 0
    out: dict[int, str] = {}
    for step in steps:
        if id(step) in out:
            continue
        given = clean(step.node.name, step.node.op)
        if fire := fires.get(id(step)):
            stage += 1
            convs = {SQUEEZE: fire.squeeze, EXPAND1X1: fire.expand1x1, EXPAND3X3: fire.expand3x3}
            stem = common_stem([clean(c.node.name, c.node.op) for c in convs.values()])
            name = namer.take(stem, f"fire{stage}", tuple(convs))
            out[id(fire.concat)] = name
            out |= {id(conv): name + suffix for suffix, conv in convs.items()}
            continue
        match step:
            case ConvStep():
                stage += 1
                name = namer.take(given, f"conv{stage}")
            case PoolStep() | AverageStep():
                name = namer.take(given, f"pool{stage}")
            case AddStep():
                name = namer.take(given, f"add{stage}")
            case ConcatStep() if len(step.inputs) == 1:
                name = namer.take(out.get(id(step.inputs[0]), IMAGE) + "_requant", f"requant{stage}")
            case ConcatStep():
                name = namer.take(re.sub(r"[/_.-]concat$", "", given), f"concat{stage}")
            case _:
                assert_never(step)
        out[id(step)] = name
    return [out[id(step)] for step in steps]


def model_name(graph: OnnxGraph) -> str:
    """The file's name without its ending, as an identifier."""
    return Namer().take(graph.path.stem, "model")


Limits = tuple[float, float]
"""Smallest and largest value that ReLU and clips leave; without any, from -inf to inf."""


def layer_limits(graph: OnnxGraph, steps: list[LayerStep]) -> dict[int, Limits]:
    """The limits of convolutions and sums, by ``id``: of what follows at once, or behind the Concat or max pool that
    alone reads them.

    An error, with every reason, for limits behind anything else that would change a value, and for lower limits other
    than 0.
    """
    found: dict[int, Limits] = {}
    read, reasons = readers(steps), list[str]()

    def push(step: Step, waiting: Step, low: float, high: float) -> bool:
        """The limits go into ``step``, read by ``waiting`` alone; False where they have no place."""
        if step is not waiting and [id(r) for r in read.get(id(step), [])] != [id(waiting)]:
            return within(step, low, high)
        match step:
            case InputStep():
                return False
            case ConvStep() | AddStep():
                least, most = found.get(id(step), (-math.inf, math.inf))
                found[id(step)] = min(max(least, low), high), min(max(most, low), high)
                return True
            case ConcatStep() | PoolStep():  # a maximum and its limits may be taken in either order
                pushed = [push(source, step, low, high) for source in step.inputs]
                return all(pushed)  # into every one, whatever the others say
            case AverageStep():
                return within(step, low, high)
            case _:
                assert_never(step)

    def within(step: Step, low: float, high: float) -> bool:
        """Whether the limits found so far leave nothing outside of these in ``step``."""
        match step:
            case InputStep():
                return False
            case ConvStep():
                least, most = found.get(id(step), (-math.inf, math.inf))
                return low <= least and most <= high
            case AddStep():
                least, most = found.get(id(step), (-math.inf, math.inf))
                positive = all(within(source, 0, math.inf) for source in step.inputs)
                return low <= max(least, 0 if positive else least) and most <= high
            case ConcatStep() | PoolStep():
                return all(within(source, low, high) for source in step.inputs)
            case AverageStep():
                return (low <= 0 <= high or not any(step.pads)) and within(step.inputs[0], low, high)
            case _:
                assert_never(step)

    for step in steps:
        low, high = step.post.limits
        try:
            if low not in (0, -math.inf):
                graph.fail(
                    step.post.clip_node,
                    f"clips to {low:g}..{high:g}; a lower limit of 0 or none is supported",
                )
            if (low == 0 or high < math.inf) and not push(step, step, low, high):
                graph.fail(
                    step.post.nodes[0],
                    f"stands behind {step.node}, which has no place for it; {IDENTITY}",
                )
        except FpgaSqueezeError as error:
            reasons.append(str(error).removeprefix(f"{graph.path}: "))
    if reasons:
        raise FpgaSqueezeError(f"{graph.path}: {'; '.join(reasons)}")
    return found


def _float_conv(step: ConvStep, name: str, source: str, limits: Limits) -> Conv:
    """The convolution, what a constant in front takes away in its bias and around the image."""
    weight, bias = np.array(step.weight.value, dtype=np.float64), step.bias
    pad_value = np.zeros(0)
    if step.pad_value is not None:
        bias = bias - (weight * step.pad_value[None, :, None, None]).sum(axis=(1, 2, 3))
        if any(step.pads) and np.any(step.pad_value):
            pad_value = step.pad_value
    low, high = limits
    return Conv(name, (source,), weight, bias, step.stride, step.pads, low == 0, pad_value, high)


def build_float(graph: OnnxGraph, image: InputStep, steps: list[LayerStep]) -> FloatModel:
    """The float network; raises FpgaSqueezeError for activation functions other than ReLU and clips."""
    limits = layer_limits(graph, steps)
    names = {id(image): IMAGE} | {
        id(step): name for step, name in zip(steps, layer_names(steps), strict=True)
    }
    layers: list[Layer] = []
    for step in steps:
        name, inputs = names[id(step)], [names[id(source)] for source in step.inputs]
        low, high = limits.get(id(step), (-math.inf, math.inf))
        match step:
            case ConvStep():
                layers.append(_float_conv(step, name, inputs[0], (low, high)))
            case PoolStep():
                layers.append(MaxPool(name, (inputs[0],), step.kernel, step.stride, step.pads, step.ceil))
            case AverageStep():
                layers.append(AvgPool(name, (inputs[0],), step.kernel, step.stride, step.pads))
            case AddStep():
                layers.append(Add(name, (inputs[0], inputs[1]), low == 0, high))
            case ConcatStep():
                layers.append(Concat(name, tuple(inputs)))
            case _:
                assert_never(step)
    model = FloatModel(model_name(graph), image.output, tuple(layers), str(graph.path))
    model.shapes()
    return model
