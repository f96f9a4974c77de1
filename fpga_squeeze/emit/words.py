"""Row words of streams as bytes in files, to tensors and back; beats of images; what a test bench compares with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..network import golden
from ..network.fixed_point import IntArray
from ..network.graph import IMAGE
from ..network.integers import QModel
from ..planning.plan import Plan
from ..planning.streams import BEAT_BYTES, Stream, frame_beats


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


def encode_words(pixels: IntArray, stream: Stream) -> bytes:
    """Pixels [words, width] as words of a stream, each ceil(word_bits / 8) little-endian bytes."""
    bits = stream.type.bits
    planes = ((pixels[:, :, None] >> np.arange(bits)) & 1).astype(np.uint8)
    return np.packbits(planes.reshape(len(pixels), -1), axis=1, bitorder="little").tobytes()


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


def stream_tensor(
    model: QModel, stream: Stream, tensors: Mapping[str, IntArray], images: npt.NDArray[np.uint8]
) -> IntArray:
    """What a stream carries, int64 [N, C, H, W]: of what golden gives for the uint8 ``images`` [N, H, W, C]."""
    whole = np.concatenate(
        [
            np.stack([golden.image_integers(model, image) for image in images]).astype(np.int64)
            if name == IMAGE
            else tensors[name]
            for name in stream.tensors
        ],
        axis=1,
    )
    return whole[:, stream.first : stream.first + stream.type.shape.channels]


def write_beats(images: npt.NDArray[Any], path: Path) -> None:
    """Write uint8 images [N, H, W, C] as beats, each frame padded with zeros to whole beats."""
    size = BEAT_BYTES * frame_beats(images[0].size)
    flat = np.zeros((len(images), size), dtype=np.uint8)
    flat[:, : images[0].size] = images.reshape(len(images), -1)
    path.write_bytes(flat.tobytes())


def write_test_data(
    plan: Plan, tensors: Mapping[str, IntArray], images: npt.NDArray[np.uint8], folder: Path
) -> None:
    """Write what the emitted test bench reads and compares.

    That is ``images.bin`` and a file of words per stream and for the logits. ``tensors`` are the arrays of
    :func:`fpga_squeeze.network.golden.run`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_beats(images, folder / "images.bin")
    for stream in plan.streams:
        words = tensor_to_words(stream_tensor(plan.model, stream, tensors, images), stream)
        (folder / f"{stream.name}.bin").write_bytes(encode_words(words, stream))
    (folder / "logits.bin").write_bytes(tensors["logits"].astype("<i4").tobytes())
