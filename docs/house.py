"""Draws docs/house.svg, the rooms of the compiler on their floors: python -m docs.house"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

FLOORS: tuple[dict[str, str], ...] = (
    {"errors": "the exception of a user's mistake"},
    {"paths": "where the package's own files lie"},
    {"network": "layers in float and integers, fixed point, golden"},
    {
        "coding": "bits, codes, terms",
        "device": "catalogue, RAM, DSP",
        "datasets": "images and labels",
        "zoo": "published networks",
    },
    {"frontend": "readers: ONNX, .net, torch", "export": "writers: QDQ and float ONNX"},
    {
        "quantization": "binary points, rounding, budgets",
        "compression": "prune, low rank, shared weights",
        "training": "torch: networks trained",
    },
    {"planning": "kernels, folding, memories, exact schedule, cost"},
    {"emit": "plan to HLS C++, RTL, words"},
    {"project": "a generated design on disk"},
    {"verify": "csim, cosim, Yosys, HLS tools, pragmas"},
    {"flow": "the verbs, step by step"},
    {"explore": "studies of designs, samplers, pictures"},
    {"api": "the verbs as Python functions"},
    {"cli": "parses, prints, exits"},
    {"demo": "make demo", "__main__": "python -m fpga_squeeze"},
)
"""From the ground up, a short job for each room; ``tests/test_house.py`` holds the imports to these floors."""

OUTSIDE = {
    "emit": ("templates/", "rtl/, hls/: files as they are; generated/: with holes"),
    "verify": ("sim/", "test benches and drivers in C++"),
}
"""What a room takes from beside the package."""

INK, LINE = "#1f2933", "#52606d"
COLOURS = ("#f4ead2", "#e3f1df", "#d9e8f6", "#eadff2")
"""Ground, models, design, use."""
BANDS = (2, 6, 9, 15)
"""Floors below which each colour is used."""
LEFT, WIDTH, HEIGHT, GAP, ROOF, SIDE = 60, 640, 44, 6, 44, 300


def _text(x: float, y: float, text: str, size: float, weight: str = "normal", anchor: str = "middle") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _room(x: float, y: float, width: float, name: str, job: str, fill: str, dash: str = "") -> list[str]:
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{HEIGHT}" rx="4" fill="{fill}" stroke="{LINE}"{dash}/>',
        _text(x + width / 2, y + 18, name, 13, "bold"),
        _text(x + width / 2, y + 35, job, 11),
    ]


def draw() -> str:
    """The picture as SVG."""
    storey = HEIGHT + GAP
    height = ROOF + 20 + len(FLOORS) * storey + 34
    total = LEFT + WIDTH + 40 + SIDE + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" '
        f'font-family="DejaVu Sans, Verdana, sans-serif" fill="{INK}">',
        f'<rect width="{total}" height="{height}" fill="#ffffff"/>',
        f'<path d="M{LEFT - 12} {ROOF + 12} L{LEFT + WIDTH / 2:g} 10 L{LEFT + WIDTH + 12} {ROOF + 12} Z" '
        f'fill="#f5f7fa" stroke="{LINE}"/>',
        _text(LEFT + WIDTH / 2, ROOF - 2, "fpga_squeeze/", 13, "bold"),
    ]
    for number, rooms in enumerate(FLOORS):
        y = ROOF + 20 + (len(FLOORS) - 1 - number) * storey
        fill = COLOURS[next(n for n, end in enumerate(BANDS) if number < end)]
        width = (WIDTH - GAP * (len(rooms) - 1)) / len(rooms)
        out.append(_text(LEFT - 22, y + 27, str(number), 12))
        for place, (name, job) in enumerate(rooms.items()):
            out += _room(LEFT + place * (width + GAP), y, width, name, job, fill)
            if name in OUTSIDE:
                x = LEFT + WIDTH + 40
                out += _room(x, y, SIDE, *OUTSIDE[name], "#f5f7fa", ' stroke-dasharray="4 3"')
                tip, middle = LEFT + WIDTH + 2, y + HEIGHT / 2
                out.append(f'<path d="M{x} {middle:g} H{tip + 7}" stroke="{LINE}"/>')
                out.append(
                    f'<path d="M{tip} {middle:g} l9 -4 v8 Z" fill="{LINE}"/>',
                )
    ground = height - 28
    out += [
        f'<path d="M20 {ground} H{LEFT + WIDTH + 20}" stroke="{LINE}" stroke-width="2"/>',
        _text(
            LEFT + WIDTH / 2,
            ground + 19,
            "imports only go down; rooms of one floor do not import each other",
            12,
        ),
        "</svg>",
    ]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf-8")
