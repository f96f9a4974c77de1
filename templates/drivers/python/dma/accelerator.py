"""Driver of ``fsq_system`` for PYNQ: images in, logits out. Not yet run on a board.

    from accelerator import Accelerator

    with Accelerator("design.bit") as accelerator:
        logits = accelerator.predict(images)  # uint8 [N, H, W, C] -> integers [N, classes]
        print(logits.argmax(axis=1), accelerator.values(logits))

Written for PYNQ 3.0.1 to 4.0, of which it takes Overlay, MMIO and allocate. Polls; needs no interrupt.
"""

from __future__ import annotations

import time
from typing import Any

import fsq_network as network
import numpy as np
import pynq
from fsq_common import AcceleratorError, AcceleratorTimeout, as_frames, as_logits, find_ip, values

__all__ = ["Accelerator", "AcceleratorError", "AcceleratorTimeout"]

TYPES = ("fpga_squeeze:", ":fsq_system:", ":fsq_ip:")
"""In the type of the accelerator: packaged as IP, and as a module in a block design."""
PATIENCE = 1.0
"""Seconds in which a soft reset must come to its end."""


class Accelerator:
    """An accelerator on a board.

    bitfile   the bitstream; its .hwh beside it
    batch     frames of a job, for which memory is allocated
    timeout   seconds for a job
    ip        name of the accelerator in the block design; None: there is only one
    download  False: the bitstream is there already

    Raises AcceleratorError where the registers tell of another design than the driver's.
    """

    def __init__(
        self,
        bitfile: str,
        *,
        batch: int = 16,
        timeout: float = 10.0,
        ip: str | None = None,
        download: bool = True,
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch is {batch}; give 1 or more")
        self.timeout = timeout
        self.overlay = pynq.Overlay(bitfile, download=download)
        entry = self.overlay.ip_dict[find_ip(self.overlay.ip_dict, ip, "ip", "accelerators", TYPES)]
        self._mmio = pynq.MMIO(entry["phys_addr"], entry["addr_range"])
        self.check()
        if not self.reset():
            raise AcceleratorError(
                "a job of before does not end: its memory does not answer; load the bitstream again"
            )
        self._pixels, self._words = self.allocate(batch)

    # ---- images and logits

    def predict(self, images: Any, timeout: float | None = None) -> np.ndarray:
        """Logits, int32 (uint32 where unsigned) [N, classes], of uint8 images [N, H, W, C] or one of [H, W, C].

        ``timeout`` in seconds holds for each batch. Raises TypeError, ValueError, AcceleratorError, AcceleratorTimeout.
        """
        images = as_frames(images)
        batch = len(self._pixels)
        out = []
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            flat = part.reshape(len(part), -1)
            self._pixels[: len(part), : flat.shape[1]] = flat
            self.run(self._pixels, self._words, len(part), timeout)
            out.append(as_logits(np.asarray(self._words[: len(part)])))
        return np.concatenate(out) if out else as_logits(np.empty((0, network.CLASSES), np.uint32))

    values = staticmethod(values)

    def throughput_test(self, repeats: int = 10) -> dict[str, float]:
        """Runs ``repeats`` jobs of a batch of random pixels; what they took, by the clock on the wall and in cycles."""
        batch = len(self._pixels)
        self._pixels[:] = np.random.default_rng(0).integers(0, 256, self._pixels.shape, dtype=np.uint8)
        cycles = 0
        began = time.perf_counter()
        for _ in range(repeats):
            self.run(self._pixels, self._words, batch)
            cycles += self._read("job_cycles")
        seconds = time.perf_counter() - began
        self._pixels[:] = 0
        return {
            "frames": repeats * batch,
            "seconds": seconds,
            "frames_per_second": repeats * batch / seconds,
            "cycles_per_frame": cycles / (repeats * batch),
            "last_frame_cycles": self._read("frame_cycles"),
            "planned_cycles_per_frame": network.CYCLES_PER_FRAME,
            "planned_frames_per_second": network.CLOCK_MHZ * 1e6 / network.CYCLES_PER_FRAME,
        }

    # ---- memory that is the caller's

    def allocate(self, frames: int) -> tuple[Any, Any]:
        """Buffers for :meth:`run`: pixels uint8 [frames, frame bytes], all 0, and words uint32 [frames, words]."""
        pixels = pynq.allocate(shape=(frames, network.FRAME_BYTES), dtype=np.uint8)
        pixels[:] = 0
        return pixels, pynq.allocate(shape=(frames, network.RESULT_BYTES // 4), dtype=np.uint32)

    def run(self, source: Any, target: Any, frames: int, timeout: float | None = None) -> None:
        """One job from pynq's buffer ``source`` to ``target``, without a copy; ``timeout`` in seconds.

        Raises AcceleratorError for buffers that cannot be and for a job that failed, AcceleratorTimeout; then all is
        emptied, and the next job is right.
        """
        places = (
            ("source", source, network.FRAME_BYTES),
            ("target", target, network.RESULT_BYTES),
        )
        for name, buffer, size in places:
            self._check_buffer(name, buffer, frames * size)
        source.flush()
        target.flush()  # nothing of it may be written back over the logits
        self._write("error", sum(self._mask(f"error.{name}") for name in network.ERRORS))
        self._write("irq_status", self._mask("irq_status.done") | self._mask("irq_status.error"))
        for name, buffer, _ in places:
            address = int(buffer.device_address)
            self._write(name, address & 0xFFFFFFFF)
            self._write(f"{name}_high", address >> 32)
        self._write("frames", frames)
        self._write("control", self._mask("control.start"))
        self._wait(frames, self.timeout if timeout is None else timeout)
        target.invalidate()

    def _check_buffer(self, name: str, buffer: Any, size: int) -> None:
        address = getattr(buffer, "device_address", None)
        if address is None:
            raise AcceleratorError(f"{name} is no buffer of pynq; make it with allocate()")
        if address % 8:
            raise AcceleratorError(
                f"{name} lies at {address:#x}, no multiple of 8; give a buffer of allocate()"
            )
        if not buffer.flags.c_contiguous or buffer.nbytes < size:
            raise AcceleratorError(f"{name} is not {size} bytes in one piece; give a buffer of allocate()")
        if address + size > 1 << network.ADDRESS_BITS:
            raise AcceleratorError(
                f"{name} lies at {address:#x}, beyond the {network.ADDRESS_BITS} bits of an address of the accelerator"
            )

    def _wait(self, frames: int, timeout: float) -> None:
        """Wait for a job's end; irq_status tells it, as status may still be that of the job before."""
        deadline = time.monotonic() + timeout
        while not self._read("irq_status") or self._read("status") & self._mask("status.busy"):
            if time.monotonic() > deadline:
                done = self._read("frames_done")
                stopped = self.reset()
                raise AcceleratorTimeout(
                    f"{done} of {frames} frames were done after {timeout} s; "
                    + (
                        "the job was ended: give it more time, or fewer frames"
                        if stopped
                        else "the job does not end, its memory does not answer: load the bitstream again"
                    )
                )
        errors = self._read("error")
        if errors or not self._read("status") & self._mask("status.done"):
            done = self._read("frames_done")
            why = [text for name, text in network.ERRORS.items() if errors & self._mask(f"error.{name}")]
            raise AcceleratorError(
                f"{done} of {frames} frames were done: {'; '.join(why) or 'no reason is told'}"
            )

    # ---- registers

    def check(self) -> None:
        """Raises AcceleratorError where the registers are not those of the driver's design."""
        found = self._read("id")
        if found != network.ID:
            raise AcceleratorError(
                f"register id reads {found:#010x} instead of {network.ID:#010x}: no accelerator of fpga-squeeze is at "
                "this address; check the block design's address map and the name of the ip"
            )
        found = self._read("version")
        if found >> 16 != network.VERSION >> 16:
            raise AcceleratorError(
                f"register version reads {found >> 16}.{found & 0xFFFF}, the driver is for {network.VERSION >> 16}: "
                "take driver and bitstream from one project"
            )
        wanted = {
            "network": network.NETWORK_HASH,
            "classes": network.CLASSES,
            "result_bytes": network.RESULT_BYTES,
            "frame_bytes": network.FRAME_BYTES,
            "config": network.CONFIG,
        }
        for name, value in wanted.items():
            found = self._read(name)
            if found != value:
                raise AcceleratorError(
                    f"register {name} reads {found:#x} instead of {value:#x}: the bitstream holds another network than "
                    f"{network.NETWORK}, or another shell; take driver and bitstream from one project"
                )

    def reset(self) -> bool:
        """Ends what runs and empties every kernel; whether that came to its end."""
        self._write("control", self._mask("control.reset"))
        self._read("status")  # this answer may be older than the reset
        deadline = time.monotonic() + PATIENCE
        while self._read("status") & self._mask("status.busy"):
            if time.monotonic() > deadline:
                return False
        return True

    @staticmethod
    def _mask(field: str) -> int:
        return network.MASKS[field]

    def _read(self, name: str) -> int:
        return int(self._mmio.read(network.OFFSETS[name]))

    def _write(self, name: str, value: int) -> None:
        self._mmio.write(network.OFFSETS[name], int(value))

    # ---- end

    def close(self) -> None:
        """Ends what runs and gives the memory back."""
        self.reset()
        self._pixels.freebuffer()
        self._words.freebuffer()

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
