"""Simulated annealing as a sampler of optuna, for any number of objectives.

The energy of a design is the share of all designs seen that beat it, and more where it does not fit (dominance-based
annealing: K. I. Smith et al., IEEE Trans. Evolutionary Computation 12(3), 2008). A walker changes a few choices at a
time, takes what has no more energy, and what has more with probability exp(-difference / temperature), which falls from
HOT to COLD over the trials. The walk is told anew from the study's trials each time, so that it survives an end of the
process, and goes on with what other processes found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GridSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

HOT, COLD = 0.3, 0.01
"""Temperatures, as shares of the designs that beat one."""
CHANGED = 2.0
"""Choices that are changed at a time, on average; one at least."""
START = 0.12
"""Share of the trials that are drawn at random before the walk: it only finds what it has a hint of."""
BACK = 0.9
"""Share of the steps that start from a design of the front instead: a walker alone stays where it is (0.6: worse)."""
REACH = 0.4
"""How far a number moves at HOT, as a share of its range; one step at least."""


class AnnealingSampler(BaseSampler):
    """Walks from design to design; ``trials`` until it is cold, ``excess`` tells how far a trial is from fitting."""

    def __init__(
        self, trials: int, excess: Callable[[FrozenTrial], Sequence[float]], seed: int | None = None
    ) -> None:
        self._trials, self._excess, self._seed = trials, excess, seed
        self._rng = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)
        self._space = IntersectionSearchSpace()

    def reseed_rng(self) -> None:
        self._rng = np.random.default_rng()
        self._random.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        found = self._space.calculate(study)
        return {name: one for name, one in found.items() if not one.single()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Of a choice that not every trial has made: where the walker stands, if it made it; else at random."""
        here, _ = self._walk(study)
        if here is not None and here.distributions.get(param_name) == param_distribution:
            return here.params[param_name]
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A neighbour of where the walker stands, or of a design of the front."""
        here, temperature = self._walk(study)
        if here is not None and self._rng.random() < BACK:
            here = self._of_front(study) or here
        if here is None or not search_space:
            return {}
        names = sorted(search_space)
        changed = [name for name in names if self._rng.random() < CHANGED / len(names)]
        changed = changed or [names[int(self._rng.integers(len(names)))]]
        out = {name: here.params[name] for name in names if name in here.params}
        for name in changed:
            if name in out:
                out[name] = self._moved(out[name], search_space[name], temperature / HOT)
        return out

    def _moved(self, value: Any, space: BaseDistribution, heat: float) -> Any:
        """Another value of a choice: near by where it is a number, the nearer the colder."""
        match space:
            case CategoricalDistribution():
                others = [c for c in space.choices if c != value]
                return others[int(self._rng.integers(len(others)))]
            case IntDistribution():
                step = space.step
                reach = max(1, round(REACH * heat * (space.high - space.low) / step))
                moves = [
                    m for m in range(-reach, reach + 1) if m and space.low <= value + m * step <= space.high
                ]
                return value + step * moves[int(self._rng.integers(len(moves)))]
            case FloatDistribution():
                wide = REACH * max(heat, 0.05) * (space.high - space.low)
                return float(np.clip(self._rng.normal(value, wide), space.low, space.high))
            case _:
                raise NotImplementedError(type(space).__name__)

    def _of_front(self, study: Study) -> FrozenTrial | None:
        """A design of the front: the best one for objectives that are weighed at random (Chebyshev's norm), so that
        each part of the front is as likely as it is wide, not as it is crowded."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        energy = _energies(ended, study.directions, self._excess)
        front = [t for t, e in zip(ended, energy, strict=True) if e == 0]
        if not front:
            return None
        values = np.array([t.values for t in front]) * _signs(study.directions)
        wide = np.ptp(values, axis=0)
        weights = self._rng.dirichlet(np.ones(values.shape[1]))
        away = (values - values.min(axis=0)) / np.where(wide > 0, wide, 1.0)
        return front[int(np.argmin((weights * away).max(axis=1)))]

    def _walk(self, study: Study) -> tuple[FrozenTrial | None, float]:
        """(where the walker stands after all trials that ended, None before it starts; the temperature)."""
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        energy = _energies(ended, study.directions, self._excess)
        if len(ended) < START * self._trials:
            return None, HOT
        here, temperature = 0, HOT
        for n in range(1, len(ended)):
            temperature = HOT * (COLD / HOT) ** min(1.0, n / self._trials)
            worse = energy[n] - energy[here]
            # drawn by the trial's number, so that each telling of the walk decides alike
            luck = np.random.default_rng((0 if self._seed is None else self._seed, ended[n].number)).random()
            if worse <= 0 or luck < math.exp(-worse / temperature):
                here = n
        return (ended[here] if ended else None), temperature


def _signs(directions: Sequence[StudyDirection]) -> Any:
    return np.array([-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions])


def _energies(
    trials: Sequence[FrozenTrial],
    directions: Sequence[StudyDirection],
    excess: Callable[[FrozenTrial], Sequence[float]],
) -> list[float]:
    """Share of the trials that beat each; 1 and its excess for one that does not fit."""
    if not trials:
        return []
    values = np.array([t.values for t in trials]) * _signs(directions)
    over = np.array([max(0.0, *excess(t)) for t in trials])
    fit = over == 0
    out = []
    for n, own in enumerate(values):
        beaten = (values <= own).all(axis=1) & (values < own).any(axis=1) & fit
        out.append(float(beaten.mean()) if fit[n] else 1.0 + float(over[n]))
    return out


class QuietGrid(GridSampler):
    """optuna's grid for loops that ask and tell: they look at :meth:`is_exhausted`; nothing stops the study."""

    def __init__(self, grid: Mapping[str, Sequence[Any]], seed: int | None) -> None:
        super().__init__(dict(grid), seed)

    def after_trial(self, *_: Any) -> None:
        return
