"""From what a user names to an integer model and its images: files read, calibration images chosen, quantised."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..compression.prune import prune_model
from ..compression.steps import by_layer
from ..datasets.images import (
    ImageArray,
    embedded_calibration,
    embedded_images,
    embedded_model_path,
    list_images,
    load_images,
)
from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Preprocess, Shape
from ..network.integers import QModel
from ..network.reference import PRESETS
from ..project.manifest import Source
from ..project.project import Labels

OnStep = Callable[[str], None]
Target = str | Path | None
CALIBRATION_KEPT = 16
"""Calibration images that become the test images of a project whose model brings none."""
RANDOM_KEPT = 4


@dataclass(frozen=True)
class QuantizeOptions:
    """How a float model becomes integers.

    calibration         None: the embedded images, for the embedded model only
    calibration_count   how many of them to use, chosen at random by ``seed``; None: all
    weight_budget       bits that all coded weights may take (:func:`.budget.coded_size`); None: any number
    layer_weight_bits, layer_activation_bits    widths of layers by name, in place of the common ones
    densities           shares of weights to keep, by layer or module; the smallest others become zero first
    input_shape         of a file that leaves it free: channels, height and width; None: as the file says
    output_tensor       the output to read of a file with several; None: its only one
    """

    calibration: str | Path | None = None
    preprocess: Preprocess = PRESETS["none"]
    weight_bits: int = 8
    activation_bits: int = 8
    calibration_count: int | None = None
    seed: int = 0
    weight_budget: int | None = None
    input_shape: Shape | None = None
    output_tensor: str | None = None
    layer_weight_bits: Mapping[str, int] = field(default_factory=dict)
    layer_activation_bits: Mapping[str, int] = field(default_factory=dict)
    densities: Mapping[str, float] = field(default_factory=dict)

    @property
    def before_file(self) -> Preprocess | None:
        """What is done to a pixel before a quantised file; None: nothing is said of it."""
        return None if self.preprocess == PRESETS["none"] else self.preprocess


DEFAULTS = QuantizeOptions()


@dataclass(frozen=True, eq=False)
class Loaded:
    """An integer model with what is known about it; ``calibrated``: it was a float model, quantised just now."""

    model: QModel
    source: Source
    images: ImageArray
    labels: Labels | None
    calibrated: bool


def is_embedded(model: Target) -> bool:
    """Whether ``model`` means the model shipped with the package."""
    if model is None:
        return True
    path = Path(model)
    return path.is_file() and path.samefile(embedded_model_path())


def keep_sources(
    output: str | Path, *sources: Target | FloatModel, way_out: str = "choose another field output"
) -> None:
    """Raise FpgaSqueezeError where a file written as ``output`` would replace one of ``sources``, however it is named;
    None is the embedded model."""
    for source in sources:
        path = embedded_model_path() if source is None else source
        if isinstance(path, FloatModel) or not (Path(path).is_file() and Path(output).is_file()):
            continue
        if Path(path).samefile(output):
            raise FpgaSqueezeError(
                f"{output}: is the file that is read ({path}), and would be lost; {way_out}"
            )


def choose(names: Sequence[str], count: int, seed: int) -> list[str]:
    """``count`` of ``names``, at random but the same for the same seed on every machine; in their own order.

    The order of the names' SHA-256 decides, which no library's random numbers can change.
    """
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())[:count]
    return [name for name in names if name in set(drawn)]


def calibration_images(
    model: Target | FloatModel, source: FloatModel, options: QuantizeOptions
) -> tuple[ImageArray, list[str], int]:
    """(images to calibrate on, their names, how many there were to choose from)."""
    count = options.calibration_count
    if options.calibration is None:
        if isinstance(model, FloatModel) or not is_embedded(model):
            raise FpgaSqueezeError(
                f"{source.source or source.name}: is a float model and needs images to be quantised with; "
                "give images as field calibration, or a model that is quantised already"
            )
        if count is not None:
            raise FpgaSqueezeError(
                f"field calibration_count {count}: give images to choose from as field calibration"
            )
        images = embedded_calibration()
        return images, [], len(images)
    if count is None:
        images, names = load_images(options.calibration, source.input_shape)
        return images, names, len(names)
    names = list_images(options.calibration, source.input_shape)
    if not 1 <= count <= len(names):
        raise FpgaSqueezeError(
            f"field calibration_count {count}: {options.calibration} holds {len(names)} images; "
            f"give 1 to {len(names)}"
        )
    images, chosen = load_images(
        options.calibration, source.input_shape, keep=choose(names, count, options.seed)
    )
    return images, chosen, len(names)


def read(model: Target | FloatModel, options: QuantizeOptions = DEFAULTS) -> FloatModel | QModel:
    """The model in a file, as the last two of ``options`` say, the embedded one for None; a FloatModel is handed on."""
    from ..frontend import read_model

    if isinstance(model, FloatModel):
        return model
    path = embedded_model_path() if model is None else model
    return read_model(
        path,
        input_shape=options.input_shape,
        output_tensor=options.output_tensor,
        preprocess=options.before_file,
    )


def quantized(
    model: Target | FloatModel, options: QuantizeOptions, on_step: OnStep | None
) -> tuple[QModel, ImageArray | None]:
    """The integer model, and the images it was calibrated on (None: it was quantised before)."""
    source = read(model, options)
    if isinstance(source, QModel):
        read_with = replace(
            options, calibration=None, input_shape=None, output_tensor=None, preprocess=DEFAULTS.preprocess
        )
        if read_with != DEFAULTS:
            raise FpgaSqueezeError(
                f"{model}: is quantised already; its widths and calibration are settled; leave those fields out"
            )
        return source, None
    from ..quantization.quantize import quantize as quantize_model

    images, names, total = calibration_images(model, source, options)
    if options.densities:
        source = prune_model(source, by_layer(source, "densities", options.densities))
    if on_step:
        chosen = f" of {total} images, seed {options.seed}" if options.calibration_count else " images"
        on_step(f"quantise {source.name} on {len(images)}{chosen}")
    done = quantize_model(
        source,
        images,
        options.preprocess,
        weight_bits=options.weight_bits,
        activation_bits=options.activation_bits,
        on_step=on_step,
        weight_budget=options.weight_budget,
        layer_weight_bits=options.layer_weight_bits,
        layer_activation_bits=options.layer_activation_bits,
    )
    return replace(done, calibration=tuple(names)), images


def _random_images(model: QModel) -> ImageArray:
    shape = model.input.shape
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (RANDOM_KEPT, shape.height, shape.width, shape.channels), dtype=np.uint8)


def load(model: Target, options: QuantizeOptions, on_step: OnStep | None) -> Loaded:
    """The integer model of a file with images to run it on: its own, the first it was calibrated on, or noise."""
    return with_images(model, *quantized(model, options, on_step), options)


def with_images(
    model: Target, integers: QModel, calibration: ImageArray | None, options: QuantizeOptions
) -> Loaded:
    """``integers``, made of the file ``model`` on images ``calibration`` (None: found in it), with images to run on."""
    new = calibration is not None
    path = embedded_model_path() if model is None else Path(model)
    if is_embedded(model):
        images, labels = embedded_images()
        return Loaded(integers, Source.of_file(path, "held out from training"), images, labels, new)
    if calibration is None and options.calibration is not None:
        calibration = load_images(options.calibration, integers.input.shape, CALIBRATION_KEPT)[0]
    if calibration is not None:
        source = Source.of_file(path, "the first calibration images")
        return Loaded(integers, source, calibration[:CALIBRATION_KEPT], None, new)
    source = Source.of_file(path, "random pixels (seed 0)")
    return Loaded(integers, source, _random_images(integers), None, new)
