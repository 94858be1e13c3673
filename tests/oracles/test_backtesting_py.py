"""Another project's bar-by-bar backtester (backtesting.py) agrees on real bars, trade by trade.

It fills at the next open, checks stops on the entry bar and fills a stop before a target, as we do. Four differences
are bridged here: it has no slippage on exits (so slippage is 0 on both sides), it trades whole units (so the account is
large), it lets the stop of a bar win over an exit at its open (so brackets are cancelled before a signal exit), and it
closes nothing at the last close (so one more bar, all at that close, is appended).
"""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from price_builders import real_btc

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.registry import strategy_named

backtesting = pytest.importorskip("backtesting")
pd = pytest.importorskip("pandas")

N_BARS = 12_000
VECTORS = [
    {"tf_fast": 15, "L_fast": 8, "tf_slow": 60, "L_slow": 20, "sl": 0.008, "tp": 0.012},
    {"tf_fast": 45, "L_fast": 5, "tf_slow": 240, "L_slow": 10, "sl": 0.009, "tp": 0.02},
]


@pytest.fixture(scope="module")
def bars() -> Bars:
    # Beyond the accepted gap: the oracle knows no synthetic bars.
    whole = real_btc()
    first = int(np.flatnonzero(whole.synthetic)[-1]) + 50
    return whole.between(first, first + N_BARS)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    backtesting.backtesting._tqdm = lambda rows, **_: rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def run_oracle(bars: Bars, params: dict[str, float], *, shorts: bool, fee: float) -> tuple[Any, float]:
    """The oracle's trades (a data frame) and its total return."""
    events = strategy_named("mtf_ema").events(bars, params)
    due = dict(zip(events.bar.tolist(), events.side.tolist(), strict=True))
    opens = np.append(bars.open, bars.close[-1])
    sl, tp = params["sl"], params["tp"]
    last = bars.n_bars - 1

    class FollowEvents(backtesting.Strategy):  # type: ignore[misc,name-defined]
        def init(self) -> None:
            pass

        def leave(self) -> None:
            for trade in self.trades:
                trade.sl = None
                trade.tp = None
                trade.close()

        def next(self) -> None:
            bar = len(self.data) - 1
            side = due.get(bar + 1, 0)
            if bar >= last:
                self.leave()
            elif side:
                self.leave()
                price = opens[bar + 1]
                if side > 0:
                    self.buy(size=1 - 1e-13, sl=price * (1.0 - sl), tp=price * (1.0 + tp))
                elif shorts:
                    self.sell(size=1 - 1e-13, sl=price * (1.0 + sl), tp=price * (1.0 - tp))

    columns = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close}
    frame = pd.DataFrame(
        {name: np.append(column, bars.close[-1]) for name, column in columns.items()} | {"Volume": 1.0},
        index=pd.date_range("2023-01-01", periods=bars.n_bars + 1, freq="5min"),
    )
    test = backtesting.Backtest(frame, FollowEvents, cash=1e13, commission=fee, finalize_trades=False)
    stats = test.run()
    return stats._trades, float(stats["Return [%]"]) / 100.0


@pytest.mark.parametrize("params", VECTORS)
@pytest.mark.parametrize("mode", ["balanced", "aggressive"])
def test_trades_and_return_agree(bars: Bars, params: dict[str, float], mode: str):
    costs = Costs(fee_bps=5.0, slippage_bps=0.0)
    ours = run_backtest(bars, strategy_named("mtf_ema"), params, mode=mode, costs=costs)
    theirs, total_return = run_oracle(bars, params, shorts=mode == "aggressive", fee=costs.fee)
    # A reversal leaves both trades on one bar in either order of the table.
    theirs = theirs.sort_values(["EntryBar", "ExitBar"])
    last = bars.n_bars - 1
    assert len(ours.trades) > 20
    assert {"signal", "stop", "target"} <= set(ours.trades.exit_reason)
    assert ours.trades.entry_bar.tolist() == theirs.EntryBar.tolist()
    assert ours.trades.exit_bar.tolist() == np.minimum(theirs.ExitBar, last).tolist()
    assert ours.trades.side.tolist() == np.sign(theirs.Size).tolist()
    np.testing.assert_allclose(ours.trades.entry_price, theirs.EntryPrice, rtol=1e-12)
    np.testing.assert_allclose(ours.trades.exit_price, theirs.ExitPrice, rtol=1e-12)
    assert math.isclose(ours.metrics.total_return, total_return, rel_tol=0.0, abs_tol=1e-8)
