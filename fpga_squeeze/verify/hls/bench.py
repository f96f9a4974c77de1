"""The verdict of our own bench: the lines that ``sim/hls_bench.cpp`` prints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import FpgaSqueezeError
from ..compare import Mismatch
from .tops import Top

_FIELD = re.compile(r"(\w+)=(\S+)")


@dataclass(frozen=True)
class Verdict:
    """What the bench found over all frames.

    words       that came back and were compared; values are their pixels
    mismatches  pixels that differ, are missing, or are too many
    left        words of the input that were not read
    first       the first pixel that differs
    """

    frames: int
    words: int
    values: int
    mismatches: int
    left: int
    first: Mismatch | None

    @property
    def equal(self) -> bool:
        """Something was compared and nothing differs."""
        return self.values > 0 and self.mismatches == 0 and self.left == 0


def _fields(line: str) -> dict[str, str]:
    return dict(_FIELD.findall(line))


def _first(fields: dict[str, str]) -> Mismatch:
    got = fields["got"]
    return Mismatch(
        kernel=fields["stream"],
        frame=int(fields["frame"]),
        channel=int(fields["channel"]),
        row=int(fields["row"]),
        column=int(fields["column"]),
        expected=int(fields["expected"]),
        got=None if got == "none" else int(got),
    )


def read_verdict(lines: Iterable[str], top: Top, frames: int) -> Verdict:
    """Verdict on ``top`` from the output of a simulation; other lines between ours are skipped.

    Raises FpgaSqueezeError where not every frame was compared: a simulation that stops early proves nothing.
    """
    words = values = mismatches = left = 0
    seen: list[int] = []
    first: Mismatch | None = None
    for line in lines:
        _, mark, rest = line.partition("FSQ ")
        if not mark:
            continue
        fields = _fields(rest)
        if fields.get("kernel") != top.name:
            continue
        try:
            if rest.startswith("first "):
                first = first or _first(fields)
                continue
            seen.append(int(fields["frame"]))
            words += int(fields["words"])
            values += int(fields["values"])
            mismatches += int(fields["mismatches"])
            left += int(fields["left"])
        except (KeyError, ValueError) as error:
            raise FpgaSqueezeError(f"{top.name}: the bench's line cannot be read: {line.strip()}") from error
    if seen != list(range(frames)):
        raise FpgaSqueezeError(f"{top.name}: the simulation compared {len(seen)} of {frames} frames")
    if mismatches == 0 and (words, values) != (frames * top.frame_words, frames * top.frame_values):
        raise FpgaSqueezeError(
            f"{top.name}: the bench compared {values} values, not those of {frames} frames"
        )
    return Verdict(frames, words, values, mismatches, left, first)
