"""What a plan costs and how fast it runs: memories, DSPs and cycles, and whether a device holds it.

Every number is read from the plan's own memories, lanes and schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from ...device.block_ram import RAMB36_BITS
from ...device.catalogue import Device, smallest_with
from ...device.clock import Clock
from ...device.room import ROUTABLE, WARN_CEILING, WHOLE_DEVICE, Room
from ..engine import EnginePlan
from ..plan import KernelPlan, Plan
from ..timing import Schedule
from ..weight_memories import WeightFormat, payload_bits, rom_bits
from .logic import logic_luts, shift_register_luts

PARAMETERS = ("weights", "table")
"""Memories that must be block RAM, because the bitstream fills them."""


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True)
class KernelEstimate:
    """One kernel.

    kind                    input, conv, fire, max_pool, average_pool, fork, store, add or concat
    folding                 (k, r, c) of an engine
    products_per_dsp        1 or 2 for an engine; products_reason tells why there is one where two were asked for
    multipliers             requantisers of an engine that multiply, by up to multiplier_bits, in multiplier_dsp DSP
                            slices (of ``dsp``), or in LUTs where that is 0
    cycles                  cycles per frame in which the kernel is at work
    lane_efficiency         useful products / (lanes * cycles), for engines
    weight_capacity_bits    bits of the block RAMs that hold the weights
    parameter_bram36        block RAM of weights, biases and shifts, in units of RAMB36
    lutram_luts             LUTs used as distributed RAM, shift_luts as shift registers, luts as logic
    """

    name: str
    kind: str
    folding: tuple[int, int, int] | None
    lanes: int
    dsp: int
    products_per_dsp: int
    products_reason: str
    multipliers: int
    multiplier_bits: int
    multiplier_dsp: int
    weight_bits: int
    weight_capacity_bits: int
    ramb36: int
    ramb18: int
    uram: int
    parameter_bram36: float
    lutram_bits: int
    lutram_luts: int
    shift_luts: int
    luts: int
    cycles: int
    lane_efficiency: float | None


@dataclass(frozen=True)
class Shortage:
    """A resource of which there is too little; ``limit``: how ``available`` comes about, empty: the device has it."""

    resource: str
    needed: float
    available: float
    limit: str = ""

    @property
    def missing(self) -> float:
        return self.needed - self.available

    def __str__(self) -> str:
        have = self.limit or f"the device has {self.available:,g}"
        return f"{self.resource}: needs {self.needed:,g}, {have}, short by {self.missing:,g}"


@dataclass(frozen=True)
class Way:
    """What to ask for otherwise so that a design fits; None: as it was asked for.

    Fields are those of the options of a design; ``without_foldings``: foldings given by hand are in the way.
    """

    weights: WeightFormat | Literal["auto"] | None = None
    products_per_dsp: int | None = None
    lanes: int | None = None
    weight_budget: int | None = None
    room: Room | None = None
    without_foldings: bool = False

    def __str__(self) -> str:
        """As fields of the options."""
        room = self.room and f"{self.room.lut_ceiling:g}, field shell {self.room.shell}"
        given = {
            "weights": self.weights,
            "products_per_dsp": self.products_per_dsp,
            "lanes": self.lanes,
            "weight_budget": self.weight_budget,
            "lut_ceiling": room,
        }
        parts = [f"field {name} {value}" for name, value in given.items() if value is not None]
        return ", ".join(["no field foldings"] * self.without_foldings + parts) or "a plan of its own"


@dataclass(frozen=True)
class Estimate:
    """The whole accelerator on a device (None: on no device in particular) at a clock.

    room                 how much of the device it may fill
    cycles_per_frame     steady interval between frames, from the schedule of the handshakes
    latency_cycles       first input word to last output of the first frame
    lane_efficiency      useful products / (lanes * cycles_per_frame)
    weight_efficiency    weight bits / bits of the block RAMs that hold them
    uram                 UltraRAM blocks, which hold activations only
    lutram_luts          LUTs used as distributed RAM
    lut_memory           these and the LUTs used as shift registers
    luts                 all LUTs: those, and logic, which is estimated (see planning/logic.py)
    bram36               block RAM in units of RAMB36: two RAMB18 make one
    lane_budget          DSP slices for lanes that the plan may use
    products_per_dsp     products per slice and cycle that were asked for
    fits                 None where no device was given; else nothing is ``short``
    warnings             what fits, but may not reach its clock
    fits_with            where it does not fit: what makes it fit; None: nothing was found, or looked for
    notes                what was done to the model to make it fit, and what holds the plan back
    """

    device: str | None
    part: str | None
    clock: Clock
    room: Room
    lane_budget: int
    products_per_dsp: int
    lanes: int
    ramb36: int
    ramb18: int
    uram: int
    lutram_bits: int
    lutram_luts: int
    lut_memory: int
    luts: int
    dsp: int
    weight_bits: int
    cycles_per_frame: int
    latency_cycles: int
    lane_efficiency: float | None
    weight_efficiency: float | None
    available: dict[str, int] | None
    short: tuple[Shortage, ...]
    kernels: tuple[KernelEstimate, ...]
    warnings: tuple[str, ...] = ()
    fits_with: Way | None = None
    notes: tuple[str, ...] = ()

    @property
    def clock_mhz(self) -> float:
        return self.clock.mhz

    @property
    def fits(self) -> bool | None:
        return None if self.device is None else not self.short

    @property
    def bram36(self) -> float:
        return self.ramb36 + self.ramb18 / 2

    @property
    def parameter_bram36(self) -> float:
        """Block RAM of weights, biases and shifts, which has no other place to go."""
        return sum(kernel.parameter_bram36 for kernel in self.kernels)

    @property
    def parameters_fit_on(self) -> str | None:
        """The smallest device of the catalogue whose block RAM holds the parameters; None where none does."""
        device = smallest_with(self.parameter_bram36)
        return device.name if device else None

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.clock.fps(self.cycles_per_frame)

    @property
    def latency_ms(self) -> float:
        return self.latency_cycles / (self.clock_mhz * 1e3)

    def summary(self) -> dict[str, object]:
        """The totals, without the kernels, ready for JSON."""
        keys = ("ramb36", "ramb18", "lutram_bits", "dsp", "weight_bits", "cycles_per_frame", "latency_cycles")
        extras = (
            "uram",
            "part",
            "clock_mhz",
            "lane_budget",
            "products_per_dsp",
            "lanes",
            "lutram_luts",
            "lut_memory",
            "luts",
            "lane_efficiency",
            "weight_efficiency",
        )
        return {
            "device": self.device,
            "fits": self.fits,
            **{key: getattr(self, key) for key in keys},
            "fps": self.fps,
            "latency_ms": self.latency_ms,
            "clock_origin": self.clock.origin,
            "bram36": self.bram36,
            "parameter_bram36": self.parameter_bram36,
            "parameters_fit_on": self.parameters_fit_on,
            **{key: getattr(self, key) for key in extras},
            "available": self.available,
            "room": asdict(self.room) if self.device else None,
            "short": [asdict(s) | {"missing": s.missing} for s in self.short],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def to_json(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        way = asdict(self.fits_with) if self.fits_with else None
        return self.summary() | {"fits_with": way, "kernels": [asdict(kernel) for kernel in self.kernels]}


def estimate_kernel(kernel: KernelPlan) -> KernelEstimate:
    """Cost of one kernel."""
    engine = kernel if isinstance(kernel, EnginePlan) else None
    folding = engine.folding if engine else None
    multiplies = engine is not None and engine.requant.multiply != "shift"
    return KernelEstimate(
        name=kernel.name,
        kind=kernel.kind,
        folding=(folding.phases, folding.rows, folding.channels) if folding else None,
        lanes=engine.lanes if engine else 0,
        dsp=kernel.dsp,
        products_per_dsp=engine.products_per_dsp if engine else 0,
        products_reason=engine.packing.reason if engine else "",
        multipliers=engine.units if multiplies and engine else 0,
        multiplier_bits=engine.requant.scale_bits if multiplies and engine else 0,
        multiplier_dsp=engine.units * engine.requant.dsp if engine else 0,
        weight_bits=payload_bits(engine.weights) if engine else 0,
        weight_capacity_bits=rom_bits(engine.weights) if engine else 0,
        ramb36=sum(m.ramb36 for m in kernel.memories),
        ramb18=sum(m.ramb18 for m in kernel.memories),
        uram=sum(m.uram for m in kernel.memories),
        parameter_bram36=sum(m.ramb36 + m.ramb18 / 2 for m in kernel.memories if m.purpose in PARAMETERS),
        lutram_bits=sum(m.lutram_bits for m in kernel.memories),
        lutram_luts=sum(m.lutram_luts for m in kernel.memories),
        shift_luts=shift_register_luts(kernel),
        luts=logic_luts(kernel),
        cycles=kernel.work_cycles,
        lane_efficiency=_ratio(engine.macs, engine.lanes * engine.work_cycles) if engine else None,
    )


@dataclass(frozen=True)
class Used:
    """What a design takes of a device; ``lut_memory`` of its ``luts`` are distributed RAM or shift registers."""

    bram36: float
    uram: int
    dsp: int
    lut_memory: int
    luts: int

    @classmethod
    def by(cls, kernels: Sequence[KernelEstimate]) -> Used:
        """The sum over kernels."""
        lut_memory = sum(k.lutram_luts + k.shift_luts for k in kernels)
        return cls(
            bram36=sum(k.ramb36 + k.ramb18 / 2 for k in kernels),
            uram=sum(k.uram for k in kernels),
            dsp=sum(k.dsp for k in kernels),
            lut_memory=lut_memory,
            luts=lut_memory + sum(k.luts for k in kernels),
        )


def used_by(plan: Plan) -> Used:
    """What a plan takes."""
    return Used.by([estimate_kernel(kernel) for kernel in plan.kernels])


def shortages(used: Used, device: Device, room: Room = WHOLE_DEVICE) -> tuple[Shortage, ...]:
    """What ``device`` has too little of within ``room``."""
    left, shell = room.of(device), room.shell
    blocks = f"the device has {device.ramb36:,} less {shell.ramb36} for a shell" if shell.ramb36 else ""
    share = 100 * used.luts / device.luts
    routes = ", which will not route" if share > ROUTABLE else ""
    beside = f" less {shell.luts:,} for a shell" if shell.luts else ""
    luts = f"{share:.1f} % of the device's {device.luts:,}{routes}; {room.lut_ceiling:g} %{beside} are {left.luts:,}"
    every = (
        Shortage("RAMB36 (a RAMB18 is half of one)", used.bram36, left.ramb36, blocks),
        Shortage("URAM288", used.uram, left.uram),
        Shortage("DSP slices", used.dsp, left.dsp),
        Shortage("LUTs usable as memory", used.lut_memory, left.lut_memory),
        Shortage("LUTs", used.luts, left.luts, luts),
    )
    return tuple(one for one in every if one.missing > 0)


def crowding(used: Used, device: Device, room: Room = WHOLE_DEVICE) -> tuple[str, ...]:
    """Warnings about a design that ``device`` holds, but so full that a placer has little freedom left."""
    taken = used.luts + room.shell.luts
    share = 100 * taken / device.luts
    if not WARN_CEILING < share <= ROUTABLE:
        return ()
    text = f"LUTs: {taken:,} are {share:.1f} % of the device's {device.luts:,}"
    return (f"{text}; above {WARN_CEILING:g} % a placer may not close timing",)


def estimate(
    plan: Plan, device: Device | None, clock: Clock, schedule: Schedule, room: Room = WHOLE_DEVICE
) -> Estimate:
    """Estimate ``plan``, whose handshakes run as ``schedule`` tells, on ``device``, of which it may fill ``room``."""
    kernels = tuple(estimate_kernel(kernel) for kernel in plan.kernels)
    capacity = sum(k.weight_capacity_bits for k in kernels)
    cycles = schedule.cycles_per_frame
    used = Used.by(kernels)
    short = shortages(used, device, room) if device else ()
    available = None
    if device:
        available = {
            "ramb36": device.ramb36,
            "bram_bits": device.ramb36 * RAMB36_BITS,
            "dsp": device.dsp,
            "luts": device.luts,
            "lut_memory": device.lut_memory,
            "lutram_bits": device.lutram_bits,
            "uram": device.uram,
        }
    return Estimate(
        device=device.name if device else None,
        part=device.part if device else None,
        clock=clock,
        room=room,
        lane_budget=plan.lane_budget,
        products_per_dsp=plan.products_per_dsp,
        lanes=plan.lanes,
        ramb36=sum(k.ramb36 for k in kernels),
        ramb18=sum(k.ramb18 for k in kernels),
        uram=sum(k.uram for k in kernels),
        lutram_bits=sum(k.lutram_bits for k in kernels),
        lutram_luts=sum(k.lutram_luts for k in kernels),
        lut_memory=used.lut_memory,
        luts=used.luts,
        dsp=plan.dsp,
        weight_bits=plan.weight_bits,
        cycles_per_frame=cycles,
        latency_cycles=schedule.latency,
        lane_efficiency=_ratio(plan.macs, plan.lanes * cycles),
        weight_efficiency=_ratio(plan.weight_bits, capacity),
        available=available,
        short=short,
        warnings=crowding(used, device, room) if device and not short else (),
        kernels=kernels,
    )
