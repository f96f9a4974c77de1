"""The sum of two streams (``fsq_add``)."""

from __future__ import annotations

from dataclasses import dataclass

from ...device.lut_ram import ceil_div
from ...network.fixed_point import int_range
from ...network.integers import QAdd, TensorType
from ..constants import Constants, Hls, Parameters, Rtl, Vector, queue
from ..streams import Sender, Stream
from .control import queue_luts, slot
from .max_pool import POOL_DEPTH

CONTROL = 6
PIECE = 6
"""Bits of a pixel that a table takes where it is multiplied: the inputs of a LUT. For a pixel of 8 bits two tables and
their sum cost two LUTs per bit of the product; shifts and sums alone cost one for each further one of the factor."""


@dataclass(frozen=True)
class AddPlan(Sender):
    """Words of both inputs are added pixel by pixel; ``direct`` is the input that no store holds back."""

    name: str
    layer: QAdd
    inputs: tuple[Stream, Stream]
    output: Stream
    direct: int
    kind = "add"
    stages = (1, 1, 1)  # cycles of a word: its products, the sum, rounding

    @property
    def _tables(self) -> list[int]:
        """Tables that each operand goes through."""
        factors = self.layer.terms[:2]
        return [_pieces(x, factor) for x, factor in zip(self.layer.operands, factors, strict=True)]

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits: a word in two."""
        return 2 * self.output.words

    @property
    def luts(self) -> int:
        """Per pixel: an adder where the operands overlap, tables and their sums, one that rounds and is limited."""
        layer, out = self.layer, self.output.type
        *_, offset, shift = layer.terms
        tables = sum(self._tables)
        pixel = out.bits + 1
        if tables:
            pixel += layer.sum_bits * tables + shift // 5
        else:
            pixel += max(x.bits for x in layer.operands) + (layer.sum_bits if offset else 0)
        return out.shape.width * pixel + CONTROL + queue_luts(self.output.depth)

    @property
    def rtl(self) -> Rtl:
        out, layer = self.output.type, self.layer
        low, high = layer.limits
        *factors, offset, _ = layer.terms
        parameters: Parameters = {"WIDTH": out.shape.width}
        size = slot(layer.sum_bits)
        more: Parameters = {}
        for letter, operand, factor, pieces in zip("AB", layer.operands, factors, self._tables, strict=True):
            parameters |= {
                f"BITS_{letter}": operand.bits,
                f"SIGNED_{letter}": int(operand.signed),
                f"LEFT_{letter}": 0 if pieces else factor.bit_length() - 1,
            }
            if pieces:
                entries = _entries(operand, factor, offset, pieces)
                more |= {f"TABLES_{letter}": pieces, f"ENTRIES_{letter}": Vector(entries, size)}
                more |= {"PIECE": PIECE, "SLOT": size}
                offset = 0
        if offset:
            more["OFFSET"] = Vector((offset,), 64)
        if out.zero:
            more["ZERO"] = out.zero
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
                **more,
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        layer, out = self.layer, self.output.type
        low, high = layer.limits
        operands: Constants = {}
        *factors, offset, _ = layer.terms
        for name, tensor, factor in zip("AB", layer.operands, factors, strict=True):
            operands |= {
                f"{name}_BITS": tensor.bits,
                f"{name}_SIGNED": tensor.signed,
                f"{name}_FACTOR": factor,
            }
        return Hls(
            "add",
            f"Sum {self.name} of {' and '.join(layer.inputs)}.",
            {
                "WORDS": self.output.words,
                "WIDTH": out.shape.width,
                **operands,
                "SUM_BITS": layer.sum_bits,
                "OFFSET": offset,
                "LEFT": max(0, -layer.shift),
                "RIGHT": max(0, layer.shift),
                "ZERO": out.zero,
                "OUT_BITS": out.bits,
                "LOW": low,
                "HIGH": high,
            },
        )


def _pieces(operand: TensorType, factor: int) -> int:
    """Tables that an operand goes through; 0: its factor is a power of two, which moves it to the left."""
    return ceil_div(operand.bits, PIECE) if factor & (factor - 1) else 0


def _entries(operand: TensorType, factor: int, offset: int, pieces: int) -> tuple[int, ...]:
    """What each piece of a pixel adds to a sum, the lowest piece first, and ``offset`` with it; 2**PIECE for each."""
    found: list[int] = []
    for piece in range(pieces):
        bits = min(PIECE, operand.bits - piece * PIECE)
        low, high = int_range(bits, operand.signed and piece == pieces - 1)
        parts = [*range(high + 1), *range(low, 0)]  # as their bits count
        found += [(part << piece * PIECE) * factor + (0 if piece else offset) for part in parts]
        found += [0] * ((1 << PIECE) - len(parts))
    return tuple(found)


def plan_add(layer: QAdd, sources: tuple[Stream, Stream], direct: int) -> AddPlan:
    """Plan the sum of two streams of equal row groups."""
    output = Stream(layer.name, layer.output, sources[direct].rows, POOL_DEPTH, (layer.name,))
    return AddPlan(layer.name, layer, sources, output, direct)
