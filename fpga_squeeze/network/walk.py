"""One walk for all that goes through a network layer by layer: tensors by name, each let go after its last reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    """What the walk has to know of a layer, float or integer."""

    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...


L = TypeVar("L", bound=Named)
T = TypeVar("T")


def walk(
    layers: Sequence[L], known: Mapping[str, T], run: Callable[[L, list[T]], T]
) -> Iterator[tuple[L, T]]:
    """Each layer with what ``run(layer, its inputs)`` gives, in order.

    ``known`` are the tensors at hand by name, the image among them. Nothing is kept that no later layer reads.
    """
    left = Counter(name for layer in layers for name in layer.inputs)
    tensors = {name: value for name, value in known.items() if left[name]}
    for layer in layers:
        result = run(layer, [tensors[name] for name in layer.inputs])
        for name in layer.inputs:
            left[name] -= 1
            if not left[name]:
                del tensors[name]
        if left[layer.name]:
            tensors[layer.name] = result
        yield layer, result


def downstream(layers: Sequence[L], name: str) -> list[L]:
    """The layers that depend on tensor ``name``, in order."""
    reached, out = {name}, []
    for layer in layers:
        if reached.intersection(layer.inputs):
            reached.add(layer.name)
            out.append(layer)
    return out
