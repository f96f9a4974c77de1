"""Models of other libraries that become ONNX on the way to ours."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import onnx

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel
from ..network.integers import QModel
from .onnx_model import read_onnx


def read_exported(proto: onnx.ModelProto, name: str, where: str) -> FloatModel:
    """The float network in ``proto``, called ``name``; messages name ``where`` as the file it is from."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        onnx.save(proto, path)
        try:
            model = read_onnx(path)
        except FpgaSqueezeError as error:
            raise FpgaSqueezeError(str(error).replace(str(path), where)) from error
    if isinstance(model, QModel):
        raise FpgaSqueezeError(f"{where}: is quantised already; give the float network")
    return replace(model, source=where)
