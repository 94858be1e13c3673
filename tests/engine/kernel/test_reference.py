"""Every rule of the execution semantics on bars small enough to work out by hand."""

import math

import numpy as np
import pytest
from price_builders import events_from, prices_from

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.kernel.prices import PriceArrays
from swarmd.engine.kernel.reference import simulate_reference
from swarmd.engine.kernel.trades import Outcome

FREE = Costs(fee_bps=0.0, slippage_bps=0.0)
WIDE = ExitPlan(stop=0.5, target=None)
STILL = (100.0, 100.0, 100.0, 100.0)


def run(
    prices: PriceArrays,
    events: Events,
    plan: ExitPlan = WIDE,
    *,
    direction: Direction = Direction.LONG_SHORT,
    costs: Costs = FREE,
) -> Outcome:
    return simulate_reference(prices, events, plan=plan, direction=direction, costs=costs)


def story(outcome: Outcome) -> list[tuple[int, int, int, float, float, str]]:
    """Entry bar, exit bar, side, both prices and the reason of each trade."""
    t = outcome.trades
    columns = (t.entry_bar, t.exit_bar, t.side, t.entry_price, t.exit_price)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(*row, reason) for row, reason in zip(rows, t.exit_reason, strict=True)]


def test_an_event_fills_at_the_open_of_its_bar_and_the_opposite_one_closes_and_reverses_there():
    prices = prices_from([STILL, (101, 103, 100, 102), (104, 106, 103, 105), (103, 104, 100, 101)])
    outcome = run(prices, events_from((1, 1), (3, -1)))
    assert story(outcome) == [(1, 3, 1, 101.0, 103.0, "signal"), (3, 3, -1, 103.0, 101.0, "end_of_data")]
    after_long = 103 / 101
    assert outcome.equity == pytest.approx([1.0, 102 / 101, 105 / 101, after_long * (2 - 101 / 103)], rel=1e-15)


def test_in_long_mode_a_cross_down_only_sells():
    prices = prices_from([STILL, STILL, (102, 102, 102, 102), STILL])
    assert story(run(prices, events_from((1, 1), (2, -1)), direction=Direction.LONG)) == [
        (1, 2, 1, 100.0, 102.0, "signal")
    ]
    assert story(run(prices, events_from((1, -1)), direction=Direction.LONG)) == []


def test_a_stop_fills_at_the_stop_and_at_the_open_where_the_bar_opens_beyond_it():
    plan = ExitPlan(stop=0.02, target=None)
    touched = prices_from([STILL, STILL, (99, 99.5, 97, 99), STILL])
    assert story(run(touched, events_from((1, 1)), plan)) == [(1, 2, 1, 100.0, 98.0, "stop")]
    gapped = prices_from([STILL, STILL, (95, 99.5, 94, 99), STILL])
    assert story(run(gapped, events_from((1, 1)), plan)) == [(1, 2, 1, 100.0, 95.0, "stop")]
    short = prices_from([STILL, STILL, (105, 106, 104, 104), STILL])
    assert story(run(short, events_from((1, -1)), plan)) == [(1, 2, -1, 100.0, 105.0, "stop")]


def test_a_low_exactly_on_the_stop_touches_it():
    prices = prices_from([STILL, STILL, (99, 99, 98.0, 99), STILL])
    assert story(run(prices, events_from((1, 1)), ExitPlan(stop=0.02, target=None)))[0][-1] == "stop"


def test_a_target_fills_at_the_target_and_at_the_better_open_where_the_bar_opens_beyond_it():
    plan = ExitPlan(stop=None, target=0.02)
    touched = prices_from([STILL, STILL, (101, 103, 101, 101), STILL])
    assert story(run(touched, events_from((1, 1)), plan)) == [(1, 2, 1, 100.0, 102.0, "target")]
    gapped = prices_from([STILL, STILL, (105, 106, 104, 104), STILL])
    assert story(run(gapped, events_from((1, 1)), plan)) == [(1, 2, 1, 100.0, 105.0, "target")]
    short = prices_from([STILL, STILL, (95, 96, 94, 96), STILL])
    assert story(run(short, events_from((1, -1)), plan)) == [(1, 2, -1, 100.0, 95.0, "target")]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("reach", "reason"), [(64.0, "target"), (63.9375, "end_of_data")])
def test_a_price_that_just_reaches_the_target_touches_it_and_a_tick_less_does_not(side: int, reach: float, reason: str):
    far = 128.0 + side * reach
    calm = (128.0, 128.0, 128.0, 128.0)
    prices = prices_from([calm, calm, (128.0, max(128.0, far), min(128.0, far), 128.0)])
    assert story(run(prices, events_from((1, side)), ExitPlan(None, 0.5)))[0][-1] == reason
    one_leg = ExitPlan(None, None, legs=(Leg(1.0, 0.5),))
    assert story(run(prices, events_from((1, side)), one_leg))[0][-1] == reason


@pytest.mark.parametrize(("side", "fill"), [(1, 98.0), (-1, 102.0)])
def test_when_stop_and_target_lie_in_one_bar_the_stop_fills(side: int, fill: float):
    prices = prices_from([STILL, STILL, (100, 110, 90, 100), STILL])
    outcome = run(prices, events_from((1, side)), ExitPlan(stop=0.02, target=0.02))
    assert story(outcome) == [(1, 2, side, 100.0, fill, "stop")]


def test_the_stop_is_checked_on_the_entry_bar_and_fills_at_the_stop():
    prices = prices_from([STILL, (100, 101, 90, 95), STILL])
    assert story(run(prices, events_from((1, 1)), ExitPlan(stop=0.02, target=None))) == [(1, 1, 1, 100.0, 98.0, "stop")]


def test_a_signal_exit_comes_before_the_stop_and_the_target_of_its_bar():
    prices = prices_from([STILL, STILL, (99, 120, 80, 100), STILL])
    outcome = run(prices, events_from((1, 1), (2, -1)), ExitPlan(stop=0.05, target=0.05), direction=Direction.LONG)
    assert story(outcome) == [(1, 2, 1, 100.0, 99.0, "signal")]


def test_after_a_stop_the_account_stays_flat_until_the_next_event():
    prices = prices_from([STILL, STILL, (100, 100, 90, 95), STILL, STILL, STILL])
    outcome = run(prices, events_from((1, 1), (4, -1)), ExitPlan(stop=0.05, target=None))
    assert [(row[0], row[1], row[2]) for row in story(outcome)] == [(1, 2, 1), (4, 5, -1)]
    assert outcome.equity[3] == 0.95


def test_an_event_for_the_side_already_held_is_no_order():
    prices = prices_from([STILL, STILL, (101, 101, 101, 101), (102, 102, 102, 102)])
    assert story(run(prices, events_from((1, 1), (2, 1)))) == [(1, 3, 1, 100.0, 102.0, "end_of_data")]


def test_an_open_position_closes_at_the_last_close_with_costs():
    costs = Costs(fee_bps=10.0, slippage_bps=20.0)
    prices = prices_from([STILL, STILL, (105, 111, 104, 110)])
    outcome = run(prices, events_from((1, 1)), costs=costs)
    assert story(outcome) == [(1, 2, 1, 100.0, 110.0, "end_of_data")]
    paid, got = 100 * 1.002 * 1.001, 110 * 0.998 * 0.999
    assert outcome.equity[-1] == pytest.approx(got / paid, rel=1e-14)


@pytest.mark.parametrize(
    ("side", "part"),
    [
        (1, 110 / (100 * 1.002 * 1.001)),
        (-1, 1 + (0.998 * 0.999) / (0.998 * 1.001) - 110 / (100 * 0.998 * 1.001)),
    ],
)
def test_an_open_position_is_marked_before_what_it_will_cost_to_leave_it(side: int, part: float):
    costs = Costs(fee_bps=10.0, slippage_bps=20.0)
    prices = prices_from([STILL, STILL, (105, 111, 104, 110), STILL])
    outcome = run(prices, events_from((1, side)), ExitPlan(0.5, None, size=0.25), costs=costs)
    assert outcome.equity[2] == pytest.approx(0.75 + 0.25 * part, rel=1e-14)


def test_long_costs_are_paid_out_of_equity_and_reconcile_with_quantity_and_fees():
    costs = Costs(fee_bps=5.0, slippage_bps=2.0)
    prices = prices_from([STILL, STILL, (120, 120, 120, 120), STILL])
    trades = run(prices, events_from((1, 1), (2, -1)), direction=Direction.LONG, costs=costs).trades
    qty = 1.0 / (100 * 1.0002 * 1.0005)
    assert trades.qty[0] == pytest.approx(qty, rel=1e-14)
    assert trades.pnl[0] == pytest.approx(qty * 120 * 0.9998 * 0.9995 - 1.0, rel=1e-13)
    assert trades.pnl[0] == pytest.approx(qty * 20 - trades.fees[0], rel=1e-12)
    assert trades.return_[0] == pytest.approx(trades.pnl[0], rel=1e-14)


def test_short_profit_is_linear_in_price_and_reconciles_with_quantity_and_fees():
    costs = Costs(fee_bps=5.0, slippage_bps=2.0)
    prices = prices_from([STILL, STILL, (80, 80, 80, 80), (80, 80, 80, 80)])
    outcome = run(prices, events_from((1, -1)), costs=costs)
    qty = 1.0 / (100 * 0.9998 * 1.0005)
    proceeds, cost = qty * 100 * 0.9998 * 0.9995, qty * 80 * 1.0002 * 1.0005
    assert outcome.trades.qty[0] == pytest.approx(qty, rel=1e-14)
    assert outcome.equity[-1] == pytest.approx(1.0 + proceeds - cost, rel=1e-14)
    assert outcome.trades.pnl[0] == pytest.approx(qty * 20 - outcome.trades.fees[0], rel=1e-12)


def test_a_size_below_one_keeps_the_rest_in_cash():
    prices = prices_from([STILL, STILL, (110, 110, 110, 110)])
    outcome = run(prices, events_from((1, 1)), ExitPlan(stop=None, target=None, size=0.25))
    assert outcome.equity[-1] == pytest.approx(1.025, rel=1e-15)
    assert outcome.trades.qty[0] == pytest.approx(0.0025, rel=1e-15)
    assert outcome.trades.return_[0] == pytest.approx(0.1, rel=1e-14)


def test_a_short_that_gaps_beyond_its_equity_is_ruined_and_nothing_trades_after_it():
    prices = prices_from([STILL, STILL, (250, 260, 240, 250), (100, 100, 100, 100), STILL])
    outcome = run(prices, events_from((1, -1), (3, 1)), ExitPlan(stop=0.05, target=None))
    assert story(outcome) == [(1, 2, -1, 100.0, 250.0, "ruin")]
    assert outcome.equity.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert outcome.trades.pnl.tolist() == [-1.0]


def test_a_short_without_a_stop_is_ruined_at_the_close_that_leaves_nothing():
    prices = prices_from([STILL, STILL, (150, 230, 150, 220), (100, 100, 100, 100)])
    outcome = run(prices, events_from((1, -1)), ExitPlan(stop=None, target=None))
    assert story(outcome) == [(1, 2, -1, 100.0, 220.0, "ruin")]
    assert outcome.equity.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_an_event_on_a_synthetic_bar_fills_at_the_next_real_open():
    rows = [STILL, STILL, STILL, (105, 106, 104, 105), (105, 105, 105, 105)]
    outcome = run(prices_from(rows, synthetic=(1, 2)), events_from((1, 1)))
    assert story(outcome) == [(3, 4, 1, 105.0, 105.0, "end_of_data")]


def test_of_events_waiting_through_a_gap_only_the_last_stands():
    rows = [STILL, STILL, STILL, (105, 106, 104, 105), (105, 105, 105, 105)]
    outcome = run(prices_from(rows, synthetic=(1, 2)), events_from((1, 1), (2, -1)))
    assert story(outcome) == [(3, 4, -1, 105.0, 105.0, "end_of_data")]


def test_an_event_with_no_real_bar_left_never_fills():
    assert story(run(prices_from([STILL, STILL, STILL], synthetic=(2,)), events_from((2, 1)))) == []


def test_a_trailing_stop_tightened_by_a_spike_waits_through_a_gap_for_the_next_real_bar():
    rows = [STILL, STILL, (100, 120, 100, 100), (100, 100, 100, 100), (99, 101, 99, 100), STILL]
    outcome = run(prices_from(rows, synthetic=(3,)), events_from((1, 1)), ExitPlan(None, None, trailing=0.1))
    assert story(outcome) == [(1, 4, 1, 100.0, 99.0, "trailing")]


def test_a_trailing_stop_follows_the_highs_of_earlier_bars_only():
    rows = [STILL, (100, 110, 100, 110), (110, 120, 105, 119), (119, 119, 107, 107), STILL]
    outcome = run(prices_from(rows), events_from((1, 1)), ExitPlan(stop=0.02, target=None, trailing=0.1))
    # Bar 2 falls to 105 > 110 * 0.9; bar 3 falls through 120 * 0.9.
    assert story(outcome) == [(1, 3, 1, 100.0, 108.0, "trailing")]


def test_the_tighter_of_trailing_and_fixed_stop_rules_and_names_the_exit():
    rows = [STILL, STILL, (99, 99, 97, 97), STILL]
    outcome = run(prices_from(rows), events_from((1, 1)), ExitPlan(stop=0.02, target=None, trailing=0.1))
    assert story(outcome) == [(1, 2, 1, 100.0, 98.0, "stop")]


def test_a_time_stop_leaves_at_the_open_so_many_bars_after_entry_and_waits_for_a_real_bar():
    rows = [STILL, STILL, (101, 101, 101, 101), (102, 102, 102, 102), (103, 103, 90, 103), STILL]
    plan = ExitPlan(stop=0.05, target=None, time_stop_bars=2)
    assert story(run(prices_from(rows), events_from((1, 1)), plan)) == [(1, 3, 1, 100.0, 102.0, "time")]
    waited = prices_from(rows, synthetic=(3,))
    assert story(run(waited, events_from((1, 1)), plan)) == [(1, 4, 1, 100.0, 103.0, "time")]


def test_an_event_for_the_side_that_a_time_stop_leaves_at_its_open_does_not_open_it_again():
    plan = ExitPlan(stop=0.5, target=None, time_stop_bars=2)
    prices = prices_from([STILL] * 6)
    bars_and_reason = [(row[0], row[1], row[-1]) for row in story(run(prices, events_from((1, 1), (3, 1)), plan))]
    assert bars_and_reason == [(1, 3, "time")]
    # One for the other side does, and so does its own a bar later.
    turned = run(prices, events_from((1, 1), (3, -1)), plan)
    assert [(row[0], row[1], row[2], row[-1]) for row in story(turned)] == [(1, 3, 1, "signal"), (3, 5, -1, "time")]
    assert [row[0] for row in story(run(prices, events_from((1, 1), (4, 1)), plan))] == [1, 4]


@pytest.mark.parametrize("side", [1, -1])
def test_a_leg_that_would_move_the_stop_away_from_the_price_leaves_it_where_it_is(side: int):
    rows = [(100.0, 100.0, 100.0, 100.0)] * 2
    for lowest, highest in ((100.0, 102.0), (98.5, 100.0)):
        bar = (100.0, highest, lowest, 100.0) if side > 0 else (100.0, 200.0 - lowest, 200.0 - highest, 100.0)
        rows.append(bar)
    legs = (Leg(0.5, 0.02, stop_to=-0.05), Leg(0.5, 0.5))
    outcome = run(prices_from(rows), events_from((1, side)), ExitPlan(0.01, None, legs=legs))
    mean = 0.5 * (100.0 + side * 2.0) + 0.5 * (100.0 - side * 1.0)
    assert story(outcome) == [(1, 3, side, 100.0, mean, "stop")]


def test_legs_close_in_parts_and_move_the_stop_from_the_next_bar_on():
    legs = (Leg(0.5, 0.02, stop_to=0.0), Leg(0.3, 0.04, stop_to=0.02), Leg(0.2, 0.06))
    rows = [STILL, (100, 102.5, 99, 101), (101, 104.5, 101, 104), (104, 104, 101, 102), STILL]
    outcome = run(prices_from(rows), events_from((1, 1)), ExitPlan(stop=0.05, target=None, legs=legs))
    # The entry bar reaches leg 1 and its own low of 99 does not touch the stop moved to 100; bar 3 touches 102.
    mean = 0.5 * 102 + 0.3 * 104 + 0.2 * 102
    assert story(outcome) == [(1, 3, 1, 100.0, pytest.approx(mean, rel=1e-15), "stop")]
    assert outcome.equity[1] == pytest.approx(0.5 * 1.02 + 0.5 * 1.01, rel=1e-15)
    assert outcome.equity[-1] == pytest.approx(mean / 100, rel=1e-15)


def test_legs_reached_in_one_bar_all_close_and_the_last_ends_the_trade():
    legs = (Leg(0.5, 0.02), Leg(0.5, 0.04))
    prices = prices_from([STILL, STILL, (103, 106, 103, 105), STILL])
    outcome = run(prices, events_from((1, 1)), ExitPlan(stop=0.05, target=None, legs=legs))
    assert story(outcome) == [(1, 2, 1, 100.0, 103.5, "target")]


def test_without_a_bar_to_trade_on_nothing_happens():
    outcome = run(prices_from([STILL]), events_from())
    assert len(outcome.trades) == 0
    assert outcome.equity.tolist() == [1.0]


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (events_from((0, 1)), "number 0"),
        (events_from((1, 1), (1, -1)), "number 1"),
        (events_from((1, 1), (3, -1)), "number 1"),
        (events_from((1, 2)), "side 2"),
        (Events(np.array([1], np.int32), np.array([1], np.int64)), "int32"),
    ],
)
def test_events_that_cannot_be_are_refused_and_named(events: Events, told: str):
    with pytest.raises(ValueError, match=told):
        run(prices_from([STILL, STILL, STILL]), events)


@pytest.mark.parametrize(
    "fields",
    [
        {"stop": 0.0},
        {"stop": math.nan},
        {"size": 0.0},
        {"size": 1.5},
        {"time_stop_bars": 0},
        {"legs": (Leg(0.5, 0.1),), "target": 0.2},
        {"legs": (Leg(0.7, 0.1), Leg(0.7, 0.2))},
        {"legs": (Leg(0.5, 0.2), Leg(0.5, 0.1))},
    ],
)
def test_an_exit_plan_without_sense_is_refused(fields: dict[str, object]):
    with pytest.raises(ValueError, match="exit plan: "):
        ExitPlan(**{"stop": 0.02, "target": None, **fields})


def test_costs_out_of_range_are_refused():
    with pytest.raises(ValueError, match="fee_bps is -1"):
        Costs(fee_bps=-1.0)
