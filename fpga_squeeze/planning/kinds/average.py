"""The global average pool (``fsq_avg_pool``)."""

from __future__ import annotations

from dataclasses import dataclass

from ...device.block_ram import Memory
from ...device.lut_ram import ceil_div
from ...errors import FpgaSqueezeError
from ...network.fixed_point import signed_bits
from ...network.integers import QAvgPool
from ..constants import Constants, Hls, Parameters, Rtl, Vector, arriving, queue
from ..latency import MEAN_LATENCY, tree_levels
from ..streams import Between, OneToOne, Stream
from .control import slot, table_luts
from .max_pool import POOL_DEPTH

CONTROL = 30
MAX_BITS = 24
"""Of a pixel."""
LARGEST = (1 << 31) - 1
"""Of a sum that leaves as it is: drivers of simulations carry values in 32 bits."""


def added_zero(pool: QAvgPool) -> int:
    """What is added to a sum of pixels less their zero points: to its product, or to itself with ``total``."""
    return pool.count * pool.input.zero if pool.total else pool.output.zero


def mean_parameters(quotient_bits: int, divide_bits: int, pool: QAvgPool) -> Parameters:
    """What fsq_mean asks for of the average, beside the bits of the sum and of the result."""
    low, high = pool.output.range
    found: Parameters = {
        "COUNT": pool.count,
        "EXTRA": pool.extra_frac if pool.divides else 0,
        "QUOTIENT": quotient_bits,
        "DIVIDE_BITS": divide_bits,
        "OUT_BITS": pool.output.bits,
        "LOW": low,
        "HIGH": high,
    }
    if pool.scaled:
        factor, right = pool.multiplier
        found |= {"FACTOR": Vector((factor,), 64), "RIGHT": max(right, 0), "LEFT": max(-right, 0)}
    if added_zero(pool):
        found["ZERO"] = added_zero(pool)
    return found


def average_constants(sum_bits: int, quotient_bits: int, pool: QAvgPool) -> Constants:
    """What fsq_divide.hpp and fsq_mean_multiply.hpp ask for."""
    low, high = pool.output.range
    factor, right = pool.multiplier if pool.scaled else (0, 0)
    return {
        "SUM_BITS": sum_bits,
        "COUNT": pool.count,
        "EXTRA": pool.extra_frac if pool.divides else 0,
        "FACTOR": factor,
        "QUOTIENT": quotient_bits - int(pool.divides),  # rounded by the rest
        "RIGHT": max(right, 0),
        "LEFT": max(-right, 0),
        "ZERO": added_zero(pool),
        "OUT_BITS": pool.output.bits,
        "LOW": low,
        "HIGH": high,
    }


def mean_luts(sum_bits: int, quotient_bits: int, divide_bits: int, pool: QAvgPool) -> int:
    """LUTs of fsq_mean: a division or a product in steps, and what it is rounded and limited by."""
    out = pool.output.bits
    if pool.scaled:
        _, right = pool.multiplier
        rounded = max(sum_bits + quotient_bits - right, out + 2)
        return divide_bits * (sum_bits + 1) + rounded + max(right, 0) // 5 + out
    if pool.total:
        return sum_bits if added_zero(pool) else 0
    rest = (pool.count - 1).bit_length() + 1
    signs = sum_bits + out if pool.output.range[0] < 0 else 0
    return (divide_bits + 1) * rest + quotient_bits + out + signs


@dataclass(frozen=True)
class AveragePlan(OneToOne):
    """Global average pool: ``add`` pixels a cycle; sums of the last row are divided, ``divide_bits`` a cycle.

    ``quotient_bits`` is a multiple of ``divide_bits``: bits of a quotient or, where sums are multiplied, of the factor;
    0 where they leave as they are. A division goes on while the next sum is added up. Sums start at ``starts``, so that
    they end less the pixels' zero points, those around the map among them: a number for all channels, or for each.
    """

    name: str
    layer: QAvgPool
    input: Stream
    output: Stream
    add: int
    sum_bits: int
    quotient_bits: int
    divide_bits: int
    starts: tuple[int, ...]
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
        """Cycles from a sum to its result."""
        return self.quotient_bits // self.divide_bits + MEAN_LATENCY

    @property
    def last_row_cycles(self) -> int:
        """Cycles for the last row of a frame, whose sums are divided."""
        return self.input.type.shape.channels * (max(self.between.sends) + 1)

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
        summed = self.steps + 1 + tree_levels(self.add)
        return Between(0, (summed, self.division), (self.steps + 1,), emits, 0)

    @property
    def luts(self) -> int:
        """Shift register of a word, adders, a restoring division."""
        bits = self.input.type.bits
        line = self.steps * self.add * bits if self.steps > 1 else 0
        mean = mean_luts(self.sum_bits, self.quotient_bits, self.divide_bits, self.layer)
        starts = table_luts(len(self.starts), self._start_bits) if len(self.starts) > 1 else 0
        return line + self.add * self.sum_bits + mean + CONTROL + starts

    @property
    def _start_bits(self) -> int:
        """Bits of the number that a sum starts with (two's complement)."""
        return signed_bits(min(self.starts), max(self.starts))

    @property
    def rtl(self) -> Rtl:
        source = self.input.type
        start: Parameters = {"START": self.starts[0]} if any(self.starts) else {}
        if len(self.starts) > 1:
            bits = self._start_bits
            entries = tuple(v % (1 << bits) for v in self.starts)
            start = {"START_W": bits, "SLOT": slot(bits), "STARTS": Vector(entries, slot(bits))}
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
                **mean_parameters(self.quotient_bits, self.divide_bits, self.layer),
                **start,
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
            {"starts": self.starts},
        )


def quotient_size(pool: QAvgPool, divide_bits: int) -> int:
    """Bits of a quotient and one behind it, or of the factor, in whole cycles; 0 where sums leave."""
    if pool.total:
        return 0
    low, high = pool.input.range
    # of a quotient one bit more, by which it is rounded
    largest = pool.multiplier[0] if pool.scaled else max(-low, high) << (pool.extra_frac + 1)
    return divide_bits * ceil_div(largest.bit_length(), divide_bits)


def sum_size(pool: QAvgPool, count: int) -> int:
    """Bits of the sum of ``count`` pixels less their zero points (two's complement)."""
    low, high = (v - pool.input.zero for v in pool.input.range)
    return signed_bits(low * count, high * count)


def check_average(pool: QAvgPool) -> None:
    """Raise FpgaSqueezeError for numbers that an average kernel does not take."""
    if pool.input.bits > MAX_BITS or pool.output.bits > 32:
        raise FpgaSqueezeError(
            f"{pool.name}: the average pool takes at most {MAX_BITS} bits and gives at most 32"
        )
    if pool.scaled and not pool.multiplier[0]:
        raise FpgaSqueezeError(
            f"{pool.name}: a step of its output is worth so much more than one of its input that it is always zero; "
            "give it a smaller scale"
        )
    low, high = (v * pool.count for v in pool.input.range)
    if pool.total and max(-low, high) > LARGEST:
        raise FpgaSqueezeError(
            f"{pool.name}: its sums reach {max(-low, high)}, beyond {LARGEST}; quantise the average"
        )
    if pool.total and not pool.output.range[0] <= low <= high <= pool.output.range[1]:
        raise FpgaSqueezeError(
            f"{pool.name}: its sums go from {low} to {high}, beyond its output's {pool.output.bits} bits; widen it"
        )


def _starts(pool: QAvgPool) -> tuple[int, ...]:
    """What sums start with, for each channel, or for all."""
    start = -pool.count * pool.input.zero
    if pool.border is None:
        return (start,)
    around = pool.count - pool.input.shape.height * pool.input.shape.width
    return tuple(start + around * int(v) for v in pool.border)


def plan_average(pool: QAvgPool, source: Stream, add: int, divide_bits: int = 1) -> AveragePlan:
    """Plan the global average pool with ``add`` pixels and ``divide_bits`` bits of a quotient or factor per cycle."""
    check_average(pool)
    sum_bits = sum_size(pool, pool.count)
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
        starts=_starts(pool),
        sums=Memory(f"{pool.name}_sums", "sums", channels, sum_bits, channels * sum_bits, single=1),
    )
