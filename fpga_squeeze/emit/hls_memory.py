"""Parameter memories in HLS C++: constant arrays, one per block RAM."""

from __future__ import annotations

from typing import Any

from ..device.block_ram import Memory
from ..network.fixed_point import index_bits

Context = dict[str, Any]

_LINE = 100


def _lines(words: list[int], width: int) -> list[str]:
    """Words as hexadecimal constants, as many on a line as fit."""
    digits = (width + 3) // 4
    per_line = max(1, _LINE // (digits + 4))
    texts = [f"0x{word:0{digits}x}" for word in words]
    return [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]


def memory_context(memory: Memory, words: list[int]) -> Context:
    """A parameter memory of ``words`` as columns of arrays, one array per block RAM."""
    columns: dict[int, Context] = {}
    for tile in memory.tiles:
        index = len(columns) if tile.bit not in columns else columns[tile.bit]["index"]
        column = columns.setdefault(
            tile.bit, {"index": index, "bit": tile.bit, "width": tile.width, "tiles": []}
        )
        mask = (1 << tile.width) - 1
        held = [(word >> tile.bit) & mask for word in words[tile.row : tile.row + tile.depth]]
        column["tiles"].append(
            {
                "name": f"{memory.name}_c{index}_r{len(column['tiles'])}",
                "depth": tile.depth,
                "lines": _lines(held, tile.width),
            }
        )
    # all arrays of a stack but the last one hold the same power of two of words
    row_bits = index_bits(memory.tiles[0].depth)
    return {
        "columns": list(columns.values()),
        "width": memory.width,
        "last": memory.depth - 1,
        "stacked": any(len(column["tiles"]) > 1 for column in columns.values()),
        "row_bits": row_bits,
        "row_mask": (1 << row_bits) - 1,
    }
