"""RTL of the shell: what the instances within ``fsq_system`` are given."""

from __future__ import annotations

from ..device.shell import WRITE_DEPTH
from ..network.fixed_point import count_bits
from ..planning.shell import BURST_LOG, CONTROL_BITS, ShellPlan
from .registers import ERRORS, ID, REGISTERS, VERSION, name_hash, register


def config(shell: ShellPlan) -> int:
    """Value of the register ``config``."""
    values = {"bus_bytes": shell.bus_bits // 8, "address_bits": shell.address_bits, "burst": shell.burst}
    return sum(values[field.name] << field.low for field in register("config").fields)


def register_parameters(shell: ShellPlan) -> dict[str, str]:
    """Parameters of ``fsq_registers``."""
    numbers = {
        "COUNT": len(REGISTERS),
        "MAP_W": CONTROL_BITS,
        **{f"R_{one.name.upper()}": one.number for one in REGISTERS},
        "FRAME_BYTES": shell.frame_bytes,
        "RESULT_BYTES": shell.result_bytes,
        "CLASSES": shell.classes,
        "ADDR_W": shell.address_bits,
        "WORDS_W": shell.words_bits,
        "ERRORS": len(ERRORS),
    }
    words = {"ID": ID, "VERSION": VERSION, "NETWORK": name_hash(shell.network), "CONFIG": config(shell)}
    return {name: str(number) for name, number in numbers.items()} | {
        name: f"32'h{word:08x}" for name, word in words.items()
    }


def dma_parameters(shell: ShellPlan) -> dict[str, str]:
    """Parameters of ``fsq_dma``."""
    numbers = {
        "ADDR_W": shell.address_bits,
        "DATA_W": shell.bus_bits,
        "RATIO_LOG": shell.ratio_log,
        "BURST_LOG": BURST_LOG,
        "CLASSES": shell.classes,
        "WORDS_W": shell.words_bits,
        "RESULT_W": shell.result_words_bits,
        "READ_DEPTH": shell.read_depth,
        "READ_W": count_bits(shell.read_depth),
        "WRITE_DEPTH": WRITE_DEPTH,
        "WRITE_W": count_bits(WRITE_DEPTH),
    }
    return {name: str(number) for name, number in numbers.items()}


def shell_context(shell: ShellPlan) -> dict[str, object]:
    """What the templates know of a shell."""
    return {
        "plan": shell,
        "register_bits": CONTROL_BITS,
        "bus_bits": shell.bus_bits,
        "address_bits": shell.address_bits,
        "burst": shell.burst,
        "size": (shell.bus_bits // 8).bit_length() - 1,
        "registers": register_parameters(shell),
        "dma": dma_parameters(shell),
        "offsets": {one.name: one.offset for one in REGISTERS},
    }
