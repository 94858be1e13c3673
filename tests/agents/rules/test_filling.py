from typing import Any

from builders import a_gauge, a_job, a_lane, a_policy, a_run, a_view

from swarmd.agents.rules.filling import about_fill_lanes
from swarmd.state.actions import Action, SetLane, StopRun
from swarmd.state.records.lane import LaneStatus

MAIN, OTHER = a_lane("cpu0"), a_lane("cpu1", slot=1)
NOW = 60_000


def fill(n: int = 0, status: str = "held", **fields: Any) -> Any:
    return a_lane(f"fill{n}", slot=2 + n, status=status, is_fill=True, **fields)


def working(symbol: str, lane: str, **fields: Any) -> Any:
    return a_run(f"majors.{symbol}.balanced.prescreen", lane=lane, **fields)


def wishes(now: int = NOW, load: float = 0.5, **tables: Any) -> list[Action]:
    given = {
        "lanes": [MAIN, OTHER, fill(), fill(1)],
        "policy": a_policy(max_lanes=2, fill_lanes=2),
        "jobs": [a_job(symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")],
        "runs": [
            working("BTCUSDT", "cpu0"),
            working("ETHUSDT", "cpu1"),
        ],
        "gauges": [a_gauge("host.cpu_util", load)],
    } | tables
    return about_fill_lanes(a_view(**given), now)


def lanes_set(found: list[Action]) -> list[tuple[str, LaneStatus]]:
    return [(wish.lane, wish.status) for wish in found if isinstance(wish, SetLane)]


def test_one_opens_while_all_are_busy_jobs_wait_and_processors_are_idle() -> None:
    assert lanes_set(wishes()) == [("fill0", LaneStatus.OPEN)]


def test_none_opens_near_the_target_or_while_one_still_has_room_or_nothing_waits() -> None:
    assert wishes(load=0.81) == []
    assert wishes(runs=[working("BTCUSDT", "cpu0")]) == []
    assert wishes(jobs=[a_job(), a_job("ETHUSDT")]) == []
    assert wishes(gauges=[]) == []
    assert wishes(gauges=[a_gauge("host.cpu_util", 0.5), a_gauge("host.psi_cpu", 0.6)]) == []
    held = a_lane("cpu1", slot=1, status="held", reason="900 MiB")
    only = [working("BTCUSDT", "cpu0")]
    assert wishes(lanes=[MAIN, held, fill()], runs=only) == []


def test_a_change_settles_before_the_next() -> None:
    lanes = [MAIN, OTHER, fill(status="open", at=NOW - 14_999), fill(1)]
    runs = [working(symbol, lane) for symbol, lane in (("A", "cpu0"), ("B", "cpu1"), ("C", "fill0"))]
    assert wishes(lanes=lanes, runs=runs) == []
    assert lanes_set(wishes(now=NOW + 1, lanes=lanes, runs=runs)) == [("fill1", LaneStatus.OPEN)]
    assert wishes(now=NOW + 1, lanes=lanes, runs=runs, policy=a_policy(max_lanes=2, fill_lanes=1)) == []


def test_above_the_target_the_last_opened_takes_nothing_new() -> None:
    lanes = [MAIN, OTHER, fill(status="open"), fill(1, status="open")]
    assert wishes(load=0.95, lanes=lanes) == []
    assert lanes_set(wishes(load=0.96, lanes=lanes)) == [("fill1", LaneStatus.HELD)]


def test_they_are_drained_first_when_memory_runs_short() -> None:
    filling = working("SOLUSDT", "fill0")
    main = working("BTCUSDT", "cpu0")
    short = [a_gauge("host.mem_available_bytes", 1 << 29)]
    found = wishes(lanes=[MAIN, fill(status="open")], runs=[main, filling], gauges=short)
    assert lanes_set(found) == [("fill0", LaneStatus.HELD)]
    assert [(wish.run, wish.how) for wish in found if isinstance(wish, StopRun)] == [(filling.id, "term")]
    stopping = working("SOLUSDT", "fill0", status="stopping")
    assert wishes(lanes=[MAIN, fill()], runs=[main, stopping], gauges=short) == []


def test_without_fill_lanes_nothing_is_asked() -> None:
    assert wishes(lanes=[MAIN, OTHER]) == []
