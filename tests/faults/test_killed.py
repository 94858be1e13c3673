"""Daemon and lanes are killed, stopped and robbed of their files, and the campaign comes to the very same end."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import SYMBOL, Row, Swarm, campaign_text, outcome, state_of, wait

pytestmark = pytest.mark.xdist_group("daemon")

SEED = 20240


def alive(swarm: Swarm, suffix: str) -> Row | None:
    row = swarm.run_of(suffix)
    return row if row.get("status") == "running" else None


def trial_lines(swarm: Swarm) -> list[int]:
    """Numbers of the trials as the runs told them while they made them, all attempts together."""
    lines = [
        line for path in swarm.home.outbox.glob("*refine*/trials.jsonl") for line in path.read_bytes().splitlines()
    ]
    return sorted(json.loads(line)["number"] for line in lines)


def kill_when_ordered(swarm: Swarm, suffix: str) -> None:
    """SIGKILL the daemon as soon as the order of this run is in the journal: its launch record may follow or not."""
    word = f"{suffix}".encode()

    def is_ordered() -> bool:
        segments = sorted(swarm.home.journal.glob("0*.jsonl"))
        return any(word in path.read_bytes() for path in segments)

    wait(f"the order of {suffix}", is_ordered, every_s=0.0005)
    swarm.kill_daemon()


def test_what_is_killed_stopped_and_damaged_makes_no_difference_to_the_result(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    chance = random.Random(SEED)
    swarm = swarm_of(campaign_text(bars))
    # A daemon may die before it has launched what it ordered: then it is a later attempt that comes so far.
    holds = {attempt: swarm.order(f"refine-a{attempt}@4.wait") for attempt in range(1, 4)}
    swarm.start()

    # The daemon dies the moment it has written down a start; whatever came of it, nothing is started twice.
    kill_when_ordered(swarm, "preflight-a1")
    swarm.start()
    wait("the preflight", lambda: swarm.records("job").get(f"faults.{SYMBOL}.preflight", {}).get("status") == "done")

    # It dies at any instant, again and again; what it does not live to see is seen by the next. The last time it leaves
    # half a line behind.
    for count in range(3):
        time.sleep(chance.uniform(0.05, 0.9))
        swarm.kill_daemon()
        if count == 2:
            os.truncate(_segment(swarm), _segment(swarm).stat().st_size - 7)
        swarm.start()
    wait("the torn line to be told", lambda: any("was torn" in row["cause"] for row in _damages(swarm)))
    first = wait(
        "a refine to be held", lambda: next((n for n in holds if holds[n].with_suffix(".reached").exists()), 0)
    )
    (lane,) = swarm.reached(holds.pop(first).name)
    for later in holds.values():
        later.unlink()
    begun, second, third = (f"refine-a{first + later}" for later in range(3))

    # The same process goes on under the next daemon: same pid, same attempt.
    # So it does where the journal has lost its end, and the very line that told of the launch.
    swarm.kill_daemon()
    segment = _segment(swarm)
    damaged = _flip_a_bit(segment, b'"kind":"run"', f'.{begun}"'.encode())
    os.truncate(segment, segment.stat().st_size - 7)
    swarm.start()
    wait("both damages to be told", lambda: len(_damages(swarm)) == 3)
    assert any("it has no end" in row["cause"] for row in _damages(swarm))
    assert damaged in [path.read_bytes() for path in (swarm.home.journal / "quarantine").iterdir()]
    adopted = wait("the adoption", lambda: alive(swarm, begun))
    assert (adopted["pid"], adopted["adopted"]) == (lane, True)
    assert state_of(lane)
    assert swarm.run_of(second) == {}

    # A killed lane is replaced, and its successor begins where it was.
    os.kill(lane, signal.SIGKILL)
    (successor,) = swarm.reached(swarm.order(f"{second}@5.wait").name)
    lost = swarm.run_of(begun)
    assert (lost["status"], lost["signal"]) == ("lost", signal.SIGKILL)
    assert swarm.incident("crash")["subject"].endswith(begun)

    # A stopped one is noticed, looked into, killed and replaced; its successor waits, lest all be over too soon.
    last = swarm.order(f"{third}@6.wait")
    os.kill(successor, signal.SIGSTOP)
    incident = swarm.incident("stopped")
    assert incident["subject"].endswith(second)
    wait("the end of the stopped lane", lambda: not state_of(successor))
    (evidence,) = incident["evidence"]
    told = (swarm.home.root / evidence).read_text()
    assert "State:\tT (stopped)" in told, "taken before the kill"
    assert "--- stack (py-spy dump" in told
    assert "events (" in told or "_obey (" in told, "the stack names where it stood"

    # Published files are views: deleted or damaged, they come back and it is told.
    swarm.reached(last.name)
    gone, damaged = (swarm.home.state / f"{name}_state.json" for name in ("worker_sentry", "main_orchestrator"))
    _disturb(swarm, gone, lambda: gone.unlink(missing_ok=True))
    _disturb(swarm, damaged, lambda: damaged.write_bytes(b'{"schema": "swar'))
    wait("both to be closed", lambda: all(i["status"] == "closed" for i in swarm.incidents("state_missing").values()))
    last.unlink()
    assert json.loads(gone.read_text())["agent"] == "worker_sentry"
    assert json.loads(damaged.read_text())["agent"] == "main_orchestrator"

    assert swarm.finish() == 0
    assert outcome(swarm) == undisturbed
    assert trial_lines(swarm) == list(range(12)), "each trial was made and told once"
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}
    assert len(swarm.incidents("daemon_lost")) == 5
    runs = swarm.records("run").values()
    assert all(row["ended_at"] > 0 for row in runs)
    _no_two_at_once(swarm)


def _disturb(swarm: Swarm, path: Path, harm: Callable[[], object]) -> None:
    """Harm the file until it is noticed: what happens between a cycle's look and its end is mended by that very end."""

    def is_told() -> bool:
        return any(row["subject"] == f"state/{path.name}" for row in swarm.incidents("state_missing").values())

    for _ in range(10):
        harm()
        with suppress(AssertionError):
            wait("the incident", is_told, within_s=2)
            return
    raise AssertionError(f"{path.name} was harmed ten times and nobody told of it")


def _damages(swarm: Swarm) -> list[Row]:
    return list(swarm.incidents("journal_damaged").values())


def _segment(swarm: Swarm) -> Path:
    return sorted(swarm.home.journal.glob("0*.jsonl"))[-1]


def _flip_a_bit(segment: Path, *words: bytes) -> bytes:
    """In the middle of the last line with these words; gives back the line as it then is."""
    lines = segment.read_bytes().split(b"\n")
    index = max(number for number, line in enumerate(lines[:-2]) if all(word in line for word in words))
    line = bytearray(lines[index])
    line[len(line) // 2] ^= 1
    lines[index] = bytes(line)
    segment.write_bytes(b"\n".join(lines))
    return bytes(line)


def _no_two_at_once(swarm: Swarm) -> None:
    """No two attempts of a job overlap."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for row in swarm.records("run").values():
        spans.setdefault(row["job"], []).append((row["ordered_at"], row["ended_at"]))
    for job, each in spans.items():
        each.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(each)), job
