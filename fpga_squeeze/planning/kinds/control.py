"""Logic LUTs that several kinds have, measured with Yosys 0.70 (``synth_xilinx -family xc7``)."""

from ...network.fixed_point import index_bits

FIFO = 10


def queue_luts(depth: int) -> int:
    """Pointers and counters of a FIFO; of a register where it holds one word."""
    return FIFO if depth > 1 else 2


def slot(bits: int) -> int:
    """Bits of an entry of a table in the RTL (``fsq_table``): a power of two, so that no place is multiplied."""
    return 1 << (bits - 1).bit_length()


def table_luts(entries: int, bits: int) -> int:
    """A table in LUTs: 64 entries in a LUT6, up to four of them behind free multiplexers (UG474, "LUT")."""
    quarters = -(-entries // 64)
    return bits * (quarters + (index_bits(quarters) - 2 if quarters > 4 else 0))
