"""The rule as it is written down, walked bar by bar with exact fractions, against the strategy and the simulator."""

from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from price_builders import awkward_bars, prices_of, real_btc

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.kernel.reference import simulate_reference
from swarmd.engine.market.bars import Bars
from swarmd.engine.search.space import is_admissible
from swarmd.engine.strategies.registry import strategy_named

BOLLINGER = strategy_named("bollinger_reversion")
Where = Literal["below", "above", "between"]


def exact_places(bars: Bars, window: int, k: float) -> list[Where]:
    """Where each close lies by its definition; examples too near a band to be told apart are given up."""
    places: list[Where] = ["between"] * (window - 1)
    for bar in range(window - 1, bars.n_bars):
        exact = [Fraction(close) for close in bars.close[bar - window + 1 : bar + 1].tolist()]
        mean = sum(exact, Fraction(0)) / window
        variance = sum(((close - mean) ** 2 for close in exact), Fraction(0)) / window
        off, reach = exact[-1] - mean, Fraction(k) ** 2 * variance
        assume(off == 0 or abs(off * off - reach) > Fraction(1, 10**12) * reach)
        outside: Where = "below" if off < 0 else "above"
        places.append(outside if off * off > reach else "between")
    return places


def numpy_places(bars: Bars, window: int, k: float) -> list[Where]:
    cut = np.lib.stride_tricks.sliding_window_view(bars.close, window)
    far = (cut[:, -1] - cut.mean(axis=1)) / cut.std(axis=1)
    return ["between"] * (window - 1) + ["below" if z < -k else "above" if z > k else "between" for z in far.tolist()]


def wished_trades(places: list[Where], *, shorts: bool) -> list[tuple[int, int, int]]:
    """(entry bar, exit bar, side) of the words: below the lower band and flat: buy; above the upper and long: sell."""
    held, since, found, last = 0, 0, [], len(places) - 1
    for bar, place in enumerate(places[:-1]):
        side = {"below": 1, "above": -1, "between": 0}[place]
        if side == -held and held:
            found.append((since, bar + 1, held))
            held = 0
        if side and not held and (side > 0 or shorts):
            held, since = side, bar + 1
    return [*found, (since, last, held)] if held else found


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["walk", "ties", "gaps", "spikes", "doubling", "saw", "trend"]),
    n_bars=st.integers(2, 220),
    seed=st.integers(0, 10_000),
    window=st.integers(6, 40),
    k=st.sampled_from([0.3, 0.9, 1.3, 2.0]),
    mode=st.sampled_from(["long", "long_short"]),
)
def test_every_trade_is_one_the_rule_asks_for(kind: str, n_bars: int, seed: int, window: int, k: float, mode: str):
    bars = awkward_bars(kind, n_bars, seed)
    run = run_backtest(bars, BOLLINGER, {"window": window, "k": k}, mode=mode, costs=Costs())
    assume("ruin" not in run.trades.exit_reason)
    trades = run.trades
    ours = list(zip(trades.entry_bar.tolist(), trades.exit_bar.tolist(), trades.side.tolist(), strict=True))
    assert ours == wished_trades(exact_places(bars, window, k), shorts=mode == "long_short")


@pytest.mark.parametrize("mode", ["long", "long_short"])
def test_on_real_bars_the_baseline_trades_as_the_rule_asks(mode: str):
    bars = real_btc().between(0, 6000)
    assert not bars.synthetic.any()
    run = run_backtest(bars, BOLLINGER, BOLLINGER.card.baseline, mode=mode, costs=Costs())
    trades = run.trades
    ours = list(zip(trades.entry_bar.tolist(), trades.exit_bar.tolist(), trades.side.tolist(), strict=True))
    assert ours == wished_trades(numpy_places(bars, 200, 2.0), shorts=mode == "long_short")
    assert len(ours) > 5


def test_with_a_stop_it_is_bought_again_while_the_close_is_still_below_the_band():
    # Falls 2 percent a bar after a calm stretch: every close of the fall is below the lower band.
    closes = np.concatenate((100.0 + 0.1 * np.sin(np.arange(30)), 100.0 * 0.98 ** np.arange(1, 7)))
    opens = np.concatenate((closes[:1], closes[:-1]))
    calm = awkward_bars("flat", closes.size, 0)
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    bars = Bars("FALL", 5, calm.open_time, opens, high, low, closes, calm.volume, calm.synthetic)
    events = BOLLINGER.events(bars, {"window": 20, "k": 1.5})
    outcome = simulate_reference(
        prices_of(bars), events, plan=ExitPlan(stop=0.01, target=None), direction=Direction.LONG, costs=Costs()
    )
    fall = [bar for bar in outcome.trades.entry_bar.tolist() if bar > 30]
    assert fall == [31, 32, 33, 34, 35]
    assert outcome.trades.exit_reason[-5:] == ("stop",) * 5


def test_a_close_on_the_band_is_not_below_it():
    # Of two values each lies exactly one deviation from their mean.
    bars = awkward_bars("ties", 400, 5)
    events = BOLLINGER.events(bars, {"window": 2, "k": 0.999})
    assert len(events) > 100
    exactly_on = BOLLINGER.events(bars, {"window": 2, "k": 1.0})
    assert len(exactly_on) == 0


def test_bands_that_no_close_can_leave_are_never_searched():
    assert is_admissible(BOLLINGER, {"window": 20, "k": 4.3})
    assert not is_admissible(BOLLINGER, {"window": 20, "k": 4.36})
    assert not is_admissible(BOLLINGER, {"window": 2, "k": 1.0})
