"""Longest paths between registers: a directed graph of nets, walked once from the registers on.

Nodes are nets, edges lead through a cell within one cycle. A path starts at a register (flip-flop, shift register, RAM,
DSP slice), or at an input port of the design as if a flip-flop stood in front of it, and ends where a register takes
it in, or at an output port.

**Levels** of a path: one for every LUT, every read of a distributed RAM or a shift register by address, every carry
chain entered (its CARRY4 behind one another add hops, not levels) and every DSP slice passed without a register. MUXF7
to MUXF9 lie in the slice of their LUTs and add none.

**Wires**: within a slice there is none (carry to carry, LUT or carry to the flip-flop it feeds, LUT to its carry bit or
to MUXF7, DSP cascades); every other hop costs :meth:`Speed.wire` of the loads of its net.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ...errors import FpgaSqueezeError

try:
    import rustworkx
except ImportError as error:
    raise FpgaSqueezeError(
        "no graph library: install rustworkx with pip install 'fpga-squeeze[synth]'"
    ) from error
from .cells import CLK_TO_Q, LUT_PINS, Kind, cell_timing, find
from .netlist import Netlist
from .results import Path, Point
from .speed import Speed

PORT: Kind = "register"
UNTIMED = frozenset({"clk", "rst_n"})
"""Ports without a time: the clock, and the reset, which is held for many cycles."""
_CASCADE = frozenset({"PCIN", "ACIN", "BCIN"})


@dataclass(frozen=True)
class Arc:
    """The way through a cell: ps, or None for a LUT, whose pins are permuted; ``near``: no wire in front."""

    cell: int
    ps: int | None
    near: bool
    level: int


@dataclass(frozen=True)
class End:
    """Where a path ends: the net, the register's cell and port (None: a port of the design), its set-up in ps."""

    net: int
    cell: int | None
    bit: str
    ps: int
    near: bool


class TimingGraph:
    """Nets and the ways between them; raises FpgaSqueezeError for cells without known delays and for loops."""

    def __init__(self, netlist: Netlist, where: str) -> None:
        self.netlist, self.where = netlist, where
        self.timings = [cell_timing(c.type, c.parameters, f"{where}: {c.name}") for c in netlist.cells]
        self.loads = [self._loads(number) for number in range(len(netlist.nets))]
        self.graph: rustworkx.PyDiGraph[int, Arc] = rustworkx.PyDiGraph()
        self.graph.add_nodes_from(range(len(netlist.nets)))
        self.graph.add_edges_from(list(self._arcs()))
        self.ends = list(self._ends())
        self.launches = dict(self._launches())
        try:
            self.order = list(rustworkx.topological_sort(self.graph))
        except rustworkx.DAGHasCycle as error:
            loop = [netlist.nets[a].signal for a, _ in rustworkx.digraph_find_cycle(self.graph)]
            named = next((name for name in loop if name), "nets without a name")
            raise FpgaSqueezeError(
                f"{where}: a loop of {len(loop)} cells without a register passes {named}; put a register into it"
            ) from error

    def _loads(self, number: int) -> int:
        """Pins that a net reaches outside of clock trees, and output ports."""
        net = self.netlist.nets[number]
        pins = sum(1 for p in net.loads if p.bit not in self.timings[p.cell].clocks)
        return pins + bool(net.ports)

    def _near(self, number: int, kind: Kind, bit: str) -> bool:
        """Whether the wire from a net to a pin lies within a slice."""
        net = self.netlist.nets[number]
        if net.driver is None:
            return False
        source = self.timings[net.driver].kind
        match kind:
            case "carry":
                return (
                    source == "carry"
                    and bit.startswith("CI")
                    or (source == "lut" and bit.startswith("S[") and len(net.loads) == 1)
                )
            case "mux":
                return source in ("lut", "mux") and bit != "S"
            case "register":
                feeds = [p for p in net.loads if p.bit == "D" and self.timings[p.cell].kind == "register"]
                return source in ("lut", "mux", "carry", "memory") and bit == "D" and len(feeds) == 1
            case "dsp":
                return bit.partition("[")[0] in _CASCADE
            case "lut" | "memory" | "shift" | "block":
                return False

    def _arcs(self) -> Iterator[tuple[int, int, Arc]]:
        for number, (cell, timing) in enumerate(zip(self.netlist.cells, self.timings, strict=True)):
            for bit, source in cell.inputs.items():
                near = self._near(source, timing.kind, bit)
                if timing.kind == "lut":
                    for out in cell.outputs.values():
                        yield source, out, Arc(number, None, near, 1)
                    continue
                ways = find(timing.arcs, bit)
                if not isinstance(ways, dict):
                    continue
                driver = self.netlist.nets[source].driver
                chained = near and driver is not None and self.timings[driver].kind == "carry"
                level = 0 if timing.kind == "mux" or chained else 1
                for name, out in cell.outputs.items():
                    ps = find(ways, name)
                    if isinstance(ps, int):
                        yield source, out, Arc(number, ps, near, level)

    def _ends(self) -> Iterator[End]:
        for number, (cell, timing) in enumerate(zip(self.netlist.cells, self.timings, strict=True)):
            for bit, net in cell.inputs.items():
                ps = find(timing.captures, bit)
                if isinstance(ps, int):
                    yield End(net, number, bit, ps, self._near(net, timing.kind, bit))
        for number, one in enumerate(self.netlist.nets):
            for port in one.ports:
                yield End(number, None, port, 0, False)

    def _launches(self) -> Iterator[tuple[int, int]]:
        """Nets that a register drives, or that enter by a port, with clock to output in ps."""
        for cell, timing in zip(self.netlist.cells, self.timings, strict=True):
            for bit, net in cell.outputs.items():
                ps = find(timing.launches, bit)
                if isinstance(ps, int):
                    yield net, ps
        for net, port in self.netlist.inputs.items():
            if port.rpartition(".")[2] not in UNTIMED:
                yield net, CLK_TO_Q

    @cached_property
    def incoming(self) -> list[list[tuple[int, Arc]]]:
        """Nets and arcs that lead to each net."""
        out: list[list[tuple[int, Arc]]] = [[] for _ in self.netlist.nets]
        for source, target, arc in self.graph.weighted_edge_list():
            out[target].append((source, arc))
        return out


@dataclass(frozen=True)
class Step:
    """The latest way to a net: the net before it (None: it starts here), the cell passed, and the times so far."""

    before: int | None
    arc: Arc | None
    logic: float
    route: float

    @property
    def at(self) -> float:
        return self.logic + self.route


class Arrivals:
    """When each net has its value, in ns after the clock, and how many levels lie behind it at most."""

    def __init__(self, graph: TimingGraph, speed: Speed, ports: bool) -> None:
        """``ports``: paths from and to ports of the design count."""
        self.graph, self.speed, self.ports = graph, speed, ports
        self.steps: list[Step | None] = [None] * len(graph.loads)
        self.levels: list[tuple[int, int | None, Arc | None]] = [(-1, None, None)] * len(graph.loads)
        self.wires = [speed.wire(loads) for loads in graph.loads]
        for net in graph.order:
            self._arrive(net)

    def _arrive(self, net: int) -> None:
        graph = self.graph
        best: Step | None = None
        deepest: tuple[int, int | None, Arc | None] = (-1, None, None)
        launch = graph.launches.get(net)
        if launch is not None and (self.ports or net not in graph.netlist.inputs):
            best = Step(None, None, launch / 1000 * self.speed.cells, 0.0)
            deepest = (0, None, None)
        ways = []
        for source, arc in graph.incoming[net]:
            step = self.steps[source]
            if step is not None:
                wire = 0.0 if arc.near else self.wires[source]
                ways.append((step.at + wire, wire, source, arc, step))
                level = self.levels[source][0] + arc.level
                if level > deepest[0]:
                    deepest = (level, source, arc)
        ways.sort(key=lambda way: -way[0])
        for rank, (_, wire, source, arc, step) in enumerate(ways):
            ps = LUT_PINS[min(rank, len(LUT_PINS) - 1)] if arc.ps is None else arc.ps
            logic, route = step.logic + ps / 1000 * self.speed.cells, step.route + wire
            if best is None or logic + route > best.at:
                best = Step(source, arc, logic, route)
        self.steps[net], self.levels[net] = best, deepest

    def end(self, end: End) -> tuple[float, float] | None:
        """(logic, route) in ns of the latest path to ``end``; None where none reaches it."""
        step = self.steps[end.net]
        if step is None or (end.cell is None and not self.ports):
            return None
        wire = 0.0 if end.near else self.wires[end.net]
        return step.logic + end.ps / 1000 * self.speed.cells, step.route + wire

    def latest(self) -> list[tuple[float, End]]:
        """All ends with the delay of their latest path in ns, the latest first."""
        found = [
            (logic + route, end) for end in self.graph.ends for logic, route in [self.end(end) or (-1.0, 0.0)]
        ]
        return sorted((pair for pair in found if pair[0] >= 0), key=lambda pair: -pair[0])

    def deepest(self) -> End | None:
        """The end of most levels."""
        reached = [
            end
            for end in self.graph.ends
            if self.levels[end.net][0] >= 0 and (end.cell is not None or self.ports)
        ]
        return max(reached, key=lambda end: self.levels[end.net][0], default=None)

    def path(self, end: End, by_levels: bool = False) -> Path:
        """The latest path to ``end``, or that of most levels, whose times are then those of the way it takes."""
        netlist = self.graph.netlist
        nets: list[int] = [end.net]
        arcs: list[Arc] = []
        while True:
            if by_levels:
                _, before, arc = self.levels[nets[-1]]
            else:
                step = self.steps[nets[-1]]
                before, arc = (step.before, step.arc) if step else (None, None)
            if before is None or arc is None:
                break
            nets.append(before)
            arcs.append(arc)
        nets.reverse()
        cells = {arc.cell for arc in arcs}
        carries = sum(1 for cell in cells if self.graph.timings[cell].kind == "carry")
        times = self.end(end) or (0.0, 0.0)
        last = netlist.cells[end.cell] if end.cell is not None else None
        start = self.point(nets[0])
        driver = netlist.nets[nets[0]].driver
        passed = [netlist.cells[driver].kernel] if driver is not None else []
        passed += [netlist.cells[arc.cell].kernel for arc in reversed(arcs)]
        passed += [last.kernel] if last else []
        middle = [self.point(net) for net in nets[1:]]
        return Path(
            start,
            self._end_point(end),
            end.bit.partition("[")[0] if last else "",
            tuple(point for point in middle if point.signal),
            sum(arc.level for arc in arcs),
            carries,
            *times,
            tuple(dict.fromkeys(passed)),
            driver is not None and last is not None,
        )

    def point(self, net: int) -> Point:
        """A net by its name; one that came about in mapping by its register's place in the RTL; else without a name."""
        one = self.graph.netlist.nets[net]
        if one.driver is None:
            return Point(one.signal or self.graph.netlist.inputs.get(net, ""), one.module)
        cell = self.graph.netlist.cells[one.driver]
        module = one.module or cell.module
        if one.signal:
            return Point(one.signal, module)
        if not self.graph.timings[one.driver].launches:
            return Point("", "")
        return Point(self._place(one.driver), module)

    def _place(self, number: int) -> str:
        """A register without a name by its type and line of the RTL; a memory keeps its own name."""
        cell = self.graph.netlist.cells[number]
        if "$" not in cell.name:
            return cell.name
        return f"{cell.kernel}.({cell.type}" + (f" at {cell.module}:{cell.line})" if cell.module else ")")

    def wide(self, net: int) -> Point:
        """A net by its name, else by a register that it reaches."""
        point = self.point(net)
        for pin in [] if point.signal else self.graph.netlist.nets[net].loads:
            if find(self.graph.timings[pin.cell].captures, pin.bit) is not None:
                end = self._cell_point(pin.cell)
                return Point(f"{end.word}.{pin.bit.partition('[')[0]}", end.module)
        return point if point.signal else Point("(logic)", "")

    def _end_point(self, end: End) -> Point:
        return Point(end.bit, "") if end.cell is None else self._cell_point(end.cell)

    def _cell_point(self, number: int) -> Point:
        """A register by what it drives, else by its own name."""
        cell = self.graph.netlist.cells[number]
        named = [self.point(net) for net in cell.outputs.values() if self.graph.netlist.nets[net].signal]
        return min(
            named, key=lambda point: len(point.signal), default=Point(self._place(number), cell.module)
        )
