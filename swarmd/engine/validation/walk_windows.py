"""Where the windows of a walk forward lie: a stretch to fit on, and the stretch behind it to be scored on.

```
rolling   |- is -|purge|- oos -|
                  |- is -|purge|- oos -|
anchored  |- is -|purge|- oos -|
          |----- is -----|purge|- oos -|
```

Pure arithmetic on bar numbers, asked by experiments and by the validation.
"""

from typing import Literal, NamedTuple

Mode = Literal["rolling", "anchored"]


class Window(NamedTuple):
    """Bars [is_start, is_stop) to fit on, bars [oos_start, oos_stop) to score on."""

    is_start: int
    is_stop: int
    oos_start: int
    oos_stop: int


def windows(T: int, is_len: int, oos_len: int, purge: int = 0, mode: Mode = "rolling") -> tuple[Window, ...]:
    """The windows that fit into bars [0, T), in the order of time.

    Parameters
    ----------
    T : number of bars
    is_len : bars to fit on; "anchored" takes as many at first, and later all bars from 0 on
    oos_len : bars to score on, and the step from window to window: the stretches out of sample tile time once
    purge : bars left out between the two, as many as an outcome of the last bar in sample reaches ahead
    mode : "rolling" or "anchored"

    Returns
    -------
    tuple of Window
        `(T - is_len - purge) // oos_len` of them; none where T is too short. A last one that would be cut short is
        left out: its few bars would count as much as a whole window.

    Raises
    ------
    ValueError
        If a length is below 1, T or purge below 0, or the mode is none of the two.

    Source: Pardo (2008), The Evaluation and Optimization of Trading Strategies, 2nd ed., chapter 11.
    """
    for name, bars, least in (("T", T, 0), ("is_len", is_len, 1), ("oos_len", oos_len, 1), ("purge", purge, 0)):
        if bars < least:
            raise ValueError(f"windows: {name} is {bars} bars; give at least {least}")
    if mode not in ("rolling", "anchored"):
        raise ValueError(f"windows: mode {mode!r} is unknown; give 'rolling' or 'anchored'")
    starts = range(is_len + purge, T - oos_len + 1, oos_len)
    return tuple(
        Window(
            is_start=0 if mode == "anchored" else oos_start - purge - is_len,
            is_stop=oos_start - purge,
            oos_start=oos_start,
            oos_stop=oos_start + oos_len,
        )
        for oos_start in starts
    )
