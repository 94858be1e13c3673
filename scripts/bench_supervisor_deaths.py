#!/usr/bin/env python3
"""The supervisor itself dies: what outlives it, what is doubled or lost, and how soon its successor has it in hand.

Called by scripts/bench_supervisor.
"""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from bench_supervisor_peers import Birth, Figures, Ours, Peer, running
from bench_supervisor_processes import is_alive, nap, reap, wait_for


def restart(peer: Peer) -> int:
    assert peer.main is not None
    peer.main.kill()
    peer.main.wait()
    return peer.start()


def killed(kind: type[Peer], tools: Path, lanes: int) -> Figures:
    """SIGKILL of the supervisor, a child dies meanwhile, and it is started again as its users would."""
    with running(kind, tools, lanes=lanes) as (peer, _):
        nap(2)
        old = {peer.lane_of(birth): birth.pid for birth in peer.births()}
        victim = peer.lane_of(peer.births()[0])
        assert peer.main is not None
        peer.main.kill()
        peer.main.wait()
        nap(0.5)
        outlived = sum(is_alive(pid) for pid in old.values())
        with suppress(ProcessLookupError):
            os.kill(old[victim], signal.SIGKILL)
        was = time.monotonic_ns()
        nap(0.5)
        alone = any(birth.at_ns > was for birth in peer.births() if peer.lane_of(birth) == victim)
        at = peer.start()
        back = wait_for(lambda: born_since(peer, victim, at), 15)
        nap(3)
        living: dict[str, int] = {}
        for birth in peer.births():
            living[peer.lane_of(birth)] = living.get(peer.lane_of(birth), 0) + is_alive(birth.pid)
        kept = sum(is_alive(pid) for pid in old.values())
        told: Figures = {
            "outlived": outlived,
            "replaced_meanwhile": alone,
            "dead_lane_back_s": (back.at_ns - at) / 1e9 if back else None,
            "doubled": sum(copies > 1 for copies in living.values()),
            "lost": sum(copies == 0 for copies in living.values()),
            "kept": kept,
        }
        if isinstance(peer, Ours):
            told["adopted_s"] = adopted_within(peer, at)
        return told


def born_since(peer: Peer, lane: str, at_ns: int) -> Birth | None:
    return next((each for each in peer.births() if each.at_ns > at_ns and peer.lane_of(each) == lane), None)


def adopted_within(peer: Peer, at: int) -> float | None:
    """From taking the home to the end of the first cycle, by the daemon's own account."""
    from swarmd.state.records.session import Session
    from swarmd.state.store.codec import decode
    from swarmd.state.store.raw import read_journal

    lines = read_journal(peer.place / "home/state/journal").lines
    sessions = [line.seq for line in lines if line.said["kind"] == Session.KIND]
    instants = [decode(line.said).at for line in lines if line.seq >= sessions[-1]]
    runs = [decode(line.said).at for line in lines if line.seq >= sessions[-1] and line.said["kind"] == "run"]
    return (runs[0] - instants[0]) / 1000 if runs else None


def random_kills(tools: Path, n: int) -> Figures:
    """SIGKILL of our daemon at random instants, half of them within the milliseconds after a lane's crash."""
    chance = random.Random(2)
    lanes, doubled = 4, 0
    with running(Ours, tools, lanes=lanes) as (peer, _):
        for _ in range(n):
            nap(chance.uniform(0.05, 0.5))
            if chance.random() < 0.5:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(peer.births()[-lanes:]).pid, signal.SIGKILL)
                time.sleep(chance.uniform(0, 0.012))
            restart(peer)
            nap(chance.uniform(0.4, 1.4))
            doubled += max(copies(peer).values()) > 1
        lost = wait_for(lambda: list(copies(peer).values()) == [1] * lanes, 20) is None
        return {"kills": n, "doubled": doubled, "lost": int(lost)}


def copies(peer: Peer) -> dict[str, int]:
    reap()
    living: dict[str, int] = {f"S{index}": 0 for index in range(len(peer.lanes))}
    for birth in peer.births():
        living[peer.lane_of(birth)] += is_alive(birth.pid)
    return living
