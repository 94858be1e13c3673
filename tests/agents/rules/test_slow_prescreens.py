"""What is done about a slow prescreen, and how it ends: one incident, at most one lane, and the next measurement."""

from typing import Any

from builders import RUN, a_fastest, a_job, a_lane, a_policy, a_speed, a_throughput, a_view, an_incident

from swarmd.agents.rules.slow_prescreens import about_slow_prescreens
from swarmd.agents.rules.throughput import REST, resting
from swarmd.agents.util_controller import decide
from swarmd.state.actions import Action, CloseIncident, OpenIncident, SetLane
from swarmd.state.records.lane import LaneStatus
from swarmd.state.units import DAY, spoken
from swarmd.state.view import View

WORK = a_speed().work
LANES = [a_lane("cpu0"), a_lane("cpu1")]
LOADED = a_speed(cpu_seconds=7.0, wall_seconds=14.0, runqueue_wait=15_000, others=0.7)
DEAR = a_speed(cpu_seconds=16.0, wall_seconds=8.0)


def the_view(*throughputs: Any, **tables: Any) -> View:
    return a_view(**{"lanes": LANES, "throughputs": throughputs, "fastest": [a_fastest()], **tables})


def wishes(*throughputs: Any, now: int = 1_000, **tables: Any) -> list[Action]:
    return about_slow_prescreens(the_view(*throughputs, **tables), now)


def known(**fields: Any) -> Any:
    given = {"agent": "util_controller", "id": f"{WORK}@1970-01-01T00:00:00.500Z/throughput_regression"}
    return an_incident(WORK, "throughput_regression", **{**given, "opened_at": 600, "due": DAY, **fields})


def test_a_prescreen_kept_from_the_processors_opens_an_incident_and_rests_the_last_lane() -> None:
    opened, held = wishes(a_throughput(at=500, speed=LOADED))
    assert isinstance(opened, OpenIncident)
    assert opened.incident == f"{WORK}@1970-01-01T00:00:00.500Z/throughput_regression"
    assert (opened.subject, opened.due, opened.caused_by) == (WORK, 1_000 + DAY, (RUN, a_fastest().id))
    assert "Causes, the likeliest first: other load: other processes used 70%" in opened.reason
    assert opened.remedy == (
        "its result counts; cpu1 takes nothing new for 15 min 0 s, or until a prescreen of this work is as fast as it "
        "was"
    )
    assert held == SetLane(
        lane="cpu1",
        status=LaneStatus.HELD,
        reason="other load: a prescreen came to 25% of the record (limit 33%)",
        caused_by=(RUN, a_fastest().id),
    )


def test_the_last_open_lane_is_never_taken() -> None:
    (opened,) = wishes(a_throughput(speed=LOADED), lanes=[LANES[0], a_lane("cpu1", status="held")])
    assert isinstance(opened, OpenIncident)
    assert "no lane can be spared (1 open), see what else uses this machine" in opened.remedy


def test_what_nobody_can_see_is_for_a_person_and_costs_no_lane() -> None:
    (opened,) = wishes(a_throughput(speed=DEAR))
    assert isinstance(opened, OpenIncident)
    assert "2.3x slower per combo-bar" in opened.reason
    assert "a person should see what is different" in opened.remedy


def test_after_a_cold_start_there_is_nothing_left_to_do() -> None:
    (opened,) = wishes(a_throughput(speed=a_speed(cpu_seconds=16.0, wall_seconds=8.0, compiled_meanwhile=2)))
    assert isinstance(opened, OpenIncident)
    assert "`swarmd warm` compiles them beforehand" in opened.remedy


def test_one_incident_for_a_kind_of_work_however_many_runs_of_it_are_slow() -> None:
    runs = [a_throughput("r1", at=500, speed=DEAR), a_throughput("r2", at=700, speed=DEAR)]
    assert wishes(*runs, incidents=[known()]) == []
    (opened,) = wishes(*runs)
    assert isinstance(opened, OpenIncident)
    assert opened.incident.startswith(f"{WORK}@1970-01-01T00:00:00.700Z")


def test_the_next_run_within_bounds_closes_it_and_says_what_it_reached() -> None:
    runs = [a_throughput("r1", at=500, speed=DEAR), a_throughput("r2", at=5_000, speed=a_speed(cpu_seconds=7.7))]
    (closed,) = wishes(*runs, now=5_600, incidents=[known()])
    assert closed == CloseIncident(
        incident=known().id,
        reason="r2 reached 91% of the record in processor time and 100% by the clock, 5 s later",
        caused_by=(known().id,),
    )


def test_a_run_too_short_to_tell_neither_closes_nor_opens() -> None:
    short = a_throughput("r2", at=5_000, speed=a_speed(combos=100, cpu_seconds=0.1, wall_seconds=0.1))
    assert wishes(a_throughput("r1", at=500, speed=DEAR), short, incidents=[known()]) == []


def test_what_is_not_measured_again_is_closed_in_the_end_and_said_to_be_unverified() -> None:
    slow = a_throughput(at=500, speed=DEAR)
    assert wishes(slow, now=DAY, incidents=[known()]) == []
    (closed,) = wishes(slow, now=DAY + 1, incidents=[known()])
    assert closed.reason == f"not verified: no prescreen of this work was measured in {spoken(DAY + 1 - 600)}"
    assert not closed.is_verified
    again = a_throughput("r2", at=9_000, speed=DEAR)
    (closed,) = wishes(slow, again, now=DAY + 1, incidents=[known()])
    assert closed.reason.startswith("still slow after")
    assert not closed.is_verified


def test_a_closed_incident_about_this_very_run_is_not_opened_again() -> None:
    assert wishes(a_throughput(at=500, speed=DEAR), incidents=[known(status="closed", outcome="seen")]) == []


def test_other_work_has_an_incident_of_its_own() -> None:
    other = DEAR.model_copy(update={"strategy": "ema_cross"})
    found = wishes(a_throughput("r1", at=500, speed=DEAR), a_throughput("r2", at=500, speed=other))
    assert [type(wish) for wish in found] == [OpenIncident, OpenIncident]


def test_lanes_rest_for_a_while_and_are_opened_again_by_the_clock_or_by_a_good_run() -> None:
    slow = a_throughput("r1", at=500, speed=LOADED)
    assert resting(the_view(slow), 500 + REST - 1)
    assert not resting(the_view(slow), 500 + REST)
    assert not resting(the_view(slow, a_throughput("r2", at=600)), 700)
    assert not resting(the_view(a_throughput(at=500, speed=DEAR)), 700)


def test_the_controller_opens_no_lane_while_lanes_rest_unless_none_is_open() -> None:
    jobs = [a_job(), a_job("ETHUSDT"), a_job("SOLUSDT")]
    held = [LANES[0], a_lane("cpu1", status="held")]
    view = {"jobs": jobs, "policy": a_policy(max_lanes=2), "incidents": [known()]}

    def lanes_set(now: int, lanes: list[Any]) -> list[tuple[str, LaneStatus]]:
        found = decide(the_view(a_throughput(at=500, speed=LOADED), lanes=lanes, **view), now)
        return [(wish.lane, wish.status) for wish in found if isinstance(wish, SetLane)]

    assert lanes_set(2_000, held) == []
    assert lanes_set(500 + REST, held) == [("cpu1", LaneStatus.OPEN)]
    both = [a_lane("cpu0", status="held"), held[1]]
    assert lanes_set(2_000, both) == [("cpu0", LaneStatus.OPEN)]
