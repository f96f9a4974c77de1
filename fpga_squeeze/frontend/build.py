"""Steps of the walk become named float layers."""

from __future__ import annotations

import re

import numpy as np
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool
from ..network.metadata import METADATA_KEY, OwnMetadata, read_metadata
from .names import Namer, clean, common_stem, usable
from .onnx_file import OnnxGraph
from .steps import (
    AddStep,
    AverageStep,
    ConcatStep,
    ConvStep,
    InputStep,
    LayerStep,
    PoolStep,
    Post,
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


def _relu(graph: OnnxGraph, post: Post) -> bool:
    """Whether ReLU follows; an error for a clip at another value."""
    if post.clip:
        graph.fail(
            post.clip_node,
            f"clips to {post.clip[0]:g}..{post.clip[1]:g}; only Relu is supported as activation",
        )
    return post.relu


def relus(graph: OnnxGraph, steps: list[LayerStep]) -> set[int]:
    """The convolutions and sums, by ``id``, that a ReLU follows: at once, or behind the Concat that alone reads them.

    An error, with every reason, for a ReLU behind anything else that would change a value, and for other activation
    functions.
    """
    found: set[int] = set()
    read, reasons = readers(steps), list[str]()

    def push(step: Step, waiting: Step) -> bool:
        """ReLU goes into ``step``, read by ``waiting`` alone; False where it has no place."""
        match step:
            case InputStep():
                return False
            case ConvStep() | AddStep():
                if step is waiting or [id(r) for r in read[id(step)]] == [id(waiting)]:
                    found.add(id(step))
                return id(step) in found
            case ConcatStep():
                if step is not waiting and [id(r) for r in read[id(step)]] != [id(waiting)]:
                    return clipped(step)
                pushed = [
                    push(source, step) for source in step.inputs
                ]  # into every one, whatever the others say
                return all(pushed)
            case PoolStep() | AverageStep():
                return all(clipped(source) for source in step.inputs)
            case _:
                assert_never(step)

    def clipped(step: Step) -> bool:
        """Whether a ReLU found so far leaves nothing negative in ``step``."""
        if isinstance(step, ConvStep):
            return id(step) in found
        if isinstance(step, InputStep):
            return False
        return id(step) in found or all(clipped(source) for source in step.inputs)

    for step in steps:
        try:
            if _relu(graph, step.post) and not push(step, step):
                kind = "pool" if isinstance(step, PoolStep | AverageStep) else "Concat"
                graph.fail(
                    step.post.nodes[0], f"stands behind a {kind}; put Relu directly behind the convolution"
                )
        except FpgaSqueezeError as error:
            reasons.append(str(error).removeprefix(f"{graph.path}: "))
    if reasons:
        raise FpgaSqueezeError(f"{graph.path}: {'; '.join(reasons)}")
    return found


def build_float(graph: OnnxGraph, image: InputStep, steps: list[LayerStep]) -> FloatModel:
    """The float network; raises FpgaSqueezeError for activation functions other than ReLU."""
    relu = relus(graph, steps)
    names = {id(image): IMAGE} | {
        id(step): name for step, name in zip(steps, layer_names(steps), strict=True)
    }
    layers: list[Layer] = []
    for step in steps:
        name, inputs = names[id(step)], [names[id(source)] for source in step.inputs]
        match step:
            case ConvStep():
                weight = np.array(step.weight.value, dtype=np.float64)
                layers.append(
                    Conv(name, (inputs[0],), weight, step.bias, step.stride, step.pads, id(step) in relu)
                )
            case PoolStep():
                layers.append(MaxPool(name, (inputs[0],), step.kernel, step.stride, step.pads, step.ceil))
            case AverageStep():
                layers.append(AvgPool(name, (inputs[0],), step.kernel, step.stride, step.pads))
            case AddStep():
                layers.append(Add(name, (inputs[0], inputs[1]), id(step) in relu))
            case ConcatStep():
                layers.append(Concat(name, tuple(inputs)))
            case _:
                assert_never(step)
    model = FloatModel(model_name(graph), image.output, tuple(layers), str(graph.path))
    model.shapes()
    return model
