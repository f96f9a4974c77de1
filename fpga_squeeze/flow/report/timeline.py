"""One frame on its way through the kernels, and those behind it: a line per kernel, cycles to the right."""

from __future__ import annotations

from collections.abc import Iterable

from .numbers import Report
from .palette import STAGES
from .svg import Svg, number, round_step

LEFT, WIDTH, ROW, BAR, TOP, RIGHT = 110, 860, 24, 15, 46, 14
"""Of names, cycles, lines, bars in them, what stands above and to the right; in pixels."""
GAP = 0.4
"""Pixels between two bars that are drawn as one."""
TICKS = 8
"""Marks on the axis, about."""


def nice_step(most: float, count: int) -> int:
    """A round number, about ``count`` of which make ``most``."""
    return round(round_step(max(1.0, most / count)))


def joined(spans: Iterable[tuple[int, int]], gap: float) -> list[tuple[int, int]]:
    """Spans in order, those less than ``gap`` apart as one."""
    out: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if out and start - out[-1][1] <= gap:
            out[-1] = out[-1][0], max(out[-1][1], stop)
        else:
            out.append((start, stop))
    return out


def draw(report: Report) -> str:
    """The first frame in colours, later ones in grey, until the second is out."""
    window, numbers = report.window, report.estimate
    scale = WIDTH / window
    height = TOP + ROW * len(report.kernels) + 34
    picture = Svg(
        "timeline",
        LEFT + WIDTH + RIGHT,
        height,
        "One frame through the kernels",
        f"The first frame is out after {numbers.latency_cycles:,} cycles; when frames follow each other, another one "
        f"every {numbers.cycles_per_frame:,} cycles. " + "; ".join(_told(report)),
    )
    bottom = TOP + ROW * len(report.kernels)
    step = nice_step(window, TICKS)
    for cycle in range(0, window, step):
        x = LEFT + cycle * scale
        picture.path(f"M{number(x)},{TOP}V{bottom}", "grid")
        if x < LEFT + WIDTH - 30:
            picture.text(x, bottom + 14, f"{cycle:,}", "small", "middle")
    picture.text(LEFT + WIDTH, bottom + 28, "cycles from the first input beat", "small", "end")
    for line, kernel in enumerate(report.kernels):
        y = TOP + ROW * line
        picture.text(LEFT - 8, y + ROW / 2 + 4, kernel.name, "label", "end")
        own = [span for span in report.spans if span.kernel == kernel.name]
        later = {span.frame for span in own if span.frame}
        for frame in sorted(later):
            bars = joined(((s.start, s.stop) for s in own if s.frame == frame), GAP / scale)
            picture.path(
                _bars(bars, y, scale, window), f"later{frame % 2}", f"{kernel.name}, frame {frame + 1}"
            )
        for key, (colour, meaning) in STAGES.items():
            mine = [s for s in own if not s.frame and kernel.stages[s.stage] == key]
            if mine:
                bars = joined(((s.start, s.stop) for s in mine), GAP / scale)
                at = f"cycles {min(s.start for s in mine):,} to {max(s.stop for s in mine):,}"
                picture.path(_bars(bars, y, scale, window), f"c{colour}", f"{kernel.name}: {meaning}, {at}")
    _bracket(picture, 0, numbers.latency_cycles, 14, scale, f"latency {numbers.latency_cycles:,}")
    first, second = report.schedule.outputs[:2]
    _bracket(picture, first + 1, second + 1, 14, scale, f"{second - first:,} to the next")
    for end in (first, second):
        picture.path(f"M{number(LEFT + (end + 1) * scale)},{TOP - 18}V{bottom}", "mark")
    return str(picture)


def _told(report: Report) -> Iterable[str]:
    for kernel in report.kernels:
        own = [span for span in report.spans if span.kernel == kernel.name and not span.frame]
        if own:
            yield f"{kernel.name} from {min(s.start for s in own):,} to {max(s.stop for s in own):,}"


def _bars(bars: Iterable[tuple[int, int]], y: float, scale: float, window: int) -> str:
    top = y + (ROW - BAR) / 2
    parts = []
    for start, stop in bars:
        width = max(GAP, (min(stop, window) - start) * scale)
        parts.append(f"M{number(LEFT + start * scale)},{number(top)}h{number(width)}v{BAR}h-{number(width)}z")
    return "".join(parts)


def _bracket(picture: Svg, start: int, stop: int, y: float, scale: float, text: str) -> None:
    x0, x1 = LEFT + start * scale + 1, LEFT + stop * scale - 1
    picture.path(f"M{number(x0)},{y + 12}v-6H{number(x1)}v6", "bracket")
    picture.text((x0 + x1) / 2, y, text, "strong", "middle")
