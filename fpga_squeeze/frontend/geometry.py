"""Reads the geometry of Conv, MaxPool, Pad and average nodes, and refuses what the accelerator has no kernel
for."""

from __future__ import annotations

import math

import numpy as np

from ..network.graph import FloatArray, Pads, Shape, Window, window_output
from .layout import NCHW, NHWC, Layout, reshape_target, sizes, text
from .onnx_file import Constant, Node, OnnxGraph

NO_PADS: Pads = (0, 0, 0, 0)
UNLIMITED = 3e38
"""Limits beyond this are the exporter's way to say none."""
LARGEST = 11
"""Longest side of a convolution, in pixels: what AlexNet begins with."""


def _pair(graph: OnnxGraph, node: Node, key: str, default: int) -> int:
    """The one value of a per-axis attribute that must be equal along rows and columns."""
    values = [int(v) for v in node.attrs.get(key, (default, default))]
    if len(values) != 2 or values[0] != values[1]:
        graph.fail(node, f"has {key} {values}; only equal values along rows and columns are supported")
    return values[0]


def _window(graph: OnnxGraph, node: Node) -> Window:
    """``kernel_shape`` of a pooling node."""
    values = [int(v) for v in node.attrs.get("kernel_shape", ())]
    if len(values) != 2 or min(values) < 1:
        graph.fail(node, f"has kernel_shape {values}; rows and columns are needed: export the model again")
    return values[0], values[1]


def _undilated(graph: OnnxGraph, node: Node) -> None:
    if any(int(v) != 1 for v in node.attrs.get("dilations", ())):
        graph.fail(
            node,
            f"has dilations {list(node.attrs['dilations'])}; only 1 is supported: put zeros between its weights",
        )


def _auto_pads(graph: OnnxGraph, node: Node, x: Shape, kernel: Window, stride: int) -> Pads:
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
    for size, side in zip((x.height, x.width), kernel, strict=True):
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
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
    """(weight [O, I, Kh, Kw], bias [O], stride, pads, output) of a Conv on ``x``; ``before`` is a Pad node's
    border."""
    weight = graph.constant(node, 1, "weights")
    if weight is None:
        graph.fail(node, "has no weights; store them as an initializer")
    shape = weight.value.shape
    if len(shape) != 4:
        graph.fail(node, f"has weights of shape {list(shape)}; only two-dimensional convolution is supported")
    if int(node.attrs.get("group", 1)) != 1:
        graph.fail(
            node,
            f"has {node.attrs['group']} groups; only group 1 is supported: give it zeros as weights of the others",
        )
    _undilated(graph, node)
    kernel = int(shape[2]), int(shape[3])
    size = f"{kernel[0]}x{kernel[1]}"
    if not 1 <= min(kernel) <= max(kernel) <= LARGEST:
        graph.fail(node, f"has a {size} kernel; sides of 1 to {LARGEST} are supported")
    if tuple(int(v) for v in node.attrs.get("kernel_shape", kernel)) != kernel:
        graph.fail(node, f"says kernel_shape {list(node.attrs['kernel_shape'])} but has {size} weights")
    if shape[1] != x.channels:
        graph.fail(node, f"has weights for {shape[1]} input channels but its input is {x}")
    stride = _pair(graph, node, "strides", 1)
    if stride not in (1, 2):
        graph.fail(node, f"has stride {stride}; 1 and 2 are supported")
    pads = add_pads(before, _auto_pads(graph, node, padded(x, before), kernel, stride))
    for side, ends in zip(kernel, (pads[0::2], pads[1::2]), strict=True):
        if max(ends) > max(1, side - 1):
            graph.fail(
                node, f"is padded by {max(ends)} pixels; at most {max(1, side - 1)} make sense for {size}"
            )
    bias = graph.constant(node, 2, "bias")
    offsets = np.zeros(shape[0]) if bias is None else np.asarray(bias.value, dtype=np.float64).reshape(-1)
    if offsets.shape != (shape[0],):
        graph.fail(node, f"has {offsets.size} biases for {shape[0]} output channels")
    for what, values in (("weights", np.asarray(weight.value, dtype=np.float64)), ("bias", offsets)):
        if not np.all(np.isfinite(values)):
            graph.fail(node, f"its {what} hold NaN or infinity; train or export the model again")
    out = window_output(int(shape[0]), x, kernel, stride, pads)
    return weight, offsets, stride, pads, check_output(graph, node, x, out)


def is_window_sum(graph: OnnxGraph, node: Node, x: Shape) -> bool:
    """Whether a Conv adds up windows of every channel by itself, for a Div behind it: one group a channel, all weights
    one, no bias."""
    users = graph.users.get(node.outputs[0], [])
    weight = graph.constants.get(node.inputs[1]) if len(node.inputs) == 2 else None
    groups = int(node.attrs.get("group", 1))
    shape = () if weight is None else weight.value.shape
    return (
        weight is not None
        and groups == x.channels
        and len(shape) == 4
        and shape[:2] == (groups, 1)
        and [user.op for user in users] == ["Div"]
        and weight.ints is None
        and bool(np.all(weight.value == 1))
    )


def window_sum_geometry(graph: OnnxGraph, node: Node, x: Shape) -> tuple[Window, int, Pads, Shape]:
    """(window, stride, pads, output) of a Conv of ones on ``x``."""
    _undilated(graph, node)
    weight = graph.constant(node, 1, "weights")
    assert weight is not None
    kernel = int(weight.value.shape[2]), int(weight.value.shape[3])
    stride = _pair(graph, node, "strides", 1)
    pads = _small_pads(graph, node, _auto_pads(graph, node, x, kernel, stride), kernel)
    return (
        kernel,
        stride,
        pads,
        check_output(graph, node, x, window_output(x.channels, x, kernel, stride, pads)),
    )


def _small_pads(graph: OnnxGraph, node: Node, pads: Pads, kernel: Window) -> Pads:
    """``pads``, or an error where a window could lie in them alone."""
    for side, ends in zip(kernel, (pads[0::2], pads[1::2]), strict=True):
        if max(ends) >= side:
            graph.fail(
                node, f"is padded by {max(ends)} pixels, not less than its kernel {side}; use less padding"
            )
    return pads


def pool_geometry(
    graph: OnnxGraph, node: Node, x: Shape, before: Pads
) -> tuple[Window, int, Pads, bool, Shape]:
    """(kernel, stride, pads, ceil, output) of a MaxPool on ``x``; ``before`` is a Pad node's border."""
    kernel = _window(graph, node)
    stride = _pair(graph, node, "strides", 1)
    _undilated(graph, node)
    if stride < 1:
        graph.fail(node, f"has stride {stride}; 1 or more is needed")
    own = _auto_pads(graph, node, padded(x, before), kernel, stride)
    pads = _small_pads(graph, node, add_pads(before, own), kernel)
    ceil = bool(node.attrs.get("ceil_mode", 0))
    out = check_output(graph, node, x, window_output(x.channels, x, kernel, stride, pads, ceil))
    if out != window_output(x.channels, padded(x, before), kernel, stride, own, ceil):
        graph.fail(node, "the Pad in front of it adds a window of padding only; use less padding")
    return kernel, stride, pads, ceil, out


def pad_geometry(graph: OnnxGraph, node: Node, layout: Layout) -> Pads:
    """Border of a Pad node on a tensor of that layout; an error unless it pads rows and columns with zeros."""
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
    count = len(layout)
    axes = [a % count for a in (axes if axes is not None else range(count))]
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes) or min(pads, default=0) < 0:
        graph.fail(node, f"has pads {pads} for axes {axes}; two values of 0 or more per axis are supported")
    full = [0] * 8
    for i, place in enumerate(axes):
        ends = pads[i], pads[i + len(axes)]
        if any(ends) and layout[place] not in ((2,), (3,)):
            graph.fail(node, "pads images or channels; only rows and columns are supported")
        for axis in layout[place]:
            full[axis], full[axis + 4] = ends
    return (full[2], full[3], full[6], full[7])


def average_geometry(graph: OnnxGraph, node: Node, x: Shape) -> tuple[Window, int, Pads, Shape]:
    """(window, stride, pads, output) of a pooling node that averages ``x``."""
    if node.op == "AveragePool":
        return _windowed_average(graph, node, x)
    return (x.height, x.width), 1, NO_PADS, Shape(x.channels, 1, 1)


def reduced_axes(graph: OnnxGraph, node: Node, layout: Layout) -> tuple[set[int], Layout]:
    """(the axes of [N, C, H, W] that a ReduceMean or ReduceSum reduces, rows 2 and columns 3; the layout behind it)."""
    axes = graph.integers(node, 1, "axes")
    axes = axes if axes is not None else [int(v) for v in node.attrs.get("axes", ())]
    if not axes and not node.attrs.get("noop_with_empty_axes", 0):
        axes = list(range(len(layout)))
    if any(not -len(layout) <= a < len(layout) for a in axes):
        graph.fail(
            node, f"reduces axes {axes} of {text(layout)}, which has {len(layout)}; export the model again"
        )
    places = {a % len(layout) for a in axes}
    found = {axis for place in places for axis in layout[place]}
    if found & {0, 1}:
        graph.fail(
            node, f"reduces axes {sorted(axes)} of {text(layout)}; only rows and columns (H, W) are supported"
        )
    kept = (
        layout if node.attrs.get("keepdims", 1) else tuple(g for i, g in enumerate(layout) if i not in places)
    )
    return found, kept


def reshape_sizes(graph: OnnxGraph, node: Node, dims: list[int]) -> list[int]:
    """The shape that a Reshape, Flatten, Squeeze or Unsqueeze gives a tensor of shape ``dims``."""
    if node.op == "Flatten":
        axis = int(node.attrs.get("axis", 1))
        axis += len(dims) if axis < 0 else 0
        return [math.prod(dims[:axis]), math.prod(dims[axis:])]
    if node.op == "Reshape":
        target = graph.integers(node, 1, "shape")
        if target is None:
            graph.fail(node, "has no shape; export the model again")
        return reshape_target(target, dims, bool(node.attrs.get("allowzero", 0)))
    given = graph.integers(node, 1, "axes")
    axes = given if given is not None else [int(v) for v in node.attrs.get("axes", ())]
    if node.op == "Squeeze":
        places = {a % len(dims) for a in axes} or {i for i, size in enumerate(dims) if size == 1}
        if any(dims[i] != 1 for i in places):
            graph.fail(node, f"takes axes {axes} out of a tensor {dims}; only axes of one element can go")
        return [size for i, size in enumerate(dims) if i not in places]
    out = list(dims)
    for axis in sorted(a % (len(dims) + len(axes)) for a in axes):
        out.insert(axis, 1)
    return out


def softmax_width(graph: OnnxGraph, node: Node, layout: Layout, x: Shape) -> tuple[int, int]:
    """(axis, how many elements a Softmax, LogSoftmax or ArgMax compares), of a tensor that holds ``x``.

    Before opset 13 a softmax is one over all axes from ``axis`` on.
    """
    dims = sizes(layout, x)
    joined = graph.opset < 13 and node.op != "ArgMax"
    axis = int(node.attrs.get("axis", 0 if node.op == "ArgMax" else 1 if joined else -1))
    if not -len(dims) <= axis < len(dims):
        graph.fail(node, f"works along axis {axis} of {text(layout)}; export the model again")
    axis %= len(dims)
    return axis, math.prod(dims[axis:]) if joined else dims[axis]


def limits(graph: OnnxGraph, node: Node) -> tuple[float, float]:
    """Smallest and largest value that a Relu, a Clip, or a Max or Min with constants leaves."""
    if node.op == "Relu":
        return 0.0, math.inf
    if node.op == "Clip":
        bounds = []
        for index, key, default in ((1, "min", -math.inf), (2, "max", math.inf)):
            constant = graph.constant(node, index, key)
            value = node.attrs.get(key, default) if constant is None else np.ravel(constant.value)[0]
            bounds.append(float(value))
    else:
        constants = [graph.constants[name].value for name in node.inputs if name in graph.constants]
        values = np.unique([v for each in constants for v in np.asarray(each, dtype=np.float64).ravel()])
        if values.size != 1:
            graph.fail(node, "its constant is not one number; only limits that are one number are supported")
        bounds = [float(values[0]), math.inf] if node.op == "Max" else [-math.inf, float(values[0])]
    low, high = (math.copysign(math.inf, v) if abs(v) > UNLIMITED else v for v in bounds)
    if not low <= high or high <= 0:
        graph.fail(node, f"clips to {low:g}..{high:g}, which leaves nothing positive; export the model again")
    return low, high


def _windowed_average(graph: OnnxGraph, node: Node, x: Shape) -> tuple[Window, int, Pads, Shape]:
    kernel = _window(graph, node)
    _undilated(graph, node)
    one = kernel == (x.height, x.width) and not any(int(v) for v in node.attrs.get("pads", ()))
    padding = node.attrs.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID", b"", "NOTSET", "VALID", "")
    if one and not padding:
        stride = 1  # there is one window only
    else:
        stride = _pair(graph, node, "strides", 1)
    if stride < 1:
        graph.fail(node, f"has stride {stride}; 1 or more is needed")
    pads = _small_pads(graph, node, _auto_pads(graph, node, x, kernel, stride), kernel)
    if any(pads) and not node.attrs.get("count_include_pad", 0):
        graph.fail(
            node,
            f"averages padded windows of {list(kernel)} without counting the padding; only count_include_pad=1 is "
            "supported",
        )
    out = check_output(graph, node, x, window_output(x.channels, x, kernel, stride, pads))
    if node.attrs.get("ceil_mode", 0) and out != window_output(x.channels, x, kernel, stride, pads, True):
        graph.fail(node, "averages windows that reach over the map (ceil_mode); only floor mode is supported")
    return kernel, stride, pads, out


def image_shape(graph: OnnxGraph, given: Shape | None) -> tuple[Shape, Layout]:
    """(channels, rows and columns of the input; where they lie); ``given`` fixes what the file leaves free.

    An error unless the input is one image of a known size, [N, C, H, W] or [N, H, W, C].
    """
    value = graph.input
    tensor = value.type.tensor_type
    name = f"input {value.name}"
    if not value.type.HasField("tensor_type") or tensor.elem_type not in (1, 2, 10, 11, 16):
        graph.fail(None, f"{name} is no float or uint8 tensor; one image [N, C, H, W] is supported")
    dims = list(tensor.shape.dim)
    names = [d.dim_param or (d.dim_value if d.dim_value > 0 else "?") for d in dims]
    shown = str(names).replace("'", "")
    if len(dims) != 4:
        graph.fail(None, f"{name} has shape {shown}; one image [N, C, H, W] is supported")
    if dims[0].dim_value > 1:
        graph.fail(
            None, f"{name} has a fixed batch of {dims[0].dim_value}; export with batch 1 or a free one"
        )
    fixed = [int(d.dim_value) if d.dim_value > 0 else None for d in dims]
    last = fixed[3] in (1, 3) and (
        fixed[1] not in (1, 3)
        or [0, 3, 1, 2] in [user.attrs.get("perm") for user in graph.users.get(value.name, [])]
    )
    layout = NHWC if last else NCHW
    if given is not None:
        full = (1, given.channels, given.height, given.width)
        for i, group in enumerate(layout[1:], 1):
            if fixed[i] not in (None, full[group[0]]):
                graph.fail(
                    None, f"field input_shape {given}: {name} has shape {shown}; only free sizes can be given"
                )
            fixed[i] = full[group[0]]
    free = [str(v) for v, size in zip(names[1:], fixed[1:], strict=True) if size is None]
    if free:
        graph.fail(
            None,
            f"{name} has shape {shown}, which leaves {', '.join(free)} free; give channels, height and width as field "
            "input_shape, for example 3,224,224",
        )
    size = {group[0]: int(v or 1) for group, v in zip(layout, fixed, strict=True)}
    if size[1] not in (1, 3):
        graph.fail(
            None,
            f"{name} has {size[1]} channels; images of 1 or 3 channels, [N, C, H, W] or [N, H, W, C], are supported",
        )
    return Shape(size[1], size[2], size[3]), layout
