"""Scores: the same for a row and for a trial, never of what is not finite, and ties settled the same way every time."""

import math

import numpy as np
import pytest

from swarmd.engine.search.score import Constraints, ScoreRule, meets, ranking, score_columns

RULE = ScoreRule("annual_sharpe", {"max_drawdown": -0.25})


def columns(**values):
    return {name: np.array(column, dtype=float) for name, column in values.items()}


def test_a_row_and_a_trial_of_equal_metrics_score_the_same_to_the_bit():
    rng = np.random.default_rng(3)
    table = columns(annual_sharpe=rng.normal(size=200), max_drawdown=rng.random(200))
    score = score_columns(table, RULE)
    assert score.tolist() == [RULE.of({name: column[row] for name, column in table.items()}) for row in range(200)]


def test_constraints_are_met_at_their_very_limits():
    table = columns(total_trades=[29, 30, 31, 30], max_drawdown=[0.1, 0.35, 0.36, 0.1])
    constraints = Constraints(30, 0.35)
    assert meets(table, constraints).tolist() == [False, True, False, True]
    rows = [{name: column[row] for name, column in table.items()} for row in range(4)]
    assert [constraints.holds(row) for row in rows] == [False, True, False, True]


def test_what_is_not_finite_never_ranks():
    score = np.array([1.0, math.nan, math.inf, -math.inf, 2.0])
    assert ranking(score, np.ones(5, dtype=bool), 10).tolist() == [4, 0]


def test_an_infinite_profit_factor_does_not_rank():
    rule = ScoreRule("profit_factor", {})
    score = score_columns(columns(profit_factor=[2.0, math.inf]), rule)
    assert ranking(score, np.ones(2, dtype=bool), 10).tolist() == [0]


def test_equal_scores_rank_by_row_also_where_the_cut_goes_through_them():
    score = np.array([1.0, 3.0, 2.0, 2.0, 2.0, 0.5])
    valid = np.ones(6, dtype=bool)
    assert ranking(score, valid, 3).tolist() == [1, 2, 3]
    assert ranking(score, valid, 10).tolist() == [1, 2, 3, 4, 0, 5]
    assert ranking(score, ~valid, 3).tolist() == []


def test_the_head_of_a_ranking_is_that_of_a_full_sort():
    rng = np.random.default_rng(5)
    score, valid = np.round(rng.normal(size=3000), 2), rng.random(3000) < 0.7
    by_hand = sorted(np.flatnonzero(valid).tolist(), key=lambda row: (-score[row], row))
    assert ranking(score, valid, 500).tolist() == by_hand[:500]


def test_a_metric_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"no metric 'anual_sharpe' to rank by; did you mean 'annual_sharpe'"):
        ScoreRule("anual_sharpe").check(("annual_sharpe", "win_rate"))
    with pytest.raises(ValueError, match="weight of win_rate is nan"):
        ScoreRule("annual_sharpe", {"win_rate": math.nan}).check(("annual_sharpe", "win_rate"))
