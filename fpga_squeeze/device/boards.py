"""Boards that a Vivado script is written for, with where each fact comes from.

Names, parts and memories are those of the board files that Vivado reads (repository XilinxBoardStore: ``board.xml``
and ``preset.xml`` of the board, whose folder ``source`` names); pins those of Digilent's ``Arty-A7-35-Master.xdc``.
Bases of registers lie where the processor's master reaches logic: 0x40000000 to 0x7FFFFFFF for M_AXI_GP0 (UG585,
System Addresses), 0xA0000000 to 0xAFFFFFFF for M_AXI_HPM0_FPD (UG1085, System Address Map); Vivado begins at these.
"""

from __future__ import annotations

from dataclasses import dataclass

from .catalogue import Device, Family

CONTROL_BASE: dict[Family, int] = {
    "zynq-7000": 0x43C0_0000,
    "zynq-ultrascale+": 0xA000_0000,
    "artix-7": 0x44A0_0000,
}
"""Address of the first registers; where no processor is, any."""
MEMORY_BASE: dict[Family, int] = {"zynq-7000": 0, "zynq-ultrascale+": 0, "artix-7": 0xC000_0000}
"""Address of the memory that processor and accelerator share; where no processor is, any."""
HIGH_BASE = 0x8_0000_0000
"""Address of what of a memory lies beyond 2 GB (UG1085, System Address Map)."""


@dataclass(frozen=True)
class Board:
    """A board.

    name        as scripts are called
    device      of the catalogue
    part        ordering code of its FPGA, speed grade and all
    board_part  pattern of Vivado's name of the board, the newest of which is taken; None: pins and clock stand here
    connector   what Vivado joins a module and its carrier by
    memory      bytes of the processor's memory from address 0 on, 2 GB at most; 0: no processor, no memory
    high        bytes of it that lie beyond 2 GB
    pins        clock and reset (active low) of a board without processor, and MHz of that clock
    source      of these facts
    """

    name: str
    device: str
    part: str
    board_part: str | None
    memory: int
    source: str
    high: int = 0
    connector: str | None = None
    pins: tuple[str, str, float] | None = None


MB = 1 << 20
_ARTY_PINS = ("E3", "C2", 100.0)

BOARDS = (
    Board("pynq-z2", "XC7Z020", "xc7z020clg400-1", "tul.com.tw:pynq-z2:part0:*", 512 * MB, "boards/TUL/pynq-z2"),
    Board("zc706", "XC7Z045", "xc7z045ffg900-2", "xilinx.com:zc706:part0:*", 1024 * MB, "boards/Xilinx/zc706; UG954"),
    Board("zcu104", "ZU7EV", "xczu7ev-ffvc1156-2-e", "xilinx.com:zcu104:part0:*", 2048 * MB, "boards/Xilinx/zcu104"),
    Board(
        "kv260",
        "K26",
        "xck26-sfvc784-2LV-c",
        "xilinx.com:kv260_som:part0:*",
        2048 * MB,
        "boards/Xilinx/kv260_som, kv260_carrier; DS987",
        high=2048 * MB,
        connector="som240_1_connector xilinx.com:kv260_carrier:som240_1_connector:1.3",
    ),
    Board("arty-a7-35", "XC7A35T", "xc7a35ticsg324-1L", None, 0, "boards/Digilent/arty-a7-35", pins=_ARTY_PINS),
    Board("arty-a7-100", "XC7A100T", "xc7a100tcsg324-1", None, 0, "boards/Digilent/arty-a7-100", pins=_ARTY_PINS),
)  # fmt: skip


def boards_of(device: Device | None) -> tuple[Board, ...]:
    """The boards that carry ``device``; without one all."""
    return tuple(board for board in BOARDS if device is None or board.device == device.name)
