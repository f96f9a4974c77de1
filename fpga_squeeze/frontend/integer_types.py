"""Which integers stand for each tensor of a quantised file, and which of them a layer may give.

They are the file's own, but for two things: integers of a signed type with a zero point other than 0 are moved to the
unsigned type, and those that start at none of the limits a type has are moved to start at 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from typing_extensions import assert_never

from ..network.fixed_point import IntArray, int_name, int_range, signed_bits
from ..network.integers import TensorType
from .onnx_file import Node, OnnxGraph, Scale
from .operators import IDENTITY
from .pairs import known_scale, limits, same_meaning, to_integer
from .steps import (
    AddStep,
    AverageStep,
    ConcatStep,
    ConvStep,
    InputStep,
    LayerStep,
    PoolStep,
    Post,
    Step,
    readers,
)

MAX_BITS = 16
"""Widest activation."""
OwnTypes = tuple[tuple[int, bool], ...]
"""(bits, signed) of the image and of each layer, where our own metadata tell them."""


@dataclass(frozen=True)
class Integers:
    """A step's integers.

    type    what they mean
    moved   what was taken from the file's integers
    least   the smallest and
    most    the largest that the step gives
    """

    type: TensorType
    moved: int
    least: int
    most: int


@dataclass
class _Group:
    """Tensors of one type: what goes through pools and concatenations as it is."""

    scale: Scale
    members: list[Step]
    least: int
    most: int
    cut: tuple[bool, bool] = (False, False)
    """Whether a concatenation has to cut off what is less than the least, or more than the most."""

    def real(self, integer: int) -> float:
        """What an integer stands for, in float32 as DequantizeLinear computes it."""
        zero, step = self.scale.zero_point.item(), self.scale.scale.item()
        return float(np.float32(integer - zero) * np.float32(step))


class TypeFinder:
    """The integers of each step; those that stay float until the end have none."""

    def __init__(
        self,
        graph: OnnxGraph,
        image: InputStep,
        steps: list[LayerStep],
        own: OwnTypes,
        table: IntArray | None,
    ) -> None:
        self.graph, self.table, self.image = graph, table, image
        self.readers = readers(steps)
        self.groups: dict[int, _Group] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        for step in [image, *steps]:
            self._visit(step)
        given = dict(zip([id(step) for step in (image, *steps)], own, strict=False))
        self.found: dict[int, Integers] = {}
        for group in {id(g): g for g in self.groups.values()}.values():
            self._type(group, steps[-1], given if len(own) == len(steps) + 1 else {})

    # ------------------------------------------------------------------------------------- what follows a step

    def behind(self, step: Step) -> Post:
        """What follows a step until it is quantised: at once, or behind the pool or Concat that alone reads it."""
        at, post = step, step.post
        out = Post(post.relu, post.clip, post.clip_node, post.quant, list(post.nodes), post.least, post.most)
        while out.quant is None:
            found = self.readers.get(id(at), [])
            if len(found) != 1 or not isinstance(found[0], ConcatStep | PoolStep):
                break
            at = found[0]
            post = at.post
            out.relu, out.quant = out.relu or post.relu, post.quant
            out.least, out.most = max(out.least, post.least), min(out.most, post.most)
            out.nodes += post.nodes
            if post.clip:
                clip = out.clip or (-np.inf, np.inf)
                out.clip = max(clip[0], post.clip[0]), min(clip[1], post.clip[1])
                out.clip_node = post.clip_node
        return out

    def float_end(self, step: Step) -> bool:
        """Whether nothing but averages, not quantised, lies between ``step`` and the end."""
        return step.post.quant is None and all(
            isinstance(reader, AverageStep) and self.float_end(reader)
            for reader in self.readers.get(id(step), [])
        )

    # ------------------------------------------------------------------------------------------------- groups

    def _visit(self, step: Step) -> None:
        match step:
            case InputStep():
                self._image(step)
            case ConvStep() | AddStep() | AverageStep():
                post = self.behind(step)
                if post.quant is None:
                    self._not_quantised(step)
                    return
                low, high = limits(self.graph, post, post.quant)
                if isinstance(step, AverageStep) and self._never_negative(step.inputs[0]):
                    low = max(low, int(post.quant.zero_point.item()))
                self._keep(step, post.quant, (low, high))
            case PoolStep():
                self._pool(step)
            case ConcatStep():
                self._concat(step)
            case _:
                assert_never(step)

    def _not_quantised(self, step: ConvStep | AddStep | AverageStep) -> None:
        if isinstance(step, AddStep) or not self.float_end(step):
            self.graph.fail(
                step.node, "its output is not quantised; put QuantizeLinear and DequantizeLinear behind it"
            )

    def _keep(self, step: Step, scale: Scale, span: tuple[int, int]) -> _Group:
        """A group of ``step`` alone."""
        if scale.bits > MAX_BITS:
            self.graph.fail(scale.node, f"quantises to {scale.bits} bits; at most {MAX_BITS} are supported")
        self.spans[id(step)] = span
        self.groups[id(step)] = _Group(scale, [step], *span)
        return self.groups[id(step)]

    def _join(self, a: Step, b: Step) -> None:
        """Both in one group."""
        one, other = self.groups[id(a)], self.groups[id(b)]
        if one is other or _loses(one, other) or _loses(other, one):
            return  # of two groups, the Concat changes the integers of one to those of the other
        one.members += other.members
        one.least, one.most = min(one.least, other.least), max(one.most, other.most)
        one.cut = one.cut[0] or other.cut[0], one.cut[1] or other.cut[1]
        for member in other.members:
            self.groups[id(member)] = one

    def _image(self, image: InputStep) -> None:
        scale = image.post.quant
        if scale is None:  # pixels are integers already
            node = Node("", "", [], [self.graph.input.name], {})
            scale = Scale(node, np.ones(()), np.zeros(()), 8, False, 0)
        low, high = limits(self.graph, image.post, scale)
        if self.table is not None and self.table.min() >= 0 and not (scale.signed and scale.zero_point.any()):
            low, high = 0, max(1, int(self.table.max()))
        self._keep(image, scale, (low, high))

    def _never_negative(self, step: Step) -> bool:
        group = self.groups.get(id(step))
        return group is not None and self.spans[id(step)][0] >= group.scale.zero_point.item()

    def _pool(self, step: PoolStep) -> None:
        source = step.inputs[0]
        if id(source) not in self.groups:
            self.graph.fail(step.node, "pools what is not quantised; put Q and DQ nodes before or behind it")
        group, span = self.groups[id(source)], self.spans[id(source)]
        low, high = limits(self.graph, step.post, group.scale)
        if low > span[0] or high < span[1]:
            self.graph.fail(
                step.node, "what follows limits it further than its input; put that before the pool"
            )
        self._keep(step, group.scale, span)
        self._join(source, step)

    def _concat(self, step: ConcatStep) -> None:
        graph, sources = self.graph, step.inputs
        missing = [s for s in sources if id(s) not in self.groups]
        if missing:
            graph.fail(
                step.node, "joins what is not quantised; put QuantizeLinear and DequantizeLinear behind it"
            )
        scale = known_scale(step) or self.behind(step).quant or self._common(step)
        own, whole = limits(self.graph, step.post, scale), int_range(scale.bits, scale.signed)
        spans, same, beyond = [], [], [False, False]
        for source in sources:
            group, span = self.groups[id(source)], self.spans[id(source)]
            equal = same_meaning(group.scale, scale)
            if not equal:
                least, most = (group.real(v) / scale.scale.item() + scale.zero_point.item() for v in span)
                beyond = [beyond[0] or least < whole[0] - 0.5, beyond[1] or most > whole[1] + 0.5]
                span = to_integer(scale, group.real(span[0])), to_integer(scale, group.real(span[1]))
            spans.append(span)
            same.append(equal and own[0] <= span[0] and span[1] <= own[1])
        least, most = min(s[0] for s in spans), max(s[1] for s in spans)
        low, high = (min(max(v, own[0]), own[1]) for v in (least, most))
        group = self._keep(step, scale, (low, high))
        group.cut = beyond[0] or own[0] > least, beyond[1] or own[1] < most
        for source, equal in zip(sources, same, strict=True):
            if equal:
                self._join(step, source)

    def _common(self, step: ConcatStep) -> Scale:
        first, *others = (self.groups[id(source)].scale for source in step.inputs)
        for other in others:
            if not same_meaning(first, other):
                self.graph.fail(
                    step.node,
                    f"its branches are quantised differently ({_text(first)} and {_text(other)}), and what it gives "
                    "is not quantised; put QuantizeLinear and DequantizeLinear behind it",
                )
        return first

    # -------------------------------------------------------------------------------------------------- types

    def _type(self, group: _Group, last: Step, own: dict[int, tuple[int, bool]]) -> None:
        """Record the type of a group's members."""
        scale, zero = group.scale, int(group.scale.zero_point.item())
        if all(_fits(own.get(id(member)), self.spans[id(member)]) for member in group.members):
            for member in group.members:
                self._record(member, scale, zero, 0, *own[id(member)])
            return
        floors = {self.spans[id(x)][0] for x in group.members if isinstance(x, ConvStep | AddStep)}
        exact = group.cut[0] or bool(floors - {zero})
        moved, bits, signed = _field(group, zero, any(member is last for member in group.members), exact)
        for member in group.members:
            self._record(member, scale, zero, moved, bits, signed)
        if group.cut[1] and group.most != int_range(bits, signed)[1] + moved:
            self.graph.fail(
                scale.node,
                f"leaves the integers {group.least}..{group.most}, no whole field of bits; only convolutions and sums "
                f"have limits of any number: {IDENTITY}",
            )

    def _record(self, member: Step, scale: Scale, zero: int, moved: int, bits: int, signed: bool) -> None:
        kind = TensorType.of_scale(member.output, bits, signed, float(scale.scale.item()), zero - moved)
        least, most = (v - moved for v in self.spans[id(member)])
        if isinstance(member, AverageStep):
            self._average(member, scale, (least, most), kind)
        if isinstance(member, ConvStep | AddStep) and least not in (kind.range[0], kind.zero):
            self.graph.fail(
                scale.node,
                f"starts at {least + moved}, what it is joined with at {kind.range[0] + moved}; clip both to the same",
            )
        self.found[id(member)] = Integers(kind, moved, least, most)

    def _average(self, step: AverageStep, scale: Scale, span: tuple[int, int], kind: TensorType) -> None:
        """An error where something limits an average further than its type does: it has no limits of its own."""
        low, high = kind.range
        positive = self._never_negative(step.inputs[0]) and span[0] == kind.zero
        post = self.behind(step)
        limited = post.relu or post.clip or math.isfinite(post.least) or math.isfinite(post.most)
        if limited and ((span[0] > low and not positive) or span[1] < high):
            self.graph.fail(
                post.clip_node or scale.node,
                f"limits what {step.node} gives, which has no place for it; {IDENTITY}",
            )


def _loses(group: _Group, other: _Group) -> bool:
    """Whether integers of ``other`` lie beyond what a Concat in ``group`` cuts off."""
    return (group.cut[0] and other.least < group.least) or (group.cut[1] and other.most > group.most)


def _fits(own: tuple[int, bool] | None, span: tuple[int, int]) -> bool:
    """Whether a type holds the integers of ``span``."""
    if own is None:
        return False
    low, high = int_range(*own)
    return low <= span[0] and span[1] <= high


def _field(group: _Group, zero: int, ends: bool, exact: bool) -> tuple[int, int, bool]:
    """(what is taken from the integers, bits, signed) of the type that holds a group's.

    ``exact``: the least of them must be the type's, or its zero point.
    """
    least, most, scale = group.least, group.most, group.scale
    if scale.signed and zero and ends and not group.cut[0]:  # the network's output stays as the file has it
        return 0, scale.bits, True
    if scale.signed and not zero and least < 0:
        bits = signed_bits(least, most)
        if not exact or least == int_range(bits, True)[0]:
            return 0, bits, True
        return least, (most - least).bit_length(), False
    moved = int_range(scale.bits, True)[0] if scale.signed and zero else 0
    if exact and least != moved and (least != zero or group.cut[0]):
        moved = least
    return moved, max(1, (most - moved).bit_length()), False


def _text(scale: Scale) -> str:
    zero = f" around {scale.zero_point.item():g}" if scale.zero_point.item() else ""
    return f"{int_name(scale.bits, scale.signed)} * {scale.scale.item():.9g}{zero}"
