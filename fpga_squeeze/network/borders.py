"""Borders that need no work: where a padded 1x1 convolution feeds a global average, every pixel outside the map that it
reads is the same constant of its channel, so that the average may start with those and the convolution leave them out.

Designs are planned for the :func:`trimmed` model; files hold the :func:`padded` one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from .fixed_point import IntArray
from .golden import conv_forward
from .graph import Shape
from .integers import QAvgPool, QConv, QLayer, QModel

NO_PADS = (0, 0, 0, 0)


def border_pixels(conv: QConv) -> IntArray:
    """int64 [O]: what a 1x1 convolution gives outside the map that it reads."""
    spot = replace(
        conv,
        pads=NO_PADS,
        input=replace(conv.input, shape=Shape(len(conv.pad_value), 1, 1)),
        output=replace(conv.output, shape=Shape(len(conv.bias), 1, 1)),
    )
    return (
        conv_forward(conv.pad_value.astype(np.float32).reshape(-1, 1, 1), spot).reshape(-1).astype(np.int64)
    )


@lru_cache(maxsize=16)
def trimmed(model: QModel) -> QModel:
    """``model`` without the pads of 1x1 convolutions that only a global average reads; its logits are the same."""
    new: dict[str, QLayer] = {}
    for layer in model.layers:
        if isinstance(layer, QAvgPool) and layer.is_global and layer.border is None:
            conv = next((c for c in model.convs if c.name == layer.inputs[0]), None)
            if conv is None or model.readers[conv.name] != [layer]:
                continue
            if conv.kernel != (1, 1) or conv.stride != 1 or not any(conv.pads):
                continue
            inner = replace(conv.input.shape, channels=len(conv.bias))
            output = replace(conv.output, shape=inner)
            new[conv.name] = replace(conv, pads=NO_PADS, output=output)
            new[layer.name] = replace(layer, input=output, pads=conv.pads, border=border_pixels(conv))
    return _with(model, new)


def padded(model: QModel) -> QModel:
    """The model whose :func:`trimmed` ``model`` is; ``model`` itself where it is none."""
    new: dict[str, QLayer] = {}
    for layer in model.layers:
        if isinstance(layer, QAvgPool) and layer.border is not None:
            conv = next(c for c in model.convs if c.name == layer.inputs[0])
            outer = Shape(len(conv.bias), *layer.kernel)
            output = replace(conv.output, shape=outer)
            new[conv.name] = replace(conv, pads=layer.pads, output=output)
            new[layer.name] = replace(layer, input=output, pads=NO_PADS, border=None)
    return _with(model, new)


def _with(model: QModel, new: dict[str, QLayer]) -> QModel:
    if not new:
        return model
    return replace(model, layers=tuple(new.get(layer.name, layer) for layer in model.layers))
