"""The sum of two streams (``fsq_add``)."""

from __future__ import annotations

from dataclasses import dataclass

from ...network.graph import QAdd
from ..constants import Constants, Hls, Parameters, Rtl, queue
from ..streams import Sender, Stream
from .control import queue_luts
from .max_pool import POOL_DEPTH

CONTROL = 6


@dataclass(frozen=True)
class AddPlan(Sender):
    """Words of both inputs are added pixel by pixel; ``direct`` is the input that no store holds back."""

    name: str
    layer: QAdd
    inputs: tuple[Stream, Stream]
    output: Stream
    direct: int
    kind = "add"
    turn = 1  # cycles from taking a word until it is sent

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits: a word in two."""
        return 2 * self.output.words

    @property
    def luts(self) -> int:
        """Per pixel: an adder where the operands overlap, one that rounds and is limited."""
        operand = max(x.bits for x in self.layer.operands)
        pixel = operand + self.output.type.bits + 1
        return self.output.type.shape.width * pixel + CONTROL + queue_luts(self.output.depth)

    @property
    def rtl(self) -> Rtl:
        out, layer = self.output.type, self.layer
        low, high = layer.limits
        parameters: Parameters = {"WIDTH": out.shape.width}
        for letter, operand, left in zip("AB", layer.operands, _lefts(layer), strict=True):
            parameters |= {
                f"BITS_{letter}": operand.bits,
                f"SIGNED_{letter}": int(operand.signed),
                f"LEFT_{letter}": left,
            }
        return Rtl(
            "fsq_add",
            parameters
            | {
                "SUM_W": layer.sum_bits,
                "RIGHT": max(layer.shift, 0),
                "LEFT": max(-layer.shift, 0),
                "OUT_BITS": out.bits,
                "LOW": low,
                "HIGH": high,
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        layer, out = self.layer, self.output.type
        low, high = layer.limits
        operands: Constants = {}
        for name, tensor, left in zip("AB", layer.operands, _lefts(layer), strict=True):
            operands |= {f"{name}_BITS": tensor.bits, f"{name}_SIGNED": tensor.signed, f"{name}_LEFT": left}
        return Hls(
            "add",
            f"Sum {self.name} of {' and '.join(layer.inputs)}.",
            {
                "WORDS": self.output.words,
                "WIDTH": out.shape.width,
                **operands,
                "SUM_BITS": layer.sum_bits,
                "LEFT": max(0, -layer.shift),
                "RIGHT": max(0, layer.shift),
                "OUT_BITS": out.bits,
                "LOW": low,
                "HIGH": high,
            },
        )


def _lefts(layer: QAdd) -> tuple[int, int]:
    """Places by which each operand moves left before they are added."""
    left, right, _, _ = layer.terms
    return left.bit_length() - 1, right.bit_length() - 1


def plan_add(layer: QAdd, sources: tuple[Stream, Stream], direct: int) -> AddPlan:
    """Plan the sum of two streams of equal row groups."""
    output = Stream(layer.name, layer.output, sources[direct].rows, POOL_DEPTH, (layer.name,))
    return AddPlan(layer.name, layer, sources, output, direct)
