"""The plan: every kernel of the accelerator with its streams, memories and exact work.

Golden tensors, HLS C++, RTL and the estimate are all written from these objects; none of them recomputes a size.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..device.dsp_packing import ONE_PRODUCT, Multipliers
from ..network.integers import QModel
from .engine import EnginePlan
from .kinds.add import AddPlan
from .kinds.average import AveragePlan
from .kinds.concat import ConcatPlan
from .kinds.fork import ForkPlan
from .kinds.image import InputPlan
from .kinds.max_pool import PoolPlan
from .kinds.store import StorePlan
from .kinds.window import WindowPlan
from .streams import Stream
from .weight_memories import payload_bits

KernelPlan = (
    InputPlan | EnginePlan | PoolPlan | WindowPlan | AveragePlan | ForkPlan | StorePlan | AddPlan | ConcatPlan
)


@dataclass(frozen=True)
class Plan:
    """The whole accelerator: kernels, each after those it reads. The first gathers lines, the last sends the logits.

    lane_budget   DSP slices that the lanes may use; each does ``multipliers.products`` products where widths allow it
    together      engines that also run what stands before them: see :func:`.fuse.fuse`
    """

    model: QModel
    kernels: tuple[KernelPlan, ...]
    lane_budget: int
    multipliers: Multipliers = ONE_PRODUCT
    together: frozenset[str] = frozenset()

    @property
    def products_per_dsp(self) -> int:
        """Products per DSP slice that were asked for; an engine may fall back to one."""
        return self.multipliers.products

    @property
    def engines(self) -> list[EnginePlan]:
        return [k for k in self.kernels if isinstance(k, EnginePlan)]

    @property
    def stores(self) -> list[StorePlan]:
        return [k for k in self.kernels if isinstance(k, StorePlan)]

    @property
    def streams(self) -> list[Stream]:
        """Every stream, each behind those that its kernel reads."""
        return [stream for kernel in self.kernels for stream in kernel.outputs]

    @property
    def output(self) -> Stream:
        """The logits."""
        return self.streams[-1]

    @property
    def lanes(self) -> int:
        return sum(e.lanes for e in self.engines)

    @property
    def dsp(self) -> int:
        return sum(k.dsp for k in self.kernels)

    @property
    def macs(self) -> int:
        return sum(e.macs for e in self.engines)

    @property
    def weight_bits(self) -> int:
        """Bits of all weights as they lie in the memories, without any padding."""
        return sum(payload_bits(e.weights) for e in self.engines)
