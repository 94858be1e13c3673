"""The windows of a walk forward put together: joined equity, efficiency, and windows that chose nothing."""

import numpy as np
import pytest

from swarmd.engine.market.synth import noise_market
from swarmd.engine.metrics.summary import METRIC_NAMES
from swarmd.engine.search.walk_forward import Choice, Walked, joined, walk_forward_document
from swarmd.engine.search.windows import windows_of

BARS = noise_market(10, 1, 60, symbol="NOISE")
METRICS = dict.fromkeys(METRIC_NAMES, 0.0) | {"total_trades": 2}
CHOICE = Choice(0, {"L_fast": 5}, 0.0, METRICS)


def walked(growths, inside=0.01):
    """One window per growth of a test of 24 bars, earned evenly; None chooses nothing."""
    windows = windows_of(BARS.n_bars, fit=48, test=24, purge=0, embargo=0, anchored=False)[: len(growths)]
    made = []
    for window, growth in zip(windows, growths, strict=True):
        if growth is None:
            made.append(Walked(window, 5, 0, None))
        else:
            equity = (1.0 + growth) ** (np.arange(1, 25) / 24)
            made.append(Walked(window, 5, 1, CHOICE, METRICS, equity, inside))
    return made


def test_each_test_goes_on_from_where_the_one_before_ended():
    whole = joined(walked([0.1, -0.2, 0.5]), BARS)
    assert whole.equity[[23, 47, 71]] == pytest.approx([1.1, 1.1 * 0.8, 1.1 * 0.8 * 1.5])
    assert whole.open_time.tolist() == BARS.open_time[48:120].tolist()
    assert whole.window.tolist() == [0] * 24 + [1] * 24 + [2] * 24


def test_the_document_tells_the_worst_window_and_the_share_that_earned():
    told = walk_forward_document(walked([0.1, -0.2, 0.5, None]), BARS)
    assert told["worst_window"] == {"number": 1, "total_return": pytest.approx(-0.2)}
    assert told["share_of_profitable_windows"] == 0.5
    assert told["outside"]["total_return"] == pytest.approx(1.1 * 0.8 * 1.5 - 1)
    assert told["outside"]["max_drawdown"] == pytest.approx(0.2)
    assert told["outside"]["total_trades"] == 6
    assert told["windows"][3] | {"choice": None, "outside": None, "valid": 0, "trials": 5} == told["windows"][3]
    assert told["windows"][1]["fit"]["bars"] == 48
    assert told["windows"][1]["test"]["start_bar"] == 72


def test_efficiency_is_what_a_bar_earned_outside_over_what_it_earned_inside():
    told = walk_forward_document(walked([0.05] * 6, inside=0.2), BARS)
    outside = 24 * (1.05 ** (1 / 24) - 1)
    assert told["efficiency"] == pytest.approx((outside / 24) / (0.2 / 48))
    assert told["efficiency_undefined_because"] is None


@pytest.mark.parametrize(
    ("growths", "inside", "why"),
    [
        ([0.05] * 5, 0.2, "5 windows, fewer than 6"),
        ([0.05] * 5 + [None] * 2, 0.2, "5 windows, fewer than 6"),
        ([0.05] * 6, -0.2, "nothing was earned in sample"),
    ],
)
def test_an_efficiency_that_says_nothing_is_none_with_the_reason(growths, inside, why):
    told = walk_forward_document(walked(growths, inside), BARS)
    assert told["efficiency"] is None
    assert told["efficiency_undefined_because"] == why


def test_where_nothing_was_chosen_nothing_is_held():
    assert set(joined(walked([None, None]), BARS).equity.tolist()) == {1.0}
