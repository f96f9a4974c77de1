"""Which tensors of a float network have to share one integer type, and what that type can be.

Max pools, averages and concatenations hand integers through as they are: what they read and what they give has one
width, sign and binary point. An average over the whole map that only convolutions read is the exception: it gets a
type of its own, wide enough to lose nothing where 16 bits allow that.
"""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network.golden import FLOAT32_EXACT
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool
from ..network.integers import TensorType

WIDE_BITS = 16
"""Width of the network's output, where the sum over its map allows, and of an average that convolutions read."""


@dataclass(frozen=True)
class Group:
    """Tensors of one type.

    members    their names, in network order
    makers     the convolutions and sums among them: their values decide the binary point
    consumed   those that a layer outside the group reads, or that the network gives
    signed     whether a value may be negative
    output     nothing but the network's output is made of them: they can be wide
    averaged   pixels of the largest map that is averaged among them, 1 where none is
    """

    members: tuple[str, ...]
    makers: tuple[str, ...]
    consumed: tuple[str, ...]
    signed: bool
    output: bool
    averaged: int

    @property
    def is_image(self) -> bool:
        """Whether the raw pixels are among them, whose type is given."""
        return IMAGE in self.members

    def bits(self, activation_bits: int) -> int:
        """Width of the type; the sum of an average over a wide map stays below 2**24."""
        if self.is_image:
            return 8
        if not self.output:
            return activation_bits
        bits = WIDE_BITS
        while bits > 2 and self.averaged << (bits - self.signed) >= FLOAT32_EXACT:
            bits -= 1
        return bits


def is_wide_average(model: FloatModel, layer: Layer) -> bool:
    """Whether ``layer`` averages the whole map for convolutions alone."""
    if not isinstance(layer, AvgPool):
        return False
    readers, shape = model.readers, model.shapes()[layer.inputs[0]]
    return (
        layer.kernel == (shape.height, shape.width)
        and not any(layer.pads)
        and bool(readers[layer.name])
        and all(isinstance(reader, Conv) for reader in readers[layer.name])
    )


def wide_average_type(source: TensorType, pool: AvgPool, model: FloatModel) -> tuple[TensorType, str]:
    """(type of what a wide average gives, a note where it does not hold the exact average, else empty)."""
    count = pool.kernel[0] * pool.kernel[1]
    places = (count - 1).bit_length()
    exact = count == 1 << places and source.bits + places <= WIDE_BITS
    more = places if exact else max(WIDE_BITS - source.bits, 0)
    shape = model.shapes()[pool.name]
    out = TensorType(shape, source.bits + more, source.signed, source.frac + more)
    note = f"{pool.name}: the average of {count} pixels is rounded to {out.bits} bits, which do not hold it exactly"
    return out, "" if exact else note


def type_groups(model: FloatModel) -> dict[str, Group]:
    """The group of every tensor, by the tensor's name; raises FpgaSqueezeError where raw pixels are joined with what
    may be negative."""
    root = {name: name for name in (IMAGE, *(layer.name for layer in model.layers))}

    def find(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    wide = {layer.name for layer in model.layers if is_wide_average(model, layer)}
    ties = [
        layer
        for layer in model.layers
        if isinstance(layer, MaxPool | AvgPool | Concat) and layer.name not in wide
    ]
    for layer in ties:
        for name in layer.inputs:
            root[find(layer.name)] = find(name)
    members: dict[str, list[str]] = {}
    for name in root:
        members.setdefault(find(name), []).append(name)
    signed = _signed(model, {name: find(name) for name in root})
    tied, readers, shapes = {layer.name for layer in ties}, model.readers, model.shapes()
    out: dict[str, Group] = {}
    for key, names in members.items():
        consumed = [n for n in names if not readers[n] or any(r.name not in tied for r in readers[n])]
        layers = [layer for layer in model.layers if layer.name in names]
        pixels = [shapes[x.inputs[0]] for x in layers if isinstance(x, AvgPool) and x.name in tied]
        group = Group(
            tuple(names),
            tuple(x.name for x in layers if isinstance(x, Conv | Add)),
            tuple(consumed),
            key in signed,
            all(not readers[n] for n in consumed),
            max((s.height * s.width for s in pixels), default=1),
        )
        if group.is_image and group.signed:
            joined = next(n for n in names if n in group.makers)
            raise FpgaSqueezeError(
                f"{joined}: may be negative and is joined with raw pixels, which have no sign; put Relu behind it"
            )
        out |= dict.fromkeys(names, group)
    return out


def _signed(model: FloatModel, root: dict[str, str]) -> set[str]:
    """The groups, by their root, in which a value may be negative."""
    out: set[str] = set()
    while True:
        before = len(out)
        for layer in model.layers:
            match layer:
                case Conv():
                    negative = not layer.relu
                case Add():
                    negative = not layer.relu and any(root[name] in out for name in layer.inputs)
                case MaxPool() | AvgPool() | Concat():
                    negative = any(root[name] in out for name in layer.inputs)
                case _:
                    assert_never(layer)
            if negative:
                out.add(root[layer.name])
        if len(out) == before:
            return out


def last_convs(model: FloatModel) -> frozenset[str]:
    """The convolutions behind which there is no other."""
    before: set[str] = set()
    out = set()
    for layer in reversed(model.layers):
        if isinstance(layer, Conv):
            if layer.name not in before:
                out.add(layer.name)
            before.update(layer.inputs)
        elif layer.name in before:
            before.update(layer.inputs)
    return frozenset(out)
