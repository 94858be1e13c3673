"""A lane may run any program: it keeps its lock, is watched by its pidfd, and nothing of it is left when it is over."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import a_campaign, a_job, a_run, a_view
from swarm_builders import a_home

from swarmd.state.beats import BeatsPage
from swarmd.state.records.run import RunOrdered
from swarmd.supervisor.backends.groups import find_groups, group_of
from swarmd.supervisor.backends.local import Identity, LocalBackend
from swarmd.supervisor.effects.runs import work_order
from swarmd.supervisor.processes import processes_with, read_stat

# Says who it is and what it was given, leaves a child that escaped into a session of its own, and stays.
LANE = """
import os, subprocess, sys, time
escaped = subprocess.Popen([sys.executable, "-S", "-c", "import os, time; os.fork(); os.setsid(); time.sleep(60)"])
open(sys.argv[2] + ".told", "w").write(f"{sys.argv[1]} {os.environ['SWARMD_LOCK_FD']} {escaped.pid}")
os.rename(sys.argv[2] + ".told", sys.argv[2] + ".said")
time.sleep(60)
"""


def eventually(holds: Callable[[], object], within_s: float = 30.0) -> bool:
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LocalBackend]:
    home = a_home(tmp_path)
    program = (sys.executable, "-S", "-c", LANE, "a-word")
    with BeatsPage(home.beats_path, create=True) as page:
        made = LocalBackend(home, page, lambda pidfd: None, lambda pidfd: None, program=program)
        yield made
        made.end_strays_but([])
        made.close()


def the_order() -> RunOrdered:
    run = a_run(status="starting")
    assert isinstance(run, RunOrdered)
    return run


def launched(backend: LocalBackend, run: RunOrdered) -> tuple[Identity, list[str]]:
    view = a_view(jobs=[a_job(attempt=1)], runs=[run], campaigns=[a_campaign()])
    identity = backend.launch(run, work_order(view, run, home=backend.home.root, session="here", threads=1))
    said = backend.home.order_path(run.id).with_name(backend.home.order_path(run.id).name + ".said")
    assert eventually(said.exists)
    return identity, said.read_text().split()


def test_a_lane_of_any_program_gets_its_order_last_and_holds_its_lock_until_it_ends(backend: LocalBackend) -> None:
    run = the_order()
    identity, (word, descriptor, _) = launched(backend, run)
    assert (word, descriptor) == ("a-word", "3")
    assert backend.holds_lock(run.id)
    assert (backend.ended(), backend.adopted()) == (frozenset(), {})
    os.kill(identity.pid, signal.SIGKILL)
    assert eventually(lambda: backend.ended() == {run.id})
    assert backend.bury(run).signal == signal.SIGKILL
    assert backend.ended() == frozenset()


def test_what_a_buried_run_left_in_a_session_of_its_own_ends_with_the_turn(backend: LocalBackend) -> None:
    run = the_order()
    identity, (_, _, escaped) = launched(backend, run)
    assert eventually(lambda: os.getsid(int(escaped)) != identity.pid)
    os.kill(identity.pid, signal.SIGKILL)
    assert eventually(lambda: backend.ended() == {run.id})
    backend.bury(run)
    backend.end_strays()
    assert eventually(lambda: read_stat(int(escaped)) is None)
    # Its brother, forked before it moved, goes with it; one that is dying still shows its environment for a moment.
    assert eventually(lambda: processes_with("SWARMD_RUN", f"{run.id}@{backend.home.run_dir}") == [])


def test_the_control_group_of_a_buried_run_goes_with_the_turn(backend: LocalBackend) -> None:
    if group_of(os.getpid(), 1) is None or (found := find_groups(backend.home.run_dir)).parent is None:
        pytest.skip("no version 1 memory controller may be written here")
    backend.groups, run = found, the_order()
    identity, _ = launched(backend, run)
    group = Path(backend.groups.place(run.id))
    assert group.is_dir()
    os.kill(identity.pid, signal.SIGKILL)
    assert eventually(lambda: backend.ended() == {run.id})
    backend.bury(run)
    backend.end_strays()
    assert not group.exists()
    assert backend.groups.place(run.id) == ""


def test_the_control_group_of_a_run_buried_by_a_daemon_that_died_goes_with_the_next(backend: LocalBackend) -> None:
    if group_of(os.getpid(), 1) is None or (found := find_groups(backend.home.run_dir)).parent is None:
        pytest.skip("no version 1 memory controller may be written here")
    backend.groups, run = found, the_order()
    identity, (_, _, escaped) = launched(backend, run)
    group = Path(backend.groups.place(run.id))
    os.kill(identity.pid, signal.SIGKILL)
    assert eventually(lambda: backend.ended() == {run.id})
    backend.bury(run)
    # It dies here; the next one knows of no such run.
    backend.groups = find_groups(backend.home.run_dir)
    backend.end_strays_but([])
    assert not group.exists()
    assert eventually(lambda: read_stat(int(escaped)) is None)


def test_what_a_daemon_that_died_left_undone_is_ended_by_the_next(backend: LocalBackend) -> None:
    run = the_order()
    identity, (_, _, escaped) = launched(backend, run)
    assert eventually(lambda: os.getsid(int(escaped)) != identity.pid)
    assert backend.end_strays_but([run.id]) == [], "a run that holds a lane is left alone"
    assert {identity.pid, int(escaped)} <= set(backend.end_strays_but([]))
    assert eventually(lambda: read_stat(int(escaped)) is None)
    assert eventually(lambda: backend.ended() == {run.id})
    backend.bury(run)
