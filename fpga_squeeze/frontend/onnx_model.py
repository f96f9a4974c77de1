"""Walks an ONNX graph from the image to the logits and recognises the layers of a SqueezeNet on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Pads, QModel, Shape
from .build import build_float
from .build_quantised import build_quantised
from .geometry import (
    NO_PADS,
    add_pads,
    check_average,
    conv_geometry,
    image_shape,
    pad_geometry,
    pool_geometry,
)
from .onnx_file import Constant, Node, OnnxGraph, Scale, read_graph, read_scale
from .steps import AverageStep, ConvStep, FireStep, PoolStep, Post, Step

ADVICE = {
    "Add": "bypass connections and other sums are not supported",
    "Sum": "bypass connections and other sums are not supported",
    "BatchNormalization": "fold it into the convolution before exporting",
    "Gemm": "fully connected layers are not supported; SqueezeNet ends in a 1x1 convolution",
    "MatMul": "fully connected layers are not supported; SqueezeNet ends in a 1x1 convolution",
    "QLinearConv": "export the quantised model in QDQ format (QuantizeLinear/DequantizeLinear)",
    "Transpose": "export the model with its input as [N, C, H, W]",
    "LeakyRelu": "only Relu is supported as activation",
    "Sigmoid": "only Relu is supported as activation",
    "Div": "take preprocessing out of the graph and give it as field mean and field std",
    "Mul": "take preprocessing out of the graph and give it as field mean and field std",
    "Sub": "take preprocessing out of the graph and give it as field mean and field std",
}
AVERAGES = ("GlobalAveragePool", "AveragePool", "ReduceMean", "ReduceSum")
TAIL = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Softmax", "LogSoftmax")
UNLIMITED = 3e38
"""Clip bounds beyond this are the exporter's way to say none."""


def read_onnx(path: str | Path) -> FloatModel | QModel:
    """Read a float or QDQ ONNX file; raises FpgaSqueezeError, in one line, for what cannot be represented."""
    try:
        graph = read_graph(Path(path))
        walk = _Walk(graph)
        walk.run()
        if walk.quantised:
            return build_quantised(graph, walk.input, walk.input_scale, walk.steps)
        return build_float(graph, walk.input, walk.steps)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        # Attributes of a wrong type or length, as damaged files have them; onnx itself checks none of that.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FpgaSqueezeError(
            f"{path}: is damaged or no valid ONNX ({reason}); export the model again"
        ) from error


class _Walk:
    """One pass along the graph; ``at`` is the tensor reached, ``shape`` its size, ``steps`` the layers behind
    it."""

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph
        self.input = self.shape = image_shape(graph)
        self.at = graph.input.name
        self.steps: list[Step] = []
        self.input_scale: Scale | None = None
        self.order: np.ndarray | None = (
            None  # position in the file of each channel, after a Concat of 3x3 before 1x1
        )
        self.quantised = any(node.op == "QuantizeLinear" for node in graph.nodes)
        self.seen: set[int] = set()

    def run(self) -> None:
        """Walk to the output; raises FpgaSqueezeError where it leads through anything else than a
        SqueezeNet."""
        graph = self.graph
        post = self.post()
        if post.relu or post.clip:
            graph.fail(post.nodes[0], "stands before the first layer; take it out of the graph")
        self.input_scale = post.quant
        while not (self.at == graph.output or (self.steps and isinstance(self.steps[-1], AverageStep))):
            users = self.users(self.at)
            if self.steps and (self.shape.height, self.shape.width) == (1, 1) and users[-1].op in TAIL:
                break  # one pixel: its average is itself
            if len(users) > 1:
                self.fire(users)
            else:
                self.layer(users[0])
        if not self.steps:
            graph.fail(None, "has no layers between input and output; give a SqueezeNet")
        if not isinstance(self.steps[-1], AverageStep):
            if (self.shape.height, self.shape.width) != (1, 1):
                graph.fail(None, f"ends in a {self.shape} map; a SqueezeNet ends in a global average pool")
            self.steps.append(AverageStep(None, Post(), self.shape))
        self.tail()
        if self.order is not None:
            fire = next(s for s in reversed(self.steps) if isinstance(s, FireStep))
            graph.fail(
                fire.node, "joins 3x3 before 1x1 and no convolution follows that could absorb the order"
            )

    def users(self, tensor: str) -> list[Node]:
        """The nodes that read ``tensor``; an error where nothing does."""
        users = self.graph.users.get(tensor, [])
        if not users:
            self.graph.fail(
                None, f"tensor {tensor} is read by no node and is not the output; export the model again"
            )
        return users

    def visit(self, node: Node) -> Node:
        """Mark ``node`` as passed; an error on the second time."""
        if id(node) in self.seen or not node.inputs:
            self.graph.fail(node, "is part of a loop or has no input; export the model again")
        self.seen.add(id(node))
        return node

    def unsupported(self, node: Node) -> None:
        advice = ADVICE.get(
            node.op, "a SqueezeNet is made of Conv, Relu, MaxPool, Concat and an average pool"
        )
        self.graph.fail(node, f"this operator is not supported here; {advice}")

    # ---------------------------------------------------------------------------------------------- layers

    def layer(self, node: Node) -> None:
        """One node that alone reads the current tensor."""
        if node.op == "Conv" or (node.op == "Sub" and self.quantised and not self.steps) or node.op == "Pad":
            target, pads, pad_value = self.lead_in(node)
            if target.op == "MaxPool":
                self.pool(target, pads)
            else:
                self.steps.append(self.conv(target, pads, pad_value))
        elif node.op == "MaxPool":
            self.pool(node, NO_PADS)
        elif node.op in AVERAGES:
            self.average(node)
        elif node.op in TAIL:
            self.graph.fail(node, "stands before the global average pool; a SqueezeNet ends in one")
        else:
            self.unsupported(node)

    def lead_in(self, node: Node) -> tuple[Node, Pads, np.ndarray | None]:
        """Through Sub and Pad to the layer behind them: (that node, border, what Sub takes away per
        channel)."""
        pads, pad_value = NO_PADS, None
        while node.op in ("Sub", "Pad"):
            self.visit(node)
            if node.op == "Sub":
                if self.steps or pad_value is not None or any(pads) or node.inputs[0] != self.at:
                    self.unsupported(node)
                pad_value = self.channel_constant(node)
            else:
                pads = add_pads(pads, pad_geometry(self.graph, node))
            users = self.users(node.outputs[0])
            allowed = ("Pad", "Conv") if pad_value is not None else ("Pad", "Conv", "MaxPool")
            if len(users) != 1 or users[0].op not in allowed:
                self.graph.fail(
                    node, f"leads to {users[0]}; it can only be folded into a convolution or max pool"
                )
            self.at = node.outputs[0]
            node = users[0]
        return node, pads, pad_value

    def channel_constant(self, node: Node) -> np.ndarray:
        """The constant that ``node`` subtracts, float64 [C]."""
        constant = self.graph.constant(node, 1, "mean")
        value = None if constant is None else np.asarray(constant.value, dtype=np.float64)
        channels = self.shape.channels
        if value is None or not (value.size == 1 or value.shape in ((channels, 1, 1), (1, channels, 1, 1))):
            self.graph.fail(
                node, f"subtracts something else than one number per channel [1, {channels}, 1, 1]"
            )
        return np.array(np.broadcast_to(value.reshape(-1), (channels,)))

    def conv(
        self, node: Node, pads: Pads, pad_value: np.ndarray | None = None, branch: bool = False
    ) -> ConvStep:
        """A Conv on the current tensor and what follows it; moves on unless it is a ``branch``."""
        self.visit(node)
        weight, bias, stride, pads, out = conv_geometry(self.graph, node, self.shape, pads)
        if self.order is not None and not branch:
            ints = None if weight.ints is None else weight.ints[:, self.order]
            weight = Constant(weight.value[:, self.order], ints, weight.scale)
            self.order = None
        self.at = node.outputs[0]
        post = self.post()
        if not branch:
            self.shape = out
        return ConvStep(node, weight, bias, stride, pads, post, out, pad_value)

    def pool(self, node: Node, pads: Pads) -> None:
        self.visit(node)
        if len(node.outputs) > 1 and node.outputs[1] and self.graph.users.get(node.outputs[1]):
            self.graph.fail(node, "its indices are used; only the maximum is supported")
        if any(pads) and not self.never_negative():
            self.graph.fail(node, "the Pad in front of it puts zeros beside values that may be negative")
        kernel, stride, own, ceil, self.shape = pool_geometry(self.graph, node, self.shape, pads)
        self.at = node.outputs[0]
        self.steps.append(PoolStep(node, kernel, stride, own, ceil, self.post(), self.shape))

    def never_negative(self) -> bool:
        """Whether the current tensor comes out of a ReLU."""
        last = next((s for s in reversed(self.steps) if not isinstance(s, PoolStep)), None)
        match last:
            case FireStep():
                return last.post.relu or all(_unsigned(c.post) for c in (last.expand1x1, last.expand3x3))
            case ConvStep() | AverageStep():
                return _unsigned(last.post)
            case None:
                return False
            case _:
                assert_never(last)

    def average(self, node: Node) -> None:
        self.visit(node)
        check_average(self.graph, node, self.shape)
        self.at = node.outputs[0]
        if node.op == "ReduceSum":
            users = self.graph.users.get(self.at, [])
            divides = len(users) == 1 and users[0].op == "Div"
            divisor = self.graph.constant(users[0], 1, "divisor") if divides else None
            count = self.shape.height * self.shape.width
            if divisor is None or divisor.value.size != 1 or float(divisor.value.ravel()[0]) != count:
                self.graph.fail(node, f"sums the map; only an average is supported: divide by {count} next")
            self.at = self.visit(users[0]).outputs[0]
        self.shape = Shape(self.shape.channels, 1, 1)
        self.steps.append(AverageStep(node, self.post(), self.shape))

    # ----------------------------------------------------------------------------------------- Fire modules

    def fire(self, users: list[Node]) -> None:
        """Two convolutions that read the last one and meet in a Concat."""
        graph = self.graph
        for node in users:
            if node.op not in ("Conv", "Pad"):
                if node.op not in ("MaxPool", *AVERAGES):
                    self.unsupported(node)
                graph.fail(
                    node,
                    f"reads tensor {self.at} beside {users[0].name or users[0].op}; only Fire modules branch",
                )
        if len(users) != 2 or not self.steps or not isinstance(self.steps[-1], ConvStep):
            graph.fail(
                users[0], f"tensor {self.at} branches into {len(users)}; only a Fire's squeeze may, into two"
            )
        squeeze = self.steps[-1]
        if squeeze.weight.value.shape[2] != 1 or squeeze.stride != 1 or any(squeeze.pads):
            graph.fail(squeeze.node, "a Fire's squeeze must be 1x1 with stride 1 and no padding")
        start, shape = self.at, self.shape
        ends: dict[str, ConvStep] = {}
        for user in users:
            self.at = start
            target, pads, _ = self.lead_in(user)
            if target.op != "Conv":
                graph.fail(target, "stands in a Fire module; its branches are convolutions")
            step = self.conv(target, pads, branch=True)
            ends[self.at] = step
        join = self._join(list(ends))
        order = [ends[name] for name in join.inputs]
        kernels = [step.weight.value.shape[2] for step in order]
        if sorted(kernels) != [1, 3]:
            graph.fail(
                join, f"joins {kernels[0]}x{kernels[0]} and {kernels[1]}x{kernels[1]}; a Fire has 1x1 and 3x3"
            )
        for step, kernel in zip(order, kernels, strict=True):
            if step.stride != 1 or step.pads != (kernel // 2,) * 4:
                graph.fail(
                    step.node,
                    f"has stride {step.stride} and pads {list(step.pads)}; a Fire keeps the map's size",
                )
        one, three = sorted(order, key=lambda s: s.weight.value.shape[2])
        n1, n3 = one.output.channels, three.output.channels
        if kernels[0] == 3:
            self.order = np.concatenate([np.arange(n3, n3 + n1), np.arange(n3)])
        self.at = self.visit(join).outputs[0]
        self.shape = Shape(n1 + n3, shape.height, shape.width)
        self.steps[-1] = FireStep(join, squeeze, one, three, self.post(), self.shape)

    def _join(self, ends: list[str]) -> Node:
        """The Concat over channels in which both branches meet."""
        graph = self.graph
        users = [self.users(end) for end in ends]
        for nodes in users:
            for node in nodes:
                if node.op != "Concat":
                    self.unsupported(node)
        join = users[0][0]
        if any(nodes != [join] for nodes in users):
            graph.fail(join, f"the branches {ends[0]} and {ends[-1]} do not meet in one Concat")
        if sorted(join.inputs) != sorted(ends):
            graph.fail(join, f"joins {len(join.inputs)} tensors; a Fire joins its two expand branches")
        if int(join.attrs.get("axis", 1)) not in (1, -3):
            graph.fail(join, f"joins along axis {join.attrs['axis']}; only channels (1) are supported")
        return join

    # --------------------------------------------------------------------------------------- what follows

    def post(self) -> Post:
        """Pass the Relu, Clip and Q/DQ nodes behind the current tensor."""
        graph, out = self.graph, Post()
        while self.at != graph.output:
            users = graph.users.get(self.at, [])
            if len(users) != 1 or users[0].op not in ("Relu", "Clip", "QuantizeLinear", "DequantizeLinear"):
                break
            node = self.visit(users[0])
            if out.quant is not None and node.op != "QuantizeLinear":
                graph.fail(node, "follows a QuantizeLinear; put activation functions before it")
            if node.op == "Relu":
                out.relu = True
            elif node.op == "Clip":
                self._clip(node, out)
            elif node.op == "DequantizeLinear":
                graph.fail(node, "has no QuantizeLinear before it; quantise the float model with this tool")
            else:
                self._quantise(node, out)
                continue
            out.nodes.append(node)
            self.at = node.outputs[0]
        return out

    def _clip(self, node: Node, out: Post) -> None:
        bounds = []
        for index, key, default in ((1, "min", -np.inf), (2, "max", np.inf)):
            constant = self.graph.constant(node, index, key)
            value = node.attrs.get(key, default) if constant is None else np.ravel(constant.value)[0]
            bounds.append(float(value))
        low, high = bounds
        if low == 0:
            out.relu = True
        if (low < 0 and low > -UNLIMITED) or low > 0 or high < UNLIMITED:
            if out.clip:
                self.graph.fail(node, "follows another Clip; use one")
            out.clip, out.clip_node = (low, high), node

    def _quantise(self, node: Node, out: Post) -> None:
        """A QuantizeLinear and the DequantizeLinear that must follow, with the same parameters."""
        graph = self.graph
        scale = read_scale(graph, node, None)
        users = graph.users.get(node.outputs[0], [])
        if len(users) != 1 or users[0].op != "DequantizeLinear":
            graph.fail(node, "must be followed by a DequantizeLinear with the same scale")
        back = read_scale(graph, self.visit(users[0]), None)
        if not np.array_equal(scale.scale, back.scale, equal_nan=True) or not np.array_equal(
            scale.zero_point, back.zero_point
        ):
            graph.fail(users[0], f"its scale or zero point differs from that of {node}")
        if scale.scale.size != 1:
            graph.fail(node, "quantises per channel; activations have one scale per tensor")
        self._same_scale(node, out.quant, scale)
        out.quant = scale
        out.nodes += [node, users[0]]
        self.at = users[0].outputs[0]

    def _same_scale(self, node: Node, before: Scale | None, now: Scale) -> None:
        """An error where ``node`` quantises a second time, to another type."""
        if before is None:
            return
        if (before.bits, before.signed) != (now.bits, now.signed) or not np.array_equal(
            before.scale, now.scale
        ):
            self.graph.fail(
                node, f"quantises again, with another type than {before.node}; use one type per tensor"
            )

    def tail(self) -> None:
        """What may stand behind the average: reshaping and softmax, which the accelerator leaves out."""
        last, probabilities = self.steps[-1].post, False
        while self.at != self.graph.output:
            post = self.post()
            if post.relu or post.clip:
                self.unsupported(post.nodes[0])
            if post.quant is not None and not probabilities:  # behind a softmax it is no type of the logits
                self._same_scale(post.nodes[0], last.quant, post.quant)
                last.quant = post.quant
            if self.at == self.graph.output:
                break
            users = [n for n in self.users(self.at) if n.op != "Shape"]
            if len(users) != 1 or users[0].op not in TAIL:
                self.unsupported(users[-1] if users else self.users(self.at)[0])
            probabilities |= "Softmax" in users[0].op
            self.at = self.visit(users[0]).outputs[0]
        # A shape computed for a Reshape hangs beside the chain; anything else unvisited is dead and harmless.


def _unsigned(post: Post) -> bool:
    return post.relu or (post.quant is not None and not post.quant.signed)
