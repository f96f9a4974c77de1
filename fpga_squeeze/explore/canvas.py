"""Shapes on a page: axes with ticks, points, bars, fields, and a scale of colours; the template writes them as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..flow.report.svg import round_step

COLOURS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
"""Viridis, from low to high: even in lightness, and told apart by those who do not see red or green."""


def number(value: float) -> str:
    """A number as short as a label wants it."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def colour(share: float) -> str:
    """The colour at ``share`` (0 to 1) of the scale."""
    at = min(max(share, 0.0), 1.0) * (len(COLOURS) - 1)
    low = min(int(at), len(COLOURS) - 2)
    a, b = (int(c[1:], 16) for c in COLOURS[low : low + 2])
    mixed = [round(((a >> s) & 255) + (at - low) * (((b >> s) & 255) - ((a >> s) & 255))) for s in (16, 8, 0)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers between ``low`` and ``high``."""
    if high <= low:
        return [low]
    step = round_step((high - low) / count, (1, 2, 2.5, 5, 10))
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Axis:
    """Values ``low`` to ``high`` at pixels ``start`` to ``stop``."""

    low: float
    high: float
    start: float
    stop: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, stop: float, margin: float = 0.05) -> Axis:
        """With a margin around ``values``; of one value, around it."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = (high - low) * margin or abs(high) * 0.1 or 1.0
        return cls(low - room, high + room, start, stop)

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 1)


@dataclass
class Canvas:
    """A page of ``width`` and ``height`` pixels and what stands on it."""

    width: int
    height: int = 0
    shapes: list[dict[str, object]] = field(default_factory=list)

    def text(
        self, x: float, y: float, text: str, style: str = "text", anchor: str = "start", turn: int = 0
    ) -> None:
        self.shapes.append(
            {"kind": "text", "x": x, "y": y, "text": text, "style": style, "anchor": anchor, "turn": turn}
        )

    def path(self, points: Sequence[tuple[float, float]], style: str) -> None:
        d = " ".join(f"{'L' if n else 'M'}{x:g},{y:g}" for n, (x, y) in enumerate(points))
        self.shapes.append({"kind": "path", "d": d, "style": style})

    def circle(
        self, x: float, y: float, r: float, style: str, tip: str = "", fill: str = "", stroke: str = ""
    ) -> None:
        self.shapes.append(
            {
                "kind": "circle",
                "x": x,
                "y": y,
                "r": r,
                "style": style,
                "tip": tip,
                "fill": fill,
                "stroke": stroke,
            }
        )

    def cross(self, x: float, y: float, r: float, style: str) -> None:
        self.path([(x - r, y - r), (x + r, y + r)], style)
        self.path([(x - r, y + r), (x + r, y - r)], style)

    def rect(
        self, x: float, y: float, width: float, height: float, style: str, tip: str = "", fill: str = ""
    ) -> None:
        size = {"x": x, "y": y, "width": round(width, 1), "height": round(height, 1)}
        self.shapes.append({"kind": "rect", "style": style, "tip": tip, "fill": fill, **size})

    def frame(self, across: Axis, up: Axis, x_title: str, y_title: str, count: int = 6) -> None:
        """Axes with ticks and titles; ``up`` runs from the lower pixel to the upper one."""
        left, right, bottom, top = across.start, across.stop, up.start, up.stop
        for value in ticks(across.low, across.high, count):
            self.path([(across(value), bottom), (across(value), top)], "tick")
            self.text(across(value), bottom + 16, number(value), "small", "middle")
        for value in ticks(up.low, up.high, count):
            self.path([(left, up(value)), (right, up(value))], "tick")
            self.text(left - 6, up(value) + 4, number(value), "small", "end")
        self.path([(left, top), (left, bottom), (right, bottom)], "axis")
        self.text((left + right) / 2, bottom + 36, x_title, "text", "middle")
        self.text(left - 52, (top + bottom) / 2, y_title, "text", "middle", -90)

    def scale(self, x: float, top: float, bottom: float, low: float, high: float, title: str) -> None:
        """The legend of the colours from ``low`` to ``high``."""
        self.rect(x, top, 14, bottom - top, "rim", title, "url(#scale)")
        axis = Axis(low, high, bottom, top) if high > low else Axis(low - 1, low + 1, bottom, top)
        for value in ticks(low, high, 5):
            self.text(x + 20, axis(value) + 4, number(value), "small")
        self.text(x - 8, (top + bottom) / 2, title, "text", "middle", -90)

    def context(self, title: str) -> dict[str, object]:
        """What the template needs."""
        stops = [{"at": n / (len(COLOURS) - 1), "colour": c} for n, c in enumerate(COLOURS)]
        return {
            "title": title,
            "width": self.width,
            "height": self.height,
            "shapes": self.shapes,
            "stops": stops,
        }
