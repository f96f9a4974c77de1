"""Labelled images to train on: a folder with a folder per class, or the embedded digits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import FpgaSqueezeError
from ..network.graph import Shape
from .digits import digits
from .images import SUFFIXES, ImageArray, drawn, load_images

DIGITS = "digits"
"""Names the embedded data set."""
PARTS = {"train": 0.7, "val": 0.1, "test": 0.2}
"""How the images of a folder are shared out; the digits come so, too."""
KINDS = f"a folder that holds a folder of images per class, or {DIGITS}"


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images uint8 [N, H, W, C] with their classes int64 [N]."""

    images: ImageArray
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images to learn from, to choose by, and to report; ``classes`` are the names, by number."""

    name: str
    classes: tuple[str, ...]
    train: Labelled
    val: Labelled
    test: Labelled

    @property
    def shape(self) -> Shape:
        _, height, width, channels = self.train.images.shape
        return Shape(channels, height, width)

    @property
    def digest(self) -> str:
        """What tells two data sets apart: of all pixels and labels."""
        found = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            found.update(np.ascontiguousarray(part.images).tobytes())
            found.update(part.labels.tobytes())
        return found.hexdigest()[:16]


def read_dataset(path: str | Path, shape: Shape | None = None) -> DataSet:
    """The data set at ``path``: the embedded one for ``digits``, else a folder that holds a folder per class.

    Classes are numbered by the order of their names, by number where all of them are numbers. Each class's images are
    shared out by their names, the same way on every machine: 70 % to train, 10 % to choose by, 20 % to report.
    ``shape``: of the images, or that of the first one.
    Raises FpgaSqueezeError, naming the folder or the file, where a class has no images or one has another size.
    """
    if str(path) == DIGITS and not Path(path).exists():
        return _digits(shape)
    root = Path(path)
    if not root.is_dir():
        raise FpgaSqueezeError(f"{path}: no such folder; give {KINDS}")
    classes = [f.name for f in root.iterdir() if f.is_dir() and not f.name.startswith(".")]
    numbered = all(name.isdecimal() for name in classes)
    classes.sort(key=lambda name: (int(name) if numbered else 0, name))
    if len(classes) < 2:
        raise FpgaSqueezeError(
            f"{path}: holds {'one folder' if classes else 'no folders'} of images; give {KINDS}, at least two"
        )
    shape = shape or _first_shape(root / classes[0])
    images: dict[str, list[ImageArray]] = {part: [] for part in PARTS}
    labels: dict[str, list[int]] = {part: [] for part in PARTS}
    for number, name in enumerate(classes):
        pixels, names = load_images(root / name, shape)
        for part, chosen in _shared_out([f"{name}/{each}" for each in names]).items():
            images[part].append(pixels[chosen])
            labels[part] += [number] * len(chosen)
    parts = {p: Labelled(np.concatenate(images[p]), np.array(labels[p], dtype=np.int64)) for p in PARTS}
    return DataSet(root.name, tuple(classes), **parts)


def _digits(shape: Shape | None) -> DataSet:
    data = DataSet(DIGITS, tuple("0123456789"), **{part: Labelled(*digits(part)) for part in PARTS})
    if shape is not None and shape != data.shape:
        raise FpgaSqueezeError(f"{DIGITS}: has images of {data.shape}, not {shape}; {_another('model')}")
    return data


def _another(what: str) -> str:
    return f"give a {what} of that size or another data set"


def _first_shape(folder: Path) -> Shape:
    """Shape of the first image of a folder, as RGB unless it is grey."""
    from PIL import Image

    found = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    if not found:
        raise FpgaSqueezeError(f"{folder}: holds no images ({', '.join(SUFFIXES)}); give {KINDS}")
    try:
        with Image.open(found[0]) as image:
            grey = image.mode in ("1", "L") or image.mode.startswith(("I", "F"))
            return Shape(1 if grey else 3, image.height, image.width)
    except OSError as error:
        raise FpgaSqueezeError(f"{found[0]}: is no image file; give {KINDS}") from error


def _shared_out(names: list[str]) -> dict[str, list[int]]:
    """Places of the images of one class by part; the order of the names' SHA-256 decides."""
    order = drawn(names)
    if len(names) < 3:
        raise FpgaSqueezeError(
            f"{Path(names[0]).parent}: holds {len(names)} images; give three or more: to train, choose, report"
        )
    val, test = (max(1, round(PARTS[part] * len(names))) for part in ("val", "test"))
    return {
        "val": sorted(order[:val]),
        "test": sorted(order[val : val + test]),
        "train": sorted(order[val + test :]),
    }
