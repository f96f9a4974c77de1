"""What a model file is to this tool: every node and what became of it, every layer with its numbers, every reason why
it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import assert_never

from ..frontend import is_onnx
from ..network.fixed_point import int_name
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool, Shape
from ..network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from ..planning.fuse import fuse
from ..planning.order import EngineLayer
from .sources import DEFAULTS, QuantizeOptions, read

if TYPE_CHECKING:  # onnx takes a while to load
    from ..frontend.trace import NodeRole, Trace


@dataclass(frozen=True)
class Weights:
    """Weights of a convolution: smallest and largest, as integers where the file has such, and the share of zeros.

    scale   smallest and largest scale of a channel; empty for float weights
    """

    bits: int | None
    low: float
    high: float
    zeros: float
    scale: tuple[float, ...] = ()


@dataclass(frozen=True)
class LayerReport:
    """A layer: the kernel that computes it, shape and type of what it gives, its weights, how its sums are rounded.

    type     integer type in words; empty for a float layer
    rounding shifts to the right, or the width of multipliers and the shift; empty where nothing is rounded
    """

    name: str
    kind: str
    kernel: str
    inputs: tuple[str, ...]
    shape: str
    type: str = ""
    bits: int | None = None
    signed: bool | None = None
    scale: float | None = None
    zero: int | None = None
    limits: tuple[int, int] | None = None
    weights: Weights | None = None
    rounding: str = ""
    macs: int = 0


@dataclass(frozen=True)
class Inspection:
    """A file: ``kind`` float, quantised, or refused; ``reasons`` (node, what is wrong) are empty unless refused."""

    path: str
    kind: str
    image: str
    input: str
    nodes: tuple[NodeRole, ...]
    layers: tuple[LayerReport, ...]
    reasons: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def supported(self) -> bool:
        return not self.reasons

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"supported": self.supported}


def inspect(path: str | Path, options: QuantizeOptions = DEFAULTS) -> Inspection:
    """Look at a model file; of ``options`` preprocessing, input shape and output tensor count.

    Raises FpgaSqueezeError only where it cannot be read at all.
    """
    trace = _trace(Path(path), options)
    kind, source = "refused", str(trace.input)
    layers: tuple[LayerReport, ...] = ()
    notes: tuple[str, ...] = ()
    match trace.model:
        case QModel() as model:
            pixels = "" if model.pixels is None else ", pixels through a table of 256 values a channel"
            kind, layers, notes = "quantised", layers_of(model), model.notes
            source = f"{model.input.shape}, {_type(model.input)}{pixels}"
        case FloatModel() as model:
            kind, layers, notes = "float", _float_layers(model), model.notes
            source = str(model.input_shape)
        case None:
            pass
        case _:
            assert_never(trace.model)
    return Inspection(str(path), kind, trace.image, source, trace.nodes, layers, trace.reasons, notes)


def _trace(path: Path, options: QuantizeOptions) -> Trace:
    """What was done with the nodes of a file; other formats than ONNX tell no nodes."""
    from ..frontend.trace import Trace, trace_onnx

    if is_onnx(path):
        return trace_onnx(path, options.input_shape, options.output_tensor, options.before_file)
    model = read(path, options)
    shape = model.input.shape if isinstance(model, QModel) else model.input_shape
    return Trace(IMAGE, shape, (), model, ())


def _type(t: TensorType) -> str:
    return f"{int_name(t.bits, t.signed)} * {t.scale_text}"


def kernels_of(model: QModel) -> dict[str, str]:
    """The kernel that computes each layer."""
    out: dict[str, str] = {}
    for node in fuse(model):
        if isinstance(node.body, EngineLayer):
            out |= {conv.name: node.name for conv in node.body.convs}
        out |= dict.fromkeys(node.tensors, node.name)
    return out


def layers_of(model: QModel) -> tuple[LayerReport, ...]:
    """Every layer of an integer network, with its numbers."""
    kernels = kernels_of(model)
    return tuple(_integer_layer(layer, kernels.get(layer.name, layer.name)) for layer in model.layers)


def _integer_layer(layer: QLayer, kernel: str) -> LayerReport:
    t = layer.output
    weights, rounding, limits, macs = None, "", None, 0
    match layer:
        case QConv():
            kind = f"Conv {_window(layer.kernel, layer.stride)}"
            ints, scale = layer.weight, layer.weight_scale
            weights = Weights(
                layer.weight_bits, int(ints.min()), int(ints.max()), float(np.mean(ints == 0)),
                (float(scale.min()), float(scale.max())),
            )  # fmt: skip
            limits, macs = layer.limits, ints.size * t.shape.height * t.shape.width
            rounding = _shifts(layer.shift)
            if layer.scaled:
                m, right = layer.multiplier
                rounding = f"* {int(m.max()).bit_length()} bits >> {right}"
        case QMaxPool():
            kind = f"MaxPool {_window(layer.kernel, layer.stride)}"
        case QAvgPool():
            kind = f"AvgPool {_window(layer.kernel, layer.stride)}"
            rounding = f"/ {layer.count}"
            if layer.total:
                rounding = "sums as they are"
            elif layer.scaled:
                factor, right = layer.multiplier
                rounding = f"* {factor.bit_length()} bits >> {right}"
        case QAdd():
            kind, limits = "Add", layer.limits
            left, right, _, shift = layer.terms
            rounding = f"* {left}, * {right} >> {shift}"
        case QConcat():
            kind = "Concat"
            count = sum(table is not None for table in layer.tables)
            rounding = f"{count} of {len(layer.tables)} by table" if count else ""
        case _:
            assert_never(layer)
    return LayerReport(
        layer.name, kind, kernel, layer.inputs, str(t.shape), _type(t), t.bits, t.signed, t.scale, t.zero,
        limits, weights, rounding, macs,
    )  # fmt: skip


def _shifts(shift: np.ndarray) -> str:
    low, high = int(shift.min()), int(shift.max())
    return f">> {low}" if low == high else f">> {low} to {high}"


def _window(kernel: tuple[int, int], stride: int) -> str:
    return f"{kernel[0]}x{kernel[1]}" + (f" / {stride}" if stride > 1 else "")


def _float_layers(model: FloatModel) -> tuple[LayerReport, ...]:
    kernels, shapes = kernels_of(structure(model)), model.shapes()
    return tuple(_float_layer(layer, kernels.get(layer.name, layer.name), shapes) for layer in model.layers)


def _float_layer(layer: Layer, kernel: str, shapes: Mapping[str, Shape]) -> LayerReport:
    weights, macs, shape = None, 0, shapes[layer.name]
    match layer:
        case Conv():
            kind, w = f"Conv {_window(layer.kernel, layer.stride)}", layer.weight
            weights = Weights(None, float(w.min()), float(w.max()), float(np.mean(w == 0)))
            macs = w.size * shape.height * shape.width
        case MaxPool():
            kind = f"MaxPool {_window(layer.kernel, layer.stride)}"
        case AvgPool():
            kind = f"AvgPool {_window(layer.kernel, layer.stride)}"
        case Add():
            kind = "Add"
        case Concat():
            kind = "Concat"
        case _:
            assert_never(layer)
    return LayerReport(layer.name, kind, kernel, layer.inputs, str(shape), weights=weights, macs=macs)


def structure(model: FloatModel) -> QModel:
    """The layers of a float network as integer ones without numbers: what decides which of them share a kernel."""
    types = {name: TensorType(shape, 8, False, 0) for name, shape in model.shapes().items()}
    layers: list[QLayer] = []
    for layer in model.layers:
        x, y = types[layer.inputs[0]], types[layer.name]
        match layer:
            case Conv():
                none = np.zeros(y.shape.channels, dtype=np.int64)
                zeros = np.zeros(layer.weight.shape, dtype=np.int64)
                pad = np.zeros(x.shape.channels, dtype=np.int64)
                place = (layer.stride, layer.pads, layer.relu, pad)
                layers.append(QConv(layer.name, layer.inputs, zeros, 8, none, none, *place, x, y))
            case MaxPool():
                k, s, pads = layer.kernel, layer.stride, layer.pads
                layers.append(QMaxPool(layer.name, layer.inputs, k, s, pads, layer.ceil, x, y))
            case AvgPool():
                k, s, pads = layer.kernel, layer.stride, layer.pads
                layers.append(QAvgPool(layer.name, layer.inputs, k, s, pads, x, y))
            case Add():
                layers.append(QAdd(layer.name, layer.inputs, (x, types[layer.inputs[1]]), layer.relu, y))
            case Concat():
                layers.append(QConcat(layer.name, layer.inputs, tuple(types[n] for n in layer.inputs), y))
            case _:
                assert_never(layer)
    return QModel(model.name, types[IMAGE], tuple(layers))
