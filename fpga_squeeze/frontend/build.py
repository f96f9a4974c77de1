"""Steps of the walk become named float layers."""

from __future__ import annotations

import numpy as np
from typing_extensions import assert_never

from ..network.graph import Conv, Fire, FloatModel, GlobalAvgPool, Layer, MaxPool, Shape
from ..network.metadata import METADATA_KEY, OwnMetadata, read_metadata
from .names import Namer, clean, common_stem, usable
from .onnx_file import OnnxGraph
from .steps import AverageStep, ConvStep, FireStep, PoolStep, Post, Step

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


def layer_names(steps: list[Step], kept: tuple[str, ...] = ()) -> list[str]:
    """An identifier for each step: ``kept`` where they fit, else from node names, else conv1, pool1, fire2,
    ..."""
    fits = len(kept) == len(steps) and len({n.lower() for n in kept}) == len(kept)
    if fits and all(usable(n) for n in kept):
        return list(kept)
    namer, out, stage = Namer(), [], 0
    for step in steps:
        match step:
            case FireStep():
                stage += 1
                convs = (step.squeeze, step.expand1x1, step.expand3x3)
                stem = common_stem([clean(c.node.name, c.node.op) for c in convs])
                out.append(namer.take(stem, f"fire{stage}", (SQUEEZE, EXPAND1X1, EXPAND3X3)))
            case ConvStep():
                stage += 1
                out.append(namer.take(clean(step.node.name, step.node.op), f"conv{stage}"))
            case PoolStep() | AverageStep():
                given = clean(step.node.name, step.node.op) if step.node else ""
                out.append(namer.take(given, f"pool{stage}"))
            case _:
                assert_never(step)
    return out


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


def build_float(graph: OnnxGraph, shape: Shape, steps: list[Step]) -> FloatModel:
    """The float chain; raises FpgaSqueezeError for activation functions other than ReLU."""

    def conv(step: ConvStep, name: str, relu: bool) -> Conv:
        weight = np.array(step.weight.value, dtype=np.float64)
        return Conv(name, weight, step.bias, step.stride, step.pads, _relu(graph, step.post) or relu)

    layers: list[Layer] = []
    for step, name in zip(steps, layer_names(steps), strict=True):
        after = _relu(graph, step.post)
        before = layers[-1] if layers else None
        match step:
            case ConvStep():
                layers.append(conv(step, name, False))
            case FireStep():
                layers.append(
                    Fire(
                        name,
                        conv(step.squeeze, name + SQUEEZE, False),
                        conv(step.expand1x1, name + EXPAND1X1, after),
                        conv(step.expand3x3, name + EXPAND3X3, after),
                    )
                )
            case PoolStep():
                _relu_is_idle(graph, before, step, after)
                layers.append(MaxPool(name, step.kernel, step.stride, step.pads, step.ceil))
            case AverageStep():
                _relu_is_idle(graph, before, step, after)
                layers.append(GlobalAvgPool(name))
            case _:
                assert_never(step)
    model = FloatModel(model_name(graph), shape, tuple(layers), str(graph.path))
    model.shapes()
    return model


def _relu_is_idle(graph: OnnxGraph, before: Layer | None, step: PoolStep | AverageStep, relu: bool) -> None:
    """An error where a ReLU behind a pool would change anything: the chain has no place for it."""
    if not relu:
        return
    if isinstance(before, Conv) and before.relu:
        return
    if isinstance(before, Fire) and before.expand1x1.relu and before.expand3x3.relu:
        return
    graph.fail(step.post.nodes[0], "stands behind a pool; put Relu directly behind the convolution")
