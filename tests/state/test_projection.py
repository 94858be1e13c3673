"""The fold: what counts, what is refused, what is forgotten, and that a View never changes."""

from pathlib import Path

import pytest
from builders import (
    a_beat,
    a_campaign,
    a_cycle,
    a_job,
    a_policy,
    a_request,
    a_run,
    a_session,
    an_action,
    an_incident,
    the_scores,
)

from swarmd.state.projection import Projection
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.store.journal import Journal
from swarmd.state.store.tables import RETENTION


def folded(*records: Record) -> Projection:
    projection = Projection()
    for record in records:
        projection.apply(record)
    return projection


def test_nothing_folded_is_an_empty_view_with_the_default_policy() -> None:
    view = Projection().view()
    assert view.policy == Policy(at=0)
    assert (view.campaign, view.session, view.scores, view.cycle, dict(view.jobs)) == (None, None, None, None, {})


def test_the_newest_record_of_an_id_counts_at_the_place_of_the_first() -> None:
    view = folded(a_job("BTCUSDT", attempt=0), a_job("ETHUSDT"), a_job("BTCUSDT", attempt=2)).view()
    assert [(job.symbol, job.attempt) for job in view.jobs.values()] == [("BTCUSDT", 2), ("ETHUSDT", 0)]


def test_every_table_and_single_of_the_view_is_filled() -> None:
    view = folded(
        a_policy(max_lanes=7), the_scores(adherence=0.5), a_cycle(3), a_campaign(), a_session(), a_run(), a_beat()
    ).view()
    assert view.policy.max_lanes == 7
    assert view.scores is not None
    assert view.scores.adherence == 0.5
    assert view.cycle is not None
    assert view.cycle.number == 3
    assert view.campaign == a_campaign()
    assert view.session == a_session()
    assert view.live_runs() == [a_run()]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (a_job(status="done"), a_job(status="queued"), "done may not become queued"),
        (a_run(status="lost"), a_run(), "lost may not become running"),
        (an_incident(status="closed", outcome="x"), an_incident(), "closed may not become open"),
        (a_campaign(status="cancelled"), a_campaign(), "cancelled may not become active"),
    ],
)
def test_a_status_never_moves_backwards_and_the_attempt_is_told(before: Record, after: Record, told: str) -> None:
    projection = folded(before, after)
    (refused,) = projection.refused_moves
    assert told in refused
    assert projection.view() == folded(before).view()


def test_a_view_stays_as_it_was_when_more_is_applied() -> None:
    projection = folded(a_job())
    before = projection.view()
    projection.apply(a_job(status="failed", reason="no trades", at=9))
    assert before.jobs == {a_job().id: a_job()}
    assert projection.view().jobs[a_job().id].reason == "no trades"
    assert projection.view().runs is projection.view().runs
    assert projection.last_at == 9
    with pytest.raises(TypeError):
        before.jobs["x"] = a_job()  # type: ignore[index]


def test_the_oldest_actions_are_forgotten_beyond_the_limit() -> None:
    limit = RETENTION["action"].last
    actions = folded(*(an_action(f"a{number}-0") for number in range(limit + 5))).view().actions
    assert len(actions) == limit
    assert next(iter(actions)) == "a5-0"


def test_what_is_still_open_is_never_forgotten() -> None:
    limit = RETENTION["request"].last
    pending = [a_request(id=f"p{number}") for number in range(limit + 5)]
    answered = [a_request(id=f"d{number}", status="answered") for number in range(limit + 5)]
    requests = folded(*pending, *answered).view().requests
    assert sum(request.id.startswith("p") for request in requests.values()) == limit + 5
    assert sum(request.id.startswith("d") for request in requests.values()) == limit


def test_only_the_last_cycle_is_remembered() -> None:
    view = folded(a_cycle(1), a_cycle(2)).view()
    assert view.cycle == a_cycle(2)


def test_a_journal_folds_to_what_was_applied(tmp_path: Path) -> None:
    records = [
        a_session(),
        a_campaign(),
        a_job(),
        a_run(status="starting"),
        a_run(),
        an_incident(),
        a_run(status="done"),
    ]
    journal, _ = Journal.open(tmp_path)
    with journal:
        journal.append(records)
    projection = Projection.from_journal(tmp_path)
    assert projection.view() == folded(*records).view()
    assert (projection.refused_moves, projection.unreadable) == ([], [])


def test_a_missing_journal_folds_to_nothing(tmp_path: Path) -> None:
    assert Projection.from_journal(tmp_path / "none").view() == Projection().view()
