"""LUTs of the shell around the kernels (``fsq_system``), as Yosys 0.70 maps it (``synth_xilinx -family xc7``)."""

from __future__ import annotations

from typing import Literal

from .lut_ram import dual_luts

ShellKind = Literal["stream", "dma", "dma128"]
"""What ``generate`` writes around the kernels: nothing; a DMA of 64 bits; of 128."""
BUS_BITS: dict[ShellKind, int] = {"dma": 64, "dma128": 128}
"""Bits of a beat of a shell of ours."""

READ_BYTES = 512
"""Bytes of the FIFO of pixels, all of which may be on their way: 64 beats of 8 bytes hide 60 cycles of memory."""
WRITE_DEPTH = 32
"""Beats of the FIFO of logits: a burst that leaves, and one that fills."""
REGISTER_LUTS = 290
"""Logic of ``fsq_registers``: the multiplexer of what is read, mostly."""
DMA_LUTS = {64: 410, 128: 495}
"""Logic of ``fsq_dma`` by bits of a beat, for frames of 150,528 bytes and 1,000 logits; small ones take 40 less."""


def memory_luts(bus_bits: int) -> int:
    """LUTs of the FIFOs of ``fsq_dma``: beats of pixels, and beats of logits with a bit for each of these."""
    return dual_luts(8 * READ_BYTES // bus_bits, bus_bits) + dual_luts(WRITE_DEPTH, bus_bits + bus_bits // 32)


def shell_parts(kind: ShellKind) -> dict[str, tuple[int, int]]:
    """LUTs of logic and of memory by module of a shell, without kernels; ``stream`` has none."""
    if kind == "stream":
        return {}
    bus = BUS_BITS[kind]
    return {"fsq_registers": (REGISTER_LUTS, 0), "fsq_dma": (DMA_LUTS[bus], memory_luts(bus))}


def shell_luts(kind: ShellKind) -> int:
    """All LUTs of a shell, without kernels."""
    return sum(map(sum, shell_parts(kind).values()))
