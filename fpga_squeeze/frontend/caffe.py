"""Reads Caffe's networks: each layer becomes the ONNX nodes that compute the same, and these are read as any others.

What layers compute is that of Caffe 1.0 (github.com/BVLC/caffe, src/caffe/layers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Shape, conv_output_size
from .caffe_file import CaffeFile, CaffeLayer, numbers, read_files
from .exported import read_exported

OPSET = 17
ENDS = ("Accuracy", "ArgMax", "Silence")
"""Layers behind the logits, which are left out as losses are."""
DATA = ("Input", "Data", "ImageData", "MemoryData", "DummyData", "HDF5Data", "WindowData")
KNOWN = "Convolution, ReLU, Pooling, Concat, Eltwise, BatchNorm, Scale, Bias, InnerProduct, Dropout, Flatten, Softmax"
MOST_REASONS = 8


class _Refused(Exception):
    """Why a layer cannot be represented."""


def read_caffe(path: str | Path) -> FloatModel:
    """The float network of a ``.caffemodel`` and its ``.prototxt``, given either of them.

    Raises FpgaSqueezeError, in one line that names files and layers with every reason, for what cannot be represented.
    """
    file = read_files(Path(path))
    translation = _Translation(file)
    return read_exported(translation.model(), file.weights.stem, str(path))


class _Translation:
    """The layers as nodes. ``tensors`` are the blobs by their names so far: in-place layers give one a new tensor; None
    stands for what is unknown, as labels and what comes out of layers that were refused."""

    def __init__(self, file: CaffeFile) -> None:
        self.file = file
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.tensors: dict[str, str | None] = {}
        self.shapes: dict[str, Shape] = {}
        self.input: tuple[str, Shape] | None = None
        self.unread: dict[str, None] = {}
        self.reasons: dict[str, list[str]] = {}

    def model(self) -> onnx.ModelProto:
        """The whole network; raises FpgaSqueezeError with every reason why it cannot be represented."""
        file, where = self.file, self.file.network
        for i, name in enumerate(file.net.input):
            shapes = [shape.dim for shape in file.net.input_shape[i : i + 1]]
            self.image(name, shapes[0] if shapes else file.net.input_dim[4 * i : 4 * i + 4])
        for layer in file.layers:
            self.layer(layer)
        told = _told(self.reasons)
        if self.input is None:
            told.append(
                "says no size of its input; in place of its data layers write "
                'input: "data" input_shape { dim: 1 dim: 3 dim: HEIGHT dim: WIDTH }'
            )
        if told or self.input is None:
            raise FpgaSqueezeError(f"{where}: {'; '.join(told)}")
        if len(self.unread) != 1:
            ends = ", ".join(self.unread) or "none"
            raise FpgaSqueezeError(
                f"{where}: has {len(self.unread)} ends ({ends}); leave the layers up to the logits"
            )
        name, shape = self.input
        size: list[str | int | None] = ["N", shape.channels, shape.height, shape.width]
        graph = helper.make_graph(
            self.nodes,
            file.net.name or "caffe",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, size)],
            [helper.make_tensor_value_info(next(iter(self.unread)), TensorProto.FLOAT, None)],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

    def image(self, blob: str, dims: Sequence[int]) -> None:
        """A blob that is fed: the first of four dimensions is the image, others are labels."""
        self.tensors[blob] = None
        if len(dims) == 4 and self.input is None:
            self.input = (f"{blob}_image", Shape(*map(int, dims[1:])))
            self.tensors[blob], self.shapes[self.input[0]] = self.input

    # ---------------------------------------------------------------------------------------------- layers

    def layer(self, layer: CaffeLayer) -> None:
        """Translate one layer; a reason is kept, with the layer's name, where that cannot be done."""
        make = self.makers().get(layer.type)
        message = layer.parameters
        try:
            if layer.type in DATA:
                self.data(layer)
                return
            if layer.type in ENDS or layer.type.endswith("Loss"):
                return
            if make is None:
                raise _Refused(f"this layer is not supported here; a network is made of {KNOWN}")
            if not message.bottom or not message.top:
                raise _Refused("has no bottom or no top")
            lost = [name for name in message.bottom if name not in self.tensors]
            if lost:
                raise _Refused(f"reads {lost[0]}, which no layer before it gives")
            inputs = [self.tensors[name] for name in message.bottom]
            known = [name for name in inputs if name is not None]
            out = make(layer, known) if len(known) == len(inputs) else None
            for name in known:
                self.unread.pop(name, None)
        except _Refused as refusal:
            self.reasons.setdefault(str(refusal), []).append(str(layer))
            out = None
        for name in message.top:
            self.tensors[name] = out
        if out is not None:
            self.unread[out] = None

    def makers(self) -> dict[str, Callable[[CaffeLayer, list[str]], str]]:
        return {
            "BatchNorm": self.batch_norm,
            "Bias": self.scale,
            "Concat": self.concat,
            "Convolution": self.convolution,
            "Dropout": lambda _layer, inputs: inputs[0],
            "Eltwise": self.eltwise,
            "Flatten": self.flatten,
            "InnerProduct": self.inner_product,
            "Pooling": self.pooling,
            "ReLU": self.relu,
            "Scale": self.scale,
            "Softmax": self.softmax,
            "Split": lambda _layer, inputs: inputs[0],
        }

    def node(self, op: str, layer: CaffeLayer, inputs: list[str], shape: Shape, **attributes: Any) -> str:
        """Add a node that gives a map of ``shape``; the tensor's name."""
        out = f"{layer.name}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [out], name=layer.name, **attributes))
        self.shapes[out] = shape
        return out

    def constant(self, layer: CaffeLayer, value: npt.NDArray[np.floating]) -> str:
        name = f"{layer.name}_c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def data(self, layer: CaffeLayer) -> None:
        """Layers that feed the network; of those that read files the crop tells the size, the weights the channels."""
        message, given = layer.parameters, list[list[int]]()
        match layer.type:
            case _ if message.DESCRIPTOR.fields_by_name.get("input_param") and message.input_param.shape:
                given = [list(shape.dim) for shape in message.input_param.shape]
                given *= len(message.top) if len(given) == 1 else 1
            case "DummyData":
                dummy = message.dummy_data_param
                old = zip(dummy.num, dummy.channels, dummy.height, dummy.width, strict=False)
                given = [list(shape.dim) for shape in dummy.shape] or [list(x) for x in old]
            case "MemoryData":
                memory = message.memory_data_param
                given = [[memory.batch_size, memory.channels, memory.height, memory.width]]
            case _:
                parameters = (message.transform_param, message.data_param, message.image_data_param)
                crop = next((p.crop_size for p in parameters if p.crop_size), 0)
                given = [[1, self.channels_read(message.top[0]), crop, crop]] if crop and message.top else []
        for blob, dims in zip(message.top, [*given, *[[]] * len(message.top)], strict=False):
            self.image(blob, dims)

    def channels_read(self, blob: str) -> int:
        """Channels of the weights of the convolution that reads ``blob``; 0 where there is none."""
        for layer in self.file.layers:
            if layer.type == "Convolution" and blob in layer.parameters.bottom and layer.blobs:
                return self.blob(layer, 0).shape[1] if self.blob(layer, 0).ndim == 4 else 0
        return 0

    def blob(self, layer: CaffeLayer, index: int) -> npt.NDArray[np.floating]:
        """Weights of a layer."""
        if layer.blobs is None:
            raise _Refused(f"{self.file.weights.name} holds no weights for it")
        if index >= len(layer.blobs):
            raise _Refused(f"{self.file.weights.name} holds {len(layer.blobs)} blobs for it, not {index + 1}")
        try:
            return numbers(layer.blobs[index])
        except ValueError as error:
            raise _Refused(f"blob {index} in {self.file.weights.name} holds {error}") from error

    def per_channel(self, layer: CaffeLayer, index: int, channels: int) -> npt.NDArray[np.floating]:
        """A blob of one number a channel, [C]; old files write it as [1, 1, 1, C]."""
        value = self.blob(layer, index)
        if value.size != channels:
            raise _Refused(
                f"blob {index} in {self.file.weights.name} has shape {list(value.shape)}; {channels} numbers are needed"
            )
        return value.reshape(-1)

    def convolution(self, layer: CaffeLayer, inputs: list[str]) -> str:
        p, x = layer.parameters.convolution_param, self.shapes[inputs[0]]
        kernel = _pair(p, "kernel", p.kernel_size, None)
        stride, pad = _pair(p, "stride", p.stride, 1), _pair(p, "pad", p.pad, 0)
        dilation = _pair(p, "", p.dilation, 1)
        if min(stride) < 1:
            raise _Refused(f"has stride {list(stride)}; 1 or more is needed")
        if p.axis not in (1, -3):
            raise _Refused(f"convolves from axis {p.axis}; only images [N, C, H, W] are supported")
        if p.group != 1:
            raise _Refused(f"has {p.group} groups; only group 1 is supported")
        if dilation != (1, 1):
            raise _Refused(f"has dilation {list(dilation)}; only 1 is supported")
        weight = self.blob(layer, 0)
        wanted = [p.num_output, x.channels, *kernel]
        if list(weight.shape) != wanted:
            raise _Refused(
                f"blob 0 in {self.file.weights.name} has shape {list(weight.shape)}, the network wants {wanted}"
            )
        given = [inputs[0], self.constant(layer, weight)]
        if p.bias_term:
            given.append(self.constant(layer, self.per_channel(layer, 1, p.num_output)))
        height, width = (
            conv_output_size(size, k, s, p, p)
            for size, k, s, p in zip((x.height, x.width), kernel, stride, pad, strict=True)
        )
        out = Shape(int(p.num_output), height, width)
        return self.node("Conv", layer, given, out, kernel_shape=kernel, strides=stride, pads=pad * 2)

    def inner_product(self, layer: CaffeLayer, inputs: list[str]) -> str:
        """A convolution whose kernel is the whole map."""
        p, x = layer.parameters.inner_product_param, self.shapes[inputs[0]]
        if p.axis not in (1, -3):
            raise _Refused(f"multiplies from axis {p.axis}; only whole images (axis 1) are supported")
        weight, outputs = self.blob(layer, 0), int(p.num_output)
        terms = x.channels * x.height * x.width
        wanted = [terms, outputs] if p.transpose else [outputs, terms]
        if list(weight.shape[-2:]) != wanted or weight.size != outputs * terms:
            raise _Refused(
                f"blob 0 in {self.file.weights.name} has shape {list(weight.shape)}, the network wants {wanted}"
            )
        weight = weight.reshape(wanted)
        matrix = weight.T if p.transpose else weight
        kernel = (x.height, x.width)
        given = [
            inputs[0],
            self.constant(layer, np.ascontiguousarray(matrix).reshape(outputs, x.channels, *kernel)),
        ]
        if p.bias_term:
            given.append(self.constant(layer, self.per_channel(layer, 1, outputs)))
        return self.node("Conv", layer, given, Shape(outputs, 1, 1), kernel_shape=kernel)

    def pooling(self, layer: CaffeLayer, inputs: list[str]) -> str:
        """Windows begin inside; those that reach over the end are cut off, and with them what an average divides by."""
        p, x = layer.parameters.pooling_param, self.shapes[inputs[0]]
        kind = p.DESCRIPTOR.fields_by_name["pool"].enum_type.values_by_number[p.pool].name
        if kind not in ("MAX", "AVE"):
            raise _Refused(f"pools by {kind}; MAX and AVE are supported")
        sizes = x.height, x.width
        kernel, stride, pad = sizes, (1, 1), (0, 0)
        if not p.global_pooling:
            kernel = _pair(p, "kernel", _given(p, "kernel_size"), None)
            stride = _pair(p, "stride", _given(p, "stride"), 1)
            pad = _pair(p, "pad", _given(p, "pad"), 0)
        if min(kernel) < 1 or min(stride) < 1:
            raise _Refused(f"has kernel {list(kernel)} and stride {list(stride)}; 1 or more is needed")
        ceil, counts = not p.round_mode, []
        for size, k, s, before in zip(sizes, kernel, stride, pad, strict=True):
            span = size + 2 * before - k
            count = (span + (s - 1 if ceil else 0)) // s + 1
            if any(pad) and (count - 1) * s >= size + before:
                count -= 1
            if span < 0 or (count - 1) * s >= size + before:
                raise _Refused(f"has a window beyond its input {x}; give it a window that lies inside")
            if kind == "AVE" and (count - 1) * s + k > size + 2 * before:
                raise _Refused(
                    f"averages windows that reach over its input {x}; take an image size at which they fit"
                )
            counts.append(count)
        out = Shape(x.channels, counts[0], counts[1])
        if kind == "AVE" and kernel == sizes and not any(pad):
            return self.node("GlobalAveragePool", layer, inputs, out)
        attributes = {"kernel_shape": kernel, "strides": stride, "pads": pad * 2}
        if kind == "AVE":
            return self.node("AveragePool", layer, inputs, out, count_include_pad=1, **attributes)
        return self.node("MaxPool", layer, inputs, out, ceil_mode=int(ceil), **attributes)

    def relu(self, layer: CaffeLayer, inputs: list[str]) -> str:
        slope = layer.parameters.relu_param.negative_slope
        if slope:
            raise _Refused(f"has negative_slope {slope:g}; only 0 is supported")
        return self.node("Relu", layer, inputs, self.shapes[inputs[0]])

    def concat(self, layer: CaffeLayer, inputs: list[str]) -> str:
        p, maps = layer.parameters.concat_param, [self.shapes[name] for name in inputs]
        axis = p.axis if p.HasField("axis") else p.concat_dim
        if axis not in (1, -3):
            raise _Refused(f"joins along axis {axis}; only channels (1) are supported")
        if len({(x.height, x.width) for x in maps}) != 1:
            raise _Refused(f"joins {' and '.join(map(str, maps))}; heights or widths differ")
        out = Shape(sum(x.channels for x in maps), maps[0].height, maps[0].width)
        return self.node("Concat", layer, inputs, out, axis=1)

    def eltwise(self, layer: CaffeLayer, inputs: list[str]) -> str:
        p, maps = layer.parameters.eltwise_param, [self.shapes[name] for name in inputs]
        kind = p.DESCRIPTOR.fields_by_name["operation"].enum_type.values_by_number[p.operation].name
        if kind != "SUM" or any(coefficient != 1 for coefficient in p.coeff):
            how = f"{kind} with coefficients {list(p.coeff)}" if p.coeff else kind
            raise _Refused(f"combines by {how}; only a plain SUM is supported")
        if len(set(maps)) != 1:
            raise _Refused(f"adds {' and '.join(map(str, maps))}; all must have one shape")
        total = inputs[0]
        for other in inputs[1:]:
            total = self.node("Add", layer, [total, other], maps[0])
        return total

    def batch_norm(self, layer: CaffeLayer, inputs: list[str]) -> str:
        """Mean and variance are sums that the third blob's number of batches divides."""
        p, x = layer.parameters.batch_norm_param, self.shapes[inputs[0]]
        if p.HasField("use_global_stats") and not p.use_global_stats:
            raise _Refused("normalises by the batch (use_global_stats: false); leave that out to use it")
        mean, variance = (self.per_channel(layer, i, x.channels).astype(np.float64) for i in range(2))
        count = float(self.per_channel(layer, 2, 1)[0])
        factor = 1 / count if count else 0.0
        return self.normalise(layer, inputs, None, None, mean * factor, variance * factor, p.eps)

    def scale(self, layer: CaffeLayer, inputs: list[str]) -> str:
        """Scale and Bias: a factor, an offset or both for each channel."""
        p, channels = layer.parameters, self.shapes[inputs[0]].channels
        q = p.scale_param if layer.type == "Scale" else p.bias_param
        if len(inputs) != 1:
            raise _Refused("takes its numbers from another layer; only constants are supported")
        if q.axis not in (1, -3) or q.num_axes != 1:
            raise _Refused(
                f"is for {q.num_axes} axes from axis {q.axis}; only channels (axis 1) are supported"
            )
        blobs = [
            self.per_channel(layer, i, channels) for i in range(1 + (layer.type == "Scale" and q.bias_term))
        ]
        factor = blobs.pop(0) if layer.type == "Scale" else None
        return self.normalise(layer, inputs, factor, blobs[0] if blobs else None, None, None, 0.0)

    def normalise(
        self,
        layer: CaffeLayer,
        inputs: list[str],
        factor: npt.NDArray[np.floating] | None,
        offset: npt.NDArray[np.floating] | None,
        mean: npt.NDArray[np.floating] | None,
        variance: npt.NDArray[np.floating] | None,
        eps: float,
    ) -> str:
        """factor * (x - mean) / sqrt(variance + eps) + offset; None stands for what changes nothing."""
        x = self.shapes[inputs[0]]
        given = list(inputs)
        for value, neutral in ((factor, 1), (offset, 0), (mean, 0), (variance, 1)):
            array = np.full(x.channels, neutral) if value is None else value
            given.append(self.constant(layer, array.astype(np.float32)))
        return self.node("BatchNormalization", layer, given, x, epsilon=eps)

    def flatten(self, layer: CaffeLayer, inputs: list[str]) -> str:
        p = layer.parameters.flatten_param
        if p.axis != 1 or p.end_axis not in (-1, 3):
            raise _Refused(f"flattens axes {p.axis} to {p.end_axis}; only 1 to -1 is supported")
        return self.node("Flatten", layer, inputs, self.shapes[inputs[0]], axis=1)

    def softmax(self, layer: CaffeLayer, inputs: list[str]) -> str:
        axis = layer.parameters.softmax_param.axis
        if axis != 1:
            raise _Refused(f"is over axis {axis}; only channels (1) are supported")
        return self.node("Softmax", layer, inputs, self.shapes[inputs[0]], axis=1)


def _given(parameters: Any, name: str) -> list[int]:
    """The value of a field that may be left out."""
    return [getattr(parameters, name)] if parameters.HasField(name) else []


def _pair(parameters: Any, name: str, values: Sequence[int], default: int | None) -> tuple[int, int]:
    """(rows, columns) of what is written once, once for each, or as NAME_h and NAME_w."""
    if name and (parameters.HasField(f"{name}_h") or parameters.HasField(f"{name}_w")):
        return getattr(parameters, f"{name}_h"), getattr(parameters, f"{name}_w")
    if not values and default is not None:
        return default, default
    if len(values) not in (1, 2):
        raise _Refused(
            f"has {len(values)} sizes of its kernel, strides or pads; give one, or one for rows and columns"
        )
    return int(values[0]), int(values[-1])


def _told(reasons: dict[str, list[str]]) -> list[str]:
    """Each reason behind the layers that it is about, of many the first."""
    told = []
    for reason, layers in reasons.items():
        more = f" and {len(layers) - MOST_REASONS} more" if len(layers) > MOST_REASONS else ""
        told.append(f"{', '.join(layers[:MOST_REASONS])}{more}: {reason}")
    return told
