"""What the vault says: of both sides the days themselves, of who only buys what is left over holding."""

import numpy as np
import pytest
from scipy import stats

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.synth import drift_market, noise_market
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.phases.vault_evidence import vault_evidence
from swarmd.engine.strategies.registry import strategy_named

MTF = strategy_named("mtf_ema")
PARAMS = dict(MTF.card.baseline)


def run_on(bars: Bars, mode: str):  # type: ignore[no-untyped-def]
    return run_backtest(bars, MTF, PARAMS, mode=mode, costs=Costs(5.0, 2.0))


def test_of_both_sides_it_is_the_daily_returns_as_they_are() -> None:
    bars = noise_market(200, 5, 15)
    run = run_on(bars, "aggressive")
    daily = daily_returns(run.equity, day_end_bars(bars.open_time))
    found = vault_evidence(bars, run, Direction.LONG_SHORT)
    assert found.sr == pytest.approx(daily.mean() / daily.std(ddof=1))
    assert found.n_obs == daily.size


def test_who_only_buys_is_credited_with_nothing_that_holding_as_much_gives() -> None:
    """Worked out from the prices: the market's own days, weighed with the share of the bars in the market."""
    bars = drift_market(300, 3, 15, annual_sharpe=3.0)
    run = run_on(bars, "balanced")
    ends = day_end_bars(bars.open_time)
    held = np.zeros(bars.n_bars, bool)
    for entry, leave, at_open in zip(run.trades.entry_bar, run.trades.exit_bar, run.trades.left_at_open, strict=True):
        held[entry : leave + (not at_open)] = True
    closes = np.concatenate(([bars.open[0]], bars.close[ends]))
    left = daily_returns(run.equity, ends) - held.mean() * (closes[1:] / closes[:-1] - 1.0)
    found = vault_evidence(bars, run, Direction.LONG)
    assert found.sr == pytest.approx(left.mean() / left.std(ddof=1))
    assert (
        vault_evidence(bars, run, Direction.LONG).p_value() > vault_evidence(bars, run, Direction.LONG_SHORT).p_value()
    )


def test_a_rising_market_is_no_evidence_for_who_is_always_in_it_at_random() -> None:
    """Forty markets that rise by a Sharpe ratio of 3: against 0 most look good, over holding they are uniform."""
    against_zero, over_holding = [], []
    for seed in range(40):
        bars = drift_market(200, seed, 15, annual_sharpe=3.0)
        run = run_on(bars, "balanced")
        against_zero.append(vault_evidence(bars, run, Direction.LONG_SHORT).p_value())
        over_holding.append(vault_evidence(bars, run, Direction.LONG).p_value())
    assert np.mean(against_zero) < 0.4
    assert stats.kstest(over_holding, "uniform", alternative="greater").pvalue > 0.01, "not too small"
