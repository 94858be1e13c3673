"""No event may depend on a bar that is not complete when it is decided.

An event of bar b fills at b's open, so it is decided at the close of b - 1: whatever bars b and later are made into, it
must stay what it is. The future is mirrored, made still, and cut off. Cutting off alone would not do: an event of bar b
needs bar b to be there, and the commonest slip, to write down the deciding bar in place of the next, peeks at just that
bar.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from swarmd.engine.laws.finding import Broken, EventRow, Exam, rows_of
from swarmd.engine.laws.markets import with_mirrored_future, with_still_future
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import BarStrategy, Params

_VECTORS = 4
_AT_RANDOM, _AT_EVENTS = 6, 10
_SIDES = {1: "a buy", -1: "a sell", 0: "nothing"}
_Change = Callable[[Bars, int], Bars]


def the_future_changes_no_event(exam: Exam) -> Mapping[str, int]:
    """Events up to a bar are the same, whatever comes from that bar on."""
    n_vectors = n_cuts = n_events = 0
    for mode, strategy, params in exam.cases(_VECTORS):
        whole = rows_of(strategy.events(exam.bars, params))
        cuts = _cuts(whole, exam.bars.n_bars)
        for cut in cuts:
            for change in (with_mirrored_future, with_still_future):
                other = rows_of(strategy.events(change(exam.bars, cut), params))
                for bar in _differing(whole, other, last=cut):
                    raise _caught(exam, mode, strategy, params, whole, other, bar, cut, change)
        # Last, for it tells less: how far a look went is not to be seen where there is nothing to be seen.
        for cut in cuts:
            kept = rows_of(strategy.events(exam.bars.between(0, cut), params))
            for bar in _differing(whole, kept, last=cut - 1):
                raise Broken(
                    f"with bars {cut} and later cut off there is {_side(kept, bar)} at bar {bar}, with them "
                    f"{_side(whole, bar)}: the decision depends on how much data follows",
                    mode, params, bar, exam.time_of(bar),
                )  # fmt: skip
        n_cuts += len(cuts)
        n_vectors, n_events = n_vectors + 1, n_events + len(whole)
    return {"vectors": n_vectors, "events": n_events, "cuts": n_cuts}


def _cuts(whole: list[EventRow], n_bars: int) -> list[int]:
    """Some anywhere, and some right at events: there the bar that fills is the first that is changed."""
    rng = np.random.default_rng(4)
    anywhere = rng.integers(1, n_bars, _AT_RANDOM).tolist() if n_bars > 1 else []
    chosen = np.unique(np.linspace(0, len(whole) - 1, _AT_EVENTS).astype(int)).tolist() if whole else []
    return sorted({*anywhere, *(whole[at][0] for at in chosen)})


def _differing(whole: list[EventRow], other: list[EventRow], *, last: int) -> Iterator[int]:
    """The first bar, up to `last`, whose event is not the same in both; none where all are."""
    apart = {row for row in whole if row[0] <= last} ^ {row for row in other if row[0] <= last}
    if apart:
        yield min(bar for bar, *_ in apart)


def _caught(
    exam: Exam,
    mode: str,
    strategy: BarStrategy,
    params: Params,
    whole: list[EventRow],
    other: list[EventRow],
    bar: int,
    cut: int,
    change: _Change,
) -> Broken:
    last = _last_bar_seen(exam.bars, strategy, params, whole, bar, cut, change)
    if last == bar:
        how = (
            f"it is decided with bar {bar} itself, at whose open it fills; an event belongs to the bar after the close "
            "that decides it: add 1"
        )
    else:
        how = f"it is decided with bars up to {last} ({exam.time_of(last)}), {last - bar + 1} too many"
    return Broken(
        f"with bars {cut} and later made into others the event at bar {bar} is {_side(other, bar)} and not "
        f"{_side(whole, bar)}: {how}",
        mode,
        params,
        bar,
        exam.time_of(bar),
    )


def _last_bar_seen(
    bars: Bars,
    strategy: BarStrategy,
    params: Params,
    whole: list[EventRow],
    bar: int,
    cut: int,
    change: _Change,
) -> int:
    """The last bar whose change reaches the event at `bar`; found by halving, for far looks are as likely as near ones.

    A change from `cut` on reaches it.
    """
    wanted = [row for row in whole if row[0] == bar]
    reaches, beyond = cut, bars.n_bars
    while beyond - reaches > 1:
        middle = (reaches + beyond) // 2
        found = [row for row in rows_of(strategy.events(change(bars, middle), params)) if row[0] == bar]
        reaches, beyond = (middle, beyond) if found != wanted else (reaches, middle)
    return reaches


def _side(rows: list[EventRow], bar: int) -> str:
    return _SIDES[next((side for at, side, *_ in rows if at == bar), 0)]
