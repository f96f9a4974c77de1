"""How often each integer occurs among the weights of a convolution: a small picture for each."""

from __future__ import annotations

from math import sqrt

from .numbers import WeightUse
from .svg import Svg, number

WIDTH, HEIGHT, AXIS = 250, 66, 14
"""Of the picture, and of the numbers below it; in pixels."""


def draw(place: int, weights: WeightUse) -> str:
    """Heights are square roots of counts, so that rare values show beside many zeros; the axis is the type's range."""
    least, most = -(1 << (weights.bits - 1)), (1 << (weights.bits - 1)) - 1
    least, most = min(least, weights.low), max(most, weights.low + len(weights.counts) - 1)
    column = WIDTH / (most - least + 1)
    peak = max(weights.counts)
    high = weights.low + len(weights.counts) - 1
    picture = Svg(
        f"weights{place}",
        WIDTH,
        HEIGHT + AXIS,
        f"Weights of {weights.layer}",
        f"{weights.total:,} integers from {weights.low} to {high}, {weights.zeros:,} of them 0, "
        f"at most {peak:,} of one value",
    )
    parts = []
    for i, count in enumerate(weights.counts):
        if count:
            tall = max(0.7, HEIGHT * sqrt(count / peak))
            left = (weights.low + i - least) * column
            parts.append(f"M{number(left)},{HEIGHT}v-{number(tall)}h{number(column)}V{HEIGHT}z")
    picture.path("".join(parts), "c1 still")
    picture.path(f"M0,{HEIGHT + 0.5}H{WIDTH}", "axis")
    picture.text(0, HEIGHT + 12, f"{least}", "small")
    picture.text(-least * column, HEIGHT + 12, "0", "small", "middle")
    picture.text(WIDTH, HEIGHT + 12, f"{most}", "small", "end")
    return str(picture)
