"""Kernels of graphs one by one, against exact arithmetic: forks, stores, sums, concatenations, pools of any window."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from csim_helpers import FAST_BUILD, HEADER, needs_ac, needs_tools, replaced
from hls_cases import CASES, FRAMES, Case

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS, Dialect
from fpga_squeeze.emit.words import encode_words, tensor_to_words
from fpga_squeeze.verify import tools
from fpga_squeeze.verify.csim import Integers, csim_flags
from fpga_squeeze.verify.hls.bench import Verdict, read_verdict
from fpga_squeeze.verify.hls.tops import BENCH, find_tops, write_sources
from fpga_squeeze.verify.pragmas import check_folder

each_case = pytest.mark.parametrize("name", CASES)
Change = tuple[str, Callable[[str], str]]


def run_alone(
    case: Case, folder: Path, dialect: Dialect, integers: Integers, change: Change | None = None
) -> Verdict:
    """The bench over the kernel, after a change of one of its files."""
    rng = np.random.default_rng(7)
    plan, maps = case.plan(), case.maps(rng)
    [top] = find_tops(plan, case.kernel.name)
    emit_hls(plan, folder / "hls", HEADER, dialect)
    files = write_sources(top, folder / "hls", dialect, folder / "src")
    if change:
        path = folder / "src" / change[0]
        path.write_text(change[1](path.read_text()))
    streams = [*case.kernel.inputs, *case.kernel.outputs]
    expected = case.expected(maps)
    for stream, values in zip(streams, [*maps, *[expected] * len(case.kernel.outputs)], strict=True):
        (folder / f"{stream.name}.bin").write_bytes(encode_words(tensor_to_words(values, stream), stream))
    compiler = tools.find_compiler()
    flags = [*FAST_BUILD, *csim_flags(folder / "src", integers)]
    objects = tools.compile_objects(compiler, [*files, folder / "src" / BENCH], flags, folder / "o")
    tools.link(compiler, objects, [], folder / "bench")
    command = [str(folder / "bench"), str(FRAMES), *(str(folder / port.file) for port in top.ports)]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)
    verdict = read_verdict(done.stdout.splitlines(), top, FRAMES)
    assert done.returncode == (0 if verdict.equal else 1), done.stderr
    return verdict


def check_exact(name: str, integers: Integers, tmp_path: Path) -> None:
    case = CASES[name]()
    verdict = run_alone(case, tmp_path, DIALECTS[len(name) % 2], integers)
    assert verdict.equal, verdict.first
    assert verdict.words == FRAMES * sum(stream.words for stream in case.kernel.outputs)


@needs_tools
@pytest.mark.slow
@each_case
def test_exact(name: str, tmp_path: Path) -> None:
    check_exact(name, "native", tmp_path)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("integers", ["vendor", pytest.param("ac", marks=needs_ac)])
@pytest.mark.parametrize(
    "name", ["add_signs", "concat", "store_4_into_3", "max_5x5_1", "average_2x2_2", "average_2x3_1_ties"]
)
def test_other_integers_give_the_same(name: str, integers: Integers, tmp_path: Path) -> None:
    check_exact(name, integers, tmp_path)


@needs_tools
@pytest.mark.slow
@each_case
@pytest.mark.parametrize("dialect", DIALECTS)
def test_pragmas(name: str, dialect: Dialect, tmp_path: Path) -> None:
    case = CASES[name]()
    emit_hls(case.plan(), tmp_path, HEADER, dialect)
    for file in tmp_path.glob("*.cpp"):
        if file.stem != case.kernel.name:
            file.unlink()
    report = check_folder(tmp_path, dialect)
    assert not report.violations, "\n".join(map(str, report.violations))
    assert report.seen["pipeline" if dialect == "vitis" else "unroll"] > 0 or case.kernel.kind == "fork"


@needs_tools
@pytest.mark.slow
@each_case
def test_clang_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    clang = pytest.importorskip("test_clang", reason="libclang is not here: it is in the test extras")
    case = CASES[name]()
    emit_hls(case.plan(), tmp_path, HEADER, DIALECTS[len(name) % 2])
    assert clang.diagnostics(tmp_path / f"{case.kernel.name}.cpp", *clang.vendor_headers()) == []


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("add_signs", "fsq_round.hpp", "(below != 0 || odd)", "(below != 0 || !odd)"),
        ("add_relu", "fsq_add.hpp", "wide(b) * wide(P::B_FACTOR)", "wide(b)"),
        ("concat", "fsq_concat.hpp", "group == P::GROUPS - 1,", "group < 0,"),
        (
            "fork_three_ways",
            "fsq_fork.hpp",
            "    write_all(word, rest...);\n",
            "    if (false) write_all(word, rest...);\n",
        ),
        ("store_4_into_3", "fsq_store.hpp", "upto<P::LINES> first = 0;", "upto<P::LINES> first = 1;"),
        ("max_5x5_1", "fsq_window.hpp", "((mask >> i) & 1) != 0", "((mask >> i) & 2) != 0"),
        ("average_2x3_1_ties", "fsq_divide.hpp", "(rest == divisor && odd)", "(rest == divisor && !odd)"),
        ("average_2x2_2", "fsq_round.hpp", "(below != 0 || odd)", "(below != 0 || !odd)"),
        ("add_far_apart", "fsq_add.hpp", "+ wide(P::OFFSET)", ""),
        ("concat_types", "fsq_concat.hpp", "P::pixel(INPUT, pixels[x])", "P::pixel(0, pixels[x])"),
        ("global_scales", "fsq_mean_multiply.hpp", "+ wide(P::ZERO)", ""),
        ("window_sums", "fsq_window.hpp", "(from > 0 ? from : 0)", "from"),
    ],
)
def test_broken_kernels_are_caught(name: str, file: str, old: str, new: str, tmp_path: Path) -> None:
    verdict = run_alone(CASES[name](), tmp_path, "vitis", "native", (file, replaced(old, new)))
    assert not verdict.equal and verdict.mismatches > 0 and verdict.first is not None
