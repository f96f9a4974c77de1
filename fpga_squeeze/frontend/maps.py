"""The tensors that the walk reaches: what a step gives, and what stands between the step and the tensor."""

from __future__ import annotations

from dataclasses import dataclass

from ..network.graph import Pads
from .affine import AFFINE, Affine
from .geometry import NO_PADS
from .layout import NCHW, Layout, same, text
from .onnx_file import Node, OnnxGraph, Scale
from .operators import IDENTITY, LAST, ONE_INPUT, PAIRS, RESHAPED, ROUNDED, SUMMED
from .steps import Step


@dataclass(frozen=True, eq=False)
class Map:
    """A tensor of the file: what ``step`` gives, and what stands between the two.

    layout         which axes of the step's map its axes are
    pads, border   of Pad nodes that still have to be folded into what follows, and the last of them
    affine         constants that still have to be folded into a convolution
    factor, sum    the tensor is this many times what the step gives: a sum, made by the node ``sum``
    softmax        behind a softmax, where a scale is no longer that of the logits
    ints           between a QuantizeLinear and its DequantizeLinear, how the integers are meant
    trail          the tensors between the step and this one, each with the node that reads it on the way
    """

    step: Step
    layout: Layout = NCHW
    pads: Pads = NO_PADS
    border: Node | None = None
    affine: Affine | None = None
    factor: float = 1.0
    sum: Node | None = None
    softmax: bool = False
    ints: Scale | None = None
    trail: tuple[tuple[str, Node], ...] = ()


def data_inputs(graph: OnnxGraph, node: Node) -> list[str]:
    """The tensors that ``node`` computes with, those known beforehand left out."""
    names = node.inputs[:1] if node.op in ONE_INPUT and not node.domain else node.inputs
    return [name for name in names if name and name not in graph.constants]


def settled(graph: OnnxGraph, node: Node | None, maps: list[Map]) -> None:
    """An error where something that still has to be folded reaches ``node``, or the output, that cannot take it."""
    op, to = (node.op, str(node)) if node else ("", "the output")
    for x in maps:
        if x.affine and (op not in ("Conv", "Pad", *AFFINE, *RESHAPED) or len(maps) > 1):
            graph.fail(
                x.affine.node,
                f"leads to {to}; constants can only be folded into a convolution at once in front or behind: "
                f"{IDENTITY}",
            )
        if x.border and op not in ("Pad", "Conv", "MaxPool", "Transpose"):
            graph.fail(x.border, f"leads to {to}; it can only be folded into a convolution or max pool")
        if x.sum and abs(x.factor - 1) > ROUNDED and (op not in SUMMED or len(maps) > 1):
            graph.fail(x.sum, f"sums the map; only an average is supported: divide by {x.factor:g} next")
        if node and x.softmax and op not in (*RESHAPED, *PAIRS, *LAST, "Cast"):
            graph.fail(node, "stands behind a softmax or argmax; a network ends before those")


def check_nchw(graph: OnnxGraph, node: Node, x: Map) -> None:
    """An error unless the axes of ``x`` are those that convolutions and pools work on."""
    if not same(x.layout, NCHW, x.step.output):
        shown = text(x.layout)
        graph.fail(node, f"reads a tensor {shown}; it works on [N, C, H, W]: put a Transpose in front of it")
