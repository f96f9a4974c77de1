"""What the shell must do, as cocotb runs it around ``tests/rtl/fsq_top.sv``; ``test_shell.py`` starts it.

The hardest cases: frames and addresses that are no whole beats; bursts up to a 4 KB boundary; TLAST too early and too
late, of pixels and of logits; an answer of SLVERR at any beat; a reset at any time; both sides waiting at random.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from fpga_squeeze.emit.registers import ERRORS, ID, REGISTERS, VERSION, name_hash, register

DONE, ERROR = 1, 2
"""Bits of irq_status."""
START, RESET = 1, 2
"""Bits of control."""
BUSY, EMPTYING = 1, 8
"""Bits of status."""
SIZE = 1 << 20
FILL = 0xA5
NAME = "shell test"


def error_bit(name: str) -> int:
    return next(field.mask for field in ERRORS if field.name == name)


class Shell:
    """The design with a processor and a memory; everything that is drawn comes from ``rng``."""

    def __init__(self, dut: Any, seed: int) -> None:
        self.dut, self.rng = dut, random.Random(seed)
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        Clock(dut.clk, 10, "ns").start()
        self.master = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst_n, reset_active_level=False
        )
        self.ram = AxiRam(
            AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst_n, reset_active_level=False, size=SIZE
        )
        self.bursts: list[tuple[str, int, int]] = []
        self.failing: set[int] = set()
        """Addresses of which an access is answered with SLVERR."""
        for port, name in ((self.ram.read_if, "_read"), (self.ram.write_if, "_write")):
            setattr(port, name, self._failing(getattr(port, name)))
        cocotb.start_soon(self._watch("ar"))
        cocotb.start_soon(self._watch("aw"))

    def _failing(self, access: Any) -> Any:
        async def checked(address: int, what: Any) -> Any:
            length = what if isinstance(what, int) else len(what)
            if any(address <= bad < address + length for bad in self.failing):
                raise OSError("as the test wants it")
            return await access(address, what)

        return checked

    async def _watch(self, channel: str) -> None:
        """Every burst lies within 4 KB and has no more beats than the register says."""
        dut, bus = self.dut, len(self.dut.m_axi_rdata) // 8
        valid, ready, address, length = (
            getattr(dut, f"m_axi_{channel}{end}") for end in ("valid", "ready", "addr", "len")
        )
        while True:
            await RisingEdge(dut.clk)
            if valid.value == 1 and ready.value == 1:
                first, beats = int(address.value), int(length.value) + 1
                assert beats <= 16 and first % bus == 0
                assert first // 4096 == (first + beats * bus - 1) // 4096, f"burst {first:x} of {beats} beats"
                self.bursts.append((channel, first, beats))

    async def start(self, slow: bool = False) -> Shell:
        dut = self.dut
        dut.u_top.fault.value, dut.u_top.slow.value = 0, int(slow)
        await self.hard_reset()
        self.frame = await self.read("frame_bytes")
        self.result = await self.read("result_bytes")
        self.classes = await self.read("classes")
        return self

    async def hard_reset(self) -> None:
        self.dut.rst_n.value = 0
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst_n.value = 1
        await ClockCycles(self.dut.clk, 4)

    def wait_at_random(self, most: int = 7) -> None:
        """Every channel on both ports stops for a few cycles now and then."""

        def pauses(rng: random.Random) -> Iterator[bool]:
            while True:
                yield from itertools.repeat(True, rng.randrange(most))
                yield from itertools.repeat(False, rng.randrange(1, most))

        ports = (self.ram.read_if, self.ram.write_if, self.master.read_if, self.master.write_if)
        for port in ports:
            for name in ("ar", "r", "aw", "w", "b"):
                if channel := getattr(port, f"{name}_channel", None):
                    channel.set_pause_generator(pauses(random.Random(self.rng.random())))

    # ---- registers

    async def read(self, name: str) -> int:
        return int(await self.master.read_dword(register(name).offset))

    async def write(self, name: str, value: int) -> None:
        await self.master.write_dword(register(name).offset, value)

    # ---- jobs

    def pixels(self, address: int, frames: int, size: int | None = None) -> list[list[int]]:
        """Random frames in memory, and the logits that become of them."""
        out = []
        for number in range(frames):
            frame = self.rng.randbytes(self.frame)
            self.ram.write(address + number * (size or self.frame), frame)
            words = [int.from_bytes(frame[i : i + 8], "little") for i in range(0, self.frame, 8)]
            total = sum((w & 0xFFFFFFFF) + ((w >> 31) & 0xFFFFFFFE) + (w >> 63) for w in words)
            out.append([total * (i + 1) & 0xFFFFFFFF for i in range(self.classes)])
        return out

    async def ask(self, source: int, target: int, frames: int) -> None:
        await self.write("source", source)
        await self.write("target", target)
        await self.write("frames", frames)
        await self.write("control", START)

    async def settled(self) -> int:
        """``status`` when nothing runs any more."""
        for _ in range(2000):
            status = await self.read("status")
            if not status & BUSY:
                return status
            await ClockCycles(self.dut.clk, 20)
        raise AssertionError("busy for ever")

    async def job(self, source: int, target: int, frames: int) -> None:
        """A job that must come out right, and touch nothing else."""
        expected = self.pixels(source, frames)
        room = frames * self.result
        self.ram.write(target - 64, bytes([FILL]) * (room + 128))
        self.bursts.clear()
        await self.ask(source, target, frames)
        assert await self.settled() & 3 == 2, "not done"
        assert await self.read("frames_done") == frames
        assert self.ram.read(target - 64, 64) == bytes([FILL]) * 64
        assert self.ram.read(target + room, 64) == bytes([FILL]) * 64
        for number, logits in enumerate(expected):
            at = target + number * self.result
            assert self.ram.read_dwords(at, self.classes) == logits, f"frame {number} of {frames}"
            rest = self.result - 4 * self.classes
            assert self.ram.read(at + 4 * self.classes, rest) == bytes([FILL]) * rest
        await self.write("irq_status", DONE)

    async def failed(self, *errors: str) -> None:
        """A job has ended with these errors and no others; they are cleared, and the next job is right."""
        wanted = sum(map(error_bit, errors))
        assert await self.settled() & 0xF == 4, "done, or without an error"
        assert await self.read("error") == wanted
        assert await self.read("irq_status") == ERROR
        await self.write("error", wanted)
        await self.write("irq_status", ERROR)
        assert await self.read("error") == 0 == await self.read("irq_status")
        self.failing.clear()
        self.dut.u_top.fault.value = 0
        await self.write("frame_bytes", self.frame)
        await self.job(0x1008, 0x8010, 2)

    def somewhere(self) -> int:
        """An address for a frame or its logits, often close to where a burst, or 4 KB, ends."""
        edge = self.rng.choice((128, 256, 4096)) * self.rng.randrange(1, 8)
        return max(64, edge - 8 * self.rng.randrange(24))


@cocotb.test()
async def registers_hold_what_they_say(dut: Any) -> None:
    shell = await Shell(dut, 1).start()
    assert await shell.read("id") == ID and (await shell.master.read(0, 4)).data == b"FSQS"
    assert await shell.read("version") == VERSION
    assert await shell.read("network") == name_hash(NAME)
    config = await shell.read("config")
    assert config & 0xFF == len(dut.m_axi_rdata) // 8
    assert (config >> 8) & 0xFF == len(dut.m_axi_araddr) and config >> 16 == 16
    assert shell.frame == int(os.environ["FSQ_FRAME_BYTES"]) and shell.classes == int(
        os.environ["FSQ_CLASSES"]
    )
    kept = {
        "irq_enable": 3,
        "frames": 0xFFFFFFFF,
        "source": 0xFFFFFFFF,
        "target": 0xFFFFFFFF,
        "source_high": (1 << (len(dut.m_axi_araddr) - 32)) - 1,
        "target_high": (1 << (len(dut.m_axi_araddr) - 32)) - 1,
    }
    before = {one.name: await shell.read(one.name) for one in REGISTERS}
    for one in REGISTERS:
        if one.name not in ("control", "frame_bytes"):
            await shell.write(one.name, 0xFFFFFFFF)
            assert await shell.read(one.name) == kept.get(one.name, before[one.name]), one.name
    await shell.write("frame_bytes", 0xFFFFFFFF)
    assert await shell.read("frame_bytes") >= 2 * shell.frame - 8
    # a byte alone
    await shell.write("frames", 0x12345678)
    await shell.master.write(register("frames").offset + 1, b"\xab")
    assert await shell.read("frames") == 0x1234AB78
    # beyond the last register
    await shell.master.write_dword(0x7C, 1)
    assert await shell.master.read_dword(0x7C) == 0
    assert await shell.read("status") == 0


@cocotb.test()
async def frames_anywhere(dut: Any) -> None:
    shell = await Shell(dut, 2).start()
    cycles = []
    for _ in range(6):
        frames = shell.rng.randrange(1, 5)
        await shell.job(shell.somewhere(), 0x10000 + shell.somewhere(), frames)
        cycles.append((frames, await shell.read("job_cycles"), await shell.read("frame_cycles")))
    for frames, job, last in cycles:
        assert frames * shell.frame // 8 < job < 3000 and shell.frame // 8 < last <= job
        assert (frames == 1) == (last == job)


@cocotb.test()
async def everybody_waits_at_random(dut: Any) -> None:
    shell = await Shell(dut, 3).start(slow=True)
    shell.wait_at_random()
    for _ in range(6):
        await shell.job(shell.somewhere(), 0x10000 + shell.somewhere(), shell.rng.randrange(1, 4))


@cocotb.test()
async def interrupts(dut: Any) -> None:
    shell = await Shell(dut, 4).start()
    await shell.job(0x1000, 0x8000, 1)
    assert dut.irq.value == 0  # not enabled
    await shell.write("irq_enable", DONE)
    shell.pixels(0x1000, 1)
    await shell.ask(0x1000, 0x8000, 1)
    await RisingEdge(dut.irq)
    assert await shell.read("irq_status") == DONE and await shell.read("status") == 2
    await shell.write("irq_status", ERROR)
    assert dut.irq.value == 1
    await shell.write("irq_status", DONE)
    await ClockCycles(dut.clk, 3)
    assert dut.irq.value == 0
    # no frames: at once
    await shell.ask(0x1000, 0x8000, 0)
    assert await shell.settled() == 2 and await shell.read("frames_done") == 0 and dut.irq.value == 1
    await shell.write("irq_enable", ERROR)
    await ClockCycles(dut.clk, 3)
    assert dut.irq.value == 0
    await shell.ask(0x1004, 0x8000, 1)
    await RisingEdge(dut.irq)
    await shell.write("irq_status", DONE)
    await shell.failed("address")


@cocotb.test()
async def addresses_that_cannot_be(dut: Any) -> None:
    shell = await Shell(dut, 5).start()
    top = 1 << len(dut.m_axi_araddr)
    for source, target in ((0x1001, 0x8000), (0x1004, 0x8000), (0x1000, 0x8002), (0x1000, 0x8004)):
        shell.bursts.clear()
        await shell.ask(source, target, 1)
        assert await shell.settled() & BUSY == 0
        assert not shell.bursts
        await shell.failed("address")
    for end in ("source", "target"):
        size = shell.frame if end == "source" else shell.result
        places = {"source": 0x1000, "target": 0x8000} | {end: top - size}
        for frames in (1, 2):
            await shell.write(f"{end}_high", places[end] >> 32)
            shell.pixels(places["source"] % SIZE, 1)
            await shell.ask(places["source"] & 0xFFFFFFFF, places["target"] & 0xFFFFFFFF, frames)
            if frames == 1:  # up to the last byte is right
                assert await shell.settled() == 2
                await shell.write("irq_status", DONE)
            else:
                await shell.settled()
                await shell.write(f"{end}_high", 0)
                await shell.failed("address")


@cocotb.test()
async def pixels_end_too_early_or_too_late(dut: Any) -> None:
    shell = await Shell(dut, 6).start()
    for size in (8, shell.frame - 8, shell.frame + 8, 2 * shell.frame - 8):
        await shell.write("frame_bytes", size)
        shell.pixels(0x1000, 3, size)
        await shell.ask(0x1000, 0x8000, 3)
        await shell.failed("length")


@cocotb.test()
async def logits_end_too_early_or_too_late(dut: Any) -> None:
    shell = await Shell(dut, 7).start()
    for fault in (1, 2):
        dut.u_top.fault.value = fault
        shell.pixels(0x1000, 2)
        await shell.ask(0x1000, 0x8000, 2)
        await shell.failed("length")


@cocotb.test()
async def memory_answers_with_errors(dut: Any) -> None:
    shell = await Shell(dut, 8).start(slow=True)
    shell.wait_at_random(4)
    for kind, first, size in (("read", 0x1000, shell.frame), ("write", 0x8000, shell.result)):
        for place in (
            0,
            shell.rng.randrange(3 * size),
            3 * size - (1 if kind == "read" else size - 4 * shell.classes + 1),
        ):
            shell.pixels(0x1000, 3)
            shell.failing = {first + place}
            await shell.ask(0x1000, 0x8000, 3)
            await shell.failed(kind)


@cocotb.test()
async def reset_at_any_time(dut: Any) -> None:
    shell = await Shell(dut, 9).start()
    whole = 3 * shell.frame // 8
    for number in range(10):
        if number == 5:
            shell.wait_at_random()
        shell.pixels(0x1000, 50)
        await shell.ask(0x1000, 0x8000, 50)
        await ClockCycles(dut.clk, shell.rng.randrange(whole))
        await shell.write("control", RESET)
        await shell.failed("reset")
    # with nothing to end it is no error
    await shell.write("control", RESET)
    assert await shell.settled() == 2 and await shell.read("error") == 0
    await shell.job(0x1000, 0x8000, 1)


@cocotb.test()
async def reset_of_everything(dut: Any) -> None:
    shell = await Shell(dut, 10).start()
    for _ in range(4):
        shell.pixels(0x1000, 50)
        await shell.ask(0x1000, 0x8000, 50)
        await ClockCycles(dut.clk, shell.rng.randrange(3 * shell.frame // 8))
        await shell.hard_reset()
        # asked for nothing, neither busy nor done
        assert (
            await shell.read("status") == 0 == await shell.read("frames") == await shell.read("frames_done")
        )
        await shell.job(0x1008, 0x8008, 2)


@cocotb.test()
async def started_twice(dut: Any) -> None:
    shell = await Shell(dut, 11).start()
    expected = shell.pixels(0x1000, 8)
    await shell.ask(0x1000, 0x8000, 8)
    await shell.write("control", START)
    assert await shell.read("status") & BUSY and await shell.read("error") == error_bit("overrun")
    assert await shell.settled() & 2 and await shell.read("frames_done") == 8
    for number, logits in enumerate(expected):
        assert shell.ram.read_dwords(0x8000 + number * shell.result, shell.classes) == logits
