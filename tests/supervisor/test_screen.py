"""The live view: what stands on it, and which line each change makes."""

from builders import (
    a_beat,
    a_campaign,
    a_champion,
    a_gauge,
    a_job,
    a_lane,
    a_run,
    a_view,
    an_action,
    an_incident,
)
from rich.console import Console

from swarmd.state.units import MINUTE, SECOND
from swarmd.state.view import View
from swarmd.supervisor.screen import changes, eta_of, idle_because, job_counts, screen, size


def told(view: View, now: int = 10 * SECOND) -> str:
    console = Console(width=140, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(screen(view, now, daemon="pid 7", home="/srv/swarm"))
    return captured.get()


def test_goal_lanes_devices_incidents_champions_and_actions_stand_on_one_screen() -> None:
    view = a_view(
        jobs=[a_job(), a_job(phase="preflight", status="done")],
        runs=[a_run()],
        beats=[a_beat(done=3000, total=10_000, rate=100.0, heartbeat_at=9 * SECOND)],
        lanes=[a_lane(), a_lane("cpu1", status="held", reason="memory is short")],
        gauges=[a_gauge(), a_gauge("host.mem_available_bytes", float(3 << 30))],
        incidents=[an_incident()],
        champions=[a_champion()],
        actions=[an_action()],
    )
    text = told(view)
    for expected in (
        "pid 7  home /srv/swarm",
        "majors  active  mtf_ema on 2 assets, 1 of 2 jobs settled, about 10 s to go",
        "preflight  1 done",
        "prescreen  1 running",
        "BTCUSDT.balanced.prescreen #1",
        "3,000/10,000",
        "100.0/s",
        "1 min 10 s",
        "1 s ago",
        "held: memory is short",
        "cpu 50%",
        "memory free 3.0 GiB",
        "no GPU",
        "crash 10 s ago",
        "it exited with code 1 -> a new run",
        "BTCUSDT_5m",
        "250,200",
        "auto_scheduler: start_run: cpu0 is free",
    ):
        assert expected in text, expected


def test_an_empty_view_says_how_to_begin() -> None:
    text = told(a_view(campaigns=[], sessions=[], lanes=[]))
    assert "no campaign yet: swarmd start CAMPAIGN.yaml" in text
    assert "devices: not measured yet" in text


def test_a_failed_job_shows_its_reason_and_a_skipped_one_does_not() -> None:
    bad = a_job(phase="preflight", status="failed", reason="16 bars missing [from] 2023-03-24")
    text = told(a_view(jobs=[bad, a_job(status="skipped", reason="preflight failed")]))
    assert "failed jobs: 1" in text
    assert "BTCUSDT.preflight failed  16 bars missing [from] 2023-03-24" in text
    assert "preflight failed" not in text.replace("BTCUSDT.preflight failed", "")


def test_a_free_lane_says_why_it_is_free() -> None:
    first, second = a_job(phase="preflight"), a_job(after=("majors.BTCUSDT.preflight",))
    assert idle_because(a_view(jobs=[]), 0) == "nothing queued"
    assert idle_because(a_view(jobs=[first, second]), 0) == ""
    held = a_job(phase="preflight", not_before=MINUTE)
    told = idle_because(a_view(jobs=[held, second]), 0)
    assert told == "1 job in back-off, the first for another 1 min 0 s"
    running = a_run(job=first.id)
    assert idle_because(a_view(jobs=[first, second], runs=[running]), 0) == "1 job to wait for others"
    assert idle_because(a_view(campaigns=[a_campaign(status="paused")], jobs=[first]), 0) == ""


def test_time_left_is_unknown_without_a_rate_or_a_total() -> None:
    assert eta_of(10, 110, 2.0) == 50 * SECOND
    assert eta_of(120, 110, 2.0) == 0
    assert eta_of(10, 0, 2.0) is None
    assert eta_of(10, 110, 0.0) is None


def test_sizes_are_told_in_the_unit_that_fits() -> None:
    assert [size(n) for n in (0, 1023, 1024, 1536 << 10, 5 << 30, 3 << 40)] == [
        "0 B", "1023 B", "1.0 KiB", "1.5 MiB", "5.0 GiB", "3.0 TiB",
    ]  # fmt: skip


def test_a_queued_job_with_a_run_counts_as_running() -> None:
    counts = job_counts(a_view(jobs=[a_job(), a_job(phase="refine")], runs=[a_run()]))
    assert (counts["running"], counts["queued"], counts["done"]) == (1, 1, 0)


def test_the_first_picture_is_told_in_two_lines_and_the_same_again_in_none() -> None:
    view = a_view(jobs=[a_job()], campaigns=[a_campaign(reason="started")])
    assert list(changes(None, view, 1000)) == [
        "1970-01-01T00:00:01Z campaign majors: active (started)",
        "1970-01-01T00:00:01Z jobs: 1 queued",
    ]
    assert list(changes(view, view, 2000)) == []


def test_each_change_is_one_line_and_told_once() -> None:
    before = a_view(jobs=[a_job(), a_job(phase="refine")], incidents=[an_incident("r0")], champions=[])
    after = a_view(
        campaigns=[a_campaign(status="done", reason="all settled")],
        jobs=[a_job(status="done", reason="500 kept"), a_job(phase="refine", status="skipped")],
        incidents=[an_incident("r0", status="closed", outcome="run 2 went on"), an_incident("r1")],
        champions=[a_champion()],
    )
    assert [line.removeprefix("1970-01-01T00:00:00Z ") for line in changes(before, after, 0)] == [
        "campaign majors: done (all settled)",
        "job majors.BTCUSDT.balanced.prescreen: done: 500 kept",
        "job majors.BTCUSDT.balanced.refine: skipped",
        "incident r0/crash closed: run 2 went on",
        "incident r1/crash: it exited with code 1; a new run",
        "champion BTCUSDT_5m: annual_sharpe 1.60 in sample, 1.10 out of sample, score 1.50, tried 250,200",
    ]
    assert list(changes(after, after, 0)) == []
