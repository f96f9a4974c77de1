"""The shell around the kernels (``fsq_system``): sizes of its registers, bursts and FIFOs."""

from __future__ import annotations

from dataclasses import dataclass

from ..device.catalogue import Family
from ..device.shell import BUS_BITS, READ_BYTES, ShellKind
from ..network.fixed_point import count_bits
from .plan import Plan

BURST_LOG = 4
"""Bursts of up to 16 beats: the most that the AXI3 ports of a Zynq-7000 take, so that nobody cuts them."""
CONTROL_BITS = 7
"""Bits of an address of the registers."""


@dataclass(frozen=True)
class ShellPlan:
    """What ``fsq_system`` is made with.

    network       name, of which the register network has a hash
    pixels        bytes of a frame as it comes, without padding
    classes       logits of a frame
    bus_bits      bits of a beat of the AXI4 master: 64 or 128
    address_bits  bits of its addresses
    """

    network: str
    pixels: int
    classes: int
    bus_bits: int = 64
    address_bits: int = 32

    @property
    def frame_words(self) -> int:
        """8-byte words of a frame in memory."""
        return -(-self.pixels // 8)

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame in memory, padded to whole words."""
        return 8 * self.frame_words

    @property
    def result_bytes(self) -> int:
        """Bytes of the logits of a frame in memory; the last 4 of an odd number of them are not written."""
        return -(-self.classes // 2) * 8

    @property
    def burst(self) -> int:
        """Most beats of a burst."""
        return 1 << BURST_LOG

    @property
    def ratio_log(self) -> int:
        """Words of a beat, as a power of two."""
        return self.bus_bits.bit_length() - 7

    @property
    def read_depth(self) -> int:
        """Beats of the FIFO of pixels."""
        return 8 * READ_BYTES // self.bus_bits

    @property
    def words_bits(self) -> int:
        """Bits of a number of words of a frame: up to twice as many as it has, and more than those of a burst."""
        return max(count_bits(self.frame_words) + 1, BURST_LOG + self.ratio_log + 1)

    @property
    def result_words_bits(self) -> int:
        """The same for the logits."""
        return max(count_bits(self.result_bytes // 8), BURST_LOG + self.ratio_log + 1)


def plan_shell(plan: Plan, kind: ShellKind, family: Family) -> ShellPlan | None:
    """The shell for a plan, None for ``stream``; processors of UltraScale+ have addresses of 40 bits, others of 32."""
    if kind == "stream":
        return None
    shape = plan.model.input.shape
    return ShellPlan(
        plan.model.name,
        shape.channels * shape.height * shape.width,
        plan.output.type.shape.channels,
        BUS_BITS[kind],
        40 if family == "zynq-ultrascale+" else 32,
    )
