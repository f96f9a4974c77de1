"""Ranks found by sensitivity: which layers of low rank save most multiplications for what they cost.

Every layer by itself is factorised to a few ranks, and the divergence of the network's output is noted beside the
multiplications that are saved. Of these points a layer's lower convex hull is a list of steps, each with a price:
divergence per multiplication saved. Steps are taken from the cheapest on, over all layers, up to a budget of
multiplications or of classes that change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..datasets.images import ImageArray
from ..errors import FpgaSqueezeError
from ..network.graph import Conv, FloatModel, Preprocess, Shape
from .factorise import Factors, factorise, full_rank, with_factors
from .inputs import Inputs
from .sensitivity import first_classes, scan

SHARES = (0.85, 0.65, 0.5, 0.35, 0.2, 0.1)
"""Ranks that are tried: shares of the rank at which both convolutions multiply as often as the one."""
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Point:
    """A layer at one rank: what it saves, in multiplications per frame, and what it costs, in nats."""

    factors: Factors
    saved: int
    divergence: float


@dataclass(frozen=True)
class _Step:
    """From one point of a layer to the next one on its hull."""

    point: Point
    saved: int
    price: float


def macs(model: FloatModel) -> int:
    """Multiplications of all convolutions per frame, those by zeros and by padding counted."""
    shapes = model.shapes()
    return sum(_pixels(shapes[conv.name]) * conv.weight.size for conv in model.convs)


def _pixels(shape: Shape) -> int:
    return shape.height * shape.width


def find_ranks(
    model: FloatModel,
    names: Sequence[str],
    images: ImageArray,
    preprocess: Preprocess,
    inputs: Mapping[str, Inputs],
    *,
    max_loss: float | None = None,
    budget: float | None = None,
    on_step: OnStep | None = None,
) -> list[Factors]:
    """Layers among ``names`` as two each, so that the network keeps within ``max_loss`` or ``budget``.

    max_loss   percent of ``images`` [N, H, W, C] whose first class may change; as few multiplications as that allows
    budget     percent of the network's multiplications that may be left; as little divergence as that allows

    Raises FpgaSqueezeError for a budget that the lowest ranks tried do not reach.
    """
    names = [conv.name for conv in model.convs if conv.name in names]
    points = _points(model, names, images, preprocess, inputs, on_step)
    taken = sorted((step for own in points.values() for step in hull(own)), key=lambda step: step.price)
    if budget is not None:
        return _in_order(chosen(taken[: _within(taken, macs(model), budget)]), names)
    assert max_loss is not None
    wanted = first_classes(model, images, preprocess)
    low, high = 0, len(taken) + 1  # so many steps are known to do, so many not to
    while high - low > 1:
        middle = (low + high) // 2
        candidate = with_factors(model, chosen(taken[:middle]))
        loss = 100 * float((first_classes(candidate, images, preprocess) != wanted).mean())
        if on_step:
            left = 100 * macs(candidate) / macs(model)
            on_step(f"{left:.1f} % of the multiplications: {loss:.2f} % of the images change their class")
        low, high = (middle, high) if loss <= max_loss else (low, middle)
    return _in_order(chosen(taken[:low]), names)


def _in_order(factors: list[Factors], names: Sequence[str]) -> list[Factors]:
    return sorted(factors, key=lambda one: names.index(one.original.name))


def _points(
    model: FloatModel,
    names: Sequence[str],
    images: ImageArray,
    preprocess: Preprocess,
    inputs: Mapping[str, Inputs],
    on_step: OnStep | None,
) -> dict[str, list[Point]]:
    """What every rank tried saves and costs, by layer."""
    shapes, tried = model.shapes(), list[tuple[Factors, int]]()
    for conv in model.convs:
        if conv.name not in names:
            continue
        one, whole = _cost(conv, shapes), _pixels(shapes[conv.name]) * conv.weight.size
        ranks = {max(1, int(share * whole / one)) for share in SHARES}
        for rank in sorted(ranks, reverse=True):
            if rank < full_rank(conv) and rank * one < whole:
                tried.append((factorise(conv, rank, inputs[conv.name]), whole - rank * one))
        if on_step:
            on_step(f"low ranks of {conv.name}")
    found = scan(model, images, preprocess, [factors.product for factors, _ in tried], on_step)
    out: dict[str, list[Point]] = {}
    for (factors, saved), cost in zip(tried, found, strict=True):
        out.setdefault(factors.original.name, []).append(Point(factors, saved, float(cost)))
    return out


def _cost(conv: Conv, shapes: Mapping[str, Shape]) -> int:
    """Multiplications of both convolutions at rank 1."""
    factors = factorise(conv, 1)
    inner = factors.basis.output_shape(shapes[conv.inputs[0]])
    return _pixels(inner) * factors.basis.weight.size + _pixels(shapes[conv.name]) * factors.mix.weight.size


def hull(points: Sequence[Point]) -> list[_Step]:
    """The steps of a layer from its full rank on, prices rising; points above the hull are left out."""
    kept: list[Point | None] = [None]
    for point in sorted(points, key=lambda p: p.saved):
        while len(kept) > 1 and _price(kept[-2], kept[-1]) >= _price(kept[-1], point):
            kept.pop()
        kept.append(point)
    return [
        _Step(after, after.saved - (before.saved if before else 0), _price(before, after))
        for before, after in zip(kept, kept[1:], strict=False)
        if after
    ]


def _price(before: Point | None, after: Point | None) -> float:
    """Divergence per multiplication saved from one point to the next; None is the layer as it came."""
    (a, x), (b, y) = ((p.saved, p.divergence) if p else (0, 0.0) for p in (before, after))
    return (y - x) / (b - a)


def chosen(steps: Sequence[_Step]) -> list[Factors]:
    """Where the layers stand after ``steps``."""
    return list({step.point.factors.original.name: step.point.factors for step in steps}.values())


def _within(steps: Sequence[_Step], whole: int, budget: float) -> int:
    """How many of ``steps`` leave at most ``budget`` percent of ``whole`` multiplications."""
    left = whole
    for number, step in enumerate(steps):
        if 100 * left <= budget * whole:
            return number
        left -= step.saved
    if 100 * left > budget * whole:
        raise FpgaSqueezeError(
            f"field rank_macs {budget:g}: the lowest ranks tried leave {100 * left / whole:.1f} percent of the "
            "multiplications; give more, or field ranks for layers you choose"
        )
    return len(steps)
