"""Networks of the zoo as integer models with random weights, without calibration: what planner and simulations need.

Layer sizes are those of :mod:`fpga_squeeze.zoo`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from typing_extensions import assert_never

from fpga_squeeze import zoo
from fpga_squeeze.network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, MaxPool
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from fpga_squeeze.quantization.average_first import average_first

WEIGHT, PIXEL = 30.0, 80.0
"""Standard deviation of the weights, and about that of the pixels."""
BITS, LAST_BITS = 8, 16
"""Of pixels within the network, and of its results."""


def _spread(conv: Conv) -> float:
    """Standard deviation of the sums of a convolution."""
    return float(WEIGHT * PIXEL * np.sqrt(conv.weight[0].size))


def _one_point(model: FloatModel) -> dict[str, float]:
    """Per convolution the spread of its sums, the largest one where a concatenation wants one binary point."""
    spreads = {conv.name: _spread(conv) for conv in model.convs}
    for layer in model.layers:
        if isinstance(layer, Concat):
            joined = [name for name in layer.inputs if name in spreads]
            most = max((spreads[name] for name in joined), default=0.0)
            spreads |= dict.fromkeys(joined, most)
    return spreads


def random_integers(model: FloatModel, seed: int = 0, density: float = 1.0) -> QModel:
    """``model`` with random 8-bit weights whose results spread over 8 bits, those of the last convolutions over 16.

    Of the weights of every convolution but the first a share of ``density`` is not zero.
    """
    rng = np.random.default_rng(seed)
    types = {IMAGE: TensorType(model.input_shape, 8, False, 0)}
    shapes, spreads = model.shapes(), _one_point(model)
    ends = {model.layers[-1].name, *model.layers[-1].inputs}
    ends |= {
        name
        for layer in model.layers
        if layer.name in ends and isinstance(layer, Concat)
        for name in layer.inputs
    }
    averaged = {name for conv in model.convs for name in conv.inputs}
    layers: list[QLayer] = []
    for layer in model.layers:
        x, shape = types[layer.inputs[0]], shapes[layer.name]
        match layer:
            case Conv():
                weight = np.clip(np.rint(rng.normal(0, WEIGHT, layer.weight.shape)), -127, 127)
                if density < 1 and layers:
                    weight[rng.random(weight.shape) >= density] = 0
                bits = LAST_BITS if layer.name in ends else BITS
                # the results keep so many bits of the sums
                shift = round(np.log2(spreads[layer.name])) - (bits - 2)
                spread = int(_spread(layer))
                bias = rng.integers(-spread, spread, shape.channels)
                zeros = np.zeros(x.shape.channels, dtype=np.int64)
                y = TensorType(shape, bits, not layer.relu, x.frac + 7 - shift)
                numbers = (weight, 8, np.full(shape.channels, 7), bias)
                place = (layer.stride, layer.pads, layer.relu, zeros)
                layers.append(QConv(layer.name, layer.inputs, *numbers, *place, x, y))
            case MaxPool():
                y = TensorType(shape, x.bits, x.signed, x.frac)
                layers.append(
                    QMaxPool(
                        layer.name, layer.inputs, layer.kernel, layer.stride, layer.pads, layer.ceil, x, y
                    )
                )
            case AvgPool():
                # in front of a convolution it keeps every bit of the sum
                more = (layer.kernel[0] * layer.kernel[1] - 1).bit_length() if layer.name in averaged else 0
                y = TensorType(shape, x.bits + more, x.signed, x.frac + more)
                layers.append(
                    QAvgPool(layer.name, layer.inputs, layer.kernel, layer.stride, layer.pads, x, y)
                )
            case Add():
                operands = x, types[layer.inputs[1]]
                signed = any(v.signed for v in operands) and not layer.relu
                y = TensorType(shape, BITS, signed, min(v.frac for v in operands) - 1)
                layers.append(QAdd(layer.name, layer.inputs, operands, layer.relu, y))
            case Concat():
                y = TensorType(shape, x.bits, x.signed, x.frac)
                layers.append(
                    QConcat(layer.name, layer.inputs, tuple(types[name] for name in layer.inputs), y)
                )
            case _:
                assert_never(layer)
        types[layer.name] = y
    return QModel(model.name, types[IMAGE], tuple(layers))


def squeezenet(version: str, size: int, classes: int = 1000, seed: int = 0) -> QModel:
    """SqueezeNet ``version`` for ``size`` x ``size`` RGB images."""
    return random_integers(zoo.squeezenet(version, size, classes), seed)


NETWORKS: dict[str, Callable[[int], FloatModel]] = {
    "1.0": lambda size: zoo.squeezenet("1.0", size),
    "1.0-simple": lambda size: zoo.squeezenet("1.0", size, bypass="simple"),
    "1.0-complex": lambda size: zoo.squeezenet("1.0", size, bypass="complex"),
    "1.1": lambda size: zoo.squeezenet("1.1", size),
    "1.2": lambda size: zoo.squeezenet("1.2", size),
    "zynqnet": lambda size: average_first(zoo.zynqnet(size))[0],
}
"""Networks by name, for images of a size."""
