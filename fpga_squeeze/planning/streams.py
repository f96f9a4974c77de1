"""What lies between two kernels: streams of row words, and how a kernel that keeps no rows passes words on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..device.block_ram import Memory
from ..network.integers import TensorType

BEAT_BYTES = 8
"""Of a beat of the AXI4-Stream that frames come in by."""


def frame_beats(pixels: int) -> int:
    """Beats of a frame of so many raw pixels, a byte each; the last beat is filled up."""
    return -(-pixels // BEAT_BYTES)


@dataclass(frozen=True)
class Stream:
    """Row words between two kernels: all pixels of one row of one channel.

    Words come in groups of ``rows`` rows (the last group of a frame may have fewer): all channels of a group in order,
    and for each channel its rows.  ``depth`` is the depth, in words, of the FIFO at the kernel that sends them; 0:
    there is none. ``tensors`` are the names of golden's tensors that it carries, by channels, from channel
    ``first`` on.
    """

    name: str
    type: TensorType
    rows: int
    depth: int
    tensors: tuple[str, ...]
    first: int = 0

    @property
    def word_bits(self) -> int:
        return self.type.shape.width * self.type.bits

    @property
    def words(self) -> int:
        """Words per frame."""
        return self.type.shape.channels * self.type.shape.height

    @property
    def groups(self) -> int:
        """Row groups per frame."""
        return -(-self.type.shape.height // self.rows)

    @property
    def memories(self) -> tuple[Memory, ...]:
        """The FIFO, if there is one."""
        if not self.depth:
            return ()
        return (Memory(f"{self.name}_fifo", "fifo", self.depth, self.word_bits, self.depth * self.word_bits),)

    def order(self) -> Iterator[tuple[int, int]]:
        """(channel, row) of every word of a frame, in order."""
        shape = self.type.shape
        for first in range(0, shape.height, self.rows):
            for channel in range(shape.channels):
                for row in range(first, min(first + self.rows, shape.height)):
                    yield channel, row


@dataclass(frozen=True)
class Between:
    """How a kernel takes words and sends some on, in cycles: a row of stages, each of which holds a word.

    A word goes to the next stage after its cycles in one, or when that is empty; the last one sends it where there is
    room. A stage takes a word in the cycle after the one before it has gone.

    hold       from taking a word until its place in the FIFO is free
    sends      of a word for which a row is sent, in each stage
    ends       of another word, which may leave before the last stage
    emits      per input row: does it send a row
    extras     further rows that follow the last input row of a frame
    """

    hold: int
    sends: tuple[int, ...]
    ends: tuple[int, ...]
    emits: tuple[bool, ...]
    extras: int


class Kernel(Protocol):
    """What every kernel of a plan tells of itself."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """Its kind in one word."""

    @property
    def inputs(self) -> tuple[Stream, ...]: ...

    @property
    def outputs(self) -> tuple[Stream, ...]: ...

    @property
    def memories(self) -> tuple[Memory, ...]: ...

    @property
    def dsp(self) -> int:
        """DSP slices."""

    @property
    def work_cycles(self) -> int:
        """Cycles per frame when neither side waits."""

    @property
    def luts(self) -> int:
        """Logic LUTs, estimated."""


class Sender:
    """A kernel without lanes that sends one stream and keeps nothing but its FIFO."""

    output: Stream
    dsp = 0

    @property
    def outputs(self) -> tuple[Stream, ...]:
        return (self.output,)

    @property
    def memories(self) -> tuple[Memory, ...]:
        return self.output.memories


class OneToOne(Sender):
    """A kernel without lanes that reads one stream and sends one."""

    input: Stream

    @property
    def inputs(self) -> tuple[Stream, ...]:
        return (self.input,)
