"""Steps of the walk through a QDQ graph become integer layers: the file's integers, nothing is quantised again."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto
from typing_extensions import assert_never

from ..network.fixed_point import IntArray, signed_bits
from ..network.graph import IMAGE, FloatArray, Preprocess
from ..network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from ..network.metadata import OwnMetadata
from ..network.reference import channel_statistics
from ..network.scales import split
from .build import layer_names, model_name, own_metadata
from .integer_conv import Bias, bias, outside, weights
from .integer_types import Integers, TypeFinder
from .onnx_file import OnnxGraph
from .pairs import limits
from .preprocessing import PIXELS, pixel_table
from .reasons import LEAVE_OUT
from .steps import (
    AddStep,
    AverageStep,
    ConcatStep,
    ConvStep,
    InputStep,
    LayerStep,
    PoolStep,
    Step,
)

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
WIDE_BITS = 24
"""Of sums that leave without a scale of their own and have one per channel: the significand of float32, in which the
file would have them."""


def build_quantised(
    graph: OnnxGraph, image: InputStep, steps: list[LayerStep], preprocess: Preprocess | None = None
) -> QModel:
    """The integer network; ``preprocess`` is what the file's user does to a pixel before it.

    Raises FpgaSqueezeError for anything that integers cannot say exactly.
    """
    own = own_metadata(graph)
    if own.name and preprocess is not None:
        graph.fail(None, f"was written by this tool with its preprocessing in it; {LEAVE_OUT}")
    kind = graph.input.type.tensor_type.elem_type
    if preprocess is not None and (preprocess.mean or preprocess.std) and kind not in FLOATS:
        graph.fail(None, "takes integers as its image, which are pixels; leave out field mean and field std")
    return _Builder(graph, image, steps, own, preprocess).model()


class _Builder:
    def __init__(
        self,
        graph: OnnxGraph,
        image: InputStep,
        steps: list[LayerStep],
        own: OwnMetadata,
        preprocess: Preprocess | None,
    ) -> None:
        self.graph, self.image, self.steps, self.own = graph, image, steps, own
        self.preprocess = preprocess
        self.order = channel_statistics(preprocess or Preprocess(), image.output.channels)[2]
        self.table = self._table()
        self.finder = TypeFinder(graph, image, steps, own.types, self.table)
        self.weight_bits: list[int | None] = list(own.weight_bits)
        self.notes = list(own.notes)
        self.rounded: list[str] = []  # convolutions whose float bias has no exact place
        self.types: dict[int, TensorType] = {id(image): self.finder.found[id(image)].type}

    def model(self) -> QModel:
        image, own = self.image, self.own
        names, tensors = {id(image): IMAGE}, self._tensor(image, IMAGE)
        layers: list[QLayer] = []
        for step, name in zip(self.steps, layer_names(self.steps, own.layers), strict=True):
            layer = self.layer(step, name, tuple(names[id(each)] for each in step.inputs))
            layers.append(layer)
            names[id(step)], self.types[id(step)] = name, layer.output
            tensors |= self._tensor(step, name)
        if self.rounded and not own.name:
            self.notes.append(
                f"float biases of {', '.join(self.rounded)}: rounded to less than 2^-17 steps of the output"
            )
        given = self.preprocess or Preprocess(own.mean, own.std, own.bgr)
        source = self.types[id(image)]
        return QModel(
            own.name or model_name(self.graph),
            source,
            tuple(layers),
            given,
            tuple(self.notes),
            own.calibration,
            self._pixels(source),
            tensors,
        )

    # ----------------------------------------------------------------------------------------------- image

    def _table(self) -> IntArray | None:
        """What the file makes of each pixel."""
        scale = self.image.post.quant
        if scale is not None:
            table = pixel_table(self.graph, self.image, scale, self.preprocess)
            return None if table is None else np.clip(table, *limits(self.graph, self.image.post, scale))
        if self.image.front or self.preprocess is not None:
            self.graph.fail(
                self.image.front[0][0] if self.image.front else None,
                "does not quantise the image; put QuantizeLinear and DequantizeLinear behind the preprocessing",
            )
        return None

    def _pixels(self, source: TensorType) -> IntArray | None:
        """The table, in the integers of ``source``; None where pixels are these integers."""
        if self.table is None:
            return None
        pixels = self.table - self.finder.found[id(self.image)].moved
        if (source.bits, source.signed) == (8, False) and np.all(pixels == np.arange(PIXELS)):
            return None
        return np.asarray(pixels)

    def _tensor(self, step: Step, name: str) -> dict[str, str]:
        """The file's tensor of the integers that ``step`` gives, as they are or less 2**(bits - 1)."""
        found, tensor = self.finder.found.get(id(step)), step.post.tensor
        if not tensor or found is None:
            return {}
        half = 1 << (found.type.bits - 1)
        return {name: tensor} if found.moved in (0, -half) else {}

    # ---------------------------------------------------------------------------------------------- layers

    def layer(self, step: LayerStep, name: str, inputs: tuple[str, ...]) -> QLayer:
        """The integer layer of a step."""
        operands = tuple(self.types[id(each)] for each in step.inputs)
        found = self.finder.found.get(id(step))
        match step:
            case ConvStep():
                return self.conv(step, name, inputs[0], operands[0], found)
            case PoolStep():
                assert found is not None
                if inputs[0] == IMAGE:
                    self._in_order(step)
                return QMaxPool(
                    name,
                    (inputs[0],),
                    step.kernel,
                    step.stride,
                    step.pads,
                    step.ceil,
                    operands[0],
                    found.type,
                )
            case AverageStep():
                if inputs[0] == IMAGE:
                    self._in_order(step)
                return self.average(step, name, inputs[0], operands[0], found)
            case AddStep():
                assert found is not None
                relu, ceiling = self._limits(step, found)
                return QAdd(
                    name, (inputs[0], inputs[1]), (operands[0], operands[1]), relu, found.type, ceiling
                )
            case ConcatStep():
                assert found is not None
                if IMAGE in inputs:
                    self._in_order(step)
                return QConcat(name, inputs, operands, found.type)
            case _:
                assert_never(step)

    def _in_order(self, step: LayerStep) -> None:
        """An error where channels are swapped in front of something else than a convolution."""
        if self.preprocess is not None and self.preprocess.bgr:
            self.graph.fail(
                step.node, "reads the image, whose channels field bgr swaps; only a convolution may"
            )

    def _limits(self, step: ConvStep | AddStep, found: Integers) -> tuple[bool, int | None]:
        """(relu, ceiling) of a layer."""
        kind = found.type
        relu = found.least == kind.zero
        if self.own.types:
            relu = any(node.op == "Relu" for node in self.finder.behind(step).nodes)
        return relu, found.most if found.most < kind.range[1] else None

    def conv(self, step: ConvStep, name: str, at: str, source: TensorType, found: Integers | None) -> QConv:
        graph = self.graph
        given = weights(graph, step, self.weight_bits.pop(0) if self.weight_bits else None)
        order = np.argsort(self.order) if at == IMAGE else np.arange(source.shape.channels)
        unit = (np.float32(source.scale) * given.scale.astype(np.float32)).astype(np.float64)
        ratio = None if found is None else unit / np.float64(np.float32(found.type.scale))
        offset = bias(graph, step, unit, ratio)
        if not offset.exact:
            self.rounded.append(name)
        pad = outside(graph, step, source.scale, source.zero, source.range)
        taken = (given.ints * pad[None, :, None, None]).sum(axis=(1, 2, 3)) << offset.places
        offset = Bias(offset.ints - taken, offset.places, offset.exact)
        if found is None:
            relu, ceiling = self.finder.behind(step).relu, None
            output = self._sums(step, source, given.ints, unit, offset, relu)
        else:
            output = found.type
            relu, ceiling = self._limits(step, found)
        factors, fracs = zip(*(split(float(v)) for v in given.scale), strict=True)
        return QConv(
            name,
            (at,),
            given.ints[:, order],
            given.bits,
            np.array(fracs),
            offset.ints,
            step.stride,
            step.pads,
            relu,
            pad[order] if any(step.pads) else np.full_like(pad, source.zero),
            source,
            output,
            ceiling,
            offset.places,
            np.array(factors),
        )

    def _sums(
        self, step: ConvStep, source: TensorType, ints: IntArray, unit: FloatArray, offset: Bias, relu: bool
    ) -> TensorType:
        """The type of sums that the file leaves in float: exact, or in WIDE_BITS where channels have scales of their
        own."""
        post = self.finder.behind(step)
        if post.clip:
            self.graph.fail(post.clip_node, "limits what is not quantised; put it before a QuantizeLinear")
        low, high = source.range
        flat = ints.reshape(len(unit), -1)
        terms = np.stack([flat * low, flat * high])
        least = (terms.min(axis=0).sum(axis=1) << offset.places) + offset.ints
        most = (terms.max(axis=0).sum(axis=1) << offset.places) + offset.ints
        if relu:
            least = np.maximum(least, 0)
        steps = np.ldexp(unit, -offset.places)
        if np.all(unit == unit[0]):
            bits = signed_bits(int(least.min()), int(most.max()))
            scale = float(steps[0])
        else:
            reach = float((np.maximum(np.abs(least), np.abs(most)) * steps).max())
            bits, scale = WIDE_BITS + relu, float(np.exp2(np.ceil(np.log2(reach)) - WIDE_BITS + 1))
            self.notes.append(f"{step.node}: its sums leave in float; they are rounded to {WIDE_BITS} bits")
        return TensorType.of_scale(step.output, bits - relu, not relu, scale)

    def average(
        self, step: AverageStep, name: str, at: str, source: TensorType, found: Integers | None
    ) -> QAvgPool:
        total, count = found is None, step.kernel[0] * step.kernel[1]
        if found is not None:
            output = found.type
        else:
            post, graph = step.post, self.graph
            if post.clip or (post.relu and source.range[0] < source.zero):
                graph.fail(
                    post.nodes[0], "limits an average that is not quantised; put it before the average"
                )
            low, high = (count * v for v in source.range)
            bits = signed_bits(low, high) - (not source.signed)
            output = TensorType.of_scale(
                step.output, bits, source.signed, source.scale / count, count * source.zero
            )
        return QAvgPool(name, (at,), step.kernel, step.stride, step.pads, source, output, total)
