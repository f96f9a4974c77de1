"""What a decoder of a compressed stream must know, the same for HLS C++ and RTL."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from ..coding.huffman import PrefixCode
from ..network.fixed_point import index_bits
from ..planning.weight_memories import CodedStream, Segment


@dataclass(frozen=True)
class CodeTables:
    """Canonical codes of the stages of an engine, filled up to one size.

    limit    bits of the longest codeword
    bounds   [stages][limit], windows of ``limit`` bits below it start with a codeword of at most that length
    offsets  [stages][limit], place of the first symbol of a length less its codeword
    free     [stages], the code has one symbol, which takes no bits
    symbols  [stages][2**index_bits], in the order of their codewords, then zeros
    """

    limit: int
    index_bits: int
    bounds: tuple[tuple[int, ...], ...]
    offsets: tuple[tuple[int, ...], ...]
    free: tuple[bool, ...]
    symbols: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(codes: tuple[PrefixCode, ...], limit: int) -> CodeTables:
        """Tables of ``codes``, whose codewords have at most ``limit`` bits."""
        bits = index_bits(max(len(code.symbols) for code in codes))
        return CodeTables(
            limit=limit,
            index_bits=bits,
            bounds=tuple(tuple(code.bounds(limit)) for code in codes),
            offsets=tuple(tuple(code.offsets(limit)) for code in codes),
            free=tuple(code.longest == 0 for code in codes),
            symbols=tuple((*code.symbols, *[0] * ((1 << bits) - len(code.symbols))) for code in codes),
        )


def stream_tables(stream: CodedStream) -> CodeTables:
    """Tables of the codes of a stream."""
    return CodeTables.of(stream.codes, stream.limit)


@dataclass(frozen=True)
class SegmentWalk:
    """The segments of a weight memory as its reader walks them: those that have words.

    delays   of each of them, so that no step is empty
    first    its first word
    last     its last word
    starts   of each stage: bit of the first word at which its segment starts, or the one behind an empty segment
    """

    delays: tuple[int, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]
    starts: tuple[int, ...]

    @staticmethod
    def of(segments: tuple[Segment, ...], delays: tuple[int, ...], groups: int) -> SegmentWalk:
        """The walk through ``segments`` of stages with ``delays``, which run ``groups`` row groups."""
        held = [segment for segment in segments if segment.words]
        ends = tuple(accumulate(segment.words for segment in held))
        delay: list[int] = []  # a segment follows the one before at once where those between have no words
        for segment in held:
            own, before = delays[segment.stages[0]], delays[held[len(delay) - 1].stages[0]] if delay else 0
            delay.append(delay[-1] + min(own - before, groups) if delay else 0)
        starts = []
        for place, segment in enumerate(segments):
            behind = next(s for s in (*segments[place:], *segments) if s.words)
            starts += [behind.pad] * len(segment.stages)
        return SegmentWalk(
            delays=tuple(delay),
            first=(0, *ends[:-1]),
            last=tuple(end - 1 for end in ends),
            starts=tuple(starts),
        )
