"""The verb that measures accuracy: evaluate."""

from __future__ import annotations

from typing import Any

import click

from .. import api
from . import options as opt
from .output import print_evaluation, print_json, progress


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
