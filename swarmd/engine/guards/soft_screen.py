"""The soft screen: out-of-sample gates a finalist must pass before anything is claimed of it.

Thresholds of the source documents (`source_soft`) and, on top, the probabilistic Sharpe ratio of out-of-sample days.
Plain figures in, gates out; the phase `screen` computes the figures and writes the verdict.
"""

from swarmd.engine.guards.gate import Gate

LEAST_OOS_SHARPE = 0.8
LEAST_OOS_TRADES = 50
LEAST_WFE = 0.5


def soft_screen_gates(
    *,
    oos_annual_sharpe: float,
    oos_trades: int,
    wfe: float | None,
    psr: float,
    alpha: float,
    stretch: str = "the vault",
) -> tuple[Gate, ...]:
    """The gates in the order in which they are shown; `stretch` names the bars out of sample."""
    return (
        Gate("oos_annual_sharpe", f"annual Sharpe ratio on {stretch}", oos_annual_sharpe, ">", LEAST_OOS_SHARPE),
        Gate("oos_trades", f"trades on {stretch}", float(oos_trades), ">", float(LEAST_OOS_TRADES)),
        Gate("wfe", "walk-forward efficiency: return per bar, out of sample over in sample", wfe, ">", LEAST_WFE),
        Gate("psr", f"probability that the true Sharpe ratio on {stretch} is above 0", psr, ">=", 1.0 - alpha),
    )
