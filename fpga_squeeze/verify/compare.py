"""Bit for bit: every element of every kernel's output against golden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..emit.words import decode_words, stream_tensor, words_to_tensor
from ..network.fixed_point import IntArray
from ..planning.plan import Plan
from ..planning.streams import Stream
from .terms import Outcome, WeightMismatch, WeightResult


@dataclass(frozen=True)
class Mismatch:
    """The first element that differs; ``got`` is None where the design sent too few words."""

    kernel: str
    frame: int
    channel: int
    row: int
    column: int
    expected: int
    got: int | None

    def __str__(self) -> str:
        got = "nothing (the stream ended early)" if self.got is None else str(self.got)
        return (
            f"first mismatch in kernel {self.kernel}: frame {self.frame}, channel {self.channel}, row {self.row}, "
            f"column {self.column}: expected {self.expected}, got {got}"
        )


@dataclass(frozen=True)
class KernelResult:
    """Elements of one kernel's output: compared, and found different or missing."""

    name: str
    values_compared: int
    mismatches: int


@dataclass(frozen=True)
class Comparison:
    """Outcome over all kernels, ``image`` (the line gatherer) first and the logits as sent last.

    weights  terms at the lanes of every engine; empty where the simulation does not show them
    """

    frames: int
    kernels: tuple[KernelResult, ...]
    first: Mismatch | WeightMismatch | None
    weights: tuple[WeightResult, ...] = ()

    @property
    def values_compared(self) -> int:
        return sum(k.values_compared for k in self.kernels)

    @property
    def mismatches(self) -> int:
        return sum(k.mismatches for k in self.kernels) + self.weight_mismatches

    @property
    def terms_compared(self) -> int:
        return sum(w.terms_compared for w in self.weights)

    @property
    def weight_mismatches(self) -> int:
        return sum(w.mismatches for w in self.weights)

    @property
    def equal(self) -> bool:
        """Something was compared and nothing differs."""
        return self.values_compared > 0 and self.mismatches == 0

    def to_json(self) -> dict[str, object]:
        return {
            "frames": self.frames,
            "values_compared": self.values_compared,
            "mismatches": self.mismatches,
            "terms_compared": self.terms_compared,
            "weight_mismatches": self.weight_mismatches,
            "kernels": [
                {"name": k.name, "values_compared": k.values_compared, "mismatches": k.mismatches}
                for k in self.kernels
            ],
        }


def _first(name: str, expected: IntArray, got: IntArray, known: npt.NDArray[np.bool_]) -> Mismatch | None:
    wrong = (expected != got) | ~known
    if not wrong.any():
        return None
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    n, c, y, x = (int(v) for v in place)
    return Mismatch(
        name, n, c, y, x, int(expected[n, c, y, x]), int(got[n, c, y, x]) if known[n, c, y, x] else None
    )


def _compare_stream(stream: Stream, expected: IntArray, raw: bytes) -> tuple[KernelResult, Mismatch | None]:
    """Compare the words of one stream with the tensor [N, C, H, W] that golden gives."""
    frames = len(expected)
    pixels = decode_words(raw, stream)
    wanted = frames * stream.words
    extra = max(0, len(pixels) - wanted)
    known = np.ones((wanted, stream.type.shape.width), dtype=np.int64)
    if len(pixels) < wanted:
        known[len(pixels) :] = 0
        pixels = np.concatenate(
            [pixels, np.zeros((wanted - len(pixels), stream.type.shape.width), dtype=np.int64)]
        )
    got = words_to_tensor(pixels[:wanted], stream, frames)
    there = words_to_tensor(known, stream, frames).astype(bool)
    wrong = int(((got != expected) | ~there).sum()) + extra * stream.type.shape.width
    return KernelResult(stream.name, int(expected.size), wrong), _first(stream.name, expected, got, there)


def compare_run(
    plan: Plan,
    folder: Path,
    reference: Mapping[str, IntArray],
    images: npt.NDArray[np.uint8],
    terms: Callable[[Plan, Path], Outcome] | None = None,
) -> Comparison:
    """Compare the stream files ``<stream>.bin`` and ``logits.bin`` of a run with golden.

    ``reference`` is what golden gives for the uint8 ``images`` [N, H, W, C] of the run. A file that is missing or short
    counts every absent element as a mismatch. ``terms`` compares the weights, too: :func:`~.terms.compare_terms` for a
    cosimulation, :func:`~.terms.compare_fed_terms` for a C simulation.
    """
    results: list[KernelResult] = []
    first: Mismatch | None = None
    for stream in plan.streams:
        expected = stream_tensor(plan.model, stream, reference, images)
        file = folder / f"{stream.name}.bin"
        result, mismatch = _compare_stream(stream, expected, file.read_bytes() if file.is_file() else b"")
        results.append(result)
        first = first or mismatch
    file = folder / "logits.bin"
    sent = np.frombuffer(file.read_bytes() if file.is_file() else b"", dtype="<i4").astype(np.int64)
    logits = reference["logits"]
    got, known = np.zeros(logits.size, dtype=np.int64), np.zeros(logits.size, dtype=bool)
    count = min(len(sent), logits.size)
    got[:count], known[:count] = sent[:count], True
    shape = (*logits.shape, 1, 1)
    wrong = int(((got != logits.reshape(-1)) | ~known).sum()) + max(0, len(sent) - logits.size)
    results.append(KernelResult("logits", int(logits.size), wrong))
    first = first or _first("logits", logits.reshape(shape), got.reshape(shape), known.reshape(shape))
    weights, wrong_weight = terms(plan, folder) if terms else ((), None)
    return Comparison(len(images), tuple(results), first or wrong_weight, weights)
