"""Which trials beat the benchmark, at a bounded chance of naming a single one that does not.

Romano and Wolf's step-down set. `superior_ability` asks whether there is any; this one names them, and finds more than
Holm's method, because it knows from the data how alike the trials are.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.guards.block_signs import flipped_signs, root_of_squares, self_normalised, trial_groups
from swarmd.engine.guards.resampling import checked_resamples
from swarmd.engine.guards.trial_blocks import TrialBlocks, as_trial_blocks

_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class StepwiseSet:
    """Adjusted p-value of every trial in the order given, and which are at most alpha."""

    p_values: FloatArray
    rejected: BoolArray
    alpha: float


def romano_wolf_stepwise(
    returns: ArrayLike | TrialBlocks,
    alpha: float = 0.05,
    *,
    block_length: float | None = None,
    n_resamples: int = 1999,
    seed: int = 0,
) -> StepwiseSet:
    """Trials whose mean is above 0, familywise error rate at most alpha: the step-down set and its p-values.

    Trials in the order of their self-normalised totals, best first. Each is compared with the best, under flipped signs
    of blocks, of itself and those behind it; the p-value is (1 + b) / (B + 1), and no smaller than that of a trial
    before it. Rejecting where it is at most alpha is what the step-down procedure arrives at.

    Parameters
    ----------
    returns : shape (n_obs, n_trials), net returns in excess of the benchmark; or their `TrialBlocks`
    alpha : in (0, 1)
    block_length : periods, for returns only; None as for `blocked_trials`
    n_resamples : B, at least 99 and at least 1/alpha - 1
    seed : of the flips

    Returns
    -------
    StepwiseSet
        `p_values`, shape (n_trials,), in (0, 1]; 1 for a trial whose total is not positive. `rejected`: the set.

    Raises
    ------
    ValueError
        As `blocked_trials` does, for alpha outside (0, 1), and for too few resamples to reach alpha.

    Source: Romano and Wolf (2005), Stepwise multiple testing as formalized data snooping, Econometrica 73(4); (2016),
    Efficient computation of adjusted p-values for resampling-based stepdown multiple testing.
    """
    of = "step-down set"
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"{of}: alpha {alpha} is not within (0, 1)")
    checked_resamples(n_resamples, of=of, least=max(99, math.ceil(1.0 / alpha - 1.0 - 1e-9)))
    sums = as_trial_blocks(returns, block_length).sums
    statistics = self_normalised(sums)
    ascending = np.argsort(statistics, kind="stable")
    signs = flipped_signs(n_resamples, len(sums), seed)
    as_good = np.empty(statistics.size)
    # From the worst trial up, one pass: what a trial is compared with is the running maximum so far.
    best = np.full(n_resamples, -math.inf)
    for group in trial_groups(n_resamples, statistics.size):
        behind = sums[:, ascending[group]]
        norms = root_of_squares(behind)
        totals = (signs @ behind) / np.where(norms > 0.0, norms, 1.0)
        totals[:, 0] = np.maximum(totals[:, 0], best)
        running = np.maximum.accumulate(totals, axis=1)
        best = running[:, -1].copy()
        observed = statistics[ascending[group]]
        as_good[group] = np.count_nonzero(running >= observed - _TIE * np.abs(observed), axis=0)
    p_ascending = (1.0 + as_good) / (n_resamples + 1.0)
    p_ascending[statistics[ascending] <= 0.0] = 1.0
    p_values = np.empty(statistics.size)
    p_values[ascending] = np.maximum.accumulate(p_ascending[::-1])[::-1]
    return StepwiseSet(p_values, p_values <= alpha, alpha)
