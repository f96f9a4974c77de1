"""SVG text, one element at a time; numbers come with as many digits as a screen shows."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape, quoteattr


def number(value: float) -> str:
    """At most two decimals, no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def round_step(least: float, factors: tuple[float, ...] = (1, 2, 5, 10)) -> float:
    """The smallest of ``factors``, times a power of ten, that is not below ``least`` (above 0)."""
    size = 10.0 ** math.floor(math.log10(least))
    return size * next(factor for factor in factors if factor * size >= least * 0.999)


class Svg:
    """A picture of ``width`` times ``height``; ``title`` and ``text`` are what it says to who cannot see it."""

    def __init__(self, name: str, width: float, height: float, title: str, text: str) -> None:
        self.width, self.height = width, height
        self._head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
            f'width="{number(width)}" height="{number(height)}" role="img" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(text)}</desc>'
        )
        self._parts: list[str] = []

    def __str__(self) -> str:
        return self._head + "\n".join(self._parts) + "</svg>"

    def rect(
        self, x: float, y: float, width: float, height: float, style: str, tip: str = "", radius: int = 0
    ) -> None:
        size = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        round_ = f' rx="{radius}"' if radius else ""
        self._element("rect", f"{size}{round_} class={quoteattr(style)}", tip)

    def path(self, d: str, style: str, tip: str = "") -> None:
        self._element("path", f'd="{d}" class={quoteattr(style)}', tip)

    def text(self, x: float, y: float, text: str, style: str = "", anchor: str = "start") -> None:
        end = "" if anchor == "start" else f' text-anchor="{anchor}"'
        kind = f" class={quoteattr(style)}" if style else ""
        self._parts.append(f'<text x="{number(x)}" y="{number(y)}"{kind}{end}>{escape(text)}</text>')

    def open(self, link: str, label: str) -> None:
        """What follows, up to :meth:`close`, leads to another place of the page."""
        self._parts.append(f"<a href={quoteattr(link)} aria-label={quoteattr(label)}>")

    def close(self) -> None:
        self._parts.append("</a>")

    def _element(self, name: str, attributes: str, tip: str) -> None:
        inside = f"><title>{escape(tip)}</title></{name}>" if tip else "/>"
        self._parts.append(f"<{name} {attributes}{inside}")
