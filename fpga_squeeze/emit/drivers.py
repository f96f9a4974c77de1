"""Drivers of a project: the files of ``templates/drivers``, with what they know of its network and registers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ..paths import resource_dir
from ..planning.plan import Plan
from ..planning.shell import CONTROL_BITS, ShellPlan
from .registers import ERRORS, ID, REGISTERS, VERSION, name_hash
from .render import write
from .shell import config, shell_context


def emit_drivers(
    plan: Plan,
    folder: Path,
    header: dict[str, object],
    shell: ShellPlan | None,
    cycles: int,
    clock_mhz: float,
) -> None:
    """Write ``folder/python``, for PYNQ, and with ``shell`` ``folder/c``, for Linux and bare metal.

    ``cycles`` of a frame and the clock are those of the plan; the drivers tell them beside what they measure.
    """
    context = {
        "header": header,
        "network": _network(plan, cycles, clock_mhz),
        "shell": shell_context(shell) if shell else None,
        "map": _map(shell) if shell else None,
    }
    sources = resource_dir("templates") / "drivers"
    python = folder / "python"
    write(python / "fsq_network.py", "drivers/fsq_network.py.j2", context)
    shutil.copyfile(sources / "python" / "fsq_common.py", python / "fsq_common.py")
    kind = "dma" if shell else "stream"
    shutil.copyfile(sources / "python" / kind / "accelerator.py", python / "accelerator.py")
    if shell:
        write(folder / "c" / "fsq_network.h", "drivers/fsq_network.h.j2", context)
        for file in sorted((sources / "c").iterdir()):
            shutil.copyfile(file, folder / "c" / file.name)


def _network(plan: Plan, cycles: int, clock_mhz: float) -> dict[str, object]:
    """Shapes and numbers, each as both languages write it."""
    shape, output = plan.model.input.shape, plan.model.output
    pixels = shape.channels * shape.height * shape.width
    return {
        "text": json.dumps(plan.model.name),
        "height": shape.height,
        "width": shape.width,
        "channels": shape.channels,
        "pixels": pixels,
        "frame_bytes": -(-pixels // 8) * 8,
        "classes": output.shape.channels,
        "logit_signed": output.signed,
        "logit_bits": output.bits,
        "logit_scale": repr(output.scale),
        "logit_zero": output.zero,
        "cycles": cycles,
        "clock_mhz": repr(float(clock_mhz)),
    }


def _map(shell: ShellPlan) -> dict[str, object]:
    """The register map, and what its constant registers read."""
    return {
        "id": f"0x{ID:08X}",
        "version": f"0x{VERSION:08X}",
        "network": f"0x{name_hash(shell.network):08X}",
        "config": f"0x{config(shell):08X}",
        "bytes": 1 << CONTROL_BITS,
        "errors": ERRORS,
        "registers": [
            {
                "name": one.name,
                "offset": f"0x{one.offset:02X}",
                "access": one.access,
                "text": one.text,
                "fields": [
                    {"name": field.name, "mask": f"0x{field.mask:X}", "text": field.text}
                    for field in one.fields
                ],
            }
            for one in REGISTERS
        ],
    }
