"""The market under the trades: all of it in slower bars, and windows around single trades with their fills.

A slower bar is made of as many as it takes: first open, highest high, lowest low, last close. Fills
stand at their prices; of hundreds of trades the whole shows where and how they ended, and the windows show how they
were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.certificates.axes import Axis, axis_over
from swarmd.engine.certificates.figures import asked, plain, signed_percent
from swarmd.engine.reports.frame import (
    ACROSS,
    BOTTOM,
    TOP,
    boxes,
    dots,
    foot,
    level,
    levels,
    lying,
    mark_at,
    round_levels,
    strokes,
    upright_line,
    wide,
    words_at,
)
from swarmd.engine.reports.instants import minute, span_name, time_ticks
from swarmd.engine.reports.material import VAULT, Prices, Stretch, Trade

WHOLE, _WINDOW = 220, 72
# With more of them on one picture, entries hide the bars.
MOST_ENTRIES = 150
_STRIP = 54
_MOST_WINDOWS = 6
_SPANS = (1, 5, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 3 * 1440, 5 * 1440, 7 * 1440, 14 * 1440, 28 * 1440)


@dataclass(frozen=True, slots=True)
class SlowBars:
    """Bars of one span, by the instant each begins; for the eye alone."""

    minutes: int
    begin: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


def whole_chart(prices: Prices, stretches: Sequence[Stretch], height: int = 300) -> str:
    """All bars, in slower ones, the trades' returns as a strip below, the vault marked; of few trades the entries as
    dots too."""
    slow = gathered(prices, 0, prices.open_time.size, WHOLE)
    trades = [trade for stretch in stretches for trade in stretch.trades]
    floor = height - BOTTOM - _STRIP
    across = _across(slow)
    upright = axis_over([float(slow.low.min()), float(slow.high.max())], floor, TOP, is_log=True)
    stretched = _drawn(slow, across, upright)
    if len(trades) <= MOST_ENTRIES:
        for is_long, kind in ((True, "long"), (False, "short")):
            of_side = [(across.at(each.entry_ms), upright.at(each.entry_price)) for each in trades
                       if each.is_long is is_long]  # fmt: skip
            stretched += dots(of_side, kind)
    below = levels(upright, [(value, asked(value)) for value in round_levels(upright, 5)])
    strip, said = _strip(trades, across, height - BOTTOM - _STRIP + 10, height - BOTTOM - 2)
    above = said
    for stretch in stretches:
        if stretch.name == VAULT and stretch.first_ms > slow.begin[0]:
            x = across.at(stretch.first_ms)
            above += upright_line(x, 4, height - BOTTOM, "split")
            above += words_at(x, 12, "vault →", anchor="start", kind="mark-label", aside=4)
    ticks = time_ticks(int(slow.begin[0]), int(slow.begin[-1]), 6)
    above += foot([(across.at(at), words) for at, words in ticks], height - 7)
    return wide(
        "market", "The market and the trades", f"Bars of {span_name(slow.minutes)}, and {len(trades)} trades.",
        height, stretched=stretched + strip, above=above, below=below,
    )  # fmt: skip


def window_chart(name: str, prices: Prices, trades: Sequence[Trade], shown: Trade, height: int = 210) -> str:
    """The bars around one trade with its fills, and paler those of the trades beside it."""
    first, last = _window(prices, shown)
    slow = gathered(prices, first, last, _WINDOW)
    across = _across(slow)
    begin, end = int(slow.begin[0]), int(slow.begin[-1]) + slow.minutes * 60_000
    held = [shown.entry_price, shown.exit_price, float(slow.low.min()), float(slow.high.max())]
    upright = axis_over(held, height - BOTTOM, TOP)
    half = ACROSS / slow.begin.size / 2.0
    beside = [
        each for each in trades if each.number != shown.number and each.entry_ms < end and each.exit_ms >= begin
        and each.entry_ms >= begin and each.exit_ms < end
    ]  # fmt: skip
    stretched = _drawn(slow, across, upright)
    above = ""
    for each in [*beside, shown]:
        is_shown = each is shown
        ends = [(across.at(each.entry_ms) + half, upright.at(each.entry_price)),
                (across.at(each.exit_ms) + half, upright.at(each.exit_price))]  # fmt: skip
        kind = "won" if each.return_ > 0.0 else "lost"
        stretched += strokes([(ends[0], ends[1])], f"way {kind}" if is_shown else f"way beside {kind}")
        paler = "" if is_shown else " beside"
        said = f"{'long' if each.is_long else 'short'} {minute(each.entry_ms)} at {plain(each.entry_price)}"
        above += mark_at(*ends[0], "up" if each.is_long else "down", f"{kind}{paler}", said)
        left = f"out {minute(each.exit_ms)} at {plain(each.exit_price)}, {each.reason}, {signed_percent(each.return_)}"
        above += mark_at(*ends[1], "cross", f"{kind}{paler}", left)
    below = levels(upright, [(value, asked(value)) for value in upright.ticks(4)])
    ticks = time_ticks(begin, end, 4)
    return wide(
        name, f"Trade {shown.number}", f"Bars of {span_name(slow.minutes)} around trade {shown.number}: "
        f"{'long' if shown.is_long else 'short'} from {minute(shown.entry_ms)} to {minute(shown.exit_ms)}, "
        f"{signed_percent(shown.return_)}.",
        height, stretched=stretched, above=above
        + foot([(across.at(at), words) for at, words in ticks], height - 7), below=below,
    )  # fmt: skip


def chosen(stretches: Sequence[Stretch]) -> list[tuple[str, Stretch, Trade]]:
    """The trades one looks at first, each with why: of the vault where there is one, the best, the worst, the longest
    and so on; none twice."""
    of = next((each for each in stretches if each.name == VAULT and each.trades), None)
    of = of or next((each for each in stretches if each.trades), None)
    if of is None:
        return []
    picks = [
        ("The best", max(of.trades, key=lambda each: each.return_)),
        ("The worst", min(of.trades, key=lambda each: each.return_)),
        ("The longest", max(of.trades, key=lambda each: each.bars_held)),
        ("The middle one", sorted(of.trades, key=lambda each: each.return_)[len(of.trades) // 2]),
        ("The first", of.trades[0]),
        ("The last", of.trades[-1]),
        ("The shortest", min(of.trades, key=lambda each: each.bars_held)),
    ]
    once: dict[int, tuple[str, Stretch, Trade]] = {}
    for why, each in picks:
        once.setdefault(each.number, (why, of, each))
    return list(once.values())[:_MOST_WINDOWS]


def gathered(prices: Prices, first: int, stop: int, most: int) -> SlowBars:
    """The bars [first, stop) as at most about `most` bars of a round span, on the clock's own marks (UTC)."""
    times = prices.open_time[first:stop]
    minutes = (int(times[-1]) - int(times[0])) / 60_000 + prices.interval_minutes
    spans = [each for each in _SPANS if each % prices.interval_minutes == 0 and minutes / each <= most]
    span = spans[0] if spans else prices.interval_minutes * int(np.ceil(minutes / prices.interval_minutes / most))
    of = times // (span * 60_000)
    starts = np.concatenate(([0], np.flatnonzero(of[1:] != of[:-1]) + 1))
    ends = np.concatenate((starts[1:], [times.size])) - 1
    return SlowBars(
        span,
        (of[starts] * span * 60_000).astype(np.int64),
        prices.open[first:stop][starts],
        np.maximum.reduceat(prices.high[first:stop], starts),
        np.minimum.reduceat(prices.low[first:stop], starts),
        prices.close[first:stop][ends],
    )


def _window(prices: Prices, trade: Trade) -> tuple[int, int]:
    """The bars of a trade and about as many on each side, forty at least."""
    entry, leave = np.searchsorted(prices.open_time, [trade.entry_ms, trade.exit_ms])
    room = max(20, int(leave - entry) // 2 + 4)
    return max(0, int(entry) - room), min(int(prices.open_time.size), int(leave) + room + 1)


def _across(slow: SlowBars) -> Axis:
    return lying(float(slow.begin[0]), float(slow.begin[-1] + slow.minutes * 60_000))


def _drawn(slow: SlowBars, across: Axis, upright: Axis) -> str:
    """Wicks and bodies, the risen and the fallen as one path each; a body as wide as the span but for a gap."""
    width = ACROSS / max(1.0, (across.high - across.low) / (slow.minutes * 60_000))
    drawn = ""
    for rises, kind in ((True, "rise"), (False, "fall")):
        wicks, bodies = [], []
        for at in np.flatnonzero((slow.close >= slow.open) == rises).tolist():
            left = across.at(float(slow.begin[at]))
            middle = left + width / 2
            wicks.append(((middle, upright.at(slow.high[at])), (middle, upright.at(slow.low[at]))))
            top, floor = sorted((upright.at(slow.open[at]), upright.at(slow.close[at])))
            bodies.append((left + width * 0.15, top, width * 0.7, max(0.8, floor - top)))
        drawn += strokes(wicks, f"{kind}-wick") + boxes(bodies, kind)
    return drawn


def _strip(trades: Sequence[Trade], across: Axis, top: float, floor: float) -> tuple[str, str]:
    """The return of each trade as a bar at its exit: how they came out over time."""
    if not trades:
        return "", words_at(ACROSS / 2, floor - 12, "no trade")
    upright = axis_over([0.0, *(each.return_ for each in trades)], floor, top, room=0.0)
    zero = upright.at(0.0)
    bars: dict[str, list[tuple[tuple[float, float], tuple[float, float]]]] = {"won-bar": [], "lost-bar": []}
    for each in trades:
        x = across.at(each.exit_ms)
        bars["won-bar" if each.return_ > 0.0 else "lost-bar"].append(((x, zero), (x, upright.at(each.return_))))
    said = level(zero, "grid") + words_at(0.0, top - 1, "return of each trade, at its exit", anchor="start")
    return "".join(strokes(found, kind) for kind, found in bars.items()), said
