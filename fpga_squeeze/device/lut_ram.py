"""Distributed RAM: the LUTs of a memory, exactly, as the RTL cuts it and synthesis maps it.

Four LUTs of a SLICEM make (UG474, "Distributed RAM"; so mapped by Yosys 0.70, ``synth_xilinx -family xc7``)

- with an address each for writing and reading  RAM32M 32 x 6 bits or RAM64M 64 x 3 bits
- with one address for both                     RAM32M 32 x 8 bits, or 64 x 4, 128 x 2, 256 x 1 bits

The RTL cuts a memory into pages, so that synthesis has no choice; a multiplexer of logic LUTs (``mux_luts``) joins
them.
"""

from __future__ import annotations

PAGE = 64
"""Words of a page of a memory with two addresses (``fsq_ram_lut``, ``fsq_line_bank``)."""
SINGLE_PAGE = 256
"""Words of a page of a memory with one address (``fsq_ram_single``)."""


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def pages(depth: int, size: int) -> list[int]:
    """Words of each page of a memory."""
    return [min(size, depth - first) for first in range(0, depth, size)]


def dual_luts(depth: int, width: int) -> int:
    """LUTs of a memory with an address each for writing and reading."""

    def bits(words: int) -> int:
        if words == 1:  # no address at all
            return 8
        return 6 if words <= 32 else 3

    return sum(4 * ceil_div(width, bits(words)) for words in pages(depth, PAGE))


def line_pages(channels: int) -> list[int]:
    """Words of each page of a row of a row buffer with one address: 256, then 128, 64 and 32 as they are needed."""
    units = ceil_div(channels, 32)
    sizes = [256] * (units // 8) + [32 * size for size in (4, 2, 1) if units % 8 & size]
    return [*sizes[:-1], channels - sum(sizes[:-1])]


def single_page_luts(words: int, width: int) -> int:
    """LUTs of a page with one address."""
    if words <= 32:
        return 4 * ceil_div(width, 8)
    # 129 to 192 words are mapped to three times 64, not to 256
    return width * (4 if words > 128 + PAGE else 3 if words > 128 else ceil_div(words, PAGE))


def single_luts(depth: int, width: int) -> int:
    """LUTs of a memory with one address."""
    return sum(single_page_luts(words, width) for words in pages(depth, SINGLE_PAGE))


def line_luts(channels: int, width: int) -> int:
    """LUTs of a row of a row buffer with one address."""
    return sum(single_page_luts(words, width) for words in line_pages(channels))


def mux_luts(words: int) -> int:
    """LUTs per bit of ``fsq_mux``, a tree of four-to-one multiplexers (one LUT6 each)."""
    if words <= 1:
        return 0
    if words <= 4:
        return 1
    fours, rest = (words + 1) // 4, words % 4
    if rest == 3:
        rest = 0
    following = fours + (rest > 0)
    # two words that are left over take a LUT of their own, if the last one of the tree has no inputs free
    return fours + (rest == 2 and following > 2) + mux_luts(following)
