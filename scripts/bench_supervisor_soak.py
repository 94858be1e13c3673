#!/usr/bin/env python3
"""What a few minutes cannot show: our daemon killed ten thousand times, and its lanes hung and killed by the hundred.

Called by `scripts/bench_supervisor --soak`. Several swarms at a time, each in a process of its own that adopts what its
daemon leaves behind; after some hundred deaths each begins with a new home. Nothing is timed: the more the swarms are
in each other's way, the more instants are met.
"""

import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from subprocess import Popen
from typing import Any

from bench_supervisor_crashes import GRANDCHILDREN, left_behind
from bench_supervisor_hangs import LIMIT_S, in_journal, turns_of
from bench_supervisor_peers import Ours, Peer, running
from bench_supervisor_processes import adopt_orphans, descendants, end_descendants, end_with_parent, nap, reap, wait_for

LANES = 4
PER_HOME = 250
HUNG, HUNG_PER_HOME = 200, 25
PARENTS = 1000
SETTLES_WITHIN_S = 30.0
# Beyond this after the crash of a lane its successor is written down, started and told of.
AROUND_A_START_S = 0.012
MUST_NOT_BE = ("doubled", "lost", "unknown", "unnoticed", "without_evidence", "grandchildren")


@dataclass(frozen=True)
class Task:
    """``what`` is "daemon", "hang" or the mode of a child with grandchildren; ``n`` how often."""

    what: str
    n: int
    seed: int = 0


def soak(tools: Path, kills: int, jobs: int, seed: int) -> Counter[str]:
    """Counts by name: what was done, and what must be 0."""
    first = seed * 1_000_000
    tasks = [Task("daemon", n, first + index) for index, n in enumerate(portions(kills, PER_HOME))]
    tasks += [Task("hang", n) for n in portions(min(HUNG, kills), HUNG_PER_HOME)]
    tasks += [Task(mode, -(-min(PARENTS, kills) // len(GRANDCHILDREN))) for mode in GRANDCHILDREN]
    counts, began = Counter[str](), time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=apart) as pool:
        played_so_far = as_completed([pool.submit(played, task, tools) for task in tasks])
        for done, future in enumerate(played_so_far, 1):
            counts.update(future.result())
            spent = time.monotonic() - began
            print(
                f"bench_supervisor: {done} of {len(tasks)} homes, {counts['kills']} kills of the daemon, "
                f"{counts['kills'] / spent:.1f}/s, {spent / done * (len(tasks) - done) / 60:.0f} min to go; "
                f"{', '.join(f'{counts[name]} {name}' for name in MUST_NOT_BE)}",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    return counts


def apart() -> None:
    """A worker has the orphans of its own swarm, and ends with all of it where whoever began the soak is gone."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, leave)
    end_with_parent(signal.SIGTERM)


def leave(*_: object) -> None:
    end_descendants()
    os._exit(1)


def portions(total: int, each: int) -> Iterator[int]:
    for begun in range(0, total, each):
        yield min(each, total - begun)


def played(task: Task, tools: Path) -> Counter[str]:
    if task.what == "daemon":
        return daemon_killed(tools, task.n, random.Random(task.seed))
    if task.what == "hang":
        return hung(tools, task.n)
    killed, left = left_behind(Ours, tools, task.what, task.n)
    return Counter(parents=killed, lost=int(killed < task.n), grandchildren=left)


# -- the daemon dies ---------------------------------------------------------------------------------------------------


def daemon_killed(tools: Path, n: int, chance: random.Random) -> Counter[str]:
    """Half of the deaths fall anywhere between its start and its first cycles, half around the start of a lane.

    Those that fall anywhere have, every other time, a lane that died while nobody was there. ``doubled`` counts looks
    that found two of a lane, ``lost`` the times that all four were not there again within half a minute, ``unknown``
    processes at the end that the journal does not know as running, or the other way round.
    """
    counts = Counter[str](kills=n)
    up_s = [0.5]
    with running(Ours, tools, lanes=LANES) as (peer, _):
        for _ in range(n):
            if chance.random() < 0.5:
                time.sleep(chance.uniform(0, 1.5 * statistics.median(up_s[-20:])))
                counts["at_any_instant"] += 1
                daemon_of(peer).kill()
                if chance.random() < 0.5:
                    end_one(peer, chance)
            else:
                if (took_s := in_hand_within(peer)) is None:
                    counts["lost"] += 1
                else:
                    up_s.append(took_s)
                time.sleep(chance.uniform(0, 0.1))
                end_one(peer, chance)
                time.sleep(chance.uniform(0, AROUND_A_START_S))
                counts["around_a_start"] += 1
                daemon_of(peer).kill()
            daemon_of(peer).wait()
            counts["doubled"] += max(copies(peer).values()) > 1
            peer.start()
        counts["lost"] += in_hand_within(peer) is None
        nap(1)
        counts["doubled"] += max(copies(peer).values()) > 1
        counts["unknown"] += wait_for(lambda: known_to_the_journal(peer) == living(peer).keys(), 5, 0.1) is None
        counts["births"] = len(peer.births())
    return counts


def daemon_of(peer: Peer) -> Popen[bytes]:
    assert peer.main is not None
    return peer.main


def in_hand_within(peer: Peer) -> float | None:
    """Seconds until this daemon has told of a cycle and each lane lives once; none where that does not come."""
    began = time.monotonic()
    pid = daemon_of(peer).pid

    def is_in_hand() -> bool:
        return turns_of(peer) == pid and set(copies(peer).values()) == {1}

    if wait_for(is_in_hand, SETTLES_WITHIN_S, 0.01):
        return time.monotonic() - began
    keep(peer)
    return None


def keep(peer: Peer) -> None:
    """A home that lost a lane, what its daemon said and how it stands, where a person can look at it afterwards."""
    kept = Path(tempfile.mkdtemp(prefix="bench-supervisor-lost-"))
    daemon = daemon_of(peer)
    status = {"ended": daemon.poll(), "daemon": daemon.pid, "told": turns_of(peer), "living": living(peer)}
    (kept / "status.json").write_text(json.dumps(status, indent=1) + "\n")
    shutil.copytree(peer.place, kept / "place", symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    print(f"bench_supervisor: not all lanes were there after {SETTLES_WITHIN_S:g} s: see {kept}", file=sys.stderr)


def end_one(peer: Peer, chance: random.Random) -> None:
    with suppress(ProcessLookupError, IndexError):
        os.kill(chance.choice(sorted(living(peer))), signal.SIGKILL)


def copies(peer: Peer) -> Counter[str]:
    """How many of each lane live, those with none among them."""
    counts = Counter(living(peer).values())
    return Counter({lane: counts[lane] for lane in peer.lanes})


def living(peer: Peer) -> dict[int, str]:
    """{pid: lane}, by the kernel's own account of what runs."""
    reap()
    lanes = {birth.pid: peer.lane_of(birth) for birth in peer.births()}
    return {pid: lanes[pid] for pid in descendants() if pid in lanes and peer.lives(pid)}


def known_to_the_journal(peer: Peer) -> set[int]:
    runs = records(peer, "run")
    return {run["pid"] for run in runs if run["status"] == "running"}


def records(peer: Peer, kind: str) -> list[dict[str, Any]]:
    from swarmd.state.store.raw import read_journal

    tables = read_journal(peer.place / "home/state/journal").folded()
    return [dict(line.said["data"]) for line in tables.by_kind.get(kind, {}).values()]


# -- a lane hangs ------------------------------------------------------------------------------------------------------


def hung(tools: Path, n: int) -> Counter[str]:
    """A lane that pulses and works no more, n times: was it noticed, and looked into before it was killed?"""
    said = b'"signature":"stuck_without_cpu"'
    counts = Counter[str]()
    with running(Ours, tools, mode="stall", setting="watchdog", limit_s=LIMIT_S) as (peer, _):
        for _ in range(n):
            nap(0.5)
            last, before = peer.last(), in_journal(peer, said)
            os.kill(last.pid, signal.SIGUSR1)
            counts["hung"] += 1
            replaced = wait_for(lambda last=last: peer.after(last.at_ns), LIMIT_S + 10, 0.02)  # type: ignore[misc]
            counts["unnoticed"] += in_journal(peer, said) == before
            if not replaced:
                counts["lost"] += 1
                break
        home = peer.place / "home"
        incidents = [each for each in records(peer, "incident") if each["signature"] == "stuck_without_cpu"]
        seen_into = sum(any(is_evidence(home / path) for path in each["evidence"]) for each in incidents)
        counts["without_evidence"] = counts["hung"] - seen_into
    return counts


def is_evidence(path: Path) -> bool:
    """Taken while it lived: the kernel told of a state that is not a dead one's."""
    with suppress(OSError):
        states = [line for line in path.read_text().splitlines() if line.startswith("State:")]
        return any("Z" not in line and "X" not in line for line in states)
    return False


# -- in words ----------------------------------------------------------------------------------------------------------


def in_words(counts: Counter[str], seed: int) -> str:
    n = {name: f"{counts[name]:,}" for name in {*counts, *MUST_NOT_BE}}
    return "\n".join(
        [
            "| done, for real | times | what must not be |",
            "|---|---|---|",
            f"| daemon SIGKILLed: {n['around_a_start']} times within {AROUND_A_START_S * 1000:g} ms of a lane's crash, "
            f"{n['at_any_instant']} at any instant from its start on | {n['kills']} | {n['doubled']} doubled, "
            f"{n['lost']} lost, {n['unknown']} unknown to the journal, of {n['births']} processes |",
            f"| a lane pulses and works no more | {n['hung']} | {n['unnoticed']} unnoticed, "
            f"{n['without_evidence']} without evidence from before the kill |",
            f"| the parent of a grandchild SIGKILLed ({', '.join(GRANDCHILDREN.values())}) | {n['parents']} "
            f"| {n['grandchildren']} left |",
            "",
            f"Seed {seed}.",
        ]
    )
