#!/usr/bin/env python3
"""The obvious loop: every bar of every vector, in numba on all cores. What a search costs without any of our ideas.

Twice, for both are what people write. `loop_with_averages_from_tables` has every average made beforehand and looks it
up bar by bar; it is the loop by which the targets of docs/BENCHMARKS.md were set. `loop_with_averages_in_registers`
keeps them up as the bars go by, which is faster.
"""

import math
from collections.abc import Callable

import bench_stand as stand
import numba
import numpy as np

from swarmd.engine.indicators.moving import ema
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars


@numba.njit(parallel=True, cache=True)
def loop_with_averages_in_registers(
    open_, high, low, close, synthetic, is_day_end, lead, vectors, shorts, factors, out
):
    """Both averages, the order, stop and target, the mark, the day's return."""
    kin, kout, sinq, sout, base = factors
    for v in numba.prange(vectors.shape[0]):
        nf, ns = int(vectors[v, 0]), int(vectors[v, 2])
        lf, ls, sl, tp = vectors[v, 1], vectors[v, 3], vectors[v, 4], vectors[v, 5]
        af, as_ = 2.0 / (lf + 1.0), 2.0 / (ls + 1.0)
        # Base bars of the running bar of each timeframe; the first counts only when it is whole.
        cf, cs = lead % nf, lead % ns
        whole_f, whole_s = cf == 0, cs == 0
        fast = slow = 0.0
        kf = ks = 0
        was_valid = above = False
        order = side = 0
        equity = peak = mark = 1.0
        entry = stop = target = worst = sum_r = sum_rr = gained = lost = 0.0
        n_trades = n_won = n_days = 0
        for t in range(close.size):
            for step in range(2):  # first an order at the open, then the rest of the bar
                leave = 0.0
                if step == 0:
                    if order == 0 or order == side or synthetic[t]:
                        continue
                    leave = open_[t] if side != 0 else 0.0
                elif side != 0:
                    if side > 0:
                        if low[t] <= stop:
                            leave = min(open_[t], stop)
                        elif high[t] >= target:
                            leave = max(open_[t], target)
                    elif high[t] >= stop:
                        leave = max(open_[t], stop)
                    elif low[t] <= target:
                        leave = min(open_[t], target)
                    if leave == 0.0 and t == close.size - 1:
                        leave = close[t]
                if leave > 0.0:
                    growth = leave * kout / (entry * kin) if side > 0 else base - leave * sout / (entry * sinq)
                    profit = max(equity * growth, 0.0) - equity
                    equity += profit
                    n_trades += 1
                    n_won += growth > 1.0
                    gained += max(profit, 0.0)
                    lost -= min(profit, 0.0)
                    side = 0
                if step == 0 and (order > 0 or shorts) and equity > 0.0:
                    side, entry = order, open_[t]
                    stop, target = entry * (1.0 - side * sl), entry * (1.0 + side * tp)
            if not synthetic[t]:
                order = 0
            now = equity
            if side > 0:
                now = equity * (close[t] / (entry * kin))
            elif side < 0:
                now = equity * (base - close[t] / (entry * sinq))
            peak = max(peak, now)
            worst = max(worst, 1.0 - now / peak)
            if is_day_end[t]:
                r = now / mark - 1.0 if mark > 0.0 else 0.0
                sum_r += r
                sum_rr += r * r
                mark = now
                n_days += 1
            cf += 1
            if cf == nf:
                if whole_f:
                    fast = close[t] if kf == 0 else fast + af * (close[t] - fast)
                    kf += 1
                cf, whole_f = 0, True
            cs += 1
            if cs == ns:
                if whole_s:
                    slow = close[t] if ks == 0 else slow + as_ * (close[t] - slow)
                    ks += 1
                cs, whole_s = 0, True
            if kf >= lf and ks >= ls:
                is_above = fast > slow
                if was_valid and is_above != above and t < close.size - 2:
                    order = 1 if is_above else -1
                above, was_valid = is_above, True
        variance = (sum_rr - sum_r * sum_r / n_days) / (n_days - 1)
        out[v, 0] = n_trades
        out[v, 1] = equity - 1.0
        out[v, 2] = sum_r / n_days / math.sqrt(variance) * math.sqrt(365.0) if variance > 1e-30 else 0.0
        out[v, 3] = worst
        out[v, 4] = n_won / n_trades if n_trades else 0.0
        out[v, 5] = gained / lost if lost > 0.0 else np.inf


@numba.njit(cache=True)
def one_vector_from_tables(open_, high, low, close, vector, fast, slow, bars_per_day, shorts, factors, out):
    """Bars begin at midnight and none is synthetic. `fast`, `slow`: the averages, one value per bar of their own."""
    kin, kout, sinq, sout, base = factors
    nf, ns, sl, tp = int(vector[0]), int(vector[2]), vector[4], vector[5]
    warm = max(nf * int(vector[1]), ns * int(vector[3]))
    equity = peak = mark = 1.0
    worst = sum_r = sum_rr = gained = lost = entry = stop = target = 0.0
    side = order = n_trades = n_won = n_days = cf = cs = 0
    kf = ks = -1
    above = was_valid = ruined = False
    for t in range(close.size):
        if order != 0:
            if side != 0:
                growth = open_[t] * kout / (entry * kin) if side > 0 else base - open_[t] * sout / (entry * sinq)
                after = equity * growth
                if after <= 0.0:
                    after, ruined = 0.0, True
                n_trades += 1
                if growth > 1.0:
                    n_won += 1
                    gained += after - equity
                else:
                    lost -= after - equity
                equity = after
                side = 0
            if not ruined:
                if order > 0:
                    side, entry = 1, open_[t]
                    stop, target = entry * (1.0 - sl), entry * (1.0 + tp)
                elif shorts:
                    side, entry = -1, open_[t]
                    stop, target = entry * (1.0 + sl), entry * (1.0 - tp)
            order = 0
        leave = 0.0
        if side > 0:
            if low[t] <= stop:
                leave = min(open_[t], stop)
            elif high[t] >= target:
                leave = max(open_[t], target)
        elif side < 0:
            if high[t] >= stop:
                leave = max(open_[t], stop)
            elif low[t] <= target:
                leave = min(open_[t], target)
        if leave == 0.0 and side != 0 and t == close.size - 1:
            leave = close[t]
        if leave != 0.0:
            growth = leave * kout / (entry * kin) if side > 0 else base - leave * sout / (entry * sinq)
            after = equity * growth
            if after <= 0.0:
                after, ruined = 0.0, True
            n_trades += 1
            if growth > 1.0:
                n_won += 1
                gained += after - equity
            else:
                lost -= after - equity
            equity = after
            side = 0
        now = equity
        if side > 0:
            now = equity * (close[t] / (entry * kin))
        elif side < 0:
            now = equity * (base - close[t] / (entry * sinq))
        peak = max(peak, now)
        worst = max(worst, 1.0 - now / peak)
        if (t + 1) % bars_per_day == 0:
            r = now / mark - 1.0 if mark > 0.0 else 0.0
            sum_r += r
            sum_rr += r * r
            mark = now
            n_days += 1
        cf += 1
        if cf == nf:
            cf = 0
            kf += 1
        cs += 1
        if cs == ns:
            cs = 0
            ks += 1
        if t + 1 >= warm:
            is_above = fast[kf] > slow[ks]
            if was_valid and is_above != above and t < close.size - 2:
                order = 1 if is_above else -1
            above, was_valid = is_above, True
    variance = (sum_rr - sum_r * sum_r / n_days) / (n_days - 1)
    out[0] = n_trades
    out[1] = equity - 1.0
    out[2] = sum_r / n_days / math.sqrt(variance) * math.sqrt(365.0) if variance > 1e-30 else 0.0
    out[3] = worst
    out[4] = n_won / n_trades if n_trades else 0.0
    out[5] = gained / lost if lost > 0.0 else np.inf


@numba.njit(parallel=True, cache=True)
def loop_with_averages_from_tables(
    open_, high, low, close, vectors, starts, tables, bars_per_day, shorts, factors, out
):
    for v in numba.prange(vectors.shape[0]):
        one_vector_from_tables(
            open_, high, low, close, vectors[v], tables[starts[v, 0] :], tables[starts[v, 1] :], bars_per_day, shorts,
            factors, out[v],
        )  # fmt: skip


def average_tables(bars: Bars, lead: int, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All averages that the vectors ask for, one behind the other, and where each vector's two begin."""
    tables, begins, at = [], {}, 0
    starts = np.empty((vectors.shape[0], 2), np.int64)
    for column, (factors, lengths) in enumerate(((vectors[:, 0], vectors[:, 1]), (vectors[:, 2], vectors[:, 3]))):
        for row, (factor, length) in enumerate(zip(factors.astype(int), lengths.astype(int), strict=True)):
            if (factor, length) not in begins:
                # Closes of whole bars of that timeframe, which count from the UTC midnight before the data.
                tables.append(ema(np.ascontiguousarray(bars.close[(-lead) % factor + factor - 1 :: factor]), length))
                begins[factor, length] = at
                at += tables[-1].size
            starts[row, column] = begins[factor, length]
    return np.concatenate(tables), starts


def plain_run(
    bars: Bars, columns: stand.Columns, direction: Direction, *, from_tables: bool
) -> Callable[[], np.ndarray]:
    """What runs the loop and gives the screening metrics of each vector, shape (n_vectors, n_metrics).

    The tables are made before: in a whole search they are few beside the vectors, in a sample of it they are not.
    """
    minutes = bars.interval_minutes
    vectors = np.stack(
        [columns["tf_fast"] / minutes, columns["L_fast"], columns["tf_slow"] / minutes, columns["L_slow"],
         columns["sl"], columns["tp"]], axis=1,
    ).astype(np.float64)  # fmt: skip
    is_day_end = np.zeros(bars.n_bars, np.bool_)
    is_day_end[day_end_bars(bars.open_time)] = True
    lead = int(bars.open_time[0] // (minutes * 60_000) % (1440 // minutes))
    tables, starts = (
        average_tables(bars, lead, vectors) if from_tables else (np.empty(0), np.empty((vectors.shape[0], 2), np.int64))
    )
    shorts, factors = direction is Direction.LONG_SHORT, stand.COSTS.factors()
    out = np.empty((vectors.shape[0], len(SCREEN_METRICS)))
    prices = (bars.open, bars.high, bars.low, bars.close)
    if from_tables:
        if lead or bars.synthetic.any():
            raise SystemExit("error: plain-tables begins at midnight and has no gaps; measure it on the made-up market")
        tables, starts = average_tables(bars, lead, vectors)
        per_day = 1440 // minutes
        found = (*prices, vectors, starts, tables, per_day, shorts, factors, out)
        return lambda: (loop_with_averages_from_tables(*found), out)[1]
    asked = (*prices, bars.synthetic, is_day_end, lead, vectors, shorts, factors, out)
    return lambda: (loop_with_averages_in_registers(*asked), out)[1]
