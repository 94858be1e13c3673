"""What a simulation gives back: the round trips as a struct of arrays, and the equity at every bar close.

Written by the reference and the numba kernels alike, read by metrics, the trades CSV and the tests that hold the
kernels against each other. Money is in units of the initial equity (1.0).
"""

from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.kernel.costs import Costs

SIGNAL, STOP, TARGET, TRAILING, TIME, END_OF_DATA, RUIN = range(7)
EXIT_REASONS = ("signal", "stop", "target", "trailing", "time", "end_of_data", "ruin")


@dataclass(frozen=True, slots=True)
class Trades:
    """Closed round trips in the order of their entries; every array has shape (n_trades,).

    Prices are those of the market, before slippage; where legs closed at several prices, `exit_price` is their mean
    weighted by quantity and `exit_bar`, `reason` are those of the last one. `fees` is all that trading took, fee and
    slippage on both sides, so that `pnl = side * qty * (exit_price - entry_price) - fees` (a ruined trade loses what
    there was and no more). `return_` is the net profit per unit of equity committed.
    """

    entry_bar: IntArray
    exit_bar: IntArray
    side: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    qty: FloatArray
    pnl: FloatArray
    return_: FloatArray
    fees: FloatArray
    reason: IntArray

    def __len__(self) -> int:
        return int(self.entry_bar.size)

    @property
    def account_return(self) -> FloatArray:
        """Net profit per unit of the whole account's equity before the trade; the account begins with 1."""
        after = 1.0 + np.cumsum(self.pnl)
        before = np.concatenate(([1.0], after[:-1]))[: self.pnl.size]
        # Sums round: who loses everything loses no hair more.
        shares: FloatArray = np.divide(self.pnl, before, out=np.zeros_like(self.pnl), where=before > 0.0)
        return np.maximum(shares, -1.0)

    @property
    def left_at_open(self) -> BoolArray:
        """Exits that come before anything else happens in their bar, so that the bar itself was not held."""
        return np.isin(self.reason, (SIGNAL, TIME))

    @property
    def exit_reason(self) -> tuple[str, ...]:
        """The reason codes by their names."""
        return tuple(EXIT_REASONS[code] for code in self.reason.tolist())


@dataclass(frozen=True, slots=True)
class Outcome:
    """Trades of one run and its equity marked at every bar close, shape (n_bars,)."""

    trades: Trades
    equity: FloatArray


def round_trips(
    *,
    entry_bar: IntArray,
    exit_bar: IntArray,
    side: IntArray,
    entry_price: FloatArray,
    exit_price: FloatArray,
    equity_before: FloatArray,
    equity_after: FloatArray,
    growth: FloatArray,
    reason: IntArray,
    size: FloatArray,
    costs: Costs,
) -> Trades:
    """Trades with the columns that follow from what a simulator records: quantity, profit, fees, return.

    `size` is the share of equity each took, `growth` what one unit of committed equity became; equities are those of
    the whole account around the trade.
    """
    is_long = side > 0
    qty = size * equity_before / (entry_price * np.where(is_long, costs.long_in, costs.short_quantity))
    paid_in = entry_price * np.where(is_long, costs.long_in - 1.0, 1.0 - costs.short_in)
    paid_out = exit_price * np.where(is_long, 1.0 - costs.long_out, costs.short_out - 1.0)
    return Trades(
        entry_bar=entry_bar,
        exit_bar=exit_bar,
        side=side,
        entry_price=entry_price,
        exit_price=exit_price,
        qty=qty,
        pnl=equity_after - equity_before,
        return_=growth - 1.0,
        fees=qty * (paid_in + paid_out),
        reason=reason,
    )
