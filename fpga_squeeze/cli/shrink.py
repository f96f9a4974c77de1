"""The verb that makes float networks small: compress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from .. import api
from ..compression.report import ALEXNET, PAPER_SOURCE
from ..errors import FpgaSqueezeError
from ..flow.accuracy import Accuracy
from . import options as opt
from .output import new_table, print_json, progress, say, show

AGREEMENT = "same top-1 as read"


@click.command()
@opt.model
@click.option(
    "-o", "--output", metavar="FILE", help="Float ONNX to write; without it sizes are only printed."
)
@click.option(
    "--rank",
    "ranks",
    multiple=True,
    metavar="[LAYER=]R",
    help="Factorise layers up to 3x3, or LAYER, to rank R, or below 1 to that share of the full rank; with "
    "--calibration what errs least in the layer's outputs, else in its weights.",
)
@click.option(
    "--rank-loss",
    type=float,
    metavar="PERCENT",
    help="Find ranks instead, by sensitivity: so many of the calibration images may change their class.",
)
@click.option(
    "--rank-macs",
    type=float,
    metavar="PERCENT",
    help="Find ranks instead, by sensitivity: the multiplications that are to be left of the network's.",
)
@click.option(
    "--density",
    "densities",
    multiple=True,
    metavar="[LAYER=]D",
    help="Keep this share of the weights, the largest; LAYER is a convolution, a Fire or an inception module.",
)
@click.option(
    "--max-loss",
    type=float,
    metavar="PERCENT",
    help="Find densities instead, by sensitivity: so many of the calibration images may change their class.",
)
@click.option("--codebook", type=int, metavar="BITS", help="Share weights: a k-means codebook per layer.")
@click.option(
    "--bits", type=int, metavar="BITS", help="Share weights: integers times a power of two per layer."
)
@click.option("--per-channel", is_flag=True, help="With --bits: a power of two per output channel.")
@click.option(
    "--finetune",
    metavar="DATASET",
    help="Train pruned and shared weights on, zeros and codes kept: a folder of a folder per class, or digits.",
)
@click.option(
    "--epochs",
    type=int,
    metavar="N",
    help=f"With --finetune: how often every image is seen, pruned and again shared; {api.FineTune.epochs} if left out.",
)
@opt.pruning
@click.option("--images", metavar="PATH", help=f"Images to run after each step: {opt.IMAGES}.")
@click.option("--labels", metavar="CSV", help="Their labels: columns file and label.")
@click.option(
    "--exclude-calibration", is_flag=True, help="Leave images out on which ranks or densities were found."
)
@click.option(
    "--report", is_flag=True, help="The rows of SqueezeNet's paper, with this model's bytes beside."
)
@click.option("--layers", is_flag=True, help="Also a table of the last step's layers.")
@opt.as_json
def compress(
    model: str | None,
    output: str | None,
    ranks: tuple[str, ...],
    rank_loss: float | None,
    rank_macs: float | None,
    densities: tuple[str, ...],
    max_loss: float | None,
    codebook: int | None,
    bits: int | None,
    per_channel: bool,
    finetune: str | None,
    epochs: int | None,
    images: str | None,
    labels: str | None,
    exclude_calibration: bool,
    report: bool,
    layers: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Prune a float MODEL, share its weights, factorise its layers; tell the size after each step.

    MODEL is float ONNX, a file of Caffe or a Deep-Compression file; the embedded digits model if left out. The sizes
    are those of real streams: zero runs and codes, plain and with a canonical Huffman code per layer.
    """
    options = api.CompressOptions(
        opt.layer_numbers("--rank", ranks),
        opt.layer_numbers("--density", densities),
        max_loss,
        codebook,
        bits,
        per_channel,
        rank_loss,
        rank_macs,
    )
    if epochs is not None and finetune is None:
        raise FpgaSqueezeError("--epochs says how long --finetune trains; give both")
    tune = (
        None if finetune is None else api.FineTune(finetune, **({} if epochs is None else {"epochs": epochs}))
    )
    with progress() as (on_step, on_progress):
        done = api.compress(
            model,
            output,
            options=options,
            calibration=opt.quantize_options(given),
            images=images,
            labels=labels,
            exclude_calibration=exclude_calibration,
            with_report=report,
            finetune=tune,
            on_step=on_step,
            on_progress=on_progress,
        )
    if as_json:
        print_json(done.to_json())
        return
    _print_steps(done, options.finds_ranks)
    if layers:
        _print_layers(done)
    if report:
        _print_report(done)
    if done.path:
        say(f"wrote {done.path}: float ONNX of the last step, its zeros and shared values exact")


def _scores(accuracy: Accuracy | None) -> list[str]:
    """Cells for top-1 and agreement."""
    if accuracy is None:
        return ["", ""]
    counts = (accuracy.top1_count, accuracy.agreement_count)
    return ["" if n is None else f"{100 * n / accuracy.frames:.2f} % ({n:,})" for n in counts]


def _score_columns(scores: Sequence[Accuracy | None]) -> dict[str, str]:
    """The columns of accuracy, where anything was run."""
    seen = [score for score in scores if score is not None]
    if not seen:
        return {}
    return dict.fromkeys(("top-1", AGREEMENT) if seen[0].top1_count is not None else (AGREEMENT,), "right")


def _print_steps(done: api.Compression, finds_ranks: bool) -> None:
    columns = {"step": "left"} | dict.fromkeys(
        ("weights", "not zero", "weight bits", "bytes", "smaller"), "right"
    )
    extra = _score_columns(done.accuracy)
    on = f", {done.accuracy[0].frames:,} images" if done.accuracy else ""
    table = new_table(f"compress: {done.steps[0].model.name}{on}", columns | extra)
    for i, step in enumerate(done.steps):
        cells = [step.weights, step.nonzero, step.weight_bits, step.bytes]
        scores = _scores(done.accuracy[i])[2 - len(extra) :] if extra else []
        times = f"{done.steps[0].bytes / step.bytes:.1f}x"
        table.add_row(step.name, *(f"{v:,}" for v in cells), times, *scores)
    show(table)
    of = "of its outputs" if done.weighed else "of its weights"
    for layer, rank, error in done.factors:
        say(f"{layer}: rank {rank}, relative error {100 * error:.2f} % {of}")
    if finds_ranks and not done.factors:
        say("no low rank: none of those tried keeps within what was asked for, or none is needed")
    if done.factors:
        before, after = done.macs
        say(f"multiplications per frame: {before:,}, with low ranks {after:,} ({100 * after / before:.1f} %)")
    if done.excluded:
        say(f"left out: {done.excluded} calibration images")


def _print_layers(done: api.Compression) -> None:
    columns = {"layer": "left"}
    columns |= dict.fromkeys(
        ("weights", "not zero", "density", "weight bits", "per weight", "tables, biases"), "right"
    )
    last = done.steps[-1]
    table = new_table(f"layers: {last.name}", columns)
    for layer in last.layers:
        table.add_row(
            layer.name,
            f"{layer.weights:,}",
            f"{layer.nonzero:,}",
            f"{100 * layer.nonzero / layer.weights:.1f} %",
            f"{layer.weight_bits:,}",
            f"{layer.weight_bits / layer.weights:.2f}",
            f"{layer.table_bits + layer.bias_bits:,}",
        )
    show(table)


def _print_report(done: api.Compression) -> None:
    columns = {"paper": "left", "size": "right", "smaller": "right"}
    columns |= {"this model": "left", "bytes": "right", "smaller ": "right"}
    extra = dict(list(_score_columns(done.report_accuracy).items())[:1])  # room for one
    table = new_table(f"report: {PAPER_SOURCE}, and this model", columns | extra)
    for row, accuracy in zip(done.report, done.report_accuracy, strict=True):
        paper = row.paper
        ours = ["", ""] if row.bytes is None else [f"{row.bytes:,}", f"{row.times:.1f}x"]
        scores = [cell for cell in _scores(accuracy) if cell][:1] if extra else []
        name = f"{paper.network}, {paper.method}"
        table.add_row(name, f"{paper.megabytes:g} MB", f"{paper.times}x", row.ours, *ours, *scores)
    show(table)
    say(
        f"smaller: than the {ALEXNET.megabytes:g} MB of AlexNet; MB are millions of bytes: weights, tables, biases"
    )
