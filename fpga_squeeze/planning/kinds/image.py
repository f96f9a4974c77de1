"""The line gatherer (``fsq_input``): AXI4-Stream beats of 64 bits to row words."""

from __future__ import annotations

from dataclasses import dataclass

from ...device.lut_ram import ceil_div, mux_luts
from ...errors import FpgaSqueezeError
from ...network.graph import IMAGE, TensorType
from ..constants import Hls, Rtl, queue
from ..streams import Sender, Stream
from .control import queue_luts

INPUT_DEPTH = 1
"""Words of the FIFO behind the line gatherer: a register. The words of a row then leave every other cycle."""
CONTROL = 105


@dataclass(frozen=True)
class InputPlan(Sender):
    """Line gatherer: ``bytes_per_cycle`` bytes a cycle."""

    name: str
    output: Stream
    bytes_per_cycle: int
    kind = "input"

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return ()

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""
        shape = self.output.type.shape
        send = shape.channels if self.output.depth > 1 else 2 * shape.channels - 1
        return shape.height * (ceil_div(shape.width * shape.channels, self.bytes_per_cycle) + send + 1)

    @property
    def luts(self) -> int:
        """A row moves on by one of ``bytes_per_cycle`` distances, or by a byte."""
        shape = self.output.type.shape
        distances = mux_luts(self.bytes_per_cycle) if self.bytes_per_cycle > 1 else 0
        return 8 * shape.width * shape.channels * distances + CONTROL + queue_luts(self.output.depth)

    @property
    def rtl(self) -> Rtl:
        shape = self.output.type.shape
        return Rtl(
            "fsq_input",
            {
                "CHANNELS": shape.channels,
                "HEIGHT": shape.height,
                "WIDTH": shape.width,
                "BYTES": self.bytes_per_cycle,
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        shape = self.output.type.shape
        return Hls(
            "input",
            f"Line gatherer {self.name}, {self.bytes_per_cycle} bytes per turn.",
            {
                "CHANNELS": shape.channels,
                "HEIGHT": shape.height,
                "WIDTH": shape.width,
                "BYTES": self.bytes_per_cycle,
            },
        )


def plan_input(tensor: TensorType, bytes_per_cycle: int) -> InputPlan:
    """Plan the line gatherer for raw uint8 pixels."""
    if tensor.bits != 8 or tensor.signed:
        raise FpgaSqueezeError(
            "the accelerator eats unsigned 8-bit pixels; this model's input has another type"
        )
    return InputPlan(IMAGE, Stream(IMAGE, tensor, 1, INPUT_DEPTH, (IMAGE,)), bytes_per_cycle)
