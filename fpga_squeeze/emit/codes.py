"""What a decoder of a compressed stream must know, the same for HLS C++ and RTL."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from ..coding.prefix import PREFIX
from ..coding.terms import END
from ..planning.weight_memories import CodedStream, Segment


@dataclass(frozen=True)
class CodeTables:
    """Codes of the stages of an engine.

    extra    most bits of a codeword behind its prefix
    lengths  [stages][2**PREFIX], bits of the codeword that starts with these bits, the first one lowest; 0: none does
    firsts   [stages][2**PREFIX], first symbol of those whose codewords start so; of runs the end is the highest bit
    free     [stages], the code has one symbol, which takes no bits
    """

    extra: int
    lengths: tuple[tuple[int, ...], ...]
    firsts: tuple[tuple[int, ...], ...]
    free: tuple[bool, ...]


def stream_tables(stream: CodedStream, symbol_bits: int) -> CodeTables:
    """Tables of the codes of a stream, whose symbols have ``symbol_bits`` in hardware."""

    def symbol(value: int) -> int:
        if stream.channel is None:
            return value % END + (value // END << (symbol_bits - 1))
        return value

    return CodeTables(
        extra=stream.extra,
        lengths=tuple(tuple(length for length, _ in code.table) for code in stream.codes),
        firsts=tuple(tuple(symbol(first) for _, first in code.table) for code in stream.codes),
        free=tuple(code.is_free for code in stream.codes),
    )


@dataclass(frozen=True)
class SegmentWalk:
    """The segments of a weight memory as its reader walks them.

    delays   of each of them
    first    its first word
    last     its last word
    """

    delays: tuple[int, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]

    @staticmethod
    def of(segments: tuple[Segment, ...], delays: tuple[int, ...]) -> SegmentWalk:
        """The walk through ``segments`` of stages with ``delays``."""
        ends = tuple(accumulate(segment.words for segment in segments))
        return SegmentWalk(
            delays=tuple(delays[segment.stages[0]] for segment in segments),
            first=(0, *ends[:-1]),
            last=tuple(end - 1 for end in ends),
        )


def stream_starts(stream: CodedStream) -> tuple[int, ...]:
    """Of each stage: with how many prefixes of zeros its segment starts."""
    return tuple(segment.start // PREFIX for segment in stream.segments for _ in segment.stages)
