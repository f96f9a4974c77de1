"""Steps of the walk through a QDQ graph become integer layers, exactly: nothing is rounded here."""

from __future__ import annotations

import numpy as np
from typing_extensions import assert_never

from ..network.fixed_point import IntArray, int_range
from ..network.graph import (
    FloatArray,
    Preprocess,
    QConv,
    QFire,
    QGlobalAvgPool,
    QLayer,
    QMaxPool,
    QModel,
    Shape,
    TensorType,
)
from .build import EXPAND1X1, EXPAND3X3, SQUEEZE, layer_names, model_name, own_metadata
from .onnx_file import Node, OnnxGraph, Scale, binary_points
from .steps import AverageStep, ConvStep, FireStep, PoolStep, Post, Step

MAX_WEIGHT_BITS = 8
MAX_ACTIVATION_BITS = 16


def build_quantised(graph: OnnxGraph, shape: Shape, input_scale: Scale | None, steps: list[Step]) -> QModel:
    """The integer chain; raises FpgaSqueezeError for anything the numeric contract cannot hold exactly."""
    own = own_metadata(graph)
    builder = _Builder(graph, list(own.weight_bits))
    source, notes = builder.input_type(shape, input_scale), list(own.notes)
    layers: list[QLayer] = []
    at = source
    for step, name in zip(steps, layer_names(steps, own.layers), strict=True):
        match step:
            case ConvStep():
                output = builder.type_after(step.post, step.output, step.node)
                layers.append(builder.conv(step, name, at, output))
            case FireStep():
                layers.append(builder.fire(step, name, at))
            case PoolStep():
                layers.append(builder.pool(step, name, at))
            case AverageStep():
                layers.append(builder.average(step, name, at))
                if step.post.quant is None and not own.name:
                    notes.append(
                        f"{name}: the file leaves the average unquantised; it is rounded to its input's type"
                    )
            case _:
                assert_never(step)
        at = layers[-1].output
    return QModel(
        own.name or model_name(graph),
        source,
        tuple(layers),
        Preprocess(own.mean, own.std, own.bgr),
        tuple(notes),
        own.calibration,
    )


class _Builder:
    def __init__(self, graph: OnnxGraph, weight_bits: list[int]) -> None:
        self.graph = graph
        self.weight_bits = weight_bits  # of each convolution still to come, where our own metadata tells them

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

    def type_after(self, post: Post, shape: Shape, node: Node | None) -> TensorType:
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
        if post.relu:
            low = max(low, 0)
        signed = low < 0
        bits = max(high, 0).bit_length() + signed
        if bits < 1 or (low, high) != int_range(bits, signed):
            graph.fail(
                post.clip_node or scale.node, f"leaves the integers {low}..{high}, no whole field of bits"
            )
        return TensorType(shape, bits, signed, frac)

    def weight_frac(self, step: ConvStep) -> tuple[IntArray, IntArray, int]:
        """(integers [O, I, K, K], frac [O], bits) of a convolution's weights."""
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

    def conv(self, step: ConvStep, name: str, source: TensorType, output: TensorType) -> QConv:
        graph = self.graph
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
            weight,
            bits,
            fracs,
            bias,
            step.stride,
            step.pads,
            not output.signed,
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

    def fire(self, step: FireStep, name: str, source: TensorType) -> QFire:
        graph = self.graph
        squeeze_out = self.type_after(step.squeeze.post, step.squeeze.output, step.squeeze.node)
        # The order of the file's weight widths is the order of QModel.convs: squeeze, 1x1, 3x3.
        squeeze = self.conv(step.squeeze, name + SQUEEZE, source, squeeze_out)
        branches = []
        for branch, suffix in ((step.expand1x1, EXPAND1X1), (step.expand3x3, EXPAND3X3)):
            post = branch.post
            if post.quant is None:
                post = Post(post.relu or step.post.relu, post.clip, post.clip_node, step.post.quant)
                if step.post.clip:
                    post.clip, post.clip_node = step.post.clip, step.post.clip_node
            out = self.type_after(post, branch.output, branch.node)
            branches.append(self.conv(branch, name + suffix, squeeze_out, out))
        one, three = branches
        a, b = one.output, three.output
        if (a.bits, a.signed, a.frac) != (b.bits, b.signed, b.frac):
            graph.fail(
                step.node,
                f"its branches are quantised differently ({_text(a)} and {_text(b)}); give both expand "
                "convolutions one scale and one integer type",
            )
        output = TensorType(step.output, a.bits, a.signed, a.frac)
        if step.post.quant is not None and self.type_after(step.post, step.output, step.node) != output:
            kept = step.expand1x1.post.quant is None
            again = self.type_after(step.post, step.output, step.node)
            if not kept or (again.bits, again.frac) != (output.bits, output.frac):
                graph.fail(
                    step.node, f"is quantised again, from {_text(output)} to {_text(again)}; use one type"
                )
        return QFire(name, squeeze, one, three, output)

    def pool(self, step: PoolStep, name: str, source: TensorType) -> QMaxPool:
        output = TensorType(step.output, source.bits, source.signed, source.frac)
        self.same_type(step.post, output, step.node)
        return QMaxPool(name, step.kernel, step.stride, step.pads, step.ceil, source, output)

    def same_type(self, post: Post, output: TensorType, node: Node) -> None:
        """An error where a pool's output is quantised otherwise than its input."""
        if post.relu and output.signed:
            self.graph.fail(node, "Relu stands behind a pool; put it directly behind the convolution")
        if post.quant is None:
            return
        frac = int(binary_points(self.graph, post.quant).reshape(-1)[0])
        low, high = int_range(post.quant.bits, post.quant.signed)
        if frac != output.frac or low > output.range[0] or high < output.range[1]:
            self.graph.fail(
                node, f"changes the integer type of its input ({_text(output)}); give both the same scale"
            )

    def average(self, step: AverageStep, name: str, source: TensorType) -> QGlobalAvgPool:
        output = TensorType(step.output, source.bits, source.signed, source.frac)
        if step.post.quant is not None:
            after = self.type_after(step.post, step.output, step.node)
            if after.frac < source.frac:
                self.graph.fail(
                    step.node, f"drops bits: {_text(source)} to {_text(after)}; keep its input's scale"
                )
            if (after.bits, after.signed) != (source.bits, source.signed):
                self.graph.fail(
                    step.node, f"changes its type: {_text(source)} to {_text(after)}; keep its input's"
                )
            output = after
        return QGlobalAvgPool(name, source, output)


def _text(t: TensorType) -> str:
    return f"{'int' if t.signed else 'uint'}{t.bits} * 2^{-t.frac}"
