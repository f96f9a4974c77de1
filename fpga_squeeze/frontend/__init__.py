"""Readers: a model file becomes a graph of typed layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Preprocess, Shape
from ..network.integers import QModel
from .deep_compression import is_deep_compression, read_deep_compression

CAFFE = (".caffemodel", ".prototxt")
__all__ = ["is_deep_compression", "is_onnx", "read_model", "read_torch"]


def is_caffe(path: str | Path) -> bool:
    """Whether the name says that a file is one of Caffe's two."""
    return Path(path).suffix.lower() in CAFFE


def is_onnx(path: str | Path) -> bool:
    """Whether ``path`` is taken for an ONNX file, whatever it holds."""
    return not (is_deep_compression(Path(path)) or is_caffe(path))


def read_model(
    path: str | Path,
    input_shape: Shape | None = None,
    output_tensor: str | None = None,
    preprocess: Preprocess | None = None,
) -> FloatModel | QModel:
    """Read a model file: float ONNX, a Deep-Compression file or Caffe's files give a FloatModel, quantised ONNX a
    QModel. Of Caffe's two files (``.caffemodel``, ``.prototxt``) the other lies beside the one given.

    ``input_shape`` fixes the sizes that an ONNX file leaves free, ``output_tensor`` names one of its several outputs.
    ``preprocess`` is what is done to a pixel before a quantised network, where its file does not say so; a float one
    is given it when it is quantised. Raises FpgaSqueezeError, in one line that names file, node and reason, for
    anything that cannot be represented.
    """
    if not is_onnx(path) and (input_shape is not None or output_tensor is not None):
        raise FpgaSqueezeError(
            f"{path}: is no ONNX file, whose fields input_shape and output_tensor these are; leave them out"
        )
    if is_deep_compression(Path(path)):
        return read_deep_compression(path)
    if is_caffe(path):
        from .caffe import read_caffe

        return read_caffe(path)
    from .onnx_model import read_onnx  # imported here: onnx takes a while to load

    return read_onnx(path, input_shape, output_tensor, preprocess)


def read_torch(module: Any, input_shape: Shape | Sequence[int], dynamo: bool | None = None) -> FloatModel:
    """The float network of a ``torch.nn.Module``; see :mod:`.torch_model`."""
    from .torch_model import read_torch as read

    return read(module, input_shape, dynamo)
