"""Random small integer chains in the shape of SqueezeNet, for tests that compare two ways of computing them; graphs
stand in random_graphs.py.

Binary points follow one random image through the network, so that activations are neither all zero nor all
saturated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import int_range
from fpga_squeeze.network.golden import FLOAT32_EXACT, FloatInts
from fpga_squeeze.network.graph import IMAGE, Pads, Shape, Window, window_output
from fpga_squeeze.network.integers import QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType

POOLS = ((3, 2), (3, 2), (2, 2), (3, 3), (2, 1))
NO_PADS: Pads = (0, 0, 0, 0)


def random_images(rng: np.random.Generator, model: QModel, n: int) -> npt.NDArray[np.uint8]:
    """``n`` random images, uint8 [N, H, W, C]: noise, dark and bright ones, with the extremes 0 and 255 in
    each."""
    shape = model.input.shape
    images = rng.integers(0, 256, (n, shape.height, shape.width, shape.channels), dtype=np.uint8)
    for image in images:
        kind = rng.integers(4)
        if kind == 0:
            image >>= np.uint8(rng.integers(1, 5))
        elif kind == 1:
            image |= np.uint8(0x80)
        image.reshape(-1)[rng.integers(0, image.size, 2)] = (0, 255)
    return images


def _pads(rng: np.random.Generator, limit: int, asymmetric: bool) -> Pads:
    """Padding of 0..limit pixels, mostly the same on every side."""
    if asymmetric and rng.random() < 0.25:
        t, left, b, r = (int(v) for v in rng.integers(0, limit + 1, 4))
        return (t, left, b, r)
    p = int(rng.integers(0, limit + 1))
    return (p, p, p, p)


def _random_weights(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> npt.NDArray[np.int64]:
    """Integer weights that use the whole field, partly sparse, with now and then an all-zero channel."""
    low, high = int_range(bits, True)
    weight = np.clip(np.rint(rng.normal(0, high / 2 + 0.5, shape)), low, high).astype(np.int64)
    if rng.random() < 0.4:
        weight[rng.random(shape) < rng.uniform(0.2, 0.9)] = 0
    weight[rng.random(shape[0]) < 0.1] = 0
    return weight


def _best_frac(values: npt.NDArray[np.float64], bits: int, signed: bool) -> int:
    """A binary point at which the large ones of ``values`` nearly fill the field."""
    picked = np.abs(values) if signed else values[values > 0]
    large = float(np.percentile(picked, 97)) if picked.size else 0.0
    if large <= 0:
        return 0
    return int(np.floor(np.log2(int_range(bits, signed)[1] / large)))


class _Builder:
    """Grows a chain layer by layer, carrying one image's integers to choose binary points by."""

    def __init__(self, rng: np.random.Generator, x: FloatInts, weight_bits: Sequence[int], bits: int) -> None:
        self.rng, self.x, self.weight_bits, self.bits = rng, x, weight_bits, bits

    def conv(
        self,
        name: str,
        at: str,
        x: FloatInts,
        source: TensorType,
        channels: int,
        kernel: Window,
        *,
        stride: int = 1,
        pads: Pads = NO_PADS,
        relu: bool = True,
        bits: int | None = None,
        pad_value: npt.NDArray[np.int64] | None = None,
    ) -> QConv:
        rng, shape = self.rng, source.shape
        weight_bits = int(rng.choice(self.weight_bits))
        weight = _random_weights(rng, (channels, shape.channels, *kernel), weight_bits)
        out_shape = window_output(channels, shape, kernel, stride, pads)
        spread = int(rng.integers(1, 5))
        conv = QConv(
            name=name,
            inputs=(at,),
            weight=weight,
            weight_bits=weight_bits,
            weight_frac=int(rng.integers(-2, 10)) + rng.integers(0, spread, channels),
            bias=np.zeros(channels, dtype=np.int64),
            stride=stride,
            pads=pads,
            relu=relu,
            pad_value=np.zeros(shape.channels, dtype=np.int64) if pad_value is None else pad_value,
            input=source,
            output=TensorType(out_shape, bits or self.bits, not relu, 0),
        )
        acc = golden.conv_accumulate(x, conv).astype(np.float64)
        size = np.maximum(np.abs(acc).max(axis=(1, 2)), 4)
        bias = np.rint(rng.uniform(-0.6, 0.8, channels) * size)
        bias[rng.random(channels) < 0.15] = 0
        conv = replace(conv, bias=bias)
        real = np.ldexp(
            acc + bias[:, None, None], -(source.frac + conv.weight_frac)[:, None, None].astype(np.int32)
        )
        frac = _best_frac(real, conv.output.bits, conv.output.signed) + int(rng.choice((-1, 0, 0, 0, 1)))
        conv = replace(conv, output=replace(conv.output, frac=frac))
        return self._odd_shifts(conv)

    def _odd_shifts(self, conv: QConv) -> QConv:
        """Give a few channels a shift of zero, a left shift, or one that leaves nothing."""
        rng = self.rng
        weight, bias, frac = conv.weight.copy(), conv.bias.copy(), conv.weight_frac.copy()
        for o in np.flatnonzero(rng.random(len(bias)) < 0.12):
            shift = int(rng.choice((-3, -2, -1, 0, 16)))
            frac[o] += shift - conv.shift[o]
            if shift <= 0:
                weight[o] = 0
                weight[o].reshape(-1)[rng.integers(0, weight[o].size)] = rng.choice((-1, 1))
                limit = conv.output.range[1] >> (1 - shift)
                bias[o] = rng.integers(-limit, limit + 1)
        return replace(conv, weight=weight, bias=bias, weight_frac=frac)

    def fire(
        self, name: str, at: str, source: TensorType, channels: tuple[int, int, int], *, relu: bool = True
    ) -> list[QLayer]:
        """Squeeze, both expansions and their concatenation."""
        rng, n = self.rng, f"{name}_squeeze1x1"
        squeeze = self.conv(n, at, self.x, source, channels[0], (1, 1), relu=relu)
        x = golden.conv_forward(self.x, squeeze)
        e1 = self.conv(f"{name}_expand1x1", n, x, squeeze.output, channels[1], (1, 1), relu=relu)
        e3 = self.conv(
            f"{name}_expand3x3", n, x, squeeze.output, channels[2], (3, 3), pads=(1, 1, 1, 1), relu=relu
        )
        frac = int(rng.choice((e1.output.frac, e3.output.frac)))
        e1, e3 = (replace(e, output=replace(e.output, frac=frac)) for e in (e1, e3))
        shape = Shape(channels[1] + channels[2], source.shape.height, source.shape.width)
        join = QConcat(name, (e1.name, e3.name), (e1.output, e3.output), replace(e1.output, shape=shape))
        self.x = golden.forward(join, [golden.conv_forward(x, e) for e in (e1, e3)])
        return [squeeze, e1, e3, join]

    def pool(self, name: str, at: str, source: TensorType, asymmetric: bool) -> QMaxPool | None:
        """A random pool; None where the map is too small for it."""
        rng, shape = self.rng, source.shape
        kernel, stride = POOLS[rng.integers(len(POOLS))]
        pads = _pads(rng, 1, asymmetric) if rng.random() < 0.4 else NO_PADS
        ceil = bool(rng.integers(2))
        out = window_output(shape.channels, shape, (kernel, kernel), stride, pads, ceil)
        if min(out.height, out.width) < 1 or min(shape.height, shape.width) < kernel:
            return None
        pool = QMaxPool(name, (at,), (kernel, kernel), stride, pads, ceil, source, replace(source, shape=out))
        self.x = golden.pool_forward(self.x, pool)
        return pool


def random_qmodel(
    rng: np.random.Generator,
    *,
    min_size: int = 5,
    max_size: int = 24,
    max_fires: int = 3,
    max_channels: int = 9,
    in_channels: int | None = None,
    weight_bits: Sequence[int] | None = None,
    activation_bits: int | None = None,
    asymmetric: bool = True,
    signed_probability: float = 0.0,
    first_kernel: int | None = None,
) -> QModel:
    """A random integer network: conv1 [pool1] fire2.. [poolN] conv10 pool10, every accumulator bound below
    2**24.

    ``min_size``, ``max_size`` bound both sides of the input image; ``max_channels`` the outputs of one
    convolution; ``asymmetric`` allows padding that differs from side to side; ``signed_probability`` is the
    chance of a layer other than conv10 to go without ReLU; ``first_kernel`` is that of conv1, else drawn. Names:
    conv1, pool1, fire2.., pool, conv10, pool10.
    """
    height, width = (int(v) for v in rng.integers(min_size, max_size + 1, 2))
    channels = int(in_channels or rng.choice((1, 3)))
    bits = activation_bits or int(rng.choice((8, 8, 8, 8, 4, 5, 6, 7)))
    wide = weight_bits or ((8,) if rng.random() < 0.4 else (2, 3, 4, 5, 6, 7, 8))
    image = rng.integers(0, 256, (channels, height, width)).astype(np.float32)
    b = _Builder(rng, image, wide, bits)
    source = TensorType(Shape(channels, height, width), 8, False, 0)
    layers: list[QLayer] = []

    def count(limit: int) -> int:
        return int(rng.integers(1, limit + 1))

    def relu() -> bool:
        return bool(rng.random() >= signed_probability)

    def maybe_pool(chance: float) -> None:
        if rng.random() < chance:
            name = f"pool{layers[-1].name.removeprefix('conv').removeprefix('fire')}"
            pool = b.pool(name, layers[-1].name, layers[-1].output, asymmetric)
            if pool is not None:
                layers.append(pool)

    kernel = first_kernel or int(rng.choice([k for k in (1, 3, 3, 7) if k <= min(height, width)]))
    pads = _pads(rng, kernel // 2, asymmetric)
    pad_value = rng.integers(0, 256, channels) if any(pads) and rng.random() < 0.5 else None
    stride = count(2) if min(height, width) >= 7 else 1
    conv1 = b.conv(
        "conv1",
        IMAGE,
        b.x,
        source,
        count(max_channels),
        (kernel, kernel),
        stride=stride,
        pads=pads,
        relu=relu(),
        pad_value=pad_value,
    )
    b.x = golden.conv_forward(b.x, conv1)
    layers.append(conv1)
    maybe_pool(0.6)
    fires = count(max_fires)
    for i in range(fires):
        sizes = (count(max(1, max_channels - 2)), count(max_channels), count(max_channels))
        layers += b.fire(f"fire{i + 2}", layers[-1].name, layers[-1].output, sizes, relu=relu())
        if i == fires // 2:
            maybe_pool(0.4)
    last = layers[-1].output
    pad = int(rng.random() < 0.3)
    area = (last.shape.height + 2 * pad) * (last.shape.width + 2 * pad)
    is_relu = bool(rng.integers(2))
    widest = min(16, 23 - area.bit_length() + (0 if is_relu else 1))
    out_bits = widest if rng.random() < 0.6 else int(rng.integers(min(8, widest), widest + 1))
    classes = count(max_channels) + 1
    conv10 = b.conv(
        "conv10", layers[-1].name, b.x, last, classes, (1, 1), pads=(pad,) * 4, relu=is_relu, bits=out_bits
    )
    b.x = golden.conv_forward(b.x, conv10)
    layers.append(conv10)
    whole = (conv10.output.shape.height, conv10.output.shape.width)
    pooled = replace(conv10.output, shape=Shape(classes, 1, 1))
    average = QAvgPool("pool10", ("conv10",), whole, 1, NO_PADS, conv10.output, pooled)
    if 2 * np.abs(golden.average_forward(b.x, average)).max() <= average.output.range[1] and rng.integers(2):
        average = replace(average, output=replace(average.output, frac=average.output.frac + 1))
    layers.append(average)
    model = QModel("random", source, tuple(layers))
    assert all(conv.acc_magnitude < FLOAT32_EXACT for conv in model.convs)
    return model
