"""Random codes and streams for the benches of the decoders, and what Python decodes from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_squeeze.coding.bits import pack_bits
from fpga_squeeze.coding.huffman import PrefixCode
from fpga_squeeze.emit.codes import CodeTables, SegmentWalk
from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.planning.weight_memories import CODE_WORD, Segment

LIMIT = 16
INDEX_BITS = 8
VISITS = (0, 0, 1, 2, 1, 2)
"""Stages of a Fire module with two row groups, in the order of their work."""


SIZES = (0.06, 0.1, 0.6, 0.2, 0.04)
"""Chances of codes with 1, 2, and up to 20, 60, 256 symbols."""


def random_code(rng: np.random.Generator) -> PrefixCode:
    """A code of 1..256 symbols and of any shape: free, fixed, Huffman, lopsided, with codewords left over."""
    sizes = [1, 2, *(int(rng.integers(2, above)) for above in (20, 60, 257))]
    size = int(rng.choice(sizes, p=SIZES))
    symbols = (rng.permutation(256)[:size] - 128).tolist()
    kind = rng.integers(4)
    if size == 1:
        return PrefixCode.of_lengths({symbols[0]: int(rng.integers(0, LIMIT + 1))})
    if kind == 0:
        return PrefixCode.fixed(symbols)
    if kind == 1:
        counts = np.ceil(np.exp(rng.normal(0, 3, size))).astype(int)
        least = (size - 1).bit_length()
        limit = int(rng.integers(least, LIMIT + 1))
        return PrefixCode.huffman(dict(zip(symbols, counts.tolist(), strict=True)), limit)
    # split codewords at random, then drop some or make some longer
    lengths = [0]
    while len(lengths) < size:
        short = [i for i, length in enumerate(lengths) if length < LIMIT]
        place = int(rng.choice(short)) if kind == 2 else short[-1]
        lengths[place] += 1
        lengths.append(lengths[place])
    if kind == 3 and rng.random() < 0.5:
        lengths = [int(rng.integers(length, LIMIT + 1)) for length in lengths]
    return PrefixCode.of_lengths(dict(zip(symbols, lengths, strict=True)))


@dataclass(frozen=True)
class DecoderCase:
    """An engine's stream: codes and counts of its stages S, A, B, segments S and E, and their bits."""

    codes: tuple[PrefixCode, ...]
    counts: tuple[int, ...]
    segments: tuple[Segment, ...]
    bits: tuple[IntArray, ...]

    def expected(self) -> IntArray:
        """The symbols that Python's bitwise decoder gives, in the order of VISITS."""
        squeeze, used = self.codes[0].decode(self.bits[0][self.segments[0].pad :], self.counts[0])
        assert used == len(self.bits[0]) - self.segments[0].pad
        behind = self.bits[1][self.segments[1].pad :]
        one, first = self.codes[1].decode(behind, self.counts[1])
        three, second = self.codes[2].decode(behind[first:], self.counts[2])
        assert first + second == len(behind)
        parts = (squeeze, one, three)
        return np.concatenate([parts[stage] for stage in VISITS])

    def encode(self, break_offset: bool = False) -> bytes:
        """The case as decoder_cases.hpp reads it."""
        tables = CodeTables.of(self.codes, LIMIT)
        symbols = np.zeros((len(self.codes), 1 << INDEX_BITS), dtype="<i4")
        for row, held in zip(symbols, tables.symbols, strict=True):
            row[: len(held)] = held
        offsets = np.array(tables.offsets, dtype="<i4") + int(break_offset)
        squeeze, expand = self.segments
        starts = SegmentWalk.of(self.segments, (0, 1, 1), 1).starts
        numbers = [squeeze.words, starts[0], expand.words, starts[1], *self.counts]
        words = pack_bits(np.concatenate(self.bits), CODE_WORD)
        parts = (numbers, tables.bounds, offsets, tables.free, symbols, words)
        return b"".join(np.asarray(part).astype("<i4").tobytes() for part in parts)


def random_case(rng: np.random.Generator) -> DecoderCase:
    """Three codes with 50 to 60 symbols each; every stage is decoded twice."""
    codes = tuple(random_code(rng) for _ in range(3))
    counts = tuple(int(n) for n in rng.integers(50, 61, 3))
    streams = []
    for code, count in zip(codes, counts, strict=True):
        share = np.array([2.0**-length for _, length in code.lengths])
        weights = share / share.sum() if rng.random() < 0.5 else None
        streams.append(code.encode(rng.choice(code.symbols, count, p=weights)))
    bits, segments = [], []
    for members in ((0,), (1, 2)):
        payload = np.concatenate([streams[m] for m in members])
        pad = -len(payload) % CODE_WORD
        segments.append(Segment((pad + len(payload)) // CODE_WORD, pad, members))
        bits.append(np.concatenate([np.zeros(pad, dtype=np.int64), payload]))
    return DecoderCase(codes, counts, tuple(segments), tuple(bits))


def write_cases(cases: list[DecoderCase], path: Path, break_offset: bool = False) -> None:
    """Write ``cases`` for the benches; ``break_offset``: with every offset of the codes one too high."""
    count = np.array([len(cases)], dtype="<i4").tobytes()
    path.write_bytes(count + b"".join(case.encode(break_offset) for case in cases))
