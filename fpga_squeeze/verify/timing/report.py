"""A design timed: kernel by kernel, and from kernel to kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as File

from ...device.catalogue import Device
from .analysis import Arrivals, TimingGraph
from .mapping import map_design
from .netlist import Design, Instance, build_netlist
from .results import FanOut, KernelTiming, Path, Timing
from .speed import Speed, speed_of

WORST = 5


def time_design(
    rtl: File,
    build: File,
    device: Device,
    clock_mhz: float,
    kernel: str | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Timing:
    """Map the design in folder ``rtl`` and time it, or one kernel of it; netlists are kept in folder ``build``.

    Raises FpgaSqueezeError for a kernel that is not there, where Yosys is missing or refuses the RTL, and for loops.
    """
    design = map_design(rtl, build, device.family, kernel, on_step)
    speed, where = speed_of(device), str(rtl)
    parts: dict[str, list[Instance]] = {}
    for instance in design.instances:
        parts.setdefault(instance.kernel, []).append(instance)
    kernels = tuple(_time_kernel(name, Design(part), speed, where) for name, part in parts.items())
    between: tuple[Path, ...] = ()
    if kernel is None:
        arrivals = Arrivals(TimingGraph(build_netlist(design, where), where), speed, ports=True)
        between = _slowest(arrivals, lambda path: len(path.kernels) > 1 or not path.inside)
    return Timing(device, speed, clock_mhz, kernels, between)


def _time_kernel(name: str, design: Design, speed: Speed, where: str) -> KernelTiming:
    graph = TimingGraph(build_netlist(design, where), where)
    arrivals = Arrivals(graph, speed, ports=False)
    deepest = arrivals.deepest()
    wide = sorted(range(len(graph.loads)), key=lambda net: -graph.loads[net])
    timed = (net for net in wide if arrivals.steps[net] is not None)
    fan_outs: dict[str, FanOut] = {}
    for net in timed:
        one = FanOut(arrivals.wide(net), graph.loads[net])
        fan_outs.setdefault(one.net.word, one)
        if len(fan_outs) == WORST:
            break
    return KernelTiming(
        name,
        _slowest(arrivals, lambda path: True),
        arrivals.path(deepest, by_levels=True) if deepest else None,
        tuple(fan_outs.values()),
        max((timing.inner for timing in graph.timings), default=0) / 1000 * speed.cells,
    )


def _slowest(arrivals: Arrivals, counts: Callable[[Path], bool]) -> tuple[Path, ...]:
    """The slowest paths that count, one from a word of bits to another."""
    found: dict[tuple[str, str], Path] = {}
    for _, end in arrivals.latest():
        path = arrivals.path(end)
        if counts(path):
            found.setdefault((path.start.word, path.end.word), path)
        if len(found) == WORST:
            break
    return tuple(found.values())
