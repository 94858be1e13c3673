"""Two lists of trades held against each other, one by one, and what stands between two engines told by name.

Pure: our trades and the foreign ones in, the certificate's `second_opinion` out. A trade is matched by the bar it was
entered at and its side; what has no counterpart is a difference, and so is another exit bar, price or return. Nothing
is explained away: the explanations name readings in which the two were brought together before they ran, and count the
trades of ours that each touches, so that one can see how often the agreement rests on it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.kernel.trades import END_OF_DATA, RUIN, STOP, TARGET, Trades
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import utc_text
from swarmd.engine.second_opinion.peer import ENGINE, PeerTrades

TOLERANCE = 1e-9
# Differences that are written out; all are counted.
_TOLD = 20


def account(
    bars: Bars, ours: Trades, our_return: float, theirs: PeerTrades, *, plan: ExitPlan, costs: Costs
) -> dict[str, Any]:
    """The document: both counts, the largest relative differences, what is apart, what was bridged, the verdict.

    Prices are compared relative to ours, returns relative to what a unit of equity became (a return near zero would
    make any rounding look large). `agrees` asks that every trade has its counterpart, with the same exit bar, and that
    no price, no return and not the total return is apart by more than `TOLERANCE`.
    """
    number = {key: at for at, key in enumerate(zip(theirs.entry_bar.tolist(), theirs.side.tolist(), strict=True))}
    pairs = [
        (at, number.pop(key))
        for at, key in enumerate(zip(ours.entry_bar.tolist(), ours.side.tolist(), strict=True))
        if key in number
    ]
    mine, other = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    price = np.maximum(
        _apart(ours.entry_price[mine], theirs.entry_price[other], np.abs(ours.entry_price[mine])),
        _apart(ours.exit_price[mine], theirs.exit_price[other], np.abs(ours.exit_price[mine])),
    )
    return_ = _apart(ours.return_[mine], theirs.return_[other], np.maximum(1.0, np.abs(1.0 + ours.return_[mine])))
    total = float(_apart(np.array(our_return), np.array(theirs.total_return), max(1.0, abs(1.0 + our_return))))
    other_exit = ours.exit_bar[mine] != theirs.exit_bar[other]
    # Written so that what is no number is apart.
    apart = other_exit | ~(price <= TOLERANCE) | ~(return_ <= TOLERANCE)
    only_ours = sorted(set(range(len(ours))) - set(mine.tolist()))
    only_theirs = sorted(number.values())
    told = [
        *(_told_pair(bars, ours, theirs, int(mine[at]), int(other[at])) for at in np.flatnonzero(apart).tolist()),
        *(_told_alone(bars, "only here", ours, at) for at in only_ours),
        *(_told_alone(bars, f"only in {ENGINE}", theirs, at) for at in only_theirs),
    ]
    return {
        "engine": ENGINE,
        "version": theirs.version,
        "trades": len(ours),
        "their_trades": len(theirs),
        "matched": int(mine.size),
        "tolerance": TOLERANCE,
        "largest_difference": _largest(price, return_),
        "largest_price_difference": _largest(price),
        "largest_return_difference": _largest(return_),
        "return": float(our_return),
        "their_return": theirs.total_return,
        "apart": len(told),
        "differences": told[:_TOLD],
        "explained": list(explained(bars, ours, plan=plan, costs=costs)),
        "agrees": not told and total <= TOLERANCE,
    }


def explained(bars: Bars, ours: Trades, *, plan: ExitPlan, costs: Costs) -> Iterator[dict[str, Any]]:
    """The readings in which two engines may differ and these two were brought together, those that touch this run."""
    stopped, reached = ours.reason == STOP, ours.reason == TARGET
    left_at = bars.open[ours.exit_bar]
    # A stop or target that was jumped over at the open of a bar after the entry's fills at that open.
    jumped = (ours.exit_price == left_at) & (ours.exit_bar > ours.entry_bar)
    found: list[tuple[str, int, str]] = [
        (
            "stop and target in one bar",
            int(np.count_nonzero(stopped & _target_touched(bars, ours, plan))),
            "nobody knows which came first; both engines take the stop",
        ),
        (
            "gap through the stop",
            int(np.count_nonzero(stopped & jumped)),
            "the bar opened beyond it; both fill at that open, which is worse",
        ),
        (
            "gap through the target",
            int(np.count_nonzero(reached & jumped)),
            "the bar opened beyond it; both fill at that open, which is better",
        ),
        (
            "open at the end of the data",
            int(np.count_nonzero(ours.reason == END_OF_DATA)),
            f"closed at the last close with costs; {ENGINE} is shown one more bar at that close",
        ),
        (
            "ruin",
            int(np.count_nonzero(ours.reason == RUIN)),
            "the account was lost; both end the run there",
        ),
        (
            "fill at the open",
            len(ours) if plan.stop is not None or plan.target is not None else 0,
            f"stop and target count from the fill; {ENGINE} wants them at the close before, and is shown the open of a "
            "bar with an order as a bar of its own",
        ),
        (
            "slippage",
            len(ours) if costs.slippage > 0.0 else 0,
            f"{ENGINE} has none when a position is left; fee and slippage are both charged as its commission",
        ),
        (
            "bars that never traded",
            int(np.count_nonzero(_spans(ours, bars.synthetic))),
            f"{ENGINE} is not shown them; an order due on one waits for the next bar that did",
        ),
    ]
    for name, trades, meaning in found:
        if trades:
            yield {"name": name, "trades": trades, "meaning": meaning}


def _target_touched(bars: Bars, ours: Trades, plan: ExitPlan) -> BoolArray:
    """Whether the exit bar reached the target too; where distances count in units of an event it cannot be told."""
    if plan.target is None:
        return np.zeros(len(ours), np.bool_)
    level = ours.entry_price * (1.0 + ours.side * plan.target)
    touched: BoolArray = np.where(ours.side > 0, bars.high[ours.exit_bar] >= level, bars.low[ours.exit_bar] <= level)
    return touched


def _spans(ours: Trades, synthetic: BoolArray) -> BoolArray:
    """Trades that were open over, or entered behind, a bar that never traded."""
    before = np.concatenate(([0], np.cumsum(synthetic)))
    spans: BoolArray = before[ours.exit_bar + 1] > before[np.maximum(ours.entry_bar - 1, 0)]
    return spans


def _apart(ours: FloatArray, theirs: FloatArray, scale: FloatArray | float) -> FloatArray:
    relative: FloatArray = np.abs(ours - theirs) / scale
    return relative


def _largest(*columns: FloatArray) -> float | None:
    """None where no trade was matched, or where what was compared is no number."""
    joined = np.concatenate(columns)
    return float(joined.max()) if joined.size and np.isfinite(joined).all() else None


def _told_pair(bars: Bars, ours: Trades, theirs: PeerTrades, mine: int, other: int) -> dict[str, Any]:
    return {
        "what": "not the same",
        **_trade(bars, ours, mine),
        "theirs": {
            "exit": utc_text(int(bars.open_time[theirs.exit_bar[other]])),
            "entry_price": float(theirs.entry_price[other]),
            "exit_price": float(theirs.exit_price[other]),
            "return": float(theirs.return_[other]),
        },
    }


def _told_alone(bars: Bars, what: str, trades: Trades | PeerTrades, at: int) -> dict[str, Any]:
    return {"what": what, **_trade(bars, trades, at)}


def _trade(bars: Bars, trades: Trades | PeerTrades, at: int) -> dict[str, Any]:
    return {
        "side": "long" if trades.side[at] > 0 else "short",
        "entry": utc_text(int(bars.open_time[trades.entry_bar[at]])),
        "exit": utc_text(int(bars.open_time[trades.exit_bar[at]])),
        "entry_price": float(trades.entry_price[at]),
        "exit_price": float(trades.exit_price[at]),
        "return": float(trades.return_[at]),
    }
