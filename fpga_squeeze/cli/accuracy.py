"""The verbs about accuracy: evaluate, and trace, which says where it is lost."""

from __future__ import annotations

from typing import Any

import click

from .. import api
from ..flow.trace import shown_snr
from . import options as opt
from .output import new_table, print_evaluation, print_json, progress, say, show


@click.command()
@click.argument("quantized", metavar="QUANTIZED")
@click.option(
    "--float",
    "float_model",
    metavar="MODEL",
    help="Model to compare with, accuracy and agreement: float, or any ONNX that onnxruntime runs.",
)
@click.option("--images", required=True, metavar="PATH", help=f"Images to run: {opt.IMAGES}.")
@click.option(
    "--labels", required=True, metavar="CSV", help="CSV with columns file and label (a class number from 0)."
)
@click.option(
    "--exclude-calibration",
    is_flag=True,
    help="Leave out the images that the quantised model names as those it was calibrated on.",
)
@click.option("--skip", type=int, default=0, metavar="N", help="Leave out the first N images.")
@click.option("--frames", type=int, metavar="N", help="Run at most N images.")
@opt.preprocessing
@opt.as_json
def evaluate(
    quantized: str,
    float_model: str | None,
    images: str,
    labels: str,
    exclude_calibration: bool,
    skip: int,
    frames: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Accuracy of a quantised model on labelled images, and its agreement with the float model.

    QUANTIZED is a quantised ONNX file or a project folder.
    """
    preprocess = opt.preprocess_of(given)
    with progress() as (on_step, on_progress):
        result = api.evaluate(
            quantized,
            images,
            labels,
            float_model=float_model,
            exclude_calibration=exclude_calibration,
            skip=skip,
            frames=frames,
            preprocess=None if preprocess == api.DEFAULTS.preprocess else preprocess,
            on_step=on_step,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_json())
    else:
        print_evaluation(result)


@click.command()
@click.argument("quantized", metavar="DIR_OR_QUANTIZED")
@click.option(
    "--float",
    "float_model",
    metavar="MODEL",
    help="Float model it came from; the embedded one if left out for a project made from that.",
)
@click.option("--images", metavar="PATH", help=f"Images to run: {opt.IMAGES}; else the project's own.")
@click.option("--frames", type=int, metavar="N", help="Run at most N images; 32 if left out.")
@opt.preprocessing
@opt.as_json
def trace(
    quantized: str,
    float_model: str | None,
    images: str | None,
    frames: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Where accuracy is lost: golden beside the float model, tensor by tensor: ranges, clipping, signal to noise."""
    preprocess = opt.preprocess_of(given)
    with progress("layers") as (on_step, on_progress):
        on_step("golden and float")
        result = api.trace(
            quantized,
            images,
            float_model=float_model,
            frames=frames,
            preprocess=None if preprocess == api.DEFAULTS.preprocess else preprocess,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_json())
    else:
        _print_trace(result)


def _print_trace(result: api.Trace) -> None:
    columns = {"tensor": "left", "type": "left"}
    columns |= dict.fromkeys(("float range", "of type", "clipped", "own SNR", "SNR"), "right")
    table = new_table(f"trace: {result.frames:,} images", columns)
    for t in result.tensors:
        table.add_row(
            t.layer,
            f"{'' if t.type.signed else 'u'}int{t.type.bits}",
            f"{t.low:.4g} to {t.high:.4g}",
            f"{100 * t.largest:.0f} %",
            f"{100 * t.clipped_share:.3f} %" if t.clipped else "",
            shown_snr(t.own_snr),
            shown_snr(t.snr),
        )
    show(table)
    say(f"same top-1: {result.same_top1:,} of {result.frames:,} images")
    if result.worst:
        lost = ", ".join(f"{t.layer} ({shown_snr(t.own_snr)})" for t in result.worst)
        say(f"most is lost by: {lost}")
