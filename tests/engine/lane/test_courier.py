"""A courier without a cluster to go to: it ends in bounded time, says why in its outbox, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from search_builders import a_market, an_order, run_phase

from swarmd.state.beats import BeatsPage
from swarmd.state.cluster import ADDRESS_VARIABLE, ray_environment, token_path
from swarmd.state.store.files import Home, atomic_write, is_locked, lock_file
from swarmd.state.work_order import BEATS_VARIABLE, LOCK_FD_VARIABLE, ExitCode

pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("courier")
    a_market(root / "bars")
    assert run_phase(root / "home", root / "bars", "preflight").verdict == "pass"
    return root


def a_courier(root: Path, address: str, *, token: int) -> tuple["subprocess.Popen[bytes]", Home, str]:
    home = Home(root / "home")
    home.prepare()
    order = an_order(home.root, root / "bars", "prescreen", run=f"cpu0-prescreen-{token}", token=token)
    atomic_write(home.order_path(order.run), order.model_dump_json().encode())
    atomic_write(token_path(home), b"0" * 64)
    BeatsPage(home.beats_path, create=True).close()
    lock = lock_file(home.lock_path(order.run), {"run": order.run})
    assert lock is not None
    environment = {
        **os.environ,
        **ray_environment(token_path(home)),
        ADDRESS_VARIABLE: address,
        LOCK_FD_VARIABLE: str(lock),
        BEATS_VARIABLE: f"{home.beats_path}:0",
    }
    with open(home.log_path(order.run), "ab") as log:
        courier = subprocess.Popen(
            [sys.executable, "-P", "-m", "swarmd.engine.lane.courier", str(home.order_path(order.run))],
            env=environment, pass_fds=(lock,), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    os.close(lock)
    return courier, home, order.run


def last_word(home: Home, run: str) -> str:
    lines = (home.outbox_of(run) / "events.jsonl").read_text().splitlines()
    return str(json.loads(lines[-1])["text"])


def test_without_a_head_it_says_so_and_ends_with_the_code_of_a_lost_cluster(prepared: Path) -> None:
    courier, home, run = a_courier(prepared, "127.0.0.1:1", token=1)
    assert courier.wait(timeout=120) == ExitCode.CLUSTER_LOST
    assert "127.0.0.1:1" in last_word(home, run)
    assert BeatsPage(home.beats_path).read(0).token == 1
    assert not is_locked(home.lock_path(run)), "nothing of it holds the lock"


def test_killed_alone_it_takes_its_link_with_it(prepared: Path) -> None:
    courier, home, run = a_courier(prepared, "127.0.0.1:1", token=2)
    children = Path(f"/proc/{courier.pid}/task/{courier.pid}/children")
    while not (link := children.read_text().split()) and courier.poll() is None:
        time.sleep(0.01)
    os.kill(courier.pid, signal.SIGKILL)
    courier.wait()
    until = time.monotonic() + 60
    while is_locked(home.lock_path(run)) and time.monotonic() < until:
        time.sleep(0.01)
    assert link
    assert not is_locked(home.lock_path(run)), "its link is gone as well"
