"""Several worker processes on one refinement: one is killed in the middle of a trial, and then all of them are."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from search_builders import MODE, SYMBOL, Told, a_desk, a_market, an_order

from swarmd.engine.phases.preflight import preflight
from swarmd.engine.phases.refine import refine
from swarmd.engine.strategies.starter_files import starter_files

N_TRIALS = 12
DECIDES = "        if bars.n_bars <= max(entry, leave):\n"
# The first to come notes its process and never ends; who comes later finds the note and goes on.
STALLS = """        import os, time
        try:
            note = os.open({note!r}, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            pass
        else:
            os.write(note, str(os.getpid()).encode())
            os.close(note)
            time.sleep(600)
"""


PARENT = """
import sys
from pathlib import Path
from swarmd.engine.phases.desk import quiet_desk
from swarmd.engine.phases.refine import refine
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder
order = WorkOrder.model_validate_json(Path(sys.argv[1]).read_bytes())
refine(order, quiet_desk(Home(Path(order.home)), lambda: 0))
"""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    a_market(tmp_path / "bars")
    return tmp_path / "bars"


def stalling(folder: Path) -> str:
    """The starter, but that the first trial to be evaluated stalls."""
    text = starter_files("stalling")["stalling.py"]
    assert DECIDES in text
    stalls = STALLS.format(note=str(folder / "stalled"))
    # In a worker alone: the preflight asks as well, and the showcases.
    guarded = '        import sys\n        if sys.argv[0].endswith("study_worker.py"):\n'
    guarded += "".join(f"    {line}\n" for line in stalls.splitlines())
    (folder / "stalling.py").write_text(text.replace(DECIDES, guarded + DECIDES))
    return f"{folder}/stalling.py:Stalling"


def order_of(home: Path, market: Path, phase: str, strategy: str, **refinement):
    order = an_order(
        home, market, phase,
        strategy={"name": strategy, "modes": ["long_short"]},
        search={"refine": {"trials": N_TRIALS, "workers": 2, **refinement}},
        space={"entry": {"low": 20, "high": 80, "type": "int"}, "leave": {"low": 5, "high": 15, "type": "int"}},
        constraints={"min_trades": 1, "max_drawdown": 0.99},
    )  # fmt: skip
    return order.model_copy(update={"mode": order.mode.replace(MODE, "long_short")})


def noted(note: Path) -> int:
    """The process that stalls, once there is one."""
    for _ in range(6_000):
        if note.exists() and (pid := note.read_text()):
            return int(pid)
        time.sleep(0.02)
    raise AssertionError(f"nobody stalls: {note} never came")


def is_gone(pid: int) -> bool:
    """A worker dies with its parent, by the kernel's hand."""
    for _ in range(6_000):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.02)
    return False


def results(home: Path) -> Path:
    return home / "results" / "c" / SYMBOL / "long_short"


def document_of(home: Path) -> dict:
    document = json.loads((results(home) / "all_trials.json").read_text())
    assert document["reproducible"] is False
    assert document["workers"] == 2
    assert [trial["number"] for trial in document["trials"]] == list(range(len(document["trials"])))
    for trial in document["trials"]:
        own = json.loads((results(home) / "trials" / f"trial_{trial['number']}.json").read_text())
        assert {key: own[key] for key in trial} == trial
    return document


def assert_every_vector_has_its_outcome(document: dict, *, n_orphans: int) -> None:
    trials = document["trials"]
    orphans = [trial for trial in trials if trial["state"] == "failed"]
    again = [trial for trial in trials if trial["origin"] == "again"]
    assert len(orphans) == n_orphans
    assert len(trials) == N_TRIALS + n_orphans
    assert sum(trial["state"] == "complete" for trial in trials) == N_TRIALS
    told = {trial["number"]: trial for trial in again}
    for orphan in orphans:
        if "before it had a vector" in orphan["error"]:  # killed while the sampler was at work
            continue
        assert "died; tried again as trial " in orphan["error"]
        assert told[int(orphan["error"].rpartition(" ")[2])]["params"] == orphan["params"]


def test_what_the_dead_leave_is_tried_again_whether_one_worker_is_killed_or_all_with_their_parent(market, tmp_path):
    """One story, for each process costs seconds: all are killed, then a worker of the run that takes it up."""
    strategy = stalling(tmp_path)
    note = tmp_path / "stalled"
    assert preflight(order_of(tmp_path, market, "preflight", strategy), a_desk(tmp_path)).verdict == "pass"
    order = order_of(tmp_path, market, "refine", strategy)
    (tmp_path / "order.json").write_text(order.model_dump_json())
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "order.json")]) as parent:
        stalled = noted(note)
        parent.kill()
    assert is_gone(stalled)
    note.unlink()  # the next to come stalls again

    killed: list[int] = []

    def kill() -> None:
        killed.append(noted(note))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    told = Told()
    summary = refine(order, a_desk(tmp_path, told))
    killer.join()
    assert summary.verdict == "pass"
    document = document_of(tmp_path)
    left = [line for line in told.said if "(an earlier run left it behind)" in line]
    (lost,) = [line for line in told.said if "tried again" in line and "SIGKILL" in line]
    assert f"(pid {killed[0]}) died by SIGKILL" in lost
    assert len(left) in (1, 2)
    assert not [line for line in told.said if "the search goes on" in line]
    assert_every_vector_has_its_outcome(document, n_orphans=len(left) + 1)
    assert not [path for path in results(tmp_path).iterdir() if path.suffix in (".workers", ".turn")]
    # All is done: a third look starts nobody, and says the same.
    assert refine(order, a_desk(tmp_path, quiet := Told())) == summary
    assert (quiet.said, quiet.trials, document_of(tmp_path)) == ([], [], document)
    assert told.skipped < told.done
    assert quiet.skipped == quiet.done > 0
