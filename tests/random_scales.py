"""Scales and zero points at random: of single types, and of a network where its convolutions keep theirs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpga_squeeze.network.graph import IMAGE, Shape
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType


def any_type(
    rng: np.random.Generator, shape: Shape, bits: int = 8, scale: float = 1.0, signed: bool | None = None
) -> TensorType:
    """A type of any sign and zero point whose scale lies near ``scale``."""
    signed = bool(rng.integers(2)) if signed is None else signed
    exact = float(np.float32(scale * rng.uniform(0.4, 1.6)))
    plain = TensorType.of_scale(shape, bits, signed, exact)
    low, high = plain.range
    zero = int(rng.choice((low, high, int(rng.integers(low, high + 1)))))
    return replace(plain, zero=zero)


def any_pixels(rng: np.random.Generator, of: TensorType, alike: bool) -> np.ndarray:
    """Tables int64 [C, 256] of any integers of a type, one of a curve; ``alike``: the same for every channel."""
    low, high = of.range
    tables = rng.integers(low, high + 1, (of.shape.channels, 256))
    tables[-1] = np.clip(np.rint((np.arange(256) - 90) / 256 * (high - low)), low, high)
    return np.repeat(tables[-1:], len(tables), axis=0) if alike else tables


def _free(model: QModel, name: str) -> bool:
    """Whether no convolution reads a tensor, itself or behind max pools."""
    readers = model.readers[name]
    return not any(
        isinstance(r, QConv) or (isinstance(r, QMaxPool) and not _free(model, r.name)) for r in readers
    )


def rescaled(rng: np.random.Generator, model: QModel) -> QModel:
    """``model`` with a table of pixels, and types of any scale for what no convolution reads or gives."""
    shape, alike = model.input.shape, bool(rng.integers(2))
    image = TensorType(shape, int(rng.choice((8, 8, 6, 5, 4))), bool(rng.integers(2)), 0)
    types, layers = {IMAGE: image}, list[QLayer]()
    for layer in model.layers:
        ins = [types[name] for name in layer.inputs]
        free, out = _free(model, layer.name), layer.output
        new: QLayer
        match layer:
            case QConv():
                new = replace(layer, input=ins[0], pad_value=np.clip(layer.pad_value, *ins[0].range))
            case QMaxPool():
                new = replace(layer, input=ins[0], output=replace(ins[0], shape=out.shape))
            case QAvgPool():
                low, high = (v * layer.count for v in ins[0].range)
                bits = max(abs(low), high).bit_length() + 1
                if free and rng.random() < 0.4 and bits <= 24:
                    steps = replace(ins[0], shape=out.shape, bits=bits, signed=True)
                    new = replace(layer, input=ins[0], output=steps, total=True)
                elif free or not ins[0].plain:
                    free_out = any_type(rng, out.shape, 8, ins[0].scale * 2.0 ** (ins[0].bits - 9))
                    new = replace(layer, input=ins[0], output=free_out if free else out)
                else:
                    new = replace(layer, input=ins[0])
            case QAdd():
                scale = sum(x.scale * 2.0 ** (x.bits - 9) for x in ins)
                out = any_type(rng, out.shape, 8, scale) if free else out
                new = replace(layer, operands=(ins[0], ins[1]), output=out)
            case QConcat():
                own = [n for n in layer.inputs if any(c.name == n for c in model.convs)]
                if free and not own:
                    out = any_type(rng, out.shape, 8, ins[0].scale * 2.0 ** (ins[0].bits - 8))
                new = replace(layer, operands=tuple(ins), output=out)
        types[new.name] = new.output
        layers.append(new)
    return replace(model, input=image, layers=tuple(layers), pixels=any_pixels(rng, image, alike))
