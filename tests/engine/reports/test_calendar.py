"""Months, years and falls by the calendar: cases made by hand, and QuantStats as a stranger who counts the same."""

import math

import numpy as np
import pytest
from report_builders import a_stretch

from swarmd.engine.reports.calendar import daily_returns, deepest, deepest_falls, falls, months, years
from swarmd.engine.reports.material import DEVELOPMENT, Stretch

DAYS = ("2023-12-30", "2023-12-31", "2024-01-01", "2024-01-02", "2024-02-01")


def a_record(*equity: float, days: tuple[str, ...] = DAYS) -> Stretch:
    return Stretch(DEVELOPMENT, days[: len(equity)], equity, ())


def test_months_and_years_compound_their_days():
    stretch = a_record(1.1, 1.21, 1.331, 1.331, 0.6655)
    assert months([stretch]) == pytest.approx({(2023, 12): 0.21, (2024, 1): 0.1, (2024, 2): -0.5})
    assert years([stretch]) == pytest.approx({(2023, 0): 0.21, (2024, 0): -0.45})


def test_a_month_in_two_stretches_is_one_month():
    before, after = a_record(1.1, 1.2), Stretch("vault", ("2023-12-31", "2024-01-01"), (1.5, 3.0), ())
    assert months([before, after]) == pytest.approx({(2023, 12): 1.2 * 1.5 - 1.0, (2024, 1): 1.0})


def test_a_fall_lasts_from_the_first_day_below_the_peak_to_the_last():
    (fall,) = falls(DAYS, (1.2, 0.9, 1.1, 1.2, 1.3))
    assert (fall.start, fall.trough, fall.end, fall.days) == ("2023-12-31", "2023-12-31", "2024-01-01", 2)
    assert fall.depth == pytest.approx(0.25)


def test_a_fall_that_has_not_ended_says_so_and_counts_to_the_last_day():
    (fall,) = falls(DAYS, (0.9, 0.8, 0.85, 0.85, 0.9))
    assert (fall.start, fall.trough, fall.end) == ("2023-12-30", "2023-12-31", None)
    assert fall.days == 34


def test_a_rise_without_a_fall_has_none_and_ruin_is_a_fall_of_all():
    assert falls(DAYS, (1.0, 1.1, 1.1, 1.2, 1.3)) == []
    (ruin,) = falls(DAYS, (1.0, 0.0, 0.0, 0.0, 0.0))
    assert ruin.depth == 1.0
    assert daily_returns((1.0, 0.0, 0.0)) == [0.0, -1.0, 0.0]


def test_the_deepest_of_all_stretches_come_first():
    found = deepest_falls([a_stretch(DEVELOPMENT, seed=1), a_stretch(seed=2)], 4)
    depths = [fall.depth for _, fall in found]
    assert depths == sorted(depths, reverse=True)
    assert len(found) == 4
    assert {name for name, _ in found} <= {"development", "vault"}


@pytest.mark.parametrize("seed", range(4))
def test_quantstats_counts_the_same_months_years_and_falls(seed: int):
    pd, qs = pytest.importorskip("pandas"), pytest.importorskip("quantstats")
    stretch = a_stretch(days=500, seed=seed)
    # Flat days are days too.
    equity = np.array(stretch.equity)
    equity[60:80] = equity[59]
    stretch = Stretch(stretch.name, stretch.days, tuple(equity.tolist()), ())
    returns = pd.Series(daily_returns(stretch.equity), index=pd.to_datetime(list(stretch.days)))
    theirs = qs.stats.monthly_returns(returns)
    theirs.index = [int(str(year)[:4]) for year in theirs.index]
    names = [name for name in theirs.columns if name != "EOY"]
    for (year, month), change in months([stretch]).items():
        assert math.isclose(theirs.loc[year, names[month - 1]], change, abs_tol=1e-12)
    for (year, _), change in years([stretch]).items():
        assert math.isclose(theirs.loc[year, "EOY"], change, abs_tol=1e-12)
    assert math.isclose(-qs.stats.max_drawdown(returns), deepest(stretch.equity), rel_tol=1e-12)
    details = qs.stats.drawdown_details(qs.stats.to_drawdown_series(returns))
    details = details.sort_values("max drawdown").head(5)
    ours = falls(stretch.days, stretch.equity)[:5]
    for (_, row), fall in zip(details.iterrows(), ours, strict=True):
        assert (str(row["start"])[:10], str(row["valley"])[:10]) == (fall.start, fall.trough)
        assert str(row["end"])[:10] == (fall.end or stretch.days[-1])
        assert int(row["days"]) == fall.days
        assert math.isclose(-row["max drawdown"] / 100.0, fall.depth, rel_tol=1e-9)
