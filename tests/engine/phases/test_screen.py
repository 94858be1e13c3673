"""Screen and crown: the vault is opened once, looks at nothing it may not, and only what passed is crowned."""

import json
import math
import shutil

import numpy as np
import pytest
from search_builders import MODE, a_desk, an_order, run_phase

from swarmd.engine.backtest import run_backtest
from swarmd.engine.certificates.figures import shown
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import load_bars
from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market, planted_market
from swarmd.engine.phases.screen import doubled
from swarmd.engine.phases.vault import WarmedUp, open_vault
from swarmd.engine.search.split import vault_start
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError

MTF = strategy_named("mtf_ema")
PARAMS = {"tf_fast": 15, "L_fast": 5, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.05}
QUICK = {"search": {"prescreen": {"combos": 300, "top": 50}, "refine": {"trials": 12, "warm_start": 6}}}


def read(path):
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A market with an edge no gate can miss, screened and crowned."""
    root = tmp_path_factory.mktemp("planted")
    bars, _ = planted_market(500, 4, 5.0, 15, symbol="EDGE")
    (root / "bars").mkdir()
    write_bars(root / "bars" / "EDGE.parquet", bars)
    said = {
        phase: run_phase(root / "home", root / "bars", phase, symbol="EDGE", **QUICK)
        for phase in ("preflight", "prescreen", "refine", "screen", "crown")
    }
    return root, said


def results(home, symbol="EDGE"):
    return home / "results" / "c" / symbol / MODE


# -- the vault ------------------------------------------------------------------------------------------------------


def test_on_the_vault_indicators_are_warm_and_no_trade_is_from_before():
    bars = noise_market(120, 1, 15)
    start = vault_start(bars.n_bars, 1 / 3)
    vault = bars.between(start, bars.n_bars)
    warm = run_backtest(vault, WarmedUp(MTF, bars, start), PARAMS, mode=MODE, costs=Costs())
    whole = run_backtest(bars, MTF, PARAMS, mode=MODE, costs=Costs())
    # A trade of the whole history that begins in the vault is a trade of the vault, bar for bar...
    inside = whole.trades.entry_bar > start
    assert np.array_equal(warm.trades.entry_bar + start, whole.trades.entry_bar[inside])
    assert np.array_equal(warm.trades.exit_bar + start, whole.trades.exit_bar[inside])
    # ...while cold indicators miss the first ones.
    cold = run_backtest(vault, MTF, PARAMS | {"L_slow": 200}, mode=MODE, costs=Costs())
    warmed = run_backtest(vault, WarmedUp(MTF, bars, start), PARAMS | {"L_slow": 200}, mode=MODE, costs=Costs())
    assert warmed.trades.entry_bar[0] < cold.trades.entry_bar[0]


def test_the_vault_obeys_the_prefix_law():
    """Cut the future off: what happened on the vault before the cut stays the same."""
    bars = noise_market(120, 1, 15)
    start = vault_start(bars.n_bars, 1 / 3)
    whole = run_backtest(bars.between(start, bars.n_bars), WarmedUp(MTF, bars, start), PARAMS, mode=MODE, costs=Costs())
    for stop in (start + 500, start + 2001):
        cut = bars.between(0, stop)
        part = run_backtest(cut.between(start, stop), WarmedUp(MTF, cut, start), PARAMS, mode=MODE, costs=Costs())
        n_closed = int(np.count_nonzero(part.trades.exit_bar < stop - start - 1))
        assert n_closed > 0
        assert np.array_equal(part.trades.entry_bar[:n_closed], whole.trades.entry_bar[:n_closed])
        assert np.array_equal(part.trades.return_[:n_closed], whole.trades.return_[:n_closed])


def test_bars_that_are_not_the_end_of_the_history_are_refused():
    bars = noise_market(100, 1, 15)
    with pytest.raises(ValueError, match="not the end of the history"):
        WarmedUp(MTF, bars, 100).events(bars.between(101, bars.n_bars), PARAMS)


def test_the_vault_opens_again_for_the_same_finalist_and_for_no_other(tmp_path):
    finalist = {"trial": 3, "params": {"L_fast": 20, "sl": 0.02}}
    path = open_vault(tmp_path, finalist)
    seen = path.read_bytes()
    open_vault(tmp_path, {"trial": 3, "params": {"L_fast": 20.0, "sl": 0.02}} | finalist)
    assert path.read_bytes() == seen
    with pytest.raises(OperatorError, match=r"opened for trial 3 .* and now trial 4 .*; a vault is opened once"):
        open_vault(tmp_path, finalist | {"trial": 4})
    assert path.read_bytes() == seen


def test_a_note_that_cannot_be_read_counts_as_opened(tmp_path):
    for note in ("{", "[]", "null"):
        (tmp_path / "vault_opened.json").write_text(note)
        with pytest.raises(OperatorError, match="a vault is opened once"):
            open_vault(tmp_path, {"trial": 3, "params": {}})


# -- screen ---------------------------------------------------------------------------------------------------------


def test_a_planted_edge_passes_every_gate_and_is_crowned(planted):
    root, said = planted
    assert [summary.verdict for summary in said.values()] == ["pass"] * 5
    document = read(results(root / "home") / "screen.json")
    assert [(gate["name"], gate["threshold"], gate["pass"]) for gate in document["gates"]] == [
        ("oos_annual_sharpe", 0.8, True),
        ("oos_trades", 50.0, True),
        ("wfe", 0.5, True),
        ("psr", 0.99, True),
    ]
    assert document["tried"] == 300 + 12
    figures = said["screen"].figures
    assert {"annual_sharpe", "oos_annual_sharpe", "psr", "score", "tried"} <= set(figures)


def test_the_figures_are_those_of_one_run_on_each_stretch(planted):
    root, _ = planted
    document = read(results(root / "home") / "screen.json")
    bars = load_bars(root / "bars" / "EDGE.parquet")
    start = vault_start(bars.n_bars, 1 / 3)
    params, vault = document["params"], bars.between(start, bars.n_bars)
    inside = run_backtest(bars.between(0, start), MTF, params, mode=MODE, costs=Costs())
    outside = run_backtest(vault, WarmedUp(MTF, bars, start), params, mode=MODE, costs=Costs())
    stress = run_backtest(vault, WarmedUp(MTF, bars, start), params, mode=MODE, costs=Costs(10.0, 4.0))
    assert document["development"]["metrics"] == inside.metrics.as_json()
    assert document["vault"]["metrics"] == outside.metrics.as_json()
    assert document["stress"]["metrics"] == stress.metrics.as_json()
    per_bar = [np.diff(run.equity, prepend=1.0) / np.r_[1.0, run.equity[:-1]] for run in (outside, inside)]
    assert math.isclose(document["wfe"], per_bar[0].mean() / per_bar[1].mean())
    assert doubled(Costs(5.0, 2.0)) == Costs(10.0, 4.0)


def test_the_report_tells_every_gate_with_figure_and_threshold(planted):
    root, _ = planted
    report = (results(root / "home") / "report.md").read_text()
    document = read(results(root / "home") / "screen.json")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.splitlines() if line[:2] == "| "]
    for gate in document["gates"]:
        (row,) = [row for row in rows if row[0] == gate["meaning"]]
        assert row[1] == shown(gate["figure"], gate["name"])
        assert row[2].endswith(shown(gate["threshold"], gate["name"]))
        assert row[3] == "pass"
    assert "fee and slippage times 2" in report
    assert document["data_sha256"] in report


def test_another_finalist_is_refused_after_the_vault_was_opened(planted, tmp_path):
    root, _ = planted
    shutil.copytree(root / "home", tmp_path / "home")
    path = results(tmp_path / "home") / "all_trials.json"
    refined = read(path)
    other = next(t["number"] for t in refined["trials"] if t["number"] != refined["finalist"])
    path.write_text(json.dumps(refined | {"finalist": other}))
    with pytest.raises(OperatorError, match="a vault is opened once"):
        run_phase(tmp_path / "home", root / "bars", "screen", symbol="EDGE", **QUICK)
    again = run_phase(root / "home", root / "bars", "screen", symbol="EDGE", **QUICK)
    assert again.verdict == "pass"


def test_noise_is_not_crowned(tmp_path):
    bars = noise_market(300, 4, 15, symbol="NOISE")
    (tmp_path / "bars").mkdir()
    write_bars(tmp_path / "bars" / "NOISE.parquet", bars)
    for phase in ("preflight", "prescreen", "refine"):
        run_phase(tmp_path / "home", tmp_path / "bars", phase, **QUICK)
    screened = run_phase(tmp_path / "home", tmp_path / "bars", "screen", **QUICK)
    assert screened.verdict == "fail"
    assert "gates failed: " in screened.headline
    with pytest.raises(OperatorError, match="only what passed can be crowned"):
        run_phase(tmp_path / "home", tmp_path / "bars", "crown", **QUICK)
    assert not (tmp_path / "home" / "champions").exists()


# -- crown ----------------------------------------------------------------------------------------------------------


def test_the_champion_says_where_it_comes_from(planted):
    root, said = planted
    champion = read(root / "home" / "champions" / "EDGE_15m.json")
    screened = read(results(root / "home") / "screen.json")
    assert champion["schema"] == "swarmd.champion/1"
    assert champion["parameters"] == screened["params"]
    assert (champion["tried"], champion["data_sha256"]) == (312, screened["data_sha256"])
    assert champion["certificate"] == f"results/c/EDGE/{MODE}/screen.json"
    figures = said["crown"].figures
    assert (figures["checksum"], figures["path"]) == (champion["checksum"], "champions/EDGE_15m.json")


def test_crowning_the_same_one_again_changes_nothing(planted):
    root, said = planted
    path = root / "home" / "champions" / "EDGE_15m.json"
    before = path.read_bytes()
    again = run_phase(root / "home", root / "bars", "crown", symbol="EDGE", token=2, **QUICK)
    assert again.verdict == "pass"
    assert "in force already" in again.headline
    assert again.figures["checksum"] == said["crown"].figures["checksum"]
    assert path.read_bytes() == before
    assert not (path.parent / "backup").exists()


@pytest.mark.parametrize(("change", "verdict"), [(+0.0, "fail"), (+1.0, "fail"), (-1.0, "pass")])
def test_only_a_strictly_better_score_takes_the_niche_and_the_old_one_is_kept(planted, tmp_path, change, verdict):
    from swarmd.engine.champions.champion import champion_of_bytes, write_champion

    root, _ = planted
    shutil.copytree(root / "home", tmp_path / "home")
    path = tmp_path / "home" / "champions" / "EDGE_15m.json"
    mine = champion_of_bytes(path.read_bytes(), where="test")
    path.unlink()
    incumbent = write_champion(path, mine.model_copy(update={"score": mine.score + change, "campaign": "older"}))
    old = path.read_bytes()
    summary = run_phase(tmp_path / "home", root / "bars", "crown", symbol="EDGE", **QUICK)
    assert summary.verdict == verdict
    backups = [backup.read_bytes() for backup in (path.parent / "backup").glob("*")]
    if verdict == "fail":
        assert f"is not above the {incumbent.score:.4f}" in summary.headline
        assert (path.read_bytes(), backups) == (old, [])
    else:
        assert read(path)["campaign"] == "c"
        assert backups == [old]


def test_a_damaged_champion_is_never_replaced_in_silence(planted, tmp_path):
    root, _ = planted
    shutil.copytree(root / "home", tmp_path / "home")
    path = tmp_path / "home" / "champions" / "EDGE_15m.json"
    path.write_text(path.read_text().replace('"tried": 312', '"tried": 3'))
    with pytest.raises(OperatorError, match="changed by hand or damaged"):
        run_phase(tmp_path / "home", root / "bars", "crown", symbol="EDGE", **QUICK)


def test_a_crown_may_be_asked_to_wait(planted):
    from swarmd.engine.phases.crown import crown
    from swarmd.engine.phases.desk import Yielded

    root, _ = planted
    order = an_order(root / "home", root / "bars", "crown", symbol="EDGE", **QUICK)
    with pytest.raises(Yielded):
        crown(order, a_desk(root / "home", should_yield=lambda: True))
