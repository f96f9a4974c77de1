"""Samplers of explore held against each other: hypervolume of their fronts for the same number of trials.

    python -m bench.explore FOLDER [--trials 60] [--seeds 3] [--images I --labels L --model M --calibration-count N]

Every sampler and seed has a study of its own in FOLDER, which goes on where it was left; all share one cache, so that
a network that was quantised for one is there for the others. Without --model the embedded digits. No design is tried
first: each sampler starts from nothing. The reference is no frame a second, an agreement of LEAST percent, and as much
block RAM as the largest device has; the volume is told in units of the box between the reference and the best of each
number that any study found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_squeeze.api import QuantizeOptions
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.explore.accelerators import Accelerators, ExploreOptions
from fpga_squeeze.explore.objectives import hypervolume
from fpga_squeeze.explore.search import search
from fpga_squeeze.explore.study import Exploration, SearchOptions
from fpga_squeeze.network.reference import PRESETS

SAMPLERS = ("random", "tpe", "nsga2", "annealing")
LEAST = 50.0


@dataclass(eq=False)
class Unseeded(Accelerators):
    """The same search with nothing tried first."""

    def seeds(self) -> Sequence[Mapping[str, Any]]:
        return ()


def volume(study: Exploration, most: Mapping[str, float], largest: float) -> float:
    """Share of the box that the front of ``study`` covers."""
    designs = [t.outcome.numbers for t in study.front if t.outcome]
    reference = {"fps": 0.0, "agreement": LEAST, "bram36": largest}
    box = 1.0
    for name, corner in reference.items():
        box *= abs(most[name] - corner)
    return hypervolume(designs, study.objectives, reference) / box


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="XC7Z020,XC7Z045,K26")
    parser.add_argument("--model")
    parser.add_argument("--images")
    parser.add_argument("--labels")
    parser.add_argument("--preprocess", default="none", choices=sorted(PRESETS))
    parser.add_argument("--calibration-count", type=int)
    given = parser.parse_args(arguments)
    devices = tuple(given.device.split(","))
    quantize = QuantizeOptions(
        preprocess=PRESETS[given.preprocess], calibration_count=given.calibration_count
    )
    options = ExploreOptions(given.model, devices, given.images, given.labels, quantize=quantize)
    work = Unseeded.for_jobs(options, 1)
    work.prepare()
    given.folder.mkdir(parents=True, exist_ok=True)
    studies: dict[tuple[str, int], Exploration] = {}
    for seed in range(given.seeds):
        for sampler in SAMPLERS:
            asked = SearchOptions(str(given.folder / f"{sampler}{seed}.log"), given.trials, sampler, 1, seed)
            studies[sampler, seed] = search(work, asked)
            print(
                f"{sampler} {seed}: front of {len(studies[sampler, seed].front)}", file=sys.stderr, flush=True
            )
    numbers = [t.outcome.numbers for study in studies.values() for t in study.front if t.outcome]
    most = {
        "fps": max(n["fps"] for n in numbers),
        "agreement": max(n["agreement"] for n in numbers),
        "bram36": min(n["bram36"] for n in numbers),
    }
    largest = float(max(find_device(name).ramb36 for name in devices))
    print(
        "| sampler |", " | ".join(f"seed {s}" for s in range(given.seeds)), "| mean | designs on the fronts |"
    )
    print("| --- |", " | ".join(["---"] * (given.seeds + 2)), "|")
    for sampler in SAMPLERS:
        found = [studies[sampler, seed] for seed in range(given.seeds)]
        shares = [volume(study, most, largest) for study in found]
        cells = [f"{share:.4f}" for share in (*shares, sum(shares) / len(shares))]
        print(f"| {sampler} |", " | ".join(cells), "|", ", ".join(str(len(s.front)) for s in found), "|")


if __name__ == "__main__":
    main()
