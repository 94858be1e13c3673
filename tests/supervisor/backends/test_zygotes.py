"""Couriers that are forked: each is its run like any other, and nothing hangs on the process they come from."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from search_builders import an_order
from swarm_builders import a_home

from swarmd.state.beats import BeatsPage
from swarmd.state.cluster import ADDRESS_VARIABLE, ray_environment, token_path
from swarmd.state.store.files import Home, atomic_write, is_locked, lock_file
from swarmd.state.work_order import (
    BEATS_VARIABLE,
    LOCK_FD,
    LOCK_FD_VARIABLE,
    RUN_VARIABLE,
    ExitCode,
    WorkOrder,
)
from swarmd.supervisor.backends.ray.backend import COURIER
from swarmd.supervisor.backends.ray.couriers import SpareCouriers
from swarmd.supervisor.processes import become_subreaper, processes_with, state_of

pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")
pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.timeout(300)]

WITHIN_S = 240.0
# Where nobody listens.
ADDRESS = "127.0.0.1:1"
_PR_SET_CHILD_SUBREAPER = 36


def eventually(what: str, holds: Callable[[], object]) -> object:
    until = time.monotonic() + WITHIN_S
    while not (found := holds()):
        assert time.monotonic() < until, f"never came: {what}"
        time.sleep(0.01)
    return found


@pytest.fixture(autouse=True)
def takes_orphans_in() -> Iterator[None]:
    """As a daemon does."""
    become_subreaper()
    yield
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = a_home(tmp_path)
    atomic_write(token_path(made), b"0" * 64)
    BeatsPage(made.beats_path, create=True).close()
    return made


@pytest.fixture
def couriers(home: Home) -> Iterator[SpareCouriers]:
    made = SpareCouriers(home, COURIER)
    yield made
    made.close()
    assert not processes_with(RUN_VARIABLE, made.zygote.mark)


def environment(home: Home) -> dict[str, str]:
    return {
        **os.environ,
        **ray_environment(token_path(home)),
        # It need not wait long for a head that is not there.
        "RAY_gcs_rpc_server_reconnect_timeout_s": "2",
        ADDRESS_VARIABLE: ADDRESS,
    }


def ready(couriers: SpareCouriers) -> int:
    """The pid of the zygote, once it can be asked."""

    def kept() -> bool:
        couriers.zygote.keep(environment(couriers.home), is_wanted=True)
        return couriers.zygote.is_ready

    eventually("a zygote that is ready", kept)
    (pid,) = couriers.zygote.pids()
    return pid


def handed(couriers: SpareCouriers, order: WorkOrder) -> int | None:
    """The pid of a courier that was there for the order at once."""
    home = couriers.home
    atomic_write(home.order_path(order.run), order.model_dump_json().encode())
    home.outbox_of(order.run).mkdir(parents=True)
    variables = {
        LOCK_FD_VARIABLE: str(LOCK_FD),
        BEATS_VARIABLE: f"{home.beats_path}:0",
        RUN_VARIABLE: f"{order.run}@{home.run_dir}",
        ADDRESS_VARIABLE: ADDRESS,
    }
    lock = lock_file(home.lock_path(order.run), {"run": order.run})
    assert lock is not None
    try:
        with home.log_path(order.run).open("ab") as log:
            return couriers.hand_over(order, variables, lock, log.fileno())
    finally:
        os.close(lock)


def test_a_courier_that_is_forked_is_its_run_like_any_other(home: Home, couriers: SpareCouriers) -> None:
    zygote = ready(couriers)
    # Its first call is for the folder of results: held by another, it waits a while for it, and can be looked at.
    order = an_order(home.root, home.root / "bars", "prescreen", run="cpu0-prescreen-1")
    folder = home.results_of(order.campaign.name, order.symbol, order.mode)
    held = lock_file(folder / ".lock", {"run": "the test"})
    assert held is not None
    pid = handed(couriers, order)
    assert pid is not None
    assert pid != zygote
    with open(f"/proc/{pid}/stat") as stat:
        parent, group, session = stat.read().rpartition(")")[2].split()[1:4]
    assert (int(parent), int(group), int(session)) == (os.getpid(), pid, pid)
    words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    assert words == [sys.executable, "-P", "-m", "swarmd.engine.lane.courier", str(home.order_path(order.run))]
    assert pid in processes_with(RUN_VARIABLE, f"{order.run}@{home.run_dir}")
    places = {n: str(Path(f"/proc/{pid}/fd/{n}").readlink()) for n in (0, 1, 2, 3)}
    said, lock = str(home.log_path(order.run)), str(home.lock_path(order.run))
    assert places == {0: os.devnull, 1: said, 2: said, 3: lock}
    assert is_locked(home.lock_path(order.run))
    # It outlives the process that it was forked from.
    couriers.zygote.close()
    os.close(held)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == ExitCode.CLUSTER_LOST, Path(said).read_text()
    assert ADDRESS in (home.outbox_of(order.run) / "events.jsonl").read_text()
    assert not is_locked(home.lock_path(order.run))


def test_where_the_zygote_is_stopped_or_killed_a_courier_is_started_as_ever_and_another_zygote_is_made(
    home: Home, couriers: SpareCouriers
) -> None:
    order = an_order(home.root, home.root / "bars", "prescreen", run="cpu0-prescreen-1")
    assert handed(couriers, order) is None, "there is none yet"
    first = ready(couriers)
    os.kill(first, signal.SIGSTOP)
    eventually("the zygote to stop", lambda: state_of(first) == "T")
    stopped = order.model_copy(update={"run": "cpu0-prescreen-2"})
    assert handed(couriers, stopped) is None
    assert not is_locked(home.lock_path(stopped.run)), "nobody was given it"
    second = ready(couriers)
    assert second != first
    os.kill(second, signal.SIGKILL)
    eventually("the zygote to end", lambda: state_of(second) in ("Z", ""))
    killed = order.model_copy(update={"run": "cpu0-prescreen-3"})
    assert handed(couriers, killed) is None
    assert not is_locked(home.lock_path(killed.run)), "nobody was given it"
