"""Networks of the zoo as integer models with random weights, without calibration: what planner and simulations need.

Layer sizes are those of :mod:`fpga_squeeze.zoo`.
"""

from __future__ import annotations

import numpy as np
from typing_extensions import assert_never

from fpga_squeeze import zoo
from fpga_squeeze.network.graph import (
    IMAGE,
    Add,
    AvgPool,
    Concat,
    Conv,
    FloatModel,
    MaxPool,
    QAdd,
    QAvgPool,
    QConcat,
    QConv,
    QLayer,
    QMaxPool,
    QModel,
    TensorType,
)

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


def random_integers(model: FloatModel, seed: int = 0) -> QModel:
    """``model`` with random 8-bit weights whose results spread over 8 bits, those of the last convolutions over 16."""
    rng = np.random.default_rng(seed)
    types = {IMAGE: TensorType(model.input_shape, 8, False, 0)}
    shapes, spreads = model.shapes(), _one_point(model)
    ends = {name for layer in model.layers if isinstance(layer, AvgPool) for name in layer.inputs}
    ends |= {
        name
        for layer in model.layers
        if layer.name in ends and isinstance(layer, Concat)
        for name in layer.inputs
    }
    layers: list[QLayer] = []
    for layer in model.layers:
        x, shape = types[layer.inputs[0]], shapes[layer.name]
        match layer:
            case Conv():
                weight = np.clip(np.rint(rng.normal(0, WEIGHT, layer.weight.shape)), -127, 127)
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
                y = TensorType(shape, x.bits, x.signed, x.frac)
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
