"""How long the runner waits before it tries a loss again."""

from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.experiments.runner import backoff_seconds


def test_by_default_it_waits_five_seconds_then_twice_as_long_and_no_longer_than_a_minute():
    assert [backoff_seconds(n, (5_000, 60_000)) for n in range(1, 8)] == [5, 10, 20, 40, 60, 60, 60]


@given(st.integers(1, 10_000), st.integers(1, 60_000), st.integers(0, 600_000))
def test_it_never_waits_less_than_the_first_nor_longer_than_the_longest(attempt, first, more):
    waited = backoff_seconds(attempt, (first, first + more))
    assert first / 1000 <= waited <= (first + more) / 1000
    assert waited <= backoff_seconds(attempt + 1, (first, first + more))
