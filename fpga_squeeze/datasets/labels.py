"""Labels of images from a CSV file, and names of images that match across folders."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import FpgaSqueezeError

Value = TypeVar("Value")
FILE, LABEL = "file", "label"
ADVICE = "give a CSV of two columns, file and label (a class number from 0)"


class Names(Generic[Value]):
    """Values by file name: ``val/a.jpg`` and ``a.jpg`` are the same file, ``val/a.jpg`` and ``test/a.jpg`` are
    not."""

    def __init__(self, entries: Iterable[tuple[str, Value]]) -> None:
        self._by_last: dict[str, list[tuple[tuple[str, ...], Value]]] = {}
        for name, value in entries:
            parts = self._parts(name)
            self._by_last.setdefault(parts[-1], []).append((parts, value))

    @staticmethod
    def _parts(name: str) -> tuple[str, ...]:
        return tuple(p for p in name.replace("\\", "/").split("/") if p not in ("", ".")) or ("",)

    def find(self, name: str) -> list[Value]:
        """The values of ``name``: of the very same path, or else of paths that end alike."""
        parts = self._parts(name)
        known = self._by_last.get(parts[-1], [])
        same = [value for other, value in known if other == parts]
        if same:
            return same
        return [
            value for other, value in known if other[-len(parts) :] == parts or parts[-len(other) :] == other
        ]


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, cells) of every row that holds anything."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, [c.strip() for c in row]) for row in reader if any(map(str.strip, row))]
    except FileNotFoundError as error:
        raise FpgaSqueezeError(f"{path}: no such file; {ADVICE}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise FpgaSqueezeError(f"{path}: cannot be read as CSV ({reason}); {ADVICE}") from error


def _columns(path: Path, first: Sequence[str]) -> tuple[int, int] | None:
    """Where the header puts file and label; None where there is no header but two columns."""
    header = [cell.lower() for cell in first]
    if FILE in header and LABEL in header:
        return header.index(FILE), header.index(LABEL)
    if len(first) == 2 and _number(first[1]) is not None:
        return None
    raise FpgaSqueezeError(f"{path}: its first line has no columns {FILE} and {LABEL}; {ADVICE}")


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def read_labels(path: str | Path, names: Sequence[str], classes: int) -> npt.NDArray[np.int64]:
    """The label of each image in ``names``, int64 [N], from a CSV with columns file and label.

    Without a header the file has exactly these two columns. Rows for other images do not matter. Raises
    FpgaSqueezeError, naming file, line or image, where a label is missing, contradicts another, or is no
    class of 0 to ``classes`` - 1.
    """
    path = Path(path)
    rows = _rows(path)
    if not rows:
        raise FpgaSqueezeError(f"{path}: is empty; {ADVICE}")
    columns = _columns(path, rows[0][1])
    at_file, at_label = columns or (0, 1)
    entries: list[tuple[str, tuple[int, int]]] = []
    for line, cells in rows[columns is not None :]:
        if len(cells) <= max(at_file, at_label) or not cells[at_file]:
            raise FpgaSqueezeError(f"{path}: line {line}: holds no file and label; {ADVICE}")
        label = _number(cells[at_label])
        if label is None:
            raise FpgaSqueezeError(
                f"{path}: line {line}: label {cells[at_label]!r} is no class number; {ADVICE}"
            )
        entries.append((cells[at_file], (label, line)))
    index, out, missing = Names(entries), [], []
    for name in names:
        found = index.find(name)
        if not found:
            missing.append(name)
            continue
        label, line = found[0]
        for other, again in found[1:]:
            if other != label:
                raise FpgaSqueezeError(
                    f"{path}: lines {line} and {again}: labels {label} and {other} for {name}; give one"
                )
        if not 0 <= label < classes:
            raise FpgaSqueezeError(
                f"{path}: line {line}: label {label} of {name} is out of range; "
                f"the model has classes 0 to {classes - 1}"
            )
        out.append(label)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise FpgaSqueezeError(f"{path}: has no label for image {missing[0]}{more}; {ADVICE}")
    return np.array(out, dtype=np.int64)
