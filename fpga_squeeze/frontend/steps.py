"""What the walk through an ONNX graph finds: one step per layer, nothing decided about names or integers
yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..network.graph import FloatArray, Pads, Shape
from .onnx_file import Constant, Node, Scale


@dataclass(eq=False)
class Post:
    """What follows a layer before the next one reads it: ReLU, a clip, a QuantizeLinear/DequantizeLinear
    pair."""

    relu: bool = False
    clip: tuple[float, float] | None = None
    clip_node: Node | None = None
    quant: Scale | None = None
    nodes: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class ConvStep:
    """A convolution; ``pad_value`` float64 [I] is what a Sub in front of it takes away."""

    node: Node
    weight: Constant
    bias: FloatArray
    stride: int
    pads: Pads
    post: Post
    output: Shape
    pad_value: FloatArray | None = None


@dataclass(eq=False)
class FireStep:
    """Squeeze and both expand branches, already in the order 1x1, 3x3; ``post`` follows the Concat."""

    node: Node
    squeeze: ConvStep
    expand1x1: ConvStep
    expand3x3: ConvStep
    post: Post
    output: Shape


@dataclass(eq=False)
class PoolStep:
    """Max pooling."""

    node: Node
    kernel: int
    stride: int
    pads: Pads
    ceil: bool
    post: Post
    output: Shape


@dataclass(eq=False)
class AverageStep:
    """The average over the whole map; ``node`` is None where the map is one pixel and the file has no
    average."""

    node: Node | None
    post: Post
    output: Shape


Step = ConvStep | FireStep | PoolStep | AverageStep
