"""What `scripts/bench_truth` makes of its records: who is crowned, how sure a rate is, what a fleet's champions are."""

import json
import math
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from repository import ROOT
from scipy.stats import binomtest

MODULES = ("markets", "search", "strict", "judged", "rules", "fleet", "report", "page", "runner")


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    sys.path.insert(0, str(ROOT / "scripts"))
    yield SimpleNamespace(**{name: import_module(f"bench_truth_{name}") for name in MODULES})
    sys.path.remove(str(ROOT / "scripts"))


def record(**changed: Any) -> dict[str, Any]:
    """A champion of a planted market."""
    return {
        "kind": "planted", "sharpe": 2.0, "number": 0, "years": 6, "found": True, "p_clairvoyant": 1e-4,
        "p_surrogates": 0.005, "p_vault": 0.01, "p_vault_over_holding": 0.01, "p_combined": 0.0006,
        "development_sharpe": 2.4, "vault_sharpe": 1.6, "vault_skew": -0.2, "vault_kurtosis": 6.0, "true_sharpe": 1.5,
        "surrogate_sharpe_mean": 1.2, "surrogate_score_mean": 1.1, "score": 2.3, "surrogates": 199, "n_effective": 15.0,
        "stress1": 1.4, "stress3": 0.5, "vault_trades": 120, "vault_exposure": 0.9, "top10_excess": 1.0,
        "plateau": 0.8, "regimes_volatility": 0.0, "regimes_trend": 0.3, "regimes_9": 0.6, "pbo": 0.2, "dsr": 0.99,
        "strict_failed": ["regime_mismatch"], "naive_vault_sharpe": 1.6,
        "naive_everywhere": {"sharpe": 1.7, "wfe": 0.8},
        "cpu_s": {"all": 60.0, "surrogates": 55.0, "judgement": 2.5}, "code": "0.1",
        **changed,
    }  # fmt: skip


def noise(number: int, p: float, **changed: Any) -> dict[str, Any]:
    return record(kind="noise", sharpe=0.0, number=number, p_combined=p, p_surrogates=p, true_sharpe=-0.1, **changed)


def test_evidence_takes_the_p_value_and_every_gate(bench: SimpleNamespace) -> None:
    assert bench.rules.is_champion(record())
    assert not bench.rules.is_champion(record(p_combined=0.011))
    assert not bench.rules.is_champion(record(found=False))
    failing = {
        "stress1": 0.0, "stress3": -0.1, "vault_trades": 19, "vault_exposure": 0.009, "top10_excess": 1.26,
        "plateau": 0.49, "regimes_trend": 0.51, "pbo": 0.71,
    }  # fmt: skip
    assert len(bench.rules.evidence(record())) == len(failing) + 2
    for figure, value in failing.items():
        assert not bench.rules.is_champion(record(**{figure: value})), figure
    for figure in ("stress3", "top10_excess", "plateau", "regimes_trend", "pbo"):
        assert not bench.rules.is_champion(record(**{figure: None})), f"{figure} undefined"
    assert bench.rules.refusing_beside(record(regimes_volatility=None)) == {
        "regimes, nine cells",
        "regimes, volatility",
    }


def test_the_rules_it_is_held_against_ask_what_they_say(bench: SimpleNamespace) -> None:
    verdicts = {rule: verdict(record()) for rule, verdict in bench.rules.RULES.items()}
    assert [rule for rule, crowned in verdicts.items() if not crowned] == ["source strict, all nine gates"]
    nothing = {"kind": "noise", "sharpe": 0.0, "number": 1, "found": False}
    assert not any(verdict(nothing) for verdict in bench.rules.RULES.values())


def test_a_market_that_rises_is_no_evidence_for_who_only_buys(bench: SimpleNamespace) -> None:
    risen = record(kind="drift", sharpe=1.0, p_surrogates=0.1, p_vault=0.001, p_vault_over_holding=0.4)
    assert bench.rules.p_over_holding(risen) > 0.1
    assert bench.rules.p_over_holding({**risen, "kind": "planted"}) == pytest.approx(1e-4 * (1 + 4 * math.log(10)))


def test_a_rate_has_the_exact_bounds_of_clopper_and_pearson(bench: SimpleNamespace) -> None:
    told = bench.report.rate_of([True] + [False] * 472)
    # One of 473 is the first that keeps the upper bound at 1 %.
    assert told["upper"] == pytest.approx(0.01, abs=2e-5)
    exact = binomtest(3, 40, alternative="less").proportion_ci(0.95, "exact").high
    assert bench.report.rate_of([True] * 3 + [False] * 37)["upper"] == pytest.approx(exact, rel=1e-9)
    assert bench.report.rate_of([False] * 200)["upper"] == pytest.approx(1 - 0.05 ** (1 / 200), rel=1e-9)
    assert bench.report.rate_of([])["rate"] is None


def test_uniform_p_values_are_called_uniform_and_small_ones_are_not(bench: SimpleNamespace) -> None:
    even = bench.report.calibration_of([noise(n, (n + 0.5) / 100) for n in range(100)])["p_combined"]
    assert even["ks_p"] > 0.99
    assert even["at_most_0.05"] == pytest.approx(0.05)
    at_truth = bench.report.calibration_of([noise(n, 0.5, vault_sharpe=-0.1) for n in range(4)])["p_vault_at_truth"]
    assert at_truth["mean"] == pytest.approx(0.5, abs=1e-12)
    small = bench.report.calibration_of([noise(n, (n + 0.5) / 400) for n in range(100)])["p_combined"]
    assert small["ks_p"] < 1e-6


def test_a_gate_is_charged_with_what_it_alone_refuses(bench: SimpleNamespace) -> None:
    planted = bench.markets.PLANTED[2]
    markets = [record(), record(plateau=0.1), record(plateau=0.1, pbo=0.9), record(plateau=0.1, p_combined=0.5)]
    told = bench.report.gates_of({planted: markets})
    assert told["plateau"][planted.label] == {"asked": 3, "refused": 2, "alone": 1}
    assert told["pbo"][planted.label] == {"asked": 3, "refused": 1, "alone": 0}
    assert told["regimes, nine cells"][planted.label] == {"asked": 3, "refused": 3, "alone": 1}


def test_a_fleet_of_certain_edges_and_clear_noise_has_no_false_champion(bench: SimpleNamespace) -> None:
    markets = [noise(n, 0.9 + 0.001 * n) for n in range(30)]
    markets += [record(kind="drift", sharpe=1.0, number=n, p_combined=0.9) for n in range(5)]
    markets += [record(number=n, p_combined=1e-9) for n in range(10)]
    told = bench.fleet.fleets_of(markets, fleets=5)
    for policy in told.values():
        assert policy == {
            "mean_false_share": 0.0, "false_share_95": 0.0, "fleets_within_level": 1.0,
            "champions": 40.0, "edges_found": 1.0,
        }  # fmt: skip
    assert bench.fleet.fleets_of(markets[:30]) == {}


def test_a_fleet_with_false_champions_counts_them(bench: SimpleNamespace) -> None:
    markets = [noise(0, 1e-9), *(noise(n, 0.5) for n in range(1, 15))]
    markets += [record(kind="drift", sharpe=1.0, p_combined=0.6), record(p_combined=1e-9)]
    told = bench.fleet.fleets_of(markets, fleets=20)["p at most 0.01, always"]
    # Ten of 150 on average, beside forty that are true.
    assert told["mean_false_share"] == pytest.approx(0.2, abs=0.04)
    assert told["fleets_within_level"] < 0.2


def test_every_kind_is_spread_over_the_run(bench: SimpleNamespace) -> None:
    tasks = bench.runner.tasks_of(20, 4, [4, 4, 4, 2])
    assert len(tasks) == len(set(tasks)) == 38
    for half in (tasks[:19], tasks[19:]):
        assert sum(kind.name == "noise" for kind, _ in half) == 10
        assert sum(kind.name == "planted" for kind, _ in half) == 7


def test_a_run_is_taken_up_behind_the_last_whole_line(bench: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    counts = bench.judged.Counts(1000, 12, 19, 5, 16)
    assert bench.runner.kept(path, counts) == []
    whole = path.read_text() + json.dumps(record()) + "\n"
    path.write_text(whole + '{"kind": "noi')
    assert bench.runner.kept(path, counts) == [record()]
    assert path.read_text() == whole
    with pytest.raises(ValueError, match=r"holds markets of another search: .*'combos': 1000.*give another file"):
        bench.runner.kept(path, bench.judged.Counts(2000, 12, 19, 5, 16))
    with pytest.raises(ValueError, match="holds markets of another search"):
        bench.runner.kept(path, bench.judged.Counts(1000, 12, 19, 5, 16, stops="wide"))


def test_the_page_has_every_table_and_replaces_nothing_but_its_own(bench: SimpleNamespace, tmp_path: Path) -> None:
    markets = [noise(n, 0.2 + n / 40) for n in range(20)] + [record(number=n) for n in range(4)]
    markets += [record(kind="drift", sharpe=1.0, number=n, p_combined=0.3) for n in range(3)]
    counts = bench.judged.Counts(1000, 12, 19, 5, 16).document()
    told = bench.page.page_of(json.loads(json.dumps(bench.report.report_of(markets, counts))))
    assert "20 noise, 3 drift" in told
    assert "stops of 3 to 30 % and targets of 3 to 60 %" in told
    for words in ("**evidence**", "plateau", "of the search (surrogates)", "LORD++ at 10 %", "forecast / truth"):
        assert words in told
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- t -->\nold\n<!-- /t -->\nafter\n")
    bench.page.write(page, told, name="t")
    assert page.read_text() == f"before\n<!-- t -->\n\n{told}\n\n<!-- /t -->\nafter\n"


def test_a_small_market_comes_out_the_same_twice_and_fits_a_line_of_json(bench: SimpleNamespace) -> None:
    counts = bench.judged.Counts(300, 12, 19, 5, 16)
    kind = bench.markets.PLANTED[3]
    first, again = bench.judged.judged(kind, 3, counts), bench.judged.judged(kind, 3, counts)
    first.pop("cpu_s"), again.pop("cpu_s")
    assert first == again
    assert first["found"]
    assert first["told_by"] in ("counted", "stopped")
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert first["true_sharpe"] > 0.5


def test_the_true_sharpe_of_a_rule_near_the_planted_one_is_nearly_what_was_planted(bench: SimpleNamespace) -> None:
    near = {"tf_fast": 240, "L_fast": 7, "tf_slow": 480, "L_slow": 15, "sl": 0.3, "tp": 0.6}
    kind = bench.markets.PLANTED[2]
    assert bench.markets.true_sharpe(kind, bench.search.STRATEGY, near, "aggressive") == pytest.approx(2.0, abs=0.25)
    nothing = bench.markets.true_sharpe(bench.markets.NOISE, bench.search.STRATEGY, near, "aggressive")
    # Nothing but the costs of a hundred trades a year: 0.0014 of 0.7 each.
    assert nothing == pytest.approx(-0.2, abs=0.08)
