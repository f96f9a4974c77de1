"""What the verbs that check a project found of it, kept in it as JSON beside the design that it was found of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from ..errors import FpgaSqueezeError
from ..paths import files_key, write_whole
from .project import MODEL, Project

Kind = Literal["csim", "cosim", "evaluate", "trace", "hls", "synth", "timing"]
"""Verbs, in the order in which they are shown."""
RESULT = "result.json"
INPUTS: Mapping[Kind, tuple[str, ...]] = {
    "csim": (MODEL, "hls"),
    "cosim": (MODEL, "rtl"),
    "evaluate": (MODEL,),
    "trace": (MODEL,),
    "hls": (MODEL, "hls"),
    "synth": (MODEL, "rtl"),
    "timing": (MODEL, "rtl"),
}
"""Files and folders of a project that a result depends on."""


@dataclass(frozen=True)
class Kept:
    """A result as it was printed with ``--json``.

    given     what was asked for: images, frames, ...; None: not given
    when      time of the run, ISO 8601, UTC
    current   whether the design is still the one that it was found of
    """

    kind: Kind
    given: Mapping[str, Any]
    result: Mapping[str, Any]
    when: str
    current: bool


def design_digest(project: Project, kind: Kind) -> str:
    """SHA-256 over the names and contents of what a result of ``kind`` depends on."""
    keys = "".join(f"{name}\0{files_key(project.path / name)}\0" for name in INPUTS[kind])
    return hashlib.sha256(keys.encode()).hexdigest()


def keep_result(
    project: Project,
    kind: Kind,
    given: Mapping[str, Any],
    result: Mapping[str, Any],
    folder: Path | None = None,
) -> None:
    """Keep a result in ``folder``, by default that of the last run of ``kind``; raises FpgaSqueezeError."""
    folder = folder or project.run(kind)
    kept = {
        "design": design_digest(project, kind),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "given": dict(given),
        "result": dict(result),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FpgaSqueezeError(f"{folder}: cannot be written: {error.strerror or error}") from error
    text = json.dumps(kept, indent=2) + "\n"
    write_whole(folder / RESULT, lambda file: file.write(text.encode()))


def kept_result(project: Project, kind: Kind) -> Kept | None:
    """The last result of ``kind``; None: there is none. Raises FpgaSqueezeError where it cannot be read."""
    path = project.run(kind) / RESULT
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        current = data["design"] == design_digest(project, kind)
        return Kept(kind, dict(data["given"]), dict(data["result"]), str(data["when"]), current)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FpgaSqueezeError(f"{path}: cannot be read ({error}); run {kind} again") from error
