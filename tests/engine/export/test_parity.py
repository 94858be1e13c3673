"""Two lists of trades held against each other: what counts as equal, and how a difference is told."""

from dataclasses import replace

import numpy as np
import pytest

from swarmd.engine.export.parity import ENTRY_BAR, TIE, RoundTrip, compared, trips_of_engine, trips_of_script
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.trades import END_OF_DATA, STOP, round_trips
from tests.price_builders import awkward_bars

HOUR = 3_600_000
TRIP = RoundTrip(HOUR, 1, 100.0, 5 * HOUR, 110.0, 10.0, "target", ("target",))


def only_difference(theirs: RoundTrip, ours: RoundTrip = TRIP) -> str:
    ((kind, count),) = compared([ours], [theirs])["differences_by_kind"].items()
    assert count == 1
    return kind


def test_equal_trades_are_counted_with_their_largest_distance():
    told = compared([TRIP], [replace(TRIP, exit_price=110.0 + 5e-9, profit=9.5)])
    assert (told["trades"], told["equal"], told["entry_bar_equal"], told["exit_bar_equal"]) == (1, 1, 1, 1)
    assert told["max_price_difference"] == pytest.approx(5e-9, rel=1e-5)
    assert told["net_profit"] == {"capital": 10_000, "engine": 10.0, "script": 9.5, "difference": -0.5}
    assert told["first_differences"] == []


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"exit_ms": 6 * HOUR}, "exit bar"),
        ({"exit_price": 110.0 + 2e-8}, "exit price"),
        ({"entry_price": 100.1}, "entry price"),
        ({"exit_ms": 6 * HOUR, "exit_price": 111.0}, "exit bar and exit price"),
        ({"exit_ms": None, "exit_price": None}, "exit bar and exit price"),
    ],
)
def test_each_difference_is_told_by_the_field_it_is_in(changed, kind):
    assert only_difference(replace(TRIP, **changed)) == kind


def test_cheap_prices_are_held_to_a_hundred_millionth_of_themselves():
    cheap = replace(TRIP, entry_price=0.01, exit_price=0.011)
    assert only_difference(replace(cheap, exit_price=0.011 + 1e-9), cheap) == "exit price"


def test_one_trade_more_does_not_make_the_others_differ():
    later = replace(TRIP, entry_ms=9 * HOUR, exit_ms=12 * HOUR)
    told = compared([later], [TRIP, later])
    assert (told["trades"], told["equal"]) == (2, 1)
    assert told["differences_by_kind"] == {"only the script has it": 1}
    assert "long from 1970-01-01 01:00 UTC at 100.0" in told["first_differences"][0]


def test_a_stop_that_the_emulators_path_reaches_after_a_target_of_the_same_bar_is_told_as_that():
    stopped = replace(TRIP, exit_price=95.0, reason="stop", last_reasons=())
    assert only_difference(TRIP, stopped) == TIE
    legs = replace(TRIP, exit_price=101.0, reason="target 1, stop", last_reasons=("stop",))
    assert only_difference(legs, stopped) == "exit price", "the target was of an earlier bar"


def test_a_level_of_the_entry_bar_is_told_as_that():
    fresh = replace(TRIP, exit_ms=TRIP.entry_ms, reason="stop", last_reasons=("stop",), exit_price=98.0)
    assert only_difference(replace(fresh, exit_price=98.001), fresh) == ENTRY_BAR
    assert only_difference(replace(fresh, exit_price=99.0), fresh) == "exit price", "too far to be that"


def leg(size: float, exit_ms: int | None, price: float | None, profit: float | None, left: str | None) -> dict:
    told = {"size": size, "exit_time": exit_ms, "exit_price": price, "profit": profit, "exit": left}
    return told | {"entry_time": 0 if exit_ms else 9 * HOUR, "entry_price": 10.0}


def test_legs_of_one_entry_are_one_round_trip_at_their_mean_price():
    rows = [leg(-2.0, HOUR, 8.0, 4.0, "target 1"), leg(-6.0, 2 * HOUR, 12.0, -12.0, "stop")]
    first, second = trips_of_script({"closed": rows, "open": [leg(1.0, None, None, None, None)]})
    assert first == RoundTrip(0, -1, 10.0, 2 * HOUR, 11.0, -8.0, "target 1, stop", ("stop",))
    assert (second.exit_ms, second.exit_price, second.profit, second.reason) == (None, None, 0.0, "-")


def test_what_the_end_of_the_data_closed_is_still_open_on_a_chart():
    bars = awkward_bars("walk", 6, 1)
    trades = round_trips(
        entry_bar=np.array([1, 4]), exit_bar=np.array([2, 5]), side=np.array([1, 1]),
        entry_price=np.array([10.0, 11.0]), exit_price=np.array([9.0, 12.0]), equity_before=np.ones(2),
        equity_after=np.array([0.9, 1.1]), growth=np.array([0.9, 1.1]), reason=np.array([STOP, END_OF_DATA]),
        size=np.ones(2), costs=Costs(),
    )  # fmt: skip
    stopped, still_open = trips_of_engine(bars, trades)
    assert (stopped.exit_ms, stopped.exit_price, stopped.reason) == (int(bars.open_time[2]), 9.0, "stop")
    assert (still_open.exit_ms, still_open.exit_price) == (None, None)
    assert stopped.profit == pytest.approx(-1000.0)
