"""Samplers of explore held against each other on a model of a network's designs, which takes no time to ask.

    python -m bench.explore_model [--trials 60] [--seeds 8] [--model M --images I --preprocess P --calibration-count N]

The choices are those of explore, pruning and widths of weights cost the divergence that the layers' own sensitivity
tells, added up; frames per second, block RAM and the effect of the other choices follow rules of thumb of about the
size that trials of v1.0 show. Settings of samplers are chosen by it, as studies of true designs take hours; what a
sampler is worth is only told by :mod:`.explore`. Volumes are shares of the box up to 900 frames per second, 100 percent
and no block RAM.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from fpga_squeeze.api import QuantizeOptions
from fpga_squeeze.compression.densities import KEPT
from fpga_squeeze.explore.accelerators import Accelerators, ExploreOptions
from fpga_squeeze.explore.levels import SCAN_BITS
from fpga_squeeze.explore.objectives import hypervolume, objectives_of
from fpga_squeeze.explore.outcome import Outcome
from fpga_squeeze.explore.samplers import sampler_of
from fpga_squeeze.explore.space import Point
from fpga_squeeze.explore.study import OUTCOME, SearchOptions, optuna_module
from fpga_squeeze.network.reference import PRESETS

from .explore import SAMPLERS

DEVICES = {"XC7Z020": (137, 112.0), "XC7Z045": (542, 208.0), "K26": (141, 448.0)}
"""RAMB36, and frames per second where nothing holds a design back."""
OBJECTIVES = objectives_of(("fps", "agreement", "bram36"))
REFERENCE = {"fps": 0.0, "agreement": 50.0, "bram36": 545.0}
BOX = 900 * 50 * 545
NARROW = {8: 0.0, 7: 0.02, 6: 0.09, 5: 0.4, 4: 1.5}
"""Divergence that activations of so many bits cost a layer, about."""
WEIGHT_BITS = {"huffman": (0.8, 3.2), "mask": (1.0, 3.6), "sparse": (1.0, 4.0)}
"""Bits of a weight that is not zero: so many for each of its width, and so many for its place."""


class Guess:
    """Numbers of a design, guessed from its choices."""

    def __init__(self, work: Accelerators) -> None:
        self.work, self.bits = work, work._sensitivity["bits"]

    def __call__(self, point: Point) -> Outcome:
        work, away, code, left, used, wide = self.work, 0.0, 0.0, 0.0, 0, 0
        names = {conv.name: conv for conv in work.float_model.convs}
        for group, convs in work.space.groups.items():
            activations = point.layer_activation_bits.get(convs[0], point.activation_bits)
            away += NARROW[activations] * len(convs) ** 0.5 / 3
            wide += activations * len(convs)
            level = point.pruning[group]
            bound = work.first_level * 2 ** (level - 1) if level else -1.0
            for name in convs:
                within = int(np.sum(np.cumprod(work.found[name] <= bound)))
                away += work.found[name][within - 1] if within else 0.0
                bits = point.layer_weight_bits.get(name, point.weight_bits)
                away += self.bits[name][SCAN_BITS.index(bits)] if bits < 8 else 0.001
                count = int(np.count_nonzero(names[name].weight))
                kept = count * (1.0, *KEPT)[within]
                used, left = used + count, left + kept
                if point.weights == "dense":
                    code += names[name].weight.size * bits
                else:
                    each, place = WEIGHT_BITS[point.weights]
                    code += kept * (bits * each + place)
        coded = point.weights != "dense"
        if point.budget < 100 and coded:
            code *= point.budget / 100
            away += 0.02 * ((100 - point.budget) / 10) ** 1.7
        room, fps = DEVICES[point.device]
        bram = code / 32_000 + wide / len(names) * 25 / 8 + 5 * point.products
        fps *= (1.0 if point.products == 2 else 0.6) / (0.55 + 0.45 * left / used if coded else 2.0)
        fps *= 1 + 0.05 * (8 - wide / len(names))
        fps *= min(
            1.0, max(0.35, 1 - (bram - 0.65 * room) / room)
        )  # memory that is short holds the plan back
        agreement = float(97 * np.exp(-1.3 * away))
        numbers = {"fps": fps, "agreement": agreement, "bram36": round(2 * bram) / 2}
        short = [("block RAM", bram / room - 1), ("agreement", 1 - agreement / 50)]
        amiss = [(name, far) for name, far in short if far > 0]
        return Outcome(numbers, tuple(name for name, _ in amiss), sum(far for _, far in amiss))


def volume(guess: Guess, sampler: str, trials: int, seed: int) -> float:
    """What a study of so many trials finds."""
    optuna = optuna_module()
    study: Any = optuna.create_study(
        sampler=sampler_of(SearchOptions("", trials, sampler, 1, seed), {}, seed),
        directions=["maximize" if o.larger else "minimize" for o in OBJECTIVES],
    )
    found = []
    for _ in range(trials):
        trial = study.ask()
        outcome = guess(guess.work.space.draw(trial))
        trial.set_user_attr(OUTCOME, outcome.to_json())
        study.tell(trial, [outcome.numbers[o.name] for o in OBJECTIVES])
        if not outcome.reasons:
            found.append(outcome.numbers)
    return hypervolume(found, OBJECTIVES, REFERENCE) / BOX


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--model")
    parser.add_argument("--images")
    parser.add_argument("--preprocess", default="none", choices=sorted(PRESETS))
    parser.add_argument("--calibration-count", type=int)
    given = parser.parse_args(arguments)
    quantize = QuantizeOptions(
        preprocess=PRESETS[given.preprocess], calibration_count=given.calibration_count
    )
    options = ExploreOptions(given.model, tuple(DEVICES), given.images, quantize=quantize)
    guess = Guess(Accelerators.for_jobs(options, 1))
    print("| sampler | mean | lowest | highest |\n| --- | --- | --- | --- |")
    for sampler in SAMPLERS:
        shares = [volume(guess, sampler, given.trials, seed) for seed in range(given.seeds)]
        print(f"| {sampler} | {np.mean(shares):.3f} | {min(shares):.3f} | {max(shares):.3f} |", flush=True)


if __name__ == "__main__":
    main()
