"""The surrogate test of one asset: carried on after a kill, settled by its scores alone, and never near the vault."""

import json
from dataclasses import replace

import pytest
from search_builders import Told, a_desk, a_market, an_order, run_phase

from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.surrogates import SurrogatePlan, market_search_of, search_surrogates
from swarmd.engine.search.score import Constraints
from swarmd.state.errors import OperatorError

SMALL = {"search": {"prescreen": {"combos": 60, "top": 20}, "refine": {"trials": 8, "warm_start": 4, "rungs": []}}}
PLAN = SurrogatePlan(planned=19, seed=5)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A question with its search; the home in which its preflight was made."""
    folder = tmp_path_factory.mktemp("asked")
    a_market(folder / "bars")
    run_phase(folder / "home", folder / "bars", "preflight", **SMALL)
    order = an_order(folder / "home", folder / "bars", "refine", **SMALL)
    question = question_of(order, a_desk(folder / "home"))
    return question, market_search_of(question, order.campaign.search), folder / "home"


@pytest.fixture(scope="module")
def undisturbed(asked):
    question, search, home = asked
    return search_surrogates(question, search, PLAN, home / "results" / "whole", a_desk(home))


def test_scores_are_kept_and_the_answer_follows_from_them(undisturbed):
    kept = json.loads(undisturbed.path.read_bytes())
    assert kept["question"] == undisturbed.question
    assert kept["real"] == undisturbed.real
    assert tuple(kept["surrogates"]) == undisturbed.searched
    assert undisturbed.whole is not None
    assert undisturbed.whole.is_settled
    assert undisturbed.whole.scores == tuple(each["score"] for each in undisturbed.searched)


def test_killed_after_any_surrogate_it_ends_as_an_undisturbed_one_and_tells_the_real_search_once(asked, undisturbed):
    question, search, home = asked
    folder, told, evaluations = home / "results" / "killed", Told(), []
    for allowed in (1, 3, 10_000):
        heard = Told()

        def is_enough(heard=heard, allowed=allowed) -> bool:
            return heard.done >= allowed

        try:
            outcome = search_surrogates(
                question,
                search,
                PLAN,
                folder,
                a_desk(home, heard, should_yield=is_enough),
                evaluated=lambda part, count: evaluations.append((part, count)),
            )
        except Yielded:
            continue
        told = heard
    assert replace(outcome, path=undisturbed.path) == undisturbed
    assert evaluations == [("prescreen", 60), ("refine", 8)]
    assert (told.total, told.done) == (20, 1 + len(outcome.searched))
    assert told.skipped == 3, "what the killed ones left is no work of the last"


def test_a_settled_question_is_answered_without_searching_again(asked, undisturbed):
    question, search, home = asked

    def refused() -> bool:
        raise AssertionError("a search was begun")

    told = Told()
    again = search_surrogates(question, search, PLAN, undisturbed.path.parent, a_desk(home, told, should_yield=refused))
    assert again == undisturbed
    assert told.skipped == told.done == 1 + len(again.searched)


def test_another_vault_changes_nothing(asked, undisturbed):
    question, search, home = asked
    blind = replace(question, bars=question.development)
    object.__setattr__(blind, "vault_bar", question.development.n_bars)
    outcome = search_surrogates(blind, search, PLAN, home / "results" / "blind", a_desk(home))
    assert replace(outcome, path=undisturbed.path) == undisturbed


def test_a_changed_question_has_a_file_of_its_own(asked, undisturbed):
    question, search, home = asked
    folder = undisturbed.path.parent
    other = search_surrogates(question, search, SurrogatePlan(19, seed=6), folder, a_desk(home))
    assert other.path != undisturbed.path
    assert other.real == undisturbed.real
    assert other.searched != undisturbed.searched


def test_where_the_real_search_finds_nothing_no_surrogate_is_searched(asked):
    question, search, home = asked
    hard = replace(search, constraints=Constraints(10_000, 0.9))
    outcome = search_surrogates(question, hard, PLAN, home / "results" / "hard", a_desk(home))
    assert (outcome.whole, outcome.real["score"], outcome.searched) == (None, None, ())


@pytest.mark.parametrize("content", [b"not json", b"{}", b'{"schema":"swarmd.surrogates/1","question":"another"}'])
def test_a_file_that_is_not_this_questions_is_refused(asked, undisturbed, content, tmp_path):
    question, search, home = asked
    folder = home / "results" / "damaged"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / undisturbed.path.name).write_bytes(content)
    with pytest.raises(OperatorError, match="remove it"):
        search_surrogates(question, search, PLAN, folder, a_desk(home))
