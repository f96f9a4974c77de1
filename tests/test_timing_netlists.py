"""Static timing of netlists made by hand, where every delay, level and fan-out is known, and of broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.verify.timing.analysis import Arrivals, TimingGraph
from fpga_squeeze.verify.timing.netlist import Design, Instance, build_netlist, read_module
from fpga_squeeze.verify.timing.results import Path as TimedPath
from fpga_squeeze.verify.timing.speed import Speed
from fpga_squeeze.verify.yosys import Elaborated

SPEED = Speed("by hand", 1.0, 1.0, 0.5)
OUTPUTS = {"Q", "O", "CO", "P", "PCOUT", "DOA", "DOADO"}


class Module:
    """A module in Yosys' JSON; nets are called by name, ``0`` and ``1`` are constants."""

    def __init__(self, **ports: str) -> None:
        self.bits: dict[str, int] = {}
        self.cells: dict[str, Any] = {}
        self.ports = {
            name: {"direction": direction, "bits": [self.bit(name)]} for name, direction in ports.items()
        }

    def bit(self, net: str) -> int | str:
        return net if net in ("0", "1") else self.bits.setdefault(net, len(self.bits) + 2)

    def add(self, name: str, cell: str, parameters: dict[str, object] | None = None, /, **nets: str) -> None:
        """A cell; several nets of a port stand in one text, lowest bit first."""
        self.cells[name] = {
            "type": cell,
            "parameters": parameters or {},
            "port_directions": {port: "output" if port in OUTPUTS else "input" for port in nets},
            "connections": {port: [self.bit(net) for net in text.split()] for port, text in nets.items()},
        }

    def register(self, name: str, source: str) -> None:
        self.add(name, "FDRE", C="clk", CE="1", R="0", D=source, Q=f"{name}_q")

    def json(self) -> dict[str, Any]:
        names = {
            name: {"bits": [bit], "hide_name": int("$" in name), "attributes": {"src": "by_hand.sv:7.3-7.9"}}
            for name, bit in self.bits.items()
        }
        return {"ports": self.ports, "cells": self.cells, "netnames": names, "attributes": {}}


def _graph(module: Module) -> TimingGraph:
    return TimingGraph(build_netlist(Design([Instance("k", module.json())]), "here"), "here")


def _slowest(module: Module, speed: Speed = SPEED) -> TimedPath:
    arrivals = Arrivals(_graph(module), speed, ports=False)
    return arrivals.path(arrivals.latest()[0][1])


def _chain(length: int) -> Module:
    """Registers a and b with so many LUTs between them, each of which also takes a third register."""
    module = Module(clk="input")
    module.register("a", "x")
    module.register("c", "y")
    net = "a_q"
    for i in range(length):
        module.add(f"lut{i}", "LUT2", I0=net, I1="c_q", O=f"n{i}")
        net = f"n{i}"
    module.register("b", net)
    module.add("source", "LUT1", I0="b_q", O="x")
    module.add("other", "LUT1", I0="b_q", O="y")
    return module


def test_chain_of_luts() -> None:
    """Clock to output, three hops, three LUTs by their fastest pin, no wire to the flip-flop beside the last LUT."""
    path = _slowest(_chain(3))
    # a_q has one load, c_q three: the way from c_q through the first LUT is the later one
    first = 1.0 + 0.5 * 1.584962500721156
    assert path.start.signal == "k.c_q" and path.end.signal == "k.b_q"
    assert path.start.module == "by_hand"
    assert (path.levels, path.carries, path.port, path.kernels, path.inside) == (3, 0, "D", ("k",), True)
    assert path.route_ns == pytest.approx(first + 1.0 + 1.0)
    assert path.logic_ns == pytest.approx(0.303 + 3 * 0.127)
    assert path.delay_ns == pytest.approx(path.logic_ns + path.route_ns)
    assert [point.signal for point in path.through] == ["k.n0", "k.n1", "k.n2"]


def test_slower_cells_and_wires_count() -> None:
    twice = Speed("twice", 2.0, 2.0, 1.0)
    assert _slowest(_chain(3), twice).delay_ns == pytest.approx(2 * _slowest(_chain(3)).delay_ns)
    assert _slowest(_chain(4)).levels == 4


def test_fan_out_and_enable() -> None:
    """A net of four enables: set-up of CE, and two doublings of the loads."""
    module = Module(clk="input", d="input")
    module.register("a", "d")
    for i in range(4):
        module.add(f"r{i}", "FDRE", C="clk", CE="a_q", R="0", D="d", Q=f"r{i}_q")
    graph = _graph(module)
    arrivals = Arrivals(graph, SPEED, ports=False)
    path = arrivals.path(arrivals.latest()[0][1])
    assert path.port == "CE" and path.levels == 0
    assert path.delay_ns == pytest.approx(0.303 + (1.0 + 2 * 0.5) + 0.109)
    assert max(graph.loads) == 5  # of the data, which four registers and one more take; clocks do not count
    # from the port, as if a flip-flop stood in front of it, and only where ports count
    assert Arrivals(graph, SPEED, ports=True).latest()[0][0] > path.delay_ns


def test_carry_chain_is_one_level() -> None:
    """A LUT, three CARRY4 and the flip-flop: two levels, two hops between carries without a wire."""
    module = Module(clk="input")
    module.register("a", "a_q")
    module.add("lut", "LUT1", I0="a_q", O="s")
    module.add(
        "c0", "CARRY4", CI="0", CYINIT="0", DI="0 0 0 0", S="s 0 0 0", CO="$1 $2 $3 k0", O="$4 $5 $6 $7"
    )
    module.add(
        "c1", "CARRY4", CI="k0", CYINIT="0", DI="0 0 0 0", S="0 0 0 0", CO="$8 $9 $a k1", O="$b $c $d $e"
    )
    module.add(
        "c2", "CARRY4", CI="k1", CYINIT="0", DI="0 0 0 0", S="0 0 0 0", CO="$f $g $h $i", O="$j $k $l sum"
    )
    module.register("b", "sum")
    path = _slowest(module)
    assert (path.levels, path.carries) == (2, 3)
    assert path.route_ns == pytest.approx(1.5)  # a_q to its LUT and to itself
    assert path.logic_ns == pytest.approx(0.303 + 0.127 + 0.508 + 0.114 + 0.313)


def test_memories_and_dsp() -> None:
    """Read of a distributed RAM by address is a level; block RAM starts a path; what a DSP registers ends one."""
    module = Module(clk="input", d="input")
    module.register("a", "d")
    module.add("ram", "RAM32M", WCLK="clk", WE="0", ADDRA="a_q 0 0 0 0", DIA="d d", DOA="o $1")
    module.register("b", "o")
    path = _slowest(module)
    assert path.levels == 1 and path.delay_ns == pytest.approx(0.303 + 1.0 + 0.642)

    for registered, read in ((0, 2.454), (1, 0.882)):
        module = Module(clk="input")
        module.add("rom", "RAMB18E1", {"DOA_REG": registered}, CLKARDCLK="clk", DOADO="w")
        module.add("mac", "DSP48E1", {"AREG": "0", "MREG": "1", "PREG": "1"}, CLK="clk", A="w", P="p")
        path = _slowest(module)
        assert path.delay_ns == pytest.approx(read + 1.0 + 1.416), "into the register behind the multiplier"
        assert path.end.signal == "k.p" and path.port == "A"


def test_kernels_meet_in_the_level_above() -> None:
    """A path from one kernel's register to another's exists only where both are there."""
    left = Module(clk="input", out="output")
    left.register("a", "a_q")
    left.add("lut", "LUT1", I0="a_q", O="out")
    right = Module(clk="input", into="input")
    right.add("lut", "LUT1", I0="into", O="n")
    right.register("b", "n")
    wires: list[int | str] = [9]
    both = [
        Instance("left", left.json(), {"clk": [2], "out": wires}),
        Instance("right", right.json(), {"clk": [2], "into": wires}),
    ]
    arrivals = Arrivals(TimingGraph(build_netlist(Design(both), "here"), "here"), SPEED, ports=False)
    path = arrivals.path(arrivals.latest()[0][1])
    assert path.kernels == ("left", "right") and path.levels == 2
    assert (path.start.signal, path.end.signal) == ("left.a_q", "right.b_q")
    above: dict[str, list[int | str]] = {"out": [9, "0"]}
    leaving = Arrivals(TimingGraph(build_netlist(Design(both, above), "here"), "here"), SPEED, ports=True)
    assert "out[0]" in [leaving.path(end).end.signal for _, end in leaving.latest()]
    alone = Arrivals(TimingGraph(build_netlist(Design(both[1:]), "here"), "here"), SPEED, ports=False)
    assert alone.latest() == []


def test_nets_pass_from_a_shell_into_the_kernels() -> None:
    """One net on both sides of a port of fsq_top; others of the same number are not."""
    ports = {name: {"bits": [bit]} for name, bit in (("clk", 2), ("s", 3), ("m", 4))}
    kernels = {
        "u_a": {"type": "a", "connections": {"clk": [2], "i": [3], "o": [5]}},
        "u_b": {"type": "b", "connections": {"i": [5], "o": [4], "t": ["0"]}},
    }
    around = {
        "u_dma": {"type": "$paramod\\fsq_dma\\W=1", "connections": {"clk": [2], "s": [5], "m": [7]}},
        "u_top": {"type": "fsq_top", "connections": {"clk": [2], "s": [5], "m": [7]}},
    }
    instances = {name: str(cell["type"]) for name, cell in kernels.items()}
    top: dict[str, Any] = {"ports": ports, "cells": kernels}
    shell = {"fsq_dma": str(around["u_dma"]["type"])}
    design = Elaborated(Path(), Path(), top, {"ports": {}, "cells": around}, instances, shell)
    nets = design.connections()
    assert design.name == "fsq_system" and set(nets) == set(design.parts) == {"u_a", "u_b", "fsq_dma"}
    assert nets["u_a"]["clk"] == nets["fsq_dma"]["clk"] == [2]
    assert (nets["u_a"]["i"], nets["u_b"]["o"]) == (nets["fsq_dma"]["s"], nets["fsq_dma"]["m"]) == ([5], [7])
    assert nets["u_a"]["o"] == nets["u_b"]["i"] != nets["u_a"]["i"] and nets["u_b"]["t"] == ["0"]
    alone = Elaborated(Path(), Path(), top, top, instances, {})
    assert alone.name == "fsq_top" and alone.connections()["u_a"] == {"clk": [2], "i": [3], "o": [5]}


def test_broken_netlists_are_told() -> None:
    loop = Module()
    loop.add("one", "LUT1", I0="there", O="back")
    loop.add("two", "LUT1", I0="back", O="there")
    with pytest.raises(
        FpgaSqueezeError, match=r"here: a loop of 2 cells without a register passes k\.(there|back)"
    ):
        _graph(loop)
    unknown = Module()
    unknown.add("x", "LDCE", D="0", Q="q")
    with pytest.raises(FpgaSqueezeError, match=r"k\.x: no delays are known for cells of type LDCE"):
        _graph(unknown)
    twice = _chain(1)
    twice.add("more", "LUT1", I0="b_q", O="n0")
    with pytest.raises(FpgaSqueezeError, match=r"k\.lut0 and k\.more drive the same net"):
        _graph(twice)
    open_ended = _chain(1)
    del open_ended.cells["source"]
    with pytest.raises(FpgaSqueezeError, match=r"nothing drives k\.x at k\.a\.D"):
        _graph(open_ended)
    bare = _chain(1)
    del bare.cells["lut0"]["port_directions"]
    with pytest.raises(FpgaSqueezeError, match="cell lut0 of type LUT2 lacks 'port_directions'"):
        _graph(bare)


def test_files_that_are_no_netlist(tmp_path: Path) -> None:
    file = tmp_path / "netlist.json"
    module = _chain(1).json()
    box = {"attributes": {"blackbox": "1"}}
    file.write_text(json.dumps({"modules": {"top": module, "LUT2": box}}))
    assert read_module(file)["cells"] == module["cells"]
    for text in ("[", "[]", '{"modules": {"top": {"ports": {}}}}'):
        file.write_text(text)
        with pytest.raises(FpgaSqueezeError, match=r"netlist\.json: is no netlist of Yosys"):
            read_module(file)
    file.write_text(json.dumps({"modules": {"top": module, "below": module}}))
    with pytest.raises(FpgaSqueezeError, match="holds 2 modules; flatten"):
        read_module(file)
