"""What a plan costs and how fast it runs: memories, DSPs and cycles, and whether a device holds it.

Every number is read from the plan's own memories, lanes and schedule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from .planning.devices import Device
from .planning.memory import RAMB36_BITS, Memory, tile_bits
from .planning.plan import AveragePlan, EnginePlan, InputPlan, KernelPlan, Plan
from .planning.timing import Schedule


def lutram_luts(memory: Memory) -> int:
    """LUTs of a memory in distributed RAM: RAM32M (32 x 6 bits) or RAM64M (64 x 3 bits), four LUTs each (UG474)."""
    if memory.block:
        return 0
    deep, wide = (32, 6) if memory.depth <= 32 else (64, 3)
    return memory.copies * 4 * -(-memory.depth // deep) * -(-memory.width // wide)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True)
class KernelEstimate:
    """One kernel.

    kind                    input, conv, fire, max_pool or average_pool
    folding                 (k, r, c) of an engine
    products_per_dsp        1 or 2 for an engine; products_reason tells why there is one where two were asked for
    cycles                  cycles per frame in which the kernel is at work
    lane_efficiency         useful products / (lanes * cycles), for engines
    weight_capacity_bits    bits of the block RAMs that hold the weights
    """

    name: str
    kind: str
    folding: tuple[int, int, int] | None
    lanes: int
    dsp: int
    products_per_dsp: int
    products_reason: str
    weight_bits: int
    weight_capacity_bits: int
    ramb36: int
    ramb18: int
    lutram_bits: int
    lutram_luts: int
    cycles: int
    lane_efficiency: float | None


@dataclass(frozen=True)
class Shortage:
    """A resource of which the device has too little."""

    resource: str
    needed: float
    available: float

    @property
    def missing(self) -> float:
        return self.needed - self.available

    def __str__(self) -> str:
        have, missing = f"{self.available:,g}", f"{self.missing:,g}"
        return f"{self.resource}: needs {self.needed:,g}, the device has {have}, short by {missing}"


@dataclass(frozen=True)
class Estimate:
    """The whole accelerator on a device (None: on no device in particular) at a clock in MHz.

    cycles_per_frame     steady interval between frames, from the schedule of the handshakes
    latency_cycles       first input word to last output of the first frame
    lane_efficiency      useful products / (lanes * cycles_per_frame)
    weight_efficiency    weight bits / bits of the block RAMs that hold them
    bram36               block RAM in units of RAMB36: two RAMB18 make one
    lane_budget          DSP slices for lanes that the plan may use
    products_per_dsp     products per slice and cycle that were asked for
    fits                 None where no device was given
    """

    device: str | None
    part: str | None
    clock_mhz: float
    lane_budget: int
    products_per_dsp: int
    lanes: int
    ramb36: int
    ramb18: int
    lutram_bits: int
    lutram_luts: int
    dsp: int
    weight_bits: int
    cycles_per_frame: int
    latency_cycles: int
    lane_efficiency: float | None
    weight_efficiency: float | None
    available: dict[str, int] | None
    short: tuple[Shortage, ...]
    kernels: tuple[KernelEstimate, ...]

    @property
    def fits(self) -> bool | None:
        return None if self.device is None else not self.short

    @property
    def bram36(self) -> float:
        return self.ramb36 + self.ramb18 / 2

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.clock_mhz * 1e6 / self.cycles_per_frame

    @property
    def latency_ms(self) -> float:
        return self.latency_cycles / (self.clock_mhz * 1e3)

    def summary(self) -> dict[str, object]:
        """The totals, without the kernels, ready for JSON."""
        keys = ("ramb36", "ramb18", "lutram_bits", "dsp", "weight_bits", "cycles_per_frame", "latency_cycles")
        extras = (
            "part",
            "clock_mhz",
            "lane_budget",
            "products_per_dsp",
            "lanes",
            "lutram_luts",
            "lane_efficiency",
            "weight_efficiency",
        )
        return {
            "device": self.device,
            "fits": self.fits,
            **{key: getattr(self, key) for key in keys},
            "fps": self.fps,
            "latency_ms": self.latency_ms,
            "bram36": self.bram36,
            **{key: getattr(self, key) for key in extras},
            "available": self.available,
            "short": [asdict(s) | {"missing": s.missing} for s in self.short],
        }

    def to_json(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        return self.summary() | {"kernels": [asdict(kernel) for kernel in self.kernels]}


def kernel_kind(kernel: KernelPlan) -> str:
    """Kind of a kernel in one word."""
    if isinstance(kernel, EnginePlan):
        return "fire" if kernel.is_fire else "conv"
    if isinstance(kernel, InputPlan):
        return "input"
    return "average_pool" if isinstance(kernel, AveragePlan) else "max_pool"


def estimate_kernel(kernel: KernelPlan) -> KernelEstimate:
    """Cost of one kernel."""
    engine = kernel if isinstance(kernel, EnginePlan) else None
    folding = engine.folding if engine else None
    return KernelEstimate(
        name=kernel.name,
        kind=kernel_kind(kernel),
        folding=(folding.phases, folding.rows, folding.channels) if folding else None,
        lanes=engine.lanes if engine else 0,
        dsp=kernel.dsp,
        products_per_dsp=engine.products_per_dsp if engine else 0,
        products_reason=engine.packing.reason if engine else "",
        weight_bits=engine.weights.payload_bits if engine else 0,
        weight_capacity_bits=tile_bits(engine.weights.tiles) if engine else 0,
        ramb36=sum(m.ramb36 for m in kernel.memories),
        ramb18=sum(m.ramb18 for m in kernel.memories),
        lutram_bits=sum(m.lutram_bits for m in kernel.memories),
        lutram_luts=sum(lutram_luts(m) for m in kernel.memories),
        cycles=kernel.work_cycles,
        lane_efficiency=_ratio(engine.macs, engine.lanes * engine.work_cycles) if engine else None,
    )


def shortages(kernels: Iterable[KernelEstimate], device: Device) -> tuple[Shortage, ...]:
    """What ``device`` has too little of."""
    kernels = list(kernels)
    needs = (
        ("RAMB36 (a RAMB18 is half of one)", sum(k.ramb36 + k.ramb18 / 2 for k in kernels), device.ramb36),
        ("DSP slices", sum(k.dsp for k in kernels), device.dsp),
        ("LUTRAM bits", sum(k.lutram_bits for k in kernels), device.lutram_bits),
        ("LUTs usable as memory", sum(k.lutram_luts for k in kernels), device.lut_memory),
    )
    return tuple(Shortage(name, needed, available) for name, needed, available in needs if needed > available)


def estimate(plan: Plan, device: Device | None, clock_mhz: float, schedule: Schedule) -> Estimate:
    """Estimate ``plan``, whose handshakes run as ``schedule`` tells, on ``device`` at ``clock_mhz``."""
    kernels = tuple(estimate_kernel(kernel) for kernel in plan.kernels)
    capacity = sum(k.weight_capacity_bits for k in kernels)
    cycles = schedule.cycles_per_frame
    available = None
    if device:
        available = {
            "ramb36": device.ramb36,
            "bram_bits": device.ramb36 * RAMB36_BITS,
            "dsp": device.dsp,
            "lut_memory": device.lut_memory,
            "lutram_bits": device.lutram_bits,
            "uram": device.uram,
        }
    return Estimate(
        device=device.name if device else None,
        part=device.part if device else None,
        clock_mhz=clock_mhz,
        lane_budget=plan.lane_budget,
        products_per_dsp=plan.products_per_dsp,
        lanes=plan.lanes,
        ramb36=sum(k.ramb36 for k in kernels),
        ramb18=sum(k.ramb18 for k in kernels),
        lutram_bits=sum(k.lutram_bits for k in kernels),
        lutram_luts=sum(k.lutram_luts for k in kernels),
        dsp=plan.dsp,
        weight_bits=plan.weight_bits,
        cycles_per_frame=cycles,
        latency_cycles=schedule.latency,
        lane_efficiency=_ratio(plan.macs, plan.lanes * cycles),
        weight_efficiency=_ratio(plan.weight_bits, capacity),
        available=available,
        short=shortages(kernels, device) if device else (),
        kernels=kernels,
    )
