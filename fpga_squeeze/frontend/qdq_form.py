"""Quantised graphs of other forms become Q/DQ pairs around float operators, so that one reader serves all."""

from __future__ import annotations

from . import qonnx, qoperator
from .onnx_file import OnnxGraph, fold


def to_qdq(graph: OnnxGraph) -> None:
    """Write QOperator and QONNX nodes as QuantizeLinear, DequantizeLinear and float operators."""
    rewritten, out = False, []
    for node in graph.nodes:
        made = qoperator.as_qdq(graph, node)
        if made is None:
            made = qonnx.as_qdq(graph, node)
        rewritten = rewritten or made is not None
        for each in [node] if made is None else made:
            if each.domain or not rewritten or not fold(graph, each):
                out.append(each)
    if not rewritten:
        return
    graph.nodes = out
    graph.find_users()
