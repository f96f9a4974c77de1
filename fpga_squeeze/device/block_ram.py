"""Memories of a design: which arrays they are cut into, and how many block RAMs these take.

A memory lies in distributed (LUT) RAM, block RAM or UltraRAM. A RAMB36 holds 36,864 bits and works as 32K x 1,
16K x 2, 8K x 4, 4K x 9, 2K x 18, 1K x 36 or 512 x 72; a RAMB18 holds half (UG473 for 7 series, table 1-7 and 1-8; UG573
for UltraScale). A URAM288 of UltraScale+ is 4K x 72 and nothing else (UG573); the bitstream cannot initialise it, so
that it holds activations only. One array is emitted per block, so that the count below is what synthesis must find.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from .lut_ram import PAGE, ceil_div, dual_luts, line_luts, line_pages, mux_luts, single_luts

RAMB36_BITS = 36_864
TileKind = Literal["RAMB36", "RAMB18", "URAM288"]
Style = Literal["lut", "block", "ultra"]
"""Where a memory lies: distributed RAM, block RAM, UltraRAM."""
STYLES: tuple[Style, ...] = ("lut", "block", "ultra")
"""In the order of parameter STYLE of fsq_row_ram."""
SINGLE_STYLE = 3
"""STYLE of fsq_line_bank: distributed RAM with one address."""

URAM_DEPTH, URAM_WIDTH = 4096, 72

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

    ``copies`` equal arrays exist (the banks of a row buffer). ``tiles`` is empty for distributed (LUT) RAM, and for a
    FIFO of one word, which is a register. ``single`` is the number of equal parts of a distributed RAM that have one
    address for writing and reading each; 0 where there are two addresses. ``lines`` rows lie in each of the copies.
    """

    name: str
    purpose: Literal["weights", "table", "rows", "kept", "store", "replay", "phases", "fifo", "sums"]
    depth: int
    width: int
    payload_bits: int
    tiles: tuple[Tile, ...] = ()
    copies: int = 1
    single: int = 0
    lines: int = 1

    @property
    def register(self) -> bool:
        """Is no RAM but a register."""
        return self.purpose == "fifo" and self.depth == 1

    @property
    def style(self) -> Style:
        if not self.tiles:
            return "lut"
        return "ultra" if self.tiles[0].kind == "URAM288" else "block"

    @property
    def style_number(self) -> int:
        """Parameter STYLE of the modules that hold rows: a number of STYLES, or SINGLE_STYLE."""
        return SINGLE_STYLE if self.single else STYLES.index(self.style)

    @property
    def column_bits(self) -> int:
        """Width of a column of blocks."""
        return self.tiles[0].width if self.tiles else self.width

    @property
    def ramb36(self) -> int:
        return self.copies * sum(t.kind == "RAMB36" for t in self.tiles)

    @property
    def ramb18(self) -> int:
        return self.copies * sum(t.kind == "RAMB18" for t in self.tiles)

    @property
    def uram(self) -> int:
        return self.copies * sum(t.kind == "URAM288" for t in self.tiles)

    @property
    def lutram_bits(self) -> int:
        """Bits of distributed RAM, 0 where the memory lies elsewhere."""
        return 0 if self.tiles or self.register else self.copies * self.depth * self.width

    @property
    def lutram_luts(self) -> int:
        """LUTs of distributed RAM, by the rules of lutram.py."""
        if self.tiles or self.register:
            return 0
        if self.single:
            luts = line_luts if self.purpose == "rows" else single_luts
            return self.copies * self.single * luts(self.depth // self.single, self.width)
        return self.copies * dual_luts(self.depth, self.width)


def ramb36_width(depth: int) -> int:
    """Widest word a RAMB36 offers at this depth (0: too deep for one block)."""
    return next((width for limit, width in _RAMB36_WIDTH if depth <= limit), 0)


def ramb18_width(depth: int) -> int:
    """Widest word a RAMB18 offers at this depth (0: too deep for one block)."""
    return next((width for limit, width in _RAMB18_WIDTH if depth <= limit), 0)


_ROM_SHAPES = ((1024, 36), (2048, 18), (4096, 9))


@lru_cache(maxsize=4096)
def rom_tiles(depth: int, width: int) -> tuple[Tile, ...]:
    """Cut a parameter memory into columns of 36, 18 or 9 bits, each a stack of RAMB36 and at most one RAMB18.

    Of the cuts that take the fewest blocks the one with the lowest stacks: a multiplexer chooses among their blocks.
    """

    def cut(rows: int, column: int) -> tuple[Tile, ...]:
        tiles = []
        for bit in range(0, width, column):
            w = min(column, width - bit)
            for row in range(0, depth, rows):
                rest = min(rows, depth - row)
                tiles.append(Tile("RAMB18" if w <= ramb18_width(rest) else "RAMB36", row, rest, bit, w))
        return tuple(tiles)

    def cost(tiles: tuple[Tile, ...]) -> tuple[int, int, int]:
        return tile_bits(tiles), len({tile.row for tile in tiles}), len(tiles)

    return min((cut(*shape) for shape in _ROM_SHAPES), key=cost)


def ram_tiles(depth: int, width: int) -> tuple[Tile, ...]:
    """Cut a row memory into columns of the widest word its depth allows; empty where it is too deep."""
    column = ramb36_width(depth)
    tiles = []
    for bit in range(0, width, column) if column else ():
        w = min(column, width - bit)
        tiles.append(Tile("RAMB18" if w <= ramb18_width(depth) else "RAMB36", 0, depth, bit, w))
    return tuple(tiles)


def ultra_tiles(depth: int, width: int) -> tuple[Tile, ...]:
    """Cut a row memory into columns of UltraRAM; empty where it is too deep."""
    if depth > URAM_DEPTH:
        return ()
    return tuple(
        Tile("URAM288", 0, depth, bit, min(URAM_WIDTH, width - bit)) for bit in range(0, width, URAM_WIDTH)
    )


def tile_bits(tiles: tuple[Tile, ...]) -> int:
    """Capacity of the blocks, in bits."""
    return sum(RAMB36_BITS if t.kind == "RAMB36" else RAMB36_BITS // 2 for t in tiles)


BLOCK_FILL = 0.5
"""A row memory goes to block RAM where it fills at least this share of the blocks; else distributed RAM is cheaper."""


def row_memory(name: str, depth: int, width: int, copies: int = 1, lines: int = 1) -> Memory:
    """A row buffer of ``lines`` rows where it is cheapest: block RAM if that is well filled, distributed RAM if not."""
    memory = Memory(name, "rows", depth, width, depth * width * copies, (), copies, 0, lines)
    tiles = ram_tiles(depth, width)
    if tiles and depth * width >= BLOCK_FILL * tile_bits(tiles):
        return replace(memory, tiles=tiles)
    return _distributed(memory)


def kept_memory(name: str, depth: int, width: int) -> Memory:
    """The row that a max pool keeps: as ``row_memory``, but one address is enough for it."""
    memory = replace(row_memory(name, depth, width), purpose="kept")
    return memory if memory.tiles else _distributed(memory)


def store_memory(name: str, depth: int, width: int) -> Memory:
    """Rows that wait for others: as ``row_memory``, but its words are written and read in any order."""
    memory = replace(row_memory(name, depth, width), purpose="store")
    return memory if memory.tiles else _distributed(memory)


def _distributed(memory: Memory) -> Memory:
    """A row buffer in distributed RAM: with one address per line it needs fewer LUTs, but a wider choice."""
    depth, width, lines = memory.depth, memory.width, memory.lines
    if memory.purpose == "kept":
        return replace(memory, tiles=(), single=1)
    if memory.purpose == "store":
        return replace(memory, tiles=(), single=0)
    dual = dual_luts(depth, width) + width * mux_luts(ceil_div(depth, PAGE))
    channels = depth // lines
    single = lines * line_luts(channels, width) + width * mux_luts(lines * len(line_pages(channels)))
    return replace(memory, tiles=(), single=lines if single < dual else 0)


def with_style(memory: Memory, style: Style) -> Memory | None:
    """The same row buffer in another kind of RAM; None where it is too deep for it."""
    if style == "lut":
        return _distributed(memory)
    tiles = (ram_tiles if style == "block" else ultra_tiles)(memory.depth, memory.width)
    return replace(memory, tiles=tiles, single=0) if tiles else None
