"""How the weights of an engine lie in block RAM: dense words, or streams of compressed symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import gcd
from typing import Literal, NamedTuple

from ..coding.prefix import PREFIX, PrefixCode, counted
from ..coding.shared import MOST_CODES, share_codes
from ..coding.terms import Coding, LayerStream, layer_stream, symbol_code
from ..device.block_ram import Memory, rom_tiles, tile_bits
from ..device.catalogue import LUTRAM_BITS_PER_LUT
from ..device.lut_ram import ceil_div, mux_luts
from ..errors import FpgaSqueezeError
from ..network.integers import QConv
from .order import Work, joined_stages

WeightFormat = Literal["dense", "huffman", "mask", "sparse"]
"""dense: every weight in its place, no decoder; the others skip zeros, see :data:`~..compression.streams.Coding`."""

FORMATS: tuple[WeightFormat, ...] = ("dense", "sparse", "mask", "huffman")


def weight_format(text: str) -> WeightFormat:
    """``text`` as a format; raises FpgaSqueezeError for another word."""
    for known in FORMATS:
        if text == known:
            return known
    raise FpgaSqueezeError(f"weights {text!r}: there are {', '.join(FORMATS)}")


WEIGHT_QUEUE = 16
"""Words of coded weights that wait or are on their way, a power of two, at least WORD_READ + 9 (fsq_word_stream)."""
SYMBOL_QUEUE = 32
"""Decoded symbols that wait for the engine: a LUT RAM holds as many (fsq_symbol_queue)."""
CODE_WORD = 3 * PREFIX
"""Bits of a word of a compressed stream, whole prefixes: narrow words waste nothing of a RAMB36."""


class SymbolQueue(NamedTuple):
    """A queue of decoded symbols, ``bits`` wide.

    ahead  it tells ahead of time that symbols are there, as ``fsq_sequencer`` takes weights by a register; else its
           reader sees one and takes it in the same cycle, as ``fsq_term_walk`` does with runs
    """

    name: str
    bits: int
    ahead: bool


@dataclass(frozen=True, kw_only=True)
class Stage(Work):
    """A convolution as an engine runs it.

    lengths   terms of the sum of each group of output channels, in order: cycles of a pass
    products  weights that count: all of them, or those that are not zero where zeros are skipped
    """

    lengths: tuple[int, ...]
    products: int

    @property
    def outs(self) -> int:
        """Groups of output channels."""
        return len(self.lengths)

    @cached_property
    def terms(self) -> int:
        """Terms of the longest sum."""
        return max(self.lengths)

    @cached_property
    def size(self) -> int:
        """Terms of all sums."""
        return sum(self.lengths)


def pass_cycles(stages: Sequence[Stage], beats: int) -> int:
    """Cycles of one pass over every group of output channels: a pass costs max(terms, beats of its drain)."""
    total = 0
    for stage in stages:
        shortest = min(stage.lengths)
        if shortest >= beats:
            total += stage.size
        elif shortest == stage.terms:
            total += stage.outs * beats
        else:
            total += sum(max(length, beats) for length in stage.lengths)
    return total


@dataclass(frozen=True)
class Segment:
    """A stretch of a weight memory that starts and ends with a word: ``words`` words, ``pad`` of their bits unused.

    These are the first ones; in dense weights of HLS C++ the last ones. Of the pad of a compressed stream the last 1 to
    PREFIX bits lie at the end, the others, whole prefixes, at the start.
    """

    words: int
    pad: int
    stages: tuple[int, ...]

    @property
    def start(self) -> int:
        """Bits of the pad at the start of a compressed stream's segment."""
        return (self.pad - 1) // PREFIX * PREFIX


def _queue(name: str, depth: int, width: int) -> Memory:
    return Memory(name, "fifo", depth, width, depth * width)


def unit_places(word_bits: int, unit_bits: int) -> int:
    """Places of a word at which a unit may start, where units are packed without gaps."""
    return word_bits // gcd(word_bits, unit_bits)


@dataclass(frozen=True)
class DenseWeights:
    """Units of one weight per output channel of a group, packed without gaps within a segment; the channels that a
    stage's last group lacks have zeros.

    word_bits  bits of a memory word, no narrower than a unit
    """

    memory: Memory
    word_bits: int
    unit_bits: int
    segments: tuple[Segment, ...]
    replays: tuple[Memory, ...]

    format: WeightFormat = "dense"

    @property
    def roms(self) -> tuple[Memory, ...]:
        """Memories in block RAM."""
        return (self.memory,)

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (self.memory, *self.replays)

    @property
    def places(self) -> int:
        """Places of a word at which a unit may start."""
        return unit_places(self.word_bits, self.unit_bits)

    def start(self, segment: Segment) -> int:
        """Number of the place at which a segment starts; behind place p comes p + 1, and the last one ends a word."""
        units = (segment.words * self.word_bits - segment.pad) // self.unit_bits
        return -units % self.places


@dataclass(frozen=True)
class CodedStream:
    """One stream of codewords: of the runs (``channel`` None), or of the weights of a channel of every group.

    codes   code of each stage, MOST_CODES different ones
    counts  symbols of each stage in a row group
    """

    memory: Memory
    channel: int | None
    codes: tuple[PrefixCode, ...]
    counts: tuple[int, ...]
    segments: tuple[Segment, ...]

    @property
    def extra(self) -> int:
        """Most bits of a codeword behind its prefix."""
        return max(code.extra for code in self.codes)

    @property
    def code_numbers(self) -> tuple[int, ...]:
        """Number of each stage's code among the different ones, in the order of their first use."""
        different = list(dict.fromkeys(self.codes))
        return tuple(different.index(code) for code in self.codes)


@dataclass(frozen=True)
class CompressedWeights:
    """Terms with their positions, zeros skipped.

    layers   the terms and codes of each stage
    streams  what lies in block RAM; a stream that takes no bits is not there
    replays  what keeps symbols and weights for further phases
    """

    format: WeightFormat
    layers: tuple[LayerStream, ...]
    streams: tuple[CodedStream, ...]
    symbol_bits: tuple[int, int]
    replays: tuple[Memory, ...]
    name: str

    @property
    def roms(self) -> tuple[Memory, ...]:
        """Memories in block RAM."""
        return tuple(stream.memory for stream in self.streams)

    @property
    def symbol_queues(self) -> tuple[SymbolQueue, ...]:
        """Queues of decoded symbols: the weights of a term; where runs take bits, its run."""
        run_bits, weight_bits = self.symbol_bits
        channels = sum(stream.channel is not None for stream in self.streams)
        weights = SymbolQueue("weights", weight_bits * channels, ahead=True)
        return (weights, SymbolQueue("runs", run_bits, ahead=False)) if self.skips else (weights,)

    @property
    def skips(self) -> bool:
        """Whether runs take bits: else every position is a term."""
        return self.streams[-1].channel is None

    @property
    def largest_run(self) -> int:
        return max(layer.largest_run for layer in self.layers)

    @property
    def memories(self) -> tuple[Memory, ...]:
        queues = [_queue(f"{rom.name}_queue", WEIGHT_QUEUE, CODE_WORD) for rom in self.roms]
        for queue in self.symbol_queues:
            queues.append(_queue(f"{self.name}_{queue.name}_symbols", SYMBOL_QUEUE, queue.bits))
        return (*self.roms, *queues, *self.replays)


Weights = DenseWeights | CompressedWeights


@lru_cache(maxsize=4096)
def _stream(conv: QConv, channels: int, coding: Coding) -> LayerStream:
    return layer_stream(conv.weight, channels, coding)


@lru_cache(maxsize=65536)
def engine_stage(work: Work, channels: int, weight_format: WeightFormat) -> Stage:
    """A stage with ``channels`` output channels at once."""
    weight = work.conv.weight
    if weight_format == "dense":
        lengths, products = (int(weight[0].size),) * -(-weight.shape[0] // channels), int(weight.size)
    else:
        layer = _stream(work.conv, channels, weight_format)
        lengths, products = tuple(map(int, layer.terms.lengths)), int((weight != 0).sum())
    return Stage(**vars(work), lengths=lengths, products=products)


LUTS_PER_BLOCK = 400
"""LUTs that weigh as much as a RAMB18: twice what an XC7Z045 has of them, for weights have no other place."""
LUTRAM_PER_BLOCK = LUTS_PER_BLOCK * LUTRAM_BITS_PER_LUT


def gearbox_luts(word_bits: int, unit_bits: int) -> int:
    """LUTs that choose a unit in ``fsq_weight_stream``: places in fours, then these and a unit that waits."""
    places = unit_places(word_bits, unit_bits)
    if places <= 3:
        return unit_bits * mux_luts(places + 1)
    fours, rest = divmod(places, 4)
    return unit_bits * (fours + (rest > 1) + mux_luts(fours + (rest > 0) + 1))


def memory_cost(depth: int, word_bits: int, unit_bits: int) -> float:
    """What a memory of dense weights costs with its gearbox, in RAMB18."""
    columns, rows = ceil_div(word_bits, 36), ceil_div(depth, 512)
    luts = gearbox_luts(word_bits, unit_bits) + word_bits * mux_luts(ceil_div(rows, 2))
    return columns * rows + luts / LUTS_PER_BLOCK


def _replay(name: str, stages: Sequence[Stage], phases: int, width: int) -> tuple[Memory, ...]:
    if phases == 1:
        return ()
    longest = max(stage.terms for stage in stages)
    return (Memory(f"{name}_replay", "replay", longest, width, longest * width),)


def plan_dense(name: str, stages: Sequence[Stage], channels: int, phases: int) -> DenseWeights:
    """Dense weights of an engine."""
    bits = max(stage.conv.weight_bits for stage in stages)
    unit = channels * bits
    members = joined_stages([stage.delay for stage in stages])
    sizes = [sum(stages[m].size for m in part) * unit for part in members]

    def cost(width: int) -> float:
        return memory_cost(sum(ceil_div(size, width) for size in sizes), width, unit)

    # Blocks come in columns of 36 bits and steps of 512 words, so that the width decides how much stays empty; words of
    # whole units have fewer places at which one may start.
    least = ceil_div(unit, 36)
    columns = [36 * n for n in range(least, 2 * least + 1)]
    word = min(sorted({*columns, *(width // unit * unit for width in columns)}), key=cost)
    segments = [
        Segment(ceil_div(size, word), -size % word, part) for size, part in zip(sizes, members, strict=True)
    ]
    depth = sum(s.words for s in segments)
    payload = sum(stage.conv.weight.size for stage in stages) * bits
    memory = Memory(f"{name}_weights", "weights", depth, word, payload, rom_tiles(depth, word))
    return DenseWeights(memory, word, unit, tuple(segments), _replay(name, stages, phases, unit))


def coded_segment(size: int, stages: tuple[int, ...]) -> Segment:
    """The segment of ``size`` bits of codewords: a bit of padding at the least, because fsq_bit_reader asks for it."""
    words = size // CODE_WORD + 1
    return Segment(words, words * CODE_WORD - size, stages)


@lru_cache(maxsize=4096)
def _layers(convs: tuple[QConv, ...], channels: int, coding: Coding) -> tuple[LayerStream, ...]:
    """The streams of an engine's layers, with no more codes of either kind than a decoder tells apart."""
    layers = tuple(_stream(conv, channels, coding) for conv in convs)
    if len(layers) <= MOST_CODES:
        return layers

    def code_of(counts: dict[int, int]) -> PrefixCode:
        return symbol_code(counts, coding)

    runs = [counted(layer.terms.run_symbols) for layer in layers]
    weights = [counted(layer.terms.weight) for layer in layers]
    run_codes = share_codes(runs, [layer.run_code for layer in layers], code_of)
    weight_codes = share_codes(weights, [layer.weight_code for layer in layers], code_of)
    return tuple(
        replace(layer, run_code=run, weight_code=weight)
        for layer, run, weight in zip(layers, run_codes, weight_codes, strict=True)
    )


def _coded(
    name: str, channel: int | None, layers: Sequence[LayerStream], parts: Sequence[tuple[int, ...]]
) -> CodedStream | None:
    """The stream of the runs or of the weights of a channel, ``parts`` the stages of its segments.

    None where it takes no bits.
    """
    if channel is None:
        codes, sizes = [v.run_code for v in layers], [v.run_bits for v in layers]
    else:
        codes, sizes = [v.weight_code for v in layers], [v.weight_bits[channel] for v in layers]
    if not sum(sizes):
        return None
    segments = []
    for members in parts:
        size = sum(sizes[m] for m in members)
        segments.append(coded_segment(size, members))
    depth = sum(s.words for s in segments)
    memory = Memory(name, "weights", depth, CODE_WORD, sum(sizes), rom_tiles(depth, CODE_WORD))
    counts = tuple(len(v.terms.run) for v in layers)
    return CodedStream(memory, channel, tuple(codes), counts, tuple(segments))


def plan_compressed(
    name: str, stages: Sequence[Stage], channels: int, phases: int, coding: Coding
) -> CompressedWeights:
    """Compressed weights of an engine."""
    layers = _layers(tuple(stage.conv for stage in stages), channels, coding)
    parts = joined_stages([stage.delay for stage in stages])
    streams = [_coded(f"{name}_weights{c}", c, layers, parts) for c in range(channels)]
    runs = _coded(f"{name}_runs", None, layers, parts)
    streams.append(runs)
    bits = max(stage.conv.weight_bits for stage in stages)
    run_bits = max(1, max(v.largest_run for v in layers).bit_length()) + 1
    replays = _replay(name, stages, phases, channels * bits)
    if runs:
        replays += _replay(f"{name}_runs", stages, phases, run_bits)
    return CompressedWeights(
        coding,
        layers,
        tuple(s for s in streams if s),
        (run_bits, bits),
        replays,
        name,
    )


def rom_bits(weights: Weights) -> int:
    """Bits of the block RAMs that hold the weights."""
    return sum(tile_bits(rom.tiles) for rom in weights.roms)


def rom_cost(weights: Weights) -> float:
    """What the weight memories cost, in RAMB18 and LUTs counted as such."""
    if isinstance(weights, DenseWeights):
        return memory_cost(weights.memory.depth, weights.word_bits, weights.unit_bits)
    return sum(2 * rom.ramb36 + rom.ramb18 + 1 for rom in weights.roms)


def payload_bits(weights: Weights) -> int:
    """Bits of the weights themselves, coded or not, without any padding."""
    return sum(rom.payload_bits for rom in weights.roms)
