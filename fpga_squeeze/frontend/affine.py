"""x * scale + offset per channel: what Add, Sub, Mul, Div and BatchNormalization with constants are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..network.graph import FloatArray, Shape
from .layout import Layout, per_channel
from .onnx_file import Constant, Node, OnnxGraph
from .steps import ConvStep

AFFINE = ("Add", "BatchNormalization", "Div", "Mul", "Sub", "Sum")


@dataclass(frozen=True, eq=False)
class Affine:
    """``scale`` and ``offset`` float64 [C], and the last node that is part of it."""

    scale: FloatArray
    offset: FloatArray
    node: Node

    def before(self, later: Affine) -> Affine:
        """Both, ``later`` behind this one."""
        return Affine(self.scale * later.scale, self.offset * later.scale + later.offset, later.node)

    @property
    def changes_nothing(self) -> bool:
        return bool(np.all(self.scale == 1) and np.all(self.offset == 0))


def read_affine(graph: OnnxGraph, node: Node, layout: Layout, x: Shape) -> Affine:
    """What ``node`` does to a map ``x``; an error unless it is one number of each per channel."""
    if node.op == "BatchNormalization":
        return _normalisation(graph, node, x)
    found = Affine(np.ones(x.channels), np.zeros(x.channels), node)
    for index, name in enumerate(node.inputs):
        if name not in graph.constants:
            continue
        value = graph.constants[name].value
        if not np.all(np.isfinite(np.asarray(value, dtype=np.float64))):
            graph.fail(node, f"its constant {name} holds NaN or infinity; train or export the model again")
        number = per_channel(value, layout, x)
        if number is None:
            graph.fail(
                node,
                f"its constant {name} {list(value.shape)} is not one number per channel of its {x} map; only that "
                "can be folded into a convolution",
            )
        one, zero = np.ones(x.channels), np.zeros(x.channels)
        match node.op:
            case "Add" | "Sum":
                step = Affine(one, number, node)
            case "Sub":
                step = Affine(one, -number, node) if index else Affine(-one, number, node)
            case "Mul":
                step = Affine(number, zero, node)
            case _:
                if not index:
                    graph.fail(node, "divides a constant by a map; no kernel does that: train without it")
                if np.any(number == 0):
                    graph.fail(node, "divides by zero; train or export the model again")
                step = Affine(1 / number, zero, node)
        found = found.before(step)
    return found


def _normalisation(graph: OnnxGraph, node: Node, x: Shape) -> Affine:
    if node.attrs.get("training_mode", 0):
        graph.fail(node, "normalises by the batch (training_mode 1); export the model for inference")
    if not node.attrs.get("spatial", 1):
        graph.fail(
            node, "normalises every pixel by itself (spatial 0); only one number per channel is supported"
        )
    names = ("scale", "bias", "mean", "variance")
    given = [graph.constant(node, i, name) for i, name in enumerate(names, 1)]
    numbers = [np.asarray(v.value, dtype=np.float64).reshape(-1) for v in given if v is not None]
    if len(numbers) < len(names) or any(v.size != x.channels for v in numbers):
        graph.fail(node, f"its scale, bias, mean and variance are not {x.channels} constants each")
    scale, bias, mean, variance = numbers
    spread = variance + float(node.attrs.get("epsilon", 1e-5))
    if not np.all(np.isfinite(np.concatenate(numbers))) or np.any(spread <= 0):
        graph.fail(
            node, "has a variance that is not positive, or numbers that are not finite; train it again"
        )
    factor = scale / np.sqrt(spread)
    return Affine(factor, bias - mean * factor, node)


def fold_behind(graph: OnnxGraph, step: ConvStep, affine: Affine) -> None:
    """Take what stands behind a convolution into its weights and bias; integer weights stay as they are."""
    if np.any(affine.scale != 1):
        if step.weight.ints is not None:
            graph.fail(
                affine.node,
                f"scales what {step.node} gives, whose weights are integers; scale them before they are quantised",
            )
        step.weight = Constant(_float(step) * affine.scale[:, None, None, None])
    step.bias = step.bias * affine.scale + affine.offset


def fold_in_front(graph: OnnxGraph, step: ConvStep, affine: Affine) -> None:
    """Take what stands in front of a convolution into its weights; ``pad_value`` becomes what it takes away from a map.

    scale * x + offset = scale * (x - pad_value): zeros around the result are pad_value around the map.
    """
    if np.any(affine.scale == 0):
        graph.fail(affine.node, "multiplies a channel by 0; leave the channel out")
    if np.any(affine.scale != 1):
        if step.weight.ints is not None:
            graph.fail(
                affine.node,
                f"scales what {step.node} reads, whose weights are integers; scale them before they are quantised",
            )
        step.weight = Constant(_float(step) * affine.scale[None, :, None, None])
    step.pad_value = -affine.offset / affine.scale


def _float(step: ConvStep) -> FloatArray:
    return np.asarray(step.weight.value, dtype=np.float64)
