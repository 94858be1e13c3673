from typing import Any

from builders import (
    SESSION,
    a_campaign,
    a_document,
    a_failure,
    a_finding,
    a_job,
    a_policy,
    a_session,
    a_step,
    a_view,
    an_action,
    an_action_wished,
    an_errand,
)

from swarmd.agents.curator import OF_ASSETS, OF_PHASES, OF_SESSIONS, RETRY_FIRST, decide, page_id
from swarmd.state.actions import Action, KeepKnowledge, Say, WriteDocuments, WriteHandoff

NAMES = sorted({*OF_ASSETS, *OF_PHASES, *OF_SESSIONS})


def written(at: int, *names: str) -> list[Any]:
    return [a_document(id=page_id("majors", name), at=at) for name in names or NAMES]


def wishes(now: int, **tables: Any) -> list[Action]:
    """About the pages; what is about the handoff and the knowledge base is asked for below."""
    return [wish for wish in decide(a_view(**tables), now) if isinstance(wish, WriteDocuments)]


def others(now: int, **tables: Any) -> list[Action]:
    return [wish for wish in decide(a_view(**tables), now) if not isinstance(wish, WriteDocuments)]


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


HOURS = 3_600_000


def test_a_working_swarm_writes_its_handoff_every_few_hours_and_tells_how_old_the_last_one_is() -> None:
    policy = a_policy(handoff_every=6 * HOURS)
    assert others(6 * HOURS - 1, policy=policy) == []
    (wish,) = others(6 * HOURS, policy=policy)
    assert wish == WriteHandoff(
        reason="majors works, and the last page tells of 6 h 0 min ago (every 6 h 0 min)", caused_by=("majors", SESSION)
    )
    written = [a_document(at=2 * HOURS)]
    assert others(8 * HOURS - 1, policy=policy, documents=written) == []
    assert len(others(8 * HOURS, policy=policy, documents=written)) == 1
    assert others(9 * HOURS, policy=policy, campaigns=[a_campaign(status="paused")]) == []
    under_way = [an_errand(status="running", ended_at=0, began_at=6 * HOURS)]
    assert others(6 * HOURS + 1_000, policy=policy, errands=under_way) == []


def test_a_handoff_that_cannot_be_written_is_given_up_until_as_long_again_has_passed() -> None:
    policy = a_policy(handoff_every=6 * HOURS)
    tries = [
        an_action(f"a{n}-0", at=6 * HOURS + after, action=an_action_wished("write_handoff"))
        for n, after in enumerate((0, 2_000, 5_000))
    ]
    assert len(others(6 * HOURS + 2_000, policy=policy, actions=tries[:1])) == 1
    assert others(11 * HOURS, policy=policy, actions=tries) == []
    assert len(others(12 * HOURS, policy=policy, actions=tries)) == 1


def test_what_was_learned_is_kept_once_in_a_while_and_when_the_campaign_ends() -> None:
    learned = {"failures": [a_failure(at=50_000)]}
    assert others(599_999, **learned) == []
    (wish,) = others(600_000, **learned)
    assert isinstance(wish, KeepKnowledge)
    assert wish.reason == "1 failure point, 0 lessons, 0 claims on record, the newest 550000 ms old"
    assert others(700_000) == []
    done = [a_campaign(status="done", at=60_000)]
    assert len(others(60_001, campaigns=done, **learned)) == 1
    assert others(60_001, campaigns=done) == []
    kept = [an_errand("knowledge", began_at=60_001)]
    assert others(60_002, campaigns=done, errands=kept, **learned) == []
    under_way = [an_errand("knowledge", status="running", began_at=60_001)]
    assert others(60_002, campaigns=done, errands=under_way, **learned) == []


def test_a_base_that_does_not_answer_is_tried_again_with_growing_waits_and_told_of_once() -> None:
    def tried(now: int, failures: int, **tables: Any) -> list[Action]:
        failed = an_errand(
            "knowledge", status="failed", began_at=0, ended_at=1_000, failures=failures, outcome="no route"
        )
        done = [a_campaign(status="done", at=500)]
        return others(now, campaigns=done, errands=[failed], failures=[a_failure(at=400)], **tables)

    assert tried(1_000 + RETRY_FIRST, 1) == []
    assert [type(wish) for wish in tried(1_001 + RETRY_FIRST, 1)] == [KeepKnowledge]
    (said,) = tried(1_001 + RETRY_FIRST, 2)
    assert said == Say(
        topic="knowledge",
        reason="the knowledge base was not reached 2 times in a row: no route; it is tried again",
        caused_by=("knowledge",),
    )
    known = [a_finding("curator/knowledge", text=said.reason)]
    assert tried(1_001 + RETRY_FIRST, 2, findings=known) == []
    assert [type(wish) for wish in tried(1_001 + 2 * RETRY_FIRST, 2, findings=known)] == [KeepKnowledge]


def test_it_is_taken_back_when_the_base_was_reached() -> None:
    said = [a_finding("curator/knowledge", text="not reached")]
    assert others(1_000, errands=[an_errand("knowledge")], findings=said) == [
        Say(topic="knowledge", reason="", caused_by=("knowledge",))
    ]
