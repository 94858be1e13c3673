"""Evidence: a certificate whose figures others come to as well, which no kill changes and no cheat gets."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from search_builders import MODE, Told, a_desk, an_order

from swarmd.engine.market.bars import Bars
from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market, planted_market
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.looks import VaultSpent
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.surrogates import market_search_of
from swarmd.engine.phases.table import PHASES
from swarmd.engine.search.searched_market import searched_market
from swarmd.engine.search.split import vault_start
from swarmd.state.errors import OperatorError
from swarmd.state.records.job import job_id
from swarmd.state.records.result import ResultSummary
from swarmd.state.store.trial_ledger import Relabelled
from swarmd.state.surrogates import shares
from swarmd.state.work_order import WorkOrder

SURROGATES = 19
SHARES = dict(shares(SURROGATES))
SETTINGS: dict[str, Any] = {
    "search": {
        "prescreen": {"combos": 200, "top": 50}, "refine": {"trials": 10, "warm_start": 6},
        "reoptimize": {"window_trials": 2},
    },
    "validation": {"crown_on": "evidence", "surrogates": SURROGATES},
}  # fmt: skip
SEARCH = ("preflight", "prescreen", "refine")


def order_for(root: Path, phase: str, first: int | None = None, **keywords: Any) -> WorkOrder:
    order = an_order(root / "home", root / "bars", phase, **{"symbol": "EDGE", **SETTINGS, **keywords})
    if first is None:
        return order
    job = job_id("c", order.symbol, order.mode, order.phase, first=first)
    return order.model_copy(update={"job": job, "surrogates": (first, SHARES[first])})


def run(
    root: Path, phase: str, first: int | None = None, *, yields_after: int | None = None, **keywords: Any
) -> ResultSummary:
    """One phase, asked to stop once so many units of work were done in this run."""
    order, told, begun_with = order_for(root, phase, first, **keywords), Told(), [0]

    def should_yield() -> bool:
        return yields_after is not None and told.done >= begun_with[0] + yields_after

    if first is not None and (results(root) / f"surrogates-{first}" / "surrogates.json").is_file():
        begun_with[0] = len(share(root, first)["scores"])
    return PHASES[order.phase](order, a_desk(root / "home", told, should_yield=should_yield))


def search(root: Path, **keywords: Any) -> None:
    for phase in SEARCH:
        run(root, phase, **keywords)


def price(root: Path) -> None:
    for first in SHARES:
        run(root, "surrogates", first)


def results(root: Path, mode: str = MODE) -> Path:
    return root / "home" / "results" / "c" / "EDGE" / mode


def share(root: Path, first: int) -> Any:
    return json.loads((results(root) / f"surrogates-{first}" / "surrogates.json").read_text())


def certificate(root: Path) -> Any:
    return json.loads((results(root) / "certificate.json").read_text())


def a_place(root: Path, bars: Bars) -> Path:
    (root / "bars").mkdir(parents=True)
    write_bars(root / "bars" / "EDGE.parquet", bars)
    return root


def copied(place: Path, folder: Path) -> Path:
    """The same place elsewhere; the bars' path is no part of any result."""
    shutil.copytree(place, folder)
    return folder


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bars]:
    """A market with a strong edge, priced and ready to be judged."""
    bars, _ = planted_market(500, 1, 5.0, 15, symbol="EDGE")
    root = a_place(tmp_path_factory.mktemp("planted"), bars)
    search(root)
    price(root)
    return root, bars


@pytest.fixture(scope="module")
def judged(planted: tuple[Path, Bars], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ResultSummary]:
    root = copied(planted[0], tmp_path_factory.mktemp("judged") / "place")
    return root, run(root, "validate")


# -- the figures ------------------------------------------------------------------------------------------------------


def test_a_planted_edge_is_certified_and_every_p_value_is_what_scipy_makes_of_it(judged: Any, planted: Any) -> None:
    root, summary = judged
    found = certificate(root)
    assert (summary.verdict, found["verdict"] in ("champion", "gold")) == ("pass", True), summary.headline
    told, heard = found["evidence"]["p"], found["surrogates"]
    as_good = sum(score is not None and score >= heard["real"] for score in heard["maxima"])
    assert (heard["searched"], heard["as_good"]) == (len(heard["maxima"]), as_good)
    assert told["surrogates"] == pytest.approx((1 + as_good) / (heard["searched"] + 1))
    equity = np.array([1.0, *found["curves"]["vault"]["equity"]])
    daily = equity[1:] / equity[:-1] - 1.0
    sr = daily.mean() / daily.std(ddof=1)
    scaled = 1.0 - stats.skew(daily) * sr + (stats.kurtosis(daily, fisher=False) - 1.0) / 4.0 * sr**2
    assert told["vault"] == pytest.approx(stats.norm.sf(sr * math.sqrt((daily.size - 1) / scaled)), rel=1e-4)
    fisher = stats.combine_pvalues([told["surrogates"], told["vault"]], method="fisher").pvalue
    assert told["combined"] == pytest.approx(fisher)
    assert (told["adjusted"], told["finalists"]) == (told["combined"], 1)


def test_the_real_score_is_what_one_call_of_the_whole_search_finds(judged: Any) -> None:
    """A campaign's phases and the surrogates' search are two ways to the same: else the p-value prices another one."""
    root, _ = judged
    order = order_for(root, "validate")
    question = question_of(order, a_desk(root / "home"))
    asked = market_search_of(question, order.campaign.search)
    found = searched_market(question.development, asked, asked.drawn())
    assert found.score == certificate(root)["surrogates"]["real"]
    assert found.pick is not None
    assert found.pick.trial.params == certificate(root)["params"]


def test_both_tables_are_computed_and_the_gates_say_what_passed(judged: Any) -> None:
    root, summary = judged
    found = certificate(root)
    evidence, strict = found["evidence"]["gates"], found["strict"]["gates"]
    assert [gate["name"] for gate in evidence] == [
        "p", "searched_in_vault", "pbo", "stress1_annual_sharpe", "stress3_net_profit", "plateau", "top10_excess",
        "regime_mismatch", "oos_trades", "exposure",
    ]  # fmt: skip
    assert len(strict) == 9
    assert all(gate["pass"] for gate in evidence)
    assert (found["verdict"] == "gold") == all(gate["pass"] for gate in strict)
    assert summary.figures["p"] == found["evidence"]["p"]["adjusted"]
    assert found["evidence"]["forecast"]["shrunken_annual_sharpe"] < found["evidence"]["forecast"]["raw_annual_sharpe"]


def test_what_is_shown_beside_the_gates_is_there(judged: Any, planted: Any) -> None:
    found, bars = certificate(judged[0]), planted[1]
    assert found["second_opinion"]["agrees"] is True
    inside, outside = (found["curves"][stretch]["days"] for stretch in ("development", "vault"))
    # The vault may open within a day, which is then both stretches'.
    assert len({*inside, *outside}) == 500
    assert len({*inside} & {*outside}) <= 1
    assert len(found["walk_forward"]["windows"]) >= 6
    assert sum(row["oos_trades"] for row in found["regimes"]["table"]) <= found["vault"]["metrics"]["total_trades"]
    centre = found["neighbourhood"]["centre"]
    x, y = found["neighbourhood"]["x"]["values"], found["neighbourhood"]["y"]["values"]
    at = found["neighbourhood"]["annual_sharpe"][y.index(centre[1])][x.index(centre[0])]
    assert at == found["development"]["metrics"]["annual_sharpe"]
    curve = found["evidence"]["dsr"]["curve"]
    assert [point["dsr"] for point in curve] == sorted((point["dsr"] for point in curve), reverse=True)
    assert found["ledger"]["tried"] == found["evidence"]["dsr"]["n_trials"] >= 200 + 10 + 400
    assert found["vault"]["first_open_ms"] == bars.open_time[vault_start(bars.n_bars, 1 / 3)]


def test_noise_is_refused_with_its_figures(tmp_path: Path) -> None:
    root = a_place(tmp_path, noise_market(300, 3, 15, symbol="EDGE"))
    search(root)
    price(root)
    summary = run(root, "validate")
    assert summary.verdict == "fail"
    assert "p " in summary.headline
    assert "failed: p " in summary.headline
    with pytest.raises(OperatorError, match="says 'no'; only what passed can be crowned"):
        run(root, "crown")


def test_gold_is_asked_where_both_tables_crown(planted: Any, tmp_path: Path) -> None:
    root = copied(planted[0], tmp_path / "both")
    summary = run(root, "validate", validation={**SETTINGS["validation"], "crown_on": "both"})
    found = certificate(root)
    assert (summary.verdict == "pass") == all(gate["pass"] for gate in found["strict"]["gates"])
    assert found["verdict"] == ("gold" if summary.verdict == "pass" else "no")


# -- who sees what, and what a kill changes ---------------------------------------------------------------------------


def test_neither_surrogates_nor_their_p_hang_on_the_vault(planted: Any, tmp_path: Path) -> None:
    root, bars = planted
    vault_bar = vault_start(bars.n_bars, 1 / 3)
    arrays = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in arrays.values():
        values[vault_bar:] *= np.linspace(1.0, 3.0, bars.n_bars - vault_bar)
    other = Bars(
        symbol="EDGE", interval_minutes=bars.interval_minutes, open_time=bars.open_time, volume=bars.volume,
        synthetic=bars.synthetic, **arrays,
    )  # fmt: skip
    place = a_place(tmp_path / "other", other)
    search(place)
    run(place, "surrogates", 0)
    one, two = share(root, 0), share(place, 0)
    assert (one["scores"], one["real"], one["question"]) == (two["scores"], two["real"], two["question"])
    assert not (results(place) / "vault_opened.json").exists()


def test_shares_in_any_order_and_cut_off_anywhere_come_to_the_same_scores(planted: Any, tmp_path: Path) -> None:
    root = copied(planted[0], tmp_path / "cut")
    for first in SHARES:
        shutil.rmtree(results(root) / f"surrogates-{first}")
    for first, count in reversed(SHARES.items()):
        # Stopped after each market: the next run goes on behind it, and repeats none.
        for done in range(1, min(3, count)):
            with pytest.raises(Yielded):
                run(root, "surrogates", first, yields_after=1)
            assert len(share(root, first)["scores"]) == done
        run(root, "surrogates", first)
        assert share(root, first) == share(planted[0], first)


def test_a_judgement_that_was_cut_off_comes_to_the_same_certificate(judged: Any, planted: Any, tmp_path: Path) -> None:
    root = copied(planted[0], tmp_path / "cut")
    for after in (3, 200, 490):
        with pytest.raises(Yielded):
            run(root, "validate", yields_after=after)
    summary = run(root, "validate")
    one, two = certificate(judged[0]), certificate(root)
    for found in (one, two):
        # What was tried is told once more by every run: never too little.
        found.pop("ledger"), found.pop("tried"), found["evidence"].pop("dsr")
    assert one == two
    assert summary.verdict == judged[1].verdict


def test_it_is_not_judged_before_enough_surrogates_were_searched(planted: Any, tmp_path: Path) -> None:
    root = copied(planted[0], tmp_path / "few")
    shutil.rmtree(results(root) / "surrogates-8")
    with pytest.raises(OperatorError, match=r"surrogates-8.* is not there; search the surrogate markets from number 8"):
        run(root, "validate")
    assert not (results(root) / "vault_opened.json").exists()


# -- cheats -----------------------------------------------------------------------------------------------------------


def another_finalist(root: Path, at: int) -> None:
    path = results(root) / "all_trials.json"
    document = json.loads(path.read_text())
    valid = [trial["number"] for trial in document["trials"] if trial["valid"]]
    others = [number for number in valid if number != document["finalist"]]
    path.write_text(json.dumps(document | {"finalist": others[at]}))


def test_the_vault_is_not_opened_for_another_finalist(judged: Any, tmp_path: Path) -> None:
    root = copied(judged[0], tmp_path / "second")
    another_finalist(root, 0)
    with pytest.raises(OperatorError, match="a vault is opened once"):
        run(root, "validate")


def test_a_vault_shows_itself_to_three_finalists_whatever_is_deleted_in_between(judged: Any, tmp_path: Path) -> None:
    root = copied(judged[0], tmp_path / "fourth")
    for at in range(2):
        (results(root) / "vault_opened.json").unlink()
        another_finalist(root, at)
        run(root, "validate")
        told = certificate(root)
        p = told["evidence"]["p"]
        assert told["looks_at_the_vault"] == p["finalists"] == at + 2
        assert p["adjusted"] == pytest.approx(min(1.0, (at + 2) * p["combined"]))
    (results(root) / "vault_opened.json").unlink()
    another_finalist(root, 2)
    with pytest.raises(VaultSpent, match="3 finalists have looked at days of it"):
        run(root, "validate")


def test_a_ledger_that_was_deleted_is_missed(planted: Any, tmp_path: Path) -> None:
    root = copied(planted[0], tmp_path / "deleted")
    for ledger in (root / "home" / "state" / "ledger").rglob("*.jsonl"):
        ledger.unlink()
    with pytest.raises(OperatorError, match="ledger"):
        run(root, "validate")
    assert not (results(root) / "vault_opened.json").exists()


def test_the_same_prices_under_other_days_are_recognised(planted: Any, tmp_path: Path) -> None:
    root, bars = planted
    place = copied(root, tmp_path / "relabelled")
    shutil.rmtree(place / "home" / "results")
    moved = Bars(
        symbol="EDGE", interval_minutes=bars.interval_minutes, open_time=bars.open_time + 3 * 365 * 86_400_000,
        volume=bars.volume, synthetic=bars.synthetic, open=bars.open, high=bars.high, low=bars.low, close=bars.close,
    )  # fmt: skip
    write_bars(place / "bars" / "EDGE.parquet", moved)
    run(place, "preflight")
    with pytest.raises(Relabelled):
        run(place, "prescreen")


def test_a_share_of_another_question_is_refused(planted: Any, tmp_path: Path) -> None:
    root = copied(planted[0], tmp_path / "other")
    path = results(root) / "surrogates-0" / "surrogates.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"question": "0" * 64}))
    with pytest.raises(OperatorError, match="answers another question"):
        run(root, "validate")


def test_what_the_vault_p_is_made_of_is_the_vault_alone(judged: Any) -> None:
    """The days of the curve in the certificate are those of the vault, to the day."""
    found = certificate(judged[0])
    daily = daily_returns(
        np.array(found["curves"]["vault"]["equity"]), np.arange(len(found["curves"]["vault"]["days"]))
    )
    assert daily.size == len(found["curves"]["vault"]["days"])
    assert found["curves"]["vault"]["days"][0] >= found["curves"]["development"]["days"][-1]
