"""What a run and the daemon stand on is taken away: locks, sockets, counters, outboxes. And words come late."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from faults.swarm import Swarm, campaign_text, outcome, state_of, wait

from swarmd.supervisor.presence import daemon_of

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]


def test_without_its_locks_sockets_counters_and_outbox_the_work_comes_to_the_same(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    swarm = swarm_of(campaign_text(bars))
    prescreen = swarm.order("prescreen-a1@5.wait")
    refine = swarm.order("refine-a1@5.wait")
    swarm.start()
    (lane,) = swarm.reached(prescreen.name)

    # The lock of a run that lives, and the socket: its process is held all the same, by the next daemon as well.
    swarm.home.lock_path("faults.EDGE.aggressive.prescreen-a1").unlink()
    (swarm.home.run_dir / "notify.sock").unlink()
    swarm.kill_daemon()
    swarm.start()
    wait("the daemon's loss to be told", lambda: swarm.incidents("daemon_lost"))
    assert state_of(lane)
    assert swarm.run_of("prescreen-a2") == {}
    prescreen.unlink()

    # The page of counters: who lives is seen on, and who begins finds a new one.
    (second,) = swarm.reached(refine.name)
    swarm.home.beats_path.unlink()
    wait("a new page", lambda: swarm.incidents("state_missing"))
    assert swarm.incident("state_missing")["subject"] == "state/run/beats"
    assert state_of(second)

    # A whole outbox: its result goes with it, and is made again.
    shutil.rmtree(swarm.home.outbox_of("faults.EDGE.aggressive.refine-a1"))
    refine.unlink()
    assert swarm.finish() == 0
    assert not state_of(second)
    assert swarm.incident("crash")["subject"].endswith("refine-a1")
    assert swarm.records("job")["faults.EDGE.aggressive.refine"]["attempt"] == 2
    assert outcome(swarm) == undisturbed
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}


def test_a_stopped_run_that_is_continued_too_late_is_gone_and_a_late_word_of_it_does_not_count(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    swarm = swarm_of(campaign_text(bars))
    first = swarm.order("prescreen-a1@5.wait")
    second = swarm.order("prescreen-a2@5.wait")
    swarm.start()
    (lane,) = swarm.reached(first.name)
    os.kill(lane, signal.SIGSTOP)
    (successor,) = swarm.reached(second.name)
    assert not state_of(lane), "continuing it would continue nobody"
    assert state_of(successor)

    # What it might still have written before it died, under its own token.
    known = next(swarm.home.outbox.glob("*preflight-a1/events.jsonl")).read_bytes().splitlines()
    like = next(orjson.loads(each) for each in known if b'"summary"' in each)
    line = orjson.dumps({**like, "token": 1})
    with (swarm.home.outbox / "faults.EDGE.aggressive.prescreen-a1" / "events.jsonl").open("ab") as events:
        events.write(line + b"\n")
    incident = swarm.closed("late_result")
    assert incident["subject"].endswith("prescreen-a1")
    assert "carries token 1, the newest attempt is 2" in incident["cause"]
    assert swarm.records("job")["faults.EDGE.aggressive.prescreen"]["status"] == "queued"
    assert swarm.run("stop", "--now").returncode == 0
    assert swarm.finish() == 0


def test_without_the_lock_of_the_daemon_there_is_still_one_daemon_and_it_hears_a_person(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    """Nor does a lock that a stranger's pid is written in keep anybody out."""
    swarm = swarm_of(campaign_text(bars))
    swarm.home.run_dir.mkdir(parents=True)
    swarm.home.daemon_lock.write_text('{"pid": 1, "since": "2020-01-01T00:00:00Z", "home": "elsewhere"}\n')
    order = swarm.order("prescreen-a1@5.wait")
    swarm.start()
    assert swarm.daemon is not None
    (lane,) = swarm.reached(order.name)
    swarm.home.daemon_lock.unlink()
    second = swarm.run("start", "--no-monitors", "--no-screen", "--until-done")
    assert second.returncode == 2
    assert second.stderr.startswith("error: ")
    assert swarm.daemon.poll() is None
    assert state_of(lane)
    assert [row["status"] for row in swarm.records("session").values()] == ["open"]
    assert swarm.closed("state_missing")["subject"] == "state/run/daemon.lock"
    found = daemon_of(swarm.home)
    assert found is not None, "commands must find it again"
    assert found.pid == swarm.daemon.pid

    # Its terminal closes, which is nothing; Ctrl-C drains, and here nobody comes to a safe point; Ctrl-C again ends it.
    swarm.daemon.send_signal(signal.SIGHUP)
    swarm.daemon.send_signal(signal.SIGINT)
    wait("the run to be asked", lambda: swarm.run_of("prescreen-a1")["status"] == "stopping")
    assert state_of(lane)
    swarm.daemon.send_signal(signal.SIGINT)
    assert swarm.finish() == 0
    assert not state_of(lane)
    assert swarm.records("campaign")["faults"]["status"] == "stopped"
    assert swarm.trouble() == ["state_missing"]
