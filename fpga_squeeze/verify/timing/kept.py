"""The clocks that timing and routing found for a project's design, kept in it until the design is another one."""

from __future__ import annotations

from pathlib import Path

from ... import __version__
from ...device.catalogue import DEFAULT_DEVICE, Device, find_device
from ...device.clock import Clock, Origin
from ...project.project import Project
from ..cache import content_key, is_fresh, locked, mark_fresh
from ..yosys import design_files

FOLDERS: dict[Origin, str] = {"routed": "route", "estimated by timing": "timing"}
"""Where in the project's build folder a clock lies; what a router reached counts for more than an estimate."""


def _file(project: Project, device: Device, origin: Origin) -> Path:
    return project.build(FOLDERS[origin]) / f"{device.part}.mhz"


def _key(project: Project) -> str:
    return content_key(design_files(project.rtl), __version__)


def keep_clock(project: Project, device: Device, origin: Origin, mhz: float | None) -> None:
    """Keep a clock in MHz as that of the project's design on ``device``; None: nothing sets one."""
    if mhz is None:
        return
    file = _file(project, device, origin)
    with locked(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(repr(mhz), encoding="ascii")
        mark_fresh(file, _key(project))


def kept_clocks(project: Project, device: Device | None) -> list[Clock]:
    """The clocks found for the project's design as it is, routed before estimated.

    Without a device they are those for the default device, as :func:`.speed.asked_of` has it.
    """
    device = device or find_device(DEFAULT_DEVICE)
    found = []
    for origin in FOLDERS:
        file = _file(project, device, origin)
        if file.exists() and is_fresh(file, _key(project)):
            found.append(Clock(float(file.read_text(encoding="ascii")), origin))
    return found


def kept_clock(project: Project, device: Device | None) -> Clock | None:
    """The first of :func:`kept_clocks`; None: none was looked for."""
    return next(iter(kept_clocks(project, device)), None)
