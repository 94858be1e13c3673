from typing import Any

from builders import a_finding, a_gauge, a_session, a_source, a_view, an_incident

from swarmd.agents.watchdog import decide
from swarmd.state.actions import Action, CloseIncident, OpenIncident, Say

FAILED = an_incident("worker_sentry", "agent_failed", agent="swarmd", cause="KeyError: 'r1'")
QUIET = [a_finding("watchdog/quiet", text="1 agent quiet or slow: worker_sentry")]
STATE = "state/worker_sentry_state.json"


def wishes(now: int, **tables: Any) -> list[Action]:
    return decide(a_view(**tables), now)


def test_one_failure_is_on_record_already_and_ten_turns_in_a_row_make_an_agent_silent() -> None:
    assert wishes(10_000, incidents=[FAILED]) == []
    told, said = wishes(10_001, incidents=[FAILED])
    assert isinstance(told, OpenIncident)
    assert (told.signature, told.subject) == ("agent_silent", "worker_sentry")
    assert told.reason == "worker_sentry has lost every turn for 10001 ms (limit 10000 ms): KeyError: 'r1'"
    assert told.caused_by == (FAILED.id,)
    assert said == Say(topic="quiet", reason="1 agent quiet or slow: worker_sentry", caused_by=(FAILED.id,))


def test_it_is_told_once_and_closed_with_the_first_good_turn() -> None:
    silent = an_incident("worker_sentry", "agent_silent", agent="watchdog", opened_at=10_001)
    assert wishes(60_000, incidents=[FAILED, silent], findings=QUIET) == []
    well = an_incident("worker_sentry", "agent_failed", agent="swarmd", status="closed")
    closed, unsaid = wishes(60_000, incidents=[well, silent], findings=QUIET)
    assert isinstance(closed, CloseIncident)
    assert closed.reason == "well again 50 s (49999 ms) after it was told"
    assert unsaid == Say(topic="quiet", reason="", caused_by=("watchdog/quiet",))


def test_an_agent_that_takes_a_quarter_of_a_cycle_holds_up_the_others() -> None:
    assert wishes(5_000, gauges=[a_gauge("agent.auto_scheduler.ms", 250.0)]) == []
    told, said = wishes(5_000, gauges=[a_gauge("agent.auto_scheduler.ms", 251.0)])
    assert isinstance(told, OpenIncident)
    assert (
        told.reason
        == "auto_scheduler took 251 ms of processor time for one turn (limit 250 ms); the others wait for it"
    )
    assert told.caused_by == ("agent.auto_scheduler.ms",)
    assert isinstance(said, Say)


def test_a_source_that_nobody_mends_within_a_minute_is_told_and_closed_when_it_is_fresh() -> None:
    def seen(status: str, since: int) -> list[Any]:
        return [a_source(STATE, status=status, since=since, note="gone")]

    assert wishes(60_000, sources=seen("missing", 0)) == []
    (told,) = wishes(60_001, sources=seen("missing", 0))
    assert isinstance(told, OpenIncident)
    assert told.reason == f"{STATE} is missing for 60001 ms (limit 60000 ms): gone"
    open_one = [an_incident(STATE, "stale_source", agent="watchdog", opened_at=60_001)]
    # Damaged a moment ago is no mending.
    assert wishes(70_000, sources=seen("damaged", 69_000), incidents=open_one) == []
    (closed,) = wishes(70_000, sources=seen("fresh", 69_500), incidents=open_one)
    assert isinstance(closed, CloseIncident)


def test_a_damaged_place_of_the_journal_is_not_waited_for() -> None:
    assert wishes(90_000, sources=[a_source("journal/000001.jsonl:7@0", status="damaged")]) == []


def test_turns_that_were_lost_in_this_session_are_said_once() -> None:
    lost = [a_gauge("daemon.lost_turns", 3.0, at=2_000)]
    (said,) = wishes(3_000, gauges=lost, sessions=[a_session(at=1_000)])
    assert said == Say(
        topic="turns", reason="3 turns lost in this session: see logs/swarmd.log", caused_by=("daemon.lost_turns",)
    )
    known = [a_finding("watchdog/turns", text=said.reason)]
    assert wishes(3_000, gauges=lost, findings=known, sessions=[a_session(at=1_000)]) == []
    assert wishes(9_000, gauges=lost, findings=known, sessions=[a_session(at=8_000)]) == [
        Say(topic="turns", reason="", caused_by=("watchdog/turns",))
    ]
