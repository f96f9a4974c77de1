"""Random codes and streams for the benches of the decoders, and what Python decodes from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_squeeze.coding.bits import pack_bits
from fpga_squeeze.coding.prefix import EXTRA, PREFIX, Group, PrefixCode
from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.planning.weight_memories import CODE_WORD, Segment, coded_segment

VISITS = (0, 0, 1, 2, 1, 2)
"""Stages of a Fire module with two row groups, in the order of their work."""
SYMBOLS = (-128, 127)


def random_code(rng: np.random.Generator) -> PrefixCode:
    """A code of 1..256 symbols and of any shape: free, fixed, short, lopsided, with codewords left over."""
    low, high = SYMBOLS
    kind = rng.integers(4)
    if kind == 0 and rng.random() < 0.5:
        return PrefixCode.of_lengths({int(rng.integers(low, high + 1)): int(rng.integers(0, PREFIX + 1))})
    if kind <= 1:
        size = int(rng.integers(2, rng.choice([4, 20, 60, 257])))
        symbols = (rng.permutation(256)[:size] + low).tolist()
        counts = np.ceil(np.exp(rng.normal(0, 3, size))).astype(int)
        return (
            PrefixCode.shortest(dict(zip(symbols, counts.tolist(), strict=True)))
            if kind
            else PrefixCode.fixed(symbols)
        )
    # split prefixes at random, or always the longest, then drop some, and add bits behind the longest
    prefixes, size = [0], int(rng.integers(2, 65))
    while len(prefixes) < size:
        short = [i for i, length in enumerate(prefixes) if length < PREFIX]
        if not short:
            break
        place = int(rng.choice(short)) if kind == 2 else short[-1]
        prefixes[place] += 1
        prefixes.append(prefixes[place])
    groups, symbol = [], low
    for prefix in prefixes:
        extra = int(rng.integers(0, EXTRA + 1)) if prefix == PREFIX and rng.random() < 0.5 else 0
        if rng.random() < 0.9 and symbol + (1 << extra) - 1 <= high:
            groups.append(Group(symbol, prefix, extra))
            symbol += (1 << extra) + int(rng.integers(0, 3))
    return PrefixCode.of_groups(groups or [Group(low, 1, 0)])


@dataclass(frozen=True)
class DecoderCase:
    """An engine's stream: codes and counts of its stages S, A, B, segments S and E, and their bits."""

    codes: tuple[PrefixCode, ...]
    counts: tuple[int, ...]
    segments: tuple[Segment, ...]
    bits: tuple[IntArray, ...]

    def expected(self) -> IntArray:
        """The symbols that Python's bitwise decoder gives, in the order of VISITS."""
        parts = []
        for segment, bits in zip(self.segments, self.bits, strict=True):
            at = segment.start
            for stage in segment.stages:
                symbols, used = self.codes[stage].decode(bits[at:], self.counts[stage])
                parts.append(symbols)
                at += used
            assert 0 < len(bits) - at == segment.pad - segment.start <= PREFIX
        return np.concatenate([parts[stage] for stage in VISITS])

    def encode(self, broken: bool = False) -> bytes:
        """The case as decoder_cases.hpp reads it; ``broken``: with every first symbol of the codes one too high."""
        squeeze, expand = self.segments
        tables = np.array([code.table for code in self.codes])
        numbers = [squeeze.words, squeeze.start, expand.words, expand.start, *self.counts]
        words = pack_bits(np.concatenate(self.bits), CODE_WORD)
        free = [code.is_free for code in self.codes]
        parts = (numbers, tables[:, :, 0], tables[:, :, 1] + int(broken), free, words)
        return b"".join(np.asarray(part).astype("<i4").tobytes() for part in parts)


def random_case(rng: np.random.Generator) -> DecoderCase:
    """Three codes, and for each of them 50 to 60 symbols or very few; every stage is decoded twice."""
    codes = tuple(random_code(rng) for _ in range(3))
    counts = tuple(int(n) for n in rng.integers(50, 61, 3)) if rng.random() < 0.8 else (1, 2, 1)
    streams = []
    for code, count in zip(codes, counts, strict=True):
        symbols = [s for s in code.codewords if SYMBOLS[0] <= s <= SYMBOLS[1]]
        share = np.array([2.0 ** -code.codewords[s][1] for s in symbols])
        weights = share / share.sum() if rng.random() < 0.5 else None
        streams.append(code.encode(rng.choice(symbols, count, p=weights)))
    bits, segments = [], []
    for members in ((0,), (1, 2)):
        payload = np.concatenate([streams[m] for m in members])
        segment = coded_segment(len(payload), members)
        start = np.zeros(segment.start, dtype=np.int64)
        segments.append(segment)
        bits.append(np.concatenate([start, payload, np.zeros(segment.pad - segment.start, dtype=np.int64)]))
    return DecoderCase(codes, counts, tuple(segments), tuple(bits))


def write_cases(cases: list[DecoderCase], path: Path, broken: bool = False) -> None:
    """Write ``cases`` for the benches; ``broken``: see :meth:`DecoderCase.encode`."""
    count = np.array([len(cases)], dtype="<i4").tobytes()
    path.write_bytes(count + b"".join(case.encode(broken) for case in cases))
