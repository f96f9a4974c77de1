"""Files of Intel's Neural Compressor for ONNX, made by the tool itself, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from quantised_files import compare

from fpga_squeeze.datasets.images import embedded_calibration, embedded_images, embedded_model_path
from fpga_squeeze.export.float_onnx import to_onnx
from fpga_squeeze.frontend import read_model
from fpga_squeeze.network.graph import FloatModel
from fpga_squeeze.network.integers import QModel

pytest.importorskip(
    "onnx_neural_compressor",
    reason="not here: pip install onnx-neural-compressor prettytable py-cpuinfo transformers",
)
from onnx_neural_compressor import data_reader  # noqa: E402
from onnx_neural_compressor.quantization import QuantFormat, config, quantize  # noqa: E402


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
@pytest.mark.parametrize("per_channel", [False, True])
def test_integers_are_those_of_onnxruntime(tmp_path: Path, form: QuantFormat, per_channel: bool) -> None:
    model = read_model(embedded_model_path())
    assert isinstance(model, FloatModel)
    source, path = tmp_path / "float.onnx", tmp_path / "q.onnx"
    proto = to_onnx(model)
    onnx.save(proto, source)
    name, images = proto.graph.input[0].name, embedded_calibration()[:16].transpose(0, 3, 1, 2)

    class Reader(data_reader.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rewind()

        def rewind(self) -> None:
            self.frames = iter(images.astype(np.float32))

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self.frames, None)
            return None if image is None else {name: image[None]}

    options = config.StaticQuantConfig(
        calibration_data_reader=Reader(), quant_format=form, per_channel=per_channel
    )
    quantize(str(source), str(path), options)
    q = read_model(path)
    assert isinstance(q, QModel) and any(conv.scaled for conv in q.convs)
    found = compare(q, path, embedded_images()[0][:8])
    assert len(found.tensors) == len(q.layers) and found.largest <= 1 and found.differ <= 1e-4 * found.values
