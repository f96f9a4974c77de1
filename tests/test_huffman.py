"""Prefix codes and compressed streams, without hardware."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from huffman_bits import plain_huffman_bits
from hypothesis import given
from hypothesis import strategies as st

from fpga_squeeze.coding.huffman import code_lengths
from fpga_squeeze.coding.prefix import EXTRA, PREFIX, Group, PrefixCode
from fpga_squeeze.coding.terms import Coding, expand_terms, layer_stream, skip_zeros

COUNTS = st.dictionaries(st.integers(-128, 127), st.integers(1, 5000), min_size=1, max_size=200)


def coded_bits(code: PrefixCode, counts: dict[int, int]) -> int:
    return sum(code.codewords[symbol][1] * count for symbol, count in counts.items())


@given(COUNTS)
def test_lengths_are_optimal_and_limited(counts: dict[int, int]) -> None:
    free = code_lengths(counts, 32)
    assert sum(free[s] * n for s, n in counts.items()) == plain_huffman_bits(counts.values())
    short = code_lengths(counts, 8)
    assert max(short.values()) <= 8
    assert sum(short[s] * n for s, n in counts.items()) >= plain_huffman_bits(counts.values())
    if len(counts) > 1:
        assert sum(2.0**-length for length in short.values()) == 1


@given(COUNTS, st.integers(0, 2**32))
def test_encode_decode(counts: dict[int, int], seed: int) -> None:
    symbols = np.random.default_rng(seed).choice(sorted(counts), 100)
    for code in (PrefixCode.shortest(counts), PrefixCode.fixed(list(counts))):
        bits = code.encode(symbols)
        assert len(bits) == code.size(symbols)
        decoded, used = code.decode(bits, 100)
        assert used == len(bits) and (decoded == symbols).all()


@given(COUNTS)
def test_table_decodes_every_window(counts: dict[int, int]) -> None:
    """The decoder of the hardware: first bits tell length and first symbol, the bits behind them are added."""
    code = PrefixCode.shortest(counts)
    assert code.extra <= EXTRA and len(code.table) == 1 << PREFIX
    reached = set()
    for window in range(1 << (PREFIX + code.extra)):
        length, first = code.table[window % (1 << PREFIX)]
        if length == 0 and not code.is_free:
            continue
        symbol = first + (window >> PREFIX) % (1 << max(0, length - PREFIX))
        assert code.codewords[symbol] == (window % (1 << length), length)
        reached.add(symbol)
    assert reached == code.codewords.keys() >= counts.keys()


@given(st.dictionaries(st.integers(-128, 127), st.integers(1, 5000), min_size=2, max_size=PREFIX + 1))
def test_few_symbols_take_as_much_as_with_huffman(counts: dict[int, int]) -> None:
    """So few have no codeword of more than PREFIX bits."""
    assert coded_bits(PrefixCode.shortest(counts), counts) == plain_huffman_bits(counts.values())


@given(COUNTS)
def test_length_of_many_symbols(counts: dict[int, int]) -> None:
    bits = coded_bits(PrefixCode.shortest(counts), counts)
    assert bits <= coded_bits(PrefixCode.fixed(list(counts)), counts)
    if len(counts) > 1:
        assert bits >= plain_huffman_bits(counts.values())
        lengths = sorted(length for length, _ in PrefixCode.shortest(counts).table)
        assert (
            lengths[0] > 0 or len(counts) <= 1 << PREFIX
        )  # no prefix is left over where there are many symbols


@pytest.mark.parametrize(("size", "span"), [(66, 66), (72, 90)])
def test_shortest_is_what_trying_everything_finds(size: int, span: int) -> None:
    """Every group that may come next, for every number of prefixes left, over symbols with gaps and without."""
    rng = np.random.default_rng(7)
    symbols = sorted(rng.permutation(span)[:size].tolist())
    counts = dict(zip(symbols, np.ceil(rng.exponential(50, size) ** 1.5).astype(int).tolist(), strict=True))

    @cache
    def least(at: int, slots: int) -> float:
        best = 0.0 if at == size else float("inf")
        for prefix in range(1, PREFIX + 1):
            for extra in range(EXTRA + 1 if prefix == PREFIX and at < size else 1):
                if at < size and (left := slots - (1 << PREFIX >> prefix)) >= 0:
                    group = [s for s in symbols[at : at + (1 << extra)] if s < symbols[at] + (1 << extra)]
                    held = (prefix + extra) * sum(counts[s] for s in group)
                    best = min(best, held + least(at + len(group), left))
        return best

    assert coded_bits(PrefixCode.shortest(counts), counts) == least(0, 1 << PREFIX)


@pytest.mark.parametrize("spread", [4.0, 12.0, 30.0])
def test_smooth_counts_lose_little(spread: float) -> None:
    values = np.round(np.random.default_rng(1).laplace(0, spread, 50_000)).clip(-128, 127).astype(int)
    counts = dict(Counter(values.tolist()))
    assert coded_bits(PrefixCode.shortest(counts), counts) < 1.02 * plain_huffman_bits(counts.values())


def test_bad_codes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        code_lengths(dict.fromkeys(range(17), 1), 4)
    with pytest.raises(ValueError, match="do not fit"):
        PrefixCode.shortest(dict.fromkeys(range(0, 65 * 64, 64), 1))
    with pytest.raises(ValueError, match="do not fit"):
        PrefixCode.fixed(range(0, 65 * 64, 64))
    with pytest.raises(ValueError, match="occur at least once"):
        PrefixCode.shortest({})
    with pytest.raises(ValueError, match="Kraft"):
        PrefixCode.of_lengths({0: 1, 1: 1, 2: 1})
    with pytest.raises(ValueError, match="no bits"):
        PrefixCode.of_lengths({0: 0, 1: 1})
    with pytest.raises(ValueError, match="at most 6 bits"):
        PrefixCode.of_groups([Group(0, 5, 1)])
    with pytest.raises(ValueError, match="ends within"):
        PrefixCode.fixed([1, 2, 3]).decode([0], 1)
    with pytest.raises(ValueError, match="no codeword"):
        PrefixCode.of_lengths({5: 1}).decode([1] * 20, 1)


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
        assert Counter(map(int, terms.weight.reshape(-1))).keys() <= stream.weight_code.codewords.keys()
