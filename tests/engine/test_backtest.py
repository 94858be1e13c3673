"""The front door: what it refuses, what it counts, and that screening equals single runs on every kind of bars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_builders import KINDS, awkward_bars

from swarmd.engine.backtest import evaluate_many, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.kernel.plan import ExitPlan, Leg
from swarmd.engine.strategies.contract import Params
from swarmd.engine.strategies.registry import strategy_named

MTF = strategy_named("mtf_ema")


def short_columns(n: int, seed: int) -> dict[str, np.ndarray]:
    """Lengths short enough to cross often in a few days of bars."""
    rng = np.random.default_rng(seed)
    return {
        "tf_fast": rng.choice([15, 30, 45, 60], n),
        "L_fast": rng.integers(1, 6, n),
        "tf_slow": rng.choice([120, 240, 360], n),
        "L_slow": rng.integers(1, 10, n),
        "sl": rng.choice([0.0005, 0.01, 0.05, 0.9], n),
        "tp": rng.choice([0.0005, 0.01, 0.15, 4.0], n),
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    n_bars=st.sampled_from([1, 2, 35, 36, 71, 288, 289, 1000, 4000]) | st.integers(1, 4000),
    lead=st.integers(0, 287),
    missing=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 1000),
    mode=st.sampled_from(["balanced", "aggressive"]),
    # At 6 % slippage a short with the widest stop can be ruined before it: those rows are run one by one.
    costs=st.sampled_from([Costs(), Costs(0.0, 0.0), Costs(300.0, 200.0), Costs(0.0, 600.0)]),
)
def test_screening_equals_single_runs_wherever_the_data_starts_and_ends(
    kind: str, n_bars: int, lead: int, missing: float, seed: int, mode: str, costs: Costs
):
    bars = awkward_bars(kind, n_bars, seed, lead=lead, missing=missing)
    columns = short_columns(8, seed)
    found = evaluate_many(bars, MTF, columns, mode=mode, costs=costs)
    for at in range(8):
        params = {name: column[at].item() for name, column in columns.items()}
        wanted = run_backtest(bars, MTF, params, mode=mode, costs=costs).metrics
        for name in SCREEN_METRICS:
            if name == "annual_sharpe":
                assert found[name][at] == pytest.approx(wanted.annual_sharpe, rel=1e-9, abs=1e-9)
            else:
                assert found[name][at] == getattr(wanted, name), name


class Laddered:
    """A strategy as a user writes it: events and a plan, and no word on what vectors share."""

    card = MTF.card
    events = MTF.events
    admissible = MTF.admissible
    lookback_bars = MTF.lookback_bars

    def plan(self, params: Params) -> ExitPlan:
        legs = (Leg(0.5, params["tp"] / 2, 0.0), Leg(0.3, params["tp"]))
        return ExitPlan(params["sl"], None, legs=legs, trailing=params["sl"], time_stop_bars=500, size=0.7)


@pytest.mark.parametrize("mode", ["balanced", "aggressive"])
def test_a_strategy_that_shares_nothing_is_screened_as_it_runs(mode: str):
    bars = awkward_bars("walk", 6000, 11, lead=30, missing=0.1)
    columns = short_columns(40, 12)
    heard: list[int] = []
    found = evaluate_many(bars, Laddered(), columns, mode=mode, costs=Costs(), progress=heard.append)
    assert sum(heard) == 40
    assert found["total_trades"].max() > 20
    for at in range(40):
        params = {name: column[at].item() for name, column in columns.items()}
        wanted = run_backtest(bars, Laddered(), params, mode=mode, costs=Costs()).metrics
        assert found["annual_sharpe"][at] == pytest.approx(wanted.annual_sharpe, rel=1e-11, abs=1e-11)
        for name in set(SCREEN_METRICS) - {"annual_sharpe"}:
            assert found[name][at] == getattr(wanted, name), name


def test_events_wait_through_a_gap_the_same_way_in_screening():
    bars = awkward_bars("walk", 9000, 2, lead=7, missing=0.6)
    columns = short_columns(40, 3)
    found = evaluate_many(bars, MTF, columns, mode="aggressive", costs=Costs())
    for at in range(40):
        params = {name: column[at].item() for name, column in columns.items()}
        single = run_backtest(bars, MTF, params, mode="aggressive", costs=Costs())
        assert found["total_return"][at] == single.metrics.total_return
        assert not bars.synthetic[single.trades.entry_bar].any()
        early = single.trades.exit_bar[np.array(single.trades.exit_reason) != "end_of_data"]
        assert not bars.synthetic[early].any()


def test_the_order_of_the_rows_and_their_company_change_nothing():
    bars = awkward_bars("walk", 6000, 4)
    columns = short_columns(60, 5)
    together = evaluate_many(bars, MTF, columns, mode="aggressive", costs=Costs())
    turned = evaluate_many(bars, MTF, {k: v[::-1] for k, v in columns.items()}, mode="aggressive", costs=Costs())
    alone = evaluate_many(bars, MTF, {k: v[17:18] for k, v in columns.items()}, mode="aggressive", costs=Costs())
    for name in SCREEN_METRICS:
        np.testing.assert_array_equal(together[name], turned[name][::-1])
        np.testing.assert_array_equal(together[name][17:18], alone[name])


def test_progress_counts_every_combination_once_and_in_parts():
    heard: list[int] = []
    bars = awkward_bars("walk", 2000, 6)
    evaluate_many(bars, MTF, short_columns(9000, 7), mode="balanced", costs=Costs(), progress=heard.append)
    # The first word comes when lines and tables are ready, before any row is.
    assert heard[0] == 0
    assert min(heard[1:]) > 0
    assert sum(heard) == 9000
    assert len(heard) > 1


def test_no_rows_give_empty_columns():
    found = evaluate_many(awkward_bars("walk", 50, 0), MTF, short_columns(0, 0), mode="balanced", costs=Costs())
    assert {name: column.shape for name, column in found.items()} == dict.fromkeys(SCREEN_METRICS, (0,))


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("sl", [0.01, 1.5], "combination 1: sl is 1.5"),
        ("tf_fast", [15, 20], "combination 1: tf_fast is 20; give one of 15, 30, 45, 60"),
        ("L_fast", [5.5, 5.0], "combination 0: L_fast is 5.5; give a whole number"),
        ("tp", [0.1, np.nan], "combination 1: tp is nan"),
        ("tp", [0.1], "arrays of one length"),
    ],
)
def test_columns_outside_the_limits_are_refused_with_their_row(name: str, values: list[float], told: str):
    columns = {**short_columns(2, 0), name: np.array(values)}
    with pytest.raises(ValueError, match=told):
        evaluate_many(awkward_bars("walk", 50, 0), MTF, columns, mode="balanced", costs=Costs())


def test_a_missing_column_is_refused():
    columns = short_columns(2, 0)
    del columns["tp"]
    with pytest.raises(ValueError, match="wanted"):
        evaluate_many(awkward_bars("walk", 50, 0), MTF, columns, mode="balanced", costs=Costs())


@pytest.mark.parametrize(
    ("change", "mode", "told"),
    [
        ({"L_fsat": 3}, "balanced", "did you mean 'L_fast'"),
        ({"tf_slow": 61}, "balanced", "tf_slow is 61; give one of 60, 120, 240, 360"),
        ({"sl": "0.1"}, "balanced", "sl is '0.1'; give a finite number"),
        ({"sl": True}, "balanced", "sl is True"),
        ({"tf_fast": 60, "tf_slow": 60}, "balanced", "do not go together; the rule: tf_fast is below tf_slow"),
        ({}, "agressive", "did you mean 'aggressive'"),
    ],
)
def test_a_wrong_parameter_or_mode_is_refused_with_what_to_do(change: dict[str, object], mode: str, told: str):
    with pytest.raises(ValueError, match=told):
        run_backtest(awkward_bars("walk", 50, 0), MTF, {**MTF.card.baseline, **change}, mode=mode, costs=Costs())


def test_bars_too_slow_for_a_timeframe_are_refused():
    bars = awkward_bars("walk", 50, 0, interval_minutes=60)
    with pytest.raises(ValueError, match="30 minutes"):
        run_backtest(bars, MTF, MTF.card.baseline, mode="balanced", costs=Costs())
