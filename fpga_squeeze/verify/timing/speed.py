"""How fast a device is: its cells against :mod:`.cells`, and the wires between them by fan-out.

The wires of 7 series -1 were fitted to what a router reached (nextpnr-himbaechel, xilinx, XC7Z020-1, no pins): grid
search over ``hop`` and ``spread``, least squares of the logarithm of the period. Estimated and routed period in ns, the
engines without their weight memory, as they were routed:

    conv10 6.25 6.71    pool1 7.53 6.90    pool10 7.69 8.06    conv1 8.12 8.20    fire5 7.79 8.47    fire3 9.02 9.17
    fire5 with Huffman weights 14.25 14.27    digits, 216 lanes 12.77 12.33    digits, 8 lanes 10.65 10.96

Root mean square of the difference 5.2 %, largest 8.7 %; the router's own seeds scatter by 8 % (``docs/timing.md``).

Other grades are these figures times a factor. 7 series -2: 0.85, the ratio of a LUT's delay in the family's data sheets
(DS181, DS187: T_ILO 0.10 and 0.12 ns). UltraScale+ -2: 0.55, a guess and no fit: DS925 gives the DSP48E2 544 MHz for a
multiplication between two registers without MREG, 1.84 ns, where the DSP48E1 of -1 takes 2.7 ns and clock to output.
UltraScale+ -1 and -2LV: that by 775 / 645, the DSP48E2's clock with all registers in both grades (DS925).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ...device.catalogue import DEFAULT_DEVICE, Device, find_device
from ...errors import FpgaSqueezeError
from ...project.project import Project


@dataclass(frozen=True)
class Speed:
    """A family in a speed grade.

    cells   what the delays of :mod:`.cells` are multiplied with
    hop     ns of a wire to a single load outside of the slice
    spread  ns more for every doubling of the loads
    """

    name: str
    cells: float
    hop: float
    spread: float

    def wire(self, loads: int) -> float:
        """Delay in ns of a net with so many loads."""
        return self.hop + self.spread * math.log2(max(1, loads))


HOP, SPREAD = 0.60, 0.08
SEVEN_2, ULTRA_2, ULTRA_1 = 0.85, 0.55, 0.66


def _scaled(name: str, factor: float) -> Speed:
    return Speed(name, factor, HOP * factor, SPREAD * factor)


def speed_of(device: Device) -> Speed:
    """The speed of a device by its family and the grade in its part number."""
    fast = re.search(r"-2(?!LV)", device.part) is not None
    if device.family == "zynq-ultrascale+":
        return _scaled("UltraScale+ -2", ULTRA_2) if fast else _scaled("UltraScale+ -1, -2LV", ULTRA_1)
    return _scaled("7 series -2", SEVEN_2) if fast else _scaled("7 series -1", 1.0)


def asked_of(project: Project, device: str | None, clock_mhz: float | None) -> tuple[Device, float]:
    """Device and clock to time a project for, its own where None; raises FpgaSqueezeError for a clock that is none."""
    clock = project.manifest.clock_mhz if clock_mhz is None else clock_mhz
    if not (math.isfinite(clock) and clock > 0):
        raise FpgaSqueezeError(f"field clock_mhz {clock:g}: give a clock above 0 MHz, for example 100")
    return find_device(device) if device else project.device or find_device(DEFAULT_DEVICE), clock
