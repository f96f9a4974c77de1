"""Accuracy of integer networks on many images, fast and exact: the same classes as golden, each image run once.

onnxruntime runs an integer network several times as fast as golden, and gives the same integers where float32 holds
every sum exactly (:func:`..export.qdq.inexact` tells where it does not). That it does is looked at on the first
images of every network; golden runs the rest where it is not so, or where there is no onnxruntime.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.images import ImageArray, embedded_accuracy_set, list_images, load_images
from ..datasets.labels import Names, read_labels
from ..errors import FpgaSqueezeError
from ..export.qdq import inexact, to_qdq
from ..flow.evaluate import float_runner
from ..flow.runner import has_onnxruntime
from ..network import golden
from ..network.graph import FloatModel, Preprocess
from ..network.integers import QModel
from ..network.parallel import FrameRunner
from .cache import Cache, files_key, value_key

Classes = npt.NDArray[np.int64]
Run = Callable[[ImageArray], npt.NDArray[Any]]
PROBED = 2
"""Images on which onnxruntime has to give golden's very integers."""
BATCH = 16


@dataclass(frozen=True, eq=False)
class Judged:
    """Images to judge on, in an order drawn from their names: any first part of them is a fair sample.

    pixels      uint8 [N, H, W, C]
    labels      int64 [N]; None: there are none
    wanted      int64 [N], the float network's classes
    key         of all of it
    """

    pixels: ImageArray
    labels: Classes | None
    wanted: Classes
    key: str

    def counts(self, classes: Classes) -> dict[str, float]:
        """Agreement and, with labels, top-1, in percent, over the first ``len(classes)`` images."""
        n = len(classes)
        out = {"agreement": 100 * float((classes == self.wanted[:n]).mean())}
        if self.labels is not None:
            out["top1"] = 100 * float((classes == self.labels[:n]).mean())
        return out


def judged_images(
    model: FloatModel,
    preprocess: Preprocess,
    images: str | Path | None,
    labels: str | Path | None,
    without: Sequence[str],
    cache: Cache,
) -> Judged:
    """The images at ``images`` (None: those the package has for the embedded model) but for those in ``without``."""
    shape = model.input_shape
    if images is None:
        pixels, truth = embedded_accuracy_set()
        names = [f"accuracy[{n}]" for n in range(len(pixels))]
        key, found = "embedded", None
    else:
        known = Names((name, True) for name in without)
        names = [name for name in list_images(images, shape) if not known.find(name)]
        if not names:
            raise FpgaSqueezeError(f"{images}: nothing is left of the images without the calibration images")
        key = value_key((files_key(images), names, str(shape)))
        found = read_labels(labels, names, model.output_shape.channels) if labels is not None else None
        pixels = cache.array("images", key, lambda: load_images(images, shape, keep=names)[0])
        truth = found if found is not None else np.zeros(0, np.int64)
    order = _drawn(names)
    pixels = (
        cache.array("drawn", key, lambda: np.asarray(pixels)[order]) if images is not None else pixels[order]
    )
    own = value_key(([conv.weight for conv in model.convs], preprocess, key))

    def classes() -> Classes:
        with float_runner(model, preprocess)[1] as run:
            parts = [run(np.asarray(pixels[n : n + BATCH])) for n in range(0, len(pixels), BATCH)]
        return np.asarray(np.concatenate(parts).argmax(axis=1), dtype=np.int64)

    wanted = np.asarray(cache.array("float", own, classes))
    return Judged(pixels, truth[order] if len(truth) else None, wanted, key)


def _drawn(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Places of ``names`` in an order that looks like chance and is the same everywhere."""
    import hashlib

    keys = [hashlib.sha256(f"explore:{name}".encode()).digest() for name in names]
    return np.array(sorted(range(len(names)), key=keys.__getitem__), dtype=np.int64)


class Judge:
    """Runs one integer network on the first of ``images``, as many as are asked for, each once."""

    def __init__(self, model: QModel, key: str, images: Judged, cache: Cache, threads: int = 1) -> None:
        self._model, self._images, self._threads = model, images, threads
        self._path = cache.path("classes", key + images.key, ".npy")
        self._run: Run | None = None
        try:
            self._classes = np.load(self._path, allow_pickle=False)
        except (OSError, ValueError):
            self._classes = np.zeros(0, np.int64)

    def classes(self, count: int) -> Classes:
        """Classes of the first ``count`` images."""
        done = len(self._classes)
        if count > done:
            self._run = self._run or integer_runner(self._model, self._images.pixels, self._threads)
            new = [self._classes]
            for n in range(done, count, BATCH):
                batch = np.asarray(self._images.pixels[n : min(n + BATCH, count)])
                new.append(self._run(batch).argmax(axis=1).astype(np.int64))
            self._classes = np.concatenate(new)
            from ..paths import write_whole

            write_whole(self._path, lambda file: np.save(file, self._classes, allow_pickle=False))
        return np.asarray(self._classes[:count])


def integer_runner(model: QModel, probe: ImageArray, threads: int = 1) -> Run:
    """What gives the logits of ``model``, in steps of their scale, for uint8 [N, H, W, C].

    ``probe`` are images on whose first onnxruntime is held against golden.
    """

    def by_golden(images: ImageArray) -> npt.NDArray[Any]:
        with FrameRunner(lambda x: golden.run(model, x, keep=False)["logits"], threads) as run:
            return run(images)

    if not has_onnxruntime() or inexact(model):
        return by_golden
    fast = onnx_runner(model, threads)
    first = np.asarray(probe[:PROBED])
    return fast if np.array_equal(fast(first), by_golden(first) * model.output.scale) else by_golden


def onnx_runner(model: QModel, threads: int) -> Run:
    """onnxruntime on our own export of ``model``; logits are real numbers."""
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # where sums of two products saturate at 16 bits, unsigned weights keep them exact
    options.add_session_config_entry("session.x64quantprecision", "0" if _has_vnni() else "1")
    file = io.BytesIO(_with_zeros(model))
    session = ort.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(images: ImageArray) -> npt.NDArray[Any]:
        fed = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32)
        return np.concatenate([session.run(None, {name: one[None]})[0].reshape(1, -1) for one in fed])

    return run


def _has_vnni() -> bool:
    """Whether the processor multiplies and adds bytes without saturating in between."""
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _with_zeros(model: QModel) -> bytes:
    """Our export with zero points written out where a channel has a scale of its own: onnxruntime 1.32 wants them."""
    from onnx import numpy_helper

    proto = to_qdq(model)
    values = {value.name: value for value in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "DequantizeLinear" and len(node.input) == 2 and node.input[0] in values:
            scale = numpy_helper.to_array(values[node.input[1]])
            kind = numpy_helper.to_array(values[node.input[0]]).dtype
            zero = numpy_helper.from_array(np.zeros(scale.shape, kind), f"{node.name}_no_offset")
            proto.graph.initializer.append(zero)
            node.input.append(zero.name)
    return bytes(proto.SerializeToString())
