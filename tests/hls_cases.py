"""Kernels of graphs one by one: hard cases, and what exact arithmetic gives for random inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from fpga_squeeze.network import golden
from fpga_squeeze.network.fixed_point import IntArray
from fpga_squeeze.network.graph import Pads, Shape, Window, window_output
from fpga_squeeze.network.integers import QAdd, QAvgPool, QConcat, QMaxPool, QModel, TensorType
from fpga_squeeze.planning.kinds.add import plan_add
from fpga_squeeze.planning.kinds.average import plan_average
from fpga_squeeze.planning.kinds.concat import plan_concat
from fpga_squeeze.planning.kinds.fork import plan_fork
from fpga_squeeze.planning.kinds.image import InputPlan
from fpga_squeeze.planning.kinds.store import least_slots, plan_store
from fpga_squeeze.planning.kinds.window import plan_window
from fpga_squeeze.planning.plan import KernelPlan, Plan
from fpga_squeeze.planning.streams import Stream

FRAMES = 3
Reference = Callable[[list[IntArray]], IntArray]


@dataclass(frozen=True)
class Case:
    """A kernel and what it makes of maps [C, H, W]."""

    kernel: KernelPlan
    reference: Reference

    def plan(self) -> Plan:
        """The kernel behind as many line gatherers as it has inputs, for their streams to have types."""
        sources = tuple(InputPlan(f"{s.name}_source", s, 1) for s in self.kernel.inputs)
        output = self.kernel.outputs[0].type
        model = QModel("alone", self.kernel.inputs[0].type, (QConcat("all", ("in",), (output,), output),))
        return Plan(model, (*sources, self.kernel), 0)

    def maps(self, rng: np.random.Generator) -> list[IntArray]:
        """Random inputs [N, C, H, W], the first frame of the smallest and largest integers only."""
        found = []
        for stream in self.kernel.inputs:
            shape, (low, high) = stream.type.shape, stream.type.range
            size = (FRAMES, shape.channels, shape.height, shape.width)
            values = rng.integers(low, high + 1, size)
            values[0] = np.where(rng.random(size[1:]) < 0.5, low, high)
            found.append(values)
        return found

    def expected(self, maps: list[IntArray]) -> IntArray:
        """What every output carries, int64 [N, C, H, W]."""
        return np.stack([self.reference([x[n] for x in maps]) for n in range(FRAMES)])


def tensor(
    channels: int, height: int, width: int, bits: int = 8, signed: bool = False, frac: int = 0
) -> TensorType:
    return TensorType(Shape(channels, height, width), bits, signed, frac)


def stream(name: str, of: TensorType, rows: int = 1) -> Stream:
    return Stream(name, of, rows, 2, (name,))


def _clip(value: int, of: TensorType, relu: bool = False) -> int:
    low, high = of.range
    return min(max(value, 0 if relu else low), high)


def fork(branches: int, rows: int) -> Case:
    source = stream("in0", tensor(3, 5, 7, bits=6), rows)
    kernel = plan_fork("ways", source, tuple(f"way{i}" for i in range(branches)))
    return Case(kernel, lambda maps: maps[0])


def store(height: int, in_rows: int, out_rows: int, channels: int = 3, bits: int = 5) -> Case:
    source = stream("in0", tensor(channels, height, 6, bits=bits), in_rows)
    return Case(
        plan_store("waits", source, out_rows, least_slots(source, out_rows) + 2), lambda maps: maps[0]
    )


def concat(height: int, rows: int, channels: tuple[int, ...]) -> Case:
    types = [tensor(c, height, 5, bits=7, signed=True) for c in channels]
    names = tuple(f"in{i}" for i in range(len(types)))
    out = replace(types[0], shape=replace(types[0].shape, channels=sum(channels)))
    layer = QConcat("joined", names, tuple(types), out)
    streams = tuple(stream(name, of, rows) for name, of in zip(names, types, strict=True))
    return Case(plan_concat(layer, streams, 0), lambda maps: np.concatenate(maps))


def add(a: TensorType, b: TensorType, out: TensorType, relu: bool, rows: int = 1) -> Case:
    """Sums of operands of any sign and binary point, as fractions."""
    layer = QAdd("sum", ("in0", "in1"), (a, b), relu, out)

    def reference(maps: list[IntArray]) -> IntArray:
        flat = [
            _clip(round((x * Fraction(2) ** -a.frac + y * Fraction(2) ** -b.frac) * 2**out.frac), out, relu)
            for x, y in zip(*(v.reshape(-1).tolist() for v in maps), strict=True)
        ]
        return np.array(flat).reshape(maps[0].shape)

    return Case(plan_add(layer, (stream("in0", a, rows), stream("in1", b, rows)), 0), reference)


def window(
    of: TensorType,
    kernel: Window,
    stride: int,
    pads: Pads,
    average: bool,
    *,
    extra: int = 0,
    rows: int = 1,
    bits: int = 8,
) -> Case:
    """A pool; its reference goes through every window of every map."""
    shape = window_output(of.shape.channels, of.shape, kernel, stride, pads)
    source = stream("in0", of, rows)
    if average:
        out = TensorType(shape, bits, of.signed, of.frac + extra)
        mean = QAvgPool("pool", ("in0",), kernel, stride, pads, of, out)
        return Case(plan_window(mean, source), lambda maps: pooled(maps[0], mean))
    largest = QMaxPool("pool", ("in0",), kernel, stride, pads, False, of, replace(of, shape=shape))
    return Case(plan_window(largest, source), lambda maps: pooled(maps[0], largest))


def pooled(x: IntArray, layer: QMaxPool | QAvgPool) -> IntArray:
    """Windows of a map, one after the other."""
    out = layer.output.shape
    y = np.empty((out.channels, out.height, out.width), dtype=np.int64)
    for c, i, j in np.ndindex(y.shape):
        top, left = i * layer.stride - layer.pads[0], j * layer.stride - layer.pads[1]
        seen = x[c, max(0, top) : top + layer.kernel[0], max(0, left) : left + layer.kernel[1]]
        match layer:
            case QMaxPool():
                y[c, i, j] = seen.max()
            case QAvgPool():
                mean = round(Fraction(int(seen.sum()) << layer.extra_frac, layer.count))
                y[c, i, j] = _clip(mean, layer.output)
    return y


# ---------------------------------------------------------------------------------- any scale and zero point


def typed(
    shape: tuple[int, int, int], scale: float, zero: int = 0, bits: int = 8, signed: bool = False
) -> TensorType:
    return TensorType.of_scale(Shape(*shape), bits, signed, float(np.float32(scale)), zero)


def _golden(layer: QAdd | QConcat | QAvgPool) -> Reference:
    """What golden makes of maps."""
    return lambda maps: golden.forward(layer, [x.astype(np.float32) for x in maps]).astype(np.int64)


def any_add(a: TensorType, b: TensorType, out: TensorType, relu: bool = False, cut: int = 0) -> Case:
    layer = QAdd("sum", ("in0", "in1"), (a, b), relu, out, out.range[1] - cut)
    return Case(plan_add(layer, (stream("in0", a), stream("in1", b)), 0), _golden(layer))


def any_concat(types: tuple[TensorType, ...], out: TensorType, rows: int = 1, direct: int = 0) -> Case:
    names = tuple(f"in{i}" for i in range(len(types)))
    channels = sum(of.shape.channels for of in types)
    layer = QConcat("joined", names, types, replace(out, shape=replace(types[0].shape, channels=channels)))
    streams = tuple(stream(name, of, rows) for name, of in zip(names, types, strict=True))
    return Case(plan_concat(layer, streams, direct), _golden(layer))


def any_average(
    of: TensorType,
    out: TensorType,
    kernel: Window = (0, 0),
    stride: int = 1,
    pads: Pads = (0, 0, 0, 0),
    *,
    total: bool = False,
    add: int = 1,
    divide_bits: int = 1,
) -> Case:
    """An average over windows, or over all of the map."""
    whole = kernel == (0, 0)
    kernel = (of.shape.height, of.shape.width) if whole else kernel
    out = replace(out, shape=window_output(of.shape.channels, of.shape, kernel, stride, pads))
    pool = QAvgPool("pool", ("in0",), kernel, stride, pads, of, out, total)
    source = stream("in0", of)
    plan = plan_average(pool, source, add, divide_bits) if whole else plan_window(pool, source, divide_bits)
    return Case(plan, _golden(pool))


MAP = (3, 6, 5)
SCALED: dict[str, Callable[[], Case]] = {
    "add_scales": lambda: any_add(typed(MAP, 0.037, 128), typed(MAP, 0.021, 3), typed(MAP, 0.05, 77)),
    # multipliers 2**10 apart, operands and result below zero
    "add_far_apart": lambda: any_add(
        typed(MAP, 1.7, -128, signed=True),
        typed(MAP, 1.63 / 1024, 127, signed=True),
        typed(MAP, 1.9, -20, signed=True),
        cut=9,
    ),
    "add_relu_limits": lambda: any_add(
        typed(MAP, 0.3, 5, 6), typed(MAP, 0.11, -2, 4, True), typed(MAP, 0.29, 17, 6), True, 4
    ),
    # powers of two apart: no table; offset and zero point alone
    "add_one_scale": lambda: any_add(typed(MAP, 0.3, 5), typed(MAP, 0.3, 250), typed(MAP, 0.6, 99), True),
    "add_one_table": lambda: any_add(typed(MAP, 0.5, 9), typed(MAP, 0.3, 1, 8, True), typed(MAP, 0.25, 128)),
    "concat_types": lambda: any_concat(
        (typed((2, 5, 4), 0.1, 7), typed((1, 5, 4), 0.3, -3, 5, True), typed((3, 5, 4), 0.2, 50)),
        typed(MAP, 0.2, 50),
        direct=1,
    ),
    "concat_one": lambda: any_concat((typed(MAP, 0.1, -7, 8, True),), typed(MAP, 0.13, 128), rows=2),
    "concat_narrow": lambda: any_concat(
        (typed((2, 4, 3), 0.1, 0, 3), typed((2, 4, 3), 0.25, 1, 2, True)), typed(MAP, 0.07, -2, 5, True)
    ),
    "global_scales": lambda: any_average(
        typed(MAP, 0.05, 200), typed(MAP, 0.03, 60, signed=True), add=2, divide_bits=2
    ),
    # three eighths of a sum: one in eight lies half-way
    "global_ties": lambda: any_average(
        typed((5, 4, 4), 1.5, -1, 3, True), typed((1, 1, 1), 0.25, 3, 6, True), divide_bits=4
    ),
    "global_sums": lambda: any_average(
        typed(MAP, 0.7, 13), typed(MAP, 0.7 / 30, 0, 14, True), total=True, add=3
    ),
    "global_wide": lambda: any_average(
        typed(MAP, 0.7, 13, 20, True), typed(MAP, 0.7, 5, 24, True), divide_bits=4
    ),
    "window_scales": lambda: any_average(
        typed(MAP, 0.05, 77), typed(MAP, 0.04, -128, signed=True), (3, 3), 2, (1, 1, 1, 1), divide_bits=2
    ),
    "window_one_scale": lambda: any_average(
        typed(MAP, 0.05, -77, signed=True), typed(MAP, 0.05, 128), (2, 2), 1, (0, 1, 1, 0)
    ),
    "window_sums": lambda: any_average(
        typed(MAP, 0.05, 9, 6), typed(MAP, 0.05, 0, 10), (3, 2), 1, (1, 1, 1, 0), total=True
    ),
}
"""By name: kernels between types that are not powers of two."""
IN_CPP = ("add_far_apart", "concat_types", "concat_one", "global_scales", "window_scales", "window_sums")
"""Those that run in C++, too, each of another kind."""

CASES: dict[str, Callable[[], Case]] = {
    **{name: SCALED[name] for name in IN_CPP},
    "fork": lambda: fork(2, 2),
    "fork_three_ways": lambda: fork(3, 1),
    "store_4_into_3": lambda: store(13, 4, 3),
    "store_3_into_4": lambda: store(11, 3, 4, channels=1),
    "store_1_into_2": lambda: store(7, 1, 2, bits=9),
    "store_5_into_1": lambda: store(9, 5, 1),
    "store_more_than_all": lambda: store(3, 4, 5),
    "concat": lambda: concat(7, 2, (2, 3)),
    "concat_four": lambda: concat(5, 3, (1, 4, 2, 1)),
    # sums that a shift to the right halves, operands of either sign, a saturated result
    "add_signs": lambda: add(
        tensor(3, 5, 6, 8, True, 3), tensor(3, 5, 6, 7, False, 5), tensor(3, 5, 6, 8, True, 2), False
    ),
    "add_relu": lambda: add(
        tensor(2, 4, 9, 6, True, 4), tensor(2, 4, 9, 6, True, 1), tensor(2, 4, 9, 5, False, 1), True, rows=2
    ),
    "add_left": lambda: add(
        tensor(2, 3, 5, 5, False, 0), tensor(2, 3, 5, 4, True, 1), tensor(2, 3, 5, 9, True, 4), False
    ),
    "add_wide": lambda: add(
        tensor(1, 3, 4, 16, True, 20), tensor(1, 3, 4, 16, True, 0), tensor(1, 3, 4, 16, True, 1), False
    ),
    "max_3x3_1": lambda: window(tensor(3, 7, 8), (3, 3), 1, (1, 1, 1, 1), False),
    "max_5x5_1": lambda: window(tensor(2, 6, 7, 7, True), (5, 5), 1, (2, 2, 2, 2), False),
    "max_3x3_2_one_side": lambda: window(tensor(3, 8, 9, 8, True), (3, 3), 2, (0, 1, 1, 0), False),
    "max_1x4": lambda: window(tensor(2, 5, 9, 6), (1, 4), 1, (0, 2, 0, 1), False, rows=1),
    "max_4x2_3": lambda: window(tensor(2, 11, 9, 6), (4, 2), 3, (1, 0, 2, 0), False, rows=3),
    "average_3x3_2": lambda: window(tensor(3, 9, 9, 8, True, 2), (3, 3), 2, (1, 1, 1, 1), True, extra=1),
    "average_2x2_2": lambda: window(tensor(3, 8, 6), (2, 2), 2, (0, 0, 0, 0), True, rows=2),
    "average_2x2_2_saturates": lambda: window(
        tensor(2, 7, 7, 6, True), (2, 2), 1, (1, 1, 1, 1), True, extra=2, bits=6
    ),
    "average_2x3_1_ties": lambda: window(tensor(2, 6, 8, 5, True), (2, 3), 1, (1, 1, 0, 1), True),
    "average_5x5_1": lambda: window(tensor(2, 6, 6, 5), (5, 5), 1, (2, 2, 2, 2), True, extra=3),
}
"""By name; 2x3 windows give ties, as sums of six halve."""
