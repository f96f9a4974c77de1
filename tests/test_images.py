"""Loading images from files, folders, zips and arrays, and what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fpga_squeeze.datasets.images import (
    embedded_accuracy_set,
    embedded_calibration,
    embedded_images,
    embedded_model_path,
    load_images,
)
from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.network.graph import Shape

RGB, GREY = Shape(3, 6, 5), Shape(1, 6, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images (b.png, a.png, sub/c.bmp), one text file, one hidden image."""
    rng = np.random.default_rng(0)
    root = tmp_path / "images"
    (root / "sub").mkdir(parents=True)
    for name in ("b.png", "a.png", "sub/c.bmp", ".hidden.png"):
        Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)).save(root / name)
    (root / "notes.txt").write_text("no image")
    return root


def test_folder_is_sorted_and_limited(folder: Path) -> None:
    images, names = load_images(folder, RGB)
    assert names == ["a.png", "b.png", "sub/c.bmp"]
    assert images.shape == (3, 6, 5, 3) and images.dtype == np.uint8
    assert np.array_equal(images[1], np.asarray(Image.open(folder / "b.png")))
    (folder / "sub" / "d.png").write_bytes(b"broken")  # beyond the limit: never decoded
    assert load_images(folder, RGB, 2)[1] == ["a.png", "b.png"]


def test_one_file_zip_and_npy_give_the_same(folder: Path, tmp_path: Path) -> None:
    images, names = load_images(folder, RGB)
    one, _ = load_images(folder / "a.png", RGB)
    assert np.array_equal(one, images[:1])
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for name in reversed(names):
            archive.write(folder / name, name)
        archive.writestr("readme.txt", "text")
    zipped, zip_names = load_images(tmp_path / "i.zip", RGB)
    assert zip_names == names and np.array_equal(zipped, images)
    np.save(tmp_path / "i.npy", images)
    array, _ = load_images(tmp_path / "i.npy", RGB, 2)
    assert np.array_equal(array, images[:2]) and array.flags.owndata


def test_grey(folder: Path) -> None:
    images, _ = load_images(folder, GREY)
    assert images.shape == (3, 6, 5, 1)
    assert np.array_equal(images[0, ..., 0], np.asarray(Image.open(folder / "a.png").convert("L")))


def refused(path: Path, pattern: str, shape: Shape = RGB, limit: int | None = None) -> None:
    with pytest.raises(FpgaSqueezeError, match=pattern) as caught:
        load_images(path, shape, limit)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_refusals(folder: Path, tmp_path: Path) -> None:
    refused(tmp_path / "none", "no such file")
    refused(folder, "a.png: is 5x6 .*the model wants 6x6", Shape(3, 6, 6))
    refused(folder / "notes.txt", "is no image file")
    refused(folder, "ask for at least one", RGB, 0)
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no images")
    (folder / "a.png").write_bytes((folder / "a.png").read_bytes()[:60])
    refused(folder, "a.png: is (a damaged|no) image")
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        archive.writestr("x.png", b"nothing")
    refused(tmp_path / "i.zip", "x.png: is no image")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "i.zip").read_bytes()[:40])
    refused(tmp_path / "cut.zip", "no image")
    (tmp_path / "empty.npy").touch()
    refused(tmp_path / "empty.npy", "is no .npy file")
    for array, pattern in (
        (np.zeros((2, 6, 5, 3)), "float64"),
        (np.zeros((2, 5, 6, 3), np.uint8), r"\[2, 5, 6, 3\]"),
        (np.zeros((0, 6, 5, 3), np.uint8), "no images"),
        (np.array([{}]), "no .npy file of numbers"),
    ):
        np.save(tmp_path / "x.npy", array)
        refused(tmp_path / "x.npy", pattern)


def test_embedded_data() -> None:
    images, labels = embedded_images()
    assert images.shape == (32, 32, 32, 1) and images.dtype == np.uint8
    assert labels.shape == (32,) and set(labels) <= set(range(10))
    calibration = embedded_calibration()
    assert calibration.shape[1:] == (32, 32, 1) and len(calibration) >= 32
    every, every_label = embedded_accuracy_set()
    assert len(every) == len(every_label) >= 300
    assert embedded_model_path().stat().st_size < 1 << 20
    seen = {image.tobytes() for image in every}
    assert not seen & {image.tobytes() for image in calibration}
