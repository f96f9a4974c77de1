"""The verbs that make and look at designs: quantize, generate, golden, estimate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from .. import api
from ..emit.hls_dialect import DIALECTS, Dialect
from ..errors import DoesNotFitError, FpgaSqueezeError
from ..quantization.budget import coded_size
from . import options as opt
from .command import generate_command, trial_command
from .output import print_calibration, print_estimate, print_json, print_note, print_way_out, say, steps


@contextmanager
def _with_command(target: str | None, options: api.DesignOptions, more: Sequence[str] = ()) -> Iterator[None]:
    """Name the command that fits where a design does not, and one was found."""
    try:
        yield
    except DoesNotFitError as error:
        if not isinstance(error.way, api.Way):
            raise
        command = generate_command(target, options, error.way, more)
        raise DoesNotFitError(f"{error}; fits: {command}") from error


@click.command()
@click.argument("model")
@opt.output_file
@opt.quantizing
def quantize(model: str, output: str, **given: Any) -> None:
    """Quantise a float MODEL to integers and write it as QDQ ONNX."""
    options = opt.quantize_options(given)
    with steps() as on_step:
        done = api.quantize(model, output, options, on_step)
    widths = sorted({conv.weight_bits for conv in done.model.convs})
    say(
        f"wrote {done.path}: {len(done.model.layers)} layers, weights of {', '.join(map(str, widths))} bits, "
        f"input uint8 pixels {done.model.input.shape}, logits * {done.model.output.scale_text}"
    )
    print_calibration(options, done.model)
    if options.weight_budget is not None:
        coded = sum(coded_size(conv.weight) for conv in done.model.convs)
        say(f"weights take {coded:,} bits as codes of huffman, of {options.weight_budget:,}")
    for note in done.model.notes:
        print_note(note)
    for reason in done.inexact:
        print_note(f"float32 runners may round differently: {reason}")


@click.command()
@opt.model
@click.option("-o", "--output", metavar="DIR", help="Project folder; hls_out/<model name> if left out.")
@opt.designing
@click.option(
    "--hls-dialect",
    type=click.Choice(DIALECTS),
    default="vitis",
    show_default=True,
    help="HLS tool whose pragmas the C++ carries.",
)
@click.option("--force", is_flag=True, help="Replace a folder that is no project of ours.")
@click.option(
    "--from-study",
    metavar="FILE_OR_URL",
    help="Make the design of a trial of this study, which explore has made.",
)
@click.option("--trial", type=int, metavar="K", help="Its number, with --from-study.")
def generate(
    model: str | None,
    output: str | None,
    hls_dialect: Dialect,
    force: bool,
    from_study: str | None,
    trial: int | None,
    **given: Any,
) -> None:
    """Write a project: HLS C++, RTL, quantised model, test images.

    MODEL is float or QDQ ONNX; the embedded digits model if left out.
    """
    options = opt.design_options(given)
    more = ["-o", output] if output else []
    more += ["--hls-dialect", hls_dialect] if hls_dialect != "vitis" else []
    more += ["--force"] if force else []
    if from_study is not None or trial is not None:
        _print_project(_of_trial(model, output, hls_dialect, force, from_study, trial, options, more))
        return
    with steps() as on_step, _with_command(model, options, more):
        project = api.generate(
            model,
            output,
            options,
            dialect=hls_dialect,
            force=force,
            command=generate_command(model, options, api.Way(), more),
            on_step=on_step,
        )
    print_calibration(options.quantize, project.model)
    _print_project(project)


def _of_trial(
    model: str | None,
    output: str | None,
    dialect: Dialect,
    force: bool,
    study: str | None,
    trial: int | None,
    options: api.DesignOptions,
    more: Sequence[str],
) -> api.Project:
    """The project of a trial; what it is like is settled."""
    if study is None or trial is None:
        raise FpgaSqueezeError("--from-study FILE and --trial K go together; give both")
    calibration = options.quantize.calibration
    if replace(options, quantize=replace(options.quantize, calibration=None)) != api.DesignOptions():
        raise FpgaSqueezeError(
            "--from-study: what the design is like is settled by its trial; leave other options out"
        )
    with steps() as on_step:
        return api.generate_trial(
            study,
            trial,
            output,
            model=model,
            calibration=calibration,
            dialect=dialect,
            force=force,
            command=trial_command(study, trial, model, calibration, more),
            on_step=on_step,
        )


def _print_project(project: api.Project) -> None:
    numbers = project.estimate()
    dsp = f" in {numbers.dsp} DSP slices" if numbers.dsp != numbers.lanes else ""
    say(
        f"wrote {project.path}: {len(project.plan.kernels)} kernels, {numbers.lanes} lanes{dsp}, "
        f"{numbers.bram36:g} RAMB36, {numbers.cycles_per_frame:,} cycles per frame, "
        f"{numbers.fps:,.1f} frames per second at {numbers.clock}"
    )
    if shell := project.shell:
        say(f"shell: fsq_system, registers over AXI4-Lite, memory over AXI4 with {shell.bus_bits} bits")
    say(f"test images: {len(project.images)}, {project.manifest.source.images}")
    for note in project.manifest.notes:
        print_note(note)
    say(f"next: fpga-squeeze csim {project.path}")


@click.command()
@opt.target
@opt.images
@opt.output_file
@opt.quantizing
def golden(target: str | None, images: str | None, output: str, **given: Any) -> None:
    """Write the integers that every layer must give: one array per layer, logits, logits_scale and logits_zero."""
    options = opt.quantize_options(given)
    with steps() as on_step:
        values = api.golden(target, images, output, options=options, on_step=on_step)
    size = sum(v.size for v in values.values())
    say(f"wrote {output}: {len(values['logits'])} frames, {len(values) - 1} kernels, {size:,} integers")


@click.command()
@opt.target
@opt.designing
@opt.as_json
def estimate(
    target: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Memories, DSPs, cycles and frames per second, and whether the device holds the design."""
    options = opt.design_options(given)
    with steps() as on_step, _with_command(target, options):
        numbers = api.estimate(target, options, on_step)
    command = generate_command(target, options, numbers.fits_with) if numbers.fits_with else None
    if as_json:
        print_json(numbers.to_json() | {"command": command})
    else:
        print_estimate(numbers)
        print_way_out(numbers, command)
    return int(numbers.fits is False)
