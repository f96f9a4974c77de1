"""Writes Caffe's two files for tests: a network as text, its weights by the schema of the reader."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fpga_squeeze.frontend.caffe_schema import net_parameter

Weights = Mapping[str, Sequence[np.ndarray]]


def write_weights(path: Path, weights: Weights, *, old: bool = False, double: bool = False) -> Path:
    """``old`` writes layers as V1LayerParameter, and blobs with num, channels, height and width."""
    net = net_parameter()()
    for name, arrays in weights.items():
        layer = (net.layers if old else net.layer).add(name=name)
        for array in arrays:
            blob = layer.blobs.add()
            if old:
                sizes = [1] * (4 - np.ndim(array)) + list(np.shape(array))
                for key, size in zip(("num", "channels", "height", "width"), sizes, strict=True):
                    setattr(blob, key, size)
            else:
                blob.shape.dim.extend(np.shape(array))
            values = np.ravel(array).tolist()
            (blob.double_data if double else blob.data).extend(values)
    path.write_bytes(net.SerializeToString())
    return path


def layer(kind: str, name: str, bottom: str, top: str = "", body: str = "", old: bool = False) -> str:
    """One layer as text; ``bottom`` are names with spaces between, ``top`` is ``name`` unless given."""
    reads = " ".join(f'bottom: "{b}"' for b in bottom.split())
    gives = " ".join(f'top: "{t}"' for t in (top or name).split())
    if old:
        return f'layers {{ name: "{name}" type: {_old(kind)} {reads} {gives} {body} }}\n'
    return f'layer {{ name: "{name}" type: "{kind}" {reads} {gives} {body} }}\n'


def _old(kind: str) -> str:
    """The name of a type in V1LayerParameter."""
    return "RELU" if kind == "ReLU" else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).upper()


def conv(
    name: str, bottom: str, outputs: int, body: str = "kernel_size: 1", relu: bool = True, **more: Any
) -> str:
    """A convolution, and a ReLU in place behind it."""
    text = layer(
        "Convolution", name, bottom, "", f"convolution_param {{ num_output: {outputs} {body} }}", **more
    )
    return text + (layer("ReLU", f"relu_{name}", name, name, **more) if relu else "")


def pool(name: str, bottom: str, body: str, **more: Any) -> str:
    return layer("Pooling", name, bottom, "", f"pooling_param {{ {body} }}", **more)


INPUT = 'input: "data" input_shape {{ dim: 10 dim: {0} dim: {1} dim: {2} }}\n'
