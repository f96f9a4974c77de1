"""A search that takes no time: what tests of studies run, in processes of their own, too.

python explore_work.py STORAGE TRIALS SECONDS [JOBS]    runs it, waiting so many seconds in each trial
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpga_squeeze.errors import FpgaSqueezeError
from fpga_squeeze.explore.objectives import Objective, objectives_of
from fpga_squeeze.explore.outcome import Layers, Outcome
from fpga_squeeze.explore.search import search
from fpga_squeeze.explore.study import Promising, SearchOptions


@dataclass(frozen=True)
class Toy:
    """Speed against memory: x frames per second, twice as many with b, for x * x RAMB36; x above 15 does not fit."""

    wait: float = 0.0
    model: str = "toy"
    objectives: tuple[Objective, ...] = objectives_of(("fps", "bram36"))

    def identity(self) -> Mapping[str, str]:
        return {"version": "1", "model": self.model}

    def seeds(self) -> Sequence[Mapping[str, Any]]:
        return [{"x": 3, "c": "a"}, {"x": 18, "c": "a"}]

    def grid(self) -> Mapping[str, Sequence[Any]]:
        return {"x": [0, 1, 2], "c": ["a", "b"]}

    def layers(self) -> Layers | None:
        return "sensitivity", ("50 %", "10 %"), {"conv1": [0.01, 0.2], "conv2": [0.001, 0.5]}

    def evaluate(self, trial: Any, promising: Promising) -> Outcome:
        x, c = trial.suggest_int("x", 0, 20), trial.suggest_categorical("c", ["a", "b"])
        time.sleep(self.wait)
        numbers = {"fps": float(x * (2 if c == "b" else 1)), "bram36": float(x * x + (5 if c == "a" else 0))}
        if x == 13:
            raise FpgaSqueezeError("thirteen: there is no such design")
        if x > 15:
            return Outcome(numbers, ("too large",), (x - 15) / 15, complete=False)
        return Outcome(numbers, complete=promising(numbers))


if __name__ == "__main__":
    jobs = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    search(Toy(float(sys.argv[3])), SearchOptions(sys.argv[1], int(sys.argv[2]), "random", jobs, 0))
