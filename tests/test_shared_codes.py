"""Layers that share codes: no more than a decoder tells apart in one step, at hardly any bits."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapped_modules import deepest_path, mapped_graph, slowest_ns
from test_shared_engines import CASES

from fpga_squeeze.coding.prefix import PrefixCode
from fpga_squeeze.coding.shared import MOST_CODES, share_codes
from fpga_squeeze.emit.parameters import decoder_parameters
from fpga_squeeze.planning.engine import EnginePlan
from fpga_squeeze.planning.weight_memories import CodedStream, CompressedWeights

COUNTS = st.lists(
    st.dictionaries(st.integers(-20, 20), st.integers(1, 500), min_size=1, max_size=12),
    min_size=1,
    max_size=7,
)
LEVELS = 5
"""docs/timing.md: of any path."""


def bits_of(code: PrefixCode, counts: dict[int, int]) -> int:
    """Bits of symbols that occur ``counts`` times."""
    return sum(code.codewords[symbol][1] * n for symbol, n in counts.items())


@given(COUNTS, st.integers(1, 4))
def test_every_layer_keeps_its_symbols(counts: list[dict[int, int]], most: int) -> None:
    codes = [PrefixCode.shortest(own) for own in counts]
    shared = share_codes(counts, codes, PrefixCode.shortest, most)
    assert len(set(shared)) <= most
    assert all(own.keys() <= code.codewords.keys() for own, code in zip(counts, shared, strict=True))
    if len(set(codes)) <= most:
        assert shared == tuple(codes)
    # no layer is coded better than by a code of its own
    pairs = zip(counts, codes, shared, strict=True)
    assert all(bits_of(other, own) >= bits_of(code, own) for own, code, other in pairs)


def test_those_that_are_alike_share() -> None:
    low, high = {0: 90, 1: 9, 2: 1}, {5: 50, 6: 50, 7: 50, 8: 50}
    alike = {0: 80, 1: 18, 2: 2}
    counts = [low, high, alike]
    codes = [PrefixCode.shortest(own) for own in (low, high, {0: 1, 1: 1, 2: 1, 3: 1})]
    first, second, third = share_codes(counts, codes, PrefixCode.shortest, 2)
    assert first is third and second is codes[1]


def _stream() -> tuple[EnginePlan, CodedStream]:
    """The weights of an engine of eight stages."""
    engine = CASES["coded"].plan(np.random.default_rng(5)).engines[-1]
    assert isinstance(engine.weights, CompressedWeights)
    stream = engine.weights.streams[0]
    assert len(engine.stages) == len(stream.codes) == 8
    return engine, stream


def test_stages_of_one_code_have_one_number() -> None:
    engine, stream = _stream()
    numbers, codes = stream.code_numbers, stream.codes
    assert set(numbers) == set(range(MOST_CODES)) and len(set(codes)) == MOST_CODES
    for one, other in combinations(range(len(codes)), 2):
        assert (numbers[one] == numbers[other]) == (codes[one] == codes[other])
    parameters = decoder_parameters(engine, stream, 8)
    assert (parameters["CODES"], parameters["CODE_W"]) == (MOST_CODES, 2)


@pytest.mark.slow
def test_length_of_a_codeword_is_found_in_time(tmp_path: Path) -> None:
    """The way from codeword to codeword has no more levels than any other; a code for each stage makes it slower."""
    engine, stream = _stream()
    values, rng = np.arange(-128, 128), np.random.default_rng(3)
    counts = []
    for _ in stream.codes:  # weights of all values, and no two layers alike
        often = np.exp(rng.normal(6, 3, len(values)) - abs(values) / rng.uniform(8, 40))
        counts.append(dict(zip(values.tolist(), np.ceil(often).astype(int).tolist(), strict=True)))
    own = tuple(PrefixCode.shortest(layer) for layer in counts)
    slowest = []
    for number, codes in enumerate((share_codes(counts, own, PrefixCode.shortest), own)):
        parameters = decoder_parameters(engine, replace(stream, codes=codes), 8)
        graph = mapped_graph(tmp_path / str(number), "fsq_prefix_decoder", parameters)
        slowest.append(slowest_ns(graph))
        assert number or deepest_path(graph).levels <= LEVELS
    assert slowest[1] > 1.1 * slowest[0]
