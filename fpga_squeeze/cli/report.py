"""The verb that writes a page about a project, and the commands that stand on it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import click

from .. import api
from ..project.manifest import parse_folding
from ..project.project import MODEL
from . import options as opt
from .command import generate_command
from .output import print_json, say, steps


@click.command()
@opt.project
@opt.output_file
@click.option(
    "--json-dir",
    metavar="FOLDER",
    help="Also write the numbers as JSON into this folder, under FINN's names: estimate_layer_cycles.json, ...",
)
@opt.as_json
def report(project: str, output: str, json_dir: str | None, as_json: bool) -> None:
    """Write one page about a project: kernels, cycles, one frame in time, block RAM, weights, checks, accuracy.

    The page is one HTML file that loads nothing.
    """
    with steps() as on_step:
        on_step(f"read {project}")
        found = api.report(project)
        on_step(f"write {output}")
        files = api.write_report(found, output, json_dir, commands(found))
    if as_json:
        print_json(found.to_json())
        return
    for file in files:
        say(f"wrote {file}")
    for result in found.results:
        if not result.current:
            say(f"{result.kind} ran on an older design: run it again")


def commands(found: api.Report) -> list[str]:
    """What makes the design again, and what was found of it."""
    out = [found.manifest.command or _as_planned(found)]
    given = {result.kind: result.given for result in found.results}
    origins = {clock.origin for clock in found.clocks}
    if origins & {"estimated by timing", "routed"}:
        given["timing"] = dict(given.get("timing", {})) | {"route": "routed" in origins}
    for kind, options in given.items():
        out.append(shlex.join(["fpga-squeeze", kind, found.path, *_options(options)]))
    return out


def _options(given: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value:  # 0 and None are what is meant where an option is left out
            words += [option, str(value)]
    return words


def _as_planned(found: api.Report) -> str:
    """The plan of a project that keeps no command, as options; foldings that no option sets are found again."""
    manifest = found.manifest
    formats = list(dict.fromkeys(manifest.weights.values()))
    asked = api.DesignOptions(
        lanes=manifest.lane_budget,
        device=manifest.device,
        room=manifest.room if manifest.device else None,
        clock_mhz=manifest.clock_mhz if manifest.clock_origin == "asked for" else None,
        foldings={} if manifest.together else {k: parse_folding(v) for k, v in manifest.foldings.items()},
        products_per_dsp=found.estimate.products_per_dsp,
        weights=formats[0] if len(formats) == 1 else None,
        formats=manifest.weights if len(formats) > 1 else {},
    )
    more = ["--hls-dialect", manifest.dialect] if manifest.dialect != "vitis" else []
    model = shlex.quote(f"{found.path}/{MODEL}")
    return generate_command(None, asked, api.Way(), more).replace("generate", f"generate {model}", 1)
