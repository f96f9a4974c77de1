"""What a convolution reads: mean and covariance of its patches on calibration images, the measure of its errors.

An error E of the weights [O, P] costs a squared error of tr(E C E') in the layer's outputs, with C the covariance of
the patches it multiplies (im2col), when the mean of the error goes into the bias.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.images import ImageArray
from ..network.graph import IMAGE, Conv, FloatArray, FloatModel, Preprocess
from ..network.parallel import FrameRunner, cores
from ..network.reference import (
    FloatMap,
    channel_statistics,
    conv_columns_float,
    layer_float,
    network_input,
)
from ..network.walk import walk

COLUMNS = 4096
"""Patches of an image that mean and covariance are taken of, evenly spaced; early layers have more, much alike."""
SAMPLE = 8192
"""Patches of all images that are kept."""
TOLD = 16
"""Images between two lines of progress."""
RIDGE = 1e-2
"""Of the mean variance, added to every input's: directions that few images show are not taken for free. With 1e-3 to
1e-2 conv10 of SqueezeNet v1.0 at rank 256 came out the same, with 0.1 slightly worse."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Patches of a convolution, P = I * Kh * Kw: their mean [P], a root of their covariance C, and some of them.

    root     R [P, P] with R R' = C, ridge included, so that |E R| is the error that E makes
    inverse  of C [P, P]
    sample   float32 [P, S]
    """

    mean: FloatArray
    root: FloatArray
    inverse: FloatArray
    sample: FloatMap

    @classmethod
    def of(cls, mean: FloatArray, covariance: FloatArray, sample: FloatMap) -> Inputs:
        """From the plain covariance [P, P], which need not have full rank."""
        size = len(mean)
        ridge = RIDGE * max(float(np.trace(covariance)) / size, np.finfo(np.float32).tiny)
        values, vectors = np.linalg.eigh(covariance + ridge * np.eye(size))
        values = np.maximum(values, ridge)
        return cls(mean, vectors * np.sqrt(values), (vectors / values) @ vectors.T, sample)


@dataclass(eq=False)
class _Sums:
    """Number, sum [P] and sum of outer products [P, P] of patches, and those of them that are kept [P, S]."""

    count: int
    first: FloatArray
    second: npt.NDArray[Any]
    kept: list[FloatMap]

    def add(self, other: _Sums) -> None:
        self.count += other.count
        self.first = self.first + other.first
        self.second = self.second + other.second.astype(np.float64)
        self.kept += other.kept

    def inputs(self) -> Inputs:
        mean = self.first / self.count
        return Inputs.of(
            mean, self.second / self.count - np.outer(mean, mean), np.concatenate(self.kept, axis=1)
        )


def conv_inputs(
    model: FloatModel,
    names: Collection[str],
    images: ImageArray,
    preprocess: Preprocess,
    on_step: Callable[[str], None] | None = None,
) -> dict[str, Inputs]:
    """What each convolution so named reads over ``images`` uint8 [N, H, W, C]. Deterministic."""
    statistics = channel_statistics(preprocess, model.input_shape.channels)
    of_each = -(-SAMPLE // len(images))

    def one(image: ImageArray) -> npt.NDArray[Any]:
        found: dict[str, _Sums] = {}

        def run(layer: Any, inputs: list[FloatMap]) -> FloatMap:
            if layer.name in names:
                found[layer.name] = _sums(inputs[0], layer, of_each)
            return layer_float(layer, inputs)

        for _ in walk(model.layers, {IMAGE: network_input(image[0], *statistics)}, run):
            if len(found) == len(names):
                break
        return np.array([found], dtype=object)

    total: dict[str, _Sums] = {}
    at_once = cores()  # an image's products are as large as the network: no more of them than needed
    with FrameRunner(one) as runner:
        for start in range(0, len(images), at_once):
            for found in runner(images[start : start + at_once]):
                for name, sums in found.items():
                    if name in total:
                        total[name].add(sums)
                    else:
                        total[name] = sums
            done = min(start + at_once, len(images))
            if on_step and (done % TOLD < at_once or done == len(images)):
                on_step(f"inputs of {len(names)} layers: image {done} of {len(images)}")
    return {name: sums.inputs() for name, sums in total.items()}


def _sums(x: FloatMap, conv: Conv, kept: int) -> _Sums:
    """Those of one map [I, H, W]; ``kept`` of its patches at most."""
    columns = _thinned(conv_columns_float(x, conv), COLUMNS)
    first = columns.sum(axis=1, dtype=np.float64)
    return _Sums(columns.shape[1], first, columns @ columns.T, [_thinned(columns, kept)])


def _thinned(columns: FloatMap, most: int) -> FloatMap:
    """At most so many columns, evenly spaced."""
    return np.ascontiguousarray(columns[:, :: -(-columns.shape[1] // most)])
