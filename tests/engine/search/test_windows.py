"""Windows of a walk forward: tests never overlap, and no fit sees its own test, what was purged, or the embargo."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.experiments.settings import bars_in
from swarmd.engine.search.windows import Window, even_windows, windows_of

SIZES = st.fixed_dictionaries(
    {
        "fit": st.integers(2, 60),
        "test": st.integers(2, 30),
        "purge": st.integers(0, 10),
        "embargo": st.integers(0, 10),
        "anchored": st.booleans(),
    }
)


@given(st.integers(1, 500), SIZES)
def test_every_window_keeps_the_law_and_no_further_one_would_fit(n_bars, sizes):
    gap = sizes["purge"] + sizes["embargo"]
    needed = sizes["fit"] + gap + sizes["test"]
    if n_bars < needed:
        with pytest.raises(ValueError, match=f"need {needed} bars, and there are {n_bars}"):
            windows_of(n_bars, **sizes)
        return
    windows = windows_of(n_bars, **sizes)
    assert [window.number for window in windows] == list(range(len(windows)))
    for window in windows:
        assert window.test_stop - window.test_start == sizes["test"]
        assert window.test_start - window.fit_stop == gap
        assert window.fit_start == 0 if sizes["anchored"] else window.fit_stop - window.fit_start == sizes["fit"]
        assert 0 <= window.fit_start < window.fit_stop
    assert windows[0].fit_stop - windows[0].fit_start == sizes["fit"]
    for before, after in itertools.pairwise(windows):
        assert after.test_start - before.test_stop == sizes["embargo"]
        assert after.fit_stop <= before.test_stop - sizes["purge"]
    assert windows[-1].test_stop <= n_bars < windows[-1].test_stop + sizes["embargo"] + sizes["test"]


def test_an_example_by_hand():
    assert windows_of(20, fit=6, test=4, purge=1, embargo=2, anchored=False) == (
        Window(0, fit_start=0, fit_stop=6, test_start=9, test_stop=13),
        Window(1, fit_start=6, fit_stop=12, test_start=15, test_stop=19),
    )


@pytest.mark.parametrize(("name", "bars"), [("fit", 1), ("test", 0), ("purge", -1), ("embargo", -1)])
def test_a_stretch_that_makes_no_sense_is_refused(name, bars):
    sizes = {"fit": 10, "test": 5, "purge": 0, "embargo": 0, name: bars}
    with pytest.raises(ValueError, match=f"{name} is {bars} bars"):
        windows_of(100, **sizes, anchored=False)


def test_stretches_count_bars_or_time():
    assert bars_in("40 bars", 60) == 40
    assert bars_in("30d", 60) == 720
    with pytest.raises(ValueError, match="90m is no whole number of bars of 60 min"):
        bars_in("90m", 60)


@given(
    st.integers(30, 5_000),
    st.integers(2, 12),
    st.floats(0.5, 20.0),
    st.integers(0, 9),
    st.integers(0, 9),
    st.booleans(),
)
def test_even_windows_reach_to_the_last_bar_and_their_fits_are_as_long_as_asked(
    n, windows, fit, purge, embargo, anchored
):
    asked = {"windows": windows, "fit": fit, "purge": purge, "embargo": embargo, "anchored": anchored}
    if (n - purge - windows * embargo) / (fit + windows) < 2:
        with pytest.raises(ValueError, match=f"on {n} bars; take fewer windows or more data"):
            even_windows(n, **asked)
        return
    made = even_windows(n, **asked)
    assert len(made) == windows
    assert made[-1].test_stop == n
    for window in made:
        # Bars are whole: a share that is off by the last bit of a float asks for no bar more.
        assert window.fit_stop - window.fit_start >= fit * (window.test_stop - window.test_start) - 1e-6
        assert window.test_start - window.fit_stop == purge + embargo
    assert all(after.test_start == before.test_stop + embargo for before, after in itertools.pairwise(made))
