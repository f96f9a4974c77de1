"""Loads an ONNX file with its external data, or says in one line why it cannot be."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.inliner
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_model, uses_external_data

from ..errors import FpgaSqueezeError

OLDEST_OPSET = 7
"""The first one whose Add, Mul and BatchNormalization are those of today."""
OWN_DOMAINS = ("", "ai.onnx")


def load_proto(path: Path) -> onnx.ModelProto:
    """The file with its external data and without functions; an error, in one line, for what is no ONNX model."""
    advice = "give a model exported to ONNX"
    try:
        if path.is_dir():
            raise FpgaSqueezeError(f"{path}: is a folder; {advice}")
        if path.stat().st_size == 0:
            raise FpgaSqueezeError(f"{path}: the file is empty; {advice}")
        proto = onnx.load(path, load_external_data=False)
        if proto.functions:
            proto = onnx.inliner.inline_local_functions(proto)
        _check_external(path, proto)
        load_external_data_for_model(proto, str(path.parent))
    except FileNotFoundError as error:
        raise FpgaSqueezeError(f"{path}: no such file; {advice}") from error
    except PermissionError as error:
        raise FpgaSqueezeError(f"{error.filename or path}: no permission to read it") from error
    except FpgaSqueezeError:
        raise
    except Exception as error:  # onnx raises many kinds for damaged files and external data
        if type(error).__name__ == "DecodeError":  # protobuf ships no types to import it by
            raise FpgaSqueezeError(
                f"{path}: not an ONNX file, or a truncated one; export or copy it again"
            ) from error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FpgaSqueezeError(f"{path}: cannot be read: {reason}; export it again") from error
    if not proto.graph.node:
        raise FpgaSqueezeError(f"{path}: not an ONNX file, or one without nodes; {advice}")
    return proto


def _check_external(path: Path, proto: onnx.ModelProto) -> None:
    """An error where a file of weights beside ``path`` is missing, or lies elsewhere than beside it."""
    constants = [a.t for node in proto.graph.node for a in node.attribute if a.HasField("t")]
    for tensor in [*proto.graph.initializer, *constants]:
        if not uses_external_data(tensor):
            continue
        name = ExternalDataInfo(tensor).location
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise FpgaSqueezeError(
                f"{path}: initializer {tensor.name} says that its data lie in {name or 'no file'}; a name of a file "
                "below the model's own folder is needed: save the model again with its data beside it"
            )
        file = path.parent / name
        if not file.is_file():
            raise FpgaSqueezeError(
                f"{path}: its external data file {name} is missing; copy it into {file.parent} beside the model"
            )


def opset_of(path: Path, proto: onnx.ModelProto) -> int:
    """The opset of ONNX's own operators; an error for one whose operators are not known here."""
    found = [entry.version for entry in proto.opset_import if entry.domain in OWN_DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if not found:
        raise FpgaSqueezeError(f"{path}: names no opset of ONNX; export the model again")
    if not OLDEST_OPSET <= found[0] <= newest:
        raise FpgaSqueezeError(
            f"{path}: is written in opset {found[0]}; opsets {OLDEST_OPSET} to {newest} are read: export it with one "
            "of them, or convert it with onnx.version_converter"
        )
    return int(found[0])
