"""What our own quantised ONNX says beside its graph: one entry of ``metadata_props``, JSON, written and read here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

METADATA_KEY = "fpga_squeeze"


@dataclass(frozen=True)
class OwnMetadata:
    """What our own export wrote beside the graph; empty for files from elsewhere.

    ``inexact`` are the reasons why float32 might round differently when the file is run, for whoever reads the file;
    ``types`` are (bits, signed) of the image and of each layer.
    """

    name: str = ""
    layers: tuple[str, ...] = ()
    weight_bits: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    bgr: bool = False
    notes: tuple[str, ...] = ()
    calibration: tuple[str, ...] = ()
    inexact: tuple[str, ...] = ()
    types: tuple[tuple[int, bool], ...] = ()


def write_metadata(own: OwnMetadata) -> str:
    """The entry's text."""
    return json.dumps(asdict(own))


def read_metadata(text: str) -> OwnMetadata:
    """The inverse of :func:`write_metadata`; raises ValueError, KeyError or TypeError for a damaged text."""
    data = json.loads(text)
    return OwnMetadata(
        str(data["name"]),
        tuple(str(v) for v in data["layers"]),
        tuple(int(v) for v in data["weight_bits"]),
        tuple(float(v) for v in data["mean"]),
        tuple(float(v) for v in data["std"]),
        bool(data["bgr"]),
        tuple(str(v) for v in data["notes"]),
        tuple(str(v) for v in data.get("calibration", ())),
        tuple(str(v) for v in data.get("inexact", ())),
        tuple((int(bits), bool(signed)) for bits, signed in data.get("types", ())),
    )
