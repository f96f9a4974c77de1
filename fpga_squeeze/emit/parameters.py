"""RTL of an engine's parameters: init files of its block RAMs, and what turns their words into terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ..device.block_ram import Memory
from ..network.fixed_point import count_bits, index_bits
from ..planning.engine import EnginePlan
from ..planning.latency import SYMBOL_LATENCY, WORD_READ
from ..planning.weight_memories import (
    SYMBOL_QUEUE,
    WEIGHT_QUEUE,
    CodedStream,
    CompressedWeights,
    DenseWeights,
)
from .codes import SegmentWalk, stream_starts, stream_tables
from .contents import table_words, weight_words

Context = dict[str, Any]
Parameters = dict[str, object]
NUMBER = 32
"""Bits of a number in a vector of them."""


def _rom(memory: Memory, name: str, words: list[int], folder: Path) -> Context:
    """Write one init file per block and describe the columns of blocks to the template."""
    columns: dict[int, list[dict[str, object]]] = {}
    for tile in memory.tiles:
        rows = columns.setdefault(tile.bit, [])
        file = f"{memory.name}_c{len(columns) - 1}_r{len(rows)}.mem"
        digits = (tile.width + 3) // 4
        mask = (1 << tile.width) - 1
        lines = [f"{(w >> tile.bit) & mask:0{digits}x}" for w in words[tile.row : tile.row + tile.depth]]
        (folder / file).write_text("\n".join(lines) + "\n", encoding="ascii")
        rows.append(
            {
                "file": f"params/{file}",
                "depth": tile.depth,
                "addr_w": index_bits(tile.depth),
                "kind": tile.kind,
            }
        )
    return {
        "name": name,
        "width": memory.width,
        "depth": memory.depth,
        "addr_w": index_bits(memory.depth),
        "columns": [
            {"bit": bit, "width": next(t.width for t in memory.tiles if t.bit == bit), "tiles": rows}
            for bit, rows in columns.items()
        ],
        "rows": len(next(iter(columns.values()))),
        "row_bits": index_bits(memory.tiles[0].depth),
        "text": f"{name}: {memory.depth} words of {memory.width} bits, {memory.payload_bits} of them used.",
    }


def table_context(engine: EnginePlan, folder: Path) -> Context:
    """The table of biases and shifts."""
    return _rom(engine.table, "table", table_words(engine), folder)


def constant(fields: Iterable[int], width: int) -> str:
    """Fields of ``width`` bits as one sized constant, the first in the lowest bits."""
    values = list(fields)
    total = sum((value & ((1 << width) - 1)) << (i * width) for i, value in enumerate(values))
    return f"{len(values) * width}'h{total:x}"


def packed(values: Iterable[int]) -> str:
    """Integers as a vector parameter of NUMBER bits each, the first in the lowest."""
    texts = [f"32'd{value}" if value >= 0 else f"32'h{value & 0xFFFFFFFF:x}" for value in values]
    return "{" + ", ".join(reversed(texts)) + "}" if len(texts) > 1 else texts[0]


def walk_parameters(delays: Sequence[int], groups: int, prefix: str = "") -> Parameters:
    """What fsq_stage_walk asks for, of the stages of an engine or of the segments of its weights."""
    return {f"{prefix}STEPS": groups + max(delays), f"{prefix}DELAYS": packed(delays)}


def _segment_parameters(walk: SegmentWalk, groups: int, prefix: str = "") -> Parameters:
    """What fsq_word_walk asks for, and the time of the memory."""
    return {
        "READ": WORD_READ,
        "SEGMENTS": len(walk.delays),
        "SEGMENT_W": index_bits(len(walk.delays)),
        "GROUPS": groups,
        **walk_parameters(walk.delays, groups, prefix),
        "FIRSTS": packed(walk.first),
        "LASTS": packed(walk.last),
    }


def _dense(engine: EnginePlan, weights: DenseWeights) -> Parameters:
    walk = SegmentWalk.of(weights.segments, engine.delays)
    return {
        "UNIT_W": weights.unit_bits,
        "WORD_W": weights.word_bits,
        "ADDR_W": index_bits(weights.memory.depth),
        "PLACES": weights.places,
        "PLACE_W": index_bits(weights.places),
        **_segment_parameters(walk, engine.groups),
        "STARTS": packed(weights.start(segment) for segment in weights.segments),
    }


def decoder_parameters(engine: EnginePlan, stream: CodedStream, symbol_bits: int) -> Parameters:
    """Parameters of the ``fsq_prefix_decoder`` of a stream, whose symbols have ``symbol_bits``."""
    tables = stream_tables(stream, symbol_bits)
    walk = SegmentWalk.of(stream.segments, engine.delays)
    slot = 1 << (symbol_bits - 1).bit_length()
    numbers = stream.code_numbers
    first_uses = [numbers.index(number) for number in range(max(numbers) + 1)]
    words = _segment_parameters(walk, engine.groups)
    words["WORD_FIRSTS"], words["WORD_LASTS"] = words.pop("FIRSTS"), words.pop("LASTS")
    return {
        "STAGES": len(stream.codes),
        "STAGE_W": index_bits(len(stream.codes)),
        "STARTS": packed(stream_starts(stream)),
        "CODES": len(first_uses),
        "CODE_W": index_bits(len(first_uses)),
        "CODE_OF": packed(numbers),
        "ADDR_W": index_bits(stream.memory.depth),
        "QUEUE": WEIGHT_QUEUE,
        **words,
        "EXTRA": tables.extra,
        "LENGTHS": constant(chain(*(tables.lengths[stage] for stage in first_uses)), 4),
        "FIRSTS": constant(chain(*(tables.firsts[stage] for stage in first_uses)), slot),
        "SYMBOL_W": symbol_bits,
        "SLOT": slot,
    }


def _symbol_walk(engine: EnginePlan, weights: CompressedWeights) -> Parameters:
    counts = [len(layer.terms.run) for layer in weights.layers]
    return {
        "STAGES": len(counts),
        "STAGE_W": index_bits(len(counts)),
        "GROUPS": engine.groups,
        **walk_parameters(engine.delays, engine.groups),
        "JOINED": constant(map(int, engine.joined), 1),
        "COUNTS": packed(counts),
        "COUNT_W": count_bits(max(counts)),
        "DECODERS": len(weights.streams),
        "QUEUES": len(weights.symbol_queues),
    }


def _compressed(engine: EnginePlan, weights: CompressedWeights) -> Context:
    """Decoders of the streams; there are no runs where every position is a term."""
    run_bits, weight_bits = weights.symbol_bits
    decoders = []
    for stream in weights.streams:
        runs = stream.channel is None
        bits = run_bits if runs else weight_bits
        decoders.append(
            {
                "name": "runs" if runs else f"weights{stream.channel}",
                "parameters": decoder_parameters(engine, stream, bits),
                "symbol": "runs" if stream.channel is None else f"weights[{stream.channel * bits}+:{bits}]",
            }
        )
    queues = [
        {
            "name": queue.name,
            "parameters": {
                "WIDTH": queue.bits,
                "DEPTH": SYMBOL_QUEUE,
                "LATENCY": SYMBOL_LATENCY,
                "AHEAD": int(queue.ahead),
            },
        }
        for queue in weights.symbol_queues
    ]
    return {
        "decoders": decoders,
        "walk": _symbol_walk(engine, weights),
        "queues": queues,
        "skips": weights.skips,
    }


def weights_context(engine: EnginePlan, folder: Path) -> Context:
    """The weight memories of an engine; writes their init files."""
    weights = engine.weights
    memories = []
    for rom, words in zip(weights.roms, weight_words(engine), strict=True):
        memories.append(_rom(rom, rom.name.removeprefix(f"{engine.name}_"), words, folder))
    if isinstance(weights, DenseWeights):
        return {"memories": memories, "dense": _dense(engine, weights), "skips": False}
    return {"memories": memories, "dense": None, **_compressed(engine, weights)}
