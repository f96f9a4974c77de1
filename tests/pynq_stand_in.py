"""What the drivers take of ``pynq``, on a simulated board (``driver_sim.cpp``), as strict as pynq is.

The processor sees memory of its own: what is not flushed never gets into the board's, what is not invalidated never
comes out of it. API as in PYNQ 3.0.1 (``pynq/buffer.py``, ``pynq/mmio.py``, ``pynq/overlay.py``, ``pynq/lib/dma.py``).
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


class Buffer(np.ndarray):
    """As pynq's PynqBuffer: slices know their own address."""

    device_address: int | None
    board: Board | None

    def __array_finalize__(self, whole: Any) -> None:
        self.device_address = self.board = None
        if isinstance(whole, Buffer) and whole.device_address is not None:
            offset = self.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
            self.device_address, self.board = whole.device_address + offset, whole.board

    def _both(self) -> tuple[np.ndarray, np.ndarray]:
        """The same bytes as the processor sees them, and as the board does."""
        assert self.board is not None and self.device_address is not None and self.flags.c_contiguous
        start = self.device_address - self.board.base
        return np.asarray(self).reshape(-1).view(np.uint8), self.board.memory[start : start + self.nbytes]

    def flush(self) -> None:
        mine, there = self._both()
        there[:] = mine

    def invalidate(self) -> None:
        mine, there = self._both()
        mine[:] = there

    def freebuffer(self) -> None:
        assert self.board is not None
        self.board.freed += 1


class MMIO:
    def __init__(self, board: Board, base_addr: int, length: int) -> None:
        assert (base_addr, length) == (Board.ADDRESS, Board.RANGE)
        self.board = board

    def read(self, offset: int = 0) -> int:
        if offset % 4 or not 0 <= offset < Board.RANGE:
            raise MemoryError(f"read at {offset}")
        return self.board.lies.get(offset, int(self.board.lib.sim_read(offset)))

    def write(self, offset: int, data: int) -> None:
        if type(data) is not int:
            raise ValueError("Data type must be int or bytes.")
        if offset % 4 or not 0 <= offset < Board.RANGE:
            raise MemoryError(f"write at {offset}")
        self.board.lib.sim_write(offset, int(np.uint32(data)))


class Channel:
    """A channel of pynq.lib.dma without scatter-gather."""

    def __init__(self, board: Board, receives: bool) -> None:
        self.board, self.receives = board, receives
        self.running, self.transferred = False, 0
        self.active: Buffer | None = None
        self.start()

    def start(self) -> None:
        self.running, self.first = True, True

    @property
    def idle(self) -> bool:
        return not self.first and bool(self.board.lib.sim_channel(int(self.receives)) & 1)

    @property
    def error(self) -> bool:
        return bool(self.board.lib.sim_channel(int(self.receives)) & 2)

    def transfer(self, array: Buffer) -> None:
        if not self.running:
            raise RuntimeError("DMA channel not started")
        if not self.first and not self.idle:
            raise RuntimeError("DMA channel not idle")
        if array.nbytes > Board.LONGEST:
            raise ValueError(
                f"Transfer size is {array.nbytes} bytes, which exceeds the maximum DMA buffer size"
            )
        assert array.device_address is not None
        if array.device_address % (4 if self.receives else 8):
            raise RuntimeError("DMA does not support unaligned transfers")
        if not self.receives:
            array.flush()
        self.board.transfers.append(array.nbytes)
        call = self.board.lib.sim_receive if self.receives else self.board.lib.sim_send
        call(array.device_address, array.nbytes)
        self.first, self.active = False, array

    def wait(self) -> None:
        if not self.running or self.error:  # which halts it
            raise RuntimeError("DMA channel not started")
        assert self.idle and self.active is not None, "would wait for ever"
        if self.receives:
            self.active.invalidate()
            self.transferred = self.board.lib.sim_received()


class Dma:
    def __init__(self, board: Board) -> None:
        self.sendchannel, self.recvchannel = Channel(board, False), Channel(board, True)


class Overlay:
    def __init__(self, board: Board, bitfile: str, download: bool = True) -> None:
        if not Path(bitfile).is_file():
            raise OSError(f"Bitstream file {bitfile} does not exist.")
        self.board, self.ip_dict = board, dict(board.ips)
        if download:
            self.download()
        self.dma = Dma(board)

    def download(self) -> None:
        self.board.lib.sim_load()
        self.board.downloads += 1


class Board:
    """A simulated board, and the module that drivers import as ``pynq``."""

    ADDRESS, RANGE, LONGEST = 0xA000_0000, 0x1000, 1 << 14

    def __init__(self, library: Path) -> None:
        self.lib = ctypes.CDLL(str(library))
        self.lib.sim_base.restype = self.lib.sim_memory.restype = ctypes.c_uint64
        self.lib.sim_read.restype = self.lib.sim_size.restype = self.lib.sim_received.restype = (
            ctypes.c_uint32
        )
        self.lib.sim_send.argtypes = self.lib.sim_receive.argtypes = [ctypes.c_uint64, ctypes.c_uint32]
        self.base: int = self.lib.sim_base()
        size = self.lib.sim_size()
        self.memory = np.ctypeslib.as_array(
            ctypes.cast(self.lib.sim_memory(), ctypes.POINTER(ctypes.c_uint8)), (size,)
        )
        self.lies: dict[int, int] = {}
        """What registers read that tell something else than they should."""
        entry = {"phys_addr": self.ADDRESS, "addr_range": self.RANGE}
        self.ips = {
            "fsq": entry | {"type": "fpga_squeeze:accelerators:random:1.0"},
            "dma": entry | {"type": "xilinx.com:ip:axi_dma:7.1"},
        }
        self.next = self.freed = self.downloads = 0
        self.transfers: list[int] = []

    def allocate(self, shape: Any, dtype: Any = "u4") -> Buffer:
        """Pages behind each other, of which the processor sees what was there before."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        buffer: Buffer = np.full(size, 0xEE, np.uint8).view(dtype).reshape(shape).view(Buffer)
        buffer.device_address, buffer.board = self.base + self.next, self
        self.next += -(-size // 4096) * 4096
        assert self.next <= len(self.memory), "the stand-in's memory is full"
        return buffer

    def modules(self) -> dict[str, ModuleType]:
        pynq, lib, dma = ModuleType("pynq"), ModuleType("pynq.lib"), ModuleType("pynq.lib.dma")
        members = {
            "lib": lib,
            "allocate": self.allocate,
            "Overlay": lambda bitfile, download=True: Overlay(self, bitfile, download),
            "MMIO": lambda base_addr, length: MMIO(self, base_addr, length),
        }
        vars(pynq).update(members)
        vars(lib)["dma"] = dma
        return {"pynq": pynq, "pynq.lib": lib, "pynq.lib.dma": dma}
