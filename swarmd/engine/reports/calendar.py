"""Equity by the calendar: daily returns, months, years, and the falls from a peak with their dates.

Daily marks throughout, every day of the stretch counting, flat ones too: a Sharpe ratio of the same days is that of the
metrics, while the deepest fall of a day's end is at most that of the bars' closes, which the metrics tell.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from swarmd.engine.reports.material import Stretch

Days = Sequence[str]


@dataclass(frozen=True, slots=True)
class Fall:
    """From the first day below a peak to the last (`end` is None where the peak was not seen again), both included."""

    start: str
    trough: str
    end: str | None
    depth: float
    days: int


def daily_returns(equity: Sequence[float]) -> list[float]:
    """Simple returns from one day's mark to the next, the first from 1.0; 0 from a ruined mark on."""
    return [after / before - 1.0 if before > 0.0 else 0.0 for before, after in pairwise((1.0, *equity))]


def months(stretches: Iterable[Stretch]) -> dict[tuple[int, int], float]:
    """Compounded return of each calendar month, by year and month; stretches follow one another."""
    return _compounded(stretches, lambda day: (int(day[:4]), int(day[5:7])))


def years(stretches: Iterable[Stretch]) -> dict[tuple[int, int], float]:
    """The same of each year, by year and 0."""
    return _compounded(stretches, lambda day: (int(day[:4]), 0))


def _compounded(stretches: Iterable[Stretch], named: Callable[[str], tuple[int, int]]) -> dict[tuple[int, int], float]:
    grown: dict[tuple[int, int], float] = {}
    for stretch in stretches:
        for day, change in zip(stretch.days, daily_returns(stretch.equity), strict=True):
            at = named(day)
            grown[at] = grown.get(at, 1.0) * (1.0 + change)
    return {at: level - 1.0 for at, level in sorted(grown.items())}


def falls(days: Days, equity: Sequence[float]) -> list[Fall]:
    """Every stretch below a peak, the deepest first, of equals the earlier; 1.0 is the first peak."""
    found: list[Fall] = []
    peak, first, lowest = 1.0, None, 0
    for at, level in enumerate(equity):
        if level >= peak:
            if first is not None:
                found.append(_fall(days, equity, peak, first, lowest, at - 1, is_over=True))
                first = None
            peak = level
        elif first is None:
            first = lowest = at
        elif level < equity[lowest]:
            lowest = at
    if first is not None:
        found.append(_fall(days, equity, peak, first, lowest, len(days) - 1, is_over=False))
    return sorted(found, key=lambda fall: (-fall.depth, fall.start))


def deepest_falls(stretches: Iterable[Stretch], most: int) -> list[tuple[str, Fall]]:
    """The deepest of all stretches with the name of each, the deepest first."""
    found = [(each.name, fall) for each in stretches for fall in falls(each.days, each.equity)]
    return sorted(found, key=lambda named: (-named[1].depth, named[1].start))[:most]


def deepest(equity: Sequence[float]) -> float:
    """The largest fall of a day's end from its peak, a positive fraction."""
    peak, worst = 1.0, 0.0
    for level in equity:
        peak = max(peak, level)
        worst = max(worst, 1.0 - level / peak)
    return worst


def _fall(
    days: Days, equity: Sequence[float], peak: float, first: int, lowest: int, last: int, *, is_over: bool
) -> Fall:
    length = (dt.date.fromisoformat(days[last]) - dt.date.fromisoformat(days[first])).days + 1
    return Fall(days[first], days[lowest], days[last] if is_over else None, 1.0 - equity[lowest] / peak, length)
