"""Golden against onnxruntime on the same quantised file, tensor by tensor.

Golden rounds exact products, onnxruntime float32 ones: where a product lies at a tie, or within float32's own error of
one, the two may round to neighbours. Every layer is therefore computed on onnxruntime's own inputs, so that each
difference is the layer's own, and each one is set against its distance from a tie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from typing_extensions import assert_never

from ..datasets.images import ImageArray, load_images
from ..errors import FpgaSqueezeError
from ..frontend.onnx_load import load_proto
from ..network import golden
from ..network.golden import FloatInts
from ..network.graph import IMAGE, FloatModel
from ..network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from ..network.walk import walk
from .runner import fed_preprocess, tensor_runner
from .sources import DEFAULTS, QuantizeOptions, read

Steps = npt.NDArray[np.float64]
Run = Callable[[ImageArray], Mapping[str, npt.NDArray[Any]]]
"""One image, uint8 [H, W, C], to tensors of a file by name: its output, the first, and integers of its layers."""


@dataclass
class TensorAgreement:
    """One tensor over all frames.

    differ    values that are not the same
    largest   most steps between two of them
    from_tie  farthest that one of those lies from a tie, in steps; 0 where none does
    """

    layer: str
    tensor: str
    values: int = 0
    differ: int = 0
    largest: int = 0
    from_tie: float = 0.0

    def add(self, ours: FloatInts, theirs: FloatInts, exact: Steps | None) -> None:
        """Count one frame."""
        apart = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
        wrong = apart > 0
        self.values += apart.size
        self.differ += int(wrong.sum())
        self.largest = max(self.largest, int(apart.max(initial=0)))
        if wrong.any():
            tie = np.abs(np.abs(exact[wrong] % 1) - 0.5) if exact is not None else np.array([np.inf])
            self.from_tie = max(self.from_tie, float(tie.max()))

    @property
    def share(self) -> float:
        return self.differ / self.values if self.values else 0.0


@dataclass
class Agreement:
    """``tensors`` each on onnxruntime's own inputs; ``same_top1`` frames whose largest logit is the same from the
    pixels on."""

    frames: int = 0
    same_top1: int = 0
    tensors: list[TensorAgreement] = field(default_factory=list)

    @property
    def values(self) -> int:
        return sum(t.values for t in self.tensors)

    @property
    def differ(self) -> int:
        return sum(t.differ for t in self.tensors)

    @property
    def largest(self) -> int:
        return max((t.largest for t in self.tensors), default=0)

    @property
    def equal(self) -> bool:
        """Whether nothing is further apart than a tie explains: one step."""
        return self.values > 0 and self.largest <= 1

    def to_json(self) -> dict[str, object]:
        return {
            "frames": self.frames,
            "same_top1": self.same_top1,
            "values_compared": self.values,
            "differ": self.differ,
            "largest_step": self.largest,
            "tensors": [vars(t) | {"share": t.share} for t in self.tensors],
        }


def agree(
    path: str | Path,
    images: str | Path,
    frames: int | None = None,
    *,
    options: QuantizeOptions = DEFAULTS,
    on_progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Golden of a quantised file against onnxruntime on that file, for the first ``frames`` of ``images`` (None: all).

    Of ``options`` preprocessing, input shape and output tensor count. Raises FpgaSqueezeError where the file is float,
    or as :func:`agreement`.
    """
    model = read(path, options)
    if isinstance(model, FloatModel):
        raise FpgaSqueezeError(f"{path}: is a float model; give a quantised one to compare with onnxruntime")
    pixels, _ = load_images(images, model.input.shape, frames)
    return agreement(model, Path(path), pixels, on_progress)


def agreement(
    model: QModel,
    path: Path,
    images: npt.NDArray[np.uint8],
    on_progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Golden of ``model``, read from the file ``path``, against onnxruntime on that file, for uint8 [N, H, W, C].

    Raises FpgaSqueezeError where the file tells no integer tensors, or onnxruntime cannot run it.
    """
    if not model.tensors:
        raise FpgaSqueezeError(f"{path}: names no integer tensors to compare with onnxruntime")
    golden.check_images(model, images)
    proto = load_proto(path)
    fed = fed_preprocess(proto, model.preprocess)
    run = tensor_runner(_with_outputs(proto, model), str(path), model.input.shape, fed)
    return against(model, run, images, fed.bgr, on_progress)


def against(
    model: QModel,
    run: Run,
    images: npt.NDArray[np.uint8],
    bgr: bool,
    on_progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Golden of ``model`` against ``run``, whose image tensor has blue first where ``bgr``, for uint8 [N, H, W, C]."""
    types, out = model.types, Agreement()
    rows = {name: TensorAgreement(name, tensor) for name, tensor in model.tensors.items()}
    for number, image in enumerate(images):
        values = run(image)
        theirs = {name: _as_type(values[tensor][0], types[name]) for name, tensor in model.tensors.items()}
        known = {IMAGE: golden.image_integers(model, image)}
        if IMAGE in theirs:
            if bgr:  # the accelerator takes red first
                theirs[IMAGE] = theirs[IMAGE][::-1]
            rows[IMAGE].add(known[IMAGE], theirs[IMAGE], None)
            known[IMAGE] = theirs[IMAGE]

        def compared(layer: QLayer, inputs: list[FloatInts]) -> FloatInts:
            ours = golden.forward(layer, inputs)
            if layer.name not in theirs:  # noqa: B023  the walk ends before the next image
                return ours
            rows[layer.name].add(ours, theirs[layer.name], before_rounding(layer, inputs))  # noqa: B023
            return theirs[layer.name]  # noqa: B023

        for _ in walk(model.layers, known, compared):
            pass
        logits = golden.run(model, image[None], keep=False)["logits"][0]
        result = next(iter(values.values())).reshape(-1)
        out.frames += 1
        out.same_top1 += int(logits.argmax() == result.argmax())
        if on_progress:
            on_progress(number + 1, len(images))
    out.tensors = list(rows.values())
    return out


def _with_outputs(proto: onnx.ModelProto, model: QModel) -> bytes:
    """The file with the integer tensors as further outputs."""
    known = {value.name for value in proto.graph.output}
    wanted = [
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(model.tensors.values()) if name not in known
    ]
    proto.graph.output.extend(wanted)
    return bytes(proto.SerializeToString())


def _as_type(values: npt.NDArray[np.generic], t: TensorType) -> FloatInts:
    """Integers of the file [C, H, W] as those of ``t``: int8 around a zero point became uint8, 128 more."""
    ints = values.astype(np.int64).reshape(t.shape.channels, t.shape.height, t.shape.width)
    if values.dtype.kind == "i" and not t.signed and values.dtype.itemsize * 8 == t.bits:
        ints = ints + (1 << (t.bits - 1))
    return ints.astype(np.float32)


def before_rounding(layer: QLayer, inputs: list[FloatInts]) -> Steps | None:
    """What ``layer`` rounds, in steps of its output around its zero point; None where it rounds nothing."""
    match layer:
        case QConv():
            acc = golden.conv_accumulate(inputs[0], layer).astype(np.float64)
            return np.asarray(acc * np.ldexp(layer.ratio, -layer.bias_places)[:, None, None])
        case QAvgPool():
            sums = golden.average_sums(inputs[0].astype(np.float64), layer)
            step = layer.input.scale / layer.count / layer.output.scale
            return np.asarray((sums - layer.count * layer.input.zero) * step)
        case QAdd():
            return np.asarray(
                np.ldexp(golden.add_sums(inputs[0], inputs[1], layer).astype(float), -layer.shift)
            )
        case QConcat():
            maps = []
            for x, operand in zip(inputs, layer.operands, strict=True):
                maps.append((x.astype(np.float64) - operand.zero) * operand.scale / layer.output.scale)
            return np.concatenate(maps)
        case QMaxPool():
            return None
        case _:
            assert_never(layer)
