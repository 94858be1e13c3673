"""Trials: what they were told, what their files keep of it, and which files are none."""

import json
import math

import pytest

from swarmd.engine.experiments.bounds import bounds_of
from swarmd.engine.experiments.trial import SCHEMA, Answer, Judge, read_trial
from swarmd.engine.metrics.summary import METRIC_NAMES
from swarmd.engine.search.score import ScoreRule

RULE = ScoreRule("annual_sharpe", {"max_drawdown": -0.5})
JUDGE = Judge(RULE, bounds_of({"min_trades": 10}))
METRICS = dict.fromkeys(METRIC_NAMES, 0.0) | {
    "total_trades": 12, "annual_sharpe": 1.5, "max_drawdown": 0.2, "profit_factor": None,
}  # fmt: skip
PARAMS = {"L_fast": 5, "sl": 0.02}
MADE_OF = {"data_sha256": "d", "code_version": "c"}


def judged(judge=JUDGE, metrics=METRICS, **answer):
    return judge.trial(3, "grid", PARAMS, Answer(metrics, 0.25, **answer))


def kept(folder, trial, **fields):
    path = folder / "trial_3.json"
    path.write_text(json.dumps({"schema": SCHEMA, **trial.document(), **MADE_OF, **fields}))
    return path


def test_a_valid_trial_has_a_score_and_is_read_back_as_it_was(tmp_path):
    trial = judged()
    assert (trial.status, trial.score, trial.violations) == (
        "valid", pytest.approx(1.4), {"min_trades": -2.0, "max_drawdown": pytest.approx(-0.15)},
    )  # fmt: skip
    assert read_trial(kept(tmp_path, trial), JUDGE, made_of=MADE_OF) == trial


def test_a_broken_constraint_is_told_with_both_numbers_and_a_looser_one_judges_anew(tmp_path):
    strict = Judge(RULE, bounds_of({"min_trades": 50, "max_drawdown": 0.1}))
    trial = judged(strict)
    assert trial.status == "skipped"
    assert trial.skipped == "total_trades 12 is below 50 (min_trades); max_drawdown 0.2 is above 0.1 (max_drawdown)"
    assert read_trial(kept(tmp_path, trial), JUDGE, made_of=MADE_OF) == judged()


@pytest.mark.parametrize(("cause", "is_final"), [("strategy", True), ("lost", False), ("timeout", False)])
def test_a_failed_trial_keeps_its_reason_and_what_the_outside_did_is_not_final(tmp_path, cause, is_final):
    trial = judged(metrics=None, cause=cause, error="broken", attempts=4)
    assert (trial.status, trial.error, trial.score, trial.is_final) == ("failed", "broken", None, is_final)
    assert read_trial(kept(tmp_path, trial), JUDGE, made_of=MADE_OF) == trial


def test_a_score_that_is_not_finite_fails_the_trial_and_names_what_it_is_made_of(tmp_path):
    trial = judged(Judge(ScoreRule("profit_factor"), bounds_of({})))
    assert (trial.status, trial.score) == ("failed", None)
    assert trial.error == "the score is inf: one of profit_factor is not finite"
    assert math.isfinite(judged().score)
    assert read_trial(kept(tmp_path, trial), JUDGE, made_of=MADE_OF).status == "valid"  # by another score


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"schema": "swarmd.trial/1"}, "its schema is not"),
        ({"params": [1]}, "its params is"),
        ({"params": {"sl": "x"}}, "is not a number"),
        ({"metrics": {"annual_sharpe": 1.0}}, "not those of this version"),
        ({"metrics": {}}, "neither metrics nor an error"),
        ({"seconds": None}, "its seconds is None"),
        ({"number": 4}, "it tells of trial 4"),
        ({"data_sha256": "e"}, "made with data_sha256 'e', and now it is 'd'"),
        ({"code_version": "b"}, "made with code_version 'b'"),
    ],
)
def test_a_file_that_is_no_trial_of_this_experiment_is_refused_with_the_reason(tmp_path, fields, said):
    path = kept(tmp_path, judged(), **fields)
    with pytest.raises(ValueError, match=said):
        read_trial(path, JUDGE, made_of=MADE_OF)
