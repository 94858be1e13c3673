"""What an action means for the records is pure, complete, and legal for every lifecycle."""

import pytest
from builders import RUN, a_campaign, a_champion, a_job, a_lane, a_request, a_result, a_run, a_view, an_incident

from swarmd.state.actions import (
    Action,
    ActionTaken,
    AnswerRequest,
    CloseIncident,
    EndSession,
    HoldJob,
    OpenIncident,
    QueueJob,
    RebuildSource,
    Say,
    SetLane,
    SettleJob,
    StartRun,
    StopRun,
)
from swarmd.state.errors import InvariantError
from swarmd.state.records.champion import Champion
from swarmd.state.records.incident import IncidentStatus, Signature
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunOrdered, RunStatus
from swarmd.state.view import View
from swarmd.supervisor.effects.records import consequences, evidence_path

NOW = 50_000


def after(view: View, action: Action) -> list[Record]:
    taken = ActionTaken(id="a7-0", at=NOW, agent="an_agent", action=action)
    records = consequences(view, taken, NOW)
    assert all(record.at == NOW and record.caused_by == ("a7-0",) for record in records)
    return records


def test_starting_a_run_raises_the_fencing_token_of_its_job_and_orders_it_in_a_free_slot() -> None:
    job = a_job(attempt=1)
    elsewhere = a_run("majors.ETHUSDT.balanced.prescreen", lane="cpu0", slot=0)
    view = a_view(jobs=[job], lanes=[a_lane("cpu0"), a_lane("cpu1")], runs=[elsewhere])
    renewed, ordered = after(view, StartRun(job=job.id, lane="cpu1", attempt=2, reason="cpu1 is free"))
    assert isinstance(renewed, Job)
    assert renewed.attempt == 2
    assert isinstance(ordered, RunOrdered)
    assert (ordered.id, ordered.lane, ordered.slot, ordered.attempt) == (f"{job.id}-a2", "cpu1", 1, 2)


def test_a_kill_is_remembered_with_its_instant_and_a_request_to_stop_with_its_own() -> None:
    view = a_view(runs=[a_run(status="running")])
    [killed] = after(view, StopRun(run=RUN, how="kill", reason="stuck"))
    assert isinstance(killed, RunAlive)
    assert (killed.status, killed.killed_at, killed.stop_asked_at) == (RunStatus.STOPPING, NOW, 0)
    [asked] = after(view, StopRun(run=RUN, how="term", reason="stop"))
    assert isinstance(asked, RunAlive)
    assert (asked.status, asked.killed_at, asked.stop_asked_at) == (RunStatus.STOPPING, 0, NOW)


def test_stopping_a_run_that_never_appeared_changes_no_record() -> None:
    assert after(a_view(runs=[a_run(status="starting")]), StopRun(run=RUN, how="kill", reason="stop now")) == []


def test_holding_a_job_writes_the_instant_until_which_it_waits() -> None:
    job = a_job()
    [held] = after(a_view(jobs=[job]), HoldJob(job=job.id, not_before=60_000, reason="back-off"))
    assert isinstance(held, Job)
    assert (held.not_before, held.status) == (60_000, JobStatus.QUEUED)


def test_a_crowned_job_brings_its_champion_into_force() -> None:
    job = a_job(phase="crown")
    figures = {
        "timeframe": "5m",
        "strategy": "mtf_ema",
        "score": 1.5,
        "annual_sharpe": 2.0,
        "oos_annual_sharpe": 1.4,
        "tried": 50_100,
        "path": "champions/BTCUSDT_5m.json",
        "checksum": "c0ffee",
    }
    summary = {"verdict": "pass", "headline": "crowned", "figures": figures}
    result = a_result(f"{job.id}-a1", job=job.id, phase="crown", summary=summary)
    view = a_view(jobs=[job], results=[result])
    settled, champion = after(view, SettleJob(job=job.id, status=JobStatus.DONE, run=result.id, reason="crowned"))
    assert isinstance(settled, Job)
    assert settled.status is JobStatus.DONE
    assert isinstance(champion, Champion)
    assert (champion.id, champion.oos_annual_sharpe, champion.tried) == ("BTCUSDT_5m", 1.4, 50_100)
    assert (champion.status.value, champion.since) == ("in_force", NOW)

    # Its file was seen before its result was counted: what was learned from it stays.
    seen = a_champion(checksum="c0ffee", promise=1.5, since=NOW - 1)
    wish = SettleJob(job=job.id, status=JobStatus.DONE, run=result.id, reason="crowned")
    _, again = after(a_view(jobs=[job], results=[result], champions=[seen]), wish)
    assert again == seen.model_copy(update={"at": NOW, "caused_by": again.caused_by})
    fallen = seen.model_copy(update={"status": "dethroned"})
    _, anew = after(a_view(jobs=[job], results=[result], champions=[fallen]), wish)
    assert isinstance(anew, Champion)
    assert (anew.is_in_force, anew.promise) == (True, None)


def test_a_job_settled_without_a_crown_brings_no_champion() -> None:
    job = a_job()
    view = a_view(jobs=[job])
    [settled] = after(view, SettleJob(job=job.id, status=JobStatus.FAILED, reason="no combination qualified"))
    assert isinstance(settled, Job)
    assert settled.status is JobStatus.FAILED


def test_an_incident_of_a_killed_run_names_where_its_evidence_lies() -> None:
    wish = OpenIncident(
        incident=f"{RUN}/stopped",
        signature=Signature.STOPPED,
        subject=RUN,
        remedy="kill and replace",
        expected="progress under a new run",
        due=NOW + 60_000,
        reason="state T for 2100 ms (limit 2000 ms)",
    )
    incident, _ = after(a_view(runs=[a_run(status="running")]), wish)
    assert getattr(incident, "evidence", ()) == (evidence_path(RUN),)
    crash, _ = after(a_view(), wish.model_copy(update={"signature": Signature.CRASH}))
    assert getattr(crash, "evidence", None) == ()


def test_closing_an_incident_keeps_its_story_and_adds_the_outcome() -> None:
    incident = an_incident()
    [closed] = after(a_view(incidents=[incident]), CloseIncident(incident=incident.id, reason="run 2 progressed"))
    assert closed == incident.model_copy(
        update={
            "status": IncidentStatus.CLOSED,
            "outcome": "run 2 progressed",
            "is_verified": True,
            "at": NOW,
            "caused_by": ("a7-0",),
        }
    )


def test_queued_lanes_requests_and_findings_become_records() -> None:
    view = a_view(campaigns=[a_campaign()], lanes=[a_lane()], requests=[a_request()])
    [job] = after(
        view,
        QueueJob(
            job="majors.BTCUSDT.preflight",
            campaign="majors",
            symbol="BTCUSDT",
            mode="",
            phase=Phase.PREFLIGHT,
            priority=0,
            reason="first",
        ),
    )
    [lane] = after(view, SetLane(lane="cpu0", status=LaneStatus.HELD, reason="0.4 GiB free, 1.0 asked"))
    request_id = next(iter(view.requests))
    [answered] = after(view, AnswerRequest(request=request_id, reason="stopped"))
    [finding] = after(view, Say(topic="gpu", reason="no GPU here"))
    assert [type(record).__name__ for record in (job, lane, answered, finding)] == ["Job", "Lane", "Request", "Finding"]


@pytest.mark.parametrize("action", [RebuildSource(source="monitor/gpu", reason="gone"), EndSession(reason="done")])
def test_actions_that_only_touch_the_world_leave_no_record_of_their_own(action: Action) -> None:
    assert after(a_view(), action) == []


def test_an_action_on_something_unknown_is_our_own_bug() -> None:
    with pytest.raises(InvariantError, match="hold_job names 'nobody'"):
        after(a_view(), HoldJob(job="nobody", not_before=1, reason="x"))
