"""How few trades carry the result: the share of the ten best, and whether it is more than so many trades would have.

The share of the *gross* profit is told. That of the net profit divides by what the losers left over: of results with an
annual Sharpe ratio of 1.5 over two years one in thirteen stays below 40 % with 500 even trades, one in ten with 700, so
a gate on it counts trades and little else. Even the gross share falls with the number of trades alone; `top10_excess`
holds it against its own expectation at the same number.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.guards.series import checked_series
from swarmd.engine.metrics.trade_statistics import top10_share as gross_top10_share

N_BEST = 10
MOST_EXCESS = 1.25
# So many draws are held at once, 8 MB, however many trades there are.
_DRAWS_AT_ONCE = 1_000_000


def top10_share(
    trades: Sequence[float] | FloatArray, of: Literal["gross_profit", "net_profit"] = "gross_profit"
) -> float | None:
    """Profit of the ten best trades over that of all.

    Parameters
    ----------
    trades : net profit or loss of each closed trade, in any one unit, in any order
    of : "gross_profit" divides by the sum of the winners; "net_profit" by the sum of all trades, and may exceed 1

    Returns
    -------
    float or None
        In (0, 1] of the gross profit: 1 with ten winners or fewer. None (a gate fails) without a winner, and of the
        net profit where that is not positive.

    Raises
    ------
    ValueError
        If a trade is not finite, or `of` is none of the two.
    """
    if of not in ("gross_profit", "net_profit"):
        raise ValueError(f"top-10 share: of {of!r} is unknown; give 'gross_profit' or 'net_profit'")
    pnl = checked_series(trades, of="top-10 share", noun="trade")
    if not (pnl > 0.0).any():
        return None
    if of == "gross_profit":
        return gross_top10_share(pnl)
    net = math.fsum(pnl.tolist())
    best = math.fsum(profit for profit in np.sort(pnl)[-N_BEST:].tolist() if profit > 0.0)
    return best / net if net > 0.0 else None


@dataclass(frozen=True, slots=True)
class Top10Excess:
    """`ratio` of the `share` observed to the share `expected`; None where it says nothing, and then it does not pass.

    `n_winners` tells how many trades the share is of; with ten or fewer it is 1 by construction.
    """

    ratio: float | None
    share: float | None
    expected: float | None
    n_trades: int
    n_winners: int
    undefined_because: str | None

    @property
    def passes(self) -> bool:
        """The evidence gate: no more than a quarter above the expectation."""
        return self.ratio is not None and self.ratio <= MOST_EXCESS


def top10_excess(trades: Sequence[float] | FloatArray, *, n_boot: int = 2000, seed: int = 0) -> Top10Excess:
    """The gross top-10 share over its bootstrap expectation at the same number of trades.

    Resamples as many trades as there are, with replacement, `n_boot` times. A result that many trades share comes out
    as it went in, and the ratio is near 1; one that hangs on a single trade does not, for more than a third of the
    resamples (1/e) lack that trade.

    Parameters
    ----------
    trades : net profit or loss of each closed trade, in any one unit
    n_boot : resamples; those without a winner are left out of the mean
    seed : of the resampling; the same seed gives the same figure

    Returns
    -------
    Top10Excess
        Undefined, so failed: a net loss or nothing earned, and ten winners or fewer.

    Raises
    ------
    ValueError
        If a trade is not finite, or `n_boot` is below 1.
    """
    if n_boot < 1:
        raise ValueError(f"top-10 excess: {n_boot} resamples; give at least 1, as a rule 2000")
    pnl = checked_series(trades, of="top-10 share", noun="trade")
    share = top10_share(pnl)
    n_winners = int(np.count_nonzero(pnl > 0.0))
    net = math.fsum(pnl.tolist())
    why_not = None
    if net <= 0.0:
        why_not = f"net profit of {net:g}"
    elif n_winners <= N_BEST:
        why_not = f"{n_winners} winners: the ten best are all of them"
    if share is None or why_not is not None:
        return Top10Excess(None, share, None, int(pnl.size), n_winners, why_not)
    expected = _expected_share(pnl, n_boot, np.random.default_rng(seed))
    return Top10Excess(share / expected, share, expected, int(pnl.size), n_winners, None)


def _expected_share(pnl: FloatArray, n_boot: int, rng: np.random.Generator) -> float:
    shares: list[FloatArray] = []
    at_once = max(1, _DRAWS_AT_ONCE // pnl.size)
    for start in range(0, n_boot, at_once):
        rows = min(at_once, n_boot - start)
        # A trade that lost adds nothing to either sum.
        drawn = np.maximum(pnl[rng.integers(0, pnl.size, (rows, pnl.size))], 0.0)
        total = drawn.sum(axis=1)
        best = np.partition(drawn, pnl.size - N_BEST, axis=1)[:, -N_BEST:].sum(axis=1)
        shares.append(best[total > 0.0] / total[total > 0.0])
    return float(np.concatenate(shares).mean())
