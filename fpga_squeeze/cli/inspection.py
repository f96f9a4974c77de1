"""The verb that tells what a model file is to this tool, and how golden and onnxruntime agree on one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from typing_extensions import assert_never

from .. import api
from ..flow.sources import keep_sources
from ..network.fixed_point import int_name
from ..paths import write_whole
from . import options as opt
from .output import new_table, print_json, print_note, say, show, steps

ROLES = {
    "input": "done to the image",
    "constant": "constant, folded",
    "passed": "changes nothing",
    "unused": "leads nowhere",
    "behind": "behind what is refused",
}
"""Of nodes without a layer, in words."""


@click.command()
@click.argument("model")
@click.option("--svg", metavar="FILE", help="Draw the graph into this file.")
@opt.reading
@opt.as_json
def inspect(model: str, svg: str | None, as_json: bool, **given: Any) -> int:
    """Every node of a MODEL and its kernel, types, scales and weights, and every reason why it is refused."""
    if svg:
        keep_sources(svg, model, way_out="choose another --svg")
    with steps() as on_step:
        on_step(f"read {model}")
        result = api.inspect(model, opt.read_options(given))
    if svg:
        write_whole(Path(svg), lambda file: file.write(api.draw(result).encode()))
    if as_json:
        print_json(result.to_json())
    else:
        print_inspection(result)
        if svg:
            say(f"wrote {svg}")
    return 0 if result.supported else 2


def print_inspection(result: api.Inspection) -> None:
    """Nodes, layers, reasons."""
    kernels = {layer.name: layer.kernel for layer in result.layers}
    if result.nodes:
        columns = dict.fromkeys(("node", "operator", "becomes", "kernel"), "left")
        table = new_table(f"inspect: {result.path}, {len(result.nodes)} nodes", columns)
        for node in result.nodes:
            match node.role:
                case "layer":
                    becomes = node.layer
                case "part":
                    becomes = f"part of {node.layer}"
                case "refused":
                    becomes = "refused, see below"
                case "input" | "constant" | "passed" | "unused" | "behind":
                    becomes = ROLES[node.role]
                case _:
                    assert_never(node.role)
            style = "red" if node.role == "refused" else None
            table.add_row(node.name, node.op, becomes, kernels.get(node.layer, ""), style=style)
        show(table)
    if result.layers:
        names = (
            "layer",
            "kind",
            "gives",
            *(("type",) if result.kind == "quantised" else ()),
            "weights",
            "rounding",
        )
        table = new_table(
            f"layers of the {result.kind} network, image {result.input}", dict.fromkeys(names, "left")
        )
        for layer in result.layers:
            w = layer.weights
            weights = "" if w is None else f"{w.low:.3g} to {w.high:.3g}, {100 * w.zeros:.0f} % 0"
            cells = {"layer": layer.name, "kind": layer.kind, "gives": layer.shape, "type": _type(layer)}
            cells |= {"weights": weights, "rounding": layer.rounding}
            table.add_row(*(cells[name] for name in names))
        show(table)
    for note in result.notes:
        print_note(note)
    if result.supported:
        engines = len(set(kernels.values()))
        say(f"{result.path}: a {result.kind} network of {len(result.layers)} layers in {engines} kernels")
        return
    say(f"{result.path}: refused, for {len(result.reasons)} reasons:")
    for node_name, reason in result.reasons:
        say(f"  {node_name}: {reason}" if node_name else f"  {reason}")


def _type(layer: api.LayerReport) -> str:
    """Integer type of a layer, its scale cut short."""
    if layer.bits is None or layer.scale is None:
        return ""
    kind = int_name(layer.bits, bool(layer.signed))
    return f"{f'({kind} - {layer.zero})' if layer.zero else kind} * {layer.scale:.4g}"


def print_agreement(result: api.Agreement) -> None:
    """A row per tensor, and what the differences are."""
    columns = {"layer": "left"} | dict.fromkeys(("values", "differ", "share", "steps", "from a tie"), "right")
    frames = f"{result.frames} image{'s' if result.frames != 1 else ''}"
    table = new_table(
        f"compare: golden against onnxruntime, {frames}, each layer on onnxruntime's inputs", columns
    )
    for t in result.tensors:
        tie = f"{t.from_tie:.1e}" if t.differ else ""
        steps_apart = f"{t.largest}" if t.differ else ""
        table.add_row(
            t.layer, f"{t.values:,}", f"{t.differ:,}", f"{t.share:.1e}" if t.differ else "0", steps_apart, tie
        )
    table.add_section()
    table.add_row("total", f"{result.values:,}", f"{result.differ:,}", f"{result.differ / result.values:.1e}")
    show(table)
    say(f"same top-1 from the pixels on: {result.same_top1} of {result.frames}")
    if not result.differ:
        say("all values equal")
    elif result.equal:
        farthest = max(t.from_tie for t in result.tensors)
        say(
            f"{result.differ:,} of {result.values:,} values are one step apart: ties, to {farthest:.1e} of a step, "
            "that float32 broke"
        )
    else:
        say(f"{result.differ:,} of {result.values:,} values differ, by up to {result.largest} steps")
