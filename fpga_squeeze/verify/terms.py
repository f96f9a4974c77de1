"""The weights at the lanes of every engine, as the simulation saw them, against golden."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..emit.contents import expected_terms, term_fields
from ..network.fixed_point import IntArray
from ..planning.engine import EnginePlan
from ..planning.plan import Plan
from ..planning.weight_memories import CompressedWeights


@dataclass(frozen=True)
class WeightMismatch:
    """The first term that differs: a weight, or where zeros are skipped its place; ``got`` None: it never came."""

    layer: str
    row_group: int
    term: int
    field: str
    output: int
    expected: int
    got: int | None

    def __str__(self) -> str:
        got = "nothing (the weights ended early)" if self.got is None else str(self.got)
        return (
            f"first mismatch in the weights of {self.layer}: row group {self.row_group}, term {self.term}, "
            f"output {self.output}, {self.field}: expected {self.expected}, got {got}"
        )


@dataclass(frozen=True)
class WeightResult:
    """Terms of an engine: those that reached its lanes, and those that were wrong or missing."""

    name: str
    terms_compared: int
    mismatches: int


Outcome = tuple[tuple[WeightResult, ...], WeightMismatch | None]
"""Terms compared of every engine that shows them, and the first one that differs."""


def _fields(raw: bytes, widths: list[int]) -> IntArray:
    """Little-endian words -> int64 [words, fields]; weights are signed, places are not."""
    size = (sum(widths) + 7) // 8
    words = np.frombuffer(raw[: len(raw) // size * size], dtype=np.uint8).reshape(-1, size)
    bits = np.unpackbits(words, axis=1, bitorder="little")
    out = np.zeros((len(words), len(widths)), dtype=np.int64)
    first = 0
    for i, width in enumerate(widths):
        out[:, i] = (bits[:, first : first + width].astype(np.int64) << np.arange(width)).sum(axis=1)
        first += width
    return out


def _signed(fields: IntArray, names: list[str], bits: int) -> IntArray:
    weights = np.array([name == "weight" for name in names])
    out = fields.copy()
    out[:, weights] -= (out[:, weights] >> (bits - 1)) << bits
    return out


def _describe(
    engine: EnginePlan, row: int, group: int, field: int, expected: int, got: int | None
) -> WeightMismatch:
    names = [name for name, _ in term_fields(engine)]
    for stage in engine.stages:
        if row < stage.size:
            break
        row -= stage.size
    output = int(np.searchsorted(np.cumsum(stage.lengths), row, side="right")) * engine.folding.channels
    if names[field] == "weight":
        output += field
    return WeightMismatch(stage.conv.name, group, row, names[field], output, expected, got)


def _compare_engine(
    engine: EnginePlan, raw: bytes, report: list[str], window: bool
) -> tuple[WeightResult, WeightMismatch | None]:
    """Compare the terms of one row group, ``raw``; ``report`` are the simulation's words on all others.

    ``window`` tells where places are counted (see :func:`~..emit.contents.term_fields`).

    These are: terms seen, terms unlike those of the first row group, and of the first of them stage, number, row group
    and word.
    """
    fields = term_fields(engine, window)
    names, widths = [name for name, _ in fields], [bits for _, bits in fields]
    expected = np.concatenate(expected_terms(engine, window))
    got = _signed(_fields(raw, widths), names, engine.weight_bits)
    count = min(len(got), len(expected))
    wrong = got[:count] != expected[:count]
    missing = len(expected) - count
    seen, different = (int(report[0]), int(report[1])) if len(report) >= 2 else (0, 0)
    result = WeightResult(engine.name, seen, int(wrong.any(axis=1).sum()) + missing + different)
    if wrong.any():
        row, field = (int(v) for v in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        return result, _describe(engine, row, 0, field, int(expected[row, field]), int(got[row, field]))
    if missing:
        return result, _describe(engine, count, 0, 0, int(expected[count, 0]), None)
    if different:
        stage, number, group = (int(v) for v in report[2:5])
        row = number + sum(s.size for s in engine.stages[:stage])
        word = _signed(_fields(bytes.fromhex(report[5])[::-1], widths), names, engine.weight_bits)[0]
        field = int(np.argmax(word != expected[row]))
        return result, _describe(engine, row, group, field, int(expected[row, field]), int(word[field]))
    return result, None


def compare_terms(plan: Plan, folder: Path) -> Outcome:
    """Compare the terms that a cosimulation left in ``folder`` with golden's weights.

    Every row group reads its weights anew: the simulation compares all of them with those of the first one, and those
    are compared here, every field of every term.
    """
    report = folder / "report.txt"
    reports: dict[str, list[str]] = {}
    for line in report.read_text().splitlines() if report.is_file() else []:
        words = line.split()
        if words[0] == "terms":
            reports[words[1]] = words[2:]
    results, first = [], None
    for engine in plan.engines:
        result, mismatch = _compare_engine(
            engine, _read(folder, engine), reports.get(engine.name, []), window=True
        )
        results.append(result)
        first = first or mismatch
    return tuple(results), first


def _read(folder: Path, engine: EnginePlan) -> bytes:
    file = folder / f"{engine.name}_terms.bin"
    return file.read_bytes() if file.is_file() else b""


def _first_group(engine: EnginePlan, raw: bytes) -> tuple[bytes, list[str]]:
    """The terms of the first row group among those of a frame, and what :func:`_compare_engine` hears of the others.

    Nothing where ``raw`` does not hold a frame.
    """
    size = (sum(bits for _, bits in term_fields(engine)) + 7) // 8
    order = list(engine.order())
    if len(raw) != size * sum(engine.stages[stage].size for stage, _ in order):
        return b"", []
    kept: dict[int, bytes] = {}
    first: list[str] = []
    different = place = 0
    for stage, group in order:
        part = raw[place : place + engine.stages[stage].size * size]
        place += len(part)
        if part == kept.setdefault(stage, part):
            continue
        got, expected = (np.frombuffer(v, np.uint8).reshape(-1, size) for v in (part, kept[stage]))
        rows = np.flatnonzero((got != expected).any(axis=1))
        if not first:
            first = [str(stage), str(rows[0]), str(group), got[rows[0]].tobytes()[::-1].hex()]
        different += len(rows)
    return b"".join(kept[stage] for stage in sorted(kept)), [str(len(raw) // size), str(different), *first]


def compare_fed_terms(plan: Plan, folder: Path) -> Outcome:
    """Compare the terms of compressed weights that a C simulation left in ``folder`` with golden's weights.

    These are all terms of a frame, row group after row group; dense weights are read within their engines and not seen.
    """
    results, mismatch = [], None
    for engine in plan.engines:
        if isinstance(engine.weights, CompressedWeights):
            result, wrong = _compare_engine(
                engine, *_first_group(engine, _read(folder, engine)), window=False
            )
            results.append(result)
            mismatch = mismatch or wrong
    return tuple(results), mismatch
