"""The handwritten digits that the package ships, as the embedded model was trained on them (training/README.md)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .images import ImageArray, data_array, embedded_accuracy_set

FACTOR = 4
"""Images of 8 x 8 become 32 x 32."""
FULL = 16
"""White, in the files of the data set."""
TRAINING = "digits_training.npz"


def upscale(images: npt.NDArray[np.floating | np.integer], factor: int = FACTOR) -> ImageArray:
    """Bilinear upscaling (half-pixel centres, clamped edges) in exact integer arithmetic, half rounds up."""
    size, unit = images.shape[1], 2 * factor
    position = 2 * np.arange(size * factor) + 1 - factor  # source coordinate in 1 / unit pixels
    low, weight = np.divmod(position, unit)
    matrix, rows = np.zeros((size * factor, size), np.int64), np.arange(size * factor)
    np.add.at(matrix, (rows, np.clip(low, 0, size - 1)), unit - weight)
    np.add.at(matrix, (rows, np.clip(low + 1, 0, size - 1)), weight)
    total = matrix @ images.astype(np.int64) @ matrix.T
    return np.asarray(((total + unit**2 // 2) // unit**2).astype(np.uint8))


def to_pixels(raw: npt.NDArray[np.floating | np.integer]) -> ImageArray:
    """Images [N, 8, 8] of 0..16 as uint8 [N, 32, 32]."""
    return upscale(np.floor(raw * 255.0 / FULL + 0.5))


def digits(split: str) -> tuple[ImageArray, npt.NDArray[np.int64]]:
    """Images, uint8 [N, 32, 32, 1], and labels, int64 [N], of ``train`` (1,257), ``val`` (180) or ``test`` (360)."""
    if split == "test":
        return embedded_accuracy_set()
    images, labels = (data_array(f"{split}_{what}", TRAINING) for what in ("images", "labels"))
    return to_pixels(images)[..., None], labels.astype(np.int64)
