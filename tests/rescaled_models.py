"""Random networks whose scales are no powers of two: another network's layers with other types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import IMAGE, Shape
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
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


def _zeroed(rng: np.random.Generator, tensor: TensorType, relu: bool) -> TensorType:
    """About the same range around any zero point; negative values may become unsigned, others signed."""
    signed = bool(rng.random() < (0.6 if tensor.signed else 0.3))
    low, high = TensorType(tensor.shape, tensor.bits, signed, 0).range
    if rng.random() < 0.2:
        zero = 0
    elif relu:
        zero = int(rng.integers(low, low + (high - low) // 3 + 1))
    else:
        zero = int(rng.integers(low + (high - low) // 3, high - (high - low) // 3 + 1))
    return TensorType.of_scale(tensor.shape, tensor.bits, signed, tensor.scale, zero)


def _filled(rng: np.random.Generator, conv: QConv, x: golden.FloatInts) -> TensorType:
    """The output's type with any scale with which the larger results of one map nearly fill it."""
    steps = golden.conv_accumulate(x, conv).astype(np.float64)
    real = steps * (conv.input.scale * conv.weight_scale / (1 << conv.bias_places))[:, None, None]
    large = float(np.percentile(np.abs(real), 95)) or 1.0
    output = conv.output
    scale = large / max(1, output.range[1] - output.zero) * rng.uniform(0.8, 1.6)
    return TensorType.of_scale(
        output.shape, output.bits, output.signed, float(np.float32(scale)), output.zero
    )


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
    ceiling = (
        int(rng.integers(low + (high - low) // 2, high + 1)) if rng.random() < 0.3 and high > low else None
    )
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


def _spread(rng: np.random.Generator, shape: Shape, sources: Sequence[TensorType]) -> TensorType:
    """A type of the concatenation of ``sources``, somewhat wider."""
    first = _zeroed(rng, replace(sources[0], shape=shape), True)
    scale = max(source.scale for source in sources) * rng.uniform(0.9, 1.5)
    return TensorType.of_scale(shape, first.bits, first.signed, float(np.float32(scale)), first.zero)


def _once(rng: np.random.Generator, model: QModel, tables: bool) -> QModel:
    plain = _plain_names(model)
    joins = {name: layer for layer in model.layers if isinstance(layer, QConcat) for name in layer.inputs}
    types: dict[str, TensorType] = {IMAGE: model.input}
    shape = model.input.shape
    image = rng.integers(0, 256, (shape.channels, shape.height, shape.width))
    maps: dict[str, golden.FloatInts] = {IMAGE: image.astype(np.float32)}
    layers: list[QLayer] = []
    shared: dict[str, TensorType] = {}  # of all operands of a concatenation that changes none
    for layer in model.layers:
        sources = [types[name] for name in layer.inputs]
        match layer:
            case QConv():
                free = layer.name not in plain
                conv = _conv(
                    rng, layer, sources[0], _zeroed(rng, layer.output, layer.relu) if free else layer.output
                )
                join = joins.get(layer.name)
                if free:
                    output = _filled(rng, conv, maps[layer.inputs[0]])
                    alike = not tables or output.bits > TABLE_BITS or rng.random() < 0.3
                    if join and alike:
                        output = replace(shared.setdefault(join.name, output), shape=output.shape)
                    conv = replace(conv, output=output)
                    if conv.ceiling is not None and not output.zero < conv.ceiling < output.range[1]:
                        conv = replace(conv, ceiling=None)
                else:
                    more = np.log2(_filled(rng, conv, maps[layer.inputs[0]]).scale / layer.output.scale)
                    conv = replace(conv, weight_frac=conv.weight_frac + int(np.rint(more)))
                layers.append(conv)
            case QMaxPool():
                output = replace(sources[0], shape=layer.output.shape)
                layers.append(replace(layer, input=sources[0], output=output))
            case QAvgPool():
                layers.append(replace(layer, input=sources[0]))
            case QAdd():
                layers.append(replace(layer, operands=(sources[0], sources[1])))
            case QConcat():
                alike = len({replace(source, shape=layer.output.shape) for source in sources}) == 1
                kept = alike or bool(rng.random() < 0.5) or not tables or layer.output.bits > TABLE_BITS
                output = (
                    replace(sources[0], shape=layer.output.shape)
                    if kept
                    else _spread(rng, layer.output.shape, sources)
                )
                if layer.name in plain:
                    output = layer.output
                layers.append(replace(layer, operands=tuple(sources), output=output))
        types[layer.name] = layers[-1].output
        maps[layer.name] = golden.forward(layers[-1], [maps[name] for name in layer.inputs])
    return replace(model, layers=tuple(layers))


def rescaled(rng: np.random.Generator, model: QModel) -> QModel | None:
    """``model`` with types of any scale and zero point, biases with places of their own, ceilings, and joins of
    branches that differ. Averages and sums keep their types.

    None where scales lie too far apart for one engine.
    """
    for tables in (True, False):
        new = _once(rng, model, tables)
        try:
            build_plan(new, [Folding(1, 1, 1)] * len(graph_of(new).engines))
        except FpgaSqueezeError as error:
            assert "too far apart" in str(error) or "changes the scale" in str(error), error
            continue
        return new
    return None
