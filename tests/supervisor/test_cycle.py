"""A turn costs at most itself: whatever fails in it, the daemon goes on, and nothing runs that is not on record."""

import asyncio
import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_beat,
    a_campaign,
    a_gauge,
    a_job,
    a_request,
    a_result,
    a_run,
    an_action_wished,
    the_settings,
)
from faulty_disk import file_size_limit
from swarm_builders import Wisher, a_home, a_sleeper, a_swarm, a_vigil, turned

from swarmd.state.actions import Action
from swarmd.state.errors import OutsideError
from swarmd.state.records.incident import IncidentStatus, Signature
from swarmd.state.records.job import JobStatus
from swarmd.state.records.run import RunEnded
from swarmd.state.units import HOUR
from swarmd.state.view import View
from swarmd.supervisor.cycle import decide, turn
from swarmd.supervisor.effects.tidy import AT_ONCE
from swarmd.supervisor.presence import ask
from swarmd.supervisor.processes import read_stat
from swarmd.supervisor.swarm import Swarm


def failing(view: View) -> list[Action]:
    raise ZeroDivisionError("a fault of ours")


def test_the_cycle_says_how_long_nobody_looked(tmp_path: Path) -> None:
    with a_swarm(a_home(tmp_path)) as swarm:
        turned(swarm, an_action_wished("say", topic="t", reason="1 word"), late=700)
        cycle = swarm.projection.view().cycle
    assert cycle is not None
    assert (cycle.late, cycle.actions) == (700, 1)


def test_what_was_overslept_is_owed_until_it_is_on_record_with_the_runs_and_no_longer(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    with a_sleeper() as process, a_swarm(home, a_job(attempt=1)) as swarm:
        stat = read_stat(process.pid)
        assert stat is not None
        identity: dict[str, Any] = {"pid": process.pid, "start_ticks": stat.start_ticks, "boot_id": swarm.boot}
        swarm.record([a_run(status="running", **identity), a_beat()])
        swarm.journal.commit()
        vigil = a_vigil(swarm, late=700)
        written = max(each.stat().st_size for each in home.journal.iterdir())
        with file_size_limit(written), pytest.raises(OutsideError, match="cannot append"):
            asyncio.run(turn(swarm, [], vigil))
        assert (vigil.late, swarm.projection.view().beats[RUN].overslept) == (700, 0)
        asyncio.run(turn(swarm, [], vigil))
        assert (vigil.late, swarm.projection.view().beats[RUN].overslept) == (0, 700)


def test_while_nothing_can_be_made_durable_nothing_is_added_and_nothing_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_sync(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    home = a_home(tmp_path)
    say = an_action_wished("say", topic="t", reason="1 word")
    with a_swarm(home) as swarm:
        with monkeypatch.context() as disk:
            disk.setattr(os, "fdatasync", failing_sync)
            said, sizes = swarm.journal.seq, set()
            for _ in range(3):
                with pytest.raises(OutsideError, match="cannot make"):
                    turned(swarm, say)
                sizes.add(sum(each.stat().st_size for each in home.journal.iterdir()))
        assert swarm.journal.seq == said
        assert len(sizes) == 1
        assert turned(swarm, say).n_actions == 1
        assert swarm.journal.committed_seq == swarm.journal.seq > said


def test_lane_time_under_a_budget_goes_on_record_before_its_runs_are_forgotten(tmp_path: Path) -> None:
    asked = the_settings(limits={"budget": {"device_time": {"cpu": "900h"}}})
    ended = [a_run(attempt=number, ordered_at=5, status="done", ended_at=9) for number in range(1, 2_001)]
    with a_swarm(a_home(tmp_path), a_campaign(settings=asked), a_job(), *ended) as swarm:
        turned(swarm)
        campaign = swarm.projection.view().campaign
        assert campaign is not None
        assert campaign.spent.device_time == {"cpu": 2_000 * 4}
        assert campaign.lanes_settled_at > 0


def test_folders_of_the_home_that_were_removed_are_there_again_and_cost_no_turn(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    with a_swarm(home) as swarm:
        turned(swarm)
        shutil.rmtree(home.logs)
        shutil.rmtree(home.results)
        swarm.host_seen_at = swarm.upkept_at = 0
        say = an_action_wished("say", topic="t", reason="1 word")
        assert turned(swarm, say).n_actions == 1
        assert home.lane_logs.is_dir()
        assert home.results.is_dir()


def test_small_files_of_thousands_of_runs_go_in_the_turns_that_follow_each_other(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    for number in range(AT_ONCE + 1):
        (home.run_dir / f"majors.BTCUSDT.prescreen-a{number}.lock").touch()
    with a_swarm(home) as swarm:
        for left in (1, 0):
            turned(swarm)
            assert len(list(home.run_dir.glob("*-a*.lock"))) == left
        assert swarm.tidied_at > 0


def test_a_turn_that_only_read_how_the_machine_fares_brought_no_news(tmp_path: Path) -> None:
    with a_swarm(a_home(tmp_path)) as swarm:
        for _ in range(3):  # until all there is to say of a swarm that does nothing is said
            turned(swarm)
        swarm.measure([a_gauge(id="host.load1", at=swarm.clock.now(), value=10_000.0)])
        swarm.host_seen_at = 0
        said, n_news = swarm.journal.seq, swarm.n_news
        turned(swarm)
        assert swarm.projection.view().gauge("host.load1") < 10_000
        assert swarm.journal.seq > said
        assert swarm.n_news == n_news
        swarm.record([a_job()])
        assert swarm.n_news == n_news + 1


def test_the_end_of_a_session_survives_views_that_cannot_be_published(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    (home.state / "worker_sentry_state.json").mkdir()
    with a_swarm(home) as swarm:
        assert turned(swarm, an_action_wished("end_session", reason="asked")).ending == "asked"


def test_a_run_that_cannot_be_started_is_lost_and_the_other_effects_are_carried_out(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    (home.logs / "lanes").rmdir()
    (home.logs / "lanes").write_text("in the way")
    with a_swarm(home, a_job()) as swarm:
        page = an_action_wished("write_handoff", reason="1 page")
        turned(swarm, an_action_wished(), page)
        run = swarm.projection.view().runs[RUN]
        assert isinstance(run, RunEnded)
        assert (run.status, run.was_launched) == ("lost", False)
        assert not swarm.backend.holds_lock(RUN)
        assert not swarm.backend.has_handle(RUN)
        # The page is written beside the cycle, by a process of its own.
        assert swarm.projection.view().errands["handoff"].pid > 0
        swarm.errands["handoff"].let_finish(120)
        assert list(home.docs.glob("HANDOFF_*"))


def test_an_action_that_means_nothing_is_an_incident_and_takes_nobody_elses_turn(tmp_path: Path) -> None:
    crown = a_job(phase="crown", attempt=1)
    said = a_result(f"{crown.id}-a1", job=crown.id, phase="crown")  # without the figures a champion is made of
    settle = an_action_wished("settle_job", job=crown.id, status="done", run=said.id, reason="pass")
    with a_swarm(a_home(tmp_path), crown, said, a_job()) as swarm:
        other = an_action_wished("settle_job", job=JOB, status="failed", reason="2 of 3")
        for _ in range(2):
            turned(swarm, settle, other)
        view = swarm.projection.view()
    assert view.jobs[JOB].status is JobStatus.FAILED
    assert view.jobs[crown.id].status is JobStatus.QUEUED
    assert [incident.signature for incident in view.incidents.values()] == [Signature.AGENT_FAILED]


def test_a_kill_on_record_that_was_never_sent_is_sent(tmp_path: Path) -> None:
    with a_sleeper() as process, a_swarm(a_home(tmp_path), a_job(attempt=1)) as swarm:
        stat = read_stat(process.pid)
        assert stat is not None
        identity: dict[str, Any] = {"pid": process.pid, "start_ticks": stat.start_ticks, "boot_id": swarm.boot}
        swarm.record([a_run(status="stopping", killed_at=5, **identity), a_beat()])
        turned(swarm)
        assert process.wait(10) == -9
        turned(swarm)
        assert isinstance(swarm.projection.view().runs[RUN], RunEnded)


def test_what_a_signal_asked_for_is_on_record_after_the_next_look(tmp_path: Path) -> None:
    with a_swarm(a_home(tmp_path)) as swarm:
        swarm.asked.append(a_request("stop", id="here-signal-1"))
        turned(swarm)
        assert list(swarm.projection.view().requests) == ["here-signal-1"]
        assert swarm.asked == []


def test_a_record_that_is_not_believed_is_told_in_the_log_and_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_swarm(a_home(tmp_path), a_job(status="done")) as swarm:
        swarm.record([a_job(status="failed")])
        assert swarm.projection.view().jobs[JOB].status is JobStatus.DONE
        assert swarm.projection.refused_moves == []
    assert "done may not become failed" in caplog.text


def test_an_agent_that_fails_again_after_it_recovered_is_an_incident_again(tmp_path: Path) -> None:
    def cycle(swarm: Swarm, wisher: Wisher, now: int) -> None:
        decide(swarm.projection.view(), [wisher], now, swarm)

    bad, good = Wisher(failing), Wisher(lambda view: [])
    with a_swarm(a_home(tmp_path)) as swarm:
        for now, wisher in enumerate((bad, bad, good, bad), start=1):
            cycle(swarm, wisher, now * 1000)
        statuses = [incident.status for incident in swarm.projection.view().incidents.values()]
    assert statuses == [IncidentStatus.CLOSED, IncidentStatus.OPEN]


def test_a_hasty_turn_decides_and_records_and_leaves_requests_and_telling_to_the_next(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    published = home.state / "swarm_control_state.json"
    with a_swarm(home) as swarm:
        ask(home, "pause")
        said = Wisher(lambda view: [an_action_wished("say", topic="t", reason="1 word")])
        assert asyncio.run(turn(swarm, [said], a_vigil(swarm), is_hasty=True)).n_actions == 1
        assert swarm.projection.view().findings["wisher/t"].text == "1 word"
        assert swarm.projection.view().requests == {}
        assert not published.exists()
        turned(swarm)
        assert len(swarm.projection.view().requests) == 1
        assert published.exists()


def test_a_turn_that_decides_as_a_session_opens_leaves_telling_to_the_one_it_brings(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    published = home.state / "swarm_control_state.json"
    say = an_action_wished("say", topic="t", reason="1 word")
    with a_swarm(home) as swarm:
        swarm.started_at = swarm.clock.now() + HOUR  # it opens for as long as this machine may take
        assert turned(swarm, say).n_actions == 1
        assert not published.exists()
        turned(swarm)
        assert published.exists()
        published.unlink()
        swarm.started_at = 0
        turned(swarm, say)
        assert published.exists()
