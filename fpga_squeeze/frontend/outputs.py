"""Which of a file's outputs is read, which of its nodes lead there, and from which input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    from .onnx_file import Node, OnnxGraph

ENDS = (
    "ArgMax",
    "Cast",
    "Flatten",
    "Identity",
    "LogSoftmax",
    "Reshape",
    "Softmax",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
"""Operators that the accelerator leaves out at the end: outputs that differ by them alone are one."""


def choose_output(graph: OnnxGraph, names: list[str], wanted: str | None) -> str:
    """The tensor among ``names`` to read: ``wanted``, or the one whose ends the others are.

    An error that lists the outputs where that is not clear.
    """
    listed = ", ".join(names) or "none"
    if wanted is not None:
        if wanted not in names:
            graph.fail(None, f"field output_tensor {wanted}: its outputs are {listed}; give one of them")
        return graph.alias.get(wanted, wanted)
    makers = {name: node for node in graph.nodes for name in node.outputs}
    ends = [_end(makers, graph.alias.get(name, name)) for name in names]
    if len({tensor for tensor, _ in ends}) != 1:
        graph.fail(
            None,
            f"has {len(names)} outputs ({listed}); give the one with the logits as field output_tensor",
        )
    nearest = min(range(len(names)), key=lambda i: ends[i][1])
    return graph.alias.get(names[nearest], names[nearest])


def _end(makers: dict[str, Node], name: str) -> tuple[str, int]:
    """(the tensor that ``name`` is made of, how many nodes of ENDS lie between)."""
    count = 0
    while (node := makers.get(name)) is not None and node.op in ENDS and not node.domain and node.inputs:
        name, count = node.inputs[0], count + 1
    return name, count


def keep_live(graph: OnnxGraph) -> None:
    """Leave out the nodes that the output does not depend on."""
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    live: set[int] = set()
    waiting = [graph.output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and id(node) not in live:
            live.add(id(node))
            waiting += [name for name in node.inputs if name]
    graph.nodes = [node for node in graph.nodes if id(node) in live]


def image_input(graph: OnnxGraph, given: list[onnx.ValueInfoProto]) -> onnx.ValueInfoProto:
    """The one of the inputs ``given`` that the output depends on."""
    read = {name for node in graph.nodes for name in node.inputs} | {graph.output}
    found = [value for value in given if value.name in read] or given[:1]  # of none, the walk tells why
    if len(found) != 1:
        names = ", ".join(value.name for value in found) or "none"
        graph.fail(
            None, f"has {len(found)} inputs ({names}) that lead to its output; one image input is supported"
        )
    return found[0]
