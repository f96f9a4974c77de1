"""Reads a torch module by exporting it to ONNX in a temporary file; torch is imported only when called."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Shape
from .exported import read_exported

OPSETS = {False: 17, True: 18}
"""Opset asked of the TorchScript exporter (False) and of the dynamo exporter (True)."""


def read_torch(module: Any, input_shape: Shape | Sequence[int], dynamo: bool | None = None) -> FloatModel:
    """The float network of a ``torch.nn.Module``, such as torchvision's SqueezeNet 1.0 and 1.1.

    ``input_shape`` is (channels, height, width) or a Shape. The module is exported in eval mode and left as it was.
    ``dynamo`` picks torch's exporter; None takes the TorchScript one, which needs no further package, and the
    other where torch has it no more or it fails. Layers are named conv1, pool1, fire2, ... in network order.
    Raises FpgaSqueezeError where torch or onnxscript is missing, or for a module that cannot be represented.
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise FpgaSqueezeError(f"{type(module).__name__}: is no torch.nn.Module; give the network itself")
    where = f"torch module {type(module).__name__}"
    shape = _shape(where, input_shape)
    modes = [(part, part.training) for part in module.modules()]
    name = "".join(c if c.isalnum() else "_" for c in type(module).__name__.lower()) or "model"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        try:
            module.eval()
            _export(torch, module, shape, path, dynamo, where)
        finally:
            for part, mode in modes:
                part.training = mode
        proto = onnx.load(path)
        for node in proto.graph.node:
            node.name = ""  # each exporter has its own; tensors still name the module in messages
    return read_exported(proto, name, where)


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise FpgaSqueezeError(
            "torch is missing; install it with: pip install 'fpga-squeeze[torch]', or give an ONNX file"
        ) from error


def _shape(where: str, given: Shape | Sequence[int]) -> Shape:
    values = (given.channels, given.height, given.width) if isinstance(given, Shape) else tuple(given)
    if len(values) != 3 or any(not isinstance(v, int | np.integer) or v < 1 for v in values):
        raise FpgaSqueezeError(
            f"{where}: input shape {list(values)}; give (channels, height, width), for example (3, 224, 224)"
        )
    return Shape(*(int(v) for v in values))


def _export(torch: Any, module: Any, shape: Shape, path: Path, dynamo: bool | None, where: str) -> None:
    """Write ``module`` to ``path`` with the exporter asked for, or the first that works."""
    first = next(module.parameters(), torch.zeros(()))
    example = torch.zeros(
        (1, shape.channels, shape.height, shape.width), dtype=first.dtype, device=first.device
    )
    known = inspect.signature(torch.onnx.export).parameters
    kinds = [False, True] if dynamo is None else [dynamo]
    reasons = []
    for kind in kinds:
        options = {"dynamo": kind, "external_data": False}
        options = {k: v for k, v in options.items() if k in known}
        with _quiet(), torch.no_grad():
            try:
                torch.onnx.export(
                    module, (example,), str(path), input_names=["image"], output_names=["logits"],
                    opset_version=OPSETS[kind], **options,
                )  # fmt: skip
                return
            except ImportError as error:
                missing = error.name or str(error)
                reasons.append(f"its exporter needs {missing}; install it with: pip install {missing}")
            except (
                Exception
            ) as error:  # the exporters raise whatever the module raised, and types of their own
                reasons.append(_reason(error))
    raise FpgaSqueezeError(f"{where}: torch cannot export it for an input of {shape}: {reasons[0]}")


def _reason(error: BaseException) -> str:
    """The first line of what an exporter failed at; dynamo wraps it in advice on how to report it."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()  # colours of a terminal
    return (text.splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' progress report, deprecation warnings and log lines: loggers of several packages, some of
    which print by themselves, tell a failure at length that is told in one line here."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(StringIO()),
            contextlib.redirect_stderr(StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
