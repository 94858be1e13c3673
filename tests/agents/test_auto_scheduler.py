from typing import Any

from builders import (
    JOB,
    RUN,
    a_campaign,
    a_finding,
    a_job,
    a_lane,
    a_policy,
    a_result,
    a_run,
    a_view,
    the_settings,
)

from swarmd.agents.auto_scheduler import decide
from swarmd.state.actions import Action, Say, StartRun

NOW = 100_000


def wishes(now: int = NOW, **tables: Any) -> list[Action]:
    return decide(a_view(**tables), now)


def started(found: list[Action]) -> list[str]:
    return [f"{wish.job} in {wish.lane}" for wish in found if isinstance(wish, StartRun)]


def lanes(count: int) -> list[Any]:
    return [a_lane(f"cpu{slot}") for slot in range(count)]


def test_a_free_lane_takes_the_first_ready_job_and_says_which_and_why() -> None:
    assert wishes(jobs=[a_job(priority=1), a_job("ETHUSDT", priority=1)]) == [
        StartRun(
            job=JOB,
            lane="cpu0",
            attempt=1,
            reason="cpu0 is free; prescreen of BTCUSDT balanced is number 1 of 2 ready (priority 1, attempt 1)",
            caused_by=(JOB, "cpu0"),
        )
    ]


def test_a_retry_names_the_run_before_it_and_the_runs_that_opened_its_gates() -> None:
    gate = a_job(phase="preflight", status="done", attempt=1)
    job = a_job(attempt=1, after=(gate.id,))
    runs = [a_run(status="failed", exit_code=1), a_run(gate.id, status="done", exit_code=0)]
    (start,) = wishes(jobs=[gate, job], runs=runs)
    assert isinstance(start, StartRun)
    assert (start.attempt, start.caused_by) == (2, (JOB, RUN, f"{gate.id}-a1", "cpu0"))


def test_jobs_that_wait_for_time_gates_results_or_their_own_run_are_left() -> None:
    gate = a_job(phase="preflight")
    assert started(wishes(jobs=[a_job(not_before=NOW + 1)])) == []
    assert started(wishes(jobs=[gate, a_job(after=(gate.id,))], lanes=lanes(2))) == [f"{gate.id} in cpu0"]
    assert started(wishes(jobs=[a_job(attempt=1)], runs=[a_run()], lanes=lanes(2))) == []
    assert started(wishes(jobs=[a_job(attempt=1)], runs=[a_run(status="done")], results=[a_result()])) == []
    clean = a_run(status="done", exit_code=0, ended_at=NOW)
    assert started(wishes(jobs=[a_job(attempt=1)], runs=[clean])) == []
    lost = a_run(status="failed", exit_code=1, ended_at=NOW)
    assert started(wishes(jobs=[a_job(attempt=1)], runs=[lost])) == []
    assert started(wishes(now=NOW + 1_000, jobs=[a_job(attempt=1)], runs=[lost])) == [f"{JOB} in cpu0"]


def test_a_lane_whose_result_has_just_come_waits_for_what_that_opens() -> None:
    begun = [a_job(attempt=1), a_job(phase="refine", after=(JOB,)), a_job("ETHUSDT", priority=1)]
    ended = [a_run(status="done", exit_code=0, ended_at=NOW)]
    fresh = a_result(at=NOW)
    tables: dict[str, Any] = {"jobs": begun, "runs": ended, "lanes": lanes(2)}
    other = "majors.ETHUSDT.balanced.prescreen in cpu1"
    assert started(wishes(**tables, results=[fresh])) == [other]
    # One that nobody counts holds no lane for long; and of the attempt before nothing more comes.
    assert started(wishes(now=NOW + 1_000, **tables, results=[fresh])) == [other.replace("cpu1", "cpu0")]
    again = [a_job(attempt=2), *begun[1:]]
    newest = a_run(attempt=2, lane="cpu1")
    # A no opens nothing.
    assert started(wishes(**tables, results=[a_result(at=NOW, verdict="fail")])) == [other.replace("cpu1", "cpu0")]
    late = wishes(jobs=again, runs=[*ended, newest], lanes=lanes(2), results=[fresh])
    assert started(late) == [other.replace("cpu1", "cpu0")]


def test_nothing_starts_unless_the_campaign_is_active() -> None:
    for status in ("paused", "stopped", "done"):
        assert wishes(jobs=[a_job()], campaigns=[a_campaign(status=status)]) == []
    assert wishes(jobs=[a_job()], campaigns=[]) == []


def test_held_and_busy_lanes_take_nothing() -> None:
    busy = a_run("other", lane="cpu1")
    assert started(wishes(jobs=[a_job()], runs=[busy], lanes=[a_lane(status="held"), a_lane("cpu1")])) == []


def test_earlier_tier_then_later_phase_then_better_prescreen_goes_first() -> None:
    prescreens = [a_job(symbol, status="done", attempt=1, priority=2) for symbol in ("SOLUSDT", "ADAUSDT")]
    results = [
        a_result(
            f"{job.id}-a1",
            job=job.id,
            summary={"verdict": "pass", "headline": "", "figures": {"score": score}},
        )
        for job, score in zip(prescreens, (1.0, 2.0), strict=True)
    ]
    jobs = [
        *prescreens,
        a_job("SOLUSDT", "refine", priority=2),
        a_job("ADAUSDT", "refine", priority=2),
        a_job("XRPUSDT", "prescreen", priority=2),
        a_job("BTCUSDT", "prescreen", priority=1),
        a_job("ETHUSDT", "screen", priority=2),
    ]
    assert started(wishes(jobs=jobs, results=results, lanes=lanes(5))) == [
        "majors.BTCUSDT.balanced.prescreen in cpu0",
        "majors.ETHUSDT.balanced.screen in cpu1",
        "majors.ADAUSDT.balanced.refine in cpu2",
        "majors.SOLUSDT.balanced.refine in cpu3",
        "majors.XRPUSDT.balanced.prescreen in cpu4",
    ]


def test_the_batch_bounds_how_many_assets_are_open_and_those_begun_go_on() -> None:
    settings = the_settings(assets={"tiers": {"T": ["BTCUSDT", "ETHUSDT", "SOLUSDT"]}, "batch_size": 2})
    jobs = [
        a_job("SOLUSDT", "preflight", attempt=1, status="done"),
        *(a_job(symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")),
    ]
    campaigns = [a_campaign(settings=settings)]
    assert started(wishes(jobs=jobs, campaigns=campaigns, lanes=lanes(3))) == [
        "majors.BTCUSDT.balanced.prescreen in cpu0",
        "majors.SOLUSDT.balanced.prescreen in cpu1",
    ]


def test_two_modes_of_one_asset_are_crowned_one_after_the_other() -> None:
    crowns = [a_job(phase="crown", mode=mode) for mode in ("balanced", "aggressive")]
    assert len(started(wishes(jobs=crowns, lanes=lanes(2)))) == 1


def test_a_storm_of_losses_starts_nothing_is_said_once_and_taken_back() -> None:
    policy = a_policy(fleet_losses_max=2, fleet_window=60_000)
    lost = [a_run("x", attempt, status="failed", exit_code=1, ended_at=NOW - 1_000) for attempt in (1, 2)]
    (said,) = wishes(jobs=[a_job()], runs=lost, policy=policy)
    assert isinstance(said, Say)
    assert said.reason == "2 runs lost within 60000 ms (limit 2): nothing is started until the count falls"
    finding = a_finding("auto_scheduler/storm", text=said.reason)
    assert wishes(jobs=[a_job()], runs=lost, policy=policy, findings=[finding]) == []
    calm = wishes(now=NOW + 60_000, jobs=[a_job()], runs=lost, policy=policy, findings=[finding])
    assert [type(wish) for wish in calm] == [Say, StartRun]
    assert calm[0].reason == ""


def test_a_thousand_free_lanes_are_not_filled_in_one_cycle() -> None:
    symbols = [f"S{number:04d}" for number in range(1_000)]
    settings = the_settings(assets={"tiers": {"T": symbols}, "batch_size": 1_000})
    jobs, campaigns = [a_job(symbol) for symbol in symbols], [a_campaign(settings=settings)]
    begun = started(wishes(jobs=jobs, campaigns=campaigns, lanes=lanes(1_000)))
    assert begun[0] == "majors.S0000.balanced.prescreen in cpu0"
    assert begun[-1] == "majors.S0099.balanced.prescreen in cpu99"
