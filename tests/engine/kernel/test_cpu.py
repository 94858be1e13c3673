"""The numba bar scan gives what the reference gives, bit for bit, whatever the plan and however awkward the bars."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from price_builders import KINDS, awkward_bars, events_from, prices_from, prices_of, random_events

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.cpu import simulate
from swarmd.engine.kernel.events import next_real_bar
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.kernel.reference import simulate_reference
from swarmd.engine.kernel.trades import RUIN, SIGNAL, TIME, TRAILING, Outcome

fraction = st.sampled_from([0.004, 0.01, 0.03, 0.2, 0.95, 1.5])
maybe = st.none() | fraction
legs = st.sampled_from(
    [
        (),
        (Leg(0.5, 0.01, 0.0), Leg(0.3, 0.02, 0.01), Leg(0.2, 0.05)),
        (Leg(0.4, 0.008, -0.002), Leg(0.3, 0.03)),
        (Leg(1.0, 0.02),),
        (Leg(0.1, 0.005), Leg(0.7, 0.01, 0.004), Leg(0.2, 0.011)),
        (Leg(0.5, 0.01, 0.005), Leg(0.2, 0.02, -0.03), Leg(0.3, 0.2)),  # the second would loosen the stop again
    ]
)
plans = st.builds(
    lambda stop, target, legs, trailing, time, size: ExitPlan(
        stop, None if legs else target, legs=legs, trailing=trailing, time_stop_bars=time, size=size
    ),
    maybe,
    maybe,
    legs,
    maybe,
    st.none() | st.integers(1, 40),
    st.sampled_from([1.0, 0.5, 0.013]),
)
costs = st.sampled_from([Costs(), Costs(0.0, 0.0), Costs(300.0, 100.0)])


def assert_same(found: Outcome, expected: Outcome) -> None:
    for name in (
        "entry_bar",
        "exit_bar",
        "side",
        "reason",
        "entry_price",
        "exit_price",
        "qty",
        "pnl",
        "return_",
        "fees",
    ):
        np.testing.assert_array_equal(getattr(found.trades, name), getattr(expected.trades, name), err_msg=name)
    np.testing.assert_array_equal(found.equity, expected.equity)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    n_bars=st.integers(1, 700),
    seed=st.integers(0, 10_000),
    every=st.sampled_from([1.0, 4.0, 25.0]),
    alternating=st.booleans(),
    missing=st.sampled_from([0.0, 0.1, 0.5]),
    direction=st.sampled_from(Direction),
    plan=plans,
    costs=costs,
)
def test_any_run_equals_the_reference(
    kind: str,
    n_bars: int,
    seed: int,
    every: float,
    alternating: bool,
    missing: float,
    direction: Direction,
    plan: ExitPlan,
    costs: Costs,
):
    prices = prices_of(awkward_bars(kind, n_bars, seed, lead=seed % 288, missing=missing))
    events = random_events(n_bars, seed, every=every, alternating=alternating)
    assert_same(
        simulate(prices, events, plan=plan, direction=direction, costs=costs),
        simulate_reference(prices, events, plan=plan, direction=direction, costs=costs),
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    n_bars=st.integers(1, 500),
    seed=st.integers(0, 10_000),
    every=st.sampled_from([1.0, 4.0]),
    missing=st.sampled_from([0.0, 0.2]),
    direction=st.sampled_from(Direction),
    plan=plans,
    risk=st.sampled_from([None, 0.005, 0.3]),
    is_held=st.booleans(),
    n_chances=st.sampled_from([0, 1, 7]),
    has_units=st.booleans(),
)
def test_any_run_with_units_chances_and_risk_equals_the_reference(
    kind: str,
    n_bars: int,
    seed: int,
    every: float,
    missing: float,
    direction: Direction,
    plan: ExitPlan,
    risk: float | None,
    is_held: bool,
    n_chances: int,
    has_units: bool,
):
    prices = prices_of(awkward_bars(kind, n_bars, seed, missing=missing))
    events = random_events(n_bars, seed, every=every, alternating=seed % 2 == 0)
    rng = np.random.default_rng(seed + 3)
    if has_units:
        events = replace(events, unit=prices.close[events.bar] * rng.uniform(0.001, 2.0, len(events)))
    if n_chances:
        events = replace(events, chance=np.sort(rng.integers(0, n_chances, len(events))))
    plan = replace(plan, risk=None if plan.stop is None else risk, is_held_through_signals=is_held)
    assert_same(
        simulate(prices, events, plan=plan, direction=direction, costs=Costs()),
        simulate_reference(prices, events, plan=plan, direction=direction, costs=Costs()),
    )


worlds = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "n_bars": st.integers(1, 500),
        "seed": st.integers(0, 10_000),
        "missing": st.sampled_from([0.0, 0.1, 0.5]),
    }
)
laws = settings(max_examples=60, deadline=None, derandomize=True)


def simulated(made: dict[str, Any], plan: ExitPlan, direction: Direction) -> Outcome:
    prices = prices_of(awkward_bars(**made))
    events = random_events(made["n_bars"], made["seed"], every=5.0, alternating=made["seed"] % 2 == 0)
    return simulate(prices, events, plan=plan, direction=direction, costs=Costs())


@laws
@given(made=worlds, plan=plans, direction=st.sampled_from(Direction))
def test_exits_that_nothing_can_reach_are_none(made: dict[str, Any], plan: ExitPlan, direction: Direction):
    # A fixed distance above 1 stops no long, a short a hundredfold away; the best price falls no further than to zero.
    unreachable = {
        name: never
        for name, never in (("stop", 1e9), ("trailing", 1e9), ("time_stop_bars", made["n_bars"]))
        if getattr(plan, name) is None
    }
    assert_same(simulated(made, replace(plan, **unreachable), direction), simulated(made, plan, direction))


@laws
@given(made=worlds, stop=maybe, trailing=maybe, target=fraction, direction=st.sampled_from(Direction))
def test_one_leg_that_closes_all_is_a_target(
    made: dict[str, Any], stop: float | None, trailing: float | None, target: float, direction: Direction
):
    as_target = ExitPlan(stop, target, trailing=trailing)
    as_leg = ExitPlan(stop, None, trailing=trailing, legs=(Leg(1.0, target),))
    assert_same(simulated(made, as_leg, direction), simulated(made, as_target, direction))


@laws
@given(made=worlds, plan=plans, direction=st.sampled_from(Direction))
def test_the_size_decides_what_a_trade_is_worth_and_not_which_trades_there_are(
    made: dict[str, Any], plan: ExitPlan, direction: Direction
):
    part, rest = (simulated(made, replace(plan, size=size), direction).trades for size in (0.01, 0.02))
    assume(RUIN not in part.reason.tolist() + rest.reason.tolist())
    for name in ("entry_bar", "exit_bar", "side", "reason", "entry_price", "exit_price", "return_"):
        np.testing.assert_array_equal(getattr(part, name), getattr(rest, name), err_msg=name)
    for trades, size in ((part, 0.01), (rest, 0.02)):
        equity = np.cumprod(1.0 + size * trades.return_)
        np.testing.assert_allclose(trades.pnl, np.diff(equity, prepend=1.0), rtol=1e-9, atol=1e-12)


@laws
@given(made=worlds, plan=plans, direction=st.sampled_from(Direction), bars_held=st.integers(1, 30))
def test_a_time_stop_holds_no_real_bar_too_many(
    made: dict[str, Any], plan: ExitPlan, direction: Direction, bars_held: int
):
    synthetic = awkward_bars(**made).synthetic
    trades = simulated(made, replace(plan, time_stop_bars=bars_held), direction).trades
    at_time = trades.reason == TIME
    due = trades.entry_bar + bars_held
    assert (trades.exit_bar[at_time] == next_real_bar(synthetic)[due[at_time]]).all()
    last = synthetic.size - 1
    assert (trades.exit_bar <= next_real_bar(synthetic)[np.minimum(due, last)]).all()


@laws
@given(made=worlds, trailing=st.sampled_from([0.004, 0.01, 0.03, 0.2]), direction=st.sampled_from(Direction))
def test_a_trailing_stop_follows_the_best_price_of_earlier_bars(
    made: dict[str, Any], trailing: float, direction: Direction
):
    bars = awkward_bars(**made)
    trades = simulated(made, ExitPlan(None, None, trailing=trailing), direction).trades
    for entry, exit_, side, price, reason in zip(
        trades.entry_bar, trades.exit_bar, trades.side, trades.exit_price, trades.reason, strict=True
    ):
        held = np.arange(entry, exit_ + 1)[~bars.synthetic[entry : exit_ + 1]]
        extremes = side * (bars.high if side > 0 else bars.low)[held]
        best = np.maximum.accumulate(np.append(side * bars.open[entry], extremes))[:-1]
        level = best * (1.0 - side * trailing)
        touched = side * (bars.low if side > 0 else bars.high)[held] <= level
        if reason == TRAILING:
            assert touched.tolist() == [False] * (held.size - 1) + [True]
            assert side * price == min(side * bars.open[exit_], level[-1])
        else:
            # The exit at an open, or the end, came first; an exit at the open does not see its bar.
            assert not touched[:-1].any()


@laws
@given(made=worlds, plan=plans, direction=st.sampled_from(Direction))
def test_a_unit_of_one_entry_price_is_a_fraction_of_it(made: dict[str, Any], plan: ExitPlan, direction: Direction):
    """Each event's unit is the very price it fills at; levels then differ by no more than a rounding."""
    prices = prices_of(awkward_bars(**made | {"missing": 0.0}))
    plain = random_events(made["n_bars"], made["seed"], every=5.0, alternating=True)
    plan = replace(plan, trailing=None)  # a trailing fraction is of the best price, not of the entry
    assume(made["kind"] not in ("ties", "flat", "saw"))  # where a rounding decides whether a level is touched
    found = simulate(prices, replace(plain, unit=prices.open[plain.bar]), plan=plan, direction=direction, costs=Costs())
    expected = simulate(prices, plain, plan=plan, direction=direction, costs=Costs())
    for name in ("entry_bar", "exit_bar", "side", "reason"):
        np.testing.assert_array_equal(getattr(found.trades, name), getattr(expected.trades, name), err_msg=name)
    np.testing.assert_allclose(found.equity, expected.equity, rtol=1e-9)


@laws
@given(made=worlds, plan=plans, direction=st.sampled_from(Direction))
def test_each_chance_is_taken_once_and_signals_end_nothing_that_is_held_through_them(
    made: dict[str, Any], plan: ExitPlan, direction: Direction
):
    prices = prices_of(awkward_bars(**made | {"missing": 0.0}))
    events = random_events(made["n_bars"], made["seed"], every=2.0, alternating=False)
    events = replace(events, chance=events.bar // 50)
    plan = replace(plan, is_held_through_signals=True)
    trades = simulate(prices, events, plan=plan, direction=direction, costs=Costs()).trades
    chances = trades.entry_bar // 50
    assert np.unique(chances).size == chances.size
    assert SIGNAL not in trades.reason.tolist()


def test_risk_makes_the_stop_cost_its_fraction_of_equity_and_no_position_larger_than_the_size():
    prices = prices_from([(100.0, 100.0, 100.0, 100.0)] * 2 + [(100.0, 100.0, 90.0, 95.0)] * 2)
    plan = ExitPlan(stop=2.0, target=None, risk=0.005)
    for unit, lost in (
        (2.0, 0.005),
        (0.1, 0.002),
    ):  # four points of a hundred at risk; two tenths, which 2.5 x would take
        events = replace(events_from((1, 1)), unit=np.array([unit]))
        outcome = simulate(prices, events, plan=plan, direction=Direction.LONG, costs=Costs(0.0, 0.0))
        assert outcome.trades.exit_price[0] == 100.0 - 2.0 * unit
        np.testing.assert_allclose(1.0 - outcome.equity[-1], lost, rtol=1e-12)


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ({"unit": np.array([1.0, 0.0])}, "the unit of number 1 \\(bar 2\\) is 0.0; give a price distance above 0"),
        ({"unit": np.array([1.0])}, "units of float64; give one float64 per event"),
        ({"chance": np.array([1, 0])}, "the chance of number 1 \\(bar 2\\) is 0; chances count from 0 up"),
        ({"chance": np.array([0.0, 1.0])}, "chances of float64; give one int64 per event"),
    ],
)
def test_events_with_wrong_units_or_chances_are_refused(spoiled: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        replace(events_from((1, 1), (2, -1)), **spoiled).checked(4)


def test_a_risk_without_a_stop_is_refused():
    with pytest.raises(ValueError, match=r"risk is 0\.005 with a stop of None"):
        ExitPlan(stop=None, target=0.1, risk=0.005)
