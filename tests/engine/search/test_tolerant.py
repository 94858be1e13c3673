"""A vector that its strategy cannot answer fails alone; where all fail, the search says so and ends."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.laws.markets import random_walk
from swarmd.engine.market.bars import Bars
from swarmd.engine.search.combos import draw_combinations
from swarmd.engine.search.prescreen import (
    Screening,
    Stopwatch,
    failures_in_words,
    nothing_valid,
    screen_combinations,
)
from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.space import search_space
from swarmd.engine.strategies.contract import BarStrategy, Params
from swarmd.engine.strategies.starter import Starter

BARS = random_walk(3000)
MILD = Constraints(1, 0.99)


class Moody(Starter):
    """Fails where the channel is of an even length: in its events, in its plan, or by an event off the data."""

    def events(self, bars: Bars, params: Params) -> Events:
        if params["entry"] % 6 == 0:
            raise ZeroDivisionError("even")
        if params["entry"] % 6 == 2:
            return Events(np.array([bars.n_bars]), np.array([1]))
        return super().events(bars, params)

    def plan(self, params: Params) -> ExitPlan:
        if params["entry"] % 6 == 4:
            raise ValueError("no plan for even ones")
        return super().plan(params)


class Broken(Starter):
    def events(self, bars: Bars, params: Params) -> Events:
        raise ValueError(f"broken for {params['entry']}")


def screened(strategy: BarStrategy, n: int = 40, constraints: Constraints = MILD, at_a_time: int = 15) -> Screening:
    columns: Mapping[str, Any] = draw_combinations(search_space(Starter.card, "long", {}), n, 3, Starter().admissible)
    return screen_combinations(
        BARS,
        strategy,
        columns,
        mode="long",
        costs=Costs(),
        rule=ScoreRule("total_return"),
        constraints=constraints,
        top=n,
        watch=Stopwatch(),
        at_a_time=at_a_time,
    )


def test_vectors_that_fail_are_told_and_the_others_are_what_they_were():
    moody, calm = screened(Moody()), screened(Starter())
    even = np.flatnonzero(calm.columns["entry"] % 2 == 0)
    assert 10 < even.size < 30
    assert sorted(moody.failures) == even.tolist()
    for metric in ("total_return", "total_trades", "max_drawdown"):
        kept = np.delete(np.arange(40), even)
        np.testing.assert_array_equal(moody.metrics[metric][kept], calm.metrics[metric][kept])
    assert np.isnan(moody.score[even]).all()
    assert set(moody.ranked.tolist()) == set(calm.ranked.tolist()) - set(even.tolist())
    kinds = {int(row): moody.failures[int(row)] for row in even}
    for row, told in kinds.items():
        wanted = ("ZeroDivisionError: even", "ValueError: events: number 0 is (bar 3000", "no plan for even ones")
        assert wanted[int(calm.columns["entry"][row]) % 6 // 2] in told
    assert f"{even.size} of 40 combinations failed, row {even[0]} with: " in str(failures_in_words(moody))
    assert failures_in_words(calm) is None


def test_a_strategy_that_fails_every_time_ends_the_search_with_what_it_said():
    with pytest.raises(
        ValueError, match="the first 40 combinations all failed, the first with: ValueError: broken for"
    ):
        screened(Broken())
    with pytest.raises(ValueError, match="the first 100 combinations all failed"):
        screened(Broken(), 150)


def test_why_nothing_is_valid_is_told_of_the_vectors_that_did_not_fail():
    told = nothing_valid(screened(Moody(), constraints=Constraints(10_000, 0.99)), Constraints(10_000, 0.99))
    assert "nan" not in told
    assert "none of 40 combinations meets the constraints" in told
