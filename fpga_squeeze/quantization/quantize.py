"""Post-training quantisation: a float network and some images become integers and binary points.

Layer by layer in network order, each fed by the layers already quantised, so that every choice sees the
integers the hardware will see. Binary points are chosen by squared error over the images, not by the largest
value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from ..network import golden
from ..network.fixed_point import int_name, int_range
from ..network.golden import FloatInts
from ..network.graph import IMAGE, Add, AvgPool, Concat, Conv, FloatModel, Layer, MaxPool, Preprocess
from ..network.integers import QAdd, QAvgPool, QConcat, QConv, QLayer, QMaxPool, QModel, TensorType
from ..network.reference import (
    PRESETS,
    FloatMap,
    channel_statistics,
    check_size,
    float_logits,
    layer_float,
)
from ..network.walk import walk
from .average_first import average_first
from .budget import WeightBudget
from .equalise import equalise
from .groups import Group, is_wide_average, last_convs, type_groups, wide_average_type
from .loss_sensitivity import weight_sensitivity
from .method import DEFAULT, Method
from .weights import bias_limit, quantise_weights
from .widths import Widths

__all__ = ["PRESETS", "fold_preprocess", "float_logits", "quantize"]

WIDE_HEADROOM = 2
"""Bits kept free above the largest value seen in the network's output."""
FRAC_CANDIDATES = 6
"""Binary points tried per tensor: from the one that saturates nothing to this many steps finer."""
HELD_BYTES = 1 << 29
"""Results of tensors that wait for their binary point are held up to this size, and computed again beyond it."""
IntMap = npt.NDArray[np.integer]
"""A map of integers [C, H, W]."""


def quantize(
    model: FloatModel,
    images: npt.NDArray[np.uint8],
    preprocess: Preprocess = PRESETS["none"],
    weight_bits: int = 8,
    activation_bits: int = 8,
    on_step: Callable[[str], None] | None = None,
    method: Method = DEFAULT,
    weight_budget: int | None = None,
    layer_weight_bits: Mapping[str, int] | None = None,
    layer_activation_bits: Mapping[str, int] | None = None,
) -> QModel:
    """Quantise ``model`` to the numeric contract, calibrated on uint8 ``images`` [N, H, W, C].

    The result eats raw pixels (R, G, B): ``preprocess`` is folded into the first convolution. ``on_step`` is
    called with each layer's name once it is done. ``weight_budget`` bounds the bits of the weights as
    codes. ``layer_weight_bits`` and ``layer_activation_bits`` are widths of layers by name in place of the common ones;
    tensors of one type have the largest that is given for one of them. Deterministic. Raises FpgaSqueezeError for
    images of another size, no images, images all alike on which every layer gives zero, widths outside 2..8, or a
    preprocessing that does not fit the model. Images that tell
    little of the values to come are noted in the result.
    """
    widths = Widths(weight_bits, activation_bits, layer_weight_bits or {}, layer_activation_bits or {})
    widths.check(model)
    if weight_budget is not None and weight_budget < 1:
        raise FpgaSqueezeError(f"field weight_budget {weight_budget}: give the bits all weights may take")
    if not len(images):
        raise FpgaSqueezeError("no calibration images; give at least one")
    check_size(model, images)
    model, notes = fold_preprocess(model, preprocess)
    model, moved = average_first(model)
    maps: list[IntMap] = [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in images]
    real = [x.astype(np.float32) for x in maps]
    if method.balance is not None:
        model = equalise(model, real, widths.of_tensors, method.balance, on_step)
    budget = None
    if weight_budget is not None:
        sensitivity = weight_sensitivity(model, real)
        if on_step:
            on_step("sensitivity of the weights")
        bits = {conv.name: widths.of_weights(conv.name) for conv in model.convs}
        budget = WeightBudget(model.convs, sensitivity, weight_budget, bits, last_convs(model))
    work = _Work(model, maps, real, widths, method, budget)
    for layer in model.layers:
        work.step(layer)
        if on_step:
            on_step(layer.name)
    little = _told_little(images)
    if little and not any(work.peaks) and any(conv.weight.any() for conv in model.convs):
        raise FpgaSqueezeError(
            f"{model.source or model.name}: every layer gives zero for the calibration images, which are all alike; "
            "give different ones, such as it will see"
        )
    layers = tuple(work.done[layer.name] for layer in model.layers)
    told = (*model.notes, *little, *notes, *moved, *work.notes)
    return QModel(model.name, work.types[IMAGE], layers, preprocess, told)


def fold_preprocess(model: FloatModel, preprocess: Preprocess) -> tuple[FloatModel, tuple[str, ...]]:
    """(the model on raw R, G, B pixels, notes for the user).

    ``(pixel - mean) / std`` goes into the weights and biases of the convolutions that read the image. Padding of the
    model's input, zero or ``pad_value``, becomes padding with the pixel nearest to what gives it: for zero, the mean.
    """
    mean, std, order = channel_statistics(preprocess, model.input_shape.channels)
    around = any(isinstance(layer, Conv) and layer.pad_value.any() for layer in model.readers[IMAGE])
    if not mean.any() and np.all(std == 1) and not preprocess.bgr and not around:
        return model, ()
    folded, notes = dict[str, Conv](), []
    for conv in model.readers[IMAGE]:
        if not isinstance(conv, Conv):
            raise FpgaSqueezeError(
                f"{conv.name}: preprocessing can only be folded into a convolution as first layer"
            )
        scaled = conv.weight / std[None, :, None, None]
        bias = conv.bias - (scaled * mean[None, :, None, None]).sum(axis=(1, 2, 3))
        weight = np.zeros_like(scaled)
        weight[:, order] = scaled
        folded[conv.name] = replace(conv, weight=weight, bias=bias)
        if any(conv.pads):
            exact = np.zeros(len(mean))
            exact[order] = mean + std * (conv.pad_value if conv.pad_value.size else 0)
            pixels = np.clip(np.rint(exact), 0, 255)
            folded[conv.name] = replace(folded[conv.name], pad_value=pixels)
            if np.any(pixels != exact):
                given = ", ".join(f"{v:g}" for v in exact)
                notes.append(
                    f"{conv.name}: pads with pixels {pixels.astype(int).tolist()}, the mean ({given}) is no pixel value"
                )
    return model.with_convs(folded), tuple(notes)


@dataclass(frozen=True, eq=False)
class _Draft:
    """A layer whose output still lacks a binary point, and the integers that it read."""

    layer: QConv | QAdd
    inputs: list[list[IntMap]]

    def real(self) -> Iterator[FloatInts]:
        """Its result before requantisation, as real numbers [O, Ho, Wo], image by image."""
        return (_real(self.layer, list(maps)) for maps in zip(*self.inputs, strict=True))


class _Work:
    """Carries the calibration images from layer to layer: their integers, and the float network's values.

    done     the layers finished, by name
    types    the types of the tensors whose binary point is known
    """

    def __init__(
        self,
        model: FloatModel,
        maps: list[IntMap],
        real: list[FloatMap],
        widths: Widths,
        method: Method,
        budget: WeightBudget | None,
    ) -> None:
        self.model, self.images, self.widths = model, real, widths
        self.method, self.budget = method, budget
        self.shapes, self.groups = model.shapes(), type_groups(model)
        self.types = {IMAGE: TensorType(model.input_shape, 8, False, 0)}
        self.fracs: dict[Group, int] = {g: 0 for g in self.groups.values() if g.is_image}
        self.drafts: dict[str, _Draft] = {}
        self.done: dict[str, QLayer] = {}
        self.notes: list[str] = []
        self.peaks: list[float] = []  # largest value of each group of tensors over the images
        self.ceilings = {x.name: x.ceiling for x in model.layers if isinstance(x, Conv | Add)}
        self.left = Counter(name for layer in model.layers for name in layer.inputs)
        self.maps, self.real = {IMAGE: maps}, {IMAGE: real}

    def step(self, layer: Layer) -> None:
        """One layer in integers; where its output shares its type with tensors still to come, it stays a draft."""
        for name in layer.inputs:
            if name not in self.types:
                self.decide(self.groups[name])
        group = self.groups[layer.name]
        shape = self.shapes[layer.name]
        sources = [self.types[name] for name in layer.inputs]
        open_type = TensorType(shape, self.bits(group), group.signed, 0)
        match layer:
            case Conv():
                self.drafted(self.conv(layer, sources[0], open_type), layer)
            case Add():
                draft = QAdd(layer.name, layer.inputs, (sources[0], sources[1]), layer.relu, open_type)
                self.drafted(draft, layer)
            case MaxPool():
                out = replace(sources[0], shape=shape)
                k = layer.kernel
                pool = QMaxPool(
                    layer.name, layer.inputs, k, layer.stride, layer.pads, layer.ceil, sources[0], out
                )
                self.finished(pool)
            case AvgPool():
                out = replace(sources[0], shape=shape)
                if is_wide_average(self.model, layer):
                    out, note = wide_average_type(sources[0], layer, self.model)
                    self.notes += [note] if note else []
                k = layer.kernel
                self.finished(
                    QAvgPool(layer.name, layer.inputs, k, layer.stride, layer.pads, sources[0], out)
                )
            case Concat():
                out = replace(sources[0], shape=shape)
                self.finished(QConcat(layer.name, layer.inputs, tuple(sources), out))
            case _:
                assert_never(layer)
        if self.left[layer.name]:
            inputs = [self.real[name] for name in layer.inputs]
            self.real[layer.name] = [layer_float(layer, list(maps)) for maps in zip(*inputs, strict=True)]
        for name in layer.inputs:
            self.left[name] -= 1
            if not self.left[name]:
                self.maps.pop(name, None)
                self.real.pop(name, None)

    def bits(self, group: Group) -> int:
        """Width of the tensors of a group."""
        return group.bits(self.widths.of_tensors(group))

    def conv(self, conv: Conv, source: TensorType, output: TensorType) -> QConv:
        """The convolution in integers; its output type still lacks a binary point."""
        at = conv.inputs[0]
        bits = self.widths.of_weights(conv.name)
        return quantise_weights(
            conv, bits, source, output, self.maps[at], self.real[at], self.method, self.budget
        )

    def drafted(self, draft: QConv | QAdd, layer: Layer) -> None:
        """Keep a draft until all others of its type are there, or finish it where the type is known already."""
        group = self.groups[layer.name]
        self.drafts[layer.name] = _Draft(draft, [self.maps[name] for name in layer.inputs])
        if group in self.fracs:
            self.close(layer.name)
        elif all(name in self.drafts for name in group.makers):
            self.decide(group)

    def decide(self, group: Group) -> None:
        """Give the tensors of a group the one binary point of least squared error over the images.

        Values of layers that are still to come, because they depend on this very type, are the float network's.
        """
        makers = [name for name in group.makers if name in self.drafts]
        late = _tensors(self.model, [n for n in group.makers if n not in makers], self.images)
        wide = group.output
        low_high = TensorType(self.model.input_shape, self.bits(group), group.signed, 0)
        shapes = [self.shapes[name] for name in makers]
        size = 4 * len(self.images) * sum(s.channels * s.height * s.width for s in shapes)
        held = {name: list(self.drafts[name].real()) for name in makers} if size <= HELD_BYTES else {}

        def values(name: str) -> Iterable[FloatInts]:
            if name in held:
                return held[name]
            return self.drafts[name].real() if name in self.drafts else late[name]

        peak = max(float(np.abs(x).max(initial=0)) for name in group.makers for x in values(name))
        self.peaks.append(peak)
        coarsest = int(np.floor(np.log2(low_high.range[1] / peak))) if peak > 0 else 0
        if wide:  # bits to spare: keep some in hand for images that excite a class more than these
            fracs = [coarsest - WIDE_HEADROOM if peak > 0 else 0]
        else:
            fracs = [coarsest + i for i in range(FRAC_CANDIDATES)] if peak > 0 else [0]
        errors = np.zeros(len(fracs))
        if len(fracs) > 1:
            for name in group.makers:
                for x in values(name):
                    errors += _errors(x, low_high, fracs)
        self.fracs[group] = fracs[int(np.argmin(errors))]
        for name in makers:
            self.close(name, held.pop(name, None))

    def close(self, name: str, real: list[FloatInts] | None = None) -> None:
        """Finish a draft: its type is known. ``real``: its results, image by image, where they are at hand."""
        draft = self.drafts.pop(name)
        output = replace(draft.layer.output, frac=self.fracs[self.groups[name]])
        layer = replace(draft.layer, output=output, ceiling=_ceiling(self.ceilings[name], output))
        if isinstance(layer, QConv):
            busy, layer = layer, _idle_channels(layer)
            if real is not None and layer is busy:
                self.finished(layer, made=[_rounded(x, layer) for x in real])
                return
        self.finished(layer, draft.inputs)

    def finished(
        self, layer: QLayer, inputs: list[list[IntMap]] | None = None, made: list[IntMap] | None = None
    ) -> None:
        """``inputs``: what it reads, else what is at hand; ``made``: what it gives, where that is known."""
        self.done[layer.name], self.types[layer.name] = layer, layer.output
        if self.left[layer.name] and made is not None:
            self.maps[layer.name] = made
        elif self.left[layer.name]:
            inputs = inputs or [self.maps[name] for name in layer.inputs]
            self.maps[layer.name] = [
                _compact(golden.forward(layer, [_float(x) for x in maps]), layer.output)
                for maps in zip(*inputs, strict=True)
            ]


def _ceiling(value: float, output: TensorType) -> int | None:
    """The largest integer that leaves a layer with upper limit ``value``; None where the type's own is lower."""
    most = float(np.rint(np.ldexp(value, output.frac)))
    return int(most) if most < output.range[1] else None


def _tensors(model: FloatModel, names: list[str], images: list[FloatMap]) -> dict[str, list[FloatMap]]:
    """The float network's tensors so named, image by image."""
    out: dict[str, list[FloatMap]] = {name: [] for name in names}
    if names:
        for image in images:
            for layer, y in walk(model.layers, {IMAGE: image}, layer_float):
                if layer.name in out:
                    out[layer.name].append(y)
    return out


def _float(x: npt.NDArray[np.integer]) -> FloatInts:
    return x.astype(np.float32)


def _compact(x: FloatInts, t: TensorType) -> npt.NDArray[np.integer]:
    """Integers in the smallest array type that holds the tensor: calibration keeps one map per image."""
    kind = int_name(8 if t.bits <= 8 else 16, t.signed)
    return np.asarray(x.astype(kind))


def _rounded(real: FloatInts, conv: QConv) -> IntMap:
    """What ``conv`` gives where ``real`` is its result before requantisation; powers of two scale exactly."""
    steps = real * real.dtype.type(2.0**conv.output.frac)
    np.rint(steps, out=steps)
    return _compact(np.clip(steps, *conv.limits, out=steps), conv.output)


def _real(layer: QConv | QAdd, inputs: list[IntMap]) -> FloatInts:
    """The layer's result before requantisation, as real numbers [O, Ho, Wo]."""
    match layer:
        case QConv():
            acc = golden.conv_accumulate(_float(inputs[0]), layer)
            scale = np.ldexp(np.ones((), acc.dtype), -(layer.input.frac + layer.weight_frac)).astype(
                acc.dtype
            )
            acc *= scale[:, None, None]
        case QAdd():
            frac = max(x.frac for x in layer.operands)
            acc = np.ldexp(
                golden.add_sums(_float(inputs[0]), _float(inputs[1]), layer).astype(np.float64), -frac
            )
        case _:
            assert_never(layer)
    return np.maximum(acc, 0, out=acc) if layer.relu else acc


def _errors(real: FloatInts, t: TensorType, fracs: list[int]) -> npt.NDArray[np.float64]:
    """Squared error of ``real`` in type ``t`` for each candidate binary point."""
    low, high = int_range(t.bits, t.signed)
    flat = real.reshape(-1)
    q, wide = np.empty_like(flat), np.empty(flat.shape, np.float64)
    out = []
    for frac in fracs:
        np.multiply(flat, flat.dtype.type(2.0**frac), out=q)
        np.clip(np.rint(q, out=q), low, high, out=q)
        q *= flat.dtype.type(2.0**-frac)
        q -= flat
        out.append(float(np.square(q, out=wide, dtype=np.float64).sum()))
    return np.array(out)


def _idle_channels(conv: QConv) -> QConv:
    """Give channels without weights the output's own binary point plus nothing to shift: bias is all they
    emit."""
    idle = ~conv.weight.any(axis=(1, 2, 3))
    if not idle.any():
        return conv
    busy = conv.shift[~idle]
    # Shifting like the neighbours keeps the spread of shifts, and so the shifter, small.
    shift = int(np.clip(busy.min(), 0, 8)) if busy.size else 0
    frac = conv.weight_frac.copy()
    bias = conv.bias.copy()
    target = conv.output.frac - conv.input.frac + shift
    limit = float(bias_limit(conv.input))
    scaled = np.rint(np.ldexp(bias[idle].astype(np.float64), (target - frac[idle]).astype(np.int32)))
    bias[idle] = np.clip(scaled, -limit, limit).astype(np.int64)
    frac[idle] = target
    return replace(conv, weight_frac=frac, bias=bias)


def _told_little(images: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """Why uint8 ``images`` [N, H, W, C] do not tell which values a network will see; empty where they may."""
    advice = "the network may be useless; give different images, such as it will see"
    if all((image == image[:1, :1]).all() for image in images):
        return (f"calibration: each of {len(images)} images is of one colour; {advice}",)
    if len(images) > 1 and (images == images[:1]).all():
        return (f"calibration: all {len(images)} images are alike; {advice}",)
    return ()
