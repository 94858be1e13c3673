"""Each statistic on curves and trades small enough to work out by hand."""

import dataclasses
import json
import math

import numpy as np
import pytest

from swarmd.engine.metrics import daily, growth, trade_statistics
from swarmd.engine.metrics.drawdown import max_drawdown
from swarmd.engine.metrics.summary import METRIC_NAMES, Metrics, summarize


def test_drawdown_is_measured_from_the_running_peak_and_the_initial_equity_counts():
    assert max_drawdown(np.array([1.2, 0.9, 1.5, 1.2])) == pytest.approx(0.25, rel=1e-15)
    assert max_drawdown(np.array([0.8, 0.9])) == pytest.approx(0.2, rel=1e-15)
    assert max_drawdown(np.array([1.0, 1.1])) == 0.0
    assert max_drawdown(np.array([1.0, 0.0])) == 1.0


def test_the_first_daily_return_is_from_the_initial_equity_and_partial_days_count():
    equity = np.array([1.5, 1.1, 1.2, 1.3, 1.32])
    assert daily.daily_returns(equity, np.array([1, 4])) == pytest.approx([0.1, 0.2], rel=1e-14)


def test_after_ruin_daily_returns_are_zero():
    equity = np.array([1.0, 0.0, 0.0])
    assert daily.daily_returns(equity, np.array([0, 1, 2])).tolist() == [0.0, -1.0, 0.0]


def test_sharpe_is_mean_over_sample_deviation_times_the_root_of_365():
    returns = np.array([0.01, -0.02, 0.03, 0.0])
    wanted = np.mean(returns) / np.std(returns, ddof=1) * math.sqrt(365)
    assert daily.annual_sharpe(returns) == pytest.approx(wanted, rel=1e-13)
    assert daily.annual_volatility(returns) == pytest.approx(np.std(returns, ddof=1) * math.sqrt(365), rel=1e-13)


@pytest.mark.parametrize("returns", [[0.0, 0.0, 0.0], [0.25], [0.01, 0.01, 0.01]])
def test_sharpe_is_zero_when_returns_do_not_vary(returns: list[float]):
    assert daily.annual_sharpe(np.array(returns)) == 0.0


def test_sortino_counts_only_losses_but_over_all_days():
    returns = np.array([0.03, -0.02, 0.02, -0.01])
    wanted = 0.005 / math.sqrt((0.02**2 + 0.01**2) / 4) * math.sqrt(365)
    assert daily.annual_sortino(returns) == pytest.approx(wanted, rel=1e-13)
    assert daily.annual_sortino(np.array([0.01, 0.02])) == 0.0


def test_annual_return_compounds_over_years_of_365_days():
    half_year = 365 * 24 // 2
    assert growth.annual_return(0.1, n_bars=half_year, interval_minutes=60) == pytest.approx(0.21, rel=1e-12)
    assert growth.annual_return(-1.0, n_bars=half_year, interval_minutes=60) == -1.0
    assert growth.annual_return(9.0, n_bars=1, interval_minutes=1) == math.inf


def test_calmar_is_zero_where_nothing_was_lost():
    assert growth.calmar(0.3, 0.1) == pytest.approx(3.0)
    assert growth.calmar(0.3, 0.0) == 0.0


def test_win_rate_and_profit_factor_are_net_and_an_even_trade_is_no_win():
    returns, pnl = np.array([0.1, -0.05, 0.0, 0.02]), np.array([0.1, -0.06, 0.0, 0.02])
    assert trade_statistics.win_rate(returns) == 0.5
    assert trade_statistics.profit_factor(pnl, returns) == pytest.approx(2.0)
    assert trade_statistics.profit_factor(pnl[:1], returns[:1]) == math.inf
    assert trade_statistics.profit_factor(pnl[1:2], returns[1:2]) == 0.0


def test_exposure_leaves_out_the_bar_of_an_exit_at_the_open():
    entry, leave = np.array([2, 5]), np.array([5, 5])
    assert trade_statistics.exposure(entry, leave, np.array([True, False]), 10) == pytest.approx(0.4)
    assert trade_statistics.avg_bars_held(entry, leave) == 1.5


def test_top10_share_is_the_part_of_the_ten_best_in_all_profits():
    pnl = np.array([*[2.0] * 10, *[1.0] * 20, -5.0])
    assert trade_statistics.top10_share(pnl) == pytest.approx(0.5)
    assert trade_statistics.top10_share(np.array([-1.0])) == 0.0


def a_summary(**fields: float) -> Metrics:
    nothing = np.empty(0)
    metrics = summarize(
        np.ones(10),
        day_ends=np.array([4, 9]),
        interval_minutes=5,
        trade_pnl=nothing,
        trade_return=nothing,
        entry_bar=np.empty(0, np.int64),
        exit_bar=np.empty(0, np.int64),
        left_at_open=np.empty(0, np.bool_),
    )
    return dataclasses.replace(metrics, **fields)


def test_a_run_without_trades_has_every_metric_at_nothing():
    values = dataclasses.asdict(a_summary())
    assert values.pop("profit_factor") == math.inf
    assert set(values.values()) == {0}


def test_the_json_form_has_all_names_and_null_for_a_profit_factor_without_a_loss():
    document = a_summary().as_json()
    assert tuple(document) == METRIC_NAMES
    assert document["profit_factor"] is None
    json.dumps(document, allow_nan=False)
