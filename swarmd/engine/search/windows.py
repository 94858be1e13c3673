"""Where each window of a walk forward lies: the stretch to fit on, and the stretch that follows to be scored on.

```
fit ------------------| purge |test -----|embargo|
            fit ------------------|embargo| purge |test -----|
```

Pure arithmetic on bar numbers. A test never overlaps another one, and no fit sees a bar of its own test or later.
"""

from dataclasses import dataclass

from swarmd.engine.validation import walk_windows
from swarmd.engine.validation.walk_windows import Mode


@dataclass(frozen=True, slots=True)
class Window:
    """Bars [fit_start, fit_stop) to search on, [test_start, test_stop) to be scored on."""

    number: int
    fit_start: int
    fit_stop: int
    test_start: int
    test_stop: int


def windows_of(n_bars: int, *, fit: int, test: int, purge: int, embargo: int, anchored: bool) -> tuple[Window, ...]:
    """The windows that fit into `n_bars`; a last test that would be cut short is left out.

    The first fit has `fit` bars; later ones as many (rolling), or all from the first bar on (anchored).

    Raises
    ------
    ValueError
        If a stretch makes no sense, or not one window fits.
    """
    for name, bars, least in (("fit", fit, 2), ("test", test, 2), ("purge", purge, 0), ("embargo", embargo, 0)):
        if bars < least:
            raise ValueError(f"{name} is {bars} bars; give at least {least}")
    # A tile is a test and the embargo behind it; the last test may end with the bars and needs no embargo.
    mode: Mode = "anchored" if anchored else "rolling"
    tiles = walk_windows.windows(n_bars + embargo, fit, test + embargo, purge + embargo, mode)
    if not tiles:
        raise ValueError(
            f"fit {fit}, purge {purge}, embargo {embargo} and test {test} need {fit + purge + embargo + test} bars, "
            f"and there are {n_bars}; shorten them, or take more data"
        )
    return tuple(
        Window(number, tile.is_start, tile.is_stop, tile.oos_start, tile.oos_stop - embargo)
        for number, tile in enumerate(tiles)
    )


def even_windows(
    n_bars: int, *, windows: int, fit: float, purge: int, embargo: int, anchored: bool
) -> tuple[Window, ...]:
    """So many windows whose tests reach to the last bar; each fit is at least `fit` tests long.

    Raises
    ------
    ValueError
        If there are too few bars for a test of two.
    """
    test = int((n_bars - purge - windows * embargo) / (fit + windows))
    if test < 2:
        raise ValueError(
            f"{windows} windows with fits of {fit:g} tests, purge {purge} and embargo {embargo} leave {max(test, 0)} "
            f"bars a test on {n_bars} bars; take fewer windows or more data"
        )
    # What division leaves over goes to the fits.
    rest = n_bars - purge - windows * (test + embargo)
    return windows_of(n_bars, fit=rest, test=test, purge=purge, embargo=embargo, anchored=anchored)
