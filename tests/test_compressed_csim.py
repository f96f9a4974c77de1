"""The HLS C++ of engines with compressed weights equals golden; broken streams and codes are caught."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from csim_helpers import (
    FAST_BUILD,
    HEADER,
    MISSING,
    ONE_UNIT,
    check_equal,
    each_integers,
    flip,
    needs_tools,
    random_foldings,
    replaced,
    simulate,
)
from pruned_models import pruned
from random_models import random_images, random_qmodel
from seeds import SEED

from fpga_squeeze.coding.prefix import PREFIX
from fpga_squeeze.coding.terms import END
from fpga_squeeze.emit.contents import coded_words
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS, Dialect
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import EnginePlan, Folding
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import engine_layers
from fpga_squeeze.planning.weight_memories import FORMATS, CodedStream, CompressedWeights, WeightFormat
from fpga_squeeze.verify import tools
from fpga_squeeze.verify.compare import Comparison, compare_run
from fpga_squeeze.verify.csim import Integers, build_csim, csim_flags, run_csim_program
from fpga_squeeze.verify.terms import compare_fed_terms

Images = npt.NDArray[np.uint8]
CODED: tuple[WeightFormat, ...] = ("sparse", "mask", "huffman")


def random_case(seed: int, formats: tuple[WeightFormat, ...] = FORMATS) -> tuple[Plan, Images]:
    """A random pruned model with random foldings and formats, and three frames for it."""
    rng = np.random.default_rng(seed)
    model = pruned(rng, random_qmodel(rng, signed_probability=0.3))
    chosen = [formats[i] for i in rng.integers(0, len(formats), len(engine_layers(model)))]
    return build_plan(model, random_foldings(rng, model), formats=chosen), random_images(rng, model, 3)


def compare(plan: Plan, images: Images, out: Path) -> Comparison:
    """Every value and every term of compressed weights against golden."""
    return compare_run(plan, out, golden.run(plan.model, images), images, compare_fed_terms)


def check(
    plan: Plan,
    images: Images,
    folder: Path,
    dialect: Dialect = "vitis",
    integers: Integers = "native",
    together: bool = True,
) -> None:
    """The emitted C++ gives golden's values, and the terms are golden's weights."""
    found = simulate(plan, images, folder, dialect=dialect, integers=integers, together=together)
    check_equal(found, plan)
    comparison = compare(plan, images, folder / "out")
    assert comparison.equal, str(comparison.first)
    fed = [e for e in plan.engines if isinstance(e.weights, CompressedWeights)]
    assert [w.name for w in comparison.weights] == [e.name for e in fed]
    assert comparison.terms_compared == sum(e.groups * sum(s.size for s in e.stages) for e in fed)


# ------------------------------------------------------------------------------------------- equal to golden


def small_case(formats: tuple[WeightFormat, ...] = CODED) -> tuple[Plan, Images]:
    """Three engines, ``formats`` in turn; conv1 and the Fire module at several phases, rows and channels at once."""
    rng = np.random.default_rng(106)
    model = pruned(rng, random_qmodel(rng, min_size=8, max_size=9, max_fires=1, weight_bits=(8,)))
    foldings = [Folding(2, 1, 2), Folding(2, 2, 3), Folding(1, 1, 1)]
    return build_plan(model, foldings, formats=list(formats)), random_images(rng, model, 2)


@needs_tools
def test_small_network(tmp_path: Path) -> None:
    plan, images = small_case()
    check(plan, images, tmp_path)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 4, 8, 9, 13])
def test_random_networks(seed: int, tmp_path: Path) -> None:
    plan, images = random_case(seed)
    check(plan, images, tmp_path)


@needs_tools
@pytest.mark.slow
@pytest.mark.fuzz
def test_drawn_random_network(tmp_path: Path) -> None:
    plan, images = random_case(SEED, CODED)
    check(plan, images, tmp_path)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("weights", ["dense", "huffman"])
def test_kernel_of_5x5(weights: WeightFormat, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    model = pruned(rng, random_qmodel(rng, first_kernel=5, min_size=9, max_size=14, max_fires=1))
    foldings = random_foldings(rng, model)
    plan = build_plan(model, foldings, formats=[weights] * len(foldings))
    check(plan, random_images(rng, model, 3), tmp_path)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_vendor_integers_give_the_same(dialect: Dialect, tmp_path: Path) -> None:
    plan, images = random_case(10, CODED)
    check(plan, images, tmp_path, dialect, "vendor")


@needs_tools
@pytest.mark.slow
def test_deep_streams_and_wide_terms(tmp_path: Path) -> None:
    """Streams that are stacked from several block RAMs; terms with more bits than a native integer."""
    rng = np.random.default_rng(8)
    model = random_qmodel(rng, min_size=5, max_size=6, max_fires=1, max_channels=60, weight_bits=(8,))
    foldings = [Folding(1, 1, 1)] * len(engine_layers(model))
    foldings[-1] = Folding(2, 1, 9)
    plan = build_plan(model, foldings, formats=["huffman"] * len(foldings))
    assert any(t.row for e in plan.engines for rom in e.weights.roms for t in rom.tiles)
    check(plan, random_images(rng, model, 2), tmp_path)


# ------------------------------------------------------------------------------------------- broken designs


@dataclass(frozen=True)
class Built:
    """A design on disk, built and found right."""

    plan: Plan
    images: Images
    folder: Path

    def engine(self, weight_format: WeightFormat) -> tuple[EnginePlan, CompressedWeights]:
        """The engine whose weights have this format."""
        for engine in self.plan.engines:
            if isinstance(engine.weights, CompressedWeights) and engine.weights.format == weight_format:
                return engine, engine.weights
        raise AssertionError(weight_format)

    def broken(self, folder: Path, file: str, change: Callable[[str], str]) -> Comparison:
        """The comparison after ``change`` of one file of a copy."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        path = folder / "hls" / file
        before = path.read_text()
        path.write_text(change(before))
        assert path.read_text() != before
        # a changed header concerns every file
        build, header = folder / "build", file.endswith(".hpp")
        program = build_csim(folder / "hls", build, optimise=FAST_BUILD, together=header)
        run_csim_program(program, self.images, folder / "out", timeout=30)
        return compare(self.plan, self.images, folder / "out")

    def check_first(self, folder: Path, engine: EnginePlan, change: Callable[[str], str]) -> None:
        """A change of the streams of ``engine`` is caught: in its terms, and, where a pixel shows it, in its output."""
        comparison = self.broken(folder, f"{engine.name}.cpp", change)
        assert comparison.weight_mismatches > 0
        pixels = next(k.mismatches for k in comparison.kernels if k.name == engine.name)
        names = [engine.name] if pixels else [stage.conv.name for stage in engine.stages]
        where = "kernel" if pixels else "the weights of"
        assert re.match(rf"first mismatch in {where} ({'|'.join(names)}): ", str(comparison.first))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Every format in one engine, Huffman in the Fire module."""
    if MISSING:
        pytest.skip(MISSING)
    plan, images = small_case(("mask", "huffman", "sparse"))
    folder = tmp_path_factory.mktemp("built")
    check(plan, images, folder, together=False)
    return Built(plan, images, folder)


def decoded(stream: CodedStream, words: list[int]) -> list[IntArray] | None:
    """The symbols of each stage that ``words`` hold; None where a decoder would notice that they are broken."""
    symbols: list[IntArray] = []
    place = 0
    for segment in stream.segments:
        held = words[place : place + segment.words]
        place += segment.words
        bits = np.array(
            [(word >> i) & 1 for word in held for i in range(stream.memory.width)], dtype=np.int64
        )
        if bits[: segment.start].any():
            return None
        at = segment.start
        for stage in segment.stages:
            try:
                part, used = stream.codes[stage].decode(bits[at:], stream.counts[stage])
            except ValueError:
                return None
            symbols.append(part)
            at += used
        if bits[at:].any() or not 0 < len(bits) - at <= PREFIX:
            return None
    return symbols


def sums_hold(engine: EnginePlan, runs: list[IntArray]) -> bool:
    """Whether run symbols give every stage as many sums as it has, and no position outside of it."""
    for stage, symbols in zip(engine.stages, runs, strict=True):
        positions, place, sums = int(stage.conv.weight[0].size), -1, 0
        for symbol in symbols:
            place += 1 + int(symbol) % END
            if place >= positions:
                return False
            if symbol >= END or place == positions - 1:
                sums, place = sums + 1, -1
        if place != -1 or sums != stage.outs:
            return False
    return True


def flips(engine: EnginePlan, stream: CodedStream) -> Iterator[tuple[int, int, bool]]:
    """(word, bit, whether the broken stream can still be read) of every bit of a stream."""
    weights = engine.weights
    assert isinstance(weights, CompressedWeights)
    words = coded_words(weights, stream)
    for word in range(len(words)):
        for bit in range(stream.memory.width):
            changed = list(words)
            changed[word] ^= 1 << bit
            symbols = decoded(stream, changed)
            readable = symbols is not None and (stream.channel is not None or sums_hold(engine, symbols))
            yield word, bit, readable


@pytest.mark.slow
@pytest.mark.parametrize("weight_format", CODED)
@pytest.mark.parametrize("runs", [False, True])
def test_flipped_bit(built: Built, weight_format: WeightFormat, runs: bool, tmp_path: Path) -> None:
    """One bit of a stream of weights or of runs, once where the stream stays readable and once where it does not."""
    engine, weights = built.engine(weight_format)
    stream = next(v for v in weights.streams if (v.channel is None) == runs)
    found = list(flips(engine, stream))
    readable = [(word, bit) for word, bit, ok in found if ok]
    word, bit = readable[len(readable) // 2]
    built.check_first(tmp_path, engine, flip(f"{stream.memory.name}_c0_r0", word, bit))
    if len(readable) == len(found):
        return  # every word of a plain code of 2^n symbols is one of its codewords
    word, bit = next((word, bit) for word, bit, ok in reversed(found) if not ok)
    with pytest.raises(
        FpgaSqueezeError, match=rf"csim: {engine.name}\w*: (padding|no codeword|a segment|.*term)"
    ):
        built.broken(tmp_path, f"{engine.name}.cpp", flip(f"{stream.memory.name}_c0_r0", word, bit))


def changed_number(code: str, function: str, stage: int, number: int, step: int) -> Callable[[str], str]:
    """Adds ``step`` to one number of a table of a code."""

    def change(text: str) -> str:
        start = text.index(f" {function}(", text.index(f"struct {code} {{"))
        rows = list(re.finditer(r"\{([-\d, \n]+)\}", text[start:]))
        place = list(re.finditer(r"-?\d+", rows[stage][1]))[number]
        first = start + rows[stage].start(1) + place.start()
        return text[:first] + str(int(place[0]) + step) + text[first + len(place[0]) :]

    return change


def used_prefix(stream: CodedStream, weights: CompressedWeights) -> int:
    """The first bits of the last stage's stream."""
    segment = stream.segments[-1]
    words = coded_words(weights, stream)[-segment.words :]
    at = segment.start
    for stage in segment.stages[:-1]:
        terms = weights.layers[stage].terms
        symbols = terms.run_symbols if stream.channel is None else terms.weight[:, stream.channel]
        at += stream.codes[stage].size(symbols)
    bits = sum(word << (i * stream.memory.width) for i, word in enumerate(words))
    return (bits >> at) % (1 << PREFIX)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["weight", "run"])
def test_wrong_symbol(built: Built, kind: str, tmp_path: Path) -> None:
    """A symbol that is one too high is another weight, or another place or end of a sum."""
    engine, weights = built.engine("huffman")
    stream = next(v for v in weights.streams if (v.channel is None) == (kind == "run"))
    change = changed_number(
        f"{engine.name}_{kind}_code", "first", len(stream.codes) - 1, used_prefix(stream, weights), 1
    )
    if kind == "weight":
        built.check_first(tmp_path, engine, change)
        return
    # another place within the sum is another term; one outside it stops the run
    with pytest.raises((FpgaSqueezeError, AssertionError), match=rf"csim: {engine.name}: .*term|mismatches"):
        assert built.broken(tmp_path, f"{engine.name}.cpp", change).mismatches == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["weight", "run"])
def test_wrong_length(built: Built, kind: str, tmp_path: Path) -> None:
    """A codeword is taken for a longer one: the stream falls out of step, though it may find its way back."""
    engine, weights = built.engine("huffman")
    stream = next(v for v in weights.streams if (v.channel is None) == (kind == "run"))
    change = changed_number(
        f"{engine.name}_{kind}_code", "length", len(stream.codes) - 1, used_prefix(stream, weights), 1
    )
    # seen at the stream, or at the lanes
    reason = rf"{stream.memory.name}: (no codeword|a segment|padding)|{engine.name}: .*term"
    with pytest.raises((FpgaSqueezeError, AssertionError), match=f"csim: ({reason})|mismatches"):
        assert built.broken(tmp_path, f"{engine.name}.cpp", change).weight_mismatches == 0


@pytest.mark.slow
def test_term_that_is_never_fed(built: Built, tmp_path: Path) -> None:
    engine = built.plan.engines[-1]
    change = replaced("n < P::FRAME_TERMS", "n < P::FRAME_TERMS - 1")
    with pytest.raises(FpgaSqueezeError, match="read a word that was never written"):
        built.broken(tmp_path, "fsq_term_feed.hpp", change)
    assert engine.name == "conv10"


@pytest.mark.slow
def test_terms_that_are_left(built: Built, tmp_path: Path) -> None:
    change = replaced(
        "        out.write(word);\n",
        "        out.write(word);\n        if (n == P::FRAME_TERMS - 1) out.write(word);\n",
    )
    with pytest.raises(FpgaSqueezeError, match="left words unread"):
        built.broken(tmp_path, "fsq_term_feed.hpp", change)


@pytest.mark.slow
def test_replay_of_the_wrong_term(built: Built, tmp_path: Path) -> None:
    """Phases behind the first one take their terms from the replay memory."""
    change = replaced("word = replay[P::PHASES > 1 ? static_cast<int>(term) : 0][0];", "word = replay[0][0];")
    shutil.copytree(built.folder, tmp_path, dirs_exist_ok=True)
    with pytest.raises((FpgaSqueezeError, AssertionError)):
        assert built.broken(tmp_path, "fsq_terms.hpp", change).mismatches == 0


# ------------------------------------------------------------------------------------------ the text that is emitted


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@each_integers
def test_compiles_clean(dialect: Dialect, integers: Integers, tmp_path: Path) -> None:
    """Optimised, because warnings about uninitialised values come with the optimiser."""
    plan, _ = small_case()
    emit_hls(plan, tmp_path, HEADER, dialect)
    flags = ["-O2", "-Werror", *csim_flags(tmp_path, integers)]
    sources = [tmp_path / f"{engine.name}.cpp" for engine in plan.engines]
    sources.append(tmp_path / "fsq_top.cpp")
    tools.compile_objects(tools.find_compiler(), sources, flags, tmp_path / "o", unit=ONE_UNIT)


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize("dialect", DIALECTS)
def test_synthesis_view_parses(dialect: Dialect, tmp_path: Path) -> None:
    """What an HLS tool reads: the checks of the simulation are gone, one array per block RAM is there."""
    plan, _ = small_case()
    emit_hls(plan, tmp_path, HEADER, dialect)
    flags = ["-std=c++14", "-Wall", "-Wextra", "-Werror", "-isystem", str(tools.find_hls_headers())]
    if dialect == "bambu":
        flags.append("-Wno-unknown-pragmas")
    for engine in plan.engines:
        file = tmp_path / f"{engine.name}.cpp"
        command = [tools.find_compiler(), *flags, str(file)]
        text = subprocess.run([*command, "-E"], text=True, capture_output=True, check=True).stdout
        assert "fsq_broken" not in text and f"{engine.name}_feed" in text
        subprocess.run([*command, "-fsyntax-only"], capture_output=True, check=True)
        arrays = re.findall(r"^const FSQ_ROM_WORD\(18\) (\w+)\[(\d+)\] = \{$", file.read_text(), re.M)
        assert [int(depth) for name, depth in arrays if "table" not in name] == [
            tile.depth for rom in engine.weights.roms for tile in rom.tiles
        ]
