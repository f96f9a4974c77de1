"""Readers: a model file becomes a typed chain of layers."""

from __future__ import annotations

from pathlib import Path

from ..graph import FloatModel, QModel


def read_model(path: str | Path) -> FloatModel | QModel:
    """Read a model file: float ONNX gives a FloatModel, quantised (QDQ) ONNX a QModel.

    Raises FpgaSqueezeError, in one line that names file, node and reason, for anything that cannot be
    represented.
    """
    from .onnx_model import read_onnx  # imported here: onnx takes a while to load

    return read_onnx(path)
