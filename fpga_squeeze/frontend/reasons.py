"""Why a file is refused, in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import FpgaSqueezeError

LEAVE_OUT = "leave out field preprocess, or field mean, field std and field bgr"
"""The way out where a file has its preprocessing in it."""
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


@contextlib.contextmanager
def one_line(path: str | Path) -> Iterator[None]:
    """What damaged files lead to, told as one line."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        # Attributes of a wrong type or length, as damaged files have them; onnx itself checks none of that.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FpgaSqueezeError(
            f"{path}: is damaged or no valid ONNX ({reason}); export the model again"
        ) from error
