"""One stream to several readers (``fsq_fork``)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...device.block_ram import Memory
from ...network.fixed_point import count_bits
from ..constants import Hls, Rtl, Vector
from ..streams import Stream
from .control import queue_luts

BRANCH_DEPTH = 1
"""Words of the FIFO of a branch: a register. A word then passes every other cycle."""


@dataclass(frozen=True)
class ForkPlan:
    """A word is taken when every branch has room, and goes into the FIFOs of all of them."""

    name: str
    input: Stream
    outputs: tuple[Stream, ...]
    kind = "fork"
    dsp = 0

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (self.input,)

    @property
    def memories(self) -> tuple[Memory, ...]:
        return tuple(memory for stream in self.outputs for memory in stream.memories)

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when no branch waits."""
        return self.input.words * (1 if min(stream.depth for stream in self.outputs) > 1 else 2)

    @property
    def luts(self) -> int:
        return 1 + sum(queue_luts(stream.depth) for stream in self.outputs)

    @property
    def rtl(self) -> Rtl:
        depths = [stream.depth for stream in self.outputs]
        return Rtl(
            "fsq_fork",
            {
                "COUNT": len(depths),
                "WORD_W": self.input.word_bits,
                "DEPTHS": Vector(tuple(depths)),
                "COUNT_W": count_bits(max(depths)),
            },
        )

    @property
    def hls(self) -> Hls:
        return Hls(
            "fork",
            f"Fork {self.name}, {len(self.outputs)} ways.",
            {"BITS": self.input.word_bits, "WORDS": self.input.words},
        )


def plan_fork(name: str, source: Stream, branches: tuple[str, ...]) -> ForkPlan:
    """Plan a fork whose streams have the names ``branches``."""
    outputs = tuple(replace(source, name=branch, depth=BRANCH_DEPTH) for branch in branches)
    return ForkPlan(name, source, outputs)
