"""A deed that breaks a law of the simulation is found out: a kill, an end, an order given twice, a wait too long."""

from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_campaign,
    a_job,
    a_policy,
    a_request,
    a_result,
    a_run,
    a_view,
    an_action,
    an_action_wished,
    an_incident,
)

from simulation.laws import LawBroken, Laws
from simulation.world import Process, World
from swarmd.state.actions import ActionTaken, StopRun
from swarmd.state.records.run import RunOrdered

NOW = 100_000


def deed(kind: str, agent: str = "worker_sentry", **fields: Any) -> ActionTaken:
    return an_action(agent=agent, action=an_action_wished(kind, **fields))


def looked(*taken: ActionTaken, laws: Laws | None = None, now: int = NOW, **tables: Any) -> None:
    (laws or Laws()).looked(a_view(**tables), taken, now, World(1))


# -- kills ------------------------------------------------------------------------------------------------------------


def stops(world: World, how: str = "kill", *, run: Any = None, causes: tuple[str, ...] = (), **tables: Any) -> None:
    """At 100 s, of a run that was launched at 10 s."""
    action = an_action_wished("stop_run", run=RUN, how=how, caused_by=(RUN, *causes))
    assert isinstance(action, StopRun)
    known = {"runs": [run or a_run()], "policy": a_policy(run_timeout=NOW - 10_000), **tables}
    Laws().stops(a_view(**known), action, NOW, world)


def a_world(**changed: Any) -> World:
    """Its one process is at its first seconds of healthy work."""
    world = World(1, fault_rate=0.0)
    for name, value in changed.items():
        setattr(launched(world), name, value)
    if not changed:
        launched(world)
    return world


def launched(world: World) -> Process:
    if RUN not in world.processes:
        run = a_run(status="starting")
        assert isinstance(run, RunOrdered)
        world.advance(10_000)
        world.launch(run, a_job())
        world.advance(70_000)
    return world.processes[RUN]


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"requests": [a_request("stop_now", status="answered")]},
        {"requests": [a_request("kill", status="answered", is_refused=True)], "causes": ("0001-stop",)},
        {"requests": [a_request("kill", status="answered")]},  # that other run's
        {"requests": [a_request("retry", status="answered")], "causes": ("0001-stop",)},
        {"campaigns": [a_campaign(status="paused")]},
        {"campaigns": []},
    ],
)
def test_a_healthy_run_that_is_killed_unasked_is_found_out(tables: Any) -> None:
    with pytest.raises(LawBroken, match=f"{RUN} is killed though it is healthy .healthy.: cpu0 is free"):
        stops(a_world(), **tables)


@pytest.mark.parametrize(
    "told",
    [
        {"how": "term"},
        {"run": a_run(status="failed")},  # on record it is gone already
        {"requests": [a_request("stop_now")]},
        {"requests": [a_request("kill", status="answered")], "causes": ("0001-stop",)},
        {"campaigns": [a_campaign(status="cancelled")]},
        {"policy": a_policy(run_timeout=NOW - 10_001)},
    ],
)
def test_a_kill_that_was_asked_for_or_is_due_is_lawful(told: Any) -> None:
    stops(a_world(), **told)


@pytest.mark.parametrize(
    "changed",
    [
        {"asked_at": 0},
        {"mood": "stuck"}, {"mood": "spinning"}, {"mood": "silent"}, {"mood": "stopped"}, {"mood": "barren"},
        {"mood": "unkillable"}, {"fate": "never_ready"}, {"fate": "barren"}, {"ended_at": NOW},
    ],
)  # fmt: skip
def test_a_kill_of_what_does_not_work_or_was_asked_to_go_is_lawful(changed: Any) -> None:
    stops(a_world(**changed))
    stops(World(1))
    with pytest.raises(LawBroken, match="is killed though it is deaf"):
        stops(a_world(mood="deaf"))


KILLED = deed("stop_run", run=RUN, how="kill")


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        (KILLED, {"runs": [a_run(status="stopping", stop_asked_at=1)]}),
        (KILLED, {"runs": [a_run(status="failed")]}),
        (KILLED, {"incidents": [an_incident(signature="silent")]}),
        (deed("stop_run", run=RUN, how="term"), {}),
        (deed("stop_run", "main_orchestrator", run=RUN, how="kill"), {}),
    ],
)
def test_a_guard_that_kills_without_a_word_is_found_out(taken: ActionTaken, told: Any) -> None:
    known: Any = {"jobs": [a_job()], "runs": [a_run()], "incidents": [an_incident("another", signature="silent")]}
    with pytest.raises(LawBroken, match=f"{RUN} is killed and no incident tells why"):
        looked(KILLED, **known)
    looked(taken, **known | told)


# -- orders and ends --------------------------------------------------------------------------------------------------

QUEUED = {"campaign": "majors", "symbol": "BTCUSDT", "mode": "balanced", "phase": "prescreen", "priority": 1}


def test_a_job_that_is_queued_twice_is_found_out() -> None:
    laws = Laws()
    looked(deed("queue_job", job=JOB, **QUEUED), deed("queue_job", job="another", **QUEUED), laws=laws)
    with pytest.raises(LawBroken, match=f"{JOB} is queued a second time"):
        looked(deed("queue_job", job=JOB, **QUEUED), laws=laws)


def test_what_was_done_is_counted() -> None:
    laws, told = Laws(), {"signature": "crash", "subject": RUN, "remedy": "", "expected": "", "due": 0}
    opened = deed("open_incident", incident=f"{RUN}/crash", **told)
    looked(opened, deed("close_incident", incident=f"{RUN}/crash"), deed("say", topic="a word"), laws=laws)
    looked(opened, deed("say", topic="a word"), laws=laws)
    assert (laws.n_actions, laws.n_closed, laws.opened) == (5, 1, {"crash": 2})


def settled(status: str, run: str = RUN) -> ActionTaken:
    return deed("settle_job", job=JOB, status=status, run=run)


def test_a_job_that_comes_to_its_end_twice_is_found_out_unless_it_was_tried_again() -> None:
    laws, done = Laws(), {"jobs": [a_job(attempt=1)], "results": [a_result()]}
    looked(settled("failed"), laws=laws, **done)
    with pytest.raises(LawBroken, match=f"{JOB} is settled a second time, as done"):
        looked(settled("done"), laws=laws, **done)
    again = a_job(attempt=2, fresh_from=2)
    taken = an_action("a2-1", action=an_action_wished("retry_job", job=JOB))
    looked(laws=laws, jobs=[again], actions=[taken])  # who decided it died in that instant: it is on record, no more
    looked(settled("failed", ""), laws=laws, jobs=[again], actions=[taken])
    with pytest.raises(LawBroken, match="settled a second time"):
        looked(settled("failed", ""), laws=laws, jobs=[again], actions=[taken])


@pytest.mark.parametrize("status", ["done", "failed"])
def test_an_end_by_a_result_of_an_older_attempt_is_found_out(status: str) -> None:
    for attempt in (0, 2):
        with pytest.raises(LawBroken, match=f"{JOB} is {status} by {RUN}, the newest attempt is {attempt}"):
            looked(settled(status), jobs=[a_job(attempt=attempt)], results=[a_result()])
    looked(settled(status), jobs=[a_job(attempt=1)], results=[a_result()])


def test_what_is_done_without_a_result_is_found_out() -> None:
    with pytest.raises(LawBroken, match=f"{JOB} is done by {RUN}"):
        looked(settled("done"), jobs=[a_job(attempt=1)])
    looked(settled("failed"), jobs=[a_job(attempt=1)])


# -- bounds of healing ------------------------------------------------------------------------------------------------


def test_a_wait_longer_than_the_longest_back_off_is_found_out() -> None:
    known = {"policy": a_policy(backoff_cap=60_000), "jobs": [a_job()]}
    with pytest.raises(LawBroken, match=rf"{JOB} is to wait 60001 ms \(limit 60000\)"):
        looked(deed("hold_job", job=JOB, not_before=NOW + 60_001), **known)
    looked(deed("hold_job", job=JOB, not_before=NOW + 60_000), **known)


def test_a_job_that_is_given_up_early_or_without_a_word_is_found_out() -> None:
    known: Any = {"policy": a_policy(max_attempts=3), "incidents": [an_incident(JOB, "poison_job")]}
    quarantined = settled("quarantined", "")
    looked(quarantined, jobs=[a_job(attempt=3)], **known)
    looked(quarantined, jobs=[a_job(attempt=7, fresh_from=4)], **known)
    for few in (a_job(attempt=2), a_job(attempt=7, fresh_from=5)):
        with pytest.raises(LawBroken, match=rf"{JOB} is given up after 2 attempts \(limit 3\)"):
            looked(quarantined, jobs=[few], **known)
    for others in ([], [an_incident(JOB)], [an_incident(RUN, "poison_job")]):
        with pytest.raises(LawBroken, match=f"{JOB} is given up and no incident tells why"):
            looked(quarantined, jobs=[a_job(attempt=3)], **known | {"incidents": others})
