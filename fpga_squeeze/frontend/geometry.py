"""Reads the geometry of Conv, MaxPool, Pad and average nodes, and refuses what the accelerator has no kernel
for."""

from __future__ import annotations

import numpy as np

from ..network.graph import FloatArray, Pads, Shape, conv_output_size
from .onnx_file import Constant, Node, OnnxGraph

NO_PADS: Pads = (0, 0, 0, 0)
KERNELS = (1, 3, 5, 7)
"""Sides of the convolutions that there are tests for, in pixels."""


def _pair(graph: OnnxGraph, node: Node, key: str, default: int) -> int:
    """The one value of a per-axis attribute that must be equal along rows and columns."""
    values = [int(v) for v in node.attrs.get(key, (default, default))]
    if len(values) != 2 or values[0] != values[1]:
        graph.fail(node, f"has {key} {values}; only equal values along rows and columns are supported")
    return values[0]


def _auto_pads(graph: OnnxGraph, node: Node, x: Shape, kernel: int, stride: int) -> Pads:
    """Padding from ``pads`` or ``auto_pad``, as (top, left, bottom, right)."""
    mode = node.attrs.get("auto_pad", b"NOTSET")
    mode = mode.decode() if isinstance(mode, bytes) else str(mode)
    if mode in ("NOTSET", ""):
        pads = [int(v) for v in node.attrs.get("pads", NO_PADS)]
        if len(pads) != 4 or min(pads) < 0:
            graph.fail(node, f"has pads {pads}; four values of 0 or more are supported")
        return (pads[0], pads[1], pads[2], pads[3])
    if mode == "VALID":
        return NO_PADS
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        graph.fail(node, f"has auto_pad {mode}; use NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    sides = []
    for size in (x.height, x.width):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        half = total // 2
        sides.append((half, total - half) if mode == "SAME_UPPER" else (total - half, half))
    (top, bottom), (left, right) = sides
    return (top, left, bottom, right)


def add_pads(a: Pads, b: Pads) -> Pads:
    """Both paddings, one after the other."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3])


def check_output(graph: OnnxGraph, node: Node, x: Shape, out: Shape) -> Shape:
    """``out``, or an error where the layer leaves nothing of ``x``."""
    if min(out.channels, out.height, out.width) < 1:
        graph.fail(node, f"leaves nothing of its input {x}; use a larger input image")
    return out


def padded(x: Shape, pads: Pads) -> Shape:
    """``x`` with a border."""
    return Shape(x.channels, x.height + pads[0] + pads[2], x.width + pads[1] + pads[3])


def conv_geometry(
    graph: OnnxGraph, node: Node, x: Shape, before: Pads
) -> tuple[Constant, FloatArray, int, Pads, Shape]:
    """(weight [O, I, K, K], bias [O], stride, pads, output) of a Conv on ``x``; ``before`` is a Pad node's
    border."""
    weight = graph.constant(node, 1, "weights")
    if weight is None:
        graph.fail(node, "has no weights; store them as an initializer")
    shape = weight.value.shape
    if len(shape) != 4:
        graph.fail(node, f"has weights of shape {list(shape)}; only two-dimensional convolution is supported")
    if int(node.attrs.get("group", 1)) != 1:
        graph.fail(node, f"has {node.attrs['group']} groups; only group 1 is supported")
    if any(int(v) != 1 for v in node.attrs.get("dilations", ())):
        graph.fail(node, f"has dilations {list(node.attrs['dilations'])}; only 1 is supported")
    kernel = int(shape[2])
    if shape[2] != shape[3] or kernel not in KERNELS:
        graph.fail(node, f"has a {shape[2]}x{shape[3]} kernel; 1x1, 3x3, 5x5 and 7x7 are supported")
    if [int(v) for v in node.attrs.get("kernel_shape", (kernel, kernel))] != [kernel, kernel]:
        graph.fail(
            node, f"says kernel_shape {list(node.attrs['kernel_shape'])} but has {kernel}x{kernel} weights"
        )
    if shape[1] != x.channels:
        graph.fail(node, f"has weights for {shape[1]} input channels but its input is {x}")
    stride = _pair(graph, node, "strides", 1)
    if stride not in (1, 2):
        graph.fail(node, f"has stride {stride}; 1 and 2 are supported")
    pads = add_pads(before, _auto_pads(graph, node, padded(x, before), kernel, stride))
    if max(pads) > max(1, kernel - 1):
        graph.fail(
            node,
            f"is padded by {max(pads)} pixels; at most {max(1, kernel - 1)} make sense for {kernel}x{kernel}",
        )
    bias = graph.constant(node, 2, "bias")
    offsets = np.zeros(shape[0]) if bias is None else np.asarray(bias.value, dtype=np.float64).reshape(-1)
    if offsets.shape != (shape[0],):
        graph.fail(node, f"has {offsets.size} biases for {shape[0]} output channels")
    for what, values in (("weights", np.asarray(weight.value, dtype=np.float64)), ("bias", offsets)):
        if not np.all(np.isfinite(values)):
            graph.fail(node, f"its {what} hold NaN or infinity; train or export the model again")
    t, left, b, r = pads
    out = Shape(
        int(shape[0]),
        conv_output_size(x.height, kernel, stride, t, b),
        conv_output_size(x.width, kernel, stride, left, r),
    )
    return weight, offsets, stride, pads, check_output(graph, node, x, out)


def pool_geometry(graph: OnnxGraph, node: Node, x: Shape, before: Pads) -> tuple[int, int, Pads, bool, Shape]:
    """(kernel, stride, pads, ceil, output) of a MaxPool on ``x``; ``before`` is a Pad node's border."""
    if "kernel_shape" not in node.attrs:
        graph.fail(node, "has no kernel_shape; export the model again")
    kernel = _pair(graph, node, "kernel_shape", 1)
    stride = _pair(graph, node, "strides", 1)
    if any(int(v) != 1 for v in node.attrs.get("dilations", ())):
        graph.fail(node, f"has dilations {list(node.attrs['dilations'])}; only 1 is supported")
    if kernel not in (stride, stride + 1) or kernel < 2:
        graph.fail(
            node,
            f"pools {kernel}x{kernel} with stride {stride}; the kernel must be the stride or one larger",
        )
    own = _auto_pads(graph, node, padded(x, before), kernel, stride)
    pads = add_pads(before, own)
    if max(pads) >= kernel:
        graph.fail(
            node, f"is padded by {max(pads)} pixels, not less than its kernel {kernel}; use less padding"
        )
    ceil = bool(node.attrs.get("ceil_mode", 0))

    def size(shape: Shape, p: Pads) -> Shape:
        return Shape(
            x.channels,
            conv_output_size(shape.height, kernel, stride, p[0], p[2], ceil),
            conv_output_size(shape.width, kernel, stride, p[1], p[3], ceil),
        )

    out = check_output(graph, node, x, size(x, pads))
    if out != size(padded(x, before), own):
        graph.fail(node, "the Pad in front of it adds a window of padding only; use less padding")
    return kernel, stride, pads, ceil, out


def pad_geometry(graph: OnnxGraph, node: Node) -> Pads:
    """Border of a Pad node; an error unless it pads rows and columns with zeros."""
    mode = node.attrs.get("mode", b"constant")
    if mode not in (b"constant", "constant"):
        graph.fail(node, f"pads in mode {mode!r}; only zeros are supported")
    fill = graph.constant(node, 2, "value")
    value = (
        float(np.ravel(fill.value)[0])
        if fill is not None and fill.value.size
        else float(node.attrs.get("value", 0))
    )
    if value != 0:
        graph.fail(node, f"pads with {value:g}; only zeros are supported")
    given = graph.integers(node, 1, "pads")
    pads = given if given is not None else [int(v) for v in node.attrs.get("pads", ())]
    axes = graph.integers(node, 3, "axes")
    axes = [a % 4 for a in (axes if axes is not None else range(4))]
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes) or min(pads, default=0) < 0:
        graph.fail(node, f"has pads {pads} for axes {axes}; two values of 0 or more per axis are supported")
    full = [0] * 8
    for i, axis in enumerate(axes):
        full[axis], full[axis + 4] = pads[i], pads[i + len(axes)]
    if full[0] or full[1] or full[4] or full[5]:
        graph.fail(node, "pads images or channels; only rows and columns are supported")
    return (full[2], full[3], full[6], full[7])


def check_average(graph: OnnxGraph, node: Node, x: Shape) -> None:
    """An error unless ``node`` averages (or ReduceSum: sums) over all rows and all columns of ``x``, and only
    those."""
    if node.op == "GlobalAveragePool":
        return
    if node.op == "AveragePool":
        kernel = [int(v) for v in node.attrs.get("kernel_shape", ())]
        pads = _auto_pads(graph, node, x, max(kernel, default=1), 1) if len(set(kernel)) == 1 else NO_PADS
        if kernel != [x.height, x.width] or any(pads) or any(int(v) for v in node.attrs.get("pads", ())):
            graph.fail(
                node,
                f"averages windows of {kernel} on a {x.height}x{x.width} map; use the whole map",
            )
        return
    axes = graph.integers(node, 1, "axes")
    axes = axes if axes is not None else [int(v) for v in node.attrs.get("axes", ())]
    if sorted(a % 4 for a in axes) != [2, 3]:
        graph.fail(node, f"reduces axes {axes}; only rows and columns together (2, 3) are supported")


def image_shape(graph: OnnxGraph) -> Shape:
    """Channels, rows and columns of the input; an error unless it is one image with a fixed size."""
    value = graph.input
    tensor = value.type.tensor_type
    name = f"input {value.name}"
    if not value.type.HasField("tensor_type") or tensor.elem_type not in (1, 2, 10, 11):
        graph.fail(None, f"{name} is no float or uint8 tensor; one image [N, C, H, W] is supported")
    dims = list(tensor.shape.dim)
    text = [d.dim_param or (d.dim_value if d.HasField("dim_value") else "?") for d in dims]
    if len(dims) != 4:
        graph.fail(None, f"{name} has shape {text}; one image [N, C, H, W] is supported".replace("'", ""))
    if dims[0].HasField("dim_value") and dims[0].dim_value > 1:
        graph.fail(
            None, f"{name} has a fixed batch of {dims[0].dim_value}; export with batch 1 or a free one"
        )
    if not all(d.HasField("dim_value") and d.dim_value > 0 for d in dims[1:]):
        shown = str(text).replace("'", "")
        graph.fail(None, f"{name} has shape {shown}; channels, height and width must be fixed when exporting")
    channels, height, width = (int(d.dim_value) for d in dims[1:])
    if channels not in (1, 3):
        graph.fail(
            None, f"{name} has {channels} channels; images of 1 or 3 channels, [N, C, H, W], are supported"
        )
    return Shape(channels, height, width)
