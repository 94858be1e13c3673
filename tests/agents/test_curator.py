from typing import Any

from builders import SESSION, a_campaign, a_document, a_job, a_session, a_step, a_view, an_action, an_action_wished

from swarmd.agents.curator import OF_ASSETS, OF_PHASES, OF_SESSIONS, decide, page_id
from swarmd.state.actions import Action, WriteDocuments

NAMES = sorted({*OF_ASSETS, *OF_PHASES, *OF_SESSIONS})


def written(at: int, *names: str) -> list[Any]:
    return [a_document(id=page_id("majors", name), at=at) for name in names or NAMES]


def wishes(now: int, **tables: Any) -> list[Action]:
    return decide(a_view(**tables), now)


def test_a_session_begins_with_the_registry_and_the_notes() -> None:
    (wish,) = wishes(1_000, sessions=[a_session(at=400)])
    assert wish == WriteDocuments(
        names=("AGENT_REGISTRY.md", "BACKTEST_OPTIMIZE.md"),
        reason=f"2 pages are older than what they tell: session {SESSION} began 600 ms ago",
        caused_by=("majors", SESSION),
    )
    assert wishes(1_000, sessions=[a_session(at=400)], documents=written(400)) == []


def test_the_end_of_a_phase_makes_the_pages_about_the_work_stale_and_no_other() -> None:
    pending, met = a_step(id="majors.prescreen", at=900), a_step(id="majors.prescreen", at=900, status="met")
    assert wishes(1_000, documents=written(500), steps=[pending]) == []
    (wish,) = wishes(1_000, documents=written(500), steps=[met])
    assert isinstance(wish, WriteDocuments)
    assert wish.names == tuple(sorted(OF_PHASES))
    assert wishes(1_000, documents=written(900), steps=[met]) == []


def test_so_does_the_end_of_the_campaign_and_not_its_being_taken_up() -> None:
    assert wishes(1_000, documents=written(500), campaigns=[a_campaign(at=900)]) == []
    (wish,) = wishes(1_000, documents=written(500), campaigns=[a_campaign(at=900, status="done")])
    assert wish.reason.endswith("majors ended 100 ms ago")


def test_a_page_that_cannot_be_written_is_tried_again_with_growing_waits_and_given_up() -> None:
    session = [a_session(at=0)]
    (wish,) = wishes(0, sessions=session)
    assert isinstance(wish, WriteDocuments)

    def is_tried(now: int, *instants: int) -> bool:
        action = an_action_wished("write_documents", names=wish.names)
        tries = [an_action(f"a{at}-0", at=at, action=action) for at in instants]
        return bool(wishes(now, sessions=session, actions=tries))

    assert [is_tried(now, 0) for now in (0, 1_000, 1_001)] == [False, False, True]
    assert [is_tried(now, 0, 1_001) for now in (3_001, 3_002)] == [False, True]
    assert not is_tried(999_999, 0, 1_001, 3_002)


def test_without_a_session_or_a_campaign_there_is_nothing_to_tell() -> None:
    assert wishes(1_000, sessions=[]) == []
    assert wishes(1_000, campaigns=[]) == []


def test_the_tracker_follows_the_answers_about_assets_once_a_minute_and_the_end_of_the_campaign() -> None:
    answered = [a_job("BTCUSDT", "prescreen", status="done", at=50_000)]
    known = [*written(0, *(name for name in NAMES if name not in OF_ASSETS)), *written(0, *OF_ASSETS)]
    assert wishes(59_999, jobs=answered, documents=known) == []
    (wish,) = wishes(60_000, jobs=answered, documents=known)
    assert isinstance(wish, WriteDocuments)
    assert wish.names == OF_ASSETS
    fresh = [*known, *written(60_000, *OF_ASSETS)]
    assert wishes(500_000, jobs=answered, documents=fresh) == []
    (last,) = wishes(70_000, jobs=answered, documents=fresh, campaigns=[a_campaign(at=65_000, status="done")])
    assert isinstance(last, WriteDocuments)
    assert set(OF_ASSETS) <= set(last.names)
