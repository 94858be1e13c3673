"""Constraints by name: what they mean, what breaks them, and what is no constraint."""

import math

import pytest

from swarmd.engine.experiments.bounds import bound_of, bounds_of
from swarmd.engine.metrics.summary import METRIC_NAMES

METRICS = dict.fromkeys(METRIC_NAMES, 0.0) | {"total_trades": 29.0, "max_drawdown": 0.4, "profit_factor": math.inf}


def test_the_defaults_hold_unless_the_file_says_otherwise():
    assert {bound.name: bound.limit for bound in bounds_of({"min_trades": 5})} == {
        "min_trades": 5,
        "max_drawdown": 0.35,
    }


@pytest.mark.parametrize(
    ("name", "limit", "missed"),
    [
        ("min_trades", 30, 1.0),
        ("min_total_trades", 29, 0.0),
        ("max_trades", 20, 9.0),
        ("max_drawdown", 0.35, 0.05),
        ("max_max_drawdown", 0.4, 0.0),
        ("min_annual_sharpe", 1.5, 1.5),
        ("min_profit_factor", 1.2, -math.inf),
        ("max_profit_factor", 9.0, math.inf),
    ],
)
def test_a_bound_says_by_how_much_it_is_missed(name, limit, missed):
    assert bound_of(name, limit).missed_by(METRICS) == pytest.approx(missed)


def test_a_metric_that_is_no_number_keeps_no_bound():
    assert bound_of("min_calmar", -5).missed_by(METRICS | {"calmar": math.nan}) == math.inf


@pytest.mark.parametrize(
    ("name", "limit", "said"),
    [
        ("min_trade", 5, "did you mean 'min_trades'"),
        ("max_draw_down", 0.3, "did you mean 'max_drawdown'"),
        ("drawdown", 0.3, "min_ or max_ and a metric"),
        ("least_trades", 3, "is not a constraint"),
        ("min_win_rate", 40, "win_rate is a fraction"),
        ("min_trades", math.nan, "give a finite number"),
    ],
)
def test_what_is_no_constraint_is_refused_with_the_nearest_that_is(name, limit, said):
    with pytest.raises(ValueError, match=said):
        bound_of(name, limit)
