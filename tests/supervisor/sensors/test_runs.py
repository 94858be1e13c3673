"""What is seen of runs: an order nothing came of, a first look at a run of hours, and time nobody's fault."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from builders import JOB, RUN, a_beat, a_campaign, a_job, a_policy, a_run, a_view
from faulty_disk import descriptors_left
from swarm_builders import a_headless_process, a_home, a_sleeper

from swarmd.agents.rules.pulse import hang_of
from swarmd.state.beats import BeatsPage
from swarmd.state.errors import OutsideError
from swarmd.state.records.beat import Beat
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered
from swarmd.state.store.files import Home, lock_file
from swarmd.state.view import View
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.clock import SteadyClock
from swarmd.supervisor.effects.runs import work_order
from swarmd.supervisor.processes import hold_child, processes_with, read_stat
from swarmd.supervisor.sensors.runs import beats_every, observe_runs

HOURS_LATER = 10_000_000


class Sight:
    """A home with its page and backend, and one look at it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.page = BeatsPage(home.beats_path, create=True)
        self.backend = LocalBackend(home, self.page, lambda pidfd: None, lambda pidfd: None)

    def look(self, view: View, now: int, late: int = 0, moved_at: Mapping[str, int] | None = None) -> list[Record]:
        return observe_runs(
            view, self.backend, self.page, SteadyClock(0), "boot", now=now, late=late, moved_at=moved_at or {}
        )


@pytest.fixture
def sight(tmp_path: Path) -> Iterator[Sight]:
    made = Sight(a_home(tmp_path))
    yield made
    made.backend.close()
    made.page.close()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with a_sleeper() as process:
        yield process


def running(process: subprocess.Popen[bytes]) -> RunAlive:
    stat = read_stat(process.pid)
    assert stat is not None
    run = a_run(pid=process.pid, start_ticks=stat.start_ticks)
    assert isinstance(run, RunAlive)
    return run


def the_beat(records: list[Record]) -> Beat:
    [beat] = records
    assert isinstance(beat, Beat)
    return beat


def test_where_nothing_can_be_opened_no_run_is_judged_by_how_it_fared_before(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    run = running(sleeper)
    view = a_view(runs=[run], beats=[a_beat()])
    sight.look(view, now=HOURS_LATER)
    with descriptors_left(0), pytest.raises(OutsideError, match="cannot see how"):
        sight.look(view, now=HOURS_LATER)
    sleeper.kill()
    sleeper.wait()
    [gone] = sight.look(view, now=HOURS_LATER)
    assert isinstance(gone, RunEnded)


def test_how_a_run_ended_is_known_after_a_turn_that_could_not_be_recorded_as_well(sight: Sight) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(3)"], start_new_session=True) as process:
        process_of = hold_child(process.pid)
        assert process_of is not None
        run = a_run(pid=process.pid, boot_id="boot")
        assert isinstance(run, RunAlive)
        sight.backend._keep(run.id, process_of)
        assert process_of.has_ended(30_000)
        for now in (9, 10):
            [lost] = sight.look(a_view(runs=[run], beats=[a_beat()]), now=now)
            assert isinstance(lost, RunEnded)
            assert (lost.status, lost.exit_code, lost.ended_at) == ("failed", 3, now)
        [lost] = sight.look(a_view(runs=[a_run(status="starting")]), now=11)
        assert isinstance(lost, RunEnded)
        assert (lost.exit_code, lost.was_launched) == (3, True)
        sight.backend.end_strays()
        assert not sight.backend.has_buried(run.id)


def test_an_order_whose_lock_nobody_holds_is_lost_without_ever_having_run(sight: Sight) -> None:
    [run] = sight.look(a_view(runs=[a_run(status="starting")]), now=9)
    assert isinstance(run, RunEnded)
    assert (run.status, run.was_launched) == ("lost", False)


def test_a_run_that_ended_before_its_launch_was_on_record_still_tells_how(sight: Sight, tmp_path: Path) -> None:
    run = a_run(status="starting")
    assert isinstance(run, RunOrdered)
    view = a_view(jobs=[a_job(attempt=1)], runs=[run], campaigns=[a_campaign()])
    order = work_order(view, run, home=sight.home.root, session="here", threads=1)
    sight.home.results.rmdir()
    sight.home.results.write_text("in the way: it ends as soon as it begins")
    sight.backend.launch(run, order)
    until = time.monotonic() + 60
    while sight.backend.holds_lock(run.id) and time.monotonic() < until:
        time.sleep(0.05)
    [ended] = sight.look(view, now=9)
    assert isinstance(ended, RunEnded)
    assert ended.was_launched
    assert ended.exit_code > 0
    assert not sight.backend.has_handle(run.id)


def test_what_a_dead_run_left_behind_does_not_hold_its_order_up_for_ever(sight: Sight) -> None:
    descriptor = lock_file(sight.home.lock_path(RUN), {"run": RUN, "token": 1})
    assert descriptor is not None
    words = ["sh", "-c", "sleep 60 & wait"]
    mark = {"SWARMD_RUN": f"{RUN}@{sight.home.run_dir}", "PATH": "/usr/bin:/bin"}
    # Not the leader of its session, as a child of the run would be.
    with subprocess.Popen(words, env=mark, pass_fds=[descriptor]) as child:
        os.close(descriptor)
        view = a_view(runs=[a_run(status="starting")])
        assert sight.look(view, now=1_000) == []
        assert child.poll() is None
        # In the moment of its exec a process shows no environment yet: like the daemon, look until it is gone.
        until = time.monotonic() + 10
        while child.poll() is None and time.monotonic() < until:
            assert sight.look(view, now=60_000) == []
            time.sleep(0.02)
        assert child.returncode == -9
    until = time.monotonic() + 10
    while sight.backend.holds_lock(RUN) and time.monotonic() < until:
        time.sleep(0.01)
    assert [type(record) for record in sight.look(view, now=61_000)] == [RunEnded]


def test_a_run_of_hours_whose_beat_was_forgotten_has_not_been_stuck_for_hours(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    sight.page.writer(0, 1).ready()
    beat = the_beat(sight.look(a_view(runs=[running(sleeper)]), now=HOURS_LATER))
    assert (beat.is_ready, beat.progress_at) == (True, HOURS_LATER)


def test_time_overslept_is_excused_and_is_not_time_it_stood_stopped(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    run = running(sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    while (stat := read_stat(sleeper.pid)) is not None and stat.state != "T":
        time.sleep(0.01)
    last = a_beat(is_ready=False, progress=0, done=0, process_state="T", state_since=100, at=1_000)
    view = a_view(runs=[run], beats=[last])
    beat = the_beat(sight.look(view, now=601_000, late=599_000))
    assert beat.overslept == 599_000
    assert beat.excused >= 599_000
    assert beat.state_since == 599_100


@pytest.mark.parametrize("is_ready", [True, False])
def test_a_machine_that_slept_before_the_first_look_at_a_run_holds_nothing_against_it(
    sight: Sight, sleeper: subprocess.Popen[bytes], is_ready: bool
) -> None:
    """Launched, and the lid was closed for two hours in the milliseconds before anybody looked."""
    hours = 7_200_000
    writer = sight.page.writer(0, 1)
    if is_ready:
        writer.ready()
    writer.pulse(40)
    run = running(sleeper)
    beat = the_beat(sight.look(a_view(runs=[run]), now=hours, late=hours - 50))
    assert (beat.is_ready, beat.overslept) == (is_ready, hours - 50)
    policy = a_policy(run_timeout=hours // 2)
    assert hang_of(run, beat, policy=policy, watched_since=0, now=hours) is None


def test_progress_made_just_before_a_freeze_does_not_take_away_the_excuse_for_the_silence_in_it(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    """Daemon and run frozen together for a minute; the run's last unit came after our last look, its pulse before."""
    writer = sight.page.writer(0, 1)
    writer.ready()
    writer.pulse(1_500)
    writer.advance(1)
    last = a_beat(is_ready=True, progress=1, heartbeat_at=1_000, progress_at=1_000, at=1_000)
    beat = the_beat(sight.look(a_view(runs=[running(sleeper)], beats=[last]), now=61_500, late=59_500))
    assert (beat.progress, beat.heartbeat_at, beat.excused) == (2, 1_500, 0)
    assert 61_500 - beat.heartbeat_at - beat.heartbeat_excused <= 1_000


def test_the_time_to_a_first_result_counts_from_ready_over_every_sign_of_life(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    writer = sight.page.writer(0, 1)
    run = running(sleeper)
    starting = a_beat(is_ready=False, progress=0, done=0, at=1_000)
    writer.ready()
    first = the_beat(sight.look(a_view(runs=[run], beats=[starting]), now=2_000, late=700))
    assert (first.ready_at, first.ready_excused) == (2_000, 0), "what was slept before READY excuses nothing after it"
    writer.advance(0)
    second = the_beat(sight.look(a_view(runs=[run], beats=[first]), now=9_000, late=5_000))
    assert (second.progress, second.done, second.ready_at) == (2, 0, 2_000)
    assert second.ready_excused >= 5_000
    assert second.excused == 0, "a sign of life ends what was excused of the silence before it"
    writer.advance(1)
    third = the_beat(sight.look(a_view(runs=[run], beats=[second]), now=20_000, late=6_000))
    assert (third.done, third.ready_at, third.ready_excused) == (1, 2_000, second.ready_excused)


def test_who_waits_for_a_server_before_its_first_result_is_not_late_with_it(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    writer, run, policy = sight.page.writer(0, 1), running(sleeper), a_policy(run_timeout=HOURS_LATER)
    writer.ready()
    beat = the_beat(sight.look(a_view(runs=[run]), 10_000))
    for waited in range(1, 11):
        now = 10_000 + 60_000 * waited
        writer.advance(0)
        writer.pulse(now)
        beat = the_beat(sight.look(a_view(runs=[run], beats=[beat]), now))
        assert hang_of(run, beat, policy=policy, now=now, watched_since=0) is None
    assert (beat.done, beat.ready_excused) == (0, 600_000)


def test_what_an_earlier_run_did_is_no_pace_of_this_one(sight: Sight, sleeper: subprocess.Popen[bytes]) -> None:
    run = running(sleeper)
    slot = sight.page.writer(0, token=1)
    slot.ready()
    first = the_beat(sight.look(a_view(runs=[run]), 10_000))
    slot.skip(500)
    slot.advance(6)
    beat = the_beat(sight.look(a_view(runs=[run], beats=[first]), 13_000))
    assert (beat.done, beat.skipped, beat.rate, beat.has_worked) == (506, 500, 2.0, True)


def test_a_long_run_is_not_written_down_more_often_than_it_is_looked_up(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    writer = sight.page.writer(0, 1)
    writer.ready()
    last = the_beat_of_an_hour_later()
    view = a_view(runs=[running(sleeper)], beats=[last], policy=a_policy(run_timeout=2 * HOURS_LATER))
    assert sight.look(view, now=HOURS_LATER + 2_000) == []
    assert len(sight.look(view, now=HOURS_LATER + 3_000)) == 1


def the_beat_of_an_hour_later(**told: object) -> Beat:
    lately = {"progress_at": HOURS_LATER, "heartbeat_at": HOURS_LATER, "at": HOURS_LATER}
    return a_beat(**{"progress": 0, "process_state": "S", "is_ready": True, "done": 1, **lately, **told})


def test_what_neither_works_nor_beats_is_written_down_again_when_somebody_is_about_to_judge_it(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    sight.page.writer(0, 1).ready()
    last = the_beat_of_an_hour_later(progress=1)
    policy = a_policy(run_timeout=2 * HOURS_LATER, stuck_after=20_000, silent_after=30_000)
    view = a_view(runs=[running(sleeper)], beats=[last], policy=policy)
    assert sight.look(view, now=HOURS_LATER + 20_000) == []
    fresh = the_beat(sight.look(view, now=HOURS_LATER + 20_001))
    assert (fresh.progress_at, fresh.at) == (HOURS_LATER, HOURS_LATER + 20_001)


def test_a_run_whose_first_thread_has_ended_before_the_others_is_judged_by_its_last_pulse_and_not_by_an_older_one(
    sight: Sight,
) -> None:
    """On its way out, on a busy machine: the kernel says that it has ended only when its last thread has."""
    with a_headless_process() as leaving:
        writer = sight.page.writer(0, 1)
        writer.ready()
        writer.pulse(HOURS_LATER + 19_000)
        run, last = running(leaving), the_beat_of_an_hour_later(progress=1)
        policy = a_policy(run_timeout=2 * HOURS_LATER, stuck_after=45_000, silent_after=20_000)
        due = HOURS_LATER + 20_001
        assert hang_of(run, last, policy=policy, watched_since=0, now=due) is not None
        view = a_view(runs=[run], beats=[last], policy=policy)
        beat = the_beat(sight.look(view, now=due))
        assert hang_of(run, beat, policy=policy, watched_since=0, now=due) is None
        # One that never gets away is still a hang.
        late = HOURS_LATER + 39_001
        beat = the_beat(sight.look(a_view(runs=[run], beats=[beat], policy=policy), now=late))
        hang = hang_of(run, beat, policy=policy, watched_since=0, now=late)
        assert hang is not None
        assert hang.signature == "silent"


def test_progress_seen_to_move_between_two_looks_counts_from_when_it_moved(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    sight.page.writer(0, 1).ready()
    run, last = running(sleeper), the_beat_of_an_hour_later()
    view = a_view(runs=[run], beats=[last], policy=a_policy(run_timeout=2 * HOURS_LATER))
    look = HOURS_LATER + 3_000
    for moved_at, expected in ((look - 2_000, look - 2_000), (0, look), (look + 9_000, look)):
        [beat] = sight.look(view, now=look, moved_at={run.id: moved_at})
        assert isinstance(beat, Beat)
        assert beat.progress_at == expected


def test_a_stranger_with_the_number_of_a_run_is_not_taken_for_it(
    sight: Sight, sleeper: subprocess.Popen[bytes]
) -> None:
    run = a_run(pid=sleeper.pid, start_ticks=1)
    [ended] = sight.look(a_view(jobs=[a_job(attempt=1)], runs=[run]), now=9)
    assert isinstance(ended, RunEnded)
    assert sleeper.poll() is None
    assert run.job == JOB


def test_an_adopted_run_that_ends_before_the_next_look_still_tells_how(sight: Sight) -> None:
    descriptor = lock_file(sight.home.lock_path(RUN), {"run": RUN, "token": 1})
    assert descriptor is not None
    mark = {"SWARMD_RUN": f"{RUN}@{sight.home.run_dir}", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(["sleep", "60"], env=mark, pass_fds=[descriptor], start_new_session=True) as child:
        os.close(descriptor)
        # The kernel closes what tells of an exec a moment before it shows the new environment.
        while not processes_with("SWARMD_RUN", mark["SWARMD_RUN"]):
            time.sleep(0.01)
        [adopted] = sight.look(a_view(runs=[a_run(status="starting")]), now=1_000)
        assert isinstance(adopted, RunAlive)
        assert (adopted.pid, adopted.adopted) == (child.pid, True)
        child.kill()
        while read_stat(child.pid) is not None:
            time.sleep(0.01)
        [ended] = sight.look(a_view(jobs=[a_job(attempt=1)], runs=[adopted]), now=2_000)
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.signal) == ("lost", signal.SIGKILL)


@pytest.mark.parametrize("status", ["running", "stopping"])
def test_the_end_of_a_run_says_whether_it_was_told_to_stop(sight: Sight, status: str) -> None:
    run = a_run(status=status, pid=2**22 - 1)
    [ended] = sight.look(a_view(jobs=[a_job(attempt=1)], runs=[run]), now=9)
    assert isinstance(ended, RunEnded)
    assert ended.was_stopped == (status == "stopping")


@pytest.mark.parametrize(("n_runs", "every"), [(1, 3_000), (200, 3_000), (400, 6_000), (10_000, 10_000)])
def test_the_more_lanes_work_the_more_rarely_each_is_written_down(n_runs: int, every: int) -> None:
    """Half of the limit for silence, 20 s as it comes, is the most."""
    assert beats_every(n_runs, a_policy()) == every
    patient = a_policy(silent_after=300_000, stuck_after=600_000, no_worker_after=400_000)
    assert beats_every(10_000, patient) == 150_000
