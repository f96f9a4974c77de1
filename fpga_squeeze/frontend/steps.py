"""What the walk through an ONNX graph finds: one step per layer, nothing decided about names or integers
yet."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from typing_extensions import assert_never

from ..network.fixed_point import IntArray, int_range
from ..network.graph import FloatArray, Pads, Shape, Window
from .onnx_file import Constant, Node, Scale


@dataclass(eq=False)
class Post:
    """What follows a layer before others read it: ReLU, a clip as the file has it, a QuantizeLinear/DequantizeLinear
    pair.

    least, most   limits of the integers, from a Clip behind the QuantizeLinear
    tensor        the file's tensor of these integers, where it has one
    """

    relu: bool = False
    clip: tuple[float, float] | None = None
    clip_node: Node | None = None
    quant: Scale | None = None
    nodes: list[Node] = field(default_factory=list)
    least: float = -math.inf
    most: float = math.inf
    tensor: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value that ReLU and clips leave."""
        low, high = self.clip or (-math.inf, math.inf)
        return (max(low, 0.0) if self.relu else low), high


@dataclass(eq=False)
class InputStep:
    """The image.

    front   nodes before it is quantised, with their constant, float32 [C, 1], and whether it is their first operand
    table   int64 [C, 256]: the integers that the file looks up for a pixel
    """

    post: Post
    output: Shape
    front: list[tuple[Node, np.ndarray, bool]] = field(default_factory=list)
    table: IntArray | None = None


@dataclass(eq=False)
class ConvStep:
    """A convolution; ``pad_value`` float64 [I] is what a constant in front of it takes away, not yet in its bias."""

    node: Node
    inputs: list[Step]
    weight: Constant
    bias: FloatArray
    stride: int
    pads: Pads
    post: Post
    output: Shape
    pad_value: FloatArray | None = None

    @property
    def kernel(self) -> Window:
        return int(self.weight.value.shape[2]), int(self.weight.value.shape[3])


@dataclass(eq=False)
class PoolStep:
    """Max pooling."""

    node: Node
    inputs: list[Step]
    kernel: Window
    stride: int
    pads: Pads
    ceil: bool
    post: Post
    output: Shape


@dataclass(eq=False)
class AverageStep:
    """An average over windows, or over the whole map."""

    node: Node
    inputs: list[Step]
    kernel: Window
    stride: int
    pads: Pads
    post: Post
    output: Shape


@dataclass(eq=False)
class AddStep:
    """The sum of two maps."""

    node: Node
    inputs: list[Step]
    post: Post
    output: Shape


@dataclass(eq=False)
class ConcatStep:
    """Maps one behind the other."""

    node: Node
    inputs: list[Step]
    post: Post
    output: Shape


LayerStep = ConvStep | PoolStep | AverageStep | AddStep | ConcatStep
Step = InputStep | LayerStep


def readers(steps: list[LayerStep]) -> dict[int, list[LayerStep]]:
    """The steps that read each step, by its ``id``."""
    out: dict[int, list[LayerStep]] = {}
    for step in steps:
        for source in {id(s): s for s in step.inputs}.values():
            out.setdefault(id(source), []).append(step)
    return out


def never_negative(step: Step) -> bool:
    """Whether nothing that ``step`` gives can be negative: what comes out of a ReLU, pooled, joined or added."""
    match step:
        case InputStep():
            return False
        case ConvStep():
            return unsigned(step.post)
        case AddStep() | ConcatStep() | PoolStep() | AverageStep():
            return unsigned(step.post) or all(never_negative(source) for source in step.inputs)
        case _:
            assert_never(step)


def unsigned(post: Post) -> bool:
    """Whether what follows a layer leaves nothing negative."""
    scale = post.quant
    return post.relu or (
        scale is not None and bool(scale.zero_point.max() <= int_range(scale.bits, scale.signed)[0])
    )


@dataclass(frozen=True, eq=False)
class FireModule:
    """A squeeze 1x1, an expand 1x1 and an expand 3x3 that alone read it, and the Concat in which they alone meet."""

    squeeze: ConvStep
    expand1x1: ConvStep
    expand3x3: ConvStep
    concat: ConcatStep


def find_fires(steps: list[LayerStep]) -> list[FireModule]:
    """The Fire modules among ``steps``: they are named as one."""
    read, out = readers(steps), []
    for concat in steps:
        if not isinstance(concat, ConcatStep) or len(concat.inputs) != 2:
            continue
        one, three = sorted(concat.inputs, key=lambda s: s.kernel if isinstance(s, ConvStep) else (0, 0))
        if not (isinstance(one, ConvStep) and isinstance(three, ConvStep)):
            continue
        squeeze = one.inputs[0]
        if (
            isinstance(squeeze, ConvStep)
            and three.inputs[0] is squeeze
            and (squeeze.kernel, one.kernel, three.kernel) == ((1, 1), (1, 1), (3, 3))
            and (squeeze.stride, one.stride, three.stride) == (1, 1, 1)
            and (squeeze.pads, one.pads, three.pads) == ((0,) * 4, (0,) * 4, (1,) * 4)
            and len(read[id(squeeze)]) == 2
            and len(read[id(one)]) == len(read[id(three)]) == 1
        ):
            out.append(FireModule(squeeze, one, three, concat))
    return out
