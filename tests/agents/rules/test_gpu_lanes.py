"""Lanes of graphics processors: what they take, when they are held, and when a device is filled."""

from typing import Any

import pytest
from builders import (
    a_device,
    a_finding,
    a_gauge,
    a_job,
    a_lane,
    a_policy,
    a_result,
    a_run,
    a_session,
    a_speed,
    a_throughput,
    a_view,
    an_incident,
)

from swarmd.agents import auto_scheduler, util_controller
from swarmd.agents.rules.gpu_filling import NEED_UNKNOWN
from swarmd.agents.rules.gpu_lanes import about_gpu_lanes, hindrance
from swarmd.agents.rules.gpu_rest import REST_FIRST
from swarmd.state.actions import Say, SetLane, StartRun
from swarmd.state.records.lane import LaneStatus
from swarmd.state.units import MINUTE
from swarmd.state.view import View

NOW = 100_000
GIB = 1 << 30
CPU = a_lane("cpu0")
GPU, FILL = (a_lane(f"gpu0{letter}", device="gpu0", slot=n, is_fill=n > 0) for n, letter in enumerate("ab"))
HELD = FILL.model_copy(update={"status": LaneStatus.HELD})
PRESCREENS = [a_job(symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
REFINE = a_job("XRPUSDT", "refine")


def a_machine(**tables: Any) -> View:
    given = {
        "lanes": [CPU, GPU, HELD],
        "devices": [a_device()],
        "policy": a_policy(max_lanes=1, fill_lanes=0, gpu_lanes=2),
    }
    return a_view(**given | tables)


def started(view: View, now: int = NOW) -> list[tuple[str, str, str]]:
    found = [wish for wish in auto_scheduler.decide(view, now) if isinstance(wish, StartRun)]
    return [(wish.job.split(".")[1], wish.lane, wish.engine) for wish in found]


def lanes_set(view: View, now: int = NOW, *, may_open: bool = True) -> list[tuple[str, LaneStatus]]:
    return [(wish.lane, wish.status) for wish in about_gpu_lanes(view, now, may_open=may_open)]


def on_gpu(n: int = 1, lane: str = "gpu0a", **fields: Any) -> Any:
    return a_run(f"majors.R{n}.balanced.prescreen", lane=lane, engine="auto", **fields)


# -- what goes where --------------------------------------------------------------------------------------------------


def test_prescreens_wait_for_the_gpu_while_its_lane_is_open_and_everything_else_stays_on_processors() -> None:
    both = [("BTCUSDT", "gpu0a", "auto"), ("XRPUSDT", "cpu0", "cpu")]
    assert sorted(started(a_machine(jobs=[*PRESCREENS, REFINE]))) == both
    busy = [a_run(PRESCREENS[0].id, lane="gpu0a")]
    assert started(a_machine(jobs=PRESCREENS, runs=busy)) == []
    assert started(a_machine(jobs=[REFINE], lanes=[GPU])) == []


def test_without_an_open_lane_of_a_gpu_prescreens_run_on_processors_and_say_why() -> None:
    closed = GPU.model_copy(update={"status": LaneStatus.HELD, "reason": "gpu0 rests"})
    view = a_machine(jobs=PRESCREENS, lanes=[CPU, closed, HELD])
    assert started(view) == [("BTCUSDT", "cpu0", "cpu")]
    (wish,) = auto_scheduler.decide(view, NOW)
    assert wish.reason.endswith("; no lane of a GPU is open (gpu0a: gpu0 rests)")
    (plain,) = auto_scheduler.decide(a_view(jobs=PRESCREENS), NOW)
    assert "GPU" not in plain.reason


def test_a_prescreen_that_was_lost_to_the_device_goes_to_a_processor() -> None:
    job = a_job(attempt=1)
    lost = a_run(job.id, lane="gpu0a", engine="auto", status="failed", exit_code=4, ended_at=1_000, reason="no context")
    told = an_incident(f"{job.id}-a1", "device_failed")
    view = a_machine(jobs=[job, PRESCREENS[1]], runs=[lost], incidents=[told])
    assert started(view) == [("BTCUSDT", "cpu0", "cpu"), ("ETHUSDT", "gpu0a", "auto")]


def test_processors_are_filled_by_work_for_processors_alone() -> None:
    fill = a_lane("fill0", slot=1, status="held", is_fill=True)
    tables: dict[str, Any] = {
        "lanes": [CPU, fill, GPU, HELD],
        "policy": a_policy(max_lanes=1, fill_lanes=1, gpu_lanes=2),
        "runs": [a_run("majors.A.balanced.refine", lane="cpu0")],
        "gauges": [a_gauge("host.cpu_util", 0.3)],
    }
    opened = [SetLane, "fill0", LaneStatus.OPEN]
    for jobs, wanted in ((PRESCREENS, []), ([REFINE], [opened])):
        found = util_controller.decide(a_machine(jobs=jobs, **tables), NOW)
        assert [[type(wish), wish.lane, wish.status] for wish in found if isinstance(wish, SetLane)] == wanted


# -- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"devices": [a_device(is_there=False, trouble="GPU is lost")]}, "gpu0 does not answer: GPU is lost"),
        ({"devices": [a_device(left_alone="CuPy is not installed")]}, "gpu0 is left alone: CuPy is not installed"),
        ({"incidents": [an_incident("gpu0", "device_failed", cause="gpu0 reported Xid 48")]}, "gpu0 reported Xid 48"),
    ],
)
def test_a_device_in_trouble_has_its_lanes_held_and_opened_again_when_it_is_over(
    tables: dict[str, Any], said: str
) -> None:
    view = a_machine(lanes=[CPU, GPU, FILL], **tables)
    wishes = about_gpu_lanes(view, NOW, may_open=True)
    assert [(wish.lane, wish.status) for wish in wishes] == [("gpu0a", LaneStatus.HELD), ("gpu0b", LaneStatus.HELD)]
    assert {wish.reason for wish in wishes} == {f"{said}; prescreens go to CPU lanes"}
    closed = [CPU, GPU.model_copy(update={"status": LaneStatus.HELD}), HELD]
    assert lanes_set(a_machine(lanes=closed, **tables)) == []
    assert lanes_set(a_machine(lanes=closed)) == [("gpu0a", LaneStatus.OPEN)]
    assert lanes_set(a_machine(lanes=closed), may_open=False) == []


def test_a_device_rests_twice_as_long_after_each_run_that_could_not_use_it_and_one_that_worked_ends_that() -> None:
    fell = [on_gpu(n, status="done", exit_code=0, ended_at=n * 1_000) for n in (1, 2)]
    told = [a_throughput(run.id, speed=a_speed(engine="cpu")) for run in fell]
    assert hindrance(a_machine(runs=fell[:1], throughputs=told[:1]), "gpu0", 999 + REST_FIRST) == (
        "gpu0 rests for 10 min 0 s: majors.R1.balanced.prescreen-a1 fell back on the processor, 1 of its runs in a row"
    )
    assert hindrance(a_machine(runs=fell[:1], throughputs=told[:1]), "gpu0", 1_000 + REST_FIRST) == ""
    assert "20 min 0 s" in hindrance(a_machine(runs=fell, throughputs=told), "gpu0", 1_000 + REST_FIRST)
    worked = on_gpu(3, status="done", exit_code=0, ended_at=3_000)
    told.append(a_throughput(worked.id, speed=a_speed(engine="gpu")))
    view = a_machine(runs=[*fell, worked], throughputs=told, results=[a_result(worked.id)])
    assert hindrance(view, "gpu0", 4_000) == ""


def test_a_device_rests_after_a_run_was_lost_to_it_but_not_after_one_that_crashed_or_was_stopped() -> None:
    failed = on_gpu(status="failed", exit_code=4, ended_at=1_000)
    assert "was lost to it" in hindrance(a_machine(runs=[failed]), "gpu0", 2_000)
    for other in (
        on_gpu(status="lost", signal=11, exit_code=-1, ended_at=1_000),
        on_gpu(status="failed", exit_code=4, ended_at=1_000, was_stopped=True),
        on_gpu(status="failed", exit_code=4, ended_at=1_000, lane="gpu1a"),
    ):
        assert hindrance(a_machine(runs=[other]), "gpu0", 2_000) == ""
    later = a_session(at=5_000)
    assert hindrance(a_machine(runs=[failed], sessions=[later]), "gpu0", 6_000) == ""


# -- filling ----------------------------------------------------------------------------------------------------------


def filled(now: int = NOW, **tables: Any) -> list[tuple[str, LaneStatus]]:
    given: dict[str, Any] = {"jobs": PRESCREENS, "runs": [on_gpu()], "devices": [a_device(util=0.69)]}
    return lanes_set(a_machine(**given | tables), now)


def test_a_second_lane_opens_while_the_device_is_idle_has_memory_and_prescreens_wait() -> None:
    assert filled() == [("gpu0b", LaneStatus.OPEN)]
    assert filled(runs=[]) == []
    assert filled(jobs=[REFINE]) == []
    assert filled(devices=[a_device(util=0.71)]) == []
    assert filled(devices=[a_device(util=None)]) == []
    assert filled(policy=a_policy(max_lanes=1, gpu_lanes=1)) == []


def test_another_lane_needs_as_much_memory_as_the_first_one_holds_or_what_is_stated() -> None:
    room = {"util": 0.1, "mem_total": 10 * GIB}
    assert filled(devices=[a_device(mem_used=10 * GIB - NEED_UNKNOWN, **room)]) != []
    assert filled(devices=[a_device(mem_used=10 * GIB - NEED_UNKNOWN + 1, **room)]) == []
    ours = {"pid": 7, "mem_bytes": 6 * GIB, "run": "majors.R1.balanced.prescreen-a1"}
    assert filled(devices=[a_device(mem_used=6 * GIB, processes=[ours], **room)]) == []
    assert filled(devices=[a_device(mem_used=6 * GIB, processes=[{**ours, "run": ""}], **room)]) != []


def test_a_filling_lane_settles_before_it_is_judged_and_goes_first() -> None:
    lanes = [CPU, GPU, FILL.model_copy(update={"at": NOW})]
    runs = [on_gpu(), on_gpu(2, lane="gpu0b")]
    hot = [a_device(util=0.86)]
    assert filled(lanes=lanes, runs=runs, devices=hot) == []
    assert filled(NOW + 15_000, lanes=lanes, runs=runs, devices=hot) == [("gpu0b", LaneStatus.HELD)]
    assert filled(NOW + 15_000, lanes=lanes, runs=runs, devices=[a_device(util=0.85)]) == []
    short = [a_gauge("host.mem_available_bytes", 1.0)]
    assert filled(lanes=lanes, runs=runs, gauges=short) == [("gpu0b", LaneStatus.HELD)]


def test_lanes_beyond_the_limit_are_held() -> None:
    lanes = [CPU, GPU, FILL]
    assert filled(lanes=lanes, policy=a_policy(max_lanes=1, gpu_lanes=1)) == [("gpu0b", LaneStatus.HELD)]
    assert len(filled(lanes=lanes, policy=a_policy(max_lanes=1, gpu_lanes=0))) == 2


# -- what is said -----------------------------------------------------------------------------------------------------


def test_a_device_that_is_left_alone_is_said_once() -> None:
    alone = {"devices": [a_device(left_alone="CuPy is not installed")], "gauges": [a_gauge("host.gpu_count", 1.0)]}
    tables: dict[str, Any] = {"lanes": [CPU], **alone}
    (said,) = util_controller.decide(a_machine(**tables), 10 * MINUTE)
    assert isinstance(said, Say)
    assert said.reason == "gpu0 (NVIDIA H100) left alone: CuPy is not installed"
    known = a_finding("util_controller/gpu", text=said.reason)
    assert util_controller.decide(a_machine(**tables, findings=[known]), 11 * MINUTE) == []
