"""Delays of the cells that Yosys maps 7 series designs to, in ps, slowest corner of speed grade -1.

Sources. LUTs, multiplexers, carry chains, flip-flops, distributed RAM, shift registers, block RAM and DSP48E1: the
``specify`` blocks and ``required`` and ``arrival`` functions of Yosys' ``techlibs/xilinx/cells_sim.v``, which are those
of Project X-Ray's timing fuzzers (``tests/test_timing_cells.py`` compares them with the Yosys that is installed).
Where a cell has several bits of one kind, the slowest counts. What is not in there is marked as taken.
UltraScale+ cells get the 7 series figures of the same function, which :mod:`.speed` scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from ...errors import FpgaSqueezeError

Kind = Literal["lut", "mux", "carry", "memory", "register", "shift", "block", "dsp"]
Arcs = Mapping[str, Mapping[str, int]]
LUT_PINS = (127, 238, 407, 472, 631, 642)
"""From an input of a LUT to its output, fastest pin first; routers permute pins: the latest input gets the fastest."""
SETUP_CE, SETUP_SR = 109, 404
CLK_TO_Q = 303
CARRY: Mapping[str, tuple[int | None, ...]] = {
    "CYINIT": (482, 598, 584, 642, 536, 494, 592, 580),
    "CI": (222, 334, 239, 313, 271, 157, 228, 114),
    "S[0]": (223, 400, 523, 582, 340, 433, 512, 508),
    "S[1]": (None, 205, 558, 618, None, 469, 548, 528),
    "S[2]": (None, None, 226, 330, None, None, 292, 378),
    "S[3]": (None, None, None, 227, None, None, None, 380),
    "DI[0]": (None, 407, 556, 615, 379, 465, 540, 526),
    "DI[1]": (None, None, 537, 596, None, 445, 520, 507),
    "DI[2]": (None, None, None, 438, None, None, 356, 398),
    "DI[3]": (None, None, None, None, None, None, None, 385),
}
"""CARRY4: from an input to O[0] to O[3], then CO[0] to CO[3]; None: no way."""
RAM_READ, RAM_SETUP = 1190, {"D": 461, "WE": 654, "A": 362}
"""Distributed RAM: clock to output; set-up of data, write enable and write address."""
WIDE_READ, WIDE_SETUP = 1550, {"D": 453, "WE": 654, "A": 616}
"""The same of 128 and more words, which lie in several LUTs behind MUXF7."""
WIDE_MUX = 397
"""What MUXF7 and the way out of the slice add to a read of 128 words."""
WIDE_SELECT = 470
"""From the uppermost address bit of 128 words, the select of MUXF7, to the output."""
SHIFT_READ, SHIFT_LAST, SHIFT_SETUP = 1472, 1114, 173
BLOCK_READ, BLOCK_READ_REGISTERED = 2454, 882
BLOCK_SETUP = {"ADDR": 566, "D": 737, "WE": 532, "EN": 532, "REGCE": 360, "RST": 342}
"""Block RAM by what a port's name begins with. EN: no figure in the source, taken from WE."""
URAM_READ = 2454
"""UltraRAM: no figure in the source, taken from block RAM."""
DSP_CONTROL = 360
"""Clock enables and resets of a DSP: no figure in the source, taken from block RAM's REGCE."""

_FLIP_FLOPS = {"FDRE": "R", "FDSE": "S", "FDCE": "CLR", "FDPE": "PRE"}
_ADDRESS_BITS = {"RAM32": 5, "RAM64": 6, "RAM128": 7, "RAM256": 8}


@dataclass(frozen=True)
class CellTiming:
    """Delays of a cell in ps, by the name of a port, or of one bit of it (``S[0]``), which goes before the port.

    launches  from the clock to an output
    captures  set-up of an input before the clock
    arcs      from an input to outputs within the same cycle; not for LUTs, whose inputs are told apart by arrival
    clocks    ports that carry no data
    inner     longest way between two registers inside of the cell; 0: none
    """

    kind: Kind
    launches: Mapping[str, int] = field(default_factory=dict)
    captures: Mapping[str, int] = field(default_factory=dict)
    arcs: Arcs = field(default_factory=dict)
    clocks: frozenset[str] = frozenset()
    inner: int = 0


def find(table: Mapping[str, int] | Arcs, bit: str) -> object:
    """What ``table`` holds for a bit, else for its port, else None."""
    return table.get(bit, table.get(bit.partition("[")[0]))


def cell_timing(cell: str, parameters: Mapping[str, object], name: str) -> CellTiming:
    """Delays of the cell called ``name`` of type ``cell``; raises FpgaSqueezeError for a type that is not known."""
    if cell.startswith("DSP48"):
        return _dsp(*(_number(parameters, register) for register in _DSP_REGISTERS), _text(parameters))
    if cell.startswith("RAMB"):
        return _block_ram(bool(_number(parameters, "DOA_REG")), bool(_number(parameters, "DOB_REG")))
    found = _plain(cell)
    if found is None:
        raise FpgaSqueezeError(
            f"{name}: no delays are known for cells of type {cell}; known are LUTs, MUXF7 to MUXF9, carry chains, "
            "flip-flops, RAMs, shift registers and DSP48 of the 7 series and UltraScale+"
        )
    return found


def _number(parameters: Mapping[str, object], name: str) -> int:
    """A parameter as Yosys writes it: a string of bits, or a number; 0 where it is left out."""
    value = parameters.get(name, 0)
    return int(value, 2) if isinstance(value, str) else int(str(value))


def _text(parameters: Mapping[str, object]) -> bool:
    return str(parameters.get("USE_MULT", "MULTIPLY")) != "NONE"


@cache
def _plain(cell: str) -> CellTiming | None:
    """Cells whose delays do not depend on parameters."""
    if cell in _FLIP_FLOPS:
        reset = _FLIP_FLOPS[cell]
        captures = {"D": 0, "CE": SETUP_CE, reset: SETUP_SR}
        return CellTiming("register", {"Q": CLK_TO_Q}, captures, clocks=frozenset({"C"}))
    if cell == "INV" or (cell.startswith("LUT") and cell[3:].isdigit()):
        return CellTiming("lut")
    match cell:
        case "MUXF7":
            return CellTiming("mux", arcs={"I0": {"O": 217}, "I1": {"O": 223}, "S": {"O": 296}})
        case "MUXF8" | "MUXF9":  # MUXF9: no figure in the source, taken from MUXF8
            return CellTiming("mux", arcs={"I0": {"O": 104}, "I1": {"O": 94}, "S": {"O": 273}})
        case "CARRY4":
            return CellTiming("carry", arcs=_carry4())
        case "CARRY8":
            return CellTiming("carry", arcs=_carry8())
        case "SRL16E" | "SRLC16E" | "SRLC32E":
            return _shift_register(cell)
        case "URAM288":
            return CellTiming(
                "block",
                {"DOUT_A": URAM_READ, "DOUT_B": URAM_READ},
                _block_inputs("_A", "_B"),
                clocks=frozenset({"CLK"}),
            )
    return _distributed_ram(cell) if cell.startswith("RAM") else None


def _carry4() -> dict[str, dict[str, int]]:
    outs = [f"{port}[{i}]" for port in ("O", "CO") for i in range(4)]
    return {
        start: {out: ps for out, ps in zip(outs, row, strict=True) if ps is not None}
        for start, row in CARRY.items()
    }


def _carry8() -> dict[str, dict[str, int]]:
    """As two CARRY4, one behind the other."""
    one = _carry4()
    arcs: dict[str, dict[str, int]] = {}
    for start, outs in one.items():
        port, _, rest = start.partition("[")
        enters = outs["CO[3]"]
        upper = {f"{out[:-2]}{int(out[-2]) + 4}]": enters + ps for out, ps in one["CI"].items()}
        arcs[start] = {**outs, **upper}
        if rest:
            arcs[f"{port}[{int(rest[0]) + 4}]"] = {
                f"{out[:-2]}{int(out[-2]) + 4}]": ps for out, ps in outs.items()
            }
    arcs["CI_TOP"] = {f"{out[:-2]}{int(out[-2]) + 4}]": ps for out, ps in one["CI"].items()}
    return arcs


def _shift_register(cell: str) -> CellTiming:
    pins = LUT_PINS[::-1]
    if cell == "SRLC32E":
        arcs = {f"A[{i}]": {"Q": pins[i]} for i in range(5)}
    else:
        arcs = {f"A{i}": {"Q": pins[i + 1]} for i in range(4)}
    launches = {"Q": SHIFT_READ, "Q15": SHIFT_LAST, "Q31": SHIFT_LAST}
    return CellTiming("shift", launches, {"D": SHIFT_SETUP, "CE": SETUP_CE}, arcs, frozenset({"CLK"}))


def _distributed_ram(cell: str) -> CellTiming | None:
    """RAM32X1D, RAM64M, RAM32M16 and their like: every address port reads its own outputs, the last one writes."""
    size = next(
        (size for size in _ADDRESS_BITS if cell.startswith(size) and not cell[len(size)].isdigit()), None
    )
    if size is None:
        return None
    bits = _ADDRESS_BITS[size]
    read, setup = (RAM_READ, RAM_SETUP) if bits <= 6 else (WIDE_READ, WIDE_SETUP)
    pins = LUT_PINS[::-1]

    def way(i: int) -> int:
        if bits <= 6:
            return pins[i]
        return WIDE_SELECT if i >= 6 else pins[i] + WIDE_MUX

    def address(port: str, out: str, several: bool) -> dict[str, dict[str, int]]:
        return {f"{port}[{i}]" if several else f"{port}{i}": {out: way(i)} for i in range(bits)}

    arcs: dict[str, dict[str, int]] = {}
    launches: dict[str, int] = {}
    captures = {"WE": setup["WE"], "D": setup["D"]}
    kind = cell[len(size) :]
    if kind.startswith("M"):  # RAM32M, RAM64M, RAM32M16, RAM64M8: ports by letter
        letters = "ABCD" if kind == "M" else "ABCDEFGH"
        for letter in letters:
            arcs |= address(f"ADDR{letter}", f"DO{letter}", True)
            launches[f"DO{letter}"] = read
            captures[f"DI{letter}"] = setup["D"]
        captures[f"ADDR{letters[-1]}"] = setup["A"]
    else:
        several = bits > 6
        outs = {"A": "SPO", "DPRA": "DPO"} if kind.endswith("D") else {"A": "O"}
        for port, out in outs.items():
            arcs |= address(port, out, several)
            launches[out] = read
        captures |= {"A": setup["A"]} | {f"A{i}": setup["A"] for i in range(bits)}
    return CellTiming("memory", launches, captures, arcs, frozenset({"WCLK"}))


def _block_inputs(*sides: str) -> dict[str, int]:
    """Set-up of an UltraRAM's inputs by side."""
    names = {
        "ADDR": "ADDR",
        "DIN": "D",
        "BWE": "WE",
        "EN": "EN",
        "RDB_WR": "WE",
        "OREG_CE": "REGCE",
        "RST": "RST",
    }
    return {f"{port}{side}": BLOCK_SETUP[what] for port, what in names.items() for side in sides}


@cache
def _block_ram(registered_a: bool, registered_b: bool) -> CellTiming:
    """RAMB18 and RAMB36, E1 and E2."""
    launches: dict[str, int] = {}
    for registered, names in (
        (registered_a, ("DOADO", "DOPADOP", "DOUTADOUT", "DOUTPADOUTP")),
        (registered_b, ("DOBDO", "DOPBDOP", "DOUTBDOUT", "DOUTPBDOUTP")),
    ):
        launches |= dict.fromkeys(names, BLOCK_READ_REGISTERED if registered else BLOCK_READ)
    data = ("DIADI", "DIBDI", "DIPADIP", "DIPBDIP", "DINADIN", "DINBDIN", "DINPADINP", "DINPBDINP")
    captures = dict.fromkeys(data, BLOCK_SETUP["D"])
    captures |= dict.fromkeys(("ADDRARDADDR", "ADDRBWRADDR"), BLOCK_SETUP["ADDR"])
    captures |= dict.fromkeys(("WEA", "WEBWE"), BLOCK_SETUP["WE"])
    captures |= dict.fromkeys(("ENARDEN", "ENBWREN"), BLOCK_SETUP["EN"])
    captures |= dict.fromkeys(("REGCEAREGCE", "REGCEB"), BLOCK_SETUP["REGCE"])
    captures |= dict.fromkeys(("RSTRAMARSTRAM", "RSTRAMB", "RSTREGARSTREG", "RSTREGB"), BLOCK_SETUP["RST"])
    return CellTiming("block", launches, captures, clocks=frozenset({"CLKARDCLK", "CLKBWRCLK"}))


_DSP_REGISTERS = ("AREG", "BREG", "CREG", "MREG", "PREG", "OPMODEREG", "ALUMODEREG", "CARRYINREG")
_CONTROL = {"OPMODE": "OPMODEREG", "ALUMODE": "ALUMODEREG", "CARRYIN": "CARRYINREG"}


@cache
def _dsp(
    a: int, b: int, c: int, m: int, p: int, opmode: int, alumode: int, carryin: int, multiplies: bool
) -> CellTiming:
    """DSP48E1 and DSP48E2 without pre-adder and pattern detector.

    OPMODE, ALUMODE and CARRYIN have no figures in the source and are taken from C, as an unregistered way to the sum.
    """
    to_sum = {"A": 2739, "B": 2608} if multiplies else {"A": 1441, "B": 1428}
    to_product = {"A": 1416, "B": 1285}
    through = {"A": 2823, "B": 2690} if multiplies else {"A": 1523, "B": 1509}
    captures: dict[str, int] = {}
    arcs: dict[str, dict[str, int]] = {}
    for port, register, own in (("A", a, 254), ("B", b, 324)):
        if register:
            captures[port] = own
        elif m and multiplies:
            captures[port] = to_product[port]
        elif p:
            captures[port] = to_sum[port]
        else:
            arcs[port] = {"P": through[port], "PCOUT": through[port] + 148}
    for port, register in (("C", c), ("OPMODE", opmode), ("ALUMODE", alumode), ("CARRYIN", carryin)):
        if register:
            captures[port] = 168
        elif p:
            captures[port] = 1244
        else:
            arcs[port] = {"P": 1325, "PCOUT": 1474}
    if p:
        captures["PCIN"] = 1025
        launch = 329
    else:
        arcs["PCIN"] = {"P": 1107, "PCOUT": 1255}
        launch = 1687 if c or m else 2952 if multiplies and (a or b) else 1632
    for name in ("A1", "A2", "B1", "B2", "AD", "ALUMODE", "C", "CARRYIN", "CTRL", "D", "INMODE", "M", "P"):
        captures[f"CE{name}"] = DSP_CONTROL
    for name in ("A", "ALLCARRYIN", "ALUMODE", "B", "C", "CTRL", "D", "INMODE", "M", "P"):
        captures[f"RST{name}"] = DSP_CONTROL
    for name in ("ACIN", "BCIN"):
        captures[name] = to_product["A"]
    inner = 0
    if p:  # a register's way to P, of which the set-up of the source's inputs is the better part
        stages = [(m and multiplies, CLK_TO_Q + 1244), ((a or b) and not m, CLK_TO_Q + to_sum["A"])]
        inner = max([ps for used, ps in stages if used], default=CLK_TO_Q + 1025)
    if m and multiplies and (a or b):
        inner = max(inner, CLK_TO_Q + to_product["A"])
    registered = bool(a or b or c or m or p)
    launches = {"P": launch, "PCOUT": launch + 106, "ACOUT": 329, "BCOUT": 329} if registered else {}
    return CellTiming("dsp", launches, captures, arcs, frozenset({"CLK"}), inner)
