"""Accepted gaps to the letter: each reported, the grid whole, and synthetic bars flat, without volume and flagged."""

import numpy as np
import pytest
from market_builders import FIRST_MS, NAMES, STEP_MS, columns, real_bars, save, without

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import bars_from_arrays, load_bars
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.gaps import find_gaps, on_full_grid
from swarmd.engine.market.klines import Klines
from swarmd.engine.market.quality import preflight
from swarmd.engine.market.timeframes import htf_close
from swarmd.engine.strategies.registry import strategy_named


def made(cols, **options):
    return bars_from_arrays("TEST", 5, cols["timestamp"], *(cols[name] for name in NAMES), **options)


def test_every_gap_is_reported_with_its_first_missing_open_time_and_count_accepted_or_not(tmp_path):
    path = save(tmp_path / "A.parquet", without(columns(40), 5, 6, 7, 20, 38))
    expected = [(FIRST_MS + 5 * STEP_MS, 3), (FIRST_MS + 20 * STEP_MS, 1), (FIRST_MS + 38 * STEP_MS, 1)]
    for options in ({}, {"known_gaps": ["2023-01-01"]}, {"allow_gaps": 5}, {"allow_gaps": 4}):
        report = preflight(path, min_days=0, **options)
        assert [(gap.first_missing_ms, gap.n_bars) for gap in report.gaps] == expected
        assert len(report.as_document()["gaps"]) == 3
        stopping = [finding for finding in report.findings if finding.check == "gaps"]
        assert len(stopping) == (0 if options.get("allow_gaps") == 5 or "known_gaps" in options else 3)


def test_a_flat_quiet_bar_of_the_exchange_is_real_and_one_in_a_gap_is_not():
    """The same prices in every column, and yet two series: the flag is part of the digest."""
    cols = columns()
    for name in ("open", "high", "low", "close"):
        cols[name][8] = cols["close"][7]
    cols["volume"][8] = 0.0
    real, filled = made(cols), made(without(cols, 8), allow_gaps=1)
    for name in ("open_time", *NAMES):
        assert getattr(real, name).tolist() == getattr(filled, name).tolist()
    assert (real.synthetic.any(), np.flatnonzero(filled.synthetic).tolist()) == (False, [8])
    assert real.sha256() != filled.sha256()


def test_bars_on_both_sides_of_a_gap_keep_every_bit():
    cols = columns(30)
    filled = made(without(cols, 10, 11, 12), allow_gaps=3)
    assert filled.open[13] == cols["open"][13] != filled.close[12] == cols["close"][9]
    assert filled.volume[10:13].tolist() == [0.0, 0.0, 0.0]


def test_a_gap_at_an_end_of_the_asked_stretch_is_none(tmp_path):
    """The series is what lies between the first and the last real bar: there is no close before to repeat."""
    path = save(tmp_path / "A.parquet", without(columns(), 8, 9))
    after = load_bars(path, interval="5m", start_ms=FIRST_MS + 8 * STEP_MS)
    before = load_bars(path, interval="5m", end_ms=FIRST_MS + 9 * STEP_MS)
    assert (int(after.open_time[0]), int(before.open_time[-1])) == (FIRST_MS + 10 * STEP_MS, FIRST_MS + 7 * STEP_MS)
    assert not after.synthetic.any()
    assert not before.synthetic.any()


def test_a_gap_that_begins_the_day_before_is_known_by_that_day_alone():
    cols = columns(600)
    holed = without(cols, *range(280, 300))
    assert made(holed, known_gaps=["2023-01-01"]).n_bars == 600
    with pytest.raises(DataError, match="20 bars missing from 2023-01-01 23:20 UTC"):
        made(holed, known_gaps=["2023-01-02"])


def test_slow_bars_are_made_of_synthetic_bars_too():
    """A slow bar whose end is missing closes at the last price before it, at the time it always would."""
    cols = columns(36)
    filled = made(without(cols, 9, 10, 11), allow_gaps=3)
    closes, completed_at = htf_close(filled.close, int(filled.open_time[0]), 5, 60)
    assert completed_at.tolist() == [11, 23, 35]
    assert closes[0] == cols["close"][8]


def test_the_grid_of_klines_without_a_gap_is_themselves(tmp_path):
    whole = made(columns())
    assert not whole.synthetic.any()
    assert find_gaps(whole.open_time, 5) == ()
    assert [getattr(whole, name).tolist() for name in NAMES] == [columns()[name].tolist() for name in NAMES]


def test_a_grid_is_flagged_exactly_where_no_row_was():
    cols = without(columns(50), 3, 4, 30)
    grid = on_full_grid(Klines("x", "X", cols["timestamp"], *(cols[name] for name in NAMES)), 5)
    assert grid.synthetic.dtype == np.bool_
    assert sorted(set(grid.open_time.tolist()) - set(cols["timestamp"].tolist())) == (
        grid.open_time[grid.synthetic].tolist()
    )


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_no_order_fills_on_a_synthetic_bar_of_the_real_outage(engine):
    path = real_bars("bars_5m", "BTCUSDT.parquet")
    bars = load_bars(path, known_gaps=["2023-03-24"], end_ms=1_690_000_000_000)
    strategy = strategy_named("ema_cross")
    gap = np.flatnonzero(bars.synthetic)
    near = bars.between(int(gap[0]) - 400, int(gap[-1]) + 400)
    run = run_backtest(
        near,
        strategy,
        {"L_fast": 2, "L_slow": 3, "sl": 0.002, "tp": 0.002},
        mode=next(iter(strategy.card.modes)),
        costs=Costs(5.0, 2.0),
        engine=engine,
    )
    assert run.trades.entry_bar.size > 20
    assert not near.synthetic[run.trades.entry_bar].any()
    assert not near.synthetic[run.trades.exit_bar].any()
