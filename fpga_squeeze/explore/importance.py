"""How much each choice decides: the share of an objective's spread among good designs that it explains.

PED-ANOVA (S. Watanabe, A. Bansal, F. Hutter, IJCAI 2023) as optuna has it: it compares how a choice is distributed
among the best quarter of the designs with how it is among all of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .objectives import Objective
from .outcome import Trial
from .study import optuna_module

LEAST = 12
"""Designs below which nothing is said."""
GOOD = 0.25
"""Share of the designs that count as good: a tenth of few designs is none."""


def importances(trials: Sequence[Trial], objective: Objective) -> dict[str, float]:
    """Share of each choice that varies, by name, the largest first; empty where there are too few designs.

    Counted are designs that fit and whose number is known, those cut short with theirs on some images.
    """
    optuna = optuna_module()
    known = [t for t in trials if t.fits and t.outcome and objective.name in t.outcome.numbers]
    names = set(known[0].params).intersection(*(t.params for t in known)) if known else set()
    spaces = {}
    for name in sorted(names):
        values = sorted({t.params[name] for t in known}, key=lambda v: (str(type(v)), v))
        if len(values) > 1:
            spaces[name] = optuna.distributions.CategoricalDistribution(values)
    numbers = [float(t.outcome.numbers[objective.name]) for t in known if t.outcome]
    if len(known) < LEAST or not spaces or len(set(numbers)) < 2:
        return {}
    study = optuna.create_study(direction="maximize" if objective.larger else "minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: t.params[name] for name in spaces}, distributions=spaces, value=value
            )
            for t, value in zip(known, numbers, strict=True)
        ]
    )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=GOOD, region_quantile=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, Any] = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(value) for name, value in found.items()}
