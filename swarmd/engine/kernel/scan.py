"""The bar-scanning simulator in numba: one run, any exit plan, every trade and the whole equity curve.

The same rules in the same order of operations as `reference`, which words them; results are the same bits. Called by
`cpu`. Screening does not come here for plain plans: it skips bars (`fold`).
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.kernel.trades import END_OF_DATA, RUIN, SIGNAL, STOP, TARGET, TIME, TRAILING

# Columns of the trade records `scan_bars` writes.
ENTRY_BAR, EXIT_BAR, SIDE, REASON = range(4)
ENTRY_PRICE, EXIT_PRICE, EQUITY_BEFORE, EQUITY_AFTER, GROWTH, SIZE = range(6)
N_REAL = 6


@njit(cache=True, inline="always")
def _grown(side: int, entry: float, price: float, factors: tuple[float, float, float, float, float]) -> float:
    long_in, long_out, short_quantity, short_out, short_base = factors
    if side > 0:
        return (price * long_out) / (entry * long_in)
    return short_base - (price * short_out) / (entry * short_quantity)


@njit(cache=True, inline="always")
def _away(price: float, distance: float, unit: float) -> float:
    """The price that lies so far above, in units or, where there is none, in fractions of the price."""
    return price * (1.0 + distance) if np.isnan(unit) else price + distance * unit


@njit(cache=True)
def scan_bars(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    synthetic: BoolArray,
    event_bar: IntArray,
    event_side: IntArray,
    event_unit: FloatArray,
    event_chance: IntArray,
    stop: float,
    leg_share: FloatArray,
    leg_target: FloatArray,
    leg_stop_to: FloatArray,
    last_leg_closes_all: bool,
    trailing: float,
    time_stop_bars: int,
    largest_size: float,
    risk: float,
    is_held_through_signals: bool,
    shorts: bool,
    factors: tuple[float, float, float, float, float],
    equity_out: FloatArray,
    whole: IntArray,
    real: FloatArray,
) -> int:
    """Walks every bar; returns the number of trades written to `whole` (n, 4) and `real` (n, 6).

    Infinity stands for no stop and no trailing stop, NaN in `leg_stop_to` for a leg that moves no stop, 0 for no time
    stop, NaN in `event_unit` for distances that are fractions, -1 in `event_chance` for an event with a chance of its
    own, NaN for no `risk`. Events are already on real bars.
    """
    long_in, _, short_quantity, _, short_base = factors
    n_bars = close.size
    n_events = event_bar.size
    n_legs = leg_share.size
    size, cash = largest_size, 1.0 - largest_size
    equity = 1.0
    ruined = False
    n_trades = 0
    next_event = 0
    side = 0
    entry_bar = 0
    leg = 0
    chance_taken = -1
    chance = -1
    unit = np.nan
    entry = level = best = growth = paid = 0.0
    rest = 1.0
    for t in range(n_bars):
        price = 0.0
        reason = -1
        if not synthetic[t]:
            event = 0
            if next_event < n_events and event_bar[next_event] == t:
                event = event_side[next_event]
                chance = event_chance[next_event]
                next_event += 1
            held = side
            if side != 0:
                if event == -side and not is_held_through_signals:
                    reason = SIGNAL
                elif time_stop_bars > 0 and t >= entry_bar + time_stop_bars:
                    reason = TIME
                if reason >= 0:
                    growth += rest * _grown(side, entry, open_[t], factors)
                    paid += rest * open_[t]
                    before = equity
                    equity = before * (cash + size * growth)
                    if not equity > 0.0:
                        equity = 0.0
                        reason = RUIN
                        ruined = True
                    whole[n_trades, ENTRY_BAR], whole[n_trades, EXIT_BAR] = entry_bar, t
                    whole[n_trades, SIDE], whole[n_trades, REASON] = side, reason
                    real[n_trades, ENTRY_PRICE], real[n_trades, EXIT_PRICE] = entry, paid
                    real[n_trades, EQUITY_BEFORE], real[n_trades, EQUITY_AFTER] = before, equity
                    real[n_trades, GROWTH], real[n_trades, SIZE] = growth, size
                    n_trades += 1
                    side = 0
                    reason = -1
            is_order = event != 0 and event != held and side == 0 and not ruined and (event > 0 or shorts)
            if is_order and (chance < 0 or chance != chance_taken):
                side = event
                chance_taken = chance
                unit = event_unit[next_event - 1]
                entry_bar = t
                entry = best = open_[t]
                level = _away(entry, -side * stop, unit)
                if not np.isnan(risk):
                    size = min(largest_size, risk * entry / (stop * (entry if np.isnan(unit) else unit)))
                    cash = 1.0 - size
                leg = 0
                rest = 1.0
                growth = paid = 0.0
            if side > 0:
                trail = _away(best, -trailing, unit)
                in_force = max(level, trail)
                if low[t] <= in_force:
                    price = min(open_[t], in_force)
                    reason = TRAILING if trail > level else STOP
            elif side < 0:
                trail = _away(best, trailing, unit)
                in_force = min(level, trail)
                if high[t] >= in_force:
                    price = max(open_[t], in_force)
                    reason = TRAILING if trail < level else STOP
            if side != 0 and reason < 0:
                while leg < n_legs:
                    target = _away(entry, side * leg_target[leg], unit)
                    if side > 0:
                        if not high[t] >= target:
                            break
                        price = max(open_[t], target)
                    else:
                        if not low[t] <= target:
                            break
                        price = min(open_[t], target)
                    moved_to = leg_stop_to[leg]
                    leg += 1
                    if leg == n_legs and last_leg_closes_all:
                        reason = TARGET
                        break
                    share = leg_share[leg - 1]
                    growth += share * _grown(side, entry, price, factors)
                    paid += share * price
                    rest -= share
                    if not np.isnan(moved_to):
                        if side > 0:
                            level = max(level, _away(entry, moved_to, unit))
                        else:
                            level = min(level, _away(entry, -moved_to, unit))
                best = max(best, high[t]) if side > 0 else min(best, low[t])
        if side != 0 and reason < 0 and t == n_bars - 1:
            price = close[t]
            reason = END_OF_DATA
        mark = equity
        if side != 0 and reason < 0:
            open_part = close[t] / (entry * long_in) if side > 0 else short_base - close[t] / (entry * short_quantity)
            mark = equity * (cash + size * (growth + rest * open_part))
            if not mark > 0.0:
                price = close[t]
                reason = RUIN
        if side != 0 and reason >= 0:
            growth += rest * _grown(side, entry, price, factors)
            paid += rest * price
            before = equity
            equity = before * (cash + size * growth)
            if reason == RUIN or not equity > 0.0:
                equity = 0.0
                reason = RUIN
                ruined = True
            whole[n_trades, ENTRY_BAR], whole[n_trades, EXIT_BAR] = entry_bar, t
            whole[n_trades, SIDE], whole[n_trades, REASON] = side, reason
            real[n_trades, ENTRY_PRICE], real[n_trades, EXIT_PRICE] = entry, paid
            real[n_trades, EQUITY_BEFORE], real[n_trades, EQUITY_AFTER] = before, equity
            real[n_trades, GROWTH], real[n_trades, SIZE] = growth, size
            n_trades += 1
            side = 0
            mark = equity
        equity_out[t] = mark
    return n_trades
