"""Windows: what lies out of sample tiles time once, and no fit reaches into what is purged or later."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.validation import windows
from swarmd.engine.validation.walk_windows import Window

SIZES = st.tuples(st.integers(0, 400), st.integers(1, 60), st.integers(1, 40), st.integers(0, 10))


def test_rolling_and_anchored_by_hand():
    assert windows(20, 6, 4, 1, "rolling") == (Window(0, 6, 7, 11), Window(4, 10, 11, 15), Window(8, 14, 15, 19))
    assert windows(20, 6, 4, 1, "anchored") == (Window(0, 6, 7, 11), Window(0, 10, 11, 15), Window(0, 14, 15, 19))
    assert windows(20, 6, 4) == windows(20, 6, 4, 0, "rolling")


@settings(deadline=None, derandomize=True)
@given(SIZES, st.sampled_from(["rolling", "anchored"]))
def test_the_laws(sizes, mode):
    T, is_len, oos_len, purge = sizes
    found = windows(T, is_len, oos_len, purge, mode)
    assert len(found) == max(0, (T - is_len - purge) // oos_len)
    for window in found:
        assert window.oos_stop - window.oos_start == oos_len
        assert window.oos_start - window.is_stop == purge
        assert window.is_start == 0 if mode == "anchored" else window.is_stop - window.is_start == is_len
    for before, after in itertools.pairwise(found):
        assert after.oos_start == before.oos_stop
    if found:
        assert found[0][:3] == (0, is_len, is_len + purge)
        # No further one would fit.
        assert found[-1].oos_stop <= T < found[-1].oos_stop + oos_len


def test_a_last_window_that_would_be_cut_short_is_left_out():
    assert [len(windows(T, 10, 5)) for T in (14, 15, 19, 20)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((-1, 5, 5), "T is -1 bars"),
        ((50, 0, 5), "is_len is 0 bars"),
        ((50, 5, 0), "oos_len is 0 bars"),
        ((50, 5, 5, -1), "purge is -1 bars"),
        ((50, 5, 5, 0, "expanding"), "mode 'expanding' is unknown"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        windows(*arguments)
