"""What Q/DQ nodes, and nodes between the two, say of the layer in front of them."""

from __future__ import annotations

import math

import numpy as np
import onnx
from typing_extensions import assert_never

from ..network.fixed_point import int_name, int_range
from .onnx_file import Node, OnnxGraph, Scale, read_scale
from .steps import AddStep, AverageStep, ConcatStep, ConvStep, InputStep, PoolStep, Post, Step, never_negative


def same_meaning(a: Scale, b: Scale) -> bool:
    """Whether integers of both mean the same."""
    return (a.bits, a.signed) == (b.bits, b.signed) and np.array_equal(
        np.append(a.scale, a.zero_point), np.append(b.scale, b.zero_point)
    )


def casts_to(node: Node, scale: Scale) -> bool:
    """Whether the Cast ``node`` leaves integers in their own type, as PyTorch's exporter writes it."""
    name = str(onnx.TensorProto.DataType.Name(int(node.attrs.get("to", 0)))).lower()
    return name == int_name(scale.bits, scale.signed)


def to_integer(scale: Scale, real: float) -> int:
    """What QuantizeLinear makes of ``real``, in float32 as onnxruntime computes it."""
    low, high = int_range(scale.bits, scale.signed)
    with np.errstate(over="ignore"):
        steps = np.float64(np.rint(np.float32(real) / np.float32(scale.scale.item())))
    return int(np.clip(steps + scale.zero_point.item(), low, high))


def on_grid(scale: Scale, real: float) -> bool:
    """Whether ``real`` is what one of the integers stands for, or beyond all of them."""
    if math.isinf(real):
        return True
    integer = to_integer(scale, real)
    value = np.float32(integer - scale.zero_point.item()) * np.float32(scale.scale.item())
    ends = int_range(scale.bits, scale.signed)
    return bool(value == np.float32(real)) or (integer in ends and abs(real) > abs(float(value)))


def known_scale(step: Step) -> Scale | None:
    """How the integers that ``step`` gives are meant; None where they are not quantised yet."""
    if step.post.quant is not None:
        return step.post.quant
    match step:
        case InputStep() | ConvStep() | AddStep() | AverageStep():
            return None
        case PoolStep():
            return known_scale(step.inputs[0])
        case ConcatStep():
            if step.post.clip:  # limits that the QuantizeLinear behind them turns into integers
                return None
            first, *others = (known_scale(source) for source in step.inputs)
            same = first is not None and all(x is not None and same_meaning(first, x) for x in others)
            return first if same else None
        case _:
            assert_never(step)


def limits(graph: OnnxGraph, post: Post, scale: Scale) -> tuple[int, int]:
    """The smallest and largest of the file's integers that ReLU, Clip and QuantizeLinear leave."""
    low, high = int_range(scale.bits, scale.signed)
    if post.clip:
        low, high = (to_integer(scale, bound) for bound in post.clip)
    if post.relu:
        low = max(low, int(scale.zero_point.item()))
    low, high = int(max(low, post.least)), int(min(high, post.most))
    if low > high:
        graph.fail(
            post.clip_node or scale.node, f"leaves no integer between {low} and {high}; train it again"
        )
    return low, high


def span(graph: OnnxGraph, step: Step) -> tuple[int, int]:
    """The smallest and largest integer that a quantised ``step`` gives, as far as the file says."""
    scale = known_scale(step)
    assert scale is not None
    low, high = limits(graph, step.post, scale)
    if isinstance(step, PoolStep | ConcatStep):
        found = []
        for source in step.inputs:
            meaning = known_scale(source)
            if meaning is None or not same_meaning(meaning, scale):
                return low, high
            found.append(span(graph, source))
        low, high = max(low, min(s[0] for s in found)), min(high, max(s[1] for s in found))
    return low, high


def check_readers(graph: OnnxGraph, node: Node, scale: Scale, others: list[Node | str]) -> None:
    """An error where ``others`` read what the QuantizeLinear ``node`` quantises, and do not quantise it alike."""
    for other in others:
        if isinstance(other, str) or other.op != "QuantizeLinear":
            graph.fail(node, f"{other} reads what it quantises without it; let both read the same")
        if not same_meaning(scale, read_scale(graph, other, None)):
            graph.fail(node, f"{other} quantises the same tensor with another scale; quantise it once")


def open_concat(step: Step, alone: bool) -> bool:
    """Whether ``step`` is a Concat that says nothing yet of its integers, which no other node reads."""
    return alone and isinstance(step, ConcatStep) and step.post.quant is None


def quantise(graph: OnnxGraph, node: Node, step: Step, scale: Scale, others: list[Node | str]) -> Step:
    """``step`` with what the QuantizeLinear ``node`` says of it, or a step that changes its integers once more.

    ``others`` read the same without it.
    """
    if scale.scale.size != 1:
        graph.fail(node, "quantises per channel; activations have one scale per tensor")
    known = known_scale(step)
    if known is None:
        check_readers(graph, node, scale, others)
        if isinstance(step, AverageStep) and _limited(graph, step, scale):
            limited, step.post = (
                step.post,
                Post(quant=scale),
            )  # an average has no limits: a table behind it has
            limited.quant, limited.tensor = scale, _tensor(node)
            limited.nodes.append(node)
            return ConcatStep(node, [step], limited, step.output)
    elif not same_meaning(known, scale) and not open_concat(step, not others):
        return ConcatStep(node, [step], Post(quant=scale, nodes=[node], tensor=_tensor(node)), step.output)
    step.post.quant = scale
    step.post.tensor = step.post.tensor or _tensor(node)
    step.post.nodes.append(node)
    return step


def _limited(graph: OnnxGraph, step: AverageStep, scale: Scale) -> bool:
    """Whether a ReLU or a Clip behind an average leaves less than its sums give and no type's whole range."""
    low, high = step.post.limits
    if high == math.inf and (low == -math.inf or (low == 0 and never_negative(step.inputs[0]))):
        return False
    moved = int_range(scale.bits, True)[0] if scale.signed and scale.zero_point.any() else 0
    least, most = (v - moved for v in limits(graph, step.post, scale))
    return all((least, most) != int_range(b, s) for b in range(1, scale.bits + 1) for s in (False, True))


def _tensor(node: Node) -> str:
    """The file's name of what ``node`` gives; none where we made the node."""
    return node.outputs[0] if node.proto is not None else ""


def clip_integers(graph: OnnxGraph, node: Node, step: Step) -> None:
    """A Clip between QuantizeLinear and DequantizeLinear: it limits the integers."""
    bounds = [graph.constant(node, index, key) for index, key in ((1, "min"), (2, "max"))]
    post = step.post
    for bound in bounds:
        if bound is not None and bound.value.size != 1:
            graph.fail(node, "clips to more than one number; give min and max as scalars")
    low, high = bounds
    if low is not None:
        post.least = max(post.least, float(low.value.item()))
    if high is not None:
        post.most = min(post.most, float(high.value.item()))
    if post.tensor:
        post.tensor = _tensor(node)


def activate(
    graph: OnnxGraph, node: Node, step: Step, bounds: tuple[float, float], alone: bool, behind: Scale | None
) -> Step:
    """A Relu or Clip to ``bounds`` on what is quantised already: exact where both are integers of it.

    ``alone``: nothing else reads its input; ``behind`` is the QuantizeLinear that alone reads what it gives.
    """
    scale = known_scale(step)
    assert scale is not None
    low, high = bounds
    if low == 0 and never_negative(step):
        low = -math.inf
    exact = on_grid(scale, low) and on_grid(scale, high)
    least = to_integer(scale, low) if math.isfinite(low) else -math.inf
    most = to_integer(scale, high) if math.isfinite(high) else math.inf
    now = span(graph, step)
    if exact and least <= now[0] and now[1] <= most:
        return step
    if behind is not None and node.op != "Relu" and not same_meaning(scale, behind):
        if not open_concat(step, alone):
            step = ConcatStep(node, [step], Post(), step.output)
        step.post.relu, step.post.clip, step.post.clip_node = low == 0, (low, high), node
        step.post.nodes.append(node)
        return step
    if not exact:
        graph.fail(
            node,
            f"clips to {low:g}..{high:g}, which no integers of {scale.node} stand for; clip before it quantises",
        )
    if not (alone and isinstance(step, ConvStep | AddStep) and step.post.quant is not None):
        step = ConcatStep(node, [step], Post(quant=scale), step.output)
    post = step.post
    if low == 0:
        post.relu = True
    post.least, post.most = max(post.least, least), min(post.most, most)
    post.tensor = ""
    post.nodes.append(node)
    return step
