"""The verb that searches the design space: explore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click

from .. import api
from ..compression.steps import EVERY_LAYER
from ..device.room import DEFAULT_ROOM
from ..errors import FpgaSqueezeError
from ..explore.accelerators import LIMITS
from ..explore.report import HELD_OUT, check_output, columns_of, row_of
from ..explore.samplers import SAMPLERS
from . import options as opt
from .output import new_table, print_json, say, show, steps


@click.command()
@opt.model
@click.option(
    "--device", "devices", default="XC7Z020", show_default=True, metavar="NAMES", help="Devices: A,B,..."
)
@click.option(
    "--images", metavar="PATH", help=f"Images to judge on: {opt.IMAGES}; else the embedded model's."
)
@click.option("--labels", metavar="CSV", help="Their labels: columns file and label.")
@click.option(
    "--objective",
    "objectives",
    metavar="NAMES",
    help="What is to be good: fps, agreement, top1, bram36, luts, dsp, cycles, latency_ms, weight_bits; "
    "fps,agreement,bram36 if left out, with --network fps,top1.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=NUMBER",
    help="The least of what is to be large, the most of what is to be small; agreement=50 if left out, with "
    "--network none.",
)
@click.option("--sampler", default="tpe", show_default=True, metavar="NAME", help=f"{', '.join(SAMPLERS)}.")
@click.option(
    "--trials", type=int, default=100, show_default=True, metavar="N", help="Trials the study has in the end."
)
@click.option(
    "--storage",
    required=True,
    metavar="FILE_OR_URL",
    help="Where the study is kept and goes on: a file, on a shared disk, too; or postgresql+psycopg://user@host/name.",
)
@click.option("--jobs", type=int, default=1, show_default=True, metavar="N", help="Processes at once.")
@click.option(
    "--sampler-seed", type=int, metavar="S", help="Seed of the sampler; another one each time if left out."
)
@click.option(
    "--clock-mhz", "clocks", metavar="F,F,...", help="Clocks to choose from; those planned if left out."
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="FILE",
    help="Picture (.html, .svg) or all trials (.csv, .json). May be repeated.",
)
@click.option(
    "--network",
    metavar="DATASET",
    help="Search SqueezeNet's own numbers instead, with training on a folder of a folder per class, or digits.",
)
@click.option(
    "--folder",
    metavar="DIR",
    help="With --network: where trained networks are written; networks if left out.",
)
@click.option(
    "--epochs",
    type=int,
    metavar="N",
    help="With --network: how often a network trained to its end sees every image.",
)
@opt.exploring
@opt.as_json
def explore(
    model: str | None,
    devices: str,
    images: str | None,
    labels: str | None,
    objectives: str | None,
    limits: tuple[str, ...],
    sampler: str,
    trials: int,
    storage: str,
    jobs: int,
    sampler_seed: int | None,
    clocks: str | None,
    outputs: tuple[str, ...],
    network: str | None,
    folder: str | None,
    epochs: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Search widths, sparsity, formats, devices and clocks for the designs that no other one beats.

    MODEL is a float model; the embedded digits model if left out. Every trial is quantised, planned and judged; the
    study goes on where it was left, in several processes if you like. generate --from-study makes a trial's design.
    """
    search = api.SearchOptions(storage, trials, sampler, jobs, sampler_seed)
    for path in outputs:
        check_output(path)
    run: Callable[..., api.Exploration]
    if network is not None:
        work = _network_search(
            network,
            folder,
            epochs,
            devices,
            objectives,
            _limits(limits),
            clocks,
            (model, images, labels),
            given,
        )
        run = partial(api.explore_networks, work, search)
    elif folder is not None or epochs is not None:
        raise FpgaSqueezeError("--folder and --epochs are for --network; give it with them")
    else:
        options = api.ExploreOptions(
            model=model,
            devices=tuple(_words(devices)),
            images=images,
            labels=labels,
            objectives=tuple(_words(objectives or ",".join(api.ExploreOptions.objectives))),
            limits=dict(LIMITS) | _limits(limits),
            clocks=_clocks(clocks),
            room=opt.room_of(given) or DEFAULT_ROOM,
            quantize=opt.quantize_options(given),
        )
        run = partial(api.explore, options, search)
    try:
        with steps() as on_step:

            def told(trial: api.Trial, every: tuple[api.Trial, ...], front: tuple[api.Trial, ...]) -> None:
                ended = sum(t.outcome is not None for t in every)
                on_step(f"{ended} of {trials}, front of {len(front)}; trial {trial.number}: {_brief(trial)}")

            study = run(on_trial=told, on_step=on_step)
    except KeyboardInterrupt:
        with contextlib.suppress(FpgaSqueezeError):
            _finish(api.read_study(storage), outputs, as_json)
        raise
    _finish(study, outputs, as_json)


def _network_search(
    dataset: str,
    folder: str | None,
    epochs: int | None,
    devices: str,
    objectives: str | None,
    limits: dict[str, float],
    clocks: str | None,
    of_a_model: tuple[str | None, ...],
    given: dict[str, Any],
) -> api.NetworkSearch:
    """What --network searches; raises FpgaSqueezeError for options that are for a model that is there."""
    names, speeds = tuple(_words(devices)), _clocks(clocks)
    if any(of_a_model):
        raise FpgaSqueezeError(
            "--network trains networks on its own images; leave MODEL, --images and --labels out"
        )
    if len(names) != 1 or len(speeds) > 1:
        raise FpgaSqueezeError("--network searches for one --device at one --clock-mhz; give one of each")
    design = api.DesignOptions(
        device=names[0],
        room=opt.room_of(given),
        clock_mhz=speeds[0] if speeds else None,
        quantize=opt.quantize_options(given),
    )
    usual = api.NetworkSearch
    return usual(
        dataset,
        folder or "networks",
        design,
        tuple(_words(objectives)) if objectives else usual.names,
        limits,
        usual.epochs if epochs is None else epochs,
    )


def _words(text: str) -> Iterator[str]:
    return (word.strip() for word in text.split(",") if word.strip())


def _limits(given: tuple[str, ...]) -> dict[str, float]:
    """``("agreement=90",)`` as limits by name."""
    found = opt.layer_numbers("--limit", given)
    if EVERY_LAYER in found:
        raise FpgaSqueezeError(f"--limit {given[0]}: give NAME=NUMBER, for example agreement=90")
    return found


def _clocks(text: str | None) -> tuple[float, ...]:
    try:
        found = tuple(float(word) for word in _words(text or ""))
    except ValueError as error:
        raise FpgaSqueezeError(f"--clock-mhz {text}: give numbers, for example 100,150") from error
    if not all(0 < clock < 10_000 for clock in found):
        raise FpgaSqueezeError(f"--clock-mhz {text}: a clock is a positive number of MHz")
    return found


def _brief(trial: api.Trial) -> str:
    """A trial in half a line."""
    if trial.outcome is None:
        return trial.state
    if trial.outcome.reasons:
        return f"does not fit: {trial.outcome.reasons[0]}"
    numbers = trial.outcome.numbers
    told = [
        text.format(numbers[name])
        for name, text in (
            ("fps", "{:,.1f} fps"),
            ("agreement", "{:.2f} %"),
            ("top1", "top-1 {:.2f} %"),
            ("bram36", "{:g} RAMB36"),
        )
        if name in numbers
    ]
    return f"{', '.join(told)} ({trial.state}), {trial.outcome.facts.get('design', '')}"


def _finish(study: api.Exploration, outputs: tuple[str, ...], as_json: bool) -> None:
    """Write what was asked for; print the front."""
    for path in outputs:
        api.save_study(study, path)
    if as_json:
        print_json(api.study_json(study))
        return
    states = [trial.state for trial in study.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    names = columns_of(study)
    columns = {name: "left" if name == "design" else "right" for name in names}
    table = new_table(f"explore: {study.identity['model']}, {len(study.trials)} trials", columns)
    for trial in study.front:
        table.add_row(*row_of(study, trial))
    show(table)
    say(f"trials: {counts}")
    clocks = {
        f"{t.params.get('device', '')} {t.outcome.facts['clock']}".strip() for t in study.front if t.outcome
    }
    if clocks:
        say(f"frames per second at: {', '.join(sorted(clocks))}")
    if HELD_OUT in names:
        say("top-1: on validation images, as they are and moved, by which networks were chosen")
    for path in outputs:
        say(f"wrote {path}")
    if study.front:
        say(f"next: fpga-squeeze generate --from-study {study.storage} --trial {study.front[0].number}")
