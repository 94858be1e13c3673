"""A refinement whose study is on a server: the same files as from a journal, and another machine's workers in it."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from postgres_server import ADVICE, programs
from search_builders import SYMBOL, Told, a_desk, a_market, an_order, files_below, run_phase
from study_servers import a_postgres, a_proxy, resume, suspend

from swarmd.engine.phases.refine import refine
from swarmd.engine.search.storage_grpc import connected

pytestmark = pytest.mark.xdist_group("studies on servers")
N_TRIALS = 16
QUICK = {"constraints": {"min_trades": 1, "max_drawdown": 0.99}}


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder


@pytest.fixture(scope="module")
def from_a_journal(market, tmp_path_factory) -> dict[str, bytes]:
    return refined(tmp_path_factory.mktemp("journal"), market, {})


def refined(home: Path, market: Path, storage: dict[str, str]) -> dict[str, bytes]:
    """All files that the refinement leaves, by name."""
    run_phase(home, market, "preflight", storage=storage, **QUICK)
    settings = {"search": {"refine": {"trials": N_TRIALS}}, "storage": storage, **QUICK}
    assert run_phase(home, market, "refine", **settings).verdict == "pass"
    return files_below(home / "results")


def study_workers() -> list[psutil.Process]:
    """Those of this process that live; one that died is not asked."""
    found = []
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "study_worker" in " ".join(each.cmdline()):
                found.append(each)
    return found


def test_with_one_worker_every_file_is_the_same_from_a_proxy(from_a_journal, market, tmp_path):
    with a_proxy(tmp_path) as proxy:
        assert refined(tmp_path / "home", market, {"kind": "grpc", "url": proxy.url}) == from_a_journal


def test_with_one_worker_every_file_is_the_same_from_postgres(from_a_journal, market, tmp_path):
    if programs() is None:
        pytest.skip(ADVICE)
    with a_postgres() as url:
        assert refined(tmp_path, market, {"kind": "postgres", "url": url}) == from_a_journal


def test_another_machines_workers_join_and_a_kill_of_theirs_costs_no_trial(market, tmp_path):
    """The other machine has a home and a copy of the data of its own; all of it is killed in the middle."""
    settings = {"search": {"refine": {"trials": 40, "workers": 2}}, **QUICK}
    with a_proxy(tmp_path) as proxy:
        storage = {"kind": "grpc", "url": proxy.url}
        run_phase(tmp_path / "home", market, "preflight", storage=storage, **QUICK)
        order = an_order(tmp_path / "home", market, "refine", storage=storage, **settings)
        (tmp_path / "copy").mkdir()
        (tmp_path / "copy" / f"{SYMBOL}.parquet").write_bytes((market / f"{SYMBOL}.parquet").read_bytes())
        command = [sys.executable, "-m", "swarmd", "--home", str(tmp_path / "other"), "storage", "work", proxy.url]
        helper = subprocess.Popen(
            [*command, "--data", str(tmp_path / "copy")], stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        line = connected("127.0.0.1", proxy.port, names=())

        def trials():
            found = [study for study in line.get_all_studies() if not study.study_name.endswith(" workers")]
            return line.get_all_trials(found[0]._study_id) if found else []

        def theirs():
            return [each for each in trials() if f"-{helper.pid}-" in each.user_attrs.get("worker", "")]

        is_over = threading.Event()
        killed: list[int] = []

        def kill() -> None:
            """The leader's own are held until the others have worked, who come later, and die."""
            while not is_over.is_set():
                own = study_workers()
                if killed or helper.poll() is not None:
                    for each in own:
                        resume(each)
                elif len(theirs()) >= 2:
                    killed.append(helper.pid)
                    os.kill(helper.pid, signal.SIGKILL)
                else:
                    for each in own:
                        suspend(each)
                time.sleep(0.02)

        killer = threading.Thread(target=kill)
        killer.start()
        told = Told()
        try:
            summary = refine(order, a_desk(tmp_path / "home", told))
        finally:
            is_over.set()
            killer.join()
            helper.kill()
            _, said = helper.communicate()
        assert killed, said
        assert summary.verdict == "pass"
        states = collections.Counter(trial.state.name for trial in trials())
        n_orphans = states.pop("FAIL", 0)
        assert states == {"COMPLETE": 40}
        assert len(told.trials) == 40 + n_orphans
