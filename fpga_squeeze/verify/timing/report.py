"""What static timing says of a design: kernel by kernel, and of the paths from kernel to kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path as File

from ...device.catalogue import Device
from .analysis import Arrivals, Path, Point, TimingGraph
from .mapping import map_design
from .netlist import Instance, build_netlist
from .speed import Speed, speed_of

WORST = 5


@dataclass(frozen=True)
class FanOut:
    """A net and how many pins it reaches."""

    net: Point
    loads: int


@dataclass(frozen=True)
class KernelTiming:
    """A kernel by itself: paths that start and end in it and never leave it.

    paths      the slowest, at most one from a word of bits to another; ``paths[0]`` sets the clock. Empty: no register meets another
    deepest    the path of most levels; its times are those of that path's end
    floor_ns   the longest way within a DSP slice
    """

    name: str
    paths: tuple[Path, ...]
    deepest: Path | None
    fan_outs: tuple[FanOut, ...]
    floor_ns: float

    @property
    def levels(self) -> int:
        """Levels of the slowest path."""
        return self.paths[0].levels if self.paths else 0

    @property
    def most_levels(self) -> int:
        return self.deepest.levels if self.deepest else 0

    @property
    def delay_ns(self) -> float:
        """Shortest period of the clock."""
        return max(self.floor_ns, self.paths[0].delay_ns if self.paths else 0.0)

    @property
    def fmax_mhz(self) -> float | None:
        """None where nothing sets a clock."""
        return 1000 / self.delay_ns if self.delay_ns else None


@dataclass(frozen=True)
class Timing:
    """Static timing of a design or of one of its kernels, at the clock that was asked for.

    between  slowest paths that pass more than one kernel, or come from or go to a port of the design; empty for one kernel
    """

    device: Device
    speed: Speed
    clock_mhz: float
    kernels: tuple[KernelTiming, ...]
    between: tuple[Path, ...]

    @property
    def delay_ns(self) -> float:
        """Shortest period of the clock."""
        return max([kernel.delay_ns for kernel in self.kernels] + [path.delay_ns for path in self.between])

    @property
    def fmax_mhz(self) -> float | None:
        return 1000 / self.delay_ns if self.delay_ns else None

    @property
    def slowest(self) -> KernelTiming:
        return max(self.kernels, key=lambda kernel: kernel.delay_ns)

    @property
    def met(self) -> bool:
        """Whether the asked clock is met everywhere."""
        return self.slack_ns(self.delay_ns) >= 0

    def slack_ns(self, delay_ns: float) -> float:
        """What is left of the asked period."""
        return 1000 / self.clock_mhz - delay_ns

    def to_json(self) -> dict[str, object]:
        """Everything, ready for JSON; times in ns, clocks in MHz."""

        def path(one: Path) -> dict[str, object]:
            return asdict(one) | {"delay_ns": one.delay_ns, "slack_ns": self.slack_ns(one.delay_ns)}

        return {
            "device": self.device.name,
            "speed": asdict(self.speed),
            "clock_mhz": self.clock_mhz,
            "met": self.met,
            "fmax_mhz": self.fmax_mhz,
            "slowest": self.slowest.name,
            "kernels": [
                {
                    "name": kernel.name,
                    "levels": kernel.levels,
                    "most_levels": kernel.most_levels,
                    "delay_ns": kernel.delay_ns,
                    "slack_ns": self.slack_ns(kernel.delay_ns),
                    "fmax_mhz": kernel.fmax_mhz,
                    "paths": [path(one) for one in kernel.paths],
                    "deepest": path(kernel.deepest) if kernel.deepest else None,
                    "fan_outs": [asdict(one) for one in kernel.fan_outs],
                }
                for kernel in self.kernels
            ],
            "between": [path(one) for one in self.between],
        }


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
    instances = map_design(rtl, build, device.family, kernel, on_step)
    return time_instances(instances, device, clock_mhz, str(rtl), whole=kernel is None)


def time_instances(
    instances: list[Instance], device: Device, clock_mhz: float, where: str, whole: bool
) -> Timing:
    """Time mapped instances, kernel by kernel; ``whole``: also what passes from one to another."""
    speed = speed_of(device)
    names = dict.fromkeys(instance.kernel for instance in instances)
    kernels = tuple(
        _time_kernel(name, [one for one in instances if one.kernel == name], speed, where) for name in names
    )
    between: tuple[Path, ...] = ()
    if whole:
        graph = TimingGraph(build_netlist(instances, where), where)
        between = _slowest(Arrivals(graph, speed, ports=True), lambda path: len(path.kernels) > 1 or not path.inside)
    return Timing(device, speed, clock_mhz, kernels, between)


def _time_kernel(name: str, instances: list[Instance], speed: Speed, where: str) -> KernelTiming:
    graph = TimingGraph(build_netlist(instances, where), where)
    arrivals = Arrivals(graph, speed, ports=False)
    deepest = arrivals.deepest()
    wide = sorted(range(len(graph.loads)), key=lambda net: -graph.loads[net])
    timed = [net for net in wide if arrivals.steps[net] is not None][:WORST]
    return KernelTiming(
        name,
        _slowest(arrivals, lambda path: True),
        arrivals.path(deepest, by_levels=True) if deepest else None,
        tuple(FanOut(arrivals.point(net), graph.loads[net]) for net in timed),
        max((timing.inner for timing in graph.timings), default=0) / 1000 * speed.cells,
    )


def _slowest(arrivals: Arrivals, counts: Callable[[Path], bool]) -> tuple[Path, ...]:
    """The slowest paths that count, one from a word of bits to another."""
    found: dict[tuple[str, str, str], Path] = {}
    for _, end in arrivals.latest():
        path = arrivals.path(end)
        if counts(path):
            found.setdefault((path.start.word, path.end.word, path.port), path)
        if len(found) == WORST:
            break
    return tuple(found.values())
