"""Deep comparison of two models: every integer, scale, width, sign and name, but not those of the file's tensors."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


def differences(a: Any, b: Any, where: str = "model") -> list[str]:
    """Where ``a`` and ``b`` differ; empty for equal models."""
    if type(a) is not type(b):
        return [f"{where}: {type(a).__name__} and {type(b).__name__}"]
    if isinstance(a, np.ndarray):
        return [] if a.dtype == b.dtype and np.array_equal(a, b) else [f"{where}: arrays differ"]
    if dataclasses.is_dataclass(a):
        names = [f.name for f in dataclasses.fields(a) if f.name != "tensors"]
        return [d for n in names for d in differences(getattr(a, n), getattr(b, n), f"{where}.{n}")]
    if isinstance(a, tuple | list):
        if len(a) != len(b):
            return [f"{where}: {len(a)} and {len(b)} elements"]
        return [
            d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{where}[{i}]")
        ]
    return [] if a == b else [f"{where}: {a!r} and {b!r}"]
