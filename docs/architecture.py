"""Draws docs/architecture.svg: python docs/architecture.py (needs matplotlib)."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "fpga-squeeze", "font.family": "DejaVu Sans", "svg.fonttype": "path"}
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.patches import FancyBboxPatch  # noqa: E402

INK, LINE = "#1f2933", "#52606d"
FILL = {"engine": "#d9e8f6", "pool": "#e3f1df", "edge": "#f4ead2", "memory": "#eadff2", "plain": "#f5f7fa"}


def box(ax: plt.Axes, x: float, y: float, w: float, h: float, text: str, kind: str, size: float = 9) -> None:
    style = "round,pad=0,rounding_size=0.06"
    ax.add_patch(FancyBboxPatch((x, y), w, h, style, facecolor=FILL[kind], edgecolor=LINE, linewidth=1))
    ax.text(x + w / 2, y + h / 2, text, ha="center", va="center", fontsize=size, color=INK, linespacing=1.35)


def arrow(ax: plt.Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    ax.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "-|>", "color": LINE, "linewidth": 1.2})


def draw(path: Path) -> None:
    fig, ax = plt.subplots(figsize=(13.5, 7.4))
    ax.set_xlim(0, 22)
    ax.set_ylim(0, 12.8)
    ax.axis("off")

    ax.text(
        0.2,
        12.3,
        "The accelerator: a chain of kernels, linked by streams of row words",
        fontsize=11,
        color=INK,
    )
    chain = [
        ("image\nline gatherer", "edge"),
        ("conv1", "engine"),
        ("pool1", "pool"),
        ("fire2", "engine"),
        ("fire3 ...", "engine"),
        ("conv10", "engine"),
        ("pool10\naverage", "pool"),
    ]
    ax.text(0.2, 10.55, "s_axis\n64 bits\n8 pixels", fontsize=8, color=INK, va="center")
    arrow(ax, 1.5, 10.55, 2.2, 10.55)
    x = 2.2
    for i, (text, kind) in enumerate(chain):
        box(ax, x, 9.8, 2.05, 1.5, text, kind)
        if i < len(chain) - 1:
            arrow(ax, x + 2.05, 10.55, x + 2.6, 10.55)
        x += 2.6
    arrow(ax, x - 0.55, 10.55, x + 0.1, 10.55)
    ax.text(x + 0.15, 10.55, "m_axis\n32 bits\nlogits", fontsize=8, color=INK, va="center")
    note = "A row word is all pixels of one row of one channel. Every kernel ends in a FIFO; weights are on chip."
    ax.text(0.2, 9.15, note, fontsize=8.5, color=LINE)

    frame = FancyBboxPatch((0.2, 0.3), 21.6, 8.3, "round,pad=0,rounding_size=0.1", facecolor="none")
    frame.set(edgecolor=LINE, linestyle=(0, (4, 3)))
    ax.add_patch(frame)
    ax.text(
        0.5,
        8.05,
        "Inside a Fire engine: squeeze, expand 1x1 and expand 3x3 share one set of lanes",
        fontsize=11,
        color=INK,
    )
    box(ax, 0.7, 5.6, 3.4, 1.7, "input rows\nrow buffer", "memory")
    box(ax, 0.7, 2.9, 3.4, 1.7, "squeezed rows\nrow buffer", "memory")
    box(ax, 5.3, 4.2, 3.0, 1.9, "neighbour choice\nkx = 0, 1, 2", "plain")
    for i in range(4):
        box(
            ax,
            9.7,
            6.35 - i * 1.25,
            3.1,
            0.95,
            f"lane {i}: multiply, add" if i < 3 else "...  L lanes",
            "engine",
            8.5,
        )
    box(ax, 14.3, 4.2, 3.0, 1.9, "drain: shift, round\nhalf to even,\nsaturate", "plain")
    box(ax, 18.6, 4.2, 2.8, 1.9, "FIFO of\nrow words", "edge")
    box(ax, 9.7, 0.8, 3.1, 1.2, "weights: dense\nblock RAM, in order", "memory")
    box(ax, 4.7, 0.8, 3.6, 1.2, "sequencer\nrows, phases, channels", "plain")
    arrow(ax, 4.1, 6.3, 5.3, 5.6)
    arrow(ax, 4.1, 3.8, 5.3, 4.6)
    arrow(ax, 8.3, 5.15, 9.65, 5.15)
    arrow(ax, 12.85, 5.15, 14.3, 5.15)
    arrow(ax, 17.3, 5.15, 18.6, 5.15)
    arrow(ax, 11.25, 2.0, 11.25, 2.55)
    ax.text(11.45, 2.25, "c weights a cycle", fontsize=8, color=LINE, va="center")
    arrow(ax, 8.3, 1.4, 9.7, 1.4)
    arrow(ax, 6.6, 2.0, 6.6, 4.2)
    ax.plot([15.8, 15.8, 2.4, 2.4], [4.2, 0.62, 0.62, 2.6], color=LINE, linewidth=1.2)
    arrow(ax, 2.4, 2.5, 2.4, 2.9)
    ax.text(16.0, 2.3, "squeeze results,\nfor both expands", fontsize=8, color=LINE, va="center")
    fig.savefig(path, bbox_inches="tight", pad_inches=0.08, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(__file__).with_suffix(".svg"))
