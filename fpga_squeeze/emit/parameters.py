"""RTL of an engine's parameters: init files of its block RAMs, and what turns their words into terms."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from ..device.block_ram import Memory
from ..network.fixed_point import count_bits, index_bits
from ..planning.plan import EnginePlan
from ..planning.weight_memories import CodedStream, CompressedWeights, DenseWeights, Segment
from .codes import decoder_segments, stream_tables
from .contents import table_words, weight_words

Context = dict[str, Any]
Parameters = dict[str, object]


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


def _constant(fields: Iterable[int], width: int) -> str:
    """Fields of ``width`` bits as one sized constant, the first in the lowest bits."""
    values = list(fields)
    total = sum((value & ((1 << width) - 1)) << (i * width) for i, value in enumerate(values))
    return f"{len(values) * width}'h{total:x}"


def _walk(engine: EnginePlan) -> Parameters:
    return {"FIRE": int(len(engine.stages) > 1), "GROUPS": engine.groups}


def _segment_parameters(squeeze: Segment, expand: Segment, pad: str) -> Parameters:
    return {
        "S_WORDS": squeeze.words,
        f"S_{pad}": squeeze.pad,
        "E_WORDS": expand.words,
        f"E_{pad}": expand.pad,
    }


def _dense(engine: EnginePlan, weights: DenseWeights) -> Parameters:
    c = engine.folding.channels
    names = "SAB" if (len(engine.stages) > 1) else "A"
    rests = {
        f"{name}_REST": len(stage.conv.bias) - (stage.outs - 1) * c
        for name, stage in zip(names, engine.stages, strict=True)
    }
    squeeze = weights.segments[0] if (len(engine.stages) > 1) else Segment(0, 0, ())
    return {
        **_walk(engine),
        "CHANNELS": engine.folding.channels,
        "W_BITS": engine.weight_bits,
        "C_W": count_bits(engine.folding.channels),
        **rests,
        "WORD_W": weights.word_bits,
        "ADDR_W": index_bits(weights.memory.depth),
        **_segment_parameters(squeeze, weights.segments[-1], "PAD"),
    }


def _decoder(engine: EnginePlan, stream: CodedStream, symbol_bits: int) -> Parameters:
    tables = stream_tables(stream)
    count_width = count_bits(max(stream.counts))
    slot = (symbol_bits - 1).bit_length()  # a power of two, so that the table needs no multiplier
    return {
        **_walk(engine),
        "STAGES": len(stream.codes),
        "COUNT_W": count_width,
        "COUNTS": _constant(stream.counts, count_width),
        "WORD_W": stream.memory.width,
        "ADDR_W": index_bits(stream.memory.depth),
        **_segment_parameters(*decoder_segments(stream.segments), "START"),
        "LIMIT": tables.limit,
        "BOUNDS": _constant(chain(*tables.bounds), tables.limit + 1),
        "FREE": _constant(map(int, tables.free), 1),
        "INDEX_W": tables.index_bits,
        "OFFSETS": _constant(chain(*tables.offsets), tables.index_bits),
        "SYMBOL_W": symbol_bits,
        "SLOT_W": slot,
        "SYMBOLS": _constant((s & ((1 << symbol_bits) - 1) for s in chain(*tables.symbols)), 1 << slot),
    }


def _terms(engine: EnginePlan, weights: CompressedWeights, kernel: Parameters) -> Parameters:
    names = "SAB" if (len(engine.stages) > 1) else "A"
    stages: Parameters = {}
    for name, stage in zip(names, engine.stages, strict=True):
        stages |= {f"{name}_IN": stage.conv.weight.shape[1], f"{name}_OUTS": stage.outs}
        if name != "S":
            stages[f"{name}_KERNEL"] = stage.conv.kernel
    return {
        **_walk(engine),
        "CHANNELS": engine.folding.channels,
        "W_BITS": engine.weight_bits,
        "RUN_W": weights.symbol_bits[0],
        "RUN_MAX": weights.largest_run,
        **stages,
        "PHASES": engine.folding.phases,
        "TERMS": kernel["TERMS"],
        "CI_W": kernel["CI_W"],
        "K_W": kernel["K_W"],
        "N_W": kernel["N_W"],
    }


def _compressed(engine: EnginePlan, weights: CompressedWeights, kernel: Parameters) -> Context:
    """Decoders of the streams; there are no runs where every position is a term."""
    run_bits, weight_bits = weights.symbol_bits
    decoders = []
    for stream in weights.streams:
        runs = stream.channel is None
        bits = run_bits if runs else weight_bits
        decoders.append(
            {
                "name": "runs" if runs else f"weights{stream.channel}",
                "parameters": _decoder(engine, stream, bits),
                "valid": "run_valid" if runs else f"weight_valid[{stream.channel}]",
                "symbol": "run" if stream.channel is None else f"weight[{stream.channel * bits}+:{bits}]",
            }
        )
    skips = any(stream.channel is None for stream in weights.streams)
    return {"decoders": decoders, "skips": skips, "terms": _terms(engine, weights, kernel)}


def weights_context(engine: EnginePlan, kernel: Parameters, folder: Path) -> Context:
    """The weight memories of an engine whose instance has the parameters ``kernel``; writes their init files."""
    weights = engine.weights
    memories = []
    for rom, words in zip(weights.roms, weight_words(engine), strict=True):
        memories.append(_rom(rom, rom.name.removeprefix(f"{engine.name}_"), words, folder))
    if isinstance(weights, DenseWeights):
        return {"memories": memories, "dense": _dense(engine, weights)}
    return {"memories": memories, "dense": None, **_compressed(engine, weights, kernel)}
