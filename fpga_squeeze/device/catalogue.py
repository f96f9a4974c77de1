"""Devices a plan can be made for: what they hold, and where those numbers come from.

Block RAM, DSP, UltraRAM and LUT counts are those of the family overviews named per entry. LUTs usable as memory are
four per SLICEM (UG474, tables of CLB resources); for UltraScale+ the number that Vivado's utilisation report lists as
available "LUT as Memory".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import FpgaSqueezeError
from .clock import Clock

Family = Literal["zynq-7000", "artix-7", "zynq-ultrascale+"]

PLANNED_MHZ: dict[Family, float] = {"zynq-7000": 100.0, "artix-7": 100.0, "zynq-ultrascale+": 200.0}
"""Round figures to plan with, in MHz. No claim: what a design reaches, ``timing`` estimates and a router tells."""

LUTRAM_BITS_PER_LUT = 48
"""Simple dual-port RAM: a RAM64M holds 3 x 64 bits in 4 LUTs (UG474, "Distributed RAM")."""

ZYNQ7 = "DS190, Zynq-7000 SoC Data Sheet: Overview; UG474"
ARTIX7 = "DS180, 7 Series FPGAs Data Sheet: Overview; UG474"
ZYNQMP = "DS891, Zynq UltraScale+ MPSoC Data Sheet: Overview"
KRIA = "DS987, Kria K26 SOM Data Sheet; DS891"


@dataclass(frozen=True)
class Device:
    """A device with its resources.

    part        ordering code that Vitis HLS and Vivado take
    ramb36      block RAMs of 36 Kb, each of which works as two RAMB18
    luts        6-input look-up tables, ``lut_memory`` of which can be distributed RAM
    uram        UltraRAM blocks of 288 Kb; the bitstream cannot initialise them, so no weights live there
    source      document the numbers come from
    """

    name: str
    part: str
    family: Family
    ramb36: int
    dsp: int
    luts: int
    lut_memory: int
    source: str
    uram: int = 0
    aliases: tuple[str, ...] = ()

    @property
    def lutram_bits(self) -> int:
        """Bits of simple dual-port distributed RAM."""
        return self.lut_memory * LUTRAM_BITS_PER_LUT

    @property
    def planned_clock(self) -> Clock:
        """The clock that is planned with where none is asked for."""
        return Clock(PLANNED_MHZ[self.family], "planned")


def _zynq7(name: str, part: str, ramb36: int, dsp: int, luts: int, lut_memory: int, *aliases: str) -> Device:
    return Device(name, part, "zynq-7000", ramb36, dsp, luts, lut_memory, ZYNQ7, 0, aliases)


def _artix7(name: str, part: str, ramb36: int, dsp: int, luts: int, lut_memory: int, *aliases: str) -> Device:
    return Device(name, part, "artix-7", ramb36, dsp, luts, lut_memory, ARTIX7, 0, aliases)


def _zynqmp(
    name: str, part: str, ramb36: int, dsp: int, luts: int, lut_memory: int, uram: int, *aliases: str
) -> Device:
    return Device(name, part, "zynq-ultrascale+", ramb36, dsp, luts, lut_memory, ZYNQMP, uram, aliases)


_ZU5EV = _zynqmp("ZU5EV", "xczu5ev-sfvc784-1-e", 144, 1248, 117_120, 57_600, 64, "xczu5ev")

DEVICES: tuple[Device, ...] = (
    _zynq7("XC7Z007S", "xc7z007sclg400-1", 50, 66, 14_400, 6_000, "7z007s"),
    _zynq7("XC7Z010", "xc7z010clg400-1", 60, 80, 17_600, 6_000, "7z010", "zybo"),
    _zynq7("XC7Z015", "xc7z015clg485-1", 95, 160, 46_200, 14_400, "7z015"),
    _zynq7(
        "XC7Z020",
        "xc7z020clg400-1",
        140,
        220,
        53_200,
        17_400,
        "7z020",
        "pynq-z1",
        "pynq-z2",
        "zedboard",
        "zc702",
    ),
    _zynq7("XC7Z030", "xc7z030fbg484-1", 265, 400, 78_600, 26_600, "7z030"),
    _zynq7("XC7Z045", "xc7z045ffg900-2", 545, 900, 218_600, 70_400, "7z045", "zc706"),
    _zynq7("XC7Z100", "xc7z100ffg900-2", 755, 2020, 277_400, 108_200, "7z100"),
    _artix7("XC7A35T", "xc7a35tcsg324-1", 50, 90, 20_800, 6_400, "7a35t", "arty-a7-35", "basys3"),
    _artix7("XC7A50T", "xc7a50tcsg324-1", 75, 120, 32_600, 9_600, "7a50t"),
    _artix7("XC7A100T", "xc7a100tcsg324-1", 135, 240, 63_400, 19_000, "7a100t", "arty-a7-100", "nexys-a7"),
    _artix7("XC7A200T", "xc7a200tsbg484-1", 365, 740, 134_600, 46_200, "7a200t", "nexys-video"),
    _zynqmp("ZU3EG", "xczu3eg-sbva484-1-e", 216, 360, 70_560, 28_800, 0, "xczu3eg", "ultra96"),
    _ZU5EV,
    replace(_ZU5EV, name="K26", part="xck26-sfvc784-2LV-c", source=KRIA, aliases=("xck26", "kv260", "kr260")),
    _zynqmp("ZU7EV", "xczu7ev-ffvc1156-2-e", 312, 1728, 230_400, 101_760, 96, "xczu7ev", "zcu104", "zcu106"),
    _zynqmp("ZU9EG", "xczu9eg-ffvb1156-2-e", 912, 2520, 274_080, 144_000, 0, "xczu9eg", "zcu102"),
)
"""The catalogue, by family and size."""

DEFAULT_DEVICE = "XC7Z020"


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _spellings(device: Device) -> set[str]:
    return {_key(text) for text in (device.name, device.part, *device.aliases)}


def find_device(name: str) -> Device:
    """The device called ``name``: its name, a board that carries it, or its part number with any package.

    Case, dashes, underscores and spaces do not count. Raises FpgaSqueezeError, with the names there are.
    """
    wanted = _key(name)
    for device in DEVICES:
        if wanted in _spellings(device):
            return device
    for device in DEVICES:  # xc7z020clg484-1, xczu9eg-ffvc900-1-e
        if any(
            text.startswith("xc") and re.match(rf"{text}[a-z]{{3,4}}\d{{3,4}}", wanted)
            for text in _spellings(device)
        ):
            return device
    known = ", ".join(device.name for device in DEVICES)
    raise FpgaSqueezeError(f"unknown device {name!r}; known are {known}, and boards such as KV260 or PYNQ-Z2")


def smallest_with(ramb36: float) -> Device | None:
    """The device of the catalogue with least block RAM of those that have so many RAMB36; None where none has."""
    holding = [device for device in DEVICES if device.ramb36 >= ramb36]
    return min(holding, key=lambda device: (device.ramb36, device.luts), default=None)
