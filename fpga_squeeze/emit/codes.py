"""What a decoder of a compressed stream must know, the same for HLS C++ and RTL."""

from __future__ import annotations

from dataclasses import dataclass

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


def decoder_segments(segments: tuple[Segment, ...]) -> tuple[Segment, Segment]:
    """The segments of the squeeze and of what follows it, as a decoder walks them.

    A convolution has none of the first. An empty segment passes the decoder on to the start of the other one.
    """
    if len(segments) == 1:
        return Segment(0, 0, ()), segments[0]
    squeeze, expand = segments
    if not squeeze.words:
        squeeze = Segment(0, expand.pad, squeeze.stages)
    elif not expand.words:
        expand = Segment(0, squeeze.pad, expand.stages)
    return squeeze, expand
