"""The weights of an engine in HLS C++: constants of its plan, memories, and the decoders of compressed streams."""

from __future__ import annotations

from collections.abc import Sequence

from ..network.graph import Window
from ..planning.constants import Constants
from ..planning.engine import EnginePlan
from ..planning.weight_memories import SYMBOL_QUEUE, CodedStream, CompressedWeights, DenseWeights
from .codes import SegmentWalk, stream_tables
from .contents import dense_words, position_bits, term_fields, weight_words
from .hls_memory import Context, memory_context


def walk_constants(delays: Sequence[int], groups: int) -> Constants:
    """What a walk through stages or segments counts."""
    return {"STAGES": len(delays), "GROUPS": groups, "STEPS": groups + max(delays)}


def weight_stages(engine: EnginePlan) -> dict[str, list[int]]:
    """What the plan of an engine tells of the weights of each stage."""
    weights = engine.weights
    if isinstance(weights, DenseWeights):
        walk = SegmentWalk.of(weights.segments, engine.delays)
        words = dict(zip((s.stages[0] for s in weights.segments), walk.first, strict=True))
        return {"first_word": [words.get(stage, 0) for stage in range(len(engine.stages))]}
    kernels, shapes = [stage.conv.kernel for stage in engine.stages], kernel_shapes(engine)
    return {
        "counts": [stage.size for stage in engine.stages],
        "taps": [rows * columns for rows, columns in kernels],
        "shape": [shapes.index(kernel) + 1 if kernel in shapes else 0 for kernel in kernels],
    }


def kernel_shapes(engine: EnginePlan) -> list[Window]:
    """Different kernels of more than one tap."""
    return list(dict.fromkeys(stage.conv.kernel for stage in engine.stages if stage.conv.kernel != (1, 1)))


def _term_bits(engine: EnginePlan) -> int:
    return sum(bits for _, bits in term_fields(engine))


def widest_weights(engine: EnginePlan) -> int:
    """Bits of the widest integer that the weights of an engine need: the buffer of a gearbox, or a term."""
    weights = engine.weights
    if isinstance(weights, DenseWeights):
        return weights.word_bits + weights.unit_bits
    return _term_bits(engine)


def weight_constants(engine: EnginePlan) -> Constants:
    """What the plan of an engine tells of its weights."""
    weights = engine.weights
    if isinstance(weights, DenseWeights):
        return {
            "FED": False,
            "WORD_BITS": weights.word_bits,
            "WEIGHT_WORDS": weights.memory.depth,
        }
    channel, tap = position_bits(engine)
    sizes = [stage.size for stage in engine.stages]
    return {
        "FED": True,
        "RUN_BITS": weights.symbol_bits[0],
        "RUN_MAX": weights.largest_run,
        "INPUTS": max(stage.conv.weight.shape[1] for stage in engine.stages),
        "MOST": max(sizes),
        "FRAME_TERMS": engine.groups * sum(sizes),
        "SHAPES": len(kernel_shapes(engine)),
        "MOST_TAPS": max(rows * columns for rows, columns in (stage.conv.kernel for stage in engine.stages)),
        "TAP_BITS": tap,
        "CHANNEL_BITS": channel,
        "TERM_BITS": _term_bits(engine),
    }


def _code(stream: CodedStream, name: str, symbol_bits: int) -> Context:
    tables = stream_tables(stream, symbol_bits)
    return {
        "name": name,
        "constants": {"EXTRA": tables.extra},
        "lengths": tables.lengths,
        "firsts": tables.firsts,
        "free": [int(free) for free in tables.free],
        "symbol_type": "signed char" if symbol_bits <= 8 else "short",
    }


def _stream(engine: EnginePlan, stream: CodedStream, code: str, words: list[int]) -> Context:
    memory = stream.memory
    walk = SegmentWalk.of(stream.segments, engine.delays)
    return {
        "name": memory.name,
        "member": memory.name.removeprefix(f"{engine.name}_"),
        "channel": stream.channel,
        "code": code,
        "memory": memory_context(memory, words),
        "text": f"{memory.name}: {memory.depth} words of {memory.width} bits, {memory.payload_bits} bits of codewords.",
        "constants": {
            "WORD_BITS": memory.width,
            "WORDS": memory.depth,
        },
        "walk": walk_constants(walk.delays, engine.groups),
        "starts": [segment.start for segment in stream.segments for _ in segment.stages],
        **vars(walk),
    }


def _feed(engine: EnginePlan, weights: CompressedWeights) -> Context:
    """Decoders of the streams, and the sizes of the stages whose terms they give."""
    run_code, weight_code = f"{engine.name}_run_code", f"{engine.name}_weight_code"
    names = [run_code if stream.channel is None else weight_code for stream in weights.streams]
    # the weights of all channels share a code
    codes = {
        name: _code(stream, name, weights.symbol_bits[stream.channel is not None])
        for name, stream in zip(names, weights.streams, strict=True)
    }
    return {
        "codes": list(codes.values()),
        "streams": [
            _stream(engine, stream, name, words)
            for name, stream, words in zip(names, weights.streams, weight_words(engine), strict=True)
        ],
        "depth": SYMBOL_QUEUE,
        "shapes": kernel_shapes(engine) or [(1, 1)],
    }


def weights_context(engine: EnginePlan) -> Context:
    """``dense``: the memory of dense weights, or ``feed``: what compressed ones are decoded with; the other is None."""
    weights = engine.weights
    if isinstance(weights, CompressedWeights):
        return {"dense": None, "feed": _feed(engine, weights)}
    held = memory_context(weights.memory, dense_words(engine, weights, behind=True)) | {
        "text": f"{weights.memory.depth} words of {weights.word_bits} bits, units of {engine.folding.channels} x "
        f"{engine.weight_bits} bits in the order of use."
    }
    return {"dense": held, "feed": None}
