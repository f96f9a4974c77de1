"""onnxruntime on our QDQ export: the same integers from code no one here wrote."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from ..errors import FpgaSqueezeError
from ..export.qdq import inexact, to_qdq
from ..network.fixed_point import IntArray
from ..network.golden import check_images
from ..network.integers import QModel, TensorType


def ort_integers(model: QModel, images: npt.NDArray[np.uint8]) -> dict[str, IntArray]:
    """Integers of every layer from onnxruntime: the keys, shapes and dtype of ``golden.run``.

    Raises FpgaSqueezeError where equality is not proven, or where the float logits of the file are not
    exactly the integers times their scale.
    """
    reasons = inexact(model)
    if reasons:
        raise FpgaSqueezeError(f"onnxruntime is no exact oracle for this model: {'; '.join(reasons)}")
    check_images(model, images)
    outputs: dict[str, tuple[str, TensorType]] = {}
    for layer in model.layers:
        outputs[layer.name] = (f"{layer.name}_q", layer.output)
    values = run_qdq(model, images, list(outputs.values()))
    out = {name: value.astype(np.int64) for name, value in zip(outputs, values[:-1], strict=True)}
    out["logits"] = out[model.layers[-1].name].reshape(len(images), -1)
    if not np.array_equal(values[-1], np.ldexp(out["logits"].astype(np.float64), -model.output.frac)):
        raise FpgaSqueezeError("the QDQ export's float logits are not its integers times their scale")
    return out


def run_qdq(
    model: QModel, images: npt.NDArray[np.uint8], tensors: list[tuple[str, TensorType]]
) -> list[npt.NDArray[Any]]:
    """Run the export without graph optimisations: the integer ``tensors`` and, last, the float logits."""
    try:
        ort: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise FpgaSqueezeError("onnxruntime is missing; install it with: pip install onnxruntime") from error
    proto = to_qdq(model)
    for name, t in tensors:
        elem = {
            (8, False): TensorProto.UINT8,
            (8, True): TensorProto.INT8,
            (16, False): TensorProto.UINT16,
            (16, True): TensorProto.INT16,
        }[(8 if t.bits <= 8 else 16, t.signed)]
        proto.graph.output.append(helper.make_tensor_value_info(name, elem, None))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [name for name, _ in tensors] + ["logits"]
    frames = []
    for image in images:
        pixels = image.transpose(2, 0, 1)[None].astype(np.float64)
        if model.pixels is None:  # a pixel is an integer of the model's input
            pixels = (pixels - model.input.zero) * model.input.scale
        frames.append(session.run(names, {"pixels": pixels.astype(np.float32)}))
    return [np.concatenate(values) for values in zip(*frames, strict=True)]
