"""Walks an ONNX graph from the image to the logits and recognises layers on the way: a graph of Conv, MaxPool, average
pools, Add and Concat, and what stands between them."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Pads, Preprocess, QModel, Shape
from . import pairs
from .build import build_float
from .build_quantised import build_quantised
from .geometry import (
    NO_PADS,
    add_pads,
    average_geometry,
    conv_geometry,
    image_shape,
    is_window_sum,
    pad_geometry,
    pool_geometry,
    window_sum_geometry,
)
from .onnx_file import Constant, Node, OnnxGraph, Scale, read_graph, read_scale
from .preprocessing import take_table
from .qdq_form import to_qdq
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
    never_negative,
)

ADVICE = {
    "Gemm": "fully connected layers are not supported; write them as 1x1 convolutions",
    "MatMul": "fully connected layers are not supported; write them as 1x1 convolutions",
    "Transpose": "export the model with its input as [N, C, H, W]",
    "LeakyRelu": "only Relu is supported as activation",
    "Sigmoid": "only Relu is supported as activation",
    "Div": "take preprocessing out of the graph and give it as field mean and field std",
    "Mul": "take preprocessing out of the graph and give it as field mean and field std",
    "Sub": "take preprocessing out of the graph and give it as field mean and field std",
}
AFFINE = ("Add", "Sub", "Mul", "Div")
AVERAGES = ("GlobalAveragePool", "AveragePool", "ReduceMean", "ReduceSum")
TAIL = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Softmax", "LogSoftmax")
FOLDED = ("BatchNormalization", "Relu", "Clip", "Pad", "QuantizeLinear", "DequantizeLinear")
ONE_INPUT = ("Conv", "MaxPool", *FOLDED, *AVERAGES, *TAIL)
"""Operators whose first input is a map; what else they read is constant, or a computed shape."""
SAME_SHAPE = (
    "LeakyRelu",
    "Sigmoid",
    "HardSwish",
    "HardSigmoid",
    "Elu",
    "PRelu",
    "Tanh",
)
"""Operators that are refused but hide nothing of what stands behind them."""
UNLIMITED = 3e38
"""Clip bounds beyond this are the exporter's way to say none."""
MOST_REASONS = 8
"""Reasons told at once, and nodes for each; the others are counted."""


def read_onnx(path: str | Path, preprocess: Preprocess | None = None) -> FloatModel | QModel:
    """Read a float or quantised ONNX file; ``preprocess`` stands in front of a quantised one.

    Raises FpgaSqueezeError, in one line, for what cannot be represented.
    """
    try:
        graph = read_graph(Path(path))
        to_qdq(graph)
        table = take_table(graph)
        walk = _Walk(graph)
        walk.input.table = table
        walk.run()
        if walk.quantised:
            return build_quantised(graph, walk.input, walk.steps, preprocess)
        return build_float(graph, walk.input, walk.steps)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        # Attributes of a wrong type or length, as damaged files have them; onnx itself checks none of that.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FpgaSqueezeError(
            f"{path}: is damaged or no valid ONNX ({reason}); export the model again"
        ) from error


@dataclass(frozen=True, eq=False)
class _Map:
    """A tensor of the file: what ``step`` gives, and what stands between the two.

    pads, pad_value   of Pad and Sub nodes that still have to be folded into what follows, the last of them ``border``
    flat              behind a reshaping node, where only the logits may come
    softmax           behind a softmax, where a scale is no longer that of the logits
    ints              between a QuantizeLinear and its DequantizeLinear, how the integers are meant
    """

    step: Step
    pads: Pads = NO_PADS
    pad_value: np.ndarray | None = None
    border: Node | None = None
    flat: bool = False
    softmax: bool = False
    ints: Scale | None = None


def _data_inputs(graph: OnnxGraph, node: Node) -> list[str]:
    """The tensors that ``node`` computes with, those known beforehand left out."""
    names = node.inputs[:1] if node.op in ONE_INPUT else node.inputs
    return [name for name in names if name and name not in graph.constants]


def _ordered(graph: OnnxGraph) -> list[Node]:
    """The nodes that the output depends on, each behind those it reads, otherwise as the file has them."""
    maker = {name: node for node in graph.nodes for name in node.outputs if name}
    place = {id(node): i for i, node in enumerate(graph.nodes)}
    live: dict[int, Node] = {}
    waiting = [maker[graph.output]] if graph.output in maker else []
    while waiting:
        node = waiting.pop()
        if id(node) in live:
            continue
        live[id(node)] = node
        if not node.inputs:
            graph.fail(node, "is part of a loop or has no input; export the model again")
        for name in _data_inputs(graph, node):
            if name in maker:
                waiting.append(maker[name])
            elif name != graph.input.name:
                graph.fail(node, f"reads tensor {name}, which no node gives; export the model again")
    missing = {
        key: len({id(maker[name]) for name in _data_inputs(graph, node) if name in maker})
        for key, node in live.items()
    }
    readers: dict[int, list[Node]] = {}
    for node in live.values():
        for key in {id(maker[name]) for name in _data_inputs(graph, node) if name in maker}:
            readers.setdefault(key, []).append(node)
    ready = [place[key] for key, count in missing.items() if not count]
    heapq.heapify(ready)
    out: list[Node] = []
    while ready:
        node = graph.nodes[heapq.heappop(ready)]
        out.append(node)
        for reader in readers.get(id(node), []):
            missing[id(reader)] -= 1
            if not missing[id(reader)]:
                heapq.heappush(ready, place[id(reader)])
    if len(out) < len(live):
        stuck = min((node for node in live.values() if missing[id(node)]), key=lambda n: place[id(n)])
        graph.fail(stuck, "is part of a loop or has no input; export the model again")
    return out


def _told(reasons: dict[str, list[str]]) -> str:
    """Each reason behind the nodes that it is about, of many the first."""
    out = []
    for reason, places in reasons.items():
        shown = ", ".join(places[:MOST_REASONS])
        more = f" and {len(places) - MOST_REASONS} more" if len(places) > MOST_REASONS else ""
        out.append(f"{shown}{more}: {reason}" if shown else reason)
    more = f"; and {len(out) - MOST_REASONS} more reasons" if len(out) > MOST_REASONS else ""
    return "; ".join(out[:MOST_REASONS]) + more


class _Walk:
    """One pass along the graph; ``maps`` are the tensors reached by name (None: behind something refused), ``steps``
    the layers in order."""

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph
        self.input = InputStep(Post(), image_shape(graph))
        self.maps: dict[str, _Map | None] = {graph.input.name: _Map(self.input)}
        self.steps: list[LayerStep] = []
        self.quantised = any(
            node.op == "QuantizeLinear"
            or (node.op == "DequantizeLinear" and node.inputs[0] == graph.input.name)
            for node in graph.nodes
        )
        self.order = _ordered(graph)
        self.readers: dict[str, list[Node]] = {}
        for node in self.order:
            for name in dict.fromkeys(_data_inputs(graph, node)):
                self.readers.setdefault(name, []).append(node)
        self.dividers: dict[int, AverageStep] = {}  # Div nodes behind a sum, with the average both make

    def run(self) -> None:
        """Walk to the output; raises FpgaSqueezeError with every reason why the network cannot be represented."""
        graph, reasons = self.graph, dict[str, list[str]]()
        for node in self.order:
            names = _data_inputs(graph, node)
            maps = [self.maps.get(name) for name in names]
            known = [x for x in maps if x is not None]
            try:
                result = None
                if len(known) == len(maps):
                    result = self.node(node, known)
                else:
                    self.unknown(node)
            except FpgaSqueezeError as error:
                place, _, reason = str(error).removeprefix(f"{graph.path}: ").partition("): ")
                reasons.setdefault(reason or place, []).append(f"{place})" if reason else "")
                result = known[0] if node.op in SAME_SHAPE and known else None
            for name in node.outputs:
                self.maps[name] = result
        end = self.maps.get(graph.output)
        if not reasons and (end is None or not self.steps):
            graph.fail(None, "has no layers between input and output; give a SqueezeNet")
        if end is not None and not reasons:
            shape = end.step.output
            if (shape.height, shape.width) != (1, 1):
                graph.fail(None, f"ends in a {shape} map; a SqueezeNet ends in a global average pool")
        if reasons:
            raise FpgaSqueezeError(f"{graph.path}: {_told(reasons)}")

    def unknown(self, node: Node) -> None:
        """A node behind one that was refused: only whether its operator is known can be told."""
        if node.op not in (*ONE_INPUT, "Add", "Sum", "Concat", "Div", "Sub"):
            self.unsupported(node)

    def unsupported(self, node: Node) -> None:
        advice = ADVICE.get(
            node.op, "a network is made of Conv, Relu, MaxPool, average pools, Concat and Add"
        )
        self.graph.fail(node, f"this operator is not supported here; {advice}")

    # ---------------------------------------------------------------------------------------------- layers

    def node(self, node: Node, maps: list[_Map]) -> _Map | None:
        """What the node's output is; a new layer is kept in ``steps``."""
        graph = self.graph
        if not maps:
            graph.fail(node, "is part of a loop or has no input; export the model again")
        x = maps[0]
        if any(each.ints for each in maps) and node.op != "DequantizeLinear":
            if node.op not in ("Clip", "MaxPool", *TAIL):
                graph.fail(
                    node, f"reads integers of {x.ints.node if x.ints else maps[1]}; dequantise them first"
                )
            return self.on_integers(node, maps)
        if x.step is self.input and self.quantised and self.input.post.quant is None and node.op in AFFINE:
            return self.front(node, x)
        behind_flat = ("QuantizeLinear", "DequantizeLinear", *TAIL)
        for each in maps:
            if each.flat and node.op not in behind_flat and id(node) not in self.dividers:
                self.unsupported(node)
            if each.border and node.op not in (
                "Pad",
                "Conv",
                *(() if each.pad_value is not None else ("MaxPool",)),
            ):
                graph.fail(
                    each.border, f"leads to {node}; it can only be folded into a convolution or max pool"
                )
        if id(node) in self.dividers:
            return _Map(self.dividers[id(node)], flat=x.flat)
        if node.op == "Conv":
            return (
                self.window_sum(node, x) if is_window_sum(graph, node, x.step.output) else self.conv(node, x)
            )
        if node.op == "BatchNormalization":
            return self.normalise(node, x)
        if node.op in ("Sub", "Pad"):
            return self.lead_in(node, x)
        if node.op == "MaxPool":
            return self.pool(node, x)
        if node.op in AVERAGES:
            return self.average(node, x)
        if node.op in ("Add", "Sum", "Concat"):
            return self.join(node, maps)
        if node.op in ("Relu", "Clip"):
            return self.activation(node, x)
        if node.op == "QuantizeLinear":
            return self.quantise(node, x)
        if node.op == "DequantizeLinear":
            return self.dequantise(node, x)
        if node.op in TAIL:
            return self.tail(node, x)
        self.unsupported(node)
        return None

    def keep(self, step: LayerStep) -> _Map:
        self.steps.append(step)
        return _Map(step)

    def lead_in(self, node: Node, x: _Map) -> _Map:
        """Sub and Pad, which the layer behind them takes in."""
        if node.op == "Pad":
            return replace(x, pads=add_pads(x.pads, pad_geometry(self.graph, node)), border=node)
        first = self.quantised and x.step is self.input
        if not first or x.pad_value is not None or any(x.pads) or node.inputs[0] in self.graph.constants:
            self.unsupported(node)
        return replace(x, pad_value=self.channel_constant(node, x.step.output), border=node)

    def front(self, node: Node, x: _Map) -> _Map:
        """What happens to a pixel before it is quantised: constants added, subtracted, multiplied, divided."""
        first = node.inputs[0] in self.graph.constants
        constant = self.graph.constants.get(node.inputs[0 if first else 1])
        channels = self.input.output.channels
        shapes = ((channels, 1, 1), (1, channels, 1, 1))
        if constant is None or (constant.value.size != 1 and constant.value.shape not in shapes):
            self.graph.fail(
                node, "stands before the first QuantizeLinear; one number per channel is supported"
            )
        numbers = np.broadcast_to(np.asarray(constant.value, dtype=np.float32).reshape(-1, 1), (channels, 1))
        self.input.front.append((node, numbers, first))
        return x

    def channel_constant(self, node: Node, shape: Shape) -> np.ndarray:
        """The constant that ``node`` subtracts, float64 [C]."""
        constant = self.graph.constant(node, 1, "mean")
        value = None if constant is None else np.asarray(constant.value, dtype=np.float64)
        channels = shape.channels
        if value is None or not (value.size == 1 or value.shape in ((channels, 1, 1), (1, channels, 1, 1))):
            self.graph.fail(
                node, f"subtracts something else than one number per channel [1, {channels}, 1, 1]"
            )
        return np.array(np.broadcast_to(value.reshape(-1), (channels,)))

    def conv(self, node: Node, x: _Map) -> _Map:
        weight, bias, stride, pads, out = conv_geometry(self.graph, node, x.step.output, x.pads)
        return self.keep(ConvStep(node, [x.step], weight, bias, stride, pads, Post(), out, x.pad_value))

    def normalise(self, node: Node, x: _Map) -> _Map:
        """A batch normalisation behind a convolution: its weights and biases take it in."""
        graph, step, post = self.graph, x.step, self.alone(node, x)
        if not isinstance(step, ConvStep) or post.nodes or step.weight.ints is not None:
            graph.fail(node, "does not follow a convolution; it can only be folded into one")
        if node.attrs.get("training_mode", 0):
            graph.fail(node, "normalises by the batch (training_mode 1); export the model for inference")
        names = ("scale", "bias", "mean", "variance")
        given = [graph.constant(node, i, name) for i, name in enumerate(names, 1)]
        channels = step.output.channels
        numbers = [np.asarray(v.value, dtype=np.float64).reshape(-1) for v in given if v is not None]
        if len(numbers) < len(names) or any(v.size != channels for v in numbers):
            graph.fail(node, f"its scale, bias, mean and variance are not {channels} constants each")
        scale, bias, mean, variance = numbers
        spread = variance + float(node.attrs.get("epsilon", 1e-5))
        if not np.all(np.isfinite(np.concatenate(numbers))) or np.any(spread <= 0):
            graph.fail(
                node, "has a variance that is not positive, or numbers that are not finite; train it again"
            )
        factor = scale / np.sqrt(spread)
        step.weight = Constant(step.weight.value * factor[:, None, None, None])
        step.bias = (step.bias - mean) * factor + bias
        return x

    def pool(self, node: Node, x: _Map) -> _Map:
        if len(node.outputs) > 1 and node.outputs[1] and self.graph.users.get(node.outputs[1]):
            self.graph.fail(node, "its indices are used; only the maximum is supported")
        if any(x.pads) and not never_negative(x.step):
            self.graph.fail(node, "the Pad in front of it puts zeros beside values that may be negative")
        kernel, stride, own, ceil, out = pool_geometry(self.graph, node, x.step.output, x.pads)
        return self.keep(PoolStep(node, [x.step], kernel, stride, own, ceil, Post(), out))

    def average(self, node: Node, x: _Map) -> _Map:
        kernel, stride, pads, out = average_geometry(self.graph, node, x.step.output)
        step = AverageStep(node, [x.step], kernel, stride, pads, Post(), out)
        if node.op == "ReduceSum":
            self.divided(node, step)
        flat = node.op.startswith("Reduce") and not node.attrs.get("keepdims", 1)
        return replace(self.keep(step), flat=flat)

    def window_sum(self, node: Node, x: _Map) -> _Map:
        """A convolution of each channel with ones, and a division: how our own export writes an exact average."""
        kernel, stride, pads, out = window_sum_geometry(self.graph, node, x.step.output)
        step = AverageStep(node, [x.step], kernel, stride, pads, Post(), out)
        self.divided(node, step)
        return self.keep(step)

    def divided(self, node: Node, step: AverageStep) -> None:
        """An error unless a division by the pixels of the window follows the sum ``node``."""
        users = self.readers.get(node.outputs[0], [])
        count = step.kernel[0] * step.kernel[1]
        divides = len(users) == 1 and users[0].op == "Div"
        divisor = self.graph.constant(users[0], 1, "divisor") if divides else None
        if divisor is None or divisor.value.size != 1 or float(divisor.value.ravel()[0]) != count:
            self.graph.fail(node, f"sums the map; only an average is supported: divide by {count} next")
        self.dividers[id(users[0])] = step

    def join(self, node: Node, maps: list[_Map]) -> _Map:
        """Sums of two maps, and concatenations over channels."""
        graph, shapes = self.graph, [x.step.output for x in maps]
        if len(maps) < len(node.inputs):
            graph.fail(node, "joins a map with a constant; only computed maps are supported")
        texts = " and ".join(map(str, shapes))
        if node.op == "Concat":
            if int(node.attrs.get("axis", 1)) not in (1, -3):
                graph.fail(node, f"joins along axis {node.attrs['axis']}; only channels (1) are supported")
            if len({(s.height, s.width) for s in shapes}) != 1:
                graph.fail(node, f"joins {texts}; heights or widths differ")
            if len(maps) == 1:
                return maps[0]
            out = replace(shapes[0], channels=sum(s.channels for s in shapes))
            return self.keep(ConcatStep(node, [x.step for x in maps], Post(), out))
        if len(maps) == 1:
            return maps[0]
        if len(maps) != 2:
            graph.fail(node, f"adds {len(maps)} maps; add two at a time")
        if shapes[0] != shapes[1]:
            graph.fail(node, f"adds {texts}; both must have one shape")
        return self.keep(AddStep(node, [x.step for x in maps], Post(), shapes[0]))

    # --------------------------------------------------------------------------------------- what follows

    def alone(self, node: Node, x: _Map) -> Post:
        """What follows the layer so far, for ``node`` to add to; an error where others read its input as it is."""
        graph, name = self.graph, node.inputs[0]
        if x.step is self.input and node.op != "QuantizeLinear":
            graph.fail(node, "stands before the first layer; take it out of the graph")
        others = [str(n) for n in self.readers.get(name, []) if n is not node]
        if name == graph.output:
            others.append("the output")
        if others:
            graph.fail(node, f"{others[0]} reads tensor {name} without it; give both the same")
        return x.step.post

    def activation(self, node: Node, x: _Map) -> _Map:
        if pairs.known_scale(x.step) is not None:
            alone = len(self.readers[node.inputs[0]]) == 1 and node.inputs[0] != self.graph.output
            bounds = (0.0, np.inf) if node.op == "Relu" else self._bounds(node)
            return self.behind(x, pairs.activate(self.graph, node, x.step, bounds, alone), None)
        post = self.alone(node, x)
        if node.op == "Relu":
            post.relu = True
        else:
            self._clip(node, post)
        post.nodes.append(node)
        return x

    def _bounds(self, node: Node) -> tuple[float, float]:
        """What a Clip clips to."""
        bounds = []
        for index, key, default in ((1, "min", -np.inf), (2, "max", np.inf)):
            constant = self.graph.constant(node, index, key)
            value = node.attrs.get(key, default) if constant is None else np.ravel(constant.value)[0]
            bounds.append(float(value))
        low, high = (v if abs(v) < UNLIMITED else np.copysign(np.inf, v) for v in bounds)
        return float(low), float(high)

    def _clip(self, node: Node, out: Post) -> None:
        low, high = self._bounds(node)
        if low == 0:
            out.relu = True
        if np.isfinite(high) or (np.isfinite(low) and low):
            if out.clip:
                self.graph.fail(node, "follows another Clip; use one")
            out.clip, out.clip_node = (low, high), node

    def quantise(self, node: Node, x: _Map) -> _Map:
        """A QuantizeLinear: what it gives are integers, until a DequantizeLinear."""
        scale = read_scale(self.graph, node, None)
        if x.softmax:  # behind a softmax it is no type of the logits
            return replace(x, ints=scale)
        if not self.readers.get(node.outputs[0]) and node.outputs[0] != self.graph.output:
            self.graph.fail(node, "must be followed by a DequantizeLinear with the same scale")
        step = pairs.quantise(self.graph, node, x.step, scale, self.readers[node.inputs[0]])
        return self.behind(x, step, scale)

    def behind(self, x: _Map, step: Step, ints: Scale | None) -> _Map:
        """``x`` as a step of its own where one was made of it."""
        if step is not x.step and not isinstance(step, InputStep):
            self.steps.append(step)
        return replace(x, step=step, ints=ints)

    def dequantise(self, node: Node, x: _Map) -> _Map:
        """A DequantizeLinear has the parameters of the QuantizeLinear before it; of the image it may be the first."""
        back = read_scale(self.graph, node, None)
        if x.ints is None and x.step is self.input and self.input.post.quant is None:
            kind = onnx.TensorProto.DataType.Name(self.graph.input.type.tensor_type.elem_type).lower()
            if kind != "uint8" and self.input.table is None:
                self.graph.fail(node, f"reads the input as {kind}; the accelerator eats raw uint8 pixels")
            self.input.post.quant, self.input.post.tensor = back, node.inputs[0]
        elif x.ints is None:
            self.graph.fail(node, "has no QuantizeLinear before it; export the model again")
        elif not pairs.same_meaning(x.ints, back):
            self.graph.fail(node, f"its scale or zero point differs from that of {x.ints.node}")
        return replace(x, ints=None)

    def on_integers(self, node: Node, maps: list[_Map]) -> _Map | None:
        """A node between QuantizeLinear and DequantizeLinear that leaves the meaning of its integers."""
        x = maps[0]
        assert x.ints is not None
        if node.op == "Clip":
            if len(self.readers[node.inputs[0]]) > 1:
                self.graph.fail(node, f"others read tensor {node.inputs[0]} without it; give all the same")
            pairs.clip_integers(self.graph, node, x.step)
            return x
        y = self.pool(node, replace(x, ints=None)) if node.op == "MaxPool" else self.tail(node, x)
        if isinstance(y.step, PoolStep) and y.step is not x.step:
            y.step.post.tensor = node.outputs[0]
        return replace(y, ints=x.ints)

    def tail(self, node: Node, x: _Map) -> _Map:
        """Reshaping and softmax behind the last layer, which the accelerator leaves out."""
        if (x.step.output.height, x.step.output.width) != (1, 1):
            self.graph.fail(node, "stands before the global average pool; a SqueezeNet ends in one")
        if x.step is self.input:
            self.unsupported(node)
        return replace(x, flat=True, softmax=x.softmax or "Softmax" in node.op)
