"""Compressed weights: the terms that are left when zeros are skipped, and the two streams of symbols that name them.

An engine with compressed weights issues *terms*: a position (input channel, kernel row, kernel column, counted in that
order) and one weight for each output channel of a group. Positions at which all weights of the group are zero are
skipped. Each term is a *run symbol* (how many positions to skip before it, and whether it ends the sum) and a weight
symbol per output channel; either kind has a prefix code of its own.

    run symbol = run + END * end    end = 1: the last term of its group, although positions follow

A run beyond the largest one is carried by *fillers*: terms of zero weights, as in Deep Compression (S. Han, H. Mao,
W. Dally, arXiv:1510.00149, section 2). A group without weights is one term of zeros, so that its biases are sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..network.fixed_point import IntArray
from .bits import group_weights
from .prefix import PREFIX, Group, PrefixCode, counted

Coding = Literal["huffman", "mask", "sparse"]
"""How the runs and weights of layers with zeros are coded.

huffman  both with the shortest prefix code that the decoder takes (:mod:`.prefix`)
mask     runs as the bit mask of the layer (a run of r zeros is r bits 0 and a bit 1), from MASK_ZEROS zeros on as a
         number behind so many bits 0; weights as plain numbers
sparse   both as plain numbers

A layer with hardly any zeros keeps them as terms where that takes fewer bits: its runs then cost nothing.
"""

RUN_CHOICES = (15, 31, 63)
"""Largest runs to choose from."""
END = 128
"""So much is added to a run that ends its sum: no codewords of one prefix reach from the runs to these."""
MASK_RUN = 15
"""Largest run of a mask."""
MASK_ZEROS = 5
"""Zeros of a mask from which on their number follows: PREFIX bits then still tell the length of a codeword."""
FILLER_SHARE = 1 / 500
"""Share of terms that may be fillers before a larger largest run is taken."""
KEPT_TERMS = 1.02
"""Zeros are kept as terms only where this takes at most so many times the terms (cycles). Of 1.05, 1.03, 1.02 and 1.0
this one gave v1.0 on an XC7Z020, whose coded bits leave rows little room, the fewest cycles per frame (1,111,110;
1,100,029; 1,095,401; 1,199,880), for 1.3 % more coded bits than 1.05."""


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of a layer in the order of use.

    run      int64 [n], positions skipped before a term
    end      bool [n], the last term of its group, with positions behind it
    weight   int64 [n, c], weights of the output channels of the group
    lengths  int64 [groups], terms of each group
    """

    run: IntArray
    end: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    weight: IntArray
    lengths: IntArray

    @property
    def run_symbols(self) -> IntArray:
        return self.run + END * self.end

    @property
    def fillers(self) -> int:
        """Terms that only carry a long run, or stand for a group without weights."""
        return int((self.weight == 0).all(axis=1).sum())


def find_terms(weight: IntArray, channels: int, largest_run: int) -> Terms:
    """The terms of weights [O, I, K, K] for groups of ``channels`` output channels."""
    grouped = group_weights(weight, channels)
    groups, positions, _ = grouped.shape
    busy = np.asarray(grouped.any(axis=2))
    busy[~busy.any(axis=1), 0] = True
    used = np.flatnonzero(busy)
    group, place = np.divmod(used, positions)
    first = np.diff(group, prepend=-1) > 0
    before = np.where(first, -1, np.concatenate([[0], place[:-1]]))
    gaps = place - before - 1
    fillers = gaps // (largest_run + 1)
    at = np.cumsum(fillers + 1) - 1  # of the true terms among the fillers
    count = int(at[-1]) + 1
    run = np.full(count, largest_run, dtype=np.int64)
    run[at] = gaps - fillers * (largest_run + 1)
    value = np.zeros((count, channels), dtype=np.int64)
    value[at] = grouped.reshape(-1, channels)[used]
    last = np.flatnonzero(np.append(first[1:], True))
    end = np.zeros(count, dtype=bool)
    end[at[last]] = place[last] != positions - 1
    return Terms(run, end, value, np.diff(at[last], prepend=-1))


def expand_terms(terms: Terms, shape: tuple[int, ...], channels: int) -> IntArray:
    """The inverse of :func:`find_terms`: weights of ``shape`` [O, I, K, K]."""
    positions = int(np.prod(shape[1:]))
    grouped = np.zeros((len(terms.lengths), positions, channels), dtype=np.int64)
    first = 0
    for group, length in enumerate(terms.lengths):
        part = slice(first, first + int(length))
        grouped[group, np.cumsum(terms.run[part] + 1) - 1] = terms.weight[part]
        first += int(length)
    flat: IntArray = grouped.transpose(0, 2, 1).reshape(-1, positions)[: shape[0]].reshape(shape)
    return flat


@dataclass(frozen=True, eq=False)
class LayerStream:
    """A layer's terms with the codes of its run and weight symbols."""

    terms: Terms
    largest_run: int
    run_code: PrefixCode
    weight_code: PrefixCode

    @cached_property
    def run_bits(self) -> int:
        return self.run_code.size(self.terms.run_symbols)

    @cached_property
    def weight_bits(self) -> tuple[int, ...]:
        """Bits of the weight stream of each output channel of a group."""
        return tuple(self.weight_code.size(column) for column in self.terms.weight.T)

    @property
    def bits(self) -> int:
        return self.run_bits + sum(self.weight_bits)


def _mask_code() -> PrefixCode:
    """Runs as bits of a mask; of the last two prefixes one is for long runs, one for those that end their sum early."""
    groups = [Group(run, run + 1, 0) for run in range(MASK_ZEROS)]
    number = MASK_RUN.bit_length()
    return PrefixCode.of_groups([*groups, Group(MASK_ZEROS, PREFIX, number), Group(END, PREFIX, number)])


def _skipping(weight: IntArray, channels: int, largest: tuple[int, ...]) -> tuple[Terms, int]:
    """Terms without zeros and their largest run: the first choice with few fillers."""
    for run in largest:
        terms = find_terms(weight, channels, run)
        if terms.fillers <= FILLER_SHARE * len(terms.run):
            break
    return terms, run


def symbol_code(counts: dict[int, int], coding: Coding) -> PrefixCode:
    """The code of symbols that occur ``counts`` times. It spends at least one bit: only runs of 0 go without saying."""
    if len(counts) == 1:
        return PrefixCode.of_lengths(dict.fromkeys(counts, 1))
    return PrefixCode.shortest(counts) if coding == "huffman" else PrefixCode.fixed(list(counts))


def _weight_code(terms: Terms, coding: Coding) -> PrefixCode:
    return symbol_code(counted(terms.weight), coding)


def keep_zeros(weight: IntArray, channels: int, coding: Coding) -> LayerStream:
    """Every position a term: nothing is skipped, runs cost nothing."""
    grouped = group_weights(weight, channels)
    groups, positions, _ = grouped.shape
    size = groups * positions
    terms = Terms(
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=bool),
        grouped.reshape(size, channels),
        np.full(groups, positions, dtype=np.int64),
    )
    return LayerStream(terms, 0, PrefixCode.fixed([0]), _weight_code(terms, coding))


def skip_zeros(weight: IntArray, channels: int, coding: Coding) -> LayerStream:
    """Only positions with a weight, and fillers."""
    terms, largest = _skipping(weight, channels, (MASK_RUN,) if coding == "mask" else RUN_CHOICES)
    runs = counted(terms.run_symbols)
    if runs.keys() == {0}:
        run_code = PrefixCode.fixed([0])
    elif coding == "mask":
        run_code = _mask_code()
    else:
        run_code = symbol_code(runs, coding)
    return LayerStream(terms, largest, run_code, _weight_code(terms, coding))


def layer_stream(weight: IntArray, channels: int, coding: Coding) -> LayerStream:
    """The stream of weights [O, I, K, K] for groups of ``channels`` output channels.

    ``weight`` holds signed integers of at most 8 bits. The smaller of skipping and keeping zeros is taken, keeping only
    where it costs few cycles.
    """
    skip = skip_zeros(weight, channels, coding)
    if -(-len(weight) // channels) * weight[0].size > KEPT_TERMS * len(skip.terms.run):
        return skip
    keep = keep_zeros(weight, channels, coding)
    return keep if keep.bits <= skip.bits else skip
