"""Flat netlists of Yosys (``write_json``) as cells and nets with names that a reader of the RTL knows.

A design is one or more instances, each of a mapped module, that a level above connects: the kernels of ``fsq_top``. One
net of the design is one driver and its loads, whatever instances it passes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import FpgaSqueezeError

Json = Mapping[str, Any]
Bit = int | str
"""A bit of Yosys' JSON: the number of a net, or a constant 0, 1, x or z."""
_SOURCE = re.compile(r"([\w.]+)\.sv:(\d+)")


@dataclass(frozen=True)
class Instance:
    """A mapped module in its place.

    kernel    what its cells are counted for
    module    Yosys' JSON of the module: ports, cells, netnames
    outside   nets of the level above by port, uppermost bit last; a port that is not in it ends there
    """

    kernel: str
    module: Json
    outside: Mapping[str, list[Bit]] = field(default_factory=dict)


@dataclass(frozen=True)
class Design:
    """Mapped instances, and the nets of the level above that leave the design, by its output ports."""

    instances: list[Instance]
    outputs: Mapping[str, list[Bit]] = field(default_factory=dict)


@dataclass
class Pin:
    """A cell's input on a net: the cell, and the bit of its port, as ``S[0]``, or ``D`` where the port has one."""

    cell: int
    bit: str


@dataclass
class Cell:
    """A cell: what it is, its nets by the bit of the port, module and line of the RTL that it comes from, if known."""

    name: str
    type: str
    kernel: str
    parameters: Json
    module: str = ""
    line: str = ""
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)


@dataclass
class Net:
    """A net: the cell that drives it (None: a port of the design) and the pins that it reaches.

    signal, module  its best name in the RTL, with the kernel and the instances in front, and the module that declares
                    it; empty where the net came about in mapping
    """

    signal: str = ""
    module: str = ""
    driver: int | None = None
    output: str = ""
    loads: list[Pin] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    """Output ports of the design that it leaves by."""


@dataclass
class Netlist:
    """Cells and nets of a design; ``inputs``: nets that enter by a port, with its name."""

    cells: list[Cell]
    nets: list[Net]
    inputs: dict[int, str]


def read_module(path: Path) -> Json:
    """The one module of a flat netlist that is no black box; raises FpgaSqueezeError."""
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
        own = [m for m in modules.values() if "blackbox" not in m.get("attributes", {})]
        for module in own:
            _ = module["ports"], module["cells"], module["netnames"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FpgaSqueezeError(
            f"{path}: is no netlist of Yosys ({error}); write it with write_json"
        ) from error
    if len(own) != 1:
        raise FpgaSqueezeError(f"{path}: holds {len(own)} modules; flatten the design before it is written")
    module = own[0]
    return {key: module[key] for key in ("ports", "cells", "netnames")}


class _Joined:
    """Numbers of nets, where one net may be known by several names."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.numbers: dict[tuple[object, int], int] = {}

    def of(self, place: object, bit: int) -> int:
        number = self.numbers.get((place, bit))
        if number is None:
            number = self.numbers[place, bit] = len(self.parents)
            self.parents.append(number)
        return self.root(number)

    def root(self, number: int) -> int:
        while self.parents[number] != number:
            self.parents[number] = self.parents[self.parents[number]]
            number = self.parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        self.parents[self.root(one)] = self.root(other)


def build_netlist(design: Design, where: str) -> Netlist:
    """The nets of all instances joined; raises FpgaSqueezeError, naming ``where``, for a net with two drivers or none.

    Also for a cell that lacks the directions of its ports.
    """
    instances = design.instances
    joined = _Joined()
    tied: set[int] = set()  # nets above that an instance holds constant
    for place, instance in enumerate(instances):
        for port, bits in instance.outside.items():
            for inner, outer in zip(instance.module["ports"][port]["bits"], bits, strict=True):
                if isinstance(inner, int) and isinstance(outer, int):
                    joined.join(joined.of(place, inner), joined.of("above", outer))
                elif isinstance(outer, int) and instance.module["ports"][port]["direction"] == "output":
                    tied.add(joined.of("above", outer))
    compact: dict[int, int] = {}
    nets: list[Net] = []

    def net(place: object, bit: int) -> int:
        root = joined.of(place, bit)
        if root not in compact:
            compact[root] = len(nets)
            nets.append(Net())
        return compact[root]

    cells: list[Cell] = []
    inputs: dict[int, str] = {}
    for place, instance in enumerate(instances):
        _add_cells(instance, place, cells, nets, net, where)
    for place, instance in enumerate(instances):
        _add_inputs(instance, place, nets, inputs, net)
        _name(instance, place, nets, cells, net)
    for port, bits in design.outputs.items():
        for name, bit in _bits(port, bits):
            nets[net("above", bit)].ports.append(name)
    constant = {compact[joined.root(root)] for root in tied if joined.root(root) in compact}
    for number, one in enumerate(nets):
        if one.driver is None and number not in inputs and number not in constant and one.loads:
            pin = f"{cells[one.loads[0].cell].name}.{one.loads[0].bit}"
            raise FpgaSqueezeError(
                f"{where}: nothing drives {one.signal or 'a net'} at {pin}; map the design again"
            )
    return Netlist(cells, nets, inputs)


def _bits(port: str, bits: list[Bit]) -> list[tuple[str, int]]:
    """Names and nets of the bits of a port that are no constants."""
    if len(bits) == 1:
        return [(port, bit) for bit in bits if isinstance(bit, int)]
    return [(f"{port}[{i}]", bit) for i, bit in enumerate(bits) if isinstance(bit, int)]


def _add_cells(
    instance: Instance,
    place: int,
    cells: list[Cell],
    nets: list[Net],
    net: Callable[[object, int], int],
    where: str,
) -> None:
    for name, found in instance.module["cells"].items():
        if found["type"].startswith("$scopeinfo"):
            continue
        try:
            directions = found["port_directions"]
            cell = Cell(
                f"{instance.kernel}.{name}", found["type"], instance.kernel, found.get("parameters", {})
            )
            for port, bits in found["connections"].items():
                side = cell.outputs if directions[port] == "output" else cell.inputs
                side.update((bit_name, net(place, bit)) for bit_name, bit in _bits(port, bits))
        except KeyError as error:
            raise FpgaSqueezeError(
                f"{where}: cell {name} of type {found.get('type')} lacks {error}; map the design again"
            ) from error
        for bit_name, number in cell.inputs.items():
            nets[number].loads.append(Pin(len(cells), bit_name))
        for bit_name, number in cell.outputs.items():
            if (other := nets[number].driver) is not None:
                raise FpgaSqueezeError(
                    f"{where}: {cells[other].name} and {cell.name} drive the same net; map the design again"
                )
            nets[number].driver, nets[number].output = len(cells), bit_name
        cells.append(cell)


def _add_inputs(
    instance: Instance, place: int, nets: list[Net], inputs: dict[int, str], net: Callable[[object, int], int]
) -> None:
    """Ports by which a net enters the design: those that nothing in it drives."""
    for port, found in instance.module["ports"].items():
        if found["direction"] == "input":
            for name, bit in _bits(port, found["bits"]):
                if nets[number := net(place, bit)].driver is None:
                    inputs.setdefault(number, f"{instance.kernel}.{name}")


def _name(
    instance: Instance, place: int, nets: list[Net], cells: list[Cell], net: Callable[[object, int], int]
) -> None:
    """Every net's best name: that of a register rather than that of a port, short rather than long."""
    for name, found in instance.module["netnames"].items():
        if found.get("hide_name"):
            continue
        module, _ = _source(found)
        for i, bit in enumerate(found["bits"]):
            if not isinstance(bit, int):
                continue
            one = nets[net(place, bit)]
            if one.driver is not None and cells[one.driver].kernel != instance.kernel:
                continue  # the kernel that drives it names it
            signal = f"{instance.kernel}.{name}" + (f"[{i}]" if len(found["bits"]) > 1 else "")
            if not one.signal or _rank(signal) < _rank(one.signal):
                one.signal, one.module = signal, module


def _source(found: Json) -> tuple[str, str]:
    """Module and line of the RTL that a cell or a net comes from; empty where it came about in mapping."""
    source = _SOURCE.search(str(found.get("attributes", {}).get("src", "")))
    return (source.group(1), source.group(2)) if source else ("", "")


def _rank(signal: str) -> tuple[bool, bool, int, int]:
    plain = re.sub(r"\[\d+\]$", "", signal)
    return not plain.endswith("_q"), plain.endswith(("_i", "_o")), signal.count("."), len(signal)
