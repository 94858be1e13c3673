"""The probability of backtest overfitting: how often the best trial of one half of time is no better than the median in
the other.

It judges a *search*, so it must see every trial of it. Given the survivors of a filter that looked at all of the time
it alarms on anything (the best half of a survivor leaves its worse half to the test); given near copies of one true
edge it says one half, because which copy leads is chance. So `tried` is asked for, and the loss out of sample is told
beside it. Its arithmetic is in `half_splits.py`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.validation.half_splits import HalfMetric, check_halves, choices_by_rows, choices_by_sums
from swarmd.engine.validation.returns_by_block import BlockSums, block_sums

Metric = Literal["sharpe", "mean"] | HalfMetric

# In-sample metrics that spread less than this do not vary.
_LEAST_SPREAD = 1e-30


@dataclass(frozen=True, slots=True)
class BacktestOverfitting:
    """What all half-splits say together, and each of them in the order of `cscv_combinations`.

    `pbo` : share of the splits with a logit <= 0
    `probability_of_oos_loss` : share of the splits whose choice has a metric below 0 out of sample
    `slope`, `intercept` : least squares of the choice's metric out of sample on that in sample; None where the latter
        does not vary
    `chosen` : the trial chosen in sample; `omega` its relative rank out of sample, in (0, 1); `logits` ln(omega /
        (1 - omega)); `is_metric`, `oos_metric` its metric per period in the two halves; all of shape (n_splits,)
    """

    pbo: float
    probability_of_oos_loss: float
    slope: float | None
    intercept: float | None
    n_trials: int
    n_blocks: int
    rows_per_block: int
    chosen: IntArray
    omega: FloatArray
    logits: FloatArray
    is_metric: FloatArray
    oos_metric: FloatArray


def probability_of_backtest_overfitting(
    returns: ArrayLike | BlockSums, S: int = 16, metric: Metric = "sharpe", *, tried: int | None = None
) -> BacktestOverfitting:
    """PBO by combinatorially symmetric cross-validation.

    Time is cut into S even blocks, the oldest T mod S rows dropped. Each half of the blocks is in sample once: the
    trial of the highest metric there (the first of equal ones) is ranked among all trials by its metric in the other
    half, 1 for the worst, equal ones sharing the mean of their places: `omega = rank / (N + 1)`.

    Parameters
    ----------
    returns : shape (T, N), net returns per period of all N trials of the search, flat ones included; or their
        `BlockSums`, which take 2 S / T of the memory and may be added up portion by portion
    S : number of blocks, even; 16 give 12,870 splits. The time taken is proportional to N * C(S, S/2)
    metric : "sharpe" (per period, n - 1; 0 where returns do not vary), "mean", or a function from the rows of a half
        to one figure per trial, which needs the returns themselves and holds half of them at a time
    tried : how many trials the search evaluated in all, if known

    Returns
    -------
    BacktestOverfitting
        `pbo` is near 1/2 for a search in noise, near 0 where the same true edge leads in both halves.

    Raises
    ------
    ValueError
        If S is odd or does not fit, N is below 2, a return is not finite, or `tried` says that trials are missing.

    Source: Bailey, Borwein, López de Prado and Zhu (2017), The probability of backtest overfitting, Journal of
    Computational Finance 20(4).
    """
    check_halves(S)
    blocks = returns if isinstance(returns, BlockSums) else block_sums(returns, S)
    n_trials, n_rows = blocks.n_trials, blocks.rows_per_block
    if blocks.n_blocks != S:
        raise ValueError(f"PBO: the sums are of {blocks.n_blocks} blocks and S is {S}; give the same")
    if n_trials < 2:
        raise ValueError(f"PBO: {n_trials} trials; a choice takes at least 2")
    if tried is not None and n_trials < tried:
        raise ValueError(
            f"PBO: {n_trials} trials of {tried} that were tried; give all of them, for among the survivors of a "
            "filter the figure alarms on anything"
        )
    if callable(metric):
        if isinstance(returns, BlockSums):
            raise ValueError("PBO: a metric of your own needs the returns; give them in place of block sums")
        choices = choices_by_rows(np.asarray(returns), S, metric)
    elif metric in ("sharpe", "mean"):
        if metric == "sharpe" and n_rows * S < 4:
            raise ValueError(f"PBO: {n_rows * S} rows leave halves too short for a Sharpe ratio; give at least 4 rows")
        choices = choices_by_sums(blocks, is_sharpe=metric == "sharpe")
    else:
        raise ValueError(f"PBO: metric {metric!r} is unknown; give 'sharpe', 'mean' or a function")
    omega: FloatArray = choices.ranks / (n_trials + 1)
    # Of the rank rather than of omega: at the very middle it is 0, not a rounding error beside it.
    logits: FloatArray = np.log(choices.ranks / (n_trials + 1 - choices.ranks))
    slope, intercept = _line(choices.is_metric, choices.oos_metric)
    return BacktestOverfitting(
        pbo=float(np.mean(logits <= 0.0)),
        probability_of_oos_loss=float(np.mean(choices.oos_metric < 0.0)),
        slope=slope,
        intercept=intercept,
        n_trials=n_trials,
        n_blocks=S,
        rows_per_block=n_rows,
        chosen=choices.chosen,
        omega=omega,
        logits=logits,
        is_metric=choices.is_metric,
        oos_metric=choices.oos_metric,
    )


def _line(x: FloatArray, y: FloatArray) -> tuple[float | None, float | None]:
    off = x - x.mean()
    spread = float(off @ off)
    if spread <= _LEAST_SPREAD:
        return None, None
    slope = float(off @ (y - y.mean())) / spread
    return slope, float(y.mean()) - slope * float(x.mean())
