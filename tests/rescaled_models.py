"""Random networks whose scales are no powers of two: another network's layers with other types."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network.graph import (
    IMAGE,
    QAdd,
    QAvgPool,
    QConcat,
    QConv,
    QLayer,
    QMaxPool,
    QModel,
    TensorType,
)
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.fuse import fuse
from fpga_squeeze.planning.graph import graph_of
from fpga_squeeze.planning.requant import TABLE_BITS


def _plain_names(model: QModel) -> set[str]:
    """Tensors that averages and sums read or give, and what max pools tie to them."""
    plain = set()
    for layer in model.layers:
        if isinstance(layer, QAdd | QAvgPool):
            plain |= {layer.name, *layer.inputs}
    for layer in reversed(model.layers):
        if isinstance(layer, QMaxPool) and layer.name in plain:
            plain |= set(layer.inputs)
    for layer in model.layers:
        if isinstance(layer, QMaxPool) and layer.inputs[0] in plain:
            plain.add(layer.name)
    return plain


def _scaled(rng: np.random.Generator, tensor: TensorType, relu: bool) -> TensorType:
    """About the same range, in steps of any size around any zero point; negative values may become unsigned."""
    scale = float(np.float32(np.ldexp(rng.uniform(0.8, 1.9), -tensor.frac)))
    signed = bool(rng.random() < (0.6 if tensor.signed else 0.3))
    low, high = TensorType(tensor.shape, tensor.bits, signed, 0).range
    if rng.random() < 0.2:
        zero = 0
    elif relu:
        zero = int(rng.integers(low, low + (high - low) // 3 + 1))
    else:
        zero = int(rng.integers(low + (high - low) // 3, high - (high - low) // 3 + 1))
    return TensorType.of_scale(tensor.shape, tensor.bits, signed, scale, zero)


def _conv(rng: np.random.Generator, conv: QConv, source: TensorType, output: TensorType) -> QConv:
    channels = len(conv.bias)
    per_channel = rng.random() < 0.7
    factor = rng.uniform(1, 2, channels if per_channel else 1).astype(np.float32).astype(np.float64)
    if source.plain and output.plain and rng.random() < 0.3:
        factor = np.ones(1)
    places = int(rng.choice((0, 0, 1, 4)))
    sums = conv.weight.reshape(channels, -1).sum(axis=1)
    bias = ((conv.bias - source.zero * sums) << places) + rng.integers(0, 1 << places, channels)
    low, high = output.limits(conv.relu, None)
    ceiling = int(rng.integers(low + (high - low) // 2, high + 1)) if rng.random() < 0.3 and high > low else None
    return replace(
        conv,
        input=source,
        output=output,
        bias=bias,
        bias_places=places,
        pad_value=np.full(conv.weight.shape[1], source.zero) if conv.inputs[0] != IMAGE else conv.pad_value,
        weight_factor=np.broadcast_to(factor, channels).copy(),
        ceiling=ceiling,
    )


def _once(rng: np.random.Generator, model: QModel, tables: bool) -> QModel:
    plain = _plain_names(model)
    joins = {name: layer for layer in model.layers if isinstance(layer, QConcat) for name in layer.inputs}
    types: dict[str, TensorType] = {IMAGE: model.input}
    layers: list[QLayer] = []
    shared: dict[str, TensorType] = {}  # of all operands of a concatenation that changes none
    for layer in model.layers:
        sources = [types[name] for name in layer.inputs]
        match layer:
            case QConv():
                output = layer.output
                if layer.name not in plain:
                    output = _scaled(rng, output, layer.relu)
                join = joins.get(layer.name)
                alike = not tables or output.bits > TABLE_BITS or rng.random() < 0.3
                if join and alike and layer.name not in plain:
                    common = shared.setdefault(join.name, output)
                    output = replace(common, shape=output.shape)
                layers.append(_conv(rng, layer, sources[0], output))
            case QMaxPool():
                output = replace(sources[0], shape=layer.output.shape)
                layers.append(replace(layer, input=sources[0], output=output))
            case QAvgPool():
                layers.append(replace(layer, input=sources[0]))
            case QAdd():
                layers.append(replace(layer, operands=(sources[0], sources[1])))
            case QConcat():
                kept = bool(rng.random() < 0.5) or not tables or layer.output.bits > TABLE_BITS
                output = replace(sources[0], shape=layer.output.shape) if kept else _scaled(rng, layer.output, True)
                if layer.name in plain:
                    output = layer.output
                layers.append(replace(layer, operands=tuple(sources), output=output))
        types[layer.name] = layers[-1].output
    return replace(model, layers=tuple(layers))


def rescaled(rng: np.random.Generator, model: QModel) -> QModel | None:
    """``model`` with types of any scale and zero point, biases with places of their own, ceilings, and concatenations of
    branches that differ, where an engine gives the whole of them. Averages and sums keep their types.

    None where scales lie too far apart for one engine, or a concatenation that no engine gives changes a type.
    """
    for tables in (True, False):
        new = _once(rng, model, tables)
        changed = {
            layer.name
            for layer in new.layers
            if isinstance(layer, QConcat) and any(table is not None for table in layer.tables)
        }
        if any(isinstance(node.body, QConcat) and node.name in changed for node in fuse(new)):
            continue
        try:
            build_plan(new, [Folding(1, 1, 1)] * len(graph_of(new).engines))
        except FpgaSqueezeError as error:
            assert "too far apart" in str(error) or "changes the scale" in str(error), error
            continue
        return new
    return None
