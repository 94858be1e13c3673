"""What follows from what a simulator records of its trades."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.trades import Trades, round_trips


def trades_of(growths: list[float], size: float) -> Trades:
    """Long trades one after the other, each committing the same share of the equity, which begins with 1."""
    n, growth = len(growths), np.array(growths, np.float64)
    account = np.cumprod(1.0 + size * (growth - 1.0))
    bars = np.arange(n, dtype=np.int64)
    return round_trips(
        entry_bar=bars, exit_bar=bars + 1, side=np.ones(n, np.int64), entry_price=np.full(n, 100.0),
        exit_price=100.0 * growth, equity_before=np.concatenate(([1.0], account[:-1]))[:n], equity_after=account,
        growth=growth, reason=np.zeros(n, np.int64), size=np.full(n, size), costs=Costs(),
    )  # fmt: skip


@given(st.lists(st.floats(0.5, 2.0), max_size=40), st.sampled_from([0.25, 0.5, 1.0]))
def test_returns_of_the_account_are_the_share_of_it_that_each_trade_won_or_lost(
    growths: list[float], size: float
) -> None:
    trades = trades_of(growths, size)
    assert trades.account_return == pytest.approx(size * (np.array(growths) - 1.0), abs=1e-9)
    assert np.prod(1.0 + trades.account_return) == pytest.approx(1.0 + trades.pnl.sum())


def test_who_loses_everything_loses_no_more_and_nothing_comes_after() -> None:
    trades = trades_of([1.3, 1.1, 0.7, 0.0, 1.5], 1.0)
    assert trades.account_return[3:].tolist() == [pytest.approx(-1.0), 0.0]
    assert trades.account_return.min() >= -1.0
