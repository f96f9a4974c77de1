"""Where the package's own files lie: in the source tree beside the package, in a wheel inside it."""

from __future__ import annotations

from pathlib import Path

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
