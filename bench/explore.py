"""Samplers of explore held against each other: hypervolume of their fronts for the same number of trials.

    python -m bench.explore FOLDER [--trials 60] [--seeds 3] [--jobs 2] [--samplers random,tpe,nsga2]
                                   [--images I --labels L --model M --calibration-count N]

Every sampler and seed has a study of its own in FOLDER, which goes on where it was left; all share one cache, so that
a network that was quantised for one is there for the others. Without --model the embedded digits. No design is tried
first: each sampler starts from nothing. The reference is no frame a second, an agreement of 50 percent, below which no
design counts, and as much
block RAM as the largest device has; the volume is told in units of the box between the reference and the best of each
number that any study found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_squeeze.api import QuantizeOptions
from fpga_squeeze.device.catalogue import find_device
from fpga_squeeze.explore.accelerators import LIMITS, Accelerators, ExploreOptions
from fpga_squeeze.explore.objectives import hypervolume
from fpga_squeeze.explore.search import search
from fpga_squeeze.explore.study import Exploration, SearchOptions
from fpga_squeeze.network.reference import PRESETS

SAMPLERS = ("random", "tpe", "nsga2", "annealing")


@dataclass(eq=False)
class Unseeded(Accelerators):
    """The same search with nothing tried first."""

    def seeds(self) -> Sequence[Mapping[str, Any]]:
        return ()


def volume(study: Exploration, most: Mapping[str, float], largest: float) -> float:
    """Share of the box that the front of ``study`` covers."""
    designs = [t.outcome.numbers for t in study.front if t.outcome]
    reference = {"fps": 0.0, "agreement": LIMITS["agreement"], "bram36": largest}
    box = 1.0
    for name, corner in reference.items():
        box *= abs(most[name] - corner)
    return hypervolume(designs, study.objectives, reference) / box


def _study(work: Unseeded, asked: SearchOptions) -> Exploration:
    start = time.time()
    made = search(work, asked)
    told = f"{asked.sampler} {asked.seed}: front of {len(made.front)}, {time.time() - start:.0f} s"
    print(told, file=sys.stderr, flush=True)
    return made


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
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--jobs", type=int, default=1, help="studies at once")
    given = parser.parse_args(arguments)
    samplers = given.samplers.split(",")
    devices = tuple(given.device.split(","))
    quantize = QuantizeOptions(
        preprocess=PRESETS[given.preprocess], calibration_count=given.calibration_count
    )
    options = ExploreOptions(given.model, devices, given.images, given.labels, quantize=quantize)
    work = Unseeded.for_jobs(options, given.jobs)
    work.prepare()
    given.folder.mkdir(parents=True, exist_ok=True)
    asked = {
        (sampler, seed): SearchOptions(
            str(given.folder / f"{sampler}{seed}.log"), given.trials, sampler, 1, seed
        )
        for sampler in samplers
        for seed in range(given.seeds)
    }
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        made = pool.starmap(_study, [(work, one) for one in asked.values()], chunksize=1)
    studies = dict(zip(asked, made, strict=True))
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
    for sampler in samplers:
        found = [studies[sampler, seed] for seed in range(given.seeds)]
        shares = [volume(study, most, largest) for study in found]
        cells = [f"{share:.4f}" for share in (*shares, sum(shares) / len(shares))]
        print(f"| {sampler} |", " | ".join(cells), "|", ", ".join(str(len(s.front)) for s in found), "|")


if __name__ == "__main__":
    main()
