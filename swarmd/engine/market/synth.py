"""Made-up markets whose truth is known: noise, drift without timing, and one planted rule.

Tests, benchmarks and `swarmd data synth` call it. All three share one volatility (`shocks.py`), open where the last bar
closed, and trade without a pause from 00:00 UTC. Whoever writes such bars down must say that they are synthetic.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.bars import Bars, bars_from_arrays
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.planted import FEE_BPS, SLIPPAGE_BPS, PlantedRule, planted_path, strength_for
from swarmd.engine.market.shocks import ANNUAL_VOLATILITY, DAYS_A_YEAR, Shocks, draw_shocks
from swarmd.engine.market.timeframes import DAY_MINUTES, MINUTE_MS, interval_name

FIRST_OPEN_MS = 1_609_459_200_000  # 2021-01-01 00:00 UTC
_FIRST_PRICE = 100.0
_LONGEST_DAYS = 36_500
_STEEPEST_SHARPE = 10.0


@dataclass(frozen=True, slots=True)
class PlantedTruth:
    """What was planted and what it is truly worth: the oracle's net annual Sharpe on a long path nobody searches."""

    rule: PlantedRule
    delta: float
    asked_net_annual_sharpe: float
    true_net_annual_sharpe: float
    trades_a_year: float
    seed: int
    fee_bps: float = FEE_BPS
    slippage_bps: float = SLIPPAGE_BPS

    def as_document(self) -> dict[str, Any]:
        """The truth as plain values, for JSON."""
        rule = self.rule
        return {
            "rule": {
                "strategy": "mtf_ema", "direction": "long_short",
                "tf_fast": rule.tf_fast, "L_fast": rule.L_fast, "tf_slow": rule.tf_slow, "L_slow": rule.L_slow,
            },
            "delta": self.delta,
            "asked_net_annual_sharpe": self.asked_net_annual_sharpe,
            "true_net_annual_sharpe": self.true_net_annual_sharpe,
            "trades_a_year": self.trades_a_year,
            "costs": {"fee_bps": self.fee_bps, "slippage_bps": self.slippage_bps},
            "seed": self.seed,
        }  # fmt: skip


def noise_market(days: int, seed: int, interval_minutes: int = 5, *, symbol: str = "NOISE") -> Bars:
    """A market without any edge: every bar's expected simple return is exactly 0, whatever came before.

    Simple and not logarithmic returns: with a zero mean of the latter, holding would earn half the variance, an annual
    Sharpe of 0.35 at this volatility, and long-only searches on noise would find it.
    """
    shocks, rng = _drawn(days, seed, interval_minutes)
    return _bars(symbol, shocks.noise, shocks.sigma, rng, interval_minutes)


def drift_market(
    days: int, seed: int, interval_minutes: int = 5, *, annual_sharpe: float = 1.0, symbol: str = "DRIFT"
) -> Bars:
    """A market that rises steadily, without timing to be had: holding it has the annual Sharpe that is asked."""
    if not abs(annual_sharpe) <= _STEEPEST_SHARPE:
        raise DataError(f"an annual Sharpe of {annual_sharpe:g} is no market's drift; ask for one such as 1")
    shocks, rng = _drawn(days, seed, interval_minutes)
    drift = annual_sharpe * ANNUAL_VOLATILITY / (DAYS_A_YEAR * DAY_MINUTES / interval_minutes)
    return _bars(symbol, shocks.noise + drift, shocks.sigma, rng, interval_minutes)


def planted_market(
    days: int,
    seed: int,
    net_annual_sharpe: float,
    interval_minutes: int = 5,
    *,
    rule: PlantedRule | None = None,
    symbol: str = "PLANTED",
) -> tuple[Bars, PlantedTruth]:
    """A market with one edge: drift = delta * sigma_t * position of one moving-average rule.

    Delta is such that who trades exactly that rule, at 5 bps fee and 2 bps slippage a side, has the net annual Sharpe
    asked for in the long run; any one market of two years scatters by 0.7 around it.
    """
    rule = rule if rule is not None else PlantedRule()
    shocks, rng = _drawn(days, seed, interval_minutes)
    strength = strength_for(net_annual_sharpe, rule=rule, interval_minutes=interval_minutes)
    returns, _ = planted_path(shocks, strength.delta, rule, interval_minutes=interval_minutes)
    truth = PlantedTruth(
        rule=rule,
        delta=strength.delta,
        asked_net_annual_sharpe=net_annual_sharpe,
        true_net_annual_sharpe=strength.net_annual_sharpe,
        trades_a_year=strength.trades_a_year,
        seed=seed,
    )
    return _bars(symbol, returns, shocks.sigma, rng, interval_minutes), truth


def _drawn(days: int, seed: int, interval_minutes: int) -> tuple[Shocks, np.random.Generator]:
    interval_name(interval_minutes)
    if not 1 <= days <= _LONGEST_DAYS:
        raise DataError(f"a made-up market of {days} days is not possible; ask for 1 to {_LONGEST_DAYS}")
    if seed < 0:
        raise DataError(f"seed {seed} is negative; use 0 or more")
    rng = np.random.default_rng(seed)
    return draw_shocks(days * DAY_MINUTES // interval_minutes, rng, interval_minutes=interval_minutes), rng


def _bars(symbol: str, returns: FloatArray, sigma: FloatArray, rng: np.random.Generator, interval_minutes: int) -> Bars:
    """Bars of consecutive returns; inside a bar the price is a Brownian bridge from open to close.

    The extremes of a bridge are drawn from their exact distribution, the high and the low apart from one another: their
    correlation, which no rule here could use, would take a path inside each bar.
    """
    n_bars = returns.shape[0]
    price = _FIRST_PRICE * np.cumprod(np.concatenate((np.ones(1), 1.0 + returns)))
    open_, close = price[:-1], price[1:]
    step = np.log1p(returns)
    reach_up, reach_down = np.sqrt(step**2 - 2 * sigma**2 * np.log1p(-rng.random((2, n_bars))))
    # The bridge never ends beyond its extremes, but rounding can.
    high = np.maximum(open_ * np.exp((step + reach_up) / 2), np.maximum(open_, close))
    low = np.minimum(open_ * np.exp((step - reach_down) / 2), np.minimum(open_, close))
    volume = 1e4 * (reach_up + reach_down) * rng.lognormal(0.0, 0.5, n_bars)
    open_time = FIRST_OPEN_MS + interval_minutes * MINUTE_MS * np.arange(n_bars, dtype=np.int64)
    return bars_from_arrays(symbol, interval_minutes, open_time, open_, high, low, close, volume)
