"""What reading an ONNX file did with each of its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from ..errors import FpgaSqueezeError
from ..network.graph import FloatModel, Preprocess, Shape
from ..network.integers import QModel
from .build import layer_names, own_metadata
from .onnx_load import load_proto
from .onnx_model import Walk, begin
from .reasons import one_line
from .steps import InputStep

Role = Literal["layer", "part", "input", "constant", "passed", "unused", "behind", "refused"]
"""A layer of its own; taken into a layer; done to the image; known beforehand; changes nothing; read by nothing that
leads to the output; not looked at, behind what is refused; refused."""


@dataclass(frozen=True)
class NodeRole:
    """A node of the file, what became of it, the layer it belongs to, and why it is refused."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    role: Role
    layer: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Trace:
    """A file: its image, its nodes, its model unless refused, and (node, reason) why it is."""

    image: str
    input: Shape
    nodes: tuple[NodeRole, ...]
    model: FloatModel | QModel | None
    reasons: tuple[tuple[str, str], ...]


def trace_onnx(
    path: Path,
    input_shape: Shape | None = None,
    output_tensor: str | None = None,
    preprocess: Preprocess | None = None,
) -> Trace:
    """Read an ONNX file as far as it goes; raises FpgaSqueezeError only where there is no graph to walk through."""
    model: FloatModel | QModel | None = None
    reasons: list[tuple[str, str]] = []
    with one_line(path):
        walk = begin(path, input_shape, output_tensor)
        try:
            walk.run()
            model = walk.build(preprocess)
        except FpgaSqueezeError as error:
            told = str(error).removeprefix(f"{path}: ")
            reasons = [(place, reason) for reason, places in walk.reasons.items() for place in places]
            if not reasons:  # the walk went through: the numbers are what is wrong
                reasons = [_parted(each) for each in told.split("; node ")]
    names = layer_names(walk.steps, own_metadata(walk.graph).layers)
    layers = {id(step): name for step, name in zip(walk.steps, names, strict=True)}
    nodes = tuple(_role(walk, layers, proto, dict(reasons)) for proto in load_proto(path).graph.node)
    return Trace(walk.graph.input.name, walk.input.output, nodes, model, tuple(reasons))


def _parted(told: str) -> tuple[str, str]:
    """(node, reason) of an error's text."""
    place, found, reason = told.partition("): ")
    if not found:
        return "", told
    return (place if place.startswith("node ") else f"node {place}") + ")", reason


def _role(walk: Walk, layers: dict[int, str], proto: onnx.NodeProto, reasons: dict[str, str]) -> NodeRole:
    output = next((name for name in proto.output if name), "")
    name = proto.name or output
    role, layer = _place(walk, layers, output)
    reason = next((text for place, text in reasons.items() if place.startswith(f"node {name} (")), "")
    if reason:
        role = "refused"
    return NodeRole(
        name,
        f"{proto.domain}::{proto.op_type}" if proto.domain not in ("", "ai.onnx") else proto.op_type,
        tuple(walk.graph.alias.get(each, each) for each in proto.input if each),
        tuple(proto.output),
        role,
        layer,
        reason,
    )


def _place(walk: Walk, layers: dict[int, str], output: str) -> tuple[Role, str]:
    """(role, layer) of the node that gives tensor ``output``; ``layers`` are the names of steps by ``id``."""
    graph = walk.graph
    if output in graph.constants or output in graph.unfolded:
        return "constant", ""
    if output in graph.alias:
        return "passed", ""
    found = walk.maps.get(output)
    if found is None:
        return ("behind" if output in walk.maps or output in walk.sized else "unused"), ""
    if isinstance(found.step, InputStep):
        return "input", ""
    return ("layer" if output in found.step.node.outputs else "part"), layers[id(found.step)]
