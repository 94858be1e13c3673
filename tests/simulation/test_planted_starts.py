"""A start that breaks a law of the simulation is found out, and the lawful one a step beside it is not."""

from typing import Any

import pytest
from builders import JOB, RUN, a_campaign, a_job, a_lane, a_policy, a_result, a_run, a_view, an_action, an_incident

from simulation.laws import LawBroken, Laws
from simulation.world import World
from swarmd.state.records.run import RunOrdered, run_id

NOW = 100_000
GATE = a_job(phase="preflight")


def starts(attempt: int = 1, *, world: World | None = None, laws: Laws | None = None, **tables: Any) -> None:
    run = a_run(attempt=attempt, status="starting")
    assert isinstance(run, RunOrdered)
    view = a_view(**{"jobs": [a_job(attempt=attempt)], **tables})
    laws = laws or Laws()
    laws.asked.hears(view.actions.values())
    laws.starts(view, run, NOW, world or World(1, fault_rate=0.0))


def waits(until: int) -> Any:
    return {"jobs": [a_job(attempt=1, not_before=until)]}


def gated(gate: Any) -> Any:
    return {"jobs": [*gate, a_job(attempt=1, after=(GATE.id,))]}


@pytest.mark.parametrize(
    ("told", "tables"),
    [
        ("while its campaign is None", {"campaigns": []}),
        *[
            (f"while its campaign is {status}", {"campaigns": [a_campaign(status=status)]})
            for status in ("paused", "stopped", "done", "cancelled")
        ],
        ("while its campaign is active", {"jobs": [a_job(id=JOB, campaign="older", attempt=1)]}),
        ("in cpu0, which is held: too hot", {"lanes": [a_lane(status="held", reason="too hot")]}),
        ("a job that is done at attempt 1", {"jobs": [a_job(attempt=1, status="done")]}),
        ("a job that is queued at attempt 0", {"jobs": [a_job()]}),
        ("a job that is queued at attempt 2", {"jobs": [a_job(attempt=2)]}),
        ("1 ms before its time", waits(NOW + 1)),
        ("before .*preflight", gated([])),
        ("before .*preflight", gated([GATE])),
        ("before .*preflight", gated([a_job(phase="preflight", status="failed")])),
    ],
)
def test_a_start_that_nothing_allows_is_found_out(told: str, tables: Any) -> None:
    with pytest.raises(LawBroken, match=f"{RUN} starts.*{told}"):
        starts(**tables)


@pytest.mark.parametrize("tables", [{}, waits(NOW), gated([a_job(phase="preflight", status="done")])])
def test_a_start_in_its_time_and_turn_is_lawful(tables: Any) -> None:
    starts(**tables)


# -- beside or behind the attempt before ------------------------------------------------------------------------------


def begun(*, ends_at: int | None = None) -> World:
    """A world in which the first attempt runs, or ended badly at that instant."""
    world, first = World(1, fault_rate=0.0), a_run(status="starting")
    assert isinstance(first, RunOrdered)
    process = world.launch(first, a_job())
    if ends_at is not None:
        world.advance(ends_at)
        world.strike_dead(process, 11)
    return world


def test_a_second_attempt_beside_the_first_is_found_out() -> None:
    with pytest.raises(LawBroken, match=r"-a2 starts beside .*-a1, which still lives"):
        starts(2, world=begun(), runs=[a_run()])
    starts(2, world=begun(ends_at=NOW), runs=[a_run()])
    starts(3, world=begun(), runs=[a_run()])  # what is asked of is the attempt right before


CRASHED = a_run(status="failed", exit_code=1, ended_at=NOW - 999)
STOPPED = {"kind": "stop_run", "run": RUN, "how": "kill", "reason": "asked"}


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"runs": [a_run(status="lost", signal=11)]},
        {"runs": [a_run(status="lost", exit_code=0)]},
        {"runs": [a_run(status="lost", signal=0)]},
        {"incidents": [an_incident(signature="silent")]},
        {"results": [a_result(run_id(JOB, 2))]},
        {"actions": [an_action(agent="operation_hang_guard", action=STOPPED)]},
        {"actions": [an_action(agent="main_orchestrator", action=STOPPED | {"run": "another"})]},
        {"actions": [an_action(agent="main_orchestrator")]},
    ],
)
def test_a_start_sooner_after_a_crash_than_the_first_back_off_is_found_out(tables: Any) -> None:
    known = {"runs": [CRASHED], "policy": a_policy(backoff_first=1_000), **tables}
    with pytest.raises(LawBroken, match="starts 999 ms after the crash"):
        starts(2, world=begun(ends_at=NOW - 999), **known)
    starts(2, world=begun(ends_at=NOW - 1_000), **known)


@pytest.mark.parametrize(
    "tables",
    [
        {"runs": []},
        {"runs": [a_run()]},
        {"runs": [a_run(status="done", exit_code=75)]},
        {"runs": [a_run(status="lost")]},  # nobody saw how
        {"results": [a_result()]},
        {"incidents": [an_incident(signature="node_lost")]},
        {"actions": [an_action(agent="main_orchestrator", action=STOPPED)]},
    ],
)
def test_what_was_no_crash_is_begun_again_at_once(tables: Any) -> None:
    starts(2, world=begun(ends_at=NOW), **{"runs": [CRASHED], **tables})


def test_whom_people_had_stopped_is_begun_again_at_once_though_the_action_is_forgotten() -> None:
    laws = Laws()
    laws.asked.hears([an_action(agent="main_orchestrator", action=STOPPED)])
    starts(2, world=begun(ends_at=NOW), laws=laws, runs=[CRASHED])
    with pytest.raises(LawBroken, match="starts 0 ms after the crash"):
        starts(2, world=begun(ends_at=NOW), runs=[CRASHED])


# -- a storm ----------------------------------------------------------------------------------------------------------


def lost(*instants: int) -> World:
    return World(1, fault_rate=0.0, lost_at=[*instants])


def test_a_start_in_a_storm_is_found_out() -> None:
    known: Any = {"policy": a_policy(fleet_losses_max=1, fleet_window=60_000)}
    since, lanes = NOW - 60_000, [a_lane(), a_lane("cpu1", status="held")]
    with pytest.raises(LawBroken, match=r"4 runs lost within 60000 ms and still starting \(3\)"):
        starts(world=lost(since + 1, NOW, NOW, NOW), **known)
    starts(world=lost(since + 1, NOW, NOW), **known)
    starts(world=lost(since, since, since, NOW, NOW), **known)
    starts(world=lost(since + 1, *[NOW] * 4), **known, lanes=lanes)
    with pytest.raises(LawBroken, match="6 runs lost"):
        starts(world=lost(since + 1, *[NOW] * 5), **known, lanes=lanes)


# -- of nobody else's job ---------------------------------------------------------------------------------------------


def test_what_holds_of_one_job_is_asked_of_that_one() -> None:
    other = a_job("ETHUSDT", not_before=NOW + 1, after=("nothing",))
    starts(jobs=[other, a_job(attempt=1)], lanes=[a_lane("cpu1", status="held"), a_lane()])
