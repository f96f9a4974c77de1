"""Numbers as the page shows them."""

from __future__ import annotations


def percent(part: float, whole: float) -> str:
    """Empty where there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def width(part: float, whole: float) -> str:
    """Of a bar, as CSS takes it."""
    return f"{min(100.0, 100 * part / whole):.2f}%" if whole else "0%"


def count(value: float) -> str:
    """Empty for none."""
    return f"{value:,g}" if value else ""
