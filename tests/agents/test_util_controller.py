from typing import Any

from builders import a_finding, a_gauge, a_job, a_lane, a_policy, a_run, a_view, an_incident

from swarmd.agents.util_controller import decide
from swarmd.state.actions import Action, CloseIncident, OpenIncident, Say, SetLane
from swarmd.state.records.lane import LaneStatus

GIB = 1 << 30
LANES = [a_lane("cpu0"), a_lane("cpu1")]
HELD = [a_lane("cpu0", status="held", reason="900 MiB"), a_lane("cpu1", status="held", reason="900 MiB")]


def wishes(now: int = 1_000, **tables: Any) -> list[Action]:
    return decide(a_view(**{"lanes": LANES, "policy": a_policy(max_lanes=2), **tables}), now)


def lanes_set(found: list[Action]) -> list[tuple[str, LaneStatus]]:
    return [(wish.lane, wish.status) for wish in found if isinstance(wish, SetLane)]


def memory(size: float) -> list[Any]:
    return [a_gauge("host.mem_available_bytes", size)]


def test_short_memory_holds_one_lane_a_cycle_from_the_last() -> None:
    assert lanes_set(wishes(gauges=memory(GIB - 1))) == [("cpu1", LaneStatus.HELD)]
    assert wishes(gauges=memory(GIB)) == []
    assert lanes_set(wishes(gauges=[a_gauge("host.psi_memory", 0.21)])) == [("cpu1", LaneStatus.HELD)]


def test_a_held_lane_opens_when_there_is_room_and_work_that_finds_no_lane() -> None:
    jobs = [a_job(), a_job("ETHUSDT")]
    assert lanes_set(wishes(lanes=HELD, jobs=jobs, gauges=memory(1.19 * GIB))) == []
    assert lanes_set(wishes(lanes=HELD, jobs=jobs, gauges=memory(1.21 * GIB))) == [("cpu0", LaneStatus.OPEN)]
    assert lanes_set(wishes(lanes=HELD, jobs=[], gauges=memory(8 * GIB))) == []


def test_a_busy_machine_gets_its_held_lanes_back_one_a_cycle() -> None:
    """The load may be somebody else's, for ever: a full disk must not cost a lane for good."""
    jobs, busy = [a_job(), a_job("ETHUSDT")], [a_gauge("host.cpu_util", 1.0)]
    assert lanes_set(wishes(lanes=[LANES[0], HELD[1]], jobs=jobs, gauges=busy)) == [("cpu1", LaneStatus.OPEN)]
    assert lanes_set(wishes(lanes=HELD, jobs=jobs, gauges=busy)) == [("cpu0", LaneStatus.OPEN)]


def test_lanes_beyond_the_policy_and_lanes_of_unkillable_runs_stay_held() -> None:
    jobs = [a_job(), a_job("ETHUSDT")]
    assert lanes_set(wishes(lanes=[LANES[0], HELD[1]], jobs=jobs, policy=a_policy(max_lanes=1))) == []
    haunted = a_run(job="other", lane="cpu1", status="stopping", killed_at=1)
    assert lanes_set(wishes(now=60_000, lanes=[LANES[0], HELD[1]], jobs=jobs, runs=[haunted])) == []


def test_a_full_disk_is_one_incident_and_holds_every_lane_until_there_is_room() -> None:
    full, roomy = ([a_gauge("host.disk_free_bytes", size * GIB)] for size in (0.5, 1.3))
    found = wishes(gauges=full)
    assert isinstance(found[0], OpenIncident)
    assert found[0].reason == "512 MiB free on the home's disk (limit 1024 MiB)"
    assert lanes_set(found) == [("cpu0", LaneStatus.HELD), ("cpu1", LaneStatus.HELD)]

    known = an_incident("host", "disk_full", agent="util_controller", id=found[0].incident)
    assert wishes(now=2_000, gauges=full, incidents=[known], lanes=HELD) == []
    almost = [a_gauge("host.disk_free_bytes", 1.1 * GIB)]
    assert wishes(now=3_000, gauges=almost, incidents=[known], lanes=HELD, jobs=[]) == []
    closed, opened = wishes(now=4_000, gauges=roomy, incidents=[known], lanes=HELD, jobs=[a_job()])
    assert isinstance(closed, CloseIncident)
    assert closed.reason == "1331 MiB free (opened below 1024 MiB) after 4000 ms"
    assert lanes_set([opened]) == [("cpu0", LaneStatus.OPEN)]


def test_a_disk_that_is_full_again_is_a_new_incident() -> None:
    known = an_incident("host", "disk_full", status="closed", id="host@1970-01-01T00:00:01.000Z/disk_full")
    found = wishes(now=90_000, gauges=[a_gauge("host.disk_free_bytes", 0)], incidents=[known])
    assert isinstance(found[0], OpenIncident)
    assert found[0].incident == "host@1970-01-01T00:01:30.000Z/disk_full"


def test_no_gpu_is_said_once_and_taken_back_when_one_appears() -> None:
    (said,) = wishes(gauges=[a_gauge("host.gpu_count", 0)])
    assert isinstance(said, Say)
    finding = a_finding("util_controller/gpu", text=said.reason)
    assert wishes(gauges=[a_gauge("host.gpu_count", 0)], findings=[finding]) == []
    (taken_back,) = wishes(gauges=[a_gauge("host.gpu_count", 1)], findings=[finding])
    assert taken_back.reason == ""
    assert wishes() == []


def test_work_before_closed_lanes_is_never_silent() -> None:
    found = wishes(lanes=HELD, jobs=[a_job()], gauges=memory(0.5 * GIB))
    assert found == [Say(topic="capacity", reason="all 2 lanes are held: 900 MiB", caused_by=("cpu1",))]
