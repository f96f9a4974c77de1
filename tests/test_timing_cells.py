"""The delays of cells against those that the installed Yosys states in ``techlibs/xilinx/cells_sim.v``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.verify.timing.cells import LUT_PINS, CellTiming, cell_timing, find
from fpga_squeeze.verify.yosys import run_yosys

Stated = tuple[dict[tuple[str, str], int], dict[str, int], dict[str, int]]
CELLS = (
    *(f"LUT{n}" for n in range(1, 7)),
    *("MUXF7", "MUXF8", "CARRY4", "FDRE", "FDSE", "FDCE", "FDPE"),
    *("RAM32X1D", "RAM64X1D", "RAM128X1D", "RAM32M", "RAM64M", "SRL16E", "SRLC32E", "RAMB18E1", "RAMB36E1"),
)
ROUNDED = 1
"""ps by which the source differs between ports of the same LUT."""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("cells")
    script = "read_verilog -specify +/xilinx/cells_sim.v; proc; write_json cells.json"
    run_yosys(script, folder, "cells_sim.v")
    found: dict[str, Any] = json.loads((folder / "cells.json").read_text())["modules"]
    return found


def _stated(module: Mapping[str, Any]) -> Stated:
    """Arcs, clock to outputs, and set-ups in ps, the largest where there are several."""
    names: dict[int | str, str] = {}
    for port, found in module["ports"].items():
        one = len(found["bits"]) == 1
        names |= {bit: port if one else f"{port}[{i}]" for i, bit in enumerate(found["bits"])}
    arcs: dict[tuple[str, str], int] = {}
    launches: dict[str, int] = {}
    captures: dict[str, int] = {}
    for cell in module["cells"].values():
        wires = {port: [names.get(bit, "") for bit in bits] for port, bits in cell["connections"].items()}
        if cell["type"] == "$specify2":
            ps = int(cell["parameters"]["T_RISE_MAX"], 2)
            arcs |= {(a, b): ps for a in wires["SRC"] for b in wires["DST"]}
        elif cell["type"] == "$specify3":
            ps = int(cell["parameters"]["T_RISE_MAX"], 2)
            launches |= {out: max(ps, launches.get(out, 0)) for out in wires["DST"]}
        elif cell["type"] == "$specrule":
            ps = int(cell["parameters"]["T_LIMIT_MAX"], 2)
            captures |= {pin: max(ps, captures.get(pin, 0)) for pin in wires["SRC"]}
    return arcs, launches, captures


def _differences(timing: CellTiming, stated: Stated) -> list[str]:
    """What is stated and is larger here, or smaller by more than the bits of one kind differ; or is not here at all."""
    arcs, launches, captures = stated
    pairs = []
    for (source, out), ps in arcs.items():
        ways = find(timing.arcs, source)
        pairs.append((f"{source} to {out}", ps, find(ways, out) if isinstance(ways, dict) else None))
    pairs += [(f"clock to {out}", ps, find(timing.launches, out)) for out, ps in launches.items()]
    pairs += [(f"set-up of {pin}", ps, find(timing.captures, pin)) for pin, ps in captures.items()]
    exact = timing.kind in ("carry", "mux", "register", "shift", "block")
    wrong = []
    for what, ps, ours in pairs:
        slack = ours - ps if isinstance(ours, int) else None
        if slack is None or slack < -ROUNDED or (exact and slack > ROUNDED):
            wrong.append(f"{what}: {ours}, stated {ps}")
    return wrong


@pytest.mark.slow
def test_delays_are_those_of_yosys(modules: dict[str, Any]) -> None:
    for cell in CELLS:
        stated = _stated(modules[cell])
        if cell.startswith("LUT"):
            assert sorted(stated[0].values()) == list(LUT_PINS[: int(cell[3])]), cell
            continue
        if cell in ("FDCE", "FDPE"):
            stated = ({}, *stated[1:])  # from the asynchronous reset, which no design of ours has
        timing = cell_timing(cell, {}, cell)
        assert not (wrong := _differences(timing, stated)), f"{cell}: {wrong}"
        assert any(stated)
    arcs, launches, captures = _stated(modules["CARRY4"])
    arcs["CI", "CO[3]"] += 20
    assert _differences(cell_timing("CARRY4", {}, "x"), (arcs, launches, captures)) == [
        "CI to CO[3]: 114, stated 134"
    ]


def test_registers_of_a_dsp() -> None:
    """Where a way ends, by the registers used: before the multiplier, behind it, at the sum, or nowhere."""

    def setup(**registers: int) -> dict[str, object]:
        timing = cell_timing("DSP48E1", registers, "dsp")
        return {
            "A": timing.captures.get("A"),
            "OPMODE": timing.captures.get("OPMODE"),
            "P": timing.launches.get("P"),
        }

    assert setup(AREG=1, MREG=1, PREG=1) == {"A": 254, "OPMODE": 1244, "P": 329}
    assert setup(MREG=1, PREG=1, OPMODEREG=1) == {"A": 1416, "OPMODE": 168, "P": 329}
    assert setup(PREG=1)["A"] == 2739
    assert setup(MREG=1)["P"] == 1687
    assert setup() == {"A": None, "OPMODE": None, "P": None}
    assert cell_timing("DSP48E1", {}, "dsp").arcs["A"]["P"] == 2823
    assert (
        cell_timing("DSP48E1", {"AREG": 1, "PREG": 1}, "dsp").inner
        > cell_timing("DSP48E2", {"AREG": 1, "MREG": 1, "PREG": 1}, "dsp").inner
        > 0
    )


def test_wide_carry_is_two_narrow_ones() -> None:
    four, eight = cell_timing("CARRY4", {}, "c").arcs, cell_timing("CARRY8", {}, "c").arcs
    assert eight["CI"]["CO[7]"] == 2 * four["CI"]["CO[3]"]
    assert eight["S[0]"]["O[5]"] == four["S[0]"]["CO[3]"] + four["CI"]["O[1]"]
    assert eight["DI[6]"]["O[7]"] == four["DI[2]"]["O[3]"] and "O[3]" not in eight["S[4]"]


def test_cells_of_both_families_are_known() -> None:
    for cell in (
        "RAM32M16",
        "RAM64M8",
        "RAM64X1S",
        "URAM288",
        "RAMB36E2",
        "MUXF9",
        "SRLC16E",
        "INV",
        "RAM256X1S",
    ):
        timing = cell_timing(cell, {}, cell)
        assert timing.kind in ("lut", "mux") or timing.launches
    for cell in ("RAM16X1D", "BUFG", "RAMX"):
        with pytest.raises(FpgaSqueezeError, match=f"no delays are known for cells of type {cell}"):
            cell_timing(cell, {}, cell)
