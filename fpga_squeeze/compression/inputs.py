"""What a convolution reads: mean and covariance of its patches on calibration images, the measure of its errors.

An error E of the weights [O, P] costs a squared error of tr(E C E') in the layer's outputs, with C the covariance of
the patches it multiplies (im2col), when the mean of the error goes into the bias.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.images import ImageArray
from ..network.graph import IMAGE, Conv, FloatArray, FloatModel, Layer, Preprocess
from ..network.parallel import FrameRunner
from ..network.reference import (
    FloatMap,
    channel_statistics,
    conv_columns_float,
    layer_float,
    network_input,
)
from ..network.walk import walk

SAMPLE, LEAST = 32, 4096
"""Patches that are looked at, drawn evenly from all images: so many for each input or output of a layer, whichever are
more, and no fewer than the second. With 8 conv10 of SqueezeNet v1.0 at rank 256 was right on 1.5 to 4 points fewer."""
TOLD = 16
"""Images between two lines of progress."""
RIDGE = 1e-2
"""Of the mean variance, added to every input's: directions that few images show are not taken for free. With 1e-3 to
1e-2 conv10 of SqueezeNet v1.0 at rank 256 came out the same, with 0.1 slightly worse."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Patches of a convolution, float32 [P, S] with P = I * Kh * Kw, and their moments, float64.

    mean     [P]
    root     R [P, P] with R R' = covariance, ridge included, so that |E R| is the error that E makes
    inverse  of the covariance [P, P]
    """

    sample: FloatMap
    mean: FloatArray
    root: FloatArray
    inverse: FloatArray

    @classmethod
    def of(cls, sample: FloatMap) -> Inputs:
        """From patches [P, S], which need not span all directions."""
        size, number = sample.shape
        mean = sample.mean(axis=1, dtype=np.float64)
        centred = sample - mean[:, None].astype(np.float32)
        covariance = (centred @ centred.T).astype(np.float64) / number
        ridge = RIDGE * max(float(np.trace(covariance)) / size, np.finfo(np.float32).tiny)
        values, vectors = np.linalg.eigh(covariance + ridge * np.eye(size))
        values = np.maximum(values, ridge)
        return cls(sample, mean, vectors * np.sqrt(values), (vectors / values) @ vectors.T)


def conv_inputs(
    model: FloatModel,
    names: Collection[str],
    images: ImageArray,
    preprocess: Preprocess,
    on_step: Callable[[str], None] | None = None,
) -> dict[str, Inputs]:
    """What each convolution so named reads over ``images`` uint8 [N, H, W, C]. Deterministic."""
    statistics = channel_statistics(preprocess, model.input_shape.channels)
    done = count(1)

    def one(number: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        image, rng = images[number[0]], np.random.default_rng(number[0])
        found: dict[str, FloatMap] = {}

        def run(layer: Layer, inputs: list[FloatMap]) -> FloatMap:
            if isinstance(layer, Conv) and layer.name in names:
                columns = conv_columns_float(inputs[0], layer)
                # chosen by chance: every so many columns would be the same places of each map
                some = rng.permutation(columns.shape[1])[: -(-_wanted(layer) // len(images))]
                found[layer.name] = columns[:, np.sort(some)]
            return layer_float(layer, inputs)

        for _ in walk(model.layers, {IMAGE: network_input(image, *statistics)}, run):
            if len(found) == len(names):
                break
        told = next(done)
        if on_step and (told % TOLD == 0 or told == len(images)):
            on_step(f"inputs of {len(names)} layers: image {told} of {len(images)}")
        return np.array([found], dtype=object)

    with FrameRunner(one) as runner:
        of_images: list[dict[str, FloatMap]] = list(runner(np.arange(len(images))))
    ordered = [conv.name for conv in model.convs if conv.name in names]
    return {name: Inputs.of(np.concatenate([found[name] for found in of_images], axis=1)) for name in ordered}


def _wanted(conv: Conv) -> int:
    """Patches of all images that ``conv`` is to be fitted on."""
    return max(LEAST, SAMPLE * max(len(conv.bias), int(conv.weight[0].size)))
