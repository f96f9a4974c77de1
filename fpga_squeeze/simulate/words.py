"""Files of stream words to tensors and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..fixed_point import IntArray
from ..planning.plan import Stream


def decode_words(raw: bytes, stream: Stream) -> IntArray:
    """Words of a stream, each ceil(word_bits / 8) little-endian bytes -> pixels int64 [words, width]."""
    size = (stream.word_bits + 7) // 8
    count = len(raw) // size
    words = np.frombuffer(raw[: count * size], dtype=np.uint8).reshape(count, size)
    bits, width = stream.type.bits, stream.type.shape.width
    if bits in (8, 16):
        kind = np.dtype(f"{'<i' if stream.type.signed else '<u'}{bits // 8}")
        return words.view(kind).astype(np.int64)
    planes = np.unpackbits(words, axis=1, bitorder="little")[:, : width * bits].reshape(count, width, bits)
    pixels: IntArray = (planes.astype(np.int64) << np.arange(bits)).sum(axis=2)
    if stream.type.signed:
        pixels -= (pixels >> (bits - 1)) << bits
    return pixels


def words_to_tensor(pixels: IntArray, stream: Stream, frames: int) -> IntArray:
    """Pixels in stream order [frames * words, width] -> int64 [frames, C, H, W]."""
    shape = stream.type.shape
    order = np.array(list(stream.order()), dtype=np.int64)
    tensor = np.empty((frames, shape.channels, shape.height, shape.width), dtype=np.int64)
    tensor[:, order[:, 0], order[:, 1]] = pixels.reshape(frames, len(order), shape.width)
    return tensor


def tensor_to_words(tensor: IntArray, stream: Stream) -> IntArray:
    """The inverse of :func:`words_to_tensor`: int64 [N, C, H, W] -> pixels [N * words, width]."""
    order = np.array(list(stream.order()), dtype=np.int64)
    return tensor[:, order[:, 0], order[:, 1]].reshape(-1, stream.type.shape.width)


def frame_beats(images: npt.NDArray[np.uint8]) -> int:
    """64-bit AXI4-Stream beats of one image [.., H, W, C]."""
    return -(-int(np.prod(images.shape[1:])) // 8)


def write_beats(images: npt.NDArray[Any], path: Path) -> None:
    """Write uint8 images [N, H, W, C] as beats, each frame padded with zeros to whole beats."""
    size = frame_beats(images) * 8
    flat = np.zeros((len(images), size), dtype=np.uint8)
    flat[:, : images[0].size] = images.reshape(len(images), -1)
    path.write_bytes(flat.tobytes())
