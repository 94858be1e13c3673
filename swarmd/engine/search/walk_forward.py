"""What a walk forward came to: each window with its choice and its score outside, and the equity of them all joined.

Pure: trials and equities in, a document out. What is walked is the procedure; no vector of the whole history appears.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import utc_text
from swarmd.engine.metrics.daily import annual_sharpe, daily_returns
from swarmd.engine.metrics.drawdown import max_drawdown
from swarmd.engine.metrics.growth import bar_returns, total_return
from swarmd.engine.search.windows import Window
from swarmd.engine.validation.walk_forward import WalkForwardEfficiency, walk_forward_efficiency


@dataclass(frozen=True, slots=True)
class Choice:
    """The trial that a window's search put forward, with its figures on the stretch it was searched on."""

    trial: int
    params: Mapping[str, float | int]
    score: float | None
    metrics: Mapping[str, float | int | None]

    def document(self) -> dict[str, Any]:
        return {
            "trial": self.trial,
            "params": dict(self.params),
            "score": self.score,
            "metrics": dict(self.metrics),
        }


@dataclass(frozen=True, slots=True)
class Walked:
    """A window with what its search chose and what that did in the test; without a choice nothing is held there."""

    window: Window
    n_trials: int
    n_valid: int
    choice: Choice | None
    metrics: Mapping[str, float | int | None] | None = None
    equity: FloatArray | None = None
    earned_inside: float = 0.0
    error: str | None = None

    def equity_outside(self) -> FloatArray:
        """Equity of the test's bars, from 1.0; flat where nothing was chosen."""
        flat: FloatArray = np.ones(self.window.test_stop - self.window.test_start)
        return flat if self.equity is None else self.equity


@dataclass(frozen=True, slots=True)
class Joined:
    """The tests one after the other: open time, window and equity of every bar that was tested."""

    open_time: IntArray
    window: IntArray
    equity: FloatArray


def joined(walked: Sequence[Walked], bars: Bars) -> Joined:
    """One equity of all tests: each goes on from where the one before ended, with nothing held over."""
    level, parts = 1.0, []
    for each in walked:
        parts.append(level * each.equity_outside())
        level = float(parts[-1][-1])
    stretches = [(each.window.test_start, each.window.test_stop) for each in walked]
    return Joined(
        open_time=np.concatenate([bars.open_time[start:stop] for start, stop in stretches]),
        window=np.concatenate([np.full(stop - start, index) for index, (start, stop) in enumerate(stretches)]),
        equity=np.concatenate(parts),
    )


def walk_forward_document(walked: Sequence[Walked], bars: Bars) -> dict[str, Any]:
    """The windows, and all of them together. `efficiency` is null with the reason beside it where it says nothing."""
    whole = joined(walked, bars)
    returns = [float(each.equity_outside()[-1]) - 1.0 for each in walked]
    efficiency = _efficiency(walked)
    return {
        "windows": [_window_document(each, bars) for each in walked],
        "outside": {
            "bars": int(whole.equity.size),
            "total_return": total_return(whole.equity),
            "annual_sharpe": annual_sharpe(daily_returns(whole.equity, day_end_bars(whole.open_time))),
            "max_drawdown": max_drawdown(whole.equity),
            "total_trades": sum(int((each.metrics or {}).get("total_trades") or 0) for each in walked),
        },
        "share_of_profitable_windows": sum(earned > 0.0 for earned in returns) / len(returns),
        "worst_window": {"number": int(np.argmin(returns)), "total_return": min(returns)},
        "efficiency": efficiency.wfe,
        "efficiency_undefined_because": efficiency.undefined_because,
    }


def _efficiency(walked: Sequence[Walked]) -> WalkForwardEfficiency:
    """Of the windows with a choice; bar returns are summed, not compounded."""
    chosen = [each for each in walked if each.choice is not None and each.equity is not None]
    return walk_forward_efficiency(
        is_returns=[each.earned_inside for each in chosen],
        is_bars=[each.window.fit_stop - each.window.fit_start for each in chosen],
        oos_returns=[float(bar_returns(each.equity_outside()).sum()) for each in chosen],
        oos_bars=[each.window.test_stop - each.window.test_start for each in chosen],
    )


def _window_document(each: Walked, bars: Bars) -> dict[str, Any]:
    window, choice = each.window, each.choice
    return {
        "number": window.number,
        "fit": _stretch(bars, window.fit_start, window.fit_stop),
        "test": _stretch(bars, window.test_start, window.test_stop),
        "trials": each.n_trials,
        "valid": each.n_valid,
        "choice": None if choice is None else choice.document(),
        "outside": None if each.metrics is None else dict(each.metrics),
        "error": each.error,
    }


def _stretch(bars: Bars, start: int, stop: int) -> dict[str, Any]:
    return {
        "first": utc_text(int(bars.open_time[start])),
        "last": utc_text(int(bars.open_time[stop - 1])),
        "start_bar": start,
        "bars": stop - start,
    }
