"""A foreign engine replays our trades: it agrees on every kind of market, and where it must not, it says so."""

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("backtesting")

from oracles.scripted import Scripted
from price_builders import KINDS, awkward_bars, events_from, random_events, real_btc

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.certificates.page import certificate_page
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.market.bars import Bars, bars_from_arrays
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.second_opinion.account import account
from swarmd.engine.second_opinion.opinion import second_opinion
from swarmd.engine.second_opinion.peer import PeerTrades, inexpressible, replay
from swarmd.engine.strategies.registry import strategy_named

pytestmark = pytest.mark.xdist_group("oracles")
COSTS = Costs()
DEAR = Costs(fee_bps=30.0, slippage_bps=80.0)
PLANS = (
    ExitPlan(None, None),
    ExitPlan(0.004, 0.004),
    ExitPlan(0.01, 0.03),
    ExitPlan(0.03, None, time_stop_bars=9),
    ExitPlan(0.02, 0.05, size=0.4),
    ExitPlan(0.01, 0.02, risk=0.005),
    ExitPlan(0.01, 0.015, is_held_through_signals=True),
)


@pytest.fixture(scope="module")
def real() -> Bars:
    return real_btc().between(4_000, 20_000)


def opinion_on(bars: Bars, events: Events, plan: ExitPlan, direction: Direction, costs: Costs) -> dict[str, Any]:
    return second_opinion(bars, Scripted(events, plan), {"row": 0}, mode=direction.value, costs=costs)


def apart(document: dict[str, Any]) -> list[Any]:
    """What is not the same: nothing, where both agree."""
    return [] if document["agrees"] else [document["differences"], document["return"], document["their_return"]]


def named(document: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["trades"] for each in document["explained"]}


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("mtf_ema", "conservative"),
        ("mtf_ema", "balanced"),
        ("mtf_ema", "aggressive"),
        ("ema_cross", "long"),
        ("ema_cross", "long_short"),
        ("bollinger_reversion", "long"),
        ("bollinger_reversion", "long_short"),
    ],
)
@pytest.mark.parametrize("costs", [COSTS, DEAR, Costs(0.0, 0.0)])
def test_on_real_bars_it_agrees_with_every_strategy_it_can_express(real: Bars, name: str, mode: str, costs: Costs):
    strategy = strategy_named(name)
    params = dict(strategy.card.baseline)
    if name == "mtf_ema":
        params |= {"tf_fast": 15, "L_fast": 8, "tf_slow": 60, "L_slow": 20, "sl": 0.008, "tp": 0.012}
    found = second_opinion(real, strategy, params, mode=mode, costs=costs)
    assert apart(found) == []
    assert found["trades"] == found["their_trades"] == found["matched"] > 20
    assert found["largest_difference"] < 1e-12
    assert found["their_return"] == pytest.approx(found["return"], abs=1e-10)
    assert found["engine"] == "backtesting.py"
    assert ("slippage" in named(found)) == (costs.slippage_bps > 0.0)


def test_a_vault_whose_indicators_have_seen_what_lies_before(real: Bars):
    strategy = strategy_named("mtf_ema")
    params = {"tf_fast": 15, "L_fast": 8, "tf_slow": 60, "L_slow": 20, "sl": 0.008, "tp": 0.012}
    vault = real.between(10_000, real.n_bars)
    found = second_opinion(vault, WarmedUp(strategy, real, 10_000), params, mode="aggressive", costs=COSTS)
    assert apart(found) == []
    cold = second_opinion(vault, strategy, params, mode="aggressive", costs=COSTS)
    assert cold["return"] != found["return"]


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("kind", KINDS)
def test_on_gaps_spikes_ties_and_missing_bars_it_agrees_with_every_plan(kind: str, direction: Direction):
    n_trades = 0
    for seed, (missing, alternating) in enumerate([(0.0, False), (0.1, True), (0.05, False)]):
        bars = awkward_bars(kind, 400, seed, lead=5, missing=missing)
        events = random_events(400, seed, every=6.0, alternating=alternating)
        for plan in PLANS:
            found = opinion_on(bars, events, plan, direction, COSTS)
            assert apart(found) == [], (kind, seed, plan)
            n_trades += found["trades"]
    assert n_trades > 200


def test_distances_in_units_of_an_event_and_chances_that_are_taken_once():
    bars = awkward_bars("walk", 600, 4)
    plain = random_events(600, 4, every=5.0, alternating=False)
    n = len(plain)
    events = Events(plain.bar, plain.side, np.linspace(0.2, 1.5, n), np.arange(n, dtype=np.int64) // 2)
    found = opinion_on(bars, events, ExitPlan(1.0, 2.0, risk=0.01), Direction.LONG_SHORT, COSTS)
    assert apart(found) == []
    assert found["trades"] > 20


def test_the_certificate_tells_it():
    bars = awkward_bars("walk", 300, 2)
    found = opinion_on(bars, random_events(300, 2, every=9.0, alternating=True), PLANS[2], Direction.LONG, COSTS)
    page = certificate_page({"second_opinion": found})
    for words in ("on the vault: the same trades", "fill at the open", f'<data value="{found["return"]:.17g}">'):
        assert words in page


def test_every_reading_that_was_bridged_is_named_with_the_trades_it_touches():
    rows = [
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 103.0, 97.0, 100.0),  # entered here: stop and target both touched
        (100.0, 100.5, 99.5, 100.0),
        (100.0, 100.5, 99.5, 100.0),  # entered here
        (90.0, 91.0, 89.0, 90.0),  # opens below the stop
        (90.0, 90.2, 89.9, 90.0),
        (90.0, 90.2, 89.9, 90.0),  # entered here
        (95.0, 95.5, 94.0, 95.0),  # opens above the target
        (95.0, 95.2, 94.9, 95.0),
        (95.0, 95.2, 94.9, 95.1),  # entered here, open at the end
    ]
    table = np.array(rows)
    bars = bars_from_arrays("HAND", 5, 1_672_704_000_000 + 300_000 * np.arange(len(rows)), *table.T, np.ones(len(rows)))
    events = events_from((1, 1), (3, 1), (6, 1), (9, 1))
    found = opinion_on(bars, events, ExitPlan(0.02, 0.02), Direction.LONG, COSTS)
    assert apart(found) == []
    assert named(found) == {
        "stop and target in one bar": 1,
        "gap through the stop": 1,
        "gap through the target": 1,
        "open at the end of the data": 1,
        "fill at the open": 4,
        "slippage": 4,
    }


# -- a check that can fail --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both() -> tuple[Bars, ExitPlan, Simulation, PeerTrades]:
    bars, plan = awkward_bars("walk", 800, 11), ExitPlan(0.01, 0.02)
    events = random_events(800, 11, every=12.0, alternating=True)
    ours = run_backtest(bars, Scripted(events, plan), {"row": 0}, mode="long_short", costs=COSTS)
    return bars, plan, ours, replay(bars, events, plan, direction=Direction.LONG_SHORT, costs=COSTS)


def judged(both: tuple[Bars, ExitPlan, Simulation, PeerTrades], **changed: Any) -> dict[str, Any]:
    bars, plan, ours, theirs = both
    trades = dataclasses.replace(ours.trades, **changed)
    return account(bars, trades, ours.metrics.total_return, theirs, plan=plan, costs=COSTS)


def test_a_true_list_of_trades_is_agreed_with(both: tuple[Bars, ExitPlan, Simulation, PeerTrades]):
    found = judged(both)
    assert found["agrees"]
    assert found["apart"] == 0
    assert found["trades"] > 30


@pytest.mark.parametrize("name", ["entry_price", "exit_price", "return_"])
def test_a_number_apart_in_the_eighth_digit_is_told(both: tuple[Bars, ExitPlan, Simulation, PeerTrades], name: str):
    column = getattr(both[2].trades, name).copy()
    column[5] += 2e-9 * max(1.0, abs(column[5]))
    found = judged(both, **{name: column})
    assert not found["agrees"]
    assert found["apart"] == 1
    assert 1e-9 < found["largest_difference"] < 1e-8
    assert found["differences"][0]["what"] == "not the same"


@pytest.mark.parametrize("name", ["exit_bar", "side", "entry_bar"])
def test_another_bar_or_side_is_told(both: tuple[Bars, ExitPlan, Simulation, PeerTrades], name: str):
    column = getattr(both[2].trades, name).copy()
    column[5] = -column[5] if name == "side" else column[5] + 1
    found = judged(both, **{name: column})
    assert not found["agrees"]
    # Of another entry, neither has a counterpart.
    assert found["apart"] == (1 if name == "exit_bar" else 2)


def test_a_trade_that_was_left_out_or_made_up_is_told(both: tuple[Bars, ExitPlan, Simulation, PeerTrades]):
    bars, plan, ours, theirs = both
    columns = {field.name: getattr(ours.trades, field.name) for field in dataclasses.fields(ours.trades)}
    fewer = judged(both, **{name: np.delete(column, 3) for name, column in columns.items()})
    assert not fewer["agrees"]
    assert [each["what"] for each in fewer["differences"]] == ["only in backtesting.py"]
    entries = {
        field.name: np.delete(getattr(theirs, field.name), 3)
        for field in dataclasses.fields(theirs)
        if isinstance(getattr(theirs, field.name), np.ndarray)
    }
    missing = dataclasses.replace(theirs, **entries)
    more = account(bars, ours.trades, ours.metrics.total_return, missing, plan=plan, costs=COSTS)
    assert not more["agrees"]
    assert [each["what"] for each in more["differences"]] == ["only here"]


def test_a_total_that_its_trades_do_not_make_is_told(both: tuple[Bars, ExitPlan, Simulation, PeerTrades]):
    bars, plan, ours, theirs = both
    assert not account(bars, ours.trades, ours.metrics.total_return + 1e-7, theirs, plan=plan, costs=COSTS)["agrees"]


def test_what_is_no_number_never_agrees(both: tuple[Bars, ExitPlan, Simulation, PeerTrades]):
    price = both[2].trades.exit_price.copy()
    price[2] = np.nan
    assert not judged(both, exit_price=price)["agrees"]
    bars, plan, ours, theirs = both
    assert not account(bars, ours.trades, float("nan"), theirs, plan=plan, costs=COSTS)["agrees"]


def test_other_costs_or_another_plan_are_told(both: tuple[Bars, ExitPlan, Simulation, PeerTrades]):
    bars, plan, ours, _ = both
    events = random_events(800, 11, every=12.0, alternating=True)
    for other_plan, costs in ((ExitPlan(0.011, 0.02), COSTS), (plan, Costs(5.0, 2.1)), (plan, Costs(5.1, 2.0))):
        theirs = replay(bars, events, other_plan, direction=Direction.LONG_SHORT, costs=costs)
        found = account(bars, ours.trades, ours.metrics.total_return, theirs, plan=plan, costs=COSTS)
        assert not found["agrees"], (other_plan, costs)


# -- where it cannot be asked -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (ExitPlan(0.02, None, legs=(Leg(0.5, 0.01, 0.0), Leg(0.5, 0.02))), "2 legs"),
        (ExitPlan(None, 0.02, trailing=0.01), "trails"),
    ],
)
def test_a_plan_that_our_own_code_would_have_to_carry_out_is_not_asked_about(plan: ExitPlan, word: str):
    bars = awkward_bars("walk", 100, 1)
    found = opinion_on(bars, events_from((5, 1)), plan, Direction.LONG, COSTS)
    assert list(found) == ["not_asked_because"]
    assert word in found["not_asked_because"]
    with pytest.raises(ValueError, match="cannot be asked"):
        replay(bars, events_from((5, 1)), plan, direction=Direction.LONG, costs=COSTS)


def test_a_strategy_with_several_legs_says_so():
    strategy = strategy_named("final_trigger")
    assert inexpressible(strategy.plan(strategy.card.baseline)) is not None


def test_where_the_extra_is_not_installed_the_document_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "backtesting", None)
    found = opinion_on(awkward_bars("walk", 50, 1), events_from((5, 1)), PLANS[0], Direction.LONG, COSTS)
    assert found == {"not_asked_because": "backtesting.py is not installed: pip install 'swarmd[second-opinion]'"}


def test_nothing_is_imported_of_it_before_it_is_asked():
    told = subprocess.run(
        [sys.executable, "-c", "import swarmd.engine.second_opinion.opinion, sys; print('backtesting' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "False\n"
