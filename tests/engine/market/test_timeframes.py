"""Which slow bar a fast bar may see: the alignment against a slow, obvious twin, and the prefix law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.market.faults import DataError
from swarmd.engine.market.timeframes import (
    INTERVALS,
    htf_bar_count,
    htf_close,
    interval_name,
    iso_instant,
    parse_interval,
    skipped_bars,
    utc_text,
    visible_htf_bar,
)

MINUTE_MS = 60_000
RATIOS = [(5, 15), (5, 30), (5, 45), (5, 60), (5, 240), (5, 1440), (15, 45), (60, 240), (60, 60)]


def obvious_htf(close, first_ms, base, htf):
    """Buckets filled bar by bar, kept only when they have every one of their base bars."""
    closes, completed_at, members = [], [], 0
    for bar in range(len(close)):
        opens = first_ms + bar * base * MINUTE_MS
        members = 1 if opens % (htf * MINUTE_MS) == 0 else members + 1 if members else 0
        if members == htf // base:
            closes.append(close[bar])
            completed_at.append(bar)
            members = 0
    return closes, completed_at


series = st.tuples(
    st.sampled_from(RATIOS),
    st.integers(min_value=0, max_value=700),
    st.integers(min_value=0, max_value=2000),
    st.randoms(use_true_random=False),
)


def drawn(case):
    (base, htf), n_bars, offset, random = case
    first_ms = 1_672_531_200_000 + offset * base * MINUTE_MS
    return np.array([random.uniform(1, 2) for _ in range(n_bars)]), first_ms, base, htf


@given(series)
def test_slow_bars_are_those_of_the_obvious_twin_wherever_the_data_starts(case):
    close, first_ms, base, htf = drawn(case)
    closes, completed_at = htf_close(close, first_ms, base, htf)
    wanted_closes, wanted_at = obvious_htf(close, first_ms, base, htf)
    assert closes.tolist() == wanted_closes
    assert completed_at.tolist() == wanted_at
    assert completed_at.dtype == np.int64


@given(series, st.floats(min_value=0, max_value=1))
def test_cutting_the_future_off_leaves_every_slow_bar_of_the_past_as_it_was(case, share):
    close, first_ms, base, htf = drawn(case)
    cut = int(share * close.shape[0])
    closes, completed_at = htf_close(close, first_ms, base, htf)
    prefix_closes, prefix_at = htf_close(close[:cut], first_ms, base, htf)
    n_seen = int(np.count_nonzero(completed_at < cut))
    assert prefix_closes.tobytes() == closes[:n_seen].tobytes()
    assert prefix_at.tolist() == completed_at[:n_seen].tolist()
    visible = visible_htf_bar(close.shape[0], first_ms, base, htf)
    assert visible_htf_bar(cut, first_ms, base, htf).tolist() == visible[:cut].tolist()


@given(series)
def test_a_bar_sees_the_last_slow_bar_complete_at_its_own_close_and_none_later(case):
    close, first_ms, base, htf = drawn(case)
    _, completed_at = obvious_htf(close, first_ms, base, htf)
    visible = visible_htf_bar(close.shape[0], first_ms, base, htf)
    assert visible.tolist() == [sum(at <= bar for at in completed_at) - 1 for bar in range(close.shape[0])]


def test_data_that_starts_inside_an_hour_loses_that_hour():
    first_ms = 1_672_531_200_000 + 40 * MINUTE_MS
    assert skipped_bars(first_ms, 5, 60) == 4
    closes, completed_at = htf_close(np.arange(20.0), first_ms, 5, 60)
    assert (closes.tolist(), completed_at.tolist()) == ([15.0], [15])


def test_a_partial_slow_bar_at_the_end_is_never_used():
    assert htf_bar_count(23, 12) == 1
    assert htf_bar_count(24, 12) == 2
    assert htf_bar_count(24, 12, skipped=1) == 1
    assert htf_bar_count(3, 12, skipped=5) == 0


@pytest.mark.parametrize(("base", "htf"), [(5, 7), (60, 30), (5, 0), (5, 35), (0, 5)])
def test_a_timeframe_that_cannot_be_made_of_the_base_is_refused_with_both_numbers(base, htf):
    with pytest.raises(DataError, match=f"{htf} minutes cannot be made of {base}-minute bars"):
        htf_close(np.ones(10), 0, base, htf)


def test_intervals_go_to_minutes_and_back():
    assert [parse_interval(name) for name in ("5m", "15m", "1h", "4h", "1d")] == [5, 15, 60, 240, 1440]
    assert all(parse_interval(interval_name(minutes)) == minutes for minutes in INTERVALS.values())


@pytest.mark.parametrize("name", ["7m", "5", "", "5M", "1w"])
def test_an_interval_outside_the_closed_set_is_refused_with_the_set(name):
    with pytest.raises(DataError, match="is not one of 1m, 3m, 5m"):
        parse_interval(name)


def test_instants_are_spoken_in_utc_and_absurd_ones_do_not_break_a_message():
    assert utc_text(1_679_661_600_000) == "2023-03-24 12:40 UTC"
    assert utc_text(1_679_661_600_001) == "2023-03-24T12:40:00.001+00:00"
    assert utc_text(2**62) == f"{2**62} ms since the epoch"
    assert iso_instant(1_679_661_600_000) == "2023-03-24T12:40:00Z"
    assert iso_instant(2**62) is None
