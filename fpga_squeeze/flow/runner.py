"""Images through onnxruntime: any ONNX file, fed in the type and the order that it asks for."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..datasets.images import ImageArray
from ..errors import FpgaSqueezeError
from ..network.graph import Preprocess, Shape
from ..network.metadata import METADATA_KEY
from ..network.reference import channel_statistics, network_input

if TYPE_CHECKING:  # it takes a while to load
    import onnx

Run = Callable[[ImageArray], npt.NDArray[Any]]
"""uint8 [N, H, W, C] to logits, float64 [N, classes]."""
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
"""What an input may ask for; NumPy has no bfloat16."""


def has_onnxruntime() -> bool:
    """Whether onnxruntime can be imported."""
    try:
        importlib.import_module("onnxruntime")
    except ImportError:
        return False
    return True


def onnx_runner(
    path: Path, shape: Shape, classes: int, preprocess: Preprocess
) -> tuple[str, contextlib.AbstractContextManager[Run]]:
    """(what the runner is called, the runner) of an ONNX file; our reader has no part in it.

    A quantised file is no "float" one. Of our own quantised files the preprocessing is in the file already. Raises
    FpgaSqueezeError for a file that is none, or as :func:`session_runner` does.
    """
    from ..frontend.onnx_load import load_proto

    proto = load_proto(path)
    quantised = any("Quant" in node.op_type or "QLinear" in node.op_type for node in proto.graph.node)
    run = session_runner(str(path), str(path), shape, classes, fed_preprocess(proto, preprocess))
    return "onnxruntime" if quantised else "float (onnxruntime)", contextlib.nullcontext(run)


def fed_preprocess(proto: onnx.ModelProto, preprocess: Preprocess) -> Preprocess:
    """What is done to pixels before an ONNX file: nothing where it is one of ours, which has it within."""
    own = any(entry.key == METADATA_KEY for entry in proto.metadata_props)
    return Preprocess() if own else preprocess


def session_runner(
    network: str | bytes, where: str, shape: Shape, classes: int, preprocess: Preprocess
) -> Run:
    """Runs ``network``, a path or a serialised model, one frame at a time, so that a fixed batch size of 1 will do.

    ``shape`` and ``classes`` are those of the model that it is compared with. Raises FpgaSqueezeError, naming
    ``where``, for another shape, or for what onnxruntime cannot run.
    """
    values = tensor_runner(network, where, shape, preprocess)

    def one(image: ImageArray) -> npt.NDArray[np.float64]:
        results = list(values(image).values())
        logits = next((result for result in results if np.size(result) == classes), None)
        if logits is None:
            given = "x".join(map(str, np.shape(results[0])[1:]))
            raise FpgaSqueezeError(
                f"{where}: its output is {given}, the quantised model has {classes} classes; give the float model it "
                "came from"
            )
        return np.asarray(logits, dtype=np.float64).reshape(-1)

    return lambda images: np.stack([one(image) for image in images])


def tensor_runner(
    network: str | bytes, where: str, shape: Shape, preprocess: Preprocess
) -> Callable[[ImageArray], dict[str, npt.NDArray[Any]]]:
    """Runs ``network`` on one image [H, W, C] and gives all its outputs by name; raises as :func:`session_runner`."""
    session, name, kind, last = _session(network, where, shape)
    statistics = channel_statistics(preprocess, shape.channels)
    names = [output.name for output in session.get_outputs()]

    def one(image: ImageArray) -> dict[str, npt.NDArray[Any]]:
        pixels = network_input(image, *statistics)
        with np.errstate(invalid="ignore"):
            fed = pixels.astype(kind)
        if np.issubdtype(kind, np.integer) and not np.array_equal(fed, pixels):
            raise FpgaSqueezeError(
                f"{where}: its input {name} is {fed.dtype}, but pixels are no such integers behind the quantised "
                "model's preprocessing; export it with a float32 input"
            )
        with _one_line(where):
            results = session.run(names, {name: (fed.transpose(1, 2, 0) if last else fed)[None]})
        return dict(zip(names, results, strict=True))

    return one


def _session(network: str | bytes, where: str, shape: Shape) -> tuple[Any, str, Any, bool]:
    """(a session, its input's name and NumPy type, whether that takes channels last)."""
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    # sums of products of 8 bits saturate at 16 on processors without VNNI; this keeps them exact
    options.add_session_config_entry("session.x64quantprecision", "1")
    with _one_line(where):
        session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    weights = {value.name for value in session.get_overridable_initializers()}  # inputs, too, in files of old
    inputs = [value for value in session.get_inputs() if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise FpgaSqueezeError(f"{where}: has {len(inputs)} inputs ({names}); one image input is supported")
    name, kind = inputs[0].name, TYPES.get(inputs[0].type)
    if kind is None:
        raise FpgaSqueezeError(
            f"{where}: its input {name} is {inputs[0].type}, which cannot be fed; export it with a float32 input"
        )
    last = _channels_last(where, inputs[0].shape, shape)
    black = np.zeros((shape.channels, shape.height, shape.width), kind)
    try:
        session.run(None, {name: (black.transpose(1, 2, 0) if last else black)[None]})
    except Exception:  # types of its own
        # 1.32 breaks channels' scales without a zero point by that setting; unoptimised it runs the file as written
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        with _one_line(where):
            session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return session, name, kind, last


@contextlib.contextmanager
def _one_line(where: str) -> Iterator[None]:
    """Turns whatever onnxruntime raises, types of its own for every kind of failure, into one line."""
    try:
        yield
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FpgaSqueezeError(f"{where}: onnxruntime cannot run it: {reason}") from error


def _channels_last(where: str, dims: list[int | str | None], shape: Shape) -> bool:
    """Whether an input of ``dims`` takes [N, H, W, C]; sizes that are free fit any."""
    first = [shape.channels, shape.height, shape.width]
    last = [shape.height, shape.width, shape.channels]

    def fits(wanted: list[int]) -> bool:
        return len(dims) == 4 and all(
            d == w or not isinstance(d, int) for d, w in zip(dims[1:], wanted, strict=True)
        )

    if not fits(first) and not fits(last):
        given = "x".join(str(d) for d in dims[1:])
        raise FpgaSqueezeError(
            f"{where}: its input is {given}, that of the quantised model {shape}; give the float model it came from"
        )
    return not fits(first)
