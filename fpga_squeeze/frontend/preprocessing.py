"""What a quantised file does to a pixel before its first layer: one function of 256 values per channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..network.fixed_point import IntArray, int_range
from ..network.graph import Preprocess
from ..network.reference import channel_statistics
from .onnx_file import OnnxGraph, Scale
from .reasons import LEAVE_OUT
from .steps import InputStep

PIXELS = 256


def take_table(graph: OnnxGraph) -> IntArray | None:
    """The table, int64 [C, 256], in which our own export looks up pixels; its nodes go, the input gives integers.

    The export writes Gather(table, Cast(pixels) + 256 * channel).
    """
    for gather in graph.nodes:
        if gather.op != "Gather" or gather.domain or gather.inputs[0] not in graph.constants:
            continue
        chain = [gather]
        while chain[-1].inputs and (
            maker := next(
                (n for n in graph.nodes if chain[-1].inputs[chain[-1] is gather] in n.outputs), None
            )
        ):
            chain.append(maker)
        if [n.op for n in chain] != ["Gather", "Add", "Cast"] or chain[-1].inputs[0] != graph.input.name:
            continue
        starts = graph.constant(chain[1], 1, "offset")
        table = np.asarray(graph.constants[gather.inputs[0]].value)
        wanted = np.arange(0, table.size, PIXELS)
        if starts is None or table.size % PIXELS or not np.array_equal(starts.value.ravel(), wanted):
            continue
        graph.nodes = [n for n in graph.nodes if all(n is not other for other in chain)]
        readers = graph.users.get(gather.outputs[0], [])
        for reader in readers:
            reader.inputs = [graph.input.name if n == gather.outputs[0] else n for n in reader.inputs]
        graph.users[graph.input.name] = readers
        return table.astype(np.int64).reshape(-1, PIXELS)
    return None


def pixel_table(
    graph: OnnxGraph, image: InputStep, scale: Scale, preprocess: Preprocess | None
) -> IntArray | None:
    """int64 [C, 256], the file's integers for each pixel of the channels that the accelerator eats; None: themselves.

    ``preprocess``, the nodes in front of the QuantizeLinear and itself are computed in float32, as onnxruntime does.
    """
    channels = image.output.channels
    if image.table is not None:
        return image.table
    quantises = scale.node.op == "QuantizeLinear"
    if not quantises and (preprocess is None and not image.front):
        return None
    if not quantises:
        graph.fail(scale.node, f"reads pixels as integers; {LEAVE_OUT}")
    mean, std, order = channel_statistics(preprocess or Preprocess(), channels)
    pixels = np.arange(PIXELS, dtype=np.float64)
    real: npt.NDArray[Any] = ((pixels[None] - mean[:, None]) / std[:, None]).astype(np.float32)
    for node, numbers, first in image.front:
        a, b = (numbers, real) if first else (real, numbers)
        match node.op:
            case "Add":
                real = a + b
            case "Sub":
                real = a - b
            case "Mul":
                real = a * b
            case _:
                with np.errstate(divide="ignore", invalid="ignore"):
                    real = a / b
        if not np.all(np.isfinite(real)):
            graph.fail(node, "makes no finite number of a pixel; check its constant")
    steps = np.rint(real / np.float32(scale.scale.item())).astype(np.float64) + scale.zero_point.item()
    table = np.clip(steps, *int_range(scale.bits, scale.signed)).astype(np.int64)
    return np.asarray(table[np.argsort(order)])
