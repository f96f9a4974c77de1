"""What was computed once, kept on disk under a key of all that it depends on: the package's own code is part of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..paths import write_whole
from ..verify.cache import cache_dir

ROOMS = (
    "network",
    "coding",
    "device",
    "datasets",
    "frontend",
    "export",
    "quantization",
    "compression",
    "planning",
)
"""Rooms whose code the numbers of a design come from."""
CHOICES = ("explore/space.py", "explore/levels.py")
"""Files that say what the choices of a trial mean."""


@cache
def code_key(rooms: tuple[str, ...] = ROOMS) -> str:
    """Key of the code that numbers come from, and of NumPy, whose BLAS sums."""
    root, digest = Path(__file__).resolve().parent.parent, hashlib.sha256(np.__version__.encode())
    places = [root / name for name in (*rooms, *CHOICES)]
    for path in [
        found for place in places for found in sorted(place.rglob("*.py") if place.is_dir() else [place])
    ]:
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def version(rooms: tuple[str, ...] = ROOMS) -> str:
    """The package's version with the key of its code."""
    return f"{__version__}, code {code_key(rooms)}"


def value_key(value: object) -> str:
    """SHA-256 of dataclasses, mappings, sequences, arrays and plain values; equal ones have one key."""
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: object) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        digest.update(type(value).__name__.encode())
        for one in fields(value):
            digest.update(f"\0{one.name}=".encode())
            _feed(digest, getattr(value, one.name))
    elif isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(f"\0{key}:".encode())
            _feed(digest, value[key])
    elif isinstance(value, tuple | list):
        digest.update(f"[{len(value)}".encode())
        for one in value:
            _feed(digest, one)
    else:
        digest.update(f"{value!r}\0".encode())


class Cache:
    """A folder of files by key; what cannot be read is made again. Several processes may share it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or cache_dir()) / "explore"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, kind: str, key: str, suffix: str) -> Path:
        """Where what has ``key`` lies."""
        return self.folder / f"{kind}-{value_key((kind, key, code_key()))[:32]}{suffix}"

    def json(self, kind: str, key: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, ready for JSON; made where it is not there."""
        path = self.path(kind, key, ".json")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            made = make()
            write_whole(path, lambda file: file.write(json.dumps(made).encode()))
            return made

    def array(self, kind: str, key: str, make: Callable[[], np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """The array that ``make`` gives, mapped into memory; made where it is not there."""
        path = self.path(kind, key, ".npy")
        if not path.is_file():
            made = make()
            write_whole(path, lambda file: np.save(file, made, allow_pickle=False))
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
