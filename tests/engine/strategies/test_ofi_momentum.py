"""Order-flow momentum: the laws it obeys, the figures of its formula, and three days of IBM."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tick_builders import (
    FIRST_NS,
    cut,
    quotes,
    real_ibm,
    real_ibm_trades,
    runs_of,
    saved,
    stream_of,
    told,
    trades,
    trades_within,
)

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.tick_stream import TickStream
from swarmd.engine.replay.contract import Lines
from swarmd.engine.strategies.ofi_momentum import OfiMomentum
from swarmd.engine.strategies.order_flow import Flow, FlowScore, OrderFlow
from swarmd.engine.strategies.tick_registry import checked_tick_params, tick_baseline

S = 10**9
FREE = Costs(fee_bps=0.0, slippage_bps=0.0)


def drawn(n: int, seed: int = 1) -> list[dict[str, Any]]:
    """Vectors of which some share a half-life, some a window, and some are absolute."""
    rng = np.random.default_rng(seed)
    half_lives, windows = np.geomspace(0.5, 120.0, 12), (0, 50, 200, 1000)
    made = []
    for _ in range(n):
        window = int(rng.choice(windows))
        threshold = float(rng.uniform(1.0, 12.0)) * (1.0 if window else 400.0)
        made.append({"half_life_s": float(rng.choice(half_lives)), "threshold": threshold, "sigma_events": window})
    return made


def small(folder: Path, seed: int, *, n: int = 300) -> dict[str, tuple[Path, Path | None]]:
    quoted = quotes(n, seed=seed)
    q = saved(folder / "q.parquet", quoted)
    t = saved(folder / "t.parquet", trades_within(quoted, n, seed=seed + 1))
    return {"quotes": (q, None), "trades": (t, None), "both": (t, q)}


def lines_over(stream: TickStream, *specs: Any) -> list[list[float]]:
    """The values of lines at every event of the stream."""
    lines = Lines(stream.data.schema)
    asked = [lines.line(spec) for spec in specs]
    found: list[list[float]] = [[] for _ in specs]
    for batch in stream:
        lines.update(batch)
        for values, line in zip(found, asked, strict=True):
            values.extend(line.values.tolist())
    return found


def test_a_hundred_instances_over_three_days_of_ibm_in_one_pass_are_a_hundred_runs():
    vectors = drawn(100)
    together = runs_of(real_ibm(), vectors)
    # The runs read batches of another size, decoded beforehand for all of them alike.
    stream = real_ibm(batch_rows=40_000)
    batches = list(stream)
    alone = [runs_of(batches, [vector], data=stream.data.schema)[0] for vector in vectors]
    assert [told(run) for run in together] == [told(run) for run in alone]
    assert sum(run.metrics.total_trades for run in together) > 10_000


@pytest.mark.parametrize("batch_rows", [777, 20_000])
def test_on_real_ticks_the_size_of_batches_changes_nothing(batch_rows: int):
    vectors = drawn(8, seed=5)
    for source in (real_ibm, real_ibm_trades):
        whole, parts = (runs_of(source(batch_rows=size), vectors) for size in (100_000, batch_rows))
        assert [told(run) for run in parts] == [told(run) for run in whole]
        assert min(run.metrics.total_trades for run in whole) >= 1


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), batch_rows=st.integers(1, 90), kind=st.sampled_from(["quotes", "trades", "both"]))
def test_neither_batches_nor_company_change_a_run(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch_rows: int, kind: str
):
    data, beside = small(tmp_path_factory.mktemp("ticks"), seed, n=120)[kind]
    vectors = drawn(6, seed)
    together = runs_of(stream_of(data, beside, batch_rows=batch_rows), vectors, keeps_equity=True)
    for run, vector in zip(together, vectors, strict=True):
        assert told(run) == told(runs_of(stream_of(data, beside), [vector], keeps_equity=True)[0])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 119), kind=st.sampled_from(["quotes", "trades"]))
def test_what_comes_later_changes_no_earlier_decision(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, kind: str
):
    folder = tmp_path_factory.mktemp("ticks")
    columns = quotes(120, seed=seed) if kind == "quotes" else trades(120, seed=seed)
    params = {"half_life_s": 3.0, "threshold": 1.5, "sigma_events": 10}
    (whole,) = runs_of(stream_of(saved(folder / "a.parquet", columns)), [params], keeps_equity=True)
    (head,) = runs_of(stream_of(saved(folder / "b.parquet", cut(columns, n))), [params], keeps_equity=True)
    decided = [(a, b) for a, b in zip(whole.trades.entry_row, whole.trades.exit_row, strict=True) if b < n - 1]
    assert list(zip(head.trades.entry_row, head.trades.exit_row, strict=True))[: len(decided)] == decided
    # The last mark of the head is that of its closing.
    assert head.equity[: n - 1].tolist() == whole.equity[: n - 1].tolist()


@pytest.mark.parametrize("kind", ["quotes", "trades", "both"])
def test_prices_and_sizes_in_other_units_change_no_decision(tmp_path: Path, kind: str):
    quoted = quotes(300)
    traded = trades_within(quoted)
    params = {"half_life_s": 2.0, "threshold": 1.4, "sigma_events": 20}

    def run(price: float, size: float) -> Any:
        q = saved(tmp_path / "q.parquet", quoted | {c: quoted[c] * price for c in ("bid_px", "ask_px")}
                  | {c: quoted[c] * size for c in ("bid_sz", "ask_sz")})  # fmt: skip
        t = saved(tmp_path / "t.parquet", traded | {"price": traded["price"] * price, "qty": traded["qty"] * size})
        data, beside = {"quotes": (q, None), "trades": (t, None), "both": (t, q)}[kind]
        return runs_of(stream_of(data, beside), [params], costs=FREE)[0]

    plain, scaled = run(1.0, 1.0), run(4.0, 0.125)
    assert plain.metrics == scaled.metrics
    assert plain.trades.entry_row.tolist() == scaled.trades.entry_row.tolist()
    assert (plain.trades.entry_price * 4.0).tolist() == scaled.trades.entry_price.tolist()
    assert len(plain.trades) >= 3


@pytest.mark.parametrize("sigma_events", [0, 5])
def test_a_quote_that_never_changes_is_never_traded(tmp_path: Path, sigma_events: int):
    flat = {name: np.full(200, values[0]) for name, values in quotes(1).items()} | {"ts": quotes(200)["ts"]}
    params = {"half_life_s": 3.0, "threshold": 0.0, "sigma_events": sigma_events}
    (run,) = runs_of(stream_of(saved(tmp_path / "q.parquet", flat)), [params])
    assert (len(run.trades), run.metrics.total_return) == (0, 0.0)


def test_e_n_is_that_of_the_paper(tmp_path: Path):
    """Each case of the formula by hand: sizes at the new quote and at the one before it."""
    rows = [
        # bid, size, ask, size, e_n
        (100.0, 5.0, 100.2, 7.0, None),
        (100.0, 8.0, 100.2, 7.0, 8.0 - 5.0),  # three more at the bid
        (100.1, 2.0, 100.2, 7.0, 2.0),  # a better bid
        (100.0, 4.0, 100.2, 7.0, -2.0),  # which is gone again
        (100.0, 4.0, 100.1, 3.0, -3.0),  # a better ask
        (100.0, 4.0, 100.3, 9.0, 3.0),  # which was bought
        (100.0, 4.0, 100.3, 6.0, 9.0 - 6.0),  # three fewer at the ask
        (100.1, 1.0, 100.2, 5.0, 1.0 - 5.0),  # both come closer
    ]
    bid, bid_sz, ask, ask_sz = (np.array([row[at] for row in rows]) for at in range(4))
    ts = FIRST_NS + np.arange(len(rows)) * S
    columns = {"ts": ts, "bid_px": bid, "ask_px": ask, "bid_sz": bid_sz, "ask_sz": ask_sz}
    path = saved(tmp_path / "q.parquet", columns)
    for batch_rows in (1, 3, 100):
        (flow,) = lines_over(stream_of(path, batch_rows=batch_rows), Flow())
        assert flow == [row[4] for row in rows[1:]]


def test_the_sum_halves_in_a_half_life_of_event_time_and_not_within_an_instant(tmp_path: Path):
    second = np.array([0, 0, 5, 5, 15])
    columns = {
        "ts": FIRST_NS + second * S,
        "price": np.full(5, 10.0),
        "qty": np.array([64.0, 32.0, 8.0, 4.0, 2.0]),
        "side": np.array([1, 1, -1, 1, 1], np.int8),
    }
    (ofi,) = lines_over(stream_of(saved(tmp_path / "t.parquet", columns), batch_rows=2), OrderFlow(5.0))
    assert ofi == pytest.approx([64.0, 96.0, 40.0, 44.0, 13.0], rel=1e-12)


def test_the_score_is_undefined_until_the_window_is_full_and_while_all_events_are_alike(tmp_path: Path):
    n = 12
    columns = {
        "ts": FIRST_NS + np.arange(n) * S,
        "price": np.full(n, 10.0),
        "qty": np.array([1.0, 3.0, 2.0, 0.1, 0.1, 0.1, 0.1, 5.0, 5.0, 5.0, 5.0, 1.0]),
        "side": np.ones(n, np.int8),
    }
    (score,) = lines_over(stream_of(saved(tmp_path / "t.parquet", columns)), FlowScore(5.0, 3))
    assert [at for at, value in enumerate(score) if np.isnan(value)] == [0, 1, 5, 6, 9, 10]


def test_what_is_bought_is_bought_at_the_ask_and_sold_at_the_bid(tmp_path: Path):
    data, beside = small(tmp_path, 7)["both"]
    stream = stream_of(data, beside)
    (run,) = runs_of(stream, [{"half_life_s": 2.0, "threshold": 200.0, "sigma_events": 0}], costs=FREE)
    ask, bid = (np.concatenate([getattr(batch, name) for batch in stream]) for name in ("ask_px", "bid_px"))
    assert {1, -1} == set(run.trades.side.tolist())
    for row in range(len(run.trades)):
        entry, leave, side = run.trades.entry_row[row], run.trades.exit_row[row], run.trades.side[row]
        assert run.trades.entry_price[row] == (ask if side > 0 else bid)[entry]
        assert run.trades.exit_price[row] == (bid if side > 0 else ask)[leave]


def test_long_never_goes_short_and_long_short_is_always_on_one_side(tmp_path: Path):
    data, _ = small(tmp_path, 3)["quotes"]
    params = {"half_life_s": 2.0, "threshold": 1.0, "sigma_events": 20}
    (long,) = runs_of(stream_of(data), [params], mode="long")
    (both,) = runs_of(stream_of(data), [params], mode="long_short")
    assert set(long.trades.side.tolist()) == {1}
    assert set(both.trades.side.tolist()) == {1, -1}
    assert both.trades.entry_row[1:].tolist() == both.trades.exit_row[:-1].tolist()
    assert long.stats["to_short"] == both.stats["to_flat"] == 0
    assert long.stats["events"] == 299


def test_the_legacy_mode_has_the_older_platforms_numbers_and_refuses_quotes(tmp_path: Path):
    baseline = tick_baseline(OfiMomentum.card, "legacy_batch_decay")
    assert baseline == {"threshold": 5.0, "window": 100}
    data, _ = small(tmp_path, 3)["quotes"]
    with pytest.raises(ValueError, match="sums signed volume; give trades in place of quotes"):
        runs_of(stream_of(data), [baseline], mode="legacy_batch_decay")


def test_legacy_batches_are_seconds_that_have_trades_and_fill_at_their_last_price(tmp_path: Path):
    second = np.array([0.1, 0.9, 1.2, 9.0, 9.5, 10.0])
    columns = {
        "ts": FIRST_NS + (second * S).astype(np.int64),
        "price": np.array([10.0, 11.0, 12.0, 13.0, 14.0, 15.0]),
        "qty": np.array([2.0, 4.0, 1.0, 9.0, 9.0, 1.0]),
        "side": np.array([1, 1, -1, -1, -1, 1], np.int8),
    }
    stream = stream_of(saved(tmp_path / "t.parquet", columns), batch_rows=2)
    (run,) = runs_of(stream, [{"window": 100, "threshold": 5.0}], mode="legacy_batch_decay", costs=FREE)
    # Second 0 sums to 6 and buys at its last price 11; then 6 * 0.99 - 1 = 4.94 and 4.94 * 0.99 - 18 sells at 14.
    assert run.trades.entry_price.tolist() == [11.0]
    assert run.trades.exit_price.tolist() == [14.0]
    assert run.trades.entry_row.tolist() == [2]
    assert run.trades.exit_row.tolist() == [5]
    assert run.metrics.total_return == pytest.approx(3.0 / 100_000.0, rel=1e-9)


def test_parameters_are_checked_by_mode():
    card = OfiMomentum.card
    for mode in card.modes:
        assert checked_tick_params(card, mode, tick_baseline(card, mode)) == tick_baseline(card, mode)
    with pytest.raises(ValueError, match="mode long has no parameter 'window'; it has: half_life_s, threshold, sigma"):
        checked_tick_params(card, "long", {"window": 5})
    with pytest.raises(ValueError, match="parameters missing: threshold, sigma_events"):
        checked_tick_params(card, "long", {"half_life_s": 5})
    with pytest.raises(ValueError, match=r"half_life_s is 0; give 0.001 to 86400.0 seconds"):
        checked_tick_params(card, "long", {"half_life_s": 0, "threshold": 1, "sigma_events": 1})
