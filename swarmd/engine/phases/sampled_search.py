"""What the search looks like as a whole: a seeded sample of its vectors on the development bars, day by day.

The overfitting test, the test of superior ability and the deflation need every trial's returns, the bad ones too; of a
quarter of a million a sample drawn before anything is known of them tells the same, and costs seconds. The finalist is
put beside it, for it is whom the questions are about. Called by the phase `validate`; the vault is not looked at.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.guards.deflated_sharpe import deflated_sharpe_ratio
from swarmd.engine.guards.effective_trials import effective_rank_of_returns
from swarmd.engine.guards.probabilistic_sharpe import SharpeEvidence
from swarmd.engine.guards.superior_ability import spa_p_values
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.metrics.daily import DAYS_PER_YEAR, LEAST_VARIANCE, daily_returns
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import Question
from swarmd.engine.search.combos import draw_combinations, row_params
from swarmd.engine.validation.backtest_overfitting import probability_of_backtest_overfitting

SAMPLED = 400
_HALF_SPLITS = 16
_CURVE_POINTS = 24


@dataclass(frozen=True, slots=True)
class SampledSearch:
    """Daily net returns, shape (n_days, n_vectors), the finalist's in the last column."""

    daily: FloatArray

    @property
    def n_sampled(self) -> int:
        return int(self.daily.shape[1]) - 1


def sampled_search(question: Question, finalist: Simulation, desk: Desk, *, seed: int) -> SampledSearch:
    """Run `SAMPLED` vectors as the prescreen would draw them; one that cannot be evaluated is left out."""
    bars = question.development
    ends = day_end_bars(bars.open_time)
    columns = draw_combinations(question.space, SAMPLED, seed, question.strategy.admissible)
    n_drawn = len(next(iter(columns.values())))
    desk.skip(SAMPLED - n_drawn)
    daily: list[FloatArray] = []
    for row in range(n_drawn):
        try:
            run = run_backtest(
                bars, question.strategy, row_params(columns, row), mode=question.mode, costs=question.costs
            )
            daily.append(daily_returns(run.equity, ends))
        except (ValueError, ArithmeticError):
            pass
        desk.work(1)
    return SampledSearch(np.column_stack([*daily, daily_returns(finalist.equity, ends)]))


def overfitting(sample: SampledSearch) -> dict[str, Any]:
    """Probability of backtest overfitting; `pbo` is null with the reason where it says nothing."""
    try:
        found = probability_of_backtest_overfitting(sample.daily, _HALF_SPLITS)
    except ValueError as refusal:
        return {"pbo": None, "undefined_because": str(refusal)}
    return {
        "pbo": found.pbo,
        "trials": found.n_trials,
        "blocks": found.n_blocks,
        "probability_of_loss": found.probability_of_oos_loss,
        "slope": found.slope,
    }


def superior_ability(sample: SampledSearch, *, seed: int) -> dict[str, Any]:
    """P-values of the best of the sample and the finalist; they know nothing of what was not sampled."""
    try:
        found = spa_p_values(sample.daily, seed=seed)
    except ValueError as refusal:
        return {"consistent": None, "undefined_because": str(refusal)}
    return {
        "consistent": found.consistent,
        "lower": found.lower,
        "upper": found.upper,
        "reality_check": found.reality_check,
        "trials": int(sample.daily.shape[1]),
    }


def deflation(sample: SampledSearch, evidence: SharpeEvidence, *, tried: int) -> dict[str, Any]:
    """The deflated Sharpe ratio of the finalist, by the effective number of trials and along the number of trials.

    `trial_sd_annual` and `sr0_annual` are annual; the effective number is of the sample, and thus at most its size.
    """
    sharpes = _sharpes(sample.daily[:, :-1])
    if sharpes.size < 2 or not evidence.is_defined:
        return {"dsr": None, "undefined_because": "the sampled trials or the finalist do not vary", "n_trials": tried}
    variance = float(np.var(sharpes, ddof=1))
    effective = effective_rank_of_returns(sample.daily[:, :-1])

    def deflated(n_trials: float) -> tuple[float, float]:
        return deflated_sharpe_ratio(
            evidence.sr, variance, n_trials, evidence.n_obs, evidence.skew, evidence.kurtosis
        )  # fmt: skip

    dsr, sr0 = deflated(effective)
    year = math.sqrt(DAYS_PER_YEAR)
    counts = np.unique(np.geomspace(1.0, max(2.0, float(tried)), _CURVE_POINTS).round())
    return {
        "dsr": dsr,
        "sr0_annual": sr0 * year,
        "dsr_of_all": deflated(float(max(1, tried)))[0],
        "n_trials": tried,
        "n_effective": effective,
        "trial_sd_annual": math.sqrt(variance) * year,
        "curve": [{"n_trials": int(count), "dsr": deflated(float(count))[0]} for count in counts.tolist()],
    }


def _sharpes(daily: FloatArray) -> FloatArray:
    """Per day, of the trials that vary."""
    variance = daily.var(axis=0, ddof=1)
    varies = variance > LEAST_VARIANCE
    sharpes: FloatArray = daily[:, varies].mean(axis=0) / np.sqrt(variance[varies])
    return sharpes
