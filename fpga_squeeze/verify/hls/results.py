"""What came of an HLS tool: per kernel the comparison, cycles, resources, timing and loops."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..compare import Mismatch
from .bench import Verdict


@dataclass(frozen=True)
class Area:
    """Resources in cells of the device; None: the tool's report does not say.

    bram18  block RAM in units of RAMB18 (Vitis: BRAM_18K)
    """

    luts: int | None = None
    flip_flops: int | None = None
    dsp: int | None = None
    bram18: int | None = None
    uram: int | None = None


@dataclass(frozen=True)
class Loop:
    """A pipelined loop: the initiation interval that the sources ask for, and the one that the tool reached.

    reached  cycles; None: the tool's report does not list the loop
    place    file and line of the loop in the HLS C++
    """

    name: str
    place: str
    planned: int
    reached: int | None
    trip_count: int | None = None
    iteration_latency: int | None = None

    @property
    def missed(self) -> bool:
        return self.reached is not None and self.reached > self.planned

    def __str__(self) -> str:
        reached = "is not in the report" if self.reached is None else f"reached II {self.reached}"
        return f"loop {self.name} ({self.place}): planned II {self.planned}, {reached}"


@dataclass(frozen=True)
class Timing:
    """Clock periods in nanoseconds: asked for, estimated by the tool, and what it keeps back for place and route."""

    target_ns: float
    estimated_ns: float
    uncertainty_ns: float = 0.0

    @property
    def met(self) -> bool:
        return self.estimated_ns <= self.target_ns - self.uncertainty_ns


@dataclass(frozen=True)
class Ours:
    """The same kernel in our RTL: cycles as planned, cells as estimated, or as mapped where that was asked for.

    cycles  per frame; of the whole design: from the first word in to the last one out
    """

    cycles: int
    area: Area


@dataclass(frozen=True)
class KernelRun:
    """One top under one tool.

    cycles     of the tool's RTL simulation, the longest frame from start to done; None: it does not say
    estimated  cycles per frame that the tool estimates, (least, most); None: it does not say
    mapped     the tool's Verilog as Yosys maps it, where that was asked for
    seconds    wall time of synthesis and of simulation
    log        path of the tool's output
    """

    name: str
    verdict: Verdict
    cycles: int | None
    estimated: tuple[int, int] | None
    area: Area
    mapped: Area | None
    timing: Timing | None
    loops: tuple[Loop, ...]
    ours: Ours
    synthesis_seconds: float
    simulation_seconds: float
    log: str

    @property
    def problems(self) -> list[str]:
        """A line for all that is not as it should be."""
        out = []
        if self.verdict.mismatches:
            out.append(f"{self.name}: {self.verdict.mismatches:,} of {self.verdict.values:,} values differ")
        if self.verdict.left:
            out.append(f"{self.name}: {self.verdict.left:,} words of the input were not read")
        out += [f"{self.name}: {loop}" for loop in self.loops if loop.missed]
        if self.timing and not self.timing.met:
            out.append(
                f"{self.name}: timing not met: {self.timing.estimated_ns:g} ns estimated, "
                f"{self.timing.target_ns - self.timing.uncertainty_ns:g} ns allowed"
            )
        return out

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"equal": self.verdict.equal, "problems": self.problems}


@dataclass(frozen=True)
class HlsRun:
    """All tops that ran: ``tool`` is bambu or vitis, ``device`` the one that the tool was given."""

    tool: str
    version: str
    device: str
    clock_ns: float
    frames: int
    kernels: tuple[KernelRun, ...]

    @property
    def values_compared(self) -> int:
        return sum(k.verdict.values for k in self.kernels)

    @property
    def mismatches(self) -> int:
        return sum(k.verdict.mismatches for k in self.kernels)

    @property
    def first(self) -> Mismatch | None:
        return next((k.verdict.first for k in self.kernels if k.verdict.first), None)

    @property
    def problems(self) -> list[str]:
        return [text for kernel in self.kernels for text in kernel.problems]

    @property
    def equal(self) -> bool:
        """Every kernel was compared and nothing differs."""
        return bool(self.kernels) and all(k.verdict.equal for k in self.kernels)

    @property
    def good(self) -> bool:
        """Equal, every loop as planned, timing met."""
        return self.equal and not self.problems

    def to_json(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        return {
            "tool": self.tool,
            "version": self.version,
            "device": self.device,
            "clock_ns": self.clock_ns,
            "frames": self.frames,
            "values_compared": self.values_compared,
            "mismatches": self.mismatches,
            "equal": self.equal,
            "problems": self.problems,
            "first_mismatch": asdict(self.first) if self.first else None,
            "kernels": [kernel.to_json() for kernel in self.kernels],
        }
