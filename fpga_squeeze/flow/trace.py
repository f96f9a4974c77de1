"""Where accuracy is lost: golden beside the float network it was quantised from, tensor by tensor.

Every tensor of golden is set against the float network's (what all layers up to here have lost), and against what the
float layer makes of golden's own inputs (what this layer loses by itself: its rounded weights and results).
Quantisation moves scales between layers, channel by channel (:mod:`..quantization.equalise`): a channel that may have
been moved is compared at the scale that suits best what its own layer makes. A layer that is far off spoils that fit,
and those that read it seem to lose as well: the first of them is the one to look at.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..datasets.images import ImageArray, embedded_model_path, load_images
from ..errors import FpgaSqueezeError
from ..network import golden
from ..network.golden import FloatInts
from ..network.graph import (
    IMAGE,
    Add,
    AvgPool,
    Concat,
    Conv,
    FloatArray,
    FloatModel,
    Layer,
    MaxPool,
    Preprocess,
)
from ..network.integers import QAdd, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from ..network.reference import FloatMap, channel_statistics, layer_float, network_input
from ..network.walk import walk
from ..project.project import Project, load_project
from ..project.results import keep_result
from ..quantization.average_first import average_first
from ..quantization.equalise import channel_numbers
from .agreement import before_rounding
from .evaluate import integer_model

WORST = 3
"""Layers that are named."""
FRAMES = 32
"""Images where nothing is said: all of them are in memory, and every one has thousands of values of a tensor."""
OnProgress = Callable[[int, int], None]


@dataclass
class TensorTrace:
    """One layer's result over all frames.

    low, high   of the float network, in its own units
    largest     magnitude of golden's integers around their zero, as a share of what the type holds
    clipped     values that the type cut off; what a ReLU or a ceiling cuts is none of them
    signal      sum of squares of the float network's values; ``error`` of their difference from golden's
    made, lost  the same for what the float layer makes of golden's inputs: the layer's own error
    """

    layer: str
    type: TensorType
    low: float = np.inf
    high: float = -np.inf
    largest: float = 0.0
    values: int = 0
    clipped: int = 0
    signal: float = 0.0
    error: float = 0.0
    made: float = 0.0
    lost: float = 0.0

    @property
    def snr(self) -> float | None:
        """Signal to noise in dB; None where there is no noise."""
        return _decibels(self.signal, self.error)

    @property
    def own_snr(self) -> float | None:
        """Of this layer alone, in dB; None where it loses nothing."""
        return _decibels(self.made, self.lost)

    @property
    def clipped_share(self) -> float:
        return self.clipped / self.values if self.values else 0.0

    def to_json(self) -> dict[str, object]:
        return {
            "layer": self.layer,
            "bits": self.type.bits,
            "signed": self.type.signed,
            "scale": self.type.scale,
            "float_range": [self.low, self.high],
            "largest_of_type": self.largest,
            "values": self.values,
            "clipped": self.clipped,
            "snr_db": self.snr,
            "own_snr_db": self.own_snr,
        }


@dataclass
class Trace:
    """``tensors`` in network order; ``same_top1`` frames to which both networks give one first class."""

    frames: int
    same_top1: int = 0
    tensors: list[TensorTrace] = field(default_factory=list)

    @property
    def worst(self) -> list[TensorTrace]:
        """The layers that lose most by themselves, the worst first."""
        losing = [t for t in self.tensors if t.own_snr is not None]
        return sorted(losing, key=lambda t: t.own_snr or 0.0)[:WORST]

    def to_json(self) -> dict[str, object]:
        return {
            "frames": self.frames,
            "same_top1": self.same_top1,
            "worst": [t.layer for t in self.worst],
            "tensors": [t.to_json() for t in self.tensors],
        }


def shown_snr(snr: float | None) -> str:
    """For people; None: there is no noise."""
    return "exact" if snr is None else f"{snr:.1f} dB"


def _decibels(signal: float, noise: float) -> float | None:
    if not noise:
        return None
    return float(10 * np.log10(max(signal, np.finfo(np.float64).tiny) / noise))


def trace(
    target: str | Path,
    images: str | Path | None = None,
    *,
    float_model: str | Path | FloatModel | None = None,
    frames: int | None = None,
    preprocess: Preprocess | None = None,
    on_progress: OnProgress | None = None,
) -> Trace:
    """Golden of a project or a quantised file beside ``float_model``, the network it came from.

    images        None: the project's own
    float_model   None: the embedded one, where the project was made from it
    frames        of the images in the order of their names at most so many; None: FRAMES
    preprocess    what is done to a pixel before a quantised file that does not say so

    The result of a project is kept in it (:mod:`~..project.results`). ``on_progress`` is called with layers done and in
    all. Raises FpgaSqueezeError for bad input, and where the layers of both networks are not the same.
    """
    project = load_project(target) if Path(target).is_dir() else None
    model = integer_model(target, project, preprocess)
    source = _matching(_float_model(target, project, float_model), model)
    result = traced(source, model, _pixels(target, project, model, images, frames), on_progress)
    if project:
        given = {
            "images": None if images is None else str(images),
            "float": str(float_model) if isinstance(float_model, str | Path) else None,
            "frames": frames,
        }
        with contextlib.suppress(FpgaSqueezeError):  # of a project that only may be read nothing is kept
            keep_result(project, "trace", given, result.to_json())
    return result


def _float_model(
    target: str | Path, project: Project | None, given: str | Path | FloatModel | None
) -> FloatModel:
    from ..frontend import read_model

    if isinstance(given, FloatModel):
        return given
    if given is None:
        embedded = embedded_model_path()
        made_from = hashlib.sha256(embedded.read_bytes()).hexdigest()
        if project is None or project.manifest.source.sha256 != made_from:
            raise FpgaSqueezeError(
                f"{target}: was not made from the embedded model; give the float one it came from as field float_model"
            )
        given = embedded
    model = read_model(given)
    if isinstance(model, QModel):
        raise FpgaSqueezeError(
            f"{given}: is quantised; give the float model it came from as field float_model"
        )
    return model


def _matching(source: FloatModel, model: QModel) -> FloatModel:
    """``source``, or the same with its average in front, whichever has the layers of ``model``."""
    wanted = [(layer.name, layer.inputs) for layer in model.layers]
    for candidate in (source, average_first(source)[0]):
        if [(layer.name, layer.inputs) for layer in candidate.layers] != wanted:
            continue
        shapes = candidate.shapes()
        if all(shapes[name] == t.shape for name, t in model.types.items()):
            return candidate
    where = source.source or source.name
    raise FpgaSqueezeError(
        f"{where}: its layers are not those of the quantised model {model.name}; give the float model it came from "
        "as field float_model"
    )


def _pixels(
    target: str | Path,
    project: Project | None,
    model: QModel,
    images: str | Path | None,
    frames: int | None,
) -> ImageArray:
    if frames is not None and frames < 1:
        raise FpgaSqueezeError(f"field frames {frames}: give at least one")
    frames = FRAMES if frames is None else frames
    if images is not None:
        return load_images(images, model.input.shape, frames)[0]
    if project is None:
        raise FpgaSqueezeError(f"{target}: is a file without images; give some as field images")
    return project.images[:frames]


def traced(
    source: FloatModel, model: QModel, images: ImageArray, on_progress: OnProgress | None = None
) -> Trace:
    """Both networks, of the same layers, on uint8 ``images`` [N, H, W, C], layer by layer over all images."""
    golden.check_images(model, images)
    mean, std, order = channel_statistics(model.preprocess, source.input_shape.channels)
    moved = {name: numbers > 0 for name, numbers in channel_numbers(source).items()}
    known = {IMAGE: [network_input(image, mean, std, order) for image in images]}
    start = _Tensor(
        [golden.image_integers(model, image) for image in images], known[IMAGE], known[IMAGE], np.ones(1)
    )
    integers = {layer.name: layer for layer in model.layers}
    out, done = Trace(len(images)), count(1)

    def run(layer: Layer, inputs: list[_Tensor]) -> _Tensor:
        row, result = _layer(layer, integers[layer.name], inputs, moved[layer.name])
        out.tensors.append(row)
        if on_progress:
            on_progress(next(done), len(model.layers))
        return result

    last = deque(walk(source.layers, {IMAGE: start}, run), maxlen=1)[0][1]
    both = zip(last.wanted, last.ints, strict=True)
    out.same_top1 = sum(int(wanted.argmax() == ints.argmax()) for wanted, ints in both)
    return out


@dataclass(frozen=True, eq=False)
class _Tensor:
    """One tensor of all frames, each [C, H, W].

    ints    golden's integers
    real    what they are worth at the float network's scale
    wanted  the float network's
    scale   [C] with which golden's worth was multiplied
    """

    ints: list[FloatInts]
    real: list[FloatMap]
    wanted: list[FloatMap]
    scale: FloatArray


def _layer(
    layer: Layer, integer: QLayer, inputs: list[_Tensor], moved: npt.NDArray[np.bool_]
) -> tuple[TensorTrace, _Tensor]:
    """What one layer loses, and its result."""
    row, t = TensorTrace(layer.name, integer.output), integer.output
    read = list(zip(*(x.ints for x in inputs), strict=True))
    ints = [golden.forward(integer, list(x)) for x in read]
    row.clipped = sum(_clipped(integer, list(x)) for x in read)
    made = [layer_float(layer, list(x)) for x in zip(*(x.real for x in inputs), strict=True)]
    wanted = [layer_float(layer, list(x)) for x in zip(*(x.wanted for x in inputs), strict=True)]
    worth = [((y.astype(np.float64) - t.zero) * t.scale) for y in ints]
    match layer:
        case Conv() | Add():
            scale = _best_scale(made, worth, moved)
        case MaxPool() | AvgPool():
            scale = inputs[0].scale
        case Concat():
            scale = np.concatenate([np.broadcast_to(x.scale, len(x.ints[0])) for x in inputs])
        case _:
            assert_never(layer)
    real = [y * scale[:, None, None] for y in worth]
    reach = max(t.range[1] - t.zero, t.zero - t.range[0])
    for y, got, own, float_map in zip(ints, real, made, wanted, strict=True):
        row.low, row.high = min(row.low, float(float_map.min())), max(row.high, float(float_map.max()))
        row.largest = max(row.largest, float(np.abs(y - t.zero).max()) / reach)
        row.values += got.size
        row.signal += float(np.square(float_map, dtype=np.float64).sum())
        row.error += float(np.square(float_map - got).sum())
        row.made += float(np.square(own, dtype=np.float64).sum())
        row.lost += float(np.square(own - got).sum()) if _rounds(integer) else 0.0
    return row, _Tensor(ints, [x.astype(np.float32) for x in real], wanted, scale)


def _best_scale(made: list[FloatMap], worth: list[FloatArray], moved: npt.NDArray[np.bool_]) -> FloatArray:
    """float64 [C]: what suits a channel best, of least squares; 1 where its scale cannot have been moved."""
    both = np.sum(
        [(m * w).sum(axis=(1, 2), dtype=np.float64) for m, w in zip(made, worth, strict=True)], axis=0
    )
    own = np.sum([np.square(w).sum(axis=(1, 2)) for w in worth], axis=0)
    out = np.ones(len(moved))
    np.divide(both, own, out=out, where=moved & (own > 0) & (both > 0))
    return out


def _rounds(layer: QLayer) -> bool:
    """Whether it gives other values than it reads."""
    if isinstance(layer, QConcat):
        return any(table is not None for table in layer.tables)
    return not isinstance(layer, QMaxPool)


def _clipped(layer: QLayer, inputs: list[FloatInts]) -> int:
    """Values that the type, not a ReLU or a ceiling, cut off."""
    exact = before_rounding(layer, inputs)
    if exact is None or not isinstance(layer, QConv | QAdd | QConcat):
        return 0
    low, high = layer.output.range
    steps = np.rint(exact) + layer.output.zero
    relu = isinstance(layer, QConv | QAdd) and layer.relu
    most = layer.limits[1] if isinstance(layer, QConv | QAdd) else high
    return (0 if relu else int((steps < low).sum())) + (0 if most < high else int((steps > high).sum()))
