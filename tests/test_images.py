"""Loading images from files, folders, zips and arrays, and what is refused."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

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


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
@pytest.mark.parametrize("shape", [GREY, RGB])
def test_grey_of_16_bits(tmp_path: Path, suffix: str, shape: Shape) -> None:
    values = np.array([0, 128, 129, 257, 25_700, 65_407, 65_535], np.uint16)  # 128.5 is half a step
    image = np.resize(values, (6, 5))
    Image.fromarray(image).save(tmp_path / f"i.{suffix}")
    got, _ = load_images(tmp_path / f"i.{suffix}", shape)
    want = np.resize(np.array([0, 0, 1, 1, 100, 255, 255], np.uint8), (6, 5))
    want[np.resize(values == 65_407, (6, 5))] = 255 if round(65_407 / 257) == 255 else 254
    assert np.array_equal(got[0], np.repeat(want[..., None], shape.channels, axis=2))


def test_grey_of_16_bits_as_8(tmp_path: Path) -> None:
    """Every value of 8 bits, times 257, comes back; through a zip, too."""
    image = np.arange(240, dtype=np.uint16).reshape(16, 15) * 257
    Image.fromarray(image).save(tmp_path / "i.png")
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        archive.write(tmp_path / "i.png", "i.png")
    for path in (tmp_path / "i.png", tmp_path / "i.zip"):
        assert np.array_equal(load_images(path, Shape(1, 16, 15))[0][0, ..., 0], image // 257)


def test_tiff_of_12_bits_and_white_at_zero(tmp_path: Path) -> None:
    image = np.resize(np.array([0, 4095, 65_535], np.uint16), (6, 5))
    white = TiffImagePlugin.ImageFileDirectory_v2()
    white[262] = 0
    Image.fromarray(image).save(tmp_path / "w.tif", tiffinfo=white)
    got = load_images(tmp_path / "w.tif", GREY)[0][0, ..., 0]
    assert np.array_equal(got, 255 - np.resize(np.array([0, 16, 255]), (6, 5)))
    packed = b"".join(bytes([0xFF, 0xF0, 0x00]) for _ in range(16))  # 4095, 0, 4095, 0, ...
    tags = {256: 8, 257: 4, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 4, 279: 48}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    ifd = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    (tmp_path / "t.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + ifd)
    got = load_images(tmp_path / "t.tif", Shape(1, 4, 8))[0][0, ..., 0]
    assert np.array_equal(got, np.resize(np.array([255, 0], np.uint8), (4, 8)))


def test_floats(tmp_path: Path) -> None:
    def save(values: Sequence[float]) -> Path:
        Image.fromarray(np.resize(np.array(values, np.float32), (6, 5))).save(tmp_path / "f.tif")
        return tmp_path / "f.tif"

    for values, want in (([0, 0.5, 1], [0, 128, 255]), ([0, 99.6, 255], [0, 100, 255]), ([0], [0])):
        got = load_images(save(values), GREY)[0][0, ..., 0]
        assert np.array_equal(got, np.resize(np.array(want, np.uint8), (6, 5)))
    for values, named in (([0, 4095], "0 to 4095"), ([-1, 1], "-1 to 1"), ([0, np.nan], "nan")):
        refused(save(values), f"floats from {'.*' if named == 'nan' else ''}{named}", GREY)
    Image.fromarray(np.full((6, 5), 70_000, np.int32)).save(tmp_path / "i.tif")
    refused(tmp_path / "i.tif", "32-bit integers from 70000 to 70000", GREY)


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
