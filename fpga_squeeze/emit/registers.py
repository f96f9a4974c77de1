"""The register map of ``fsq_system``: one table, from which RTL parameters, headers, drivers and docs are made.

All registers have 32 bits and lie on addresses of 4 bytes from 0 on, in the order of :data:`REGISTERS`. Reserved bits
read as 0 and are not kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

Access = Literal["read", "write", "pulse", "clear"]
"""``read``: only read; ``write``: read and written; ``pulse``: a 1 does something once, reads as 0; ``clear``: a 1
clears its bit."""

ID = 0x53515346
"""Bytes "FSQS" in memory."""
VERSION = 0x0001_0000
"""Of the register map: major in the upper half (other registers, or other places), minor in the lower one (more)."""


@dataclass(frozen=True)
class Field:
    """Bits of a register: ``width`` of them from bit ``low`` on."""

    name: str
    low: int
    width: int
    text: str

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """A register.

    name    in lower case; the RTL has it as parameter ``R_<NAME>`` with its number
    access  what a write does
    text    one line for docs and headers
    fields  its bits, where it is more than a number
    """

    name: str
    access: Access
    text: str
    fields: tuple[Field, ...] = ()

    @property
    def number(self) -> int:
        """Place in the table."""
        return REGISTERS.index(self)

    @property
    def offset(self) -> int:
        """Address in bytes."""
        return 4 * self.number


ERRORS = (
    Field("length", 0, 1, "a frame of wrong length: TLAST came on another beat than the last, of pixels or of logits"),
    Field("overrun", 1, 1, "started while busy; the job that runs is not touched"),
    Field("read", 2, 1, "the memory answered a read with SLVERR or DECERR"),
    Field("write", 3, 1, "the memory answered a write with SLVERR or DECERR"),
    Field("address", 4, 1, "an address is not a multiple of 8, or a job runs beyond the last address"),
    Field("reset", 5, 1, "a soft reset ended a job before its last frame"),
)  # fmt: skip
"""What ended a job, and ``overrun``; bits of the register ``error``."""

INTERRUPTS = (
    Field("done", 0, 1, "all frames of a job are in memory"),
    Field("error", 1, 1, "a bit of error was set"),
)

REGISTERS = (
    Register("id", "read", f"0x{ID:08X}, bytes FSQS"),
    Register("version", "read", "of this map", (Field("minor", 0, 16, ""), Field("major", 16, 16, ""))),
    Register("network", "read", "first 32 bits of the SHA-256 of the network's name"),
    Register(
        "config",
        "read",
        "how the shell was built",
        (
            Field("bus_bytes", 0, 8, "bytes of a beat of the AXI4 master: 8 or 16"),
            Field("address_bits", 8, 8, "bits of its addresses"),
            Field("burst", 16, 16, "most beats of a burst"),
        ),
    ),
    Register(
        "control",
        "pulse",
        "commands",
        (
            Field("start", 0, 1, "start a job of frames frames"),
            Field("reset", 1, 1, "end what runs, wait for the memory's answers, empty every kernel"),
        ),
    ),
    Register(
        "status",
        "read",
        "state",
        (
            Field("busy", 0, 1, "a job runs, or kernels are being emptied"),
            Field("done", 1, 1, "the last job came to its end; start takes it away"),
            Field("error", 2, 1, "some bit of error is set"),
            Field("emptying", 3, 1, "a job was ended, or reset: answers are awaited, kernels emptied"),
        ),
    ),
    Register("error", "clear", "what went wrong since it was cleared", ERRORS),
    Register("irq_enable", "write", "which bits of irq_status raise the interrupt", INTERRUPTS),
    Register("irq_status", "clear", "what happened since it was cleared", INTERRUPTS),
    Register("frames", "write", "frames of the next job; 0 ends at once"),
    Register("frames_done", "read", "frames of this job whose logits are in memory"),
    Register("frame_cycles", "read", "cycles of the last frame: from the end of the one before, or from start"),
    Register("job_cycles", "read", "cycles from start to the end of the last frame"),
    Register("source", "write", "address of the first pixels, bits 31 to 0; a multiple of 8"),
    Register("source_high", "write", "bits 63 to 32; those beyond address_bits are not kept"),
    Register("target", "write", "address of the first logits, bits 31 to 0; a multiple of 8"),
    Register("target_high", "write", "bits 63 to 32; those beyond address_bits are not kept"),
    Register("frame_bytes", "write", "bytes of a frame, padded to a multiple of 8; after reset what the network takes"),
    Register("result_bytes", "read", "bytes of the logits of a frame, 4 each, padded to a multiple of 8"),
    Register("classes", "read", "logits of a frame"),
)  # fmt: skip
"""Every register, from address 0 on."""


def register(name: str) -> Register:
    """The register of that name; raises KeyError."""
    return {register.name: register for register in REGISTERS}[name]


def name_hash(network: str) -> int:
    """Value of the register ``network``."""
    return int.from_bytes(hashlib.sha256(network.encode()).digest()[:4], "big")


def markdown() -> str:
    """The map as the tables of docs/shell.md."""
    lines = ["| address | register | access | what |", "| --- | --- | --- | --- |"]
    for one in REGISTERS:
        lines.append(f"| 0x{one.offset:02X} | `{one.name}` | {one.access} | {one.text} |")
        for field in one.fields:
            bits = f"{field.low}" if field.width == 1 else f"{field.low + field.width - 1}:{field.low}"
            lines.append(f"| | `{one.name}.{field.name}` | bits {bits} | {field.text} |")
    return "\n".join(lines) + "\n"
