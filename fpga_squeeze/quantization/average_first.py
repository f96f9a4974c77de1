"""The average in front of the last convolution: the average of a 1x1 convolution is the convolution of the average.

Where no ReLU stands between the two, the convolution is computed for one pixel instead of a whole map. Several
convolutions whose outputs are concatenated are each put behind the average of their own input.
"""

from __future__ import annotations

from dataclasses import replace

from ..network.graph import AvgPool, Concat, Conv, FloatModel, Layer


def average_first(model: FloatModel) -> tuple[FloatModel, tuple[str, ...]]:
    """(``model`` with a global average at its end in front of the convolutions before it, notes for the user).

    The function of the network is unchanged; so is the network where there is nothing to be gained.
    """
    pool = model.layers[-1] if model.layers else None
    if not isinstance(pool, AvgPool):
        return model, ()
    shapes, by_name = model.shapes(), {layer.name: layer for layer in model.layers}
    averaged = shapes[pool.inputs[0]]
    if pool.kernel != (averaged.height, averaged.width) or any(pool.pads) or pool.kernel == (1, 1):
        return model, ()
    moved = _behind(model, by_name, pool.inputs[0], pool.name)
    if not moved:
        return model, ()
    convs = [layer for layer in moved.values() if isinstance(layer, Conv)]
    sources = list(dict.fromkeys(conv.inputs[0] for conv in convs))
    names = _names(pool.name, len(sources), {name.lower() for name in by_name})
    averages = {
        source: AvgPool(name, (source,), pool.kernel, 1, (0, 0, 0, 0))
        for source, name in zip(sources, names, strict=True)
    }
    layers = [layer for layer in model.layers[:-1] if layer.name not in moved]
    layers += averages.values()
    for layer in model.layers:
        if layer.name in moved:
            is_conv = isinstance(layer, Conv)
            layers.append(replace(layer, inputs=(averages[layer.inputs[0]].name,)) if is_conv else layer)
    what = ", ".join(conv.name for conv in convs)
    note = f"{pool.name}: the average stands in front of {what}; no ReLU lies between, so that the result is the same"
    return replace(model, layers=tuple(layers)), (note,)


def _behind(model: FloatModel, by_name: dict[str, Layer], name: str, reader: str) -> dict[str, Conv | Concat]:
    """The convolutions, and the concatenations of them, that ``reader`` alone reads through ``name``; empty where
    anything else is among them."""
    layer = by_name.get(name)
    if [r.name for r in model.readers[name]] != [reader]:
        return {}
    if isinstance(layer, Conv):
        plain = layer.kernel == (1, 1) and layer.stride == 1 and not any(layer.pads) and not layer.relu
        return {name: layer} if plain else {}
    if not isinstance(layer, Concat) or len(set(layer.inputs)) < len(layer.inputs):
        return {}
    out: dict[str, Conv | Concat] = {}
    for source in layer.inputs:
        found = _behind(model, by_name, source, name)
        if not found:
            return {}
        out |= found
    return out | {name: layer}


def _names(wanted: str, count: int, taken: set[str]) -> list[str]:
    """``count`` names: ``wanted``, then it with a number."""
    out, number = [wanted], 1
    while len(out) < count:
        number += 1
        name = f"{wanted}_{number}"
        if name.lower() not in taken:
            out.append(name)
    return out
