"""The phase that steers MAMA goes on by 360 degrees a cycle, and averages hurry and rest as they should."""

import numpy as np
import pytest
from price_builders import awkward_ohlc

from swarmd.engine.indicators.adaptive import efficiency_ratio
from swarmd.engine.indicators.mesa import mesa_averages, phase_steps


@pytest.mark.parametrize("period", [12, 16, 20, 30])
def test_a_pure_cycle_is_told_by_its_phase(period: int):
    """The oracle is trigonometry: a sine of that many bars turns by 360 / period degrees a bar."""
    steps = phase_steps(100.0 + np.sin(2.0 * np.pi * np.arange(600) / period))[200:]
    # Where the arc tangent leaves one branch for the other a step reads as the least; that is two bars a cycle.
    assert np.median(steps) == pytest.approx(360.0 / period, rel=0.1)


def test_a_step_is_never_below_one_degree():
    assert phase_steps(awkward_ohlc("walk", 2_000, 1)[3]).min() >= 1.0


def test_averages_stay_where_nothing_moves_and_between_price_and_themselves_elsewhere():
    flat = mesa_averages(np.full(200, 7.0), 20)
    assert all(line[20:].tolist() == [7.0] * 180 for line in flat)
    close = awkward_ohlc("walk", 2_000, 2)[3]
    for line in mesa_averages(close, 20):
        assert np.isnan(line[:20]).all()
        before, now, price = line[20:-1], line[21:], close[21:]
        assert ((now - before) * (price - before) >= 0.0).all()
        assert (np.abs(now - before) <= np.abs(price - before)).all()


def test_mama_follows_no_faster_than_the_efficiency_and_no_slower_than_a_tenth_of_it():
    close = awkward_ohlc("walk", 2_000, 3)[3]
    mama, _ = mesa_averages(close, 20)
    share = (mama[21:] - mama[20:-1]) / (close[21:] - mama[20:-1])
    ratio = efficiency_ratio(close, 20)[21:]
    assert (share <= ratio * (1.0 + 1e-6) + 1e-9).all()
    assert (share >= 0.1 * ratio * (1.0 - 1e-6) - 1e-9).all()


def test_the_past_does_not_depend_on_the_future():
    close = awkward_ohlc("gaps", 700, 5)[3]
    for whole, cut in zip(mesa_averages(close, 20), mesa_averages(close[:400].copy(), 20), strict=True):
        np.testing.assert_array_equal(whole[:400], cut)
