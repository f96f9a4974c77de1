"""Where the package's own files lie: in the source tree beside the package, in a wheel inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .errors import FpgaSqueezeError

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """Folder ``templates`` or ``sim``; raises FpgaSqueezeError where the installation is incomplete."""
    for root in (_PACKAGE / "_resources", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise FpgaSqueezeError(
        f"folder {name}/ of fpga-squeeze is missing beside {_PACKAGE}; install the package again"
    )


def source_files(language: Literal["rtl", "hls"]) -> dict[str, Path]:
    """Modules or headers that every design takes as they are, by name; which room they lie in does not matter."""
    pattern = "*.sv" if language == "rtl" else "*.hpp"
    return {path.name: path for path in sorted((resource_dir("templates") / language).rglob(pattern))}
