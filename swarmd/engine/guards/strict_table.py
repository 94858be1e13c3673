"""The strict table: the source documents' thresholds of the full validation (`source_strict`), as they stand there.

Nine claims. Two of them, Sharpe ratio and trades out of sample, are plain figures of the run that the phase before
asked too; the other seven are the source's "7 guards", told as "7/7". The source counts without naming; this reading
is the one that takes all its rows and comes to seven. Plain figures in, gates out: who computes them is the caller's.
"""

from collections.abc import Iterable

from swarmd.engine.guards.gate import Gate

LEAST_WFE = 0.6
LEAST_OOS_SHARPE = 1.0
LEAST_OOS_TRADES = 60
MOST_MC_P = 0.05
MOST_SENSITIVITY = 0.10
LEAST_BOOTSTRAP_BOUND = 1.0
MOST_TOP10_SHARE = 0.40
LEAST_STRESS1_SHARPE = 1.0
MOST_REGIME_MISMATCH = 0.01

# The seven of "7/7", in the source's order.
GUARDS = (
    "wfe",
    "mc_p",
    "sensitivity",
    "bootstrap_lower_bound",
    "top10_share",
    "stress1_annual_sharpe",
    "regime_mismatch",
)


def strict_gates(
    *,
    wfe: float | None,
    oos_annual_sharpe: float | None,
    oos_trades: int | None,
    mc_p: float | None,
    sensitivity: float | None,
    bootstrap_lower_bound: float | None,
    top10_share: float | None,
    stress1_annual_sharpe: float | None,
    regime_mismatch: float | None,
) -> tuple[Gate, ...]:
    """The nine gates in the source's order; a figure of None is undefined, and fails its gate.

    Parameters
    ----------
    wfe : walk-forward efficiency, pooled over the windows
    oos_annual_sharpe, stress1_annual_sharpe : annual (root of 365), as given and with fee and slippage doubled
    oos_trades : closed trades out of sample
    mc_p : p-value of the Monte Carlo test
    sensitivity : relative variance of the neighbours' scores, a fraction
    bootstrap_lower_bound : lower end of the bootstrap interval of the annual Sharpe ratio
    top10_share : of the gross profit, a fraction
    regime_mismatch : share of the bars in the market in regimes that are not approved, a fraction
    """
    trades = None if oos_trades is None else float(oos_trades)
    return (
        Gate("wfe", "walk-forward efficiency, pooled over the windows", wfe, ">", LEAST_WFE),
        Gate("oos_annual_sharpe", "annual Sharpe ratio out of sample", oos_annual_sharpe, ">", LEAST_OOS_SHARPE),
        Gate("oos_trades", "trades out of sample", trades, ">", float(LEAST_OOS_TRADES)),
        Gate("mc_p", "p-value of the Monte Carlo test", mc_p, "<", MOST_MC_P),
        Gate("sensitivity", "relative variance of the neighbours' scores", sensitivity, "<", MOST_SENSITIVITY),
        Gate(
            "bootstrap_lower_bound",
            "lower bootstrap bound of the annual Sharpe ratio",
            bootstrap_lower_bound,
            ">",
            LEAST_BOOTSTRAP_BOUND,
        ),
        Gate("top10_share", "share of the gross profit in the ten best trades", top10_share, "<", MOST_TOP10_SHARE),
        Gate(
            "stress1_annual_sharpe",
            "annual Sharpe ratio with fee and slippage doubled",
            stress1_annual_sharpe,
            ">",
            LEAST_STRESS1_SHARPE,
        ),
        Gate(
            "regime_mismatch",
            "share of the bars in the market in regimes that are not approved",
            regime_mismatch,
            "<",
            MOST_REGIME_MISMATCH,
        ),
    )


def guards_passed(gates: Iterable[Gate]) -> str:
    """How many of the seven guards pass, as the tracker shows it: `7/7`. The two plain figures do not count.

    Raises
    ------
    ValueError
        If a guard is missing among the gates.
    """
    passes = {gate.name: gate.passes for gate in gates}
    missing = [name for name in GUARDS if name not in passes]
    if missing:
        raise ValueError(f"strict table: no gate {', '.join(missing)}; give all that `strict_gates` made")
    return f"{sum(passes[name] for name in GUARDS)}/{len(GUARDS)}"
