"""A folder written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import FpgaSqueezeError
from .manifest import is_project


def check_target(path: Path, force: bool) -> None:
    """Refuse a target that may not be replaced."""
    if not path.exists() and not path.is_symlink():
        return
    if path.is_symlink() or not path.is_dir():
        raise FpgaSqueezeError(f"{path}: exists and is no folder; choose another field output")
    if is_project(path) or not any(path.iterdir()):
        return
    if (path / ".git").exists() or Path.cwd().is_relative_to(path.resolve()):
        raise FpgaSqueezeError(
            f"{path}: holds other work and will not be replaced; choose another field output"
        )
    if not force:
        raise FpgaSqueezeError(
            f"{path}: is a folder of something else; choose another place, or replace it with field force"
        )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its place at the end; on an error nothing has changed."""
    missing = [p for p in path.parents if not p.exists()]
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o777 & ~umask)
        yield part
        old = part.with_suffix(".old")
        with contextlib.suppress(FileNotFoundError):  # there may be none, or another process was faster
            path.rename(old)
        try:
            part.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
        missing = []
    except OSError as error:
        raise FpgaSqueezeError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if part is not None and part.exists():
            shutil.rmtree(part, ignore_errors=True)
        for folder in missing:  # innermost first
            with contextlib.suppress(OSError):
                folder.rmdir()
