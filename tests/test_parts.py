"""Where the LUTs are: parts by module, and their table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fpga_squeeze import api
from fpga_squeeze.cli.luts import MOST_ENGINES, print_luts
from fpga_squeeze.paths import source_files
from fpga_squeeze.planning.cost.estimate import Estimate
from fpga_squeeze.verify.parts import OTHERS, PARTS, module_name, part_of
from fpga_squeeze.verify.synthesis import Resources, Synthesis


def test_modules_that_have_a_part_are_in_the_rtl() -> None:
    assert set(PARTS) <= {name.removesuffix(".sv") for name in source_files("rtl")} | {"fsq_params"}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("fsq_engine", "control"),
        ("fsq_engine/fsq_sequencer/fsq_stage_walk", "control"),
        ("fsq_engine/fsq_lane_pixels/fsq_mux/fsq_mux4", "stage choice"),
        ("fsq_engine/fsq_line_buffer/fsq_line_bank/fsq_taps/fsq_mux", "taps"),
        ("fsq_engine/fsq_line_buffer/fsq_line_bank/fsq_page_join/fsq_copy", "page choice"),
        ("fsq_engine/fsq_line_buffer/fsq_line_bank/fsq_ram_lut", "row memories"),
        ("fsq_engine/fsq_delivery/fsq_drain", "word assembly"),
        ("fsq_engine/fsq_delivery/fsq_drain/fsq_beat_sums/fsq_mux", "waiting sums"),
        ("fsq_engine/fsq_delivery/fsq_fifo/fsq_ram_lut", "FIFOs"),
        ("fsq_params/fsq_symbol_queue/fsq_ram_lut", "decoders"),
        ("fsq_max_pool/fsq_fifo", "FIFOs"),
        ("fsq_top", OTHERS),
    ],
)
def test_part_is_that_of_the_nearest_module(path: str, part: str) -> None:
    assert part_of(path) == part


def test_names_of_specialised_modules() -> None:
    assert module_name("fsq_mux") == "fsq_mux"
    assert module_name("$paramod$0123abc\\fsq_mux") == "fsq_mux"
    assert module_name("$paramod\\fsq_mux4\\WIDTH=s32'00000000000000000000000000001000") == "fsq_mux4"
    assert module_name("conv1_params") == module_name("$paramod\\fire2_params\\N=1'1") == "fsq_params"


@pytest.fixture(scope="module")
def numbers() -> Estimate:
    """The estimate of the embedded model, for its kernels and lanes."""
    return api.estimate(None, options=api.DesignOptions(lanes=8))


def test_table_of_parts(numbers: Estimate, capsys: pytest.CaptureFixture[str]) -> None:
    """A row per part, the largest first; memory counts; sums of rows and columns; per lane; no engine is lost where
    not all have a column of their own."""
    engines = [kernel.name for kernel in numbers.kernels if kernel.lanes]
    parts = {name: {"taps": Resources(luts=1000, lut_ram=200, shift_registers=34)} for name in engines}
    parts["image"] = {"FIFOs": Resources(luts=7), "control": Resources(flip_flops=3)}
    result = Synthesis.of(numbers, parts, None)
    lanes = sum(kernel.lanes for kernel in numbers.kernels)
    every = 1234 * len(engines) + 7

    def table(of: Synthesis) -> dict[str, list[str]]:
        print_luts(of)
        lines = capsys.readouterr().out.splitlines()
        return {line.split("  ")[0].strip(): line.split() for line in lines if line.strip()}

    rows = table(result)
    assert list(rows)[3:6] == ["taps", "FIFOs", "LUTs"], "no row without a LUT"
    assert rows["taps"][1:] == [*["1,234"] * len(engines), f"{1234 * len(engines):,}", "99.9"]
    assert rows["FIFOs"][1:] == ["7", "7", "0.1"]
    assert rows["LUTs"][1:] == [*["1,234"] * len(engines), "7", f"{every:,}", "100.0"]
    assert rows["LUTs per lane"][-1] == f"{every / lanes:.1f}"
    assert numbers.lane_efficiency is not None
    assert rows["lanes used, %"][-1] == f"{100 * numbers.lane_efficiency:.1f}"
    found = result.to_json()
    assert found["luts_by_part"] == {"taps": 1234 * len(engines), "FIFOs": 7}
    assert found["luts_per_lane"] == every / lanes

    first = next(kernel for kernel in numbers.kernels if kernel.lanes)
    more = [replace(first, name=f"more{n}") for n in range(MOST_ENGINES)]
    many = replace(numbers, kernels=(*numbers.kernels, *more), lanes=lanes + MOST_ENGINES * first.lanes)
    parts |= {kernel.name: {"taps": Resources(luts=2000)} for kernel in more}
    rows = table(Synthesis.of(many, parts, None))
    left = len(engines)  # those of fewest LUTs share the last column
    assert rows["LUTs"][1:] == [
        *["2,000"] * MOST_ENGINES,
        f"{1234 * left + 7:,}",
        f"{every + 2000 * MOST_ENGINES:,}",
        "100.0",
    ]
    assert rows["lanes"][1:] == [str(first.lanes)] * MOST_ENGINES + [str(lanes), str(many.lanes)]
