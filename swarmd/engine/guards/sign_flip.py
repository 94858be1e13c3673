"""The sign-flip test: would these returns look as good if each had been a gain or a loss by the toss of a coin?

Keeps every magnitude in its place, and with them volatility clustering; takes away only which way the returns went.
"""

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.guards.resampling import (
    EXACT_ARRANGEMENTS,
    batches,
    checked_resamples,
    resampling_p_value,
    tie_tolerance,
)
from swarmd.engine.guards.series import checked_series


def sign_flip_p_value(returns: ArrayLike, *, n_resamples: int = 9999, seed: int = 0) -> float:
    """One-sided p-value of a positive mean under returns symmetric about 0.

    The sum of the returns against that of the same returns with signs of their own, fair and independent. Because the
    sum of squares stays, the Sharpe ratio and the t-statistic order all arrangements as the sum does: it is their test
    too. Returns of 0 change nothing, so flat days may stay, and should.

    Parameters
    ----------
    returns : shape (n,), simple net returns in excess of what they are measured against
    n_resamples : B, at least 99; not used where all 2^m arrangements of the m returns that are not 0 are visited, that
        is for m <= 16
    seed : of the draws

    Returns
    -------
    float in (0, 1]
        p = (1 + b) / (B + 1), b arrangements being at least as good; ties count as good. 1 without a return that is
        not 0.

    Raises
    ------
    ValueError
        For a return that is not finite, and for fewer than 99 resamples.

    Source: Fisher (1935), The design of experiments, section 21; Phipson and Smyth (2010), Permutation p-values should
    never be zero.
    """
    checked_resamples(n_resamples, of="sign-flip test")
    series = checked_series(returns, of="sign-flip test")
    moved = series[series != 0.0]
    least = float(moved.sum()) - tie_tolerance(moved)
    if 2**moved.size <= EXACT_ARRANGEMENTS:
        sums = np.zeros(1)
        for magnitude in moved:
            sums = np.concatenate((sums - magnitude, sums + magnitude))
        return resampling_p_value(int(np.count_nonzero(sums >= least)) - 1, sums.size - 1)
    generator = np.random.default_rng(seed)
    as_good = 0
    for n_batch in batches(n_resamples, moved.size):
        signs = generator.integers(0, 2, size=(n_batch, moved.size), dtype=np.int8) * np.float64(2.0) - 1.0
        as_good += int(np.count_nonzero(signs @ moved >= least))
    return resampling_p_value(as_good, n_resamples)
