"""Images as uint8 arrays, from files a user has or from the data shipped with the package."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import FpgaSqueezeError
from ..network.graph import Shape

ImageArray = npt.NDArray[np.uint8]
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
"""Tags of a TIFF (TIFF 6.0, section 8)."""
KINDS = "an image file, a folder or zip of images, or a .npy of uint8 [N, H, W, C]"


def load_images(
    path: str | Path, shape: Shape, limit: int | None = None, keep: Collection[str] | None = None
) -> tuple[ImageArray, list[str]]:
    """Images for a model whose input is ``shape``: (uint8 [N, H, W, C], their names), sorted by name.

    ``path`` is one image file, a folder, a zip, or a .npy; RGB where the model has 3 channels, grey where it
    has 1. Grey of 16 bits or of floats is scaled to 0..255. With ``limit`` no more than that many
    are decoded, with ``keep`` only those so named. Raises FpgaSqueezeError, naming the file, where there is no image,
    one that cannot be decoded, one of another size or of values that cannot be scaled.
    """
    if limit is not None and limit < 1:
        raise FpgaSqueezeError(f"{path}: asked for {limit} images; ask for at least one")
    arrays: list[ImageArray] = []
    names: list[str] = []
    for name, image in islice(iter_images(path, shape, keep), limit):
        arrays.append(image)
        names.append(name)
    if not arrays:
        raise FpgaSqueezeError(f"{path}: holds no images ({', '.join(SUFFIXES)}); give {KINDS}")
    return np.stack(arrays), names


def evenly(count: int, most: int) -> slice:
    """At most ``most`` of ``count``, in even steps."""
    step = max(1, count // most)
    return slice(0, step * most, step)


def drawn(names: Iterable[str]) -> list[int]:
    """Places of ``names`` in an order that looks like chance and is the same everywhere: that of their SHA-256.

    No library's random numbers can change it.
    """
    keys = [hashlib.sha256(name.encode()).digest() for name in names]
    return sorted(range(len(keys)), key=keys.__getitem__)


def list_images(path: str | Path, shape: Shape) -> list[str]:
    """The names :func:`load_images` gives to the images at ``path``, without decoding any."""
    with _readable(Path(path)):
        if _is_npy(Path(path)):
            return _npy_names(Path(path), _open_npy(Path(path), shape))
        Path(path).stat()  # a single file is not opened below
        names = [name for name, _ in _entries(Path(path))]
    if not names:
        raise FpgaSqueezeError(f"{path}: holds no images ({', '.join(SUFFIXES)}); give {KINDS}")
    return names


def iter_images(
    path: str | Path, shape: Shape, keep: Collection[str] | None = None
) -> Iterator[tuple[str, ImageArray]]:
    """(name, uint8 [H, W, C]) of one image after the other, as :func:`load_images` reads them."""
    path = Path(path)
    if shape.channels not in (1, 3):
        raise FpgaSqueezeError(f"{path}: images have 1 or 3 channels, the model wants {shape.channels}")
    wanted = None if keep is None else frozenset(keep)
    with _readable(path):
        if _is_npy(path):
            array = _open_npy(path, shape)
            for name, image in zip(_npy_names(path, array), array, strict=True):
                if wanted is None or name in wanted:
                    yield name, np.array(image)
            return
        for name, open_file in _entries(path):
            if wanted is None or name in wanted:
                yield name, _decode(f"{path}: {name}" if name != path.name else str(path), open_file, shape)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what goes wrong while ``path`` is read into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise FpgaSqueezeError(f"{path}: no such file or folder; give {KINDS}") from error
    except PermissionError as error:
        raise FpgaSqueezeError(f"{path}: no permission to read it") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise FpgaSqueezeError(f"{path}: cannot be read ({error}); give {KINDS}") from error


def _is_npy(path: Path) -> bool:
    return path.suffix.lower() == ".npy" and not path.is_dir()


def _entries(path: Path) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
    """(name, opener) of each image file below ``path``, sorted by name; hidden files are left out."""
    if path.is_dir():
        files = {f.relative_to(path).as_posix(): f for f in path.rglob("*") if _is_image(f.relative_to(path))}
        for name in sorted(files):
            yield name, lambda name=name: files[name].open("rb")  # type: ignore[misc]
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(n for n in archive.namelist() if _is_image(Path(n)) and "__MACOSX" not in n):
                yield name, lambda name=name: BytesIO(archive.read(name))  # type: ignore[misc]
    else:
        yield path.name, lambda: path.open("rb")


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _decode(name: str, open_file: Callable[[], BinaryIO], shape: Shape) -> ImageArray:
    """One image as uint8 [H, W, C]."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise FpgaSqueezeError(
            "Pillow is missing; install it with: pip install pillow, or give a .npy"
        ) from error
    with open_file() as file:
        try:
            with Image.open(file) as image:
                if image.size != (shape.width, shape.height):
                    raise FpgaSqueezeError(
                        f"{name}: is {image.width}x{image.height} (width x height), the model wants "
                        f"{shape.width}x{shape.height}; resize or crop it"
                    )
                if image.mode.startswith(("I", "F")):  # Pillow's own conversion clips these at 255
                    grey = _scaled(name, image)
                    pixels = np.repeat(grey[..., None], shape.channels, axis=2)
                else:
                    pixels = np.asarray(image.convert("RGB" if shape.channels == 3 else "L"), dtype=np.uint8)
        except UnidentifiedImageError as error:
            raise FpgaSqueezeError(f"{name}: is no image file; give {KINDS}") from error
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, zipfile.BadZipFile) as error:
            raise FpgaSqueezeError(f"{name}: is a damaged image ({error})") from error
    return pixels.reshape(shape.height, shape.width, shape.channels)


def _scaled(name: str, image: Any) -> ImageArray:
    """A grey image of 16 bits or of floats (Pillow's modes I and F) as uint8 [H, W], rounded to nearest.

    Of integers the full range counts: 65535, or what fewer bits in a TIFF hold, is 255. Floats from 0 to 1 are taken
    times 255, floats up to 255 as they are. Raises FpgaSqueezeError where the range cannot be known.
    """
    tags = getattr(image, "tag_v2", {})  # of a TIFF
    values = np.asarray(image).astype(np.float64)
    low, high = float(values.min()), float(values.max())  # NaN where any is
    if image.mode == "F":
        if not 0 <= low <= high <= 255:
            raise FpgaSqueezeError(
                f"{name}: holds floats from {low:g} to {high:g}, neither 0 to 1 nor 0 to 255; save it with 8 or 16 bits"
            )
        full = 1 if high <= 1 else 255
    elif image.mode.startswith("I;16") or image.format in ("PNG", "PPM"):  # both have 16 bits at most
        full = (1 << int(tags.get(_BITS_PER_SAMPLE, (16,))[0])) - 1
    else:
        raise FpgaSqueezeError(
            f"{name}: holds signed or 32-bit integers from {low:g} to {high:g}, of a range that cannot be known; save "
            "it with 8 or 16 bits"
        )
    if tags.get(_PHOTOMETRIC) == 0:  # Pillow turns white at zero round for 8 bits only
        values = full - values
    return np.rint(values * (255 / full)).astype(np.uint8)


def _open_npy(path: Path, shape: Shape) -> ImageArray:
    """The array in ``path``, mapped into memory."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise FpgaSqueezeError(
            f"{path}: is no .npy file of numbers ({error}); save it with numpy.save"
        ) from error
    want = (shape.height, shape.width, shape.channels)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1:] != want:
        raise FpgaSqueezeError(
            f"{path}: holds {array.dtype} {list(array.shape)}; "
            f"the model wants uint8 [N, {want[0]}, {want[1]}, {want[2]}]"
        )
    if not len(array):
        raise FpgaSqueezeError(f"{path}: holds no images; give at least one")
    return np.asarray(array)


def _npy_names(path: Path, array: ImageArray) -> list[str]:
    return [f"{path.stem}[{i}]" for i in range(len(array))]


# ------------------------------------------------------------------------------------- what the package ships


def embedded_model_path() -> Path:
    """The float ONNX of the digits SqueezeNet shipped with the package."""
    return _data("digits_squeezenet.onnx")


def embedded_images() -> tuple[ImageArray, npt.NDArray[np.int64]]:
    """Held-out test images, uint8 [32, 32, 32, 1], and their labels, int64 [32]."""
    return data_array("test_images"), data_array("test_labels").astype(np.int64)


def embedded_calibration() -> ImageArray:
    """Images to calibrate on, uint8 [64, 32, 32, 1], taken from the training split."""
    return np.asarray(data_array("calibration_images"))


def embedded_accuracy_set() -> tuple[ImageArray, npt.NDArray[np.int64]]:
    """The whole held-out split, uint8 [N, 32, 32, 1], and its labels, int64 [N]."""
    return data_array("accuracy_images"), data_array("accuracy_labels").astype(np.int64)


def _data(name: str) -> Path:
    path = Path(str(resources.files(__package__) / "data" / name))
    if not path.is_file():
        raise FpgaSqueezeError(f"{path}: a file of the package is missing; install fpga-squeeze again")
    return path


def data_array(key: str, file: str = "digits_images.npz") -> npt.NDArray[Any]:
    """An array of a file of the package."""
    with np.load(_data(file)) as arrays:
        return np.asarray(arrays[key])
