"""The decoders of HLS C++ and of the RTL against Python's: random codes, random streams, symbol by symbol."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from decoder_cases import DecoderCase, random_case, write_cases
from rtl_bench import TESTS, build_bench
from seeds import SEED

from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.paths import source_files
from fpga_squeeze.verify.tools import compile_objects, find_compiler, find_hls_headers, link

TABLES = 10_000


def build_hls(folder: Path) -> Path:
    """The bench of fsq::PrefixDecoder."""
    headers = source_files("hls")
    for name, file in headers.items():
        shutil.copyfile(file, folder / name)
    shutil.copyfile(headers["fsq_pragmas_vitis.hpp"], folder / "fsq_pragmas.hpp")
    (folder / "fsq_widths.hpp").write_text("#define AP_INT_MAX_W 1024\n")
    flags = ["-std=c++14", "-O1", "-Wall", "-Wextra", "-Werror", "-DFSQ_CSIM", "-DFSQ_CSIM_NATIVE"]
    flags += ["-isystem", str(find_hls_headers()), "-I", str(folder)]
    objects = compile_objects(find_compiler(), [TESTS / "decoder_bench_hls.cpp"], flags, folder / "objects")
    link(find_compiler(), objects, (), folder / "bench")
    return folder / "bench"


def build_rtl(folder: Path) -> Path:
    """The bench of fsq_bit_reader and fsq_codeword."""
    rtl = source_files("rtl")
    names = (
        "fsq_bit_reader.sv",
        "fsq_codeword.sv",
        "fsq_stage_walk.sv",
        "fsq_word_stream.sv",
        "fsq_word_walk.sv",
    )
    sources = {name: rtl[name].read_text() for name in names}
    sources["decoder_bench.sv"] = (TESTS / "rtl" / "decoder_bench.sv").read_text()
    return build_bench(folder, "decoder_bench", sources, "decoder_bench_rtl.cpp")


Builder = Callable[[Path], Path]
BUILDERS: dict[str, Builder] = {"hls": build_hls, "rtl": build_rtl}


@pytest.fixture(scope="module", params=list(BUILDERS))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param))


def decode(bench: Path, cases: list[DecoderCase], folder: Path, break_offset: bool = False) -> IntArray:
    """The symbols that a bench gives for ``cases``."""
    write_cases(cases, folder / "cases.bin", break_offset)
    command = [str(bench), str(folder / "cases.bin"), str(folder / "symbols.bin")]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return np.fromfile(folder / "symbols.bin", dtype="<i4").astype(np.int64)


def check(bench: Path, tables: int, folder: Path) -> None:
    rng = np.random.default_rng(SEED)
    cases = [random_case(rng) for _ in range(-(-tables // 3))]
    got = decode(bench, cases, folder)
    want = [case.expected() for case in cases]
    place = 0
    for number, symbols in enumerate(want):
        part = got[place : place + len(symbols)]
        assert np.array_equal(part, symbols), f"case {number}: {part} is not {symbols}"
        place += len(symbols)
    assert place == len(got)
    print(f"{bench.parent.name}: {3 * len(cases)} codes, {place} symbols equal")


@pytest.mark.slow
@pytest.mark.fuzz
def test_decoder(bench: Path, tmp_path: Path) -> None:
    check(bench, 300, tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
def test_decoder_many(bench: Path, tmp_path: Path) -> None:
    check(bench, TABLES, tmp_path)


@pytest.mark.slow
def test_wrong_offset_is_seen(bench: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    cases = [random_case(rng) for _ in range(10)]
    want = np.concatenate([case.expected() for case in cases])
    got = decode(bench, cases, tmp_path, break_offset=True)
    assert len(got) == len(want) and (got != want).mean() > 0.5
