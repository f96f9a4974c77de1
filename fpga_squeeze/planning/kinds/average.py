"""The global average pool (``fsq_avg_pool``)."""

from __future__ import annotations

from dataclasses import dataclass

from ...device.block_ram import Memory
from ...device.lut_ram import ceil_div
from ...errors import FpgaSqueezeError
from ...network.fixed_point import signed_bits
from ...network.graph import QAvgPool
from ..constants import Constants, Hls, Rtl, arriving, queue
from ..streams import Between, OneToOne, Stream
from .max_pool import POOL_DEPTH

CONTROL = 40


def average_constants(sum_bits: int, quotient_bits: int, layer: QAvgPool) -> Constants:
    """What fsq_divide.hpp asks for."""
    low, high = layer.output.range
    return {
        "SUM_BITS": sum_bits,
        "COUNT": layer.count,
        "EXTRA": layer.extra_frac,
        "QUOTIENT": quotient_bits,
        "OUT_BITS": layer.output.bits,
        "LOW": low,
        "HIGH": high,
    }


@dataclass(frozen=True)
class AveragePlan(OneToOne):
    """Global average pool: ``add`` pixels a cycle; sums of the last row are divided, ``divide_bits`` a cycle.

    ``quotient_bits`` is a multiple of ``divide_bits``. A division goes on while the next sum is added up.
    """

    name: str
    layer: QAvgPool
    input: Stream
    output: Stream
    add: int
    sum_bits: int
    quotient_bits: int
    divide_bits: int
    sums: Memory
    kind = "average_pool"

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (self.sums, *self.output.memories)

    @property
    def steps(self) -> int:
        """Cycles in which the pixels of a word are added."""
        return ceil_div(self.input.type.shape.width, self.add)

    @property
    def division(self) -> int:
        """Cycles of a division, and of sending its result."""
        return self.quotient_bits // self.divide_bits + 1

    @property
    def last_row_cycles(self) -> int:
        """Cycles for the last row of a frame, whose sums are divided."""
        return self.input.type.shape.channels * max(self.steps + 2, self.division + 1)

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""
        shape = self.input.type.shape
        return shape.channels * (shape.height - 1) * (self.steps + 2) + self.last_row_cycles

    @property
    def between(self) -> Between:
        """A sum is stored for each word; those of the last row go to the divider, which sends the results."""
        height = self.input.type.shape.height
        emits = tuple(y == height - 1 for y in range(height))
        return Between(0, self.steps + 1, self.steps + 1, self.division, emits, 0)

    @property
    def luts(self) -> int:
        """Shift register of a word, adders, a restoring division."""
        bits, shape = self.input.type.bits, self.input.type.shape
        remainder = (shape.height * shape.width).bit_length() + self.quotient_bits + 1
        line = self.steps * self.add * bits if self.steps > 1 else 0
        return (
            line + self.add * self.sum_bits + self.divide_bits * remainder + self.output.type.bits + CONTROL
        )

    @property
    def rtl(self) -> Rtl:
        source, out = self.input.type, self.output.type
        low, high = out.range
        return Rtl(
            "fsq_avg_pool",
            {
                "CHANNELS": source.shape.channels,
                "HEIGHT": source.shape.height,
                "WIDTH": source.shape.width,
                "BITS": source.bits,
                "SIGNED": int(source.signed),
                "IN_ROWS": self.input.rows,
                "ADD": self.add,
                "SUM_W": self.sum_bits,
                "COUNT": self.layer.count,
                "EXTRA": self.layer.extra_frac,
                "QUOTIENT": self.quotient_bits,
                "DIVIDE_BITS": self.divide_bits,
                "OUT_BITS": out.bits,
                "LOW": low,
                "HIGH": high,
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        return Hls(
            "avg_pool",
            f"Global average pool {self.name} over {self.layer.count} pixels.",
            {
                **arriving(self.input),
                "ADD": self.add,
                "STEPS": self.steps,
                **average_constants(self.sum_bits, self.quotient_bits, self.layer),
            },
        )


def quotient_size(pool: QAvgPool, divide_bits: int) -> int:
    """Bits of a quotient before rounding, as whole cycles of a divider of ``divide_bits`` give them."""
    low, high = pool.input.range
    return divide_bits * ceil_div((max(-low, high) << pool.extra_frac).bit_length(), divide_bits)


def check_average(pool: QAvgPool) -> None:
    """Raise FpgaSqueezeError for numbers that an average kernel does not take."""
    if pool.input.bits > 16 or pool.output.bits > 32:
        raise FpgaSqueezeError(f"{pool.name}: the average pool takes at most 16 bits and gives at most 32")
    if pool.extra_frac < 0:
        raise FpgaSqueezeError(
            f"{pool.name}: its output has {-pool.extra_frac} binary places less than its input; give it as many"
        )


def plan_average(pool: QAvgPool, source: Stream, add: int, divide_bits: int = 1) -> AveragePlan:
    """Plan the global average pool with ``add`` pixels and ``divide_bits`` quotient bits per cycle."""
    check_average(pool)
    low, high = pool.input.range
    sum_bits = signed_bits(low * pool.count, high * pool.count)
    channels = pool.input.shape.channels
    return AveragePlan(
        name=pool.name,
        layer=pool,
        input=source,
        output=Stream(pool.name, pool.output, 1, POOL_DEPTH, (pool.name,)),
        add=add,
        sum_bits=sum_bits,
        quotient_bits=quotient_size(pool, divide_bits),
        divide_bits=divide_bits,
        sums=Memory(f"{pool.name}_sums", "sums", channels, sum_bits, channels * sum_bits, single=1),
    )
