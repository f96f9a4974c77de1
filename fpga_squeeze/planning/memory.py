"""Memories of a design: which arrays they are cut into, and how many block RAMs these take.

A RAMB36 holds 36,864 bits and works as 32K x 1, 16K x 2, 8K x 4, 4K x 9, 2K x 18, 1K x 36 or 512 x 72; a RAMB18 holds
half (UG473 for 7 series, table 1-7 and 1-8; UG573 for UltraScale). One array is emitted per block, so that the count
below is what synthesis must find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RAMB36_BITS = 36_864
TileKind = Literal["RAMB36", "RAMB18"]

_RAMB36_WIDTH = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))
_RAMB18_WIDTH = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))


@dataclass(frozen=True)
class Tile:
    """One emitted array: rows ``[row, row + depth)`` and bits ``[bit, bit + width)`` of its memory."""

    kind: TileKind
    row: int
    depth: int
    bit: int
    width: int


@dataclass(frozen=True)
class Memory:
    """A memory of ``depth`` words of ``width`` bits, ``payload_bits`` of which carry information.

    ``copies`` equal arrays exist (the banks of a row buffer). ``tiles`` is empty for distributed (LUT) RAM.
    """

    name: str
    purpose: Literal["weights", "table", "rows", "replay", "fifo", "sums"]
    depth: int
    width: int
    payload_bits: int
    tiles: tuple[Tile, ...] = ()
    copies: int = 1

    @property
    def block(self) -> bool:
        """Lies in block RAM."""
        return bool(self.tiles)

    @property
    def ramb36(self) -> int:
        return self.copies * sum(t.kind == "RAMB36" for t in self.tiles)

    @property
    def ramb18(self) -> int:
        return self.copies * sum(t.kind == "RAMB18" for t in self.tiles)

    @property
    def lutram_bits(self) -> int:
        """Bits of distributed RAM, 0 where the memory lies in block RAM."""
        return 0 if self.block else self.copies * self.depth * self.width


def ramb36_width(depth: int) -> int:
    """Widest word a RAMB36 offers at this depth (0: too deep for one block)."""
    return next((width for limit, width in _RAMB36_WIDTH if depth <= limit), 0)


def ramb18_width(depth: int) -> int:
    """Widest word a RAMB18 offers at this depth (0: too deep for one block)."""
    return next((width for limit, width in _RAMB18_WIDTH if depth <= limit), 0)


def rom_tiles(depth: int, width: int) -> tuple[Tile, ...]:
    """Cut a parameter memory into columns of 36 bits, each a stack of RAMB36 (1K x 36) and at most one RAMB18."""
    tiles = []
    for bit in range(0, width, 36):
        column = min(36, width - bit)
        for row in range(0, depth, 1024):
            rest = min(1024, depth - row)
            small = column <= ramb18_width(rest)
            tiles.append(Tile("RAMB18" if small else "RAMB36", row, rest, bit, column))
    return tuple(tiles)


def ram_tiles(depth: int, width: int) -> tuple[Tile, ...]:
    """Cut a row memory into columns of the widest word its depth allows; empty where it is too deep."""
    column = ramb36_width(depth)
    tiles = []
    for bit in range(0, width, column) if column else ():
        w = min(column, width - bit)
        tiles.append(Tile("RAMB18" if w <= ramb18_width(depth) else "RAMB36", 0, depth, bit, w))
    return tuple(tiles)


def tile_bits(tiles: tuple[Tile, ...]) -> int:
    """Capacity of the blocks, in bits."""
    return sum(RAMB36_BITS if t.kind == "RAMB36" else RAMB36_BITS // 2 for t in tiles)


BLOCK_FILL = 0.5
"""A row memory goes to block RAM where it fills at least this share of the blocks; else distributed RAM is cheaper."""


def row_memory(name: str, depth: int, width: int, copies: int = 1) -> Memory:
    """A row buffer: block RAM where that is well filled, distributed RAM elsewhere."""
    tiles = ram_tiles(depth, width)
    if not tiles or depth * width < BLOCK_FILL * tile_bits(tiles):
        tiles = ()
    return Memory(name, "rows", depth, width, depth * width * copies, tiles, copies)
