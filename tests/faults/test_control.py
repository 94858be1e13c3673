"""A person kills, cancels, retries and moves what waits, with real runs: each is answered, and told by ``explain``."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, outcome, state_of, wait

from swarmd.supervisor.presence import ask

pytestmark = pytest.mark.xdist_group("daemon")


def answer(swarm: Swarm, code: int, *words: str) -> dict[str, Any]:
    done = swarm.run(*words, "--json")
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_run_is_killed_for_a_person_and_its_job_ends_as_if_nothing_had_been(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    swarm = swarm_of(campaign_text(bars))
    held = swarm.order("refine-a1@6.wait")
    swarm.start()
    (lane,) = swarm.reached(held.name)

    # What is not there is told before anybody is asked; where nobody can be asked whether it is meant, neither.
    unknown = swarm.run("kill", "cpu7", "--yes")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("error: no lane or run 'cpu7' among ")
    assert "did you mean cpu0" in unknown.stderr
    assert swarm.run("kill", "cpu0").returncode == 2
    empty = answer(swarm, 1, "kill", "fill0", "--yes")
    assert empty["refused"]
    assert empty["answer"] == "nothing to kill: fill0 has no open run (1 run open)"

    told = answer(swarm, 0, "kill", "cpu0", "--yes")
    assert told["schema"] == "swarmd.kill/1"
    run = "faults.EDGE.aggressive.refine-a1"
    assert told["answer"].startswith(f"killed {run} in cpu0, pid {lane}: faults.EDGE.aggressive.refine stays queued")
    wait("the killed run to be gone", lambda: not state_of(lane))
    held.unlink()
    assert swarm.finish() == 0
    assert outcome(swarm) == undisturbed
    assert swarm.trouble() == [], "asked for by a person: no loss, and nothing to be told of"
    assert swarm.run_of("refine-a2")["status"] == "done"
    chain = swarm.run("explain", f"{run}").stdout
    assert "asked by cli to kill it (attempt 1 in cpu0)" in chain
    assert "kill" in swarm.run("explain", told["request"]).stdout
    late = swarm.run("kill", run, "--yes")
    assert late.returncode == 2, "nobody is there any more"
    assert "no daemon runs on" in late.stderr


def test_a_campaign_is_cancelled_over_the_daemons_death_and_hands_over(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    swarm = swarm_of(campaign_text(bars, "EDGE", "NOISE"))
    held = swarm.order("prescreen-a1@10.wait")
    swarm.start()
    (lane,) = swarm.reached(held.name)
    moved = answer(swarm, 0, "prioritise", "NOISE")
    assert moved["answer"] == "NOISE goes first of 2 assets: 4 jobs to do; running work goes on"
    assert answer(swarm, 0, "prioritise", "NOISE")["answer"] == "NOISE is first already, of 2 assets"
    assert swarm.run("prioritise", "NOSE").returncode == 2

    # Asked, and the daemon dies before it can have read it: the next one adopts the run, and does as it was asked.
    assert swarm.daemon is not None
    swarm.daemon.send_signal(signal.SIGSTOP)
    asked = ask(swarm.home, "cancel", subject="faults")
    swarm.kill_daemon()
    assert state_of(lane)
    swarm.start()
    wait("the answer", lambda: swarm.records("request").get(asked, {}).get("status") == "answered")
    done = swarm.run("cancel", "--yes", "--json")
    assert done.returncode in (0, 2), "cancelled already, or its daemon has left by now"
    assert swarm.finish() == 0, "opened until done: cancelled is an end"
    assert not state_of(lane)
    pages = [*swarm.home.docs.glob("HANDOFF_*.md")]
    assert any("faults is cancelled" in page.read_text() for page in pages)
    jobs = swarm.records("job")
    assert {job["status"] for job in jobs.values()} == {"done", "queued"}
    assert swarm.records("campaign")["faults"]["reason"].startswith("asked by cli: cancelled for good: 1 run killed, ")
    assert not [each for each in swarm.records("incident").values() if each["subject"].endswith("prescreen-a1")]


def test_a_job_whose_data_was_mended_is_given_a_fresh_start(swarm_of: Callable[..., Swarm], bars: Path) -> None:
    folder = bars.parent / "mended"
    folder.mkdir(exist_ok=True)
    broken = folder / "EDGE.parquet"
    broken.write_bytes(b"no market")
    swarm = swarm_of(campaign_text(folder))
    swarm.start()
    assert swarm.finish() == 1
    preflight = "faults.EDGE.preflight"
    assert swarm.records("job")[preflight]["status"] == "failed"
    assert swarm.run("retry", preflight).returncode == 2, "nobody is there to be asked"

    broken.write_bytes((bars / "EDGE.parquet").read_bytes())
    started = swarm.run("start", "--detach", "--no-monitors")
    assert started.returncode == 0, started.stderr
    told = answer(swarm, 0, "retry", "faults.EDGE.aggressive.crown")
    assert told["answer"] == (f"{preflight} gets a fresh start (attempt 3 follows); 4 jobs behind it queued again")
    refused = answer(swarm, 1, "retry", "faults.EDGE.aggressive.crown")
    assert refused["answer"].startswith("nothing to retry: ")
    wait("the crown", lambda: swarm.records("job")["faults.EDGE.aggressive.crown"]["status"] == "done")
    wait("its end", lambda: swarm.records("campaign")["faults"]["status"] == "done")
    no = answer(swarm, 1, "retry", preflight)
    assert no["answer"].startswith(f"nothing to retry: {preflight} is done since attempt 3")
    assert swarm.run("stop").returncode == 0
