"""The verb that builds networks of the SqueezeNet family: network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .. import api
from ..zoo.squeezenet import STEM, Numbers
from . import options as opt
from .output import print_json, progress, say

PAPER = Numbers()


@click.command()
@click.option(
    "-o", "--output", metavar="FILE", help="Float ONNX to write; without it the network is only described."
)
@click.option(
    "--version",
    type=click.Choice(list(STEM)),
    default="1.0",
    show_default=True,
    help="Of the network: its first convolution, and where it pools.",
)
@click.option(
    "--base-e", type=int, default=PAPER.base_e, show_default=True, help="Expand filters of the first Fire."
)
@click.option(
    "--incr-e", type=int, default=PAPER.incr_e, show_default=True, help="How many more every --freq Fires."
)
@click.option("--freq", type=int, default=PAPER.freq, show_default=True, help="Fires of one width.")
@click.option(
    "--pct3x3", type=float, default=PAPER.pct3x3, show_default=True, help="Share of 3x3 expand filters."
)
@click.option(
    "--sr", type=float, default=PAPER.sr, show_default=True, help="Squeeze filters per expand filter."
)
@click.option(
    "--bypass", type=click.Choice(["simple", "complex"]), help="Sums around Fires; none if left out."
)
@click.option("--fires", type=int, default=PAPER.fires, show_default=True, help="Fire modules.")
@click.option("--stem", type=int, help="Filters of the first convolution; the version's own if left out.")
@click.option(
    "--input-shape", metavar="C,H,W", help="Of an image; 3,224,224 if left out, with --train the data set's."
)
@click.option("--classes", type=int, help="Classes; 1000 if left out, with --train the data set's.")
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="S", help="Seed of weights and training."
)
@click.option(
    "--train", metavar="DATASET", help="Train it: a folder with a folder of images per class, or digits."
)
@click.option(
    "--epochs",
    type=int,
    metavar="N",
    help=f"With --train: how often every image is seen; {api.EPOCHS} if left out.",
)
@opt.as_json
def network(
    output: str | None,
    input_shape: str | None,
    classes: int | None,
    seed: int,
    train: str | None,
    epochs: int | None,
    as_json: bool,
    **numbers: Any,
) -> None:
    """Build a SqueezeNet by the numbers of its paper, with random weights or trained.

    Fire module i of --fires has e = base_e + incr_e * floor(i / freq) expand filters, pct3x3 * e of them 3x3,
    and sr * e squeeze filters (arXiv:1602.07360, section 5).
    """
    with progress("epochs") as (on_step, on_progress):
        done = api.build_network(
            Numbers(**numbers),
            output,
            shape=opt.input_shape_of(input_shape),
            classes=classes,
            seed=seed,
            dataset=train,
            epochs=epochs,
            on_step=on_step,
            on_progress=on_progress,
        )
    if as_json:
        print_json(done.to_json())
        return
    say(
        f"{done.model.name}: {done.parameters:,} parameters, {done.multiplications:,} multiplications per image of "
        f"{done.model.input_shape}, {done.model.output_shape.channels:,} classes"
    )
    if done.scores is not None:
        scores = ", ".join(f"{part} {found:,} of {total:,}" for part, (found, total) in done.scores.items())
        say(f"right classes after {done.epochs} epochs: {scores}")
    if done.path is not None:
        what = "random weights" if done.scores is None else "trained weights"
        say(f"wrote {Path(done.path)}: float ONNX, {what}")
