"""Many reasons in one line."""

from __future__ import annotations

MOST_REASONS = 8
"""Reasons told at once, and nodes for each; the others are counted."""


def told(reasons: dict[str, list[str]]) -> str:
    """Each reason behind the nodes that it is about, of many the first."""
    out = []
    for reason, places in reasons.items():
        shown = ", ".join(places[:MOST_REASONS])
        more = f" and {len(places) - MOST_REASONS} more" if len(places) > MOST_REASONS else ""
        out.append(f"{shown}{more}: {reason}" if shown else reason)
    more = f"; and {len(out) - MOST_REASONS} more reasons" if len(out) > MOST_REASONS else ""
    return "; ".join(out[:MOST_REASONS]) + more
