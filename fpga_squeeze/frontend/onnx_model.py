"""Walks an ONNX graph from the image to the logits and recognises layers on the way: a graph of Conv, MaxPool, average
pools, Add and Concat, and what stands between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Preprocess, Shape
from ..network.integers import QModel
from . import layout, pairs
from .affine import AFFINE, fold_behind, fold_in_front, read_affine
from .build import build_float
from .build_quantised import build_quantised
from .geometry import (
    NO_PADS,
    add_pads,
    average_geometry,
    conv_geometry,
    image_shape,
    is_window_sum,
    limits,
    pad_geometry,
    pool_geometry,
    reduced_axes,
    reshape_sizes,
    softmax_width,
    window_sum_geometry,
)
from .layout import NCHW, Layout, per_channel
from .maps import Map, check_nchw, data_inputs, settled
from .onnx_file import Constant, Node, OnnxGraph, fold, read_graph, read_scale
from .operators import (
    ADVICE,
    IDENTITY,
    LAST,
    ONE_INPUT,
    POOLED,
    RESHAPED,
    ROUNDED,
    SAME_SHAPE,
    SEVERAL,
)
from .preprocessing import take_table
from .qdq_form import to_qdq
from .reasons import one_line, told
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


def read_onnx(
    path: str | Path,
    input_shape: Shape | None = None,
    output_tensor: str | None = None,
    preprocess: Preprocess | None = None,
) -> FloatModel | QModel:
    """Read a float or quantised ONNX file; raises FpgaSqueezeError, in one line, for what cannot be represented.

    ``input_shape`` fixes what the file leaves free, ``output_tensor`` names one of several outputs, ``preprocess`` is
    done to a pixel before a quantised network.
    """
    with one_line(path):
        walk = begin(path, input_shape, output_tensor)
        walk.run()
        return walk.build(preprocess)


def begin(path: str | Path, input_shape: Shape | None = None, output_tensor: str | None = None) -> Walk:
    """The walk through a file, not yet begun; the arguments are those of :func:`read_onnx`."""
    graph = read_graph(Path(path), output_tensor)
    to_qdq(graph)
    table = take_table(graph)
    walk = Walk(graph, input_shape)
    walk.input.table = table
    return walk


class Walk:
    """One pass along the graph.

    maps      the tensors reached, by name (None: behind something refused)
    steps     the layers in order
    reasons   why the network cannot be represented: each with the nodes that it is about
    """

    def __init__(self, graph: OnnxGraph, input_shape: Shape | None) -> None:
        self.graph = graph
        shape, axes = image_shape(graph, input_shape)
        self.input = InputStep(Post(), shape)
        self.maps: dict[str, Map | None] = {graph.input.name: Map(self.input, axes)}
        self.sized: set[str] = set()  # tensors computed from the shape of a tensor that was refused
        self.steps: list[LayerStep] = []
        self.notes: list[str] = []
        self.reasons: dict[str, list[str]] = {}
        self.quantised = any(
            node.op == "QuantizeLinear"
            or (node.op == "DequantizeLinear" and node.inputs[0] == graph.input.name)
            for node in graph.nodes
        )
        self.readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in dict.fromkeys(data_inputs(graph, node)):
                if node.op != "Shape":
                    self.readers.setdefault(name, []).append(node)
        self.parts: set[int] = set()  # averages, by id, of rows or of columns alone

    def run(self) -> None:
        """Walk to the output; raises FpgaSqueezeError with every reason why the network cannot be represented."""
        graph, reasons = self.graph, self.reasons
        for node in graph.nodes:
            if self.shape_of(node):
                continue
            names = data_inputs(graph, node)
            known = [x for x in map(self.maps.get, names) if x is not None]
            result = None
            try:
                for name in names:
                    if name not in self.maps:
                        source = graph.unfolded.get(name, "no node gives")
                        graph.fail(node, f"reads tensor {name}, which {source}; export the model again")
                if len(known) == len(names):
                    result = self.node(node, known)
                else:
                    self.unknown(node)
            except FpgaSqueezeError as error:
                place, _, reason = str(error).removeprefix(f"{graph.path}: ").partition("): ")
                reasons.setdefault(reason or place, []).append(f"{place})" if reason else "")
                result = known[0] if node.op in SAME_SHAPE and known else None
            for name in node.outputs:
                self.maps[name] = result
        if reasons:
            raise FpgaSqueezeError(f"{graph.path}: {told(reasons)}")
        end = self.maps.get(graph.output)
        if end is None or not self.steps:
            graph.fail(None, "has no layers between input and output; give a SqueezeNet")
        settled(graph, None, [end])
        shape = end.step.output
        if (shape.height, shape.width) != (1, 1):
            graph.fail(None, f"ends in a {shape} map; a SqueezeNet ends in a global average pool")

    def build(self, preprocess: Preprocess | None = None) -> FloatModel | QModel:
        """The network that was walked through."""
        if self.quantised:
            integers = build_quantised(self.graph, self.input, self.steps, preprocess)
            return replace(integers, notes=(*integers.notes, *self.notes))
        return replace(build_float(self.graph, self.input, self.steps), notes=tuple(self.notes))

    def shape_of(self, node: Node) -> bool:
        """Whether ``node`` computes with constants alone, or with shapes, which are constants: the batch is one."""
        graph = self.graph
        if node.op == "Shape" and not node.domain:
            x = self.maps.get(node.inputs[0])
            if x is None:
                self.sized.update(node.outputs)
                return True
            dims = layout.sizes(x.layout, x.step.output)
            part = slice(int(node.attrs.get("start", 0)), node.attrs.get("end"))
            graph.constants[node.outputs[0]] = Constant(np.array(dims[part], dtype=np.int64))
            return True
        if self.sized.intersection(node.inputs[:1] if node.op in ONE_INPUT else node.inputs):
            self.sized.update(node.outputs)
            return True
        if not node.inputs or any(name and name not in graph.constants for name in node.inputs):
            return False
        if node.domain:
            graph.unfolded |= dict.fromkeys(node.outputs, f"{node} gives, an operator of another domain")
        else:
            fold(graph, node)
        return True

    def unknown(self, node: Node) -> None:
        """A node behind one that was refused: only whether its operator is known can be told."""
        if node.domain or node.op not in (*ONE_INPUT, *SEVERAL):
            self.unsupported(node)

    def unsupported(self, node: Node) -> None:
        advice = ADVICE.get(
            node.op, "a network is made of Conv, Relu, MaxPool, average pools, Concat and Add"
        )
        if node.domain:
            advice = f"of domain {node.domain} nothing is known of it: export with ONNX's own operators"
        self.graph.fail(node, f"this operator is not supported here; {advice}")

    # ---------------------------------------------------------------------------------------------- layers

    def node(self, node: Node, maps: list[Map]) -> Map | None:
        """What the node's output is; a new layer is kept in ``steps``."""
        if node.domain:
            self.unsupported(node)
        if not maps:
            self.graph.fail(node, "has no input; export the model again")
        settled(self.graph, node, maps)
        x = maps[0]
        if node.op in ("Conv", "MaxPool", *POOLED):
            check_nchw(self.graph, node, x)
        if any(each.ints for each in maps) and node.op != "DequantizeLinear":
            return self.on_integers(node, next(each for each in maps if each.ints))
        match node.op:
            case "Conv":
                return self.conv(node, x)
            case "Pad":
                return self.passed(
                    node, x, pads=add_pads(x.pads, pad_geometry(self.graph, node, x.layout)), border=node
                )
            case "MaxPool":
                return self.pool(node, x)
            case "GlobalAveragePool" | "AveragePool":
                kernel, stride, pads, out = average_geometry(self.graph, node, x.step.output)
                return self.keep(AverageStep(node, [x.step], kernel, stride, pads, Post(), out))
            case "ReduceMean" | "ReduceSum":
                return self.reduce(node, x)
            case "Concat" | "Add" | "Sum" if len(maps) > 1 or node.op == "Concat":
                return self.join(node, maps)
            case "Relu" | "Clip" | "Max" | "Min" if len(maps) == 1:
                return self.activation(node, x)
            case "QuantizeLinear":
                return self.quantise(node, x)
            case "DequantizeLinear":
                return self.dequantise(node, x)
            case "Add" | "Sub" | "Mul" | "Div" if self.unquantised_image(x) and len(maps) == 1:
                return self.front(node, x)
            case _ if node.op in AFFINE and len(maps) == 1:
                return self.affine(node, x)
            case _ if node.op in RESHAPED:
                return self.reshape(node, x)
            case _ if node.op in LAST:
                return self.last(node, x)
            case "Cast" if x.softmax:
                return self.passed(node, x)
        self.unsupported(node)
        return None

    def keep(self, step: LayerStep, axes: Layout = NCHW) -> Map:
        self.steps.append(step)
        return Map(step, axes)

    def passed(self, node: Node, x: Map, **changes: Any) -> Map:
        """``x`` behind ``node``, which leaves the step what it is."""
        return replace(x, trail=(*x.trail, (data_inputs(self.graph, node)[0], node)), **changes)

    def unquantised_image(self, x: Map) -> bool:
        """Whether ``x`` is the image of a quantised network, not quantised yet."""
        return self.quantised and x.step is self.input and self.input.post.quant is None

    def front(self, node: Node, x: Map) -> Map:
        """What happens to a pixel before it is quantised: constants added, subtracted, multiplied, divided."""
        first = node.inputs[0] in self.graph.constants
        value = self.graph.constants[node.inputs[0 if first else 1]].value
        numbers = per_channel(value, x.layout, self.input.output)
        if numbers is None:
            self.graph.fail(
                node,
                f"its constant {list(value.shape)} is not one number per channel, and stands before the image "
                "is quantised; put it in front of the network",
            )
        self.input.front.append((node, numbers.astype(np.float32).reshape(-1, 1), first))
        return self.passed(node, x)

    def affine(self, node: Node, x: Map) -> Map:
        """A constant Add, Mul, ... or BatchNormalization: part of the convolution behind which or in front of which it
        stands."""
        step, graph = x.step, self.graph
        found = read_affine(graph, node, x.layout, step.output)
        if x.sum and x.factor != 1 and node.op in ("Mul", "Div") and np.all(found.scale == found.scale[0]):
            factor = x.factor * float(found.scale[0])
            return self.passed(node, x, factor=1.0 if abs(factor - 1) <= ROUNDED else factor)
        if found.changes_nothing:
            return self.passed(node, x)
        if isinstance(step, ConvStep) and not step.post.nodes and not x.affine and not self.others(node, x):
            fold_behind(graph, step, found)
            return self.passed(node, x)
        return self.passed(node, x, affine=x.affine.before(found) if x.affine else found)

    def conv(self, node: Node, x: Map) -> Map:
        graph = self.graph
        if not x.affine and not x.border and is_window_sum(graph, node, x.step.output):
            kernel, stride, pads, out = window_sum_geometry(graph, node, x.step.output)
            summed = self.keep(AverageStep(node, [x.step], kernel, stride, pads, Post(), out))
            return replace(summed, factor=float(kernel[0] * kernel[1]), sum=node)
        weight, bias, stride, pads, out = conv_geometry(graph, node, x.step.output, x.pads)
        step = ConvStep(node, [x.step], weight, bias, stride, pads, Post(), out)
        if x.affine:
            fold_in_front(graph, step, x.affine)
            if np.any(step.pad_value) and any(pads) and x.step is not self.input:
                graph.fail(
                    x.affine.node, f"adds a constant in front of {node}, which pads with zeros; {IDENTITY}"
                )
        return self.keep(step)

    def pool(self, node: Node, x: Map) -> Map:
        if len(node.outputs) > 1 and node.outputs[1] and self.graph.users.get(node.outputs[1]):
            self.graph.fail(node, "its indices are used; only the maximum is supported")
        if any(x.pads) and not never_negative(x.step):
            self.graph.fail(node, "the Pad in front of it puts zeros beside values that may be negative")
        kernel, stride, own, ceil, out = pool_geometry(self.graph, node, x.step.output, x.pads)
        return self.keep(PoolStep(node, [x.step], kernel, stride, own, ceil, Post(), out))

    def reduce(self, node: Node, x: Map) -> Map:
        """A mean or a sum over rows, columns or both; one behind the other, they are one average."""
        step, shape = x.step, x.step.output
        axes, behind = reduced_axes(self.graph, node, x.layout)
        window = shape.height if 2 in axes else 1, shape.width if 3 in axes else 1
        factor = x.factor * (window[0] * window[1] if node.op == "ReduceSum" else 1)
        total = node if node.op == "ReduceSum" else x.sum
        out = Shape(shape.channels, shape.height // window[0], shape.width // window[1])
        if window == (1, 1):
            return self.passed(node, x, layout=behind, factor=factor, sum=total)
        if (
            isinstance(step, AverageStep)
            and id(step) in self.parts
            and not step.post.nodes
            and not self.others(node, x)
        ):
            step.kernel, step.output = (step.kernel[0] * window[0], step.kernel[1] * window[1]), out
            return self.passed(node, x, layout=behind, factor=factor, sum=total)
        average = AverageStep(node, [step], window, 1, NO_PADS, Post(), out)
        self.parts.add(id(average))
        return replace(self.keep(average, behind), factor=factor, sum=total)

    def join(self, node: Node, maps: list[Map]) -> Map:
        """Sums of two maps, and concatenations over channels."""
        graph, shapes, axes = self.graph, [x.step.output for x in maps], maps[0].layout
        if len(maps) < len(node.inputs):
            graph.fail(node, "joins maps with a constant; give the constant to a convolution of its own")
        texts = " and ".join(map(str, shapes))
        for x, shape in zip(maps, shapes, strict=True):
            if shape == shapes[0] and not layout.same(x.layout, axes, shape):
                shown = f"{layout.text(axes)} and {layout.text(x.layout)}"
                graph.fail(node, f"joins tensors {shown}; both must have their axes in one order")
        if node.op == "Concat":
            axis = int(node.attrs.get("axis", 1))
            if axis % len(axes) != layout.channel_axis(axes, shapes[0]):
                graph.fail(
                    node, f"joins along axis {axis} of {layout.text(axes)}; only channels are supported"
                )
            if len({(s.height, s.width) for s in shapes}) != 1:
                graph.fail(node, f"joins {texts}; heights or widths differ")
            if any(not layout.same(x.layout, axes, shapes[0]) for x in maps):
                graph.fail(node, "joins tensors whose axes lie in different orders")
            if len(maps) == 1:
                return self.passed(node, maps[0])
            out = replace(shapes[0], channels=sum(s.channels for s in shapes))
            return self.keep(ConcatStep(node, [x.step for x in maps], Post(), out), axes)
        if len(maps) != 2:
            graph.fail(node, f"adds {len(maps)} maps; add two at a time")
        if shapes[0] != shapes[1]:
            graph.fail(node, f"adds {texts}; both must have one shape")
        return self.keep(AddStep(node, [x.step for x in maps], Post(), shapes[0]), axes)

    # --------------------------------------------------------------------------------------- what follows

    def others(self, node: Node, x: Map) -> list[Node | str]:
        """What else reads the step of ``x`` without ``node``, anywhere on the way to it."""
        out: list[Node | str] = []
        for name, by in (*x.trail, (data_inputs(self.graph, node)[0], node)):
            out += [n for n in self.readers.get(name, []) if n is not by]
            out += ["the output"] if name == self.graph.output else []
        return out

    def alone(self, node: Node, x: Map) -> Post:
        """What follows the layer so far, for ``node`` to add to; an error where others read its input as it is."""
        graph = self.graph
        if x.step is self.input and node.op != "QuantizeLinear":
            graph.fail(node, f"stands before the first layer; {IDENTITY}")
        if others := self.others(node, x):
            name = data_inputs(graph, node)[0]
            advice = "let both read the same" if node.op == "QuantizeLinear" else IDENTITY
            graph.fail(node, f"{others[0]} reads tensor {name} without it; {advice}")
        return x.step.post

    def activation(self, node: Node, x: Map) -> Map:
        """Relu, Clip, and Max and Min with a constant: limits of what the layer gives, those of several in one."""
        low, high = limits(self.graph, node)
        if pairs.known_scale(x.step) is not None:
            alone, readers = not self.others(node, x), self.readers.get(node.outputs[0], [])
            next_op = readers[0] if len(readers) == 1 and readers[0].op == "QuantizeLinear" else None
            scale = read_scale(self.graph, next_op, None) if next_op else None
            step = pairs.activate(self.graph, node, x.step, (low, high), alone, scale)
            return self.behind(node, x, step)
        post = self.alone(node, x)
        post.relu = post.relu or low == 0
        if low not in (0, -np.inf) or high < np.inf:
            least, most = post.clip or (low, high)
            post.clip, post.clip_node = (max(low, least), min(high, most)), node
            if max(post.limits[0], post.clip[0]) > post.clip[1]:
                self.graph.fail(
                    node, f"clips to {low:g}..{high:g} what was clipped to {least:g}..{most:g}; use one Clip"
                )
        post.nodes.append(node)
        return self.passed(node, x)

    def quantise(self, node: Node, x: Map) -> Map:
        """A QuantizeLinear: what it gives are integers, until a DequantizeLinear."""
        graph, scale = self.graph, read_scale(self.graph, node, None)
        if x.softmax:  # behind a softmax it is no type of the logits
            return self.passed(node, x, ints=scale)
        if not self.readers.get(node.outputs[0]) and node.outputs[0] != graph.output:
            graph.fail(node, "must be followed by a DequantizeLinear with the same scale")
        step = pairs.quantise(graph, node, x.step, scale, self.others(node, x))
        return self.behind(node, x, step, ints=scale)

    def behind(self, node: Node, x: Map, step: Step, **changes: Any) -> Map:
        """``x`` behind ``node``, of which ``step`` may have become a layer of its own."""
        if step is x.step or isinstance(step, InputStep):
            return self.passed(node, x, **changes)
        return replace(self.keep(step, x.layout), **changes)

    def dequantise(self, node: Node, x: Map) -> Map:
        """A DequantizeLinear has the parameters of the QuantizeLinear before it; of the image it may be the first."""
        back = read_scale(self.graph, node, None)
        if x.ints is None and x.step is self.input and self.input.post.quant is None:
            self.input.post.quant, self.input.post.tensor = back, node.inputs[0]
        elif x.ints is None:
            self.graph.fail(node, "has no QuantizeLinear before it; export the model again")
        elif not pairs.same_meaning(x.ints, back):
            self.graph.fail(
                node, f"its scale, zero point or type is not that of {x.ints.node}; give both the same"
            )
        return self.passed(node, x, ints=None)

    def on_integers(self, node: Node, x: Map) -> Map:
        """A node between QuantizeLinear and DequantizeLinear that leaves the meaning of its integers."""
        if node.op == "Clip":
            if others := self.others(node, x):
                self.graph.fail(node, f"{others[0]} reads what it clips without it; give both the same")
            pairs.clip_integers(self.graph, node, x.step)
            return self.passed(node, x)
        if node.op in RESHAPED:
            return self.reshape(node, x)
        if node.op == "Cast" and x.ints is not None and pairs.casts_to(node, x.ints):
            return self.passed(node, x)
        if node.op != "MaxPool":
            self.graph.fail(
                node, "reads integers, not what a DequantizeLinear makes of them; put one in between"
            )
        y = self.pool(node, x)
        y.step.post.tensor = node.outputs[0]
        return replace(y, ints=x.ints)

    def reshape(self, node: Node, x: Map) -> Map:
        """Where the axes of a tensor go; its elements stay what they are."""
        graph, shape = self.graph, x.step.output
        if node.op == "Transpose":
            order = [int(v) for v in node.attrs.get("perm", range(len(x.layout))[::-1])]
            if sorted(order) != list(range(len(x.layout))):
                graph.fail(node, f"has perm {order} for {layout.text(x.layout)}; export the model again")
            return self.passed(node, x, layout=tuple(x.layout[axis] for axis in order))
        dims = layout.sizes(x.layout, shape)
        behind = layout.reshaped(x.layout, shape, reshape_sizes(graph, node, dims))
        if behind is None and (shape.height, shape.width) != (1, 1):
            graph.fail(
                node,
                f"joins or splits axes of {layout.text(x.layout)} and stands before the global average pool; a "
                "SqueezeNet ends in one",
            )
        if behind is None:
            graph.fail(node, f"splits the channels of a {shape} map; leave them in one axis")
        return self.passed(node, x, layout=behind)

    def last(self, node: Node, x: Map) -> Map:
        """Softmax and argmax behind the last layer, which the accelerator leaves out."""
        graph, shape = self.graph, x.step.output
        if (shape.height, shape.width) != (1, 1):
            graph.fail(node, "stands before the global average pool; a SqueezeNet ends in one")
        if x.step is self.input:
            self.unsupported(node)
        axis, width = softmax_width(graph, node, x.layout, shape)
        if width == 1:
            always = 1 if node.op == "Softmax" else 0
            graph.fail(
                node,
                f"works along axis {axis} of {layout.text(x.layout)}, which has one element, and gives nothing but "
                f"{always}; give it the axis of the classes",
            )
        self.notes.append(f"{node} is left out: the accelerator gives the logits that it reads")
        axes = x.layout
        if node.op == "ArgMax" and not node.attrs.get("keepdims", 1):
            axes = axes[:axis] + axes[axis + 1 :]
        return self.passed(node, x, layout=axes, softmax=True)
