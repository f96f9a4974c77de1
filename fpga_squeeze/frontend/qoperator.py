"""QOperator nodes, of ONNX and of onnxruntime, as Q/DQ pairs around float operators.

What they compute: onnxruntime, docs/ContribOperators.md, and ONNX, docs/Operators.md (QLinearConv).
"""

from __future__ import annotations

import numpy as np

from .onnx_file import Constant, Node, OnnxGraph, Scale, fold

FLOAT_OF = {
    "QLinearAdd": "Add",
    "QLinearAveragePool": "AveragePool",
    "QLinearConcat": "Concat",
    "QLinearConv": "Conv",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearReduceMean": "ReduceMean",
    "QLinearSoftmax": "Softmax",
}
"""The float operator of each."""
REFUSED = {
    "ConvInteger": "its sums are quantised at run time; quantise the model statically",
    "DynamicQuantizeLinear": "its scale is computed at run time; quantise the model statically",
    "QGemm": "fully connected layers are not supported; write them as 1x1 convolutions",
    "QLinearLeakyRelu": "only Relu is supported as activation",
    "QLinearMatMul": "fully connected layers are not supported; write them as 1x1 convolutions",
    "QLinearMul": "a product of two maps is not supported",
    "QLinearSigmoid": "only Relu is supported as activation",
}
DOMAINS = ("", "com.microsoft")


def as_qdq(graph: OnnxGraph, node: Node) -> list[Node] | None:
    """The nodes that stand for ``node``; None where it is no QOperator node."""
    if node.domain not in DOMAINS:
        return None
    if node.op in REFUSED:
        graph.fail(node, f"this operator is not supported here; {REFUSED[node.op]}")
    if node.op not in FLOAT_OF:
        return None
    if node.attrs.get("channels_last", 0):
        graph.fail(node, "has its channels last; export the model with maps as [N, C, H, W]")
    maker = _Maker(graph, node)
    match node.op:
        case "QLinearConv":
            return maker.conv()
        case "QLinearConcat":
            return maker.around([maker.operand(i) for i in range(2, len(node.inputs), 3)], 0)
        case "QLinearAdd":
            return maker.around([maker.operand(0), maker.operand(3)], 6)
        case _:
            return maker.around([maker.operand(0)], 3)


class _Maker:
    def __init__(self, graph: OnnxGraph, node: Node) -> None:
        self.graph, self.node = graph, node
        self.made: list[Node] = []

    def fresh(self, part: str) -> str:
        """A tensor that is not in the file."""
        return f"{self.node.outputs[0]} {part}"

    def add(self, op: str, inputs: list[str], output: str, **attrs: object) -> str:
        """One node in place of ours, with its name."""
        node = self.node
        self.made.append(Node(node.name, op, inputs, [output], attrs, "", node.proto))
        return output

    def operand(self, first: int, **attrs: object) -> str:
        """Inputs ``first`` (integers), scale and zero point, dequantised."""
        given = self.node.inputs[first : first + 3]
        if len(given) < 3:
            self.graph.fail(self.node, f"has {len(self.node.inputs)} inputs; export the model again")
        return self.add("DequantizeLinear", given, self.fresh(f"operand {first}"), **attrs)

    def around(self, operands: list[str], result: int) -> list[Node]:
        """The float operator on ``operands``, quantised with the scale that is input ``result`` and the zero point
        behind it."""
        node = self.node
        y = self.add(FLOAT_OF[node.op], operands, self.fresh("real"), **node.attrs)
        self.add("QuantizeLinear", [y, *node.inputs[result : result + 2]], node.outputs[0])
        return self.made

    def conv(self) -> list[Node]:
        node, graph = self.node, self.graph
        operands = [self.operand(0), self.operand(3, axis=0)]
        bias = graph.constant(node, 8, "bias")
        if bias is not None:
            steps = [graph.constant(node, i, what) for i, what in ((1, "input scale"), (4, "weight scale"))]
            x, w = (np.asarray(c.value, dtype=np.float32).reshape(-1) for c in steps if c is not None)
            scale = Scale(node, (x * w).astype(np.float64), np.zeros(()), 32, True, 0)
            ints = np.asarray(bias.value).astype(np.int64).reshape(-1)
            if scale.scale.size not in (1, ints.size):
                graph.fail(
                    node,
                    f"has {scale.scale.size} scales for {ints.size} output channels; give as many of both",
                )
            graph.constants[self.fresh("bias")] = Constant(ints * scale.scale, ints, scale)
            operands.append(self.fresh("bias"))
        made = self.around(operands, 6)
        return [each for each in made if not fold(graph, each)]
