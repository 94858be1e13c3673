"""Lanes that live and do not work: dead-locked with a beating heart, live-locked. And what their children come to."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.swarm import Row, Swarm, campaign_text, state_of, wait, zombies_of

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

# Without a heart that beats on, the run would be named silent first.
LIMITS = {"silent_after": 5_500, "stuck_after": 6_500, "term_grace": 2_000}


def test_a_run_whose_heart_beats_while_its_work_stands_still_is_looked_into_and_replaced(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    swarm = swarm_of(campaign_text(bars, "EDGE", "NOISE", lanes=2))
    swarm.order("EDGE.aggressive.refine-a1@3.wait")
    swarm.order("NOISE.aggressive.refine-a1@3.spin")
    swarm.start(limits=LIMITS)
    (dead,) = swarm.reached("EDGE.aggressive.refine-a1@3.wait")
    (live,) = swarm.reached("NOISE.aggressive.refine-a1@3.spin")

    for signature, symbol, pid in (("stuck_without_cpu", "EDGE", dead), ("stuck_with_cpu", "NOISE", live)):
        incident = swarm.incident(signature)
        assert incident["subject"] == f"faults.{symbol}.aggressive.refine-a1"
        assert "(limit 6500 ms" in incident["cause"]
        wait("the end of the lane", lambda pid=pid: not state_of(pid))  # type: ignore[misc]
        evidence = (swarm.home.root / incident["evidence"][0]).read_text()
        assert "_obey (" in evidence, "the stack names the place"
        assert f"Pid:\t{pid}" in evidence

    def are_refined() -> bool:
        jobs = swarm.records("job")
        return all(jobs[f"faults.{symbol}.aggressive.refine"]["status"] == "done" for symbol in ("EDGE", "NOISE"))

    wait("both refinements", are_refined)
    wait(
        "both incidents to be closed",
        lambda: not [i for i in swarm.records("incident").values() if i["status"] != "closed"],
    )
    assert swarm.run("stop", "--now").returncode == 0
    assert swarm.finish() == 0
    for symbol in ("EDGE", "NOISE"):
        assert swarm.records("job")[f"faults.{symbol}.aggressive.refine"]["attempt"] == 2
        assert swarm.run_of(f"{symbol}.aggressive.refine-a1")["signal"] == signal.SIGKILL


def test_whatever_a_run_stands_in_it_is_named_looked_into_and_replaced(
    swarm_of: Callable[..., Swarm], bars: Path, tmp_path: Path
) -> None:
    """On a pipe, on a lock of a file, on a lock of its own, without a pulse, and in C with the interpreter held."""
    ways = {
        "fifo": ("stuck_without_cpu", "_wait_for_a_writer"),
        "flock": ("stuck_without_cpu", "_wait_for_own_lock"),
        "deadlock": ("stuck_without_cpu", "_acquire_twice"),
        "mute": ("silent", "_obey"),
        "regex": ("silent", "_match_for_ever"),
    }
    own = tmp_path / "own"
    own.mkdir()
    for way in ways:
        (own / f"{way.upper()}.parquet").symlink_to(bars / "EDGE.parquet")
    swarm = swarm_of(campaign_text(own, *(way.upper() for way in ways), lanes=len(ways)))
    for way in ways:
        swarm.order(f"{way.upper()}.aggressive.prescreen-a1@3.{way}")
        # None of their successors goes on: the bars are the same, and the second that told of them would be refused.
        for attempt in (2, 3, 4):
            swarm.order(f"{way.upper()}.aggressive.prescreen-a{attempt}@3.wait")
    swarm.start(limits=LIMITS)
    pids = {way: swarm.reached(f"{way.upper()}.aggressive.prescreen-a1@3.{way}")[0] for way in ways}
    for way, (signature, frame) in ways.items():
        run = f"faults.{way.upper()}.aggressive.prescreen-a1"

        def incident(signature: str = signature, run: str = run) -> Row | None:
            return next((row for row in swarm.incidents(signature).values() if row["subject"] == run), None)

        told = wait(f"{signature} about {run}", incident)
        wait("the end of the lane", lambda pid=pids[way]: not state_of(pid))  # type: ignore[misc]
        assert f"{frame} (" in (swarm.home.root / told["evidence"][0]).read_text(), "the stack names the place"
        swarm.reached(f"{way.upper()}.aggressive.prescreen-a2@3.wait")
    # Their successors stand still as well by now, and may have been found out too.
    told_of = [row["subject"] for row in swarm.records("incident").values() if row["subject"].endswith("-a1")]
    assert sorted(told_of) == sorted(f"faults.{way.upper()}.aggressive.prescreen-a1" for way in ways), "each once"
    assert swarm.run("stop", "--now").returncode == 0
    assert swarm.finish() == 0


def test_what_a_killed_run_has_started_is_gone_and_a_neighbour_of_the_same_name_is_not_touched(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    ours, theirs = (swarm_of(campaign_text(bars), name) for name in ("ours", "theirs"))
    for swarm in (ours, theirs):
        swarm.order("prescreen-a1@5.spawn")
        swarm.start()
    ours_lane, *children = ours.reached("prescreen-a1@5.spawn")
    theirs_lane, *others = theirs.reached("prescreen-a1@5.spawn")
    assert all(state_of(pid) for pid in (*children, *others))
    assert len({os.getsid(pid) for pid in children}) > 1

    os.kill(ours_lane, signal.SIGKILL)
    wait("the end of every child", lambda: not any(state_of(pid) for pid in children))
    assert ours.daemon is not None
    wait("no zombie to be left", lambda: not zombies_of(ours.daemon.pid))  # type: ignore[union-attr]
    wait("a successor", lambda: ours.run_of("prescreen-a2"))
    assert ours.incident("crash")["subject"].endswith("prescreen-a1")

    # The neighbour has a run of the very same id.
    assert all(state_of(pid) for pid in (theirs_lane, *others))
    assert theirs.trouble() == []

    # Stopped at once, nothing of it is left; the other goes on all the same.
    assert ours.run("stop", "--now").returncode == 0
    assert ours.finish() == 0
    assert all(state_of(pid) for pid in (theirs_lane, *others))
    assert theirs.run("stop", "--now").returncode == 0
    wait("the end of the neighbour's", lambda: not any(state_of(pid) for pid in (theirs_lane, *others)))
    assert theirs.finish() == 0
    assert theirs.records("campaign")["faults"]["status"] == "stopped"
    assert list(theirs.home.docs.glob("HANDOFF_*.md"))
