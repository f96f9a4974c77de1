"""Whether a built file is still good: a key over everything it was made from, kept beside it; one builder at a time."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def content_key(paths: Iterable[Path], *extra: str) -> str:
    """Key over the names and contents of files, and over any further texts (flags, versions of tools)."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        data = path.read_bytes()
        digest.update(f"{path.name}\0{len(data)}\0".encode())
        digest.update(data)
    for text in extra:
        digest.update(f"{len(text)}\0{text}".encode())
    return digest.hexdigest()


def _stamp(target: Path) -> Path:
    return target.with_name(target.name + ".key")


def is_fresh(target: Path, key: str) -> bool:
    """Whether ``target`` exists and was made for ``key``."""
    stamp = _stamp(target)
    return target.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == key


def mark_fresh(target: Path, key: str) -> None:
    """Note that ``target`` was made for ``key``."""
    _stamp(target).write_text(key, encoding="ascii")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone with ``folder`` among all processes: others that ask for it wait. It need not exist, and may be replaced.

    The lock is a file beside it, which stays; a process that ends gives it back. (Windows has none.)
    """
    with ExitStack() as stack:
        with suppress(OSError):  # where nothing can be written, nobody changes anything
            folder.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(folder.with_name(f".{folder.name}.lock").open("a"))
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cache_dir() -> Path:
    """Folder for objects that every design shares: ``$FSQ_CACHE``, else the user's cache folder."""
    if chosen := os.environ.get("FSQ_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fpga-squeeze"
