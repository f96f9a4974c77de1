"""The HLS tools: Bambu (PandA) and Vitis HLS, found in the environment or on PATH."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ...errors import FpgaSqueezeError
from ..tools import find_verilator

TOOL_NAMES = {"bambu": "Bambu", "vitis": "Vitis HLS"}
"""Names of the tools, by the dialect of the sources that they take."""
_PLAIN = re.compile(r"[\w./+@%:,=~-]+")


def _chosen(variable: str, what: str) -> str | None:
    """The program that an environment variable names."""
    wanted = os.environ.get(variable, "")
    if not wanted:
        return None
    if found := shutil.which(wanted):
        return os.path.abspath(found)
    raise FpgaSqueezeError(f"{variable}={wanted} is no program; unset it or point it at {what}")


def find_bambu() -> str:
    """``$BAMBU``, else ``bambu`` on PATH; raises FpgaSqueezeError."""
    if found := _chosen("BAMBU", "Bambu") or shutil.which("bambu"):
        return os.path.abspath(found)
    raise FpgaSqueezeError(
        "no Bambu: install PandA 2024.10 (https://panda.deib.polimi.it) and put bambu on PATH, or set BAMBU"
    )


def find_vitis() -> str:
    """``$VITIS_HLS``, else ``vitis-run`` or ``vitis_hls`` on PATH; raises FpgaSqueezeError."""
    if found := _chosen("VITIS_HLS", "vitis-run or vitis_hls"):
        return found
    for name in ("vitis-run", "vitis_hls"):
        if found := shutil.which(name):
            return os.path.abspath(found)
    raise FpgaSqueezeError(
        "no Vitis HLS: install AMD Vitis 2022.1 or newer and source its settings64.sh, or set VITIS_HLS"
    )


def vitis_command(program: str, script: Path) -> list[str]:
    """How ``program`` runs a Tcl script (UG1399, "vitis-run Command" and "vitis_hls Command")."""
    if Path(program).name.startswith("vitis-run"):
        return [program, "--mode", "hls", "--tcl", str(script)]
    return [program, "-f", str(script)]


def bambu_environment(work: Path) -> dict[str, str]:
    """The environment in which Bambu's simulation script finds Verilator.

    The script takes ``verilator`` from PATH and its headers from ``../share/verilator`` beside it; where PATH has none,
    a folder of that layout is made within ``work`` for the one that our own simulations use.
    """
    env = dict(os.environ)
    if not env.get("VERILATOR") and shutil.which("verilator"):
        return env
    verilator = find_verilator()
    root = verilator.root or verilator.include_dir().parent
    folder = work / "verilator"
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "share").mkdir(exist_ok=True)
    wrapper = folder / "bin" / "verilator"
    wrapper.write_text(
        f'#!/bin/sh\nVERILATOR_ROOT="{root}" exec "{verilator.binary}" "$@"\n', encoding="utf-8"
    )
    wrapper.chmod(0o755)
    link = folder / "share" / "verilator"
    if not link.is_symlink():
        link.symlink_to(root)
    env["PATH"] = f"{wrapper.parent}{os.pathsep}{env.get('PATH', '')}"
    return env


def check_path(folder: Path) -> None:
    """Refuse a folder that the tools' own scripts cannot name: they do not quote blanks."""
    if not _PLAIN.fullmatch(str(folder)):
        raise FpgaSqueezeError(
            f"{folder}: HLS tools take no blanks or special characters in a path; move the project"
        )
