"""Random vectors on real bars: the engine, its reference, the screening path and two independent backtesters agree.

A sample; `scripts/check_oracles` is the same comparison at full volume.
"""

import dataclasses

import pytest

pytest.importorskip("vectorbt")
pytest.importorskip("backtesting")

from oracles.backtesting_peer import run_backtesting
from oracles.peer import Orders, differences, ema_crossings
from oracles.vectorbt_peer import run_vectorbt
from oracles.volume import AGAINST, COSTS, FEE_ONLY, STRATEGY, compare, drawn, real_file, real_series

from swarmd.engine.backtest import run_backtest
from swarmd.engine.market.bars import Bars

# vectorbt compiles for seconds in every process that uses it.
pytestmark = pytest.mark.xdist_group("oracles")
# Each of the two gaps is in one of these stretches.
STRETCHES = {
    "BTCUSDT": (5_000, 45_000),
    "ETHUSDT": (85_000, 125_000),
    "XRPUSDT": (0, 43_776),
    "DOGEUSDT": (0, 43_776),
}


def stretch(symbol: str) -> Bars:
    if not real_file(symbol).is_file():
        pytest.skip(f"no {real_file(symbol)}; set SWARMD_TEST_DATA to the folder of real bars to run this")
    return real_series(symbol).between(*STRETCHES[symbol])


@pytest.mark.parametrize("mode", ["balanced", "aggressive"])
@pytest.mark.parametrize("symbol", STRETCHES)
def test_every_path_and_both_oracles_agree_on_random_vectors(symbol: str, mode: str):
    bars = stretch(symbol)
    assert bars.synthetic.any() == (symbol in ("BTCUSDT", "ETHUSDT"))
    tallies = compare(bars, drawn(mode, 5, seed=len(symbol)), mode)
    assert [words for tally in tallies.values() for words in tally.words] == []
    for name in AGAINST:
        assert tallies[name].vectors == 5
        assert tallies[name].trades > 20


@pytest.mark.parametrize("mode", ["balanced", "aggressive"])
@pytest.mark.parametrize(
    "params",
    [
        {"tf_fast": 15, "L_fast": 8, "tf_slow": 60, "L_slow": 20, "sl": 0.008, "tp": 0.012},
        {"tf_fast": 45, "L_fast": 5, "tf_slow": 240, "L_slow": 10, "sl": 0.009, "tp": 0.02},
    ],
)
def test_they_agree_where_every_kind_of_exit_is_frequent(params: dict[str, float], mode: str):
    bars = stretch("BTCUSDT").between(7, 30_007)
    crossings = ema_crossings(bars, *((int(params[f"tf_{n}"]), int(params[f"L_{n}"])) for n in ("fast", "slow")))
    orders, plan = Orders.waiting(*crossings, bars), STRATEGY.plan(params)
    direction = STRATEGY.card.mode(mode).direction
    ours = run_backtest(bars, STRATEGY, params, mode=mode, costs=COSTS)
    assert len(ours.trades) > 60
    for reason in ("signal", "stop", "target"):
        assert ours.trades.exit_reason.count(reason) > 5
    assert differences(ours, run_vectorbt(bars, orders, plan, direction=direction, costs=COSTS)) == []
    ours = run_backtest(bars, STRATEGY, params, mode=mode, costs=FEE_ONLY)
    theirs = run_backtesting(bars, orders, plan, direction=direction, fee=FEE_ONLY.fee)
    assert differences(ours, theirs, equity=1e-8) == []


def test_a_comparison_tells_what_is_apart():
    bars = stretch("XRPUSDT").between(0, 12_000)
    params = {"tf_fast": 15, "L_fast": 8, "tf_slow": 60, "L_slow": 20, "sl": 0.008, "tp": 0.012}
    orders = Orders.waiting(*ema_crossings(bars, (15, 8), (60, 20)), bars)
    direction = STRATEGY.card.mode("balanced").direction
    theirs = run_vectorbt(bars, orders, STRATEGY.plan(params), direction=direction, costs=COSTS)
    ours = run_backtest(bars, STRATEGY, params, mode="balanced", costs=COSTS)
    assert differences(ours, theirs) == []
    late = dataclasses.replace(theirs, exit_bar=theirs.exit_bar + (theirs.exit_bar == theirs.exit_bar[3]))
    assert "first number 3" in differences(ours, late)[0]
    assert differences(ours, dataclasses.replace(theirs, exit_price=theirs.exit_price * (1 + 1e-11)))
    assert differences(ours, dataclasses.replace(theirs, equity=theirs.equity + 1e-9))
