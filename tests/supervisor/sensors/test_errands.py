"""An errand is a process that is left alone: its end, its answer and its time limit are seen from outside."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import a_document, a_policy, a_view, an_action, an_action_wished, an_errand
from swarm_builders import a_home

from swarmd.state.records.errand import Errand
from swarmd.state.records.gauge import Document
from swarmd.state.store.files import lock_file
from swarmd.supervisor.backends.errands import Answer, ErrandProcess
from swarmd.supervisor.effects.errands import begin_errand, errand_processes
from swarmd.supervisor.processes import read_stat
from swarmd.supervisor.sensors.errands import errand_ended, observe_errands

PAGE = a_document().id
RUNNING = {"status": "running", "order": "a4-0", "began_at": 1_000, "ended_at": 0}


def said(**fields: Any) -> bytes:
    return json.dumps({"path": PAGE, "outcome": "6 commands run, 0 found fault", **fields}).encode()


def ended(answer: Answer, *, id: str = "handoff", now: int = 3_000, **fields: Any) -> list[Any]:
    asked = an_action("a4-0", action=an_action_wished("write_handoff", reason="the campaign is done"))
    return errand_ended(a_view(actions=[asked]), an_errand(id, **RUNNING, **fields), answer, now=now)


def test_a_page_that_was_written_is_on_record_as_of_the_instant_it_tells_of() -> None:
    done, page = ended(Answer(said(), "", 0), failures=2)
    assert (done.status.value, done.ended_at, done.failures) == ("done", 3_000, 0)
    assert done.outcome == "6 commands run, 0 found fault"
    assert page == Document(id=PAGE, at=1_000, caused_by=("a4-0",), title="Handoff", reason="the campaign is done")
    # A command that found fault is told on the page; it is a page all the same.
    assert len(ended(Answer(said(), "", 1))) == 2
    assert len(ended(Answer(said(path=""), "", 0), id="knowledge")) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(b"", "", None), "no answer, exit code unknown"),
        (Answer(b"", "the server does not answer", 1), "no answer, exit code 1: the server does not answer"),
        (Answer(said(), "", 2), "no answer, exit code 2"),
        (Answer(b"[1]", "", 0), "no answer, exit code 0"),
        (Answer(b'{"path": "x"}', "", 0), "no answer, exit code 0"),
    ],
)
def test_no_answer_is_a_failure_that_says_what_there_was_and_how_often(answer: Answer, told: str) -> None:
    (failed,) = ended(answer, failures=1)
    assert (failed.status.value, failed.outcome, failed.failures) == ("failed", told, 2)


def test_a_real_one_is_begun_beside_the_cycle_and_its_end_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an empty journal there is a page as well: nothing was asked."""
    monkeypatch.delenv("SWARMD_NO_VERIFY")
    processes = errand_processes(a_home(tmp_path))
    process = processes["handoff"]
    begun = begin_errand(process, an_errand(**RUNNING), now=1_000)
    assert isinstance(begun, Errand)
    assert begun.pid > 0
    assert os.getpriority(os.PRIO_PROCESS, begun.pid) == 19
    second = begin_errand(process, an_errand(**RUNNING), now=1_100)
    assert isinstance(second, Errand)
    assert (second.status.value, second.failures) == ("failed", 1)
    assert "lives already, so none was started" in second.outcome
    process.let_finish(60)
    over, page = observe_errands(a_view(errands=[begun]), processes, now=2_000)
    assert isinstance(over, Errand)
    assert (over.status.value, over.outcome) == ("done", "1 command run, 0 found fault")
    assert "There is no campaign on record" in (process.home.root / page.id).read_text()
    assert [*process.home.run_dir.glob("errand-*")] == []


def test_one_whose_lock_was_removed_is_there_until_it_has_ended(tmp_path: Path) -> None:
    process = errand_processes(a_home(tmp_path))["handoff"]
    begun = begin_errand(process, an_errand(**RUNNING), now=1_000)
    assert isinstance(begun, Errand)
    process.home.lock_path("handoff").unlink()
    os.kill(begun.pid, signal.SIGSTOP)
    try:
        assert process.is_alive()
        assert observe_errands(a_view(errands=[begun]), {"handoff": process}, now=1_001) == []
    finally:
        os.kill(begun.pid, signal.SIGCONT)
    process.let_finish(60)
    assert not process.is_alive()


def test_one_over_its_time_is_ended_with_its_group_whoever_started_it(tmp_path: Path) -> None:
    processes = errand_processes(a_home(tmp_path))
    held = lock_file(processes["knowledge"].home.lock_path("knowledge"), {})
    assert held is not None
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, start_new_session=True, pass_fds=(held,)) as left:
        os.close(held)
        stat = read_stat(left.pid)
        assert stat is not None
        running = an_errand("knowledge", **RUNNING, pid=left.pid, start_ticks=stat.start_ticks)
        view = a_view(errands=[running], policy=a_policy(knowledge_within=5_000))
        assert observe_errands(view, processes, now=6_000) == []
        assert left.poll() is None
        assert observe_errands(view, processes, now=6_001) == []
        assert left.wait(timeout=60) == -9
    (failed,) = observe_errands(view, processes, now=7_000)
    assert isinstance(failed, Errand)
    assert failed.outcome == "no answer within 5 s, so it was ended"


def test_one_that_a_dead_daemon_left_is_waited_for_and_its_answer_read(tmp_path: Path) -> None:
    processes = errand_processes(a_home(tmp_path))
    process: ErrandProcess = processes["handoff"]
    view = a_view(errands=[an_errand(**RUNNING)])
    held = lock_file(process.home.lock_path("handoff"), {})
    assert held is not None
    assert observe_errands(view, processes, now=2_000) == []
    (process.home.run_dir / "errand-a4-0.json").write_bytes(said())
    os.close(held)
    done, page = observe_errands(view, processes, now=3_000)
    assert isinstance(done, Errand)
    assert (done.status.value, page.id) == ("done", PAGE)
