"""Made-up bars that no market is kind enough to leave out, through both engines, screening and both oracles.

What stays apart from an oracle is asserted as well: vectorbt knows no ruin and trades on with what it owes; an oracle
that is shown the bars of a gap as if they had traded fills orders on them.
"""

import dataclasses
from typing import Any

import numpy as np
import pytest

pytest.importorskip("vectorbt")
pytest.importorskip("backtesting")

from oracles.backtesting_peer import run_backtesting
from oracles.peer import Orders, PeerRun, differences, screening_differences, unequal_bits
from oracles.scripted import Scripted
from oracles.vectorbt_peer import run_vectorbt
from oracles.volume import COSTS, FEE_ONLY
from price_builders import KINDS, awkward_bars, events_from, random_events

from swarmd.engine.backtest import Simulation, evaluate_many, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events, no_events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars, bars_from_arrays
from swarmd.engine.market.faults import DataError
from swarmd.engine.strategies.registry import strategy_named

pytestmark = pytest.mark.xdist_group("oracles")
FIRST_MS = 1_672_704_000_000
STEP_MS = 300_000
NEAR, WIDE, NONE = ExitPlan(0.004, 0.004), ExitPlan(0.6, 0.9), ExitPlan(None, None)
PLANS = (NEAR, ExitPlan(0.01, 0.02), ExitPlan(0.03, 0.2), WIDE, ExitPlan(1.5, None), NONE)
CALM = tuple(kind for kind in KINDS if kind not in ("spikes", "doubling"))


def bars_of(*rows: tuple[float, float, float, float]) -> Bars:
    """Bars written by hand as (open, high, low, close)."""
    table = np.array(rows, np.float64).reshape(-1, 4)
    times = FIRST_MS + STEP_MS * np.arange(len(table))
    return bars_from_arrays("HAND", 5, times, *table.T, np.ones(len(table)))


def ours_of(bars: Bars, events: Events, plan: ExitPlan, direction: Direction, costs: Costs) -> Simulation:
    """The CPU engine's run, once it has been found to be the reference's."""
    strategy = Scripted(events, plan)
    found = run_backtest(bars, strategy, {"row": 0}, mode=direction.value, costs=costs)
    slow = run_backtest(bars, strategy, {"row": 0}, mode=direction.value, costs=costs, engine="reference")
    assert unequal_bits(found, slow) == []
    return found


def of_vectorbt(bars: Bars, events: Events, plan: ExitPlan, direction: Direction, costs: Costs = COSTS) -> PeerRun:
    return run_vectorbt(bars, Orders.waiting(events.bar, events.side, bars), plan, direction=direction, costs=costs)


def of_backtesting(bars: Bars, events: Events, plan: ExitPlan, direction: Direction) -> PeerRun:
    orders = Orders.waiting(events.bar, events.side, bars)
    return run_backtesting(bars, orders, plan, direction=direction, fee=FEE_ONLY.fee)


def in_every_engine(bars: Bars, events: Events, plan: ExitPlan, direction: Direction) -> Simulation:
    """Our run, once all four agree on it."""
    assert differences(ours_of(bars, events, plan, direction, COSTS), of_vectorbt(bars, events, plan, direction)) == []
    ours = ours_of(bars, events, plan, direction, FEE_ONLY)
    assert differences(ours, of_backtesting(bars, events, plan, direction), equity=1e-8) == []
    return ours


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("kind", KINDS)
def test_both_engines_and_both_oracles_agree_on_awkward_bars(kind: str, direction: Direction):
    n_trades = n_ruined = 0
    for seed, (missing, alternating) in enumerate([(0.0, True), (0.0, False), (0.1, True), (0.1, False)]):
        bars = awkward_bars(kind, 350, seed, lead=5, missing=missing)
        events = random_events(350, seed, every=6.0, alternating=alternating)
        for plan in PLANS:
            ours = ours_of(bars, events, plan, direction, FEE_ONLY)
            assert differences(ours, of_backtesting(bars, events, plan, direction), equity=1e-8) == []
            ours = ours_of(bars, events, plan, direction, COSTS)
            theirs = of_vectorbt(bars, events, plan, direction)
            if "ruin" in ours.trades.exit_reason:
                n_ruined += 1
                assert_equal_until_ruin(ours, theirs)
            else:
                assert differences(ours, theirs) == []
            n_trades += len(ours.trades)
    assert n_trades > 100
    assert n_ruined == 0 or (direction is Direction.LONG_SHORT and kind not in CALM)


def assert_equal_until_ruin(ours: Simulation, theirs: PeerRun) -> None:
    """Up to the close at which nothing is left it agrees; there it has a debt, and goes on."""
    assert ours.trades.exit_reason.index("ruin") == len(ours.trades) - 1
    ruin = int(ours.trades.exit_bar[-1])
    np.testing.assert_allclose(ours.equity[:ruin], theirs.equity[:ruin], rtol=0.0, atol=1e-10)
    assert (ours.equity[ruin:] == 0.0).all()
    assert theirs.equity[ruin] < 1e-10
    before = slice(0, len(ours.trades) - 1)
    for name in ("entry_bar", "exit_bar", "side"):
        np.testing.assert_array_equal(getattr(ours.trades, name)[before], getattr(theirs, name)[before])
    assert ours.trades.entry_bar[-1] == theirs.entry_bar[len(ours.trades) - 1]


@pytest.mark.parametrize("side", [1, -1])
def test_a_spike_through_stop_and_target_in_one_bar_is_a_stop(side: int):
    calm = (100.0, 100.1, 99.9, 100.0)
    bars = bars_of(calm, calm, calm, (100.0, 130.0, 70.0, 101.0), calm)
    run = in_every_engine(bars, events_from((2, side)), ExitPlan(0.05, 0.05), Direction.LONG_SHORT)
    assert run.trades.exit_reason == ("stop",)
    assert run.trades.exit_price.tolist() == [100.0 * (1.0 - side * 0.05)]
    on_entry = in_every_engine(bars, events_from((3, side)), ExitPlan(0.05, 0.05), Direction.LONG_SHORT)
    assert on_entry.trades.exit_bar.tolist() == [3]
    assert on_entry.trades.exit_reason == ("stop",)


@pytest.mark.parametrize("side", [1, -1])
def test_an_open_beyond_the_stop_fills_there_and_one_beyond_the_target_too(side: int):
    calm = (100.0, 100.1, 99.9, 100.0)
    for open_, reason in ((100.0 - side * 20.0, "stop"), (100.0 + side * 20.0, "target")):
        bars = bars_of(calm, calm, calm, (open_, open_ + 0.5, open_ - 0.5, open_))
        run = in_every_engine(bars, events_from((1, side)), ExitPlan(0.05, 0.05), Direction.LONG_SHORT)
        assert run.trades.exit_price.tolist() == [open_]
        assert run.trades.exit_reason == (reason,)


@pytest.mark.parametrize("side", [1, -1])
def test_a_price_that_just_reaches_a_level_touches_it_and_a_tick_less_does_not(side: int):
    calm = (128.0, 128.0, 128.0, 128.0)
    for reach, reason in ((64.0, "stop"), (63.875, "end_of_data")):
        far = 128.0 - side * reach
        bars = bars_of(calm, calm, (128.0, max(128.0, far), min(128.0, far), 128.0))
        run = in_every_engine(bars, events_from((1, side)), ExitPlan(0.5, 0.75), Direction.LONG_SHORT)
        assert run.trades.exit_reason == (reason,)


def test_an_open_at_more_than_twice_the_price_ruins_a_short():
    calm, after = (100.0, 100.1, 99.9, 100.0), (230.0, 231.0, 229.0, 230.0)
    bars = bars_of(calm, calm, calm, after, after, after)
    events, plan = events_from((1, -1), (4, 1), (5, -1)), ExitPlan(0.3, 0.3)
    ours = ours_of(bars, events, plan, Direction.LONG_SHORT, FEE_ONLY)
    assert ours.trades.exit_reason == ("ruin",)
    assert ours.trades.exit_bar.tolist() == [3]
    assert ours.equity[3:].tolist() == [0.0] * 3
    assert differences(ours, of_backtesting(bars, events, plan, Direction.LONG_SHORT), equity=1e-8) == []
    with_slippage = ours_of(bars, events, plan, Direction.LONG_SHORT, COSTS)
    assert_equal_until_ruin(with_slippage, of_vectorbt(bars, events, plan, Direction.LONG_SHORT))


@pytest.mark.parametrize("direction", Direction)
def test_a_series_on_which_every_trade_loses(direction: Direction):
    # Up a little after every sale and down after every purchase.
    close = 100.0 + np.where(np.arange(60) // 5 % 2 == 0, 1.0, -1.0)
    rows = [(o, max(o, c), min(o, c), c) for o, c in zip(np.append(100.0, close[:-1]), close, strict=True)]
    events = events_from(*((bar, 1 if close[bar - 1] > 100.0 else -1) for bar in range(5, 60, 5)))
    run = in_every_engine(bars_of(*rows), events, ExitPlan(0.5, 0.5), direction)
    assert run.metrics.total_trades == (11 if direction is Direction.LONG_SHORT else 6)
    assert run.metrics.win_rate == 0.0
    assert run.metrics.profit_factor == 0.0
    assert run.metrics.total_return < 0.0
    np.testing.assert_array_less(run.trades.return_, 0.0)


def test_one_bar_has_no_trade_and_two_bars_one_that_ends_with_the_data():
    bar = (100.0, 101.0, 99.0, 100.5)
    for plan in (NEAR, NONE):
        alone = in_every_engine(bars_of(bar), no_events(), plan, Direction.LONG_SHORT)
        assert alone.equity.tolist() == [1.0]
    for side in (1, -1):
        run = in_every_engine(bars_of(bar, bar), events_from((1, side)), WIDE, Direction.LONG_SHORT)
        assert run.trades.exit_reason == ("end_of_data",)
        assert run.trades.exit_price.tolist() == [100.5]


@pytest.mark.parametrize("n_bars", [1, 2])
@pytest.mark.parametrize("name", ["mtf_ema", "ema_cross"])
def test_real_strategies_take_one_bar_and_two(name: str, n_bars: int):
    strategy, bars = strategy_named(name), bars_of(*[(100.0, 101.0, 99.0, 100.5)] * n_bars)
    mode = next(iter(strategy.card.modes))
    baseline: dict[str, Any] = dict(strategy.card.baseline)
    ours = run_backtest(bars, strategy, baseline, mode=mode, costs=COSTS)
    assert ours.equity.tolist() == [1.0] * n_bars
    found = evaluate_many(bars, strategy, {k: np.array([v]) for k, v in baseline.items()}, mode=mode, costs=COSTS)
    assert screening_differences({metric: column[0].item() for metric, column in found.items()}, ours) == []


def test_no_bar_is_refused_in_words():
    with pytest.raises(DataError, match="no rows; give at least one bar"):
        bars_from_arrays("HAND", 5, [], [], [], [], [], [])
    with pytest.raises(DataError, match=r"no stretch \[3, 3\) in 4 bars"):
        bars_of(*[(1.0, 1.0, 1.0, 1.0)] * 4).between(3, 3)


def test_an_oracle_that_takes_a_gap_for_traded_bars_is_apart_by_the_fills_within_it():
    bars = awkward_bars("walk", 600, 3, lead=5, missing=0.3)
    events = random_events(600, 3, every=6.0, alternating=True)
    as_traded = dataclasses.replace(bars, synthetic=np.zeros(bars.n_bars, np.bool_))
    ours = ours_of(bars, events, NONE, Direction.LONG_SHORT, COSTS)
    theirs = of_vectorbt(as_traded, events, NONE, Direction.LONG_SHORT)
    assert differences(ours_of(as_traded, events, NONE, Direction.LONG_SHORT, COSTS), theirs) == []
    kept, naive = (
        set(zip(t.entry_bar.tolist(), t.exit_bar.tolist(), t.side.tolist(), strict=True)) for t in (ours.trades, theirs)
    )
    # What waits fills at the first bar after the gap, in place of an order that is due there.
    in_or_after = bars.synthetic | np.append(False, bars.synthetic[:-1])
    assert all(in_or_after[[entry, exit_]].any() for entry, exit_, _ in naive - kept)
    # Orders that wait for the same bar may cancel each other, and a position is held right through the gap.
    assert all(in_or_after[entry : exit_ + 1].any() for entry, exit_, _ in kept - naive)
    # Only the end of the data does not wait.
    last = bars.n_bars - 1
    assert not any(bars.synthetic[entry] or (bars.synthetic[exit_] and exit_ != last) for entry, exit_, _ in kept)
    assert len(naive - kept) > 10
    assert len(naive & kept) > 10
    # Handed the orders as they wait, and the bars that traded, it agrees.
    assert differences(ours, of_vectorbt(bars, events, NONE, Direction.LONG_SHORT)) == []


@pytest.mark.parametrize("mode", ["balanced", "aggressive"])
@pytest.mark.parametrize("kind", KINDS)
def test_screening_agrees_with_the_oracle_on_awkward_bars(kind: str, mode: str):
    strategy, bars = strategy_named("mtf_ema"), awkward_bars(kind, 1500, 9, lead=77, missing=0.02)
    rng = np.random.default_rng(9)
    columns = {
        "tf_fast": rng.choice([15, 30, 45, 60], 3),
        "L_fast": rng.integers(1, 5, 3),
        "tf_slow": rng.choice([120, 240], 3),
        "L_slow": rng.integers(1, 6, 3),
        "sl": rng.choice([0.003, 0.02, 0.6], 3),
        "tp": rng.choice([0.003, 0.02, 0.6], 3),
    }
    found = evaluate_many(bars, strategy, columns, mode=mode, costs=COSTS)
    for row in range(3):
        params = {name: column[row].item() for name, column in columns.items()}
        ours = run_backtest(bars, strategy, params, mode=mode, costs=COSTS)
        assert screening_differences({metric: column[row].item() for metric, column in found.items()}, ours) == []
        events, direction = strategy.events(bars, params), strategy.card.mode(mode).direction
        theirs = of_vectorbt(bars, events, strategy.plan(params), direction)
        if "ruin" in ours.trades.exit_reason:
            assert_equal_until_ruin(ours, theirs)
            continue
        assert differences(ours, theirs) == []
        metrics = theirs.metrics(bars)
        assert found["total_trades"][row] == metrics["total_trades"]
        for metric in ("total_return", "max_drawdown", "win_rate", "annual_sharpe"):
            np.testing.assert_allclose(found[metric][row], metrics[metric], rtol=1e-8, atol=1e-9, err_msg=metric)
