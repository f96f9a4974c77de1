"""The kernels and the streams between them, in reading order: left to right, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .numbers import Report
from .svg import Svg, number

WIDTH, LINE, HEAD, GAP_X, GAP_Y, MARGIN, SIDE, METER = 166, 15, 24, 30, 34, 8, 26, 5
"""Of a box, a line of text, a box's first line, between boxes, above and beside them, of a box's bar; in pixels."""
ARROW = 7
WIDE, NARROW = 5, 1
"""Boxes in a line of the two pictures."""
CHARACTERS = 27


@dataclass
class _Box:
    """``top`` and ``bottom`` are those of its line; ``alone``: it has no other box above or below it there."""

    name: str
    sources: tuple[str, ...]
    texts: Sequence[str]
    share: float
    rank: int = 0
    x: float = 0
    y: float = 0
    top: float = 0
    bottom: float = 0
    alone: bool = True

    @property
    def height(self) -> float:
        return HEAD + LINE * len(self.texts) + METER + 10


def draw(report: Report, per_line: int) -> str:
    """The graph with ``per_line`` kernels side by side; those that depend on each other stand one behind the other."""
    interval = report.estimate.cycles_per_frame
    costs = {cost.name: cost for cost in report.estimate.kernels}
    boxes = []
    for kernel in report.kernels:
        cost = costs[kernel.name]
        texts = [
            kernel.kind.replace("_", " ")
            + (f" {cost.folding[0]},{cost.folding[1]},{cost.folding[2]}" if cost.folding else "")
        ]
        texts.append(kernel.sends)
        if cost.lanes:
            texts.append(f"{cost.lanes:,} lanes, {cost.dsp:,} DSP")
        blocks = [
            f"{count:,} {name}"
            for name, count in (("RAMB36", cost.ramb36), ("RAMB18", cost.ramb18), ("URAM", cost.uram))
            if count
        ]
        texts.append(", ".join(blocks) or "no block RAM")
        texts.append(f"{cost.cycles:,} cycles, {100 * cost.cycles / interval:.1f} %")
        boxes.append(_Box(kernel.name, kernel.sources, texts, cost.cycles / interval))
    width, height = _place(boxes, per_line)
    picture = Svg(
        f"graph{per_line}",
        width,
        height,
        f"{len(boxes)} kernels of {report.manifest.model}",
        "; ".join(
            f"{box.name} reads {' and '.join(box.sources) or 'the image'}: {', '.join(box.texts)}"
            for box in boxes
        ),
    )
    known = {box.name: box for box in boxes}
    edges = [(known[name], box) for box in boxes for name in dict.fromkeys(box.sources)]
    for place, (source, box) in enumerate(edges):
        line, head = _edge(source, box, per_line, place)
        picture.path(line, "edge")
        picture.path(head, "tip")
    slowest = report.slowest.kernel
    for box in boxes:
        picture.open(f"#k-{box.name}", f"{box.name}, in the table of kernels")
        picture.rect(
            box.x, box.y, WIDTH, box.height, "box slowest" if box.name == slowest else "box", box.name, 5
        )
        picture.text(box.x + 9, box.y + 17, _short(box.name), "name")
        if box.name == slowest:
            picture.text(box.x + WIDTH - 9, box.y + 17, "slowest", "small", "end")
        for i, text in enumerate(box.texts):
            picture.text(box.x + 9, box.y + HEAD + LINE * i + 11, _short(text), "line")
        meter = box.y + box.height - METER - 6
        picture.rect(box.x + 9, meter, WIDTH - 18, METER, "track")
        picture.rect(box.x + 9, meter, (WIDTH - 18) * min(1, box.share), METER, "c1")
        picture.close()
    return str(picture)


def _short(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"


def _place(boxes: list[_Box], per_line: int) -> tuple[float, float]:
    """Give every box its rank and place; the size of the picture."""
    known = {box.name: box for box in boxes}
    columns: dict[int, list[_Box]] = {}
    for box in boxes:
        box.rank = max((known[name].rank + 1 for name in box.sources), default=0)
        columns.setdefault(box.rank, []).append(box)
    y: float = MARGIN
    for first in range(0, len(columns), per_line):
        line = [columns[rank] for rank in range(first, min(first + per_line, len(columns)))]
        tall = max(sum(box.height for box in column) + GAP_Y * (len(column) - 1) for column in line)
        for place, column in enumerate(line):
            at = y + (tall - sum(box.height for box in column) - GAP_Y * (len(column) - 1)) / 2
            for box in column:
                box.x, box.y, box.alone = SIDE + place * (WIDTH + GAP_X), at, len(column) == 1
                box.top, box.bottom = y, y + tall
                at += box.height + GAP_Y
        y += tall + GAP_Y
    return max(box.x for box in boxes) + WIDTH + SIDE, y - GAP_Y + MARGIN


def _edge(source: _Box, box: _Box, per_line: int, number_: int) -> tuple[str, str]:
    """From a box to one behind it, between the boxes on the way, and its arrow head.

    ``number_`` sets edges of one gap apart.
    """
    x0, y0 = source.x + WIDTH, source.y + source.height / 2
    x1, y1 = box.x, box.y + box.height / 2
    head = f"M{number(x1)},{number(y1)}l-{ARROW},-{ARROW / 2}v{ARROW}z"
    same_line = source.rank // per_line == box.rank // per_line
    if same_line and box.rank - source.rank == 1:
        middle = number((x0 + x1) / 2)
        line = f"M{number(x0)},{number(y0)}C{middle},{number(y0)} {middle},{number(y1)} {number(x1)},{number(y1)}"
        return line, head
    if per_line == 1 and source.alone and box.alone and box.rank - source.rank == 1:
        x, y = number(x1 + WIDTH / 2), number(box.y)
        return f"M{x},{number(source.y + source.height)}V{y}", f"M{x},{y}l-{ARROW / 2},-{ARROW}h{ARROW}z"
    apart = number_ % 3 * 4 - 4
    across = source.bottom + GAP_Y / 2 if same_line else box.top - GAP_Y / 2
    right, left = x0 + GAP_X / 2 - 2 + apart, x1 - GAP_X / 2 - 2 + apart
    line = f"M{number(x0)},{number(y0)}H{number(right)}V{number(across + apart)}H{number(left)}V{number(y1)}"
    return f"{line}H{number(x1)}", head
