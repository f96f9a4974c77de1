"""The emitted C++ with a second integer library, Algorithmic C's: the same values, bit for bit."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import test_compressed_csim as compressed
import test_csim as dense
from csim_helpers import HEADER, NO_AC, check_equal, flip, needs_ac, replaced, run_emitted, simulate

from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.planning.packing import Multipliers
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.simulate.csim import csim_flags
from fpga_squeeze.simulate.tools import compile_objects, find_compiler, link

TESTS = Path(__file__).parent
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
def test_same_values(case: Callable[[], Case], dialect: str, tmp_path: Path) -> None:
    plan, images = case()
    check_equal(simulate(plan, images, tmp_path, dialect=dialect, integers="ac"), plan)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, dense.Images, Path]:
    """A small design, built with Algorithmic C's integers and found right."""
    if NO_AC:
        pytest.skip(NO_AC)
    plan, images = compressed.small_case(("dense", "huffman", "dense"))
    folder = tmp_path_factory.mktemp("ac")
    check_equal(simulate(plan, images, folder, integers="ac"), plan)
    return plan, images, folder


def broken(
    design: tuple[Plan, dense.Images, Path], folder: Path, file: str, change: Callable[[str], str]
) -> int:
    """Mismatches of the small design with one file changed."""
    plan, images, source = design
    shutil.copytree(source, folder, dirs_exist_ok=True)
    path = folder / "hls" / file
    path.write_text(change(path.read_text()))
    return sum(run_emitted(plan, images, folder, integers="ac").values())


@needs_ac
@pytest.mark.slow
def test_flipped_weight_bit(built: tuple[Plan, dense.Images, Path], tmp_path: Path) -> None:
    assert broken(built, tmp_path, "conv10.cpp", flip("conv10_weights_c0_r0", 0, 6)) > 0


@needs_ac
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "fsq_avg_pool.hpp",
            "HEIGHT - 1) out.",
            "HEIGHT - 1 && channel != 0) out.",
            "that was never written",
        ),
        (
            "fsq_term_feed.hpp",
            "term = stage_end ?",
            "if (n == 0) out.write(0);\n term = stage_end ?",
            "unread",
        ),
    ],
    ids=["dropped", "left"],
)
def test_wrong_number_of_words(
    file: str, old: str, new: str, told: str, built: tuple[Plan, dense.Images, Path], tmp_path: Path
) -> None:
    """The streams of the adapter tell what the vendor's do."""
    with pytest.raises(FpgaSqueezeError, match=told):
        broken(built, tmp_path, file, replaced(old, new))


@needs_ac
def test_no_value_from_braces(tmp_path: Path) -> None:
    """HLS tools whose ap_int is made of ac_int refuse ``= {}``; so does the adapter."""
    emit_hls(dense.random_case(4)[0], tmp_path, HEADER)
    header = tmp_path / "fsq_input.hpp"
    header.write_text(replaced("ap_uint<64> beat = 0;", "ap_uint<64> beat = {};")(header.read_text()))
    source = [tmp_path / "image.cpp"]
    compile_objects(find_compiler(), source, csim_flags(tmp_path, "vendor"), tmp_path / "vendor")
    with pytest.raises(FpgaSqueezeError, match=r"fsq_input.hpp:\d+:\d+: error: .* explicit constructor"):
        compile_objects(find_compiler(), source, csim_flags(tmp_path, "ac"), tmp_path / "ac")


@needs_ac
def test_integers_of_both_libraries(tmp_path: Path) -> None:
    """Ranges, shifts, products and conversions of wide integers."""
    told = []
    for integers in ("vendor", "ac"):
        folder = tmp_path / integers
        flags = [*csim_flags(tmp_path, integers), "-Werror"]
        objects = compile_objects(find_compiler(), [TESTS / "integers.cpp"], flags, folder)
        link(find_compiler(), objects, (), folder / "integers")
        told.append(subprocess.run([folder / "integers"], text=True, capture_output=True, check=True).stdout)
    assert told[0] == told[1]
    assert len(told[0].splitlines()) == 11
