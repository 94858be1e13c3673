"""What a study tries next: lists keep the numbers of what is finished, TPE goes on as if there had been no break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.experiments.bounds import bounds_of
from swarmd.engine.experiments.space_tree import space_tree
from swarmd.engine.experiments.study import Listed, Tpe, best_of
from swarmd.engine.experiments.trial import Answer, Judge
from swarmd.engine.metrics.summary import METRIC_NAMES
from swarmd.engine.search.canonical import canonical_key
from swarmd.engine.search.sampler import ReproducibleSampler, TpeSettings
from swarmd.engine.search.score import ScoreRule
from swarmd.engine.strategies.registry import strategy_named

EMA = strategy_named("ema_cross")
JUDGE = Judge(ScoreRule("annual_sharpe"), bounds_of({"min_trades": 10}))


def metrics_of(params):
    """A hill with its top at L_fast 20 and L_slow 200; fast pairs trade a lot, slow ones hardly."""
    height = 3.0 - ((params["L_fast"] - 20) / 50) ** 2 - ((params["L_slow"] - 200) / 200) ** 2
    known = {"annual_sharpe": height, "total_trades": 2000 // params["L_slow"], "max_drawdown": 0.1}
    return {name: known.get(name, 0.0) for name in METRIC_NAMES}


def a_trial(proposal, *, cause=None):
    answer = Answer(None, 0.1, cause=cause, error="broken") if cause else Answer(metrics_of(proposal.params), 0.1)
    return JUDGE.trial(proposal.number, proposal.origin, proposal.params, answer)


VECTORS = [{"L_fast": n, "L_slow": 10 * n, "sl": 0.02, "tp": 0.1} for n in range(2, 10)]


@given(st.sets(st.integers(0, 7)), st.randoms(use_true_random=False))
def test_a_list_taken_up_again_tries_exactly_what_is_missing_under_free_numbers(done, random):
    first = Listed("grid", VECTORS, [])
    proposals = [first.ask() for _ in VECTORS]
    assert [proposal.params for proposal in proposals] == VECTORS
    assert first.ask() is None
    finished = [a_trial(proposals[number]) for number in done]
    random.shuffle(finished)
    again = Listed("grid", VECTORS, finished)
    assert {trial.number for trial in again.found} == done
    left = iter(again.ask, None)
    assert [(each.number, each.params) for each in left] == [
        (each.number, each.params) for each in proposals if each.number not in done
    ]


@given(st.sets(st.integers(0, 7)))
def test_a_list_made_longer_keeps_what_is_finished_and_reuses_no_number(done):
    first = Listed("grid", VECTORS[::2], [])
    proposals = list(iter(first.ask, None))
    finished = [a_trial(each) for each in proposals if each.number in done]
    again = Listed("grid", VECTORS, finished)
    asked = list(iter(again.ask, None))
    numbers = [trial.number for trial in again.found] + [each.number for each in asked]
    assert sorted(numbers) == sorted(set(numbers))
    keys = [trial.key for trial in again.found] + [canonical_key(each.params) for each in asked]
    assert sorted(keys) == sorted(canonical_key(vector) for vector in VECTORS)


@pytest.mark.parametrize(("cause", "is_again"), [("strategy", False), ("lost", True), ("timeout", True)])
def test_what_failed_by_the_outside_is_tried_again_and_a_strategys_fault_is_not(cause, is_again):
    first = Listed("grid", VECTORS, [])
    failed = a_trial(first.ask(), cause=cause)
    again = Listed("grid", VECTORS, [failed])
    assert (again.ask().params == failed.params) == is_again


def a_tpe(total, finished, *, at_once=1, seed=3):
    value = {"L_fast": {"low": 2, "high": 60}, "L_slow": {"low": 50, "high": 900}, "sl": 0.02, "tp": 0.1}
    (space,) = space_tree(value, EMA.card).spaces(EMA.card, "long", {}, is_grid=False)
    sampler = ReproducibleSampler(EMA, space, seed=seed, settings=TpeSettings(n_startup_trials=6))
    return Tpe(sampler, space, total, finished, at_once=at_once)


def run(study, n=None):
    made = []
    while (n is None or len(made) < n) and (proposal := study.ask()) is not None:
        made.append(a_trial(proposal, cause="strategy" if proposal.number == 4 else None))
        study.tell(made[-1])
    return made


@pytest.mark.parametrize("broken_off_after", [1, 5, 6, 11])
def test_tpe_taken_up_again_makes_the_trials_of_an_undisturbed_run(broken_off_after):
    whole = run(a_tpe(14, []))
    first = run(a_tpe(14, []), broken_off_after)
    again = a_tpe(14, first)
    assert list(again.found) == first
    assert first + run(again) == whole
    assert [trial.origin for trial in whole[:6]] == ["random"] * 6
    assert whole[-1].origin == "tpe"


def test_a_number_that_was_under_way_is_asked_again_first():
    whole = run(a_tpe(10, []))
    kept = [trial for trial in whole[:9] if trial.number != 7]
    again = a_tpe(10, kept)
    proposal = again.ask()
    assert (proposal.number, proposal.params) == (7, whole[7].params)


def test_tpe_hands_out_as_many_at_once_as_it_may_and_no_more_than_asked():
    one = a_tpe(3, [])
    first = one.ask()
    assert one.ask() is None
    one.tell(a_trial(first))
    assert one.ask().number == 1
    three = a_tpe(3, [], at_once=5)
    assert [three.ask().number for _ in range(3)] == [0, 1, 2]
    assert three.ask() is None
    assert (one.at_once, three.at_once, Listed("grid", VECTORS, []).at_once) == (1, 5, len(VECTORS))


def test_tpe_finds_the_hill_and_keeps_to_the_constraints():
    best = best_of(run(a_tpe(60, [])))
    assert best.score > 2.8
    assert best.status == "valid"
    assert best.answer.metrics["total_trades"] >= 10


def test_the_best_is_valid_and_of_equals_the_first():
    trials = run(Listed("grid", [{**VECTORS[0], "L_slow": n} for n in (900, 190, 210)], []))
    assert [trial.status for trial in trials] == ["skipped", "valid", "skipped"]
    assert best_of(trials) is trials[1]
    assert best_of(trials[:1]) is None
