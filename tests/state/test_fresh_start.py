"""A job that is queued again: the running picture, kept as records come, is what its tables say."""

from typing import Any

import pytest
from builders import a_campaign, a_finding, a_job, a_request, a_result, a_run, a_view, an_action
from simulation.laws import Laws

from swarmd.state.index import TELLER
from swarmd.state.projection import Projection
from swarmd.state.records.record import Record
from swarmd.supervisor.effects.records import consequences

REFINE = "majors.BTCUSDT.balanced.refine"


def folded(*records: Record) -> Projection:
    projection = Projection()
    for record in records:
        projection.apply(record)
    assert projection.refused_moves == []
    return projection


def ended(status: str) -> list[Record]:
    """A chain that ended badly at its search, beside an asset that goes on; a word of the lost run comes too late."""
    prescreen = a_job(status="done", attempt=1, at=10)
    refine = a_job(phase="refine", after=(prescreen.id,), at=5)
    crown = a_job(phase="crown", after=(refine.id,), at=5)
    other = a_job("ETHUSDT", at=6)
    late = a_result(id=f"{REFINE}-a2", job=REFINE, phase="refine", attempt=2, verdict="pass")
    return [
        a_campaign(), prescreen, refine, crown, other,
        a_job(phase="refine", after=(prescreen.id,), attempt=2, at=20),
        a_run(REFINE, 2), a_run(REFINE, 2, status="lost", at=25),
        a_job(phase="refine", after=(prescreen.id,), attempt=2, at=30, status=status),
        late,
        a_job(phase="crown", after=(refine.id,), at=31, status="skipped"),
    ]  # fmt: skip


def again(projection: Projection, job: str, at: int) -> None:
    wish: dict[str, Any] = {"kind": "retry_job", "job": job, "reason": "asked by cli"}
    for record in consequences(projection.view(), an_action(action=wish), at):
        projection.apply(record)


@pytest.mark.parametrize("status", ["failed", "quarantined"])
@pytest.mark.parametrize("is_told", [False, True])
def test_a_fresh_start_leaves_no_trace_of_the_end_before_it(status: str, is_told: bool) -> None:
    projection = folded(*ended(status))
    if is_told:
        projection.apply(a_finding(id=f"{TELLER}/majors.BTCUSDT", agent=TELLER, at=40))
    before = projection.view()
    for job in (REFINE, "majors.BTCUSDT.balanced.crown"):
        again(projection, job, 50)
    view = projection.view()
    Laws().knows_its_answers(view, 50)
    plain = a_view(campaigns=view.campaigns.values(), jobs=view.jobs.values())
    assert [job.id for job in view.unsettled_jobs] == [job.id for job in plain.unsettled_jobs]
    assert [job.id for job in view.begun_jobs] == [REFINE]
    assert not [*view.loose_results], "a word from before the fresh start is history"
    assert {job.id for job in view.ungated_jobs} == {REFINE, "majors.ETHUSDT.balanced.prescreen"}
    assert (view.jobs[REFINE].attempt, view.jobs[REFINE].fresh_from) == (3, 3)
    assert before.jobs[REFINE].status.value == status, "what was lent stays as it was"


def test_what_stands_behind_it_opens_when_it_is_done_after_all() -> None:
    projection = folded(*ended("quarantined"))
    for job in (REFINE, "majors.BTCUSDT.balanced.crown"):
        again(projection, job, 50)
    done = projection.view().jobs[REFINE].model_copy(update={"status": "done", "attempt": 4, "at": 60})
    projection.apply(type(done).model_validate(dict(done)))
    view = projection.view()
    Laws().knows_its_answers(view, 60)
    assert "majors.BTCUSDT.balanced.crown" in {job.id for job in view.ungated_jobs}


def test_a_job_that_is_done_is_never_queued_again() -> None:
    projection = folded(a_campaign(), a_job(status="done", attempt=1))
    projection.apply(a_job(attempt=2))
    assert projection.take_refused_moves() == [
        "job majors.BTCUSDT.balanced.prescreen: done may not become queued; it stays done"
    ]


def test_a_request_of_before_there_were_arguments_has_none() -> None:
    request = a_request("pause")
    assert (request.subject, request.place, request.is_refused) == ("", "first", False)
