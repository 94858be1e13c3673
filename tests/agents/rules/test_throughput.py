"""When a prescreen counts as slow, and what is named as the cause: figures in, a ranked list out."""

from typing import Any

import pytest
from builders import a_mark, a_policy, a_speed, a_throughput
from hypothesis import given
from hypothesis import strategies as st

from swarmd.agents.rules.throughput import Cause, Slowdown, slowdown, told

POLICY = a_policy()
# 3.5e10 combo-bars: 5e9 per processor second, and per second of 2 threads, in 7 s and 3.5 s.
DEAR = {"cpu_seconds": 16.0, "wall_seconds": 8.0}
LONG = {"cpu_seconds": 7.0, "wall_seconds": 14.0}


def slow(**speed: Any) -> Slowdown | None:
    return slowdown(a_throughput(speed=a_speed(**speed)), POLICY)


def causes(**speed: Any) -> list[Cause]:
    found = slow(**speed)
    assert found is not None
    return [each.cause for each in found.candidates]


def test_half_the_record_in_processor_time_is_within_bounds_and_less_is_not() -> None:
    assert slow(cpu_seconds=14.0, wall_seconds=7.0) is None
    found = slow(cpu_seconds=14.01, wall_seconds=7.0)
    assert found is not None
    assert (found.is_dear, found.limit, round(found.share, 3)) == (True, 0.5, 0.5)


def test_a_third_of_the_record_by_the_clock_is_within_bounds_and_less_is_not() -> None:
    assert slow(cpu_seconds=7.0, wall_seconds=10.6) is None
    found = slow(cpu_seconds=7.0, wall_seconds=10.7)
    assert found is not None
    assert (found.is_dear, found.limit) == (False, 0.33)


def test_a_first_run_and_one_too_short_to_tell_are_not_judged() -> None:
    assert slowdown(a_throughput(mark=None, speed=a_speed(**DEAR)), POLICY) is None
    short = a_speed(combos=1000, cpu_seconds=1.99, wall_seconds=100.0)
    assert slowdown(a_throughput(speed=short), POLICY) is None
    assert slowdown(a_throughput(speed=short), a_policy(throughput_judged_from=1_990)) is not None


def test_a_gpu_is_judged_by_the_clock_alone_and_by_the_stricter_limit() -> None:
    assert slow(engine="gpu", cpu_seconds=500.0, wall_seconds=7.0) is None
    found = slow(engine="gpu", cpu_seconds=0.1, wall_seconds=7.1)
    assert found is not None
    assert (found.is_dear, found.limit) == (False, 0.5)


@given(
    share=st.floats(0.001, 2.0),
    idle=st.floats(1.0, 20.0),
    times=st.integers(1, 50),
    waited=st.none() | st.integers(0, 10**6),
    steal=st.none() | st.floats(0, 1),
    compiled=st.integers(0, 9),
)
def test_the_verdict_hangs_on_the_two_shares_alone_and_always_names_a_cause(
    share: float, idle: float, times: int, waited: int | None, steal: float | None, compiled: int
) -> None:
    """Not on how much was computed, nor on what else was seen, which only ranks the causes."""
    cpu = 7.0 * times / share
    speed = {"bars": 140_000 * times, "cpu_seconds": cpu, "wall_seconds": cpu / 2 * idle}
    found = slow(**speed, runqueue_wait=waited, steal=steal, compiled_meanwhile=compiled)
    of_clock = share / idle
    if min(abs(share - 0.5), abs(of_clock - 0.33)) < 1e-6 or cpu < 2.0:
        return
    assert (found is not None) == (share < 0.5 or of_clock < 0.33)
    if found is not None:
        assert found.is_dear == (share < 0.5)
        assert [each for each in found.candidates if not 0.0 <= each.explains <= 1.0] == []
        told(found)


@pytest.mark.parametrize(
    ("speed", "first"),
    [
        (DEAR | {"compiled_meanwhile": 3, "others": 0.9}, Cause.COLD_CACHE),
        (DEAR | {"frequency": 0.45, "throttles": 812}, Cause.THERMAL),
        (DEAR | {"frequency": 0.45}, Cause.THERMAL),
        (DEAR | {"steal": 0.5}, Cause.STEAL),
        (DEAR | {"others": 0.9}, Cause.OTHER_LOAD),
        (DEAR | {"library": "numba 0.63.0"}, Cause.OTHER_LIBRARY),
        (DEAR | {"major_faults": 5_000}, Cause.PAGING),
        (DEAR, Cause.UNKNOWN),
        (DEAR | {"frequency": 0.97, "throttles": 0, "steal": 0.01, "others": 0.1}, Cause.UNKNOWN),
        (LONG | {"runqueue_wait": 15_000, "others": 0.7}, Cause.OTHER_LOAD),
        (LONG | {"steal": 0.7, "runqueue_wait": 3_000}, Cause.STEAL),
        (LONG | {"quota_wait": 18_000, "runqueue_wait": 3_000}, Cause.QUOTA),
        (LONG | {"runqueue_wait": 100}, Cause.UNKNOWN),
        (LONG, Cause.UNKNOWN),
    ],
)
def test_the_likeliest_cause_comes_first(speed: dict[str, Any], first: Cause) -> None:
    assert causes(**speed)[0] is first


def test_what_explains_too_little_is_told_behind_the_word_that_nothing_does() -> None:
    found = slow(cpu_seconds=70.0, wall_seconds=35.0, steal=0.1, code="0.1.0+c2")
    assert found is not None
    assert [each.cause for each in found.candidates] == [Cause.UNKNOWN, Cause.OTHER_CODE, Cause.STEAL]
    assert "what was measured explains 8% at most of it (steal 10%, others unknown," in told(found)


def test_what_the_kernel_does_not_tell_is_unknown_and_never_zero() -> None:
    found = slow(**DEAR)
    assert found is not None
    assert "steal unknown, others unknown, waited unknown, load unknown, throttled unknown, clock unknown" in told(
        found
    )


def test_it_is_told_in_figures_what_was_expected_and_what_came() -> None:
    found = slow(**DEAR, others=0.9, runqueue_wait=900, load=5.25)
    assert found is not None
    assert told(found) == (
        "same kernel k1, same machine EPYC-x2, 2.3x slower per combo-bar: BTCUSDT made 2.19e+09 combo-bars per "
        "processor second, 44% of the record 5e+09 of older.BTCUSDT.balanced.prescreen-a1 (limit 50%), with 250000 "
        "combinations x 140000 bars in 8.00 s on 2 threads, 16.00 s of processor time. Causes, the likeliest first: "
        "other load: other processes used 90% of the processors, its threads waited 900 ms for one of 16000 thread-ms, "
        "load 5.2"
    )


def test_a_record_of_nothing_accuses_nobody() -> None:
    assert slowdown(a_throughput(mark=a_mark(per_cpu=0.0, per_thread=0.0)), POLICY) is None
