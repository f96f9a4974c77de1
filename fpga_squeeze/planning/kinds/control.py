"""Logic LUTs of control that several kinds have, measured with Yosys 0.70 (``synth_xilinx -family xc7``)."""

FIFO = 10


def queue_luts(depth: int) -> int:
    """Pointers and counters of a FIFO; of a register where it holds one word."""
    return FIFO if depth > 1 else 2
