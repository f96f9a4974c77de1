"""Caffe's two files: which belong together, what they hold, and the layers of the network as it is when it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from ..errors import FpgaSqueezeError
from .caffe_schema import net_parameter

WEIGHTS, NETWORK = ".caffemodel", ".prototxt"
TEST = 1
"""The phase in which a network is used (enum Phase)."""
OLD_TYPES = {
    "RELU": "ReLU",
    "LRN": "LRN",
    "MVN": "MVN",
    "BNLL": "BNLL",
    "TANH": "TanH",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "HDF5_DATA": "HDF5Data",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
}
"""Types of V1LayerParameter whose name today is more than its words in capitals."""


@dataclass(frozen=True, eq=False)
class CaffeLayer:
    """One layer of the network, ``parameters`` its message; ``blobs`` are its weights, None where the file has none."""

    name: str
    type: str
    parameters: Any
    blobs: list[Any] | None

    def __str__(self) -> str:
        return f"layer {self.name} ({self.type})"


@dataclass(frozen=True, eq=False)
class CaffeFile:
    """A network with its weights: ``net`` is the message of the ``.prototxt``, ``layers`` those that are used."""

    network: Path
    weights: Path
    net: Any
    layers: list[CaffeLayer]


def find_files(path: Path) -> tuple[Path, Path]:
    """(network, weights) of which ``path`` is one; the other lies beside it, with the same stem, as
    ``deploy.prototxt``, or as the only one there is. Raises FpgaSqueezeError where it is not found."""
    if not path.is_file():
        raise FpgaSqueezeError(f"{path}: no such file; give a {WEIGHTS} or {NETWORK} file of Caffe")
    own = path.suffix.lower()
    other, named = (NETWORK, ("deploy",)) if own == WEIGHTS else (WEIGHTS, ())
    beside = sorted(p for p in path.parent.iterdir() if p.suffix.lower() == other and p.is_file())
    for stem in (path.stem, *named):
        found = [p for p in beside if p.stem == stem] or beside
        if len(found) == 1:
            return (found[0], path) if own == WEIGHTS else (path, found[0])
    what = "network" if own == WEIGHTS else "weights"
    there = f"which of {', '.join(p.name for p in beside)} is its {what} cannot be told" if beside else ""
    raise FpgaSqueezeError(
        f"{path}: {there or f'there is no file with its {what} beside it'}; put {path.stem}{other} into the same folder"
    )


def read_files(path: Path) -> CaffeFile:
    """Both files of a network; raises FpgaSqueezeError, naming the file, for one that is damaged."""
    network, weights = find_files(path)
    net, stored = net_parameter()(), net_parameter()()
    try:
        text_format.Parse(network.read_text(encoding="utf-8"), net, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise FpgaSqueezeError(f"{network}: cannot be read as a network of Caffe: {error}") from error
    except OSError as error:
        raise FpgaSqueezeError(f"{network}: cannot be read: {error.strerror or error}") from error
    try:
        stored.ParseFromString(weights.read_bytes())
    except DecodeError as error:
        raise FpgaSqueezeError(
            f"{weights}: holds no weights of Caffe, or is truncated; copy it again"
        ) from error
    except OSError as error:
        raise FpgaSqueezeError(f"{weights}: cannot be read: {error.strerror or error}") from error
    blobs = {layer.name: list(layer.blobs) for layer in (*stored.layers, *stored.layer) if layer.blobs}
    layers = [_layer(x, blobs) for x in (*net.layers, *net.layer) if _used(x)]
    if not layers:
        raise FpgaSqueezeError(
            f"{network}: has no layers; give the network's own {NETWORK}, not the solver's"
        )
    if net.layers and net.layer:
        raise FpgaSqueezeError(f"{network}: has layers of both formats, layer and layers; leave those of one")
    if net.layers and any(x.HasField("layer") for x in net.layers):
        raise FpgaSqueezeError(
            f"{network}: is in the oldest format of Caffe (layer within layers); upgrade it with Caffe's own "
            "upgrade_net_proto_text"
        )
    return CaffeFile(network, weights, net, layers)


def _layer(message: Any, blobs: dict[str, list[Any]]) -> CaffeLayer:
    kind = message.type
    if not isinstance(kind, str):  # V1LayerParameter
        kind = message.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[kind].name
        kind = OLD_TYPES.get(kind) or "".join(word.capitalize() for word in kind.split("_"))
    return CaffeLayer(message.name, kind, message, blobs.get(message.name))


def _used(layer: Any) -> bool:
    """Whether a layer is there in the phase TEST, at level 0 and without stages."""

    def met(rules: Iterable[Any]) -> bool:
        return any(
            not (rule.HasField("phase") and rule.phase != TEST)
            and rule.min_level <= 0
            and not (rule.HasField("max_level") and rule.max_level < 0)
            and not rule.stage
            for rule in rules
        )

    return met(layer.include) if layer.include else not met(layer.exclude)


def numbers(blob: Any) -> npt.NDArray[np.floating]:
    """What a blob holds, float32 or float64, of its shape; raises ValueError where the two do not fit."""
    if blob.HasField("shape"):
        shape = list(blob.shape.dim)
    else:
        shape = [blob.num, blob.channels, blob.height, blob.width]
    array = np.array(blob.double_data, np.float64) if blob.double_data else np.array(blob.data, np.float32)
    if min(shape, default=1) < 0 or array.size != np.prod(shape, dtype=object):
        raise ValueError(f"{array.size:,} numbers of shape {shape}")
    return array.reshape(shape)
