"""A design as the command that makes it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..api import DesignOptions, QuantizeOptions, Way
from ..device.room import NO_SHELL
from ..explore.study import shown
from ..network.reference import PRESETS
from ..project.project import MODEL

NO_QUANTIZATION = QuantizeOptions()


def generate_command(target: str | None, options: DesignOptions, way: Way, more: Sequence[str] = ()) -> str:
    """``generate`` for ``target`` (a project: its model) with ``options`` changed as ``way`` says, as a shell takes it.

    ``more``: further words, as they are.
    """
    quantize = options.quantize
    if target is not None and Path(target).is_dir():
        target, quantize = str(Path(target) / MODEL), NO_QUANTIZATION
    asked = options.going(way)
    words = ["fpga-squeeze", "generate", *([] if target is None else [target])]
    if device := asked.target:
        words += ["--device", device.name]
    words += _given("--lanes", asked.lanes)
    if room := asked.room:
        shell = "none" if room.shell == NO_SHELL else str(room.shell)
        words += [*_given("--lut-ceiling", room.lut_ceiling), "--shell", shell]
    words += _given("--clock-mhz", asked.clock_mhz)
    for name, folding in asked.foldings.items():
        words += ["--folding", f"{name}={folding}"]
    words += _given("--products-per-dsp", asked.products_per_dsp)
    words += _given("--weights", asked.weights)
    for name, weights in asked.formats.items():
        words += ["--weights", f"{name}={weights}"]
    words += _quantizing(quantize, way)
    return shlex.join([*words, *more])


def trial_command(
    study: str, trial: int, target: str | None, calibration: str | Path | None, more: Sequence[str] = ()
) -> str:
    """``generate`` for a trial of ``study``, whose password, if it has one, is left out."""
    words = ["fpga-squeeze", "generate", *([] if target is None else [target])]
    words += ["--from-study", shown(study), "--trial", str(trial), *_given("--calibration", calibration)]
    return shlex.join([*words, *more])


def _given(option: str, value: object) -> list[str]:
    if value is None:
        return []
    return [option, _number(value) if isinstance(value, float) else str(value)]


def _number(value: float) -> str:
    """As short as it is exact."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _quantizing(options: QuantizeOptions, way: Way) -> list[str]:
    """What differs from an option left out."""
    words = _given("--calibration", options.calibration)
    if options.calibration_count is not None:
        words += _given("--calibration-count", options.calibration_count) + _given("--seed", options.seed)
    pre = options.preprocess
    name = next((name for name, preset in PRESETS.items() if preset == pre), None)
    if name is None:
        for option, numbers in (("--mean", pre.mean), ("--std", pre.std)):
            words += [f"{option}={','.join(map(_number, numbers))}"] if numbers else []
        words += ["--bgr"] * pre.bgr
    elif name != "none":
        words += ["--preprocess", name]
    for option, bits, usual in (
        ("--weight-bits", options.weight_bits, NO_QUANTIZATION.weight_bits),
        ("--activation-bits", options.activation_bits, NO_QUANTIZATION.activation_bits),
    ):
        words += [] if bits == usual else [option, str(bits)]
    words += _given("--weight-budget", way.weight_budget or options.weight_budget)
    if shape := options.input_shape:
        words += ["--input-shape", f"{shape.channels},{shape.height},{shape.width}"]
    return words + _given("--output-tensor", options.output_tensor)
