"""`swarmd run`: what a person's experiment leaves behind, by real processes, killed and taken up again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import yaml
from experiment_builders import GRID, a_file, a_strategy, plain, trials_in
from search_builders import SYMBOL

from swarmd.cli import exit_code_of
from swarmd.engine.backtest import run_backtest
from swarmd.engine.experiments.experiment_file import read_experiment
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import load_bars
from swarmd.engine.metrics.growth import bar_returns
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import of_symbol, tried

EMA = strategy_named("ema_cross")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys, *arguments, code=0):
    capsys.readouterr()
    assert exit_code_of([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    return (json.loads(out), err) if "--json" in arguments else (out, err)


def results(home, mode="long_short"):
    return home / "results" / "try" / SYMBOL / mode


def test_every_trials_parameters_reach_its_backtest_and_what_is_finished_is_never_run_again(home, tmp_path, capsys):
    document, _ = told(capsys, "run", a_file(tmp_path), "--json")
    trials = trials_in(results(home))
    bars = load_bars(tmp_path / "bars" / f"{SYMBOL}.parquet")
    assert len(trials) == 8
    for trial in trials.values():
        alone = run_backtest(bars, EMA, trial["params"], mode="long_short", costs=Costs()).metrics
        assert trial["metrics"] == alone.as_json()
        assert trial["score"] == pytest.approx(alone.annual_sharpe - 0.25 * alone.max_drawdown, rel=1e-12)
        assert trial["data_sha256"] == bars.sha256()
        assert trial["data_snapshot_id"] == bars.snapshot_id()
        assert (trial["seed"], trial["attempts"], trial["status"], trial["error"]) == (42, 1, "valid", None)
        assert trial["seconds"] > 0
        assert trial["code_version"]
        assert "git_sha" in trial
    by_stop = {
        trial["params"]["sl"]: trial for trial in trials.values() if trial["key"].startswith("L_fast=5,L_slow=4")
    }
    assert by_stop[0.02]["metrics"] != by_stop[0.04]["metrics"]
    assert (document["totals"]["valid"], document["this_run"]["evaluated"], document["status"]) == (8, 8, "done")
    best = max(trials.values(), key=lambda trial: trial["score"])
    assert document["symbols"][0]["best"]["number"] == best["number"]
    bests = document["symbols"][0]["bests"]
    for name, metric, better in (
        ("best_sharpe", "annual_sharpe", max), ("best_returns", "total_return", max),
        ("lowest_drawdown", "max_drawdown", min), ("best_winrate", "win_rate", max),
    ):  # fmt: skip
        assert bests[name]["metrics"][metric] == better(trial["metrics"][metric] for trial in trials.values())
    assert document["reproducible"] is True
    all_trials = json.loads((results(home) / "all_trials.json").read_bytes())
    assert [trial["number"] for trial in all_trials["trials"]] == list(range(8))
    meta = json.loads((home / "results" / "try" / "run_meta.json").read_bytes())
    assert meta["experiment"]["space"] == GRID
    assert meta["experiment"]["limits"]["retries"] == 3

    folder = results(home) / "trials"
    whole = (folder / "trial_1.json").read_bytes()
    (folder / "trial_1.json").write_bytes(whole[: len(whole) // 2])
    (folder / "trial_3.json").write_bytes(whole.replace(b'"number": 1', b'"number": 7'))
    (folder / "trial_5.json").write_bytes(b"")
    summary, _ = told(capsys, "summarize", "try", "--top", "3", "--json")
    assert [(Path(each["file"]).name, each["problem"].partition(":")[0]) for each in summary["unreadable"]] == [
        ("trial_1.json", "is not JSON"), ("trial_3.json", "it tells of trial 7"), ("trial_5.json", "is not JSON"),
    ]  # fmt: skip
    readable = [trial for number, trial in trials.items() if number not in (1, 3, 5)]
    assert summary["totals"] | {"trials": 5, "valid": 5, "skipped": 0, "failed": 0} == summary["totals"]
    assert [trial["score"] for trial in summary["top"]] == sorted((t["score"] for t in readable), reverse=True)[:3]
    assert summary["percentiles"]["score"]["p50"] == pytest.approx(np.median([t["score"] for t in readable]))
    harmed = {folder / f"trial_{number}.json" for number in (1, 3, 5)}
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path not in harmed}
    wider = {"sl": [0.04, 0.02, 0.03], "L_slow": [80.0, 40], "lines": {"L_fast": [10, 5.0]}}
    again, err = told(capsys, "run", a_file(tmp_path, space=wider), "--json")
    assert "5 of 12 trials are finished already and are skipped" in err
    assert (again["this_run"]["found_finished"], again["this_run"]["evaluated"]) == (5, 7)
    assert [Path(line.partition(": ")[0]) for line in again["unreadable"]] == sorted(harmed)
    assert err.replace("\n", "").count("its trial is run again") == 3
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    after = trials_in(results(home))
    assert sorted(after) == list(range(12))
    alike = {trial["key"]: plain(trial)["metrics"] for trial in after.values()}
    assert {trial["key"]: alike[trial["key"]] for trial in trials.values()} == {
        trial["key"]: trial["metrics"] for trial in trials.values()
    }

    third, _ = told(capsys, "run", a_file(tmp_path, space=wider, constraints={"min_trades": 10_000}), "--json", code=1)
    assert (third["this_run"]["evaluated"], third["totals"]["skipped"], third["totals"]["valid"]) == (0, 12, 0)
    assert {trial["status"] for trial in trials_in(results(home)).values()} == {"skipped"}
    assert [trial["metrics"] for trial in trials_in(results(home)).values()] == [
        trial["metrics"] for trial in after.values()
    ]


TROUBLE = """\
print("a strategy that talks")
mark = Path(__file__).with_name("mark")
match params["sl"]:
    case 0.02:
        raise RuntimeError("no stop of two per cent")
    case 0.03:
        raise SystemExit("it leaves")
    case 0.04 if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 11)
    case 0.05:
        os.kill(os.getpid(), 9)
    case 0.06:
        time.sleep(3600)
"""


def test_what_raises_fails_its_trial_what_is_lost_is_tried_again_and_what_hangs_is_killed(home, tmp_path, capsys):
    file = a_file(
        tmp_path,
        strategy=a_strategy(tmp_path, TROUBLE),
        space={"sl": [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]},
        constraints={"min_trades": 5, "max_drawdown": 0.95, "min_win_rate": 0.99},
        limits={"concurrency": 1, "backoff": ["10ms", "40ms"], "trial_timeout": "8s", "retries": 1},
    )
    document, err = told(capsys, "run", file, "--json", code=1)  # what it prints is not in the answer
    by_stop = {trial["params"]["sl"]: trial for trial in trials_in(results(home)).values()}
    assert {stop: [trial[key] for key in ("status", "cause", "attempts")] for stop, trial in by_stop.items()} == {
        0.01: ["skipped", None, 1],
        0.02: ["failed", "strategy", 1],
        0.03: ["failed", "strategy", 1],
        0.04: ["skipped", None, 2],
        0.05: ["failed", "lost", 2],
        0.06: ["failed", "timeout", 1],
    }
    assert "RuntimeError: no stop of two per cent (own.py, line 17)" in by_stop[0.02]["error"]
    assert "SystemExit: it leaves (own.py, line 19)" in by_stop[0.03]["error"]
    assert "its process died by SIGSEGV; attempt 2 of 2 in 0.01 s" in " ".join(err.split())
    assert by_stop[0.05]["error"] == "its process died by SIGKILL, in 2 of 2 attempts"
    assert "took longer than 8 s" in by_stop[0.06]["error"]
    assert (by_stop[0.02]["score"], by_stop[0.02]["metrics"]) == (None, {})
    sound = by_stop[0.01]
    assert sound["skipped"] == f"win_rate {sound['metrics']['win_rate']:g} is below 0.99 (min_win_rate)"
    assert sound["violations"]["min_win_rate"] == pytest.approx(0.99 - sound["metrics"]["win_rate"])
    totals = {"trials": 6, "valid": 0, "skipped": 2, "failed": 4}
    assert document["totals"] | totals == document["totals"]
    assert document["totals"]["failed_by"] == {"lost": 1, "strategy": 2, "timeout": 1}
    assert document["strategy"] == "own"

    a_strategy(tmp_path, "pass")
    _, err = told(capsys, "run", file, code=2)
    assert "answer another question (code_version was" in err


SLOW = "time.sleep(0.25)"


def started(file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "swarmd", "run", str(file), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def broken_off(file: Path, home: Path, number: int, *, at_trial: int) -> tuple[int, str, str]:
    """Exit code and words of a run that hears this signal once so many trials are there; none of it is left alive."""
    run = started(file)
    try:
        deadline = time.monotonic() + 120
        while len(list(results(home).rglob("trial_*.json"))) < at_trial:
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.05)
        workers = psutil.Process(run.pid).children()
        os.kill(run.pid, number)
        out, err = run.communicate(timeout=120)
    finally:
        run.kill()
    psutil.wait_procs(workers, timeout=60)
    assert workers
    assert [worker for worker in workers if worker.is_running()] == []
    return run.returncode, out, err


def test_an_experiment_that_is_broken_off_loses_nothing_and_leaves_no_process(home, tmp_path):
    file = a_file(
        tmp_path,
        strategy=a_strategy(tmp_path, SLOW),
        space={**GRID, "sl": [0.02, 0.03, 0.04]},
    )
    code, out, err = broken_off(file, home, signal.SIGINT, at_trial=2)
    first = trials_in(results(home))
    assert 2 <= len(first) < 12
    assert code == 130
    assert f"go on with: swarmd run {file}" in err
    assert (json.loads(out)["status"], json.loads(out)["totals"]["trials"]) == ("interrupted", len(first))
    assert json.loads((home / "results" / "try" / "summary.json").read_bytes()) == json.loads(out)

    code, _, _ = broken_off(file, home, signal.SIGKILL, at_trial=len(first) + 2)
    second = trials_in(results(home))
    assert code == -signal.SIGKILL
    assert len(first) + 2 <= len(second) < 12
    # Told before they are made: of what was told some may not have been made, never the other way round.
    assert len(second) <= tried(of_symbol(Home(home), SYMBOL)) == 12 + 12 - len(first)

    out, err = started(file).communicate(timeout=120)
    assert out, err
    this_run = json.loads(out)["this_run"]
    assert (this_run["found_finished"], this_run["evaluated"]) == (len(second), 12 - len(second))
    last = trials_in(results(home))
    assert {number: last[number] for number in first} == first
    assert {number: last[number] for number in second} == second
    assert [last[number]["params"] for number in range(12)] == list(read_experiment(file).vectors.vectors)


def test_tpe_goes_on_where_it_was_and_other_questions_are_refused_under_its_name(home, tmp_path, capsys):
    space = {"L_fast": {"low": 2, "high": 30}, "L_slow": {"low": 31, "high": 200}, "sl": {"low": 0.01, "high": 0.05}}
    guided = {"method": "tpe", "space": space, "trials": 9, "sampler": {"n_startup_trials": 4}}
    told(capsys, "run", a_file(tmp_path, **guided))
    whole = {number: plain(trial) for number, trial in trials_in(results(home)).items()}
    assert [trial["origin"] for trial in whole.values()] == ["random"] * 4 + ["tpe"] * 5
    for number in (3, 6, 7, 8):
        (results(home) / "trials" / f"trial_{number}.json").unlink()
    document, _ = told(capsys, "run", a_file(tmp_path, **guided), "--json")
    assert document["this_run"]["evaluated"] == 4
    assert document["reproducible"] is True
    several = {**guided, "name": "several", "trials": 3, "sampler": {"n_startup_trials": 2, "at_once": 2}}
    assert told(capsys, "run", a_file(tmp_path, **several), "--json")[0]["reproducible"] is False
    assert {number: plain(trial) for number, trial in trials_in(results(home)).items()} == whole

    for section, said in (
        ({"costs": {"fee_bps": 1}}, "costs.fee_bps was 5.0, now 1.0"),
        ({"seed": 43}, "search.seed was 42, now 43"),
        ({"method": "monte_carlo", "sampler": None}, "search.constraints was"),
        ({"data": {"path": f"bars/{SYMBOL}.parquet", "start": "2021-01-10"}}, "data_sha256.NOISE was"),
    ):
        _, err = told(capsys, "run", a_file(tmp_path, **guided | section), code=2)
        assert said in err
    assert {number: plain(trial) for number, trial in trials_in(results(home)).items()} == whole


WALK = {
    "fit": "20d",
    "test": "10d",
    "purge": "1d",
    "embargo": "1d",
    "procedure": {"method": "monte_carlo", "trials": 5},
}


def test_a_walk_forward_searches_anew_in_each_window_and_scores_what_follows(home, tmp_path, capsys):
    space = {"L_fast": {"low": 2, "high": 30}, "L_slow": {"low": 31, "high": 99}, "sl": {"low": 0.01, "high": 0.05}}
    file = a_file(tmp_path, method="walk_forward", walk_forward=WALK, space=space)
    document, _ = told(capsys, "run", file, "--json")
    bars = load_bars(tmp_path / "bars" / f"{SYMBOL}.parquet")
    windows = read_experiment(file).windows[SYMBOL]
    assert len(windows) == 3
    level, joined = 1.0, []
    told_windows = document["symbols"][0]["walk_forward"]["windows"]
    for window, said in zip(windows, told_windows, strict=True):
        trials = trials_in(results(home) / f"window_{window.number}")
        inside = bars.between(window.fit_start, window.fit_stop)
        assert [trial["params"] for trial in trials.values()] == list(read_experiment(file).vectors.vectors)
        for trial in trials.values():
            alone = run_backtest(inside, EMA, trial["params"], mode="long_short", costs=Costs()).metrics
            assert trial["metrics"] == alone.as_json()
        best = max(trials.values(), key=lambda trial: trial["score"])
        assert said["choice"]["params"] == best["params"]
        history = WarmedUp(EMA, bars.between(0, window.test_stop), window.test_start)
        test = bars.between(window.test_start, window.test_stop)
        outside = run_backtest(test, history, best["params"], mode="long_short", costs=Costs())
        assert said["outside"] == outside.metrics.as_json()
        joined.append(level * outside.equity)
        level = joined[-1][-1]
    equity = pq.read_table(results(home) / "walk_forward_equity.parquet")
    np.testing.assert_array_equal(equity["equity"].to_numpy(), np.concatenate(joined))
    whole = document["symbols"][0]["walk_forward"]["outside"]
    assert whole["total_return"] == pytest.approx(level - 1.0, rel=1e-12)
    assert whole["total_return"] == pytest.approx(np.prod(1 + bar_returns(np.concatenate(joined))) - 1, rel=1e-9)
    assert whole["total_trades"] == sum(said["outside"]["total_trades"] for said in told_windows)
    on_disk = json.loads((results(home) / "walk_forward.json").read_bytes())
    assert on_disk["windows"] == told_windows
    assert document["symbols"][0]["walk_forward"]["efficiency"] is None
    assert "3 windows" in document["symbols"][0]["walk_forward"]["efficiency_undefined_because"]


def test_every_mistake_is_a_line_of_its_own_and_nothing_is_begun(home, tmp_path, capsys):
    file = a_file(tmp_path, method="gird", space={"L_fats": [5]}, score={"primary": "sharp"})
    out, err = told(capsys, "run", file, code=2)
    assert out == ""
    assert [line.split(": ")[2] for line in err.splitlines()] == ["method", "space.L_fats", "score.primary"]
    assert all(line.startswith(f"error: {file}:") for line in err.splitlines())
    document, _ = told(capsys, "run", file, "--json", code=2)
    assert [problem["field"] for problem in document["problems"]] == ["method", "space.L_fats", "score.primary"]
    assert not (home / "results").exists()


def test_a_dry_run_tells_what_would_be_tried_and_the_schema_what_may_be_written(home, tmp_path, capsys):
    out, _ = told(capsys, "run", a_file(tmp_path, space={"L_fast": [5, 90], "L_slow": [40, 100]}), "--dry-run")
    assert "3 trials" in out
    assert "1 points of the grid do not go together" in out
    assert not (home / "results").exists()
    out, _ = told(capsys, "run", "--schema")
    assert json.loads(out)["title"] == "swarmd experiment"
    _, err = told(capsys, "run", code=2)
    assert "which experiment?" in err


def test_two_runs_of_one_experiment_at_once_are_one_and_a_refusal(home, tmp_path, capsys):
    from swarmd.state.store.files import lock_file

    folder = home / "results" / "try"
    folder.mkdir(parents=True)
    lock = lock_file(folder / ".lock", {"run": "swarmd run try", "pid": 4711})
    _, err = told(capsys, "run", a_file(tmp_path), code=1)
    os.close(lock)
    assert "pid 4711" in err
    assert yaml.safe_load((tmp_path / "experiment.yaml").read_text())["name"] == "try"
