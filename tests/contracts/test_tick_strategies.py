"""The laws every tick strategy obeys, in every mode and on every data it takes; a new one is held to them at once."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tick_builders import cut, quotes, runs_of, saved, stream_of, told, trades_within

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.replay.wrapper import TickRun
from swarmd.engine.strategies.contract import ParamSpec
from swarmd.engine.strategies.tick_registry import (
    checked_tick_params,
    tick_baseline,
    tick_strategy_named,
    tick_strategy_names,
)

NAMES = tick_strategy_names()
MODES = [(name, mode) for name in NAMES for mode in tick_strategy_named(name).card.modes]
FREE = Costs(fee_bps=0.0, slippage_bps=0.0)
N = 240
Tables = dict[str, dict[str, Any]]


@functools.cache
def market(seed: int) -> Tables:
    """Quotes, and trades among them."""
    quoted = quotes(N, seed=seed)
    return {"quotes": quoted, "trades": trades_within(quoted, N, seed=seed + 1)}


def kinds(name: str, mode: str) -> tuple[str, ...]:
    """What the strategy may be given in this mode: all take trades, and those that say so quotes."""
    takes_quotes = "quotes" in tick_strategy_named(name).card.data and mode != "legacy_batch_decay"
    return ("trades", "trades beside quotes", *(("quotes",) if takes_quotes else ()))


def lively(name: str, mode: str, seed: int = 1, n: int = 4) -> list[dict[str, float | int]]:
    """Vectors that find something to do in a few hundred rows: within the limits of the card, at the low end."""
    limits = {spec.name: spec for spec in tick_strategy_named(name).card.params}
    rng = np.random.default_rng(seed)
    usual = {
        "half_life_s": (1.0, 5.0),
        "threshold": (0.8, 2.0),
        "sigma_events": (10, 30),
        "window": (5, 20),
        "k": (0.5, 1.5),
    }

    def value(spec: ParamSpec) -> float | int:
        low, high = usual[spec.name]
        drawn = rng.uniform(low, high)
        return int(drawn) if limits[spec.name].kind == "int" else float(drawn)

    return [{spec.name: value(spec) for spec in tick_strategy_named(name).card.mode(mode).space} for _ in range(n)]


def runs(
    folder: Path, tables: Tables, kind: str, name: str, mode: str, vectors: list[Any], **how: Any
) -> list[TickRun]:
    data = "quotes" if kind == "quotes" else "trades"
    beside = saved(folder / "beside.parquet", tables["quotes"]) if "beside" in kind else None
    stream = stream_of(saved(folder / "data.parquet", tables[data]), beside, **how)
    return list(runs_of(stream, vectors, name=name, mode=mode, costs=FREE, keeps_equity=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_whole_and_its_baseline_and_modes_lie_within_its_limits(name: str):
    card = tick_strategy_named(name).card
    limits = {spec.name: spec for spec in card.params}
    assert card.name == name
    assert card.title
    assert card.data
    assert set(card.baseline) == set(limits)
    for mode, space in card.modes.items():
        assert checked_tick_params(card, mode, tick_baseline(card, mode)) == tick_baseline(card, mode)
        for spec in space.space:
            assert spec.meaning
            assert spec.unit
            assert all(limits[spec.name].refusal(value) is None for value in (spec.low, spec.high))


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_it_trades_and_neither_batches_nor_company_change_a_bit(tmp_path: Path, name: str, mode: str):
    vectors = lively(name, mode)
    for kind in kinds(name, mode):
        whole = runs(tmp_path, market(1), kind, name, mode, vectors)
        assert sum(len(run.trades) for run in whole) >= len(vectors), kind
        for batch_rows in (1, 37):
            parts = runs(tmp_path, market(1), kind, name, mode, vectors, batch_rows=batch_rows)
            assert [told(run) for run in parts] == [told(run) for run in whole]
        alone = [runs(tmp_path, market(1), kind, name, mode, [vector])[0] for vector in vectors]
        assert [told(run) for run in alone] == [told(run) for run in whole]


def another_future(table: dict[str, Any], n: int) -> dict[str, Any]:
    """The first n rows as they are, then dearer ones with the sizes turned about: who reads ahead reads otherwise."""
    found = {}
    for column, values in table.items():
        late = values[n:] * 1.01 if column in ("bid_px", "ask_px", "price") else values[n:][::-1]
        found[column] = values if column == "ts" else np.concatenate((values[:n], late))
    return found


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_what_comes_later_changes_no_earlier_mark(tmp_path: Path, name: str, mode: str):
    vectors = lively(name, mode, seed=2)
    for kind in kinds(name, mode):
        tables = market(2)
        files = {"quotes": ("quotes",), "trades": ("trades",)}.get(kind, ("quotes", "trades"))
        wholes = runs(tmp_path, tables, kind, name, mode, vectors)
        for n in (40, 111, 200):
            # Up to here nothing is changed in any file, and a trade that is still to come may not count yet.
            unchanged_until = min(int(tables[which]["ts"][n]) for which in files)
            known = sum(int(np.sum(tables[which]["ts"] < unchanged_until)) for which in files)
            for future in (cut, another_future):
                others = {which: future(table, n) for which, table in tables.items()}
                for run, whole in zip(runs(tmp_path, others, kind, name, mode, vectors), wholes, strict=True):
                    # Where the stream was cut, its last mark is that of closing.
                    assert run.equity[: known - 1].tolist() == whole.equity[: known - 1].tolist()


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_the_unit_of_price_changes_no_decision(tmp_path: Path, name: str, mode: str):
    tables = market(3)
    scaled = {
        which: {c: values * 4.0 if c in ("bid_px", "ask_px", "price") else values for c, values in table.items()}
        for which, table in tables.items()
    }
    vectors = lively(name, mode, seed=3)
    for kind in kinds(name, mode):
        for run, other in zip(
            *(runs(tmp_path, market_of, kind, name, mode, vectors) for market_of in (tables, scaled)), strict=True
        ):
            assert run.trades.entry_row.tolist() == other.trades.entry_row.tolist()
            assert run.trades.exit_row.tolist() == other.trades.exit_row.tolist()
            assert run.trades.side.tolist() == other.trades.side.tolist()


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_a_market_in_which_nothing_moves_is_not_traded(tmp_path: Path, name: str, mode: str):
    tables = {
        which: {c: values if c == "ts" else np.full(values.size, values[0]) for c, values in table.items()}
        for which, table in market(4).items()
    }
    # At the midpoint of quotes that stand still no side can be told, and no volume is signed.
    tables["trades"]["price"] = (tables["quotes"]["bid_px"] + tables["quotes"]["ask_px"]) / 2
    for kind in kinds(name, mode):
        for run in runs(tmp_path, tables, kind, name, mode, lively(name, mode, seed=4)):
            assert (len(run.trades), run.metrics.total_return) == (0, 0.0)
