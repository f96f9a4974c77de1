"""Which axes of a feature map the axes of a file's tensor are, through transpositions and reshapes.

A tensor's layout has a group for each of its axes: the axes of [N, C, H, W] (0 to 3) that lie in it, one behind the
other. NHWC is ((0,), (2,), (3,), (1,)), [N, C, H * W] is ((0,), (1,), (2, 3)); an axis of one element may be in no
group, or a group may be empty. The batch is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..network.graph import FloatArray, Shape

Layout = tuple[tuple[int, ...], ...]
NCHW: Layout = ((0,), (1,), (2,), (3,))
NHWC: Layout = ((0,), (2,), (3,), (1,))


def sizes(layout: Layout, x: Shape) -> list[int]:
    """The shape of a tensor that holds ``x``."""
    full = (1, x.channels, x.height, x.width)
    return [math.prod(full[axis] for axis in group) for group in layout]


def _long(layout: Layout, x: Shape) -> Layout:
    """``layout`` without rows and columns of one element: where those lie does not matter."""
    full = (0, 0, x.height, x.width)
    return tuple(tuple(axis for axis in group if full[axis] != 1) for group in layout)


def same(a: Layout, b: Layout, x: Shape) -> bool:
    """Whether tensors of both layouts hold ``x`` element for element."""
    return _long(a, x) == _long(b, x)


def channel_axis(layout: Layout, x: Shape) -> int | None:
    """The axis along which the channels lie, and nothing else."""
    found = [i for i, group in enumerate(_long(layout, x)) if [axis for axis in group if axis] == [1]]
    return found[0] if found else None


def reshaped(layout: Layout, x: Shape, target: Sequence[int]) -> Layout | None:
    """The layout behind a Reshape to ``target``; None where it would split an axis or join channels and pixels."""
    atoms = [axis for group in layout for axis in group]
    full = (1, x.channels, x.height, x.width)
    out: list[tuple[int, ...]] = []
    for size in target:
        group: list[int] = []
        while atoms and (math.prod(full[axis] for axis in group) < size or (size == 1 and not group)):
            if size == 1 and full[atoms[0]] != 1:
                break
            group.append(atoms.pop(0))
        if math.prod(full[axis] for axis in group) != size:
            return None
        out.append(tuple(group))
    if any(full[axis] != 1 for axis in atoms):
        return None
    if atoms:
        out = [*out[:-1], (*out[-1], *atoms)] if out else [tuple(atoms)]
    joined = any(len([axis for axis in group if axis]) > 1 and 1 in group for group in _long(tuple(out), x))
    return None if joined else tuple(out)


def reshape_target(given: Sequence[int], dims: Sequence[int], allow_zero: bool) -> list[int]:
    """The shape that the second input of a Reshape asks for: 0 copies a size, -1 is what is left."""
    out = [dims[i] if v == 0 and not allow_zero and i < len(dims) else v for i, v in enumerate(given)]
    known = math.prod(v for v in out if v != -1)
    return [math.prod(dims) // max(known, 1) if v == -1 else v for v in out]


def per_channel(value: npt.NDArray[np.generic], layout: Layout, x: Shape) -> FloatArray | None:
    """A constant that is broadcast over a tensor as one number per channel, float64 [C]; None where it is not that."""
    axis, dims = channel_axis(layout, x), sizes(layout, x)
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.size == 1 and numbers.ndim <= len(dims):
        return np.full(x.channels, float(numbers.reshape(-1)[0]))
    try:
        full = np.broadcast_to(numbers, dims)
    except ValueError:
        return None
    if axis is None:
        return None
    rows = np.moveaxis(full, axis, 0).reshape(x.channels, -1)
    return np.array(rows[:, 0]) if np.array_equal(rows, np.broadcast_to(rows[:, :1], rows.shape)) else None


def text(layout: Layout) -> str:
    """``[N, H, W, C]`` for people."""
    return f"[{', '.join('*'.join('NCHW'[axis] for axis in group) or '1' for group in layout)}]"
