"""Prefix codes and compressed streams, without hardware."""

from __future__ import annotations

import heapq
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_squeeze.coding.huffman import PrefixCode, code_lengths
from fpga_squeeze.coding.terms import Coding, expand_terms, layer_stream, skip_zeros

COUNTS = st.dictionaries(st.integers(-128, 127), st.integers(1, 5000), min_size=1, max_size=200)


def plain_huffman_bits(counts: dict[int, int]) -> int:
    """Bits of an unlimited Huffman code: the sum of all merged weights."""
    heap = list(counts.values())
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


@given(COUNTS)
def test_lengths_are_optimal_and_limited(counts: dict[int, int]) -> None:
    free = code_lengths(counts, 32)
    assert sum(free[s] * n for s, n in counts.items()) == plain_huffman_bits(counts)
    short = code_lengths(counts, 8)
    assert max(short.values()) <= 8
    assert sum(short[s] * n for s, n in counts.items()) >= plain_huffman_bits(counts)
    if len(counts) > 1:
        assert sum(2.0**-length for length in short.values()) == 1


@given(COUNTS, st.integers(0, 2**32))
def test_encode_decode(counts: dict[int, int], seed: int) -> None:
    code = PrefixCode.huffman(counts, 12)
    symbols = np.random.default_rng(seed).choice(sorted(counts), 100)
    bits = code.encode(symbols)
    assert len(bits) == code.size(symbols)
    decoded, used = code.decode(bits, 100)
    assert used == len(bits) and (decoded == symbols).all()


@given(COUNTS)
def test_bounds_and_offsets_decode_every_window(counts: dict[int, int]) -> None:
    """The decoder of the hardware: compare with bounds, add an offset."""
    limit = 10
    code = PrefixCode.huffman(counts, limit)
    if code.longest == 0:
        return
    bounds, offsets = code.bounds(limit), code.offsets(limit)
    for symbol, (word, length) in code.codewords.items():
        for window in (word << (limit - length), ((word + 1) << (limit - length)) - 1):
            found = 1 + sum(window >= bound for bound in bounds[:-1])
            assert found == length
            assert code.symbols[(window >> (limit - length)) + offsets[length - 1]] == symbol


def test_bad_codes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        code_lengths(dict.fromkeys(range(17), 1), 4)
    with pytest.raises(ValueError, match="Kraft"):
        PrefixCode.of_lengths({0: 1, 1: 1, 2: 1})
    with pytest.raises(ValueError, match="no bits"):
        PrefixCode.of_lengths({0: 0, 1: 1})
    with pytest.raises(ValueError, match="ends within"):
        PrefixCode.fixed([1, 2, 3]).decode([0], 1)


@pytest.mark.parametrize("coding", ["huffman", "mask", "sparse"])
@given(
    out=st.integers(1, 7),
    inputs=st.integers(1, 9),
    kernel=st.sampled_from([1, 3]),
    channels=st.integers(1, 3),
    density=st.sampled_from([0.0, 0.02, 0.2, 0.5, 0.95, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_terms_hold_every_weight(
    coding: Coding, out: int, inputs: int, kernel: int, channels: int, density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(-128, 128, (out, inputs, kernel, kernel)) * (
        rng.random((out, inputs, kernel, kernel)) < density
    )
    for stream in (layer_stream(weight, channels, coding), skip_zeros(weight, channels, coding)):
        terms = stream.terms
        assert (expand_terms(terms, weight.shape, channels) == weight).all()
        assert terms.lengths.sum() == len(terms.run) and terms.lengths.min() >= 1
        ends = np.cumsum(terms.lengths) - 1
        assert not np.delete(terms.end, ends).any()
        decoded, used = stream.run_code.decode(stream.run_code.encode(terms.run_symbols), len(terms.run))
        assert used == stream.run_bits and (decoded == terms.run_symbols).all()
        assert Counter(map(int, terms.weight.reshape(-1))).keys() <= set(stream.weight_code.symbols)
