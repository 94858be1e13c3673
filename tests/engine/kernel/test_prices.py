"""The last bar of each UTC day, against the calendar of the standard library."""

import datetime as dt

import numpy as np
import pytest
from price_builders import MIDNIGHT_MS, MINUTE_MS

from swarmd.engine.kernel.prices import day_end_bars


def by_calendar(open_time: np.ndarray) -> list[int]:
    days = [dt.datetime.fromtimestamp(ms / 1000, dt.UTC).date() for ms in open_time.tolist()]
    return [bar for bar in range(len(days)) if bar + 1 == len(days) or days[bar + 1] != days[bar]]


@pytest.mark.parametrize("minutes", [1, 5, 60, 720, 1440])
@pytest.mark.parametrize("lead", [0, 1, 7])
@pytest.mark.parametrize("n_bars", [1, 2, 1441, 3000])
def test_a_day_ends_with_its_last_bar_whole_or_not(minutes: int, lead: int, n_bars: int):
    open_time = MIDNIGHT_MS + (lead + np.arange(n_bars, dtype=np.int64)) * minutes * MINUTE_MS
    assert day_end_bars(open_time).tolist() == by_calendar(open_time)


def test_the_bar_of_five_to_midnight_ends_the_day_and_a_day_without_bars_has_no_end():
    minutes_in = np.array([23 * 60 + 50, 23 * 60 + 55, 24 * 60, 24 * 60 + 5, 4 * 24 * 60])
    assert day_end_bars(MIDNIGHT_MS + minutes_in * MINUTE_MS).tolist() == [1, 3, 4]
