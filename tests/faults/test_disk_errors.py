"""The disk of a living daemon fails for a while (EIO, no space, read-only, no descriptors, a file size limit).

The daemon goes on or waits, loses and doubles nothing, and takes up its work alone when the cause is gone: the campaign
comes to what it comes to undisturbed. Real errors from a preloaded C file and from the kernel's own limits.
"""

import errno
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, outcome, wait
from faulty_disk import FaultyDisk

from swarmd.state.store.raw import history, read_journal

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")

_DONE = "faults.EDGE.aggressive.prescreen"


def held_in_a_prescreen(swarm: Swarm) -> Path:
    order = swarm.order("prescreen-a1@5.wait")
    swarm.start()
    swarm.reached(order.name)
    return order


def came_to_the_same(swarm: Swarm, undisturbed: dict[str, Any], before: list[bytes]) -> None:
    """All that was written is still there, nothing has a hole, nothing was done twice, and the end is the same."""
    assert swarm.finish() == 0
    lines, damages = history(swarm.home.journal)
    assert damages == []
    assert [line.content for line in lines[: len(before)]] == before
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    assert outcome(swarm) == undisturbed
    assert {row["status"] for row in swarm.records("job").values()} <= {"done", "skipped"}


def contents(swarm: Swarm) -> list[bytes]:
    return [line.content for line in history(swarm.home.journal)[0]]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS], ids=["EIO", "ENOSPC", "EROFS"])
def test_a_journal_that_cannot_be_written_pauses_the_daemon_and_nothing_else(
    swarm_of: Callable[..., Swarm], tmp_path: Path, bars: Path, undisturbed: dict[str, Any], error: int
) -> None:
    swarm = swarm_of(campaign_text(bars))
    disk = FaultyDisk(tmp_path / "page", swarm.home.journal)
    swarm.environment |= disk.environment
    order = held_in_a_prescreen(swarm)
    assert swarm.daemon is not None

    before = contents(swarm)
    disk.refuse(error, is_partial=error == errno.ENOSPC)
    order.unlink()
    wait("the daemon to meet it", lambda: disk.n_refused > 8)
    # The lane does not know of it, and has ended well meanwhile; the daemon, unheard by its journal, waits.
    wait(
        "the result of the lane",
        lambda: b'"result"' in (swarm.home.outbox_of(f"{_DONE}-a1") / "events.jsonl").read_bytes(),
    )
    refused = disk.n_refused
    wait("it to go on trying", lambda: disk.n_refused > refused + 4)
    assert swarm.daemon.poll() is None
    assert swarm.records("job")[_DONE]["status"] == "queued"
    assert swarm.run("query").returncode == 0, "who only reads is not hindered"
    assert read_journal(swarm.home.journal).damages == []

    disk.heal()
    came_to_the_same(swarm, undisturbed, before)
    assert swarm.run_of("prescreen-a2") == {}
    assert swarm.run_of("refine-a2") == {}


def test_a_file_size_limit_that_is_lifted_again_costs_nothing(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    swarm = swarm_of(campaign_text(bars))
    order = held_in_a_prescreen(swarm)
    assert swarm.daemon is not None
    before = contents(swarm)
    _, hard = resource.prlimit(swarm.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(swarm.daemon.pid, resource.RLIMIT_FSIZE, (100, hard))
    order.unlink()
    log = swarm.home.logs / "swarmd.log"
    out = swarm.folder / "daemon.out"
    wait("it to be told", lambda: b"File too large" in log.read_bytes() + out.read_bytes() or _is_stuck(swarm))
    assert swarm.daemon.poll() is None
    resource.prlimit(swarm.daemon.pid, resource.RLIMIT_FSIZE, (hard, hard))
    came_to_the_same(swarm, undisturbed, before)


def _is_stuck(swarm: Swarm) -> bool:
    """The log is under the same limit: then only a result that nobody takes up tells."""
    said = swarm.home.outbox_of(f"{_DONE}-a1") / "events.jsonl"
    return b'"result"' in said.read_bytes() and swarm.records("job")[_DONE]["status"] == "queued"


def test_a_daemon_without_descriptors_starts_nothing_and_goes_on_when_it_has_some(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    swarm = swarm_of(campaign_text(bars))
    order = held_in_a_prescreen(swarm)
    assert swarm.daemon is not None
    before = contents(swarm)
    soft, hard = resource.prlimit(swarm.daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(swarm.daemon.pid, resource.RLIMIT_NOFILE, (3, hard))
    order.unlink()
    out, log = swarm.folder / "daemon.out", swarm.home.logs / "swarmd.log"
    wait("it to be told", lambda: b"Too many open files" in log.read_bytes() + out.read_bytes())
    assert swarm.daemon.poll() is None
    resource.prlimit(swarm.daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))
    came_to_the_same(swarm, undisturbed, before)
