from typing import Any

from builders import a_beat, a_gauge, a_job, a_lane, a_run, a_view
from builders import a_finding as finding_of

from swarmd.agents.auto_scheduler import decide
from swarmd.agents.rules.memory_need import room
from swarmd.state.actions import Say, StartRun

MIB, GIB = 1 << 20, 1 << 30
LANES = [a_lane("cpu0"), a_lane("cpu1", slot=1)]
# The policy keeps 1 GiB free.
ETH = "majors.ETHUSDT.balanced.prescreen"
SOL = "majors.SOLUSDT.balanced.prescreen"


def took(size: int, symbol: str = "OLD", n: int = 1) -> Any:
    return a_run(f"majors.{symbol}.balanced.prescreen", attempt=n, status="done", exit_code=0, high_water_bytes=size)


def view(available: float, *runs: Any, **tables: Any) -> Any:
    jobs = [a_job("OLD", status="done", attempt=1), a_job("ETHUSDT", attempt=1), a_job("SOLUSDT")]
    given = {
        "jobs": jobs,
        "lanes": LANES,
        "runs": list(runs),
        "gauges": [a_gauge("host.mem_available_bytes", available)],
    }
    return a_view(**(given | tables))


def test_a_job_waits_while_what_its_phase_took_does_not_fit_beside_the_running() -> None:
    busy = a_run(ETH, lane="cpu0")
    held = a_beat(busy.id, rss_bytes=300 * MIB)
    short = view(2.0 * GIB, took(800 * MIB), busy, beats=[held])  # 1024 left, 500 to grow: 524 for one of 800
    (said,) = decide(short, 60_000)
    assert isinstance(said, Say)
    assert said.reason == (
        f"{SOL} is expected to take 800 MiB, as the last prescreen runs did, and 524 MiB are left beside the running "
        "ones: it waits"
    )
    known = view(2.0 * GIB, took(800 * MIB), busy, beats=[held], findings=[finding("waits")])
    assert decide(known, 61_000) == []
    (started,) = decide(view(2.5 * GIB, took(800 * MIB), busy, beats=[held]), 60_000)
    assert isinstance(started, StartRun)


def finding(text: str) -> Any:
    return finding_of("auto_scheduler/memory", text=text)


def test_the_word_is_taken_back_when_it_fits_again() -> None:
    wishes = decide(view(8 * GIB, took(800 * MIB), a_run(ETH, lane="cpu0"), findings=[finding("waits")]), 60_000)
    assert [(type(wish), getattr(wish, "topic", "")) for wish in wishes] == [(Say, "memory"), (StartRun, "")]


def test_without_any_run_one_is_always_started_and_with_no_measure_all_are() -> None:
    alone = view(1.0 * GIB, took(800 * MIB), jobs=[a_job("OLD", status="done", attempt=1), a_job("SOLUSDT")])
    assert [type(wish) for wish in decide(alone, 60_000)] == [StartRun]
    unmeasured = view(0, took(800 * MIB), a_run(ETH, lane="cpu0"), gauges=[])
    assert [type(wish) for wish in decide(unmeasured, 60_000)] == [StartRun]
    unlearned = view(1.1 * GIB, a_run(ETH, lane="cpu0"))
    assert [type(wish) for wish in decide(unlearned, 60_000)] == [StartRun]


def test_each_start_of_a_cycle_counts_against_the_room() -> None:
    jobs = [a_job("OLD", status="done", attempt=1), a_job("ETHUSDT"), a_job("SOLUSDT")]
    wishes = decide(view(2.0 * GIB, took(800 * MIB), jobs=jobs), 60_000)
    assert [type(wish) for wish in wishes] == [Say, StartRun]


def test_only_the_last_runs_of_a_phase_count() -> None:
    old = [took(5 * GIB, n=1), *(took(100 * MIB, n=n) for n in range(2, 23))]
    assert room(view(4 * GIB, *old)).needs == {"prescreen": 100 * MIB}
