"""The bench that HLS tools run, and the tops that they synthesise, compiled as software: right ones equal golden."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import FAST_BUILD, HEADER, MISSING, ONE_UNIT, flip, needs_tools, random_foldings
from random_models import random_images, random_qmodel

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import Dialect
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.verify import tools
from fpga_squeeze.verify.csim import csim_flags
from fpga_squeeze.verify.hls.bench import Verdict, read_verdict
from fpga_squeeze.verify.hls.tops import (
    BENCH,
    LOGITS,
    WHOLE,
    Top,
    all_tops,
    find_tops,
    write_sources,
    write_words,
)

FRAMES = 2
pytestmark = [needs_tools, pytest.mark.slow]


@dataclass(frozen=True)
class Design:
    """A small design on disk with golden's words."""

    plan: Plan
    folder: Path

    def words(self, name: str) -> Path:
        return self.folder / "words" / name

    def build(
        self, name: str, work: Path, dialect: Dialect, changes: dict[str, Callable[[str], str]]
    ) -> Path:
        """The bench over one top as a program; ``changes`` are made to its files first."""
        [top] = find_tops(self.plan, name)
        files = write_sources(top, self.folder / dialect, dialect, work)
        for file, change in changes.items():
            text = (work / file).read_text()
            assert change(text) != text
            (work / file).write_text(change(text))
        compiler = tools.find_compiler()
        flags = [*FAST_BUILD, *csim_flags(work)]
        objects = tools.compile_objects(compiler, [*files, work / BENCH], flags, work / "o", unit=ONE_UNIT)
        tools.link(compiler, objects, [], work / "bench")
        return work / "bench"

    def run(self, name: str, program: Path, expected: Path | None = None) -> tuple[int, Verdict]:
        [top] = find_tops(self.plan, name)
        files = [self.words(port.file) for port in top.ports]
        command: list[str | Path] = [program, str(FRAMES), *files[:-1], expected or files[-1]]
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)
        return done.returncode, read_verdict(done.stdout.splitlines(), top, FRAMES)

    def check(
        self,
        name: str,
        work: Path,
        changes: dict[str, Callable[[str], str]] | None = None,
        dialect: Dialect = "vitis",
    ) -> tuple[int, Verdict]:
        """Build and run."""
        return self.run(name, self.build(name, work, dialect, changes or {}))


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Every kind of kernel, dense and compressed weights, groups of rows with a short last one."""
    if MISSING:
        pytest.skip(MISSING)
    rng = np.random.default_rng(3)
    model = random_qmodel(rng, min_size=8, max_size=10, max_fires=1)
    plan = build_plan(model, random_foldings(rng, model), formats=["huffman", "huffman", "dense"])
    names = [kernel.name for kernel in plan.kernels]
    assert names == ["image", "conv1", "pool1", "fire2", "conv10", "pool10"]
    folder = tmp_path_factory.mktemp("bench")
    for dialect in ("vitis", "bambu"):
        emit_hls(plan, folder / dialect, HEADER, dialect)
    write_words(plan, random_images(rng, model, FRAMES), folder / "words")
    return Design(plan, folder)


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        ("vitis", ["image", "conv1", "pool1", "fire2", "conv10", "pool10", LOGITS, WHOLE]),
        ("bambu", ["image", "conv1", LOGITS]),
    ],
)
def test_every_top_equals_golden(dialect: Dialect, names: list[str], design: Design, tmp_path: Path) -> None:
    """The dialects differ in their beats and pragmas."""
    tops: list[Top] = [*all_tops(design.plan), *find_tops(design.plan, WHOLE)]
    assert [top.name for top in tops] == [*(k.name for k in design.plan.kernels), LOGITS, WHOLE]
    for top in (top for top in tops if top.name in names):
        code, verdict = design.check(top.name, tmp_path / top.name, dialect=dialect)
        assert code == 0 and verdict.equal, f"{top.name}: {verdict}"
        assert verdict.words == FRAMES * top.frame_words


def test_flipped_weight_bit(design: Design, tmp_path: Path) -> None:
    code, verdict = design.check("conv10", tmp_path / "w", {"conv10.cpp": flip("conv10_weights_c0_r0", 2, 2)})
    assert code == 1 and verdict.mismatches > 0 and verdict.first and verdict.first.got is not None


def test_dropped_and_unread_words(design: Design, tmp_path: Path) -> None:
    def also(text: str) -> dict[str, Callable[[str], str]]:
        return {"fsq_kernel_top.cpp": lambda top: top.rstrip().removesuffix("}") + f"    {text}\n}}\n"}

    [top] = find_tops(design.plan, "pool1")
    width = top.outputs[0].width
    code, verdict = design.check("pool1", tmp_path / "dropped", also("out.read();"))
    assert code == 1 and verdict.words == FRAMES * (top.frame_words - 1)
    assert verdict.mismatches > FRAMES * width  # the last word is missing, those before it have moved
    assert verdict.first and verdict.first.row == 0
    code, verdict = design.check("pool1", tmp_path / "twice", also("out.write(0);"))
    assert code == 1 and verdict.mismatches == FRAMES * width and verdict.first is None
    code, verdict = design.check("pool1", tmp_path / "unread", also("in.write(0);"))
    assert code == 1 and verdict.left == FRAMES and verdict.mismatches == 0


def test_wrong_expected_word_is_found_where_it_is(design: Design, tmp_path: Path) -> None:
    """A bit of every word is turned in turn: frame, channel, row and column of the pixel are reported."""
    program = design.build("fire2", tmp_path / "fire2", "vitis", {})
    stream = next(stream for stream in design.plan.streams if stream.name == "fire2")
    right = design.words("fire2.bin").read_bytes()
    size = len(right) // (FRAMES * stream.words)
    order = list(stream.order())
    bits, width = stream.type.bits, stream.type.shape.width
    for n in range(FRAMES * stream.words):
        column = n % width
        bit = column * bits
        wrong = bytearray(right)
        wrong[n * size + bit // 8] ^= 1 << (bit % 8)
        path = tmp_path / "wrong.bin"
        path.write_bytes(wrong)
        code, verdict = design.run("fire2", program, path)
        assert code == 1 and verdict.mismatches == 1
        first = verdict.first
        assert first and first.got is not None and abs(first.got - first.expected) == 1
        channel, row = order[n % stream.words]
        found = (first.frame, first.channel, first.row, first.column)
        assert found == (n // stream.words, channel, row, column)


def test_bench_refuses_files_of_another_size(design: Design, tmp_path: Path) -> None:
    program = design.build(LOGITS, tmp_path / "logits", "bambu", {})
    short = tmp_path / "short.bin"
    short.write_bytes(b"123")
    command: list[str | Path] = [program, str(FRAMES), design.words("pool10.bin")]
    done = subprocess.run([*command, short], text=True, capture_output=True, check=False)
    assert done.returncode == 2 and "short.bin holds 3 bytes" in done.stderr
    done = subprocess.run([*command, tmp_path / "none"], text=True, capture_output=True, check=False)
    assert done.returncode == 2 and "cannot open" in done.stderr
