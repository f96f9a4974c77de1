"""The emitted HLS C++, compiled and run, equals golden in every value of every kernel; broken designs do not."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
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
    random_plan,
    replaced,
    run_emitted,
    simulate,
)
from random_models import random_images, random_qmodel
from seeds import SEED

from fpga_squeeze.datasets.images import embedded_calibration, embedded_images, embedded_model_path
from fpga_squeeze.device.dsp_packing import ONE_PRODUCT, Multipliers
from fpga_squeeze.emit.hls import emit_hls
from fpga_squeeze.emit.hls_dialect import DIALECTS, Dialect, find_dialect
from fpga_squeeze.emit.words import decode_words, encode_words, write_test_data
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network import golden
from fpga_squeeze.network.graph import FloatModel
from fpga_squeeze.planning.build import build_plan
from fpga_squeeze.planning.engine import Folding
from fpga_squeeze.planning.plan import Plan
from fpga_squeeze.planning.search.folding import engine_layers, plan_for_lanes
from fpga_squeeze.quantization.quantize import quantize
from fpga_squeeze.verify import tools
from fpga_squeeze.verify.csim import (
    Integers,
    build_csim,
    csim_flags,
    run_csim_program,
)

Images = npt.NDArray[np.uint8]


def random_case(seed: int, multipliers: Multipliers = ONE_PRODUCT) -> tuple[Plan, Images]:
    """A random model with random foldings, and three frames for it."""
    rng = np.random.default_rng(seed)
    model = random_qmodel(rng, signed_probability=0.3)
    return random_plan(rng, model, multipliers), random_images(rng, model, 3)


# ------------------------------------------------------------------------------------------- equal to golden


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 5, 7, 10, 12])
def test_random_models(seed: int, tmp_path: Path) -> None:
    plan, images = random_case(seed)
    assert any(e.folding.phases > 1 for e in plan.engines)
    assert any(e.folding.rows > 1 for e in plan.engines)
    assert any(e.folding.channels > 1 for e in plan.engines)
    check_equal(simulate(plan, images, tmp_path), plan)


@needs_tools
@pytest.mark.slow
@pytest.mark.fuzz
def test_drawn_random_model(tmp_path: Path) -> None:
    plan, images = random_case(SEED)
    check_equal(simulate(plan, images, tmp_path), plan)


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize(("seed", "dsp_slice"), [(4, "DSP48E1"), (7, "DSP48E2"), (12, "DSP48E1")])
def test_random_models_with_two_products_per_dsp(seed: int, dsp_slice: str, tmp_path: Path) -> None:
    plan, images = random_case(seed, Multipliers(2, dsp_slice))
    assert any(e.products_per_dsp == 2 for e in plan.engines)
    check_equal(simulate(plan, images, tmp_path), plan)


@needs_tools
@pytest.mark.slow
def test_vendor_integers_pack_two_products(tmp_path: Path) -> None:
    plan, images = random_case(10, Multipliers(2))
    assert any(e.products_per_dsp == 2 for e in plan.engines)
    check_equal(simulate(plan, images, tmp_path, dialect="bambu", integers="vendor"), plan)


@pytest.mark.slow
@needs_tools
def test_digits(tmp_path: Path) -> None:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    images = embedded_images()[0][:8]
    plan = plan_for_lanes(quantize(model, embedded_calibration()[:32]), 64)
    check_equal(simulate(plan, images, tmp_path), plan)


@needs_tools
@pytest.mark.slow
def test_vendor_integers_give_the_same(tmp_path: Path) -> None:
    """The native integers that make the simulation fast stand in for ap_int: run once with ap_int itself."""
    plan, images = random_case(10)
    check_equal(simulate(plan, images, tmp_path, dialect="bambu", integers="vendor"), plan)


@needs_tools
@pytest.mark.slow
def test_deep_weight_memory(tmp_path: Path) -> None:
    """A parameter memory that is stacked from several block RAMs and several columns wide."""
    rng = np.random.default_rng(8)
    model = random_qmodel(rng, min_size=5, max_size=6, max_fires=1, max_channels=60, weight_bits=(8,))
    plan = build_plan(model, [Folding(1, 1, 5)] * len(engine_layers(model)))
    tiles = [t for e in plan.engines for rom in e.weights.roms for t in rom.tiles]
    assert any(t.row for t in tiles) and any(t.bit for t in tiles)
    check_equal(simulate(plan, random_images(rng, model, 2), tmp_path), plan)


# ----------------------------------------------------------------------------------- broken designs are caught


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Images, Path]:
    """A small design that is right, already built."""
    if MISSING:
        pytest.skip(MISSING)
    rng = np.random.default_rng(21)
    model = random_qmodel(rng, min_size=8, max_size=9, max_fires=1, weight_bits=(8,), activation_bits=8)
    plan = random_plan(rng, model)
    images = random_images(rng, model, 2)
    folder = tmp_path_factory.mktemp("small")
    check_equal(simulate(plan, images, folder, together=False), plan)
    return plan, images, folder


def broken(small: tuple[Plan, Images, Path], folder: Path, file: str, change: Callable[[str], str]) -> int:
    """Mismatches of the small design with one file changed."""
    plan, images, source = small
    shutil.copytree(source, folder, dirs_exist_ok=True)
    path = folder / "hls" / file
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    # a changed header concerns every file
    return sum(run_emitted(plan, images, folder, together=file.endswith(".hpp")).values())


@pytest.mark.slow
def test_flipped_weight_bit(small: tuple[Plan, Images, Path], tmp_path: Path) -> None:
    assert broken(small, tmp_path, "conv10.cpp", flip("conv10_weights_c0_r0", 0, 6)) > 0


@pytest.mark.slow
def test_wrong_shift(small: tuple[Plan, Images, Path], tmp_path: Path) -> None:
    engine = small[0].engines[-1]
    assert broken(small, tmp_path, "conv10.cpp", flip("conv10_table_c0_r0", 0, engine.bias_bits)) > 0


@pytest.mark.slow
def test_wrong_neighbour(small: tuple[Plan, Images, Path], tmp_path: Path) -> None:
    change = replaced("+ n - B::PAD_LEFT;", "+ (n == 2 ? 1 : n) - B::PAD_LEFT;")
    assert broken(small, tmp_path, "fsq_lines.hpp", change) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("if (++count != 3)", "a kernel read a word that was never written"),
        ("for (int n = ++count == 3 ? 2 : 1; n; n--)", r"stream conv\d+ carries \d+ words, not \d+"),
    ],
    ids=["dropped", "twice"],
)
def test_wrong_number_of_words(
    times: str, message: str, small: tuple[Plan, Images, Path], tmp_path: Path
) -> None:
    change = replaced(
        "            if (drain_beat<P>(", "            static int count = 0;\n            if (drain_beat<P>("
    )
    write = replaced("if (sink == 0) out.write(pack<", f"if (sink == 0) {times} out.write(pack<")
    with pytest.raises(FpgaSqueezeError, match=message):
        broken(small, tmp_path, "fsq_engine.hpp", lambda text: write(change(text)))


# ------------------------------------------------------------------------------------------- build and harness


@pytest.mark.slow
def test_unchanged_design_is_not_rebuilt(small: tuple[Plan, Images, Path], tmp_path: Path) -> None:
    shutil.copytree(small[2], tmp_path, dirs_exist_ok=True)
    steps: list[str] = []
    build = tmp_path / "build"
    build_csim(tmp_path / "hls", build, steps.append, optimise=FAST_BUILD)
    assert steps == []
    path = tmp_path / "hls" / "conv10.cpp"
    path.write_text(path.read_text() + "\n")
    build_csim(tmp_path / "hls", build, steps.append, optimise=FAST_BUILD)
    assert steps == ["conv10.cpp"]


@pytest.mark.slow
def test_bench_checks_itself(small: tuple[Plan, Images, Path], tmp_path: Path) -> None:
    plan, images, folder = small
    write_test_data(plan, golden.run(plan.model, images), images, tmp_path)
    command = [
        str(folder / "build" / "csim"),
        str(tmp_path / "images.bin"),
        "2",
        str(folder / "out"),
        str(tmp_path),
    ]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout.split()[-1]) == (0, "PASS")
    data = bytearray((tmp_path / "conv1.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "conv1.bin").write_bytes(data)
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout.split()[-1]) == (1, "FAIL")


def test_program_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(FpgaSqueezeError, match="does not start"):
        run_csim_program(tmp_path / "none", np.zeros((1, 2, 2, 1), np.uint8), tmp_path / "out")


def test_folder_without_design(tmp_path: Path) -> None:
    with pytest.raises(FpgaSqueezeError, match="generate the project first"):
        build_csim(tmp_path, tmp_path / "build")


def test_words_encode_and_decode() -> None:
    plan, _ = random_case(1)
    for stream in plan.streams:
        low, high = stream.type.range
        pixels = np.random.default_rng(0).integers(low, high + 1, (7, stream.type.shape.width))
        assert np.array_equal(decode_words(encode_words(pixels, stream), stream), pixels)


# ------------------------------------------------------------------------------------------ the text that is emitted


def code(path: Path) -> str:
    """The text of a C++ file without its comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


FORBIDDEN = re.compile(
    r"\b(new|delete|malloc|calloc|free|virtual|throw|try|catch|typeid|dynamic_cast|goto)\b|std::"
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_synthesisable_subset(dialect: Dialect, tmp_path: Path) -> None:
    plan, _ = random_case(4)
    emit_hls(plan, tmp_path, HEADER, dialect)
    files = sorted([*tmp_path.glob("*.cpp"), *tmp_path.glob("*.hpp")])
    assert {f"{k.name}.cpp" for k in plan.kernels} < {f.name for f in files}
    for file in files:
        text = code(file)
        assert not FORBIDDEN.search(text), file.name
        assert set(re.findall(r"#include <(.*)>", text)) <= {"ap_int.h", "hls_stream.h", "ap_axi_sdata.h"}, (
            file.name
        )
        if file.name not in ("fsq_pragmas.hpp", "fsq_tool.hpp", "fsq_top.cpp"):
            assert "#pragma" not in text and "_Pragma" not in text and "HLS " not in text, file.name
        if file.suffix == ".cpp":
            assert str(HEADER["line"]) in file.read_text()


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@each_integers
def test_compiles_clean(dialect: Dialect, integers: Integers, tmp_path: Path) -> None:
    """Optimised, because warnings about uninitialised values come with the optimiser."""
    plan, _ = random_case(11)
    emit_hls(plan, tmp_path, HEADER, dialect)
    flags = ["-O2", "-Werror", *csim_flags(tmp_path, integers)]
    sources = [tmp_path / n for n in ("conv1.cpp", "fire2.cpp", "pool10.cpp", "image.cpp", "fsq_top.cpp")]
    tools.compile_objects(
        tools.find_compiler(),
        [*sources, tmp_path / "tb" / "csim_main.cpp"],
        flags,
        tmp_path / "o",
        unit=ONE_UNIT,
    )


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize("dialect", DIALECTS)
def test_synthesis_view_parses(dialect: Dialect, tmp_path: Path) -> None:
    """What an HLS tool reads, pragmas and all; an ordinary compiler takes it, too, without a warning."""
    plan, _ = random_case(11)
    emit_hls(plan, tmp_path, HEADER, dialect)
    flags = [
        "-std=c++14",
        "-Wall",
        "-Wextra",
        "-Werror",
        *(["-Wno-unknown-pragmas"] if dialect == "bambu" else []),
        "-isystem",
        str(tools.find_hls_headers()),
    ]
    for name in ("fire2.cpp", "fsq_top.cpp"):
        command = [tools.find_compiler(), *flags, "-E", str(tmp_path / name)]
        tool = [*command, "-DFSQ_PRAGMAS"]
        text = subprocess.run(tool, text=True, capture_output=True, check=True).stdout
        assert "#pragma HLS" in text and "fsq_tap(" not in text
        command[-2] = "-fsyntax-only"
        subprocess.run(command, capture_output=True, check=True)


def test_unknown_dialect() -> None:
    with pytest.raises(FpgaSqueezeError, match="unknown HLS dialect catapult; choose vitis or bambu"):
        find_dialect("catapult")
