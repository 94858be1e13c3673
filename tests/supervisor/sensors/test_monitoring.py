"""A monitoring is a process that is left alone: its end, its answer and its time limit are seen from outside."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import a_champion, a_monitoring, a_policy, a_view
from swarm_builders import a_home

from swarmd.state.errors import OutsideError
from swarmd.state.records.champion import Champion
from swarmd.state.records.monitoring import Monitoring
from swarmd.state.store.files import lock_file
from swarmd.state.units import MINUTE
from swarmd.state.view import View
from swarmd.supervisor.backends.monitoring import Answer, MonitoringProcess
from swarmd.supervisor.effects.champions import begin_monitoring
from swarmd.supervisor.processes import read_stat
from swarmd.supervisor.sensors.monitoring import monitoring_ended, observe_monitoring

STANDS = {"niche": "BTCUSDT_5m", "action": "kept", "state": "stands", "checksum": "c1", "e": 0.41, "n_days": 92}
RUNNING = {"status": "running", "ended_at": 0, "order": "a4-0", "began_at": 1_000}


def an_answer(*rows: dict[str, Any], code: int | None = 0, words: str = "") -> Answer:
    return Answer(json.dumps({"schema": "swarmd.champion_monitor/1", "champions": rows}).encode(), words, code)


def ended(answer: Answer, *champions: Champion, now: int = 3_000) -> tuple[Monitoring, list[Champion]]:
    view = a_view(champions=list(champions or [a_champion()]))
    first, *others = monitoring_ended(view, a_monitoring(**RUNNING), answer, now=now)
    assert isinstance(first, Monitoring)
    return first, [each for each in others if isinstance(each, Champion)]


def test_what_was_said_of_a_champion_is_told_with_its_figures() -> None:
    done, (champion,) = ended(an_answer(STANDS))
    assert (done.status.value, done.ended_at) == ("done", 3_000)
    assert done.outcome == "1 looked at in 2 s: BTCUSDT_5m stands, e 0.41 after 92 days"
    assert (champion.e_value, champion.days, champion.told_at, champion.at) == (0.41, 92, 3_000, 3_000)


def test_who_is_another_by_now_or_was_not_weighed_is_left_as_it_is() -> None:
    silent = STANDS | {"state": "silent", "e": None, "n_days": 0}
    assert ended(an_answer(silent))[1] == []
    assert ended(an_answer(STANDS), a_champion(checksum="c2"))[1] == []
    assert ended(an_answer(STANDS), a_champion(id="ETHUSDT_5m"))[1] == []


def test_who_fell_and_who_could_not_be_seen_are_named() -> None:
    fell = STANDS | {"action": "dethroned", "state": "falls", "heir": None, "e": 22.1}
    blind = {"niche": "ETHUSDT_5m", "action": "unseen", "error": "no bars"}
    done, (champion,) = ended(an_answer(fell, blind, code=1), a_champion(status="dethroned"))
    told = "2 looked at in 2 s: BTCUSDT_5m dethroned, follows: nobody, e 22.1 after 92 days; ETHUSDT_5m not seen"
    assert done.outcome == told
    assert done.unseen == ("ETHUSDT_5m: no bars",)
    assert (champion.status.value, champion.e_value) == ("dethroned", 22.1)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(b"", "", None), "no answer, exit code unknown"),
        (Answer(b"", "line 3 is no change", 2), "no answer, exit code 2: line 3 is no change"),
        (an_answer(STANDS, code=-9), "no answer, exit code -9"),
        (Answer(b'{"schema": "swarmd.champion_mon', "", 0), "no answer, exit code 0"),
        (Answer(b'{"schema": "other/1", "champions": []}', "", 0), "no answer, exit code 0"),
        (Answer(b'{"schema": "swarmd.champion_monitor/1", "champions": [1]}', "", 0), "no answer, exit code 0"),
    ],
)  # fmt: skip
def test_no_answer_is_a_failure_that_says_what_there_was(answer: Answer, told: str) -> None:
    failed, champions = ended(answer)
    assert (failed.status.value, failed.outcome, champions) == ("failed", told, [])


def test_one_that_was_ended_for_its_time_says_so() -> None:
    failed, _ = ended(Answer(b"", "", -9), now=1_000 + 10 * MINUTE + 1)
    assert failed.outcome == "no answer within 10 min 0 s, so it was ended"


# -- real processes ---------------------------------------------------------------------------------------------------


def looked(view: View, process: MonitoringProcess, now: int) -> list[Any]:
    return observe_monitoring(view, process, now=now)


def test_a_real_one_is_begun_beside_the_cycle_alone_and_answers_for_an_empty_home(tmp_path: Path) -> None:
    process = MonitoringProcess(a_home(tmp_path))
    ordered = a_monitoring(**RUNNING)
    begun = begin_monitoring(process, ordered, now=1_000)
    assert isinstance(begun, Monitoring)
    assert begun.pid > 0
    assert os.getpgid(begun.pid) == begun.pid
    assert os.getpriority(os.PRIO_PROCESS, begun.pid) == 19
    with pytest.raises(OutsideError, match="a monitoring lives already"):
        process.start("a5-0")
    assert process._child is not None
    process._child.wait()
    (done,) = looked(a_view(monitorings=[begun]), process, 2_000)
    assert (done.status.value, done.outcome) == ("done", "0 looked at in 1 s")
    assert [*process.home.run_dir.glob("monitoring-*")] == []
    assert looked(a_view(monitorings=[done]), process, 3_000) == []


def test_while_another_lives_nothing_is_begun_and_that_is_told(tmp_path: Path) -> None:
    process = MonitoringProcess(a_home(tmp_path))
    held = lock_file(process.home.lock_path("champions"), {})
    assert held is not None
    failed = begin_monitoring(process, a_monitoring(**RUNNING), now=1_000)
    assert isinstance(failed, Monitoring)
    assert failed.status.value == "failed"
    assert "a monitoring lives already" in failed.outcome
    os.close(held)


def test_one_that_a_dead_daemon_left_is_waited_for_and_its_answer_read(tmp_path: Path) -> None:
    process = MonitoringProcess(a_home(tmp_path))
    running = a_view(monitorings=[a_monitoring(**RUNNING)], champions=[a_champion()])
    held = lock_file(process.home.lock_path("champions"), {})
    assert held is not None
    assert looked(running, process, 2_000) == []
    (process.home.run_dir / "monitoring-a4-0.json").write_bytes(an_answer(STANDS).printed)
    os.close(held)
    done, champion = looked(running, process, 3_000)
    assert (done.status.value, champion.e_value) == ("done", 0.41)


def test_one_over_its_time_is_ended_with_its_group_whoever_started_it(tmp_path: Path) -> None:
    process = MonitoringProcess(a_home(tmp_path))
    held = lock_file(process.home.lock_path("champions"), {})
    assert held is not None
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, start_new_session=True, pass_fds=(held,)) as left:
        os.close(held)
        stat = read_stat(left.pid)
        assert stat is not None
        record = a_monitoring(**RUNNING, pid=left.pid, start_ticks=stat.start_ticks)
        view = a_view(monitorings=[record], policy=a_policy(champions_within=5_000))
        assert looked(view, process, 6_000) == []
        assert left.poll() is None
        assert looked(view, process, 6_001) == []
        assert left.wait(timeout=60) == -9
    (failed,) = looked(view, process, 7_000)
    assert failed.outcome == "no answer within 5 s, so it was ended"


def test_a_daemon_that_leaves_ends_its_own(tmp_path: Path) -> None:
    process = MonitoringProcess(a_home(tmp_path))
    pid, _ = process.start("a4-0")
    process.end()
    assert not process.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
