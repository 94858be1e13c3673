"""The four trials that a report shows besides the finalist: each the best by one figure, among valid ones."""

import math
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

# Each with what it ranks by; larger is better.
SHOWCASES: Mapping[str, tuple[str, float]] = {
    "best_sharpe": ("annual_sharpe", 1.0),
    "best_returns": ("total_return", 1.0),
    "lowest_drawdown": ("max_drawdown", -1.0),
    "best_winrate": ("win_rate", 1.0),
}


class Shown(Protocol):
    """What a showcase is chosen by; a trial of a refinement, or of an experiment."""

    @property
    def number(self) -> int: ...
    @property
    def score(self) -> float | None: ...
    @property
    def metrics(self) -> Mapping[str, float | int | None]: ...
    @property
    def is_valid(self) -> bool: ...


_Shown = TypeVar("_Shown", bound=Shown)


def showcase_trials(trials: Iterable[_Shown]) -> dict[str, _Shown]:
    """The trial for each showcase; empty when no trial is valid. Ties: better score, then earlier trial."""
    valid = [trial for trial in trials if trial.is_valid and trial.score is not None]
    if not valid:
        return {}

    def order(trial: _Shown, metric: str, sign: float) -> tuple[float, float, int]:
        value = trial.metrics[metric]
        return (-sign * float(value) if value is not None else math.inf, -(trial.score or 0.0), trial.number)

    return {
        name: min(valid, key=lambda trial, metric=metric, sign=sign: order(trial, metric, sign))  # type: ignore[misc]
        for name, (metric, sign) in SHOWCASES.items()
    }
