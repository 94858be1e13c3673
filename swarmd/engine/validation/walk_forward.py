"""What a procedure kept out of sample of what it earned in sample, over all windows of a walk forward together.

The *procedure* is walked: in each window the search is repeated on the bars in sample, and its choice is scored on
those behind. A fixed vector chosen on the whole history has seen every window, and its efficiency is worth nothing.
Asked by experiments and by the validation; plain sums in, figures out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# An efficiency of fewer windows says nothing.
LEAST_WINDOWS = 6


@dataclass(frozen=True, slots=True)
class WalkForwardEfficiency:
    """`wfe` is None where it says nothing, and then `undefined_because` tells why; a gate on it fails.

    `profitable_share` is the fraction of windows with a return above 0 out of sample, `worst_window` the number of the
    one that earned least there (the first of several) and `worst_return` what that was. All three are None without a
    window.
    """

    wfe: float | None
    n_windows: int
    profitable_share: float | None
    worst_window: int | None
    worst_return: float | None
    undefined_because: str | None


def walk_forward_efficiency(
    is_returns: Sequence[float],
    is_bars: Sequence[int],
    oos_returns: Sequence[float],
    oos_bars: Sequence[int],
    *,
    least_windows: int = LEAST_WINDOWS,
) -> WalkForwardEfficiency:
    """Pooled walk-forward efficiency, `(sum OOS return / OOS bars) / (sum IS return / IS bars)`.

    Parameters
    ----------
    is_returns, oos_returns : one figure per window: the *sum* of its simple net bar returns, flat bars included.
        Not compounded: stretches of unequal length would not compare.
    is_bars, oos_bars : the number of bars of each window, at least 1
    least_windows : with fewer it is undefined

    Returns
    -------
    WalkForwardEfficiency
        Undefined where nothing was earned in sample: a ratio of two losses is positive and would pass. Pooled, not
        the mean of the windows' ratios: one window that earned next to nothing in sample would decide that mean.

    Raises
    ------
    ValueError
        If the four differ in length, a return is not finite, or a window has no bar.

    Source: Pardo (2008), The Evaluation and Optimization of Trading Strategies, 2nd ed., chapter 11; pooled here.
    """
    n_windows = len(oos_returns)
    lengths = [len(is_returns), len(is_bars), n_windows, len(oos_bars)]
    if len(set(lengths)) != 1:
        raise ValueError(f"walk-forward efficiency: {lengths} windows in the four lists; give one figure each")
    for number in range(n_windows):
        returns, bars = (is_returns[number], oos_returns[number]), (is_bars[number], oos_bars[number])
        if not all(map(math.isfinite, returns)) or min(bars) < 1:
            raise ValueError(
                f"walk-forward efficiency: window {number} has returns {returns} on {bars} bars; "
                "give finite sums and at least 1 bar on both sides"
            )
    wfe, why_not = None, None
    inside = math.fsum(is_returns)
    if n_windows < max(least_windows, 1):
        why_not = f"{n_windows} windows, fewer than {least_windows}"
    elif inside <= 0.0:
        why_not = "nothing was earned in sample"
    else:
        wfe = (math.fsum(oos_returns) / math.fsum(oos_bars)) / (inside / math.fsum(is_bars))
    worst = min(range(n_windows), key=lambda number: oos_returns[number], default=None)
    return WalkForwardEfficiency(
        wfe=wfe,
        n_windows=n_windows,
        profitable_share=sum(float(earned) > 0.0 for earned in oos_returns) / n_windows if n_windows else None,
        worst_window=worst,
        worst_return=None if worst is None else float(oos_returns[worst]),
        undefined_because=why_not,
    )
