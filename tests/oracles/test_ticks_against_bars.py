"""Tick replay against the bar simulator: one quote a bar, without a spread, is a bar that nothing happens in."""

import numpy as np
import pytest
from price_builders import awkward_bars
from tick_builders import FIRST_NS

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.tick_batch import TickBatch
from swarmd.engine.replay.books import Account
from swarmd.engine.strategies.registry import strategy_named


@pytest.mark.parametrize("mode", ["long", "long_short"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_orders_of_a_bar_strategy_make_the_same_trades_and_money_as_ticks(mode: str, seed: int):
    bars = awkward_bars("walk", 3000, seed)
    strategy, costs = strategy_named("bollinger_reversion"), Costs(fee_bps=5.0, slippage_bps=2.0)
    params = {"window": 30, "k": 1.5}
    run = run_backtest(bars, strategy, params, mode=mode, costs=costs, engine="reference")
    assert len(run.trades) >= 20
    # An event at the open of a bar is a wish on the quote of that open; the last bar closes at its close, a row more.
    events = strategy.events(bars, params)
    price = np.append(bars.open, bars.close[-1])
    n = price.size
    ts = FIRST_NS + np.arange(n) * 300 * 10**9
    flat = np.zeros(n)
    batch = TickBatch(0, ts, flat > 0, price, price, flat + 1, flat + 1, flat * np.nan, flat, flat, price, price)
    lowest = -1 if mode == "long_short" else 0
    account = Account(costs)
    account.advance(batch, events.bar, np.where(events.side > 0, 1, lowest), np.full(events.bar.size, np.nan))
    account.close()
    found = account.trades()
    entries, exits = run.trades.entry_bar.tolist(), run.trades.exit_bar.tolist()
    # The bar simulator leaves at the close of the last bar, which is the row after that bar's open.
    is_at_end = [reason == "end_of_data" for reason in run.trades.exit_reason]
    assert found.entry_row.tolist() == entries
    assert found.exit_row.tolist() == [at + late for at, late in zip(exits, is_at_end, strict=True)]
    assert found.exit_reason == run.trades.exit_reason
    for name in ("entry_price", "exit_price", "side"):
        assert getattr(found, name).tolist() == getattr(run.trades, name).tolist()
    for name in ("qty", "pnl", "return_", "fees"):
        np.testing.assert_allclose(getattr(found, name), getattr(run.trades, name), rtol=1e-9, atol=1e-15)
    assert account.equity - 1.0 == pytest.approx(run.metrics.total_return, rel=1e-12)
