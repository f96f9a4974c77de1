"""The max pool of which one window is open at a time (``fsq_max_pool``, ``fsq_max_pool_steps``)."""

from __future__ import annotations

from dataclasses import dataclass

from ...device.block_ram import Memory, kept_memory
from ...device.lut_ram import ceil_div, mux_luts
from ...network.integers import QMaxPool
from ..constants import Hls, Rtl, arriving, flags, queue
from ..latency import tree_levels
from ..streams import Between, OneToOne, Stream
from .control import queue_luts

POOL_DEPTH = 1
"""Words of the FIFO behind a pool, which sends one every other cycle at most."""
CONTROL = 20


@dataclass(frozen=True)
class PoolPlan(OneToOne):
    """Max pool kernel; per input row: is a window open above it, does it open one, does it complete one.

    units   output pixels per cycle; 0: a row word at once, every other cycle
    """

    name: str
    layer: QMaxPool
    input: Stream
    output: Stream
    have_rows: tuple[bool, ...]
    start_rows: tuple[bool, ...]
    emit_rows: tuple[bool, ...]
    extra: bool
    kept: Memory
    units: int = 0
    kind = "max_pool"

    @property
    def steps(self) -> int:
        """Cycles in which a word stays at the input."""
        return ceil_div(self.output.type.shape.width, self.units) if self.units else 1

    @property
    def stages(self) -> tuple[int, ...]:
        """Cycles of a word: its steps, reduction along the row and with the kept row; at once these are stages."""
        levels = tree_levels(self.layer.kernel[0])
        return (self.steps + max(1, levels),) if self.units else (1,) * (1 + levels)

    @property
    def turn(self) -> int:
        """Cycles from word to word."""
        return self.stages[0] + 1

    @property
    def memories(self) -> tuple[Memory, ...]:
        return (self.kept, *self.output.memories)

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""
        return self.turn * (self.input.words + (self.input.type.shape.channels if self.extra else 0))

    @property
    def between(self) -> Between:
        """A word's last cycle waits for room if the row completes a window."""
        return Between(self.steps - 1, self.stages, self.stages, self.emit_rows, int(self.extra))

    @property
    def luts(self) -> int:
        """KERNEL maxima per output pixel, each a comparison and a choice; what a step chooses from."""
        bits, stride = self.input.type.bits, self.layer.stride
        kernel = self.layer.kernel[0]
        at_once = self.units or self.output.type.shape.width
        chosen = (self.units * (stride + 1) * mux_luts(self.steps) + kernel - stride) * bits
        control = CONTROL + self.steps + queue_luts(self.output.depth)
        return at_once * (2 * kernel * bits + 4) + chosen + control

    @property
    def rtl(self) -> Rtl:
        source, out = self.input.type, self.output.type
        style, width = self.kept.style_number, self.kept.column_bits
        return Rtl(
            "fsq_max_pool_steps" if self.units else "fsq_max_pool",
            {
                "CHANNELS": source.shape.channels,
                "HEIGHT": source.shape.height,
                "WIDTH": source.shape.width,
                "OUT_WIDTH": out.shape.width,
                "BITS": source.bits,
                "SIGNED": int(source.signed),
                "IN_ROWS": self.input.rows,
                "KERNEL": self.layer.kernel[0],
                "STRIDE": self.layer.stride,
                "PAD_LEFT": self.layer.pads[1],
                "HAVE_ROWS": flags(self.have_rows),
                "START_ROWS": flags(self.start_rows),
                "EMIT_ROWS": flags(self.emit_rows),
                "EXTRA": int(self.extra),
                "STYLE": style,
                "TILE_W": width,
                **({"UNITS": self.units, "STEPS": self.steps} if self.units else {}),
                **queue(self.output),
            },
        )

    @property
    def hls(self) -> Hls:
        rows, columns = self.layer.kernel
        return Hls(
            "max_pool",
            f"Max pool {self.name}, {rows}x{columns}, stride {self.layer.stride}.",
            {
                **arriving(self.input),
                "OUT_WIDTH": self.output.type.shape.width,
                "KERNEL": columns,
                "STRIDE": self.layer.stride,
                "PAD_LEFT": self.layer.pads[1],
                "LOWEST": self.input.type.range[0],
                "EXTRA": self.extra,
            },
            {
                "have": [int(flag) for flag in self.have_rows],
                "start": [int(flag) for flag in self.start_rows],
                "emit": [int(flag) for flag in self.emit_rows],
                "style": self.kept.style,
            },
        )


def one_window_open(pool: QMaxPool) -> bool:
    """Whether one window is open at a time: for square kernels of the stride or one more."""
    return pool.kernel[0] == pool.kernel[1] and pool.kernel[0] in (pool.stride, pool.stride + 1)


def pool_rows(pool: QMaxPool) -> tuple[list[bool], list[bool], list[bool], bool]:
    """Per input row (have, start, emit) and whether one more output row follows the last input row."""
    k, s, top = pool.kernel[0], pool.stride, pool.pads[0]
    height, out = pool.input.shape.height, pool.output.shape.height
    windows = [(max(0, y * s - top), min(y * s - top + k - 1, height - 1)) for y in range(out)]
    have, start, emit = [False] * height, [False] * height, [False] * height
    extra = False
    for first, last in windows:
        start[first] = True
        for row in range(first + 1, last + 1):
            have[row] = True
        extra = extra or emit[last]
        emit[last] = True
    return have, start, emit, extra


def plan_pool(pool: QMaxPool, source: Stream, units: int = 0) -> PoolPlan:
    """Plan a max pool kernel of ``units`` output pixels per cycle; 0: a row at once."""
    have, start, emit, extra = pool_rows(pool)
    shape = pool.output.shape
    return PoolPlan(
        name=pool.name,
        layer=pool,
        input=source,
        output=Stream(pool.name, pool.output, 1, POOL_DEPTH, (pool.name,)),
        have_rows=tuple(have),
        start_rows=tuple(start),
        emit_rows=tuple(emit),
        extra=extra,
        kept=kept_memory(f"{pool.name}_kept", shape.channels, shape.width * pool.output.bits),
        units=units,
    )
