"""The laws every registered strategy obeys; a new one is held to them before its author writes a test."""

import numpy as np
import pytest
from price_builders import awkward_bars, real_btc

from swarmd.engine.backtest import evaluate_many, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import ParamSpec, checked_params
from swarmd.engine.strategies.registry import strategy_named, strategy_names

NAMES = strategy_names()
MODES = [(name, mode) for name in NAMES for mode in strategy_named(name).card.modes]


def drawn(name: str, mode: str, n: int, seed: int) -> dict[str, np.ndarray]:
    """Random rows of a mode's space that its strategy finds admissible."""
    strategy = strategy_named(name)
    rng = np.random.default_rng(seed)

    def column(spec: ParamSpec) -> np.ndarray:
        if spec.kind == "choice":
            return rng.choice(np.array(spec.choices), 20 * n)
        if spec.kind == "int":
            return rng.integers(int(spec.low or 0), int(spec.high or 0) + 1, 20 * n)
        return rng.uniform(spec.low or 0.0, spec.high or 0.0, 20 * n)

    columns = {spec.name: column(spec) for spec in strategy.card.mode(mode).space}
    kept = np.flatnonzero(strategy.admissible(columns))[:n]
    assert kept.size == n
    return {key: values[kept] for key, values in columns.items()}


def rows_of(columns: dict[str, np.ndarray]) -> list[dict[str, float | int]]:
    n = len(next(iter(columns.values())))
    return [{key: values[at].item() for key, values in columns.items()} for at in range(n)]


def walk(n_bars: int = 40_000, *, seed: int = 11) -> Bars:
    """Enough bars for every lookback; it starts off every boundary and has bars missing."""
    return awkward_bars("walk", n_bars, seed, lead=101, missing=0.01)


def with_prices(bars: Bars, factor: float) -> Bars:
    scaled = [column * factor for column in (bars.open, bars.high, bars.low, bars.close)]
    return Bars(bars.symbol, bars.interval_minutes, bars.open_time, *scaled, bars.volume, bars.synthetic)


def listed(events: Events) -> list[tuple[int, int]]:
    return list(zip(events.bar.tolist(), events.side.tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_whole_and_its_baseline_and_modes_lie_within_its_limits(name: str):
    strategy = strategy_named(name)
    card = strategy.card
    assert card.name == name
    assert card.title
    assert card.data
    checked_params(strategy, card.baseline)
    limits = {spec.name: spec for spec in card.params}
    for mode in card.modes.values():
        assert [spec.name for spec in mode.space] == list(limits)
        for spec in mode.space:
            assert spec.kind in (limits[spec.name].kind, "choice"), "a mode may list the values it looks at"
            for value in spec.choices or (spec.low, spec.high):
                assert limits[spec.name].refusal(value) is None
            assert spec.meaning
            assert spec.unit


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_the_strategy_trades_on_a_random_walk(name: str, mode: str):
    trades = evaluate_many(walk(), strategy_named(name), drawn(name, mode, 10, seed=1), mode=mode, costs=Costs())
    assert trades["total_trades"].min() >= 1


@pytest.mark.parametrize("name", NAMES)
def test_cutting_the_future_off_leaves_every_earlier_event_as_it_was(name: str):
    strategy, bars = strategy_named(name), walk(12_000)
    rng = np.random.default_rng(4)
    for params in [dict(strategy.card.baseline), *rows_of(drawn(name, next(iter(strategy.card.modes)), 3, seed=4))]:
        whole = listed(strategy.events(bars, params))
        for cut in [*rng.integers(1, bars.n_bars, 12).tolist(), *(bar for bar, _ in whole[:6])]:
            assert listed(strategy.events(bars.between(0, cut), params)) == [e for e in whole if e[0] < cut]


@pytest.mark.parametrize("name", NAMES)
def test_no_event_comes_before_the_lookback_says_so(name: str):
    strategy, bars = strategy_named(name), walk()
    for params in rows_of(drawn(name, next(iter(strategy.card.modes)), 8, seed=5)):
        events = strategy.events(bars, params)
        lookback = strategy.lookback_bars(params, bars.interval_minutes)
        assert len(strategy.events(bars.between(0, lookback // 2), params)) == 0
        short = strategy.events(bars.between(0, min(lookback + 3000, bars.n_bars)), params)
        assert listed(short) == listed(events)[: len(short)]


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_prices_in_another_unit_change_no_event_and_no_return(name: str, mode: str):
    strategy, bars = strategy_named(name), walk()
    columns = drawn(name, mode, 5, seed=6)
    for params in rows_of(columns):
        assert listed(strategy.events(with_prices(bars, 4.0), params)) == listed(strategy.events(bars, params))
    here = evaluate_many(bars, strategy, columns, mode=mode, costs=Costs())
    there = evaluate_many(with_prices(bars, 4.0), strategy, columns, mode=mode, costs=Costs())
    for metric in SCREEN_METRICS:
        np.testing.assert_array_equal(here[metric], there[metric], err_msg=metric)


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_a_flat_market_gives_no_trades(name: str, mode: str):
    strategy, bars = strategy_named(name), awkward_bars("flat", 20_000, 0)
    columns = drawn(name, mode, 5, seed=7)
    assert all(len(strategy.events(bars, params)) == 0 for params in rows_of(columns))
    found = evaluate_many(bars, strategy, columns, mode=mode, costs=Costs())
    assert found["total_trades"].tolist() == [0] * 5
    assert found["total_return"].tolist() == [0.0] * 5
    assert found["annual_sharpe"].tolist() == [0.0] * 5


@pytest.mark.parametrize(("name", "mode"), MODES)
@pytest.mark.parametrize("source", ["walk", "real"])
def test_many_at_once_one_by_one_and_the_reference_agree(name: str, mode: str, source: str):
    strategy = strategy_named(name)
    bars = walk() if source == "walk" else real_btc()
    columns = drawn(name, mode, 12, seed=8)
    found = evaluate_many(bars, strategy, columns, mode=mode, costs=Costs())
    for at, params in enumerate(rows_of(columns)):
        single = run_backtest(bars, strategy, params, mode=mode, costs=Costs())
        if at < 3:
            slow = run_backtest(bars, strategy, params, mode=mode, costs=Costs(), engine="reference")
            np.testing.assert_array_equal(single.equity, slow.equity)
            assert single.trades.exit_reason == slow.trades.exit_reason
            assert single.metrics == slow.metrics
        for metric in SCREEN_METRICS:
            wanted, got = getattr(single.metrics, metric), found[metric][at]
            if metric == "annual_sharpe":
                assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9)
            else:
                assert got == wanted, metric
