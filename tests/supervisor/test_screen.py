"""The live view: what stands on it."""

from builders import (
    a_beat,
    a_champion,
    a_gauge,
    a_job,
    a_lane,
    a_node,
    a_policy,
    a_run,
    a_view,
    an_action,
    an_incident,
)
from rich.console import Console

from swarmd.state.units import SECOND
from swarmd.state.view import View
from swarmd.supervisor.screen import screen


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


def test_a_champion_that_is_no_longer_in_force_says_so_with_what_the_monitor_said() -> None:
    page = told(a_view(champions=[a_champion(status="dethroned", e_value=22.1, days=92)]))
    assert "dethroned" in page
    assert "e 22.1 after 92 days" in page
    assert "in force (manual)" in told(a_view(champions=[a_champion(origin="manual")]))


def test_a_lane_of_a_nodes_device_bears_its_name_and_says_why_it_is_held() -> None:
    reason = "gpu0 of node n1 rests for 10 min 0 s"
    held = a_lane("n1.gpu0a", device="gpu0", slot=0, node="n1", status="held", reason=reason)
    policy = a_policy(on_nodes=True, gpu_lanes=2, lane_gpus=0.5)
    text = told(a_view(policy=policy, nodes=[a_node("n1", gpus=1)], lanes=[a_lane(node="n1"), held]))
    assert f"held: {reason}" in text
    (lane,) = [line for line in text.splitlines() if line.lstrip().startswith("n1.gpu0a")]
    assert reason in lane
    (node,) = [line for line in text.splitlines() if line.lstrip().startswith("n1 ")]
    assert "1/6" in node, "four lanes of its processors and two of its device"
