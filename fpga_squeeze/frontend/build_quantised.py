"""Steps of the walk through a QDQ graph become integer layers, exactly: nothing is rounded here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import assert_never

from ..network.fixed_point import IntArray, int_range
from ..network.graph import (
    IMAGE,
    FloatArray,
    Preprocess,
    QAdd,
    QAvgPool,
    QConcat,
    QConv,
    QLayer,
    QMaxPool,
    QModel,
    Shape,
    TensorType,
)
from .build import layer_names, model_name, own_metadata
from .onnx_file import Node, OnnxGraph, Scale, binary_points
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
    readers,
)

MAX_WEIGHT_BITS = 8
MAX_ACTIVATION_BITS = 16


def build_quantised(graph: OnnxGraph, image: InputStep, steps: list[LayerStep]) -> QModel:
    """The integer network; raises FpgaSqueezeError for anything the numeric contract cannot hold exactly."""
    own = own_metadata(graph)
    builder = _Builder(graph, steps, list(own.weight_bits))
    notes = list(own.notes)
    names, source = {id(image): IMAGE}, builder.input_type(image.output, image.post.quant)
    types = {id(image): source}
    layers: list[QLayer] = []
    for step, name in zip(steps, layer_names(steps, own.layers), strict=True):
        inputs = tuple(names[id(each)] for each in step.inputs)
        operands = tuple(types[id(each)] for each in step.inputs)
        match step:
            case ConvStep():
                layer: QLayer = builder.conv(step, name, inputs[0], operands[0])
            case PoolStep():
                layer = builder.pool(step, name, inputs[0], operands[0])
            case AverageStep():
                layer = builder.average(step, name, inputs[0], operands[0])
                if step.post.quant is None and not own.name:
                    notes.append(
                        f"{name}: the file leaves the average unquantised; it is rounded to its input's type"
                    )
            case AddStep():
                layer = builder.add(step, name, (inputs[0], inputs[1]), (operands[0], operands[1]))
            case ConcatStep():
                layer = builder.concat(step, name, inputs, operands)
            case _:
                assert_never(step)
        layers.append(layer)
        names[id(step)], types[id(step)] = name, layer.output
    return QModel(
        own.name or model_name(graph),
        source,
        tuple(layers),
        Preprocess(own.mean, own.std, own.bgr),
        tuple(notes),
        own.calibration,
    )


@dataclass(frozen=True)
class _Range:
    """Integers that a layer's ReLU, Clip and QuantizeLinear leave, as a type, and as one with its sign bit kept."""

    type: TensorType
    signed: TensorType


class _Builder:
    def __init__(self, graph: OnnxGraph, steps: list[LayerStep], weight_bits: list[int]) -> None:
        self.graph = graph
        self.weight_bits = weight_bits  # of each convolution still to come, where our own metadata tells them
        self.readers = readers(steps)
        self.outputs = self._outputs(steps)

    def input_type(self, shape: Shape, scale: Scale | None) -> TensorType:
        """The pixels: unsigned 8 bit, binary point 0 unless the file quantises its input otherwise."""
        if scale is None:
            return TensorType(shape, 8, False, 0)
        if scale.signed or scale.bits != 8:
            kind = f"{'' if scale.signed else 'u'}int{scale.bits}"
            self.graph.fail(
                scale.node, f"quantises the input to {kind}; the accelerator eats raw uint8 pixels"
            )
        return TensorType(shape, 8, False, int(binary_points(self.graph, scale).reshape(-1)[0]))

    # ----------------------------------------------------------------------------------------------- types

    def _outputs(self, steps: list[LayerStep]) -> dict[int, TensorType]:
        """The type of each convolution and sum, by ``id``.

        A ReLU in front of a signed type leaves one bit less without a sign; it keeps both where the tensor is joined
        with others that may be negative.
        """
        root = {id(step): id(step) for step in steps}

        def find(key: int) -> int:
            while root[key] != key:
                key = root[key]
            return key

        for step in steps:
            if isinstance(step, ConcatStep | PoolStep | AverageStep):
                for source in step.inputs:
                    if not isinstance(source, InputStep):
                        root[find(id(source))] = find(id(step))
        ranges = {
            id(step): self.range_after(self.post_of(step), step.output, step.node)
            for step in steps
            if isinstance(step, ConvStep | AddStep)
        }
        signed = {find(key) for key, found in ranges.items() if found.type.signed}
        return {key: found.signed if find(key) in signed else found.type for key, found in ranges.items()}

    def post_of(self, step: ConvStep | AddStep) -> Post:
        """What follows a layer: at once, or behind the Concat that alone reads it where it is quantised only there."""
        post, at = step.post, step
        clip, clip_node = post.clip, post.clip_node
        relu, reader = post.relu, self._concat(at)
        while post.quant is None and reader is not None:
            post = reader.post
            relu = relu or post.relu
            if post.clip:
                clip, clip_node = post.clip, post.clip_node
            reader = self._concat(reader)
        return Post(relu, clip, clip_node, post.quant)

    def _concat(self, step: LayerStep) -> ConcatStep | None:
        found = self.readers.get(id(step), [])
        return found[0] if len(found) == 1 and isinstance(found[0], ConcatStep) else None

    def range_after(self, post: Post, shape: Shape, node: Node) -> _Range:
        """The integer type that a layer's ReLU, Clip and QuantizeLinear leave."""
        graph, scale = self.graph, post.quant
        if scale is None:
            graph.fail(node, "its output is not quantised; put QuantizeLinear and DequantizeLinear behind it")
        frac = int(binary_points(graph, scale).reshape(-1)[0])
        if scale.bits > MAX_ACTIVATION_BITS:
            graph.fail(
                scale.node, f"quantises to {scale.bits} bits; at most {MAX_ACTIVATION_BITS} are supported"
            )
        low, high = int_range(scale.bits, scale.signed)
        if post.clip:
            bounds = [float(np.ldexp(v, frac)) for v in post.clip]
            if (bounds[0] > low and bounds[0] % 1) or (bounds[1] < high and bounds[1] % 1):
                graph.fail(
                    post.clip_node, f"clips to {post.clip[0]:g}..{post.clip[1]:g}, between two integers"
                )
            low, high = int(max(low, bounds[0])), int(min(high, bounds[1]))
        least = max(low, 0) if post.relu else low
        bits = max(high, 0).bit_length() + (least < 0)
        if bits < 1 or (least, high) != int_range(bits, least < 0):
            graph.fail(
                post.clip_node or scale.node, f"leaves the integers {least}..{high}, no whole field of bits"
            )
        narrow = TensorType(shape, bits, least < 0, frac)
        wide = TensorType(shape, bits + (least == 0), True, frac)
        return _Range(narrow, wide if low < 0 else narrow)

    def type_after(self, post: Post, shape: Shape, node: Node) -> TensorType:
        return self.range_after(post, shape, node).type

    def same_type(self, post: Post, output: TensorType, node: Node) -> None:
        """An error where a pool's or a concatenation's output is quantised otherwise than its input."""
        if post.relu and output.signed:
            self.graph.fail(node, "Relu stands behind a pool; put it directly behind the convolution")
        if post.quant is None:
            return
        frac = int(binary_points(self.graph, post.quant).reshape(-1)[0])
        low, high = int_range(post.quant.bits, post.quant.signed)
        if post.clip:
            low, high = (
                f(v, float(np.ldexp(c, frac)))
                for f, v, c in zip((max, min), (low, high), post.clip, strict=True)
            )
        if frac != output.frac or low > output.range[0] or high < output.range[1]:
            self.graph.fail(
                node, f"changes the integer type of its input ({_text(output)}); give both the same scale"
            )

    # ---------------------------------------------------------------------------------------------- layers

    def weight_frac(self, step: ConvStep) -> tuple[IntArray, IntArray, int]:
        """(integers [O, I, Kh, Kw], frac [O], bits) of a convolution's weights."""
        graph, constant = self.graph, step.weight
        if constant.ints is None or constant.scale is None:
            graph.fail(step.node, "its weights are not quantised; give them through a DequantizeLinear")
        scale, channels = constant.scale, constant.ints.shape[0]
        fracs = binary_points(graph, scale)
        if fracs.size != 1 and scale.axis % 4 != 0:
            graph.fail(
                scale.node,
                f"has one scale per slice of axis {scale.axis}; weights have one per output channel",
            )
        bits = self.weight_bits.pop(0) if self.weight_bits else min(scale.bits, MAX_WEIGHT_BITS)
        low, high = int_range(bits, True)
        if constant.ints.size and (constant.ints.min() < low or constant.ints.max() > high):
            graph.fail(
                step.node,
                f"has weights beyond {bits} signed bits; quantise them to {MAX_WEIGHT_BITS} or fewer",
            )
        return constant.ints, np.array(np.broadcast_to(fracs.reshape(-1), (channels,))), bits

    def conv(self, step: ConvStep, name: str, at: str, source: TensorType) -> QConv:
        graph, output = self.graph, self.outputs[id(step)]
        weight, fracs, bits = self.weight_frac(step)
        bias = self.integers(step.node, "bias", step.bias, source.frac + fracs)
        pad_value = np.zeros(source.shape.channels, dtype=np.int64)
        if step.pad_value is not None:
            mean = self.integers(
                step.node, "mean", step.pad_value, np.full(source.shape.channels, source.frac)
            )
            low, high = source.range
            if any(step.pads) and (mean.min() < low or mean.max() > high):
                graph.fail(step.node, f"pads with {mean.tolist()}, which are no pixels of {low}..{high}")
            bias = bias - (weight * mean[None, :, None, None]).sum(axis=(1, 2, 3))
            pad_value = mean if any(step.pads) else pad_value
        return QConv(
            name,
            (at,),
            weight,
            bits,
            fracs,
            bias,
            step.stride,
            step.pads,
            self.post_of(step).relu or not output.signed,
            pad_value,
            source,
            output,
        )

    def integers(self, node: Node, what: str, value: FloatArray, frac: IntArray) -> IntArray:
        """``value * 2**frac`` as int64 [O]; an error where that is no integer."""
        out = np.ldexp(value, frac.astype(np.int32))
        if np.any(out != np.rint(out)) or np.any(np.abs(out) >= 2.0**53):
            self.graph.fail(
                node, f"its {what} is no integer at the accumulator's binary point; quantise it to int32"
            )
        return out.astype(np.int64)

    def add(
        self, step: AddStep, name: str, inputs: tuple[str, str], operands: tuple[TensorType, TensorType]
    ) -> QAdd:
        output = self.outputs[id(step)]
        relu = any(node.op == "Relu" for node in step.post.nodes)
        relu = relu or (any(x.signed for x in operands) and (self.post_of(step).relu or not output.signed))
        return QAdd(name, inputs, operands, relu, output)

    def concat(
        self, step: ConcatStep, name: str, inputs: tuple[str, ...], operands: tuple[TensorType, ...]
    ) -> QConcat:
        first = operands[0]
        for other in operands:
            if replace(other, shape=first.shape) != first:
                self.graph.fail(
                    step.node,
                    f"its branches are quantised differently ({_text(first)} and {_text(other)}); give all of them "
                    "one scale and one integer type",
                )
        output = replace(first, shape=step.output)
        if step.post.relu and output.signed and any(not self._relu(x) for x in step.inputs):
            self.graph.fail(step.node, "Relu stands behind a Concat; put it directly behind the convolution")
        self.same_type(replace(step.post, relu=False), output, step.node)
        return QConcat(name, inputs, operands, output)

    def _relu(self, step: Step) -> bool:
        return isinstance(step, ConvStep | AddStep) and self.post_of(step).relu

    def pool(self, step: PoolStep, name: str, at: str, source: TensorType) -> QMaxPool:
        output = replace(source, shape=step.output)
        self.same_type(step.post, output, step.node)
        return QMaxPool(name, (at,), step.kernel, step.stride, step.pads, step.ceil, source, output)

    def average(self, step: AverageStep, name: str, at: str, source: TensorType) -> QAvgPool:
        output = replace(source, shape=step.output)
        if step.post.quant is not None:
            after = self.type_after(step.post, step.output, step.node)
            if after.frac < source.frac:
                self.graph.fail(
                    step.node, f"drops bits: {_text(source)} to {_text(after)}; keep its input's scale"
                )
            output = after
            if after.signed and not source.signed:  # nothing is negative: a sign bit says nothing
                output = replace(after, bits=after.bits - 1, signed=False)
            if output.bits < source.bits or output.signed != source.signed:
                self.graph.fail(
                    step.node, f"changes its type: {_text(source)} to {_text(after)}; keep its input's"
                )
        return QAvgPool(name, (at,), step.kernel, step.stride, step.pads, source, output)


def _text(t: TensorType) -> str:
    return f"{'int' if t.signed else 'uint'}{t.bits} * 2^{-t.frac}"
