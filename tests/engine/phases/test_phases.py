"""The phases, each on a small market: what it writes, what it refuses, and that writing it again changes no byte."""

import json
import math

import numpy as np
import pytest
from search_builders import MODE, SYMBOL, Told, a_desk, a_market, an_order, files_below, run_phase

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import bars_from_arrays, load_bars
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.formats import write_bars
from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.preflight import preflight
from swarmd.engine.phases.prescreen import prescreen
from swarmd.engine.phases.refine import refine
from swarmd.engine.search.split import vault_start
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError

MTF = strategy_named("mtf_ema")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder


@pytest.fixture(scope="module")
def done(market, tmp_path_factory):
    """A home in which preflight, prescreen, refine and screen are done; and what they said."""
    home = tmp_path_factory.mktemp("home")
    said = {phase: run_phase(home, market, phase) for phase in ("preflight", "prescreen", "refine", "screen")}
    return home, said


def results(home):
    return home / "results" / "c" / SYMBOL / MODE


def read(path):
    return json.loads(path.read_text())


# -- preflight ------------------------------------------------------------------------------------------------------


def without_bars(market, folder, rows):
    """The market's file with some rows left out."""
    bars = load_bars(market / f"{SYMBOL}.parquet")
    columns = [np.delete(getattr(bars, name), rows) for name in ("open_time", "open", "high", "low", "close", "volume")]
    # Bars have a flat bar in each gap; a file of them has the gap.
    folder.mkdir()
    write_bars(folder / f"{SYMBOL}.parquet", bars_from_arrays(SYMBOL, 15, *columns, allow_gaps=len(rows)))
    return bars


def test_preflight_passes_fit_data_and_binds_the_campaign_to_its_digest(market, done):
    home, said = done
    document = read(home / "results" / "c" / SYMBOL / "preflight.json")
    bars = load_bars(market / f"{SYMBOL}.parquet")
    assert document["verdict"] == said["preflight"].verdict == "pass"
    assert (document["data_sha256"], document["data_snapshot_id"]) == (bars.sha256(), bars.snapshot_id())
    assert document["baseline_trades"] == {MODE: said["preflight"].figures["baseline_trades"]}
    assert said["preflight"].artifacts == (f"results/c/{SYMBOL}/preflight.json",)


def test_preflight_fails_a_gap_that_is_not_known_and_tells_what_to_add(market, tmp_path):
    bars = without_bars(market, tmp_path / "holed", np.arange(3000, 3010))
    day = np.datetime64(int(bars.open_time[3000]), "ms").astype("datetime64[D]").item().isoformat()
    refused = run_phase(tmp_path / "home", tmp_path / "holed", "preflight")
    assert refused.verdict == "fail"
    assert "10 bars missing" in refused.headline
    assert day in refused.headline
    assert "known_gaps" in refused.headline
    known = {"data": {"root": str(tmp_path / "holed"), "interval": "15m", "known_gaps": [day]}}
    passed = run_phase(tmp_path / "home", tmp_path / "holed", "preflight", **known)
    assert (passed.verdict, passed.figures["synthetic_bars"]) == ("pass", 10)


def test_preflight_fails_too_little_history_and_a_missing_file_as_verdicts(tmp_path):
    a_market(tmp_path / "short", days=40)
    refused = run_phase(tmp_path / "home", tmp_path / "short", "preflight")
    assert refused.verdict == "fail"
    assert "40.0 days" in refused.headline
    missing = run_phase(tmp_path / "home", tmp_path / "short", "preflight", symbol="ETHUSDT")
    assert missing.verdict == "fail"
    assert "no bars of ETHUSDT" in missing.headline


def test_preflight_judges_the_campaigns_stretch_and_not_what_lies_outside_it(market, tmp_path):
    bars = without_bars(market, tmp_path / "holed", np.arange(9800, 9810))
    data = {"root": str(tmp_path / "holed"), "interval": "15m"}
    before = np.datetime_as_string(np.datetime64(int(bars.open_time[9000]), "ms"))
    early = run_phase(tmp_path / "home", tmp_path / "holed", "preflight", data=data | {"end": before})
    assert (early.verdict, early.figures["bars"]) == ("pass", 9000)
    week = np.datetime_as_string(np.datetime64(int(bars.open_time[7 * 96]), "ms"))
    short = run_phase(tmp_path / "home", tmp_path / "holed", "preflight", data=data | {"end": week})
    assert short.verdict == "fail"
    assert "7.0 days" in short.headline


def test_preflight_warns_where_the_baseline_trades_too_seldom(market, tmp_path):
    told = Told()
    order = an_order(tmp_path, market, "preflight", constraints={"min_trades": 100_000})
    assert preflight(order, a_desk(tmp_path, told)).verdict == "pass"
    assert "at least 100000 are needed" in told.said[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"space": {"L_fats": [5]}}, "did you mean 'L_fast'"),
        ({"score": {"primary": "anual_sharpe"}}, "did you mean 'annual_sharpe'"),
        ({"strategy": {"name": "mtf_ema", "modes": ["agressive"]}}, "did you mean 'aggressive'"),
    ],
)
def test_preflight_refuses_a_question_that_makes_no_sense(market, tmp_path, settings, said):
    with pytest.raises(ValueError, match=said):
        run_phase(tmp_path, market, "preflight", **settings)


# -- prescreen ------------------------------------------------------------------------------------------------------


def test_prescreen_keeps_the_best_in_order_with_all_it_takes_to_make_them_again(market, done):
    home, said = done
    document = read(results(home) / "phase0_top500.json")
    bars = load_bars(market / f"{SYMBOL}.parquet")
    assert document["schema"] == "swarmd.prescreen/1"
    assert (document["tried"], document["seed"], document["data_sha256"]) == (300, 42, bars.sha256())
    assert document["code_version"].startswith("0.1.0+")
    assert [entry["rank"] for entry in document["top"]] == list(range(1, len(document["top"]) + 1))
    order = [(-entry["score"], entry["row"]) for entry in document["top"]]
    assert order == sorted(order)
    assert all(entry["metrics"]["total_trades"] >= 30 for entry in document["top"])
    assert said["prescreen"].figures["score"] == document["top"][0]["score"]
    seconds = read(results(home) / "phase0_seconds.json")["seconds"]
    assert set(seconds) == {"generate", "prepare", "evaluate", "rank", "serialize", "total"}


def test_a_prescreen_that_takes_on_less_at_a_time_writes_the_same_bytes(market, done, tmp_path):
    home, _ = done
    run_phase(tmp_path, market, "preflight")
    order = an_order(tmp_path, market, "prescreen").model_copy(update={"scale": 0.0002})  # 100 vectors at a time
    told = Told()
    prescreen(order, a_desk(tmp_path, told))
    path = "phase0_top500.json"
    assert (results(tmp_path) / path).read_bytes() == (results(home) / path).read_bytes()


def test_prescreen_sees_development_bars_only(market, done):
    home, _ = done
    best = read(results(home) / "phase0_top500.json")["top"][0]
    bars = load_bars(market / f"{SYMBOL}.parquet")
    seen = bars.between(0, vault_start(bars.n_bars, 1 / 3))
    alone = run_backtest(seen, MTF, best["params"], mode=MODE, costs=Costs())
    assert alone.metrics.total_trades == best["metrics"]["total_trades"]
    assert math.isclose(alone.metrics.annual_sharpe, best["metrics"]["annual_sharpe"], rel_tol=1e-9)


def test_a_changed_vault_changes_nothing_of_what_selection_makes(market, done, tmp_path):
    """The strongest form of "selection sees development data only": other data in the vault, the same choice."""
    home, _ = done
    bars = load_bars(market / f"{SYMBOL}.parquet")
    start = vault_start(bars.n_bars, 1 / 3)
    arrays = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for name in ("open", "high", "low", "close"):
        arrays[name][start:] = arrays[name][start:][::-1] * 1.5
    (tmp_path / "bars").mkdir()
    for name in ("high", "low"):
        around = np.maximum if name == "high" else np.minimum
        arrays[name][start:] = around(arrays[name], around(arrays["open"], arrays["close"]))[start:]
    write_bars(tmp_path / "bars" / f"{SYMBOL}.parquet", bars_from_arrays(SYMBOL, 15, bars.open_time, **arrays))
    for phase in ("preflight", "prescreen", "refine"):
        run_phase(tmp_path / "home", tmp_path / "bars", phase)
    for name, part in (("phase0_top500.json", "top"), ("all_trials.json", "trials")):
        mine, other = (read(results(root) / name) for root in (home, tmp_path / "home"))
        assert mine["data_sha256"] != other["data_sha256"]
        assert mine[part] == other[part]


def test_prescreen_says_in_numbers_why_nothing_was_kept(market, tmp_path):
    run_phase(tmp_path, market, "preflight")
    none = run_phase(tmp_path, market, "prescreen", constraints={"min_trades": 100_000})
    assert none.verdict == "fail"
    assert "none of 300 combinations meets the constraints" in none.headline
    assert "(at least 100000)" in none.headline


def test_prescreen_stops_when_asked_and_writes_nothing(market, tmp_path):
    run_phase(tmp_path, market, "preflight")
    with pytest.raises(Yielded):
        prescreen(an_order(tmp_path, market, "prescreen"), a_desk(tmp_path, should_yield=lambda: True))
    assert not results(tmp_path).exists()


def test_without_a_preflight_no_phase_begins(market, tmp_path):
    with pytest.raises(OperatorError, match="run the phase preflight first"):
        run_phase(tmp_path, market, "prescreen")


def test_data_replaced_underfoot_is_refused_by_every_later_phase(market, tmp_path):
    run_phase(tmp_path / "home", market, "preflight")
    a_market(tmp_path / "other", seed=9)
    for phase in ("prescreen", "refine", "screen", "crown"):
        with pytest.raises(DataError, match="was changed since"):
            run_phase(tmp_path / "home", tmp_path / "other", phase)


# -- refine ---------------------------------------------------------------------------------------------------------


def test_refine_writes_a_file_per_trial_all_trials_and_four_showcases(market, done):
    home, said = done
    folder = results(home)
    document = read(folder / "all_trials.json")
    assert (document["tried"], len(document["trials"])) == (16, 16)
    for trial in document["trials"]:
        own = read(folder / "trials" / f"trial_{trial['number']}.json")
        assert {key: own[key] for key in trial} == trial
        assert own["data_sha256"] == document["data_sha256"]
    seeds = read(folder / "phase0_top500.json")["top"][:4]
    assert [trial["params"] for trial in document["trials"][:4]] == [seed["params"] for seed in seeds]
    best = document["trials"][document["finalist"]]
    assert best["score"] == max(trial["score"] for trial in document["trials"] if trial["valid"])
    assert said["refine"].figures["score"] == best["score"]
    for name in ("best_sharpe", "best_returns", "lowest_drawdown", "best_winrate"):
        config, metrics = read(folder / name / "config.json"), read(folder / name / "metrics.json")
        chosen = document["trials"][config["trial"]]
        assert chosen["valid"]
        assert (config["params"], metrics["metrics"]) == (chosen["params"], chosen["metrics"])
        rows = (folder / name / "trades.csv").read_text().splitlines()
        assert len(rows) == 1 + metrics["metrics"]["total_trades"]


def test_refine_without_a_valid_trial_fails_and_says_that_there_are_no_showcases(market, tmp_path):
    run_phase(tmp_path, market, "preflight")
    told = Told()
    none = refine(an_order(tmp_path, market, "refine", constraints={"min_trades": 100_000}), a_desk(tmp_path, told))
    assert none.verdict == "fail"
    assert "none of 16 trials meets the constraints" in none.headline
    assert "there are no showcases" in told.said[0]
    assert not (results(tmp_path) / "best_sharpe").exists()
    assert (told.done, told.total, len(told.trials)) == (16, 16, 16)


def test_a_changed_question_gets_a_study_of_its_own(market, done, tmp_path):
    run_phase(tmp_path, market, "preflight")
    first = run_phase(tmp_path, market, "refine")
    dearer = run_phase(tmp_path, market, "refine", costs={"fee_bps": 50})
    again = run_phase(tmp_path, market, "refine")
    assert first == again
    assert dearer.figures["score"] < first.figures["score"]
    assert len(list(results(tmp_path).glob("study_*.journal"))) == 2


def test_a_prescreen_that_has_seen_the_vault_is_no_seed(market, tmp_path):
    run_phase(tmp_path, market, "preflight")
    run_phase(tmp_path, market, "prescreen")
    path = results(tmp_path) / "phase0_top500.json"
    path.write_text(json.dumps(read(path) | {"evaluated_bars": 11520}))
    with pytest.raises(ValueError, match="made with evaluated_bars 11520"):
        run_phase(tmp_path, market, "refine")


def test_the_same_question_gives_the_same_files_to_the_last_byte(market, done, tmp_path):
    home, said = done
    again = {phase: run_phase(tmp_path, market, phase) for phase in ("preflight", "prescreen", "refine", "screen")}
    assert files_below(results(tmp_path)) == files_below(results(home))
    for phase in ("preflight", "refine", "screen"):
        assert again[phase] == said[phase]
