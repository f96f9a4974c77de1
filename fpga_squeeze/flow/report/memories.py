"""Block RAM as a map: a cell for every block of every memory, filled as far as its words reach."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from .numbers import MemoryUse, Report, TileUse
from .palette import PURPOSES
from .svg import Svg

CELL, TALL, GAP, PER_LINE = 16, 32, 3, 24
"""Width of a block, height of a RAMB36, between blocks, blocks in a line; a RAMB18 is half as high. In pixels."""


@dataclass(frozen=True)
class Map:
    """The blocks of a memory: a picture, and what it says in words."""

    memory: MemoryUse
    blocks: str
    fill: str
    picture: Markup


def maps(report: Report) -> dict[str, list[Map]]:
    """By kernel, a picture for every memory that lies in blocks."""
    out: dict[str, list[Map]] = {}
    for number, memory in enumerate(report.memories):
        if memory.tiles:
            out.setdefault(memory.kernel, []).append(_map(number, memory))
    return out


def blocks_of(memory: MemoryUse) -> str:
    """``2 RAMB36, 1 RAMB18``."""
    kinds = dict.fromkeys(tile.kind for tile in memory.tiles)
    counts = {kind: memory.copies * sum(tile.kind == kind for tile in memory.tiles) for kind in kinds}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _map(number: int, memory: MemoryUse) -> Map:
    colour, meaning = PURPOSES[memory.purpose]
    cells = [(copy, tile) for copy in range(memory.copies) for tile in memory.tiles]
    lines = -(-len(cells) // PER_LINE)
    width = min(len(cells), PER_LINE) * (CELL + GAP) - GAP
    blocks, fill = blocks_of(memory), f"{100 * (memory.fill or 0):.0f} %"
    picture = Svg(
        f"ram{number}",
        width,
        lines * (TALL + GAP) - GAP,
        f"{memory.name}: {blocks}",
        f"{meaning} of {memory.kernel}, {fill} full",
    )
    for place, (copy, tile) in enumerate(cells):
        x, y = place % PER_LINE * (CELL + GAP), place // PER_LINE * (TALL + GAP)
        height = TALL // 2 if tile.kind == "RAMB18" else TALL
        y += TALL - height
        picture.rect(x, y, CELL, height, "track", _tip(memory, copy, tile))
        full = height * min(1, tile.fill)
        picture.rect(x, y + height - full, CELL, full, f"c{colour} still")
    return Map(memory, blocks, fill, Markup(str(picture)))


def _tip(memory: MemoryUse, copy: int, tile: TileUse) -> str:
    bank = f" of bank {copy}" if memory.copies > 1 else ""
    return (
        f"{memory.name}, {tile.kind}: words {tile.row:,} to {tile.row + tile.depth - 1:,}, "
        f"bits {tile.bit} to {tile.bit + tile.width - 1}{bank}, {100 * tile.fill:.0f} % full"
    )
