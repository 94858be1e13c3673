"""The event-driven screen gives the metrics of the reference, on bars made to break its shortcuts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_builders import KINDS, awkward_bars, events_from, prices_from, prices_of, random_events

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.entries import Entries, entry_list
from swarmd.engine.kernel.events import Events, on_real_bars
from swarmd.engine.kernel.exits import exit_list
from swarmd.engine.kernel.fold import screen_plain
from swarmd.engine.kernel.marks import trade_list
from swarmd.engine.kernel.passage import N_LEVELS, block_maxima, block_minima, first_passages, passage_levels
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.kernel.prices import PriceArrays
from swarmd.engine.kernel.reference import simulate_reference
from swarmd.engine.kernel.tape import tape_of
from swarmd.engine.metrics import daily, trade_statistics
from swarmd.engine.metrics.drawdown import max_drawdown


def screened(
    prices: PriceArrays,
    events: Events,
    *,
    stop: float | None,
    target: float | None,
    direction: Direction,
    costs: Costs,
    stride: int,
) -> list[float]:
    settled = on_real_bars(events, prices.synthetic)
    wide = [math.inf if x is None else x for x in (stop, target)]
    levels = passage_levels(np.array([*wide, 0.006, 0.15]))
    tape = tape_of(prices, levels=levels, first_entry=0, entry_stride=stride)
    shorts = direction is Direction.LONG_SHORT
    entries, n_entries = entries_by_hand(prices, settled, shorts=shorts, stride=stride, n_rows=len(tape.row_open))
    n = len(settled) + 1
    out = np.empty((6, 1))
    screen_plain(
        tape, entries, n_entries, True, *wide, shorts, costs.factors(), exit_list(n), trade_list(n), out, 0
    )  # fmt: skip
    return out[:, 0].tolist()


def entries_by_hand(
    prices: PriceArrays, events: Events, *, shorts: bool, stride: int, n_rows: int
) -> tuple[Entries, int]:
    """Entries from any events: sides may repeat, and bars need not be those that the passage table knows."""
    entries = entry_list(len(events))
    day = np.searchsorted(prices.day_ends, np.arange(prices.n_bars))
    n = 0
    for i, (bar, side) in enumerate(zip(events.bar.tolist(), events.side.tolist(), strict=True)):
        if side < 0 and not shorts:
            continue
        opposite = events.bar[i:][events.side[i:] == -side]
        until = int(opposite[0]) if opposite.size else prices.n_bars
        entries.bar[n], entries.until[n], entries.side[n] = bar, until, side
        entries.slot[n] = bar // stride if bar % stride == 0 else n_rows - 1
        entries.day[n], entries.until_day[n] = day[bar], day[min(until, prices.n_bars - 1)]
        entries.entry[n] = prices.open[bar]
        entries.leave[n] = prices.open[until] if until < prices.n_bars else prices.close[-1]
        n += 1
    return entries, n


def expected(
    prices: PriceArrays, events: Events, *, stop: float | None, target: float | None, direction: Direction, costs: Costs
) -> list[float]:
    outcome = simulate_reference(prices, events, plan=ExitPlan(stop, target), direction=direction, costs=costs)
    trades = outcome.trades
    return [
        len(trades),
        float(outcome.equity[-1]) - 1.0,
        daily.annual_sharpe(daily.daily_returns(outcome.equity, prices.day_ends)),
        max_drawdown(outcome.equity),
        trade_statistics.win_rate(trades.return_),
        trade_statistics.profit_factor(trades.pnl, trades.return_),
    ]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    n_bars=st.integers(1, 3000) | st.just(3000),
    seed=st.integers(0, 10_000),
    # The rarest are held for days, with day ends inside a trade.
    every=st.sampled_from([1.0, 5.0, 40.0, 400.0, 1200.0]),
    alternating=st.booleans(),
    missing=st.sampled_from([0.0, 0.2]),
    direction=st.sampled_from(Direction),
    stop=st.sampled_from([0.0003, 0.006, 0.02, 0.15, 0.8]),
    target=st.sampled_from([None, 0.0003, 0.006, 0.02, 0.15, 3.0]),
    costs=st.sampled_from([Costs(), Costs(0.0, 0.0), Costs(300.0, 100.0)]),
    stride=st.sampled_from([1, 3]),
)
def test_screened_metrics_are_those_of_the_reference(
    kind: str,
    n_bars: int,
    seed: int,
    every: float,
    alternating: bool,
    missing: float,
    direction: Direction,
    stop: float,
    target: float | None,
    costs: Costs,
    stride: int,
):
    prices = prices_of(awkward_bars(kind, n_bars, seed, lead=seed % 288, missing=missing))
    events = random_events(n_bars, seed, every=every, alternating=alternating)
    run = {"stop": stop, "target": target, "direction": direction, "costs": costs}
    found, wanted = screened(prices, events, stride=stride, **run), expected(prices, events, **run)
    assert found[:2] + found[3:] == wanted[:2] + wanted[3:]
    assert found[2] == pytest.approx(wanted[2], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("peak_at", [33, 40, 46, 47, 48])
def test_a_fall_right_after_a_new_peak_counts_wherever_their_block_ends(side: int, peak_at: int):
    """One trade, one peak, one fall of two bars within or across blocks of sixteen; it rises before and after."""
    close = 100.0 * (1.0 + 0.001 * side * np.arange(100))
    close[peak_at] += 3.0 * side
    close[peak_at + 1 : peak_at + 3] -= 2.0 * side
    open_ = np.append(close[:1], close[:-1])
    rows = list(zip(open_, np.maximum(open_, close), np.minimum(open_, close), close, strict=True))
    prices, events = prices_from(rows, day_ends=(50, 99)), events_from((2, side))
    run = {"stop": 0.4, "target": None, "direction": Direction.LONG_SHORT, "costs": Costs()}
    found, wanted = screened(prices, events, stride=1, **run), expected(prices, events, **run)
    assert found[3] == wanted[3] > 0.04


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [1, 3])
def test_the_passage_table_tells_the_first_bar_that_reaches_each_level(kind: str, stride: int):
    bars = awkward_bars(kind, 900, seed=5)
    levels = passage_levels(np.array([0.005, 0.2]))
    table = first_passages(
        bars.open, bars.high, bars.low, block_minima(bars.low), block_maxima(bars.high), levels, 2, stride
    )
    for row in range(0, table.shape[0], 7):
        entry = 2 + row * stride
        for at, level in enumerate(levels.tolist()):
            down = np.flatnonzero(bars.low[entry:] <= bars.open[entry] * (1.0 - level))
            up = np.flatnonzero(bars.high[entry:] >= bars.open[entry] * (1.0 + level))
            assert table[row, at] == (down[0] if down.size else 4096)
            assert table[row, N_LEVELS + at] == (up[0] if up.size else 4096)


def test_a_stop_nearer_than_every_tabulated_level_is_still_found():
    prices = prices_of(awkward_bars("walk", 2000, seed=3))
    events = random_events(2000, 3, every=30.0, alternating=True)
    run = {"stop": 1e-5, "target": 1e-5, "direction": Direction.LONG_SHORT, "costs": Costs()}
    assert screened(prices, events, stride=1, **run)[:2] == expected(prices, events, **run)[:2]
