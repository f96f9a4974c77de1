"""Where the package's own files lie: in the source tree beside it, in a wheel inside it.

Also files written whole, and what tells files apart.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

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


def files_key(path: str | Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder."""
    path, digest = Path(path), hashlib.sha256()
    if path.is_file():
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                digest.update(data)
        return digest.hexdigest()
    for one in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{one.relative_to(path).as_posix()}\0{files_key(one)}\0".encode())
    return digest.hexdigest()


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """A file of exactly this name with what ``write`` puts into it, whole or not at all; raises FpgaSqueezeError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write(file)
        part.replace(path)
    except OSError as error:
        if part.is_file():
            part.unlink()
        raise FpgaSqueezeError(f"{path}: cannot be written: {error.strerror or error}") from error
