"""Random small networks that fork and join: float graphs, and the integers that quantisation makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fpga_squeeze.network.graph import (
    IMAGE,
    Add,
    AvgPool,
    Concat,
    Conv,
    FloatModel,
    Layer,
    MaxPool,
    Pads,
    Shape,
    Window,
)
from fpga_squeeze.network.integers import QModel
from fpga_squeeze.quantization.quantize import quantize

KERNELS: tuple[Window, ...] = ((1, 1), (1, 1), (3, 3), (3, 3), (3, 1), (1, 3), (5, 5), (2, 2), (5, 1), (7, 7))
POOLS: tuple[tuple[Window, int, int], ...] = (
    ((3, 3), 2, 0), ((3, 3), 1, 1), ((2, 2), 2, 0), ((3, 3), 2, 1), ((2, 2), 1, 0), ((5, 5), 1, 2)
)  # fmt: skip
"""Window, stride and padding of the pools drawn."""
NO_PADS: Pads = (0, 0, 0, 0)


@dataclass
class _Grower:
    """Adds layers to a network; every method returns the name of the tensor it made."""

    rng: np.random.Generator
    shape: Shape
    max_channels: int
    signed: float
    asymmetric: bool
    layers: list[Layer] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes[IMAGE] = self.shape

    def keep(self, layer: Layer) -> str:
        self.shapes[layer.name] = layer.output_shape(*(self.shapes[name] for name in layer.inputs))
        self.layers.append(layer)
        return layer.name

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.layers) + 1}"

    def channels(self) -> int:
        return int(self.rng.integers(1, self.max_channels + 1))

    def conv(
        self,
        at: str,
        channels: int = 0,
        kernel: Window | None = None,
        stride: int = 1,
        pads: Pads | None = None,
        relu: bool | None = None,
    ) -> str:
        """A convolution of random weights; unless ``pads`` are given it keeps the size of its map."""
        rng, x = self.rng, self.shapes[at]
        kernel = kernel or KERNELS[rng.integers(len(KERNELS))]
        if pads is None:
            top, left = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
            pads = (top, left, kernel[0] - 1 - top, kernel[1] - 1 - left)
        relu = bool(rng.random() >= self.signed) if relu is None else relu
        channels = channels or self.channels()
        weight = rng.normal(size=(channels, x.channels, *kernel))
        weight *= np.sqrt(2 / weight[0].size) * (1 / 64 if at == IMAGE else 1)
        weight *= rng.lognormal(0, 0.5, (channels, 1, 1, 1))
        if rng.random() < 0.3:
            weight[rng.random(weight.shape) < rng.uniform(0.2, 0.8)] = 0
        weight[rng.random(channels) < 0.05] = 0
        bias = rng.normal(0, 0.3, channels)
        return self.keep(Conv(self.name("conv"), (at,), weight, bias, stride, pads, relu))

    def free_conv(self, at: str) -> str:
        """A convolution of random geometry."""
        rng, x = self.rng, self.shapes[at]
        kernel = KERNELS[rng.integers(len(KERNELS))]
        if kernel[0] > x.height or kernel[1] > x.width:
            kernel = (1, 1)
        stride = 2 if min(x.height, x.width) >= 6 and rng.random() < 0.2 else 1
        pads: Pads | None = None
        if rng.random() < 0.3:
            p, q = (int(rng.integers(0, k // 2 + 1)) for k in kernel)
            pads = (p, q, p, q)
            if self.asymmetric and rng.random() < 0.5:
                pads = (p, int(rng.integers(0, q + 1)), int(rng.integers(0, p + 1)), q)
        return self.conv(at, kernel=kernel, stride=stride, pads=pads)

    def pool(self, at: str, window: tuple[Window, int, int] | None = None) -> str:
        """A max pool, or a windowed average; ``at`` itself where the map is too small."""
        rng, x = self.rng, self.shapes[at]
        kernel, stride, pad = window or POOLS[rng.integers(len(POOLS))]
        if min(x.height, x.width) < max(*kernel, 3):
            return at
        pads: Pads = (pad, pad, pad, pad)
        if rng.random() < 0.35:
            return self.keep(AvgPool(self.name("avg"), (at,), kernel, stride, pads))
        return self.keep(MaxPool(self.name("pool"), (at,), kernel, stride, pads, bool(rng.integers(2))))

    def add(self, a: str, b: str) -> str:
        return self.keep(Add(self.name("add"), (a, b), bool(self.rng.random() >= 0.6)))

    def residual(self, at: str) -> str:
        """A sum of ``at``, as it is or through a convolution, and what one to three convolutions make of it."""
        rng, y = self.rng, at
        for _ in range(int(rng.integers(0, 3))):
            y = self.conv(y)
        through = at == IMAGE or rng.random() < 0.4
        channels = self.channels() if through else self.shapes[at].channels
        y = self.conv(y, channels)
        shortcut = self.conv(at, channels, (1, 1)) if through else at
        return self.add(*((y, shortcut) if rng.random() < 0.5 else (shortcut, y)))

    def branches(self, at: str) -> str:
        """A concatenation of two to four branches of ``at``."""
        rng, ends = self.rng, []
        for _ in range(int(rng.integers(2, 5))):
            y, kind = at, rng.random()
            if kind < 0.2:
                y = self.pool(y, ((3, 3), 1, 1))
            if kind > 0.5:
                y = self.conv(y, kernel=(1, 1))
            if kind > 0.1 or y in ends or y == IMAGE:
                y = self.conv(y)
            if y in ends or y == IMAGE:
                continue
            ends.append(y)
        return self.keep(Concat(self.name("concat"), tuple(ends))) if len(ends) > 1 else self.conv(at)

    def join(self, same: bool) -> str:
        """A sum or concatenation of tensors of one size, from anywhere; both may be the same where ``same``."""
        rng, groups = self.rng, dict[tuple[int, int], list[str]]()
        for name, s in self.shapes.items():
            if name != IMAGE:
                groups.setdefault((s.height, s.width), []).append(name)
        latest = self.shapes[self.layers[-1].name]
        names = groups[latest.height, latest.width]
        first = self.layers[-1].name
        second = names[int(rng.integers(len(names)))]
        if first == second and not same:
            return self.conv(first)
        if self.shapes[first] == self.shapes[second] and rng.random() < 0.5:
            return self.add(first, second)
        return self.keep(Concat(self.name("concat"), (first, second)))


def random_graph(
    rng: np.random.Generator,
    *,
    min_size: int = 6,
    max_size: int = 18,
    max_blocks: int = 5,
    max_channels: int = 7,
    in_channels: int | None = None,
    signed_probability: float = 0.2,
    asymmetric: bool = True,
    same_inputs: bool = True,
    averages_first: bool = False,
) -> FloatModel:
    """A random float network of convolutions of any shape, pools, sums and concatenations that fork and join.

    ``min_size``, ``max_size`` bound both sides of the image, ``max_channels`` the outputs of one convolution;
    ``signed_probability`` is the chance of a convolution to go without ReLU; ``asymmetric`` allows padding that differs
    from side to side, ``same_inputs`` sums and concatenations of a tensor with itself, ``averages_first`` ends in which
    the last convolution reads an average: its sums are wider than float32 holds exactly.
    """
    height, width = (int(v) for v in rng.integers(min_size, max_size + 1, 2))
    shape = Shape(int(in_channels or rng.choice((1, 3))), height, width)
    g = _Grower(rng, shape, max_channels, signed_probability, asymmetric)
    at = g.free_conv(IMAGE)
    for _ in range(int(rng.integers(1, max_blocks + 1))):
        kind = rng.random()
        if kind < 0.2:
            at = g.free_conv(at)
        elif kind < 0.4:
            at = g.pool(at)
        elif kind < 0.6:
            at = g.residual(at)
        elif kind < 0.85:
            at = g.branches(at)
        else:
            at = g.join(same_inputs)
    classes = g.channels() + 1
    ends = int(rng.integers(5 if averages_first else 3))
    if ends < 2:
        at = g.conv(at, classes, (1, 1), relu=True)
    elif ends == 2:
        parts = [g.conv(at, classes, (1, 1), relu=True), g.conv(at, classes, (1, 1), relu=not averages_first)]
        at = g.keep(Concat("concat_last", tuple(parts)))
    elif ends == 3:
        at = g.conv(at, classes, (1, 1), relu=False)
    last = g.shapes[at]
    at = g.keep(AvgPool("average", (at,), (last.height, last.width), 1, NO_PADS))
    if ends == 4:
        at = g.conv(at, classes, (1, 1), relu=False)
    return _live(FloatModel("random", shape, tuple(g.layers)), at)


def _live(model: FloatModel, output: str) -> FloatModel:
    """``model`` without what ``output`` does not depend on."""
    wanted, layers = {output}, list[Layer]()
    for layer in reversed(model.layers):
        if layer.name in wanted:
            wanted.update(layer.inputs)
            layers.insert(0, layer)
    return FloatModel(model.name, model.input_shape, tuple(layers))


def graph_images(rng: np.random.Generator, shape: Shape, n: int) -> np.ndarray:
    """``n`` smooth images of any brightness, uint8 [N, H, W, C]."""
    noise = rng.uniform(0, 255, (n, shape.height + 2, shape.width + 2, shape.channels))
    smooth = np.mean([noise[:, i : i + shape.height, i : i + shape.width] for i in range(3)], axis=0)
    bright = np.clip(smooth * rng.uniform(0.3, 1.4, (n, 1, 1, 1)), 0, 255)
    return np.asarray(bright, dtype=np.uint8)


def quantised_graph(
    rng: np.random.Generator,
    model: FloatModel,
    *,
    weight_bits: int | None = None,
    activation_bits: int | None = None,
) -> QModel:
    """The integers of a random graph, calibrated on a few random images."""
    return quantize(
        model,
        graph_images(rng, model.input_shape, 3),
        weight_bits=weight_bits or int(rng.choice((8, 8, 8, 6, 5, 4))),
        activation_bits=activation_bits or int(rng.choice((8, 8, 8, 6, 5))),
    )


def random_graph_qmodel(rng: np.random.Generator, **options: object) -> QModel:
    """An integer network of :func:`random_graph`, with its options."""
    return quantised_graph(rng, random_graph(rng, **options))  # type: ignore[arg-type]
