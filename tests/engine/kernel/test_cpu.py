"""The numba bar scan gives what the reference gives, bit for bit, whatever the plan and however awkward the bars."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from price_builders import KINDS, awkward_bars, prices_of, random_events

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.cpu import simulate
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.kernel.reference import simulate_reference
from swarmd.engine.kernel.trades import Outcome

fraction = st.sampled_from([0.004, 0.01, 0.03, 0.2, 0.95, 1.5])
maybe = st.none() | fraction
legs = st.sampled_from(
    [
        (),
        (Leg(0.5, 0.01, 0.0), Leg(0.3, 0.02, 0.01), Leg(0.2, 0.05)),
        (Leg(0.4, 0.008, -0.002), Leg(0.3, 0.03)),
        (Leg(1.0, 0.02),),
        (Leg(0.1, 0.005), Leg(0.7, 0.01, 0.004), Leg(0.2, 0.011)),
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
