"""Readers: a model file becomes a graph of typed layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..network.graph import FloatModel, QModel, Shape
from .deep_compression import is_deep_compression, read_deep_compression

__all__ = ["is_deep_compression", "is_onnx", "read_model", "read_torch"]


def is_onnx(path: str | Path) -> bool:
    """Whether ``path`` is taken for an ONNX file, whatever it holds."""
    return not is_deep_compression(Path(path))


def read_model(path: str | Path) -> FloatModel | QModel:
    """Read a model file: float ONNX or a Deep-Compression file gives a FloatModel, quantised (QDQ) ONNX a QModel.

    Raises FpgaSqueezeError, in one line that names file, node and reason, for anything that cannot be
    represented.
    """
    if is_deep_compression(Path(path)):
        return read_deep_compression(path)
    from .onnx_model import read_onnx  # imported here: onnx takes a while to load

    return read_onnx(path)


def read_torch(module: Any, input_shape: Shape | Sequence[int], dynamo: bool | None = None) -> FloatModel:
    """The float network of a ``torch.nn.Module``; see :mod:`.torch_model`."""
    from .torch_model import read_torch as read

    return read(module, input_shape, dynamo)
