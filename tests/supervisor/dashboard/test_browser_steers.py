"""A person steers a real daemon at its work from the page: what comes of each action is seen there, without a reload.

One lane, and a strategy that stands still where it is told to: so each thing is looked at while it is so, however slow
the machine is.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dashboard_browser import CHROMIUM, Server, Tab
from faults.swarm import Swarm, leftovers, state_of, wait

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market
from swarmd.supervisor.dashboard.address import served_at

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="install Chromium: apt-get install chromium"),
    pytest.mark.xdist_group("dashboard in a browser"),
]
FAULTS = Path(__file__).resolve().parents[2] / "faults"
CAMPAIGN = """\
name: steered
data: {{root: {bars}, interval: 5m}}
assets: {{tiers: {{A: [BROKEN, FIRST, SECOND]}}}}
strategy: {{name: "{strategy}:Obedient", modes: [aggressive]}}
search: {{prescreen: {{combos: 8, seed: 42}}, refine: {{trials: 6, seed: 42}}}}
space:
  tf_fast: [15]
  tf_slow: [60]
  L_fast: {{low: 8, high: 16, type: int}}
  L_slow: {{low: 17, high: 28, type: int}}
  sl: {{low: 0.03, high: 0.05}}
  tp: {{low: 0.05, high: 0.15}}
constraints: {{min_trades: 1, max_drawdown: 1.0}}
validation: {{crown_on: screen}}
limits: {{disk_free_min: 1MiB, backoff: [2s, 2s], max_lanes: 1}}
"""
LANE = "[aria-label=lanes] .line:has-text('cpu0')"


# A run that stands where it was told to is not stuck: how long a person takes is not what is tried here.
LIMITS = {"stuck_after": 600_000}


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[Swarm]:
    """Its daemon serves the page itself; at the end nothing of it is left."""
    bars = tmp_path / "bars"
    bars.mkdir()
    (bars / "BROKEN.parquet").write_bytes(b"no market")
    for seed, symbol in enumerate(("FIRST", "SECOND")):
        write_bars(bars / f"{symbol}.parquet", noise_market(95, seed, symbol=symbol))
    one = Swarm(tmp_path / "a", CAMPAIGN.format(bars=bars, strategy=FAULTS / "obedient.py"))
    one.environment["SWARMD_DASHBOARD"] = "on"
    yield one
    one.clear()
    wait("all processes to end", lambda: not leftovers(one.folder))


def begin(swarm: Swarm, *words: str) -> None:
    """A daemon that stays when its campaign is over, and its page."""
    program = [sys.executable, "-P", str(FAULTS / "limited.py"), json.dumps(LIMITS)]
    with (swarm.folder / "daemon.out").open("ab") as out:
        command = [*program, "start", *words, "--no-screen", "--no-monitors"]
        daemon = subprocess.Popen(command, env=swarm.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    swarm.daemon = daemon
    wait("the daemon to take the home", lambda: swarm.holder() == daemon.pid or daemon.poll() is not None)
    wait("its page", lambda: served_at(swarm.home) or daemon.poll() is not None)


def meant(one: Tab, verb: str) -> None:
    """Yes to the question."""
    one.page.click(f"dialog button[type=submit]:has-text('{verb}')")
    one.page.wait_for_selector("dialog", state="detached")


def asked_of_row(one: Tab, row: str, verb: str) -> None:
    one.page.click(row)
    one.page.click(f"dialog button:has-text('{verb}')")
    meant(one, verb)


def job(name: str) -> str:
    return f"[aria-label=jobs] .line:has-text('{name}')"


def test_a_campaign_at_work_is_steered_from_the_page_which_shows_what_came_of_it(
    tab: Callable[..., Tab], swarm: Swarm
) -> None:
    stand = swarm.order("FIRST.aggressive.prescreen-a1@5.wait")
    in_between = swarm.order("SECOND.aggressive.prescreen-a1@5.wait")
    later = swarm.order("FIRST.aggressive.refine-a1@3.wait")
    begin(swarm, str(swarm.campaign), "--checked", "--port", "0")
    (pid,) = swarm.reached(stand.name)
    one = tab(Server(swarm.home))
    page = one.page
    # What is set here is gone after a reload: nothing below is seen because the page was loaded anew.
    page.evaluate("document.documentElement.dataset.since = 'begin'")

    one.sees("FIRST", LANE)
    for verb, status in (("Pause", "paused"), ("Resume", "active")):
        page.click(f"#top button:has-text('{verb}')")
        meant(one, verb)
        one.sees(status, "#top .pill")

    # A run dies: the lane goes to who waits for one, and the incident tells what is hoped for.
    page.click("#nav a[href='/incidents']")
    one.sees("Choose an incident", "#page")
    os.kill(pid, signal.SIGKILL)
    page.click("[aria-label=incidents] .line:has-text('prescreen-a1')")
    for part in ("Evidence", "killed by SIGKILL", "Decision by worker sentry", "Remedy", "Expected", "still open"):
        one.sees(part, ".story")
    swarm.reached(in_between.name)
    page.click("#nav a[href='/assets']")
    one.sees("a free lane", job("FIRST.aggressive.prescreen"))

    # A person makes room. No incident of that; and what came of the first one appears under the reader's eyes.
    page.click("#nav a[href='/incidents']")
    page.click("[aria-label=incidents] .line:has-text('prescreen-a1')")
    one.sees("still open", ".story")
    page.click("button:has-text('Actions…')")
    page.click("dialog button:has-text('Kill run')")
    page.fill("dialog input", "cpu0")
    meant(one, "Kill run")
    one.sees("killed steered.SECOND.aggressive.prescreen-a1 in cpu0", ".toast")
    one.sees("attempt 2", ".story li.good")
    one.sees(", verified", ".story li.good")
    assert page.locator("[aria-label=incidents] .line:has-text('SECOND')").count() == 0

    (run,) = swarm.reached(later.name)
    last = [swarm.order(f"SECOND.aggressive.{phase}.wait") for phase in ("prescreen-a2@5", "refine-a1@3")]
    page.click("#nav a[href='/assets']")
    asked_of_row(one, "[aria-label=assets] .line:has-text('SECOND')", "Prioritise asset")
    one.sees("SECOND goes first of", ".toast")
    one.sees("failed", job("BROKEN.preflight"))
    asked_of_row(one, job("BROKEN.preflight"), "Retry job")
    one.sees("queued", job("BROKEN.preflight"))

    # The daemon dies and its page with it. Both come back, and the run that nobody disturbed is still the same.
    there = served_at(swarm.home)
    assert there is not None
    one.expects_loss = True
    swarm.kill_daemon()
    os.kill(there.pid, signal.SIGKILL)
    one.sees("connection lost", "#top")
    begin(swarm)
    one.sees("live", "#top")
    page.click("#nav a[href='/']")
    one.sees("FIRST", LANE)
    assert state_of(run)

    # What was put first comes first once there is a lane, as a further attempt where a person ended the one before.
    asked_of_row(one, LANE, "Kill run")
    one.sees("SECOND", LANE)
    one.sees("SECOND.aggressive.prescreen-a2 in cpu0 (attempt 2) runs", ".log")
    assert not state_of(run)
    held = wait("its run to stand", lambda: next((way for way in last if way.with_suffix(".reached").exists()), None))
    for verb, status in (("Cancel campaign", "cancelled"), ("Stop", "daemon not running")):
        page.click("button:has-text('Actions…')")
        page.get_by_role("button", name=verb, exact=True).click()
        meant(one, verb)
        one.sees(status, "#top")
    assert not state_of(swarm.reached(held.name)[0])
    one.sees("No daemon runs. This is what the journal last knew", ".banner")
    assert page.evaluate("document.documentElement.dataset.since") == "begin"
    asked = [row["verb"] for row in swarm.records("request").values()]
    assert asked == ["pause", "resume", "kill", "prioritise", "retry", "kill", "cancel", "stop"]
