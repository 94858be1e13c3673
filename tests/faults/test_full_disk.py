"""The disk of the home is full: the work waits, nothing written is lost, and it goes on alone when there is room.

Only root may mount the small disk this needs.
"""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from faults.swarm import Swarm, campaign_text, wait

from swarmd.state.store.raw import history

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    told = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if told.returncode != 0:
        pytest.skip("mounting is for root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def filled(disk: Path) -> Path:
    rest = disk / "rest"
    with rest.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return rest


def begun(swarm_of: Callable[..., Swarm], disk: Path, bars: Path) -> tuple[Swarm, Path]:
    """A swarm whose home is on the disk, held in the middle of a prescreen, with the disk full."""
    swarm = swarm_of(campaign_text(bars).replace("disk_free_min: 1MiB", "disk_free_min: 0B"))
    swarm.home.root.symlink_to(disk)
    order = swarm.order("prescreen-a1@5.wait")
    swarm.start()
    swarm.reached(order.name)
    rest = filled(disk)
    log = swarm.home.logs / "swarmd.log"
    out = swarm.folder / "daemon.out"
    wait("the daemon to notice", lambda: b"No space left" in log.read_bytes() + out.read_bytes())
    order.unlink()
    return swarm, rest


def test_nothing_is_lost_and_the_work_goes_on_when_there_is_room(
    swarm_of: Callable[..., Swarm], disk: Path, bars: Path
) -> None:
    swarm, rest = begun(swarm_of, disk, bars)
    assert swarm.daemon is not None
    assert swarm.daemon.poll() is None
    lines, damages = history(swarm.home.journal)
    assert damages == []
    assert swarm.run("query").returncode == 0
    rest.unlink()
    done = "faults.EDGE.aggressive.prescreen"
    wait("the prescreen", lambda: swarm.records("job")[done]["status"] == "done")
    after, damages = history(swarm.home.journal)
    assert damages == []
    assert [line.content for line in after[: len(lines)]] == [line.content for line in lines]
    assert swarm.run("stop", "--now").returncode == 0
    assert swarm.finish() == 0


def test_a_daemon_on_a_full_disk_still_obeys_a_signal(swarm_of: Callable[..., Swarm], disk: Path, bars: Path) -> None:
    swarm, rest = begun(swarm_of, disk, bars)
    assert swarm.daemon is not None
    try:
        for _ in range(2):
            swarm.daemon.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                swarm.daemon.wait(timeout=5)
        assert swarm.daemon.poll() is not None, "it is still there after being asked twice"
    finally:
        rest.unlink()
        swarm.finish()
