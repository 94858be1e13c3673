"""Superior predictive ability: is the best of these trials better than the benchmark, all of them taken into account?

Hansen's three p-values and White's reality check, from block sums, so that a search of 250,000 trials is tested whole.
Testing survivors only is the classic mistake: the trials that lost are part of what the winner was chosen from.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray
from swarmd.engine.guards.block_signs import flipped_signs, root_of_squares, self_normalised, trial_groups
from swarmd.engine.guards.resampling import checked_resamples, resampling_p_value
from swarmd.engine.guards.trial_blocks import TrialBlocks, as_trial_blocks

# Totals that differ by rounding tie.
_TIE = 1e-9


class SuperiorAbility(NamedTuple):
    """P-values of the claim that no trial beats the benchmark; lower <= consistent <= upper."""

    lower: float
    consistent: float
    upper: float
    reality_check: float


def spa_p_values(
    returns: ArrayLike | TrialBlocks, *, block_length: float | None = None, n_resamples: int = 1999, seed: int = 0
) -> SuperiorAbility:
    """P-values for the best of many trials: studentised (lower, consistent, upper) and White's (not studentised).

    The largest of 0 and every trial's self-normalised total, against the same under flipped signs of blocks
    (`block_signs` says why). What the three differ in is what they take trials below the benchmark for: "upper" for as
    good as it, so that worthless trials added to a search weaken it; "lower" for as bad as they look; "consistent", the
    one to read, for bad only where a statistic is below -sqrt(2 ln ln n_obs). The reality check takes the largest total
    itself: the trial that moves most decides. Far apart they warn of trials whose large losses are rare: one that has
    met none yet has a deviation of next to nothing, which every studentised test believes.

    Parameters
    ----------
    returns : shape (n_obs, n_trials), net returns of *every* trial in excess of the benchmark; or their `TrialBlocks`
    block_length : periods, for returns only; None as for `blocked_trials`
    n_resamples : B, at least 99
    seed : of the flips; with the same one the p-values are the same

    Returns
    -------
    SuperiorAbility
        Each p = (1 + b) / (B + 1), in (0, 1]; 1 where no trial has a positive total.

    Raises
    ------
    ValueError
        As `blocked_trials` does, and for fewer than 99 resamples.

    Source: Hansen (2005), A test for superior predictive ability, Journal of Business and Economic Statistics 23(4);
    White (2000), A reality check for data snooping, Econometrica 68(5); the flips: Canay, Romano and Shaikh (2017),
    Randomization tests under an approximate symmetry assumption.
    """
    checked_resamples(n_resamples, of="superior predictive ability")
    sums, n_obs = as_trial_blocks(returns, block_length)
    statistics = self_normalised(sums)
    threshold = -math.sqrt(2.0 * math.log(max(math.log(n_obs), 1.0)))
    # How far below the benchmark each trial's null distribution is put, for lower, consistent and upper.
    centres = (
        np.minimum(statistics, 0.0),
        np.where(statistics <= threshold, statistics, 0.0),
        np.zeros_like(statistics),
    )
    signs = flipped_signs(n_resamples, len(sums), seed)
    best = [np.zeros(n_resamples) for _ in centres]
    best_total = np.full(n_resamples, -math.inf)
    for group in trial_groups(n_resamples, statistics.size):
        totals = signs @ sums[:, group]
        np.maximum(best_total, totals.max(axis=1), out=best_total)
        norms = root_of_squares(sums[:, group])
        totals /= np.where(norms > 0.0, norms, 1.0)
        for so_far, centre in zip(best, centres, strict=True):
            np.maximum(so_far, (totals + centre[group]).max(axis=1), out=so_far)
    observed = max(float(statistics.max()), 0.0)
    lower, consistent, upper = (_p_value(so_far, observed) for so_far in best)
    return SuperiorAbility(lower, consistent, upper, _p_value(best_total, float(sums.sum(axis=0).max())))


def _p_value(resampled: FloatArray, observed: float) -> float:
    if observed <= 0.0:
        return 1.0
    return resampling_p_value(int(np.count_nonzero(resampled >= observed * (1.0 - _TIE))), resampled.size)
