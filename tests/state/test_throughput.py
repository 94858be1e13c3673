"""Speeds are rates: as much more work in as much more time is the same speed, and what differs is told apart."""

import pytest
from builders import a_speed
from hypothesis import given
from hypothesis import strategies as st

from swarmd.state.records.throughput import fastest_id


@given(times=st.integers(1, 1000), of_bars=st.booleans())
def test_as_much_more_work_in_as_much_more_time_is_the_same_speed(times: int, of_bars: bool) -> None:
    one = a_speed(combos=1000, bars=1000, cpu_seconds=2.0, wall_seconds=1.5)
    work = {"combos": 1000, "bars": 1000 * times} if of_bars else {"combos": 1000 * times, "bars": 1000}
    more = a_speed(**work, cpu_seconds=2.0 * times, wall_seconds=1.5 * times)
    assert more.per_cpu == pytest.approx(one.per_cpu)
    assert more.per_thread == pytest.approx(one.per_thread)
    assert more.work == one.work


@given(combos=st.integers(1, 50_000_000))
def test_the_size_is_the_power_of_two_below(combos: int) -> None:
    size = a_speed(combos=combos).size
    assert size <= combos < 2 * size
    assert size.bit_count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"machine": "Xeon-x64"}, {"kernel": "k2"}, {"strategy": "ema_cross"}, {"direction": "long_short"},
        {"engine": "gpu"}, {"threads": 1}, {"space": "0"},
    ],
)  # fmt: skip
def test_what_makes_a_combo_bar_cost_something_else_is_other_work(other: dict[str, object]) -> None:
    assert a_speed(**other).work != a_speed().work


def test_what_may_differ_from_run_to_run_is_the_same_work() -> None:
    same = a_speed(symbol="DOGEUSDT", bars=9, library="numba 9", code="c2", cpu_seconds=1.0, steal=0.5)
    assert fastest_id(same) == fastest_id(a_speed())


def test_a_run_that_took_no_time_has_no_speed_and_is_not_enough() -> None:
    none = a_speed(cpu_seconds=0.0, wall_seconds=0.0)
    assert (none.per_cpu, none.per_thread, none.is_enough(1)) == (0.0, 0.0, False)


def test_a_gpu_is_judged_by_the_clock() -> None:
    assert a_speed(engine="gpu", cpu_seconds=0.1, wall_seconds=2.0).is_enough(2_000)
    assert not a_speed(engine="cpu", cpu_seconds=0.1, wall_seconds=2.0).is_enough(2_000)
