"""LUTs of the shell around the kernels (``fsq_system``), as Yosys 0.70 maps it (``synth_xilinx -family xc7``), and of
what the vendor puts between it and a processing system."""

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
DMA_LUTS = {64: 425, 128: 495}
"""Logic of ``fsq_dma`` by bits of a beat, for frames of 150,528 bytes, 1,000 logits and addresses of 40 bits; small
ones take 50 less."""

CONTROL_LUTS = 440
"""SmartConnect from a processor's master to the registers, AXI4 of 32 bits with IDs of 16 to AXI4-Lite: Vivado 2024.2's
utilization_synth.rpt of design_1_axi_smc_0 in github.com/pha1aris/EncDecoder (10e53afa, XCZU15EG)."""
WRITE_ONLY_LUTS = 970
"""SmartConnect from a master of 64 bits that only writes, with IDs of 4, to the AXI3 port of a Zynq-7000's memory: that
report of Vivado 2019.1 in github.com/alex123go/RedPitaya_Acquisition (2321cc8e, XC7Z010). To an UltraScale+
less: 963 for reads and writes, 32 to 128 bits (github.com/Risamp/ELEN90096-Group-2, a1e680ad, K26, Vivado 2023.1)."""
RESET_LUTS = 19
"""Processor System Reset, in all of these."""
INTERCONNECT_LUTS = CONTROL_LUTS + 2 * WRITE_ONLY_LUTS + RESET_LUTS
"""Beside a shell of ours, on a Zynq-7000. Reads are counted as much as writes: a reserve, as no report is of just this.
All are from before placement, which leaves fewer. None of these cells has a block RAM."""


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
