"""Pools with windows of any size (``fsq_window_pool``): the largest pixel or the average, several windows open."""

from __future__ import annotations

from dataclasses import dataclass

from ...device.block_ram import Memory, kept_memory
from ...errors import FpgaSqueezeError
from ...network.integers import QAvgPool, QMaxPool
from ..constants import Constants, Hls, Parameters, Rtl, Vector, arriving, flags, queue
from ..latency import MEAN_LATENCY, tree_levels
from ..streams import Between, OneToOne, Stream
from .average import average_constants, check_average, mean_luts, mean_parameters, quotient_size, sum_size
from .control import queue_luts
from .max_pool import POOL_DEPTH

CONTROL = 10


@dataclass(frozen=True)
class WindowPlan(OneToOne):
    """A pool that keeps the last rows of every channel, each reduced along the row.

    emit_rows      per input row: it completes a window
    masks          per input row: which of the kept rows belong to that window, the newest in bit 0
    extras         masks of the rows that follow the last input row of a frame; bit 0 is that row itself
    kept           a word per channel: kernel rows - 1 reduced rows
    value_bits     of a reduced pixel: as at the input, or the sum of a window's row less zero points (two's complement)
    sum_bits       of the sum of a window less zero points (two's complement)
    quotient_bits  of the division or, where sums are multiplied, of the factor, ``divide_bits`` a cycle; 0: sums leave
    """

    name: str
    layer: QMaxPool | QAvgPool
    input: Stream
    output: Stream
    emit_rows: tuple[bool, ...]
    masks: tuple[int, ...]
    extras: tuple[int, ...]
    kept: Memory
    value_bits: int
    sum_bits: int
    quotient_bits: int
    divide_bits: int

    @property
    def kind(self) -> str:
        return "average_pool" if self.average else "max_pool"

    @property
    def average(self) -> bool:
        return isinstance(self.layer, QAvgPool)

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (*([self.kept] if self.kept.width else []), *self.output.memories)

    @property
    def division(self) -> int:
        """Cycles from a sum to its result where it is divided or multiplied; 0: a shift does it, in a stage."""
        match self.layer:
            case QAvgPool() if self.layer.scaled or (
                self.layer.divides and self.layer.count & (self.layer.count - 1)
            ):
                return self.quotient_bits // self.divide_bits + MEAN_LATENCY
            case QAvgPool() | QMaxPool():
                return 0

    @property
    def between(self) -> Between:
        """The word as it came, the levels along the row, kept rows and the levels over them, rounding or division."""
        rows, columns = self.layer.kernel
        line = tree_levels(columns + int(self.average and self.input.type.zero != 0))
        stages = 1 + line + (1 + tree_levels(rows) if rows > 1 else 0)
        if self.average and not self.division:
            stages += 1
        ends = (1,) * stages
        sends = (*ends, self.division) if self.division else ends
        return Between(0, sends, ends, self.emit_rows, len(self.extras))

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""
        channels = self.input.type.shape.channels
        rows, sends = len(self.emit_rows) + len(self.extras), sum(self.emit_rows) + len(self.extras)
        return channels * (2 * (rows - sends) + max(2, self.division + 1) * sends)

    @property
    def luts(self) -> int:
        """Per output pixel: reduction along the row, then with the kept rows; a divider for averages."""
        rows, columns = self.layer.kernel
        width = self.output.type.shape.width
        control = CONTROL + queue_luts(self.output.depth)
        match self.layer:
            case QMaxPool():
                # windows side by side share the maxima of their pixels
                along = tree_levels(columns) if self.layer.stride == 1 else columns - 1
                return width * 2 * (along + rows - 1) * self.value_bits + control
            case QAvgPool():
                taps = columns if self.layer.input.zero else columns - 1
                adders = taps * self.value_bits + (rows - 1) * self.sum_bits
                mean = mean_luts(self.sum_bits, self.quotient_bits, self.divide_bits, self.layer)
                if not self.division:
                    mean = 2 * self.output.type.bits
                return width * (adders + mean) + control

    @property
    def rtl(self) -> Rtl:
        source, out = self.input.type, self.output.type
        style, width = self.kept.style_number, self.kept.column_bits
        rows, columns = self.layer.kernel
        mask_bits = max(1, rows - 1)  # a row that follows the last one never has more of them than are kept
        average: Parameters = {}
        if isinstance(self.layer, QAvgPool):
            average = {
                "AVERAGE": 1,
                "SUM_W": self.sum_bits,
                **mean_parameters(self.quotient_bits, self.divide_bits, self.layer),
            }
            if source.zero:
                average["PIXEL_ZERO"] = source.zero
        return Rtl(
            "fsq_window_pool",
            {
                "CHANNELS": source.shape.channels,
                "HEIGHT": source.shape.height,
                "WIDTH": source.shape.width,
                "OUT_WIDTH": out.shape.width,
                "BITS": source.bits,
                "SIGNED": int(source.signed),
                "IN_ROWS": self.input.rows,
                "KERNEL_ROWS": rows,
                "KERNEL_COLUMNS": columns,
                "STRIDE": self.layer.stride,
                "PAD_LEFT": self.layer.pads[1],
                "MASK_W": mask_bits,
                "EMIT_ROWS": flags(self.emit_rows),
                "MASKS": Vector(self.masks, mask_bits),
                "EXTRAS": len(self.extras),
                "EXTRA_MASKS": Vector(self.extras or (0,), mask_bits),
                "STYLE": style,
                "TILE_W": width,
                "VALUE_BITS": self.value_bits,
                "OUT_BITS": out.bits,
                **average,
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        rows, columns = self.layer.kernel
        constants: Constants = {
            **arriving(self.input),
            "OUT_WIDTH": self.output.type.shape.width,
            "COLUMNS": columns,
            "STRIDE": self.layer.stride,
            "PAD_LEFT": self.layer.pads[1],
            "KEPT": max(1, rows - 1),
            "AVERAGE": self.average,
            "VALUE_BITS": self.value_bits,
            "EXTRAS": len(self.extras),
        }
        match self.layer:
            case QMaxPool():
                what = "Max"
                constants |= {
                    "VALUE_SIGNED": self.input.type.signed,
                    "WINDOW_BITS": self.input.type.bits,
                    "NEUTRAL": self.input.type.range[0],
                    "PIXEL_ZERO": 0,
                }
            case QAvgPool():
                what, count = "Average", self.layer.count
                constants |= {
                    "VALUE_SIGNED": True,
                    "WINDOW_BITS": self.sum_bits,
                    "NEUTRAL": 0,
                    "PIXEL_ZERO": self.input.type.zero,
                    **average_constants(self.sum_bits, self.quotient_bits, self.layer),
                    "SHIFT": -1 if self.division else 0 if self.layer.total else count.bit_length() - 1,
                }
        return Hls(
            "window",
            f"{what} pool {self.name}, {rows}x{columns}, stride {self.layer.stride}.",
            constants,
            {
                "function": "window_average" if self.average else "window_max",
                "emit": [int(flag) for flag in self.emit_rows],
                "masks": list(self.masks),
                "extras": list(self.extras) or [0],
                "style": self.kept.style,
            },
        )


def plan_window(pool: QMaxPool | QAvgPool, source: Stream, divide_bits: int = 1) -> WindowPlan:
    """Plan a pool with any window; raises FpgaSqueezeError where a window lies outside the map."""
    (rows, columns), stride, top = pool.kernel, pool.stride, pool.pads[0]
    height, out = pool.input.shape.height, pool.output.shape
    emit, masks, extras = [False] * height, [0] * height, []
    for y in range(out.height):
        first, last = max(0, y * stride - top), min(y * stride - top + rows - 1, height - 1)
        if first > last:
            raise FpgaSqueezeError(f"{pool.name}: row {y} of its output has no row of the map in its window")
        if emit[last]:
            extras.append((1 << (last - first + 1)) - 1)
        else:
            emit[last], masks[last] = True, (1 << (last - first)) - 1
    value_bits, sum_bits, quotient = pool.input.bits, 0, 0
    match pool:
        case QAvgPool():
            check_average(pool)
            value_bits, sum_bits = sum_size(pool, columns), sum_size(pool, pool.count)
            quotient = quotient_size(pool, divide_bits)
        case QMaxPool():
            pass
    kept = (rows - 1) * out.width * value_bits
    return WindowPlan(
        name=pool.name,
        layer=pool,
        input=source,
        output=Stream(pool.name, pool.output, 1, POOL_DEPTH, (pool.name,)),
        emit_rows=tuple(emit),
        masks=tuple(masks),
        extras=tuple(extras),
        kept=kept_memory(f"{pool.name}_kept", out.channels, kept),
        value_bits=value_bits,
        sum_bits=sum_bits,
        quotient_bits=quotient,
        divide_bits=divide_bits,
    )
