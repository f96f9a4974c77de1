"""Reads the file in which Deep Compression released SqueezeNet v1.0: shared weights, zero runs, nothing dense.

Layout, little endian: uint32 symbols[26]; then for each convolution in network order float32 codebook[256] (entry 0
is zero), float32 bias[outputs], uint8 code[symbols], uint8 run[ceil(symbols / 2)] (two 4-bit runs a byte, the low one
first). A symbol skips ``run`` weights of the layer, flattened as [O, I, K, K], and sets the next to codebook[code];
a longer run is carried by fillers of run 15 and code 0. The file has no names and no shapes: it is always this network.
Source: github.com/songhan/SqueezeNet-Deep-Compression, decode.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import FpgaSqueezeError
from ..network.graph import IMAGE, AvgPool, Concat, Conv, FloatArray, FloatModel, Layer, MaxPool, Shape
from ..zoo.squeezenet import FIRES, POOLED
from .build import EXPAND1X1, EXPAND3X3, SQUEEZE
from .names import Namer

SUFFIX = ".net"
INPUT = Shape(3, 227, 227)
CLASSES = 1000
ENTRIES, MAX_RUN = 256, 15
ADVICE = "the file is damaged; get it again"


def stored_bytes(outputs: int, symbols: int) -> int:
    """Bytes of a layer: codebook, biases, codes and runs."""
    return 4 * ENTRIES + 4 * outputs + symbols + (symbols + 1) // 2


@dataclass(frozen=True)
class StoredConv:
    """Where one convolution of the network stands: its name, weight shape [O, I, K, K], stride and padding."""

    name: str
    shape: tuple[int, int, int, int]
    stride: int = 1
    pad: int = 0

    @property
    def weights(self) -> int:
        return int(np.prod(self.shape))

    def size(self, symbols: int) -> int:
        """Bytes in the file of a layer with so many symbols."""
        return stored_bytes(self.shape[0], symbols)


def _network() -> Iterator[StoredConv]:
    yield StoredConv("conv1", (96, 3, 7, 7), stride=2)
    channels = 96
    for stage, (squeeze, expand) in FIRES.items():
        yield StoredConv(f"fire{stage}{SQUEEZE}", (squeeze, channels, 1, 1))
        yield StoredConv(f"fire{stage}{EXPAND1X1}", (expand, squeeze, 1, 1))
        yield StoredConv(f"fire{stage}{EXPAND3X3}", (expand, squeeze, 3, 3), pad=1)
        channels = 2 * expand
    yield StoredConv("conv10", (CLASSES, channels, 1, 1), pad=1)


CONVS = tuple(_network())
HEADER = 4 * len(CONVS)


def is_deep_compression(path: Path) -> bool:
    """Whether ``path`` is meant to be such a file: by its ending, or because its counts give just its size."""
    if path.suffix.lower() == SUFFIX:
        return True
    try:
        with path.open("rb") as file:
            head, size = file.read(HEADER), os.fstat(file.fileno()).st_size
    except OSError:
        return False
    return len(head) == HEADER and size == _expected_size(np.frombuffer(head, "<u4"))


def read_deep_compression(path: str | Path) -> FloatModel:
    """The float network in a Deep-Compression file, pruned weights exactly zero.

    Raises FpgaSqueezeError, in one line that names file and layer, for a file that is cut short, too long or damaged.
    """
    path = Path(path)
    data = _read(path)
    if len(data) < HEADER:
        raise FpgaSqueezeError(
            f"{path}: {len(data)} bytes are too few for a Deep-Compression SqueezeNet, whose header has {HEADER}; "
            "get the file again"
        )
    counts = np.frombuffer(data, "<u4", len(CONVS))
    for stored, count in zip(CONVS, counts, strict=True):
        if not 1 <= count <= stored.weights:
            raise FpgaSqueezeError(
                f"{path}: layer {stored.name}: says it stores {count} symbols, it has {stored.weights} weights; "
                "give a Deep-Compression SqueezeNet v1.0, or get the file again"
            )
    convs, at = {}, HEADER
    for stored, count in zip(CONVS, map(int, counts), strict=True):
        size = stored.size(count)
        if at + size > len(data):
            raise FpgaSqueezeError(
                f"{path}: layer {stored.name}: the file ends at byte {len(data)} of {_expected_size(counts)}, "
                f"{at + size - len(data)} bytes before the layer does; get the file again"
            )
        convs[stored.name] = _conv(path, stored, data[at : at + size], count)
        at += size
    if at != len(data):
        raise FpgaSqueezeError(
            f"{path}: {len(data) - at} bytes follow its last layer, {CONVS[-1].name}; get the file again"
        )
    return FloatModel(Namer().take(path.stem, "model"), INPUT, tuple(_layers(convs)), str(path))


def _expected_size(counts: npt.NDArray[np.uint32]) -> int:
    return HEADER + sum(stored.size(int(n)) for stored, n in zip(CONVS, counts, strict=True))


def _read(path: Path) -> bytes:
    advice = f"give a model exported to ONNX or a Deep-Compression {SUFFIX} file"
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FpgaSqueezeError(f"{path}: no such file; {advice}") from error
    except IsADirectoryError as error:
        raise FpgaSqueezeError(f"{path}: is a folder; {advice}") from error
    except OSError as error:
        raise FpgaSqueezeError(f"{path}: cannot be read: {error.strerror or error}") from error


def _conv(path: Path, stored: StoredConv, data: bytes, count: int) -> Conv:
    """One layer from its bytes."""

    def bad(reason: str) -> FpgaSqueezeError:
        return FpgaSqueezeError(f"{path}: layer {stored.name}: {reason}; {ADVICE}")

    outputs = stored.shape[0]
    codebook = np.frombuffer(data, "<f4", ENTRIES)
    bias = np.frombuffer(data, "<f4", outputs, 4 * ENTRIES)
    for what, values in (("codebook", codebook), ("bias", bias)):
        if not np.isfinite(values).all():
            raise bad(f"its {what} holds NaN or infinity at {int(np.argmin(np.isfinite(values)))}")
    if codebook[0] != 0:
        raise bad(f"entry 0 of its codebook is {codebook[0]:g}, it stands for zero")
    code = np.frombuffer(data, np.uint8, count, 4 * (ENTRIES + outputs))
    packed = np.frombuffer(data, np.uint8, offset=4 * (ENTRIES + outputs) + count)
    runs = np.stack([packed & MAX_RUN, packed >> 4], axis=1).reshape(-1)
    if runs[count:].any():
        raise bad("the half byte behind its last run is not zero")
    place = np.cumsum(runs[:count].astype(np.int64) + 1) - 1
    if place[-1] >= stored.weights:
        late = int(np.argmax(place >= stored.weights))
        raise bad(f"symbol {late} of {count} would set weight {place[late]} of {stored.weights}")
    return _float_conv(stored, place, codebook.astype(np.float64)[code], bias.astype(np.float64))


def _float_conv(
    stored: StoredConv, place: npt.NDArray[np.int64], values: FloatArray, bias: FloatArray
) -> Conv:
    weight = np.zeros(stored.weights)
    weight[place] = values
    pads = (stored.pad,) * 4
    return Conv(stored.name, (IMAGE,), weight.reshape(stored.shape), bias, stored.stride, pads, relu=True)


def _layers(convs: dict[str, Conv]) -> Iterator[Layer]:
    """SqueezeNet v1.0 as Caffe has it: pools in ceil mode, ReLU behind every convolution."""
    yield convs["conv1"]
    yield MaxPool("pool1", ("conv1",), (3, 3), 2, (0, 0, 0, 0), True)
    at = "pool1"
    for stage in FIRES:
        name = f"fire{stage}"
        yield replace(convs[name + SQUEEZE], inputs=(at,))
        for part in (EXPAND1X1, EXPAND3X3):
            yield replace(convs[name + part], inputs=(name + SQUEEZE,))
        yield Concat(name, (name + EXPAND1X1, name + EXPAND3X3))
        at = name
        if stage in POOLED["1.0"]:
            at = f"pool{stage}"
            yield MaxPool(at, (name,), (3, 3), 2, (0, 0, 0, 0), True)
    yield replace(convs["conv10"], inputs=(at,))
    yield AvgPool("pool10", ("conv10",), (15, 15), 1, (0, 0, 0, 0))
