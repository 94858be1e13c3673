"""The evidence table: what a finalist must show before its search is believed (`crown_on: evidence`).

One gate asks the question itself, whether a search as large as this one finds as much where nothing is to be found; the
others are about the finalist's quality, and loose: they catch what no p-value sees, a plateau of one point, a profit
of one trade, an edge that the costs eat. Plain figures in, gates out: who computes them is the caller's.
"""

from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.top10 import MOST_EXCESS

MOST_PBO = 0.7
LEAST_OOS_TRADES = 20
LEAST_EXPOSURE = 0.01
LEAST_PLATEAU = 0.5
MOST_UNEARNED_REGIMES = 0.5


def evidence_gates(
    *,
    p: float,
    alpha: float,
    searched_in_vault: int,
    pbo: float | None,
    stress1_annual_sharpe: float | None,
    stress3_net_profit: float | None,
    plateau: float | None,
    top10_excess: float | None,
    regime_mismatch: float | None,
    oos_trades: int,
    exposure: float,
) -> tuple[Gate, ...]:
    """The gates in the order in which they are shown; a figure of None is undefined, and fails its gate.

    Parameters
    ----------
    p : of the whole search and the vault together, adjusted for the asset's other finalists
    searched_in_vault : vectors that any search of the asset has ever tried on days of the vault
    pbo : probability of backtest overfitting of the search on the development bars
    stress1_annual_sharpe : on the vault with fee and slippage doubled
    stress3_net_profit : fifth percentile of the vault's net profit with one trade in twenty missed
    plateau : tenth percentile of the neighbours' Sharpe ratios over the finalist's own, on the development bars
    top10_excess : share of the gross profit in the ten best trades over its bootstrap expectation
    regime_mismatch : share of the vault's bars in the market in trends not earned on the development bars; of three
        trends, not of the strict table's nine cells, which few rules trade often enough to earn
    oos_trades, exposure : closed trades on the vault, and the share of its bars in the market
    """
    return (
        Gate("p", "p-value of the whole search and the vault together", p, "<=", alpha),
        Gate("searched_in_vault", "vectors ever tried on days of the vault", float(searched_in_vault), "<=", 0.0),
        Gate("pbo", "probability of backtest overfitting", pbo, "<=", MOST_PBO),
        Gate("stress1_annual_sharpe", "annual Sharpe ratio with doubled costs", stress1_annual_sharpe, ">", 0.0),
        Gate("stress3_net_profit", "net profit with trades missed, 5th percentile", stress3_net_profit, ">", 0.0),
        Gate("plateau", "what nine in ten neighbours keep of the Sharpe ratio", plateau, ">=", LEAST_PLATEAU),
        Gate("top10_excess", "share of the ten best trades over its expectation", top10_excess, "<=", MOST_EXCESS),
        Gate(
            "regime_mismatch",
            "share of the bars in the market in trends not earned",
            regime_mismatch,
            "<=",
            MOST_UNEARNED_REGIMES,
        ),
        Gate("oos_trades", "trades on the vault", float(oos_trades), ">=", float(LEAST_OOS_TRADES)),
        Gate("exposure", "share of the vault's bars in the market", exposure, ">=", LEAST_EXPOSURE),
    )
