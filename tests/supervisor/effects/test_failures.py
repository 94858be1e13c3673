from builders import JOB, RUN, a_failure, a_job, a_run, a_view, an_incident

from swarmd.state.records.remedy import Remedy
from swarmd.supervisor.effects.failures import judged, seen


def test_a_first_sight_and_a_further_one() -> None:
    incident = an_incident(phase="prescreen", cause="exit code 9", caused_by=("a1-0",))
    first = seen(a_view(), incident, 5_000)
    assert (first.id, first.count, first.first_seen, first.last_seen) == ("crash/prescreen", 1, 5_000, 5_000)
    again = seen(a_view(failures=[first]), incident.model_copy(update={"id": "later"}), 9_000)
    assert (again.count, again.first_seen, again.last_seen) == (2, 5_000, 9_000)
    assert (again.last_cause, again.last_incidents) == ("exit code 9", (incident.id, "later"))


def test_only_the_newest_incidents_are_kept_by_name() -> None:
    known = a_failure()
    for n in range(9):
        known = seen(a_view(failures=[known]), an_incident(phase="prescreen", id=f"i{n}"), n)
    assert known.count == 10
    assert known.last_incidents == ("i4", "i5", "i6", "i7", "i8")


def test_a_remedy_is_tallied_when_its_incident_is_closed() -> None:
    view = a_view(jobs=[a_job()], runs=[a_run()], failures=[a_failure(remedies={"relaunch": (1, 1)})])
    closed = an_incident(phase="prescreen", rung="relaunch", is_verified=True)
    (helped,) = judged(view, closed, 7_000)
    assert helped.remedies["relaunch"].model_dump() == {"tried": 2, "verified": 2}
    (in_vain,) = judged(view, closed.model_copy(update={"rung": Remedy.SMALLER, "is_verified": False}), 7_000)
    assert in_vain.remedies["smaller"].model_dump() == {"tried": 1, "verified": 0}
    assert in_vain.remedies["relaunch"].tried == 1


def test_giving_up_is_no_remedy_that_could_have_helped() -> None:
    for rung in (None, "quarantine", "fail"):
        assert judged(a_view(), an_incident(RUN, rung=rung, phase="prescreen"), 1) == []
    assert JOB in RUN
