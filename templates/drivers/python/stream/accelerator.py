"""Driver of ``fsq_top`` behind an AXI DMA for PYNQ: images in, logits out. Not yet run on a board.

    from accelerator import Accelerator

    with Accelerator("design.bit") as accelerator:
        logits = accelerator.predict(images)  # uint8 [N, H, W, C] -> integers [N, classes]
        print(logits.argmax(axis=1), accelerator.values(logits))

The block design: an AXI DMA without scatter-gather, its read channel (64 bits) to ``s_axis``, its write channel (32
bits) from ``m_axis``, a buffer length register of enough bits for a frame. Written for PYNQ 3.0.1 to 4.0. The network's
name cannot be checked: the streams tell only how many logits a frame has.
"""

from __future__ import annotations

import time
from typing import Any

import fsq_network as network
import numpy as np
import pynq
import pynq.lib.dma  # binds pynq's driver to the AXI DMAs of overlays
from fsq_common import AcceleratorError, AcceleratorTimeout, as_frames, as_logits, find_ip, values

__all__ = ["Accelerator", "AcceleratorError", "AcceleratorTimeout"]


def _whole(size: int) -> int:
    """Bytes from frame to frame in memory: whole words of any bus."""
    return -(-size // 64) * 64


class Accelerator:
    """An accelerator on a board.

    bitfile   the bitstream; its .hwh beside it
    batch     frames for which memory is allocated
    timeout   seconds for a batch
    dma       name of the AXI DMA in the block design; None: there is only one
    download  False: the bitstream is there already
    """

    def __init__(
        self,
        bitfile: str,
        *,
        batch: int = 16,
        timeout: float = 10.0,
        dma: str | None = None,
        download: bool = True,
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch is {batch}; give 1 or more")
        self.timeout = timeout
        self.overlay = pynq.Overlay(bitfile, download=download)
        name = find_ip(self.overlay.ip_dict, dma, "dma", "AXI DMAs", (":axi_dma:",))
        self._dma = getattr(self.overlay, name)
        self._pixels = pynq.allocate(shape=(batch, _whole(network.FRAME_BYTES)), dtype=np.uint8)
        self._pixels[:] = 0
        self._words = pynq.allocate(shape=(batch, _whole(4 * network.CLASSES) // 4), dtype=np.uint32)
        self._usable = True

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
            self._run(len(part), self.timeout if timeout is None else timeout)
            out.append(as_logits(np.asarray(self._words[: len(part)])))
        return np.concatenate(out) if out else as_logits(np.empty((0, network.CLASSES), np.uint32))

    values = staticmethod(values)

    def throughput_test(self, repeats: int = 10) -> dict[str, float]:
        """Runs ``repeats`` batches of random pixels; what they took by the clock on the wall."""
        batch = len(self._pixels)
        self._pixels[:, : network.FRAME_BYTES] = np.random.default_rng(0).integers(
            0, 256, (batch, network.FRAME_BYTES), dtype=np.uint8
        )
        began = time.perf_counter()
        for _ in range(repeats):
            self._run(batch, self.timeout)
        seconds = time.perf_counter() - began
        self._pixels[:] = 0
        return {
            "frames": repeats * batch,
            "seconds": seconds,
            "frames_per_second": repeats * batch / seconds,
            "planned_cycles_per_frame": network.CYCLES_PER_FRAME,
            "planned_frames_per_second": network.CLOCK_MHZ * 1e6 / network.CYCLES_PER_FRAME,
        }

    # ---- transfers

    def _run(self, frames: int, timeout: float) -> None:
        """A transfer per frame and direction, as TLAST stands behind each; a frame goes in while one comes out."""
        if not self._usable:
            raise AcceleratorError("an earlier batch was not finished, parts of it are left; call reset()")
        try:
            self._transfer(frames, time.monotonic() + timeout, timeout)
        except BaseException:
            self._usable = False
            raise

    def _transfer(self, frames: int, deadline: float, timeout: float) -> None:
        send, receive = self._dma.sendchannel, self._dma.recvchannel
        sent = received = 0
        sending = receiving = False
        while received < frames:
            if not receiving:
                receive.transfer(self._words[received, : network.CLASSES])
                receiving = True
            if not sending and sent < frames:
                send.transfer(self._pixels[sent, : network.FRAME_BYTES])
                sending = True
            in_idle, out_idle = sending and send.idle, receiving and receive.idle
            if (
                send.error or receive.error
            ):  # asked for last: a channel with an error may tell that it is idle
                what = f"sent frame {sent}" if send.error else f"received frame {received}"
                raise AcceleratorError(
                    f"the AXI DMA stopped with an error while it {what}: its buffer length register is not wide "
                    f"enough, or the bitstream holds another network than {network.NETWORK}"
                )
            if in_idle:
                send.wait()
                sent, sending = sent + 1, False
            if out_idle:
                receive.wait()  # invalidates the caches
                if receive.transferred != 4 * network.CLASSES:
                    raise AcceleratorError(
                        f"frame {received} has {receive.transferred} bytes of logits instead of {4 * network.CLASSES}: "
                        f"the bitstream holds another network than {network.NETWORK}"
                    )
                received, receiving = received + 1, False
            elif time.monotonic() > deadline:
                raise AcceleratorTimeout(
                    f"{received} of {frames} frames were done after {timeout} s; call reset(), and give more time"
                )

    def reset(self) -> None:
        """Loads the bitstream again: the streams know no other way to empty the kernels."""
        self.overlay.download()
        for channel in (self._dma.sendchannel, self._dma.recvchannel):
            channel.start()
        self._usable = True

    # ---- end

    def close(self) -> None:
        """Gives the memory back; loads the bitstream again where a transfer may still write there."""
        if not self._usable:
            self.reset()
        self._pixels.freebuffer()
        self._words.freebuffer()

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
