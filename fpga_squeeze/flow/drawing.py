"""The picture of a model file: a box for each layer, or for each node of a file that is refused, from top to bottom."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..emit.render import render
from ..network.graph import IMAGE
from .inspection import Inspection, LayerReport

WIDTH, LINE, HEAD, GAP_X, GAP_Y, MARGIN, AROUND = 260, 16, 26, 36, 34, 24, 20
"""Of a box, a line of text, a box's first line, between boxes, around the page, around the boxes of an engine; in
pixels."""
MOST_CHARACTERS = 37


@dataclass
class _Box:
    name: str
    sources: Sequence[str]
    texts: Sequence[str]
    style: str = "box"
    tip: str = ""
    kernel: str = ""
    x: int = 0
    y: int = 0
    rank: int = 0

    @property
    def height(self) -> int:
        return HEAD + LINE * len(self.texts) + 4


def draw(inspection: Inspection) -> str:
    """The picture as SVG text, light and dark."""
    boxes = _layers(inspection.layers) if inspection.layers else _nodes(inspection)
    image = _Box(IMAGE, (), inspection.input.split(", "))
    placed = _place([image, *boxes])
    kernels = [_around(name, some) for name, some in _groups(placed).items()]
    lowest = max(box.y + box.height for box in placed)
    width = max(box.x + WIDTH for box in placed) + MARGIN + AROUND
    return render(
        "inspect/graph.svg.j2",
        {
            "title": f"{inspection.path}: {inspection.kind}",
            "width": width,
            "height": lowest + MARGIN + AROUND,
            "kernels": kernels,
            "edges": _edges(placed),
            "boxes": [
                {
                    "name": _short(box.name),
                    "style": box.style,
                    "tip": box.tip or "\n".join([box.name, *box.texts]),
                    "x": box.x,
                    "y": box.y,
                    "width": WIDTH,
                    "height": box.height,
                    "lines": [
                        {"y": box.y + HEAD + LINE * i + 8, "text": _short(text)}
                        for i, text in enumerate(box.texts)
                    ],
                }
                for box in placed
            ],
        },
    )


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _layers(layers: Sequence[LayerReport]) -> list[_Box]:
    out = []
    for layer in layers:
        texts = [f"{layer.kind}, {layer.shape}"]
        if layer.type:
            texts.append(layer.type)
        if layer.weights:
            w = layer.weights
            bits = f"{w.bits} bits, " if w.bits else ""
            texts.append(f"weights {bits}{w.low:.4g} to {w.high:.4g}")
        if layer.rounding:
            texts.append(layer.rounding)
        out.append(_Box(layer.name, layer.inputs, texts, kernel=layer.kernel))
    return out


def _nodes(inspection: Inspection) -> list[_Box]:
    """The nodes of a file that is refused: those that were understood, those that were not, and what lies behind."""
    maker = {output: node.name for node in inspection.nodes for output in node.outputs}
    styles = {"refused": "refused", "behind": "behind"}
    return [
        _Box(
            node.name,
            [maker.get(name, IMAGE if name == inspection.image else "") for name in node.inputs],
            [node.op, *textwrap.wrap(node.reason, MOST_CHARACTERS)],
            styles.get(node.role, "box"),
            tip=f"{node.name} ({node.op}): {node.reason or node.role}",
        )
        for node in inspection.nodes
        if node.role not in ("constant", "unused")
    ]


def _place(boxes: list[_Box]) -> list[_Box]:
    """Each box a rank below the lowest of those it reads; boxes of a rank side by side, centred."""
    known = {box.name: box for box in boxes}
    for box in boxes:
        ranks = [known[name].rank for name in box.sources if name in known and known[name] is not box]
        box.rank = max(ranks, default=-1) + 1
    rows: dict[int, list[_Box]] = {}
    for box in boxes:
        rows.setdefault(box.rank, []).append(box)
    widest = max(len(row) for row in rows.values())
    y = MARGIN + AROUND
    for rank in sorted(rows):
        row = rows[rank]
        left = MARGIN + AROUND + (widest - len(row)) * (WIDTH + GAP_X) // 2
        for i, box in enumerate(row):
            box.x, box.y = left + i * (WIDTH + GAP_X), y
        y += max(box.height for box in row) + GAP_Y
    return boxes


def _groups(boxes: Sequence[_Box]) -> dict[str, list[_Box]]:
    """The boxes of engines that compute several layers."""
    out: dict[str, list[_Box]] = {}
    for box in boxes:
        if box.kernel:
            out.setdefault(box.kernel, []).append(box)
    return {name: some for name, some in out.items() if len(some) > 1}


def _around(name: str, boxes: Sequence[_Box]) -> Mapping[str, object]:
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + WIDTH for box in boxes), max(box.y + box.height for box in boxes)
    return {
        "name": name,
        "x": left - AROUND + 6,
        "y": top - AROUND + 2,
        "width": right - left + 2 * AROUND - 12,
        "height": bottom - top + 2 * AROUND - 8,
    }


def _edges(boxes: Sequence[_Box]) -> list[str]:
    known = {box.name: box for box in boxes}
    out = []
    for box in boxes:
        for name in dict.fromkeys(box.sources):
            source = known.get(name)
            if source is None:
                continue
            x0, y0 = source.x + WIDTH // 2, source.y + source.height
            x1, y1 = box.x + WIDTH // 2, box.y
            middle = (y0 + y1) // 2
            out.append(f"M{x0},{y0} C{x0},{middle} {x1},{middle} {x1},{y1}")
    return out
