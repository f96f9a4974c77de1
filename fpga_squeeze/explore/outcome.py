"""What came of a trial, as it is kept in a study."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .objectives import Objective, front_of

Layers = tuple[str, tuple[str, ...], Mapping[str, Sequence[float]]]
"""A field to draw: its title, its headings, numbers above 0 by layer."""
State = Literal["done", "cut short", "does not fit", "running", "waiting", "failed"]
"""done: judged on all images; cut short: on some, which showed that it cannot be on the front; failed: its process
ended before it did."""


@dataclass(frozen=True)
class Outcome:
    """One design.

    numbers     by name, the objectives' among them where they are known
    reasons     why it does not fit; empty: it does
    excess      how far it is from fitting, 0 where it fits: relative to what there is
    complete    whether accuracy was measured on all images
    images      on how many it was measured
    facts       further texts and numbers to show, ready for JSON: what the design is made of, notes
    """

    numbers: Mapping[str, float]
    reasons: tuple[str, ...] = ()
    excess: float = 0.0
    complete: bool = True
    images: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Raises ValueError, TypeError or KeyError for a text that is none."""
        given = json.loads(text)
        return cls(**given | {"reasons": tuple(given["reasons"])})


@dataclass(frozen=True)
class Trial:
    """A trial of a study: what was chosen, and what came of it (None: nothing yet, or nothing any more)."""

    number: int
    state: State
    params: Mapping[str, Any]
    outcome: Outcome | None
    seconds: float | None = None

    @property
    def fits(self) -> bool:
        return self.outcome is not None and not self.outcome.reasons

    def row(self) -> dict[str, object]:
        """Everything in one flat row, for CSV and JSON."""
        out = self.outcome
        numbers = dict(out.numbers) if out else {}
        return {
            "trial": self.number,
            "state": self.state,
            "fits": None if out is None else not out.reasons,
            "reasons": "; ".join(out.reasons) if out else "",
            **numbers,
            "images": out.images if out else 0,
            "seconds": self.seconds,
            **dict(self.params),
            **(dict(out.facts) if out else {}),
        }


def front(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """The trials, judged in full, that no other one beats; ordered by the first objective, the best first."""
    judged = [t for t in trials if t.state == "done" and t.outcome is not None]
    kept = [judged[n] for n in front_of([t.outcome.numbers for t in judged if t.outcome], objectives)]
    first = objectives[0]

    def place(trial: Trial) -> float:
        value = trial.outcome.numbers[first.name] if trial.outcome else 0.0
        return -value if first.larger else value

    return sorted(kept, key=place)
