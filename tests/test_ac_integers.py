"""The emitted C++ with a second integer library, Algorithmic C's: the same values, bit for bit."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import test_compressed_csim as compressed
import test_csim as dense
from csim_helpers import HEADER, check_equal, flip, needs_ac, replaced, run_emitted, simulate

from fpga_squeeze.device.dsp_packing import Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import Dialect
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.verify.csim import LEFTOVER, UNDERRUN, Integers, csim_flags
from fpga_squeeze.verify.tools import compile_objects, find_compiler, link

TESTS = Path(__file__).parent
LIBRARIES: tuple[Integers, ...] = ("vendor", "ac")
Case = tuple[Plan, dense.Images]


@needs_ac
@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "dialect"),
    [
        (lambda: dense.random_case(4), "vitis"),
        (lambda: dense.random_case(12, Multipliers(2)), "bambu"),
        (lambda: compressed.random_case(2), "bambu"),
        (lambda: compressed.small_case(("huffman",) * 3), "vitis"),
    ],
    ids=["dense", "pairs", "formats", "huffman"],
)
def test_same_values(case: Callable[[], Case], dialect: Dialect, tmp_path: Path) -> None:
    plan, images = case()
    check_equal(simulate(plan, images, tmp_path, dialect=dialect, integers="ac"), plan)


@needs_ac
@pytest.mark.slow
def test_flipped_weight_bit(tmp_path: Path) -> None:
    plan, images = compressed.small_case(("dense", "huffman", "dense"))
    emit_hls(plan, tmp_path / "hls", HEADER)
    path = tmp_path / "hls" / "conv10.cpp"
    path.write_text(flip("conv10_weights_c0_r0", 0, 6)(path.read_text()))
    found = run_emitted(plan, images, tmp_path, integers="ac")
    assert {name for name, differ in found.items() if differ} >= {"conv10", "logits"}
    assert found["conv1"] == found["fire2"] == 0


@pytest.mark.slow
@needs_ac
def test_no_value_from_braces(tmp_path: Path) -> None:
    """HLS tools whose ap_int is made of ac_int refuse ``= {}``; so does the adapter."""
    emit_hls(dense.random_case(4)[0], tmp_path, HEADER)
    header = tmp_path / "fsq_input.hpp"
    header.write_text(replaced("wide bytes = 0;", "wide bytes = {};")(header.read_text()))
    source = [tmp_path / "image.cpp"]
    compile_objects(find_compiler(), source, csim_flags(tmp_path, "vendor"), tmp_path / "vendor")
    with pytest.raises(FpgaSqueezeError, match=r"fsq_input.hpp:\d+:\d+: error: .* explicit constructor"):
        compile_objects(find_compiler(), source, csim_flags(tmp_path, "ac"), tmp_path / "ac")


@pytest.mark.slow
@needs_ac
def test_both_libraries_agree(tmp_path: Path) -> None:
    """Ranges, shifts, products and conversions of wide integers; what streams tell of words too few or too many."""
    reports = []
    for integers in LIBRARIES:
        folder = tmp_path / integers
        flags = [*csim_flags(tmp_path, integers), "-Werror"]
        objects = compile_objects(find_compiler(), [TESTS / "integers.cpp"], flags, folder)
        link(find_compiler(), objects, (), folder / "integers")
        reports.append(
            subprocess.run([folder / "integers"], text=True, capture_output=True, check=True).stdout
        )
    vendor, ac = ([line for line in text.splitlines() if "WARNING" not in line] for text in reports)
    assert vendor == ac and len(ac) == 13
    assert [(text.count(UNDERRUN), text.count(LEFTOVER)) for text in reports] == [(1, 1)] * 2
