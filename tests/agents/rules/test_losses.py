"""Which ended runs count against their job, however long ago they were told to stop."""

from builders import JOB, RUN, a_job, a_run, a_view, an_action, an_action_wished, an_incident

from swarmd.agents.rules.losses import asked_to_stop, losses_of, tries_in_vain
from swarmd.state.projection import Projection
from swarmd.state.units import MINUTE
from swarmd.state.work_order import ExitCode


def lost(lane: int) -> dict[str, object]:
    return {"lane": f"cpu{lane}", "slot": lane, "status": "lost", "signal": 9, "ended_at": 20, "at": 20}


def test_a_thousand_lanes_killed_at_once_count_no_loss_though_the_first_kills_are_forgotten() -> None:
    """``stop --now``: each run is asked and killed, two actions each, and a thousand actions are remembered."""
    fold = Projection()
    jobs = [a_job(symbol=f"S{number}", attempt=1) for number in range(1_000)]
    for number, job in enumerate(jobs):
        fold.apply(job)
        fold.apply(a_run(job.id, lane=f"cpu{number}", slot=number, status="running", at=1))
    for turn, how in enumerate(("term", "kill"), 1):
        for number, job in enumerate(jobs):
            told = an_action_wished("stop_run", run=f"{job.id}-a1", how=how, reason="a person asked")
            fold.apply(an_action(f"a{turn}-{number}", at=10, action=told))
    for number in range(30):  # an answer, a page, steps: what a session ends with
        fold.apply(an_action(f"a3-{number}", at=11, action=an_action_wished("say", topic="t", reason="1 word")))
    for number, job in enumerate(jobs):
        fold.apply(a_run(job.id, was_stopped=True, **lost(number)))
    view = fold.view()
    assert f"{jobs[0].id}-a1" not in {*view.stopped_runs}
    asked = asked_to_stop(view)
    assert [job.id for job in jobs if losses_of(view, view.jobs[job.id], asked, MINUTE)] == []


def test_a_stop_that_nobody_remembers_is_read_off_the_run_itself() -> None:
    job = a_job(attempt=1)
    for was_stopped, n_losses in ((True, 0), (False, 1)):
        view = a_view(jobs=[job], runs=[a_run(JOB, was_stopped=was_stopped, **lost(0))])
        assert len(losses_of(view, job, asked_to_stop(view), MINUTE)) == n_losses


def test_a_run_stopped_because_it_hung_is_a_loss_all_the_same() -> None:
    job = a_job(attempt=1)
    hung = an_incident(RUN, "stuck_with_cpu", status="closed", outcome="replaced")
    view = a_view(jobs=[job], runs=[a_run(JOB, was_stopped=True, **lost(0))], incidents=[hung])
    assert len(losses_of(view, job, asked_to_stop(view), MINUTE)) == 1


def test_runs_that_find_no_cluster_count_against_nothing_however_many_and_wait_longer_each_time() -> None:
    job = a_job(attempt=20)
    found_none = {"status": "failed", "exit_code": int(ExitCode.CLUSTER_LOST), "node": "n1", "ended_at": 20}
    view = a_view(jobs=[job], runs=[a_run(JOB, attempt, **found_none) for attempt in range(1, 21)])
    losses = losses_of(view, job, asked_to_stop(view), MINUTE)
    assert losses == []
    assert tries_in_vain(view, job, losses) == 20
    # Of those whose node went, three are forgiven: a job whose nodes go again and again may be what takes them down.
    with_nodes = {**found_none, "exit_code": int(ExitCode.NODE_LOST)}
    view = a_view(jobs=[job], runs=[a_run(JOB, attempt, **with_nodes) for attempt in range(1, 21)])
    assert len(losses_of(view, job, asked_to_stop(view), MINUTE)) == 17
    # On one machine the number is anybody's.
    here = {**found_none, "node": ""}
    view = a_view(jobs=[job], runs=[a_run(JOB, attempt, **here) for attempt in range(1, 21)])
    assert len(losses_of(view, job, asked_to_stop(view), MINUTE)) == 20
