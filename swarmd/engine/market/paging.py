"""Paging: how the pages of an exchange become one stretch of bars that lacks nothing and holds nothing twice.

Pure rules the download walks by. An exchange may send half a page, a page again, rows out of order, or a page with a
hole in it; nothing that was sent once is believed absent, and a bar is absent only when two replies have looked past
it. No clock, no network and no files here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from swarmd.engine.market.timeframes import utc_text

# A reply without anything new is asked for so many times before the stretch counts as empty.
_EMPTY_REPLIES = 2

_NO_ROWS: Mapping[int, "Row"] = {}


class PageError(ValueError):
    """A page that no healthy exchange sends; asked for again, and told when it does not get better."""


class Row(NamedTuple):
    """One bar as the exchange sent it: open time in ms UTC, prices and volume."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Span(NamedTuple):
    """Open times from `start` on, up to and without `stop`; ms UTC, on the grid."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk through one span stands.

    `cursor` is the first open time that is not settled yet, `ahead` holds bars seen beyond it, and `covered_to` says
    how far one reply has already looked: what is missing before it is doubted, and believed at the second look.
    """

    cursor: int
    stop: int
    step: int
    page_rows: int
    ahead: Mapping[int, Row] = field(default_factory=lambda: _NO_ROWS)
    covered_to: int = 0
    n_empty: int = 0

    @property
    def is_over(self) -> bool:
        return self.cursor >= self.stop


def advance(walk: Walk, page: Sequence[Row]) -> tuple[Walk, tuple[Row, ...]]:
    """The walk after one more reply to its cursor, and the bars that are settled by it, in order of time.

    Every reply settles something, or brings the walk nearer to settling: it ends whatever the exchange sends.

    Raises
    ------
    PageError
        If a bar comes with other values than before.
    """
    ahead = {**walk.ahead}
    for row in page:
        if walk.cursor <= row.open_time < walk.stop and ahead.setdefault(row.open_time, row) != row:
            raise PageError(
                f"the bar of {utc_text(row.open_time)} came twice and differs: {told_values(ahead[row.open_time])},"
                f" then {told_values(row)}"
            )
    # A row past the stop proves that the reply looked up to the stop.
    reach = max((min(row.open_time + walk.step, walk.stop) for row in page if row.open_time >= walk.cursor), default=0)
    n_empty = 0 if reach else walk.n_empty + 1
    barren_to = min(walk.covered_to, reach)
    if n_empty >= _EMPTY_REPLIES:
        barren_to = min([*ahead, walk.cursor + walk.page_rows * walk.step, walk.stop])
    settled: list[Row] = []
    at = walk.cursor
    for open_time in sorted(ahead):
        at = max(at, min(open_time, barren_to))
        if open_time != at:
            break
        settled.append(ahead.pop(open_time))
        at += walk.step
    at = max(at, barren_to)
    onward = replace(
        walk,
        cursor=at,
        ahead=ahead,
        covered_to=max(walk.covered_to, reach),
        n_empty=0 if at > walk.cursor else n_empty,
    )
    return onward, tuple(settled)


def judged_page(raw: object, *, start: int, stop: int, step: int) -> tuple[Row, ...]:
    """The rows of a reply, those of the span [start, stop) examined one by one.

    Rows outside keep only their open time's meaning: the last one is mostly the bar still in progress.

    Raises
    ------
    PageError
        If it is no list of rows, or a row of the span is off the grid, lacks a number, or has a range that does not
        hold its open and close. Nothing is repaired.
    """
    if not isinstance(raw, list):
        raise PageError(f"it is no list of bars but {str(raw)[:60]!r}")
    page = [_row_of(values) for values in raw]
    for row in page:
        if start <= row.open_time < stop and (fault := _fault_of(row, step)):
            raise PageError(f"the bar of {utc_text(row.open_time)} {fault}")
    return tuple(page)


def _row_of(values: object) -> Row:
    try:
        if not isinstance(values, list):
            raise TypeError
        open_time, open_, high, low, close, volume = values[:6]
        return Row(int(open_time), float(open_), float(high), float(low), float(close), float(volume))
    except (TypeError, ValueError, OverflowError):
        raise PageError(f"a row of it is no bar: {str(values)[:80]}") from None


def _fault_of(row: Row, step: int) -> str | None:
    if row.open_time % step:
        return "is off the grid of the interval"
    if not all(map(math.isfinite, row[1:])):
        return f"has a value that is no number: {told_values(row)}"
    if min(row.open, row.high, row.low, row.close) <= 0 or row.volume < 0:
        return f"has a price that is not positive, or a negative volume: {told_values(row)}"
    if row.high < max(row.open, row.close) or row.low > min(row.open, row.close):
        return f"has a range that does not hold its open and close: {told_values(row)}"
    return None


def told_values(row: Row) -> str:
    """Prices and volume for a person, every digit shown."""
    return " ".join(f"{name} {getattr(row, name)!r}" for name in Row._fields[1:])


# -- spans ------------------------------------------------------------------------------------------------------------


def wanted_spans(since: int, stop: int, step: int, *, held: Span | None, overlap_bars: int) -> tuple[Span, ...]:
    """What must be asked for so that the file holds everything of [since, stop) that the exchange has.

    What is `held` already is not asked for again, but for `overlap_bars` at the seams, which show whether both are the
    same market. A stretch between the held bars and the wanted ones is asked for too, so that the file has no hole.
    """
    if held is None:
        return (Span(since, stop),) if since < stop else ()
    overlap = overlap_bars * step
    spans = []
    if since < held.start:
        spans.append(Span(since, min(held.start + overlap, held.stop)))
    if stop > held.stop:
        spans.append(Span(max(held.stop - overlap, held.start), stop))
    return united(spans)


def united(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same instants in spans that neither touch nor overlap, in order of time."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.stop):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = Span(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return tuple(merged)


def remaining(wanted: Iterable[Span], kept: Iterable[Span]) -> tuple[Span, ...]:
    """The wanted instants that are not kept, in order of time."""
    kept = united(kept)
    left = []
    for start, stop in united(wanted):
        at = start
        for piece in kept:
            if piece.stop > at and piece.start < stop:
                left.append(Span(at, piece.start))
                at = piece.stop
        left.append(Span(at, stop))
    return tuple(span for span in left if span.start < span.stop)
