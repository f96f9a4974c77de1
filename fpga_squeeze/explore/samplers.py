"""Which designs are tried: optuna's samplers, and one of ours, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from typing_extensions import assert_never

from ..errors import FpgaSqueezeError
from .outcome import Outcome
from .study import OUTCOME, SearchOptions, optuna_module

Sampler = Literal["tpe", "nsga2", "annealing", "random", "grid"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
STARTUP_SHARE = 5
"""One of so many trials is drawn at random before a model of the space is made; SMALLEST at least."""
SMALLEST, LARGEST_STARTUP = 8, 30
CANDIDATES = 96
"""Designs drawn from the model, of which the likeliest is tried: some twenty choices are too many for optuna's 24."""
POPULATION, MUTATION, SWAPPED = 8, 0.15, 0.3
"""Of NSGA-II: many small generations, children nearer to one parent than optuna's, and more of what no parent has: with
few trials most of the first designs do not fit."""


def excess_of(trial: Any) -> tuple[float, ...]:
    """How far a trial of optuna's is from fitting, as its samplers take constraints: above 0 it does not."""
    text = trial.user_attrs.get(OUTCOME)
    return (0.0 if text is None else Outcome.from_json(text).excess,)


def check_sampler(name: str) -> Sampler:
    """``name`` as a sampler; raises FpgaSqueezeError for one there is not."""
    for known in SAMPLERS:
        if name == known:
            return known
    raise FpgaSqueezeError(f"field sampler {name!r}: there are {', '.join(SAMPLERS)}")


def sampler_of(options: SearchOptions, grid: Mapping[str, Sequence[Any]], seed: int | None) -> Any:
    """optuna's sampler of that name; raises FpgaSqueezeError for a name there is not."""
    samplers = optuna_module().samplers
    match check_sampler(options.sampler):
        case "tpe":
            return samplers.TPESampler(
                n_startup_trials=min(LARGEST_STARTUP, max(SMALLEST, options.trials // STARTUP_SHARE)),
                multivariate=True,
                group=True,
                n_ei_candidates=CANDIDATES,
                constant_liar=options.jobs > 1,
                constraints_func=excess_of,
                seed=seed,
            )
        case "nsga2":
            return samplers.NSGAIISampler(
                population_size=POPULATION,
                mutation_prob=MUTATION,
                swapping_prob=SWAPPED,
                constraints_func=excess_of,
                seed=seed,
            )
        case "annealing":
            from .annealing import AnnealingSampler

            return AnnealingSampler(options.trials, excess_of, seed)
        case "random":
            return samplers.RandomSampler(seed=seed)
        case "grid":
            from .annealing import QuietGrid

            return QuietGrid(grid, seed)
        case never:
            assert_never(never)
