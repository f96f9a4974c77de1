"""A study as a table, as CSV and as JSON: every trial with its numbers, its choices and its reasons."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from ..errors import FpgaSqueezeError
from ..paths import write_whole
from .canvas import number
from .outcome import Trial
from .study import Exploration, shown

WRITTEN = (".html", ".svg", ".csv", ".json")
SHORT = {
    "fps": "fps",
    "agreement": "agree",
    "top1": "top-1",
    "bram36": "RAMB36",
    "luts": "LUTs",
    "dsp": "DSP",
}
PLACES = {"fps": 1, "agreement": 2, "top1": 2, "latency_ms": 3}
"""Decimal places of a number in a table; others are as short as they can be."""


HELD_OUT = "held out"
"""Heading of how many images are right of those by which no network was chosen."""


def columns_of(study: Exploration) -> list[str]:
    """Headings of :func:`row_of`."""
    held = [HELD_OUT] if _has_held_out(study) else []
    return ["trial", *(SHORT.get(o.name, o.name) for o in study.objectives), *held, "design"]


def _has_held_out(study: Exploration) -> bool:
    return any(t.outcome is not None and "test_right" in t.outcome.facts for t in study.front)


def row_of(study: Exploration, trial: Trial) -> list[str]:
    """A trial in a table: its number, its objectives, and what the design is."""
    numbers = trial.outcome.numbers if trial.outcome else {}
    cells = [str(trial.number)]
    for objective in study.objectives:
        value = numbers.get(objective.name)
        cells.append("" if value is None else _cell(objective.name, value))
    facts = trial.outcome.facts if trial.outcome else {}
    if _has_held_out(study):
        known = "test_right" in facts
        cells.append(f"{facts['test_right']:,} of {facts['test_images']:,}" if known else "")
    return [*cells, str(facts.get("design") or ", ".join(f"{k} {v}" for k, v in trial.params.items()))]


def _cell(name: str, value: float) -> str:
    return f"{value:,.{PLACES[name]}f}" if name in PLACES else number(value)


def as_csv(study: Exploration) -> str:
    """A line per trial, a column per number, choice and fact."""
    rows = [t.row() | {"front": t in study.front} for t in study.trials]
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_json(study: Exploration) -> dict[str, object]:
    """Everything, ready for JSON."""
    return {
        "storage": shown(study.storage),
        "objectives": [o.name for o in study.objectives],
        "identity": dict(study.identity),
        "front": [t.number for t in study.front],
        "trials": [t.row() | {"params": dict(t.params)} for t in study.trials],
    }


def save(study: Exploration, path: str | Path) -> None:
    """Write a study as the name ends: .html or .svg the picture, .csv or .json all trials.

    Raises FpgaSqueezeError for another ending, or where nothing can be written.
    """
    from . import drawing

    path = Path(path)
    check_output(path)
    match path.suffix.lower():
        case ".html":
            text = drawing.page(study)
        case ".svg":
            text = drawing.draw(study)
        case ".csv":
            text = as_csv(study)
        case _:
            text = json.dumps(as_json(study), indent=1)
    write_whole(path, lambda file: file.write(text.encode()))


def check_output(path: str | Path) -> None:
    """Raise FpgaSqueezeError for a name of no kind that :func:`save` writes."""
    path = Path(path)
    if path.suffix.lower() not in WRITTEN:
        raise FpgaSqueezeError(f"{path}: give a name that ends in {', '.join(WRITTEN)}")
    if path.is_dir() or not path.parent.is_dir():
        raise FpgaSqueezeError(f"{path}: cannot be written: is a folder, or in one that there is not")
