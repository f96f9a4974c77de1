"""Quantised ONNX files made by onnxruntime's own quantiser, and its integers to compare golden's with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from fpga_squeeze.export.float_onnx import to_onnx
from fpga_squeeze.flow.agreement import as_type
from fpga_squeeze.network.golden import forward, image_integers
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


def ort_tensors(path: Path, names: list[str], x: np.ndarray, fused: bool = False) -> list[np.ndarray]:
    """The tensors so named for float inputs ``x``; ``fused`` lets onnxruntime run its integer kernels."""
    proto = onnx.load(path)
    given = {value.name for value in (*proto.graph.output, *proto.graph.input)}
    for name in names:
        if name not in given:
            proto.graph.output.append(onnx.ValueInfoProto(name=name))
    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if fused else level.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    frames = [session.run(names, {source: one[None]}) for one in x]
    return [np.concatenate(values) for values in zip(*frames, strict=True)]


@dataclass
class Compared:
    """Values that differ between golden and onnxruntime, each layer on onnxruntime's own inputs."""

    values: int = 0
    differing: int = 0
    largest: int = 0
    layers: int = 0


def compare(
    model: QModel, path: Path, images: np.ndarray, preprocess: Preprocess | None = None, fused: bool = False
) -> Compared:
    """Every layer that the file has integers of, on the integers that onnxruntime gives it."""
    types, names = model.types, list(model.tensors)
    found = ort_tensors(path, list(model.tensors.values()), float_input(images, preprocess), fused)
    known = {
        name: np.stack([as_type(one, types[name]) for one in ints])
        for name, ints in zip(names, found, strict=True)
    }
    out = Compared()
    if IMAGE in known:
        for image, ints in zip(images, known[IMAGE], strict=True):
            pre = preprocess or Preprocess()
            swapped = ints[::-1] if pre.bgr else ints
            assert np.array_equal(image_integers(model, image), swapped), "the image's integers differ"
        if preprocess and preprocess.bgr:
            known[IMAGE] = known[IMAGE][:, ::-1]
    for i in range(len(images)):
        values = {IMAGE: image_integers(model, images[i])} | {
            n: v[i].astype(np.float32) for n, v in known.items()
        }
        for layer in model.layers:
            y = forward(layer, [values[name] for name in layer.inputs])
            if layer.name in known:
                off = np.abs(y.astype(np.int64) - known[layer.name][i].reshape(y.shape))
                out.values += off.size
                out.differing += int(np.count_nonzero(off))
                out.largest = max(out.largest, int(off.max(initial=0)))
                out.layers += i == 0
            else:
                values[layer.name] = y
    return out
