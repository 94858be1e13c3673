"""What a refinement tries next, as a pure function of (seed, trial number, finished trials).

A list first (seeds of the prescreen, or all that a grid holds), then random vectors, then Optuna's TPE; each trial with
a generator of its own. A run that was killed and taken up again therefore goes the same way as one that was not.
Inadmissible vectors are never suggested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from swarmd.engine.search.combos import draw_combinations, row_params
from swarmd.engine.search.space import Space, is_admissible
from swarmd.engine.strategies.contract import BarStrategy, ParamSpec

# TPE draws again when a vector is inadmissible; after so many times a random admissible one is taken.
_ATTEMPTS = 32
_ANSWERED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class TpeSettings:
    """Given to TPE one by one: Optuna's defaults changed once (5.0) and may again, a champion must not.

    A constant liar takes trials that are under way for bad ones, so that several at once do not all try one place.
    """

    n_startup_trials: int = 10
    n_ei_candidates: int = 24
    constant_liar: bool = False


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms, in the order of the space."""
    return {spec.name: _distribution(spec) for spec in space}


class ReproducibleSampler(BaseSampler):
    """Keeps no state between trials; Optuna calls it, `origin` tells a person where a vector came from."""

    def __init__(
        self,
        strategy: BarStrategy,
        space: Space,
        *,
        seed: int,
        warm: Sequence[Mapping[str, float | int]] = (),
        listed_as: str = "prescreen",
        settings: TpeSettings | None = None,
    ) -> None:
        self._strategy = strategy
        self._space = space
        self._distributions = distributions(space)
        self._seed = seed
        self._warm = tuple(warm)
        self._listed_as = listed_as
        self._settings = settings or TpeSettings()

    def origin(self, study: optuna.Study, number: int) -> str:
        """Where the vector of that trial comes from: the list (`prescreen`, `refine`, `grid`, …), `random` or `tpe`."""
        if number < len(self._warm):
            return self._listed_as
        return "random" if self._answered(study) < self._settings.n_startup_trials else "tpe"

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        # The whole space, fixed parameters too: the vector is chosen at once, or a kill between two parameters would
        # make the second one's value depend on it.
        return dict(self._distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if trial.number < len(self._warm):
            return dict(self._warm[trial.number])
        if self.origin(study, trial.number) == "random":
            return self._random(trial.number)
        return self._tpe(study, trial)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        raise ValueError(f"refine: parameter {param_name!r} is not in the space; ask only for those that are")

    def _answered(self, study: optuna.Study) -> int:
        return len(study.get_trials(deepcopy=False, states=_ANSWERED))

    def _random(self, number: int) -> dict[str, float | int]:
        return row_params(draw_combinations(self._space, 1, (self._seed, number), self._strategy.admissible), 0)

    def _tpe(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        free = {name: d for name, d in self._distributions.items() if not d.single()}
        fixed = {spec.name: _only_value(spec) for spec in self._space if spec.name not in free}
        # One generator for the attempts of this trial, so that they differ from each other and from other trials'.
        seeds = np.random.SeedSequence((self._seed, trial.number)).generate_state(_ATTEMPTS)
        for seed in seeds.tolist() if free else ():
            tpe = TPESampler(
                n_startup_trials=0,
                n_ei_candidates=self._settings.n_ei_candidates,
                seed=seed,
                multivariate=True,
                group=False,
                constant_liar=self._settings.constant_liar,
            )
            found = {**fixed, **tpe.sample_relative(study, trial, free)}
            vector = {spec.name: found[spec.name] for spec in self._space}
            if is_admissible(self._strategy, vector):
                return vector
        return self._random(trial.number)


def _distribution(spec: ParamSpec) -> BaseDistribution:
    if spec.kind == "choice":
        return CategoricalDistribution(spec.choices)
    if spec.low is None or spec.high is None:
        raise ValueError(f"space: {spec.name} has no range; give it low and high")
    if spec.kind == "int":
        return IntDistribution(int(spec.low), int(spec.high), log=spec.log)
    return FloatDistribution(float(spec.low), float(spec.high), log=spec.log)


def _only_value(spec: ParamSpec) -> float | int | None:
    return spec.choices[0] if spec.kind == "choice" else int(spec.low or 0) if spec.kind == "int" else spec.low
