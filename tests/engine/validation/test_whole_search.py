"""The p-value of a whole search: its arithmetic, when it stops, and that it keeps its promise on made-up scores."""

import math
from itertools import pairwise

import numpy as np
import pytest

from swarmd.engine.validation.whole_search import WholeSearch

NONE_FOUND = -math.inf


def test_all_surrogates_searched_p_counts_the_real_market_among_its_peers():
    whole = WholeSearch(best=3.0, planned=199, scores=tuple([3.5, 3.0] + [1.0] * 197))
    told = whole.p_value()
    assert whole.is_settled
    assert (told.p, told.told_by) == (3 / 200, "counted")
    assert told.standard_error == pytest.approx(math.sqrt(0.015 * 0.985 / 200))


def test_p_is_never_zero():
    assert WholeSearch(best=9.0, planned=19, scores=(1.0,) * 19).p_value().p == 1 / 20


def test_a_hopeless_search_stops_at_the_fifth_that_is_as_good():
    whole = WholeSearch(best=1.0)
    for score in [2.0, 0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 1.0, 5.0, 5.0]:
        if whole.is_settled:
            break
        whole = whole.heard([score])
    assert len(whole.scores) == 8
    told = whole.p_value()
    assert (told.p, told.told_by) == (5 / 8, "stopped")
    assert told.standard_error == pytest.approx(5 / 8 * math.sqrt(3 / 8 / 5))


def test_scores_after_the_stop_change_nothing_so_that_lanes_may_run_ahead():
    settled = WholeSearch(best=1.0, scores=(2.0,) * 5)
    assert settled == WholeSearch(best=1.0, scores=(2.0,) * 5 + (0.0,) * 30)
    assert settled.heard([0.0]) == settled


def test_one_at_a_time_or_all_from_the_history_is_the_same():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=60).tolist()
    whole = WholeSearch(best=1.2, planned=40)
    for score in scores:
        whole = whole.heard([score])
    assert whole == WholeSearch(best=1.2, planned=40, scores=tuple(scores))
    assert whole == WholeSearch(best=1.2, planned=40).heard(scores[:7]).heard(scores[7:])


def test_a_surrogate_in_which_nothing_was_found_is_not_as_good():
    whole = WholeSearch(best=-5.0, planned=19, scores=(NONE_FOUND,) * 19)
    assert whole.p_value().p == 1 / 20
    # Nor has it a place on a Normal distribution: then they are counted.
    quick = WholeSearch(best=-5.0, planned=19, is_quick=True, scores=(NONE_FOUND,) + (-9.0,) * 18)
    assert quick.p_value().told_by == "counted"


def test_the_quick_form_tells_more_than_one_in_fifty_and_agrees_with_the_tail_it_is_drawn_from():
    scores = np.random.default_rng(3).normal(2.0, 0.5, 49)
    quick = WholeSearch(best=2.0 + 0.5 * 3.09, planned=49, is_quick=True, scores=tuple(scores))
    told = quick.p_value()
    assert told.told_by == "tail"
    assert told.p < 1 / 50
    assert abs(told.p - 0.001) < 3 * told.standard_error
    # Not before all are searched: a tail of few is a guess.
    early = WholeSearch(best=3.5, planned=49, is_quick=True, scores=tuple(scores[:20]))
    assert early.p_value().told_by == "counted"


def test_under_the_null_p_is_below_a_level_no_more_often_than_that_and_costs_some_twenty_surrogates():
    rng = np.random.default_rng(11)
    p, cost = [], []
    for _ in range(2000):
        draws = rng.gumbel(size=200)
        whole = WholeSearch(best=float(draws[0]), scores=tuple(draws[1:]))
        p.append(whole.p_value().p)
        cost.append(len(whole.scores))
    for level in (0.01, 0.05, 0.1, 0.25, 0.5):
        share = float(np.mean(np.array(p) <= level))
        error = math.sqrt(level * (1 - level) / 2000)
        assert share <= level + 3 * error
        # Between the values that p can take there is nothing: 5/24 is the next below a quarter.
        assert share >= 0.75 * level - 3 * error
    assert np.mean(cost) == pytest.approx(22.95, abs=3 * np.std(cost) / math.sqrt(2000))


def test_more_surrogates_that_are_worse_make_p_smaller():
    p = [WholeSearch(best=2.0, scores=(1.0,) * n).p_value().p for n in range(1, 199)]
    assert all(later < before for before, later in pairwise(p))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"best": NONE_FOUND}, "found nothing"),
        ({"best": math.nan}, "found nothing"),
        ({"best": 1.0, "planned": 18}, "at least 19"),
        ({"best": 1.0, "exceedances": 0}, "stop after 0"),
        ({"best": 1.0, "scores": (0.0, math.nan)}, "surrogate 1 is nan"),
    ],
)
def test_what_cannot_be_is_refused_by_name(fields, said):
    with pytest.raises(ValueError, match=said):
        WholeSearch(**fields)
