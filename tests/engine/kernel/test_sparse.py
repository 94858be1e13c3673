"""Skipping bars gives the trades and metrics of the reference, whatever the plan and however awkward the bars."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_builders import KINDS, awkward_bars, events_from, prices_from, prices_of, random_events, real_btc

from swarmd.engine.kernel import trades as kinds
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.cpu import simulate
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.kernel.passage import BLOCK_BARS
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.kernel.prices import PriceArrays
from swarmd.engine.kernel.reference import simulate_reference
from swarmd.engine.kernel.sparse import plans_of, screen_events, sparse_metrics, sparse_trades
from swarmd.engine.kernel.sparse_tables import PAGE_BARS, sparse_tables
from swarmd.engine.kernel.trades import Outcome
from swarmd.engine.metrics.summary import summarize
from swarmd.engine.strategies.registry import strategy_named

LADDERS = (
    (Leg(0.5, 0.01, 0.0), Leg(0.3, 0.02, 0.01), Leg(0.2, 0.05)),
    (Leg(0.4, 0.008, -0.002), Leg(0.3, 0.03)),
    (Leg(1.0, 0.02),),
    (Leg(0.1, 0.005), Leg(0.7, 0.01, 0.004), Leg(0.2, 0.011)),
    (Leg(0.3, 0.01, 0.01), Leg(0.3, 0.2)),
    (Leg(0.5, 0.01, 0.005), Leg(0.2, 0.02, -0.03), Leg(0.3, 0.2)),  # the second would loosen the stop again
)
fraction = st.sampled_from([0.0003, 0.004, 0.01, 0.03, 0.2, 0.95, 1.5])
plans = st.builds(
    lambda stop, target, legs, trailing, time, size: ExitPlan(
        stop, None if legs else target, legs=legs, trailing=trailing, time_stop_bars=time, size=size
    ),
    st.none() | fraction,
    st.none() | fraction,
    st.just(()) | st.sampled_from(LADDERS),
    st.none() | fraction,
    st.none() | st.sampled_from([1, 2, 16, 40, 600]),
    st.sampled_from([1.0, 0.5, 0.013]),
)
costs = st.sampled_from([Costs(), Costs(0.0, 0.0), Costs(300.0, 100.0), Costs(0.0, 600.0)])


def assert_same(
    prices: PriceArrays, events: Events, expected: Outcome, *, plan: ExitPlan, direction: Direction, costs: Costs
) -> None:
    tables = sparse_tables(prices)
    run = {"plan": plan, "direction": direction, "costs": costs}
    found = sparse_trades(tables, events, **run)
    for name in found.__slots__:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected.trades, name), err_msg=name)
    trades = expected.trades
    wanted = summarize(
        expected.equity,
        day_ends=prices.day_ends,
        interval_minutes=5,
        trade_pnl=trades.pnl,
        trade_return=trades.return_,
        entry_bar=trades.entry_bar,
        exit_bar=trades.exit_bar,
        left_at_open=trades.left_at_open,
    )
    metrics = sparse_metrics(tables, events, **run)
    assert tuple(metrics) == SCREEN_METRICS
    assert metrics.pop("annual_sharpe") == pytest.approx(wanted.annual_sharpe, rel=1e-11, abs=0.0)
    assert metrics == {name: getattr(wanted, name) for name in metrics}


def assert_as_the_reference(
    prices: PriceArrays, events: Events, plan: ExitPlan, *, direction: Direction, costs: Costs
) -> Outcome:
    outcome = simulate_reference(prices, events, plan=plan, direction=direction, costs=costs)
    assert_same(prices, events, outcome, plan=plan, direction=direction, costs=costs)
    return outcome


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    n_bars=st.sampled_from([1, 2, 16, 17, 256, 289]) | st.integers(1, 3000),
    seed=st.integers(0, 10_000),
    every=st.sampled_from([1.0, 4.0, 25.0, 400.0, 3000.0]),
    alternating=st.booleans(),
    missing=st.sampled_from([0.0, 0.1, 0.5]),
    # Calm bars are skipped by the block and the page, wild ones are looked at singly.
    calm=st.sampled_from([1.0, 0.3, 0.05]),
    direction=st.sampled_from(Direction),
    plan=plans,
    costs=costs,
)
def test_any_run_has_the_trades_and_metrics_of_the_reference(
    kind: str,
    n_bars: int,
    seed: int,
    every: float,
    alternating: bool,
    missing: float,
    calm: float,
    direction: Direction,
    plan: ExitPlan,
    costs: Costs,
):
    wild = prices_of(awkward_bars(kind, n_bars, seed, lead=seed % 288, missing=missing))
    columns = (column**calm for column in (wild.open, wild.high, wild.low, wild.close))
    prices = PriceArrays(*columns, wild.synthetic, wild.day_ends)
    events = random_events(n_bars, seed, every=every, alternating=alternating)
    assert_as_the_reference(prices, events, plan, direction=direction, costs=costs)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    "plan",
    [
        ExitPlan(None, None),
        ExitPlan(0.8, None),
        ExitPlan(None, 0.3),
        ExitPlan(None, None, trailing=0.6),
        ExitPlan(None, None, legs=LADDERS[4], size=0.5),
    ],
)
def test_a_short_ruined_far_from_its_entry_ends_the_run_at_that_close(seed: int, plan: ExitPlan):
    prices = prices_of(awkward_bars("doubling", 1500, seed, lead=seed * 20, missing=0.1 * (seed % 2)))
    events = events_from((10 + seed, -1))
    run = {"direction": Direction.LONG_SHORT, "costs": Costs(0.0, 600.0)}
    assert_as_the_reference(prices, events, plan, **run)


def test_ruin_is_found_in_the_middle_of_a_long_hold():
    rows = [(100.0, 101.0, 99.0, 100.0)] * 900
    rows[700] = (100.0, 300.0, 100.0, 250.0)
    rows[701:] = [(50.0, 50.0, 50.0, 50.0)] * 199
    prices = prices_from(rows, day_ends=(287, 575, 863, 899))
    outcome = assert_as_the_reference(
        prices, events_from((3, -1)), ExitPlan(None, None), direction=Direction.LONG_SHORT, costs=Costs()
    )
    assert outcome.trades.exit_bar.tolist() == [700]
    assert outcome.trades.reason.tolist() == [kinds.RUIN]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("at", [20, 2 * BLOCK_BARS, PAGE_BARS], ids=["in a block", "a block", "a page"])
@pytest.mark.parametrize(
    ("plan", "reach", "reason"),
    [
        (ExitPlan(0.5, None), -64.0, kinds.STOP),
        (ExitPlan(0.5, None), -63.9375, kinds.END_OF_DATA),
        (ExitPlan(None, 0.5), 64.0, kinds.TARGET),
        (ExitPlan(None, 0.5), 63.9375, kinds.END_OF_DATA),
        (ExitPlan(None, None, trailing=0.5), -64.0, kinds.TRAILING),
        (ExitPlan(None, None, trailing=0.5), -63.9375, kinds.END_OF_DATA),
    ],
)
def test_a_price_that_just_reaches_a_level_touches_it(side: int, at: int, plan: ExitPlan, reach: float, reason: int):
    far = 128.0 + side * reach
    rows = [(128.0, 128.0, 128.0, 128.0)] * (2 * PAGE_BARS)
    rows[at] = (128.0, max(128.0, far), min(128.0, far), 128.0)
    run = {"direction": Direction.LONG_SHORT, "costs": Costs()}
    outcome = assert_as_the_reference(prices_from(rows), events_from((2, side)), plan, **run)
    assert outcome.trades.reason.tolist() == [reason]


def test_a_stop_moved_by_a_leg_does_not_fill_in_the_bar_that_moved_it():
    rows = [(100.0, 100.5, 99.5, 100.0)] * 40
    rows[5] = (100.0, 102.0, 99.0, 101.0)  # the leg at 101.5 fills; its stop at 100 would have been touched
    rows[6:30] = [(101.0, 101.2, 100.8, 101.0)] * 24
    rows[30] = (101.0, 101.0, 98.0, 98.5)
    plan = ExitPlan(0.05, None, legs=(Leg(0.5, 0.015, 0.0), Leg(0.5, 0.5)))
    run = {"direction": Direction.LONG, "costs": Costs()}
    outcome = assert_as_the_reference(prices_from(rows), events_from((2, 1)), plan, **run)
    assert outcome.trades.exit_bar.tolist() == [30]
    assert outcome.trades.reason.tolist() == [kinds.STOP]


def test_a_close_between_the_old_stop_and_the_one_a_leg_moved_there_can_be_the_worst():
    rows = [(100.0, 100.5, 99.5, 100.0)] * 10 + [(70.0, 70.5, 69.5, 70.0)] * 30
    rows[25] = (70.0, 72.0, 68.0, 68.5)  # the leg at 71.05 fills and moves the stop to 70, above this close
    rows[26:] = [(70.5, 71.0, 70.2, 70.8)] * 14
    plan = ExitPlan(0.05, None, legs=(Leg(0.5, 0.015, 0.0), Leg(0.5, 0.4)))
    run = {"direction": Direction.LONG, "costs": Costs(0.0, 0.0)}
    outcome = assert_as_the_reference(prices_from(rows), events_from((5, 1), (15, -1), (20, 1)), plan, **run)
    assert np.argmin(outcome.equity) == 25


def test_closes_of_missing_bars_that_repeat_no_price_are_marked_as_they_are():
    # Not what a loader makes of a gap: levels that were not touched then say nothing about the closes. A loss and a
    # win before it, so that by those levels neither the peak nor the worst fall could change.
    rows = [(100.0, 101.0, 99.0, 100.0)] * 10 + [(60.0, 60.1, 59.9, 60.0)] * 10 + [(95.0, 95.1, 94.9, 95.0)] * 100
    rows[50] = (20.0, 20.0, 20.0, 20.0)
    prices = prices_from(rows, synthetic=(50,), day_ends=(49, 119))
    assert not sparse_tables(prices).is_bounded
    events = events_from((5, 1), (14, -1), (15, 1), (30, -1), (40, 1))
    outcome = assert_as_the_reference(
        prices, events, ExitPlan(0.05, 0.02), direction=Direction.LONG, costs=Costs(100.0, 0.0)
    )
    assert outcome.trades.exit_bar.tolist() == [10, 20, 119]
    assert np.argmin(outcome.equity) == 50


def test_many_events_of_one_side_are_read_once():
    prices = prices_of(awkward_bars("walk", 3000, 5))
    events = Events(np.arange(1, 3000), np.ones(2999, np.int64))
    for plan in (ExitPlan(0.004, 0.004), ExitPlan(None, None, time_stop_bars=3), ExitPlan(None, None)):
        assert_as_the_reference(prices, events, plan, direction=Direction.LONG, costs=Costs())


def test_no_events_are_no_trades():
    found = sparse_metrics(
        sparse_tables(prices_of(awkward_bars("walk", 300, 1))),
        events_from(),
        plan=ExitPlan(0.1, 0.1),
        direction=Direction.LONG,
        costs=Costs(),
    )
    assert found == dict(zip(SCREEN_METRICS, (0, 0.0, 0.0, 0.0, 0.0, np.inf), strict=True))


def test_many_plans_on_one_list_of_events_are_as_each_alone_on_any_number_of_threads():
    prices = prices_of(awkward_bars("walk", 4000, 8, lead=100, missing=0.05))
    tables, events = sparse_tables(prices), random_events(4000, 8, every=30.0, alternating=False)
    rng = np.random.default_rng(3)
    listed = [
        ExitPlan(
            stop=float(rng.choice([0.005, 0.02, 0.3])),
            target=None,
            legs=LADDERS[at % len(LADDERS)] if at % 3 else (),
            trailing=0.01 if at % 4 == 0 else None,
            time_stop_bars=50 if at % 5 == 0 else None,
            size=1.0 if at % 2 else 0.3,
        )
        for at in range(150)
    ]
    run = {"direction": Direction.LONG_SHORT, "costs": Costs()}
    together = screen_events(tables, events, plans_of(listed), **run)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        on_one = screen_events(tables, events, plans_of(listed), **run)
    finally:
        numba.set_num_threads(threads)
    alone = [sparse_metrics(tables, events, plan=plan, **run) for plan in listed]
    for name in SCREEN_METRICS:
        np.testing.assert_array_equal(together[name], [row[name] for row in alone])
        np.testing.assert_array_equal(together[name], on_one[name])


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(
    "plan",
    [
        ExitPlan(0.02, 0.05),
        ExitPlan(0.03, None, legs=LADDERS[0]),
        ExitPlan(0.03, None, legs=LADDERS[1], trailing=0.02, size=0.4),
        ExitPlan(None, None, trailing=0.04),
        ExitPlan(None, None, time_stop_bars=288),
        ExitPlan(None, None),
    ],
)
def test_real_bars_give_what_the_bar_scan_gives(plan: ExitPlan, direction: Direction):
    bars = real_btc()
    strategy = strategy_named("mtf_ema")
    prices = prices_of(bars)
    for lengths in ({"L_fast": 5, "L_slow": 10}, {"L_fast": 40, "L_slow": 90}):
        events = strategy.events(bars, {**strategy.card.baseline, **lengths})
        outcome = simulate(prices, events, plan=plan, direction=direction, costs=Costs())
        assert len(outcome.trades) > 5
        assert_same(prices, events, outcome, plan=plan, direction=direction, costs=Costs())
