"""What timing and routing say of a design: paths, kernels, the paths between them, and the report of a router."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ...device.catalogue import Device
from .speed import Speed


@dataclass(frozen=True)
class Point:
    """A signal on a path, as ``fire5.u_sequencer.last_q``, and the module of the RTL that declares it."""

    signal: str
    module: str

    @property
    def word(self) -> str:
        """The signal without its bit."""
        return re.sub(r"\[\d+\]$", "", self.signal)


@dataclass(frozen=True)
class Path:
    """A path from register to register.

    through   named signals between start and end
    levels    see the module's head; ``carries``: CARRY4 or CARRY8 passed
    kernels   those it passes, in order
    inside    from a register to a register, not from or to a port of the design
    logic_ns, route_ns   their sum is the path's delay, clock to set-up
    """

    start: Point
    end: Point
    port: str
    through: tuple[Point, ...]
    levels: int
    carries: int
    logic_ns: float
    route_ns: float
    kernels: tuple[str, ...]
    inside: bool

    @property
    def delay_ns(self) -> float:
        return self.logic_ns + self.route_ns


@dataclass(frozen=True)
class FanOut:
    """A net, the widest of its word, and how many pins it reaches."""

    net: Point
    loads: int


@dataclass(frozen=True)
class KernelTiming:
    """A kernel by itself: paths that start and end in it and never leave it.

    paths      the slowest, at most one from a word of bits to another; empty: no register meets another
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

    between  slowest paths that pass several kernels, or come from or go to a port of the design; empty for one kernel
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


@dataclass(frozen=True)
class Routed:
    """A placed and routed design, or one kernel (``kernel``).

    fmax_mhz   clock reached
    start, end   cells of the longest path; ``logic_ns`` and ``route_ns`` are its parts
    use        (used, available) by the tool's name of a resource
    """

    tool: str
    part: str
    kernel: str | None
    fmax_mhz: float
    start: str
    end: str
    logic_ns: float
    route_ns: float
    use: Mapping[str, tuple[int, int]]

    def to_json(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        return asdict(self)
