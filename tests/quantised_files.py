"""Quantised ONNX files made by onnxruntime's own quantiser, and its integers to compare golden's with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from fpga_squeeze.export.float_onnx import to_onnx
from fpga_squeeze.flow.agreement import Agreement, against
from fpga_squeeze.network.graph import IMAGE, FloatModel, Preprocess
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.network.reference import channel_statistics, network_input

U8, S8, U16, S16 = QuantType.QUInt8, QuantType.QInt8, QuantType.QUInt16, QuantType.QInt16
U4, S4 = QuantType.QUInt4, QuantType.QInt4
QDQ, QOPERATOR = QuantFormat.QDQ, QuantFormat.QOperator


def float_input(images: np.ndarray, preprocess: Preprocess | None = None) -> np.ndarray:
    """float32 [N, C, H, W] that a network eats of uint8 images [N, H, W, C]."""
    statistics = channel_statistics(preprocess or Preprocess(), images.shape[-1])
    return np.stack([network_input(image, *statistics) for image in images])


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, x: np.ndarray) -> None:
        self.frames: Iterator[dict[str, np.ndarray]] = iter([{name: one[None]} for one in x])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.frames, None)


def quantised_file(
    path: Path,
    model: FloatModel | onnx.ModelProto,
    images: np.ndarray,
    *,
    preprocess: Preprocess | None = None,
    form: QuantFormat = QDQ,
    activations: QuantType = U8,
    weights: QuantType = S8,
    **options: Any,
) -> Path:
    """``model`` quantised by onnxruntime on uint8 images [N, H, W, C]; ``options`` are those of ``quantize_static``."""
    proto = to_onnx(model) if isinstance(model, FloatModel) else model
    source = path.with_name(f"{path.stem}_float.onnx")
    onnx.save(proto, source)
    reader = _Reader(proto.graph.input[0].name, float_input(images, preprocess))
    quantize_static(
        source,
        path,
        reader,
        quant_format=form,
        activation_type=activations,
        weight_type=weights,
        **options,
    )
    return path


Tensors = dict[str, np.ndarray]


def _runner(path: Path, names: Iterable[str], fused: bool) -> Callable[[np.ndarray], Tensors]:
    """onnxruntime on a float frame [1, C, H, W]: the tensors so named."""
    proto, names = onnx.load(path), list(names)
    given = {value.name for value in (*proto.graph.output, *proto.graph.input)}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in given)
    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if fused else level.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    return lambda frame: dict(zip(names, session.run(names, {source: frame}), strict=True))


def ort_tensors(path: Path, names: list[str], x: np.ndarray, fused: bool = False) -> list[np.ndarray]:
    """The tensors so named for float inputs ``x``; ``fused`` lets onnxruntime run its integer kernels."""
    run = _runner(path, names, fused)
    frames = [run(one[None]) for one in x]
    return [np.concatenate([frame[name] for frame in frames]) for name in names]


def compare(
    model: QModel, path: Path, images: np.ndarray, preprocess: Preprocess | None = None, fused: bool = False
) -> Agreement:
    """Every layer that the file has integers of, on those that onnxruntime gives it; the image's must be equal."""
    output = onnx.load(path).graph.output[0].name
    run = _runner(path, dict.fromkeys([output, *model.tensors.values()]), fused)
    bgr = preprocess is not None and preprocess.bgr
    found = against(model, lambda image: run(float_input(image[None], preprocess)), images, bgr)
    assert not any(t.differ for t in found.tensors if t.layer == IMAGE), "the image's integers differ"
    found.tensors = [t for t in found.tensors if t.layer != IMAGE]
    return found
