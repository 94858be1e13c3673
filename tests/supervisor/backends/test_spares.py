"""A spare becomes the run it is given, in every respect that others tell runs by; and it is never more than a shortcut.

Real lanes of the engine. To hold one where it can be looked at, the test holds the result folder it will want.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders import a_beat, a_campaign, a_job, a_policy, a_run, a_view
from swarm_builders import a_home

from swarmd.state.beats import BeatsPage
from swarmd.state.errors import OutsideError
from swarmd.state.records.gauge import Gauge
from swarmd.state.records.run import RunOrdered
from swarmd.state.store.files import Home, is_locked, lock_file
from swarmd.state.view import View
from swarmd.state.work_order import WorkOrder
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.backends.spares import Failures, Spare, may_start_spare, spares_wanted
from swarmd.supervisor.effects.runs import work_order
from swarmd.supervisor.processes import processes_with, read_stat

pytestmark = pytest.mark.timeout(300)
WITHIN_S = 300.0
THREADS = 1


def eventually(holds: Callable[[], object]) -> bool:
    until = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def a_backend(home: Home) -> Iterator[LocalBackend]:
    with BeatsPage(home.beats_path, create=True) as page:
        made = LocalBackend(home, page, lambda pidfd: None, lambda pidfd: None)
        yield made
        made.close()
        made.end_strays_but([])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """One whose only result folder is taken: a lane that wants to begin waits for it, some seconds."""
    made = a_home(tmp_path)
    folder = made.results_of(a_campaign().settings.name, "BTCUSDT", "balanced")
    held = lock_file(folder / ".lock", {"run": "the test"})
    assert held is not None
    yield made
    os.close(held)


def an_order(home: Home, attempt: int, threads: int = THREADS) -> tuple[RunOrdered, WorkOrder]:
    job = a_job(attempt=attempt)
    run = a_run(job.id, attempt, status="starting")
    assert isinstance(run, RunOrdered)
    view = a_view(jobs=[job], runs=[run], campaigns=[a_campaign()])
    return run, work_order(view, run, home=home.root, session="here", threads=threads)


def stocked(backend: LocalBackend) -> Spare:
    """A spare that is ready, for orders as ``an_order`` makes them."""
    _, like = an_order(backend.home, 99)
    backend._write_order(a_run(like.job, 99, status="starting"), like)  # type: ignore[arg-type]

    def ready() -> bool:
        backend.spares.keep(1, like, backend._environment(like.threads), may_start=True)
        return backend.spares._waiting[0].is_ready

    assert eventually(ready)
    return backend.spares._waiting[0]


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


def test_a_spare_that_takes_an_order_is_that_run_like_any_other(home: Home) -> None:
    with a_backend(home) as backend:
        spare, (run, order) = stocked(backend), an_order(home, 1)
        assert backend.end_strays_but([]) == [], "a spare of ours is no stray"
        assert spare.pid in backend.pids()
        identity = backend.launch(run, order)
        assert identity.pid == spare.pid
        assert backend.holds_lock(run.id)
        assert processes_with("SWARMD_RUN", f"{run.id}@{home.run_dir}") == [identity.pid]
        assert words_of(identity.pid) == [
            sys.executable,
            "-P",
            "-m",
            "swarmd.engine.lane",
            str(home.order_path(run.id)),
        ]
        places = {n: str(Path(f"/proc/{identity.pid}/fd/{n}").readlink()) for n in (0, 1, 2, 3)}
        log, lock = str(home.log_path(run.id)), str(home.lock_path(run.id))
        assert places == {0: os.devnull, 1: log, 2: log, 3: lock}
        assert os.getsid(identity.pid) == identity.pid
        # It says itself who it is, as every lane does; another daemon finds it by that, and by its mark before that.
        assert eventually(lambda: backend.page.read(run.slot).token == run.attempt or backend.ended())
        with a_backend_beside(backend) as other:
            found = other.find(run)
            assert found is None or found == identity
        os.kill(identity.pid, signal.SIGKILL)
        assert eventually(lambda: backend.ended() == {run.id})
        assert backend.bury(run).signal in (signal.SIGKILL, -1)
        assert not backend.holds_lock(run.id)


@contextmanager
def a_backend_beside(backend: LocalBackend) -> Iterator[LocalBackend]:
    yield LocalBackend(backend.home, backend.page, lambda pidfd: None, lambda pidfd: None)


def test_three_failures_in_a_row_are_left_alone_for_a_while_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    failures, now = Failures(), 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(2):
        failures.note()
    failures.forget()
    for _ in range(3):
        assert failures.are_few
        failures.note()
    assert not failures.are_few
    now += 599.0
    assert not failures.are_few
    now += 1.0
    assert failures.are_few
    failures.note()
    assert not failures.are_few


def test_a_stopped_spare_swallows_no_order(home: Home) -> None:
    with a_backend(home) as backend:
        spare, (run, order) = stocked(backend), an_order(home, 1)
        os.kill(spare.pid, signal.SIGSTOP)
        assert eventually(lambda: (stat := read_stat(spare.pid)) is not None and stat.state == "T")
        identity = backend.launch(run, order)
        assert identity.pid != spare.pid
        assert read_stat(spare.pid) is None, "ended before another was started"
        assert backend.holds_lock(run.id)
        # Between its exec and its first instruction a fresh one shows nothing yet.
        assert eventually(lambda: processes_with("SWARMD_RUN", f"{run.id}@{home.run_dir}") == [identity.pid])


def test_a_spare_that_was_killed_costs_nothing(home: Home) -> None:
    with a_backend(home) as backend:
        spare, (run, order) = stocked(backend), an_order(home, 1)
        os.kill(spare.pid, signal.SIGKILL)
        identity = backend.launch(run, order)
        assert identity.pid != spare.pid
        assert backend.holds_lock(run.id)


def test_a_spare_takes_no_order_it_is_not_made_for(home: Home) -> None:
    with a_backend(home) as backend:
        spare = stocked(backend)
        run, order = an_order(home, 1, threads=THREADS + 1)
        assert backend.launch(run, order).pid != spare.pid
        spare.sources -= 1  # as if the engine's sources had been changed since
        run, order = an_order(home, 2)
        assert backend.launch(run, order).pid != spare.pid
        assert eventually(lambda: read_stat(spare.pid) is None)


def test_idle_spares_end_when_they_are_wanted_no_more_and_with_the_backend(home: Home) -> None:
    with a_backend(home) as backend:
        first = stocked(backend)
        backend.spares.keep(0, first.like, {}, may_start=True)
        assert eventually(lambda: read_stat(first.pid) is None)
        second = stocked(backend)
    assert not Path(f"/proc/{second.pid}").exists(), "reaped, too"


def test_another_program_has_no_spares(tmp_path: Path) -> None:
    with BeatsPage(a_home(tmp_path).beats_path, create=True) as page:
        home = Home(tmp_path / "home")
        backend = LocalBackend(home, page, lambda pidfd: None, lambda pidfd: None, program=("/bin/true",))
        run, order = an_order(home, 1)
        backend.launch(run, order)
        backend.keep_spares(a_view(runs=[a_run()], beats=[a_beat()]))
        assert backend.spares.pids() == frozenset()
        assert eventually(backend.ended)
        backend.bury(run)
        backend.close()


# Gets a spare ready as the tests above do, tells its pid, and dies at the named instant of a launch.
DAEMON = """
import os, signal, socket, sys
from pathlib import Path
from swarmd.state.store.files import Home
from swarmd.supervisor.backends.spares import Spare
from test_spares import a_backend, an_order, stocked

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(whole):
    def both(*given):
        whole(*given)
        die()
    return both

home, instant = Home(Path(sys.argv[1])), sys.argv[2]
with a_backend(home) as backend:
    print(stocked(backend).pid, flush=True)
    if instant == "locked":
        Spare.take = die
    elif instant == "sent":
        socket.send_fds = then_die(socket.send_fds)
    elif instant == "taken":
        Spare.take = then_die(Spare.take)
    elif instant == "stopped":
        os.kill(backend.spares._waiting[0].pid, signal.SIGSTOP)
        die()
    elif instant == "idle":
        die()
    backend.launch(*an_order(home, 1))
"""


@pytest.mark.parametrize("instant", ["idle", "stopped", "locked", "sent", "taken"])
def test_a_daemon_that_dies_while_it_hands_over_leaves_one_run_or_none(home: Home, instant: str) -> None:
    here = Path(__file__)
    died = subprocess.run(
        [sys.executable, "-P", "-c", DAEMON, str(home.root), instant],
        env={**os.environ, "PYTHONPATH": f"{here.parents[2]}:{here.parent}"},
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    spare, (run, order) = int(died.stdout), an_order(home, 1)
    if instant == "taken":
        assert is_locked(home.lock_path(run.id))
    elif instant != "sent":
        assert eventually(lambda: not is_locked(home.lock_path(run.id)))
        assert eventually(lambda: read_stat(spare) is None), "nothing of a spare outlives its daemon"
    with a_backend(home) as successor:
        if is_locked(home.lock_path(run.id)):
            with pytest.raises(OutsideError, match="is held"):
                successor.launch(run, order)
            assert eventually(lambda: (found := successor.find(run)) is None or found.pid == spare)
        assert eventually(lambda: not is_locked(home.lock_path(run.id))), "it gives up on the folder, or was ended"
        assert successor.launch(run, order).pid != spare
        assert eventually(lambda: len(processes_with("SWARMD_RUN", f"{run.id}@{home.run_dir}")) == 1)


def test_spares_are_kept_while_there_is_work_and_memory() -> None:
    working = a_view(jobs=[a_job()], policy=a_policy(max_lanes=4, spares=2))
    assert spares_wanted(working) == 2
    assert spares_wanted(a_view(jobs=[a_job()], policy=a_policy(max_lanes=1, spares=2))) == 1
    assert spares_wanted(a_view(jobs=[a_job()], policy=a_policy(spares=0))) == 0
    assert spares_wanted(a_view(jobs=[a_job(status="done")])) == 0
    assert spares_wanted(a_view(jobs=[a_job()], campaigns=[a_campaign(status="paused")])) == 0
    short = Gauge(id="host.mem_available_bytes", at=0, value=1 << 20)
    assert spares_wanted(a_view(jobs=[a_job()], gauges=[short])) == 0


def test_no_spare_is_started_while_a_lane_begins() -> None:
    def view(is_ready: bool) -> View:
        return a_view(jobs=[a_job()], runs=[a_run()], beats=[a_beat(is_ready=is_ready)])

    assert may_start_spare(view(is_ready=True))
    assert not may_start_spare(view(is_ready=False))
    assert not may_start_spare(a_view(jobs=[a_job()], runs=[a_run()]))
    assert not may_start_spare(a_view(jobs=[a_job()], runs=[a_run(status="starting")]))
